//! Node 0, driven event by event, its jobs kept back.

use mellivora_core::{Durable, Effects, Fault, FaultKind, Job, NodeIndex, Protocol, To};

/// What it did.
pub(crate) struct Seen<P: Protocol> {
    pub(crate) sent: Vec<(To, Durable, P::Message)>,
    pub(crate) jobs: Vec<P::Job>,
    pub(crate) faults: Vec<(u16, FaultKind)>,
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
        self.faults.push((fault.node.0, fault.kind));
    }

    fn output(&mut self, output: P::Output) {
        self.outputs.push(output);
    }
}

/// Node 0. Each event is a turn; its own messages come back within it.
pub(crate) struct Hand<P: Protocol> {
    pub(crate) node: P,
    pub(crate) seen: Seen<P>,
    returned: usize,
}

impl<P: Protocol> Hand<P> {
    pub(crate) fn new(node: P) -> Self {
        let seen = Seen { sent: Vec::new(), jobs: Vec::new(), faults: Vec::new(), outputs: Vec::new() };
        Hand { node, seen, returned: 0 }
    }

    pub(crate) fn turn(&mut self, event: impl FnOnce(&mut P, &mut Seen<P>)) {
        event(&mut self.node, &mut self.seen);
        loop {
            while let Some((to, _, message)) = self.seen.sent.get(self.returned).cloned() {
                self.returned += 1;
                if to.includes(NodeIndex(0)) {
                    self.node.receive(NodeIndex(0), message, &mut self.seen);
                }
            }
            self.node.flush(&mut self.seen);
            if self.returned == self.seen.sent.len() {
                break;
            }
        }
    }

    pub(crate) fn hear(&mut self, from: u16, message: P::Message) {
        self.turn(|node, fx| node.receive(NodeIndex(from), message, fx));
    }

    /// Runs the oldest job.
    pub(crate) fn run_job(&mut self) {
        let job = self.seen.jobs.remove(0);
        self.turn(|node, fx| node.done(job.run(), fx));
    }

    /// Runs jobs until there are none.
    pub(crate) fn run_jobs(&mut self) {
        while !self.seen.jobs.is_empty() {
            self.run_job();
        }
    }

    /// Everything that was sent, oldest first.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &P::Message> {
        self.seen.sent.iter().map(|(.., message)| message)
    }
}
