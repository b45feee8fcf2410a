//! Replicated deduplication: which transactions were committed in the last D epochs.
//!
//! **LAW.** A batch drops a transaction that equals one of the same batch or one committed in the last D epochs, D
//! being a constant of the cluster. The rule is a function of the ordered batches alone, applied in epoch order, so a
//! restarted or lagging node drops exactly what everybody drops. After D epochs the same bytes are a new submission.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use mellivora_core::{Epoch, planted};

use crate::transactions::Fingerprint;

/// Fingerprints are uniform already; hashing them again would buy nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

/// A map keyed by fingerprints.
pub(crate) type FingerprintMap<V> = HashMap<Fingerprint, V, BuildHasherDefault<Uniform>>;

/// The window of committed transactions: 24 bytes for each one of the last D epochs (and of up to D / 4 more).
#[derive(Clone, Debug)]
pub(crate) struct Dedup {
    horizon: u64,
    committed: FingerprintMap<u64>,
    /// No entry older than this epoch is in the map.
    swept: u64,
}

impl Dedup {
    pub(crate) fn new(horizon: u64) -> Self {
        Dedup { horizon, committed: FingerprintMap::default(), swept: 0 }
    }

    /// The epoch within the last D before `now` in which the transaction was committed.
    pub(crate) fn committed(&self, fingerprint: &Fingerprint, now: Epoch) -> Option<Epoch> {
        let epoch = *self.committed.get(fingerprint)?;
        (epoch.saturating_add(self.horizon) > now.0).then_some(Epoch(epoch))
    }

    /// Commits a transaction in epoch `now`; false if it is to be dropped as a duplicate. Epochs come in order.
    pub(crate) fn commit(&mut self, fingerprint: Fingerprint, now: Epoch) -> bool {
        if self.horizon == 0 || planted("dedup-missing") {
            return true;
        }
        match self.committed.entry(fingerprint) {
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let expired =
                    entry.get().saturating_add(self.horizon) <= now.0 + u64::from(planted("dedup-window-short"));
                if expired {
                    entry.insert(now.0);
                }
                expired
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(now.0);
                true
            }
        }
    }

    /// Makes room for a batch, so that its commits do not grow the table step by step.
    pub(crate) fn reserve(&mut self, count: usize) {
        if self.horizon > 0 {
            self.committed.reserve(count);
        }
    }

    /// Called once after each epoch: drops expired entries now and then, a sweep per D / 4 epochs.
    pub(crate) fn end_epoch(&mut self, epoch: Epoch) {
        let oldest = epoch.0.saturating_add(1).saturating_sub(self.horizon);
        let oldest = oldest + 2 * u64::from(planted("dedup-sweeps-too-much"));
        if oldest > self.swept.saturating_add(self.horizon / 4) {
            self.committed.retain(|_, committed| *committed >= oldest);
            self.swept = oldest;
        }
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        self.committed.capacity() * (size_of::<(Fingerprint, u64)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_new_again_exactly_after_the_horizon() {
        let horizon = 4;
        let mut dedup = Dedup::new(horizon);
        let a = Fingerprint(1, 2);
        assert!(dedup.commit(a, Epoch(0)));
        assert!(!dedup.commit(a, Epoch(0)), "twice in one batch");
        for e in 0..3 {
            dedup.end_epoch(Epoch(e));
            assert!(!dedup.commit(a, Epoch(e + 1)));
            assert_eq!(dedup.committed(&a, Epoch(e + 1)), Some(Epoch(0)));
        }
        dedup.end_epoch(Epoch(3));
        assert_eq!(dedup.committed(&a, Epoch(4)), None);
        assert!(dedup.commit(a, Epoch(4)));
    }

    #[test]
    fn the_outcome_does_not_depend_on_when_the_table_is_swept() {
        for start in 0..20 {
            let mut dedup = Dedup::new(5);
            let mut last = None;
            for e in start..start + 60 {
                let fresh = dedup.commit(Fingerprint(9, 9), Epoch(e));
                assert_eq!(fresh, last.is_none_or(|last| e >= last + 5));
                if fresh {
                    last = Some(e);
                }
                dedup.commit(Fingerprint(e, 0), Epoch(e));
                dedup.end_epoch(Epoch(e));
                assert!(dedup.committed.len() <= 10, "the table stays bounded");
            }
        }
    }
}
