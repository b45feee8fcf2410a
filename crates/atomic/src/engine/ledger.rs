//! From settled epochs to ordered batches.

use std::sync::Arc;

use mellivora_core::codec::List;
use mellivora_core::{Durable, Effects, Epoch as EpochNumber, Era, To, planted};

use super::{Atomic, OrderedSlot, Output, Source};
use crate::batch::{Batch, BatchSlot, Inner, Position};
use crate::checkpoint::{Checkpoint, statement};
use crate::epoch::SettledSlot;
use crate::header::{EpochHeader, HeaderSlot};
use crate::message::Message;

impl<P: Source> Atomic<P> {
    /// An epoch is settled, by its own instance or by fetching: the first of the two counts.
    pub(crate) fn settle(&mut self, epoch: EpochNumber, slots: Vec<SettledSlot>, fx: &mut dyn Effects<Self>) {
        if epoch < self.next || self.settled.contains_key(&epoch) {
            return;
        }
        self.settled.insert(epoch, slots);
        if planted("epoch-output-out-of-order") {
            self.next = epoch;
        }
        while let Some(slots) = self.settled.remove(&self.next) {
            self.hand_out(slots, fx);
        }
        self.open_gates(fx);
        self.try_close(fx);
    }

    /// Makes the batch of the next epoch: dedup, state digest, output, checkpoint.
    fn hand_out(&mut self, slots: Vec<SettledSlot>, fx: &mut dyn Effects<Self>) {
        let epoch = self.next;
        let header = EpochHeader {
            previous: self.state,
            era: Era(0),
            epoch,
            slots: List::new(
                slots
                    .iter()
                    .map(|slot| HeaderSlot { index: slot.index, commitment: slot.commitment, outcome: slot.outcome })
                    .collect(),
            ),
        };
        let digest = header.digest(&self.session.session);
        self.archive.insert(header, &slots);

        let places: Vec<OrderedSlot> = slots.iter().map(SettledSlot::ordered).collect();
        let count = slots.iter().map(|slot| slot.transactions.spans.len()).sum();
        let mut committed = Vec::with_capacity(self.queue.len().min(count));
        let mut index = 0u32;
        self.dedup.reserve(count, epoch);
        let mut ordered = Vec::with_capacity(slots.len());
        for slot in slots {
            let mut transactions = slot.transactions;
            let fingerprints = std::mem::take(&mut transactions.fingerprints);
            let fresh = match planted("dedup-local-memory") && self.catch_up.is_active() {
                true => vec![true; fingerprints.len()],
                false => self.dedup.commit(&fingerprints, epoch),
            };
            let mut marked = fingerprints.iter().zip(fresh);
            transactions.spans.retain(|_| {
                let Some((fingerprint, true)) = marked.next() else { return false };
                let position = Position { epoch, index, proposer: slot.index };
                committed.extend(self.queue.commit(fingerprint).map(|ticket| (ticket, position)));
                index += 1;
                true
            });
            ordered.push(BatchSlot { proposer: slot.index, transactions });
        }
        self.dedup.end_epoch(epoch);

        self.pacing.ended(epoch, index == 0);
        self.next = epoch.next();
        self.state = digest;
        P::handed_out(self, epoch, &places, fx);
        self.catch_up.advanced(self.next);
        self.fetched = self.fetched.split_off(&self.next);
        let inner = Inner { epoch, digest, slots: ordered, committed };
        fx.output(Output::Batch(Batch { inner: Arc::new(inner) }));

        self.closing.handed_out(epoch, digest);
        if !self.closing.has_said(epoch) {
            let signature = self.keys.sign(&statement(&self.session, epoch, &digest));
            let checkpoint = Checkpoint { epoch, digest, signature };
            self.closing.recall(checkpoint.clone());
            self.outbox.push(
                epoch,
                To::All,
                if planted("close-checkpoint-volatile") { Durable::No } else { Durable::Yes },
                Message::Checkpoint(checkpoint),
                &mut |to, durable, message| fx.send(to, durable, message),
            );
        }
    }
}
