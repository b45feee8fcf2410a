//! The driver: the one task that owns all protocol state of a node.
//!
//! ```text
//!   links --------> .-----------------------. --------> links          one frame per peer and turn
//!   job results --> |  driver: turn by turn | --------> job pool
//!   submissions --> |     [ reactor ]       | --------> receipts
//!   nudges -------> '-----------------------' --------> subscribers, status, faults
//!   control ------------^
//! ```
//!
//! A turn takes what is there, up to a bound per source, feeds it to the reactor, and ends with one flush. Then frames
//! leave, jobs start, receipts are answered, and batches are handed out. Handing out comes last, because it may wait
//! for a subscriber; what the peers need has left by then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use mellivora_atomic::{Batch, Input, Output};
use mellivora_core::{Epoch, FaultKind, NodeIndex};
use mellivora_net::{LinkEvent, Transport};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};

use crate::intake::{Group, Intake};
use crate::pool::{JobPanicked, JobPool, JobPort};
use crate::reactor::{Reactor, SharedFaults};
use crate::replica::Replica;
use crate::{Node, NodeConfig, NodeStatus, NotOrdered, Phase};

/// Frames that one turn takes at the most.
const FRAMES_PER_TURN: usize = 256;
/// Bytes of frames that one turn takes, but for one frame.
const BYTES_PER_TURN: usize = 4 << 20;
/// Submission calls that one turn takes at the most.
const GROUPS_PER_TURN: usize = 64;
/// Time between two looks at the protocol's state while it works.
const SHOW_EVERY: Duration = Duration::from_millis(5);
/// Silence after which a draining node takes it that its peers have what it ordered.
const LINGER: Duration = Duration::from_secs(1);
/// Submission calls that wait for the driver at the most.
pub(crate) const GROUPS_WAITING: usize = 256;
/// Control requests that wait for the driver at the most.
const CONTROL_WAITING: usize = 16;

/// What a handle asks of the driver.
pub(crate) enum Control {
    /// Hand all batches from now on to this subscriber.
    Subscribe(mpsc::Sender<Batch>),
    /// Take no more submissions, and order what was acknowledged.
    Drain,
    /// Stop now; return what was acknowledged and is not ordered.
    Stop(oneshot::Sender<Vec<Bytes>>),
}

/// What nodes of one process share.
pub(crate) struct Resources {
    pub(crate) pool: JobPool,
}

/// What handles and driver share.
pub(crate) struct Shared {
    pub(crate) me: NodeIndex,
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) budget_bytes: usize,
    pub(crate) max_transaction: usize,
    pub(crate) batches_ahead: usize,
    /// Set before the last submission can have been taken; handles refuse from then on.
    pub(crate) closed: AtomicBool,
    pub(crate) submissions: mpsc::Sender<Group>,
    pub(crate) control: mpsc::Sender<Control>,
    pub(crate) status: watch::Receiver<NodeStatus>,
    pub(crate) faults: SharedFaults,
}

struct Driver<P: Replica, T: Transport> {
    me: NodeIndex,
    reactor: Reactor<P>,
    transport: T,
    jobs: JobPort<P::Job>,
    submissions: mpsc::Receiver<Group>,
    /// No submission will come any more.
    no_more: bool,
    control: mpsc::Receiver<Control>,
    intake: Intake,
    subscribers: Vec<mpsc::Sender<Batch>>,
    status: NodeStatus,
    published: watch::Sender<NodeStatus>,
    /// Batches and time when the status was last shown.
    shown: (u64, Instant),
    idle_since: Option<Instant>,
}

/// Why the driver ends.
enum End {
    /// Every handle is gone, or the links closed.
    Abandoned,
    /// Asked to.
    Stop(oneshot::Sender<Vec<Bytes>>),
    /// The node lacks an epoch that nobody keeps.
    Behind(Epoch),
    /// A job panicked: a defect of this program.
    Defect,
}

impl From<JobPanicked> for End {
    fn from(_: JobPanicked) -> Self {
        End::Defect
    }
}

/// Starts a node's task on the current runtime.
pub(crate) fn start<P: Replica, T: Transport>(
    config: NodeConfig,
    me: NodeIndex,
    replica: P,
    transport: T,
    resources: Resources,
) -> Node {
    let limits = config.protocol.limits;
    let smallest = limits.transaction_bytes + crate::intake::cost(&Bytes::new());
    let budget_bytes = config.queue_bytes.clamp(smallest, u32::MAX as usize);
    let budget = Arc::new(Semaphore::new(budget_bytes));
    let (submissions, from_handles) = mpsc::channel(GROUPS_WAITING);
    let (control, requests) = mpsc::channel(CONTROL_WAITING);
    let status = NodeStatus::new(me, replica.status());
    let (published, watched) = watch::channel(status.clone());
    let faults = SharedFaults::default();
    let driver = Driver {
        me,
        reactor: Reactor::new(replica, config.protocol.committee, me, faults.clone()),
        transport,
        jobs: JobPort::new(resources.pool),
        submissions: from_handles,
        no_more: false,
        control: requests,
        intake: Intake::new(budget.clone()),
        subscribers: Vec::new(),
        status,
        published,
        shown: (0, Instant::now()),
        idle_since: None,
    };
    tokio::spawn(driver.run(config.nudge));
    Node::new(Shared {
        me,
        budget,
        budget_bytes,
        max_transaction: limits.transaction_bytes,
        batches_ahead: config.batches_ahead.max(1),
        closed: AtomicBool::new(false),
        submissions,
        control,
        status: watched,
        faults,
    })
}

