//! A network operated by hand: nothing arrives unless the test says so. For directed schedules.
//!
//! It does what a driver owes a protocol (own messages come back at once, promises are logged, jobs run on the spot unless
//! they are held back, every event is a turn) and leaves the rest to the test: which parcel arrives next, what Byzantine nodes say, who
//! restarts. A Byzantine node has no instance; what is sent to it vanishes.

use std::collections::VecDeque;

use mellivora_core::{Committee, Durable, Effects, Fault, FaultKind, Job, NodeIndex, NodeSet, Protocol, To};

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Parcel<M> {
    /// Who sent it.
    pub from: NodeIndex,
    /// Who it is for.
    pub to: NodeIndex,
    /// What it is.
    pub message: M,
}

struct Actor<P: Protocol> {
    instance: P,
    log: Vec<(To, P::Message)>,
    outputs: Vec<P::Output>,
    faults: Vec<Fault>,
    /// Jobs that take longer than anything else.
    slow: VecDeque<P::Job>,
}

/// What one event makes a node do.
struct Turn<P: Protocol> {
    sends: Vec<(To, Durable, P::Message)>,
    jobs: VecDeque<P::Job>,
    faults: Vec<Fault>,
    outputs: Vec<P::Output>,
}

impl<P: Protocol> Effects<P> for Turn<P> {
    fn send(&mut self, to: To, durable: Durable, message: P::Message) {
        self.sends.push((to, durable, message));
    }

    fn job(&mut self, job: P::Job) {
        self.jobs.push_back(job);
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn output(&mut self, output: P::Output) {
        self.outputs.push(output);
    }
}

/// A committee on a stage. Indices of nodes are plain numbers here, to keep schedules readable.
pub struct Stage<P: Protocol> {
    committee: Committee,
    actors: Vec<Option<Actor<P>>>,
    slow: fn(&P::Job) -> bool,
    /// Messages that have not arrived, oldest first.
    pub pending: Vec<Parcel<P::Message>>,
}

impl<P: Protocol> Stage<P> {
    const ENDLESS: usize = 100_000;

    /// All nodes but the `byzantine` ones, fresh.
    pub fn new(committee: Committee, byzantine: &[u16], mut make: impl FnMut(NodeIndex) -> P) -> Self {
        let byzantine: NodeSet = byzantine.iter().map(|&node| NodeIndex(node)).collect();
        let mut actor = |node| Actor {
            instance: make(node),
            log: Vec::new(),
            outputs: Vec::new(),
            faults: Vec::new(),
            slow: VecDeque::new(),
        };
        let actors = committee.nodes().map(|node| (!byzantine.contains(node)).then(|| actor(node))).collect();
        Stage { committee, actors, slow: |_| false, pending: Vec::new() }
    }

    fn actor(&self, node: u16) -> &Actor<P> {
        match self.actors.get(usize::from(node)) {
            Some(Some(actor)) => actor,
            _ => panic!("node {node} has no instance"),
        }
    }

    /// The state of an honest node.
    ///
    /// # Panics
    ///
    /// If the node is Byzantine or no member; so do all methods that name an honest node.
    pub fn node(&self, node: u16) -> &P {
        &self.actor(node).instance
    }

    /// What an honest node has output.
    pub fn outputs(&self, node: u16) -> &[P::Output] {
        &self.actor(node).outputs
    }

    /// Kinds of the faults that an honest node recorded, with their culprits.
    pub fn faults(&self, node: u16) -> Vec<(u16, FaultKind)> {
        self.actor(node).faults.iter().map(|fault| (fault.node.0, fault.kind)).collect()
    }

    /// Honest nodes.
    pub fn honest(&self) -> impl Iterator<Item = u16> + '_ {
        self.committee.nodes().map(|node| node.0).filter(|&node| self.actors[usize::from(node)].is_some())
    }

    /// Gives a node its input.
    pub fn input(&mut self, node: u16, input: P::Input) {
        self.act(node, |instance, fx| instance.input(input, fx));
    }

