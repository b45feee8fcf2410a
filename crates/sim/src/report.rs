//! What came of a run.

use mellivora_core::{Committee, Digest, NodeIndex};
use rand::RngExt;

use crate::Coverage;
use crate::rng::{Stream, stream};

/// A broken property: what, when, and how to see it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{oracle} failed at step {step} of seed {seed}: {what}\n  {replay}")]
pub struct Failure {
    /// The seed of the run.
    pub seed: u64,
    /// Events before it.
    pub step: u64,
    /// The oracle that saw it.
    pub oracle: String,
    /// What it saw.
    pub what: String,
    /// One line that repeats the run.
    pub replay: String,
}

/// The outcome of [`Simulation::run`](crate::Simulation::run).
#[derive(Clone, Debug)]
#[must_use = "a report that nobody looks at hides a failure"]
pub struct Report {
    /// The seed of the run.
    pub seed: u64,
    /// Events so far.
    pub steps: u64,
    /// Whether nothing was left to happen.
    pub quiescent: bool,
    /// The first broken property, if any.
    pub failure: Option<Failure>,
    /// Hash of all events and delivered messages so far.
    pub trace: Digest,
    /// What fired.
    pub coverage: Coverage,
    /// What was done.
    pub counters: Counters,
}

impl Report {
    /// Whether no oracle objected and the run came to its end.
    pub fn is_ok(&self) -> bool {
        self.failure.is_none()
    }

    /// Fails a test on the first broken property.
    ///
    /// # Panics
    ///
    /// If the run failed, with the failure and how to replay it.
    #[track_caller]
    pub fn assert_ok(&self) {
        if let Some(failure) = &self.failure {
            panic!("{failure}");
        }
    }

    /// The failure of a run that has to fail: for planted bugs.
    ///
    /// # Panics
    ///
    /// If nothing failed, or another oracle than `oracle` did.
    #[track_caller]
    pub fn assert_fails(&self, oracle: &str) -> &Failure {
        match &self.failure {
            Some(failure) if failure.oracle == oracle => failure,
            Some(failure) => panic!("expected {oracle} to fail, but {failure}"),
            None => panic!("expected {oracle} to fail; seed {} went well", self.seed),
        }
    }
}

/// What was done in a run, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages put on a link, one per receiver.
    pub sent: u64,
    /// Their encoded bytes.
    pub bytes: u64,
    /// Messages that arrived.
    pub delivered: u64,
    /// Messages that nodes handed to themselves.
    pub to_self: u64,
    /// Messages lost to a cut link or a crashed receiver.
    pub lost: u64,
    /// Messages that the outbox sent again.
    pub repeated: u64,
    /// Messages that travelled as bytes and were compared after decoding.
    pub round_trips: u64,
    /// Frames of faulty nodes that were no message.
    pub malformed: u64,
    /// Jobs run.
    pub jobs: u64,
    /// Turns ended.
    pub turns: u64,
    /// Crashes, without those of a faulty behaviour.
    pub crashes: u64,
    /// Restarts.
    pub restarts: u64,
    /// Runs of the nudge hook.
    pub nudges: u64,
    /// Messages held back until their receiver was near enough to their round.
    pub held: u64,
}

/// The seeds of a campaign: 0 to `count - 1`; or the one in `SIM_SEED`; or as many as `SIM_SEEDS` says.
pub fn seeds(count: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.trim().parse::<u64>().ok());
    match (number("SIM_SEED"), number("SIM_SEEDS")) {
        (Some(seed), _) => seed..seed.saturating_add(1),
        (None, Some(count)) => 0..count,
        (None, None) => 0..count,
    }
}

/// A committee by seed: 1, 4, 5, 6, 7, 10 or 16 nodes, small ones more often than large ones.
pub fn committee_by_seed(seed: u64) -> Committee {
    let sizes = [1, 4, 4, 4, 4, 5, 5, 6, 6, 7, 7, 10, 16];
    let nodes = sizes[stream(seed, Stream::Size).random_range(0..sizes.len())];
    Committee::new(nodes).unwrap_or_else(|_| unreachable!("all sizes are between one node and the capacity"))
}

/// The line that repeats a run in the test that is running now.
pub(crate) fn replay_line(seed: u64, nodes: impl Iterator<Item = NodeIndex>) -> String {
    let package = std::env::var("CARGO_PKG_NAME").map(|name| format!(" -p {name}")).unwrap_or_default();
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main").map(|name| format!(" {name}")).unwrap_or_default();
    let faulty: Vec<u16> = nodes.map(|node| node.0).collect();
    format!("replay: SIM_SEED={seed} cargo test{package}{test}    (seed {seed}, faulty nodes {faulty:?})")
}
