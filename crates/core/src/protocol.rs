//! The one shape of every protocol: a deterministic state machine.
//!
//! A protocol takes events (its user's input, a message, a finished job, the end of a turn) and answers through
//! [`Effects`] (messages to send, jobs to run, faults seen, outputs). It never blocks, reads no clock and draws no
//! randomness of its own, so a run is a function of its ordered list of events and replays exactly.
//!
//! # What a driver does
//!
//! 1. It hands events over in *turns* and calls [`Protocol::flush`] at the end of each turn.
//! 2. A message sent to [`To::All`], or to a set that holds the sender, is also for the sender: the driver hands it
//!    back through [`Protocol::receive`] in the same turn, without a link in between and before any event from
//!    outside. So a node counts its own votes by the same code as everybody's.
//! 3. A [`Durable::Yes`] message is logged and synced before it is released to anybody, the sender included.
//! 4. It runs each [`Job`] wherever it likes, and hands its result back through [`Protocol::done`].
//! 5. After a restart it gives a fresh instance every logged statement back through [`Protocol::recall`], in the
//!    order in which they were logged, before any other event, and then ends an empty turn: the instance draws the
//!    consequences of what was recalled in [`Protocol::flush`].
//! 6. When a peer comes back with a new incarnation, it drops what is still under way from the old one, and calls
//!    [`Protocol::forget`].

use std::fmt;

use crate::{Fault, NodeIndex, NodeSet, Round, codec::Wire};

/// Who a message goes to. The sender is a receiver like any other when it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Every node, the sender included.
    All,
    /// One node.
    Node(NodeIndex),
    /// Every member of the set.
    Set(NodeSet),
}

impl To {
    /// Whether `node` is among the receivers.
    pub fn includes(&self, node: NodeIndex) -> bool {
        match self {
            To::All => true,
            To::Node(to) => *to == node,
            To::Set(set) => set.contains(node),
        }
    }
}

/// Whether a message commits its sender, so that it has to be on disk before anybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durable {
    /// The message may be said again differently after a crash without harm.
    No,
    /// The message is a promise: log it, sync, release. [`Protocol::recall`] gets it back.
    Yes,
}

/// How much work a [`Job`] is; a driver may run light ones at once, on the spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Some tens of microseconds at the most: handing it to another thread costs as much as running it.
    Light,
    /// Anything else.
    Heavy,
}

/// Pure CPU work as a value: the same input gives the same result, wherever and whenever it runs.
pub trait Job: Send + 'static {
    /// What comes out.
    type Done: Send + 'static;

    /// Does the work.
    fn run(self) -> Self::Done;

    /// How much work it is. Only a hint for scheduling.
    fn weight(&self) -> Weight {
        Weight::Heavy
    }
}

/// The job of a protocol that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoJob {}

impl Job for NoJob {
    type Done = NoJob;

    fn run(self) -> NoJob {
        self
    }
}

/// A message of a protocol.
///
/// Rounds matter to the outbox: a statement of round r of an instance goes to a peer only once that peer was seen in a
/// round >= r - R of the same instance, because the peer drops what lies further ahead.
pub trait Message: Wire + Clone + fmt::Debug + Send + 'static {
    /// Visits the (instance, round) of every statement in this message that belongs to a numbered round.
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        let _ = visit;
    }

    /// Splits the message into what may go now and what has to wait, statement by statement. Without rounds,
    /// everything goes.
    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        let _ = may_go;
        (Some(self), None)
    }

    /// Bytes of memory that holding this message takes, about. Bulk counts fully.
    fn memory(&self) -> usize {
        std::mem::size_of::<Self>()
    }
}

/// A deterministic state machine of one node. See the [module page](self) for what its driver owes it.
pub trait Protocol: Sized {
    /// What its user puts in.
    type Input;
    /// What its user gets out.
    type Output;
    /// What nodes tell each other.
    type Message: Message;
    /// Work it hands out.
    type Job: Job;

    /// Takes an input. Misuse (a second input where one is allowed) is ignored; it is checked where the user calls.
    fn input(&mut self, input: Self::Input, fx: &mut dyn Effects<Self>);

    /// Takes a message from `from`, whose identity the link vouches for. Cannot fail: bad content becomes a fault.
    fn receive(&mut self, from: NodeIndex, message: Self::Message, fx: &mut dyn Effects<Self>);

    /// Takes the result of a job. A result that is no longer of use is ignored.
    fn done(&mut self, done: <Self::Job as Job>::Done, fx: &mut dyn Effects<Self>);

    /// The end of a turn: what was collected during it goes out now.
    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        let _ = fx;
    }

    /// Puts back a [`Durable::Yes`] message that this node logged before a restart: it has said this, and will not
    /// contradict it. Sends nothing: the outbox repeats what was said.
    fn recall(&mut self, to: To, message: Self::Message);

    /// Forgets what was learnt from `peer` that holds back or suppresses a send, because a new incarnation of it does
    /// not know it any more; sends what was suppressed for that reason. Votes of the peer stay counted.
    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        let _ = (peer, fx);
    }

    /// Whether this instance has met its own halting rule, so that nobody can need it any more. An instance that has
    /// only *output* is not terminated.
    fn is_terminated(&self) -> bool;
}

/// What a protocol may do to the world around it.
pub trait Effects<P: Protocol> {
    /// Sends a message. Delivery to the sender itself is the driver's matter, see the [module page](self).
    fn send(&mut self, to: To, durable: Durable, message: P::Message);
    /// Hands out work.
    fn job(&mut self, job: P::Job);
    /// Records what a peer did wrong.
    fn fault(&mut self, fault: Fault);
    /// Hands an output to the user.
    fn output(&mut self, output: P::Output);
}
