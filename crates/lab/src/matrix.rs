//! The matrix: every attack on every protocol at every size, with a given number of seeds each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mellivora_adversary::Strategy;

use crate::parallel::{Deadline, cores, on_all};
use crate::scenario::Scenario;
use crate::subject::{Outcome, Subject};
use crate::table::{Table, grouped};

/// Sizes of the matrix.
pub const SIZES: [usize; 5] = [4, 5, 7, 10, 16];

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The subjects.
    pub subjects: Vec<&'static dyn Subject>,
    /// The sizes.
    pub sizes: Vec<usize>,
    /// The attacks; those that mean nothing to a subject are left out there.
    pub strategies: Vec<Strategy>,
    /// Seeds of each cell.
    pub seeds: u64,
    /// Seeds that each cell must have for the verdict: fewer than `seeds` where a budget may cut the campaign short.
    pub enough: u64,
    /// Budget in seconds; none: until all cells are full.
    pub seconds: Option<f64>,
}

/// What one cell came to.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Runs.
    pub runs: u64,
    /// How many of them the attack fired in.
    pub fired: u64,
    /// Faults that honest nodes recorded.
    pub faults: u64,
    /// Runs that failed.
    pub failed: u64,
}

type Key = (usize, Strategy, usize);

/// What came of a matrix.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    cells: BTreeMap<Key, Cell>,
    /// The first failures.
    pub failures: Vec<Outcome>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Runs a matrix: one seed of every cell, then the next seed.
pub fn campaign(plan: &Plan) -> Report {
    let deadline = Deadline::new(plan.seconds);
    let mut keys = Vec::new();
    for (at, subject) in plan.subjects.iter().enumerate() {
        let means = subject.strategies();
        for strategy in plan.strategies.iter().copied().filter(|strategy| means.contains(strategy)) {
            keys.extend(plan.sizes.iter().map(|size| (at, strategy, *size)));
        }
    }
    let cells: Vec<Mutex<Cell>> = keys.iter().map(|_| Mutex::default()).collect();
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let total = keys.len() * usize::try_from(plan.seeds).unwrap_or(usize::MAX);
    on_all(cores(), || {
        while !deadline.is_over() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= total {
                return;
            }
            let (at, strategy, size) = keys[number % keys.len()];
            let scenario = Scenario {
                subject: plan.subjects[at].name(),
                nodes: Some(size),
                strategy: Some(Some(strategy)),
                order: None,
                seed: (number / keys.len()) as u64,
            };
            let outcome = plan.subjects[at].run(&scenario);
            let mut cell = cells[number % keys.len()].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            cell.runs += 1;
            cell.fired += u64::from(outcome.coverage.get(strategy.counter()) > 0);
            cell.faults += outcome.faults;
            if outcome.failure.is_some() {
                cell.failed += 1;
                failures.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(outcome);
            }
        }
    });
    let cells = cells.into_iter().map(|cell| cell.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()));
    let mut failures = failures.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    failures.truncate(10);
    Report { plan: plan.clone(), cells: keys.into_iter().zip(cells).collect(), failures, seconds: deadline.seconds() }
}

impl Report {
    /// Cells.
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Attacks that mean something to some subject.
    pub fn strategies(&self) -> usize {
        self.cells.keys().map(|(_, strategy, _)| strategy).collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Runs.
    pub fn runs(&self) -> u64 {
        self.cells.values().map(|cell| cell.runs).sum()
    }

    /// Runs that failed.
    pub fn failed(&self) -> u64 {
        self.cells.values().map(|cell| cell.failed).sum()
    }

    /// Seeds of the cell that has fewest.
    pub fn fewest(&self) -> u64 {
        self.cells.values().map(|cell| cell.runs).min().unwrap_or(0)
    }

    /// Rows in which the attack never fired, at any size.
    pub fn idle(&self) -> Vec<String> {
        let mut fired: BTreeMap<(usize, Strategy), u64> = BTreeMap::new();
        for ((at, strategy, _), cell) in &self.cells {
            *fired.entry((*at, *strategy)).or_default() += cell.fired;
        }
        let name = |at: usize, strategy: Strategy| format!("{}:{}", self.plan.subjects[at].name(), strategy.name());
        fired.into_iter().filter(|(_, fired)| *fired == 0).map(|((at, strategy), _)| name(at, strategy)).collect()
    }

    /// Whether every cell has its seeds, every attack fired and nothing failed.
    pub fn is_ok(&self) -> bool {
        self.failed() == 0 && self.idle().is_empty() && self.fewest() >= self.plan.enough
    }
}

impl fmt::Display for Report {
    /// Rows are attacks, columns subjects and sizes; a cell says runs, runs in which the attack fired, faults named.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, subject) in self.plan.subjects.iter().enumerate() {
            let mut heading = vec![format!("{} under", subject.name())];
            heading.extend(self.plan.sizes.iter().map(|size| format!("n = {size}")));
            heading.push("failed".to_owned());
            let mut table = Table::new(heading);
            for strategy in &self.plan.strategies {
                let cells: Vec<Option<&Cell>> =
                    self.plan.sizes.iter().map(|size| self.cells.get(&(at, *strategy, *size))).collect();
                if cells.iter().all(Option::is_none) {
                    continue;
                }
                let failed: u64 = cells.iter().flatten().map(|cell| cell.failed).sum();
                let mut row = vec![strategy.name().to_owned()];
                row.extend(cells.iter().map(|cell| match cell {
                    Some(cell) => format!("{} / {} / {}", cell.runs, cell.fired, grouped(cell.faults)),
                    None => "–".to_owned(),
                }));
                row.push(failed.to_string());
                table.row(row);
            }
            writeln!(f, "{table}")?;
        }
        writeln!(f, "A cell: runs / runs in which the attack fired / faults that honest nodes named.")?;
        if !self.idle().is_empty() {
            writeln!(f, "never fired: {}", self.idle().join(", "))?;
        }
        Ok(())
    }
}
