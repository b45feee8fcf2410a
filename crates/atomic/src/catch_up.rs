//! How a node gets the batches that it lacks.
//!
//! f + 1 nodes vouch for the state digest of an epoch (a certificate, or as many equal checkpoints): one of them is
//! honest and holds every batch up to it. The digest covers the header of its epoch, and each header covers the digest
//! of its predecessor, so headers are fetched backwards from the target and need no further trust. Contributions are
//! fetched for the lowest missing epoch, from different holders; whatever the subset delivered here already is used.
//!
//! * A header is small: all who vouch are asked at once.
//! * A contribution is asked of one holder at first, different ones of different holders. A holder that has delivered
//!   all it was asked for is asked for what others still owe; so is the next one when something bad comes, or a nudge.
//!   One holder is honest, so everything comes in the end, without any clock.
//! * A signer may have lost the batch in a crash. If this node is such a signer itself, the others who vouch may all be
//!   faulty, so everybody counts as a holder. Otherwise a nudge turns to those who do not vouch, and in the end to all
//!   once more: whoever lacked the batch when it was asked may have it by now.
//! * A node that hears from f + 1 nodes that a batch is gone needs a snapshot, and says so.

use std::collections::BTreeMap;

use mellivora_core::{Committee, Digest, Epoch, NodeIndex, NodeSet, planted};

use crate::header::{EpochHeader, Place};

/// Longest chain of headers that is followed backwards; a node further behind needs a snapshot.
pub(crate) const MAX_CHAIN: usize = 4096;

/// The epoch that is being caught up with.
#[derive(Clone, Debug)]
struct Target {
    epoch: Epoch,
    digest: Digest,
    holders: NodeSet,
}

/// Requests for one thing.
#[derive(Clone, Debug, Default)]
struct Owed {
    asked: NodeSet,
}

/// A request to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    Header(Epoch),
    Slot(Epoch, Place),
}

/// See the [module page](self).
#[derive(Clone, Debug)]
pub(crate) struct CatchUp {
    committee: Committee,
    me: NodeIndex,
    target: Option<Target>,
    /// Verified headers.
    headers: BTreeMap<Epoch, EpochHeader>,
    /// The header that is asked for, with its digest and who was asked.
    wanted: Option<(Epoch, Digest, NodeSet)>,
    /// Contributions that are asked for.
    owed: BTreeMap<(Epoch, Place), Owed>,
    /// Holders that delivered something bad or have nothing.
    useless: NodeSet,
    gone: NodeSet,
}

impl CatchUp {
    pub(crate) fn new(committee: Committee, me: NodeIndex) -> Self {
        CatchUp {
            committee,
            me,
            target: None,
            headers: BTreeMap::new(),
            wanted: None,
            owed: BTreeMap::new(),
            useless: NodeSet::EMPTY,
            gone: NodeSet::EMPTY,
        }
    }

    /// Whether something is being fetched.
    pub(crate) fn is_active(&self) -> bool {
        self.target.is_some()
    }

    /// Begins, or adds holders: `holders` vouch for `digest` at `epoch`. A target once chosen stays until it is met.
    pub(crate) fn aim(
        &mut self,
        epoch: Epoch,
        digest: Digest,
        holders: NodeSet,
        send: &mut dyn FnMut(NodeIndex, Request),
    ) {
        match &mut self.target {
            Some(target) if (target.epoch, target.digest) == (epoch, digest) => {
                target.holders = target.holders.union(&holders);
            }
            Some(_) => return,
            None => {
                let holders = if holders.contains(self.me) && !planted("fetch-self-is-holder") {
                    self.committee.all()
                } else {
                    holders
                };
                self.target = Some(Target { epoch, digest, holders });
                self.wanted = Some((epoch, digest, NodeSet::EMPTY));
            }
        }
        self.ask_header(send);
    }

    /// The header of an epoch, once it is verified.
    pub(crate) fn header(&self, epoch: Epoch) -> Option<&EpochHeader> {
        self.headers.get(&epoch)
    }

    /// Takes a header in; `next` is the first epoch that this node lacks, `state` the digest of the one before. False
    /// if the header is not what was asked for.
    pub(crate) fn on_header(
        &mut self,
        header: EpochHeader,
        session: &Digest,
        next: Epoch,
        send: &mut dyn FnMut(NodeIndex, Request),
    ) -> bool {
        let Some((epoch, digest, _)) = self.wanted else { return true };
        if header.epoch != epoch {
            return true;
        }
        if header.digest(session) != digest && !planted("fetch-header-unchecked") {
            return false;
        }
        let previous = header.previous;
        self.headers.insert(epoch, header);
        let more = epoch > next && self.headers.len() < MAX_CHAIN;
        self.wanted = more.then(|| (Epoch(epoch.0 - 1), previous, NodeSet::EMPTY));
        self.ask_header(send);
        true
    }

    /// Asks for the contributions `missing` of `epoch`; repeats nothing.
    pub(crate) fn want(
        &mut self,
        epoch: Epoch,
        missing: impl Iterator<Item = Place>,
        send: &mut dyn FnMut(NodeIndex, Request),
    ) {
        for place in missing {
            self.owed.entry((epoch, place)).or_default();
        }
        self.assign(send);
    }

    /// A contribution came from `from`, good or bad. False if it was not asked of that node.
    pub(crate) fn delivered(&mut self, from: NodeIndex, epoch: Epoch, place: Place) -> bool {
        self.owed.get(&(epoch, place)).is_some_and(|owed| owed.asked.contains(from))
    }

    /// A contribution that came is right.
    pub(crate) fn accept(&mut self, epoch: Epoch, place: Place, send: &mut dyn FnMut(NodeIndex, Request)) {
        self.owed.remove(&(epoch, place));
        self.assign(send);
    }

