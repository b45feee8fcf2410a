//! Transactions: random bytes, all distinct.

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// An endless supply of distinct transactions of one size.
#[derive(Debug)]
pub struct Workload {
    rng: ChaCha8Rng,
    size: usize,
    next: u64,
}

impl Workload {
    /// The smallest size that leaves room for a number.
    pub const MIN_SIZE: usize = 8;

    /// Transactions of `size` bytes, at least [`Self::MIN_SIZE`]. Equal seeds give equal transactions.
    pub fn new(size: usize, seed: u64) -> Self {
        Workload { rng: ChaCha8Rng::seed_from_u64(seed), size: size.max(Self::MIN_SIZE), next: 0 }
    }

    /// `count` new transactions, as slices of one buffer, as if they had arrived in one frame. The first 8 bytes are a
    /// number (what makes them distinct), the rest is random.
    pub fn take(&mut self, count: usize) -> Vec<Bytes> {
        let mut buffer = vec![0; count * self.size];
        self.rng.fill_bytes(&mut buffer);
        for transaction in buffer.chunks_exact_mut(self.size) {
            transaction[..Self::MIN_SIZE].copy_from_slice(&self.next.to_be_bytes());
            self.next += 1;
        }
        let buffer = Bytes::from(buffer);
        (0..count).map(|i| buffer.slice(i * self.size..(i + 1) * self.size)).collect()
    }

    /// `count` new transactions, split over `nodes` as evenly as possible, the first nodes getting one more.
    pub fn split(&mut self, count: usize, nodes: usize) -> Vec<Vec<Bytes>> {
        let share = |node| count / nodes + usize::from(node < count % nodes);
        (0..nodes).map(|node| self.take(share(node))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn all_are_distinct_and_the_split_is_even() {
        let mut workload = Workload::new(250, 1);
        let mut seen = HashSet::new();
        for _ in 0..3 {
            let split = workload.split(10, 4);
            assert_eq!(split.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2, 2]);
            for transaction in split.concat() {
                assert_eq!(transaction.len(), 250);
                assert!(seen.insert(transaction));
            }
        }
        assert_eq!(Workload::new(250, 1).take(1), Workload::new(250, 1).take(1));
        assert_ne!(Workload::new(250, 1).take(1), Workload::new(250, 2).take(1));
    }
}
