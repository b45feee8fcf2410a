//! Dumbo-NG: dissemination apart from agreement. Every node has a stream of certified batches that never waits, and epoch
//! by epoch the nodes agree on how far each stream has come.
//!
//! # What it guarantees
//!
//! What [HoneyBadger](crate::honey_badger) guarantees, in the same fault model: total order, no duplication, validity,
//! nobody is stranded. *Censorship resilience* comes without encryption: once a batch is certified, every honest node learns
//! of it, and no agreement that ignores its stream can go on for ever (see below). Encryption hides what is in a batch until
//! it is ordered.
//!
//! # Message flow
//!
//! ```text
//!  stream of node i, at its own pace                         epoch e, as soon as e - 1 is decided
//!
//!  queue --> PROPOSAL(s, batch, certificate of s - 1)        newest certified tips of all streams
//!              --> VOTEs --> certificate of s --+                          |  a quorum of streams has grown
//!  queue --> PROPOSAL(s + 1, ...)               |                        sMVBA
//!              ...                              +--> tips -->              |
//!            TIP(s), when nothing follows                    tip_i for all i  =>  slots prev_i + 1 ..= tip_i
//!                                                                          |  retrieve what is not here; open
//!                                                            the first new slot of each stream, the second ones, ...
//! ```
//!
//! How a stream works, and which votes are safe: [`stream`](mellivora_broadcast::stream). How a batch is ordered, closed and
//! fetched: [`engine`](crate::engine).
//!
//! # Rules
//!
//! * **Own stream.** The next batch is a sample of the queue, at most B / n transactions, framed and sealed under the label
//!   of (era, stream, slot). It is prepared while the last one is being certified, if there is enough for a full one, and
//!   proposed when [the stream may](mellivora_broadcast::Stream::may_propose).
//! * **Empty batches.** A node with everything in its own stream ordered proposes an empty batch
//!   - when it votes for a batch of another stream that is not empty,
//!   - and whenever some stream has a *certified* batch that is not empty above what is ordered; this is looked at again
//!     at each output.
//!
//!   It does the same for the next epoch, as if the vector that it has put to the choice were ordered; then at least one
//!   slot of its window stays free. So the next epoch has its quorum of growths when this one is over. Empty batches
//!   trigger nothing.
//! * **Input of an epoch**: a vector of the newest known certified tips of all streams that have grown, once a quorum has
//!   and the certificates at hand are verified (each proposer can keep a node busy with as many as its window has slots).
//!   It counts from where the epoch before has ended, so the next epoch begins when that is decided, while batches are
//!   still on their way.
//! * **Predicate** ([`Growth`]): a quorum of streams at least, each once; every tip above where its stream was, and at most
//!   its share of an epoch above; *every* certificate valid, with a quorum of distinct signers.
//! * **Output**: once all batches are here, in a fixed interleave: the first new slot of each stream by the number of its
//!   proposer, then the second ones. What is encrypted is opened as in HoneyBadger, with labels that name the slot, after the
//!   subset of slots is decided.
//! * **Base**: where the newest batch that was handed out ends. Voting windows count from there. What a peer has closed
//!   (its LOW) tells where its base is at least; its proposals reach no further.
//! * **Freeing**: payloads, votes and certificates of slots up to where the last closed epoch has ended.
//! * **Others have begun**: a node joins an epoch, without an input, as [`engine`](crate::engine) says. It helps with all it
//!   has to do for others.
//!
//! # Why it is safe
//!
//! The tip pins the whole prefix of its stream, and certificates of one slot are for one digest (streams). So equal tips
//! mean equal batches, and agreement on tips is agreement on the order. A tip that goes back, or repeats a slot, does not
//! satisfy the predicate. Shares of an epoch go out when it and all before it are decided, so nothing of what is still open
//! to choice can be read.
//!
//! # Why it is live
//!
//! Let an honest node have a batch that is not empty above its ordered tip. It is voted for by a quorum, since its
//! proposal reaches everybody whose base is known, and every base moves on with what is ordered; so it is certified,
//! and TIP or the next proposal tells everybody. Then each honest node whose own stream has nothing to order proposes an
//! empty batch, so that a quorum of streams has grown everywhere, and every honest node has an input. The input of each
//! honest node holds the tip: with a probability of a half at least an epoch chooses such an input, and expected two epochs
//! later the batch is ordered. No scheduler can keep it out for longer.
//!
//! The window has two slots at least, and empty batches never take the last one: those that no agreement has taken never keep
//! the next full one back.
//!
//! When nothing is left to order, all that is above the ordered tips is empty and triggers nothing: everybody falls silent.
//!
//! # Cost
//!
//! A batch travels once to everybody, uncoded: n times its size at the proposer. Per slot n votes and one certificate, which
//! travels with the next proposal. Per epoch one sMVBA on n tips (n * (64 q + 60) bytes each way). From an idle cluster a
//! transaction takes ten message delays: its batch and the empty ones that follow it to their certificates, then the
//! agreement; one more when it is encrypted. At random submission it takes twelve on average: two to the certificate, one
//! until all know of it, three until the agreement under way is over, six for the next one; and more where batches of one
//! node wait for each other.
//! Under load the streams never wait, so latency does not grow with the size of batches.
//!
//! # Memory
//!
//! Per stream: payloads of at most the window of slots above the ordered tip, and those of open epochs; beside that P
//! agreements and openings, as in HoneyBadger. An epoch orders at most 256 / n slots of a stream, so that its header stays
//! small.
//!
//! # Deviations from the paper
//!
//! * Gao et al. let a node vote for any proposal that extends the last one it saw. The rule here (base by digest, own
//!   vote, or stored batch and certificate) keeps voters that join by a snapshot useful without forking a prefix.
//! * Empty batches, TIP, and the quorum of growths in the predicate are ours: the paper's protocol never goes idle, or loses
//!   sight of the last batch.
//! * An uncertified vote prompts once, not at each output: a Byzantine proposer can leave a slot uncertified for ever,
//!   and would keep the cluster running through empty epochs.
//! * A peer's base is known from its LOW instead of an announcement of its own: LOW is never above what it has ordered,
//!   and follows it.
//! * sMVBA is the one of `mellivora-agreement`, with its corrections.
//!
//! Source: Gao, Lu, Lu, Tang, Xu, Zhang: *Dumbo-NG: fast asynchronous BFT consensus with throughput-oblivious latency*, CCS
//! 2022.

