//! How a run is set up.

use std::collections::{BTreeMap, BTreeSet};

use mellivora_core::{Committee, Effects, NodeIndex, NodeSet, Protocol};
use rand::RngExt;

use crate::actor::Actor;
use crate::behaviour::wrapper;
use crate::queue::{Order, Queue};
use crate::rng::{Stream, stream};
use crate::trace::Trace;
use crate::world::{Config, HealHook, InputHook, NudgeHook, TwinHook, World};
use crate::{Behaviour, Choice, Counters, Coverage, Oracle, Plan, Role, Schedule, SimRng, Simulation};

/// Where jobs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {
    /// On the spot, within the turn that asked for them.
    Inline,
    /// Somewhere else: each finishes as an event of its own, in any order.
    Shuffled,
}

/// Set-up of a [`Simulation`]. What is not said is drawn by the seed.
pub struct Builder<P: Protocol> {
    committee: Committee,
    seed: u64,
    plan: Plan<P>,
    roles: BTreeMap<NodeIndex, Role<P>>,
    oracles: Vec<Box<dyn Oracle<P>>>,
    hostile: Option<u64>,
    max_steps: u64,
    codec: f64,
    jobs: Option<Jobs>,
    turn_end: Option<f64>,
    outbox: Option<bool>,
    rounds_ahead: Option<u32>,
    crashes: usize,
    cuts: usize,
    nudges: usize,
    quiet_nudges: u32,
    allow_blame: bool,
    record: bool,
    heal: Option<HealHook<P>>,
    nudge: Option<NudgeHook<P>>,
    again: Option<InputHook<P>>,
    twin_input: Option<TwinHook<P>>,
}

