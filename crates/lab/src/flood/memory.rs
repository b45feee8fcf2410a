//! How much memory a flood makes honest nodes hold, against the formula; and whether it grows.

use mellivora_atomic::bounds::Bounds;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Config, Message};
use mellivora_core::codec::Blob;
use mellivora_core::{Committee, Limits, NodeSet};
use mellivora_crypto::NodeKeys;
use mellivora_subset::BkrMessage;

use super::cluster::{Cluster, Said};
use super::flooder::Flooder;

/// What the flooders send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// Largest shards for every epoch of the window that does not run yet, beyond the room for them.
    Early,
    /// Largest shards, distinct digests, votes of all rounds, coin and decryption shares in the epochs that run.
    Running,
    /// Contributions of the largest size in every epoch.
    Proposals,
    /// Contributions of as many transactions as are valid, each of them new.
    Transactions,
    /// Checkpoints of an invented history, bad certificates, announcements of being behind.
    Closing,
    /// Requests for every batch, and for every part of it. One answer per peer is under way at a time, which does not
    /// show beside what an epoch takes while it is opened; more in one turn is a failure.
    Requests,
    /// Contributions that nobody asked for.
    Answers,
    /// What is malformed, beyond the window, or of instances that do not exist.
    Refused,
    /// All of it.
    Everything,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 9] = [
        Kind::Early,
        Kind::Running,
        Kind::Proposals,
        Kind::Transactions,
        Kind::Closing,
        Kind::Requests,
        Kind::Answers,
        Kind::Refused,
        Kind::Everything,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Early => "early epochs",
            Kind::Running => "running epochs",
            Kind::Proposals => "proposals",
            Kind::Transactions => "transactions",
            Kind::Closing => "closing",
            Kind::Requests => "requests",
            Kind::Answers => "answers",
            Kind::Refused => "refused",
            Kind::Everything => "everything",
        }
    }

    fn includes(self, other: Kind) -> bool {
        self == other || self == Kind::Everything
    }
}

/// How live memory is read. The first is exact and needs the counting allocator of the binary; the second is what the
/// state machines say of themselves, read at the worst moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meter {
    /// Live heap bytes of the process.
    Heap,
    /// Sum of what the honest nodes account for.
    Claimed,
}

impl Meter {
    /// The exact one, if the process has the allocator for it.
    pub fn best() -> Self {
        let probe = vec![0u8; 4096];
        if peak_alloc::PeakAlloc.current_usage() >= probe.len() { Meter::Heap } else { Meter::Claimed }
    }
}

/// A committee under a flood.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The constants of the cluster.
    pub config: Config,
    /// Bytes of batches that each node keeps for others.
    pub retention: usize,
    /// Transactions that each honest node submits per wave, more than fit into the pipeline where that matters.
    pub count: usize,
    /// Their length, in bytes.
    pub length: usize,
}

impl Setting {
    /// A committee whose largest contribution has 256 KiB, or 32 KiB for the kind that is about numbers.
    pub fn new(committee: Committee, kind: Kind) -> Self {
        let each = 15 << 10;
        let limits = Limits { payload_bytes: 256 << 10, transaction_bytes: each, ..Limits::default() };
        let config = Config::new(committee).limits(limits).batch_size(16 * committee.n()).dedup_epochs(8);
        let count = EPOCHS_PER_WAVE * config.proposal_size();
        // Some epochs' worth of what flooders contribute: an honest node that is an epoch behind has to find it.
        let retention = 4 * committee.f().max(1) * limits.payload_bytes;
        match kind {
            Kind::Transactions => {
                let limits = Limits { payload_bytes: 32 << 10, transaction_bytes: 1 << 10, ..limits };
                let config = config.limits(limits).batch_size(1_000 * committee.n());
                let retention = 4 * committee.f().max(1) * limits.payload_bytes;
                Setting { config, retention, count: 8, length: 64 }
            }
            // What is asked for has to be there, and large.
            Kind::Requests => Setting { config, retention: 2 * retention, count, length: each - 64 },
            _ => Setting { config, retention, count, length: 64 },
        }
    }

