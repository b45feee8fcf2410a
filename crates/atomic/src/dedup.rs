//! Replicated deduplication: which transactions were committed in the last D epochs.
//!
//! **LAW.** A batch drops a transaction that equals one of the same batch or one committed in the last D epochs, D
//! being a constant of the cluster. The rule is a function of the ordered batches alone, applied in epoch order, so a
//! restarted or lagging node drops exactly what everybody drops. After D epochs the same bytes are a new submission.

use std::collections::VecDeque;

use mellivora_core::{Epoch, planted};

use crate::transactions::Fingerprint;

/// What was committed in one epoch, in order.
#[derive(Clone, Debug)]
struct Segment {
    epoch: u64,
    /// The number of the first one.
    first: u64,
    fingerprints: Vec<Fingerprint>,
}

/// The window of committed transactions: 22 to 32 bytes for each one of the last D epochs, up to 48 when there are more
/// than eight million.
///
/// ```text
/// segments   | epoch e: fingerprints | epoch e + 1: ... |     in the order of commitment, numbered through
/// cells      | tag, number |      | tag, number | ...         open addressing; at most two thirds are taken
/// ```
///
/// A segment goes when its epoch leaves the window. Its cells stay, and mean nothing any more, until two thirds of all
/// are taken: then the table is made anew, half empty or emptier, so that each transaction is put in twice or so in all.
///
/// Nearly every transaction is new. Whether it is, the cells tell: a few bytes at a random place, which is all that has
/// to come from memory. A whole fingerprint is looked at only where a tag matches.
#[derive(Clone, Debug)]
pub(crate) struct Dedup {
    horizon: u64,
    segments: VecDeque<Segment>,
    cells: Cells,
    /// The next number. No more cells are taken than numbers were given, those of segments that are gone included.
    next: u64,
}

/// Cells by the power of two, each a number plus one below a tag; a free cell is zero. Numbers are below two thirds of
/// the count of cells, so they need as many bits as a place does, and the rest of a cell is the tag.
#[derive(Clone, Debug)]
enum Cells {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

impl Cells {
    /// With more cells than two to this power, a narrow cell would have no eight bits left for its tag.
    const NARROW: u32 = if cfg!(test) { 6 } else { 24 };

    /// `count` free cells; a power of two.
    fn free(count: usize) -> Self {
        if count.trailing_zeros() <= Self::NARROW { Cells::Narrow(vec![0; count]) } else { Cells::Wide(vec![0; count]) }
    }

    fn len(&self) -> usize {
        match self {
            Cells::Narrow(cells) => cells.len(),
            Cells::Wide(cells) => cells.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Cells::Narrow(cells) => cells.capacity() * size_of::<u32>(),
            Cells::Wide(cells) => cells.capacity() * size_of::<u64>(),
        }
    }

    fn clear(&mut self) {
        match self {
            Cells::Narrow(cells) => cells.fill(0),
            Cells::Wide(cells) => cells.fill(0),
        }
    }

    fn place(&self, fingerprint: &Fingerprint) -> usize {
        fingerprint.0 as usize & (self.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.len() - 1)
    }

    /// What is in a cell; zero if it is free.
    fn word(&self, at: usize) -> u64 {
        match self {
            Cells::Narrow(cells) => cells.get(at).map_or(0, |cell| u64::from(*cell)),
            Cells::Wide(cells) => cells.get(at).map_or(0, |cell| *cell),
        }
    }

    /// What is in a cell; none if it is free.
    fn get(&self, at: usize) -> Option<u64> {
        Some(self.word(at)).filter(|word| *word != 0)
    }

    fn set(&mut self, at: usize, fingerprint: &Fingerprint, number: u64) {
        let cell = self.tag(fingerprint) << self.number_bits() | (number + 1);
        match self {
            Cells::Narrow(cells) => {
                if let Some(place) = cells.get_mut(at) {
                    // Tag and number have 32 bits together.
                    *place = cell as u32;
                }
            }
            Cells::Wide(cells) => {
                if let Some(place) = cells.get_mut(at) {
                    *place = cell;
                }
            }
        }
    }

    /// The number in a cell, if it may be that of `fingerprint`.
    fn candidate(&self, cell: u64, fingerprint: &Fingerprint) -> Option<u64> {
        let bits = self.number_bits();
        (cell >> bits == self.tag(fingerprint)).then_some((cell & ((1 << bits) - 1)) - 1)
    }

    fn tag(&self, fingerprint: &Fingerprint) -> u64 {
        let width = match self {
            Cells::Narrow(_) => u32::BITS,
            Cells::Wide(_) => u64::BITS,
        };
        fingerprint.1 >> (u64::BITS - (width - self.number_bits()))
    }

