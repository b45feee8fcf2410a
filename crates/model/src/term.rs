//! TERM: how nodes that have decided stop without leaving others behind.
//!
//! # What is modelled
//!
//! The gadget of `mellivora_agreement::aba` on top of rounds that are taken for granted: deciding b, TERM(b) to all,
//! once, and taking part goes on; f + 1 TERM(b): decide b; 2f + 1 TERM(b): halt. The Byzantine nodes may say TERM(0)
//! and TERM(1) to anybody.
//!
//! # What is left out, and why that is sound
//!
//! Rounds. [`aba`](crate::aba) shows that all decisions by the coin agree, so they are 1 here, without loss. A round
//! comes to an end as long as a quorum takes part: so a node may decide by the coin whenever a quorum, Byzantine
//! nodes included, has not halted; and it does in the end (with probability 1) when a quorum of honest nodes has not.
//! That a node serves others in rounds which it has left is a law of the rounds, and shown there
//! (`PastRoundsDropped`).
//!
//! # Laws
//!
//! No two decisions differ; when everybody is quiet, everybody has decided and halted.
//!
//! # Weakened rules
//!
//! Halting at the decision or at f + 1 TERMs, joining at f or at 2f + 1 TERMs, joining without a TERM of one's own.
//! All of them break a law.
//!
//! # States
//!
//! Each node is undecided, has decided 0 or 1, and has halted or not; nodes have no names.
//!
//! The counts are in [`EXPECTED`](crate::EXPECTED).

use std::fmt;

use mellivora_core::Committee;
use stateright::Property;

use crate::Weakening;
use crate::system::{Checked, Help, System};

/// One honest node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// What it decided.
    pub decision: Option<u8>,
    /// Whether it said TERM for it.
    pub said: bool,
    /// Whether it halted.
    pub halted: bool,
}

/// The honest nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State<const H: usize> {
    /// The honest nodes.
    pub nodes: [Node; H],
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It decides 1 by the coin of a round.
    Decide,
    /// It decides a value because of TERMs for it.
    Adopt(u8),
    /// It halts because of TERMs for a value.
    Halt(u8),
}

/// A node does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The node.
    pub node: usize,
    /// What it does.
    pub act: Act,
}

/// The gadget among H honest nodes and f Byzantine ones. See the [module page](self).
#[derive(Clone, Debug)]
pub struct Term<const H: usize> {
    committee: Committee,
    weakening: Option<Weakening>,
}

impl<const H: usize> Term<H> {
    /// A committee whose Byzantine nodes are all there may be; H must be the number of the others.
    pub fn new(committee: Committee, weakening: Option<Weakening>) -> Self {
        assert_eq!(committee.quorum(), H, "the honest nodes are a quorum");
        Term { committee, weakening }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    /// Whether a step is open to its node.
    pub fn allows(&self, state: &State<H>, Step { node, act }: Step, help: Help) -> bool {
        let me = state.nodes[node];
        let extra = help.votes(self.committee.f());
        let terms = |value| state.nodes.iter().filter(|n| n.said && n.decision == Some(value)).count() + extra;
        let free = me.decision.is_none() && !me.halted;
        match act {
            Act::Decide => {
                let takes_part = state.nodes.iter().filter(|n| !n.halted).count() + extra;
                free && takes_part >= self.committee.quorum()
            }
            Act::Adopt(value) => {
                let enough = match self.weakening {
                    Some(Weakening::AdoptLow) => self.committee.f(),
                    Some(Weakening::AdoptHigh) => self.committee.strong(),
                    _ => self.committee.one_honest(),
                };
                free && terms(value) >= enough
            }
            Act::Halt(value) => {
                let low = self.weak(Weakening::HaltLow);
                let enough = if low { self.committee.one_honest() } else { self.committee.strong() };
                // Who has 2f + 1 has had f + 1 before.
                !me.halted && me.decision.is_some() && terms(value) >= enough
            }
        }
    }

    fn all_steps() -> impl Iterator<Item = Step> {
        let acts = [Act::Decide, Act::Adopt(0), Act::Adopt(1), Act::Halt(0), Act::Halt(1)];
        (0..H).flat_map(move |node| acts.map(|act| Step { node, act }))
    }

    /// Whether nobody is bound to do anything more: no step is open with the statements of honest nodes alone.
    pub fn quiescent(&self, state: &State<H>) -> bool {
        !Self::all_steps().any(|step| self.allows(state, step, Help::HonestOnly))
    }
}

impl<const H: usize> System for Term<H> {
    type State = State<H>;
    type Step = Step;

    fn initial(&self) -> Vec<State<H>> {
        vec![State { nodes: [Node::default(); H] }]
    }

    fn steps(&self, state: &State<H>, steps: &mut Vec<Step>) {
        steps.extend(Self::all_steps().filter(|&step| self.allows(state, step, Help::Byzantine)));
    }

    fn apply(&self, state: &State<H>, Step { node, act }: Step) -> State<H> {
        let mut next = *state;
        let me = &mut next.nodes[node];
        match act {
            Act::Decide => (me.decision, me.said) = (Some(1), true),
            Act::Adopt(value) => (me.decision, me.said) = (Some(value), !self.weak(Weakening::AdoptSilently)),
            Act::Halt(_) => me.halted = true,
        }
        me.halted |= self.weak(Weakening::HaltAtDecide);
        next
    }

    fn canonical(&self, mut state: State<H>) -> State<H> {
        state.nodes.sort();
        state
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        vec![
            Property::always("agreement", |_, state: &State<H>| {
                let decided = |value| state.nodes.iter().any(|n| n.decision == Some(value));
                !(decided(0) && decided(1))
            }),
            Property::always("everybody decides", |model: &Checked<Self>, state: &State<H>| {
                state.nodes.iter().all(|n| n.decision.is_some()) || !model.0.quiescent(state)
            }),
            Property::always("everybody halts", |model: &Checked<Self>, state: &State<H>| {
                state.nodes.iter().all(|n| n.halted) || !model.0.quiescent(state)
            }),
            Property::sometimes("one halted, another undecided", |_, state: &State<H>| {
                state.nodes.iter().any(|n| n.halted) && state.nodes.iter().any(|n| n.decision.is_none())
            }),
            Property::sometimes("all halted", |_, state: &State<H>| state.nodes.iter().all(|n| n.halted)),
        ]
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node;
        match self.act {
            Act::Decide => write!(f, "node {node} decides 1 by the coin"),
            Act::Adopt(value) => write!(f, "node {node} decides {value} on TERMs"),
            Act::Halt(value) => write!(f, "node {node} halts on TERM({value})s"),
        }
    }
}

impl<const H: usize> fmt::Display for State<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.iter().enumerate() {
            let gap = if i == 0 { "" } else { "; " };
            let halted = if node.halted { ", halted" } else { "" };
            match node.decision {
                None => write!(f, "{gap}node {i}: undecided{halted}")?,
                Some(value) => write!(f, "{gap}node {i}: decided {value}{halted}")?,
            }
        }
        Ok(())
    }
}
