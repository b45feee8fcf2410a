//! A set of chunk indices, one bit each.

/// Grows with the highest member; whoever inserts bounds the index.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Adds an index; true if it was not there.
    pub(super) fn insert(&mut self, index: u32) -> bool {
        let (word, bit) = place(index);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let Some(word) = self.0.get_mut(word) else { return false };
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        let (word, bit) = place(index);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Members in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        // As many as there are chunks, so the index fits.
        (0..self.0.len() as u32 * 64).filter(|&index| self.contains(index))
    }

    pub(super) fn memory(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

fn place(index: u32) -> (usize, u64) {
    ((index / 64) as usize, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_inserted_once() {
        let mut bits = Bits::default();
        for index in [0, 63, 64, 1000] {
            assert!(!bits.contains(index));
            assert!(bits.insert(index) && !bits.insert(index));
            assert!(bits.contains(index));
        }
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 1000]);
    }
}
