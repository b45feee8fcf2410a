//! Equality of discrete logarithms: that a share S = x_i H was made with the x_i of the public Y_i = x_i G.
//!
//! The proof of Chaum and Pedersen, made non-interactive by hashing, in its *commitment* form (A, B, z):
//!
//! ```text
//! prove    k nonce; A = kG, B = kH; c = H(context, i, Y_i, H, S, A, B); z = k + c x_i
//! check    zG = A + c Y_i   and   zH = B + c S
//! ```
//!
//! The shorter form (c, z) could not be checked in batches.
//!
//! # Batches
//!
//! All equations are multiplied by weights and added into one multi-scalar multiplication. **Each equation has its own
//! weight, two per proof.** With one weight per proof, errors in the two equations of one proof could cancel: whoever
//! makes the first equation wrong by E and the second by -E passes. Weights have 128 bits and derive from a local secret
//! and from everything in the batch, so a wrong batch passes with a chance of 2^-128.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul, VartimePrecomputedMultiscalarMul};
use mellivora_core::{Digest, NodeIndex, hash::HashKey, planted};

use super::{KeySet, field, hash_to_scalar, point, scalar};
use crate::local::{LocalSecret, Weights};

const CHALLENGE: HashKey = HashKey::new("mellivora/v1 ristretto dleq");

/// A group element with its encoding at hand.
#[derive(Clone, Copy)]
pub(super) struct Element {
    pub(super) point: RistrettoPoint,
    pub(super) bytes: [u8; 32],
}

impl Element {
    pub(super) fn new(point: RistrettoPoint) -> Self {
        Element { point, bytes: point.compress().0 }
    }

    pub(super) fn decode(bytes: [u8; 32]) -> Option<Self> {
        Some(Element { point: point(bytes)?, bytes })
    }
}

/// What the statements of one batch have in common.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The keys Y_i.
    pub(super) keys: &'a KeySet,
    /// Digest of everything else that the proof is bound to.
    pub(super) digest: &'a Digest,
    /// H.
    pub(super) base: &'a Element,
}

/// A proof in its wire form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) a: [u8; 32],
    pub(super) b: [u8; 32],
    pub(super) z: Scalar,
}

impl Proof {
    /// Bytes of an encoded proof.
    pub(super) const BYTES: usize = 96;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (chunk, part) in bytes.chunks_exact_mut(32).zip([self.a, self.b, self.z.to_bytes()]) {
            chunk.copy_from_slice(&part);
        }
        bytes
    }

    /// Decodes; the elements are decoded only when the proof is checked.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        Some(Proof { a: field(bytes, 0)?, b: field(bytes, 32)?, z: scalar(field(bytes, 64)?)? })
    }
}

/// A node's share and its proof.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) node: NodeIndex,
    pub(super) share: Element,
    pub(super) proof: Proof,
}

pub(super) fn challenge(
    context: &Context<'_>,
    node: NodeIndex,
    key: &[u8; 32],
    share: &[u8; 32],
    a: &[u8; 32],
    b: &[u8; 32],
) -> Scalar {
    let share = if planted("coin-dleq-without-share") { key } else { share };
    let b = if planted("coin-dleq-without-commitment") { a } else { b };
    let mut hasher = CHALLENGE.hasher();
    hasher.update(context.digest.as_ref());
    hasher.update(&node.0.to_le_bytes());
    for part in [key, &context.base.bytes, share, a, b] {
        hasher.update(part);
    }
    hash_to_scalar(&hasher)
}

/// Proves that `share` = `secret` * H, for the node whose secret it is.
pub(super) fn prove(
    context: &Context<'_>,
    node: NodeIndex,
    secret: &Scalar,
    share: &[u8; 32],
    local: &LocalSecret,
) -> Option<Proof> {
    let key = context.keys.share_bytes.get(node.as_usize())?;
    let wide = local.nonce(&[context.digest.as_ref(), &context.base.bytes, share]);
    let nonce = zeroize::Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide));
    let a = RistrettoPoint::mul_base(&nonce).compress().0;
    let b = (context.base.point * *nonce).compress().0;
    let z = *nonce + challenge(context, node, key, share, &a, &b) * secret;
    Some(Proof { a, b, z })
}

/// Whether the one claim holds.
pub(super) fn verify(context: &Context<'_>, claim: &Claim) -> bool {
    let place = claim.node.as_usize();
    let keys = context.keys.shares.get(place).zip(context.keys.share_bytes.get(place));
    let Some((key, key_bytes)) = keys else { return false };
    let Proof { a, b, z } = &claim.proof;
    let c = -challenge(context, claim.node, key_bytes, &claim.share.bytes, a, b);
    // Comparing encodings refuses non-canonical commitments on the way.
    RistrettoPoint::vartime_double_scalar_mul_basepoint(&c, key, z).compress().0 == *a
        && RistrettoPoint::vartime_multiscalar_mul([z, &c], [&context.base.point, &claim.share.point]).compress().0
            == *b
}

/// Whether all claims hold. False also for a claim of a node outside the committee.
pub(super) fn verify_batch(context: &Context<'_>, claims: &[Claim], local: &LocalSecret) -> bool {
    let mut hasher = local.weights();
    hasher.update(context.digest.as_ref());
    hasher.update(&context.base.bytes);
    for claim in claims {
        hasher.update(&claim.node.0.to_le_bytes());
        hasher.update(&claim.share.bytes);
        hasher.update(&claim.proof.to_bytes());
    }
    let mut weights = Weights::new(&hasher);
    let equal = |drawn| if planted("coin-batch-equal-weights") { Scalar::ONE } else { drawn };
    let mut draw = || equal(Scalar::from(u128::from_le_bytes(weights.draw())));
    check(context, claims, || {
        let first = draw();
        (first, if planted("coin-batch-weight-per-share") { first } else { draw() })
    })
}

/// The weighted sum of all equations: `weights` gives those of the two equations of each claim.
pub(super) fn check(context: &Context<'_>, claims: &[Claim], mut weights: impl FnMut() -> (Scalar, Scalar)) -> bool {
    let n = context.keys.shares.len();
    let mut fixed = vec![Scalar::ZERO; n + 1];
    let mut scalars = Vec::with_capacity(3 * claims.len() + 1);
    let mut points = Vec::with_capacity(3 * claims.len() + 1);
    let (mut g, mut h) = (Scalar::ZERO, Scalar::ZERO);
    for claim in claims {
        let place = claim.node.as_usize();
        let Proof { a, b, z } = &claim.proof;
        let parts = (context.keys.share_bytes.get(place), point(*a), point(*b));
        let (Some(key), Some(a_point), Some(b_point)) = parts else { return false };
        let c = challenge(context, claim.node, key, &claim.share.bytes, a, b);
        let (w, v) = weights();
        g += w * z;
        h += v * z;
        if let Some(slot) = fixed.get_mut(place + 1) {
            *slot -= w * c;
        }
        scalars.extend([-w, -v, -(v * c)]);
        points.extend([a_point, b_point, claim.share.point]);
    }
    if let Some(slot) = fixed.first_mut() {
        *slot = g;
    }
    scalars.push(h);
    points.push(context.base.point);
    context.keys.table.vartime_mixed_multiscalar_mul(fixed, scalars, points).is_identity()
}
