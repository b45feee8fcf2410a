//! One epoch of HoneyBadger: a common subset of contributions, and the opening of those that are encrypted.
//!
//! # What it guarantees
//!
//! With at most f Byzantine nodes and once every honest node has proposed: every honest node completes with the same
//! slots, each with the same [`Outcome`] and, where it has one, the same list of transactions. Of an encrypted
//! contribution of an honest node nobody learns more than its size before the set of slots is fixed.
//!
//! # Message flow
//!
//! ```text
//! transactions --frame, seal--> SUBSET ==> chosen slots --check--> [gate] --> SHARES --f + 1--> open --> outcome
//!                                                                              |  opening check fails
//!                                                                              +--> PROVE --> PROOFS --f + 1--> open
//! ```
//!
//! * **SUBSET** carries the messages of the common subset.
//! * **SHARES**: for each chosen slot whose ciphertext verifies under the label of (session, era, epoch, proposer), one
//!   decryption share; sent once the *gate* is open, which the parent decides: every epoch up to this one has its subset
//!   decided here, or is covered by a certificate. A share goes out for every such slot, also for one that is open here.
//! * f + 1 shares open a slot optimistically: they are combined unverified, the seed is derived, and the opening counts
//!   *only if re-encryption under the seed gives the very header of the ciphertext*. An authentic payload alone proves
//!   nothing: a Byzantine proposer and one colluding decryptor can make one share set open and another not.
//! * If the check fails, shares are verified one by one: those of a self-proving suite at once, others by **PROVE**, sent
//!   once per slot, which every node answers with **PROOFS** once per asker's incarnation, when it has released the
//!   share, until the epoch is closed. A proof for another share than the one first sent is a fault, and the proven
//!   share counts. f + 1 *proven* shares that fail the check settle the slot as bad.
//! * Once a slot is open its seed tells right shares from wrong ones, so the culprits of a failed attempt are named.
//!
//! # Slots that stay empty
//!
//! BOTTOM of the broadcast, a ciphertext that does not check, a payload that does not authenticate under a right seed,
//! a content that is no list of transactions: an empty slot and a fault of its proposer, everywhere alike. A node with
//! nothing to propose contributes no bytes at all: the empty list, which travels in the clear and costs no cryptography.
//!
//! # Complexity
//!
//! Beside the subset: one message delay, n SHARES of one share per slot from each node; per slot one check, one share and
//! one opening at each node, no verification of shares while nobody cheats.
//!
//! # Memory
//!
//! n contributions (shared with the broadcast), n * n shares of at most 65 bytes, and the opened payloads.
//!
//! # Deviations from the paper
//!
//! Miller et al. 2016, section 4.4, verify every share and seal with a hybrid scheme without a label. Here shares are
//! not verified unless an opening fails, ciphertexts carry labels, and openings are checked by re-encryption.

mod job;
mod message;
mod slot;

use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::{Body, Contribution};
use mellivora_core::{
    Committee, Digest, Domain, Durable, Effects, Epoch as EpochNumber, Fault, FaultKind, Job, Layer, Lens,
    NodeIndex, NodeSet, Parent, Protocol, Purpose, Round, Segment, To, Weight,
};
use mellivora_crypto::{DecryptionProof, DecryptionShare, EncryptionScheme, Seed};
use mellivora_subset::{Subset, SubsetParams};

use crate::header::Outcome;
use crate::transactions::Transactions;
pub(crate) use job::{Parser, unseal};
use job::{Opening, Sealed, Work, Worked};
pub use message::{EpochMessage, PerSlot};
use slot::{Held, Slot, Stage};

/// What an epoch is made from.
#[derive(Clone, Debug)]
pub(crate) struct EpochParams {
    pub(crate) subset: SubsetParams,
    /// Domain of this epoch.
    pub(crate) domain: Domain,
    /// The scheme, if this epoch is encrypted.
    pub(crate) encryption: Option<Arc<dyn EncryptionScheme>>,
    pub(crate) parser: Parser,
}

