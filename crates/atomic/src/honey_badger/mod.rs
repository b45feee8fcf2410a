//! HoneyBadger: leaderless atomic broadcast, epoch by epoch, over any common subset.
//!
//! # What it guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1 (static corruption), authenticated links, and a network that delivers
//! late and in any order, but does deliver:
//!
//! * *total order*: all honest nodes hand out the same batches in the same order, without gaps;
//! * *no duplication*: no transaction is ordered twice within D epochs;
//! * *validity*: what is ordered was proposed by some node; what an honest node submits is ordered in the end;
//! * *censorship resilience*: a transaction among the first B of the queues of f + 1 honest nodes is ordered within a
//!   bounded expected number of epochs, whatever the network does, if its epoch is encrypted;
//! * *nobody is stranded*: a node that missed an epoch gets its batch, proven by a certificate, as long as others keep it.
//!
//! No property rests on time. A *nudge* is an event like any other; it may start an epoch or ask another holder, never
//! decide anything.
//!
//! # One epoch
//!
//! ```text
//!  submit --> queue --sample--> EPOCH e: frame, seal, common subset, open --> settled slots
//!                                                                               |
//!   all epochs in order --> dedup --> batch e --> CHECKPOINT(e) --2f + 1 equal--> closed: freed, LOW(e + 1)
//! ```
//!
//! * An epoch starts when a transaction waits that is in no epoch yet, when others have begun it (`pacing`
//!   says how fast), and always after all before it. At most P epochs run at a time; messages of up to W
//!   epochs ahead are kept.
//! * Each node proposes max(1, B / n) transactions, drawn at random from the first B of its queue. A contribution with
//!   more is no list of transactions: a Byzantine node gets no larger share of a batch, or of the dedup window.
//! * Decryption shares of e are released once every epoch up to e has its subset decided here or is covered by a
//!   certificate: otherwise plaintexts of e + 1 would be known while e can still be chosen.
//!
//! How an epoch is closed, and how a node gets what it missed: the [`engine`](crate::engine) below all atomic broadcasts.
//!
//! # Memory
//!
//! P epochs (n contributions each), what this node said in them, and per peer the room of `early`. What a peer can add to
//! that has a formula: [`bounds`](crate::bounds).
//!
//! # Deviations from the paper
//!
//! Miller et al. 2016 stop helping when they output, leave catching up open, and deduplicate by local memory. All three
//! strand or fork nodes after a crash; hence checkpoints, certificates and the replicated dedup window.

mod effects;
mod epochs;

use std::collections::BTreeMap;

use mellivora_coding::{Body, Codec};
use mellivora_core::{Digest, Effects, Epoch as EpochNumber, Job, Keyed, NodeIndex, NodeSet, To};
use mellivora_subset::Subset;

use crate::demands::Demands;
use crate::early::Early;
use crate::engine::{Atomic, Epochs, OrderedSlot, Recalled, Setup};
use crate::epoch::{EpochJob, EpochMessage, label};
use crate::header::{HeaderSlot, Place};
use crate::message::{Message, NoMessage};
use crate::pacing::Pacing;
use epochs::Running;

/// HoneyBadger over a common subset. See the [module page](self).
pub type HoneyBadger<S> = Atomic<SubsetEpochs<S>>;

/// Epochs that each run a common subset, and open what it chose.
pub struct SubsetEpochs<S: Subset> {
    pacing: Pacing,
    early: Early<EpochMessage<S::Message>>,
    /// Epochs that run, ascending without gaps from the lowest open one.
    running: BTreeMap<EpochNumber, Running<S>>,
    /// Nodes whose shards or shares were found wrong in this era.
    distrusted: NodeSet,
    demands: Demands,
}