impl Shared {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

impl<P: Replica, T: Transport> Driver<P, T> {
    async fn run(mut self, nudge: Duration) {
        tracing::info!(node = self.me.0, "node started");
        let end = match self.turns(nudge).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        // From here on nobody can submit, and what was submitted before is still in the channel.
        self.submissions.close();
        while let Some(group) = self.submissions.recv().await {
            self.intake.enter(group);
        }
        self.status.phase = Phase::Stopped;
        let why = match &end {
            End::Behind(epoch) => {
                tracing::error!(node = self.me.0, %epoch, "too far behind: the node needs a snapshot, and stops");
                self.status.behind = Some(*epoch);
                NotOrdered::Behind(*epoch)
            }
            End::Defect => {
                tracing::error!(node = self.me.0, "a job panicked, which is a defect: the node stops");
                NotOrdered::Stopped
            }
            End::Abandoned | End::Stop(_) => NotOrdered::Stopped,
        };
        let left = self.intake.abandon(why);
        tracing::info!(node = self.me.0, unordered = left.len(), "node stopped");
        self.status.unordered = left.len();
        self.subscribers.clear();
        self.published.send_replace(self.status);
        if let End::Stop(reply) = end {
            let _ = reply.send(left);
        }
    }

    async fn turns(&mut self, nudge: Duration) -> Result<std::convert::Infallible, End> {
        let mut nudges = tokio::time::interval_at(Instant::now() + nudge, nudge);
        nudges.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut events = Vec::with_capacity(FRAMES_PER_TURN);
        let mut cut_short = false;
        loop {
            if cut_short {
                // A turn that has more to say takes nothing from outside, but lets other tasks run.
                tokio::task::yield_now().await;
            } else {
                let busy = !self.status.idle || self.status.phase == Phase::Draining;
                tokio::select! {
                    control = self.control.recv() => self.control(control)?,
                    alive = self.transport.receive(&mut events, FRAMES_PER_TURN, BYTES_PER_TURN) => if !alive {
                        return Err(End::Abandoned);
                    },
                    outcome = self.jobs.next() => self.reactor.done(outcome?),
                    group = self.submissions.recv(), if !self.no_more => self.submit(group),
                    _ = nudges.tick(), if busy => self.reactor.input(Input::Nudge),
                }
                self.take_the_rest(&mut events)?;
            }
            cut_short = self.reactor.end_turn();
            self.release();
            self.start_jobs()?;
            self.hand_out().await?;
            self.publish(cut_short);
        }
    }

    /// Takes what else is there, without waiting.
    fn take_the_rest(&mut self, events: &mut Vec<LinkEvent>) -> Result<(), End> {
        // Results first: they make room, and often turn what has just arrived into progress.
        while let Some(outcome) = self.jobs.try_next() {
            self.reactor.done(outcome?);
        }
        if events.is_empty() {
            // Nothing there is no error: it is taken at the next turn.
            let _ = self.transport.receive(events, FRAMES_PER_TURN, BYTES_PER_TURN).now_or_never();
        }
        for event in events.drain(..) {
            match event {
                LinkEvent::Frame { from, frame } => self.reactor.frame(from, &frame),
                LinkEvent::Lost { peer } => {
                    tracing::debug!(node = self.me.0, peer = peer.0, "a link lost messages: sending them again");
                    self.reactor.input(Input::Resend(peer));
                }
                LinkEvent::Restarted { peer } => {
                    tracing::info!(node = self.me.0, peer = peer.0, "a peer restarted");
                    self.reactor.forget(peer);
                }
                LinkEvent::Oversized { from, bytes } => {
                    tracing::debug!(node = self.me.0, from = from.0, bytes, "an oversized frame was refused");
                    self.reactor.link_fault(from, FaultKind::Oversized);
                }
            }
        }
        for _ in 0..GROUPS_PER_TURN {
            match self.submissions.try_recv() {
                Ok(group) => self.submit(Some(group)),
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.no_more = true;
                    break;
                }
                Err(mpsc::error::TryRecvError::Empty) => break,
            }
        }
        Ok(())
    }

    /// Takes a group in. `None`: the channel was closed, and everything that was on its way has been taken.
    fn submit(&mut self, group: Option<Group>) {
        let Some(group) = group else {
            self.no_more = true;
            return;
        };
        let submissions = self.intake.enter(group);
        if !submissions.is_empty() {
            self.reactor.input(Input::Submit(submissions));
        }
    }

