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
//! * A node with nothing to propose says so when the subset [takes it](Subset::takes_nothing): where a choice goes by who
//!   comes first, once somebody's contribution is here; or with the next nudge, since a Byzantine node may have shown its
//!   contribution to some and not to others. A node that gets a transaction before that proposes it.
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

use std::marker::PhantomData;

use mellivora_core::protocol::NoJob;
use mellivora_core::{Digest, Effects, Epoch as EpochNumber, NodeIndex, NodeSet, Protocol, To, planted};
use mellivora_crypto::Seed;
use mellivora_subset::{Subset, SubsetParams};

use crate::engine::{Atomic, LOCAL, OrderedSlot, Setup, Source};
use crate::epoch::{EpochInput, label};
use crate::header::{HeaderSlot, Place};
use crate::message::NoMessage;
use crate::queue::Sample;

/// HoneyBadger over a common subset. See the [module page](self).
pub type HoneyBadger<S> = Atomic<Samples<S>>;

/// Each node proposes a sample of its queue, and a common subset chooses among the proposals.
#[derive(Debug)]
pub struct Samples<S>(PhantomData<fn() -> S>);

/// What this node proposes in `epoch`: nothing in one that is over.
fn sample<S: Subset>(engine: &mut HoneyBadger<S>, epoch: EpochNumber) -> Sample {
    if epoch < engine.next {
        return Sample::default();
    }
    let seed = LOCAL.digest_parts(&[&engine.secret.0, b"sample", &epoch.0.to_be_bytes()]);
    let (count, window, bytes) = engine.config.sample();
    engine.queue.sample(epoch, count, window, bytes, &seed)
}

/// Puts a sample of the queue into `epoch`, be it nothing.
fn propose<S: Subset>(engine: &mut HoneyBadger<S>, epoch: EpochNumber, fx: &mut dyn Effects<HoneyBadger<S>>) {
    let transactions = sample(engine, epoch);
    let seed = Seed(LOCAL.digest_parts(&[&engine.secret.0, b"proposal", &epoch.0.to_be_bytes()]).0);
    engine.in_epoch(epoch, fx, |instance, fx| instance.input(EpochInput::Propose(transactions, seed), fx));
}

impl<S: Subset> Source for Samples<S> {
    type Subset = S;
    type Message = NoMessage;
    type Job = NoJob;

    fn new(_: &Setup<'_>) -> Self {
        Samples(PhantomData)
    }

    fn instance(_: &HoneyBadger<S>, _: EpochNumber, params: SubsetParams) -> Option<S> {
        Some(S::new(params))
    }

    fn begins(engine: &mut HoneyBadger<S>, epoch: EpochNumber) -> bool {
        let after_empty = planted("epoch-empty-triggers-empty") && epoch.0 > 0;
        engine.queue.has_waiting() || engine.joins(epoch) || after_empty
    }

    fn contribute(engine: &mut HoneyBadger<S>, epoch: EpochNumber, fx: &mut dyn Effects<HoneyBadger<S>>) {
        let takes_nothing = engine.subset(epoch).is_none_or(Subset::takes_nothing);
        if takes_nothing || epoch < engine.next || engine.queue.has_waiting() {
            propose(engine, epoch, fx);
        }
    }

    fn nudge(engine: &mut HoneyBadger<S>, fx: &mut dyn Effects<HoneyBadger<S>>) {
        let waiting = engine.running.iter().filter(|(_, running)| !running.epoch.has_proposed());
        for epoch in waiting.map(|(epoch, _)| *epoch).collect::<Vec<_>>() {
            if !planted("epoch-nothing-for-ever") {
                propose(engine, epoch, fx);
            }
        }
    }

    fn chosen(engine: &mut HoneyBadger<S>, epoch: EpochNumber, chosen: NodeSet) {
        if !chosen.contains(engine.me()) {
            engine.queue.end_epoch(epoch);
        }
    }

    fn receive(_: &mut HoneyBadger<S>, _: NodeIndex, message: NoMessage, _: &mut dyn Effects<HoneyBadger<S>>) {
        match message {}
    }

    fn done(_: &mut HoneyBadger<S>, done: NoJob, _: &mut dyn Effects<HoneyBadger<S>>) {
        match done {}
    }

    fn recall(_: &mut HoneyBadger<S>, _: To, message: NoMessage) {
        match message {}
    }

    fn handed_out(
        engine: &mut HoneyBadger<S>,
        epoch: EpochNumber,
        _: &[OrderedSlot],
        _: &mut dyn Effects<HoneyBadger<S>>,
    ) {
        engine.queue.end_epoch(epoch);
    }

    fn slot_at(_: Place, slot: &HeaderSlot) -> NodeIndex {
        slot.index
    }

    fn label(engine: &HoneyBadger<S>, epoch: EpochNumber, place: Place) -> Option<Digest> {
        let slot = engine.catch_up.header(epoch)?.slots.get(place.as_usize())?;
        Some(label(&engine.domain_of(epoch), slot.index))
    }
}
