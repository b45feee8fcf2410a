//! An honest proposer, and whether its stream goes on.

use std::fmt;

use mellivora_core::Committee;
use stateright::Property;

use crate::Weakening;
use crate::system::{Checked, Help, System};

/// One honest voter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowNode {
    /// The number of the slot up to which its outputs go.
    pub base: u8,
    /// Slots that it voted for: bit s is slot s.
    pub voted: u8,
}

/// The voters, the proposer first, and the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowState<const H: usize> {
    /// The honest voters; the first one is the proposer.
    pub nodes: [FlowNode; H],
    /// Slots that are proposed.
    pub proposed: u8,
    /// Slots that are certified.
    pub certified: u8,
    /// Slots that were tips of outputs: bit s is slot s.
    pub ordered: u8,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowAct {
    /// The proposer sends its next slot.
    Propose,
    /// A node votes for a slot.
    Vote(usize, usize),
    /// The proposer has a quorum of votes.
    Certify,
    /// A slot is the stream's tip in an output.
    Order(usize),
    /// A node takes the outputs up to a tip.
    Advance(usize, usize),
}

/// The stream goes a step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowStep(pub FlowAct);

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Law {
    /// No stream is stuck.
    Live,
    /// Dissemination does not wait.
    Eager,
}

/// A few slots, H honest voters, one of them the proposer. See the [module page](super).
#[derive(Clone, Debug)]
pub struct Flow<const H: usize> {
    committee: Committee,
    slots: usize,
    window: usize,
    law: Law,
    weakening: Option<Weakening>,
}

impl<const H: usize> Flow<H> {
    /// For a stream that goes on to its last slot. The committee's Byzantine nodes are all there may be; H must be the
    /// number of the others.
    pub fn live(committee: Committee, slots: usize, window: usize, weakening: Option<Weakening>) -> Self {
        assert_eq!(committee.quorum(), H, "the honest nodes are a quorum");
        Flow { committee, slots, window, law: Law::Live, weakening }
    }

    /// For a stream that does not wait for outputs within its window.
    pub fn eager(committee: Committee, slots: usize, window: usize, weakening: Option<Weakening>) -> Self {
        Flow { law: Law::Eager, ..Self::live(committee, slots, window, weakening) }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    /// How far a node with this base goes.
    fn top(&self, base: u8) -> usize {
        self.window + if self.weak(Weakening::WindowFromZero) { 0 } else { usize::from(base) }
    }

    /// Whether something is open.
    pub fn allows(&self, state: &FlowState<H>, act: FlowAct, help: Help) -> bool {
        let (proposed, certified) = (usize::from(state.proposed), usize::from(state.certified));
        match act {
            FlowAct::Propose => {
                let next = proposed + 1;
                next <= self.slots && certified == proposed && next <= self.top(state.nodes[0].base)
            }
            FlowAct::Vote(node, slot) => {
                let me = state.nodes[node];
                let base = usize::from(me.base);
                // The proposer sends again what its base does not cover.
                let dropped =
                    if self.weak(Weakening::ProposalDropped) { certified } else { state.nodes[0].base.into() };
                let sent = slot <= proposed && (help == Help::Byzantine || slot > dropped);
                // A batch that the node has behind its base may be gone everywhere.
                let served = help == Help::Byzantine || slot - 1 > base;
                let on_base = slot == base + 1 && (slot == 1 || !self.weak(Weakening::NoBaseClause));
                let on_vote = me.voted >> (slot - 1) & 1 == 1;
                let on_certificate = slot > 1 && served && !self.weak(Weakening::NoCertificateClause);
                let founded = on_base || on_vote || on_certificate && certified + 1 >= slot;
                let fresh = me.voted >> slot & 1 == 0 && slot > base;
                fresh && sent && slot <= self.top(me.base) && founded
            }
            FlowAct::Certify => {
                let votes = state.nodes.iter().filter(|node| node.voted >> proposed & 1 == 1).count();
                certified < proposed && votes + help.votes(self.committee.f()) >= self.committee.quorum()
            }
            FlowAct::Order(slot) => {
                // The next proposal shows the certificate to everybody; TIP does when there is none.
                let shown = !self.weak(Weakening::NoTip) || slot < proposed || help == Help::Byzantine;
                slot <= certified && state.ordered >> slot == 0 && shown
            }
            FlowAct::Advance(node, slot) => {
                let newer = slot > usize::from(state.nodes[node].base);
                newer && state.ordered >> slot & 1 == 1 && !self.weak(Weakening::BaseStays)
            }
        }
    }

    fn disseminations(&self) -> impl Iterator<Item = FlowAct> {
        let votes = (1..=self.slots).flat_map(|slot| (1..H).map(move |node| FlowAct::Vote(node, slot)));
        votes.chain([FlowAct::Propose, FlowAct::Certify])
    }

    fn outputs(&self) -> impl Iterator<Item = FlowAct> {
        let orders = (1..=self.slots).map(FlowAct::Order);
        orders.chain((1..=self.slots).flat_map(|slot| (0..H).map(move |node| FlowAct::Advance(node, slot))))
    }

    /// Whether nobody is bound to send anything more of the stream, for want of an output.
    fn waiting(&self, state: &FlowState<H>) -> bool {
        !self.disseminations().any(|act| self.allows(state, act, Help::HonestOnly))
    }

    /// Whether nobody is bound to do anything more.
    pub fn quiescent(&self, state: &FlowState<H>) -> bool {
        self.waiting(state) && !self.outputs().any(|act| self.allows(state, act, Help::HonestOnly))
    }

    fn finished(&self, state: &FlowState<H>) -> bool {
        usize::from(state.certified) == self.slots && state.nodes.iter().all(|n| usize::from(n.base) == self.slots)
    }

    fn flows(&self, state: &FlowState<H>) -> bool {
        let lowest = state.nodes.iter().map(|node| usize::from(node.base)).min().unwrap_or(0);
        usize::from(state.certified) >= self.slots.min(lowest + self.window)
    }
}

impl<const H: usize> System for Flow<H> {
    type State = FlowState<H>;
    type Step = FlowStep;

