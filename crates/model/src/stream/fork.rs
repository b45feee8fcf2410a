//! A Byzantine proposer, and who votes for what.

use std::fmt;

use mellivora_core::Committee;
use stateright::Property;

use crate::Weakening;
use crate::rbc::roots;
use crate::system::{Checked, System};
use crate::values::{Values, root};

/// One honest voter. Digests of slot s are at index s - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForkNode<const S: usize> {
    /// The number of the slot up to which its outputs go.
    pub base: u8,
    /// Digests that it voted for.
    pub voted: [Values; S],
    /// Digests whose batch it has.
    pub stored: [Values; S],
}

/// All votes, and what is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForkState<const H: usize, const S: usize> {
    /// The honest voters.
    pub nodes: [ForkNode<S>; H],
    /// Which digest of the slot below each digest covers, once somebody has seen it: a set of one.
    pub covers: [[Values; 2]; S],
    /// Digests of slots that were tips of outputs.
    pub ordered: [Values; S],
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkStep {
    /// A node votes for a digest that covers a digest of the slot below.
    Vote {
        /// The voter.
        node: usize,
        /// The slot, from 1.
        slot: usize,
        /// The digest.
        digest: u8,
        /// The digest below; 0 for the first slot.
        covers: u8,
    },
    /// A certified slot is the stream's tip in an output.
    Order(usize, u8),
    /// A node takes the outputs up to a tip.
    Advance(usize, usize),
}

/// S slots, H honest voters and a Byzantine proposer. See the [module page](super).
#[derive(Clone, Debug)]
pub struct Fork<const H: usize, const S: usize> {
    committee: Committee,
    window: usize,
    weakening: Option<Weakening>,
}

const DIGESTS: [u8; 2] = [0, 1];

impl<const H: usize, const S: usize> Fork<H, S> {
    /// A committee whose Byzantine nodes are all there may be; H must be the number of the others.
    pub fn new(committee: Committee, window: usize, weakening: Option<Weakening>) -> Self {
        assert_eq!(committee.quorum(), H, "the honest nodes are a quorum");
        Fork { committee, window, weakening }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    fn certified(&self, state: &ForkState<H, S>, slot: usize, digest: u8) -> bool {
        let quorum = self.committee.quorum() - usize::from(self.weak(Weakening::SlotQuorumLow));
        let votes = state.nodes.iter().filter(|node| node.voted[slot - 1].has(digest)).count();
        votes + self.committee.f() >= quorum
    }

    /// The newest ordered tip, 0 before the first.
    fn ordered(state: &ForkState<H, S>) -> usize {
        (1..=S).rev().find(|slot| !state.ordered[slot - 1].is_empty()).unwrap_or(0)
    }

    /// Whether the slot below, with this digest, is good enough.
    fn founded(&self, state: &ForkState<H, S>, node: usize, slot: usize, covers: u8) -> bool {
        let me = &state.nodes[node];
        let Some(below) = slot.checked_sub(2) else {
            // The first slot covers nothing.
            return me.base == 0;
        };
        let pinned = state.ordered[below].has(covers) || self.weak(Weakening::BaseUnpinned);
        let base = usize::from(me.base) + 1 == slot && pinned;
        let certified = self.certified(state, slot - 1, covers) || self.weak(Weakening::PredecessorUnchecked);
        base || me.voted[below].has(covers) || certified || self.weak(Weakening::NoPredecessor)
    }

    /// Whether the rules let this happen.
    pub fn allows(&self, state: &ForkState<H, S>, step: ForkStep) -> bool {
        match step {
            ForkStep::Vote { node, slot, digest, covers } => {
                let me = &state.nodes[node];
                let voted = me.voted[slot - 1];
                let free = voted.is_empty() || self.weak(Weakening::VoteTwice) && !voted.has(digest);
                let window = slot <= usize::from(me.base) + self.window || self.weak(Weakening::NoWindow);
                let made = state.covers[slot - 1][usize::from(digest)];
                let same = made.is_empty() || made.has(covers);
                free && window && same && self.founded(state, node, slot, covers)
            }
            ForkStep::Order(slot, digest) => slot > Self::ordered(state) && self.certified(state, slot, digest),
            ForkStep::Advance(node, slot) => {
                slot > usize::from(state.nodes[node].base) && !state.ordered[slot - 1].is_empty()
            }
        }
    }

    fn all() -> impl Iterator<Item = ForkStep> {
        let votes = |slot: usize| {
            let covers = DIGESTS.into_iter().filter(move |&covers| slot > 1 || covers == 0);
            let each = covers.flat_map(|covers| DIGESTS.map(|digest| (digest, covers)));
            each.flat_map(move |(digest, covers)| (0..H).map(move |node| ForkStep::Vote { node, slot, digest, covers }))
        };
        (1..=S).flat_map(move |slot| {
            let orders = DIGESTS.map(|digest| ForkStep::Order(slot, digest));
            votes(slot).chain(orders).chain((0..H).map(move |node| ForkStep::Advance(node, slot)))
        })
    }

    fn certificates(&self, state: &ForkState<H, S>) -> Vec<(usize, u8)> {
        let all = (1..=S).flat_map(|slot| DIGESTS.map(|digest| (slot, digest)));
        all.filter(|&(slot, digest)| self.certified(state, slot, digest)).collect()
    }

    fn prefixes(&self, state: &ForkState<H, S>) -> bool {
        self.certificates(state).into_iter().all(|(slot, digest)| {
            let below = state.covers[slot - 1][usize::from(digest)].single();
            slot == 1 || below.is_some_and(|below| self.certified(state, slot - 1, below))
        })
    }

    fn held(&self, state: &ForkState<H, S>) -> bool {
        self.certificates(state)
            .into_iter()
            .all(|(slot, digest)| state.nodes.iter().any(|node| node.stored[slot - 1].has(digest)))
    }
}

impl<const H: usize, const S: usize> System for Fork<H, S> {
    type State = ForkState<H, S>;
    type Step = ForkStep;

