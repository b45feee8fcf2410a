//! Opening what is encrypted: shares, the opening check, proofs on demand. The rules are on the [module page](super).

use mellivora_core::{Durable, Effects, Fault, FaultKind, NodeIndex, NodeSet, To, planted};
use mellivora_crypto::{DecryptionProof, DecryptionShare};
use mellivora_subset::Subset;

use super::job::{Opening, Work, Worked};
use super::slot::{Held, Stage};
use super::{Epoch, EpochMessage, PerSlot};
use crate::header::Outcome;

impl<S: Subset> Epoch<S> {
    /// First look at a chosen slot.
    pub(super) fn inspect(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let (parser, Some(slot)) = (self.parser, self.slots.get_mut(index.as_usize())) else { return };
        let scheme = self.encryption.clone().filter(|_| slot.label.is_some());
        let Some(body) = slot.body.clone() else {
            // The broadcast has already blamed the proposer.
            slot.settle(Outcome::Bottom, None);
            return;
        };
        let label = slot.label.filter(|_| scheme.is_some());
        let own = self.own.iter().position(|made| made.is(label, &body)).map(|at| self.own.swap_remove(at));
        match scheme {
            _ if body.is_empty() => slot.settle(Outcome::Plain, None),
            None => {
                slot.stage = Stage::Inspecting;
                Self::work(Work::Parse { slot: index, body, own, parser }, fx);
            }
            Some(scheme) if body.len() < scheme.header_bytes() => {
                slot.settle(Outcome::Bad, None);
                self.bad_slot(index, FaultKind::InvalidCiphertext, fx);
            }
            Some(scheme) => {
                slot.header = body.first_bytes(scheme.header_bytes()).into();
                slot.stage = Stage::Inspecting;
                if let Some(sealed) = self.sealed(index) {
                    Self::work(Work::Inspect { slot: index, sealed, own, parser }, fx);
                }
            }
        }
    }

    /// For the planted bug alone: takes a contribution as chosen as soon as it is delivered.
    #[cfg(mellivora_planted)]
    pub(super) fn inspect_early(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let slot = self.slots.get_mut(index.as_usize()).filter(|slot| matches!(slot.stage, Stage::Open));
        if let Some((slot, contribution)) = slot.zip(self.subset.contribution(index)) {
            slot.choose(contribution.clone());
            self.inspect(index, fx);
        }
    }

    pub(super) fn worked(&mut self, worked: Worked, fx: &mut dyn Effects<Self>) {
        match worked {
            Worked::Proposed(made) => {
                let contribution = made.contribution.clone();
                self.own.push(made);
                self.with_subset(fx, |subset, fx| subset.input(contribution, fx));
            }
            Worked::Parsed(index, transactions) => {
                let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
                match transactions {
                    Some(transactions) => slot.settle(Outcome::Plain, Some(transactions)),
                    None => {
                        if !planted("epoch-garbage-stops") {
                            slot.settle(Outcome::Bad, None);
                        }
                        self.bad_slot(index, FaultKind::MalformedContribution, fx);
                    }
                }
            }
            Worked::Inspected(index, valid, opened) => {
                let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
                match valid {
                    Some((sealed, own)) => {
                        slot.stage = Stage::Sealed;
                        slot.sealed = Some(sealed);
                        slot.own = Some(own);
                        self.to_release.insert(index);
                        match opened {
                            Some((seed, transactions)) => slot.settle(Outcome::Opened(seed), Some(transactions)),
                            None => self.try_open(index, fx),
                        }
                    }
                    None => {
                        slot.settle(Outcome::Bad, None);
                        self.bad_slot(index, FaultKind::InvalidCiphertext, fx);
                    }
                }
            }
            Worked::Opened(index, opening) => self.opened(index, opening, fx),
            Worked::Proved(index, proof) => {
                let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
                slot.proof = proof;
                slot.proof_in_work = false;
                self.answer(index, fx);
            }
            Worked::Verified(index, verdicts) => self.verified(index, verdicts, fx),
        }
        self.try_complete(fx);
    }

