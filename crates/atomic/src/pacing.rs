//! How fast others can make this node run epochs to which it has nothing to contribute.
//!
//! A node with nothing to order joins an epoch that f + 1 others have begun: one of them is honest. For fewer it spends
//! a credit, which comes back if the epoch orders anything and otherwise with the next nudge. So a single honest node
//! with a single transaction is served at once, and a Byzantine one can force empty epochs only at the rate of nudges.

use std::collections::{BTreeMap, BTreeSet};

use mellivora_core::{Committee, Epoch, NodeIndex, NodeSet, planted};

const CREDIT: u32 = 8;

/// See the [module page](self).
#[derive(Clone, Debug)]
pub(crate) struct Pacing {
    committee: Committee,
    credit: u32,
    /// Who was seen in an epoch that does not run here.
    seen: BTreeMap<Epoch, NodeSet>,
    /// Epochs that were joined on credit.
    charged: BTreeSet<Epoch>,
}

impl Pacing {
    pub(crate) fn new(committee: Committee) -> Self {
        Pacing { committee, credit: CREDIT, seen: BTreeMap::new(), charged: BTreeSet::new() }
    }

    /// `from` sent a message of an epoch that does not run here.
    pub(crate) fn saw(&mut self, from: NodeIndex, epoch: Epoch) {
        self.seen.entry(epoch).or_default().insert(from);
    }

    /// Whether to join `epoch` with nothing to contribute. Whoever is in a later epoch has begun this one, too.
    pub(crate) fn join(&mut self, epoch: Epoch) -> bool {
        let seen = self
            .seen
            .range(epoch..)
            .take(if planted("pacing-this-epoch-alone") { 1 } else { usize::MAX })
            .fold(NodeSet::EMPTY, |all, (_, set)| all.union(set));
        if seen.len() >= self.committee.one_honest() - usize::from(planted("pacing-follows-f")) {
            return true;
        }
        if seen.is_empty() || self.credit == 0 {
            return false;
        }
        self.credit -= u32::from(!planted("pacing-credit-unlimited"));
        self.charged.insert(epoch);
        true
    }

    /// `epoch` runs here now.
    pub(crate) fn started(&mut self, epoch: Epoch) {
        self.seen.remove(&epoch);
    }

    /// `epoch` ordered something, or nothing.
    pub(crate) fn ended(&mut self, epoch: Epoch, empty: bool) {
        if self.charged.remove(&epoch) && !empty && !planted("pacing-credit-not-returned") {
            self.nudge();
        }
    }

    /// Time has passed.
    pub(crate) fn nudge(&mut self) {
        self.credit = (self.credit + 1).min(CREDIT);
    }

    /// Epochs below `low` are closed.
    pub(crate) fn close_below(&mut self, low: Epoch) {
        self.seen = self.seen.split_off(&low);
        self.charged = self.charged.split_off(&low);
    }

    /// Whether somebody waits for this node to join an epoch.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.seen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_forces_empty_epochs_only_at_the_rate_of_nudges() {
        let mut pacing = Pacing::new(Committee::new(4).unwrap());
        let mut joined = 0;
        for e in 0..100 {
            pacing.saw(NodeIndex(3), Epoch(e));
            if pacing.join(Epoch(e)) {
                joined += 1;
                pacing.started(Epoch(e));
                pacing.ended(Epoch(e), true);
            }
        }
        assert_eq!(joined, CREDIT);
        pacing.nudge();
        assert!(pacing.join(Epoch(99)) && !pacing.join(Epoch(99)));
        pacing.saw(NodeIndex(2), Epoch(99));
        assert!(pacing.join(Epoch(98)), "f + 1 need no credit, and a later epoch counts for an earlier one");
    }

    #[test]
    fn useful_epochs_cost_nothing() {
        let mut pacing = Pacing::new(Committee::new(4).unwrap());
        for e in 0..100 {
            pacing.saw(NodeIndex(3), Epoch(e));
            assert!(pacing.join(Epoch(e)));
            pacing.started(Epoch(e));
            pacing.ended(Epoch(e), false);
        }
    }
}
