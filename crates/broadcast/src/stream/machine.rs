//! The state machine: what goes in, what comes out, and where it is looked after.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::Body;
use mellivora_core::protocol::NoJob;
use mellivora_core::{
    Committee, Digest, Domain, Durable, Effects, Fault, FaultKind, Layer, Lens, NodeIndex, Parent, Protocol, Segment,
    To, planted,
};
use mellivora_crypto::CertificateScheme;

use super::certificates::Certificates;
use super::fetching::Want;
use super::job::{Done, StreamDone, StreamJob, Task};
use super::message::StreamMessage;
use super::own::Own;
use super::slot::{Proposal, Slot};
use super::tip::{CertifiedTip, Tip};
use crate::retrieval::{Retrieval, RetrievalMessage};

/// Parameters of one stream.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// Size and fault bound.
    pub committee: Committee,
    /// This node.
    pub me: NodeIndex,
    /// The node whose batches these are.
    pub proposer: NodeIndex,
    /// Domain of the stream, which names the proposer.
    pub domain: Domain,
    /// Slots beyond the base that are open, at least 1.
    pub window: u64,
    /// The largest batch, in bytes; at most [`ChunkTree::MAX_PAYLOAD`](mellivora_coding::ChunkTree::MAX_PAYLOAD).
    pub max_payload: usize,
    /// How nodes sign.
    pub certificates: Arc<dyn CertificateScheme>,
}

/// What goes into a stream.
#[derive(Clone, Debug)]
pub enum StreamInput {
    /// At the proposer, only when it [may propose](Stream::may_propose): the next batch. No bytes are the empty batch.
    Propose(Bytes),
    /// The newest ordered output of the parent ends this stream's part with this place: the base. It never goes back,
    /// and may jump.
    Ordered(Tip),
    /// An agreement chose this place: every batch above the base, and above what was chosen before, up to there is to
    /// be put out. The certificate is known to be valid.
    Want(CertifiedTip),
    /// Slots up to this one are closed: nobody can need them from this node any more.
    Release(u64),
    /// A peer announced that its base of this stream is at least this slot.
    PeerBase(NodeIndex, u64),
    /// The link to this peer lost messages: what it may lack goes again.
    Resend(NodeIndex),
    /// It takes long: ask one more node.
    Nudge,
}

/// What comes out of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamOutput {
    /// A place above the newest one known is certified.
    Grown(Tip),
    /// This node voted for a slot, which ends with this place.
    Voted(Tip),
    /// A batch that was wanted, in ascending order.
    Batch {
        /// The place that ends with it.
        tip: Tip,
        /// Commitment of its chunk tree.
        commitment: Digest,
        /// The batch.
        body: Body,
    },
}

/// One node's stream at one node. See the [module page](super).
#[derive(Debug)]
pub struct Stream {
    pub(super) config: StreamConfig,
    pub(super) base: Tip,
    /// Slots up to this one are closed.
    pub(super) released: u64,
    pub(super) slots: BTreeMap<u64, Slot>,
    pub(super) certificates: Certificates,
    /// What only the proposer has.
    pub(super) own: Own,
    /// What was chosen and is not put out yet, in ascending order.
    pub(super) wants: VecDeque<Want>,
    /// The newest place that was ever wanted.
    pub(super) wanted: Tip,
    /// An earlier incarnation may have announced a higher base than this one knows.
    pub(super) restarted: bool,
    /// Something was recalled since the last flush.
    pub(super) recalled: bool,
}

impl Stream {
    /// A fresh instance.
    pub fn new(config: StreamConfig) -> Self {
        Stream {
            base: Tip::GENESIS,
            released: 0,
            slots: BTreeMap::new(),
            certificates: Certificates::default(),
            own: Own::new(config.committee),
            wants: VecDeque::new(),
            wanted: Tip::GENESIS,
            restarted: false,
            recalled: false,
            config,
        }
    }

    /// The stream's place in the newest ordered output.
    pub fn base(&self) -> Tip {
        self.base
    }

    /// The newest place above the base that is known to be certified and ends at `slot` at the latest.
    pub fn certified_up_to(&self, slot: u64) -> Option<&CertifiedTip> {
        self.certificates.up_to(self.base.slot, slot)
    }

