//! One instance of a protocol and what its driver holds for it.

use std::collections::{BTreeMap, VecDeque};

use mellivora_core::{Durable, Effects, Fault, Job, NodeIndex, NodeSet, Protocol, Round, To};

use crate::{Adversary, SimRng};

/// What an instance did in its open turn; released when the turn ends.
pub(crate) struct Turn<P: Protocol> {
    node: NodeIndex,
    inline_jobs: bool,
    pub(crate) open: bool,
    pub(crate) sends: Vec<(To, Durable, P::Message)>,
    pub(crate) to_self: VecDeque<P::Message>,
    pub(crate) jobs_now: VecDeque<P::Job>,
    pub(crate) jobs: Vec<P::Job>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) outputs: Vec<P::Output>,
}

impl<P: Protocol> Turn<P> {
    fn new(node: NodeIndex, inline_jobs: bool) -> Self {
        Turn {
            node,
            inline_jobs,
            open: false,
            sends: Vec::new(),
            to_self: VecDeque::new(),
            jobs_now: VecDeque::new(),
            jobs: Vec::new(),
            faults: Vec::new(),
            outputs: Vec::new(),
        }
    }
}

impl<P: Protocol> Effects<P> for Turn<P> {
    fn send(&mut self, to: To, durable: Durable, message: P::Message) {
        if to.includes(self.node) {
            self.to_self.push_back(message.clone());
        }
        self.sends.push((to, durable, message));
    }

    fn job(&mut self, job: P::Job) {
        if self.inline_jobs { self.jobs_now.push_back(job) } else { self.jobs.push(job) }
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn output(&mut self, output: P::Output) {
        self.outputs.push(output);
    }
}

/// What settling did, for the counters.
#[derive(Default)]
pub(crate) struct Settled {
    pub(crate) to_self: u64,
    pub(crate) jobs: u64,
    /// The instance kept itself busy beyond any reason.
    pub(crate) endless: bool,
}

/// One instance: a node, or the second half of an equivocating one.
pub(crate) struct Actor<P: Protocol> {
    pub(crate) node: NodeIndex,
    pub(crate) instance: P,
    pub(crate) alive: bool,
    pub(crate) incarnation: u32,
    pub(crate) turn: Turn<P>,
    /// Who hears this instance and is heard by it.
    pub(crate) audience: NodeSet,
    /// Which of two twins it is.
    pub(crate) side: Option<bool>,
    pub(crate) adversary: Option<Box<dyn Adversary<P>>>,
    pub(crate) rng: SimRng,
    /// Promises, in the order in which they were made.
    pub(crate) log: Vec<(To, P::Message)>,
    /// Everything sent by this incarnation, for peers that come back.
    pub(crate) history: Vec<(To, P::Message)>,
    pub(crate) outputs: Vec<P::Output>,
    pub(crate) output_times: Vec<u64>,
    /// Inputs that came while the node was down.
    pub(crate) waiting: Vec<P::Input>,
    /// Highest round seen of (peer, instance).
    pub(crate) seen: BTreeMap<(NodeIndex, NodeIndex), Round>,
    /// Messages held back until their receiver is near enough.
    pub(crate) held: BTreeMap<NodeIndex, Vec<P::Message>>,
    /// Number of the next job and of the next input.
    pub(crate) next_job: u32,
    pub(crate) next_input: u32,
    /// Virtual time at which its uplink is free again.
    pub(crate) uplink_free: u64,
}

impl<P: Protocol> Actor<P> {
    /// Self-deliveries and jobs in one turn beyond which an instance is considered to run in circles.
    const ENDLESS: u64 = 10_000_000;

    pub(crate) fn new(node: NodeIndex, instance: P, inline_jobs: bool, rng: SimRng) -> Self {
        Actor {
            node,
            instance,
            alive: true,
            incarnation: 0,
            turn: Turn::new(node, inline_jobs),
            audience: NodeSet::first(NodeSet::CAPACITY),
            side: None,
            adversary: None,
            rng,
            log: Vec::new(),
            history: Vec::new(),
            outputs: Vec::new(),
            output_times: Vec::new(),
            waiting: Vec::new(),
            seen: BTreeMap::new(),
            held: BTreeMap::new(),
            next_job: 0,
            next_input: 0,
            uplink_free: 0,
        }
    }

    /// Hands the instance its own messages and the results of jobs on the spot, until there are none.
    pub(crate) fn settle(&mut self) -> Settled {
        let mut settled = Settled::default();
        while settled.to_self + settled.jobs < Self::ENDLESS {
            if let Some(message) = self.turn.to_self.pop_front() {
                settled.to_self += 1;
                self.instance.receive(self.node, message, &mut self.turn);
            } else if let Some(job) = self.turn.jobs_now.pop_front() {
                settled.jobs += 1;
                self.instance.done(job.run(), &mut self.turn);
            } else {
                return settled;
            }
        }
        settled.endless = true;
        settled
    }

    /// Ends the turn at the instance: flush, and again as long as flushing made the node talk to itself.
    pub(crate) fn end_turn(&mut self) -> Settled {
        let mut all = Settled::default();
        loop {
            self.instance.flush(&mut self.turn);
            let settled = self.settle();
            let busy = settled.to_self + settled.jobs > 0;
            all.to_self += settled.to_self;
            all.jobs += settled.jobs;
            all.endless |= settled.endless || all.to_self + all.jobs > Self::ENDLESS;
            if !busy || all.endless {
                self.turn.open = false;
                return all;
            }
        }
    }

    /// Loses everything but the log.
    pub(crate) fn crash(&mut self, synced: bool) {
        if synced {
            let promises = self.turn.sends.drain(..).filter(|(_, durable, _)| *durable == Durable::Yes);
            self.log.extend(promises.map(|(to, _, message)| (to, message)));
        }
        let inline = self.turn.inline_jobs;
        self.turn = Turn::new(self.node, inline);
        self.alive = false;
        self.seen.clear();
        self.held.clear();
        self.history.clear();
    }

    /// Comes back as a fresh instance that knows what it promised.
    pub(crate) fn restart(&mut self, fresh: P) {
        self.instance = fresh;
        self.alive = true;
        self.incarnation += 1;
        self.outputs.clear();
        self.output_times.clear();
        for (to, message) in &self.log {
            self.instance.recall(*to, message.clone());
        }
        self.history = self.log.clone();
    }
}
