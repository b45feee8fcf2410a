//! A running node and the handles on it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use mellivora_atomic::{Batch, Position};
use mellivora_core::{FaultLog, NodeIndex};
use mellivora_crypto::NodeKeys;
use mellivora_net::Transport;
use tokio::sync::{mpsc, oneshot, watch};

use crate::driver::{Control, Resources, Shared};
use crate::intake::{self, Group};
use crate::pool::JobPool;
use crate::{Engine, NodeConfig, NodeStatus, NotOrdered, Phase, StartError, SubmitError};

/// A handle on a running node. Cloning gives another handle; when the last one is dropped the node stops at once, as
/// in a crash. Use [`shutdown`](Self::shutdown) to leave in good order.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

/// What a node that has shut down could not order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Leftover {
    /// Transactions that were acknowledged and not ordered, oldest first. Empty unless a deadline passed or the node
    /// had failed before. The others may still order them; submit them again elsewhere, and they are ordered once
    /// as long as that happens within the duplicate horizon.
    pub unordered: Vec<Bytes>,
}

/// Builds a node. Made by [`Node::builder`].
#[derive(Debug)]
pub struct NodeBuilder<T = ()> {
    config: NodeConfig,
    keys: NodeKeys,
    transport: T,
    seed: Option<[u8; 32]>,
    pool: Option<JobPool>,
}

impl Node {
    /// A builder for the node whose keys these are.
    pub fn builder(config: NodeConfig, keys: NodeKeys) -> NodeBuilder {
        NodeBuilder { config, keys, transport: (), seed: None, pool: None }
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Node { shared: Arc::new(shared) }
    }

    /// Which node this is.
    pub fn index(&self) -> NodeIndex {
        self.shared.me
    }

    /// Largest transaction, in bytes.
    pub fn max_transaction_bytes(&self) -> usize {
        self.shared.max_transaction
    }

    /// Submits a transaction. The receipt is an acknowledgement: the node will order the transaction, unless it
    /// crashes, or is stopped before.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Busy`] when the queue is full, [`SubmitError::TooLarge`], [`SubmitError::Stopped`].
    pub async fn submit(&self, transaction: impl Into<Bytes>) -> Result<Receipt, SubmitError> {
        let transactions = vec![self.checked(transaction.into())?];
        let cost = intake::total_cost(&transactions);
        // The cost fits in a u32: the largest transaction is bounded by the payload limit of 1 GiB.
        let Ok(permit) = self.shared.budget.try_acquire_many(cost as u32) else {
            return Err(if self.shared.is_closed() { SubmitError::Stopped } else { SubmitError::Busy });
        };
        let (reply, outcome) = oneshot::channel();
        self.shared.submissions.try_send(Group { transactions, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
            mpsc::error::TrySendError::Closed(_) => SubmitError::Stopped,
        })?;
        permit.forget();
        Ok(Receipt(outcome))
    }

    /// Submits a transaction, and waits while the queue is full.
    ///
    /// # Errors
    ///
    /// [`SubmitError::TooLarge`], [`SubmitError::Stopped`].
    pub async fn submit_wait(&self, transaction: impl Into<Bytes>) -> Result<Receipt, SubmitError> {
        let transactions = vec![self.checked(transaction.into())?];
        self.enter(transactions).await.map(Receipt)
    }

    /// Submits many transactions, and waits while the queue is full: far cheaper than one by one. Transactions enter
    /// the queue in the order given; that says nothing about the order in which they are committed.
    ///
    /// # Errors
    ///
    /// [`SubmitError::TooLarge`]: then none was taken. [`SubmitError::Stopped`]: those before it may have been taken.
    pub async fn submit_all(&self, transactions: impl IntoIterator<Item = Bytes>) -> Result<Receipts, SubmitError> {
        let transactions: Vec<Bytes> = transactions.into_iter().map(|tx| self.checked(tx)).collect::<Result<_, _>>()?;
        // Parts small enough that one of them never waits for the whole queue to empty.
        let part_bytes = self.shared.budget_bytes / 8;
        let mut receipts = Receipts(Vec::new());
        let (mut part, mut bytes) = (Vec::new(), 0);
        for transaction in transactions {
            let cost = intake::cost(&transaction);
            if bytes + cost > part_bytes && !part.is_empty() {
                let count = part.len();
                receipts.0.push((self.enter(std::mem::take(&mut part)).await?, count));
                bytes = 0;
            }
            bytes += cost;
            part.push(transaction);
        }
        if !part.is_empty() {
            let count = part.len();
            receipts.0.push((self.enter(part).await?, count));
        }
        Ok(receipts)
    }

