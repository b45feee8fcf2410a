//! The bandwidth variant of reliable broadcast: whole ECHOs to some, hashes to others, CAN_DECODE, rule 4.
//!
//! # What is modelled
//!
//! `EchoMode::Saving` of `mellivora_broadcast::rbc`, with a Byzantine proposer, two roots and a ring of n nodes, the
//! last f of which are Byzantine. For each honest node: what it echoed, the roots it could decode, in which order it
//! said CAN_DECODE, whether rule 4 was done, and who got its whole shard after only a hash. A node that executes rule
//! 4 may or may not have heard each CAN_DECODE that was said: it shows its shard to all that did not say it, and to
//! any of the others.
//!
//! Byzantine nodes may show good shards to whom they like, or none, and support anything.
//!
//! # What is left out, and why that is sound
//!
//! As in [`rbc`](crate::rbc); but decoding is a step here, because CAN_DECODE hangs on it. Bad shards only cost the
//! decoder time: it finds them out and waits for others. CAN_DECODE of Byzantine nodes concerns only what they get
//! themselves. Restarts (which make a node forget CAN_DECODE) are not modelled.
//!
//! # Laws
//!
//! Those of [`rbc`](crate::rbc). Totality is the one that the rules of this variant are about.
//!
//! # Weakened rules
//!
//! No rule 4; rule 4 cancelled by delivery; CAN_DECODE for shards that nobody has looked at; holding back for others;
//! rule 4 on ECHOs instead of READYs. All of them break totality. That a node whose VAL comes after its delivery
//! stays silent breaks nothing here ([`HARMLESS`](crate::HARMLESS) says why); the code shows its shard all the same.
//!
//! # States
//!
//! Places in the ring matter, so nothing is symmetric but the two roots.
//!
//! The counts are in [`EXPECTED`](crate::EXPECTED).

use std::fmt;

use mellivora_core::Committee;
use stateright::Property;

use crate::Weakening;
use crate::rbc::roots;
use crate::system::{Checked, Help, System};
use crate::values::{Values, root};

/// What an honest node has said and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The root with an ECHO or ECHO_HASH of this node.
    pub echo: Values,
    /// The root that it is READY for.
    pub ready: Values,
    /// Roots that it has an outcome of.
    pub outcome: Values,
    /// The root that it said CAN_DECODE for.
    pub can: Values,
    /// The root that it delivered.
    pub delivered: Values,
    /// Whether it did rule 4.
    pub shown: bool,
    /// Honest nodes that got its whole shard by rule 4, as bits.
    pub full: u8,
}

/// The honest nodes, by place in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State<const H: usize> {
    /// The honest nodes.
    pub nodes: [Node; H],
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// VAL arrives, ECHO and ECHO_HASH go out.
    Echo,
    /// READY goes out.
    Ready,
    /// k good shards arrive and are decoded; CAN_DECODE goes out if it is the first time.
    Decode,
    /// CAN_DECODE goes out for shards that nobody has looked at: a weakened rule.
    ClaimOnly,
    /// Rule 4: the whole ECHO goes to these honest nodes, as bits.
    Show(u8),
    /// The root is delivered.
    Deliver,
}

/// A node does something for a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The node.
    pub node: usize,
    /// What it does.
    pub act: Act,
    /// For which root: 0 is A, 1 is B.
    pub root: u8,
}

/// The bandwidth variant among H honest nodes and f Byzantine ones. See the [module page](self).
#[derive(Clone, Debug)]
pub struct Saving<const H: usize> {
    committee: Committee,
    spare: usize,
    weakening: Option<Weakening>,
}

impl<const H: usize> Saving<H> {
    /// A committee whose Byzantine nodes are all there may be; H must be the number of the others. Whole shards go to
    /// k + `spare` - 1 successors at first.
    pub fn new(committee: Committee, spare: usize, weakening: Option<Weakening>) -> Self {
        assert!(committee.quorum() == H && H <= 8, "the honest nodes are a quorum and fit a byte");
        Saving { committee, spare, weakening }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    /// Steps on the ring from one node to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        (to + self.committee.n() - from) % self.committee.n()
    }

    /// Whether the first ECHO of one node goes to another as a whole.
    pub fn first_full(&self, from: usize, to: usize) -> bool {
        self.distance(from, to) < self.committee.data_shards() + self.spare
    }

