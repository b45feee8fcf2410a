//! Encode, verify, decode: the only ways in and out.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Committee, Digest, NodeIndex, hash::HashKey, planted};

use crate::merkle::{self, Tree};
use crate::stripes::{Code, Place};
use crate::{Body, CodecError, LeafHash, Proof, Shard, layout::Layout};

const ROOT: HashKey = HashKey::new("mellivora/v1 coding root");

/// The erasure code and the commitment of one committee. Made once, shared by `Arc`.
pub struct Codec {
    committee: Committee,
    layout: Layout,
    max_payload: usize,
    code: Arc<Code>,
}

/// A payload made ready to be sent.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The 32 bytes that bind every shard and the length.
    pub commitment: Digest,
    /// One shard per node, in the order of the nodes. Full data shards are slices of the payload, the others of one
    /// buffer.
    pub shards: Vec<Shard>,
    /// The payload itself.
    pub body: Body,
}

/// What came of decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// The recomputed codeword has this very commitment: final, whether or not the shards were verified before.
    Match(Body),
    /// It has not. Final if all the k shards used had been verified: then no set of verified shards can match.
    /// Otherwise it says only that some shard was wrong.
    Mismatch,
    /// Fewer than k shards of different nodes: nothing was learnt.
    TooFew,
}

impl Codec {
    /// Name of the code and of the form of shards. Nodes with different codecs cannot talk, so the identity of a
    /// cluster covers it.
    pub const NAME: &'static str = "reed-solomon-gf256-blake3/v1";
    /// The largest possible bound on payloads, in bytes.
    pub const MAX_PAYLOAD: usize = 1 << 30;

    /// A codec for `committee` that accepts payloads of at most `max_payload` bytes.
    ///
    /// Fails when the bound exceeds [`Codec::MAX_PAYLOAD`], or when the machine lacks the instructions that a build with
    /// the feature `simd` uses.
    pub fn new(committee: Committee, max_payload: usize) -> Result<Self, CodecError> {
        if max_payload > Self::MAX_PAYLOAD {
            return Err(CodecError::LimitTooLarge { asked: max_payload, max: Self::MAX_PAYLOAD });
        }
        check_instructions()?;
        let layout = Layout::new(committee);
        let code = Code::new(layout).map_err(|error| CodecError::Code(error.to_string()))?;
        Ok(Codec { committee, layout, max_payload, code: Arc::new(code) })
    }

    /// The same codec for payloads of at most `max_payload` bytes, which cannot exceed this one's bound. Shares the code
    /// and its buffers, so it costs next to nothing: for instances that carry less than a whole contribution.
    #[must_use]
    pub fn limited(&self, max_payload: usize) -> Self {
        let max_payload = max_payload.min(self.max_payload);
        Codec { committee: self.committee, layout: self.layout, max_payload, code: self.code.clone() }
    }

    /// The committee that the codec was made for.
    pub fn committee(&self) -> Committee {
        self.committee
    }

    /// The longest payload that is accepted, in bytes.
    pub fn max_payload(&self) -> usize {
        self.max_payload
    }

    /// Length of each shard of a payload of `len` bytes, padding included.
    pub fn shard_len(&self, len: usize) -> usize {
        self.layout.shard_len(len)
    }

    /// Codes and commits to a payload of at most [`max_payload`](Self::max_payload) bytes.
    pub fn encode(&self, payload: Bytes) -> Result<Encoded, CodecError> {
        let coded = self.code_payload(&payload, true)?;
        let shard_len = self.shard_len(payload.len());
        let shared = Bytes::from(coded.buffer);
        let full = payload.len() / shard_len;
        let shards = (0..self.layout.n)
            .map(|i| Shard {
                // At most MAX_PAYLOAD bytes, so the length fits.
                proof: Proof { len: payload.len() as u32, path: List::new(coded.tree.path(i)) },
                data: Blob(match i.checked_sub(full) {
                    None => payload.slice(i * shard_len..(i + 1) * shard_len),
                    Some(place) => shared.slice(place * shard_len..(place + 1) * shard_len),
                }),
            })
            .collect();
        Ok(Encoded {
            commitment: self.seal(payload.len(), &coded.tree.root()),
            shards,
            body: Body::from_bytes(payload),
        })
    }

