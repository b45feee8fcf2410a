//! Clusters that live in one process: keys dealt, links in memory, one job pool.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{join_all, select_all};
use mellivora_atomic::EncryptionSchedule;
use mellivora_core::{Committee, Epoch, Limits, NodeIndex};
use mellivora_crypto::{Certificates, Schemes, Suite, deal_nodes};
use mellivora_net::{LinkLimits, MemoryLinks};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::driver::Resources;
use crate::pool::JobPool;
use crate::{Engine, Leftover, Misbehaviour, Node, NodeConfig, Phase, StartError};

/// A running cluster in this process.
///
/// Dropping it stops all its nodes at once, except those to which a handle was kept.
#[derive(Debug)]
pub struct Cluster {
    nodes: BTreeMap<NodeIndex, Node>,
    faulty: Vec<(NodeIndex, Misbehaviour, JoinHandle<()>)>,
    committee: Committee,
}

/// Builds a cluster. Made by [`Cluster::in_process`].
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    nodes: usize,
    schemes: Schemes,
    seed: Option<u64>,
    job_threads: Option<usize>,
    faulty: BTreeMap<NodeIndex, Misbehaviour>,
    changes: Changes,
}

#[derive(Clone, Debug, Default)]
struct Changes {
    engine: Option<Engine>,
    encryption: Option<EncryptionSchedule>,
    batch_size: Option<usize>,
    limits: Option<Limits>,
    queue_bytes: Option<usize>,
    link_bytes: Option<usize>,
    batches_ahead: Option<usize>,
    nudge: Option<Duration>,
}

impl Cluster {
    /// A builder for a cluster of `nodes` nodes, which tolerates (nodes - 1) / 3 faulty ones.
    pub fn in_process(nodes: usize) -> ClusterBuilder {
        ClusterBuilder {
            nodes,
            schemes: Schemes::default(),
            seed: None,
            job_threads: None,
            faulty: BTreeMap::new(),
            changes: Changes::default(),
        }
    }

    /// Size and fault bound.
    pub fn committee(&self) -> Committee {
        self.committee
    }

    /// A node that works as it should.
    ///
    /// # Panics
    ///
    /// Like an index into a slice: when there is no such node, or it is a faulty or a stopped one. See
    /// [`get`](Self::get).
    pub fn node(&self, index: impl Into<NodeIndex>) -> &Node {
        let index = index.into();
        match self.get(index) {
            Some(node) => node,
            None => panic!("no working node {index} in a cluster of {}", self.committee.n()),
        }
    }

    /// A node that works as it should; `None` when there is none with this index, or it is a faulty or a stopped one.
    pub fn get(&self, index: impl Into<NodeIndex>) -> Option<&Node> {
        self.nodes.get(&index.into())
    }

