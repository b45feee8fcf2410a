//! Fetching what this node lacks, and serving what others lack.

use std::collections::BTreeMap;

use bytes::Bytes;
use mellivora_coding::Body;
use mellivora_core::codec::Blob;
use mellivora_core::{Effects, Epoch as EpochNumber, FaultKind, NodeIndex, To, planted};
use mellivora_subset::Subset;

use super::job::{Restore, Restored};
use super::{HoneyBadger, HoneyBadgerJob, Output};
use crate::archive::Answer;
use crate::catch_up::Request;
use crate::epoch::{SettledSlot, label};
use crate::header::{EpochHeader, HeaderSlot};
use crate::message::Message;
use crate::transactions::Transactions;

/// Slots of one epoch that were restored from a certified header, so far.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Slots whose contribution a job checks.
    in_work: BTreeMap<NodeIndex, ()>,
    restored: BTreeMap<NodeIndex, (Body, Transactions)>,
}

/// Sends requests.
pub(super) fn asking<'a, S: Subset>(fx: &'a mut dyn Effects<HoneyBadger<S>>) -> impl FnMut(NodeIndex, Request) + 'a {
    move |node, request| {
        let message = match request {
            Request::Header(epoch) => Message::FetchHeader(epoch),
            Request::Slot(epoch, index) => Message::FetchSlot(epoch, index),
        };
        HoneyBadger::tell(To::Node(node), message, fx);
    }
}

impl<S: Subset> HoneyBadger<S> {
    /// Begins to fetch if the next epoch may never settle here by itself: f + 1 nodes vouch for it or a later one, and
    /// somebody has closed it and may have freed what this node needs. While jobs are out here, they come first.
    pub(super) fn catch_up_if_stuck(&mut self, fx: &mut dyn Effects<Self>) {
        if self.catch_up.is_active() {
            self.restore_next(fx);
            return;
        }
        let next = self.next;
        let closed_elsewhere = self.config.committee.nodes().any(|node| self.outbox.low_of(node) > next);
        let busy = self.running.get(&next).is_some_and(|running| running.jobs > 0);
        if !closed_elsewhere || busy {
            return;
        }
        let count = self.config.committee.one_honest() - usize::from(planted("fetch-vouched-by-f"));
        if let Some((epoch, digest, holders)) = self.closing.vouched(next, count) {
            self.catch_up.aim(epoch, digest, holders, &mut asking(fx));
        }
    }

    /// Works on the next epoch, once its header is known: takes what is here, asks for the rest.
    fn restore_next(&mut self, fx: &mut dyn Effects<Self>) {
        let epoch = self.next;
        let Some(header) = self.catch_up.header(epoch).cloned() else {
            if self.catch_up.is_too_long() {
                self.tell_behind(fx);
            }
            return;
        };
        if header.previous != self.state {
            // More than f nodes are faulty, or this node's disk is: there is no continuing from here.
            self.tell_behind(fx);
            return;
        }
        if self.running.get(&epoch).is_some_and(|running| running.jobs > 0) {
            return;
        }
        let mut missing = Vec::new();
        for slot in header.slots.iter().filter(|slot| slot.outcome.has_content()) {
            let fetched = self.fetched.entry(epoch).or_default();
            if fetched.in_work.contains_key(&slot.index) || fetched.restored.contains_key(&slot.index) {
                continue;
            }
            let here = self.running.get(&epoch).and_then(|r| r.epoch.body_of(slot.index, &slot.commitment));
            match here {
                Some(body) => self.restore(epoch, slot.clone(), body, None, fx),
                None => missing.push(slot.index),
            }
        }
        self.catch_up.want(epoch, missing.into_iter(), &mut asking(fx));
        self.finish_fetched(&header, fx);
    }

    fn restore(
        &mut self,
        epoch: EpochNumber,
        slot: HeaderSlot,
        body: Body,
        from: Option<NodeIndex>,
        fx: &mut dyn Effects<Self>,
    ) {
        self.fetched.entry(epoch).or_default().in_work.insert(slot.index, ());
        let label = label(&self.domain_of(epoch), slot.index);
        let scheme = self.keys.encryption().cloned().map(|scheme| (scheme, label));
        let (codec, parser) = (self.codec.clone(), self.parser);
        fx.job(HoneyBadgerJob::Restore(Box::new(Restore { epoch, slot, body, from, codec, scheme, parser })));
    }

