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
//!   share and its own attempt is over, until the epoch is closed. A proof for another share than the one first sent is
//!   a fault, and the proven share counts. f + 1 *proven* shares that fail the check settle the slot as bad.
//! * A contribution that this very node has made in this life is recognised by its memory, and is open from the start: the
//!   node needs no check, no shares of others and no second parsing to know what is in it. It gives its own share like any
//!   other, and judges nobody's.
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
mod opening;
mod slot;

use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::{Body, Contribution};
use mellivora_core::{
    Committee, Digest, Domain, Durable, Effects, Epoch as EpochNumber, Fault, FaultKind, Job, Layer, Lens, NodeIndex,
    NodeSet, Parent, Protocol, Purpose, Round, Segment, To, Weight, planted,
};
use mellivora_crypto::{EncryptionScheme, Seed};
use mellivora_subset::Subset;

use crate::engine::OrderedSlot;
use crate::header::Outcome;
use crate::queue::Sample;
use crate::transactions::Transactions;
pub use job::{Made, Proposal};
pub(crate) use job::{Parser, unseal};
use job::{Sealed, Work, Worked};
pub use message::{EpochMessage, PerSlot};
use slot::{Slot, Stage};

/// What an epoch is made from.
#[derive(Clone, Debug)]
pub(crate) struct EpochParams<S> {
    pub(crate) committee: Committee,
    pub(crate) me: NodeIndex,
    /// What chooses the slots.
    pub(crate) subset: S,
    /// Domain of this epoch.
    pub(crate) domain: Domain,
    /// The scheme, if this epoch is encrypted.
    pub(crate) encryption: Option<Arc<dyn EncryptionScheme>>,
    pub(crate) parser: Parser,
    /// How many slots there are at the most.
    pub(crate) slots: usize,
}

/// What goes into an epoch.
#[derive(Debug)]
pub enum EpochInput {
    /// The transactions that this node proposes, and the seed that seals them. Once; a second one is ignored.
    Propose(Sample, Seed),
    /// What this node puts to the choice, as it is. Once, instead of the above.
    Contribute(Bytes),
    /// What this node has made that may be in a slot.
    Own(Vec<Made>),
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

impl SettledSlot {
    /// Whose it is, and what it was.
    pub(crate) fn ordered(&self) -> OrderedSlot {
        let empty = self.outcome == Outcome::Plain && self.body.as_ref().is_none_or(Body::is_empty);
        OrderedSlot { proposer: self.index, commitment: self.commitment, empty }
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.body.as_ref().map_or(0, Body::len) + self.transactions.memory()
    }
}

/// A job of an epoch: its subset's or its own.
#[derive(Debug)]
pub struct EpochJob<J>(Inner<J>);

#[derive(Debug)]
enum Inner<J> {
    Subset(J),
    Own(Box<Work>),
}

/// What came of an [`EpochJob`].
#[derive(Debug)]
pub struct EpochDone<D>(InnerDone<D>);

#[derive(Debug)]
enum InnerDone<D> {
    Subset(D),
    Own(Box<Worked>),
}

impl<J: Job> Job for EpochJob<J> {
    type Done = EpochDone<J::Done>;

