//! One run of a campaign, named: what is under attack, by whom, under which schedule.

use std::fmt;
use std::str::FromStr;

use mellivora_adversary::{Adaptive, Strategy};
use mellivora_core::{Committee, NodeIndex};
use mellivora_sim::Schedule;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Who moves next in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One of the simulator's hostile schedules with its parameters, by seed.
    Swarm,
    /// Any pending event, all alike.
    Random,
    /// Priorities by link with a few changes (PCT).
    Pct,
    /// Every event waits for a bounded number of steps.
    DelayBounded,
    /// The newest event first.
    Newest,
    /// A scheduler that reads the state.
    Adaptive(Adaptive),
}

impl Order {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Order> {
        [Order::Swarm, Order::Random, Order::Pct, Order::DelayBounded, Order::Newest]
            .into_iter()
            .chain(Adaptive::ALL.iter().copied().map(Order::Adaptive))
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Order::Swarm => "swarm",
            Order::Random => "random",
            Order::Pct => "pct",
            Order::DelayBounded => "delay-bounded",
            Order::Newest => "newest",
            Order::Adaptive(adaptive) => adaptive.name(),
        }
    }
}

/// What a run is; what is not said follows from the seed. Written `subject:nodes:attack:order:seed`, with `*` for what
/// the seed decides and `none` for no attack: `rbc:4:wrong-shard:*:17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What is under attack.
    pub subject: &'static str,
    /// Size of the committee.
    pub nodes: Option<usize>,
    /// What faulty nodes do; `Some(None)` for none.
    pub strategy: Option<Option<Strategy>>,
    /// Who moves next.
    pub order: Option<Order>,
    /// Everything else.
    pub seed: u64,
}

impl Scenario {
    /// A run that its seed decides.
    pub fn by_seed(subject: &'static str, seed: u64) -> Self {
        Scenario { subject, nodes: None, strategy: None, order: None, seed }
    }

    /// The command that repeats it.
    pub fn replay(&self) -> String {
        format!("cargo xtask sim --replay {self}")
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.subject)?;
        match self.nodes {
            Some(nodes) => write!(f, "{nodes}:")?,
            None => f.write_str("*:")?,
        }
        f.write_str(match self.strategy {
            Some(Some(strategy)) => strategy.name(),
            Some(None) => "none",
            None => "*",
        })?;
        write!(f, ":{}:{}", self.order.map_or("*", Order::name), self.seed)
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let [subject, nodes, strategy, order, seed] = parts[..] else {
            return Err(format!("'{text}' is no scenario: write subject:nodes:attack:order:seed, as in rbc:4:*:*:17"));
        };
        let subject = crate::subject::find(subject)?.name();
        let nodes = match nodes {
            "*" => None,
            nodes => Some(parse_nodes(nodes)?),
        };
        let strategy = match strategy {
            "*" => None,
            "none" => Some(None),
            name => Some(Some(parse_strategy(name)?)),
        };
        let order = match order {
            "*" => None,
            name => Some(parse_order(name)?),
        };
        let seed = seed.parse().map_err(|_| format!("'{seed}' is no seed: a number is expected"))?;
        Ok(Scenario { subject, nodes, strategy, order, seed })
    }
}

/// A size of committee that the simulator can run.
pub fn parse_nodes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(nodes) if (1..=64).contains(&nodes) => Ok(nodes),
        _ => Err(format!("'{text}' is no number of nodes: 1 to 64 are possible")),
    }
}

/// A strategy by name.
pub fn parse_strategy(text: &str) -> Result<Strategy, String> {
    text.parse().map_err(|unknown: mellivora_adversary::strategy::UnknownName| unknown.to_string())
}

/// An order by name.
pub fn parse_order(text: &str) -> Result<Order, String> {
    let known = || Order::all().map(Order::name).collect::<Vec<_>>().join(" ");
    Order::all().find(|o| o.name() == text).ok_or_else(|| format!("no order '{text}'; there are {}", known()))
}

