//! What a flood costs honest nodes: CPU time spent inside them per honest transaction, with f flooders against f silent
//! nodes. One thread runs everything and the clock is that thread's, so neither the flooders' own work nor other
//! processes count. The first epochs, in which the flooders are named for what is worth a check, do not count either.

use std::time::Duration;

use mellivora_atomic::Config;
use mellivora_core::{Committee, Limits, NodeSet};
use mellivora_crypto::NodeKeys;

use super::cluster::Cluster;
use super::flooder::Flooder;

/// CPU time of honest nodes per transaction that they ordered, with and without a flood.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Nodes.
    pub nodes: usize,
    /// Frames that each flooder sent to each honest node for every message that an honest node sent to it.
    pub rate: u64,
    /// With f silent nodes.
    pub silent: Duration,
    /// With f flooders.
    pub flooded: Duration,
    /// Frames of floods that were taken.
    pub frames: u64,
}

impl Cost {
    /// Throughput under the flood in parts of that with silent nodes.
    pub fn ratio(&self) -> f64 {
        self.silent.as_secs_f64() / self.flooded.as_secs_f64().max(1e-12)
    }
}

/// The committee that is measured: B = 250 n, transactions of 250 bytes.
fn config(committee: Committee) -> Config {
    let limits = Limits { payload_bytes: 1 << 20, transaction_bytes: 1 << 16, ..Limits::default() };
    Config::new(committee).limits(limits).batch_size(250 * committee.n())
}

/// Measures both in turn, `rounds` times, and takes the fastest of each: whatever disturbs makes slower.
///
/// # Errors
///
/// When transactions are not ordered.
pub fn measure(
    committee: Committee,
    keys: &[NodeKeys],
    rate: u64,
    epochs: usize,
    rounds: usize,
) -> Result<Cost, String> {
    let config = config(committee);
    let mut cost = Cost { nodes: committee.n(), rate, silent: Duration::MAX, flooded: Duration::MAX, frames: 0 };
    for _ in 0..rounds.max(1) {
        let (silent, _) = once(&config, keys, 0, epochs)?;
        let (flooded, frames) = once(&config, keys, rate, epochs)?;
        cost.silent = cost.silent.min(silent);
        cost.flooded = cost.flooded.min(flooded);
        cost.frames = frames;
    }
    Ok(cost)
}

/// One run: the CPU time per transaction, and the frames of the flood.
fn once(config: &Config, keys: &[NodeKeys], rate: u64, epochs: usize) -> Result<(Duration, u64), String> {
    let (n, f) = (config.committee.n(), config.committee.f());
    let faulty: NodeSet = config.committee.nodes().skip(n - f).collect();
    let flooders = faulty.iter().filter_map(|node| keys.get(node.as_usize())).map(|keys| Flooder::new(config, keys));
    let mut flooders = flooders.collect::<Result<Vec<_>, _>>()?;
    let mut cluster = Cluster::new(config, keys, faulty, 4 * config.limits.payload_bytes, true)?;
    // In the first epochs flooders are named for what is worth a check; what counts is what it costs from then on.
    let warm = 2 + f * usize::try_from(config.limits.pipeline).unwrap_or(usize::MAX);
    let mut flood = Flood { rate, paid: 0, frames: 0, flooders: &mut flooders };
    let warm = warm * config.proposal_size();
    flood.order(&mut cluster, warm, warm * (n - f))?;
    cluster.nodes.iter_mut().flatten().for_each(|node| node.cpu = Duration::ZERO);
    flood.frames = 0;
    let each = epochs * config.proposal_size();
    flood.order(&mut cluster, each, (warm + each) * (n - f))?;
    let cpu: Duration = cluster.nodes.iter().flatten().map(|node| node.cpu).sum();
    let taken = u32::try_from(each * (n - f) * (n - f)).unwrap_or(u32::MAX);
    Ok((cpu / taken, flood.frames))
}

struct Flood<'a> {
    rate: u64,
    /// Frames that each flooder has sent to each honest node.
    paid: u64,
    /// Frames of all.
    frames: u64,
    flooders: &'a mut [Flooder],
}

impl Flood<'_> {
    /// Has every honest node submit so many transactions, and goes on until every one has ordered so many in all.
    fn order(&mut self, cluster: &mut Cluster, each: usize, wanted: usize) -> Result<(), String> {
        let honest = cluster.honest().count() as u64;
        let pairs = (honest * honest.saturating_sub(1)).max(1);
        cluster.submit(each, 250);
        let mut idle = 0;
        while cluster.nodes.iter().flatten().any(|node| node.own < wanted) {
            let mut any = false;
            for to in cluster.honest() {
                any |= cluster.deliver_to(to, &|_, _| true);
            }
            // Each flooder owes every honest node this many frames by now.
            let due = cluster.said * self.rate / pairs;
            let low = cluster.low();
            for flooder in self.flooders.iter_mut() {
                for to in cluster.honest() {
                    let burst: Vec<_> = (self.paid..due).map(|_| flooder.small(low)).collect();
                    self.frames += burst.len() as u64;
                    cluster.flood(flooder.me, to, burst);
                }
            }
            self.paid = due;
            if !any {
                idle += 1;
                if idle > 64 {
                    return Err(format!("transactions are not ordered under a flood at rate {}", self.rate));
                }
                cluster.nudge();
            }
        }
        Ok(())
    }
}
