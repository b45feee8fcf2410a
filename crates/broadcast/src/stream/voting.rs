//! The voter's side: which proposals are kept, and which get this node's vote.

use mellivora_coding::ChunkTree;
use mellivora_core::{Durable, Effects, Fault, FaultKind, NodeIndex, Protocol, To, planted};

use super::machine::{Stream, StreamOutput};
use super::message::StreamMessage;
use super::slot::Proposal;
use super::tip::{CertifiedTip, Tip};
use crate::retrieval::RetrievalInput;

/// Why a proposal may be voted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Founded {
    /// It follows the base, or what this node has voted for.
    Known,
    /// It follows a certified batch that is here.
    Certified,
}

impl Stream {
    pub(super) fn on_proposal(&mut self, from: NodeIndex, proposal: Proposal, fx: &mut dyn Effects<Self>) {
        if from != self.config.proposer {
            return fx.fault(Fault::new(from, FaultKind::NotTheProposer));
        }
        if proposal.payload.len() > self.config.max_payload {
            return fx.fault(Fault::new(from, FaultKind::Oversized));
        }
        let previous = proposal.previous;
        let plausible = previous.is_plausible() && (previous.slot > 0 || proposal.certificate.is_none());
        let Some(slot) = previous.slot.checked_add(1).filter(|_| plausible) else {
            return fx.fault(Fault::new(from, FaultKind::MalformedMessage));
        };
        if slot <= self.base.slot || slot <= self.released {
            return;
        }
        if !self.is_tracked(slot) && !planted("stream-window-unlimited") {
            // An honest proposer holds back what lies beyond the window it was told; but what it was told may have
            // been said by an earlier incarnation, which knew more.
            if self.base != Tip::GENESIS && !self.restarted {
                fx.fault(Fault::new(from, FaultKind::BeyondWindow));
            }
            return;
        }
        if let Some(certificate) = proposal.certificate.clone() {
            self.check(CertifiedTip { tip: previous, certificate });
        }
        let kept = &mut self.slots.entry(slot).or_default().proposal;
        match kept {
            Some(first) if first.previous == previous && first.payload == proposal.payload => {}
            Some(_) => fx.fault(Fault::new(from, FaultKind::ConflictingValue)),
            None => {
                // The own proposal is its record: it was logged before it came here.
                let recorded = from == self.config.me;
                *kept = Some(Proposal { recorded, ..proposal });
                self.own.changed = true;
                self.hash(slot, fx);
            }
        }
    }

    /// A proposal's batch is hashed.
    pub(super) fn committed(&mut self, slot: u64, tree: ChunkTree, fx: &mut dyn Effects<Self>) {
        let Some(state) = self.slots.get_mut(&slot) else { return };
        let Some(proposal) = &mut state.proposal else { return };
        let tip = proposal.previous.extend(&tree.commitment(), tree.body().is_empty());
        let chosen = state.chosen_is(&tree.commitment());
        if let Some(proposal) = &mut state.proposal {
            proposal.hashed = Some((tree.clone(), tip));
        }
        // What was voted for is served, unless something else was chosen; and what was chosen is.
        if chosen.unwrap_or(self.slots.get(&slot).is_some_and(|slot| slot.vote.is_some())) {
            self.hold(slot, tree, fx);
        }
        self.count_votes(tip, fx);
        self.vote(fx);
        self.answer_asks(slot, fx);
        self.progress(fx);
    }

    /// Votes for whatever may be voted for now.
    pub(super) fn vote(&mut self, fx: &mut dyn Effects<Self>) {
        let open = self.base.slot.max(self.released).saturating_add(1)..=self.top();
        if open.is_empty() {
            return;
        }
        let slots: Vec<u64> = self.slots.range(open).map(|(slot, _)| *slot).collect();
        // In ascending order: a vote may be what the next slot is founded on.
        for slot in slots {
            let Some(state) = self.slots.get(&slot) else { continue };
            let Some(proposal) = state.proposal.as_ref().filter(|_| state.vote.is_none()) else { continue };
            let Some((tree, tip)) = proposal.hashed.clone() else { continue };
            if let Some(founded) = self.founded(&proposal.previous) {
                if founded == Founded::Certified {
                    // Whoever signs a place holds the batch before it, too.
                    self.record(slot.saturating_sub(1), fx);
                }
                self.endorse(slot, tip, tree, fx);
            }
        }
    }

    /// Whether what follows this place may be voted for.
    fn founded(&self, previous: &Tip) -> Option<Founded> {
        let slot = self.slots.get(&previous.slot);
        let same_base =
            if planted("stream-base-by-number") { self.base.slot == previous.slot } else { self.base == *previous };
        let voted = slot.and_then(|slot| slot.vote).is_some_and(|(tip, _)| tip == *previous);
        if same_base && !planted("stream-base-founds-nothing") || voted || planted("stream-predecessor-unchecked") {
            return Some(Founded::Known);
        }
        let stored = slot.and_then(|slot| slot.proposal.as_ref()?.tip()) == Some(previous);
        let certified = self.certificates.prove(previous) || planted("stream-predecessor-uncertified");
        (stored && certified && !planted("stream-certificate-founds-nothing")).then_some(Founded::Certified)
    }

    /// The batch of a slot goes to the log, if it is not there.
    fn record(&mut self, slot: u64, fx: &mut dyn Effects<Self>) {
        let Some(proposal) = self.slots.get_mut(&slot).and_then(|slot| slot.proposal.as_mut()) else { return };
        if !std::mem::replace(&mut proposal.recorded, true) && !planted("stream-voted-unrecorded") {
            let record = StreamMessage::Record(proposal.previous, proposal.payload.clone());
            fx.send(To::Node(self.config.me), Durable::Yes, record);
        }
    }

    /// Promises to hold the batch of a slot, and never to vote for another one: first the record, then the promise.
    fn endorse(&mut self, slot: u64, tip: Tip, tree: ChunkTree, fx: &mut dyn Effects<Self>) {
        self.record(slot, fx);
        let endorsement = self.config.certificates.endorse(&tip.statement(&self.config.domain));
        let Some(state) = self.slots.get_mut(&slot) else { return };
        state.vote = Some((tip, endorsement));
        let durable = if planted("stream-vote-not-durable") { Durable::No } else { Durable::Yes };
        fx.send(To::Node(self.config.proposer), durable, StreamMessage::Vote(tip, endorsement));
        fx.output(StreamOutput::Voted(tip));
        if state.chosen_is(&tree.commitment()) != Some(false) {
            self.hold(slot, tree, fx);
        }
    }

    /// Serves a batch from now on.
    pub(super) fn hold(&mut self, slot: u64, tree: ChunkTree, fx: &mut dyn Effects<Self>) {
        self.retrieval(slot);
        self.with_retrieval(slot, fx, |retrieval, fx| retrieval.input(RetrievalInput::Hold(tree), fx));
    }
}
