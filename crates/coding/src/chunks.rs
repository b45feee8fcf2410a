//! The chunk tree: a commitment to a whole payload that lets one chunk of it be shown and checked alone.
//!
//! ```text
//!   payload   |-- chunk 0 --|-- chunk 1 --| ... |- the rest -|     CHUNK_BYTES each; the last one as long as it is
//!   leaf_i  = BLAKE3(CHUNK, chunk_i)
//!   node    = BLAKE3(NODE, left | right);  a node without a sibling moves up as it is
//!   h       = BLAKE3(ROOT, len | CHUNK_BYTES | tree root)          each number as a big-endian u32
//! ```
//!
//! # What it guarantees
//!
//! * **Binding.** Whoever shows a chunk with a valid proof shows *the* chunk that the commitment holds at that index, of
//!   a payload of *the* length that the commitment holds.
//! * **One form.** A payload has one commitment, whoever computes it and however the payload is cut into pieces: chunks
//!   have a fixed size, nothing is padded, and an empty payload is one empty chunk.
//! * **Self-contained.** The chunks of a commitment, each verified, *are* the payload: nothing more has to be checked.
//!
//! Unlike a coded commitment ([`Codec`](crate::Codec)) this one says nothing about whether the payload can be had: the
//! tree may have been built over anything, and whoever holds all of the payload is the only one who can know. So it is
//! of use where holders vouch for the whole payload.
//!
//! A length gives the tree one shape, so an index fixes the length of its path and the side of each sibling. Leaves and
//! nodes are hashed under different keys, and so are the roots of this tree and of the coded one: none can be taken for
//! another.
//!
//! # Cost
//!
//! One hash of the payload, and one of 64 bytes per chunk. Chunks of one piece are hashed in place; a chunk that crosses
//! pieces is hashed piece by piece. Nothing is copied. Chunks of [`CHUNK_BYTES`] are long enough to be hashed at the
//! full speed of BLAKE3, and short enough to be asked of many holders.

use std::fmt;
use std::sync::Arc;

use bincode::{Decode, Encode};
use bytes::Bytes;
use mellivora_core::codec::{Blob, Frame, List};
use mellivora_core::{Digest, hash::HashKey, planted};

use crate::merkle::{self, Tree};
use crate::{Body, CodecError};

/// Bytes of a chunk; only the last one of a payload may be shorter. Commitments cover it.
pub const CHUNK_BYTES: usize = 64 << 10;

const LEAF: HashKey = HashKey::new("mellivora/v1 chunk leaf");
const ROOT: HashKey = HashKey::new("mellivora/v1 chunk root");

/// What a commitment says about the payload as a whole: 36 bytes that anybody can check against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// Length of the payload, in bytes.
    pub len: u32,
    /// Root of the tree of chunks.
    pub root: Digest,
}

impl Head {
    /// The commitment that these numbers make.
    pub fn commitment(&self) -> Digest {
        let len = if planted("chunks-length-unbound") { 0 } else { self.len };
        let mut bytes = [0; 40];
        bytes[..4].copy_from_slice(&len.to_be_bytes());
        bytes[4..8].copy_from_slice(&(CHUNK_BYTES as u32).to_be_bytes());
        bytes[8..].copy_from_slice(&self.root.0);
        ROOT.digest(&bytes)
    }

    /// Length of the payload if this is the head of `commitment` and the payload has at most `max_len` bytes.
    pub fn verify(&self, commitment: &Digest, max_len: usize) -> Option<usize> {
        let len = plausible_len(self.len, max_len)?;
        (self.commitment() == *commitment).then_some(len)
    }
}

/// What leads from a chunk to the commitment, given the chunk's index: 8 bytes and 32 per level of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct ChunkProof {
    /// Length of the whole payload, in bytes. The commitment binds it.
    pub len: u32,
    /// The siblings on the way to the root of the tree, lowest first.
    pub path: List<Digest, { ChunkProof::MAX_PATH }>,
}

