//! The common coin from unique threshold signatures: BLS over BLS12-381, signatures in G1.
//!
//! ```text
//! share    C = hash_to_curve(name); S_i = x_i C                                         48 bytes
//! combine  S = sum of lambda_i S_i over f + 1 shares as they are; S in G1 and e(S, P2) = e(C, Y); value = H(name, S)
//!          if not: find the bad ones by batch checks of halves, name them, and go on with shares that were checked
//! ```
//!
//! **Guarantee.** S is the one signature on the name under the group key, so every node gets the same value. Without an
//! honest share it looks random (computational co-Diffie-Hellman, random oracle, static corruption).
//!
//! **Order two things are checked in.** A share may lie outside G1, off by an element of small order that no pairing
//! sees. The combined element is checked for membership, or its encoding, and with it the value, would not be unique.
//! Each share is tested for membership before it goes into a batch: weights do not help against elements of small order.
//!
//! **Cost.** Two pairings if all shares are right. With b bad ones among m, about b log2(m / b) batch checks of two
//! pairings each, and never more than 2m.
//!
//! Hashing follows RFC 9380, suite BLS12381G1_XMD:SHA-256_SSWU_RO_, under a tag of our own. Boldyreva: "Threshold
//! Signatures, Multisignatures and Blind Signatures Based on the Gap-Diffie-Hellman-Group Signature Scheme" (2003),
//! section 3; Boneh, Lynn, Shacham (2001).

use std::fmt;
use std::sync::Arc;

use blstrs::{G1Affine, G1Projective, G2Affine};
use group::prime::PrimeCurveAffine;
use mellivora_core::{Digest, NodeIndex, NodeSet, hash::HashKey, planted};

use super::keys::matching_secret;
use super::{CoinKeySet, g1_unchecked, interpolate, pairings_agree, secret_scalar, sum_in_g1, sum_in_g2};
use crate::local::{LocalSecret, SecretBytes, Weights};
use crate::{CoinCombination, CoinScheme, CoinShare, CoinValue};

const VALUE: HashKey = HashKey::new("mellivora/v1 bls coin value");
const TAG: &[u8] = b"MELLIVORA-V1-COIN-BLS12381G1_XMD:SHA-256_SSWU_RO_";

/// The coin with one node's share in it.
pub(crate) struct Coin {
    keys: Arc<CoinKeySet>,
    node: NodeIndex,
    secret: SecretBytes,
    local: LocalSecret,
}

/// A share that is a point of the curve, with the key it must belong to.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) node: NodeIndex,
    pub(super) key: G2Affine,
    pub(super) share: G1Affine,
}

impl Coin {
    /// `None` if the secret is not the one behind the node's public share.
    pub(crate) fn new(
        keys: Arc<CoinKeySet>,
        node: NodeIndex,
        secret: &SecretBytes,
        local: LocalSecret,
    ) -> Option<Self> {
        let secret = matching_secret(&keys.shares, node, secret)?;
        Some(Coin { keys, node, secret, local })
    }

    pub(super) fn base(name: &Digest) -> G1Projective {
        let name = if planted("coin-name-unbound") { &Digest::default() } else { name };
        G1Projective::hash_to_curve(name.as_ref(), TAG, &[])
    }

    fn parse(&self, node: NodeIndex, share: &CoinShare) -> Option<Claim> {
        let key = *self.keys.shares.get(node.as_usize())?;
        Some(Claim { node, key, share: g1_unchecked(share.as_bytes())? })
    }

    fn interpolated(claims: &[Claim]) -> G1Affine {
        let nodes: Vec<NodeIndex> = claims.iter().map(|claim| claim.node).collect();
        let shares: Vec<G1Affine> = claims.iter().map(|claim| claim.share).collect();
        interpolate(&nodes, &shares)
    }

    /// The signature that these f + 1 shares interpolate, if it is right.
    fn signature(&self, base: &G1Affine, claims: &[Claim]) -> Option<G1Affine> {
        let signature = Self::interpolated(claims);
        let right = (bool::from(signature.is_torsion_free()) || planted("coin-small-order"))
            && pairings_agree(&signature, &G2Affine::generator(), base, &self.keys.group);
        right.then_some(signature)
    }

    fn value(name: &Digest, signature: &G1Affine) -> CoinValue {
        let mut hasher = VALUE.hasher();
        hasher.update(name.as_ref());
        hasher.update(&signature.to_compressed());
        CoinValue(Digest(*hasher.finalize().as_bytes()))
    }
}