    fn initial(&self) -> Vec<ForkState<H, S>> {
        let node = ForkNode { base: 0, voted: [Values::NONE; S], stored: [Values::NONE; S] };
        vec![ForkState { nodes: [node; H], covers: [[Values::NONE; 2]; S], ordered: [Values::NONE; S] }]
    }

    fn steps(&self, state: &ForkState<H, S>, steps: &mut Vec<ForkStep>) {
        steps.extend(Self::all().filter(|&step| self.allows(state, step)));
    }

    fn apply(&self, state: &ForkState<H, S>, step: ForkStep) -> ForkState<H, S> {
        let mut next = *state;
        match step {
            ForkStep::Vote { node, slot, digest, covers } => {
                let me = &mut next.nodes[node];
                let predecessor_held = match slot.checked_sub(2) {
                    Some(below) => me.voted[below].has(covers) || usize::from(me.base) + 1 == slot,
                    None => true,
                };
                me.voted[slot - 1] = me.voted[slot - 1].with(Values::of(digest));
                if !self.weak(Weakening::VoteUnstored) {
                    me.stored[slot - 1] = me.stored[slot - 1].with(Values::of(digest));
                }
                if let Some(below) = slot.checked_sub(2) {
                    // On the certificate of the slot below: its batch is fetched first.
                    if !predecessor_held && self.certified(state, slot - 1, covers) {
                        next.nodes[node].stored[below] = next.nodes[node].stored[below].with(Values::of(covers));
                    }
                    next.covers[slot - 1][usize::from(digest)] = Values::of(covers);
                }
            }
            ForkStep::Order(slot, digest) => next.ordered[slot - 1] = Values::of(digest),
            ForkStep::Advance(node, slot) => next.nodes[node].base = slot as u8,
        }
        next
    }

    fn canonical(&self, state: ForkState<H, S>) -> ForkState<H, S> {
        let renamed = (0..1u32 << S).map(|names| {
            let mut other = state;
            for slot in (0..S).filter(|slot| names >> slot & 1 == 1) {
                for node in &mut other.nodes {
                    node.voted[slot] = node.voted[slot].flipped();
                    node.stored[slot] = node.stored[slot].flipped();
                }
                other.covers[slot].swap(0, 1);
                if let Some(above) = other.covers.get_mut(slot + 1) {
                    *above = above.map(Values::flipped);
                }
                other.ordered[slot] = other.ordered[slot].flipped();
            }
            other.nodes.sort();
            other
        });
        renamed.min().unwrap_or(state)
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        vec![
            Property::always("one certificate per slot", |model: &Checked<Self>, state: &ForkState<H, S>| {
                let both = |slot| DIGESTS.iter().all(|&digest| model.0.certified(state, slot, digest));
                !(1..=S).any(both)
            }),
            Property::always("certified prefixes", |model: &Checked<Self>, state| model.0.prefixes(state)),
            Property::always("certified batches are held", |model: &Checked<Self>, state| model.0.held(state)),
            Property::always("window", |model: &Checked<Self>, state: &ForkState<H, S>| {
                let within = |node: &ForkNode<S>| {
                    let top = usize::from(node.base) + model.0.window;
                    node.voted.iter().skip(top).all(|voted| voted.is_empty())
                };
                state.nodes.iter().all(within)
            }),
            Property::sometimes("all slots are certified", |model: &Checked<Self>, state: &ForkState<H, S>| {
                model.0.certificates(state).len() == S
            }),
            Property::sometimes("two digests of a slot have votes", |_, state: &ForkState<H, S>| {
                let has = |slot: usize, digest| state.nodes.iter().any(|node| node.voted[slot].has(digest));
                (0..S).any(|slot| has(slot, 0) && has(slot, 1))
            }),
            Property::sometimes("a vote on a snapshot", |_, state: &ForkState<H, S>| {
                let last = |node: &ForkNode<S>| !node.voted[S - 1].is_empty();
                let rest = |node: &ForkNode<S>| node.voted[..S - 1].iter().all(|voted| voted.is_empty());
                state.nodes.iter().any(|node| last(node) && rest(node) && usize::from(node.base) + 1 == S)
            }),
            Property::sometimes("a vote on a certificate", |_, state: &ForkState<H, S>| {
                state.nodes.iter().any(|node| node.voted != node.stored)
            }),
        ]
    }
}

impl fmt::Display for ForkStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ForkStep::Vote { node, slot: 1, digest, .. } => write!(f, "node {node} votes for 1{}", root(digest)),
            ForkStep::Vote { node, slot, digest, covers } => {
                write!(f, "node {node} votes for {slot}{}, which covers {}{}", root(digest), slot - 1, root(covers))
            }
            ForkStep::Order(slot, digest) => write!(f, "an output goes up to {slot}{}", root(digest)),
            ForkStep::Advance(node, slot) => write!(f, "node {node} takes the outputs up to slot {slot}"),
        }
    }
}

impl<const H: usize, const S: usize> fmt::Display for ForkState<H, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.iter().enumerate() {
            write!(f, "{}node {i}: base {}, votes", if i == 0 { "" } else { "; " }, node.base)?;
            for (slot, &voted) in node.voted.iter().enumerate() {
                write!(f, " {}: {}", slot + 1, roots(voted))?;
            }
        }
        Ok(())
    }
}
