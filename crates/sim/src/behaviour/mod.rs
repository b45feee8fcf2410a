//! Byzantine nodes: a real state machine in a wrapper that changes what it says.
//!
//! A wrapper sees one message per receiver, as the wrapped instance wants to send it, and decides what leaves the
//! node: nothing, the message, another one, raw bytes, or something to somebody else. Links are authenticated, so all
//! it says is said in its own name. Attackers that forge a protocol's own shards, votes or certificates implement
//! [`Adversary`] above the protocol.

mod crash;
mod flood;
mod garbage;
mod mimic;
mod silent;
mod withhold;

use bytes::Bytes;
use mellivora_core::{Committee, NodeIndex, Protocol, codec};
use rand::RngExt;

use crate::{Coverage, SimRng};

/// A generic way to be faulty. Each bumps counters of its own when it really strikes; see the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Says nothing at all. Counter `attack.silent`.
    Silent,
    /// Stops for good after that many messages were handed to it; what it then wanted to say is lost in the middle of
    /// a broadcast. Counter `attack.crash`.
    Crash {
        /// Messages, 0 for a node that never says anything.
        after: u64,
    },
    /// Twins: two instances of the node run side by side, each honest node talks to one of them, some to both. They
    /// differ when [`twin_input`](crate::Builder::twin_input) gives them different inputs, or the schedule treats
    /// them differently. Counter `attack.equivocate`.
    Equivocate,
    /// Changes the bytes of messages: flipped bits, cut tails, spliced halves. Counter `attack.garbage`. What still
    /// decodes is sent instead (`attack.garbage.decoded`), what does not is sent as bytes (`attack.garbage.malformed`).
    Garbage,
    /// Says everything honestly, and then again, many times, old and changed. At most a few thousand messages, so
    /// that runs end. Counter `attack.flood`.
    Flood,
    /// Hides its messages from some receivers always, from some at times. Counter `attack.withhold`.
    Withhold,
    /// Says what others said to it, in its own name, besides what it has to say. Counter `attack.mimic`.
    Mimic,
}

impl Behaviour {
    /// Any behaviour.
    pub(crate) fn draw(rng: &mut SimRng) -> Self {
        match rng.random_range(0..8) {
            0 => Behaviour::Silent,
            1 => {
                let span = 1 << rng.random_range(1..10);
                Behaviour::Crash { after: rng.random_range(0..span) }
            }
            2 | 3 => Behaviour::Equivocate,
            4 => Behaviour::Garbage,
            5 => Behaviour::Flood,
            6 => Behaviour::Withhold,
            _ => Behaviour::Mimic,
        }
    }
}

/// How a node is faulty: a [`Behaviour`], or an [`Adversary`] of one's own.
pub enum Role<P: Protocol> {
    /// A generic one.
    Behaviour(Behaviour),
    /// One's own.
    Own(Box<dyn Adversary<P>>),
}

impl<P: Protocol> From<Behaviour> for Role<P> {
    fn from(behaviour: Behaviour) -> Self {
        Role::Behaviour(behaviour)
    }
}

impl<P: Protocol> From<Box<dyn Adversary<P>>> for Role<P> {
    fn from(adversary: Box<dyn Adversary<P>>) -> Self {
        Role::Own(adversary)
    }
}

impl<P: Protocol> std::fmt::Debug for Role<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Role::Behaviour(behaviour) => behaviour.fmt(f),
            Role::Own(_) => f.write_str("Own(..)"),
        }
    }
}

/// The mind of a faulty node. It wraps a real instance, which goes on believing in what it does.
pub trait Adversary<P: Protocol> {
    /// Before the first event.
    fn start(&mut self, attack: &mut Attack<'_, P>) {
        let _ = attack;
    }

    /// The wrapped instance wants to send `message` to `to`, another node. As it stands, it goes out.
    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        attack.send(to, message);
    }

    /// A message arrived. What is returned reaches the wrapped instance.
    fn receives(&mut self, from: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) -> Option<P::Message> {
        let _ = (from, attack);
        Some(message)
    }

    /// The user gave an input. What is returned reaches the wrapped instance.
    fn input(&mut self, input: P::Input, attack: &mut Attack<'_, P>) -> Option<P::Input> {
        let _ = attack;
        Some(input)
    }
}

/// What an adversary can do.
pub struct Attack<'a, P: Protocol> {
    pub(crate) node: NodeIndex,
    pub(crate) committee: Committee,
    pub(crate) rng: &'a mut SimRng,
    pub(crate) coverage: &'a mut Coverage,
    pub(crate) out: &'a mut Vec<(NodeIndex, Shot<P>)>,
}

/// Something that leaves a faulty node.
pub(crate) enum Shot<P: Protocol> {
    /// A message.
    Message(P::Message),
    /// A message that was decoded from bytes that no honest node wrote; they have to be the only ones for it.
    Forged(P::Message, Bytes),
    /// Bytes that are no message.
    Malformed,
}

impl<P: Protocol> Attack<'_, P> {
    /// The faulty node.
    pub fn node(&self) -> NodeIndex {
        self.node
    }

    /// The committee.
    pub fn committee(&self) -> Committee {
        self.committee
    }

    /// Randomness of this wrapper.
    pub fn rng(&mut self) -> &mut SimRng {
        self.rng
    }

    /// Adds one to a coverage counter.
    pub fn count(&mut self, name: &str) {
        self.coverage.count(name);
    }

    /// Sends a message to one node, on the node's own link.
    pub fn send(&mut self, to: NodeIndex, message: P::Message) {
        self.out.push((to, Shot::Message(message)));
    }

    /// Sends a message to every other node.
    pub fn send_all(&mut self, message: P::Message) {
        for to in self.committee.nodes().filter(|to| *to != self.node) {
            self.out.push((to, Shot::Message(message.clone())));
        }
    }

    /// Sends raw bytes; true if they are a message. The receiver's link drops what is none and records the fault.
    pub fn send_bytes(&mut self, to: NodeIndex, bytes: Bytes) -> bool {
        match codec::decode::<P::Message>(&bytes) {
            Ok(message) => {
                self.out.push((to, Shot::Forged(message, bytes)));
                true
            }
            Err(_) => {
                self.out.push((to, Shot::Malformed));
                false
            }
        }
    }
}

impl<P: Protocol> std::fmt::Debug for Attack<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attack({:?})", self.node)
    }
}

/// The wrapper of a behaviour; twins need none.
pub(crate) fn wrapper<P: Protocol>(behaviour: Behaviour) -> Option<Box<dyn Adversary<P>>>
where
    P::Message: 'static,
{
    match behaviour {
        Behaviour::Silent => Some(Box::new(silent::Silent)),
        Behaviour::Crash { after } => Some(Box::new(crash::Crash { left: after })),
        Behaviour::Equivocate => None,
        Behaviour::Garbage => Some(Box::new(garbage::Garbage::<P::Message>::default())),
        Behaviour::Flood => Some(Box::new(flood::Flood::<P::Message>::default())),
        Behaviour::Withhold => Some(Box::new(withhold::Withhold::default())),
        Behaviour::Mimic => Some(Box::new(mimic::Mimic::default())),
    }
}