    /// Honest nodes that get only a hash of this one at first, as bits.
    fn hash_only(&self, from: usize) -> u8 {
        (0..H).filter(|&to| !self.first_full(from, to)).fold(0, |bits, to| bits | 1 << to)
    }

    /// Honest nodes whose whole shard of `root` is on its way to `to`.
    fn shards(&self, state: &State<H>, to: usize, root: u8) -> usize {
        let shows = |from: usize| self.first_full(from, to) || state.nodes[from].full & 1 << to != 0;
        (0..H).filter(|&from| state.nodes[from].echo.has(root) && shows(from)).count()
    }

    fn count(state: &State<H>, root: u8, said: fn(&Node) -> Values) -> usize {
        state.nodes.iter().filter(|node| said(node).has(root)).count()
    }

    /// Honest nodes that rule 4 must serve, and those that it may.
    fn rule_4(&self, state: &State<H>, node: usize, root: u8) -> (u8, u8) {
        let mut may = self.hash_only(node);
        if self.weak(Weakening::HoldBackForOthers) {
            // k supporters that stand nearer, Byzantine ones among them.
            let before = |to: usize, other: usize| self.distance(other, to) < self.distance(node, to);
            let supports = |other: usize| state.nodes.get(other).is_none_or(|n| n.echo.has(root));
            let nearer = |to| (0..self.committee.n()).filter(|&o| o != node && before(to, o) && supports(o)).count();
            may &= (0..H).filter(|&to| nearer(to) < self.committee.data_shards()).fold(0, |b, to| b | 1 << to);
        }
        let said = (0..H).filter(|&to| state.nodes[to].can.has(root)).fold(0, |bits, to| bits | 1 << to);
        (may & !said, may)
    }

    /// Whether a step is open to its node.
    pub fn allows(&self, state: &State<H>, step: Step, help: Help) -> bool {
        let Step { node, act, root } = step;
        let me = state.nodes[node];
        let committee = self.committee;
        let extra = help.votes(committee.f());
        let supporters = Self::count(state, root, |n| n.echo) + extra;
        let readies = Self::count(state, root, |n| n.ready) + extra;
        let certain = readies >= committee.strong();
        match act {
            Act::Echo => help == Help::Byzantine && me.echo.is_empty(),
            Act::Ready => {
                me.ready.is_empty() && (supporters >= committee.quorum() || readies >= committee.one_honest())
            }
            Act::Decode => {
                let enough = self.shards(state, node, root) + extra >= committee.data_shards();
                me.delivered.is_empty() && !me.outcome.has(root) && enough
            }
            Act::ClaimOnly => {
                // Bad shards of Byzantine nodes are held like any others.
                let held = self.shards(state, node, root) + Help::Byzantine.votes(committee.f());
                let enough = held >= committee.data_shards() && help == Help::Byzantine;
                self.weak(Weakening::CanDecodeUnverified) && me.can.is_empty() && me.delivered.is_empty() && enough
            }
            Act::Show(to) => {
                let due = match self.weakening {
                    Some(Weakening::NoRule4) => false,
                    Some(Weakening::ShowOnEchoes) => supporters >= committee.quorum(),
                    Some(Weakening::DeliveryCancelsRule4 | Weakening::LateEchoShowsNobody) => {
                        certain && me.delivered.is_empty()
                    }
                    _ => certain,
                };
                let (must, may) = self.rule_4(state, node, root);
                me.echo.has(root) && !me.shown && due && to & must == must && to & !may == 0
            }
            Act::Deliver => {
                let free = self.weak(Weakening::DeliveryCancelsRule4) || self.weak(Weakening::NoRule4);
                let shown = me.shown || !me.echo.has(root) || free;
                me.delivered.is_empty() && certain && me.outcome.has(root) && shown
            }
        }
    }

    fn all_steps() -> impl Iterator<Item = Step> {
        let acts = [Act::Echo, Act::Ready, Act::Decode, Act::ClaimOnly, Act::Deliver];
        let acts = acts.into_iter().chain((0..1 << H).map(Act::Show));
        acts.flat_map(|act| (0..H).flat_map(move |node| [0, 1].map(|root| Step { node, act, root })))
    }

