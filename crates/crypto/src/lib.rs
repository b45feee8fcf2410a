//! Threshold cryptography of mellivora.

pub mod coin;
pub mod dealer;
pub mod encryption;
pub mod error;
pub mod identity;
pub mod keyfile;
pub mod keys;
pub mod suite;

mod bls12_381;
mod kem;
mod lagrange;
mod local;
mod ristretto255;
mod suites;
mod threshold;
#[cfg(feature = "threshold_crypto")]
mod threshold_crypto_suite;

pub use coin::{CoinCombination, CoinScheme, CoinShare, CoinValue};
pub use dealer::{deal, deal_nodes};
pub use encryption::{DecryptionProof, DecryptionShare, EncryptionScheme, Seed};
pub use error::KeyError;
pub use identity::{Identity, IdentityKey, Signature, verify_batch};
pub use kem::TAG_BYTES;
pub use keys::{NodeKeys, PublicKeys, SecretKeys};
pub use suite::Suite;

use mellivora_core::{Digest, hash::HashKey};

const SEALED: HashKey = HashKey::new("mellivora/v1 sealed payload");

/// Digest of the sealed part of a ciphertext, given in pieces.
pub fn sealed_digest<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut hasher = SEALED.hasher();
    for piece in pieces {
        hasher.update(piece);
    }
    Digest(*hasher.finalize().as_bytes())
}
