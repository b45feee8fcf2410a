//! Identities of nodes: Ed25519 under the rules of ZIP 215.
//!
//! The rules matter: under them single and batch verification agree on every input, so a certificate that one node
//! accepts is accepted by every node, however each of them checks it.

use std::fmt;

use bincode::{Decode, Encode};
use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_zebra::{SigningKey, VerificationKey, VerificationKeyBytes, batch};
use mellivora_core::hash::HashKey;
use rand::{CryptoRng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

const BATCH: HashKey = HashKey::new("mellivora/v1 signature batch");

/// An Ed25519 signature (64 bytes).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// The secret identity of a node. Overwritten when dropped; its `Debug` output shows nothing.
pub struct Identity {
    // The crate's key is a plain copyable value that does not clean up after itself.
    secret: Zeroizing<SigningKey>,
    public: IdentityKey,
}

impl Identity {
    /// A fresh identity.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(secret.as_mut());
        Self::from_bytes(&secret)
    }

    /// The identity with this secret, which may be any 32 bytes (RFC 8032, section 5.1.5).
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        let secret = Zeroizing::new(SigningKey::from_bytes(secret));
        let public = IdentityKey(VerificationKey::from(&*secret));
        Identity { secret, public }
    }

    /// The secret bytes, for the key file.
    pub(crate) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.secret.as_bytes())
    }

    /// The public half.
    pub fn key(&self) -> IdentityKey {
        self.public
    }

    /// Signs a message. Deterministic.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.secret.sign(message).to_bytes())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("key", &self.public).finish_non_exhaustive()
    }
}

/// The public identity of a node, ready for verification.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentityKey(VerificationKey);

impl IdentityKey {
    /// From the encoding; `None` unless it is the canonical encoding of a point of prime order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let point = CompressedEdwardsY(*bytes).decompress()?;
        let sound = point.compress().0 == *bytes && point.is_torsion_free() && !point.is_small_order();
        if !sound {
            return None;
        }
        VerificationKey::try_from(*bytes).ok().map(IdentityKey)
    }

    /// The encoding.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.into()
    }

    /// Whether `signature` is one of this node on `message`.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify(&signature.0.into(), message).is_ok()
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.to_bytes();
        write!(f, "IdentityKey({:02x}{:02x}{:02x}{:02x}..)", bytes[0], bytes[1], bytes[2], bytes[3])
    }
}

/// Whether all signatures are valid, at about half the cost of one by one. True for none.
///
/// `secret` is any value that those who made the signatures do not know, usually the salt of the process. The weights
/// of the batch are derived from it and from all of the batch, so the function is deterministic. A batch with an
/// invalid signature passes with a chance of 2^-128.
pub fn verify_batch<'a>(
    secret: &[u8; 32],
    items: impl IntoIterator<Item = (&'a IdentityKey, &'a [u8], &'a Signature)>,
) -> bool {
    let mut verifier = batch::Verifier::new();
    let mut hasher = BATCH.hasher();
    hasher.update(secret);
    let mut single = None;
    let mut count = 0usize;
    for (key, message, signature) in items {
        let bytes = key.to_bytes();
        hasher.update(&bytes);
        hasher.update(&signature.0);
        hasher.update(&(message.len() as u64).to_le_bytes());
        hasher.update(message);
        verifier.queue((VerificationKeyBytes::from(bytes), signature.0.into(), message));
        single = Some((key, message, signature));
        count += 1;
    }
    match single {
        None => true,
        // The key is at hand decoded, which the batch would do again.
        Some((key, message, signature)) if count == 1 => key.verify(message, signature),
        Some(_) => verifier.verify(ChaCha20Rng::from_seed(*hasher.finalize().as_bytes())).is_ok(),
    }
}