impl ChunkProof {
    /// The longest path in the largest payload.
    pub const MAX_PATH: usize = (ChunkTree::MAX_PAYLOAD / CHUNK_BYTES).trailing_zeros() as usize;
}

/// One chunk of a payload with its proof. Its index is known from the context and does not travel with it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct Chunk {
    /// What binds the data to the commitment.
    pub proof: ChunkProof,
    /// The bytes. A slice of the frame or payload that they come from, which they keep in memory.
    pub data: Blob,
}

impl Chunk {
    /// The chunk, if it is the one that `commitment` holds at `index` of a payload of at most `max_len` bytes.
    ///
    /// Refuses any other length of proof or data than the only valid one before it hashes anything.
    pub fn verify(&self, commitment: &Digest, index: u32, max_len: usize) -> Option<VerifiedChunk> {
        let len = plausible_len(self.proof.len, max_len)?;
        let (count, at) = (chunk_count(len), usize::try_from(index).ok()?);
        let right = at < count && self.data.len() == chunk_len(len, at);
        if !right || self.proof.path.len() != merkle::path_len(count, at) {
            return None;
        }
        let leaf = leaf_key().digest(&self.data);
        let proves = |at| {
            let root = merkle::root_from(count, at, leaf, &self.proof.path)?;
            (Head { len: self.proof.len, root }.commitment() == *commitment).then_some(())
        };
        let proven = proves(at).is_some() || planted("chunks-index-unbound") && (0..count).any(|i| proves(i).is_some());
        proven.then(|| VerifiedChunk { commitment: *commitment, len, at, leaf, data: self.data.0.clone() })
    }

    /// Bytes of memory that this chunk takes, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + Blob::pinned(self.data.len()) + self.proof.path.len() * size_of::<Digest>()
    }
}

/// A chunk that was found to be the right one. Only [`Chunk::verify`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedChunk {
    commitment: Digest,
    len: usize,
    at: usize,
    leaf: Digest,
    data: Bytes,
}

impl VerifiedChunk {
    /// Length of the whole payload, in bytes.
    pub fn payload_len(&self) -> usize {
        self.len
    }

    /// The chunk's bytes.
    pub fn data(&self) -> &Bytes {
        &self.data
    }
}

/// A payload with the tree over its chunks: what a holder keeps to show any chunk of it. Cloning copies neither.
#[derive(Clone)]
pub struct ChunkTree {
    commitment: Digest,
    body: Body,
    tree: Arc<Tree>,
}

impl ChunkTree {
    /// The largest payload, in bytes.
    pub const MAX_PAYLOAD: usize = 1 << 30;

    /// Hashes a payload of at most [`MAX_PAYLOAD`](Self::MAX_PAYLOAD) bytes.
    pub fn commit(body: Body) -> Result<Self, CodecError> {
        if body.len() > Self::MAX_PAYLOAD {
            return Err(CodecError::PayloadTooLarge { len: body.len(), max: Self::MAX_PAYLOAD });
        }
        Ok(Self::over(leaves(&body), body))
    }

    /// Puts a payload together from all its chunks, in order, without hashing them again. `None` unless each is the
    /// chunk of `commitment` at its place, and none is missing.
    pub fn assemble(commitment: &Digest, chunks: &[VerifiedChunk]) -> Option<Self> {
        let count = chunk_count(chunks.first()?.len);
        let right = |(at, chunk): (usize, &VerifiedChunk)| chunk.commitment == *commitment && chunk.at == at;
        if chunks.len() != count || !chunks.iter().enumerate().all(right) {
            return None;
        }
        let body = Body::from_pieces(chunks.iter().map(|chunk| chunk.data.clone()));
        let tree = Self::over(chunks.iter().map(|chunk| chunk.leaf).collect(), body);
        (tree.commitment == *commitment).then_some(tree)
    }

    fn over(leaves: Vec<Digest>, body: Body) -> Self {
        let tree = Arc::new(Tree::new(leaves));
        // At most MAX_PAYLOAD bytes, so the length fits.
        let commitment = Head { len: body.len() as u32, root: tree.root() }.commitment();
        ChunkTree { commitment, body, tree }
    }

