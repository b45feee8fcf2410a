//! One node of any protocol, driven by hand: own messages come back at once, jobs wait until they are told to run.

#![allow(dead_code)] // Each test file uses its own part.

use mellivora_core::{Durable, Effects, Fault, FaultKind, Job, NodeIndex, Protocol, To};

/// What an instance did, as its driver sees it.
pub(crate) struct Seen<P: Protocol> {
    pub(crate) sent: Vec<(To, Durable, P::Message)>,
    pub(crate) jobs: Vec<P::Job>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) outputs: Vec<P::Output>,
}

impl<P: Protocol> Effects<P> for Seen<P> {
    fn send(&mut self, to: To, durable: Durable, message: P::Message) {
        self.sent.push((to, durable, message));
    }
    fn job(&mut self, job: P::Job) {
        self.jobs.push(job);
    }
    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
    fn output(&mut self, output: P::Output) {
        self.outputs.push(output);
    }
}

pub(crate) struct Hand<P: Protocol> {
    pub(crate) node: P,
    pub(crate) me: NodeIndex,
    pub(crate) seen: Seen<P>,
    pub(crate) jobs_run: usize,
    returned: usize,
}

impl<P: Protocol> Hand<P> {
    pub(crate) fn new(me: usize, node: P) -> Self {
        let seen = Seen { sent: Vec::new(), jobs: Vec::new(), faults: Vec::new(), outputs: Vec::new() };
        Hand { node, me: NodeIndex(me as u16), seen, jobs_run: 0, returned: 0 }
    }

    pub(crate) fn input(&mut self, input: P::Input) {
        self.node.input(input, &mut self.seen);
        self.own();
    }

    pub(crate) fn receive(&mut self, from: usize, message: P::Message) {
        self.node.receive(NodeIndex(from as u16), message, &mut self.seen);
        self.own();
    }

    pub(crate) fn forget(&mut self, peer: usize) {
        self.node.forget(NodeIndex(peer as u16), &mut self.seen);
        self.own();
    }

    pub(crate) fn flush(&mut self) {
        self.node.flush(&mut self.seen);
        self.own();
    }

    pub(crate) fn run_jobs(&mut self) {
        while !self.seen.jobs.is_empty() {
            let job = self.seen.jobs.remove(0);
            self.jobs_run += 1;
            self.node.done(job.run(), &mut self.seen);
            self.own();
        }
    }

    fn own(&mut self) {
        while let Some((to, _, message)) = self.seen.sent.get(self.returned).cloned() {
            self.returned += 1;
            if to.includes(self.me) {
                self.node.receive(self.me, message, &mut self.seen);
            }
        }
    }

    /// The node crashes, and a fresh one gets back what was logged.
    pub(crate) fn restart(&mut self, mut fresh: P) {
        for (to, durable, message) in &self.seen.sent {
            if *durable == Durable::Yes {
                fresh.recall(*to, message.clone());
            }
        }
        self.node = fresh;
        self.seen.jobs.clear();
        self.seen.outputs.clear();
        self.flush();
    }

    pub(crate) fn faults(&self) -> Vec<(u16, FaultKind)> {
        self.seen.faults.iter().map(|fault| (fault.node.0, fault.kind)).collect()
    }

    /// What was sent since the last call: to whom, and what.
    pub(crate) fn take_sent(&mut self) -> Vec<(To, Durable, P::Message)> {
        self.returned = 0;
        std::mem::take(&mut self.seen.sent)
    }
}