    /// Bytes that a node may hold because of a flood of this kind: f times the bounds of the layers that it aims at,
    /// the pool of kept batches where the flooders can fill it, and the frame at hand.
    pub fn formula(&self, kind: Kind) -> usize {
        let bounds = Bounds::per_peer(&self.config);
        let frame = Blob::pinned(self.config.limits.frame_bytes(self.config.committee)) + (64 << 10);
        let (layers, pool) = match kind {
            Kind::Early => (bounds.early, 0),
            Kind::Running => (bounds.running, 0),
            Kind::Proposals => (bounds.proposals, self.retention),
            Kind::Transactions => (bounds.dedup + bounds.proposals, self.retention),
            Kind::Closing => (bounds.closing, 0),
            Kind::Requests => (bounds.serving, 0),
            Kind::Answers | Kind::Refused => (0, 0),
            // No node is behind here, and whoever is not takes no answers.
            Kind::Everything => (bounds.total() - bounds.catch_up, self.retention),
        };
        self.config.committee.f() * layers + pool + frame
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// Peak of each wave, over all honest nodes, in bytes above what was live before the cluster began.
    pub peaks: Vec<usize>,
    /// Epochs that were closed.
    pub epochs: u64,
    /// Faults that honest nodes named.
    pub faults: u64,
}

/// Epochs that a wave takes: more than fit into the pipeline.
const EPOCHS_PER_WAVE: usize = 3;

/// Runs a cluster through so many waves; each begins with epochs that cannot go on, because honest messages wait, while
/// the flooders say what they have to say, and ends when everything is ordered.
///
/// # Errors
///
/// When honest transactions are not ordered, or an honest node is blamed.
pub fn run(
    setting: &Setting,
    keys: &[NodeKeys],
    kind: Option<Kind>,
    waves: usize,
    meter: Meter,
) -> Result<Run, String> {
    let config = &setting.config;
    let (n, f) = (config.committee.n(), config.committee.f());
    let heap = peak_alloc::PeakAlloc;
    let before = heap.current_usage();
    let faulty: NodeSet = config.committee.nodes().skip(n - f).collect();
    let mut flooders = faulty
        .iter()
        .filter_map(|node| keys.get(node.as_usize()))
        .map(|keys| Flooder::new(config, keys))
        .collect::<Result<Vec<_>, _>>()?;
    let mut cluster = Cluster::new(config, keys, faulty, setting.retention, false)?;
    let of_faulty = |message: &Said| match message {
        Message::Epoch { message: EpochMessage::Subset(BkrMessage::Rbc { proposer, .. }), .. } => {
            faulty.contains(*proposer)
        }
        _ => false,
    };
    let mut peaks = Vec::with_capacity(waves);
    for wave in 0..waves {
        heap.reset_peak_usage();
        cluster.submit(setting.count, setting.length);
        let low = cluster.low();
        if let Some(kind) = kind {
            propose(kind, low, &mut flooders, &mut cluster);
            cluster.deliver(|_, message| of_faulty(message));
            flood(kind, low, setting, &mut flooders, &mut cluster);
        }
        let stuck = cluster.memory();
        let wanted = (wave + 1) * setting.count * (n - f);
        for _ in 0..64 {
            cluster.deliver(|_, _| true);
            if cluster.nodes.iter().flatten().all(|node| node.own >= wanted) {
                break;
            }
            cluster.nudge();
        }
        if let Some(node) = cluster.nodes.iter().flatten().find(|node| node.own < wanted) {
            let state: Vec<String> = cluster.statuses().map(|status| format!("{status:?}")).collect();
            let state = state.join("\n  ");
            return Err(format!("{} of {wanted} honest transactions ordered in wave {wave}:\n  {state}", node.own));
        }
        peaks.push(match meter {
            Meter::Heap => heap.peak_usage().saturating_sub(before),
            Meter::Claimed => stuck.max(cluster.memory()),
        });
    }
    let (served, at_once) = cluster.served;
    if at_once > f as u64 {
        return Err(format!("a turn sends {at_once} contributions to {f} nodes that ask for everything"));
    }
    if kind == Some(Kind::Requests) && served == 0 {
        return Err("no request was answered: there was nothing to flood with".to_owned());
    }
    if let Some(blame) = cluster.false_blame() {
        return Err(format!("an honest node was blamed: {blame}"));
    }
    Ok(Run { peaks, epochs: cluster.low(), faults: cluster.faults() })
}

/// What flooders contribute, to everybody.
fn propose(kind: Kind, low: u64, flooders: &mut [Flooder], cluster: &mut Cluster) {
    for flooder in flooders {
        for epoch in low..low + flooder.pipeline() {
            let vals = match kind {
                Kind::Proposals | Kind::Everything => flooder.proposal(epoch),
                Kind::Transactions => flooder.many(epoch),
                _ => continue,
            };
            for to in cluster.honest() {
                cluster.flood(flooder.me, to, vals.get(to.as_usize()).cloned().map(|val| val.to_vec().into()));
            }
        }
    }
}

fn flood(kind: Kind, low: u64, setting: &Setting, flooders: &mut [Flooder], cluster: &mut Cluster) {
    let Limits { epochs_ahead, pipeline, .. } = setting.config.limits;
    let n = setting.config.committee.n() as u16;
    let early = Bounds::per_peer(&setting.config).early;
    for flooder in flooders {
        for to in cluster.honest() {
            let me = flooder.me;
            if kind.includes(Kind::Refused) {
                let frames = flooder.refused(low);
                cluster.flood(me, to, frames);
            }
            if kind.includes(Kind::Closing) {
                cluster.flood(me, to, flooder.closing(low));
            }
            if kind.includes(Kind::Running) {
                for epoch in low..low + pipeline {
                    for proposer in 0..n {
                        cluster.flood(me, to, [flooder.echo(epoch, proposer)]);
                        for _ in 0..3 {
                            cluster.flood(me, to, flooder.digests(epoch, proposer));
                        }
                        cluster.flood(me, to, flooder.coin_shares(epoch, proposer));
                    }
                    cluster.flood(me, to, flooder.votes(epoch));
                    cluster.flood(me, to, flooder.decryption(epoch));
                }
            }
            if kind.includes(Kind::Early) {
                let count = early / Bounds::shard(&setting.config).max(1) + 8;
                let epochs = (low + pipeline..=low + epochs_ahead).cycle();
                for (at, epoch) in epochs.take(count).enumerate() {
                    cluster.flood(me, to, [flooder.echo(epoch, at as u16 % n)]);
                }
                // What room is left takes small ones.
                for at in 0..n {
                    cluster.flood(me, to, (0..64).flat_map(|_| flooder.digests(low + epochs_ahead, at)));
                }
            }
            if kind.includes(Kind::Answers) {
                for slot in 0..n {
                    cluster.flood(me, to, [flooder.answer(low, slot)]);
                }
            }
            if kind.includes(Kind::Requests) {
                cluster.flood(me, to, flooder.requests(low));
            }
        }
    }
}