    fn run(self) -> Self::Done {
        EpochDone(match self.0 {
            Inner::Subset(job) => InnerDone::Subset(job.run()),
            Inner::Own(work) => InnerDone::Own(Box::new(work.run())),
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
    /// What this node has made, until it is met again.
    own: Vec<Made>,
    gate_open: bool,
    chosen: Option<NodeSet>,
    complete: bool,
    slots: Vec<Slot>,
    /// Nodes whose shares or shards were found wrong before.
    distrusted: NodeSet,
    /// Nodes whose needless demands for proofs are not answered any more, and demands that were needless.
    denied: NodeSet,
    needless: Vec<NodeIndex>,
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
    pub(crate) fn new(params: EpochParams<S>) -> Self {
        let EpochParams { committee, me, subset, domain, encryption, parser, slots } = params;
        let index = (0..=u16::MAX).map(NodeIndex).take(slots);
        let label = |index| encryption.is_some().then(|| label(&domain, index));
        let slots = index.map(|index| Slot::new(index, label(index))).collect();
        Epoch {
            committee,
            me,
            domain,
            encryption,
            parser,
            subset,
            proposed: false,
            own: Vec::new(),
            gate_open: false,
            chosen: None,
            complete: false,
            slots,
            distrusted: NodeSet::EMPTY,
            denied: NodeSet::EMPTY,
            needless: Vec::new(),
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

    /// Needless demands of these nodes for proofs are not answered from now on.
    pub(crate) fn deny(&mut self, nodes: NodeSet) {
        self.denied = nodes;
    }

    /// Who asked for the proof of a share of a slot that opened here at the first attempt, since the last call.
    pub(crate) fn take_needless(&mut self) -> Vec<NodeIndex> {
        std::mem::take(&mut self.needless)
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        self.subset.memory() + self.slots.iter().map(Slot::memory).sum::<usize>()
    }

    fn sealed(&self, index: NodeIndex) -> Option<Sealed> {
        let slot = self.slots.get(index.as_usize())?;
        Some(Sealed {
            scheme: self.encryption.clone()?,
            label: slot.label?,
            header: slot.header.clone(),
            body: slot.body.clone()?,
        })
    }

    fn work(work: Work, fx: &mut dyn Effects<Self>) {
        fx.job(EpochJob(Inner::Own(Box::new(work))));
    }

    /// The proposer of a slot made it bad.
    fn bad_slot(&self, slot: NodeIndex, kind: FaultKind, fx: &mut dyn Effects<Self>) {
        let proposer = self.slots.get(slot.as_usize()).map_or(slot, |slot| slot.proposer);
        Self::fault(proposer, slot, kind, fx);
    }

    fn fault(node: NodeIndex, slot: NodeIndex, kind: FaultKind, fx: &mut dyn Effects<Self>) {
        fx.fault(Fault::new(node, kind).inside(Segment::of(Layer::Slot, slot)));
    }

    /// Runs the subset and takes what it puts out.
    pub(crate) fn with_subset(&mut self, fx: &mut dyn Effects<Self>, act: impl FnOnce(&mut S, &mut dyn Effects<S>)) {
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
            let origin = self.subset.origin(index);
            if let Some(slot) = self.slots.get_mut(index.as_usize()) {
                if let Some(origin) = origin {
                    slot.proposer = origin.proposer;
                    slot.label = origin.encrypted.then(|| seal_label(&origin.domain));
                }
                slot.choose(contribution);
                self.inspect(index, fx);
            }
        }
        fx.output(EpochOutput::Decided(set));
        self.try_complete(fx);
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
                index: slot.proposer,
                commitment: slot.commitment,
                outcome: *outcome,
                body: slot.body.clone(),
                transactions: transactions.take().unwrap_or_default(),
            });
        }
        if planted("epoch-slot-empty-at-one-node") && self.me.0 == 0 {
            slots.truncate(1);
        }
        if planted("epoch-own-slot-first") {
            slots.sort_by_key(|slot| slot.index != self.me);
        }
        fx.output(EpochOutput::Complete(slots));
    }
}

/// Label of the ciphertext that `proposer` contributes to the epoch with this domain.
pub(crate) fn label(epoch: &Domain, proposer: NodeIndex) -> Digest {
    let proposer = if planted("epoch-label-without-proposer") { NodeIndex(0) } else { proposer };
    seal_label(&epoch.child(Segment::of(Layer::Slot, proposer)))
}

/// Label of the ciphertext in the slot with this name.
pub(crate) fn seal_label(slot: &Domain) -> Digest {
    slot.statement(Purpose::Encryption, Round(0)).digest()
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
                let label = label(&self.domain, self.me);
                let seal = self.encryption.clone().map(|scheme| (scheme, label, seed));
                Self::work(Work::Propose(Proposal { transactions, seal }), fx);
            }
            EpochInput::Contribute(contribution) if !self.proposed => {
                self.proposed = true;
                self.with_subset(fx, |subset, fx| subset.input(contribution, fx));
            }
            EpochInput::Propose(..) | EpochInput::Contribute(_) => {}
            EpochInput::Own(made) => self.own.extend(made),
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
            InnerDone::Own(worked) => self.worked(*worked, fx),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.with_subset(fx, |subset, fx| subset.flush(fx));
        #[cfg(mellivora_planted)]
        if planted("epoch-share-before-decision") {
            self.committee.nodes().for_each(|index| self.inspect_early(index, fx));
        }
        if (self.gate_open || planted("epoch-share-before-decision")) && !self.to_release.is_empty() {
            let mut shares = Vec::with_capacity(self.to_release.len());
            for index in std::mem::take(&mut self.to_release).iter() {
                let Some(slot) = self.slots.get_mut(index.as_usize()) else { continue };
                if let Some(own) = slot.own.filter(|_| !(planted("epoch-share-skipped-when-open") && slot.is_settled()))
                {
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
        if let (EpochMessage::Subset(message), false) = (message, planted("epoch-recalls-nothing")) {
            self.subset.recall(to, message);
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        for slot in &mut self.slots {
            slot.answered.remove(peer);
            slot.charged.remove(peer);
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
