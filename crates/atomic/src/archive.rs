//! Batches that others may still have to fetch.
//!
//! A batch is served until every node has announced that it closed the epoch, otherwise until the configured number of
//! bytes is exceeded; the oldest go first, and never one of an epoch that is still open here. Each request is answered
//! once per incarnation of the asker, so that asking costs a peer as much as answering.

use std::collections::BTreeMap;

use mellivora_coding::Body;
use mellivora_core::{Epoch, NodeIndex, NodeSet, planted};

use crate::epoch::SettledSlot;
use crate::header::{EpochHeader, Place};

#[derive(Clone, Debug)]
struct Kept {
    header: EpochHeader,
    bodies: Vec<(Place, Body, NodeSet)>,
    served_header: NodeSet,
    bytes: usize,
}

/// What is answered to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer<T> {
    /// This.
    Found(T),
    /// It was here once, and is not any more.
    Gone,
    /// Nothing: answered before, not yet here, or never to be here.
    Silent,
}

/// See the [module page](self).
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    retention_bytes: usize,
    kept: BTreeMap<Epoch, Kept>,
    bytes: usize,
    /// Epochs below this were dropped.
    first: Epoch,
    /// Peers that were told that something is gone, with the epoch.
    told_gone: BTreeMap<NodeIndex, Epoch>,
}

impl Archive {
    pub(crate) fn new(retention_bytes: usize) -> Self {
        Archive { retention_bytes, kept: BTreeMap::new(), bytes: 0, first: Epoch(0), told_gone: BTreeMap::new() }
    }

    /// Keeps a batch.
    pub(crate) fn insert(&mut self, header: EpochHeader, slots: &[SettledSlot]) {
        let with_body = Place::all().zip(slots).filter(|(_, slot)| slot.outcome.has_content());
        let bodies: Vec<_> =
            with_body.filter_map(|(place, slot)| Some((place, slot.body.clone()?, NodeSet::EMPTY))).collect();
        let content: usize = bodies.iter().map(|(_, body, _)| body.len()).sum();
        let bytes = content + size_of::<Kept>() + header.slots.len() * 128;
        self.bytes += bytes;
        self.kept.insert(header.epoch, Kept { header, bodies, served_header: NodeSet::EMPTY, bytes });
    }

    /// Answers a request for a header.
    pub(crate) fn header(&mut self, epoch: Epoch, asker: NodeIndex) -> Answer<EpochHeader> {
        match self.kept.get_mut(&epoch) {
            Some(kept) => first_time(&mut kept.served_header, asker, || kept.header.clone()),
            None => self.missing(epoch, asker),
        }
    }

    /// Answers a request for the contribution of a slot.
    pub(crate) fn body(&mut self, epoch: Epoch, place: Place, asker: NodeIndex) -> Answer<Body> {
        match self.kept.get_mut(&epoch) {
            Some(kept) => match kept.bodies.iter_mut().find(|(p, ..)| *p == place) {
                Some((_, body, served)) => first_time(served, asker, || body.clone()),
                None => Answer::Silent,
            },
            None => self.missing(epoch, asker),
        }
    }

    fn missing<T>(&mut self, epoch: Epoch, asker: NodeIndex) -> Answer<T> {
        let fresh = self.told_gone.get(&asker).is_none_or(|told| *told < epoch);
        if epoch < self.first && fresh {
            self.told_gone.insert(asker, epoch);
            return Answer::Gone;
        }
        Answer::Silent
    }

    /// The answers to `peer` may have been lost, or meant an earlier incarnation of it: it is answered again.
    pub(crate) fn forget(&mut self, peer: NodeIndex) {
        for kept in self.kept.values_mut().filter(|_| !planted("fetch-answers-once-for-ever")) {
            kept.served_header.remove(peer);
            for (_, _, served) in &mut kept.bodies {
                served.remove(peer);
            }
        }
        self.told_gone.remove(&peer);
    }

    /// Drops what everybody has (epochs below `closed_by_all`), then the oldest while there is too much, except what is
    /// not below `low`, the lowest epoch that is open here.
    pub(crate) fn prune(&mut self, closed_by_all: Epoch, low: Epoch) {
        while let Some(entry) = self.kept.first_entry() {
            let epoch = *entry.key();
            let surplus = (epoch < low || planted("fetch-open-epoch-dropped")) && self.bytes > self.retention_bytes;
            if epoch >= closed_by_all && !surplus {
                break;
            }
            self.bytes -= entry.remove().bytes;
            self.first = epoch.next();
        }
    }

    /// Bytes kept.
    pub(crate) fn memory(&self) -> usize {
        self.bytes
    }
}

fn first_time<T>(served: &mut NodeSet, asker: NodeIndex, answer: impl FnOnce() -> T) -> Answer<T> {
    if served.insert(asker) { Answer::Found(answer()) } else { Answer::Silent }
}
