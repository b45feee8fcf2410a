//! How long shards are: the one canonical form of a payload.

use mellivora_core::Committee;

/// Shards up to this length are multiples of [`SMALL_UNIT`], longer ones of [`LARGE_UNIT`].
const SMALL: usize = 4096;
/// One block of the hash.
const SMALL_UNIT: usize = 64;
/// One chunk of the hash: whole chunks are hashed several at a time.
const LARGE_UNIT: usize = 1024;

/// Number of shards and data shards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) n: usize,
    pub(crate) k: usize,
}

impl Layout {
    pub(crate) fn new(committee: Committee) -> Self {
        Layout { n: committee.n(), k: committee.data_shards() }
    }

    pub(crate) fn parity(&self) -> usize {
        self.n - self.k
    }

    /// The only valid length of a shard of a payload of `len` bytes.
    pub(crate) fn shard_len(&self, len: usize) -> usize {
        let least = len.div_ceil(self.k).max(1);
        least.next_multiple_of(if least <= SMALL { SMALL_UNIT } else { LARGE_UNIT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_hold_the_payload_and_never_shrink_as_it_grows() {
        for k in [1, 2, 3, 11, 34, 256] {
            let layout = Layout { n: k, k };
            let mut before = 0;
            for len in (0..300_000).step_by(97).chain([k * SMALL, k * SMALL + 1]) {
                let shard_len = layout.shard_len(len);
                assert!(shard_len * k >= len && shard_len > 0);
                assert!(shard_len <= len.div_ceil(k) + LARGE_UNIT);
                if len < k * SMALL {
                    assert!(shard_len >= before, "k {k} len {len}");
                    before = shard_len;
                }
            }
        }
    }

    #[test]
    fn lengths_are_whole_blocks_then_whole_chunks() {
        let layout = Layout { n: 4, k: 2 };
        assert_eq!(layout.shard_len(0), 64);
        assert_eq!(layout.shard_len(128), 64);
        assert_eq!(layout.shard_len(129), 128);
        assert_eq!(layout.shard_len(8192), 4096);
        assert_eq!(layout.shard_len(8193), 5120);
    }
}