    fn number_bits(&self) -> u32 {
        self.len().trailing_zeros()
    }
}

impl Dedup {
    /// Fingerprints whose cells are fetched from memory at a time.
    pub(crate) const ABREAST: usize = 32;
    /// The smallest table.
    const FEWEST: usize = 16;

    pub(crate) fn new(horizon: u64) -> Self {
        Dedup { horizon, segments: VecDeque::new(), cells: Cells::free(Self::FEWEST), next: 0 }
    }

    /// Fetches the cells of some fingerprints, [`ABREAST`](Self::ABREAST) at the best, which are about to be looked at.
    /// Loads that depend on nothing are under way at the same time; one after the other they would take longer than all
    /// the rest.
    pub(crate) fn touch(&self, fingerprints: &[Fingerprint]) {
        // Nothing may depend on what is in a cell, or one would be waited for before the next is asked for.
        let words = fingerprints.iter().map(|fingerprint| self.cells.word(self.cells.place(fingerprint)));
        std::hint::black_box(words.fold(0, |all, word| all ^ word));
    }

    /// The epoch of a number, if the fingerprint with that number is this one and still in the table.
    fn epoch_of(&self, number: u64, fingerprint: &Fingerprint) -> Option<u64> {
        let after = self.segments.partition_point(|segment| segment.first <= number);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        let found = segment.fingerprints.get(usize::try_from(number - segment.first).ok()?)?;
        (found == fingerprint).then_some(segment.epoch)
    }

    /// The cell of a fingerprint and the epoch in which it was committed; or the free cell where it would go.
    fn find(&self, fingerprint: &Fingerprint) -> (usize, Option<u64>) {
        let mut at = self.cells.place(fingerprint);
        // A third of the cells is free.
        while let Some(cell) = self.cells.get(at) {
            let candidate = self.cells.candidate(cell, fingerprint);
            let epoch = candidate.and_then(|number| self.epoch_of(number, fingerprint));
            if epoch.is_some() {
                return (at, epoch);
            }
            at = self.cells.after(at);
        }
        (at, None)
    }

    /// The epoch within the last D before `now` in which the transaction was committed.
    pub(crate) fn committed(&self, fingerprint: &Fingerprint, now: Epoch) -> Option<Epoch> {
        let epoch = self.find(fingerprint).1?;
        (epoch.saturating_add(self.horizon) > now.0).then_some(Epoch(epoch))
    }

    /// Commits transactions in epoch `now`, in order, and says of each whether it is new; false: it is to be dropped as
    /// a duplicate. Epochs come in order.
    pub(crate) fn commit(&mut self, fingerprints: &[Fingerprint], now: Epoch) -> Vec<bool> {
        if self.horizon == 0 || planted("dedup-missing") {
            return vec![true; fingerprints.len()];
        }
        self.reserve(fingerprints.len(), now);
        let mut fresh = Vec::with_capacity(fingerprints.len());
        for block in fingerprints.chunks(Self::ABREAST) {
            self.touch(block);
            fresh.extend(block.iter().map(|fingerprint| self.commit_one(fingerprint, now)));
        }
        fresh
    }

    fn commit_one(&mut self, fingerprint: &Fingerprint, now: Epoch) -> bool {
        let (at, epoch) = self.find(fingerprint);
        let current = now.0 + u64::from(planted("dedup-window-short"));
        let expired = epoch.map(|epoch| epoch.saturating_add(self.horizon) <= current);
        if expired == Some(false) {
            return false;
        }
        let Some(segment) = self.segments.back_mut() else { return true };
        self.cells.set(at, fingerprint, self.next);
        segment.fingerprints.push(*fingerprint);
        self.next += 1;
        true
    }

    /// Makes room for so many in epoch `now`, so that they do not make the table grow step by step.
    pub(crate) fn reserve(&mut self, count: usize, now: Epoch) {
        if self.horizon == 0 {
            return;
        }
        self.expire(now);
        match self.segments.back_mut() {
            Some(segment) if segment.epoch == now.0 => segment.fingerprints.reserve(count),
            _ => {
                let fingerprints = Vec::with_capacity(count);
                self.segments.push_back(Segment { epoch: now.0, first: self.next, fingerprints });
            }
        }
        let numbers = self.next as usize + count;
        if numbers + numbers / 2 > self.cells.len() {
            self.rebuild(count);
        }
    }

    /// Drops the segments that are outside the window in epoch `now`.
    fn expire(&mut self, now: Epoch) {
        while self.segments.front().is_some_and(|segment| segment.epoch.saturating_add(self.horizon) <= now.0) {
            self.segments.pop_front();
        }
    }