    /// Tries to open a slot, if it is ready for it.
    pub(super) fn try_open(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let needed = self.committee.one_honest() - usize::from(planted("epoch-opens-with-f"));
        let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
        if !matches!(slot.stage, Stage::Sealed) {
            return;
        }
        let Some(shares) = slot.usable(needed, &self.distrusted) else { return };
        let proven = shares.iter().all(|(node, _)| slot.proven.contains(*node));
        slot.stage = Stage::Opening { proven };
        // The shares of a first attempt are suspects if it fails; the attempt that succeeds tells which.
        let suspects = if slot.proving { slot.suspects.clone() } else { Vec::new() };
        if !slot.proving {
            slot.suspects.clone_from(&shares);
        }
        let Some(sealed) = self.sealed(index) else { return };
        Self::work(Work::Open { slot: index, sealed, shares, suspects, parser: self.parser }, fx);
    }

    pub(super) fn opened(&mut self, index: NodeIndex, opening: Opening, fx: &mut dyn Effects<Self>) {
        let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
        let Stage::Opening { proven } = slot.stage else { return };
        let culprits = match opening {
            Opening::Opened { seed, transactions, culprits } => {
                slot.settle(Outcome::Opened(seed), Some(transactions));
                culprits
            }
            Opening::Unusable { authentic, culprits } => {
                slot.settle(Outcome::Bad, None);
                let kind = if authentic { FaultKind::MalformedContribution } else { FaultKind::UnopenablePayload };
                self.bad_slot(index, kind, fx);
                culprits
            }
            Opening::Mismatch if proven || planted("epoch-bottom-unproven") => {
                // f + 1 proven shares fail the check: the proposer made it so.
                slot.settle(Outcome::Bad, None);
                self.bad_slot(index, FaultKind::InvalidCiphertext, fx);
                Vec::new()
            }
            Opening::Mismatch => {
                slot.stage = Stage::Sealed;
                slot.proving = true;
                self.answer(index, fx);
                self.demand_proofs(index, fx);
                return;
            }
        };
        for culprit in culprits {
            self.distrusted.insert(culprit);
            Self::fault(culprit, index, FaultKind::InvalidDecryptionShare, fx);
        }
        self.answer(index, fx);
    }

    /// An opening failed: shares have to prove themselves.
    pub(super) fn demand_proofs(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let self_proving = self.encryption.as_ref().is_some_and(|scheme| scheme.self_proving());
        if self_proving {
            let Some(slot) = self.slots.get(index.as_usize()) else { return };
            let shares = slot.unproven().into_iter().map(|(node, share)| (node, share, None)).collect();
            self.verify(index, shares, fx);
        } else {
            if !planted("epoch-proofs-not-demanded") {
                self.to_prove.insert(index);
            }
        }
        self.try_open(index, fx);
    }

    pub(super) fn verify(
        &mut self,
        index: NodeIndex,
        shares: Vec<(NodeIndex, DecryptionShare, Option<DecryptionProof>)>,
        fx: &mut dyn Effects<Self>,
    ) {
        let digest = self.slots.get(index.as_usize()).and_then(|slot| slot.sealed);
        if let (Some(digest), Some(sealed), false) = (digest, self.sealed(index), shares.is_empty()) {
            Self::work(Work::Verify { slot: index, sealed, digest, shares }, fx);
        }
    }

    pub(super) fn verified(
        &mut self,
        index: NodeIndex,
        verdicts: Vec<(NodeIndex, DecryptionShare, bool)>,
        fx: &mut dyn Effects<Self>,
    ) {
        let self_proving = self.encryption.as_ref().is_some_and(|scheme| scheme.self_proving());
        let n = self.committee.n();
        for (node, share, valid) in verdicts {
            let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
            if slot.is_settled() {
                return;
            }
            let valid = valid || planted("epoch-proof-unchecked");
            let fault = if !valid && self_proving {
                slot.refute(node);
                Some(FaultKind::InvalidDecryptionShare)
            } else if !valid {
                Some(FaultKind::InvalidDecryptionProof)
            } else {
                (!slot.prove(n, node, share)).then_some(FaultKind::ConflictingDecryptionProof)
            };
            if let Some(kind) = fault {
                self.distrusted.insert(node);
                Self::fault(node, index, kind, fx);
            }
        }
        self.try_open(index, fx);
    }

