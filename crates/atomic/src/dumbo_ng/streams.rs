//! The streams of all nodes at one node: what is proposed in the own one, and what goes from them into epochs and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use mellivora_broadcast::stream::{Stream, StreamConfig, StreamInput, StreamJob, StreamOutput, Tip};
use mellivora_coding::Contribution;
use mellivora_core::{
    Effects, Epoch as EpochNumber, FaultKind, Job, Keyed, Lens, NodeIndex, Parent, Protocol, Segment, Weight, planted,
};
use mellivora_crypto::Seed;

use super::{DumboNg, OfStream, Tips, tips};
use crate::engine::{AtomicJob, LOCAL, OrderedSlot, Setup};
use crate::epoch::{EpochInput, Made, Proposal, seal_label};
use crate::message::Message;

/// Streams, and where they stand. See the [module page](super).
#[derive(Debug)]
pub struct Streams {
    me: NodeIndex,
    window: u64,
    streams: Vec<Stream>,
    /// Streams that something reached since the last flush.
    touched: BTreeSet<NodeIndex>,
    /// Where the newest batch that was handed out ends, by proposer.
    pub(super) ordered: Arc<[Tip]>,
    /// Where the newest epoch to which this node contributed ends if its own vector is chosen, by proposer; as `ordered`
    /// once that epoch is handed out.
    expected: (EpochNumber, Vec<u64>),
    /// The same as `ordered` for the epochs before, as far as somebody may ask.
    ends: BTreeMap<EpochNumber, Arc<[Tip]>>,
    /// Epochs whose batches were asked for.
    wanted: BTreeSet<EpochNumber>,
    /// This node has just voted for a batch of another stream that is not empty.
    prompted: bool,
    /// The next own batch: being made, or waiting for its turn.
    next: Next,
    /// Own batches that are not ordered yet, by slot.
    made: BTreeMap<u64, Made>,
}

/// How far the next own batch is.
#[derive(Debug)]
enum Next {
    Nothing,
    /// A job seals it.
    Sealing,
    /// It is there.
    Ready(u64, Bytes),
}

/// Work beside the epochs.
#[derive(Debug)]
pub enum StreamsJob {
    /// Of a stream.
    Stream(Keyed<NodeIndex, StreamJob>),
    /// Frames and seals the next own batch.
    #[doc(hidden)]
    Seal(u64, Proposal),
}

/// What comes of a [`StreamsJob`].
#[derive(Debug)]
pub enum StreamsDone {
    /// For a stream.
    Stream(NodeIndex, <StreamJob as Job>::Done),
    /// The next own batch, for this slot.
    #[doc(hidden)]
    Sealed(u64, Made),
}

impl Job for StreamsJob {
    type Done = StreamsDone;

    fn run(self) -> StreamsDone {
        match self {
            StreamsJob::Stream(job) => {
                let (proposer, done) = job.run();
                StreamsDone::Stream(proposer, done)
            }
            StreamsJob::Seal(slot, proposal) => StreamsDone::Sealed(slot, proposal.run()),
        }
    }

    fn weight(&self) -> Weight {
        match self {
            StreamsJob::Stream(job) => job.weight(),
            StreamsJob::Seal(_, proposal) => proposal.weight(),
        }
    }
}

impl Parent<Stream> for DumboNg {
    type Key = NodeIndex;

    fn message(proposer: NodeIndex, message: <Stream as Protocol>::Message) -> Self::Message {
        Message::Beside(OfStream { proposer, message })
    }

    fn job(key: NodeIndex, job: StreamJob) -> Self::Job {
        AtomicJob::Beside(StreamsJob::Stream(Keyed { key, job }))
    }

    fn segment(proposer: NodeIndex) -> Segment {
        Segment::of(mellivora_core::Layer::Stream, proposer)
    }
}