mod message;
mod streams;
mod tips;

use std::sync::Arc;

use mellivora_broadcast::stream::{CertifiedTip, Tip};
use mellivora_core::codec;
use mellivora_core::{Digest, Effects, Epoch as EpochNumber, NodeIndex, Protocol, To, planted};
use mellivora_subset::SubsetParams;

use crate::config::{Config, EncryptionSchedule};
use crate::engine::{Atomic, OrderedSlot, Setup, Source};
use crate::epoch::{EpochInput, seal_label};
use crate::header::{HeaderSlot, Place};

pub use message::OfStream;
pub use streams::{Streams, StreamsDone, StreamsJob};
pub(crate) use tips::share;
pub use tips::{Growth, TipAgreement, Tips};

/// Dumbo-NG. See the [module page](self).
pub type DumboNg = Atomic<Streams>;

impl DumboNg {
    /// The streams, for oracles and statistics.
    pub fn streams(&self) -> &Streams {
        &self.source
    }

    /// Where the epoch before `epoch` has ended, once that is decided here.
    fn previous(&self, epoch: EpochNumber) -> Option<Arc<[Tip]>> {
        if epoch == self.next {
            return Some(self.source.ordered.clone());
        }
        let before = EpochNumber(epoch.0.checked_sub(1)?);
        if epoch < self.next { self.source.end_of(before) } else { self.subset(before)?.end() }
    }

    /// The newest tips that may be agreed on after `previous`, once a quorum of streams has grown and the certificates that
    /// have arrived are verified.
    fn grown(&self, previous: &[Tip]) -> Option<Tips> {
        let share = tips::share(self.config.committee, self.config.limits.stream_window);
        let newest = |proposer: NodeIndex| -> Option<(NodeIndex, CertifiedTip)> {
            let previous = previous.get(proposer.as_usize())?.slot;
            let stream = self.source.stream(proposer)?;
            let certified = stream.certified_up_to(previous.saturating_add(share))?;
            (certified.tip.slot > previous).then(|| (proposer, certified.clone()))
        };
        if self.source.is_checking() && !planted("ng-tips-while-checking") {
            return None;
        }
        let tips: Vec<_> = self.config.committee.nodes().filter_map(newest).collect();
        (tips.len() >= self.config.committee.quorum()).then(|| Tips::new(tips))
    }
}

impl Source for Streams {
    type Subset = TipAgreement;
    type Message = OfStream;
    type Job = StreamsJob;

