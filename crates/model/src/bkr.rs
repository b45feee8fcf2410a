//! BKR's common subset: when to vote 1, when 0, when to stop waiting.
//!
//! # What is modelled
//!
//! The rules of `mellivora_subset::bkr` over n broadcasts and n agreements that keep their specifications, node n - 1
//! Byzantine (f = 1):
//!
//! * a broadcast of an honest node is delivered by everybody in the end, that of the Byzantine node by all or nobody;
//! * an agreement decides once for all, an honest node's input (*validity*): at any time after that input, and at the
//!   latest when all honest nodes have one; everybody learns it, sooner or later.
//!
//! Rules: deliver j: input 1 to agreement j, if it has none; a quorum of agreements decided 1: input 0 to the rest;
//! all decided, and broadcast j delivered for every 1: output.
//!
//! # What is left out, and why that is sound
//!
//! * *Who has learnt which decision.* A node that acts on a decision late acts as one that learnt it late.
//! * *Contributions.* Broadcasts agree, so the set of indices is the output.
//! * *Waiting for the own decoding* before zeros: zeros go out at any time after the quorum of ones here.
//! * When j is decided 0, nothing about broadcast j matters any more; when it is decided 1, only who delivered it.
//!
//! # Laws
//!
//! No two outputs differ; an output has n - f members at least, and only broadcasts that its node delivered; when
//! everybody is quiet, all have output.
//!
//! # Weakened rules
//!
//! Zeros after f + 1 ones or never, output before all have decided or delivered, completion looked at on decisions
//! only, a broadcast dropped on one's own zero. All of them break a law.
//!
//! # States
//!
//! Honest nodes have no names, and neither have their broadcasts.
//!
//! The counts are in [`EXPECTED`](crate::EXPECTED).

use std::fmt;
use std::sync::Arc;

use mellivora_core::Committee;
use stateright::Property;

use crate::Weakening;
use crate::system::{Checked, Help, System};
use crate::values::Values;

/// One honest node's part in one broadcast and its agreement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The input that it gave to the agreement.
    pub input: Values,
    /// Whether it delivered the broadcast.
    pub delivered: bool,
}

/// One honest node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node<const N: usize> {
    /// Its part in each broadcast.
    pub cells: [Cell; N],
    /// What it output, as bits.
    pub output: Option<u8>,
    /// It looked whether all is there for the last time: a weakened rule.
    pub gave_up: bool,
}

/// The honest nodes, and the agreements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State<const H: usize, const N: usize> {
    /// What each agreement decided, as a set of one value.
    pub decided: [Values; N],
    /// The honest nodes.
    pub nodes: [Node<N>; H],
}

/// Something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A node delivers a broadcast.
    Deliver {
        /// The node.
        node: usize,
        /// Whose broadcast.
        of: usize,
    },
    /// An agreement decides.
    Decide {
        /// On whose broadcast.
        of: usize,
        /// The bit.
        value: u8,
    },
    /// A node gives its zeros.
    Zeros {
        /// The node.
        node: usize,
    },
    /// A node outputs.
    Output {
        /// The node.
        node: usize,
    },
    /// A node looks in vain whether all is there, and will not look again: a weakened rule.
    GiveUp {
        /// The node.
        node: usize,
    },
}

/// BKR among H honest nodes of N. See the [module page](self).
#[derive(Clone, Debug)]
pub struct Bkr<const H: usize, const N: usize> {
    committee: Committee,
    weakening: Option<Weakening>,
    /// All orders of the broadcasts of honest nodes.
    orders: Arc<[Vec<usize>]>,
}