impl<S: Subset> std::fmt::Debug for SubsetEpochs<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubsetEpochs")
            .field("running", &self.running.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl<S: Subset> HoneyBadger<S> {
    /// A running epoch's common subset, for schedulers and statistics.
    pub fn subset(&self, epoch: EpochNumber) -> Option<&S> {
        self.epochs.running.get(&epoch).map(|running| running.epoch.subset())
    }
}

impl<S: Subset> Epochs for SubsetEpochs<S> {
    const NAME: &'static str = S::NAME;

    type Message = EpochMessage<S::Message>;
    type Beside = NoMessage;
    type Job = Keyed<EpochNumber, EpochJob<S::Job>>;

    fn new(setup: &Setup<'_>) -> Self {
        let (committee, limits) = (setup.config.committee, &setup.config.limits);
        SubsetEpochs {
            pacing: Pacing::new(committee),
            early: Early::new(committee, limits),
            running: BTreeMap::new(),
            distrusted: NodeSet::EMPTY,
            demands: Demands::new(committee, limits),
        }
    }

    fn commit(codec: &Codec, body: &Body) -> Option<Digest> {
        S::commit(codec, body)
    }

    fn receive(
        engine: &mut HoneyBadger<S>,
        from: NodeIndex,
        epoch: EpochNumber,
        message: Self::Message,
        fx: &mut dyn Effects<HoneyBadger<S>>,
    ) {
        engine.on_epoch(from, epoch, message, fx);
    }

    fn receive_beside(_: &mut HoneyBadger<S>, _: NodeIndex, message: NoMessage, _: &mut dyn Effects<HoneyBadger<S>>) {
        match message {}
    }

    fn done(
        engine: &mut HoneyBadger<S>,
        (epoch, done): <Self::Job as Job>::Done,
        fx: &mut dyn Effects<HoneyBadger<S>>,
    ) {
        engine.epoch_done(epoch, done, fx);
    }

    fn flush(engine: &mut HoneyBadger<S>, fx: &mut dyn Effects<HoneyBadger<S>>) {
        engine.start_due(fx);
        engine.flush_epochs(fx);
    }

    fn recall(engine: &mut HoneyBadger<S>, to: To, message: Recalled<Self>) {
        match message {
            Recalled::Epoch(epoch, message) => {
                engine.recall_epoch(epoch, to, message.clone());
                engine.outbox.recall(epoch, to, Message::Epoch { epoch, message });
            }
            Recalled::Beside(message) => match message {},
        }
    }

    fn repeat_to(engine: &mut HoneyBadger<S>, peer: NodeIndex, restarted: bool, fx: &mut dyn Effects<HoneyBadger<S>>) {
        if restarted {
            engine.peer_restarted(peer, fx);
        }
    }

    fn nudge(engine: &mut HoneyBadger<S>, _: &mut dyn Effects<HoneyBadger<S>>) {
        engine.epochs.pacing.nudge();
    }

    fn handed_out(
        engine: &mut HoneyBadger<S>,
        epoch: EpochNumber,
        _: &[OrderedSlot],
        empty: bool,
        _: &mut dyn Effects<HoneyBadger<S>>,
    ) {
        engine.queue.end_epoch(epoch);
        engine.epochs.pacing.ended(epoch, empty);
    }

    fn closed(engine: &mut HoneyBadger<S>, low: EpochNumber, _: &mut dyn Effects<HoneyBadger<S>>) {
        let epochs = &mut engine.epochs;
        epochs.running = epochs.running.split_off(&low);
        epochs.early.close_below(low);
        epochs.pacing.close_below(low);
    }

    fn announced(_: &mut HoneyBadger<S>, _: NodeIndex, _: EpochNumber, _: &mut dyn Effects<HoneyBadger<S>>) {}

    fn vouched(engine: &mut HoneyBadger<S>, fx: &mut dyn Effects<HoneyBadger<S>>) {
        engine.open_gates(fx);
    }

    fn is_busy(&self, epoch: EpochNumber) -> bool {
        self.running.get(&epoch).is_some_and(|running| running.jobs > 0)
    }

    fn body_of(&self, epoch: EpochNumber, _: Place, slot: &HeaderSlot) -> Option<Body> {
        self.running.get(&epoch)?.epoch.body_of(slot.index, &slot.commitment)
    }

    fn label(engine: &HoneyBadger<S>, epoch: EpochNumber, place: Place) -> Option<Digest> {
        let slot = engine.catch_up.header(epoch)?.slots.get(place.as_usize())?;
        Some(label(&engine.domain_of(epoch), slot.index))
    }

    fn running(&self) -> usize {
        self.running.len()
    }

    fn is_idle(&self, next: EpochNumber) -> bool {
        self.running.keys().all(|epoch| *epoch < next) && self.early.is_empty() && !self.pacing.is_wanted()
    }

    fn memory(&self) -> usize {
        self.running.values().map(|running| running.epoch.memory()).sum::<usize>() + self.early.memory()
    }
}
