//! Identities of nodes: Ed25519 under the rules of ZIP 215.
//!
//! The rules matter: under them single and batch verification agree on every input, so a certificate that one node
//! accepts is accepted by every node, however each of them checks it.

use std::fmt;

use bincode::{Decode, Encode};
use std::collections::BTreeMap;
use std::iter::once;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_zebra::{SigningKey, VerificationKey};
use mellivora_core::hash::HashKey;
use rand::CryptoRng;
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

const BATCH: HashKey = HashKey::new("mellivora/v1 signature batch");

/// An Ed25519 signature (64 bytes).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Signature(pub [u8; 64]);

impl Signature {
    /// The encoded commitment R, and the scalar s.
    fn halves(&self) -> ([u8; 32], [u8; 32]) {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&self.0[..32]);
        s.copy_from_slice(&self.0[32..]);
        (r, s)
    }
}

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
        let public = IdentityKey::of(VerificationKey::from(&*secret));
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
#[derive(Clone, Copy)]
pub struct IdentityKey {
    key: VerificationKey,
    /// The same, decoded, which takes as long as a quarter of a check: for batches.
    point: EdwardsPoint,
}

impl PartialEq for IdentityKey {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for IdentityKey {}

impl IdentityKey {
    fn of(key: VerificationKey) -> Self {
        // A key of this type is the encoding of a point; the identity would verify nothing that anybody signs.
        let point = CompressedEdwardsY(key.into()).decompress().unwrap_or_default();
        IdentityKey { key, point }
    }

    /// From the encoding; `None` unless it is the canonical encoding of a point of prime order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let point = CompressedEdwardsY(*bytes).decompress()?;
        let sound = point.compress().0 == *bytes && point.is_torsion_free() && !point.is_small_order();
        if !sound {
            return None;
        }
        VerificationKey::try_from(*bytes).ok().map(|key| IdentityKey { key, point })
    }

    /// The encoding.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.into()
    }

    /// Whether `signature` is one of this node on `message`.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        self.key.verify(&signature.0.into(), message).is_ok()
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.to_bytes();
        write!(f, "IdentityKey({:02x}{:02x}{:02x}{:02x}..)", bytes[0], bytes[1], bytes[2], bytes[3])
    }
}

