//! Fetching what this node lacks, and serving what others lack.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use mellivora_coding::Body;
use mellivora_core::{Effects, Epoch as EpochNumber, FaultKind, NodeIndex, NodeSet, To, planted};

use mellivora_subset::Subset;

use super::job::{Copied, CopyOut, Restore, Restored};
use super::{Atomic, AtomicJob, Output, Source};
use crate::archive::Answer;
use crate::catch_up::Request;
use crate::epoch::SettledSlot;
use crate::header::{EpochHeader, HeaderSlot, Place};
use crate::message::Message;
use crate::transactions::Transactions;

/// Slots of one epoch that were restored from a certified header, so far.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Slots whose contribution a job checks, with further answers that came in the meantime, one per peer: what is
    /// being checked may be a lie, and an honest peer does not answer twice.
    in_work: BTreeMap<Place, VecDeque<(NodeIndex, Body)>>,
    /// Who has answered, by slot.
    answered: BTreeMap<Place, NodeSet>,
    restored: BTreeMap<Place, (Body, Transactions)>,
}

impl Fetched {
    /// Bytes of memory, about; what a job checks is the job's.
    pub(super) fn memory(&self) -> usize {
        let waiting = self.in_work.values().flatten().map(|(_, body)| body.len());
        let restored = self.restored.values().map(|(body, transactions)| body.len() + transactions.memory());
        waiting.chain(restored).sum()
    }
}

/// What a peer asked for and has not got. Whoever catches up asks for one header at a time, backwards, and for
/// contributions of one epoch, forwards: a newer request makes an older one obsolete.
#[derive(Clone, Debug, Default)]
pub(super) struct Serving {
    header: Option<EpochNumber>,
    epoch: EpochNumber,
    slots: BTreeSet<Place>,
    /// A contribution is being copied for it.
    copying: bool,
}

/// Sends requests.
pub(super) fn asking<'a, P: Source>(fx: &'a mut dyn Effects<Atomic<P>>) -> impl FnMut(NodeIndex, Request) + 'a {
    move |node, request| {
        let message = match request {
            Request::Header(epoch) => Message::FetchHeader(epoch),
            Request::Slot(epoch, place) => Message::FetchSlot(epoch, place),
        };
        Atomic::tell(To::Node(node), message, fx);
    }
}

impl<P: Source> Atomic<P> {
    /// Begins to fetch if the next epoch may never settle here by itself: f + 1 nodes vouch for it or a later one, and
    /// somebody has closed it and may have freed what this node needs. While jobs are out here, they come first.
    pub(super) fn catch_up_if_stuck(&mut self, fx: &mut dyn Effects<Self>) {
        if self.catch_up.is_active() {
            self.restore_next(fx);
            return;
        }
        let next = self.next;
        let closed_elsewhere = self.config.committee.nodes().any(|node| self.outbox.low_of(node) > next);
        let busy = self.is_busy(next);
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
        if self.is_busy(epoch) {
            return;
        }
        let mut missing = Vec::new();
        for (place, slot) in header.places().filter(|(_, slot)| slot.outcome.has_content()) {
            let fetched = self.fetched.entry(epoch).or_default();
            if fetched.in_work.contains_key(&place) || fetched.restored.contains_key(&place) {
                continue;
            }
            let here = self.running.get(&epoch);
            let here = here.and_then(|r| r.epoch.body_of(P::slot_at(place, slot), &slot.commitment));
            match here {
                Some(body) => self.restore(epoch, place, slot.clone(), body, None, fx),
                None => missing.push(place),
            }
        }
        self.catch_up.want(epoch, missing.into_iter(), &mut asking(fx));
        self.finish_fetched(&header, fx);
    }

    /// Whether jobs are out that may settle `epoch`.
    fn is_busy(&self, epoch: EpochNumber) -> bool {
        self.running.get(&epoch).is_some_and(|running| running.jobs > 0)
    }

    fn restore(
        &mut self,
        epoch: EpochNumber,
        place: Place,
        slot: HeaderSlot,
        body: Body,
        from: Option<NodeIndex>,
        fx: &mut dyn Effects<Self>,
    ) {
        self.fetched.entry(epoch).or_default().in_work.entry(place).or_default();
        let label = P::label(self, epoch, place);
        let scheme = self.keys.encryption().cloned().zip(label);
        let (commit, codec, parser) = (P::Subset::commit, self.codec.clone(), self.parser);
        let restore = Restore { epoch, place, slot, body, from, commit, codec, scheme, parser };
        fx.job(AtomicJob::Restore(Box::new(restore)));
    }

