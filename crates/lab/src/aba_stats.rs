//! How many rounds binary agreement takes, over many runs of the real state machine.
//!
//! Every coin is real, TERM is held back, and rounds are counted until the last honest node has decided by its own
//! coin. On equal inputs every round decides with probability 1/2: two rounds in the mean. An agreement that binds
//! before its coin is known takes four in the mean against the best scheduler there can be: each split round stays
//! split with probability 1/2. One that does not bind (no CONF) is kept split for ever: the control.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mellivora_adversary::{Adaptive, IdealCoin, Leading, Steering, Strategy, Tools, schedule::Peek};
use mellivora_agreement::{Aba, AbaConfig, AbaMessage, CoinSchedule, Vote};
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex};
use mellivora_sim::{Jobs, PendingKind, Scheduler, SimRng, Simulation, View};
use rand::{RngExt, SeedableRng};

use crate::parallel::{Deadline, cores, on_all};
use crate::table::{Table, grouped};

/// Rounds after which a run counts as undecided.
pub const LIMIT: u32 = 1_000;

/// The planted bug of the control.
pub const CONTROL: &str = "aba-no-conf";

/// Who decides what arrives next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Adversary {
    /// The schedule of four nodes, one of them Byzantine, that is worked out by hand.
    Steering,
    /// The schedule by hand that learns the coin and then leads one of four nodes away from it.
    Leading,
    /// Any pending message, all alike; Byzantine nodes follow the strategy.
    Random(Option<Strategy>),
    /// A scheduler that looks at states and coins.
    Adaptive(Adaptive, Option<Strategy>),
}

/// One row: who attacks what.
#[derive(Clone, Copy, Debug)]
struct Cell {
    nodes: usize,
    unanimous: bool,
    adversary: Adversary,
}

fn cells() -> Vec<Cell> {
    let cell = |nodes, unanimous, adversary| Cell { nodes, unanimous, adversary };
    let double = Some(Strategy::DoubleVote);
    let mut cells = vec![
        cell(4, true, Adversary::Random(None)),
        cell(4, true, Adversary::Random(Some(Strategy::Silent))),
        cell(4, true, Adversary::Steering),
        cell(7, true, Adversary::Random(None)),
    ];
    for nodes in [4, 7] {
        cells.push(cell(nodes, false, Adversary::Random(None)));
        cells.push(cell(nodes, false, Adversary::Random(double)));
        cells.push(cell(nodes, false, Adversary::Random(Some(Strategy::Flip))));
        cells.push(cell(nodes, false, Adversary::Adaptive(Adaptive::CoinFirst, double)));
        cells.push(cell(nodes, false, Adversary::Adaptive(Adaptive::CoinSingleton, double)));
    }
    cells.push(cell(4, false, Adversary::Steering));
    cells.push(cell(4, false, Adversary::Leading));
    cells
}

impl Cell {
    /// One run: the round in which the last honest node decided, if it did within the limit.
    fn play(&self, seed: u64, limit: u32) -> Option<u32> {
        match self.adversary {
            Adversary::Steering => {
                let inputs = if self.unanimous { [seed & 1 == 1; 3] } else { [true, false, false] };
                Steering::with_inputs(seed, inputs).play(limit).map(|round| round.0)
            }
            Adversary::Leading => Leading::new(seed).play(limit).map(|round| round.0),
            Adversary::Random(strategy) => self.simulate(seed, strategy, None, limit),
            Adversary::Adaptive(adaptive, strategy) => self.simulate(seed, strategy, Some(adaptive), limit),
        }
    }