    /// The 32 bytes that bind every chunk and the length.
    pub fn commitment(&self) -> Digest {
        self.commitment
    }

    /// The payload.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Number of chunks, at least 1.
    pub fn chunks(&self) -> u32 {
        // At most MAX_PAYLOAD / CHUNK_BYTES, so the number fits.
        chunk_count(self.body.len()) as u32
    }

    /// What the commitment says about the payload as a whole.
    pub fn head(&self) -> Head {
        Head { len: self.body.len() as u32, root: self.tree.root() }
    }

    /// A chunk with its proof, if the payload has one at `index`. Shares the payload's bytes where one piece holds them
    /// all.
    pub fn chunk(&self, index: u32) -> Option<Chunk> {
        let at = usize::try_from(index).ok().filter(|&at| at < chunk_count(self.body.len()))?;
        let start = at * CHUNK_BYTES;
        let data = self.body.slice(start..start + CHUNK_BYTES).to_bytes();
        let proof = ChunkProof { len: self.body.len() as u32, path: List::new(self.tree.path(at)) };
        Some(Chunk { proof, data: Blob(data) })
    }

    /// Bytes of memory that this takes, the payload included.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.body.len() + 2 * chunk_count(self.body.len()) * size_of::<Digest>()
    }
}

/// Two are equal when their commitments are: the payloads are, too.
impl PartialEq for ChunkTree {
    fn eq(&self, other: &Self) -> bool {
        self.commitment == other.commitment
    }
}

impl Eq for ChunkTree {}

impl fmt::Debug for ChunkTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkTree({:?}, {:?})", self.commitment, self.body)
    }
}

/// Number of chunks of a payload of `len` bytes.
pub fn chunk_count(len: usize) -> usize {
    len.div_ceil(CHUNK_BYTES).max(1)
}

/// Length of the chunk at `at`, which is one of the payload's.
fn chunk_len(len: usize, at: usize) -> usize {
    len.saturating_sub(at * CHUNK_BYTES).min(CHUNK_BYTES)
}

fn plausible_len(len: u32, max_len: usize) -> Option<usize> {
    let max = if planted("chunks-no-limit") { usize::MAX } else { max_len };
    usize::try_from(len).ok().filter(|&len| len <= max.min(ChunkTree::MAX_PAYLOAD))
}

fn leaf_key() -> HashKey {
    if planted("chunks-leaf-like-node") { merkle::NODE } else { LEAF }
}

/// The leaves of a payload, hashed from its pieces where they lie.
fn leaves(body: &Body) -> Vec<Digest> {
    let key = leaf_key();
    let mut leaves = Vec::with_capacity(chunk_count(body.len()));
    // A chunk that began in an earlier piece, and how much of it is hashed.
    let mut open: Option<(blake3::Hasher, usize)> = None;
    for piece in body.pieces() {
        let mut rest = piece;
        if let Some((mut hasher, filled)) = open.take() {
            let (now, later) = rest.split_at(rest.len().min(CHUNK_BYTES - filled));
            hasher.update(now);
            match filled + now.len() {
                CHUNK_BYTES => leaves.push(Digest(*hasher.finalize().as_bytes())),
                filled => open = Some((hasher, filled)),
            }
            rest = later;
        }
        let mut chunks = rest.chunks_exact(CHUNK_BYTES);
        leaves.extend(chunks.by_ref().map(|chunk| key.digest(chunk)));
        if !chunks.remainder().is_empty() {
            let mut hasher = key.hasher();
            hasher.update(chunks.remainder());
            open = Some((hasher, chunks.remainder().len()));
        }
    }
    match open {
        Some((hasher, _)) => leaves.push(Digest(*hasher.finalize().as_bytes())),
        None if leaves.is_empty() => leaves.push(key.digest(&[])),
        None => {}
    }
    leaves
}