/// A scenario with everything decided.
#[derive(Debug)]
pub struct Cast {
    /// The committee.
    pub committee: Committee,
    /// Seed of the run.
    pub seed: u64,
    /// Faulty nodes and what each does: at most f.
    pub faulty: Vec<(NodeIndex, Strategy)>,
    /// Who moves next.
    pub order: Order,
    /// Crashes with restart of honest nodes.
    pub crashes: usize,
    /// Links that are cut for a while.
    pub cuts: usize,
    /// For what the subject itself draws.
    pub rng: ChaCha8Rng,
}

/// Sizes of the swarm, each with its weight: a run costs about the cube of the size, and each gets its part of the time.
const SIZES: [(usize, u32); 7] = [(1, 12), (4, 300), (5, 16), (6, 10), (7, 10), (10, 3), (16, 1)];

impl Cast {
    /// Decides what the scenario leaves open. `strategies` are those that mean something to the subject.
    pub fn draw(scenario: &Scenario, strategies: &[Strategy]) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(scenario.seed);
        let mut ticket = rng.random_range(0..SIZES.iter().map(|(_, weight)| weight).sum());
        let drawn = SIZES.iter().find(|(_, weight)| {
            let found = ticket < *weight;
            ticket = ticket.saturating_sub(*weight);
            found
        });
        let nodes = scenario.nodes.unwrap_or(drawn.map_or(4, |(nodes, _)| *nodes));
        let committee = Committee::new(nodes).unwrap_or_else(|_| unreachable!("1 to 64 nodes are a committee"));
        // Every strategy has its turn: consecutive seeds go through the list, and mixed ones follow.
        let turn = scenario.seed as usize % (strategies.len() + 4).max(1);
        let mixed = |rng: &mut ChaCha8Rng| strategies.get(rng.random_range(0..strategies.len().max(1))).copied();
        let all = rng.random_ratio(3, 4);
        let count = if all { committee.f() } else { rng.random_range(0..=committee.f()) };
        let mut free: Vec<NodeIndex> = committee.nodes().collect();
        let mut faulty = Vec::new();
        for _ in 0..count.max(usize::from(scenario.strategy.is_some()).min(committee.f())) {
            let node = free.swap_remove(rng.random_range(0..free.len()));
            let strategy = match scenario.strategy {
                Some(strategy) => strategy,
                None => strategies.get(turn).copied().or_else(|| mixed(&mut rng)),
            };
            faulty.extend(strategy.map(|strategy| (node, strategy)));
        }
        faulty.sort_unstable_by_key(|(node, _)| *node);
        let adaptive = Adaptive::ALL[rng.random_range(0..Adaptive::ALL.len())];
        let order = if rng.random_ratio(1, 5) { Order::Adaptive(adaptive) } else { Order::Swarm };
        let order = scenario.order.unwrap_or(order);
        let crashes = if rng.random_ratio(1, 5) { 1 + rng.random_range(0..2) } else { 0 };
        let cuts = if rng.random_ratio(1, 5) { 3 } else { 0 };
        Cast { committee, seed: scenario.seed, faulty, order, crashes, cuts, rng }
    }

    /// Whether a node is faulty.
    pub fn is_faulty(&self, node: NodeIndex) -> bool {
        self.faulty.iter().any(|(faulty, _)| *faulty == node)
    }

    /// All others.
    pub fn honest(&self) -> Vec<NodeIndex> {
        self.committee.nodes().filter(|node| !self.is_faulty(*node)).collect()
    }

    /// The schedule, where it is one of the simulator's.
    pub fn schedule(&mut self) -> Schedule {
        match self.order {
            Order::Random => Schedule::Random,
            Order::Pct => Schedule::Pct { depth: self.rng.random_range(1..8) },
            Order::DelayBounded => Schedule::DelayBounded { bound: 1 << self.rng.random_range(1..10) },
            Order::Newest => Schedule::Lifo,
            Order::Swarm | Order::Adaptive(_) => Schedule::Swarm,
        }
    }
}
