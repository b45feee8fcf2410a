//! TDH2 over ristretto255: labelled threshold encryption, secure against chosen ciphertexts.
//!
//! ```text
//! Y = xG the group key; Gb a second base of unknown logarithm; L the label
//! seal     seed random; r = H_r(L, seed); u = rG, ub = r Gb, V = rY; c = seed xor H_k(L, u, V)
//!          sealed = AES-256-GCM(key H_e(L, seed), nonce 0, aad L | u | ub | c)
//!          s nonce; w = sG, wb = s Gb; e = H_4(L, c, H(sealed), u, ub, w, wb); z = s + r e
//! header   u | ub | w | wb | z | c                                     192 bytes
//! check    canonical; u and ub not the identity; zG = w + e u; z Gb = wb + e ub
//! share    s_i = x_i u                                                 32 bytes
//! proof    that log_u s_i = log_G Y_i, bound to label, header and H(sealed)     96 bytes, made on demand
//! combine  V = sum of lambda_i s_i; seed = c xor H_k(L, u, V); r = H_r(L, seed); accept only if rG = u and rY = V
//! ```
//!
//! **Guarantee.** A checked header belongs to its label and payload and cannot be transplanted or mauled; before f + 1
//! shares are out, nothing is known about the payload (computational Diffie-Hellman, random oracle, static
//! corruption). At most one seed fits a header: u fixes r, which fixes V and with it the seed. A seed is returned only if
//! it fits, so two sets of shares, however many of them are wrong, never open a ciphertext to different seeds.
//!
//! **Why the seed.** An authenticated payload does not show that an opening is right. A Byzantine proposer, together
//! with one decryptor whose share is shifted, could make the payload authentic for some sets of shares and not for
//! others. Recomputing the encapsulation from the seed shows it, for two multiplications.
//!
//! **Deviations from the paper.** The payload is sealed under a key derived from a seed instead of being masked itself,
//! and r derives from the seed. The nonce s derives from the seed too, together with all that e covers, so a ciphertext
//! is a function of (label, seed, payload).
//!
//! Shoup, Gennaro: "Securing Threshold Cryptosystems against Chosen Ciphertext Attack" (2002), section 4.

use std::fmt;
use std::sync::Arc;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimePrecomputedMultiscalarMul};
use mellivora_core::{Digest, NodeIndex, NodeSet, hash::HashKey, planted};
use zeroize::Zeroizing;

use super::dleq::{self, Claim, Context, Element, Proof};
use super::{EncryptionKeySet, field, hash_to_scalar, interpolate, nontrivial_point, point, scalar};
use crate::local::{LocalSecret, SecretBytes, Weights};
use crate::{DecryptionProof, DecryptionShare, EncryptionScheme, Seed, kem, sealed_digest};

const RANDOMNESS: HashKey = HashKey::new("mellivora/v1 tdh2 r");
const PAD: HashKey = HashKey::new("mellivora/v1 tdh2 pad");
const NONCE: HashKey = HashKey::new("mellivora/v1 tdh2 s");
const CHALLENGE: HashKey = HashKey::new("mellivora/v1 tdh2 challenge");
const CIPHERTEXT: HashKey = HashKey::new("mellivora/v1 tdh2 ciphertext");

/// The encryption with one node's share in it.
pub(crate) struct Encryption {
    keys: Arc<EncryptionKeySet>,
    node: NodeIndex,
    secret: Zeroizing<Scalar>,
    local: LocalSecret,
}

/// A header, cut into its fields and not yet looked at.
struct Header {
    u: [u8; 32],
    ub: [u8; 32],
    w: [u8; 32],
    wb: [u8; 32],
    z: [u8; 32],
    c: [u8; 32],
}

impl Header {
    const BYTES: usize = 6 * 32;

    fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let part = |i: usize| field(bytes, 32 * i);
        Some(Header { u: part(0)?, ub: part(1)?, w: part(2)?, wb: part(3)?, z: part(4)?, c: part(5)? })
    }

    fn to_vec(&self) -> Vec<u8> {
        [self.u, self.ub, self.w, self.wb, self.z, self.c].concat()
    }

    /// What the payload is sealed under, besides the label.
    fn bound(&self) -> [&[u8]; 3] {
        [&self.u, &self.ub, &self.c]
    }

    fn challenge(&self, label: &Digest, sealed: &Digest) -> Scalar {
        let label = if planted("enc-label-unbound") { sealed } else { label };
        let sealed = if planted("enc-payload-unbound") { label } else { sealed };
        let mut hasher = CHALLENGE.hasher();
        for part in [&label.0, &self.c, &sealed.0, &self.u, &self.ub, &self.w, &self.wb] {
            hasher.update(part);
        }
        hash_to_scalar(&hasher)
    }
}

