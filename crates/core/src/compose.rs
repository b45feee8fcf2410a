//! How protocols nest: a parent owns its children and hands each one a [`Lens`] on its own effects.
//!
//! ```text
//! parent.receive(from, wrapped)            the parent finds the child's slot by the wire index, checked once
//!   child.receive(from, inner, lens)       the lens wraps what the child sends, asks and accuses ...
//!     lens -> fx.send(wrap(message))       ... and passes it on to the parent's own effects at once
//!     lens -> outputs.push(output)         outputs stop here: the parent drains them in its settle loop
//! ```
//!
//! Nothing is collected and mapped: a message passes through all layers in one call.

use crate::{Durable, Effects, Fault, Job, Protocol, Segment, To, Weight};

/// How the things of a child of type `C` look inside its parent. Implemented once per kind of child.
pub trait Parent<C: Protocol>: Protocol {
    /// Which one of its kind the child is.
    type Key: Copy;

    /// The child's message as a message of the parent.
    fn message(key: Self::Key, message: C::Message) -> Self::Message;
    /// The child's job as a job of the parent, usually a [`Keyed`] one.
    fn job(key: Self::Key, job: C::Job) -> Self::Job;
    /// The step that leads to the child on the path of a fault.
    fn segment(key: Self::Key) -> Segment;
}

/// The effects of a child, seen through its parent: messages, jobs and faults pass through wrapped, outputs stop in a
/// buffer that the parent drains.
pub struct Lens<'a, P: Parent<C>, C: Protocol> {
    parent: &'a mut dyn Effects<P>,
    key: P::Key,
    outputs: &'a mut Vec<C::Output>,
}

impl<'a, P: Parent<C>, C: Protocol> Lens<'a, P, C> {
    /// Effects for the child `key`, whose outputs go to `outputs`.
    pub fn new(parent: &'a mut dyn Effects<P>, key: P::Key, outputs: &'a mut Vec<C::Output>) -> Self {
        Lens { parent, key, outputs }
    }
}

impl<P: Parent<C>, C: Protocol> Effects<C> for Lens<'_, P, C> {
    fn send(&mut self, to: To, durable: Durable, message: C::Message) {
        self.parent.send(to, durable, P::message(self.key, message));
    }

    fn job(&mut self, job: C::Job) {
        self.parent.job(P::job(self.key, job));
    }

    fn fault(&mut self, fault: Fault) {
        self.parent.fault(fault.inside(P::segment(self.key)));
    }

    fn output(&mut self, output: C::Output) {
        self.outputs.push(output);
    }
}

impl<P: Parent<C>, C: Protocol> std::fmt::Debug for Lens<'_, P, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lens({:?})", P::segment(self.key))
    }
}

/// A job that carries its way home: which child it belongs to.
#[derive(Clone, Debug)]
pub struct Keyed<K, J> {
    /// Which child.
    pub key: K,
    /// Its job.
    pub job: J,
}

impl<K: Send + 'static, J: Job> Job for Keyed<K, J> {
    type Done = (K, J::Done);

    fn run(self) -> Self::Done {
        (self.key, self.job.run())
    }

    fn weight(&self) -> Weight {
        self.job.weight()
    }
}

/// A place for a child: live, or gone and replaced by a tombstone that can still answer.
#[derive(Debug)]
pub enum Slot<C, T = ()> {
    /// The instance runs. Boxed, so that a tombstone is small.
    Live(Box<C>),
    /// The instance halted and was freed.
    Gone(T),
}

impl<C, T> Slot<C, T> {
    /// A live child.
    pub fn live(child: C) -> Self {
        Slot::Live(Box::new(child))
    }

    /// The child, while it lives.
    pub fn get(&self) -> Option<&C> {
        match self {
            Slot::Live(child) => Some(child),
            Slot::Gone(_) => None,
        }
    }

    /// The child, while it lives.
    pub fn get_mut(&mut self) -> Option<&mut C> {
        match self {
            Slot::Live(child) => Some(child),
            Slot::Gone(_) => None,
        }
    }
}