impl<const H: usize, const N: usize> Bkr<H, N> {
    /// A committee of N nodes, the last of which is Byzantine.
    pub fn new(committee: Committee, weakening: Option<Weakening>) -> Self {
        assert!(committee.quorum() == H && committee.n() == N && N <= 8 && H + 1 == N, "one Byzantine node");
        Bkr { committee, weakening, orders: orders(H).into() }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    /// Agreements that decided a value, as bits.
    fn decided(state: &State<H, N>, value: u8) -> u8 {
        (0..N).filter(|&j| state.decided[j].has(value)).fold(0, |bits, j| bits | 1 << j)
    }

    fn delivered(node: &Node<N>) -> u8 {
        (0..N).filter(|&j| node.cells[j].delivered).fold(0, |bits, j| bits | 1 << j)
    }

    /// Whether a step is open.
    pub fn allows(&self, state: &State<H, N>, step: Step, help: Help) -> bool {
        let ones = Self::decided(state, 1);
        let all_decided = ones | Self::decided(state, 0) == ((1u16 << N) - 1) as u8;
        match step {
            Step::Deliver { node, of } => {
                let cell = state.nodes[node].cells[of];
                let sure = of < H || state.nodes.iter().any(|n| n.cells[of].delivered);
                let dropped = self.weak(Weakening::DropOnOwnZero) && cell.input.has(0);
                let wanted = !state.decided[of].has(0) && !dropped;
                !cell.delivered && wanted && (sure || help == Help::Byzantine)
            }
            Step::Decide { of, value } => {
                let given = |n: &Node<N>| n.cells[of].input;
                let all = state.nodes.iter().all(|n| !given(n).is_empty());
                let valid = state.nodes.iter().any(|n| given(n).has(value));
                state.decided[of].is_empty() && valid && (all || help == Help::Byzantine)
            }
            Step::Zeros { node } => {
                let early = self.weak(Weakening::ZerosEarly);
                let enough = if early { self.committee.one_honest() } else { self.committee.quorum() };
                let due = ones.count_ones() as usize >= enough && !self.weak(Weakening::NoZeros);
                let mut cells = state.nodes[node].cells.iter().zip(&state.decided);
                due && cells.any(|(cell, decided)| cell.input.is_empty() && decided.is_empty())
            }
            Step::Output { node } => {
                let me = &state.nodes[node];
                let there = ones & !Self::delivered(me) == 0 || self.weak(Weakening::OutputUndelivered);
                let early = self.weak(Weakening::OutputEarly) && ones.count_ones() as usize >= self.committee.quorum();
                me.output.is_none() && !me.gave_up && (all_decided || early) && there
            }
            Step::GiveUp { node } => {
                let me = &state.nodes[node];
                let missing = ones & !Self::delivered(me) != 0;
                let weak = self.weak(Weakening::CompletionOnAgreement) && help == Help::Byzantine;
                weak && me.output.is_none() && !me.gave_up && all_decided && missing
            }
        }
    }

    fn all_steps() -> impl Iterator<Item = Step> {
        let deliver = (0..H).flat_map(|node| (0..N).map(move |of| Step::Deliver { node, of }));
        let decide = (0..N).flat_map(|of| [0, 1].map(|value| Step::Decide { of, value }));
        let rest = |node| [Step::Zeros { node }, Step::Output { node }, Step::GiveUp { node }];
        deliver.chain(decide).chain((0..H).flat_map(rest))
    }

    /// Whether nobody is bound to do anything more: no step is open with the statements of honest nodes alone.
    pub fn quiescent(&self, state: &State<H, N>) -> bool {
        !Self::all_steps().any(|step| self.allows(state, step, Help::HonestOnly))
    }

    /// Forgets what no rule looks at any more.
    fn canonical_cells(&self, mut state: State<H, N>) -> State<H, N> {
        let State { decided, nodes } = &mut state;
        for node in nodes {
            for (cell, decided) in node.cells.iter_mut().zip(decided.iter()) {
                if decided.has(0) {
                    *cell = Cell::default();
                } else if decided.has(1) && (cell.delivered || !self.weak(Weakening::DropOnOwnZero)) {
                    cell.input = Values::NONE;
                }
            }
        }
        state
    }
}

/// All orders of the places 0 to `count` - 1.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |order: Vec<usize>| {
        (0..=order.len()).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, last);
            longer
        })
    };
    orders(last).into_iter().flat_map(insert).collect()
}

impl<const H: usize, const N: usize> System for Bkr<H, N> {
    type State = State<H, N>;
    type Step = Step;

    fn initial(&self) -> Vec<State<H, N>> {
        let node = Node { cells: [Cell::default(); N], output: None, gave_up: false };
        vec![State { decided: [Values::NONE; N], nodes: [node; H] }]
    }

    fn steps(&self, state: &State<H, N>, steps: &mut Vec<Step>) {
        steps.extend(Self::all_steps().filter(|&step| self.allows(state, step, Help::Byzantine)));
    }