/// r = H_r(L, seed).
pub(super) fn randomness(label: &Digest, seed: &Seed) -> Zeroizing<Scalar> {
    Zeroizing::new(hash_to_scalar(&kem::seeded(RANDOMNESS, label, seed)))
}

/// H_k(L, u, V).
fn pad(label: &Digest, u: &[u8; 32], v: &RistrettoPoint) -> blake3::Hasher {
    let mut hasher = PAD.hasher();
    hasher.update(label.as_ref());
    hasher.update(u);
    hasher.update(v.compress().as_bytes());
    hasher
}

/// What a decryption proof is bound to.
fn ciphertext(label: &Digest, header: &[u8], sealed: &Digest) -> Digest {
    CIPHERTEXT.digest_parts(&[label.as_ref(), header, sealed.as_ref()])
}

/// Seals a payload and proves that u and ub have the logarithm r. Whether r and V are the right ones for the seed is up
/// to the caller.
pub(super) fn encapsulate(
    keys: &EncryptionKeySet,
    label: &Digest,
    seed: &Seed,
    r: &Scalar,
    v: &RistrettoPoint,
    payload: &mut [u8],
) -> (Vec<u8>, Digest) {
    let u = RistrettoPoint::mul_base(r).compress().0;
    let ub = (&keys.second * r).compress().0;
    let c = kem::mask(&seed.0, &pad(label, &u, v));
    let mut header = Header { u, ub, w: [0; 32], wb: [0; 32], z: [0; 32], c };
    kem::seal(label, &header.bound(), seed, payload);
    let sealed = sealed_digest([&*payload]);
    let mut nonce = kem::seeded(NONCE, label, seed);
    nonce.update(sealed.as_ref());
    let s = Zeroizing::new(hash_to_scalar(&nonce));
    header.w = RistrettoPoint::mul_base(&s).compress().0;
    header.wb = (&keys.second * &*s).compress().0;
    header.z = (*s + r * header.challenge(label, &sealed)).to_bytes();
    (header.to_vec(), sealed)
}

impl Encryption {
    /// `None` if the secret is not the one behind the node's public share.
    pub(crate) fn new(
        keys: Arc<EncryptionKeySet>,
        node: NodeIndex,
        secret: &SecretBytes,
        local: LocalSecret,
    ) -> Option<Self> {
        let secret = keys.keys.secret(node, secret)?;
        Some(Encryption { keys, node, secret, local })
    }

    /// Whether the encapsulation under `seed` is the one of the header, given V = rY, or the V that was combined.
    fn fits(&self, label: &Digest, u: &[u8; 32], seed: &Seed) -> Option<RistrettoPoint> {
        let r = randomness(label, seed);
        (RistrettoPoint::mul_base(&r).compress().0 == *u).then(|| &self.keys.group * &*r)
    }
}

impl EncryptionScheme for Encryption {
    fn header_bytes(&self) -> usize {
        Header::BYTES
    }

    fn seal_in_place(&self, label: &Digest, seed: &Seed, payload: &mut [u8]) -> (Vec<u8>, Digest) {
        let r = randomness(label, seed);
        encapsulate(&self.keys, label, seed, &r, &(&self.keys.group * &*r), payload)
    }

    fn check(&self, label: &Digest, header: &[u8], sealed: &Digest) -> bool {
        let Some(parts) = Header::parse(header) else { return false };
        if planted("enc-header-unchecked") {
            return true;
        }
        let points = (nontrivial_point(parts.u), nontrivial_point(parts.ub), point(parts.w), point(parts.wb));
        let ((Some(u), Some(ub), Some(w), Some(wb)), Some(z)) = (points, scalar(parts.z)) else { return false };
        let e = parts.challenge(label, sealed);
        // Both equations at once, the second one weighted.
        let mut hasher = self.local.weights();
        hasher.update(ciphertext(label, header, sealed).as_ref());
        let weight = Scalar::from(u128::from_le_bytes(Weights::new(&hasher).draw()));
        self.keys
            .bases
            .vartime_mixed_multiscalar_mul([z, weight * z], [-e, -(weight * e), -Scalar::ONE, -weight], [u, ub, w, wb])
            .is_identity()
    }

