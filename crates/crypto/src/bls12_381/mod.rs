//! The suite over BLS12-381: unique threshold BLS signatures in G1 as the coin, and a labelled Baek-Zheng encapsulation.
//! And certificates over the same curve, for any suite.
//!
//! Whether a *combined* value is right shows in one pairing equation, so shares are combined before anybody looks at
//! them, and looked at only when the result is wrong.
//!
//! The arithmetic is that of blst. Multiplications by secrets take constant time.

mod certificates;
mod coin;
mod encryption;
mod keys;

#[cfg(test)]
mod certificate_tests;
#[cfg(test)]
mod tests;

pub(crate) use certificates::{CertificateKeySet, EncodedCertificateKeys, deal_certificates};
pub(crate) use coin::Coin;
pub(crate) use encryption::Encryption;
pub(crate) use keys::{CoinKeySet, EncryptionKeySet, deal_coin, deal_encryption};

use blst::{MultiPoint, blst_fp12, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine};
use blstrs::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use ff::Field as _;
use group::{Group as _, prime::PrimeCurveAffine};
use mellivora_core::{NodeIndex, planted};

use crate::lagrange::{self, Field};

/// Bytes of an element of G1.
const G1_BYTES: usize = 48;
/// Bytes of an element of G2.
const G2_BYTES: usize = 96;

impl Field for Scalar {
    fn small(value: u64) -> Self {
        Scalar::from(value)
    }

    fn add(self, other: Self) -> Self {
        self + other
    }

    fn sub(self, other: Self) -> Self {
        self - other
    }

    fn mul(self, other: Self) -> Self {
        self * other
    }

    fn inverse(self) -> Self {
        Option::from(self.invert()).unwrap_or_default()
    }

    fn wipe(&mut self) {
        *self = Scalar::ZERO;
        // Keeps the store, which nobody reads, from being left out.
        std::hint::black_box(self);
    }
}

/// A scalar in its canonical encoding (little-endian).
fn scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::from_bytes_le(bytes).into()
}

/// A secret scalar; overwritten when dropped.
#[derive(Default)]
struct SecretScalar(Scalar);

impl std::ops::Deref for SecretScalar {
    type Target = Scalar;

    fn deref(&self) -> &Scalar {
        &self.0
    }
}

impl Drop for SecretScalar {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

/// A secret scalar in its canonical encoding.
fn secret_scalar(bytes: &[u8; 32]) -> Option<SecretScalar> {
    scalar(bytes).map(SecretScalar)
}

/// A uniform scalar from a stream of uniform bytes, by rejection.
fn uniform_scalar(mut fill: impl FnMut(&mut [u8; 32])) -> Scalar {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    loop {
        fill(&mut bytes);
        bytes[31] &= 0x7f;
        if let Some(scalar) = scalar(&bytes) {
            return scalar;
        }
    }
}

/// A scalar from the output of a hash.
fn hash_to_scalar(hasher: &blake3::Hasher) -> Scalar {
    let mut stream = hasher.finalize_xof();
    uniform_scalar(|bytes| stream.fill(bytes))
}

/// An element of G1 in its canonical encoding: of the group of prime order and not the identity.
fn g1(bytes: &[u8]) -> Option<G1Affine> {
    let point: Option<G1Affine> = G1Affine::from_compressed(bytes.try_into().ok()?).into();
    point.filter(|point| !bool::from(point.is_identity()) || planted("key-identity-point"))
}

/// A point of G1's curve in its canonical encoding, not the identity, perhaps *outside* the group of prime order.
fn g1_unchecked(bytes: &[u8]) -> Option<G1Affine> {
    let point: Option<G1Affine> = G1Affine::from_compressed_unchecked(bytes.try_into().ok()?).into();
    point.filter(|point| !bool::from(point.is_identity()))
}

/// An element of G2 in its canonical encoding: of the group of prime order and not the identity.
fn g2(bytes: &[u8]) -> Option<G2Affine> {
    let point: Option<G2Affine> = G2Affine::from_compressed(bytes.try_into().ok()?).into();
    point.filter(|point| !bool::from(point.is_identity()) || planted("key-identity-point"))
}

/// Whether e(a, q) = e(b, r); false if one of them is an identity.
fn pairings_agree(a: &G1Affine, q: &G2Affine, b: &G1Affine, r: &G2Affine) -> bool {
    pairings_cancel(&[(*a, *q), (-b, *r)])
}

/// Whether the pairings of these pairs multiply to 1; false for none, or if an element is an identity.
fn pairings_cancel(pairs: &[(G1Affine, G2Affine)]) -> bool {
    if pairs.is_empty() || pairs.iter().any(|(a, q)| bool::from(a.is_identity() | q.is_identity())) {
        return false;
    }
    let (in_g1, in_g2): (Vec<_>, Vec<_>) = pairs.iter().map(|(a, q)| (*a.as_ref(), *q.as_ref())).unzip();
    blst_fp12::miller_loop_n(&in_g2, &in_g1).final_exp() == blst_fp12::default()
}

/// The sum of the points, each multiplied by its scalar: `scalars` holds `bits / 8` little-endian bytes for each.
/// For public values only.
fn sum_in_g1(points: &[G1Affine], scalars: &[u8], bits: usize) -> G1Projective {
    let mut sum = G1Projective::identity();
    let raw: Vec<blst_p1_affine> = points.iter().map(|point| *point.as_ref()).collect();
    if !raw.is_empty() && scalars.len() == raw.len() * bits.div_ceil(8) {
        let out: &mut blst_p1 = sum.as_mut();
        *out = raw.mult(scalars, bits);
    }
    sum
}

/// As [`sum_in_g1`], in G2.
fn sum_in_g2(points: &[G2Affine], scalars: &[u8], bits: usize) -> G2Projective {
    let mut sum = G2Projective::identity();
    let raw: Vec<blst_p2_affine> = points.iter().map(|point| *point.as_ref()).collect();
    if !raw.is_empty() && scalars.len() == raw.len() * bits.div_ceil(8) {
        let out: &mut blst_p2 = sum.as_mut();
        *out = raw.mult(scalars, bits);
    }
    sum
}

fn scalar_bytes(scalars: &[Scalar]) -> Vec<u8> {
    scalars.iter().flat_map(Scalar::to_bytes_le).collect()
}

/// Interpolates the element at 0 from the elements of these distinct nodes.
pub(crate) fn interpolate(nodes: &[NodeIndex], elements: &[G1Affine]) -> G1Affine {
    sum_in_g1(elements, &scalar_bytes(&lagrange::at_zero::<Scalar>(nodes)), 255).into()
}
