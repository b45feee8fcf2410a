//! One simulation, from set-up to figures.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use mellivora::atomic::{Atomic, Config, Input, Local, Output, Samples, Source, Streams, Submission, Ticket};
use mellivora::core::{Committee, Digest, NodeIndex};
use mellivora::crypto::Suite;
use mellivora::subset::{Bkr, Dumbo1, Dumbo2, SDumbo};
use mellivora::{Batch, EncryptionSchedule, Engine};

use super::costs::Costs;
use super::counterfeit::counterfeit;
use super::node::{Node, PerByte};
use super::world::{Clients, Links, Traffic, World};
use crate::setup;

/// How much clients submit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// So many proposals' worth of each node's transactions are under way at any time: whatever comes out is replaced.
    Closed(usize),
    /// So many transactions per second, over all nodes, whatever comes out.
    Open(f64),
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The protocol.
    pub engine: Engine,
    /// Its nodes, all of them honest.
    pub committee: Committee,
    /// Transactions per epoch that the cluster aims for, over all nodes.
    pub batch: usize,
    /// Bytes of a transaction, at least 8.
    pub tx_size: usize,
    /// Which epochs are encrypted.
    pub encrypt: EncryptionSchedule,
    /// Epochs that a node runs at the same time.
    pub pipeline: u64,
    /// What clients do.
    pub load: Load,
    /// Epochs before those that are measured.
    pub warmup: u64,
    /// Epochs that are measured.
    pub epochs: u64,
    /// The links.
    pub links: Links,
    /// Cores of each node.
    pub cores: usize,
    /// What computing takes.
    pub costs: Arc<Costs>,
    /// Seed of the nodes' secrets.
    pub seed: u64,
    /// Seconds of virtual time after which it is given up.
    pub timeout: f64,
}

/// What came of it, over the measured epochs: from the moment at which the last node has handed out the last batch before
/// them until the last node has handed out the last one of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Transactions in the batches of the measured epochs.
    pub committed: u64,
    /// Contributions in them.
    pub slots: u64,
    /// Virtual time, in s.
    pub seconds: f64,
    /// From submission to output at the node that submitted, in ms: mean, median, 99th percentile.
    pub latency_ms: [f64; 3],
    /// What all nodes sent and used.
    pub traffic: Traffic,
    /// Events that were simulated, those before included.
    pub events: u64,
}

impl Setup {
    /// The constants of the cluster.
    ///
    /// # Errors
    ///
    /// When no cluster can have such limits.
    pub fn config(&self) -> Result<Config, String> {
        let n = self.committee.n();
        let config = setup::config(self.committee, n, self.batch, self.tx_size, self.encrypt);
        let mut config = config.map_err(|error| error.to_string())?;
        config.limits.pipeline = self.pipeline;
        config.limits.epochs_ahead = config.limits.epochs_ahead.max(2 * self.pipeline);
        config.check().map_err(|error| error.to_string())?;
        // Nobody repeats a transaction, and the memory of n nodes is in one process.
        Ok(config.dedup_epochs(4))
    }

    /// Transactions that a node proposes at a time.
    pub fn proposal(&self) -> usize {
        self.batch.div_ceil(self.committee.n()).max(1)
    }

    fn is_coded(&self) -> bool {
        matches!(self.engine, Engine::HoneyBadger | Engine::Dumbo1 | Engine::Dumbo2)
    }

    fn per_byte(&self) -> PerByte {
        let (n, k) = (self.committee.n(), self.committee.data_shards());
        // What is sealed is hashed once more, to check what its header binds.
        let sealed = if self.encrypt == EncryptionSchedule::Never { 0.0 } else { self.costs.hash_ns_per_byte };
        if self.is_coded() {
            // A codeword comes in n shards, and k of them are the payload.
            let received = (self.costs.code(n) + sealed) * k as f64 / n as f64;
            PerByte { received, submitted: 0.0 }
        } else {
            let received = self.costs.hash_ns_per_byte + sealed;
            PerByte { received, submitted: self.costs.hash_ns_per_byte }
        }
    }
}

/// Simulates.
///
/// # Errors
///
/// When batches differ between nodes, a node blames another one, a transaction comes out that nobody submitted or comes
/// out twice, or it is not over in time.
pub fn simulate(setup: &Setup) -> Result<Outcome, String> {
    match setup.engine {
        Engine::HoneyBadger => run::<Samples<Bkr>>(setup),
        Engine::Dumbo1 => run::<Samples<Dumbo1>>(setup),
        Engine::Dumbo2 => run::<Samples<Dumbo2>>(setup),
        Engine::SDumbo => run::<Samples<SDumbo>>(setup),
        Engine::DumboNg => run::<Streams>(setup),
        other => Err(format!("{other} cannot be simulated yet")),
    }
}

