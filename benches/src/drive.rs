//! All nodes of a protocol in one thread: the duties of a driver and nothing else.
//!
//! ```text
//!   mail of node i --(one turn)--> receive ... receive, own messages, jobs on the spot, flush --> mail of the others
//! ```
//!
//! Nodes take turns in order; a turn takes what is there, up to a bound. Messages travel encoded, in the frames of
//! `mellivora-net`, or as values, to leave the codec out.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use mellivora::core::codec::Frame;
use mellivora::core::{Committee, Durable, Effects, Fault, Job, NodeIndex, Protocol, To, codec};
use mellivora::net::FrameWriter;

use crate::clock::thread_cpu;

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travel {
    /// Encoded, in the frames that a network would carry.
    Encoded,
    /// As values.
    Values,
}

/// A message that was delivered to a node by another one.
pub type Heard<P> = (NodeIndex, <P as Protocol>::Message);

enum Parcel<M> {
    Frame(Frame),
    Value(M),
}

struct Turn<P: Protocol> {
    me: NodeIndex,
    travel: Travel,
    to_self: VecDeque<P::Message>,
    jobs: VecDeque<P::Job>,
    outputs: Vec<P::Output>,
    frames: FrameWriter,
    sent: Vec<(To, P::Message)>,
    faults: u64,
    job_time: Duration,
}

impl<P: Protocol> Effects<P> for Turn<P> {
    fn send(&mut self, to: To, _: Durable, message: P::Message) {
        match self.travel {
            Travel::Encoded => self.frames.push(to, &message),
            Travel::Values => self.sent.push((to, message.clone())),
        }
        if to.includes(self.me) {
            self.to_self.push_back(message);
        }
    }

    fn job(&mut self, job: P::Job) {
        self.jobs.push_back(job);
    }

    fn fault(&mut self, _: Fault) {
        self.faults += 1;
    }

    fn output(&mut self, output: P::Output) {
        self.outputs.push(output);
    }
}

/// One node with what its driver owes it.
pub struct Node<P: Protocol> {
    protocol: P,
    turn: Turn<P>,
}

impl<P: Protocol> Node<P> {
    /// A node whose messages go nowhere: for replaying to it what it once heard.
    pub fn alone(committee: Committee, me: NodeIndex, protocol: P) -> Self {
        Self::new(committee, me, Travel::Values, protocol)
    }

    fn new(committee: Committee, me: NodeIndex, travel: Travel, protocol: P) -> Self {
        let turn = Turn {
            me,
            travel,
            to_self: VecDeque::new(),
            jobs: VecDeque::new(),
            outputs: Vec::new(),
            frames: FrameWriter::new(committee, me),
            sent: Vec::new(),
            faults: 0,
            job_time: Duration::ZERO,
        };
        Node { protocol, turn }
    }

    /// The protocol.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// CPU time that jobs took.
    pub fn job_time(&self) -> Duration {
        self.turn.job_time
    }

    /// What the node has put out.
    pub fn outputs(&self) -> &[P::Output] {
        &self.turn.outputs
    }

    /// An input.
    pub fn input(&mut self, input: P::Input) {
        self.protocol.input(input, &mut self.turn);
        self.settle();
    }

    /// A message.
    #[inline]
    pub fn receive(&mut self, from: NodeIndex, message: P::Message) {
        self.protocol.receive(from, message, &mut self.turn);
        self.settle();
    }

    /// The end of a turn.
    pub fn flush(&mut self) {
        loop {
            self.settle();
            self.protocol.flush(&mut self.turn);
            if self.turn.to_self.is_empty() && self.turn.jobs.is_empty() {
                return;
            }
        }
    }

    /// Forgets what the turn would send.
    pub fn discard_frames(&mut self) {
        self.turn.frames.finish().for_each(drop);
        self.turn.sent.clear();
    }

    fn settle(&mut self) {
        loop {
            if let Some(message) = self.turn.to_self.pop_front() {
                self.protocol.receive(self.turn.me, message, &mut self.turn);
            } else if let Some(job) = self.turn.jobs.pop_front() {
                let before = thread_cpu();
                let done = job.run();
                self.turn.job_time += thread_cpu().saturating_sub(before);
                self.protocol.done(done, &mut self.turn);
            } else {
                return;
            }
        }
    }
}

impl<P: Protocol> fmt::Debug for Node<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} outputs", self.turn.me, self.turn.outputs.len())
    }
}

