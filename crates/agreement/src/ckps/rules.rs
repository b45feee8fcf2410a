//! The rules: from certified values to a commitment, to the coin, to one candidate after the other.

use mellivora_broadcast::{PbInput, RetrievalInput};
use mellivora_coding::ChunkTree;
use mellivora_core::codec;
use mellivora_core::{Durable, Effects, Fault, FaultKind, NodeIndex, NodeSet, Protocol, Slot, To, planted};

use super::job::{CkpsJob, Work};
use super::machine::Ckps;
use super::message::CkpsMessage;

impl Ckps {
    /// Applies the rules until none of them does anything.
    pub(super) fn progress(&mut self, fx: &mut dyn Effects<Self>) {
        if self.chosen.is_none() {
            self.commit(fx);
            self.release(fx);
            self.try_candidates(fx);
        }
        self.conclude(fx);
    }

    /// 1: the value of `proposer` has arrived. This node serves it from now on, and endorses it if it is acceptable.
    pub(super) fn value_proposed(&mut self, proposer: NodeIndex, value: ChunkTree, fx: &mut dyn Effects<Self>) {
        let (bytes, predicate) = (value.body().to_bytes(), self.params.predicate.clone());
        self.with_retrieval(proposer, fx, |retrieval, fx| retrieval.input(RetrievalInput::Hold(value), fx));
        fx.job(CkpsJob(Work::Predicate { proposer, value: bytes, predicate }));
    }

    /// 2: a quorum of certified values. This node says whose.
    fn commit(&mut self, fx: &mut dyn Effects<Self>) {
        if self.said_commitment || self.certified.len() < self.params.committee.quorum() {
            return;
        }
        self.said_commitment = true;
        // The broadcast comes back to this node, which notes the certificates before it endorses; but whoever hears of
        // the set may ask for them at once, also after a crash.
        self.note_all(self.certified, fx);
        let set = codec::encode(&self.certified);
        self.with_commitment(self.params.me, fx, |cast, fx| cast.input(PbInput::Propose(set), fx));
    }

    /// 3: the commitment of `proposer` has arrived.
    pub(super) fn commitment_proposed(&mut self, proposer: NodeIndex, set: &ChunkTree, fx: &mut dyn Effects<Self>) {
        let committee = self.params.committee;
        let quorum = if planted("ckps-commitment-small") { 0 } else { committee.quorum() };
        let named = codec::decode::<NodeSet>(&set.body().to_bytes()).ok();
        let Some(named) = named.filter(|set| set.is_subset(&committee.all()) && set.len() >= quorum) else {
            return fx.fault(Fault::new(proposer, FaultKind::UnjustifiedValue));
        };
        if let Some(commitment) = self.commitments.get_mut(proposer.as_usize()) {
            commitment.named = named;
        }
        for candidate in named.iter() {
            self.ask(candidate, proposer, fx);
            self.blame_denial(candidate, proposer, fx);
        }
        self.review_commitment(proposer, fx);
    }

    /// Endorses a commitment once this node holds every certificate that it names.
    pub(super) fn review_commitment(&mut self, proposer: NodeIndex, fx: &mut dyn Effects<Self>) {
        let certified = self.certified;
        let Some(commitment) = self.commitments.get_mut(proposer.as_usize()) else { return };
        let named = commitment.named;
        let held = named.is_subset(&certified) || planted("ckps-commitment-unchecked");
        if commitment.accepted || named.is_empty() || !held {
            return;
        }
        commitment.accepted = true;
        self.note_all(named, fx);
        self.with_commitment(proposer, fx, |cast, fx| cast.input(PbInput::Accept, fx));
    }

    /// 4: the gate before the own share of the coin.
    fn release(&mut self, fx: &mut dyn Effects<Self>) {
        if !self.gate_is_open() && !planted("ckps-early-share") {
            return;
        }
        if let Some(job) = self.coin.release() {
            fx.job(CkpsJob(Work::Coin(job)));
        }
    }

    /// 5: one candidate after the other, as the coin has ordered them. Not before this node has committed itself: it would
    /// say no to a candidate that its commitment names in the end.
    fn try_candidates(&mut self, fx: &mut dyn Effects<Self>) {
        if !self.said_commitment && !planted("ckps-vote-uncommitted") {
            return;
        }
        while self.chosen.is_none()
            && let Some(&candidate) = self.order.get(self.refused)
        {
            if self.outcome(candidate).is_none() {
                self.vote(candidate, fx);
                self.enter(candidate, fx);
            }
            match self.outcome(candidate) {
                Some(false) => self.refused += 1,
                _ => return,
            }
        }
    }