    fn new(setup: &Setup<'_>) -> Self {
        Streams::at_genesis(setup)
    }

    fn instance(engine: &DumboNg, epoch: EpochNumber, params: SubsetParams) -> Option<TipAgreement> {
        let previous = engine.previous(epoch)?;
        Some(TipAgreement::after(params, previous, engine.config.limits.stream_window, engine.config.encryption))
    }

    fn slots(config: &Config) -> usize {
        let share = tips::share(config.committee, config.limits.stream_window);
        config.committee.n() * usize::try_from(share).unwrap_or(1)
    }

    /// Which slots are encrypted depends on their numbers.
    fn encrypts(engine: &DumboNg, _: EpochNumber) -> bool {
        engine.config.encryption != EncryptionSchedule::Never
    }

    fn begins(engine: &mut DumboNg, epoch: EpochNumber) -> bool {
        let Some(previous) = engine.previous(epoch) else { return false };
        engine.grown(&previous).is_some() || engine.joins(epoch)
    }

    fn contribute(engine: &mut DumboNg, epoch: EpochNumber, fx: &mut dyn Effects<DumboNg>) {
        let Some(previous) = engine.previous(epoch).filter(|_| epoch >= engine.next) else { return };
        if let Some(tips) = engine.grown(&previous) {
            engine.source.expect(epoch, &previous, &tips);
            let input = EpochInput::Contribute(codec::encode(&tips));
            engine.in_epoch(epoch, fx, |instance, fx| instance.input(input, fx));
        }
    }

    fn touched(engine: &mut DumboNg, epoch: EpochNumber, fx: &mut dyn Effects<DumboNg>) {
        engine.want(epoch, fx);
    }

    fn receive(engine: &mut DumboNg, from: NodeIndex, message: OfStream, fx: &mut dyn Effects<DumboNg>) {
        engine.on_stream(from, message, fx);
    }

    fn done(engine: &mut DumboNg, done: StreamsDone, fx: &mut dyn Effects<DumboNg>) {
        match done {
            StreamsDone::Stream(proposer, done) => {
                engine.with_stream(proposer, fx, |stream, fx| stream.done(done, fx));
            }
            StreamsDone::Sealed(slot, made) => engine.sealed(slot, made, fx),
        }
    }

    fn flush(engine: &mut DumboNg, fx: &mut dyn Effects<DumboNg>) {
        engine.propose(fx);
        engine.flush_streams(fx);
    }

    fn recall(engine: &mut DumboNg, to: To, message: OfStream) {
        engine.recall_stream(to, message);
    }

    fn repeat_to(engine: &mut DumboNg, peer: NodeIndex, restarted: bool, fx: &mut dyn Effects<DumboNg>) {
        engine.repeat_streams(peer, restarted, fx);
    }

    fn nudge(engine: &mut DumboNg, fx: &mut dyn Effects<DumboNg>) {
        engine.nudge_streams(fx);
    }

    fn handed_out(engine: &mut DumboNg, epoch: EpochNumber, slots: &[OrderedSlot], fx: &mut dyn Effects<DumboNg>) {
        engine.ordered(epoch, slots, fx);
    }

    fn closed(engine: &mut DumboNg, low: EpochNumber, fx: &mut dyn Effects<DumboNg>) {
        engine.release(low, fx);
    }

    fn announced(engine: &mut DumboNg, peer: NodeIndex, _: EpochNumber, fx: &mut dyn Effects<DumboNg>) {
        engine.tell_base(peer, fx);
    }

    fn slot_at(place: Place, _: &HeaderSlot) -> NodeIndex {
        NodeIndex(place.0)
    }

    fn label(engine: &DumboNg, epoch: EpochNumber, place: Place) -> Option<Digest> {
        let slots = &engine.catch_up.header(epoch)?.slots;
        let proposer = slots.get(place.as_usize())?.index;
        let before = slots.iter().take(place.as_usize() + 1).filter(|slot| slot.index == proposer).count();
        let last = engine.source.ordered.get(proposer.as_usize())?.slot;
        let number = last.saturating_add(before as u64);
        let encrypted = engine.config.encryption.encrypts(EpochNumber(number));
        encrypted.then(|| seal_label(&tips::slot(&engine.session, proposer, number)))
    }

    fn is_idle(&self) -> bool {
        self.is_quiet()
    }

    fn memory(&self) -> usize {
        Streams::memory(self)
    }
}