/// Whether all claims are right, given that each share lies in G1: a random combination of the shares must be the
/// signature under the same combination of the keys.
pub(super) fn verify_batch(base: &G1Affine, claims: &[Claim], local: &LocalSecret) -> bool {
    if let [claim] = claims {
        return pairings_agree(&claim.share, &G2Affine::generator(), base, &claim.key);
    }
    let mut hasher = local.weights();
    hasher.update(&base.to_compressed());
    for claim in claims {
        hasher.update(&claim.node.0.to_le_bytes());
        hasher.update(&claim.share.to_compressed());
    }
    let mut weights = Weights::new(&hasher);
    let mut draw = || if planted("coin-pairings-unweighted") { 1u128.to_le_bytes() } else { weights.draw() };
    let scalars: Vec<u8> = claims.iter().flat_map(|_| draw()).collect();
    let shares: Vec<G1Affine> = claims.iter().map(|claim| claim.share).collect();
    let keys: Vec<G2Affine> = claims.iter().map(|claim| claim.key).collect();
    let (share, key) = (sum_in_g1(&shares, &scalars, 128).into(), sum_in_g2(&keys, &scalars, 128).into());
    pairings_agree(&share, &G2Affine::generator(), base, &key)
}

/// Splits claims into right ones and the nodes behind wrong ones. `known_bad`: at least one is known to be wrong.
pub(super) fn sort_out(
    base: &G1Affine,
    claims: Vec<Claim>,
    known_bad: bool,
    local: &LocalSecret,
    good: &mut Vec<Claim>,
    culprits: &mut NodeSet,
) {
    let (members, strangers): (Vec<_>, Vec<_>) =
        claims.into_iter().partition(|claim| bool::from(claim.share.is_torsion_free()));
    for claim in &strangers {
        culprits.insert(claim.node);
    }
    halve(base, &members, known_bad && strangers.is_empty(), local, good, culprits);
}

/// [`sort_out`] for shares that lie in G1. Returns whether all are right. What follows from the other checks is not
/// checked again: where the whole is wrong and one half is right, the other half is wrong.
fn halve(
    base: &G1Affine,
    claims: &[Claim],
    known_bad: bool,
    local: &LocalSecret,
    good: &mut Vec<Claim>,
    culprits: &mut NodeSet,
) -> bool {
    if claims.is_empty() {
        return true;
    }
    if !known_bad && verify_batch(base, claims, local) {
        good.extend_from_slice(claims);
        return true;
    }
    if let [claim] = claims {
        culprits.insert(claim.node);
        return false;
    }
    let (left, right) = claims.split_at(claims.len() / 2);
    let left_is_right = halve(base, left, false, local, good, culprits);
    halve(base, right, left_is_right || planted("coin-blames-the-other-half"), local, good, culprits);
    false
}

impl CoinScheme for Coin {
    fn share(&self, name: &Digest) -> CoinShare {
        // The encoding was checked when the coin was made.
        let secret = secret_scalar(&self.secret).unwrap_or_default();
        CoinShare::of((Self::base(name) * *secret).to_compressed())
    }

    fn combine(&self, name: &Digest, shares: &[(NodeIndex, CoinShare)]) -> CoinCombination {
        let committee = self.keys.committee;
        let needed = committee.one_honest();
        let mut culprits = NodeSet::EMPTY;
        let mut seen = NodeSet::EMPTY;
        let mut rest = shares.iter().filter(|(node, _)| committee.contains(*node) && seen.insert(*node));
        let base: G1Affine = Self::base(name).into();
        let mut good: Vec<Claim> = Vec::with_capacity(needed);
        let mut optimistic = true;
        while good.len() < needed {
            let mut next = Vec::with_capacity(needed);
            for (node, share) in rest.by_ref() {
                match self.parse(*node, share) {
                    Some(claim) => next.push(claim),
                    None => {
                        culprits.insert(*node);
                    }
                }
                if good.len() + next.len() == needed {
                    break;
                }
            }
            if next.is_empty() || (optimistic && next.len() < needed) {
                return CoinCombination { value: None, culprits };
            }
            if optimistic && let Some(signature) = self.signature(&base, &next) {
                return CoinCombination { value: Some(Self::value(name, &signature)), culprits };
            }
            // Right shares would have given a right signature.
            sort_out(&base, next, optimistic, &self.local, &mut good, &mut culprits);
            optimistic = false;
        }
        // Shares that were verified need no check of what they give.
        CoinCombination { value: Some(Self::value(name, &Self::interpolated(&good))), culprits }
    }
}

impl fmt::Debug for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coin(bls12-381, node {})", self.node)
    }
}