    /// The nodes that work as they should, by index.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Node> + Clone {
        self.nodes.values()
    }

    /// The nodes that misbehave.
    pub fn faulty(&self) -> impl ExactSizeIterator<Item = (NodeIndex, Misbehaviour)> + '_ {
        self.faulty.iter().map(|(node, kind, _)| (*node, *kind))
    }

    /// Stops one node at once, as in a crash: unless somebody holds another handle on it, it is gone when this returns.
    /// True if there was one. Nobody waits for it any more.
    pub fn stop_node(&mut self, index: impl Into<NodeIndex>) -> bool {
        self.nodes.remove(&index.into()).is_some()
    }

    /// Stops the cluster in good order: no node takes submissions any more, all order everything that any of them has
    /// acknowledged, and only when each of them has committed it do they stop. Read or drop the nodes' batches
    /// meanwhile.
    ///
    /// Returns what could not be ordered by node: empty, unless a node had failed.
    pub async fn shutdown(self) -> BTreeMap<NodeIndex, Leftover> {
        self.drained().await;
        self.stop().await
    }

    /// As [`shutdown`](Self::shutdown), but gives up after `deadline` and returns what could not be ordered.
    pub async fn shutdown_within(self, deadline: Duration) -> BTreeMap<NodeIndex, Leftover> {
        // Whether it was done in time shows in what is left over.
        let _ = tokio::time::timeout(deadline, self.drained()).await;
        self.stop().await
    }

    /// Takes no more submissions, and waits until all nodes have committed everything that any of them acknowledged.
    /// They go on helping each other until they are shut down or dropped. Cancel safe.
    pub async fn drained(&self) {
        self.nodes.values().for_each(Node::drain);
        join_all(self.nodes.values().map(|node| node.reached(Phase::Drained))).await;
        // A node may have stopped for good; nobody can wait for it.
        let last = self.nodes.values().filter_map(|node| node.status().last_own).max();
        self.agree(|next, _| last.is_none_or(|last| next > last)).await;
        // Usually all fall silent a moment later, with equal histories. A faulty node can keep a cluster busy with
        // empty epochs, so this is not waited for long.
        let next = || self.nodes.values().map(|node| node.status().protocol.next).max();
        let silent = self.agree(|mine, idle| idle && Some(mine) == next());
        let _ = tokio::time::timeout(Self::SILENCE, silent).await;
    }

    /// How long a cluster that has ordered everything waits for silence.
    const SILENCE: Duration = Duration::from_millis(500);

    /// Waits until (next epoch, idle) of every running node satisfy `done` at the same moment.
    async fn agree(&self, done: impl Fn(Epoch, bool) -> bool) {
        loop {
            let mut watches: Vec<_> = self.nodes.values().map(Node::watch).collect();
            watches.iter_mut().for_each(|watch| {
                watch.borrow_and_update();
            });
            let open = |node: &&Node| {
                let status = node.status();
                status.phase != Phase::Stopped && !done(status.protocol.next, status.idle)
            };
            if self.nodes.values().find(open).is_none() {
                return;
            }
            let changes = watches.iter_mut().map(|watch| {
                Box::pin(async move {
                    if watch.changed().await.is_err() {
                        // The node is gone and changes no more.
                        std::future::pending::<()>().await;
                    }
                })
            });
            select_all(changes).await;
        }
    }

    async fn stop(self) -> BTreeMap<NodeIndex, Leftover> {
        let stops = self.nodes.iter().map(|(&index, node)| async move { (index, node.stop().await) });
        join_all(stops).await.into_iter().filter(|(_, leftover)| !leftover.unordered.is_empty()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.faulty.iter().for_each(|(_, _, task)| task.abort());
    }
}

