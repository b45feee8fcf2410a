//! Reliable broadcast: VAL, ECHO, READY, with two roots.
//!
//! # What is modelled
//!
//! Each honest node has three slots: the root it echoed, the root it is READY for, the root it delivered. The rules
//! are those of `mellivora_broadcast::rbc` with whole ECHOs for everybody, and the thresholds those of [`Committee`].
//! Either the proposer is Byzantine: then VAL(A) and VAL(B) lie in the pool for every node, and none of them need
//! ever arrive. Or it is honest and has sent VAL(A), which does arrive. The f Byzantine nodes may say ECHO and READY
//! for both roots to anybody.
//!
//! # What is left out, and why that is sound
//!
//! * *Shards.* A root's outcome is the same for every k verified shards, BOTTOM included, and bad shards are found
//!   out; so "k good shards" is all that matters. Byzantine nodes may show good ones or none. What different leaves
//!   decode to is tested on the codec.
//! * *More roots.* An honest node supports one root. A law about two nodes that disagree names two roots; all others
//!   only take supporters away from these.
//! * *Decoding* takes no step of its own: it is done when a node delivers.
//!
//! # Laws
//!
//! No two honest nodes are READY for different roots; none deliver different roots (*agreement*); what is delivered
//! of an honest proposer is its root (*integrity*); when everybody is quiet, either all or no nodes have delivered
//! (*totality*), and with an honest proposer all have (*validity*).
//!
//! # Weakened rules
//!
//! A quorum of ECHOs one too low, two ECHOs of one node, no amplification or at f, delivery at f + 1 READYs or at a
//! quorum of ECHOs. All of them break a law. One ECHO less than a quorum keeps "no two READYs" at n = 6, where two
//! such sets still share an honest node; it breaks totality there, because too few honest nodes have shards.
//!
//! # States
//!
//! At most 27 local states and no names: a state is a multiset of local states. Echoing one root, being READY for
//! another (by amplification), and having delivered are all told apart; a model that forgets ECHOs after READY has
//! fewer states.
//!
//! The counts are in [`EXPECTED`](crate::EXPECTED).

use std::fmt;

use mellivora_core::Committee;
use stateright::Property;

use crate::Weakening;
use crate::system::{Checked, Help, System};
use crate::values::{Values, root};

/// What an honest node has said and done. Sets have one member at most, unless a rule is weakened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Roots with an ECHO of this node.
    pub echo: Values,
    /// The root that it is READY for.
    pub ready: Values,
    /// The root that it delivered.
    pub delivered: Values,
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
    /// VAL arrives, ECHO goes out.
    Echo,
    /// READY goes out.
    Ready,
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

/// Reliable broadcast among H honest nodes and f Byzantine ones. See the [module page](self).
#[derive(Clone, Debug)]
pub struct Bracha<const H: usize> {
    committee: Committee,
    honest_proposer: bool,
    weakening: Option<Weakening>,
}

