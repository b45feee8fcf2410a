//! Dumbo-NG. (to be written)

mod message;
mod streams;
mod tips;

use std::sync::Arc;

use bytes::Bytes;
use mellivora_broadcast::stream::{CertifiedTip, Tip};
use mellivora_core::codec;
use mellivora_core::{Digest, Effects, Epoch as EpochNumber, NodeIndex, Protocol, To};
use mellivora_subset::SubsetParams;

use crate::config::{Config, EncryptionSchedule};
use crate::engine::{Atomic, OrderedSlot, Setup, Source};
use crate::epoch::{EpochInput, seal_label};
use crate::header::{HeaderSlot, Place};

pub use message::OfStream;
pub use streams::{Streams, StreamsDone, StreamsJob};
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

    /// The newest tips that may be agreed on after `previous`, once a quorum of streams has grown.
    fn grown(&self, previous: &[Tip]) -> Option<Bytes> {
        let share = tips::share(self.config.committee, self.config.limits.stream_window);
        let newest = |proposer: NodeIndex| -> Option<(NodeIndex, CertifiedTip)> {
            let previous = previous.get(proposer.as_usize())?.slot;
            let stream = self.source.stream(proposer)?;
            let certified = stream.certified_up_to(previous.saturating_add(share))?;
            (certified.tip.slot > previous).then(|| (proposer, certified.clone()))
        };
        let tips: Vec<_> = self.config.committee.nodes().filter_map(newest).collect();
        (tips.len() >= self.config.committee.quorum()).then(|| codec::encode(&Tips::new(tips)))
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
        let tips = engine.previous(epoch).filter(|_| epoch >= engine.next).and_then(|previous| engine.grown(&previous));
        if let Some(tips) = tips {
            engine.in_epoch(epoch, fx, |instance, fx| instance.input(EpochInput::Contribute(tips), fx));
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
            StreamsDone::Sealed(slot, batch) => engine.sealed(slot, batch, fx),
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
