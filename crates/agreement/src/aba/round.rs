//! What a node knows and has said of one round.

use mellivora_core::{Committee, NodeIndex, planted};

use crate::coin::CoinInstance;
use crate::tally::Tally;
use crate::values::Values;

/// What this node said in a round. Kept apart from what it heard: after a restart this comes back from the log, and
/// nothing that is computed anew may contradict it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub(super) bval: Values,
    pub(super) aux: Option<bool>,
    pub(super) conf: Option<Values>,
}

/// The current round or a later one.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) said: Said,
    /// Who sent BVAL(v).
    pub(super) bval: [Tally; 2],
    /// Who sent AUX(v), justified or not: each sender is in one of the two.
    pub(super) aux: [Tally; 2],
    /// Who sent CONF({0}), CONF({1}), CONF({0, 1}), justified or not: each sender is in one of the three.
    pub(super) conf: [Tally; 3],
    /// Values with 2f + 1 BVALs.
    pub(super) bin: Values,
    /// V of step 4, latched.
    pub(super) chosen: Option<Values>,
    /// The real coin, from its first share on.
    pub(super) coin: Option<Box<CoinInstance>>,
}

/// Whether a statement took its sender's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The first one of the sender.
    Filled,
    /// The same again.
    Equal,
    /// Another one than the first.
    Conflict,
}

/// Puts `sender` into tally `which`, unless it is already in one of them.
fn fill<const K: usize>(tallies: &mut [Tally; K], which: usize, sender: NodeIndex) -> Slot {
    for (k, tally) in tallies.iter_mut().enumerate() {
        if tally.has(sender) && (k == which || !planted("aba-both-values-counted")) {
            return if k == which { Slot::Equal } else { Slot::Conflict };
        }
    }
    // `which` comes from a bool or from a set of values, below.
    tallies[which].add(sender);
    Slot::Filled
}

impl Open {
    #[inline]
    pub(super) fn hear_bval(&mut self, from: NodeIndex, value: bool) -> bool {
        self.bval[usize::from(value)].add(from)
    }

    #[inline]
    pub(super) fn hear_aux(&mut self, from: NodeIndex, value: bool) -> Slot {
        fill(&mut self.aux, usize::from(value), from)
    }

    #[inline]
    pub(super) fn hear_conf(&mut self, from: NodeIndex, values: Values) -> Slot {
        let which = match values.single() {
            Some(value) => usize::from(value),
            None => 2,
        };
        fill(&mut self.conf, which, from)
    }

    /// V1: the values of a quorum of AUX that all lie in `bin`. One value, if it has a quorum by itself.
    pub(super) fn aux_values(&self, committee: Committee) -> Option<Values> {
        let [zero, one] = &self.aux;
        let bin = if planted("aba-aux-unjustified") { Values::BOTH } else { self.bin };
        quorum_of(committee, bin, [zero, one], None)
    }

    /// V: the union over a quorum of CONF whose sets all lie in `bin`. One value, if it has a quorum by itself.
    pub(super) fn conf_values(&self, committee: Committee) -> Option<Values> {
        let [zero, one, both] = &self.conf;
        let bin = if planted("aba-conf-unjustified") { Values::BOTH } else { self.bin };
        quorum_of(committee, bin, [zero, one], Some(both))
    }
}

/// The union of the sets of some quorum whose sets lie in `bin`. Without a quorum for one value alone, any quorum holds
/// either both values or a set with both: its union is {0, 1}.
#[inline]
fn quorum_of(committee: Committee, bin: Values, singles: [&Tally; 2], both: Option<&Tally>) -> Option<Values> {
    let low = if both.is_some() { "aba-conf-quorum-low" } else { "aba-aux-quorum-low" };
    let quorum = committee.quorum() - usize::from(planted(low));
    let mut justified = 0;
    for (tally, value) in singles.into_iter().zip([false, true]) {
        if bin.contains(value) {
            if tally.count() >= quorum {
                return Some(Values::of(value));
            }
            justified += tally.count();
        }
    }
    if bin == Values::BOTH {
        justified += both.map_or(0, Tally::count);
        if justified >= quorum {
            return Some(Values::BOTH);
        }
    }
    None
}

/// A round that this node has left. Others may still need its relay of a BVAL; everything else it had to say is out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    pub(super) bval: [Tally; 2],
    pub(super) said: Values,
    pub(super) coin: bool,
}
