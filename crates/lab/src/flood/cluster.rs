//! Honest nodes driven by hand, as a driver drives them: turns, light jobs on the spot, heavy ones between turns.
//!
//! Everything that a node receives is decoded from a frame of its own, as behind a real link, so that no two nodes share
//! the memory of a message. Messages on their way are values that share memory with their sender's outbox, so that they
//! weigh nothing.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Config, HoneyBadger, Input, Local, Message, Output, Status, Submission, Ticket};
use mellivora_core::{Durable, Effects, Fault, FaultLog, Job, NodeIndex, NodeSet, Protocol, To, Weight, codec};
use mellivora_crypto::NodeKeys;
use mellivora_subset::{Bkr, BkrMessage};

use super::clock::cpu_time;

pub(super) type Badger = HoneyBadger<Bkr>;
pub(super) type Said = Message<EpochMessage<BkrMessage>>;

/// What one turn makes a node do.
struct Turn {
    me: NodeIndex,
    to_self: VecDeque<Said>,
    light: VecDeque<<Badger as Protocol>::Job>,
    heavy: VecDeque<<Badger as Protocol>::Job>,
    sends: Vec<(To, Said)>,
    outputs: Vec<Output>,
    faults: FaultLog,
}

impl Effects<Badger> for Turn {
    fn send(&mut self, to: To, _: Durable, message: Said) {
        if to.includes(self.me) {
            self.to_self.push_back(message.clone());
        }
        self.sends.push((to, message));
    }

    fn job(&mut self, job: <Badger as Protocol>::Job) {
        match job.weight() {
            Weight::Light => self.light.push_back(job),
            Weight::Heavy => self.heavy.push_back(job),
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.record(fault);
    }

    fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }
}

/// One honest node.
pub(super) struct Node {
    badger: Badger,
    turn: Turn,
    /// Transactions that were ordered, and those among them that an honest node proposed.
    pub(super) ordered: usize,
    pub(super) own: usize,
    /// CPU time spent on it.
    pub(super) cpu: Duration,
    /// Whether its CPU time is taken.
    timed: bool,
}

impl Node {
    fn new(config: &Config, keys: &NodeKeys, retention_bytes: usize, timed: bool) -> Result<Self, String> {
        let me = keys.index();
        let mut local = Local::new([me.0 as u8; 32]);
        local.retention_bytes = retention_bytes;
        let badger = HoneyBadger::new(config.clone(), keys.clone(), local).map_err(|error| error.to_string())?;
        let turn = Turn {
            me,
            to_self: VecDeque::new(),
            light: VecDeque::new(),
            heavy: VecDeque::new(),
            sends: Vec::new(),
            outputs: Vec::new(),
            faults: FaultLog::default(),
        };
        Ok(Node { badger, turn, ordered: 0, own: 0, cpu: Duration::ZERO, timed })
    }

    fn settle(&mut self) {
        loop {
            if let Some(message) = self.turn.to_self.pop_front() {
                self.badger.receive(self.turn.me, message, &mut self.turn);
            } else if let Some(job) = self.turn.light.pop_front() {
                self.badger.done(job.run(), &mut self.turn);
            } else {
                return;
            }
        }
    }

    /// One turn: events, then the flush. What is to be sent is left in the turn.
    fn turn(&mut self, events: impl FnOnce(&mut Self)) {
        let started = self.timed.then(cpu_time);
        events(self);
        loop {
            self.settle();
            self.badger.flush(&mut self.turn);
            if self.turn.to_self.is_empty() && self.turn.light.is_empty() {
                break;
            }
        }
        if let Some(started) = started {
            self.cpu += cpu_time().saturating_sub(started);
        }
    }

    fn frame(&mut self, from: NodeIndex, frame: Bytes) {
        for message in codec::decode_all::<Said>(&frame.into()) {
            let Ok(message) = message else {
                self.turn.faults.record(Fault::new(from, mellivora_core::FaultKind::MalformedMessage));
                return;
            };
            self.badger.receive(from, message, &mut self.turn);
            self.settle();
        }
    }
}

/// A message between honest nodes.
struct Parcel {
    from: NodeIndex,
    message: Said,
}

/// The honest nodes of a committee, and what they have to say to each other.
pub(super) struct Cluster {
    config: Config,
    faulty: NodeSet,
    pub(super) nodes: Vec<Option<Node>>,
    /// What waits, by receiver.
    waiting: Vec<VecDeque<Parcel>>,
    tickets: u64,
    /// Messages that honest nodes said to honest nodes so far.
    pub(super) said: u64,
    /// Contributions that one node sent to faulty ones: in all turns of all nodes, and in one turn at the most.
    pub(super) served: (u64, u64),
}

impl Cluster {
    /// Frames that a node takes in a turn.
    const FRAMES: usize = 256;

    pub(super) fn new(
        config: &Config,
        keys: &[NodeKeys],
        faulty: NodeSet,
        retention: usize,
        timed: bool,
    ) -> Result<Self, String> {
        let make = |keys: &NodeKeys| match faulty.contains(keys.index()) {
            true => Ok(None),
            false => Node::new(config, keys, retention, timed).map(Some),
        };
        Ok(Cluster {
            config: config.clone(),
            faulty,
            nodes: keys.iter().map(make).collect::<Result<_, _>>()?,
            waiting: keys.iter().map(|_| VecDeque::new()).collect(),
            tickets: 0,
            said: 0,
            served: (0, 0),
        })
    }

    pub(super) fn honest(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        self.config.committee.all().difference(&self.faulty).iter()
    }

    fn node(&mut self, node: NodeIndex) -> Option<&mut Node> {
        self.nodes.get_mut(node.as_usize())?.as_mut()
    }

