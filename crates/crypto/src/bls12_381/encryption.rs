//! The threshold encryption of Baek and Zheng over BLS12-381, labelled, with a seed as its content.
//!
//! ```text
//! Y1 = xP1, Y2 = xP2 the group key; Y2_i = x_i P2; L the label
//! seal     seed random; r = H_r(L, seed); U = rP1, V = rY1; c = seed xor H_k(L, U, V)
//!          sealed = AES-256-GCM(key H_e(L, seed), nonce 0, aad L | U | c); W = r H_G2(L, U, c, H(sealed))
//! header   U | W | c                                                          176 bytes
//! check    canonical, in the groups of prime order, not the identity; e(U, H_G2(..)) = e(P1, W)
//! share    D_i = x_i U                                                         48 bytes
//! verify   e(D_i, P2) = e(U, Y2_i): a share proves itself
//! combine  V = sum of lambda_i D_i; seed = c xor H_k(L, U, V); r = H_r(L, seed); accept only if rP1 = U and rY1 = V
//! ```
//!
//! **Guarantee.** That of the `tdh2` module, from the gap Diffie-Hellman assumption: a checked header belongs to its
//! label and payload, at most one seed fits it, and only a seed that fits is returned.
//!
//! **Deviations from the paper.** The whole tuple is hashed, label and sealed payload included; the content is a seed
//! from which r derives, so that an opening can be checked.
//!
//! Baek, Zheng: "Simple and Efficient Threshold Cryptosystem from the Gap Diffie-Hellman Group" (2003), section 4.

use std::fmt;
use std::sync::Arc;

use blstrs::{G1Affine, G2Affine, G2Projective};
use group::prime::PrimeCurveAffine;
use mellivora_core::{Digest, NodeIndex, NodeSet, hash::HashKey, planted};

use super::keys::matching_secret;
use super::{
    EncryptionKeySet, G1_BYTES, G2_BYTES, SecretScalar, g1, g1_unchecked, g2, hash_to_scalar, interpolate,
    pairings_agree, secret_scalar,
};
use crate::local::SecretBytes;
use crate::{DecryptionProof, DecryptionShare, EncryptionScheme, Seed, kem, sealed_digest};

const RANDOMNESS: HashKey = HashKey::new("mellivora/v1 bls kem r");
const PAD: HashKey = HashKey::new("mellivora/v1 bls kem pad");
const TAG: &[u8] = b"MELLIVORA-V1-KEM-BLS12381G2_XMD:SHA-256_SSWU_RO_";

/// The encryption with one node's share in it.
pub(crate) struct Encryption {
    keys: Arc<EncryptionKeySet>,
    node: NodeIndex,
    secret: SecretBytes,
}

/// A header, cut into its fields and not yet looked at.
struct Header<'a> {
    u: &'a [u8; G1_BYTES],
    w: &'a [u8; G2_BYTES],
    c: &'a [u8; 32],
}

impl<'a> Header<'a> {
    const BYTES: usize = G1_BYTES + G2_BYTES + 32;

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (u, rest) = bytes.split_first_chunk()?;
        let (w, rest) = rest.split_first_chunk()?;
        Some(Header { u, w, c: rest.try_into().ok()? })
    }

    fn bound(&self) -> [&[u8]; 2] {
        [self.u, self.c]
    }
}

/// r = H_r(L, seed).
fn randomness(label: &Digest, seed: &Seed) -> SecretScalar {
    SecretScalar(hash_to_scalar(&kem::seeded(RANDOMNESS, label, seed)))
}

/// H_k(L, U, V).
fn pad(label: &Digest, u: &[u8; G1_BYTES], v: &G1Affine) -> blake3::Hasher {
    let mut hasher = PAD.hasher();
    hasher.update(label.as_ref());
    hasher.update(u);
    hasher.update(&v.to_compressed());
    hasher
}

/// H_G2(L, U, c, H(sealed)).
fn tuple(label: &Digest, u: &[u8; G1_BYTES], c: &[u8; 32], sealed: &Digest) -> G2Projective {
    let message = [label.as_ref(), u, c, sealed.as_ref()].concat();
    G2Projective::hash_to_curve(&message, TAG, &[])
}

