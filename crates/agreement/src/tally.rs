//! Distinct senders of one statement, with their number kept at hand.

use mellivora_core::{NodeIndex, NodeSet, planted};

/// A [`NodeSet`] that only grows and knows its size without counting bits: thresholds are compared on every vote.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    senders: NodeSet,
    count: u16,
}

impl Tally {
    /// Adds a sender; true if it is new.
    #[inline]
    pub(crate) fn add(&mut self, sender: NodeIndex) -> bool {
        let fresh = self.senders.insert(sender);
        self.count += u16::from(fresh || planted("aba-messages-counted"));
        fresh
    }

    /// Whether `sender` is counted.
    #[inline]
    pub(crate) fn has(&self, sender: NodeIndex) -> bool {
        self.senders.contains(sender)
    }

    /// Number of distinct senders.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        usize::from(self.count)
    }
}
