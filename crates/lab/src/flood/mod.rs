//! Floods: what f peers that say everything that is kept can make an honest node hold, and what they cost it.
//!
//! | question | how it is measured | bar |
//! |---|---|---|
//! | memory | live heap of honest nodes at its peak, above the same run without a flood, per node | at most 1.25 times the formula of [`Bounds`](mellivora_atomic::bounds::Bounds); the formula at most twice the worst flood |
//! | growth | the peak of the last tenth of a long flood against that of the second tenth | at most 1.05 |
//! | cost | CPU time inside honest nodes per transaction, f silent nodes against f flooders | at least 0.8 |
//!
//! The honest nodes are real state machines with real cryptography. Each wave of a flood begins with epochs that cannot
//! go on because honest messages wait, so that everything stays open; then the messages arrive, and every honest
//! transaction has to be ordered.

mod clock;
mod cluster;
mod flooder;
mod memory;
mod throughput;

use std::fmt;

use mellivora_core::Committee;
use mellivora_crypto::{NodeKeys, Suite, deal_nodes};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use memory::{Kind, Meter, Run, Setting, run};
pub use throughput::{Cost, measure};

use crate::parallel::Deadline;
use crate::table::{Table, grouped};

/// The largest share of the formula that a flood may reach.
pub const PEAK: f64 = 1.25;
/// The largest formula, in parts of what the worst flood reaches.
pub const SLACK: f64 = 2.0;
/// The largest growth.
pub const GROWTH: f64 = 1.05;
/// The smallest throughput under a flood.
pub const THROUGHPUT: f64 = 0.8;

/// Names of the figures of the last line.
pub const FIGURES: [&str; 5] = ["peak_of_formula", "everything_of_formula", "growth", "throughput", "seconds"];

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Sizes of committees.
    pub sizes: Vec<usize>,
    /// Waves of the long flood: at least twenty, so that a tenth has two.
    pub waves: usize,
    /// Epochs of a run that measures throughput.
    pub epochs: usize,
    /// Repetitions of those runs; the fastest of each counts.
    pub rounds: usize,
    /// Frames of each flooder for every message of an honest node. At six, a node gets about three times as many frames
    /// from f flooders as from all honest nodes together, whatever n.
    pub rate: u64,
}

impl Plan {
    /// About this many seconds of work on a machine that does nothing else.
    pub fn new(seconds: f64) -> Self {
        let long = seconds >= 45.0;
        let sizes = if seconds >= 600.0 { vec![4, 7, 16] } else { vec![4, 7] };
        Plan { sizes, waves: if long { 30 } else { 20 }, epochs: 40, rounds: if long { 3 } else { 2 }, rate: 6 }
    }
}

/// Memory under one kind of flood.
#[derive(Clone, Copy, Debug)]
pub struct Peak {
    /// Nodes.
    pub nodes: usize,
    /// The flood.
    pub kind: Kind,
    /// Bytes that it made one honest node hold, on the average of all.
    pub bytes: usize,
    /// What the formula allows.
    pub formula: usize,
    /// Faults that were named.
    pub faults: u64,
}

impl Peak {
    /// Measured, in parts of the formula.
    pub fn ratio(&self) -> f64 {
        self.bytes as f64 / self.formula as f64
    }
}

/// Memory under a long flood.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Nodes.
    pub nodes: usize,
    /// Epochs that closed in the meantime.
    pub epochs: u64,
    /// Peak of the second tenth, and of the last, over all honest nodes.
    pub peaks: (usize, usize),
}

impl Growth {
    /// The last tenth in parts of the second.
    pub fn ratio(&self) -> f64 {
        self.peaks.1 as f64 / self.peaks.0.max(1) as f64
    }
}

/// What came of a campaign.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether live heap was measured; otherwise the nodes' own accounts were taken.
    pub meter: Meter,
    /// Memory by committee and kind.
    pub peaks: Vec<Peak>,
    /// Memory over time.
    pub growth: Vec<Growth>,
    /// What floods cost.
    pub costs: Vec<Cost>,
    /// What went wrong otherwise.
    pub failures: Vec<String>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Keys of a committee.
fn keys(committee: Committee) -> Result<Vec<NodeKeys>, String> {
    let mut rng = ChaCha8Rng::seed_from_u64(committee.n() as u64);
    deal_nodes(Suite::Ristretto255, committee, &mut rng).map_err(|error| error.to_string())
}

/// Floods committees of every size. Runs on one thread: other work in the process would be taken for theirs.
pub fn campaign(plan: &Plan) -> Report {
    let deadline = Deadline::new(None);
    let mut report = Report {
        meter: Meter::best(),
        peaks: Vec::new(),
        growth: Vec::new(),
        costs: Vec::new(),
        failures: Vec::new(),
        seconds: 0.0,
    };
    for &size in &plan.sizes {
        if let Err(failure) = flood_one(plan, size, &mut report) {
            report.failures.push(format!("n = {size}: {failure}"));
        }
    }
    report.seconds = deadline.seconds();
    report
}