impl Encryption {
    /// `None` if the secret is not the one behind the node's public share.
    pub(crate) fn new(keys: Arc<EncryptionKeySet>, node: NodeIndex, secret: &SecretBytes) -> Option<Self> {
        let secret = matching_secret(&keys.shares, node, secret)?;
        Some(Encryption { keys, node, secret })
    }

    /// V = rY1 if the encapsulation under `seed` has this U.
    fn fits(&self, label: &Digest, u: &[u8; G1_BYTES], seed: &Seed) -> Option<G1Affine> {
        let r = randomness(label, seed);
        ((G1Affine::generator() * *r).to_compressed() == *u).then(|| (self.keys.group * *r).into())
    }
}

impl EncryptionScheme for Encryption {
    fn header_bytes(&self) -> usize {
        Header::BYTES
    }

    fn seal_in_place(&self, label: &Digest, seed: &Seed, payload: &mut [u8]) -> (Vec<u8>, Digest) {
        let r = randomness(label, seed);
        let u = (G1Affine::generator() * *r).to_compressed();
        let c = kem::mask(&seed.0, &pad(label, &u, &(self.keys.group * *r).into()));
        kem::seal(label, &[&u, &c], seed, payload);
        let sealed = sealed_digest([&*payload]);
        let w = (tuple(label, &u, &c, &sealed) * *r).to_compressed();
        ([u.as_slice(), &w, &c].concat(), sealed)
    }

    fn check(&self, label: &Digest, header: &[u8], sealed: &Digest) -> bool {
        let Some(header) = Header::parse(header) else { return false };
        let (Some(u), Some(w)) = (g1(header.u), g2(header.w)) else { return false };
        let base: G2Affine = tuple(label, header.u, header.c, sealed).into();
        pairings_agree(&u, &base, &G1Affine::generator(), &w)
    }

    fn share(&self, header: &[u8]) -> Option<DecryptionShare> {
        // Membership matters: a point of small order would give away the key modulo that order.
        let u = g1(Header::parse(header)?.u)?;
        Some(DecryptionShare::of((u * *secret_scalar(&self.secret)?).to_compressed()))
    }

    fn prove(&self, _label: &Digest, _header: &[u8], _sealed: &Digest) -> Option<DecryptionProof> {
        None
    }

    fn self_proving(&self) -> bool {
        true
    }

    fn verify(
        &self,
        _label: &Digest,
        header: &[u8],
        _sealed: &Digest,
        from: NodeIndex,
        share: &DecryptionShare,
        _proof: Option<&DecryptionProof>,
    ) -> bool {
        let u = Header::parse(header).and_then(|header| g1(header.u));
        let parts = (u, g1(share.as_bytes()), self.keys.shares.get(from.as_usize()));
        let (Some(u), Some(share), Some(key)) = parts else { return false };
        planted("enc-share-unchecked") || pairings_agree(&share, &G2Affine::generator(), &u, key)
    }

    fn combine(&self, label: &Digest, header: &[u8], shares: &[(NodeIndex, DecryptionShare)]) -> Option<Seed> {
        let header = Header::parse(header)?;
        let committee = self.keys.committee;
        let nodes: Vec<NodeIndex> = shares.iter().map(|(node, _)| *node).collect();
        let distinct: NodeSet = nodes.iter().copied().filter(|node| committee.contains(*node)).collect();
        if shares.len() != committee.one_honest() || distinct.len() != shares.len() {
            return None;
        }
        // Membership of the shares shows in the comparison with rY1, which is a member.
        let elements: Option<Vec<G1Affine>> = shares.iter().map(|(_, share)| g1_unchecked(share.as_bytes())).collect();
        let v = interpolate(&nodes, &elements?);
        let seed = Seed(kem::mask(header.c, &pad(label, header.u, &v)));
        (self.fits(label, header.u, &seed)? == v).then_some(seed)
    }

    fn matches(&self, label: &Digest, header: &[u8], seed: &Seed) -> bool {
        let Some(header) = Header::parse(header) else { return false };
        let v = self.fits(label, header.u, seed);
        v.is_some_and(|v| kem::mask(header.c, &pad(label, header.u, &v)) == seed.0)
    }

    fn unseal(&self, label: &Digest, header: &[u8], seed: &Seed, sealed: Vec<u8>) -> Option<Vec<u8>> {
        kem::open(label, &Header::parse(header)?.bound(), seed, sealed)
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encryption(bls12-381, node {})", self.node)
    }
}