    /// The commitment of a payload, to check one that somebody else supplied against a known commitment.
    pub fn commit(&self, payload: &Body) -> Result<Digest, CodecError> {
        let whole = payload.to_bytes();
        let coded = self.code_payload(&whole, false)?;
        Ok(self.seal(whole.len(), &coded.tree.root()))
    }

    /// Whether `shard` is the one that `commitment` holds for node `index`; if so, the hash that was computed.
    ///
    /// Refuses any other length of proof or data than the only valid one before it hashes anything.
    pub fn verify(&self, commitment: &Digest, index: NodeIndex, shard: &Shard) -> Option<LeafHash> {
        let len = self.plausible_len(index, shard)?;
        let (n, index) = (self.layout.n, index.as_usize());
        let leaf = merkle::leaf(&shard.data);
        let root = |index| merkle::root_from(n, index, leaf, &shard.proof.path);
        let proves = |index| root(index).is_some_and(|root| self.seal(len, &root) == *commitment);
        (proves(index) || planted("coding-index-unbound") && (0..n).any(proves)).then_some(LeafHash(leaf))
    }

    /// Whether `shard` has the only form that a shard of node `index` can have: the right lengths of proof and data, and
    /// no payload beyond the limit. Hashes nothing, so it says nothing about the content; it bounds what is kept.
    pub fn is_plausible(&self, index: NodeIndex, shard: &Shard) -> bool {
        self.plausible_len(index, shard).is_some()
    }

    /// Rebuilds the payload from shards of different nodes, and checks that it is the one that was committed to.
    ///
    /// Everything is computed from exactly k shards, those of the lowest indices (so data shards come first); all n
    /// leaves are compared by way of the commitment, and the padding must be zero. A leaf hash that
    /// [`verify`](Self::verify) returned *for this shard* saves computing it again; a further shard helps only if its
    /// leaf hash is given.
    pub fn decode(&self, commitment: &Digest, shards: &[(NodeIndex, &Shard, Option<LeafHash>)]) -> Decoded {
        let mut offered: Vec<Option<(&Shard, Option<LeafHash>)>> = vec![None; self.layout.n];
        for (index, shard, leaf) in shards {
            if let Some(place @ None) = offered.get_mut(index.as_usize()) {
                *place = Some((shard, *leaf));
            }
        }
        let Some(len) = (0u16..)
            .zip(&offered)
            .find_map(|(i, place)| place.map(|(shard, _)| self.plausible_len(NodeIndex(i), shard)))
        else {
            return Decoded::TooFew;
        };
        let mut chosen: Vec<&Shard> = Vec::with_capacity(self.layout.k);
        let mut alike = true;
        let mut places = vec![Place::Missing; self.layout.n];
        for (i, (place, offered)) in (0u16..).zip(places.iter_mut().zip(&offered)) {
            let Some((shard, leaf)) = offered else { continue };
            let leaf = leaf.map(|leaf| leaf.0);
            let fits = self.plausible_len(NodeIndex(i), shard) == len;
            if chosen.len() < self.layout.k {
                alike &= fits;
                chosen.push(shard);
                *place = Place::Given { data: &shard.data, leaf };
            } else if let Some(leaf) = leaf.filter(|_| fits) {
                *place = Place::Known { data: &shard.data, leaf };
            }
        }
        match len {
            _ if chosen.len() < self.layout.k => Decoded::TooFew,
            Some(len) if alike => {
                self.rebuild(commitment, len, &places, &chosen).map_or(Decoded::Mismatch, Decoded::Match)
            }
            _ => Decoded::Mismatch,
        }
    }

