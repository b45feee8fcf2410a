//! Shards and proofs as they travel.

use bincode::{Decode, Encode};
use mellivora_core::Digest;
use mellivora_core::codec::{Blob, Frame, List};

/// What leads from a shard to the commitment, given the shard's index: 8 bytes and 32 per level of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct Proof {
    /// Length of the payload, in bytes. The commitment binds it, so all valid shards of a commitment agree on it.
    pub len: u32,
    /// The siblings on the way to the root of the tree, lowest first: at most ceil(log2 n).
    pub path: List<Digest, { Proof::MAX_PATH }>,
}

impl Proof {
    /// The longest path in the largest committee.
    pub const MAX_PATH: usize = 8;
}

/// One node's part of a coded payload, with its proof. Its index is known from the context and never travels.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct Shard {
    /// What binds the data to the commitment.
    pub proof: Proof,
    /// The coded bytes. A slice of the frame or buffer that they fill, which they keep in memory.
    pub data: Blob,
}

impl Shard {
    /// Bytes of memory that this shard takes, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.data.len() + self.proof.path.len() * size_of::<Digest>()
    }
}