fn run<P: Source>(setup: &Setup) -> Result<Outcome, String> {
    let config = setup.config()?;
    let mut nodes = Vec::new();
    for keys in setup::keys(Suite::default(), setup.committee) {
        let me = keys.index();
        let keys = counterfeit(keys, &setup.costs);
        let seed = *blake3::hash(&[&setup.seed.to_be_bytes()[..], &me.0.to_be_bytes()].concat()).as_bytes();
        // Enough for whoever is a little behind, and no more: all are in one process.
        let retention_bytes = 4 * setup.batch * setup.tx_size;
        let protocol = Atomic::<P>::new(config.clone(), keys, Local { retention_bytes, ..Local::new(seed) })
            .map_err(|error| error.to_string())?;
        nodes.push(Node::new(setup.committee, protocol, setup.cores, setup.costs.clone(), setup.per_byte()));
    }
    let mut users = Users::new(setup);
    let events = World::new(nodes, setup.links).run(&mut users, (setup.timeout * 1e9) as u64)?;
    Ok(users.outcome(events))
}

/// Where the first node that handed out an epoch says the history stands.
struct Record {
    digest: Digest,
    content: [u8; 32],
    /// How many nodes have said the same.
    nodes: usize,
}

/// The clients of all nodes.
struct Users<'a> {
    setup: &'a Setup,
    /// By node: the time of each submission, by ticket; zero is gone.
    submitted: Vec<Vec<u64>>,
    /// By node: how often its clients have acted.
    acted: Vec<usize>,
    records: BTreeMap<u64, Record>,
    /// Batches handed out, by node.
    handed_out: Vec<u64>,
    /// Nodes that have handed out all batches before the measured ones; all of them.
    warm: usize,
    done: usize,
    start: (u64, Traffic),
    end: (u64, Traffic),
    committed: u64,
    slots: u64,
    /// Transactions by latency in tenths of a ms.
    latencies: HashMap<u64, u64>,
}

impl<'a> Users<'a> {
    /// Time between two looks at the clock by clients of an open load.
    const TICK: u64 = 10_000_000;

    fn new(setup: &'a Setup) -> Self {
        let n = setup.committee.n();
        Users {
            setup,
            submitted: vec![Vec::new(); n],
            acted: vec![0; n],
            records: BTreeMap::new(),
            handed_out: vec![0; n],
            warm: 0,
            done: 0,
            start: Default::default(),
            end: Default::default(),
            committed: 0,
            slots: 0,
            latencies: HashMap::new(),
        }
    }

    /// New transactions of the clients of a node, distinct from all others.
    fn submit(&mut self, node: usize, count: usize, now: u64) -> Vec<Input> {
        if count == 0 {
            return Vec::new();
        }
        let tickets = &mut self.submitted[node];
        let first = tickets.len();
        let size = self.setup.tx_size;
        let mut buffer = vec![0x5a; count * size];
        for (i, transaction) in buffer.chunks_exact_mut(size).enumerate() {
            // At least eight bytes.
            let number = (node as u64) << 48 | (first + i) as u64;
            transaction[..8].copy_from_slice(&number.to_be_bytes());
        }
        let buffer = Bytes::from(buffer);
        // Time starts after zero, which stands for what has come out.
        tickets.resize(first + count, now + 1);
        let submission = |i: usize| Submission {
            ticket: Ticket((first + i) as u64),
            transaction: buffer.slice(i * size..(i + 1) * size),
        };
        vec![Input::Submit((0..count).map(submission).collect())]
    }

    fn is_measured(&self, epoch: u64) -> bool {
        (self.setup.warmup..self.setup.warmup + self.setup.epochs).contains(&epoch)
    }

    /// Compares a batch with what other nodes have handed out as the same epoch.
    fn compare(&mut self, node: usize, epoch: u64, batch: &Batch) -> Result<(), String> {
        let mut hasher = blake3::Hasher::new();
        // Numbers are all that tells transactions apart; positions and lengths go in as well.
        for (position, transaction) in batch.iter() {
            hasher.update(&position.proposer.0.to_be_bytes());
            hasher.update(transaction.get(..8).unwrap_or(transaction));
            if transaction.len() != self.setup.tx_size {
                return Err(format!("epoch {epoch} at node {node} holds a transaction that nobody submitted"));
            }
        }
        let content = *hasher.finalize().as_bytes();
        let digest = batch.digest();
        let record = self.records.entry(epoch).or_insert(Record { digest, content, nodes: 0 });
        record.nodes += 1;
        if (record.digest, record.content) != (digest, content) {
            return Err(format!("node {node} handed out another batch of epoch {epoch} than others"));
        }
        if record.nodes == self.setup.committee.n() {
            self.records.remove(&epoch);
        }
        Ok(())
    }

