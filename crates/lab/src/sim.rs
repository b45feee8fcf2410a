//! The swarm: every subject under every attack and schedule, by seed, on all cores, for as long as the budget lasts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use mellivora_adversary::Strategy;
use mellivora_sim::Coverage;

use crate::parallel::{Deadline, cores, on_all};
use crate::scenario::{Order, Scenario};
use crate::subject::{Outcome, Subject};
use crate::table::{Table, grouped};

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Subjects, each with its share of the time.
    pub subjects: Vec<&'static dyn Subject>,
    /// Size of committees; by seed if not said.
    pub nodes: Option<usize>,
    /// What faulty nodes do; by seed if not said.
    pub strategy: Option<Option<Strategy>>,
    /// Who moves next; by seed if not said.
    pub order: Option<Order>,
    /// The first seed of every subject.
    pub first_seed: u64,
    /// Budget in seconds.
    pub seconds: f64,
    /// Runs after which a subject has had enough.
    pub max_runs: u64,
    /// Whether every counter has to be above zero.
    pub demand_coverage: bool,
}

impl Plan {
    /// Everything by seed.
    pub fn new(subjects: Vec<&'static dyn Subject>, seconds: f64) -> Self {
        Plan {
            subjects,
            nodes: None,
            strategy: None,
            order: None,
            first_seed: 0,
            seconds,
            max_runs: u64::MAX,
            demand_coverage: true,
        }
    }
}

/// What the runs of one subject came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Seconds that workers spent on them.
    pub busy: f64,
    /// Runs of four nodes, and the seconds spent on those.
    pub small: (u64, f64),
    /// Messages delivered.
    pub delivered: u64,
    /// Epochs ordered, and those of four nodes.
    pub epochs: (u64, u64),
    /// Faults recorded by honest nodes.
    pub faults: u64,
    /// Runs that were repeated to compare their traces.
    pub retraced: u64,
    /// What fired.
    pub coverage: Coverage,
    /// The first failures.
    pub failures: Vec<Outcome>,
    /// How many there were.
    pub failed: u64,
}

impl Tally {
    const KEPT: usize = 5;

    fn add(&mut self, outcome: Outcome, seconds: f64) {
        self.runs += 1;
        self.busy += seconds;
        self.delivered += outcome.counters.delivered;
        self.faults += outcome.faults;
        self.epochs.0 += outcome.epochs;
        if outcome.nodes == 4 {
            self.small.0 += 1;
            self.small.1 += seconds;
            self.epochs.1 += outcome.epochs;
        }
        self.coverage.absorb(&outcome.coverage);
        if outcome.failure.is_some() {
            self.failed += 1;
            if self.failures.len() < Self::KEPT {
                self.failures.push(outcome);
            }
        }
    }
}