    async fn enter(&self, transactions: Vec<Bytes>) -> Result<oneshot::Receiver<intake::Outcome>, SubmitError> {
        let cost = intake::total_cost(&transactions);
        let permit = tokio::select! {
            permit = self.shared.budget.acquire_many(cost as u32) => permit.map_err(|_| SubmitError::Stopped)?,
            // A full queue may never empty once the node has stopped.
            () = self.shared.submissions.closed() => return Err(SubmitError::Stopped),
        };
        let (reply, outcome) = oneshot::channel();
        self.shared.submissions.send(Group { transactions, reply }).await.map_err(|_| SubmitError::Stopped)?;
        permit.forget();
        Ok(outcome)
    }

    fn checked(&self, transaction: Bytes) -> Result<Bytes, SubmitError> {
        if self.shared.is_closed() || self.shared.submissions.is_closed() {
            return Err(SubmitError::Stopped);
        }
        let (len, max) = (transaction.len(), self.shared.max_transaction);
        if len > max { Err(SubmitError::TooLarge { len, max }) } else { Ok(transaction) }
    }

    /// All batches that this node commits from now on: the same, in the same order, as at every other honest node.
    ///
    /// Nothing is ever left out. A subscriber may be [`batches_ahead`](NodeConfig::batches_ahead) batches behind; then
    /// the node waits for it, and stands still meanwhile ([`NodeStatus::waiting_for_subscriber`]). To the others it is
    /// then a slow node, so read the stream or drop it. The stream ends when the node stops.
    pub fn batches(&self) -> Batches {
        let (subscriber, batches) = mpsc::channel(self.shared.batches_ahead);
        // The request is in the driver's hands before this returns, unless many requests wait; then a task carries it.
        if let Err(mpsc::error::TrySendError::Full(request)) =
            self.shared.control.try_send(Control::Subscribe(subscriber))
        {
            let control = self.shared.control.clone();
            tokio::spawn(async move {
                let _ = control.send(request).await;
            });
        }
        Batches(batches)
    }

    /// The state at the end of the last turn.
    pub fn status(&self) -> NodeStatus {
        self.shared.status.borrow().clone()
    }

    /// The state, to be watched as it changes.
    pub fn watch(&self) -> watch::Receiver<NodeStatus> {
        self.shared.status.clone()
    }

    /// What this node has seen its peers do wrong.
    pub fn faults(&self) -> FaultLog {
        self.shared.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Leaves in good order: takes no more submissions, orders everything it has acknowledged, waits until the peers
    /// hold those batches too, and stops. Read or drop the node's [`batches`](Self::batches) meanwhile.
    ///
    /// As long as more than f nodes are down this waits; [`shutdown_within`](Self::shutdown_within) does not. Nodes of
    /// one process are best stopped together, with [`Cluster::shutdown`](crate::Cluster::shutdown).
    pub async fn shutdown(&self) -> Leftover {
        self.drain();
        self.reached(Phase::Drained).await;
        self.stop().await
    }

    /// As [`shutdown`](Self::shutdown), but gives up after `deadline` and returns what could not be ordered.
    pub async fn shutdown_within(&self, deadline: Duration) -> Leftover {
        self.drain();
        // Whether it was reached in time shows in what is left over.
        let _ = tokio::time::timeout(deadline, self.reached(Phase::Drained)).await;
        self.stop().await
    }

    /// Begins to drain, without waiting.
    pub(crate) fn drain(&self) {
        if !self.shared.closed.swap(true, Ordering::AcqRel)
            && let Err(mpsc::error::TrySendError::Full(request)) = self.shared.control.try_send(Control::Drain)
        {
            let control = self.shared.control.clone();
            tokio::spawn(async move {
                let _ = control.send(request).await;
            });
        }
    }

    /// Waits until the node has reached a phase.
    pub(crate) async fn reached(&self, phase: Phase) {
        // An error means that the driver is gone, which is the last phase.
        let _ = self.shared.status.clone().wait_for(|status| status.phase >= phase).await;
    }

    /// Stops now.
    pub(crate) async fn stop(&self) -> Leftover {
        self.shared.closed.store(true, Ordering::Release);
        let (reply, left) = oneshot::channel();
        let asked = self.shared.control.send(Control::Stop(reply)).await;
        let unordered = if asked.is_ok() { left.await.unwrap_or_default() } else { Vec::new() };
        Leftover { unordered }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}, {:?})", self.shared.me, self.shared.status.borrow().phase)
    }
}