    /// From exactly k given shards of the right length. `chosen` are the same shards in the same order.
    fn rebuild(&self, commitment: &Digest, len: usize, places: &[Place<'_>], chosen: &[&Shard]) -> Option<Body> {
        let shard_len = self.shard_len(len);
        let data = places.iter().take(self.layout.k).map(|place| matches!(place, Place::Given { .. }));
        let mut rebuilt = vec![0; data.clone().filter(|given| !given).count() * shard_len];
        // Cannot fail: there are k given shards, all of one length that is not zero.
        let leaves = self.code.complete(shard_len, places, &mut rebuilt, None).ok()??;
        if self.seal(len, &Tree::new(leaves).root()) != *commitment && !check_is_skipped(places) {
            return None;
        }
        let (mut rebuilt, mut given) = (Bytes::from(rebuilt), chosen.iter());
        let mut pieces = Vec::with_capacity(self.layout.k);
        for (i, was_given) in data.enumerate() {
            let whole = if was_given { given.next()?.data.0.clone() } else { rebuilt.split_to(shard_len) };
            let filled = len.saturating_sub(i * shard_len).min(shard_len);
            if whole.iter().skip(filled).any(|&byte| byte != 0) && !planted("coding-padding-unchecked") {
                return None;
            }
            pieces.push(whole.slice(..filled));
        }
        Some(Body::from_pieces(pieces))
    }

    /// Codes a whole payload. The buffer holds the padded data shards and, if it is to be kept, the parity.
    fn code_payload(&self, payload: &[u8], keep_parity: bool) -> Result<Coded, CodecError> {
        if payload.len() > self.max_payload {
            return Err(CodecError::PayloadTooLarge { len: payload.len(), max: self.max_payload });
        }
        let Layout { n, k } = self.layout;
        let shard_len = self.shard_len(payload.len());
        let (full, padded) = payload.split_at(payload.len() / shard_len * shard_len);
        let padded_shards = k - full.len() / shard_len;
        let parity_shards = if keep_parity { n - k } else { 0 };
        let mut buffer = vec![0; (padded_shards + parity_shards) * shard_len];
        let (tail, parity) = buffer.split_at_mut(padded_shards * shard_len);
        tail[..padded.len()].copy_from_slice(padded);
        let data = full.chunks_exact(shard_len).chain(tail.chunks_exact(shard_len));
        let mut places: Vec<_> = data.map(|data| Place::Given { data, leaf: None }).collect();
        places.resize(n, Place::Missing);
        let leaves = self
            .code
            .complete(shard_len, &places, &mut [], keep_parity.then_some(parity))
            .map_err(|error| CodecError::Code(error.to_string()))?
            .unwrap_or_default();
        Ok(Coded { tree: Tree::new(leaves), buffer })
    }

    /// The payload's length that a shard claims, if the shard has the only form that goes with it.
    fn plausible_len(&self, index: NodeIndex, shard: &Shard) -> Option<usize> {
        let (n, index) = (self.layout.n, index.as_usize());
        let len = usize::try_from(shard.proof.len).ok()?;
        let right = index < n
            && (len <= self.max_payload || planted("coding-no-limit"))
            && (shard.data.len() == self.shard_len(len) || planted("coding-any-shard-length"))
            && shard.proof.path.len() == merkle::path_len(n, index);
        right.then_some(len)
    }

    fn seal(&self, len: usize, root: &Digest) -> Digest {
        let Layout { n, k } = self.layout;
        let mut bytes = [0; 48];
        let numbers = [n, k, self.shard_len(len), if planted("coding-length-unbound") { 0 } else { len }];
        for (place, number) in bytes.chunks_exact_mut(4).zip(numbers) {
            // At most MAX_PAYLOAD and one unit, so the number fits.
            place.copy_from_slice(&(number as u32).to_be_bytes());
        }
        bytes[16..].copy_from_slice(&root.0);
        ROOT.digest(&bytes)
    }
}

/// The planted decoders that do without the check of the commitment: always, or where the shards used were verified.
fn check_is_skipped(places: &[Place<'_>]) -> bool {
    let unverified = |place: &Place<'_>| matches!(place, Place::Given { leaf: None, .. });
    planted("coding-no-check") || planted("coding-verified-unchecked") && !places.iter().any(unverified)
}

/// A coded payload: the tree, and the shards that are not slices of the payload.
struct Coded {
    tree: Tree,
    buffer: Vec<u8>,
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Codec({:?}, at most {} bytes)", self.committee, self.max_payload)
    }
}

/// The accelerated code is compiled for machines from Haswell on, whatever the machine at hand.
fn check_instructions() -> Result<(), CodecError> {
    #[cfg(all(feature = "simd", target_arch = "x86_64", not(target_env = "msvc")))]
    if !(std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("bmi1")
        && std::is_x86_feature_detected!("bmi2")
        && std::is_x86_feature_detected!("fma")
        && std::is_x86_feature_detected!("lzcnt")
        && std::is_x86_feature_detected!("movbe"))
    {
        return Err(CodecError::MissingInstructions);
    }
    Ok(())
}