impl Streams {
    pub(super) fn at_genesis(setup: &Setup<'_>) -> Self {
        let committee = setup.config.committee;
        let window = setup.config.limits.stream_window;
        let stream = |proposer| {
            Stream::new(StreamConfig {
                committee,
                me: setup.me,
                proposer,
                domain: tips::stream(&setup.session, proposer),
                window: window - u64::from(planted("ng-empty-fills-window")),
                max_payload: setup.config.limits.payload_bytes,
                certificates: setup.certificates.clone(),
            })
        };
        Streams {
            me: setup.me,
            window,
            streams: committee.nodes().map(stream).collect(),
            touched: BTreeSet::new(),
            ordered: vec![Tip::GENESIS; committee.n()].into(),
            expected: (EpochNumber(0), vec![0; committee.n()]),
            ends: BTreeMap::new(),
            wanted: BTreeSet::new(),
            prompted: false,
            next: Next::Nothing,
            made: BTreeMap::new(),
        }
    }

    /// The stream of a proposer. For oracles and statistics.
    pub fn stream(&self, proposer: NodeIndex) -> Option<&Stream> {
        self.streams.get(proposer.as_usize())
    }

    /// Where the newest batch that was handed out ends, by proposer. For oracles and statistics.
    pub fn ordered(&self) -> &[Tip] {
        &self.ordered
    }

    /// Where `epoch` has ended, if it was handed out here and somebody may ask.
    pub(super) fn end_of(&self, epoch: EpochNumber) -> Option<Arc<[Tip]>> {
        self.ends.get(&epoch).cloned()
    }

    /// Whether a certificate of some stream is being verified.
    pub(super) fn is_checking(&self) -> bool {
        self.streams.iter().any(Stream::is_checking)
    }

    fn own(&self) -> Option<&Stream> {
        self.streams.get(self.me.as_usize())
    }

    /// Whether there is nothing to wait for. What others have certified is theirs to be ordered: this node has said what
    /// it can say for it, and a Byzantine proposer may have shown its certificate to this node alone.
    pub(super) fn is_quiet(&self) -> bool {
        let own = self.own().zip(self.ordered.get(self.me.as_usize()));
        matches!(self.next, Next::Nothing) && own.is_none_or(|(own, ordered)| own.full() <= ordered.slot)
    }

    /// Whether some other stream has a batch that is certified, not empty, and beyond these ends.
    fn others_wait(&self, ends: impl Iterator<Item = u64>) -> bool {
        let streams = self.streams.iter().zip(0u16..).zip(ends);
        let mut others = streams.filter(|((_, proposer), _)| *proposer != self.me.0);
        others.any(|((stream, _), end)| stream.full() > end) && !planted("ng-certified-prompts-nobody")
    }

    /// Whether an empty batch in this slot helps an epoch along; `prompted`: by a vote for a batch that is not empty.
    ///
    /// It does if everything before it is ordered, and others wait for what is not. That they are in the vector which this
    /// node has put to the choice is not enough: others may lack a certificate that this node was shown, and be short of a
    /// quorum of growths.
    ///
    /// For the next epoch it does if everything before it is in the vector of the one under way, and others wait for what
    /// is not in it. Then at least one slot of the window has to stay free for a batch that is not empty.
    fn helps(&self, slot: u64, prompted: bool) -> bool {
        let me = self.me.as_usize();
        let without_end = planted("ng-empty-batches-without-end");
        let after = |end: Option<u64>| end.is_some_and(|end| slot == end.saturating_add(1)) || without_end;
        let ordered = || self.ordered.iter().map(|tip| tip.slot);
        let now = after(ordered().nth(me)) && (prompted || self.others_wait(ordered()));
        let top = ordered().nth(me).unwrap_or_default().saturating_add(self.window);
        let room = slot < top || planted("ng-empty-takes-last-slot");
        let next = after(self.expected.1.get(me).copied())
            && room
            && (prompted || self.others_wait(self.expected.1.iter().copied()));
        now && !planted("ng-empty-for-next-epoch-only") || next
    }