    /// Whether nobody is bound to do anything more: no step is open with the statements of honest nodes alone.
    pub fn quiescent(&self, state: &State<H>) -> bool {
        !Self::all_steps().any(|step| self.allows(state, step, Help::HonestOnly))
    }

    fn alike(state: &State<H>, of: fn(&Node) -> Values) -> bool {
        state.nodes.iter().fold(Values::NONE, |all, node| all.with(of(node))) != Values::BOTH
    }

    fn total(&self, state: &State<H>) -> bool {
        let delivered = state.nodes.iter().filter(|node| !node.delivered.is_empty()).count();
        delivered == H || delivered == 0 || !self.quiescent(state)
    }
}

impl<const H: usize> System for Saving<H> {
    type State = State<H>;
    type Step = Step;

    fn initial(&self) -> Vec<State<H>> {
        vec![State { nodes: [Node::default(); H] }]
    }

    fn steps(&self, state: &State<H>, steps: &mut Vec<Step>) {
        steps.extend(Self::all_steps().filter(|&step| self.allows(state, step, Help::Byzantine)));
    }

    fn apply(&self, state: &State<H>, Step { node, act, root }: Step) -> State<H> {
        let mut next = *state;
        let me = &mut next.nodes[node];
        let root = Values::of(root);
        match act {
            Act::Echo => me.echo = root,
            Act::Ready => me.ready = root,
            Act::Decode => {
                me.outcome = me.outcome.with(root);
                if me.can.is_empty() {
                    me.can = root;
                }
            }
            Act::ClaimOnly => me.can = root,
            Act::Show(to) => {
                me.shown = true;
                me.full = to;
            }
            Act::Deliver => me.delivered = root,
        }
        next
    }

    fn canonical(&self, state: State<H>) -> State<H> {
        // Root A and root B are alike.
        let mut other = state;
        for node in &mut other.nodes {
            node.echo = node.echo.flipped();
            node.ready = node.ready.flipped();
            node.outcome = node.outcome.flipped();
            node.can = node.can.flipped();
            node.delivered = node.delivered.flipped();
        }
        state.min(other)
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        vec![
            Property::always("no two READYs", |_, state| Self::alike(state, |node| node.ready)),
            Property::always("agreement", |_, state| Self::alike(state, |node| node.delivered)),
            Property::always("totality", |model: &Checked<Self>, state| model.0.total(state)),
            Property::sometimes("everybody delivers", |_, state: &State<H>| {
                state.nodes.iter().all(|n| !n.delivered.is_empty())
            }),
            Property::sometimes("a shard by rule 4", |_, state: &State<H>| state.nodes.iter().any(|n| n.full != 0)),
            Property::sometimes("delivered without an own VAL", |_, state: &State<H>| {
                state.nodes.iter().any(|n| n.echo.is_empty() && !n.delivered.is_empty())
            }),
            Property::sometimes("CAN_DECODE spares a shard", |model: &Checked<Self>, state: &State<H>| {
                let spared = |(i, n): (usize, &Node)| n.shown && n.full != model.0.hash_only(i);
                state.nodes.iter().enumerate().any(spared)
            }),
        ]
    }
}

/// Nodes given as bits.
struct Nodes(u8);

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("nobody");
        }
        for (i, node) in (0..8).filter(|node| self.0 & 1 << node != 0).enumerate() {
            write!(f, "{}{node}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (node, root) = (self.node, root(self.root));
        match self.act {
            Act::Echo => write!(f, "node {node} gets VAL and says ECHO {root}"),
            Act::Ready => write!(f, "node {node} says READY {root}"),
            Act::Decode => write!(f, "node {node} decodes {root}"),
            Act::ClaimOnly => write!(f, "node {node} says CAN_DECODE {root} unverified"),
            Act::Show(to) => write!(f, "node {node} shows its shard of {root} to {} (rule 4)", Nodes(to)),
            Act::Deliver => write!(f, "node {node} delivers {root}"),
        }
    }
}

impl<const H: usize> fmt::Display for State<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, n) in self.nodes.iter().enumerate() {
            let gap = if i == 0 { "" } else { "; " };
            let (echo, ready, delivered) = (roots(n.echo), roots(n.ready), roots(n.delivered));
            write!(f, "{gap}node {i}: ECHO {echo}, READY {ready}, CAN_DECODE {}, delivered {delivered}", roots(n.can))?;
        }
        Ok(())
    }
}