    /// Numbers what is left anew, and makes its cells with room for `more`: at most half of them are taken then.
    fn rebuild(&mut self, more: usize) {
        let kept: usize = self.segments.iter().map(|segment| segment.fingerprints.len()).sum();
        let cells = (2 * (kept + more)).next_power_of_two().max(Self::FEWEST);
        if cells == self.cells.len() {
            self.cells.clear();
        } else {
            // The old ones go first, and new ones come zeroed.
            self.cells = Cells::free(Self::FEWEST);
            self.cells = Cells::free(cells);
        }
        self.next = 0;
        for segment in &mut self.segments {
            segment.first = self.next;
            for fingerprint in &segment.fingerprints {
                let mut at = self.cells.place(fingerprint);
                while self.cells.get(at).is_some() {
                    at = self.cells.after(at);
                }
                self.cells.set(at, fingerprint, self.next);
                self.next += 1;
            }
        }
    }

    /// Called once after each epoch: drops what is outside the window in the next one.
    pub(crate) fn end_epoch(&mut self, epoch: Epoch) {
        self.expire(Epoch(epoch.next().0 + 2 * u64::from(planted("dedup-sweeps-too-much"))));
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        let segments =
            self.segments.iter().map(|s| size_of::<Segment>() + s.fingerprints.capacity() * size_of::<Fingerprint>());
        self.cells.bytes() + segments.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    impl Dedup {
        fn add(&mut self, fingerprint: Fingerprint, now: u64) -> bool {
            self.commit(&[fingerprint], Epoch(now)) == [true]
        }

        fn len(&self) -> usize {
            self.segments.iter().map(|segment| segment.fingerprints.len()).sum()
        }
    }

    #[test]
    fn a_transaction_is_new_again_exactly_after_the_horizon() {
        let horizon = 4;
        let mut dedup = Dedup::new(horizon);
        let a = Fingerprint(1, 2);
        assert!(dedup.add(a, 0));
        assert!(!dedup.add(a, 0), "twice in one batch");
        for e in 0..3 {
            dedup.end_epoch(Epoch(e));
            assert!(!dedup.add(a, e + 1));
            assert_eq!(dedup.committed(&a, Epoch(e + 1)), Some(Epoch(0)));
        }
        dedup.end_epoch(Epoch(3));
        assert_eq!(dedup.committed(&a, Epoch(4)), None);
        assert!(dedup.add(a, 4));
    }

    #[test]
    fn the_outcome_does_not_depend_on_when_the_table_is_swept() {
        for start in 0..20 {
            let mut dedup = Dedup::new(5);
            let mut last = None;
            for e in start..start + 60 {
                let fresh = dedup.add(Fingerprint(9, 9), e);
                assert_eq!(fresh, last.is_none_or(|last| e >= last + 5));
                if fresh {
                    last = Some(e);
                }
                dedup.add(Fingerprint(e, 0), e);
                dedup.end_epoch(Epoch(e));
                assert!(dedup.len() <= 10 && dedup.cells.len() <= 32, "the table stays bounded");
            }
        }
    }

    /// What the rule says, word by word.
    #[derive(Default)]
    struct Rule(HashMap<(u64, u64), u64>);

    impl Rule {
        fn commit(&mut self, fingerprint: Fingerprint, now: u64, horizon: u64) -> bool {
            let last = self.0.get(&(fingerprint.0, fingerprint.1));
            let fresh = last.is_none_or(|last| last + horizon <= now);
            if fresh {
                self.0.insert((fingerprint.0, fingerprint.1), now);
            }
            fresh
        }
    }

    proptest! {
        /// Few values, many of them in the same place and with the same tag, so that cells collide and wrap around; some
        /// epochs are large, so that the table grows while it holds expired entries.
        #[test]
        fn the_table_says_what_the_rule_says(
            horizon in 1u64..9,
            epochs in proptest::collection::vec(
                (1u64..4, proptest::collection::vec((0u64..6, 0u64..3, 0u64..2), 0..80)), 1..40),
        ) {
            let (mut dedup, mut rule, mut now) = (Dedup::new(horizon), Rule::default(), 0);
            for (step, list) in epochs {
                now += step;
                let list: Vec<Fingerprint> = list
                    .into_iter()
                    .map(|(place, tag, rest)| Fingerprint((place * 7) | (place << 20), (tag << 40) | rest))
                    .collect();
                for (i, part) in list.chunks(50).enumerate() {
                    let expected: Vec<bool> = part.iter().map(|f| rule.commit(*f, now, horizon)).collect();
                    if i == 0 {
                        dedup.reserve(list.len(), Epoch(now));
                    }
                    prop_assert_eq!(dedup.commit(part, Epoch(now)), expected);
                }
                for fingerprint in &list {
                    let last = rule.0.get(&(fingerprint.0, fingerprint.1)).filter(|e| **e + horizon > now + 1);
                    prop_assert_eq!(dedup.committed(fingerprint, Epoch(now + 1)), last.map(|e| Epoch(*e)));
                }
                dedup.end_epoch(Epoch(now));
            }
        }
    }
}