/// Whether all signatures are valid, at a third of the cost of one by one. True for none.
///
/// `secret` is any value that those who made the signatures do not know, usually the salt of the process. The weights
/// of the batch are derived from it and from all of the batch, so the function is deterministic. A batch with an
/// invalid signature passes with a chance of 2^-128.
///
/// With keys A, signatures (R, s), k = SHA-512(R | A | message) and a weight z for each, the batch is valid if
/// 8 (sum z R + sum z k A - (sum z s) B) = 0: the cofactored equation of ZIP 215, added up. What is decoded is what the check
/// of a single signature decodes (any encoding of R, the canonical one of s), so both agree on every input.
pub fn verify_batch<'a>(
    secret: &[u8; 32],
    items: impl IntoIterator<Item = (&'a IdentityKey, &'a [u8], &'a Signature)>,
) -> bool {
    let items: Vec<_> = items.into_iter().collect();
    match items.as_slice() {
        [] => return true,
        [(key, message, signature)] => return key.verify(message, signature),
        _ => {}
    }
    let mut hasher = BATCH.hasher();
    hasher.update(secret);
    let mut hashes = Vec::with_capacity(items.len());
    for (key, message, signature) in &items {
        let (r, _) = signature.halves();
        let hash = Sha512::new().chain_update(r).chain_update(key.to_bytes()).chain_update(message);
        let k = Scalar::from_hash(hash);
        hasher.update(k.as_bytes());
        hasher.update(&signature.0);
        hashes.push(k);
    }
    let mut weights = hasher.finalize_xof();
    let mut base = Scalar::ZERO;
    // Coefficients and points of the keys, one for each however often it has signed; then those of the commitments.
    let mut keys: BTreeMap<[u8; 32], (Scalar, EdwardsPoint)> = BTreeMap::new();
    let (mut scalars, mut points) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
    for ((key, _, signature), k) in items.iter().zip(hashes) {
        let (r, s) = signature.halves();
        let Some(commitment) = CompressedEdwardsY(r).decompress() else { return false };
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else { return false };
        let mut weight = [0; 16];
        weights.fill(&mut weight);
        let weight = Scalar::from(u128::from_le_bytes(weight));
        base -= weight * s;
        keys.entry(key.to_bytes()).or_insert((Scalar::ZERO, key.point)).0 += weight * k;
        scalars.push(weight);
        points.push(commitment);
    }
    let sum = EdwardsPoint::vartime_multiscalar_mul(
        once(&base).chain(keys.values().map(|(scalar, _)| scalar)).chain(&scalars),
        once(&ED25519_BASEPOINT_POINT).chain(keys.values().map(|(_, point)| point)).chain(&points),
    );
    sum.mul_by_cofactor().is_identity()
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A signature with a commitment that carries an element of small order, which a lax signer may make.
    fn sign_off_the_subgroup(seed: &[u8; 32], message: &[u8], torsion: usize) -> Signature {
        let expanded = Sha512::digest(seed);
        let mut secret = [0; 32];
        secret.copy_from_slice(&expanded[..32]);
        let secret = Scalar::from_bytes_mod_order(curve25519_dalek::scalar::clamp_integer(secret));
        let nonce = Scalar::from_hash(Sha512::new().chain_update(seed).chain_update(message));
        let r = (EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[torsion]).compress();
        let key = Identity::from_bytes(seed).key().to_bytes();
        let k = Scalar::from_hash(Sha512::new().chain_update(r.0).chain_update(key).chain_update(message));
        let mut signature = Signature([0; 64]);
        signature.0[..32].copy_from_slice(&r.0);
        signature.0[32..].copy_from_slice((nonce + k * secret).as_bytes());
        signature
    }

    #[test]
    fn single_and_batch_accept_the_same_signatures() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let seeds: Vec<[u8; 32]> = (0..5).map(|_| rng.random()).collect();
        let keys: Vec<IdentityKey> = seeds.iter().map(|seed| Identity::from_bytes(seed).key()).collect();
        let (mut accepted, mut refused) = (0, 0);
        for round in 0..400 {
            let count = rng.random_range(2..12);
            let mut items: Vec<(usize, [u8; 8], Signature)> = Vec::new();
            for _ in 0..count {
                let (signer, message): (usize, [u8; 8]) = (rng.random_range(0..keys.len()), rng.random());
                items.push((signer, message, sign_off_the_subgroup(&seeds[signer], &message, rng.random_range(0..8))));
            }
            if round % 2 == 1 {
                let (_, message, signature) = items.last_mut().unwrap();
                match rng.random_range(0..5) {
                    0 => message[0] ^= 1,
                    1 => signature.0[rng.random_range(0..64)] ^= 1 << rng.random_range(0..8),
                    // s + l, which is the same scalar in another encoding.
                    2 => {
                        const L: [u8; 32] = [
                            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
                            0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
                        ];
                        let mut carry = 0u16;
                        for (byte, add) in signature.0[32..].iter_mut().zip(L) {
                            let sum = u16::from(*byte) + u16::from(add) + carry;
                            (*byte, carry) = (sum as u8, sum >> 8);
                        }
                    }
                    3 => signature.0[..32].copy_from_slice(&EIGHT_TORSION[rng.random_range(0..8)].compress().0),
                    // No point at all.
                    _ => signature.0[..32].copy_from_slice(&[2; 32]),
                }
            }
            let single = items.iter().all(|(signer, message, signature)| keys[*signer].verify(message, signature));
            let batch = items.iter().map(|(signer, message, signature)| (&keys[*signer], &message[..], signature));
            assert_eq!(verify_batch(&[7; 32], batch), single, "round {round}");
            accepted += u32::from(single);
            refused += u32::from(!single);
        }
        assert!(accepted == 200 && refused == 200, "{accepted} accepted, {refused} refused");
    }
}
