//! Demands for proofs of decryption shares that nothing here gives a reason for.
//!
//! A proof costs several multiplications, and asking for one costs a few bytes. Where the slot did not open here at the
//! first attempt, everybody may have to ask. Where it did, honest shares open it everywhere: an honest asker was sent a
//! wrong share, and once its slot is open it names the liar and combines nothing of it any more. So in all it asks for no
//! more than what f liars can spoil before they are named, the slots of P epochs each. What a peer asks for beyond that
//! is not answered.

use mellivora_core::{Committee, Limits, NodeIndex, NodeSet};

/// See the [module page](self).
#[derive(Clone, Debug)]
pub(crate) struct Demands {
    most: u64,
    counted: Vec<u64>,
    denied: NodeSet,
}

impl Demands {
    pub(crate) fn new(committee: Committee, limits: &Limits) -> Self {
        let most = limits.pipeline.saturating_mul((committee.f() * committee.n()) as u64);
        let mut demands = Demands { most, counted: vec![0; committee.n()], denied: NodeSet::EMPTY };
        if most == 0 {
            demands.denied = committee.all();
        }
        demands
    }

    /// Counts one demand.
    pub(crate) fn count(&mut self, asker: NodeIndex) {
        if let Some(count) = self.counted.get_mut(asker.as_usize()) {
            *count += 1;
            if *count >= self.most {
                self.denied.insert(asker);
            }
        }
    }

    /// Whose needless demands are not answered.
    pub(crate) fn denied(&self) -> NodeSet {
        self.denied
    }

    /// A new incarnation of `peer` does not know any more who lied to it.
    pub(crate) fn forget(&mut self, peer: NodeIndex) {
        if let Some(count) = self.counted.get_mut(peer.as_usize()).filter(|_| self.most > 0) {
            *count = 0;
            self.denied.remove(peer);
        }
    }
}