impl ClusterBuilder {
    /// Sets the atomic broadcast. Default: HoneyBadger.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.changes.engine = Some(engine);
        self
    }

    /// Sets the suite of the threshold keys. Default: ristretto255.
    #[must_use]
    pub fn suite(mut self, suite: Suite) -> Self {
        self.schemes.suite = suite;
        self
    }

    /// Sets how nodes sign what certificates are made of. Default: Ed25519.
    #[must_use]
    pub fn certificates(mut self, certificates: Certificates) -> Self {
        self.schemes.certificates = certificates;
        self
    }

    /// Sets which epochs are encrypted. Default: all.
    #[must_use]
    pub fn encryption(mut self, encryption: EncryptionSchedule) -> Self {
        self.changes.encryption = Some(encryption);
        self
    }

    /// Sets how many transactions an epoch holds, about, over all nodes.
    #[must_use]
    pub fn batch_size(mut self, transactions: usize) -> Self {
        self.changes.batch_size = Some(transactions);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.changes.limits = Some(limits);
        self
    }

    /// Sets [`NodeConfig::queue_bytes`] of every node.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.changes.queue_bytes = Some(bytes);
        self
    }

    /// Sets [`NodeConfig::link_bytes`] of every link.
    #[must_use]
    pub fn link_bytes(mut self, bytes: usize) -> Self {
        self.changes.link_bytes = Some(bytes);
        self
    }

    /// Sets [`NodeConfig::batches_ahead`] of every node.
    #[must_use]
    pub fn batches_ahead(mut self, batches: usize) -> Self {
        self.changes.batches_ahead = Some(batches);
        self
    }

    /// Sets [`NodeConfig::nudge`] of every node.
    #[must_use]
    pub fn nudge(mut self, interval: Duration) -> Self {
        self.changes.nudge = Some(interval);
        self
    }

    /// Sets the number of threads for the CPU work of all nodes, at least one. One per processor if not said.
    #[must_use]
    pub fn job_threads(mut self, threads: usize) -> Self {
        self.job_threads = Some(threads);
        self
    }

    /// Makes keys and random choices reproducible. For tests and demonstrations only: whoever knows the seed knows all
    /// keys. The order of events, and with it the batches, still depends on how the nodes' tasks are scheduled.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Makes a node misbehave. A later call for the same node replaces the kind.
    #[must_use]
    pub fn faulty(mut self, node: impl Into<NodeIndex>, kind: Misbehaviour) -> Self {
        self.faulty.insert(node.into(), kind);
        self
    }

    /// The configuration that every node gets.
    fn config(&self, committee: Committee) -> NodeConfig {
        let mut config = NodeConfig::new(committee);
        let Changes { engine, encryption, batch_size, limits, queue_bytes, link_bytes, batches_ahead, nudge } =
            self.changes;
        config.engine = engine.unwrap_or(config.engine);
        config.protocol.encryption = encryption.unwrap_or(config.protocol.encryption);
        config.protocol.batch_size = batch_size.unwrap_or(config.protocol.batch_size);
        config.protocol.limits = limits.unwrap_or(config.protocol.limits);
        config.queue_bytes = queue_bytes.unwrap_or(config.queue_bytes);
        config.link_bytes = link_bytes.unwrap_or(config.link_bytes);
        config.batches_ahead = batches_ahead.unwrap_or(config.batches_ahead);
        config.nudge = nudge.unwrap_or(config.nudge);
        config
    }

    /// Deals keys and starts all nodes on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When something does not fit together, or there is no runtime.
    pub async fn start(self) -> Result<Cluster, StartError> {
        self.launch()
    }

    /// Not asynchronous, so that the machines of all engines are compiled once, here, and not again in every program.
    #[inline(never)]
    fn launch(self) -> Result<Cluster, StartError> {
        let committee = Committee::new(self.nodes)?;
        let config = self.config(committee);
        config.check()?;
        if let Some(&node) = self.faulty.keys().find(|&&node| !committee.contains(node)) {
            return Err(StartError::NoSuchNode { node, last: committee.n() - 1 });
        }
        if self.faulty.len() > committee.f() {
            let (faulty, nodes, tolerated) = (self.faulty.len(), committee.n(), committee.f());
            return Err(StartError::TooManyFaulty { faulty, nodes, tolerated });
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(StartError::NoRuntime);
        }
        let started = Instant::now();
        let mut rng = match self.seed {
            Some(seed) => ChaCha20Rng::seed_from_u64(seed),
            None => ChaCha20Rng::from_seed(rand::random()),
        };
        let keys = deal_nodes(self.schemes, committee, &mut rng)?;
        let links =
            MemoryLinks::mesh(committee.n(), LinkLimits::new(committee, &config.protocol.limits, config.link_bytes));
        let pool = self.job_threads.map_or_else(JobPool::per_processor, JobPool::new)?;
        let mut cluster = Cluster { nodes: BTreeMap::new(), faulty: Vec::new(), committee };
        for ((index, keys), links) in committee.nodes().zip(keys).zip(links) {
            let seed = rng.random();
            match self.faulty.get(&index) {
                Some(&kind) => {
                    let task = Engine::start_faulty(&config, keys, seed, links, kind)?;
                    cluster.faulty.push((index, kind, task));
                }
                None => {
                    let resources = Resources { pool: pool.clone() };
                    let node = Engine::start(config.clone(), keys, seed, links, resources)?;
                    cluster.nodes.insert(index, node);
                }
            }
        }
        tracing::info!(nodes = committee.n(), faulty = cluster.faulty.len(), took = ?started.elapsed(), "cluster started");
        Ok(cluster)
    }
}
