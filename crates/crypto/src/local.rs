//! What stands in for randomness where the operating system's is not to be had: a secret of this process.

use std::fmt;

use mellivora_core::{hash::HashKey, planted};
use zeroize::Zeroizing;

const LOCAL: HashKey = HashKey::new("mellivora/v1 local secret");
const NONCE: HashKey = HashKey::new("mellivora/v1 nonce");

/// A secret scalar in its suite's canonical encoding; overwritten when dropped.
pub(crate) type SecretBytes = Zeroizing<[u8; 32]>;

/// A secret of this process, derived from a key share and the salt that the process was started with.
///
/// Nonces and the weights of batch verification are functions of it and of everything they are used on: they never
/// repeat for two statements, and nobody outside can predict them.
pub(crate) struct LocalSecret(SecretBytes);

impl LocalSecret {
    /// The local secret of a key share in a process with this salt.
    pub(crate) fn new(purpose: &str, secret: &[u8; 32], salt: &[u8; 32]) -> Self {
        LocalSecret(Zeroizing::new(LOCAL.digest_parts(&[purpose.as_bytes(), secret, salt]).0))
    }

    /// The secret itself, as a key for something else.
    pub(crate) fn into_bytes(self) -> SecretBytes {
        self.0
    }

    /// 64 uniform bytes for the nonce of one statement.
    pub(crate) fn nonce(&self, statement: &[&[u8]]) -> Zeroizing<[u8; 64]> {
        let mut hasher = NONCE.hasher();
        hasher.update(self.0.as_ref());
        for part in statement.iter().filter(|_| !planted("coin-nonce-repeats")) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut bytes = Zeroizing::new([0; 64]);
        hasher.finalize_xof().fill(bytes.as_mut());
        bytes
    }

    /// A hasher for the weights of a batch: feed it everything that is in the batch, then draw from its output.
    pub(crate) fn weights(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.0)
    }
}

impl fmt::Debug for LocalSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalSecret(..)")
    }
}

/// 128-bit weights drawn from a hasher that has seen everything they weigh.
pub(crate) struct Weights(blake3::OutputReader);

impl Weights {
    pub(crate) fn new(hasher: &blake3::Hasher) -> Self {
        Weights(hasher.finalize_xof())
    }

    pub(crate) fn draw(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        bytes
    }
}