    fn initial(&self) -> Vec<FlowState<H>> {
        vec![FlowState { nodes: [FlowNode::default(); H], proposed: 0, certified: 0, ordered: 0 }]
    }

    fn steps(&self, state: &FlowState<H>, steps: &mut Vec<FlowStep>) {
        let all = self.disseminations().chain(self.outputs());
        steps.extend(all.filter(|&act| self.allows(state, act, Help::Byzantine)).map(FlowStep));
    }

    fn apply(&self, state: &FlowState<H>, FlowStep(act): FlowStep) -> FlowState<H> {
        let mut next = *state;
        match act {
            FlowAct::Propose => {
                next.proposed += 1;
                next.nodes[0].voted |= 1 << next.proposed;
            }
            FlowAct::Vote(node, slot) => next.nodes[node].voted |= 1 << slot,
            FlowAct::Certify => next.certified = next.proposed,
            FlowAct::Order(slot) => next.ordered |= 1 << slot,
            FlowAct::Advance(node, slot) => next.nodes[node].base = slot as u8,
        }
        next
    }

    fn canonical(&self, mut state: FlowState<H>) -> FlowState<H> {
        if let [_, voters @ ..] = &mut state.nodes[..] {
            voters.sort();
        }
        state
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        vec![
            match self.law {
                Law::Live => Property::always("no stream is stuck", |model: &Checked<Self>, state: &FlowState<H>| {
                    model.0.finished(state) || !model.0.quiescent(state)
                }),
                Law::Eager => Property::always("dissemination does not wait", |model: &Checked<Self>, state| {
                    model.0.flows(state) || !model.0.waiting(state)
                }),
            },
            Property::sometimes("a voter that never votes is served by outputs", |model: &Checked<Self>, state| {
                model.0.finished(state) && state.nodes.iter().any(|node| node.voted == 0)
            }),
            Property::sometimes("all vote for all slots", |model: &Checked<Self>, state: &FlowState<H>| {
                let votes = |node: &FlowNode| usize::try_from(node.voted.count_ones()) == Ok(model.0.slots);
                state.nodes.iter().all(votes)
            }),
        ]
    }
}

impl fmt::Display for FlowStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FlowAct::Propose => f.write_str("node 0 proposes its next slot"),
            FlowAct::Vote(node, slot) => write!(f, "node {node} votes for slot {slot}"),
            FlowAct::Certify => f.write_str("node 0 has a certificate"),
            FlowAct::Order(slot) => write!(f, "an output goes up to slot {slot}"),
            FlowAct::Advance(node, slot) => write!(f, "node {node} takes the outputs up to slot {slot}"),
        }
    }
}

impl<const H: usize> fmt::Display for FlowState<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slots proposed, {} certified", self.proposed, self.certified)?;
        for (i, node) in self.nodes.iter().enumerate() {
            write!(f, "; node {i}: base {}, votes", node.base)?;
            for slot in (1..u8::BITS).filter(|slot| node.voted >> slot & 1 == 1) {
                write!(f, " {slot}")?;
            }
        }
        Ok(())
    }
}
