//! The frame of schedulers that rank each event when it becomes pending: a heap, so a pick costs O(log pending).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mellivora_core::Protocol;
use mellivora_sim::{Pending, Scheduler, SimRng, View};
use rand::{RngExt, SeedableRng};

/// Ranks events; the smallest goes first, equal ones in random order.
pub(super) trait Rank<P: Protocol> {
    fn rank(&mut self, pending: &Pending<'_, P>, view: &View<'_, P>) -> u64;
}

pub(super) struct Ranked<R> {
    rank: R,
    rng: SimRng,
    /// Rank, noise, number of the event.
    heap: BinaryHeap<Reverse<(u64, u32, u64)>>,
    /// Events from this number on have not been ranked.
    fresh: u64,
}

impl<R> Ranked<R> {
    pub(super) fn new(rank: R, seed: u64) -> Self {
        Ranked { rank, rng: SimRng::seed_from_u64(seed), heap: BinaryHeap::new(), fresh: 0 }
    }
}

impl<P: Protocol, R: Rank<P>> Scheduler<P> for Ranked<R> {
    fn pick(&mut self, view: &View<'_, P>) -> Option<usize> {
        let first = first_from(view, self.fresh);
        for position in first..view.pending_len() {
            let pending = view.pending(position)?;
            let rank = self.rank.rank(&pending, view);
            self.heap.push(Reverse((rank, self.rng.random(), pending.seq)));
            self.fresh = pending.seq + 1;
        }
        while let Some(Reverse((.., seq))) = self.heap.pop() {
            let position = first_from(view, seq);
            // Gone only if somebody else took it.
            if view.pending(position).is_some_and(|pending| pending.seq == seq) {
                return Some(position);
            }
        }
        None
    }
}

/// The first position whose event has this number or a later one: pending events stand in the order of their numbers.
pub(super) fn first_from<P: Protocol>(view: &View<'_, P>, seq: u64) -> usize {
    let (mut low, mut high) = (0, view.pending_len());
    while low < high {
        let middle = low + (high - low) / 2;
        if view.pending(middle).is_some_and(|pending| pending.seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
