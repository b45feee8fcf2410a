//! Which values are certified: what this node knows, notes, asks and answers.
//!
//! Whoever asserts that a value is certified can show the certificate: it is in the log of a node before the node
//! commits to it, endorses a commitment that names it, votes yes, or gives a 1 to the binary agreement.

use mellivora_core::{Digest, Durable, Effects, Fault, FaultKind, NodeIndex, NodeSet, To, planted};
use mellivora_crypto::Certificate;

use super::job::{CkpsJob, Shown, Work};
use super::machine::Ckps;
use super::message::CkpsMessage;

impl Ckps {
    /// A quorum holds the value of `node` with this root.
    pub(super) fn learn(
        &mut self,
        node: NodeIndex,
        root: Digest,
        certificate: Certificate,
        fx: &mut dyn Effects<Self>,
    ) {
        let Some(candidate) = self.candidate_mut(node).filter(|candidate| candidate.certified.is_none()) else {
            return;
        };
        candidate.certified = Some((root, certificate));
        self.certified.insert(node);
        for proposer in self.params.committee.nodes() {
            self.review_commitment(proposer, fx);
        }
    }

    /// Logs the certificate of a value, once, before this node asserts that there is one.
    pub(super) fn note(&mut self, node: NodeIndex, fx: &mut dyn Effects<Self>) {
        let me = self.params.me;
        let Some(candidate) = self.candidate_mut(node).filter(|candidate| !candidate.noted) else { return };
        let Some((root, certificate)) = candidate.certified.clone() else { return };
        candidate.noted = true;
        fx.send(To::Node(me), Durable::Yes, CkpsMessage::Certificate { candidate: node, root, certificate });
    }

    pub(super) fn note_all(&mut self, nodes: NodeSet, fx: &mut dyn Effects<Self>) {
        nodes.iter().for_each(|node| self.note(node, fx));
    }

    /// `of` has asserted that the value of `node` is certified. One of f + 1 who do is honest, and shows it.
    pub(super) fn ask(&mut self, node: NodeIndex, of: NodeIndex, fx: &mut dyn Effects<Self>) {
        let enough = self.params.committee.one_honest();
        if of == self.params.me || planted("ckps-not-asked") {
            return;
        }
        let Some(candidate) = self.candidate_mut(node).filter(|candidate| candidate.certified.is_none()) else {
            return;
        };
        if candidate.asked.len() < enough && candidate.asked.insert(of) {
            fx.send(To::Node(of), Durable::No, CkpsMessage::Ask(node));
        }
    }

    /// An honest node has given a 1 for `node`, whoever it is. It can show the certificate.
    pub(super) fn ask_everybody(&mut self, node: NodeIndex, fx: &mut dyn Effects<Self>) {
        let others = self.params.committee.all().difference(&NodeSet::one(self.params.me));
        let Some(candidate) = self.candidate_mut(node) else { return };
        let unasked = others.difference(&candidate.asked);
        if !unasked.is_empty() && !planted("ckps-not-asked") {
            candidate.asked = others;
            fx.send(To::Set(unasked), Durable::No, CkpsMessage::Ask(node));
        }
    }

    /// Answers each incarnation of a peer once.
    pub(super) fn on_ask(&mut self, from: NodeIndex, node: NodeIndex, fx: &mut dyn Effects<Self>) {
        let Some(candidate) = self.candidate_mut(node) else { return };
        if let Some((root, certificate)) = &candidate.certified
            && candidate.served.insert(from)
        {
            let (root, certificate) = (*root, certificate.clone());
            fx.send(To::Node(from), Durable::No, CkpsMessage::Certificate { candidate: node, root, certificate });
        }
    }

    /// The first certificate that each sender shows for a candidate is looked at, as long as none is known.
    pub(super) fn on_certificate(
        &mut self,
        from: NodeIndex,
        node: NodeIndex,
        root: Digest,
        certificate: Certificate,
        fx: &mut dyn Effects<Self>,
    ) {
        let (names, scheme) = (self.names, self.params.certificates.clone());
        let Some(candidate) = self.candidate_mut(node).filter(|candidate| candidate.certified.is_none()) else {
            return;
        };
        if candidate.heard.insert(from) {
            let claim = names.certified(node, root, certificate.clone());
            scheme.announce(&claim);
            let shown = Box::new(Shown { from, candidate: node, root, certificate });
            fx.job(CkpsJob(Work::Certificate { shown, claim, scheme }));
        }
    }

    pub(super) fn certificate_checked(&mut self, shown: Shown, valid: bool, fx: &mut dyn Effects<Self>) {
        match valid {
            true => self.learn(shown.candidate, shown.root, shown.certificate, fx),
            false => fx.fault(Fault::new(shown.from, FaultKind::InvalidProposalCertificate)),
        }
    }
}