impl<P: Protocol + 'static> Builder<P> {
    pub(crate) fn new(committee: Committee, seed: u64) -> Self {
        Builder {
            committee,
            seed,
            plan: Plan::Built(Schedule::Random),
            roles: BTreeMap::new(),
            oracles: Vec::new(),
            hostile: None,
            max_steps: 5_000_000,
            codec: 0.125,
            jobs: None,
            turn_end: None,
            outbox: None,
            rounds_ahead: None,
            crashes: 0,
            cuts: 0,
            nudges: 0,
            quiet_nudges: 0,
            allow_blame: false,
            record: true,
            heal: None,
            nudge: None,
            again: None,
            twin_input: None,
        }
    }

    /// Who moves next: a [`Schedule`], or a `Box<dyn Scheduler<P>>` of one's own. [`Schedule::Random`] if not said.
    #[must_use]
    pub fn scheduler(mut self, plan: impl Into<Plan<P>>) -> Self {
        self.plan = plan.into();
        self
    }

    /// Makes a node faulty: a [`Behaviour`], or a `Box<dyn Adversary<P>>` of one's own. No oracle asks anything of
    /// it any more. More than f faulty nodes are allowed here; what then fails is no bug.
    #[must_use]
    pub fn faulty(mut self, node: NodeIndex, role: impl Into<Role<P>>) -> Self {
        self.roles.insert(node, role.into());
        self
    }

    /// Makes up to f random nodes faulty, each in a random way; those declared [`faulty`](Self::faulty) before count.
    #[must_use]
    pub fn faulty_by_seed(mut self) -> Self {
        let mut rng = stream(self.seed, Stream::Cast);
        let wanted = rng.random_range(0..=self.committee.f());
        let mut free: Vec<NodeIndex> = self.committee.nodes().filter(|node| !self.roles.contains_key(node)).collect();
        while self.roles.len() < wanted && !free.is_empty() {
            let node = free.swap_remove(rng.random_range(0..free.len()));
            self.roles.insert(node, Role::Behaviour(Behaviour::draw(&mut rng)));
        }
        self
    }

    /// Adds a property to watch.
    #[must_use]
    pub fn oracle(mut self, oracle: impl Oracle<P> + 'static) -> Self {
        self.oracles.push(Box::new(oracle));
        self
    }

    /// Length of the hostile phase in events. By seed: a power of two up to 2048.
    #[must_use]
    pub fn hostile_steps(mut self, steps: u64) -> Self {
        self.hostile = Some(steps);
        self
    }

    /// Events within which the run has to come to rest. Five million if not said.
    #[must_use]
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.max_steps = steps;
        self
    }

    /// Share of messages that travel as bytes, with the encoding compared after decoding; 0 switches this off. One
    /// in eight if not said.
    #[must_use]
    pub fn codec(mut self, share: f64) -> Self {
        self.codec = share;
        self
    }

    /// Where jobs run. By seed if not said; inline under virtual time.
    #[must_use]
    pub fn jobs(mut self, jobs: Jobs) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// Probability that an event ends the turn of its node: 1 flushes after every event, 0.05 makes turns of about 20
    /// events. Turns also end when nothing is pending and, under virtual time, when time moves on: so 0 makes one turn
    /// of all that reaches a node in the same moment. By seed if not said; 1 under virtual time.
    #[must_use]
    pub fn turn_end(mut self, probability: f64) -> Self {
        self.turn_end = Some(probability.clamp(0.0, 1.0));
        self
    }

    /// Whether the simulator repeats messages for the protocol, as the outbox of a driver does: after a cut what was
    /// lost, to and from a new incarnation everything that was said or logged. On, unless there is an
    /// [`on_heal`](Self::on_heal) hook: a protocol with an outbox of its own repeats by itself.
    #[must_use]
    pub fn outbox(mut self, outbox: bool) -> Self {
        self.outbox = Some(outbox);
        self
    }

    /// Makes the simulator hold back messages of rounds more than `rounds` beyond the one in which the receiver was
    /// last seen, by [`Message::split`](mellivora_core::Message::split), as the outbox of a driver does.
    #[must_use]
    pub fn rounds_ahead(mut self, rounds: u32) -> Self {
        self.rounds_ahead = Some(rounds);
        self
    }

    /// Crashes so many random honest nodes at random moments of the hostile phase, and restarts each a while later.
    #[must_use]
    pub fn crashes(mut self, count: usize) -> Self {
        self.crashes = count;
        self
    }

    /// Cuts so many random links at random moments of the hostile phase, and heals each a while later.
    #[must_use]
    pub fn cuts(mut self, count: usize) -> Self {
        self.cuts = count;
        self
    }

    /// Runs the nudge hook at so many random moments of the hostile phase, each at a random node.
    #[must_use]
    pub fn nudges(mut self, count: usize) -> Self {
        self.nudges = count;
        self
    }

    /// Runs the nudge hook at all nodes when nothing is left to happen, so many times before the run is at rest. For
    /// protocols whose pacing needs nudges.
    #[must_use]
    pub fn nudges_when_quiet(mut self, times: u32) -> Self {
        self.quiet_nudges = times;
        self
    }

    /// Switches off the rule that no honest node is blamed. For planted bugs that would trip over it first.
    #[must_use]
    pub fn allow_blame(mut self) -> Self {
        self.allow_blame = true;
        self
    }

    /// Whether the list of events is kept for replay (16 bytes each). The trace hash does not depend on it.
    #[must_use]
    pub fn record(mut self, record: bool) -> Self {
        self.record = record;
        self
    }

    /// What a node does when its link to a peer comes up again, after a cut or a restart of either.
    #[must_use]
    pub fn on_heal(mut self, hook: impl FnMut(&mut P, NodeIndex, &mut dyn Effects<P>) + 'static) -> Self {
        self.heal = Some(Box::new(hook));
        self
    }

    /// What a nudge does at a node.
    #[must_use]
    pub fn on_nudge(mut self, hook: impl FnMut(&mut P, &mut dyn Effects<P>) + 'static) -> Self {
        self.nudge = Some(Box::new(hook));
        self
    }

    /// Inputs that a node's user gives again after a restart.
    #[must_use]
    pub fn input_again(mut self, hook: impl FnMut(NodeIndex) -> Vec<P::Input> + 'static) -> Self {
        self.again = Some(Box::new(hook));
        self
    }

    /// The input of the second twin of an equivocating node, made from that of the first. Without it the second twin
    /// has no input.
    #[must_use]
    pub fn twin_input(mut self, hook: impl FnMut(NodeIndex, &P::Input) -> Option<P::Input> + 'static) -> Self {
        self.twin_input = Some(Box::new(hook));
        self
    }

    /// Starts the run. `factory` makes the instance of a node; it is called once per node, once more for the twin of
    /// an equivocating one, and at each restart.
    pub fn build(mut self, mut factory: impl FnMut(NodeIndex) -> P + 'static) -> Simulation<P> {
        let seed = self.seed;
        let mut setup = stream(seed, Stream::Setup);
        let drawn_hostile = 1 << setup.random_range(3..12);
        let drawn_jobs = if setup.random() { Jobs::Inline } else { Jobs::Shuffled };
        let drawn_turn = [1.0, 1.0, 0.5, 0.2, 0.05][setup.random_range(0..5)];

        let latency = match &self.plan {
            Plan::Built(Schedule::Latency(latency)) => Some(latency.clone()),
            _ => None,
        };
        let timed = latency.is_some();
        let hostile = self.hostile.unwrap_or(drawn_hostile);
        let config = Config {
            inline_jobs: self.jobs.unwrap_or(if timed { Jobs::Inline } else { drawn_jobs }) == Jobs::Inline,
            turn_end: self.turn_end.unwrap_or(if timed { 1.0 } else { drawn_turn }),
            codec: (self.codec.clamp(0.0, 1.0) * 256.0) as u32,
            latency,
            max_steps: self.max_steps,
            hostile,
            outbox: self.outbox.unwrap_or(self.heal.is_none()),
            rounds_ahead: self.rounds_ahead,
            quiet_nudges: self.quiet_nudges,
            allow_blame: self.allow_blame,
            heal: self.heal.take(),
            nudge: self.nudge.take(),
            again: self.again.take(),
            twin_input: self.twin_input.take(),
        };

        let all = self.committee.all();
        let faulty: NodeSet = self.roles.keys().copied().collect();
        let mut actors: Vec<Actor<P>> = self
            .committee
            .nodes()
            .map(|node| Actor::new(node, factory(node), config.inline_jobs, stream(seed, Stream::Adversary(node.0))))
            .collect();
        let twins = self.cast(&mut actors, &config, &mut factory);
        let mut schedule_rng = stream(seed, Stream::Schedule);
        let timeline = self.timeline(hostile, &all.difference(&faulty));
        let order = Order::new(self.plan, &all, hostile, &mut schedule_rng);
        Simulation {
            world: World {
                committee: self.committee,
                seed,
                factory: Box::new(factory),
                numbers: vec![0; actors.len() * actors.len()],
                actors,
                twins,
                faulty,
                queue: Queue::new(order),
                seq: 0,
                step: 0,
                started: false,
                now: 0,
                down: BTreeSet::new(),
                lost: BTreeMap::new(),
                open: Vec::new(),
                timeline,
                script: None,
                faults: Vec::new(),
                oracles: self.oracles,
                failure: None,
                coverage: Coverage::new(),
                counters: Counters::default(),
                trace: Trace::new(self.record),
                scratch: Vec::new(),
                schedule_rng,
                turn_rng: stream(seed, Stream::Turns),
                codec_rng: stream(seed, Stream::Codec),
                latency_rng: stream(seed, Stream::Latency),
                config,
            },
        }
    }

    /// Gives the faulty nodes their roles, and the equivocating ones their twins.
    fn cast(
        &mut self,
        actors: &mut Vec<Actor<P>>,
        config: &Config<P>,
        factory: &mut impl FnMut(NodeIndex) -> P,
    ) -> BTreeMap<NodeIndex, u16> {
        let mut sides = stream(self.seed, Stream::Sides);
        let mut twins = BTreeMap::new();
        for (node, role) in std::mem::take(&mut self.roles) {
            let at = actors.len() as u16;
            let Some(actor) = actors.get_mut(node.as_usize()) else { continue };
            match role {
                Role::Own(adversary) => actor.adversary = Some(adversary),
                Role::Behaviour(Behaviour::Equivocate) => {
                    let (first, second) = split(self.committee, &mut sides);
                    actor.audience = first;
                    actor.side = Some(false);
                    let rng = stream(self.seed, Stream::Adversary(at));
                    let mut twin = Actor::new(node, factory(node), config.inline_jobs, rng);
                    twin.audience = second;
                    twin.side = Some(true);
                    actors.push(twin);
                    twins.insert(node, at);
                }
                Role::Behaviour(behaviour) => actor.adversary = wrapper(behaviour),
            }
        }
        twins
    }

    /// Draws crashes, cuts and nudges; the next one stands last.
    fn timeline(&self, hostile: u64, honest: &NodeSet) -> Vec<(u64, Choice)> {
        let mut rng = stream(self.seed, Stream::Timeline);
        let mut timeline = Vec::new();
        let honest: Vec<NodeIndex> = honest.iter().collect();
        let span = hostile.max(2);
        let two = |rng: &mut SimRng| {
            let start = rng.random_range(0..span);
            (start, start + rng.random_range(1..span))
        };
        for _ in 0..if honest.is_empty() { 0 } else { self.crashes } {
            let (down, up) = two(&mut rng);
            let node = honest[rng.random_range(0..honest.len())];
            timeline.push((down, Choice::Crash { node, synced: rng.random() }));
            timeline.push((up, Choice::Restart { node }));
        }
        let nodes = self.committee.n() as u16;
        for _ in 0..self.cuts {
            let (down, up) = two(&mut rng);
            let (a, b) = (NodeIndex(rng.random_range(0..nodes)), NodeIndex(rng.random_range(0..nodes)));
            timeline.push((down, Choice::Cut { a, b }));
            timeline.push((up, Choice::Heal { a, b }));
        }
        for _ in 0..self.nudges {
            let node = NodeIndex(rng.random_range(0..nodes));
            timeline.push((rng.random_range(0..span), Choice::Nudge { node }));
        }
        timeline.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        timeline
    }
}

/// Who hears which twin: everybody one of them, some both, and each twin somebody.
fn split(committee: Committee, rng: &mut SimRng) -> (NodeSet, NodeSet) {
    let mut sides = [NodeSet::EMPTY, NodeSet::EMPTY];
    let mut order: Vec<NodeIndex> = committee.nodes().collect();
    for place in (1..order.len()).rev() {
        order.swap(place, rng.random_range(0..=place));
    }
    for (place, node) in order.into_iter().enumerate() {
        let side = place % 2;
        sides[side].insert(node);
        if rng.random_ratio(1, 8) {
            sides[1 - side].insert(node);
        }
    }
    (sides[0], sides[1])
}

impl<P: Protocol> std::fmt::Debug for Builder<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("committee", &self.committee)
            .field("seed", &self.seed)
            .field("scheduler", &self.plan)
            .field("faulty", &self.roles)
            .finish_non_exhaustive()
    }
}