    pub(super) fn restored(&mut self, restored: Restored, fx: &mut dyn Effects<Self>) {
        let Restored { epoch, place, from, body, transactions } = restored;
        if epoch != self.next {
            return;
        }
        let fetched = self.fetched.entry(epoch).or_default();
        let mut waiting = fetched.in_work.remove(&place).unwrap_or_default();
        match (transactions, from) {
            (Some(transactions), _) => {
                fetched.restored.insert(place, (body, transactions));
                self.catch_up.accept(epoch, place, &mut asking(fx));
            }
            (None, Some(from)) => {
                Self::blame(from, epoch, FaultKind::InvalidFetched, fx);
                if let Some((next, body)) = waiting.pop_front()
                    && let Some(slot) = self.certified_slot(epoch, place)
                {
                    self.restore(epoch, place, slot, body, Some(next), fx);
                    self.fetched.entry(epoch).or_default().in_work.insert(place, waiting);
                }
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
        let complete =
            |(place, slot): (Place, &HeaderSlot)| !slot.outcome.has_content() || fetched.restored.contains_key(&place);
        if header.places().all(complete) {
            let slots = header.places().map(|(place, slot)| settled(slot, fetched.restored.remove(&place))).collect();
            self.settle(header.epoch, slots, fx);
        }
    }

    /// What the certified header of `epoch` says of a slot.
    fn certified_slot(&self, epoch: EpochNumber, place: Place) -> Option<HeaderSlot> {
        self.catch_up.header(epoch)?.slots.get(place.as_usize()).cloned()
    }

    /// A new incarnation of `peer` knows nothing of what an earlier one asked for.
    pub(super) fn forget_requests(&mut self, peer: NodeIndex) {
        if let Some(serving) = self.serving.get_mut(peer.as_usize()) {
            *serving = Serving { copying: serving.copying, ..Serving::default() };
        }
    }

    /// Answered at the end of the turn, the newest request of each peer alone.
    pub(super) fn on_fetch_header(&mut self, from: NodeIndex, epoch: EpochNumber) {
        if let Some(serving) = self.serving.get_mut(from.as_usize()) {
            serving.header = Some(epoch);
        }
    }

    pub(super) fn answer_header_requests(&mut self, fx: &mut dyn Effects<Self>) {
        for (from, serving) in self.config.committee.nodes().zip(&mut self.serving) {
            let Some(epoch) = serving.header.take() else { continue };
            match self.archive.header(epoch, from) {
                Answer::Found(header) => Self::tell(To::Node(from), Message::Header(header), fx),
                Answer::Gone => Self::tell(To::Node(from), Message::Gone(epoch), fx),
                Answer::Silent => {}
            }
        }
    }

    pub(super) fn on_fetch_slot(
        &mut self,
        from: NodeIndex,
        epoch: EpochNumber,
        place: Place,
        fx: &mut dyn Effects<Self>,
    ) {
        let known = place.as_usize() < EpochHeader::MAX_SLOTS;
        let Some(serving) = self.serving.get_mut(from.as_usize()).filter(|_| known) else { return };
        if epoch < serving.epoch && !serving.slots.is_empty() {
            return;
        }
        if epoch != serving.epoch {
            (serving.epoch, serving.slots) = (epoch, BTreeSet::new());
        }
        serving.slots.insert(place);
        self.serve(from, fx);
    }

    /// Has the next contribution copied that a peer asked for, unless one is on its way to it.
    fn serve(&mut self, to: NodeIndex, fx: &mut dyn Effects<Self>) {
        let Some(serving) = self.serving.get_mut(to.as_usize()) else { return };
        while let Some(place) = serving.slots.first().copied().filter(|_| !serving.copying) {
            serving.slots.remove(&place);
            let epoch = serving.epoch;
            match self.archive.body(epoch, place, to) {
                Answer::Found(body) => {
                    serving.copying = true;
                    fx.job(AtomicJob::Copy(CopyOut { to, epoch, place, body }));
                }
                Answer::Gone => Self::tell(To::Node(to), Message::Gone(epoch), fx),
                Answer::Silent => {}
            }
        }
    }

    pub(super) fn copied(&mut self, copied: Copied, fx: &mut dyn Effects<Self>) {
        let Copied { to, epoch, place, body } = copied;
        Self::tell(To::Node(to), Message::Slot(epoch, place, body), fx);
        if let Some(serving) = self.serving.get_mut(to.as_usize()) {
            serving.copying = false;
        }
        self.serve(to, fx);
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
        place: Place,
        body: Bytes,
        fx: &mut dyn Effects<Self>,
    ) {
        let asked = epoch == self.next && self.catch_up.delivered(from, epoch, place);
        let Some(slot) = self.certified_slot(epoch, place).filter(|_| asked) else { return };
        let fetched = self.fetched.entry(epoch).or_default();
        let first = fetched.answered.entry(place).or_default().insert(from);
        if !first || fetched.restored.contains_key(&place) {
            return;
        }
        let body = Body::from_bytes(body);
        match fetched.in_work.get_mut(&place) {
            Some(waiting) => waiting.push_back((from, body)),
            None => self.restore(epoch, place, slot, body, Some(from), fx),
        }
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
