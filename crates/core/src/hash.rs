//! Hashing: BLAKE3 keyed with a constant per purpose, so that digests of different kinds never meet.
//!
//! A key, unlike a prefix, keeps bulk input aligned, which more than doubles the speed of hashing a shard.

use crate::Digest;

/// A purpose of hashing. Two purposes never give the same digest for any input.
#[derive(Clone, Copy, Debug)]
pub struct HashKey([u8; 32]);

impl HashKey {
    /// The key of a purpose named by at most 32 ASCII characters, zero padded. A longer name does not compile when
    /// used for a constant.
    pub const fn new(purpose: &str) -> Self {
        let name = purpose.as_bytes();
        assert!(name.len() <= 32, "the name of a purpose has at most 32 bytes");
        let mut key = [0; 32];
        let mut i = 0;
        while i < name.len() {
            key[i] = name[i];
            i += 1;
        }
        HashKey(key)
    }

    /// Digest of one piece of input.
    pub fn digest(&self, input: &[u8]) -> Digest {
        Digest(*blake3::keyed_hash(&self.0, input).as_bytes())
    }

    /// An incremental hasher, for input in several pieces or for output of any length. The pieces are concatenated:
    /// give each a fixed width, or write its length before it.
    pub fn hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.0)
    }

    /// Digest of pieces, each preceded by its length as a little-endian u64.
    pub fn digest_parts(&self, parts: &[&[u8]]) -> Digest {
        let mut hasher = self.hasher();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Digest(*hasher.finalize().as_bytes())
    }
}
