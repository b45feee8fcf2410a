//! What oracles and schedulers may look at: everything.

use mellivora_core::{Committee, NodeIndex, NodeSet, Protocol};

use crate::event::{Body, Pending, PendingKind};
use crate::world::World;

/// A look at a run from outside, with the states of all nodes.
pub struct View<'a, P: Protocol> {
    pub(crate) world: &'a World<P>,
}

impl<'a, P: Protocol> View<'a, P> {
    /// The committee.
    pub fn committee(&self) -> Committee {
        self.world.committee
    }

    /// Events so far.
    pub fn step(&self) -> u64 {
        self.world.step
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.world.seed
    }

    /// The state of a node; of a crashed one the last, of an equivocating one the first of two.
    ///
    /// # Panics
    ///
    /// If the node is not a member.
    pub fn node(&self, node: NodeIndex) -> &'a P {
        &self.world.actors[node.as_usize()].instance
    }

    /// What a node output since it was last started.
    ///
    /// # Panics
    ///
    /// If the node is not a member.
    pub fn outputs(&self, node: NodeIndex) -> &'a [P::Output] {
        &self.world.actors[node.as_usize()].outputs
    }

    /// Nodes that were declared faulty.
    pub fn faulty(&self) -> NodeSet {
        self.world.faulty
    }

    /// All others.
    pub fn honest(&self) -> NodeSet {
        self.world.committee.all().difference(&self.world.faulty)
    }

    /// Honest nodes that are up.
    pub fn live(&self) -> NodeSet {
        self.honest().iter().filter(|node| self.world.actors[node.as_usize()].alive).collect()
    }

    /// How many events are pending.
    pub fn pending_len(&self) -> usize {
        self.world.queue.len
    }

    /// A pending event by position, oldest first until one is taken. Only schedulers can look at them.
    pub fn pending(&self, position: usize) -> Option<Pending<'a, P>> {
        let event = self.world.queue.peek(position)?;
        let at = self.world.actors.get(usize::from(event.at))?.node;
        let kind = match &event.body {
            Body::Message { from, message, .. } => PendingKind::Message { from: *from, message },
            Body::Job { .. } => PendingKind::Job,
            Body::Input(_) => PendingKind::Input,
        };
        Some(Pending { at, seq: event.seq, kind })
    }
}

impl<P: Protocol> Clone for View<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> Copy for View<'_, P> {}

impl<P: Protocol> std::fmt::Debug for View<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "View(seed {}, step {})", self.world.seed, self.world.step)
    }
}