    fn outcome(self, events: u64) -> Outcome {
        let Traffic { messages, frames, bytes, busy_ns, verified, signed } = self.start.1;
        let end = self.end.1;
        let mut sorted: Vec<(u64, u64)> = self.latencies.into_iter().collect();
        sorted.sort_unstable();
        let total: u64 = sorted.iter().map(|(_, count)| count).sum();
        let quantile = |share: f64| {
            let mut rank = (share * total as f64).ceil() as u64;
            let place = sorted.iter().find(|(_, count)| {
                let here = rank <= *count;
                rank = rank.saturating_sub(*count);
                here
            });
            place.map_or(0.0, |(tenths, _)| *tenths as f64 / 10.0)
        };
        let mean = sorted.iter().map(|(tenths, count)| *tenths as f64 / 10.0 * *count as f64).sum::<f64>()
            / total.max(1) as f64;
        Outcome {
            committed: self.committed,
            slots: self.slots,
            seconds: (self.end.0 - self.start.0) as f64 / 1e9,
            latency_ms: [mean, quantile(0.5), quantile(0.99)],
            traffic: Traffic {
                messages: end.messages - messages,
                frames: end.frames - frames,
                bytes: end.bytes - bytes,
                busy_ns: end.busy_ns - busy_ns,
                verified: end.verified - verified,
                signed: end.signed - signed,
            },
            events,
        }
    }
}

impl Clients for Users<'_> {
    fn output(
        &mut self,
        node: usize,
        now: u64,
        output: Output,
        traffic: &dyn Fn() -> Traffic,
    ) -> Result<Vec<Input>, String> {
        let Output::Batch(batch) = output else {
            return Err(format!("node {node} put out {output:?} instead of a batch"));
        };
        let epoch = batch.epoch().0;
        self.compare(node, epoch, &batch)?;
        let measured = self.is_measured(epoch);
        if measured && node == 0 {
            self.committed += batch.len() as u64;
            self.slots += batch.proposers().count() as u64;
        }
        for (ticket, _) in batch.committed() {
            let time = self.submitted[node].get_mut(ticket.0 as usize).map_or(0, std::mem::take);
            if time == 0 {
                return Err(format!("node {node} committed a transaction of its own twice"));
            }
            if measured {
                *self.latencies.entry((now + 1 - time) / 100_000).or_default() += 1;
            }
        }
        if batch.iter().filter(|(position, _)| position.proposer == NodeIndex(node as u16)).count()
            != batch.committed().len()
        {
            return Err(format!("node {node} lost sight of its own transactions in epoch {epoch}"));
        }
        self.handed_out[node] += 1;
        let n = self.setup.committee.n();
        if self.handed_out[node] == self.setup.warmup {
            self.warm += 1;
            if self.warm == n {
                self.start = (now, traffic());
            }
        }
        if self.handed_out[node] == self.setup.warmup + self.setup.epochs {
            self.done += 1;
            if self.done == n {
                self.end = (now, traffic());
            }
        }
        Ok(match self.setup.load {
            Load::Closed(_) => self.submit(node, batch.committed().len(), now),
            Load::Open(_) => Vec::new(),
        })
    }

    fn act(&mut self, node: usize, now: u64) -> (Vec<Input>, Option<u64>) {
        let before = self.acted[node];
        self.acted[node] += 1;
        match self.setup.load {
            // One proposal after another, half an epoch of the fastest protocol between them: proposals that began together
            // would stay together.
            Load::Closed(depth) => {
                let again = (before + 1 < depth).then_some(now + 3 * self.setup.links.latency.mean());
                (self.submit(node, self.setup.proposal(), now), again)
            }
            Load::Open(rate) => {
                let n = self.setup.committee.n() as f64;
                let each = rate / n * Self::TICK as f64 / 1e9;
                // So many are owed in all, and so many were before.
                let [owed, had] = [before + 1, before].map(|times| (times as f64 * each).floor() as usize);
                // Nodes begin one after another, so that not all submit in the same moment.
                let phase = if before == 0 { (node as f64 / n * Self::TICK as f64) as u64 } else { 0 };
                (self.submit(node, owed - had, now), Some(now + Self::TICK + phase))
            }
        }
    }

    fn is_done(&self) -> bool {
        self.done == self.setup.committee.n()
    }
}