fn flood_one(plan: &Plan, size: usize, report: &mut Report) -> Result<(), String> {
    let committee = Committee::new(size).map_err(|error| error.to_string())?;
    let keys = keys(committee)?;
    for kind in Kind::ALL {
        report.peaks.push(peak(committee, &keys, kind, report.meter)?);
    }
    let setting = Setting::new(committee, Kind::Everything);
    let long = run(&setting, &keys, Some(Kind::Everything), plan.waves, report.meter)?;
    let tenth = (long.peaks.len() / 10).max(1);
    let highest = |waves: &[usize]| waves.iter().copied().max().unwrap_or(0);
    let (second, last) = (long.peaks.get(tenth..2 * tenth), long.peaks.get(long.peaks.len() - tenth..));
    let peaks = (highest(second.unwrap_or(&[])), highest(last.unwrap_or(&[])));
    report.growth.push(Growth { nodes: size, epochs: long.epochs, peaks });
    report.costs.push(measure(committee, &keys, plan.rate, plan.epochs, plan.rounds)?);
    Ok(())
}

/// Waves of a short run: the windows of dedup and of kept batches fill in the first ones.
const SHORT: usize = 6;

/// Memory that one kind of flood takes at an honest node.
///
/// # Errors
///
/// What went wrong in the run.
pub fn peak(committee: Committee, keys: &[NodeKeys], kind: Kind, meter: Meter) -> Result<Peak, String> {
    let setting = Setting::new(committee, kind);
    let quiet = run(&setting, keys, None, SHORT, meter)?;
    let loud = run(&setting, keys, Some(kind), SHORT, meter)?;
    let highest = |run: &Run| run.peaks.iter().copied().max().unwrap_or(0);
    let honest = committee.n() - committee.f();
    let bytes = highest(&loud).saturating_sub(highest(&quiet)) / honest;
    Ok(Peak { nodes: committee.n(), kind, bytes, formula: setting.formula(kind), faults: loud.faults })
}

impl Report {
    /// The largest share of the formula that a flood reached.
    pub fn worst_peak(&self) -> f64 {
        self.peaks.iter().map(Peak::ratio).fold(0.0, f64::max)
    }

    /// The share of the formula that the flood with everything reached where it reached least.
    pub fn tightness(&self) -> f64 {
        let all = self.peaks.iter().filter(|peak| peak.kind == Kind::Everything);
        all.map(Peak::ratio).reduce(f64::min).unwrap_or(0.0)
    }

    /// The largest growth.
    pub fn worst_growth(&self) -> f64 {
        self.growth.iter().map(Growth::ratio).fold(0.0, f64::max)
    }

    /// The smallest throughput under a flood.
    pub fn worst_throughput(&self) -> f64 {
        self.costs.iter().map(Cost::ratio).reduce(f64::min).unwrap_or(0.0)
    }

    /// The figures of the last line of a campaign.
    pub fn figures(&self) -> Vec<(&'static str, String)> {
        let values = [
            format!("{:.2}", self.worst_peak()),
            format!("{:.2}", self.tightness()),
            format!("{:.3}", self.worst_growth()),
            format!("{:.2}", self.worst_throughput()),
            format!("{:.1}", self.seconds),
        ];
        FIGURES.into_iter().zip(values).collect()
    }

    /// What does not meet its bar.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = self.failures.clone();
        let mut demand = |ok: bool, what: String| {
            if !ok {
                complaints.push(what);
            }
        };
        demand(self.meter == Meter::Heap, "no counting allocator in this process: heap was not measured".to_owned());
        demand(self.worst_peak() <= PEAK, format!("a flood reaches {:.2} of the formula", self.worst_peak()));
        let tightness = self.tightness();
        demand(tightness >= 1.0 / SLACK, format!("the worst flood reaches only {tightness:.2} of the formula"));
        demand(self.worst_growth() <= GROWTH, format!("memory grows by {:.3} under a flood", self.worst_growth()));
        let throughput = self.worst_throughput();
        demand(throughput >= THROUGHPUT, format!("a flood leaves {throughput:.2} of the throughput"));
        complaints
    }

    /// Whether every bar is met.
    pub fn is_ok(&self) -> bool {
        self.complaints().is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |bytes: usize| grouped((bytes as u64).div_ceil(1024));
        let mut table = Table::new(["n", "flood", "peak, KiB", "formula, KiB", "ratio", "faults named"]);
        for peak in &self.peaks {
            table.row([
                peak.nodes.to_string(),
                peak.kind.name().to_owned(),
                kib(peak.bytes),
                kib(peak.formula),
                format!("{:.2}", peak.ratio()),
                grouped(peak.faults),
            ]);
        }
        writeln!(f, "{table}")?;
        let mut table = Table::new(["n", "epochs", "second tenth, KiB", "last tenth, KiB", "growth"]);
        for growth in &self.growth {
            let honest = growth.nodes - growth.nodes.saturating_sub(1) / 3;
            table.row([
                growth.nodes.to_string(),
                grouped(growth.epochs),
                kib(growth.peaks.0 / honest),
                kib(growth.peaks.1 / honest),
                format!("{:.3}", growth.ratio()),
            ]);
        }
        writeln!(f, "{table}")?;
        let heading = ["n", "flood frames", "silent, us/tx", "flooded, us/tx", "throughput"];
        let mut table = Table::new(heading);
        for cost in &self.costs {
            table.row([
                cost.nodes.to_string(),
                grouped(cost.frames),
                format!("{:.2}", cost.silent.as_nanos() as f64 / 1e3),
                format!("{:.2}", cost.flooded.as_nanos() as f64 / 1e3),
                format!("{:.2}", cost.ratio()),
            ]);
        }
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "Bytes are of one honest node, above the same run with silent nodes. CPU time is of honest nodes alone."
        )?;
        self.complaints().iter().try_for_each(|complaint| writeln!(f, "not met: {complaint}"))
    }
}
