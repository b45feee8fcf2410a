//! Labelled threshold encryption: what a suite offers to the atomic broadcast.
//!
//! A suite is a *key encapsulation* that carries a 32-byte seed; all randomness of the encapsulation is derived from
//! the seed, so that whoever learns the seed can recompute the encapsulation and *check* an opening. The payload is
//! sealed with AES-256-GCM under a key derived from the seed and the label.
//!
//! A ciphertext is `header | sealed`: a header of [`EncryptionScheme::header_bytes`] bytes, then the payload and its
//! 16-byte tag.

use std::fmt;

use bincode::{Decode, Encode};
use mellivora_core::codec::{self, DecodeError, Decoder, EncodeError, Encoder, Frame, Reader, Writer};
use mellivora_core::{Digest, NodeIndex};

/// The secret that an encapsulation carries. Equal at all nodes once a slot is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Seed(pub [u8; 32]);

macro_rules! small_bytes {
    ($(#[$meta:meta])* $name:ident, $max:literal, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name { len: u8, bytes: [u8; $max] }

        impl $name {
            /// The largest of any suite, in bytes.
            pub const MAX_BYTES: usize = $max;

            /// From bytes; `None` when there are more than any suite uses.
            pub fn from_bytes(from: &[u8]) -> Option<Self> {
                let mut bytes = [0; $max];
                bytes.get_mut(..from.len())?.copy_from_slice(from);
                Some($name { len: from.len() as u8, bytes })
            }

            /// Of a suite's fixed size, which is checked when compiled.
            pub(crate) fn of<const N: usize>(from: [u8; N]) -> Self {
                const { assert!(N <= $max) };
                let mut bytes = [0; $max];
                bytes[..N].copy_from_slice(&from);
                $name { len: N as u8, bytes }
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8] {
                self.bytes.get(..usize::from(self.len)).unwrap_or_default()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($what, " of {} bytes"), self.len)
            }
        }

        impl Encode for $name {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                encoder.writer().write(&[self.len])?;
                encoder.writer().write(self.as_bytes())
            }
        }

        impl Decode<Frame> for $name {
            fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
                let len = codec::read_tag(decoder)?;
                let mut bytes = [0; $max];
                let Some(target) = bytes.get_mut(..usize::from(len)) else {
                    return Err(DecodeError::Other(concat!("a ", $what, " longer than any suite's")));
                };
                decoder.reader().read(target)?;
                Ok($name { len, bytes })
            }
        }

        mellivora_core::borrow_decode!($name);
    };
}

small_bytes!(
    /// One node's decryption share of one ciphertext: opaque bytes, not known to be valid.
    DecryptionShare, 64, "decryption share"
);
small_bytes!(
    /// Proof that a decryption share is right, for suites whose shares do not prove themselves.
    DecryptionProof, 128, "decryption proof"
);

/// Labelled threshold encryption with one node's key share in it. f + 1 shares open a ciphertext; f give nothing.
///
/// A label is the digest of the domain with era, epoch and proposer. Nothing here panics, whatever the bytes hold.
pub trait EncryptionScheme: Send + Sync + fmt::Debug {
    /// Length of a header in bytes; the sealed part follows it.
    fn header_bytes(&self) -> usize;

    /// Seals a payload in place and returns the header and the digest of the sealed part. `payload` ends with
    /// [`TAG_BYTES`](crate::TAG_BYTES) bytes of room for the tag. Deterministic.
    ///
    /// The seed must be unpredictable, and of its own for each pair of label and payload: two payloads sealed with one
    /// seed under one label share key and nonce of the cipher and are as good as public.
    fn seal_in_place(&self, label: &Digest, seed: &Seed, payload: &mut [u8]) -> (Vec<u8>, Digest);

    /// Like [`seal_in_place`](Self::seal_in_place), for a payload without room: it grows by the tag. Returns the header.
    fn seal(&self, label: &Digest, seed: &Seed, payload: &mut Vec<u8>) -> Vec<u8> {
        payload.resize(payload.len() + crate::TAG_BYTES, 0);
        self.seal_in_place(label, seed, payload).0
    }

    /// Whether a header is a valid encapsulation for `label` and a sealed part with this digest (see
    /// [`sealed_digest`](crate::sealed_digest)). To be checked before any share of it is released.
    fn check(&self, label: &Digest, header: &[u8], sealed: &Digest) -> bool;

    /// This node's share for a *checked* header. `None` only for a header that does not check.
    fn share(&self, header: &[u8]) -> Option<DecryptionShare>;

    /// Proof of this node's share; `None` when shares prove themselves.
    fn prove(&self, label: &Digest, header: &[u8], sealed: &Digest) -> Option<DecryptionProof>;

    /// Whether shares prove themselves, so that [`verify`](Self::verify) needs no proof.
    fn self_proving(&self) -> bool;

    /// Whether `share` is the right share of `from` for a checked header.
    fn verify(
        &self,
        label: &Digest,
        header: &[u8],
        sealed: &Digest,
        from: NodeIndex,
        share: &DecryptionShare,
        proof: Option<&DecryptionProof>,
    ) -> bool;

    /// Combines exactly f + 1 shares, verified or not, and returns the seed *only if* re-encryption under it gives
    /// this very header. `None`: some share is wrong, or the header was made with a seed that does not match.
    fn combine(&self, label: &Digest, header: &[u8], shares: &[(NodeIndex, DecryptionShare)]) -> Option<Seed>;

    /// Whether re-encryption under `seed` gives this header, which was checked: the test of a seed that somebody else
    /// supplies. At most one seed passes.
    fn matches(&self, label: &Digest, header: &[u8], seed: &Seed) -> bool;

    /// Opens the sealed part in place under a seed that [`combine`](Self::combine) returned or
    /// [`matches`](Self::matches) approved. `None` when the payload does not authenticate, which is then the same at
    /// every node.
    fn unseal(&self, label: &Digest, header: &[u8], seed: &Seed, sealed: Vec<u8>) -> Option<Vec<u8>>;

    /// Whether `share` is the right share of `from`, judged by the seed that the header was opened with. Suites whose
    /// shares prove themselves have no need of it and say yes.
    fn judge(&self, label: &Digest, header: &[u8], seed: &Seed, from: NodeIndex, share: &DecryptionShare) -> bool {
        let _ = (label, header, seed, from, share);
        true
    }
}