/// What goes into an epoch.
#[derive(Debug)]
pub enum EpochInput {
    /// The transactions that this node proposes, and the seed that seals them. Once; a second one is ignored.
    Propose(Vec<Bytes>, Seed),
    /// The gate is open: shares may be released.
    OpenGate,
}

/// What comes out of an epoch.
#[derive(Debug)]
pub enum EpochOutput {
    /// The subset is decided: these slots are chosen.
    Decided(NodeSet),
    /// Every chosen slot is settled.
    Complete(Vec<SettledSlot>),
}

/// One chosen slot and what became of it.
#[derive(Clone, Debug)]
pub struct SettledSlot {
    pub(crate) index: NodeIndex,
    pub(crate) commitment: Digest,
    pub(crate) outcome: Outcome,
    /// The contribution as the subset delivered it; kept to serve those who lack it.
    pub(crate) body: Option<Body>,
    /// Its transactions; empty for [`Outcome::Bottom`] and [`Outcome::Bad`].
    pub(crate) transactions: Transactions,
}

/// A job of an epoch: its subset's or its own.
#[derive(Debug)]
pub struct EpochJob<J>(Inner<J>);

#[derive(Debug)]
enum Inner<J> {
    Subset(J),
    Own(Work),
}

/// What came of an [`EpochJob`].
#[derive(Debug)]
pub struct EpochDone<D>(InnerDone<D>);

#[derive(Debug)]
enum InnerDone<D> {
    Subset(D),
    Own(Worked),
}

impl<J: Job> Job for EpochJob<J> {
    type Done = EpochDone<J::Done>;

    fn run(self) -> Self::Done {
        EpochDone(match self.0 {
            Inner::Subset(job) => InnerDone::Subset(job.run()),
            Inner::Own(work) => InnerDone::Own(work.run()),
        })
    }

    fn weight(&self) -> Weight {
        match &self.0 {
            Inner::Subset(job) => job.weight(),
            Inner::Own(work) => work.weight(),
        }
    }
}

/// One epoch at one node. See the [module page](self).
pub struct Epoch<S: Subset> {
    committee: Committee,
    me: NodeIndex,
    domain: Domain,
    encryption: Option<Arc<dyn EncryptionScheme>>,
    parser: Parser,
    subset: S,
    proposed: bool,
    gate_open: bool,
    chosen: Option<NodeSet>,
    complete: bool,
    slots: Vec<Slot>,
    /// Nodes whose shares or shards were found wrong before.
    distrusted: NodeSet,
    /// Slots whose own share goes out at the end of the turn.
    to_release: NodeSet,
    /// Slots whose proofs are asked for at the end of the turn.
    to_prove: NodeSet,
}

impl<S: Subset> Parent<S> for Epoch<S> {
    type Key = ();

    fn message((): (), message: S::Message) -> EpochMessage<S::Message> {
        EpochMessage::Subset(message)
    }

    fn job((): (), job: S::Job) -> EpochJob<S::Job> {
        EpochJob(Inner::Subset(job))
    }

    fn segment((): ()) -> Segment {
        Segment::only(Layer::Subset)
    }
}

impl<S: Subset> Epoch<S> {
    pub(crate) fn new(params: EpochParams) -> Self {
        let EpochParams { subset, domain, encryption, parser } = params;
        let (committee, me) = (subset.committee, subset.me);
        Epoch {
            committee,
            me,
            domain,
            encryption,
            parser,
            subset: S::new(subset),
            proposed: false,
            gate_open: false,
            chosen: None,
            complete: false,
            slots: committee.nodes().map(|_| Slot::new()).collect(),
            distrusted: NodeSet::EMPTY,
            to_release: NodeSet::EMPTY,
            to_prove: NodeSet::EMPTY,
        }
    }

    /// Whether this node has proposed.
    pub(crate) fn has_proposed(&self) -> bool {
        self.proposed
    }

    /// The chosen slots, once the subset is decided.
    pub(crate) fn chosen(&self) -> Option<NodeSet> {
        self.chosen
    }

