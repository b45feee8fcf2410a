//! Threshold cryptography of mellivora.

pub mod coin;
pub mod encryption;

pub use coin::{CoinCombination, CoinScheme, CoinShare, CoinValue};
pub use encryption::{DecryptionProof, DecryptionShare, EncryptionScheme, Seed};

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