    fn simulate(&self, seed: u64, strategy: Option<Strategy>, adaptive: Option<Adaptive>, limit: u32) -> Option<u32> {
        let committee = Committee::new(self.nodes).ok()?;
        let domain = Domain::new(Digest([7; 32]), Era(0));
        let coin = move |me| IdealCoin::scheme(committee, me, seed);
        let mut rng = SimRng::seed_from_u64(seed);
        let inner = adaptive.and_then(|adaptive| {
            let ideal = IdealCoin::new(committee, NodeIndex(0), seed);
            adaptive.scheduler::<Aba>(seed, Some(Peek::ideal(ideal, domain, CoinSchedule::AlwaysReal)))
        });
        let order: Box<dyn Scheduler<Aba>> = Box::new(HoldTerm { inner, rng: SimRng::seed_from_u64(seed ^ 1) });
        let mut builder = Simulation::<Aba>::builder(committee, seed)
            .scheduler(order)
            .hostile_steps(u64::MAX)
            .max_steps(u64::MAX)
            .jobs(Jobs::Inline)
            .turn_end(1.0)
            .codec(0.0)
            .record(false)
            .outbox(false)
            .twin_input(|_, input| Some(!input));
        let honest = self.nodes - strategy.map_or(0, |_| committee.f());
        for node in committee.nodes().skip(honest) {
            if let Some(strategy) = strategy {
                builder = builder.faulty(node, strategy.role_with::<Aba>(seed, tools(domain, coin(node))));
            }
        }
        let schedule = CoinSchedule::AlwaysReal;
        let mut sim = builder
            .build(move |me| Aba::new(AbaConfig { committee, me, domain, coin: coin(me), schedule, rounds_ahead: 6 }));
        let same = rng.random();
        for node in committee.nodes() {
            sim.input(node, if self.unanimous { same } else { node.0 % 2 == 0 });
        }
        let honest = || (0..honest as u16).map(NodeIndex);
        let mut over = false;
        sim.run_until(|sim| {
            over = honest().any(|node| sim.node(node).round().0 > limit);
            over || honest().all(|node| sim.node(node).decided_round().is_some())
        });
        let rounds: Option<Vec<u32>> = honest().map(|node| sim.node(node).decided_round().map(|r| r.0)).collect();
        rounds.filter(|_| !over)?.into_iter().max()
    }

    /// The bound on the mean, and what it is good for.
    fn bounds(&self) -> (f64, f64) {
        if self.unanimous { (1.95, 2.05) } else { (0.0, 4.07) }
    }

    fn name(&self) -> String {
        match self.adversary {
            Adversary::Steering => "steering, one Byzantine".to_owned(),
            Adversary::Leading => "leading, one Byzantine".to_owned(),
            Adversary::Random(None) => "random".to_owned(),
            Adversary::Random(Some(strategy)) => format!("random, f {strategy}"),
            Adversary::Adaptive(adaptive, None) => adaptive.name().to_owned(),
            Adversary::Adaptive(adaptive, Some(strategy)) => format!("{}, f {strategy}", adaptive.name()),
        }
    }
}

fn tools(domain: Domain, coin: std::sync::Arc<dyn mellivora_crypto::CoinScheme>) -> Tools {
    Tools { domain: Some(domain), coin: Some(coin), coin_schedule: CoinSchedule::AlwaysReal, ..Tools::default() }
}

/// Never delivers a TERM; otherwise what the inner scheduler wants, or anything.
struct HoldTerm {
    inner: Option<Box<dyn Scheduler<Aba>>>,
    rng: SimRng,
}

impl Scheduler<Aba> for HoldTerm {
    fn pick(&mut self, view: &View<'_, Aba>) -> Option<usize> {
        let is_term = |at: usize| {
            view.pending(at).is_some_and(|pending| {
                matches!(pending.kind, PendingKind::Message { message: AbaMessage::Vote(Vote::Term { .. }), .. })
            })
        };
        let len = view.pending_len();
        let wanted = self.inner.as_mut().and_then(|inner| inner.pick(view)).filter(|at| *at < len && !is_term(*at));
        let from = self.rng.random_range(0..len.max(1));
        wanted.or_else(|| (0..len).map(|step| (from + step) % len).find(|at| !is_term(*at)))
    }
}

