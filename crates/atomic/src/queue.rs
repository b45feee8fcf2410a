//! The transactions that this node was asked to order and that are not yet committed.
//!
//! Each is either *waiting* (in the order of submission) or *in flight* in one epoch. A transaction of a slot that was
//! not chosen returns to its old place among the waiting. A transaction that commits, by whichever node's slot, leaves.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use mellivora_core::{Digest, Epoch, hash::HashKey, planted};

use crate::batch::Ticket;
use crate::transactions::{Fingerprint, FingerprintMap, framed_bytes};

/// One transaction of the queue.
#[derive(Clone, Debug)]
struct Entry {
    /// Place in the order of submission.
    order: u64,
    fingerprint: Fingerprint,
    transaction: Bytes,
}

/// What an epoch carries of the queue, in the order of submission. Shared with the queue, which takes it back.
#[derive(Clone, Debug, Default)]
pub struct Sample(Arc<Vec<Entry>>);

impl Sample {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.0.iter().map(|entry| entry.fingerprint)
    }

    pub(crate) fn transactions(&self) -> impl Iterator<Item = &Bytes> + Clone {
        self.0.iter().map(|entry| &entry.transaction)
    }
}

/// Who waits for a queued transaction.
#[derive(Clone, Debug)]
struct Waiters {
    first: Ticket,
    /// Hardly ever any: not worth three words for each transaction.
    #[allow(clippy::box_collection)]
    more: Option<Box<Vec<Ticket>>>,
    /// Length of the transaction.
    bytes: usize,
}

/// See the [module page](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Entry>,
    in_flight: BTreeMap<Epoch, Sample>,
    /// Every queued transaction, so that equal ones are queued once and a commit finds who waits for it.
    waiters: FingerprintMap<Waiters>,
    next_order: u64,
    bytes: usize,
}

const SAMPLE: HashKey = HashKey::new("mellivora/v1 sample");

impl Queue {
    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.waiters.reserve(count);
        self.waiting.reserve(count);
    }

    /// Queues a transaction. An equal one that is queued already gets one more waiter.
    pub(crate) fn submit(&mut self, ticket: Ticket, fingerprint: Fingerprint, transaction: Bytes) {
        match self.waiters.entry(fingerprint) {
            std::collections::hash_map::Entry::Occupied(_) if planted("queue-second-ticket-lost") => {}
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                entry.get_mut().more.get_or_insert_default().push(ticket);
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Waiters { first: ticket, more: None, bytes: transaction.len() });
                self.bytes += transaction.len();
                self.waiting.push_back(Entry { order: self.next_order, fingerprint, transaction });
                self.next_order += 1;
            }
        }
    }

    /// Whether there is a transaction that no epoch carries yet.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Transactions that no epoch carries yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Transactions queued, in flight or not.
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Transactions in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.values().map(Sample::len).sum()
    }

    /// Bytes of all queued transactions.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes `count` transactions for `epoch`, drawn at random from the first `window` waiting ones, in the order of
    /// submission; fewer when their framing would exceed `max_bytes`. The draw is a function of `seed` and the queue.
    ///
    /// Drawing at random makes the proposals of different nodes overlap little when they hold the same transactions
    /// (Miller et al. 2016, section 4.4).
    pub(crate) fn sample(
        &mut self,
        epoch: Epoch,
        count: usize,
        window: usize,
        max_bytes: usize,
        seed: &Digest,
    ) -> Sample {
        let window = window.min(self.waiting.len());
        let chosen = choose(count, window, seed);
        let mut size = 0;
        let mut taken = Vec::with_capacity(count.min(window));
        let head: Vec<Entry> = self.waiting.drain(..window).collect();
        let mut left = Vec::with_capacity(window - taken.capacity());
        for (entry, chosen) in head.into_iter().zip(chosen) {
            let fits = framed_bytes(taken.len() + 1, size + entry.transaction.len()) <= max_bytes;
            if chosen && fits {
                size += entry.transaction.len();
                taken.push(entry);
            } else if fits || !planted("queue-drops-what-does-not-fit") {
                left.push(entry);
            }
        }
        for entry in left.into_iter().rev() {
            self.waiting.push_front(entry);
        }
        let sample = Sample(Arc::new(taken));
        if !sample.is_empty() {
            self.in_flight.insert(epoch, sample.clone());
        }
        sample
    }

    /// A transaction was committed: everybody who waited for it, in the order of submission. Follow up with
    /// [`end_epoch`](Self::end_epoch) before anything else.
    pub(crate) fn commit(&mut self, fingerprint: &Fingerprint) -> impl Iterator<Item = Ticket> + use<> {
        let waiters = if self.waiters.is_empty() { None } else { self.waiters.remove(fingerprint) };
        self.bytes -= waiters.as_ref().map_or(0, |w| w.bytes);
        let more = |more: Option<Box<Vec<Ticket>>>| more.into_iter().flat_map(|more| *more);
        waiters.into_iter().flat_map(move |w| std::iter::once(w.first).chain(more(w.more)))
    }

    /// `epoch` is over, or the slot of this node was not chosen in it: what it carried and was not committed waits
    /// again, at its old place.
    pub(crate) fn end_epoch(&mut self, epoch: Epoch) {
        let sample = self.in_flight.remove(&epoch).unwrap_or_default();
        self.put_back(sample);
        if self.waiting.len() + self.in_flight() != self.waiters.len() {
            let waiters = &self.waiters;
            self.waiting.retain(|entry| waiters.contains_key(&entry.fingerprint));
        }
    }

    fn put_back(&mut self, sample: Sample) {
        if self.waiters.is_empty() {
            // Nothing is queued any more.
            return;
        }
        let entries = sample.0.iter().filter(|entry| self.waiters.contains_key(&entry.fingerprint));
        let entries = entries.filter(|_| !planted("queue-left-out-is-lost"));
        let entries: Vec<Entry> = entries.cloned().collect();
        if entries.is_empty() {
            return;
        }
        // Both lists are sorted by order; returning ones are usually older than everything that waits.
        let mut waiting = std::mem::take(&mut self.waiting).into_iter().peekable();
        let mut merged = VecDeque::with_capacity(waiting.len() + entries.len());
        for entry in entries {
            while let Some(older) = waiting.next_if(|w| w.order < entry.order || planted("queue-left-out-goes-last")) {
                merged.push_back(older);
            }
            merged.push_back(entry);
        }
        merged.extend(waiting);
        self.waiting = merged;
    }
}