impl NodeBuilder {
    /// Sets the links to the others.
    #[must_use]
    pub fn transport<T: Transport>(self, transport: T) -> NodeBuilder<T> {
        let NodeBuilder { config, keys, seed, pool, .. } = self;
        NodeBuilder { config, keys, transport, seed, pool }
    }
}

impl<T> NodeBuilder<T> {
    /// Sets the seed of the node's own random choices, to repeat a run. Without it the operating system provides one.
    /// Never use a seed twice with the same keys outside of tests: encryption draws from it.
    #[must_use]
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Shares a job pool with other nodes of the process. Without it the node makes one of its own.
    #[must_use]
    pub fn pool(mut self, pool: JobPool) -> Self {
        self.pool = Some(pool);
        self
    }
}

impl<T: Transport> NodeBuilder<T> {
    /// Starts the node on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When configuration and keys do not fit, or there is no runtime.
    pub async fn start(self) -> Result<Node, StartError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(StartError::NoRuntime);
        }
        self.config.check()?;
        let pool = match self.pool {
            Some(pool) => pool,
            None => JobPool::per_processor()?,
        };
        let seed = self.seed.unwrap_or_else(rand::random);
        Engine::start(self.config, self.keys, seed, self.transport, Resources { pool })
    }
}

/// The acknowledgement of one submission.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<intake::Outcome>);

impl Receipt {
    /// Waits until the transaction is committed, and says where. If equal bytes are committed at the same time by way
    /// of another node, it is their position.
    ///
    /// # Errors
    ///
    /// [`NotOrdered::Duplicate`] when equal bytes were ordered before; or the node stopped first.
    pub async fn committed(self) -> Result<Position, NotOrdered> {
        let fates = self.0.await.unwrap_or_default();
        fates.first().copied().unwrap_or(Err(NotOrdered::Stopped))
    }
}

/// The acknowledgement of many submissions.
#[derive(Debug)]
pub struct Receipts(Vec<(oneshot::Receiver<intake::Outcome>, usize)>);

impl Receipts {
    /// Waits until all are committed, and says where, in the order of submission.
    ///
    /// # Errors
    ///
    /// That of the first transaction which has no place.
    pub async fn committed(self) -> Result<Vec<Position>, NotOrdered> {
        let mut positions = Vec::with_capacity(self.0.iter().map(|(_, count)| count).sum());
        for fate in self.settled().await {
            positions.push(fate?);
        }
        Ok(positions)
    }

    /// Waits until the fate of each is known, in the order of submission.
    pub async fn settled(self) -> Vec<Result<Position, NotOrdered>> {
        let mut fates = Vec::new();
        for (part, count) in self.0 {
            // The driver answers every group, unless its task was killed.
            let part = part.await.unwrap_or_else(|_| vec![Err(NotOrdered::Stopped); count]);
            if fates.is_empty() { fates = part } else { fates.extend(part) }
        }
        fates
    }
}

/// The batches that a node commits, as a [`Stream`]. Made by [`Node::batches`].
#[derive(Debug)]
pub struct Batches(mpsc::Receiver<Batch>);

impl Batches {
    /// The next batch; `None` when the node has stopped and all its batches were taken. Cancel safe.
    pub async fn next(&mut self) -> Option<Batch> {
        self.0.recv().await
    }
}

impl Stream for Batches {
    type Item = Batch;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        self.0.poll_recv(cx)
    }
}