    /// A Byzantine node says `message` to each of `to`. It arrives when it is delivered, like any other.
    pub fn say(&mut self, from: u16, to: &[u16], message: P::Message) {
        for &to in to {
            self.pending.push(Parcel { from: NodeIndex(from), to: NodeIndex(to), message: message.clone() });
        }
    }

    /// Delivers every pending message that `pick` wants, and those that this brings about, until it wants none.
    /// Returns their number.
    ///
    /// # Panics
    ///
    /// If there is no end to it: two nodes that are never told to stop go on for ever.
    pub fn deliver(&mut self, mut pick: impl FnMut(&Self, &Parcel<P::Message>) -> bool) -> usize {
        let mut delivered = 0;
        let mut at = 0;
        while let Some(parcel) = self.pending.get(at) {
            if !pick(self, parcel) {
                at += 1;
                continue;
            }
            let Parcel { from, to, message } = self.pending.remove(at);
            self.act(to.0, |instance, fx| instance.receive(from, message, fx));
            delivered += 1;
            assert!(delivered < Self::ENDLESS, "a schedule without an end");
            // What was not wanted before may be wanted now.
            at = 0;
        }
        delivered
    }

    /// Delivers everything, oldest first.
    pub fn deliver_all(&mut self) -> usize {
        self.deliver(|_, _| true)
    }

    /// From now on jobs that satisfy `slow` are put aside until [`release_jobs`](Self::release_jobs).
    pub fn hold_jobs(&mut self, slow: fn(&P::Job) -> bool) {
        self.slow = slow;
    }

    /// Runs the jobs that were put aside, oldest first, each in a turn of its own; none is put aside any more.
    pub fn release_jobs(&mut self) {
        self.slow = |_| false;
        for node in 0..self.actors.len() as u16 {
            while let Some(job) = self.actors[usize::from(node)].as_mut().and_then(|actor| actor.slow.pop_front()) {
                self.act(node, |instance, fx| instance.done(job.run(), fx));
            }
        }
    }

    /// Replaces a node by a fresh instance that recalls what the old one had logged. Messages on their way arrive.
    pub fn restart(&mut self, node: u16, mut fresh: P) {
        let actor = match self.actors.get_mut(usize::from(node)) {
            Some(Some(actor)) => actor,
            _ => panic!("node {node} has no instance"),
        };
        for (to, message) in &actor.log {
            fresh.recall(*to, message.clone());
        }
        actor.instance = fresh;
        actor.outputs.clear();
        actor.slow.clear();
        self.act(node, |_, _| {});
    }

    /// One turn of a node: an event, its own messages and jobs, the flush.
    fn act(&mut self, node: u16, event: impl FnOnce(&mut P, &mut dyn Effects<P>)) {
        let me = NodeIndex(node);
        let Some(Some(actor)) = self.actors.get_mut(usize::from(node)) else { return };
        let mut turn = Turn { sends: Vec::new(), jobs: VecDeque::new(), faults: Vec::new(), outputs: Vec::new() };
        let mut released = 0;
        event(&mut actor.instance, &mut turn);
        loop {
            if let Some((to, durable, message)) = turn.sends.get(released).cloned() {
                released += 1;
                if durable == Durable::Yes {
                    actor.log.push((to, message.clone()));
                }
                if to.includes(me) {
                    actor.instance.receive(me, message, &mut turn);
                }
            } else if let Some(job) = turn.jobs.pop_front() {
                if (self.slow)(&job) {
                    actor.slow.push_back(job);
                    continue;
                }
                actor.instance.done(job.run(), &mut turn);
            } else {
                actor.instance.flush(&mut turn);
                if released == turn.sends.len() && turn.jobs.is_empty() {
                    break;
                }
            }
        }
        actor.outputs.extend(turn.outputs);
        actor.faults.extend(turn.faults);
        for (to, _, message) in turn.sends {
            let receivers = self.committee.nodes().filter(|&peer| peer != me && to.includes(peer));
            let heard = receivers.filter(|peer| self.actors[peer.as_usize()].is_some());
            self.pending.extend(heard.map(|peer| Parcel { from: me, to: peer, message: message.clone() }));
        }
    }
}

impl<P: Protocol> std::fmt::Debug for Stage<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage")
            .field("committee", &self.committee)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
