//! Forged votes of binary agreement: one vote for a set of instances, as a bundle carries it.

use std::collections::BTreeMap;

use mellivora_agreement::{Values, Vote};
use mellivora_core::{Epoch, NodeIndex, NodeSet, Round};
use rand::RngExt;

use super::Kit;
use crate::Strategy;

/// What a forger remembers of agreements.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Instances for which TERM was said, by epoch and receiver.
    term: BTreeMap<(Epoch, NodeIndex), NodeSet>,
}

impl Memory {
    /// Receivers and epochs that are remembered at the most.
    const KEPT: usize = 4096;

    fn said_term(&mut self, epoch: Epoch, to: NodeIndex) -> &mut NodeSet {
        if self.term.len() >= Self::KEPT {
            self.term.pop_first();
        }
        self.term.entry((epoch, to)).or_default()
    }

    /// Whether the node has gone silent towards `to` in an instance of an epoch.
    pub(super) fn is_over(&self, epoch: Epoch, to: NodeIndex, instance: NodeIndex) -> bool {
        self.term.get(&(epoch, to)).is_some_and(|over| over.contains(instance))
    }
}

/// Votes on their way.
pub(super) type Cast<'a> = &'a mut dyn FnMut(Vote, NodeSet);

/// Casts what is said to `to` instead of `vote` for `instances`.
pub(super) fn forge(vote: Vote, instances: NodeSet, to: NodeIndex, kit: &mut Kit, cast: Cast<'_>) {
    match kit.strategy() {
        Strategy::Flip if kit.side(to) => {
            kit.strike();
            cast(flipped(vote, kit), instances);
        }
        Strategy::DoubleVote => double(vote, instances, to, kit, cast),
        Strategy::Unjustified => {
            if let Vote::Bval { round, value } = vote {
                kit.strike();
                cast(Vote::Aux { round, value: !value }, instances);
                let values = if kit.rng().random() { Values::BOTH } else { Values::of(!value) };
                cast(Vote::Conf { round, values }, instances);
            }
            cast(vote, instances);
        }
        Strategy::FarRounds => {
            cast(vote, instances);
            far_rounds(vote, instances, kit, cast);
        }
        Strategy::FalseTerm => false_term(vote, instances, to, kit, cast),
        Strategy::StopHelping => {
            let epoch = kit.place().epoch;
            let over = kit.votes.said_term(epoch, to);
            let open = instances.difference(over);
            if let Vote::Term { .. } = vote {
                *over = over.union(&instances);
            }
            if open != instances {
                kit.strike();
            }
            if !open.is_empty() {
                cast(vote, open);
            }
        }
        _ => cast(vote, instances),
    }
}

fn flipped(vote: Vote, kit: &mut Kit) -> Vote {
    match vote {
        Vote::Bval { round, value } => Vote::Bval { round, value: !value },
        Vote::Aux { round, value } => Vote::Aux { round, value: !value },
        Vote::Conf { round, values } => {
            let values = match values.single() {
                Some(value) => Values::of(!value),
                None => Values::of(kit.rng().random()),
            };
            Vote::Conf { round, values }
        }
        Vote::Term { value } => Vote::Term { value: !value },
    }
}

/// Both values of everything. Which one comes first, and so counts, differs between the halves.
fn double(vote: Vote, instances: NodeSet, to: NodeIndex, kit: &mut Kit, cast: Cast<'_>) {
    let first = kit.side(to);
    kit.strike();
    for value in [first, !first] {
        let one = match vote {
            Vote::Bval { round, .. } => Vote::Bval { round, value },
            Vote::Aux { round, .. } => Vote::Aux { round, value },
            Vote::Conf { round, .. } => Vote::Conf { round, values: Values::of(value) },
            Vote::Term { .. } => Vote::Term { value },
        };
        cast(one, instances);
    }
}

fn far_rounds(vote: Vote, instances: NodeSet, kit: &mut Kit, cast: Cast<'_>) {
    let Some(Round(round)) = vote.round() else { return };
    for _ in 0..2 {
        if !kit.spend() {
            return;
        }
        let rng = kit.rng();
        let far = match rng.random_range(0..6) {
            0 => u32::MAX,
            1 => round.saturating_add(1_000),
            2 => round.saturating_sub(1).max(1),
            3 => 1,
            _ => round.saturating_add(rng.random_range(1..10)),
        };
        let (round, value) = (Round(far), rng.random());
        let vote = match rng.random_range(0..3) {
            0 => Vote::Bval { round, value },
            1 => Vote::Aux { round, value },
            _ => Vote::Conf { round, values: Values::of(value) },
        };
        kit.strike();
        cast(vote, instances);
    }
}

/// TERM against the own first vote, before anything is decided; the true TERM later contradicts it and is left out.
fn false_term(vote: Vote, instances: NodeSet, to: NodeIndex, kit: &mut Kit, cast: Cast<'_>) {
    let value = match vote {
        Vote::Bval { value, .. } | Vote::Aux { value, .. } | Vote::Term { value } => value,
        Vote::Conf { .. } => return cast(vote, instances),
    };
    let epoch = kit.place().epoch;
    let said = kit.votes.said_term(epoch, to);
    let fresh = instances.difference(said);
    *said = said.union(&instances);
    if !fresh.is_empty() {
        kit.strike();
        cast(Vote::Term { value: !value }, fresh);
    }
    if !matches!(vote, Vote::Term { .. }) {
        cast(vote, instances);
    }
}
