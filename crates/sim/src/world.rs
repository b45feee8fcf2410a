//! The whole state of a run.

use std::collections::{BTreeMap, VecDeque};

use mellivora_core::{Committee, Effects, Fault, FaultKind, NodeIndex, NodeSet, Protocol};

use crate::actor::Actor;
use crate::event::{Body, Event};
use crate::queue::{Place, Queue};
use crate::report::replay_line;
use crate::trace::Trace;
use crate::{Choice, Counters, Coverage, Failure, Latency, Observation, Oracle, SimRng, View};

pub(crate) type Factory<P> = Box<dyn FnMut(NodeIndex) -> P>;
pub(crate) type HealHook<P> = Box<dyn FnMut(&mut P, NodeIndex, &mut dyn Effects<P>)>;
pub(crate) type NudgeHook<P> = Box<dyn FnMut(&mut P, &mut dyn Effects<P>)>;
pub(crate) type InputHook<P> = Box<dyn FnMut(NodeIndex) -> Vec<<P as Protocol>::Input>>;
pub(crate) type TwinHook<P> = Box<dyn FnMut(NodeIndex, &<P as Protocol>::Input) -> Option<<P as Protocol>::Input>>;

/// What the builder was told and the run needs throughout.
pub(crate) struct Config<P: Protocol> {
    pub(crate) inline_jobs: bool,
    /// Probability that an event ends its turn.
    pub(crate) turn_end: f64,
    /// Share of messages that travel as bytes, in 1/256.
    pub(crate) codec: u32,
    pub(crate) latency: Option<Latency>,
    pub(crate) max_steps: u64,
    pub(crate) hostile: u64,
    pub(crate) outbox: bool,
    pub(crate) rounds_ahead: Option<u32>,
    pub(crate) quiet_nudges: u32,
    pub(crate) allow_blame: bool,
    pub(crate) heal: Option<HealHook<P>>,
    pub(crate) nudge: Option<NudgeHook<P>>,
    pub(crate) again: Option<InputHook<P>>,
    pub(crate) twin_input: Option<TwinHook<P>>,
}

/// The whole state of a run.
pub(crate) struct World<P: Protocol> {
    pub(crate) committee: Committee,
    pub(crate) seed: u64,
    pub(crate) config: Config<P>,
    pub(crate) factory: Factory<P>,
    pub(crate) actors: Vec<Actor<P>>,
    /// The second instance of an equivocating node.
    pub(crate) twins: BTreeMap<NodeIndex, u16>,
    pub(crate) faulty: NodeSet,
    pub(crate) queue: Queue<P>,
    /// Messages sent so far on each link of actors, by `from * actors + to`.
    pub(crate) numbers: Vec<u32>,
    pub(crate) seq: u64,
    pub(crate) step: u64,
    pub(crate) started: bool,
    /// Virtual time.
    pub(crate) now: u64,
    /// Links that are down, smaller end first.
    pub(crate) down: std::collections::BTreeSet<(NodeIndex, NodeIndex)>,
    /// Messages lost on a link of actors.
    pub(crate) lost: BTreeMap<(u16, u16), Vec<P::Message>>,
    /// Actors with an open turn, in no order.
    pub(crate) open: Vec<u16>,
    /// Crashes, restarts, cuts and nudges to come, the next one last.
    pub(crate) timeline: Vec<(u64, Choice)>,
    /// A recorded run to repeat.
    pub(crate) script: Option<VecDeque<Choice>>,
    pub(crate) faults: Vec<(NodeIndex, Fault)>,
    pub(crate) oracles: Vec<Box<dyn Oracle<P>>>,
    pub(crate) failure: Option<Failure>,
    pub(crate) coverage: Coverage,
    pub(crate) counters: Counters,
    pub(crate) trace: Trace,
    pub(crate) scratch: Vec<u8>,
    pub(crate) schedule_rng: SimRng,
    pub(crate) turn_rng: SimRng,
    pub(crate) codec_rng: SimRng,
    pub(crate) latency_rng: SimRng,
}

impl<P: Protocol> World<P> {
    /// Faults kept in full; a flood of malformed frames is only counted beyond it.
    const FAULTS: usize = 10_000;

    pub(crate) fn view(&self) -> View<'_, P> {
        View { world: self }
    }

    /// Ends the run with a broken property, unless one was broken before.
    pub(crate) fn fail(&mut self, oracle: &str, what: String) {
        if self.failure.is_none() {
            self.failure = Some(Failure {
                seed: self.seed,
                step: self.step,
                oracle: oracle.to_owned(),
                what,
                replay: replay_line(self.seed, self.faulty.iter()),
            });
        }
    }

    /// Shows an event to all oracles.
    pub(crate) fn observe(&mut self, event: &Observation<'_, P>) {
        self.ask(|oracle, view| oracle.observe(event, view));
    }

    /// Asks all oracles.
    pub(crate) fn ask(&mut self, ask: impl Fn(&mut dyn Oracle<P>, &View<'_, P>) -> Result<(), String>) {
        if self.oracles.is_empty() || self.failure.is_some() {
            return;
        }
        let mut oracles = std::mem::take(&mut self.oracles);
        let failed =
            oracles.iter_mut().find_map(|oracle| ask(oracle, &self.view()).err().map(|what| (oracle.name(), what)));
        self.oracles = oracles;
        if let Some((name, what)) = failed {
            self.fail(name, what);
        }
    }

    /// Records a fault that `by` noticed, and holds an honest observer to the rule that no honest node is blamed.
    pub(crate) fn record_fault(&mut self, by: NodeIndex, fault: Fault) {
        if self.faulty.contains(by) {
            return;
        }
        if !self.faulty.contains(fault.node) && !self.config.allow_blame {
            self.fail("no-blame", format!("honest {by:?} blames honest {fault:?}"));
        }
        self.observe(&Observation::Fault { node: by, fault: &fault });
        if self.faults.len() < Self::FAULTS {
            self.faults.push((by, fault));
        }
    }

    /// A faulty node sent bytes that are no message.
    pub(crate) fn malformed(&mut self, from: NodeIndex, to: NodeIndex) {
        self.counters.malformed += 1;
        self.record_fault(to, Fault::new(from, FaultKind::MalformedMessage));
    }

    /// The actors of a node: one, or two twins.
    pub(crate) fn actors_of(&self, node: NodeIndex) -> [Option<u16>; 2] {
        [self.committee.contains(node).then_some(node.0), self.twins.get(&node).copied()]
    }

    pub(crate) fn is_down(&self, a: NodeIndex, b: NodeIndex) -> bool {
        !self.down.is_empty() && self.down.contains(&(a.min(b), a.max(b)))
    }

    /// Adds a pending event.
    pub(crate) fn enqueue(&mut self, key: Choice, at: u16, time: u64, body: Body<P>) {
        let from = match &body {
            Body::Message { from, .. } => Some(*from),
            _ => None,
        };
        let Some(node) = self.actors.get(usize::from(at)).map(|actor| actor.node) else { return };
        let place = Place { key, from, at: node, seq: self.seq, time };
        let event = Event { key, at, seq: self.seq, time, body };
        self.seq += 1;
        self.queue.push(event, &place, &mut self.schedule_rng);
    }

    /// Puts an input among the pending events.
    pub(crate) fn enqueue_input(&mut self, at: u16, time: u64, input: P::Input) {
        let Some(actor) = self.actors.get_mut(usize::from(at)) else { return };
        let number = actor.next_input;
        actor.next_input += 1;
        self.enqueue(Choice::Input { at, number }, at, time, Body::Input(input));
    }
}