/// What came of a campaign.
#[derive(Debug)]
pub struct Report {
    /// By subject.
    pub tallies: Vec<(&'static dyn Subject, Tally)>,
    /// Counters that stayed at zero, by subject.
    pub missing: BTreeMap<&'static str, Vec<String>>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Threads.
    pub workers: usize,
}

/// One run in so many is repeated, and has to leave the same trace.
const RETRACE: u64 = 64;

/// Runs a campaign.
pub fn campaign(plan: &Plan) -> Report {
    let deadline = Deadline::new(Some(plan.seconds));
    let next: Vec<AtomicU64> = plan.subjects.iter().map(|_| AtomicU64::new(0)).collect();
    let tallies: Vec<Mutex<Tally>> = plan.subjects.iter().map(|_| Mutex::default()).collect();
    let lock = |at: usize| tallies[at].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    on_all(cores(), || {
        while !deadline.is_over() {
            // Whoever is furthest behind its share goes next.
            let behind = |at: &usize| lock(*at).busy / f64::from(plan.subjects[*at].share());
            let open = (0..plan.subjects.len()).filter(|at| next[*at].load(Ordering::Relaxed) < plan.max_runs);
            let Some(at) = open.min_by(|a, b| behind(a).total_cmp(&behind(b))) else { return };
            let number = next[at].fetch_add(1, Ordering::Relaxed);
            if number >= plan.max_runs {
                continue;
            }
            let subject = plan.subjects[at];
            let scenario = Scenario {
                subject: subject.name(),
                nodes: plan.nodes,
                strategy: plan.strategy,
                order: plan.order,
                seed: plan.first_seed.wrapping_add(number),
            };
            let started = Instant::now();
            let mut outcome = subject.run(&scenario);
            let seconds = started.elapsed().as_secs_f64();
            let retraced = number.is_multiple_of(RETRACE) && outcome.failure.is_none();
            if retraced {
                let again = subject.run(&scenario);
                if again.trace != outcome.trace {
                    outcome.failure = Some(mellivora_sim::Failure {
                        seed: scenario.seed,
                        step: 0,
                        oracle: "determinism".to_owned(),
                        what: "a second run of the same seed left another trace".to_owned(),
                        replay: scenario.replay(),
                    });
                }
            }
            let mut tally = lock(at);
            tally.retraced += u64::from(retraced);
            tally.add(outcome, seconds);
        }
    });
    let tallies: Vec<(&'static dyn Subject, Tally)> = plan
        .subjects
        .iter()
        .zip(tallies)
        .map(|(subject, tally)| (*subject, tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())))
        .collect();
    let missing = if plan.demand_coverage { missing(&tallies) } else { BTreeMap::new() };
    Report { tallies, missing, seconds: deadline.seconds(), workers: cores() }
}

/// Counters of attacks and rare states that never fired.
fn missing(tallies: &[(&'static dyn Subject, Tally)]) -> BTreeMap<&'static str, Vec<String>> {
    let mut missing = BTreeMap::new();
    for (subject, tally) in tallies {
        let attacks = subject.strategies().into_iter().map(|strategy| strategy.counter().to_owned());
        let rare = subject.rare().iter().map(|name| (*name).to_owned());
        let zero: Vec<String> = attacks.chain(rare).filter(|name| tally.coverage.get(name) == 0).collect();
        if !zero.is_empty() {
            missing.insert(subject.name(), zero);
        }
    }
    missing
}

impl Report {
    /// Whether nothing failed and nothing is missing.
    pub fn is_ok(&self) -> bool {
        self.missing.is_empty() && self.tallies.iter().all(|(_, tally)| tally.failed == 0)
    }

    /// Runs of all subjects.
    pub fn runs(&self) -> u64 {
        self.tallies.iter().map(|(_, tally)| tally.runs).sum()
    }

    /// Epochs of the full stack, and those of four nodes.
    pub fn epochs(&self) -> (u64, u64) {
        let full = self.tallies.iter().filter(|(subject, _)| subject.name().starts_with("atomic"));
        full.fold((0, 0), |(all, small), (_, tally)| (all + tally.epochs.0, small + tally.epochs.1))
    }

    /// Runs that failed.
    pub fn failed(&self) -> u64 {
        self.tallies.iter().map(|(_, tally)| tally.failed).sum()
    }

    /// Scenarios of four nodes of a subject per second of all workers, were they all at it.
    pub fn rate(&self, subject: &str) -> f64 {
        let tally = self.tallies.iter().find(|(s, _)| s.name() == subject).map(|(_, tally)| tally.small);
        tally.map_or(0.0, |(runs, seconds)| runs as f64 / seconds.max(1e-9) * self.workers as f64)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = [
            "subject",
            "runs",
            "n = 4 runs/s",
            "deliveries",
            "epochs",
            "of n = 4",
            "faults named",
            "attacks",
            "rare states",
            "retraced",
            "failed",
        ];
        let mut table = Table::new(heading);
        for (subject, tally) in &self.tallies {
            let strategies = subject.strategies();
            let fired = strategies.iter().filter(|strategy| tally.coverage.get(strategy.counter()) > 0).count();
            let rare = subject.rare().iter().filter(|name| tally.coverage.get(name) > 0).count();
            table.row([
                subject.name().to_owned(),
                grouped(tally.runs),
                grouped(self.rate(subject.name()) as u64),
                grouped(tally.delivered),
                grouped(tally.epochs.0),
                grouped(tally.epochs.1),
                grouped(tally.faults),
                format!("{fired}/{}", strategies.len()),
                format!("{rare}/{}", subject.rare().len()),
                grouped(tally.retraced),
                grouped(tally.failed),
            ]);
        }
        write!(f, "{table}")?;
        for (subject, zero) in &self.missing {
            writeln!(f, "{subject}: never reached: {}", zero.join(", "))?;
        }
        Ok(())
    }
}

/// Prints the failures of a campaign, each with its replay command and a short schedule that fails alike.
pub fn explain(report: &Report, tries: usize, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    for (subject, tally) in &report.tallies {
        for outcome in &tally.failures {
            let Some(failure) = &outcome.failure else { continue };
            writeln!(
                out,
                "\n{}: {} failed at step {} (n = {}): {}",
                outcome.scenario, failure.oracle, failure.step, outcome.nodes, failure.what
            )?;
            writeln!(out, "  replay: {}", outcome.scenario.replay())?;
            if let Some(shrunk) = subject.shrink(&outcome.scenario, tries) {
                writeln!(
                    out,
                    "  shrunk to {} events in {} tries: {}",
                    shrunk.choices.len(),
                    shrunk.tries,
                    shrunk.failure.what
                )?;
                for choice in shrunk.choices.iter().take(40) {
                    writeln!(out, "    {choice:?}")?;
                }
                if shrunk.choices.len() > 40 {
                    writeln!(out, "    ... and {} more", shrunk.choices.len() - 40)?;
                }
            }
        }
    }
    Ok(())
}
