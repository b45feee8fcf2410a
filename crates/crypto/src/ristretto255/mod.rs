//! The suite over ristretto255: the coin of Cachin, Kursawe and Shoup, and TDH2 encryption.
//!
//! Shares do not prove themselves here; their validity is an equality of discrete logarithms ([`dleq`]). Operations on
//! secrets take constant time; those on public values take as little as they can.

mod coin;
mod dleq;
mod keys;
mod tdh2;

#[cfg(test)]
mod tests;

pub(crate) use coin::Coin;
pub(crate) use keys::{EncryptionKeySet, KeySet, deal};
pub(crate) use tdh2::Encryption;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};
use mellivora_core::{NodeIndex, planted};
use zeroize::Zeroize;

use crate::lagrange::{self, Field};

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
        self.invert()
    }

    fn wipe(&mut self) {
        self.zeroize();
    }
}

/// 32 bytes at `start` of something longer.
fn field(bytes: &[u8], start: usize) -> Option<[u8; 32]> {
    bytes.get(start..start.checked_add(32)?)?.try_into().ok()
}

/// A scalar in its canonical encoding.
fn scalar(bytes: [u8; 32]) -> Option<Scalar> {
    Scalar::from_canonical_bytes(bytes).into()
}

/// A group element in its canonical encoding.
fn point(bytes: [u8; 32]) -> Option<RistrettoPoint> {
    CompressedRistretto(bytes).decompress()
}

/// A group element in its canonical encoding that is not the identity.
fn nontrivial_point(bytes: [u8; 32]) -> Option<RistrettoPoint> {
    point(bytes).filter(|point| *point != RistrettoPoint::identity() || planted("key-identity-point"))
}

/// A scalar from the output of a hash.
fn hash_to_scalar(hasher: &blake3::Hasher) -> Scalar {
    let mut wide = zeroize::Zeroizing::new([0; 64]);
    hasher.finalize_xof().fill(wide.as_mut());
    Scalar::from_bytes_mod_order_wide(&wide)
}

/// A group element of unknown logarithm from the output of a hash (RFC 9496, section 4.3.4).
fn hash_to_group(hasher: &blake3::Hasher) -> RistrettoPoint {
    let mut wide = [0; 64];
    hasher.finalize_xof().fill(&mut wide);
    RistrettoPoint::from_uniform_bytes(&wide)
}

/// Interpolates the element at 0 from the elements of these distinct nodes.
fn interpolate(nodes: &[NodeIndex], elements: &[RistrettoPoint]) -> RistrettoPoint {
    RistrettoPoint::vartime_multiscalar_mul(lagrange::at_zero::<Scalar>(nodes), elements)
}