    pub(super) fn restored(&mut self, restored: Restored, fx: &mut dyn Effects<Self>) {
        let Restored { epoch, index, from, body, transactions } = restored;
        if epoch != self.next {
            return;
        }
        let fetched = self.fetched.entry(epoch).or_default();
        fetched.in_work.remove(&index);
        match (transactions, from) {
            (Some(transactions), _) => {
                fetched.restored.insert(index, (body, transactions));
                self.catch_up.accept(epoch, index, &mut asking(fx));
            }
            (None, Some(from)) => {
                Self::blame(from, epoch, FaultKind::InvalidFetched, fx);
                self.catch_up.reject(from, &mut asking(fx));
            }
            // What the subset delivered here matches its commitment, so a certified outcome holds for it.
            (None, None) => debug_assert!(false, "a delivered contribution contradicts a certified outcome"),
        }
    }

    /// Hands the epoch over once every slot is there.
    fn finish_fetched(&mut self, header: &EpochHeader, fx: &mut dyn Effects<Self>) {
        let Some(fetched) = self.fetched.get_mut(&header.epoch) else {
            // No slot has any content.
            let slots = header.slots.iter().map(|slot| settled(slot, None)).collect();
            self.settle(header.epoch, slots, fx);
            return;
        };
        let complete = |slot: &HeaderSlot| !slot.outcome.has_content() || fetched.restored.contains_key(&slot.index);
        if header.slots.iter().all(complete) {
            let slots = header.slots.iter().map(|slot| settled(slot, fetched.restored.remove(&slot.index))).collect();
            self.settle(header.epoch, slots, fx);
        }
    }

    pub(super) fn on_fetch_header(&mut self, from: NodeIndex, epoch: EpochNumber, fx: &mut dyn Effects<Self>) {
        match self.archive.header(epoch, from) {
            Answer::Found(header) => Self::tell(To::Node(from), Message::Header(header), fx),
            Answer::Gone => Self::tell(To::Node(from), Message::Gone(epoch), fx),
            Answer::Silent => {}
        }
    }

    pub(super) fn on_fetch_slot(
        &mut self,
        from: NodeIndex,
        epoch: EpochNumber,
        index: NodeIndex,
        fx: &mut dyn Effects<Self>,
    ) {
        match self.archive.body(epoch, index, from) {
            Answer::Found(body) => {
                Self::tell(To::Node(from), Message::Slot(epoch, index, Blob(body.to_bytes())), fx);
            }
            Answer::Gone => Self::tell(To::Node(from), Message::Gone(epoch), fx),
            Answer::Silent => {}
        }
    }

    pub(super) fn on_header(&mut self, from: NodeIndex, header: EpochHeader, fx: &mut dyn Effects<Self>) {
        let epoch = header.epoch;
        let (session, next) = (self.session.session, self.next);
        if !self.catch_up.on_header(header, &session, next, &mut asking(fx)) {
            Self::blame(from, epoch, FaultKind::InvalidFetched, fx);
        }
    }

    pub(super) fn on_slot(
        &mut self,
        from: NodeIndex,
        epoch: EpochNumber,
        index: NodeIndex,
        body: Bytes,
        fx: &mut dyn Effects<Self>,
    ) {
        let asked = epoch == self.next && self.catch_up.delivered(from, epoch, index);
        let Some(header) = self.catch_up.header(epoch).filter(|_| asked) else { return };
        let Some(slot) = header.slots.iter().find(|slot| slot.index == index).cloned() else { return };
        if self.fetched.get(&epoch).is_some_and(|f| f.in_work.contains_key(&index) || f.restored.contains_key(&index)) {
            return;
        }
        self.restore(epoch, slot, Body::from_bytes(body), Some(from), fx);
    }

    pub(super) fn on_gone(&mut self, from: NodeIndex, epoch: EpochNumber, fx: &mut dyn Effects<Self>) {
        if epoch >= self.next && self.catch_up.on_gone(from, &mut asking(fx)) {
            self.tell_behind(fx);
        }
    }

    fn tell_behind(&mut self, fx: &mut dyn Effects<Self>) {
        if self.told_behind != Some(self.next) {
            self.told_behind = Some(self.next);
            fx.output(Output::Behind { epoch: self.next });
        }
    }
}

fn settled(slot: &HeaderSlot, content: Option<(Body, Transactions)>) -> SettledSlot {
    let (body, transactions) = content.map_or((None, Transactions::default()), |(body, t)| (Some(body), t));
    SettledSlot { index: slot.index, commitment: slot.commitment, outcome: slot.outcome, body, transactions }
}