    fn outcome(&self, candidate: NodeIndex) -> Option<bool> {
        self.candidate(candidate)?.outcome
    }

    fn vote(&mut self, node: NodeIndex, fx: &mut dyn Effects<Self>) {
        let yes = self.certified.contains(node);
        match self.candidate_mut(node) {
            Some(candidate) if !candidate.voted => candidate.voted = true,
            _ => return,
        }
        if yes {
            self.note(node, fx);
        }
        fx.send(To::All, Durable::Yes, CkpsMessage::Vote { candidate: node, yes });
    }

    pub(super) fn on_vote(&mut self, from: NodeIndex, node: NodeIndex, yes: bool, fx: &mut dyn Effects<Self>) {
        let Some(candidate) = self.candidate_mut(node) else { return };
        if !candidate.hear(from, yes) {
            return fx.fault(Fault::new(from, FaultKind::ConflictingVote));
        }
        if yes {
            self.ask(node, from, fx);
        } else {
            self.blame_denial(node, from, fx);
        }
    }

    /// Whether `voter` has told this node that the candidate's value is certified.
    fn has_named(&self, voter: NodeIndex, candidate: NodeIndex) -> bool {
        let commitment = self.commitments.get(voter.as_usize());
        commitment.is_some_and(|commitment| commitment.named.contains(candidate)) && !planted("ckps-denial-counts")
    }

    /// Whoever has named a candidate cannot vote no on it.
    fn blame_denial(&self, candidate: NodeIndex, voter: NodeIndex, fx: &mut dyn Effects<Self>) {
        let denied = self.candidate(candidate).is_some_and(|candidate| candidate.no.contains(voter));
        if denied && self.has_named(voter, candidate) {
            fx.fault(Fault::new(voter, FaultKind::InvalidVote));
        }
    }

    /// Votes that count: no's of those who have not said otherwise; yes's once the certificate is here.
    fn votes(&self, node: NodeIndex) -> usize {
        let Some(candidate) = self.candidate(node) else { return 0 };
        let shown = self.certified.contains(node) || planted("ckps-yes-unproven");
        let yes = if shown { candidate.yes.len() } else { 0 };
        yes + candidate.no.iter().filter(|&voter| !self.has_named(voter, node)).count()
    }

    /// A quorum of votes is the input to the binary agreement: 1 if one of them says yes, or this node knows better.
    fn enter(&mut self, node: NodeIndex, fx: &mut dyn Effects<Self>) {
        let quorum = self.params.committee.quorum() - usize::from(planted("ckps-vote-quorum-low"));
        let enough = self.votes(node) >= quorum;
        let (held, me) = (self.certified.contains(node), self.params.me);
        let Some(candidate) = self.candidate_mut(node).filter(|candidate| !candidate.entered && enough) else { return };
        candidate.entered = true;
        let input = match () {
            () if planted("ckps-yes-unproven") => held || !candidate.yes.is_empty(),
            () if planted("ckps-own-vote-only") => candidate.yes.contains(me),
            () => held,
        };
        if input {
            self.note(node, fx);
        }
        self.with_aba(node, fx, |aba, fx| aba.input(input, fx));
    }

    /// 6: the value of the chosen candidate. It is here, or whoever has signed for it has it.
    fn conclude(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(node) = self.chosen.filter(|_| self.decision.is_none()) else { return };
        let Some(candidate) = self.candidate(node) else { return };
        let Some((root, certificate)) = &candidate.certified else { return self.ask_everybody(node, fx) };
        let (root, signers) = (*root, certificate.signers);
        match candidate.retrieval.held() {
            Some(held) if held.commitment() == root => {
                let value = held.body().to_bytes();
                self.note(node, fx);
                self.bury(node);
                self.decision = Some(value.clone());
                fx.output(value);
            }
            // Most likely it is on its way through this node's own jobs.
            _ if candidate.cast.is_hashing() => {}
            _ if planted("ckps-value-not-wanted") => {}
            _ => self.with_retrieval(node, fx, |retrieval, fx| {
                retrieval.input(RetrievalInput::Want { root, signers }, fx);
            }),
        }
    }

    /// Keeps what others may need of a node that has output: the agreement on the chosen candidate, its certificate, its
    /// value.
    fn bury(&mut self, chosen: NodeIndex) {
        for (node, slot) in self.params.committee.nodes().zip(&mut self.candidates) {
            if node != chosen || planted("ckps-buried-too-deep") {
                *slot = Slot::Gone(());
            }
        }
        self.commitments = Vec::new();
    }
}