/// Which `count` of `window` places are drawn: a selection sampling driven by a stream derived from `seed`.
fn choose(count: usize, window: usize, seed: &Digest) -> Vec<bool> {
    if count >= window {
        return vec![true; window];
    }
    let mut hasher = SAMPLE.hasher();
    hasher.update(seed.as_ref());
    let mut stream = hasher.finalize_xof();
    let mut buffer = [0; 1024];
    let mut at = buffer.len();
    let mut needed = count;
    (0..window)
        .map(|place| {
            if at == buffer.len() {
                stream.fill(&mut buffer);
                at = 0;
            }
            let mut word = [0; 8];
            word.copy_from_slice(&buffer[at..at + 8]);
            at += 8;
            // A 64-bit fraction times what is left: the bias is below 2^-40 for any real queue.
            let left = (window - place) as u128;
            let drawn = ((u128::from(u64::from_le_bytes(word)) * left) >> 64) < needed as u128;
            needed -= usize::from(drawn);
            drawn
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transactions::FingerprintKey;

    impl From<Vec<Bytes>> for Sample {
        fn from(list: Vec<Bytes>) -> Self {
            let entry = |transaction: Bytes| Entry {
                order: 0,
                fingerprint: FingerprintKey([7; 16]).fingerprint(&transaction),
                transaction,
            };
            Sample(Arc::new(list.into_iter().map(entry).collect()))
        }
    }

    const KEY: FingerprintKey = FingerprintKey([3; 16]);

    fn tx(i: u64) -> Bytes {
        Bytes::copy_from_slice(&i.to_be_bytes())
    }

    fn queue(count: u64) -> Queue {
        let mut queue = Queue::default();
        for i in 0..count {
            queue.submit(Ticket(i), KEY.fingerprint(&tx(i)), tx(i));
        }
        queue
    }

    #[test]
    fn a_draw_has_the_asked_size_and_touches_each_place_about_equally() {
        let mut hits = [0u32; 40];
        for seed in 0..4_000u32 {
            let mut digest = Digest::default();
            digest.0[..4].copy_from_slice(&seed.to_be_bytes());
            let drawn = choose(10, 40, &digest);
            assert_eq!(drawn.iter().filter(|&&d| d).count(), 10);
            for (hit, drawn) in hits.iter_mut().zip(drawn) {
                *hit += u32::from(drawn);
            }
        }
        assert!(hits.iter().all(|&h| (850..1150).contains(&h)), "{hits:?}");
    }

    #[test]
    fn what_was_not_committed_returns_to_its_place() {
        let mut queue = queue(20);
        let first = queue.sample(Epoch(0), 5, 10, 1 << 20, &Digest([1; 32]));
        let second = queue.sample(Epoch(1), 5, 10, 1 << 20, &Digest([2; 32]));
        assert_eq!((first.len(), second.len(), queue.in_flight(), queue.len()), (5, 5, 10, 20));
        let second: Vec<&Bytes> = second.transactions().collect();
        assert!(first.transactions().all(|t| !second.contains(&t)), "nothing is in flight twice");
        queue.end_epoch(Epoch(0));
        queue.end_epoch(Epoch(1));
        let all = queue.sample(Epoch(2), 20, 20, 1 << 20, &Digest([3; 32]));
        assert!(all.transactions().cloned().eq((0..20).map(tx)));
    }

    #[test]
    fn a_commit_removes_the_transaction_wherever_it_is_and_tells_all_who_waited() {
        let mut queue = queue(4);
        queue.submit(Ticket(77), KEY.fingerprint(&tx(2)), tx(2));
        assert_eq!((queue.len(), queue.bytes()), (4, 32));
        let flying = queue.sample(Epoch(0), 2, 2, 1 << 20, &Digest([1; 32]));
        assert!(flying.transactions().eq(&[tx(0), tx(1)]));
        // Epoch 1 of another node commits one in flight and one that waits.
        assert_eq!(queue.commit(&KEY.fingerprint(&tx(2))).collect::<Vec<_>>(), [Ticket(2), Ticket(77)]);
        assert_eq!(queue.commit(&KEY.fingerprint(&tx(0))).collect::<Vec<_>>(), [Ticket(0)]);
        assert_eq!(queue.commit(&KEY.fingerprint(&tx(0))).count(), 0);
        queue.end_epoch(Epoch(1));
        assert_eq!((queue.len(), queue.in_flight(), queue.bytes()), (2, 2, 16));
        queue.end_epoch(Epoch(0));
        let left = queue.sample(Epoch(2), 9, 9, 1 << 20, &Digest([1; 32]));
        assert!(left.transactions().eq(&[tx(1), tx(3)]));
    }

    #[test]
    fn a_sample_stops_at_the_size_of_a_contribution() {
        let mut queue = queue(10);
        assert_eq!(queue.sample(Epoch(0), 10, 10, framed_bytes(3, 24), &Digest([1; 32])).len(), 3);
        assert_eq!(queue.waiting.len(), 7);
    }
}
