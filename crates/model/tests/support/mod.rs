//! One real instance, operated by hand, and everything it does.

use std::collections::VecDeque;

use mellivora_core::{Durable, Effects, Fault, Job, NodeIndex, Protocol, To};

/// The Byzantine node.
pub(crate) const Z: usize = 3;

/// Something that an instance does.
#[derive(Debug)]
pub(crate) enum Deed<P: Protocol> {
    /// It sends.
    Send(To, P::Message),
    /// It outputs.
    Output(P::Output),
}

/// An instance with what its driver owes it: own messages come back at once, jobs run on the spot.
pub(crate) struct Actor<P: Protocol> {
    /// The instance.
    pub(crate) instance: P,
    me: NodeIndex,
}

struct Turn<P: Protocol> {
    deeds: Vec<Deed<P>>,
    /// Own messages that have not come back.
    own: VecDeque<P::Message>,
    jobs: VecDeque<P::Job>,
    me: NodeIndex,
}

impl<P: Protocol> Effects<P> for Turn<P> {
    fn send(&mut self, to: To, _: Durable, message: P::Message) {
        if to.includes(self.me) {
            self.own.push_back(message.clone());
        }
        self.deeds.push(Deed::Send(to, message));
    }

    fn job(&mut self, job: P::Job) {
        self.jobs.push_back(job);
    }

    fn fault(&mut self, fault: Fault) {
        assert_eq!(fault.node.as_usize(), Z, "an honest node is blamed: {fault:?}");
    }

    fn output(&mut self, output: P::Output) {
        self.deeds.push(Deed::Output(output));
    }
}

impl<P: Protocol> Actor<P> {
    /// A fresh instance of node `me`.
    pub(crate) fn new(me: usize, instance: P) -> Self {
        Actor { instance, me: NodeIndex(me as u16) }
    }

    /// One turn: everything the event makes the instance do, in order.
    pub(crate) fn act(&mut self, event: impl FnOnce(&mut P, &mut dyn Effects<P>)) -> Vec<Deed<P>> {
        let mut turn = Turn { deeds: Vec::new(), own: VecDeque::new(), jobs: VecDeque::new(), me: self.me };
        event(&mut self.instance, &mut turn);
        loop {
            if let Some(message) = turn.own.pop_front() {
                self.instance.receive(self.me, message, &mut turn);
            } else if let Some(job) = turn.jobs.pop_front() {
                self.instance.done(job.run(), &mut turn);
            } else {
                self.instance.flush(&mut turn);
                if turn.own.is_empty() && turn.jobs.is_empty() {
                    return turn.deeds;
                }
            }
        }
    }

    /// A message arrives.
    pub(crate) fn receive(&mut self, from: usize, message: P::Message) -> Vec<Deed<P>> {
        self.act(|instance, fx| instance.receive(NodeIndex(from as u16), message, fx))
    }
}