    /// Hands the frames of the turn to the links.
    fn release(&mut self) {
        for out in self.reactor.frames() {
            for peer in out.to.iter() {
                self.status.frames_sent += 1;
                self.status.bytes_sent += out.frame.len() as u64;
                self.transport.send(peer, out.frame.clone());
            }
        }
    }

    fn start_jobs(&mut self) -> Result<(), End> {
        for job in self.reactor.jobs() {
            if let Some(outcome) = self.jobs.start(job) {
                // The pool is full; the effects of the result leave with the next turn, which a result starts.
                self.reactor.done(outcome?);
            }
        }
        Ok(())
    }

    async fn hand_out(&mut self) -> Result<(), End> {
        // Whoever asked before this turn's batches came out gets them.
        while let Ok(control) = self.control.try_recv() {
            self.control(Some(control))?;
        }
        for output in self.reactor.outputs() {
            match output {
                Output::Batch(batch) => {
                    self.status.batches += 1;
                    self.status.committed += batch.len() as u64;
                    self.status.digest = Some(batch.digest());
                    if let Some((_, position)) = batch.committed().last() {
                        self.status.last_own = Some(position.epoch);
                    }
                    tracing::debug!(node = self.me.0, epoch = %batch.epoch(), transactions = batch.len(), "batch");
                    self.intake.settle(batch.committed().iter().map(|&(ticket, position)| (ticket, Ok(position))));
                    self.give_to_subscribers(batch).await?;
                }
                Output::Duplicate { ticket, epoch } => {
                    self.intake.settle([(ticket, Err(NotOrdered::Duplicate(epoch)))]);
                }
                Output::Refused { ticket, max } => self.intake.settle([(ticket, Err(NotOrdered::TooLarge(max)))]),
                Output::Behind { epoch } => return Err(End::Behind(epoch)),
            }
        }
        Ok(())
    }

    /// Gives a batch to every subscriber, and waits for those that are slow. While it waits the node stands still, so
    /// that nothing piles up; requests of its handles are still answered.
    async fn give_to_subscribers(&mut self, batch: Batch) -> Result<(), End> {
        let mut waiting = Vec::new();
        for subscriber in std::mem::take(&mut self.subscribers) {
            match subscriber.try_send(batch.clone()) {
                Ok(()) => self.subscribers.push(subscriber),
                Err(mpsc::error::TrySendError::Full(_)) => waiting.push(subscriber),
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        while let Some(subscriber) = waiting.pop() {
            tracing::debug!(node = self.me.0, epoch = %batch.epoch(), "waiting for a subscriber");
            self.status.waiting_for_subscriber = true;
            self.publish(true);
            let given = loop {
                tokio::select! {
                    control = self.control.recv() => self.control(control)?,
                    given = subscriber.send(batch.clone()) => break given,
                }
            };
            if given.is_ok() {
                self.subscribers.push(subscriber);
            }
            self.status.waiting_for_subscriber = false;
        }
        Ok(())
    }

    fn control(&mut self, control: Option<Control>) -> Result<(), End> {
        match control {
            None => return Err(End::Abandoned),
            Some(Control::Subscribe(subscriber)) => self.subscribers.push(subscriber),
            Some(Control::Drain) => {
                tracing::info!(node = self.me.0, "draining");
                self.submissions.close();
                self.status.phase = self.status.phase.max(Phase::Draining);
            }
            Some(Control::Stop(reply)) => return Err(End::Stop(reply)),
        }
        Ok(())
    }

    /// Shows the state at the end of a turn. `busy`: there is more to do whatever the protocol says.
    ///
    /// The protocol's own view costs a walk over its state, so between batches it is taken only now and then, and
    /// whenever the node falls idle.
    fn publish(&mut self, busy: bool) {
        let status = &mut self.status;
        status.turns += 1;
        status.idle = !busy && self.jobs.in_flight() == 0 && self.reactor.protocol().is_idle();
        let now = Instant::now();
        self.idle_since = status.idle.then(|| self.idle_since.unwrap_or(now));
        if !status.idle && status.batches == self.shown.0 && now < self.shown.1 + SHOW_EVERY {
            return;
        }
        self.shown = (status.batches, now);
        status.protocol = self.reactor.protocol().status();
        status.unordered = self.intake.unordered();
        status.jobs = self.jobs.in_flight();
        status.promises = self.reactor.promises();
        status.messages_sent = self.reactor.messages_sent();
        if status.phase == Phase::Draining && self.no_more && status.unordered == 0 {
            // Closed: a quorum holds what was ordered. A node that fetched its last batches may never learn so; then a
            // while of silence has to do.
            let silent = self.idle_since.is_some_and(|since| now >= since + LINGER);
            if silent || status.last_own.is_none_or(|epoch| status.protocol.low > epoch) {
                tracing::info!(node = self.me.0, "drained");
                status.phase = Phase::Drained;
            }
        }
        self.published.send_replace(status.clone());
    }
}
