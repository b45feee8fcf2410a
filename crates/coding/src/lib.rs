//! Erasure coding under a Merkle commitment: one API whose decode path always re-encodes and compares.
//!
//! # What it guarantees
//!
//! A payload of `len` bytes becomes n shards, any k = n - 2f of which give it back, and a commitment of 32 bytes.
//!
//! * **Binding.** Whoever shows a shard with a valid proof shows *the* shard that the commitment holds for that index.
//! * **Consistency.** For any commitment whatsoever, made by whomever, every set of k verified shards leads to the same
//!   outcome of [`Codec::decode`]: the same payload from every set, or a mismatch from every set. This holds because
//!   decoding recomputes *all* n shards from exactly k of them and compares the commitment: a match means that the
//!   committed leaves are a codeword, and then every set of k leaves gives that codeword; a mismatch means that they
//!   are not, and then no set can match. A decoder that only filled the gaps would accept different payloads from
//!   different sets.
//! * **One form.** A payload has one commitment in a given committee: the length of the shards follows from the length
//!   of the payload, and the padding is zero. A tree over anything else is a mismatch.
//!
//! The hash is collision resistant, so much is assumed. Nothing here is secret.
//!
//! A plain commitment without coding, to be opened chunk by chunk, is in [`chunks`].
//!
//! # In use
//!
//! ```
//! use mellivora_coding::{Codec, Decoded};
//! use mellivora_core::{Committee, NodeIndex};
//!
//! let codec = Codec::new(Committee::new(4)?, 1 << 20)?;
//! let encoded = codec.encode("honey".into())?;
//!
//! // Node 3 got its shard and checks it; with any other shard it has the payload.
//! let (h, mine, other) = (encoded.commitment, &encoded.shards[3], &encoded.shards[1]);
//! let leaf = codec.verify(&h, NodeIndex(3), mine);
//! assert!(leaf.is_some());
//! match codec.decode(&h, &[(NodeIndex(3), mine, leaf), (NodeIndex(1), other, None)]) {
//!     Decoded::Match(body) => assert_eq!(body.to_vec(), b"honey"),
//!     other => panic!("{other:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The form
//!
//! ```text
//!   payload   |-------------- len bytes --------------|
//!   data      |-- shard 0 --|-- shard 1 --|-- shard 2 ..00|      k data shards of shard_len bytes, zero padding
//!   parity                                                |-- shard k --| ... |-- shard n-1 --|
//!   leaf_i  = BLAKE3(LEAF, shard_i)
//!   node    = BLAKE3(NODE, left | right);  a node without a sibling moves up as it is
//!   h       = BLAKE3(ROOT, n | k | shard_len | len | tree root)         each number as a big-endian u32
//! ```
//!
//! `shard_len` = ceil(len / k), at least 1, rounded up to a multiple of 64 (one block of the hash) up to 4 KiB and to a
//! multiple of 1024 (one chunk of the hash) above. The code is the systematic Reed-Solomon code over GF(2^8) of the
//! `reed-solomon-erasure` crate; n = 1 and f = 0 have no parity.
//!
//! A tree of n leaves has one shape, so an index fixes the length of its path and the side of each sibling: a path
//! proves one index only. Leaves and nodes are hashed under different keys, so no node can be offered as a leaf.
//!
//! # Deviations from the published form, and why
//!
//! * HoneyBadger's reference code puts the length in front of the payload. Here the commitment binds it and each proof
//!   carries it, so the data shards *are* the payload and encoding does not copy it.
//! * The index is not on the wire: whoever verifies a shard knows whose it is.
//!
//! # Cost
//!
//! Encoding: one pass of Reed-Solomon over k shards and one hash of n shards, in stripes that fit the cache. Decoding:
//! the same, less the hashes that verification has already computed. Parity recomputed for the check is never kept.
//!
//! Sources: Cachin and Tessaro, "Asynchronous verifiable information dispersal", 2005; Miller et al., "The honey badger
//! of BFT protocols", 2016, section 4.2.

mod body;
pub mod chunks;
mod codec;
mod error;
mod layout;
mod merkle;
mod shard;
mod stripes;

pub use body::{Body, Contribution};
pub use chunks::{CHUNK_BYTES, Chunk, ChunkProof, ChunkTree, Head, VerifiedChunk};
pub use codec::{Codec, Decoded, Encoded};
pub use error::CodecError;
pub use merkle::LeafHash;
pub use shard::{Proof, Shard};