    /// Whether a certificate that has arrived is being verified: it may tell of a newer place in a moment.
    pub fn is_checking(&self) -> bool {
        self.certificates.is_checking()
    }

    /// Number of the newest slot with a batch that is not empty, of those that are known to be certified or ordered. If
    /// it is above the base, there is something to order. A vote alone does not count: its slot may never be certified.
    pub fn full(&self) -> u64 {
        self.certificates.newest().full.max(self.base.full)
    }

    /// Bytes of memory that this stream holds, about, the batches included.
    pub fn memory(&self) -> usize {
        let slots: usize = self.slots.values().map(Slot::memory).sum();
        let wants: usize = self.wants.iter().map(Want::memory).sum();
        size_of::<Self>() + slots + wants + self.certificates.memory() + self.own.memory()
    }

    pub(super) fn is_proposer(&self) -> bool {
        self.config.me == self.config.proposer
    }

    pub(super) fn required(&self) -> usize {
        self.config.committee.quorum() - usize::from(planted("stream-quorum-low"))
    }

    /// The last slot that is open here.
    pub(super) fn top(&self) -> u64 {
        self.base.slot.saturating_add(self.config.window)
    }

    /// Whether something about this slot is worth being remembered.
    pub(super) fn is_tracked(&self, slot: u64) -> bool {
        // What was recalled after a restart may lie beyond the window.
        slot > self.released && (slot <= self.top() || self.slots.contains_key(&slot))
    }

    pub(super) fn job(&self, task: Task, fx: &mut dyn Effects<Self>) {
        fx.job(StreamJob { scheme: self.config.certificates.clone(), task });
    }

    fn ordered(&mut self, tip: Tip, fx: &mut dyn Effects<Self>) {
        if tip.slot <= self.base.slot && !planted("stream-base-goes-back") {
            return;
        }
        self.base = tip;
        self.certificates.moved(&tip);
        // Nobody votes for these any more, and whoever voted serves them: what was only kept goes.
        let (base, wanted) = (self.base.slot, self.wants.front().map_or(u64::MAX, Want::next));
        for (_, slot) in self.slots.range_mut(..=base).filter(|(slot, _)| **slot < wanted) {
            slot.proposal.take_if(|proposal| slot.vote.is_none() && !proposal.recorded);
        }
        self.own.changed = true;
        self.vote(fx);
    }

    fn release(&mut self, slot: u64, fx: &mut dyn Effects<Self>) {
        if slot <= self.released {
            return;
        }
        self.released = slot;
        self.slots = self.slots.split_off(&slot.saturating_add(1));
        self.certificates.release(slot);
        self.progress(fx);
    }

    fn resend(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.own.resend(peer);
        if peer == self.config.proposer && !planted("stream-votes-said-once") {
            for (tip, endorsement) in self.slots.values().filter_map(|slot| slot.vote.as_ref()) {
                fx.send(To::Node(peer), Durable::No, StreamMessage::Vote(*tip, *endorsement));
            }
        }
        self.ask_again(peer, fx);
    }

    fn on_record(&self, from: NodeIndex, fx: &mut dyn Effects<Self>) {
        // What a node says to itself is for its log alone.
        if from != self.config.me {
            fx.fault(Fault::new(from, FaultKind::MalformedMessage));
        }
    }

    /// Hashes the batch of a slot, once.
    pub(super) fn hash(&mut self, slot: u64, fx: &mut dyn Effects<Self>) {
        let Some(proposal) = self.slots.get_mut(&slot).and_then(|slot| slot.proposal.as_mut()) else { return };
        if !proposal.hashing {
            proposal.hashing = true;
            let payload = proposal.payload.clone();
            self.job(Task::Commit(slot, payload), fx);
        }
    }
}

impl Parent<Retrieval> for Stream {
    type Key = u64;

    fn message(slot: u64, message: RetrievalMessage) -> StreamMessage {
        StreamMessage::Retrieval(slot, message)
    }

    fn job(_: u64, job: NoJob) -> StreamJob {
        match job {}
    }

    fn segment(slot: u64) -> Segment {
        Segment { layer: Layer::Pb, index: slot }
    }
}