/// All nodes of a protocol.
pub struct Cluster<P: Protocol> {
    committee: Committee,
    nodes: Vec<Node<P>>,
    mail: Vec<VecDeque<(NodeIndex, Parcel<P::Message>)>>,
    parcels_per_turn: usize,
    delivered: u64,
    /// What node 0 heard, turn by turn.
    record: Option<Vec<Vec<Heard<P>>>>,
}

impl<P: Protocol> Cluster<P> {
    /// A cluster of these nodes, one for each member of the committee, in order.
    pub fn new(committee: Committee, travel: Travel, nodes: impl IntoIterator<Item = P>) -> Self {
        let nodes: Vec<_> =
            committee.nodes().zip(nodes).map(|(me, protocol)| Node::new(committee, me, travel, protocol)).collect();
        assert_eq!(nodes.len(), committee.n(), "one node per member");
        Cluster {
            committee,
            mail: nodes.iter().map(|_| VecDeque::new()).collect(),
            nodes,
            parcels_per_turn: usize::MAX,
            delivered: 0,
            record: None,
        }
    }

    /// Sets how many frames (or values) a turn takes at the most. Default: all that are there.
    #[must_use]
    pub fn parcels_per_turn(mut self, count: usize) -> Self {
        self.parcels_per_turn = count.max(1);
        self
    }

    /// Writes down what node 0 hears.
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.record = Some(Vec::new());
        self
    }

    /// What node 0 heard so far, turn by turn.
    pub fn recorded(self) -> Vec<Vec<Heard<P>>> {
        self.record.unwrap_or_default()
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node<P>] {
        &self.nodes
    }

    /// Messages that were delivered from one node to another.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Gives a node an input.
    pub fn input(&mut self, node: NodeIndex, input: P::Input) {
        let at = node.as_usize();
        self.nodes[at].input(input);
        self.nodes[at].flush();
        self.post(at);
    }

    /// Delivers until nobody has anything to say.
    ///
    /// # Panics
    ///
    /// If a node blames another one, or a frame does not decode: all are honest here, so a figure would be worthless.
    pub fn run(&mut self) {
        while self.mail.iter().any(|mail| !mail.is_empty()) {
            for at in 0..self.nodes.len() {
                self.turn(at);
            }
        }
        let faults: u64 = self.nodes.iter().map(|node| node.turn.faults).sum();
        assert_eq!(faults, 0, "honest nodes blame each other");
    }

    fn turn(&mut self, at: usize) {
        let count = self.mail[at].len().min(self.parcels_per_turn);
        if count == 0 {
            return;
        }
        let mut heard = self.record.as_ref().filter(|_| at == 0).map(|_| Vec::new());
        for _ in 0..count {
            let Some((from, parcel)) = self.mail[at].pop_front() else { break };
            match parcel {
                Parcel::Value(message) => self.deliver(at, from, message, &mut heard),
                Parcel::Frame(frame) => {
                    for message in codec::decode_all::<P::Message>(&frame) {
                        let message = message.unwrap_or_else(|error| panic!("an honest frame: {error}"));
                        self.deliver(at, from, message, &mut heard);
                    }
                }
            }
        }
        self.nodes[at].flush();
        if let (Some(record), Some(heard)) = (&mut self.record, heard) {
            record.push(heard);
        }
        self.post(at);
    }

    fn deliver(&mut self, at: usize, from: NodeIndex, message: P::Message, heard: &mut Option<Vec<Heard<P>>>) {
        if let Some(heard) = heard {
            heard.push((from, message.clone()));
        }
        self.delivered += 1;
        self.nodes[at].receive(from, message);
    }

    /// Hands what a node has sent to the others.
    fn post(&mut self, at: usize) {
        let (node, mail) = (&mut self.nodes[at], &mut self.mail);
        let me = node.turn.me;
        for out in node.turn.frames.finish() {
            for to in out.to.iter() {
                mail[to.as_usize()].push_back((me, Parcel::Frame(out.frame.clone())));
            }
        }
        for (to, message) in node.turn.sent.drain(..) {
            for peer in self.committee.nodes().filter(|&peer| peer != me && to.includes(peer)) {
                mail[peer.as_usize()].push_back((me, Parcel::Value(message.clone())));
            }
        }
    }
}

impl<P: Protocol> fmt::Debug for Cluster<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} delivered", self.committee, self.delivered)
    }
}