    fn apply(&self, state: &State<H, N>, step: Step) -> State<H, N> {
        let mut next = *state;
        let ones = Self::decided(state, 1);
        match step {
            Step::Deliver { node, of } => {
                let cell = &mut next.nodes[node].cells[of];
                cell.delivered = true;
                if cell.input.is_empty() {
                    cell.input = Values::of(1);
                }
            }
            Step::Decide { of, value } => next.decided[of] = Values::of(value),
            Step::Zeros { node } => {
                // An input for an agreement that has decided is of no use to anybody.
                for (cell, decided) in next.nodes[node].cells.iter_mut().zip(&state.decided) {
                    if cell.input.is_empty() && decided.is_empty() {
                        cell.input = Values::of(0);
                    }
                }
            }
            Step::Output { node } => {
                let me = &mut next.nodes[node];
                me.output = Some(ones & Self::delivered(me));
            }
            Step::GiveUp { node } => next.nodes[node].gave_up = true,
        }
        next
    }

    fn canonical(&self, state: State<H, N>) -> State<H, N> {
        let state = self.canonical_cells(state);
        let like = |order: &Vec<usize>| {
            let mut other = state;
            for (to, &from) in order.iter().enumerate() {
                other.decided[to] = state.decided[from];
                for (new, old) in other.nodes.iter_mut().zip(&state.nodes) {
                    new.cells[to] = old.cells[from];
                }
            }
            for (new, old) in other.nodes.iter_mut().zip(&state.nodes) {
                new.output = old.output.map(|bits| {
                    let byzantine = bits >> H << H;
                    order.iter().enumerate().fold(byzantine, |set, (to, &from)| set | (bits >> from & 1) << to)
                });
            }
            other.nodes.sort();
            other
        };
        self.orders.iter().map(like).min().unwrap_or(state)
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        vec![
            Property::always("agreement", |_, state: &State<H, N>| {
                let mut outputs = state.nodes.iter().filter_map(|n| n.output);
                outputs.next().is_none_or(|first| outputs.all(|other| other == first))
            }),
            Property::always("n - f members", |model: &Checked<Self>, state: &State<H, N>| {
                let quorum = model.0.committee.quorum();
                state.nodes.iter().filter_map(|n| n.output).all(|set| set.count_ones() as usize >= quorum)
            }),
            Property::always("everybody outputs", |model: &Checked<Self>, state: &State<H, N>| {
                state.nodes.iter().all(|n| n.output.is_some()) || !model.0.quiescent(state)
            }),
            Property::sometimes("all n in the output", |_, state: &State<H, N>| {
                state.nodes.iter().all(|n| n.output.is_some_and(|set| set.count_ones() as usize == N))
            }),
            Property::sometimes("an honest node left out", |_, state: &State<H, N>| {
                state.nodes.iter().all(|n| n.output.is_some_and(|set| set >> H == 1 && set.count_ones() as usize == H))
            }),
            Property::sometimes("chosen before everybody has delivered it", |_, state: &State<H, N>| {
                (0..N).any(|j| state.decided[j].has(1) && state.nodes.iter().any(|n| !n.cells[j].delivered))
            }),
        ]
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Deliver { node, of } => write!(f, "node {node} delivers broadcast {of}"),
            Step::Decide { of, value } => write!(f, "agreement {of} decides {value}"),
            Step::Zeros { node } => write!(f, "node {node} gives its zeros"),
            Step::Output { node } => write!(f, "node {node} outputs"),
            Step::GiveUp { node } => write!(f, "node {node} has nothing to output yet, and looks no more"),
        }
    }
}

impl<const H: usize, const N: usize> fmt::Display for State<H, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decided {:?}", self.decided)?;
        for (i, node) in self.nodes.iter().enumerate() {
            let set = |bits: u8| (0..N).filter(|j| bits >> j & 1 == 1).collect::<Vec<_>>();
            let delivered = set(Bkr::<H, N>::delivered(node));
            match node.output {
                Some(output) => write!(f, "; node {i}: delivered {delivered:?}, output {:?}", set(output))?,
                None => write!(f, "; node {i}: delivered {delivered:?}, no output")?,
            }
        }
        Ok(())
    }
}