    /// This node puts `tips` to the choice in `epoch`, which comes after `previous`.
    pub(super) fn expect(&mut self, epoch: EpochNumber, previous: &[Tip], tips: &Tips) {
        if planted("ng-empty-waits-for-output") {
            return;
        }
        let mut end: Vec<u64> = previous.iter().map(|tip| tip.slot).collect();
        for (proposer, certified) in tips.iter() {
            if let Some(slot) = end.get_mut(proposer.as_usize()) {
                *slot = certified.tip.slot;
            }
        }
        self.expected = (epoch, end);
    }

    pub(super) fn memory(&self) -> usize {
        let ready = if let Next::Ready(_, batch) = &self.next { batch.len() } else { 0 };
        let ends = (self.ends.len() + 1) * size_of_val(&*self.ordered);
        self.streams.iter().map(Stream::memory).sum::<usize>() + ready + ends
    }
}

impl DumboNg {
    /// Calls `act` on a stream and takes what it puts out.
    pub(super) fn with_stream(
        &mut self,
        proposer: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Stream, &mut dyn Effects<Stream>),
    ) {
        let Some(stream) = self.source.streams.get_mut(proposer.as_usize()) else { return };
        self.source.touched.insert(proposer);
        let mut outputs = Vec::new();
        act(stream, &mut Lens::new(fx, proposer, &mut outputs));
        for output in outputs {
            match output {
                StreamOutput::Batch { tip, commitment, body } => {
                    let contribution = Contribution { commitment, body: Some(body) };
                    self.arrived(proposer, tip.slot, contribution, fx);
                }
                StreamOutput::Voted(tip) => self.source.prompted |= proposer != self.me() && tip.full == tip.slot,
                // Looked at when the turn ends.
                StreamOutput::Grown(_) => {}
            }
        }
    }

    fn with_all_streams(
        &mut self,
        fx: &mut dyn Effects<Self>,
        mut act: impl FnMut(NodeIndex, &mut Stream, &mut dyn Effects<Stream>),
    ) {
        for proposer in self.config.committee.nodes() {
            self.with_stream(proposer, fx, |stream, fx| act(proposer, stream, fx));
        }
    }

    /// A batch that was wanted goes to the epoch that has chosen it.
    fn arrived(&mut self, proposer: NodeIndex, slot: u64, contribution: Contribution, fx: &mut dyn Effects<Self>) {
        let holds = |epoch: EpochNumber, engine: &Self| {
            let subset = engine.subset(epoch)?;
            let decision = subset.decision()?.iter().find(|(stream, _)| *stream == proposer)?;
            let (previous, _) = subset.limits().nth(proposer.as_usize())?;
            (previous.slot < slot && slot <= decision.1.tip.slot).then_some(())
        };
        let epochs: Vec<EpochNumber> = self.running.keys().copied().collect();
        let Some(epoch) = epochs.into_iter().find(|epoch| holds(*epoch, self).is_some()) else { return };
        self.in_epoch(epoch, fx, |instance, fx| {
            instance.with_subset(fx, |subset, fx| subset.arrived(proposer, slot, contribution, fx));
        });
    }

    /// Once the tips of an epoch are decided, their batches are wanted.
    pub(super) fn want(&mut self, epoch: EpochNumber, fx: &mut dyn Effects<Self>) {
        let Some(decision) = self.subset(epoch).and_then(|subset| subset.decision()).cloned() else { return };
        if epoch < self.next || !self.source.wanted.insert(epoch) {
            return;
        }
        let made = self.source.made.values().cloned().collect();
        self.in_epoch(epoch, fx, |instance, fx| instance.input(EpochInput::Own(made), fx));
        for (proposer, certified) in decision.into_vec() {
            self.with_stream(proposer, fx, |stream, fx| stream.input(StreamInput::Want(certified), fx));
        }
    }

    /// Proposes in the own stream: a sample of the queue; or the empty batch, if others have something to order and
    /// the own stream has nothing that is not ordered yet.
    pub(super) fn propose(&mut self, fx: &mut dyn Effects<Self>) {
        let me = self.me();
        if let Next::Ready(slot, _) = &self.source.next
            && self.source.own().is_some_and(|own| own.next_slot() != *slot)
        {
            // The stream went on without it, over a restart: its transactions wait again.
            self.queue.end_epoch(EpochNumber(*slot));
            self.source.made.remove(slot);
            self.source.next = Next::Nothing;
        }
        let prompted = std::mem::take(&mut self.source.prompted);
        // A vote prompts once: its slot may never be certified, and asking again for it would never end.
        self.source.prompted = prompted && planted("ng-votes-prompt-for-ever");
        let Some(own) = self.source.own() else { return };
        let (may, slot) = (own.may_propose(), own.next_slot());
        match &self.source.next {
            Next::Ready(..) if may => {
                let next = std::mem::replace(&mut self.source.next, Next::Nothing);
                if let Next::Ready(_, batch) = next {
                    self.with_stream(me, fx, |stream, fx| stream.input(StreamInput::Propose(batch), fx));
                }
                self.prepare(fx);
            }
            Next::Nothing => {
                self.prepare(fx);
                let silent = planted("ng-no-empty-batches");
                if matches!(self.source.next, Next::Nothing) && may && !silent && self.source.helps(slot, prompted) {
                    self.with_stream(me, fx, |stream, fx| stream.input(StreamInput::Propose(Bytes::new()), fx));
                }
            }
            Next::Ready(..) | Next::Sealing => {}
        }
    }

    /// Has the next own batch made: when it may go out, or when there is enough for a full one.
    fn prepare(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(own) = self.source.own() else { return };
        let (count, window, bytes) = self.config.sample();
        if !self.queue.has_waiting() || !(own.may_propose() || self.queue.waiting() >= count) {
            return;
        }
        let slot = own.next_slot();
        let name = slot.to_be_bytes();
        let draw = LOCAL.digest_parts(&[&self.secret.0, b"sample", &name]);
        let seed = Seed(LOCAL.digest_parts(&[&self.secret.0, b"proposal", &name]).0);
        let transactions = self.queue.sample(EpochNumber(slot), count, window, bytes, &draw);
        let label = seal_label(&tips::slot(&self.session, self.me(), slot));
        let encrypted = self.config.encryption.encrypts(EpochNumber(slot));
        let scheme = self.keys.encryption().filter(|_| encrypted).cloned();
        let proposal = Proposal { transactions, seal: scheme.map(|scheme| (scheme, label, seed)) };
        self.source.next = Next::Sealing;
        fx.job(AtomicJob::Beside(StreamsJob::Seal(slot, proposal)));
    }

    pub(super) fn sealed(&mut self, slot: u64, made: Made, fx: &mut dyn Effects<Self>) {
        self.source.next = Next::Ready(slot, made.contribution.clone());
        self.source.made.insert(slot, made);
        self.propose(fx);
    }

    /// Lets the streams that something reached send what they collected; the own one not while its next batch is about
    /// to follow, which says more than its tip.
    pub(super) fn flush_streams(&mut self, fx: &mut dyn Effects<Self>) {
        let own = self.me();
        let waits = matches!(self.source.next, Next::Sealing) && self.source.own().is_some_and(|own| own.may_propose());
        for proposer in std::mem::take(&mut self.source.touched) {
            if proposer == own && waits {
                self.source.touched.insert(own);
            } else {
                self.with_stream(proposer, fx, |stream, fx| stream.flush(fx));
                self.source.touched.remove(&proposer);
            }
        }
    }

    /// The batch of `epoch` was handed out: the streams move on.
    pub(super) fn ordered(&mut self, epoch: EpochNumber, slots: &[OrderedSlot], fx: &mut dyn Effects<Self>) {
        let mut end = self.source.ordered.to_vec();
        let me = self.me();
        for slot in slots {
            if let Some(tip) = end.get_mut(slot.proposer.as_usize()) {
                *tip = tip.extend(&slot.commitment, slot.empty);
                if slot.proposer == me {
                    self.queue.end_epoch(EpochNumber(tip.slot));
                    self.source.made.remove(&tip.slot);
                }
            }
        }
        self.source.ordered = end.into();
        if epoch >= self.source.expected.0 {
            self.source.expected = (epoch.next(), self.source.ordered.iter().map(|tip| tip.slot).collect());
        }
        self.source.ends.insert(epoch, self.source.ordered.clone());
        self.source.wanted.remove(&epoch);
        let ordered = self.source.ordered.clone();
        self.with_all_streams(fx, |proposer, stream, fx| {
            let moved = |tip: &&Tip| tip.slot > stream.base().slot && !planted("ng-base-unmoved");
            if let Some(tip) = ordered.get(proposer.as_usize()).filter(moved) {
                stream.input(StreamInput::Ordered(*tip), fx);
            }
        });
        for peer in self.config.committee.nodes() {
            self.tell_base(peer, fx);
        }
        if planted("ng-released-at-output") {
            self.release(epoch.next(), fx);
        }
    }

    /// What `peer` has closed tells where its own bases are at least: the own stream may send it what lies within its
    /// window from there.
    pub(super) fn tell_base(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        let me = self.me();
        let low = self.outbox.low_of(peer);
        if peer == me || low.0 == 0 || planted("ng-peer-base-untold") {
            return;
        }
        let newest = low > self.next;
        let end = if newest { Some(self.source.ordered.clone()) } else { self.source.end_of(EpochNumber(low.0 - 1)) };
        if let Some(slot) = end.and_then(|end| end.get(me.as_usize()).map(|tip| tip.slot)).filter(|slot| *slot > 0) {
            self.with_stream(me, fx, |stream, fx| stream.input(StreamInput::PeerBase(peer, slot), fx));
        }
    }

    /// Epochs below `low` are closed: nobody needs their batches from a stream any more.
    pub(super) fn release(&mut self, low: EpochNumber, fx: &mut dyn Effects<Self>) {
        let Some(end) = low.0.checked_sub(1).and_then(|last| self.source.end_of(EpochNumber(last))) else { return };
        self.with_all_streams(fx, |proposer, stream, fx| {
            if let Some(tip) = end.get(proposer.as_usize()) {
                stream.input(StreamInput::Release(tip.slot), fx);
            }
        });
        // Peers within the window may announce an epoch from here on.
        let kept = EpochNumber(low.0.saturating_sub(1 + self.config.limits.epochs_ahead));
        self.source.ends = self.source.ends.split_off(&kept);
        self.source.wanted = self.source.wanted.split_off(&low);
    }

    pub(super) fn on_stream(&mut self, from: NodeIndex, message: OfStream, fx: &mut dyn Effects<Self>) {
        let OfStream { proposer, message } = message;
        if !self.config.committee.contains(proposer) {
            fx.fault(mellivora_core::Fault::new(from, FaultKind::UnknownInstance));
            return;
        }
        self.with_stream(proposer, fx, |stream, fx| stream.receive(from, message, fx));
    }

    pub(super) fn recall_stream(&mut self, to: mellivora_core::To, message: OfStream) {
        let OfStream { proposer, message } = message;
        if let Some(stream) = self.source.streams.get_mut(proposer.as_usize()) {
            stream.recall(to, message);
            self.source.touched.insert(proposer);
        }
    }

    pub(super) fn repeat_streams(&mut self, peer: NodeIndex, restarted: bool, fx: &mut dyn Effects<Self>) {
        if planted("ng-streams-not-repeated") {
            return;
        }
        self.with_all_streams(fx, |_, stream, fx| {
            if restarted {
                stream.forget(peer, fx);
            } else {
                stream.input(StreamInput::Resend(peer), fx);
            }
        });
    }

    pub(super) fn nudge_streams(&mut self, fx: &mut dyn Effects<Self>) {
        self.with_all_streams(fx, |_, stream, fx| stream.input(StreamInput::Nudge, fx));
    }
}