impl<const H: usize> Bracha<H> {
    /// A committee whose Byzantine nodes are all there may be; H must be the number of the others.
    pub fn new(committee: Committee, honest_proposer: bool, weakening: Option<Weakening>) -> Self {
        assert_eq!(committee.quorum(), H, "the honest nodes are a quorum");
        Bracha { committee, honest_proposer, weakening }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    /// Whether a step is open to its node.
    pub fn allows(&self, state: &State<H>, step: Step, help: Help) -> bool {
        let Step { node, act, root } = step;
        let me = state.nodes[node];
        let extra = help.votes(self.committee.f());
        let count = |said: fn(&Node) -> Values| state.nodes.iter().filter(|n| said(n).has(root)).count() + extra;
        match act {
            Act::Echo => {
                let val = if self.honest_proposer { root == 0 } else { help == Help::Byzantine };
                let free = if self.weak(Weakening::EchoTwice) { !me.echo.has(root) } else { me.echo.is_empty() };
                val && free
            }
            Act::Ready => {
                let low = usize::from(self.weak(Weakening::EchoQuorumLow));
                let join = match self.weakening {
                    Some(Weakening::NoAmplification) => usize::MAX,
                    Some(Weakening::AmplifyLow) => self.committee.f(),
                    _ => self.committee.one_honest(),
                };
                let supported = count(|n| n.echo) >= self.committee.quorum() - low;
                me.ready.is_empty() && (supported || count(|n| n.ready) >= join)
            }
            Act::Deliver => {
                let certain = match self.weakening {
                    Some(Weakening::DeliverLow) => count(|n| n.ready) >= self.committee.one_honest(),
                    Some(Weakening::DeliverOnEchoes) => count(|n| n.echo) >= self.committee.quorum(),
                    _ => count(|n| n.ready) >= self.committee.strong(),
                };
                me.delivered.is_empty() && certain && count(|n| n.echo) >= self.committee.data_shards()
            }
        }
    }

    fn all_steps() -> impl Iterator<Item = Step> {
        (0..H).flat_map(|node| {
            [Act::Echo, Act::Ready, Act::Deliver]
                .into_iter()
                .flat_map(move |act| [0, 1].map(|root| Step { node, act, root }))
        })
    }

    /// Whether nobody is bound to do anything more: no step is open with the statements of honest nodes alone.
    pub fn quiescent(&self, state: &State<H>) -> bool {
        !Self::all_steps().any(|step| self.allows(state, step, Help::HonestOnly))
    }

    /// Whether no two nodes differ in what `of` says of them.
    fn alike(state: &State<H>, of: fn(&Node) -> Values) -> bool {
        state.nodes.iter().fold(Values::NONE, |all, node| all.with(of(node))) != Values::BOTH
    }

    fn total(&self, state: &State<H>) -> bool {
        let delivered = state.nodes.iter().filter(|node| !node.delivered.is_empty()).count();
        delivered == H || (delivered == 0 && !self.honest_proposer) || !self.quiescent(state)
    }
}

impl<const H: usize> System for Bracha<H> {
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
        let slot = match act {
            Act::Echo => &mut me.echo,
            Act::Ready => &mut me.ready,
            Act::Deliver => &mut me.delivered,
        };
        *slot = slot.with(Values::of(root));
        next
    }

    fn canonical(&self, mut state: State<H>) -> State<H> {
        state.nodes.sort();
        state
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        let mut all = vec![
            Property::always("no two READYs", |_, state| Self::alike(state, |node| node.ready)),
            Property::always("agreement", |_, state| Self::alike(state, |node| node.delivered)),
            Property::always("integrity", |model: &Checked<Self>, state: &State<H>| {
                !model.0.honest_proposer || !state.nodes.iter().any(|node| node.delivered.has(1))
            }),
            Property::always("totality", |model: &Checked<Self>, state| model.0.total(state)),
            Property::sometimes("everybody delivers", |_, state: &State<H>| {
                state.nodes.iter().all(|n| n.delivered.has(0))
            }),
            Property::sometimes("delivered without an own VAL", |_, state: &State<H>| {
                state.nodes.iter().any(|n| n.echo.is_empty() && !n.delivered.is_empty())
            }),
        ];
        if !self.honest_proposer {
            all.extend([
                Property::sometimes(
                    "quiet without delivery, after ECHOs",
                    |model: &Checked<Self>, state: &State<H>| {
                        let echoed = state.nodes.iter().filter(|n| !n.echo.is_empty()).count();
                        let none = state.nodes.iter().all(|n| n.delivered.is_empty());
                        echoed == H && none && model.0.quiescent(state)
                    },
                ),
                Property::sometimes("echoed one root, delivered the other", |_, state: &State<H>| {
                    state.nodes.iter().any(|n| n.echo.has(0) && n.delivered.has(1))
                }),
            ]);
        }
        all
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.act {
            Act::Echo => "gets VAL and says ECHO",
            Act::Ready => "says READY",
            Act::Deliver => "delivers",
        };
        write!(f, "node {} {what} {}", self.node, root(self.root))
    }
}

/// A set of roots.
pub(crate) fn roots(set: Values) -> &'static str {
    match set.bits() {
        0 => "-",
        1 => "A",
        2 => "B",
        _ => "A and B",
    }
}

impl<const H: usize> fmt::Display for State<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.iter().enumerate() {
            let (echo, ready, delivered) = (roots(node.echo), roots(node.ready), roots(node.delivered));
            let gap = if i == 0 { "" } else { "; " };
            write!(f, "{gap}node {i}: ECHO {echo}, READY {ready}, delivered {delivered}")?;
        }
        Ok(())
    }
}