    /// The contribution of `index` with this commitment, if it arrived here, chosen or not.
    pub(crate) fn body_of(&self, index: NodeIndex, commitment: &Digest) -> Option<Body> {
        let slot = self.slots.get(index.as_usize())?;
        if slot.commitment == *commitment && slot.body.is_some() {
            return slot.body.clone();
        }
        self.subset.contribution(index).filter(|c| c.commitment == *commitment)?.body.clone()
    }

    /// The common subset below.
    pub fn subset(&self) -> &S {
        &self.subset
    }

    /// Shares and shards of these nodes are verified before use from now on.
    pub(crate) fn distrust(&mut self, nodes: NodeSet) {
        self.distrusted = self.distrusted.union(&nodes);
        self.subset.distrust(nodes);
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        self.subset.memory() + self.slots.iter().map(Slot::memory).sum::<usize>()
    }

    /// Label of the ciphertext in a slot.
    fn label(&self, slot: NodeIndex) -> Digest {
        label(&self.domain, slot)
    }

    fn sealed(&self, index: NodeIndex) -> Option<Sealed> {
        let slot = self.slots.get(index.as_usize())?;
        Some(Sealed {
            scheme: self.encryption.clone()?,
            label: self.label(index),
            header: slot.header.clone(),
            body: slot.body.clone()?,
        })
    }

    fn work(work: Work, fx: &mut dyn Effects<Self>) {
        fx.job(EpochJob(Inner::Own(work)));
    }

    fn fault(node: NodeIndex, slot: NodeIndex, kind: FaultKind, fx: &mut dyn Effects<Self>) {
        fx.fault(Fault::new(node, kind).inside(Segment::of(Layer::Slot, slot)));
    }

    /// Runs the subset and takes what it puts out.
    fn with_subset(&mut self, fx: &mut dyn Effects<Self>, act: impl FnOnce(&mut S, &mut dyn Effects<S>)) {
        let mut outputs = Vec::new();
        act(&mut self.subset, &mut Lens::new(fx, (), &mut outputs));
        for chosen in outputs {
            self.decided(chosen, fx);
        }
    }

    fn decided(&mut self, chosen: Vec<(NodeIndex, Contribution)>, fx: &mut dyn Effects<Self>) {
        if self.chosen.is_some() {
            return;
        }
        let set = chosen.iter().map(|(index, _)| *index).collect();
        self.chosen = Some(set);
        for (index, contribution) in chosen {
            if let Some(slot) = self.slots.get_mut(index.as_usize()) {
                slot.choose(contribution);
                self.inspect(index, fx);
            }
        }
        fx.output(EpochOutput::Decided(set));
        self.try_complete(fx);
    }

    /// First look at a chosen slot.
    fn inspect(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let scheme = self.encryption.clone();
        let (parser, Some(slot)) = (self.parser, self.slots.get_mut(index.as_usize())) else { return };
        let Some(body) = slot.body.clone() else {
            // The broadcast has already blamed the proposer.
            slot.settle(Outcome::Bottom, None);
            return;
        };
        match scheme {
            _ if body.is_empty() => slot.settle(Outcome::Plain, None),
            None => {
                slot.stage = Stage::Inspecting;
                Self::work(Work::Parse { slot: index, body, parser }, fx);
            }
            Some(scheme) if body.len() < scheme.header_bytes() => {
                slot.settle(Outcome::Bad, None);
                Self::fault(index, index, FaultKind::InvalidCiphertext, fx);
            }
            Some(scheme) => {
                slot.header = body.first_bytes(scheme.header_bytes()).into();
                slot.stage = Stage::Inspecting;
                if let Some(sealed) = self.sealed(index) {
                    Self::work(Work::Inspect { slot: index, sealed }, fx);
                }
            }
        }
    }