    fn share(&self, header: &[u8]) -> Option<DecryptionShare> {
        let u = nontrivial_point(Header::parse(header)?.u)?;
        Some(DecryptionShare::of((u * *self.secret).compress().0))
    }

    fn prove(&self, label: &Digest, header: &[u8], sealed: &Digest) -> Option<DecryptionProof> {
        let bytes = Header::parse(header)?.u;
        let base = Element { point: nontrivial_point(bytes)?, bytes };
        let share = (base.point * *self.secret).compress().0;
        let digest = ciphertext(label, header, sealed);
        let context = Context { keys: &self.keys.keys, digest: &digest, base: &base };
        let proof = dleq::prove(&context, self.node, &self.secret, &share, &self.local)?;
        Some(DecryptionProof::of(proof.to_bytes()))
    }

    fn self_proving(&self) -> bool {
        false
    }

    fn verify(
        &self,
        label: &Digest,
        header: &[u8],
        sealed: &Digest,
        from: NodeIndex,
        share: &DecryptionShare,
        proof: Option<&DecryptionProof>,
    ) -> bool {
        let base = Header::parse(header).and_then(|h| Some(Element { point: nontrivial_point(h.u)?, bytes: h.u }));
        let share = <[u8; 32]>::try_from(share.as_bytes()).ok().and_then(Element::decode);
        let proof = proof.and_then(|proof| Proof::from_bytes(proof.as_bytes()));
        let (Some(base), Some(share), Some(proof)) = (base, share, proof) else { return false };
        let digest = ciphertext(label, header, sealed);
        let context = Context { keys: &self.keys.keys, digest: &digest, base: &base };
        planted("enc-proof-unchecked") || dleq::verify(&context, &Claim { node: from, share, proof })
    }

    fn combine(&self, label: &Digest, header: &[u8], shares: &[(NodeIndex, DecryptionShare)]) -> Option<Seed> {
        let header = Header::parse(header)?;
        let committee = self.keys.keys.committee;
        let nodes: Vec<NodeIndex> = shares.iter().map(|(node, _)| *node).collect();
        let distinct: NodeSet = nodes.iter().copied().filter(|node| committee.contains(*node)).collect();
        if shares.len() != committee.one_honest() || distinct.len() != shares.len() {
            return None;
        }
        let elements: Option<Vec<RistrettoPoint>> =
            shares.iter().map(|(_, share)| point(share.as_bytes().try_into().ok()?)).collect();
        let v = interpolate(&nodes, &elements?);
        let seed = Seed(kem::mask(&header.c, &pad(label, &header.u, &v)));
        if planted("enc-no-reencryption") {
            return Some(seed);
        }
        (self.fits(label, &header.u, &seed)? == v || planted("enc-element-uncompared")).then_some(seed)
    }

    fn matches(&self, label: &Digest, header: &[u8], seed: &Seed) -> bool {
        let Some(header) = Header::parse(header) else { return false };
        let v = self.fits(label, &header.u, seed);
        v.is_some_and(|v| kem::mask(&header.c, &pad(label, &header.u, &v)) == seed.0)
    }

    fn unseal(&self, label: &Digest, header: &[u8], seed: &Seed, sealed: Vec<u8>) -> Option<Vec<u8>> {
        kem::open(label, &Header::parse(header)?.bound(), seed, sealed)
    }

    fn judge(&self, label: &Digest, _header: &[u8], seed: &Seed, from: NodeIndex, share: &DecryptionShare) -> bool {
        // x_i u = x_i r G = r Y_i: whoever knows r knows every right share.
        let key = self.keys.keys.shares.get(from.as_usize() + usize::from(planted("enc-judges-by-another-key")));
        key.is_some_and(|key| (key * *randomness(label, seed)).compress().as_bytes() == share.as_bytes())
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encryption(ristretto255, node {})", self.node)
    }
}
