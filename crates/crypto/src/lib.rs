//! Threshold cryptography of mellivora: common coins, labelled threshold encryption, identities, dealer, key files.
//!
//! ```text
//!            deal / key files
//!                  |
//!      PublicKeys + SecretKeys + salt  ->  NodeKeys
//!                                            |- coin()        Arc<dyn CoinScheme>         f + 1 shares give a value
//!                                            |- encryption()  Arc<dyn EncryptionScheme>   f + 1 shares open a slot
//!                                            |- certificates()  Arc<dyn CertificateScheme>  so many nodes signed this
//!                                            '- sign, verify, verify_batch                Ed25519, ZIP 215
//! ```
//!
//! A [`Suite`] is a value: it is chosen when keys are made, stands in the key files and goes into the key-set digest.
//! Nothing above this crate names a curve.
//!
//! | suite | coin | encryption | share of a coin, header, decryption share |
//! |---|---|---|---|
//! | `ristretto255` | Cachin-Kursawe-Shoup, verified in batches | TDH2, proofs on demand | 128, 192, 32 bytes |
//! | `bls12-381` | unique threshold BLS signature, one check | Baek-Zheng, shares prove themselves | 48, 176, 48 bytes |
//! | `threshold_crypto` (cargo feature) | that crate's signature | refused: its ciphertexts carry no label | 96 bytes |
//!
//! [`Certificates`] are chosen apart from the suite: lists of Ed25519 signatures, or BLS multi-signatures of 48 bytes with
//! keys of their own. [`Schemes`] are the two together.
//!
//! # What it promises
//!
//! * No unverified share ever decides a coin, and no set of shares, right or wrong, opens a ciphertext to two seeds.
//! * A share is blamed only if it is malformed, fails a check of its own, or must be the wrong one where others are right.
//! * Elements from outside are decoded canonically, in the group of prime order, and are not the identity.
//! * No bytes of a peer make anything here panic, or allocate more than a small multiple of their length.
//! * Everything is deterministic: what needs to be unpredictable derives from secrets, the statement, and the salt that
//!   the process hands to [`NodeKeys::new`]. Only the dealer takes a random number generator.
//!
//! # What it does not do
//!
//! Corruption is static: the proofs of the schemes assume that the adversary chose its nodes before the keys were dealt.
//! Group arithmetic is that of curve25519-dalek and blst, and takes constant time wherever a secret is involved;
//! Lagrange interpolation and verification do not, as they see public values only. The code has not been audited.
//!
//! ```
//! use mellivora_core::{Committee, Digest};
//! use mellivora_crypto::{Suite, deal_nodes};
//! use rand::SeedableRng;
//!
//! let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1); // keys for a test: a real dealer takes OS randomness
//! let nodes = deal_nodes(Suite::default(), Committee::new(4)?, &mut rng)?;
//! let name = Digest([7; 32]);
//! let shares: Vec<_> = nodes[..2].iter().map(|node| (node.index(), node.coin().share(&name))).collect();
//! let coin = nodes[3].coin().combine(&name, &shares);
//! assert!(coin.value.is_some() && coin.culprits.is_empty());
//! # Ok::<(), mellivora_crypto::KeyError>(())
//! ```

pub mod certificate;
pub mod coin;
pub mod dealer;
pub mod encryption;
pub mod error;
pub mod evidence;
pub mod identity;
pub mod keyfile;
pub mod keys;
pub mod suite;

mod bls12_381;
mod ed25519;
mod kem;
mod lagrange;
mod local;
mod remembering;
mod ristretto255;
mod suites;
mod threshold;
#[cfg(feature = "threshold_crypto")]
mod threshold_crypto_suite;

pub use certificate::{Assembly, Certificate, CertificateScheme, Claim, ClaimProof, Endorsement, Statement};
pub use coin::{CoinCombination, CoinScheme, CoinShare, CoinValue};
pub use dealer::{deal, deal_nodes};
pub use encryption::{DecryptionProof, DecryptionShare, EncryptionScheme, Seed};
pub use error::KeyError;
pub use evidence::Contradiction;
pub use identity::{Identity, IdentityKey, Signature, verify_batch};
pub use kem::TAG_BYTES;
pub use keys::{NodeKeys, PublicKeys, SecretKeys};
pub use remembering::Remembering;
pub use suite::{Certificates, Schemes, Suite};

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
