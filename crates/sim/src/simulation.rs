//! A run, as its user sees it.

use std::collections::VecDeque;

use mellivora_core::{Committee, Digest, Fault, NodeIndex, Protocol};

use crate::latency::UNIT;
use crate::world::World;
use crate::{Builder, Choice, Counters, Coverage, Report, View};

/// One run of a protocol at all nodes of a committee: a function of its set-up and its seed.
pub struct Simulation<P: Protocol> {
    pub(crate) world: World<P>,
}

impl<P: Protocol + 'static> Simulation<P> {
    /// A run to be set up. Everything that is not said follows from `seed`.
    pub fn builder(committee: Committee, seed: u64) -> Builder<P> {
        Builder::new(committee, seed)
    }

    /// Gives a node an input: it becomes a pending event, and comes as early or late as the schedule likes. The
    /// second twin of an equivocating node gets what [`twin_input`](Builder::twin_input) makes of it.
    pub fn input(&mut self, node: NodeIndex, input: P::Input) {
        self.input_at(node, self.world.now as f64 / UNIT, input);
    }

    /// Gives a node an input at a moment of virtual time; without virtual time the same as [`input`](Self::input).
    pub fn input_at(&mut self, node: NodeIndex, time: f64, input: P::Input) {
        let time = ((time * UNIT) as u64).max(self.world.now);
        if let Some(&twin) = self.world.twins.get(&node)
            && let Some(other) = self.world.config.twin_input.as_mut().and_then(|hook| hook(node, &input))
        {
            self.world.enqueue_input(twin, time, other);
        }
        self.world.enqueue_input(node.0, time, input);
    }

    /// Lets one event happen; false when nothing is left, or a property is broken.
    pub fn step(&mut self) -> bool {
        self.world.step()
    }

    /// Runs until nothing is left to happen, and lets the oracles look at the end. Never panics; look at the report.
    ///
    /// What has to hold at the end is not asked while links are cut.
    pub fn run(&mut self) -> Report {
        while self.world.step() {}
        if self.world.down.is_empty() {
            self.world.ask(|oracle, view| oracle.finish(view));
        }
        for oracle in &self.world.oracles {
            oracle.count(&mut self.world.coverage);
        }
        self.report()
    }

    /// Runs until `condition` holds, which it looks at after every event; false if it never did.
    pub fn run_until(&mut self, mut condition: impl FnMut(&Simulation<P>) -> bool) -> bool {
        loop {
            if condition(self) {
                return true;
            }
            if !self.world.step() {
                return condition(self);
            }
        }
    }

    /// Repeats a recorded run on a fresh one with the same set-up and inputs. Events that cannot happen are left out;
    /// after the last one the oldest event goes first, until nothing is left.
    pub fn replay(&mut self, choices: &[Choice]) -> Report {
        self.world.timeline.clear();
        self.world.queue.follow_script();
        self.world.script = Some(choices.iter().copied().collect::<VecDeque<_>>());
        self.run()
    }

    /// The list of all events so far.
    pub fn choices(&self) -> &[Choice] {
        &self.world.trace.choices
    }

    /// Where the run stands.
    pub fn report(&self) -> Report {
        let world = &self.world;
        Report {
            seed: world.seed,
            steps: world.step,
            quiescent: world.queue.len == 0 && world.open.is_empty(),
            failure: world.failure.clone(),
            trace: world.trace.hash(),
            coverage: world.coverage.clone(),
            counters: world.counters,
        }
    }

    /// A look at everything.
    pub fn view(&self) -> View<'_, P> {
        self.world.view()
    }

    /// What a node has output since it was last started.
    ///
    /// # Panics
    ///
    /// If the node is not a member.
    pub fn outputs(&self, node: NodeIndex) -> &[P::Output] {
        self.view().outputs(node)
    }

    /// The state of a node. See [`View::node`].
    ///
    /// # Panics
    ///
    /// If the node is not a member.
    pub fn node(&self, node: NodeIndex) -> &P {
        self.view().node(node)
    }

    /// All faults that honest nodes recorded, with the node that noticed.
    pub fn faults(&self) -> &[(NodeIndex, Fault)] {
        &self.world.faults
    }

    /// Virtual time of a node's `index`-th output, in the unit of the latency model: message delays for
    /// [`Delay::One`](crate::Delay::One). `None` if there is no such output, or no virtual time.
    pub fn time_of_output(&self, node: NodeIndex, index: usize) -> Option<f64> {
        self.world.config.latency.as_ref()?;
        let actor = self.world.actors.get(node.as_usize())?;
        actor.output_times.get(index).map(|time| *time as f64 / UNIT)
    }

    /// Virtual time.
    pub fn now(&self) -> f64 {
        self.world.now as f64 / UNIT
    }

    /// Hash of all events and delivered messages so far: same set-up and seed, same hash.
    pub fn trace_hash(&self) -> Digest {
        self.world.trace.hash()
    }

    /// What was done, in numbers.
    pub fn counters(&self) -> Counters {
        self.world.counters
    }

    /// What fired.
    pub fn coverage(&self) -> &Coverage {
        &self.world.coverage
    }

    /// Adds one to a coverage counter.
    pub fn count(&mut self, name: &str) {
        self.world.coverage.count(name);
    }

    /// Takes the link between two nodes down: what they send each other from now on is lost.
    pub fn cut(&mut self, a: NodeIndex, b: NodeIndex) {
        self.world.apply(Choice::Cut { a, b });
    }

    /// Takes a link up again.
    pub fn heal(&mut self, a: NodeIndex, b: NodeIndex) {
        self.world.apply(Choice::Heal { a, b });
    }

    /// Stops a node, which loses everything but its log. What it had released is still on its way; what it did in an
    /// unfinished turn is undone, in the log too.
    pub fn crash(&mut self, node: NodeIndex) {
        self.world.apply(Choice::Crash { node, synced: false });
    }

    /// Stops a node between the sync of its log and the release of its messages.
    pub fn crash_after_sync(&mut self, node: NodeIndex) {
        self.world.apply(Choice::Crash { node, synced: true });
    }

    /// Starts a crashed node again: a fresh instance recalls the log, every other node forgets what it learnt of the
    /// old one, both sides say again what the other may have missed, and an empty turn of the fresh instance ends.
    pub fn restart(&mut self, node: NodeIndex) {
        self.world.apply(Choice::Restart { node });
    }

    /// Runs the nudge hook at a node.
    pub fn nudge(&mut self, node: NodeIndex) {
        self.world.apply(Choice::Nudge { node });
    }
}

impl<P: Protocol> std::fmt::Debug for Simulation<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let world = &self.world;
        write!(f, "Simulation({:?}, seed {}, step {})", world.committee, world.seed, world.step)
    }
}