    fn worked(&mut self, worked: Worked, fx: &mut dyn Effects<Self>) {
        match worked {
            Worked::Proposed(contribution) => {
                self.with_subset(fx, |subset, fx| subset.input(contribution, fx));
            }
            Worked::Parsed(index, transactions) => {
                let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
                match transactions {
                    Some(transactions) => slot.settle(Outcome::Plain, Some(transactions)),
                    None => {
                        slot.settle(Outcome::Bad, None);
                        Self::fault(index, index, FaultKind::MalformedContribution, fx);
                    }
                }
            }
            Worked::Inspected(index, valid) => {
                let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
                match valid {
                    Some((sealed, own)) => {
                        slot.stage = Stage::Sealed;
                        slot.sealed = Some(sealed);
                        slot.own = Some(own);
                        self.to_release.insert(index);
                        self.try_open(index, fx);
                    }
                    None => {
                        slot.settle(Outcome::Bad, None);
                        Self::fault(index, index, FaultKind::InvalidCiphertext, fx);
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
    fn try_open(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let needed = self.committee.one_honest();
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

    fn opened(&mut self, index: NodeIndex, opening: Opening, fx: &mut dyn Effects<Self>) {
        let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
        let Stage::Opening { proven } = slot.stage else { return };
        let culprits = match opening {
            Opening::Opened { seed, transactions, culprits } => {
                slot.settle(Outcome::Opened(seed), Some(transactions));
                culprits
            }
            Opening::Unusable { authentic, culprits } => {
                slot.settle(Outcome::Bad, None);
                let kind =
                    if authentic { FaultKind::MalformedContribution } else { FaultKind::UnopenablePayload };
                Self::fault(index, index, kind, fx);
                culprits
            }
            Opening::Mismatch if proven => {
                // f + 1 proven shares fail the check: the proposer made it so.
                slot.settle(Outcome::Bad, None);
                Self::fault(index, index, FaultKind::InvalidCiphertext, fx);
                Vec::new()
            }
            Opening::Mismatch => {
                slot.stage = Stage::Sealed;
                slot.proving = true;
                self.demand_proofs(index, fx);
                return;
            }
        };
        for culprit in culprits {
            self.distrusted.insert(culprit);
            Self::fault(culprit, index, FaultKind::InvalidDecryptionShare, fx);
        }
    }

    /// An opening failed: shares have to prove themselves.
    fn demand_proofs(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let self_proving = self.encryption.as_ref().is_some_and(|scheme| scheme.self_proving());
        if self_proving {
            let Some(slot) = self.slots.get(index.as_usize()) else { return };
            let shares = slot.unproven().into_iter().map(|(node, share)| (node, share, None)).collect();
            self.verify(index, shares, fx);
        } else {
            self.to_prove.insert(index);
        }
        self.try_open(index, fx);
    }

    fn verify(
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

    fn verified(
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

    fn on_shares(
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

    fn on_prove(&mut self, from: NodeIndex, slots: NodeSet, fx: &mut dyn Effects<Self>) {
        for index in slots.iter() {
            let Some(slot) = self.slots.get_mut(index.as_usize()) else {
                fx.fault(Fault::new(from, FaultKind::UnknownInstance));
                return;
            };
            if !slot.answered.contains(from) {
                slot.askers.insert(from);
                self.answer(index, fx);
            }
        }
    }

    /// Answers those who asked for the proof of the own share, once it is released and proven.
    fn answer(&mut self, index: NodeIndex, fx: &mut dyn Effects<Self>) {
        let Some(slot) = self.slots.get_mut(index.as_usize()) else { return };
        if !slot.released || slot.askers.is_empty() || slot.proof_in_work {
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

    fn on_proofs(
        &mut self,
        from: NodeIndex,
        proofs: PerSlot<(NodeIndex, DecryptionShare, DecryptionProof)>,
        fx: &mut dyn Effects<Self>,
    ) {
        for (index, share, proof) in proofs {
            let wanted = self
                .slots
                .get(index.as_usize())
                .is_some_and(|slot| slot.proving && !slot.is_settled() && !slot.proven.contains(from));
            if wanted {
                self.verify(index, vec![(from, share, Some(proof))], fx);
            }
        }
    }

    fn try_complete(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(chosen) = self.chosen else { return };
        let settled = |index: NodeIndex| self.slots.get(index.as_usize()).is_some_and(Slot::is_settled);
        if self.complete || !chosen.iter().all(settled) {
            return;
        }
        self.complete = true;
        let mut slots = Vec::with_capacity(chosen.len());
        for index in chosen.iter() {
            let Some(slot) = self.slots.get_mut(index.as_usize()) else { continue };
            let Stage::Settled { outcome, transactions } = &mut slot.stage else { continue };
            slots.push(SettledSlot {
                index,
                commitment: slot.commitment,
                outcome: *outcome,
                body: slot.body.clone(),
                transactions: transactions.take().unwrap_or_default(),
            });
        }
        fx.output(EpochOutput::Complete(slots));
    }
}

/// Label of the ciphertext that `proposer` contributes to the epoch with this domain.
pub(crate) fn label(epoch: &Domain, proposer: NodeIndex) -> Digest {
    epoch.child(Segment::of(Layer::Slot, proposer)).statement(Purpose::Encryption, Round(0)).digest()
}

impl<S: Subset> Protocol for Epoch<S> {
    type Input = EpochInput;
    type Output = EpochOutput;
    type Message = EpochMessage<S::Message>;
    type Job = EpochJob<S::Job>;

    fn input(&mut self, input: EpochInput, fx: &mut dyn Effects<Self>) {
        match input {
            EpochInput::Propose(transactions, seed) if !self.proposed => {
                self.proposed = true;
                let seal = self.encryption.clone().map(|scheme| (scheme, self.label(self.me), seed));
                Self::work(Work::Propose { transactions, seal }, fx);
            }
            EpochInput::Propose(..) => {}
            EpochInput::OpenGate => self.gate_open = true,
        }
    }

    fn receive(&mut self, from: NodeIndex, message: Self::Message, fx: &mut dyn Effects<Self>) {
        match message {
            EpochMessage::Subset(message) => self.with_subset(fx, |subset, fx| subset.receive(from, message, fx)),
            EpochMessage::Shares(shares) => self.on_shares(from, shares, fx),
            EpochMessage::Prove(slots) => self.on_prove(from, slots, fx),
            EpochMessage::Proofs(proofs) => self.on_proofs(from, proofs, fx),
        }
    }

    fn done(&mut self, done: EpochDone<<S::Job as Job>::Done>, fx: &mut dyn Effects<Self>) {
        match done.0 {
            InnerDone::Subset(done) => self.with_subset(fx, |subset, fx| subset.done(done, fx)),
            InnerDone::Own(worked) => self.worked(worked, fx),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.with_subset(fx, |subset, fx| subset.flush(fx));
        if self.gate_open && !self.to_release.is_empty() {
            let mut shares = Vec::with_capacity(self.to_release.len());
            for index in std::mem::take(&mut self.to_release).iter() {
                let Some(slot) = self.slots.get_mut(index.as_usize()) else { continue };
                if let Some(own) = slot.own {
                    slot.released = true;
                    shares.push((index, own));
                    self.answer(index, fx);
                }
            }
            fx.send(To::All, Durable::No, EpochMessage::Shares(PerSlot::new(shares)));
        }
        if !self.to_prove.is_empty() {
            fx.send(To::All, Durable::No, EpochMessage::Prove(std::mem::take(&mut self.to_prove)));
        }
    }

    fn recall(&mut self, to: To, message: Self::Message) {
        // Shares and proofs are functions of the ciphertext: said again, they are the same.
        if let EpochMessage::Subset(message) = message {
            self.subset.recall(to, message);
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        for slot in &mut self.slots {
            slot.answered.remove(peer);
        }
        self.with_subset(fx, |subset, fx| subset.forget(peer, fx));
    }

    /// An epoch has no halting rule of its own: it is freed when it closes.
    fn is_terminated(&self) -> bool {
        false
    }
}

impl<S: Subset> std::fmt::Debug for Epoch<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoch")
            .field("number", &self.domain.path.epoch().unwrap_or(EpochNumber(0)))
            .field("chosen", &self.chosen)
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}