    /// `from` delivered something bad: nothing more is asked of it.
    pub(crate) fn reject(&mut self, from: NodeIndex, send: &mut dyn FnMut(NodeIndex, Request)) {
        if planted("fetch-liar-asked-for-ever") {
            return;
        }
        self.useless.insert(from);
        self.assign(send);
    }

    /// `from` no longer holds a batch. True when f + 1 nodes said so: this node needs a snapshot.
    pub(crate) fn on_gone(&mut self, from: NodeIndex, send: &mut dyn FnMut(NodeIndex, Request)) -> bool {
        if !self.is_active() {
            return false;
        }
        let before = self.gone.len();
        self.gone.insert(from);
        self.useless.insert(from);
        self.assign(send);
        let enough = if planted("fetch-gone-from-one") { 1 } else { self.committee.one_honest() };
        before < enough && self.gone.len() >= enough
    }

    /// Time has passed: what is owed is asked of one more node.
    pub(crate) fn nudge(&mut self, send: &mut dyn FnMut(NodeIndex, Request)) {
        let candidates = self.candidates();
        // Who was asked stays noted: an answer that is still on its way counts.
        for (&(epoch, place), owed) in &mut self.owed {
            match candidates.iter().copied().find(|node| !owed.asked.contains(*node)) {
                Some(node) => {
                    owed.asked.insert(node);
                    send(node, Request::Slot(epoch, place));
                }
                None => candidates.iter().for_each(|node| send(*node, Request::Slot(epoch, place))),
            }
        }
        if let Some((epoch, _, asked)) = &mut self.wanted {
            let fresh = candidates.iter().any(|node| !asked.contains(*node));
            for node in candidates.iter().filter(|node| !fresh || !asked.contains(**node)).copied().collect::<Vec<_>>()
            {
                asked.insert(node);
                send(node, Request::Header(*epoch));
            }
        }
    }

    /// The link to `peer` lost messages, or it restarted: what was asked of it is asked again.
    pub(crate) fn repeat(&mut self, peer: NodeIndex, send: &mut dyn FnMut(NodeIndex, Request)) {
        self.useless.remove(peer);
        self.gone.remove(peer);
        if let Some((epoch, _, asked)) = &self.wanted
            && asked.contains(peer)
        {
            send(peer, Request::Header(*epoch));
        }
        for (&(epoch, place), owed) in &self.owed {
            if owed.asked.contains(peer) {
                send(peer, Request::Slot(epoch, place));
            }
        }
    }

    /// Whether the gap is longer than the chain of headers that is followed.
    pub(crate) fn is_too_long(&self) -> bool {
        self.wanted.is_none() && self.headers.len() >= MAX_CHAIN
    }

    /// Batches below `next` are here. Ends the catch-up when the target is met.
    pub(crate) fn advanced(&mut self, next: Epoch) {
        self.headers = self.headers.split_off(&next);
        self.owed = self.owed.split_off(&(next, Place(0)));
        if self.target.as_ref().is_some_and(|target| target.epoch < next) {
            self.target = None;
            self.wanted = None;
            self.headers.clear();
            self.owed.clear();
            self.useless = NodeSet::EMPTY;
            self.gone = NodeSet::EMPTY;
        }
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        self.headers.values().map(|header| size_of::<EpochHeader>() + header.slots.len() * 80).sum()
    }

    /// Those who vouch first, then everybody else.
    fn candidates(&self) -> Vec<NodeIndex> {
        let Some(target) = &self.target else { return Vec::new() };
        let others = self.committee.all().difference(&target.holders);
        let all = target.holders.iter().chain(others.iter());
        all.filter(|node| *node != self.me && !self.useless.contains(*node)).collect()
    }

    fn ask_header(&mut self, send: &mut dyn FnMut(NodeIndex, Request)) {
        let (Some(target), Some((epoch, _, asked))) = (&self.target, &mut self.wanted) else { return };
        for node in target.holders.difference(asked).iter().filter(|node| *node != self.me) {
            asked.insert(node);
            send(node, Request::Header(*epoch));
        }
    }

    /// Gives every owed contribution a holder, and every idle holder something that others owe.
    fn assign(&mut self, send: &mut dyn FnMut(NodeIndex, Request)) {
        let candidates = self.candidates();
        let mut busy: BTreeMap<NodeIndex, usize> = candidates.iter().map(|node| (*node, 0)).collect();
        for node in self.owed.values().flat_map(|owed| owed.asked.iter()) {
            if let Some(count) = busy.get_mut(&node) {
                *count += 1;
            }
        }
        let vouching = self.target.as_ref().map_or(NodeSet::EMPTY, |target| target.holders);
        let usable = vouching.difference(&self.useless);
        for (&(epoch, place), owed) in &mut self.owed {
            let live = !owed.asked.difference(&self.useless).is_empty();
            if live {
                continue;
            }
            let free = candidates.iter().filter(|node| !owed.asked.contains(**node));
            let preferred = free.clone().filter(|node| usable.contains(**node));
            let choice = preferred.min_by_key(|node| busy.get(node)).or_else(|| free.min_by_key(|node| busy.get(node)));
            if let Some(&node) = choice {
                owed.asked.insert(node);
                *busy.entry(node).or_default() += 1;
                send(node, Request::Slot(epoch, place));
            }
        }
        for node in usable.iter().filter(|node| busy.get(node) == Some(&0)) {
            let next = self.owed.iter_mut().find(|(_, owed)| !owed.asked.contains(node));
            if let Some((&(epoch, place), owed)) = next {
                owed.asked.insert(node);
                send(node, Request::Slot(epoch, place));
            }
        }
    }
}