/// What came of one row.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    nodes: usize,
    unanimous: bool,
    runs: u64,
    mean: f64,
    most: u32,
    undecided: u64,
    ok: bool,
}

/// What came of all rows.
#[derive(Clone, Debug)]
pub struct Report {
    rows: Vec<Row>,
    /// Runs of the control, and how many of them were undecided at the limit; none if it was not run.
    pub control: Option<(u64, u64)>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// So many runs of every row.
pub fn campaign(runs: u64) -> Report {
    let deadline = Deadline::new(None);
    // Every row has coins of its own.
    let rows = (1..).zip(&cells()).map(|(row, cell)| measure(cell, row << 40, runs)).collect();
    Report { rows, control: None, seconds: deadline.seconds() }
}

fn measure(cell: &Cell, first_seed: u64, runs: u64) -> Row {
    let next = AtomicU64::new(0);
    let sums = Mutex::new((0u64, 0u32, 0u64));
    on_all(cores(), || {
        let (mut sum, mut most, mut undecided) = (0u64, 0u32, 0u64);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= runs {
                break;
            }
            match cell.play(first_seed + number, LIMIT) {
                Some(rounds) => (sum, most) = (sum + u64::from(rounds), most.max(rounds)),
                None => undecided += 1,
            }
        }
        let mut all = sums.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *all = (all.0 + sum, all.1.max(most), all.2 + undecided);
    });
    let (sum, most, undecided) = sums.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mean = sum as f64 / (runs - undecided).max(1) as f64;
    let (low, high) = cell.bounds();
    let ok = undecided == 0 && (low..=high).contains(&mean);
    Row { name: cell.name(), nodes: cell.nodes, unanimous: cell.unanimous, runs, mean, most, undecided, ok }
}

/// The control, in a process where the planted bug is at work: how many of so many steered runs are undecided after
/// [`LIMIT`] rounds.
pub fn control(runs: u64) -> u64 {
    let cell = Cell { nodes: 4, unanimous: false, adversary: Adversary::Leading };
    let next = AtomicU64::new(0);
    let undecided = on_all(cores(), || {
        let seeds = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < runs));
        seeds.filter(|seed| cell.play(*seed, LIMIT).is_none()).count() as u64
    });
    undecided.into_iter().sum()
}

impl Report {
    /// The highest mean: of the adversary that attacks best.
    pub fn best(&self) -> f64 {
        self.rows.iter().map(|row| row.mean).fold(0.0, f64::max)
    }

    /// The lowest and highest mean on equal inputs.
    pub fn unanimous(&self) -> (f64, f64) {
        let means = self.rows.iter().filter(|row| row.unanimous).map(|row| row.mean);
        means.fold((f64::MAX, 0.0), |(low, high), mean| (low.min(mean), high.max(mean)))
    }

    /// Whether all means are within their bounds, the best adversary really attacks, and the control is undecided.
    pub fn is_ok(&self) -> bool {
        self.rows.iter().all(|row| row.ok) && self.best() >= 3.9 && self.control.is_none_or(|(runs, open)| runs == open)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table =
            Table::new(["inputs", "n", "adversary", "runs", "mean rounds", "most", "undecided", "within bounds"]);
        for row in &self.rows {
            table.row([
                if row.unanimous { "equal" } else { "mixed" }.to_owned(),
                row.nodes.to_string(),
                row.name.clone(),
                grouped(row.runs),
                format!("{:.3}", row.mean),
                row.most.to_string(),
                row.undecided.to_string(),
                if row.ok { "yes" } else { "NO" }.to_owned(),
            ]);
        }
        write!(f, "{table}")?;
        if let Some((runs, open)) = self.control {
            writeln!(f, "control without CONF: {open} of {runs} steered runs undecided after {LIMIT} rounds")?;
        }
        Ok(())
    }
}