    fn living(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = Status> {
        self.living().map(|node| node.badger.status())
    }

    /// What honest nodes say of each other: has to stay empty.
    pub(super) fn false_blame(&self) -> Option<String> {
        let wrong = |node: &Node| {
            let mut counts = node.turn.faults.counts();
            counts.find(|(culprit, ..)| !self.faulty.contains(*culprit)).map(|fault| format!("{fault:?}"))
        };
        self.living().find_map(wrong)
    }

    /// Faults that were named.
    pub(super) fn faults(&self) -> u64 {
        self.living().flat_map(|node| node.turn.faults.counts()).map(|(.., count)| count).sum()
    }

    /// The highest of the lowest open epochs.
    pub(super) fn low(&self) -> u64 {
        self.statuses().map(|status| status.low.0).max().unwrap_or(0)
    }

    /// Bytes that the state machines say they hold.
    pub(super) fn memory(&self) -> usize {
        self.statuses().map(|status| status.memory).sum()
    }

    /// Gives every honest node so many transactions of so many bytes, all different.
    pub(super) fn submit(&mut self, count: usize, bytes: usize) {
        for node in self.honest() {
            let mut list = Vec::with_capacity(count);
            for _ in 0..count {
                self.tickets += 1;
                let mut transaction = vec![node.0 as u8; bytes.max(9)];
                transaction[..8].copy_from_slice(&self.tickets.to_le_bytes());
                list.push(Submission { ticket: Ticket(self.tickets), transaction: transaction.into() });
            }
            self.turn(node, |node| node.badger.input(Input::Submit(list), &mut node.turn));
        }
    }

    pub(super) fn nudge(&mut self) {
        for node in self.honest() {
            self.turn(node, |node| node.badger.input(Input::Nudge, &mut node.turn));
        }
    }

    /// A faulty node sends frames to an honest one.
    pub(super) fn flood(&mut self, from: NodeIndex, to: NodeIndex, frames: impl IntoIterator<Item = Bytes>) {
        let mut frames = frames.into_iter();
        loop {
            // Made before the turn, so that making them does not count as the node's work.
            let chunk: Vec<Bytes> = frames.by_ref().take(Self::FRAMES).collect();
            if chunk.is_empty() {
                return;
            }
            self.turn(to, |node| chunk.into_iter().for_each(|frame| node.frame(from, frame)));
        }
    }

    /// Delivers what `may` arrive, until nothing of the kind is left.
    pub(super) fn deliver(&mut self, may: impl Fn(NodeIndex, &Said) -> bool) {
        loop {
            let mut any = false;
            for node in self.honest() {
                any |= self.deliver_to(node, &may);
            }
            if !any {
                return;
            }
        }
    }

    /// One turn's worth of messages for a node; false if there is nothing for it.
    pub(super) fn deliver_to(&mut self, to: NodeIndex, may: &impl Fn(NodeIndex, &Said) -> bool) -> bool {
        let Some(waiting) = self.waiting.get_mut(to.as_usize()) else { return false };
        let mut frames = Vec::new();
        let mut kept = VecDeque::new();
        while let Some(parcel) = waiting.pop_front() {
            if frames.len() < Self::FRAMES && may(parcel.from, &parcel.message) {
                frames.push(parcel);
            } else {
                kept.push_back(parcel);
            }
        }
        *waiting = kept;
        if frames.is_empty() {
            return false;
        }
        if self.node(to).is_some_and(|node| node.timed) {
            // Encoding is the sender's work, and the network's.
            let frames: Vec<_> = frames.into_iter().map(|p| (p.from, codec::encode(&p.message))).collect();
            self.turn(to, |node| frames.into_iter().for_each(|(from, frame)| node.frame(from, frame)));
        } else {
            self.turn(to, |node| {
                for Parcel { from, message } in frames {
                    let frame = codec::encode(&message);
                    drop(message);
                    node.frame(from, frame);
                }
            });
        }
        true
    }

    /// A turn of a node, and those that its jobs bring about.
    fn turn(&mut self, at: NodeIndex, events: impl FnOnce(&mut Node)) {
        let Some(node) = self.node(at) else { return };
        node.turn(events);
        loop {
            self.release(at);
            let Some(node) = self.node(at) else { return };
            let jobs = std::mem::take(&mut node.turn.heavy);
            if jobs.is_empty() {
                return;
            }
            node.turn(|node| {
                for job in jobs {
                    node.badger.done(job.run(), &mut node.turn);
                    node.settle();
                }
            });
        }
    }

    /// Takes what a turn has to say, and what it put out.
    fn release(&mut self, at: NodeIndex) {
        let (faulty, honest) = (self.faulty, self.config.committee.all().difference(&self.faulty));
        let Some(node) = self.node(at) else { return };
        for output in node.turn.outputs.drain(..) {
            if let Output::Batch(batch) = output {
                node.ordered += batch.len();
                node.own += batch.iter().filter(|(position, _)| !faulty.contains(position.proposer)).count();
            }
        }
        let sends = std::mem::take(&mut node.turn.sends);
        let served = sends.iter().filter(|(to, message)| {
            matches!(message, Message::Slot(..)) && faulty.iter().any(|peer| to.includes(peer))
        });
        let served = served.count() as u64;
        self.served = (self.served.0 + served, self.served.1.max(served));
        for (to, message) in sends {
            for peer in honest.iter().filter(|peer| *peer != at && to.includes(*peer)) {
                if let Some(waiting) = self.waiting.get_mut(peer.as_usize()) {
                    waiting.push_back(Parcel { from: at, message: message.clone() });
                    self.said += 1;
                }
            }
        }
    }
}
