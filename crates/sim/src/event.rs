//! What can happen in a run, and the names under which it is recorded.

use mellivora_core::{NodeIndex, Protocol};

/// One recorded event. The list of all of them is the run: [`Simulation::replay`](crate::Simulation::replay) repeats
/// it, [`shrink`](crate::shrink) makes it shorter.
///
/// Actors are the nodes 0 to n - 1, then the second instances of equivocating nodes. A pending event is named by its
/// place on its own link, not by a global number, so that the name survives when other events are left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Choice {
    /// The `number`-th message from one actor to another arrives.
    Deliver {
        /// The sending actor.
        from: u16,
        /// The receiving actor.
        to: u16,
        /// Place among all messages of this link.
        number: u32,
    },
    /// The `number`-th job of an actor finishes.
    Job {
        /// The actor.
        at: u16,
        /// Place among all jobs of this actor.
        number: u32,
    },
    /// An actor takes its `number`-th input.
    Input {
        /// The actor.
        at: u16,
        /// Place among all inputs of this actor.
        number: u32,
    },
    /// An actor's turn ends.
    Flush {
        /// The actor.
        at: u16,
    },
    /// The nudge hook runs at a node.
    Nudge {
        /// The node.
        node: NodeIndex,
    },
    /// The nudge hook runs at every node that is up, because nothing else is left to happen.
    NudgeAll,
    /// A node crashes.
    Crash {
        /// The node.
        node: NodeIndex,
        /// Whether the promises of its open turn had reached the log.
        synced: bool,
    },
    /// A node comes back.
    Restart {
        /// The node.
        node: NodeIndex,
    },
    /// A link goes down.
    Cut {
        /// One end.
        a: NodeIndex,
        /// The other.
        b: NodeIndex,
    },
    /// A link comes back.
    Heal {
        /// One end.
        a: NodeIndex,
        /// The other.
        b: NodeIndex,
    },
}

impl Choice {
    /// Fixed-width encoding for the trace hash.
    pub(crate) fn to_bytes(self) -> [u8; 9] {
        let (tag, a, b, number) = match self {
            Choice::Deliver { from, to, number } => (1, from, to, number),
            Choice::Job { at, number } => (2, at, 0, number),
            Choice::Input { at, number } => (3, at, 0, number),
            Choice::Flush { at } => (4, at, 0, 0),
            Choice::Nudge { node } => (5, node.0, 0, 0),
            Choice::Crash { node, synced } => (6, node.0, u16::from(synced), 0),
            Choice::Restart { node } => (7, node.0, 0, 0),
            Choice::Cut { a, b } => (8, a.0, b.0, 0),
            Choice::Heal { a, b } => (9, a.0, b.0, 0),
            Choice::NudgeAll => (10, 0, 0, 0),
        };
        let mut bytes = [0; 9];
        bytes[0] = tag;
        bytes[1..3].copy_from_slice(&a.to_le_bytes());
        bytes[3..5].copy_from_slice(&b.to_le_bytes());
        bytes[5..].copy_from_slice(&number.to_le_bytes());
        bytes
    }
}

/// A pending event.
pub(crate) struct Event<P: Protocol> {
    /// Its name.
    pub(crate) key: Choice,
    /// The actor it happens at.
    pub(crate) at: u16,
    /// Its place among all events of the run.
    pub(crate) seq: u64,
    /// Virtual time at which it is due, in millionths of a unit.
    pub(crate) time: u64,
    /// What it is.
    pub(crate) body: Body<P>,
}

/// What a pending event is.
pub(crate) enum Body<P: Protocol> {
    /// A message on its way. It is dropped when its sender comes back as another incarnation.
    Message { from: NodeIndex, incarnation: u32, message: P::Message, print: u64 },
    /// Work that somebody does. It is lost when its incarnation is.
    Job { job: P::Job, incarnation: u32 },
    /// An input that the user is about to give.
    Input(P::Input),
}

/// What a scheduler may see of a pending event.
#[derive(Debug)]
pub struct Pending<'a, P: Protocol> {
    /// The node it happens at.
    pub at: NodeIndex,
    /// Its place among all events of the run: smaller is older.
    pub seq: u64,
    /// What it is.
    pub kind: PendingKind<'a, P>,
}

/// The kind of a pending event.
#[derive(Debug)]
pub enum PendingKind<'a, P: Protocol> {
    /// A message.
    Message {
        /// Its sender.
        from: NodeIndex,
        /// Its content.
        message: &'a P::Message,
    },
    /// A job about to finish.
    Job,
    /// An input about to be given.
    Input,
}