impl Protocol for Stream {
    type Input = StreamInput;
    type Output = StreamOutput;
    type Message = StreamMessage;
    type Job = StreamJob;

    fn input(&mut self, input: StreamInput, fx: &mut dyn Effects<Self>) {
        match input {
            StreamInput::Propose(payload) => self.propose(payload, fx),
            StreamInput::Ordered(tip) => self.ordered(tip, fx),
            StreamInput::Want(chosen) => self.want(chosen, fx),
            StreamInput::Release(slot) => self.release(slot, fx),
            StreamInput::PeerBase(peer, slot) => self.own.peer_base(peer, slot),
            StreamInput::Resend(peer) => self.resend(peer, fx),
            StreamInput::Nudge => self.nudge(fx),
        }
    }

    fn receive(&mut self, from: NodeIndex, message: StreamMessage, fx: &mut dyn Effects<Self>) {
        if !self.config.committee.contains(from) {
            return;
        }
        match message {
            StreamMessage::Proposal { previous, certificate, payload } => {
                self.on_proposal(from, Proposal::new(previous, certificate, payload, false), fx);
            }
            StreamMessage::Vote(tip, endorsement) => self.on_vote(from, tip, endorsement, fx),
            StreamMessage::Tip(certified) => self.on_tip(from, certified, fx),
            StreamMessage::Record(..) => self.on_record(from, fx),
            StreamMessage::Ask(slot, digest) => self.on_ask(from, slot, digest, fx),
            StreamMessage::Headers(digest, headers) => self.on_headers(from, digest, &headers, fx),
            StreamMessage::Retrieval(slot, message) => self.on_retrieval(from, slot, message, fx),
        }
    }

    fn done(&mut self, done: StreamDone, fx: &mut dyn Effects<Self>) {
        match done.0 {
            Done::Committed(slot, Some(tree)) => self.committed(slot, tree, fx),
            Done::Committed(_, None) => {}
            Done::Assembled(slot, assembly) => self.assembled(slot, assembly, fx),
            Done::Verified(verdicts) => self.verified(verdicts, fx),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        if std::mem::take(&mut self.recalled) {
            let slots: Vec<u64> = self.slots.keys().copied().collect();
            slots.into_iter().for_each(|slot| self.hash(slot, fx));
        }
        self.verify(fx);
        self.offer(fx);
        for (slot, state) in &mut self.slots {
            if let Some(retrieval) = &mut state.retrieval {
                // What comes out of a retrieval is looked at where it stays.
                retrieval.flush(&mut Lens::new(fx, *slot, &mut Vec::new()));
            }
        }
    }

    fn recall(&mut self, _to: To, message: StreamMessage) {
        (self.restarted, self.recalled) = (true, true);
        match message {
            StreamMessage::Proposal { .. } if planted("stream-recall-forgets-proposal") => {}
            StreamMessage::Proposal { previous, certificate, payload } if self.is_proposer() => {
                let slot = previous.slot.saturating_add(1);
                self.own.recall(slot);
                self.slots.entry(slot).or_default().proposal =
                    Some(Proposal::new(previous, certificate, payload, true));
            }
            StreamMessage::Record(..) if planted("stream-recall-forgets-batch") => {}
            StreamMessage::Record(previous, payload) => {
                let slot = previous.slot.saturating_add(1);
                self.slots.entry(slot).or_default().proposal = Some(Proposal::new(previous, None, payload, true));
            }
            StreamMessage::Vote(..) if planted("stream-recall-forgets-vote") => {}
            StreamMessage::Vote(tip, endorsement) => {
                self.slots.entry(tip.slot).or_default().vote = Some((tip, endorsement));
            }
            // Not durable, so never logged; and only the proposer has said PROPOSAL.
            _ => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.own.forget(peer);
        for slot in self.slots.values_mut() {
            slot.asked.remove(&peer);
        }
        let slots: Vec<u64> = self.slots.keys().copied().collect();
        for slot in slots {
            self.with_retrieval(slot, fx, |retrieval, fx| retrieval.forget(peer, fx));
        }
        self.resend(peer, fx);
    }

    /// Always false: a stream has no end. Its parent frees it.
    fn is_terminated(&self) -> bool {
        false
    }
}