    pub(super) fn on_shares(
        &mut self,
        from: NodeIndex,
        shares: PerSlot<(NodeIndex, DecryptionShare)>,
        fx: &mut dyn Effects<Self>,
    ) {
        let (n, self_proving) = (self.committee.n(), self.encryption.as_ref().map(|scheme| scheme.self_proving()));
        let Some(self_proving) = self_proving else {
            fx.fault(Fault::new(from, FaultKind::UnknownInstance));
            return;
        };
        for (index, share) in shares {
            let Some(slot) = self.slots.get_mut(index.as_usize()) else {
                fx.fault(Fault::new(from, FaultKind::UnknownInstance));
                continue;
            };
            if slot.is_settled() {
                continue;
            }
            match slot.hold(n, from, share) {
                Held::New if slot.proving && self_proving => self.verify(index, vec![(from, share, None)], fx),
                Held::New => self.try_open(index, fx),
                Held::Known => {}
                // After a proof replaced the first share, the first one may come again.
                Held::Conflicting if slot.proven.contains(from) => {}
                Held::Conflicting => Self::fault(from, index, FaultKind::ConflictingDecryptionShare, fx),
            }
        }
    }

    pub(super) fn on_prove(&mut self, from: NodeIndex, slots: NodeSet, fx: &mut dyn Effects<Self>) {
        for index in slots.iter() {
            let Some(slot) = self.slots.get_mut(index.as_usize()) else {
                fx.fault(Fault::new(from, FaultKind::UnknownInstance));
                return;
            };
            if !slot.answered.contains(from) || planted("epoch-proofs-again-and-again") {
                slot.askers.insert(from);
                self.answer(index, fx);
            }
        }
    }

    /// Answers those who asked for the proof of the own share, once it is released, its own attempt to open is over, and
    /// the proof is made.
    pub(super) fn answer(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
        let early = planted("epoch-proof-before-gate");
        if (!slot.released && !early) || slot.askers.is_empty() || slot.proof_in_work {
            return;
        }
        if slot.is_settled() && !slot.proving {
            // It opened here at the first attempt, so whoever asks was lied to by somebody whom it can name by now, or
            // asks for no reason.
            for asker in slot.askers.difference(&slot.charged).iter() {
                slot.charged.insert(asker);
                if self.denied.contains(asker) {
                    slot.askers.remove(asker);
                    slot.answered.insert(asker);
                } else {
                    self.needless.push(asker);
                }
            }
            if slot.askers.is_empty() {
                return;
            }
        } else if !slot.proving && !early {
            // The own attempt tells whether there is a reason; it comes, since all honest shares do.
            return;
        }
        let (Some(own), Some(digest)) = (slot.own, slot.sealed) else { return };
        if let Some(proof) = slot.proof {
            let to = std::mem::take(&mut slot.askers);
            slot.answered = slot.answered.union(&to);
            let proofs = PerSlot::new(vec![(index, own, proof)]);
            fx.send(To::Set(to), Durable::No, EpochMessage::Proofs(proofs));
            return;
        }
        let Some(scheme) = self.encryption.as_ref().filter(|scheme| !scheme.self_proving()) else { return };
        debug_assert!(!scheme.self_proving());
        slot.proof_in_work = true;
        if let Some(sealed) = self.sealed(index) {
            Self::work(Work::Prove { slot: index, sealed, digest }, fx);
        }
    }

    pub(super) fn on_proofs(
        &mut self,
        from: NodeIndex,
        proofs: PerSlot<(NodeIndex, DecryptionShare, DecryptionProof)>,
        fx: &mut dyn Effects<Self>,
    ) {
        for (index, share, proof) in proofs {
            let Some(slot) = self.slots.get_mut(index.as_usize()) else { continue };
            let wanted = slot.proving && !slot.is_settled() && !slot.proven.contains(from);
            // An honest node's first proof is valid. Each check costs more than making up something to check.
            if wanted && slot.showed.insert(from) {
                self.verify(index, vec![(from, share, Some(proof))], fx);
            }
        }
    }
}
