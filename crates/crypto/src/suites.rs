//! The one place where a suite's name leads to its implementation.

use std::sync::Arc;

use mellivora_core::{Committee, NodeIndex};
use rand::CryptoRng;

use crate::local::{LocalSecret, SecretBytes};
use crate::threshold::{Dealt, EncodedKey};
use crate::{CoinScheme, EncryptionScheme, KeyError, Suite, bls12_381, ristretto255};

#[cfg(feature = "threshold_crypto")]
use crate::threshold_crypto_suite as threshold_crypto;

/// The public coin keys of a suite, decoded.
pub(crate) enum CoinKeys {
    Ristretto255(Arc<ristretto255::KeySet>),
    Bls12381(Arc<bls12_381::CoinKeySet>),
    #[cfg(feature = "threshold_crypto")]
    ThresholdCrypto(Arc<threshold_crypto::CoinKeySet>),
}

impl CoinKeys {
    /// Decodes and checks.
    pub(crate) fn decode(suite: Suite, committee: Committee, key: &EncodedKey) -> Result<Self, KeyError> {
        Ok(match suite {
            Suite::Ristretto255 => {
                let keys = ristretto255::KeySet::decode(crate::threshold::Purpose::Coin, committee, key)?;
                CoinKeys::Ristretto255(Arc::new(keys))
            }
            Suite::Bls12381 => CoinKeys::Bls12381(Arc::new(bls12_381::CoinKeySet::decode(committee, key)?)),
            #[cfg(feature = "threshold_crypto")]
            Suite::ThresholdCrypto => {
                CoinKeys::ThresholdCrypto(Arc::new(threshold_crypto::CoinKeySet::decode(committee, key)?))
            }
        })
    }

    /// The coin with the share of `node` in it; `None` if the secret is not the one behind the public share.
    pub(crate) fn scheme(
        &self,
        node: NodeIndex,
        secret: &SecretBytes,
        local: LocalSecret,
    ) -> Option<Arc<dyn CoinScheme>> {
        Some(match self {
            CoinKeys::Ristretto255(keys) => Arc::new(ristretto255::Coin::new(keys.clone(), node, secret, local)?),
            CoinKeys::Bls12381(keys) => Arc::new(bls12_381::Coin::new(keys.clone(), node, secret, local)?),
            #[cfg(feature = "threshold_crypto")]
            CoinKeys::ThresholdCrypto(keys) => Arc::new(threshold_crypto::Coin::new(keys.clone(), node, secret)?),
        })
    }
}

/// The public encryption keys of a suite, decoded.
pub(crate) enum EncryptionKeys {
    Ristretto255(Arc<ristretto255::EncryptionKeySet>),
    Bls12381(Arc<bls12_381::EncryptionKeySet>),
}

impl EncryptionKeys {
    /// Decodes and checks; `None` for a suite without encryption.
    pub(crate) fn decode(suite: Suite, committee: Committee, key: &EncodedKey) -> Result<Option<Self>, KeyError> {
        Ok(match suite {
            Suite::Ristretto255 => {
                Some(EncryptionKeys::Ristretto255(Arc::new(ristretto255::EncryptionKeySet::decode(committee, key)?)))
            }
            Suite::Bls12381 => {
                Some(EncryptionKeys::Bls12381(Arc::new(bls12_381::EncryptionKeySet::decode(committee, key)?)))
            }
            #[cfg(feature = "threshold_crypto")]
            Suite::ThresholdCrypto => None,
        })
    }

    /// The scheme with the share of `node` in it; `None` if the secret is not the one behind the public share.
    pub(crate) fn scheme(
        &self,
        node: NodeIndex,
        secret: &SecretBytes,
        local: LocalSecret,
    ) -> Option<Arc<dyn EncryptionScheme>> {
        Some(match self {
            EncryptionKeys::Ristretto255(keys) => {
                Arc::new(ristretto255::Encryption::new(keys.clone(), node, secret, local)?)
            }
            EncryptionKeys::Bls12381(keys) => Arc::new(bls12_381::Encryption::new(keys.clone(), node, secret)?),
        })
    }
}

/// Deals a coin key.
pub(crate) fn deal_coin(suite: Suite, committee: Committee, rng: &mut impl CryptoRng) -> Dealt {
    match suite {
        Suite::Ristretto255 => ristretto255::deal(committee, rng),
        Suite::Bls12381 => bls12_381::deal_coin(committee, rng),
        #[cfg(feature = "threshold_crypto")]
        Suite::ThresholdCrypto => threshold_crypto::deal_coin(committee, rng),
    }
}

/// Deals an encryption key, independent of the coin's; `None` for a suite without encryption.
pub(crate) fn deal_encryption(suite: Suite, committee: Committee, rng: &mut impl CryptoRng) -> Option<Dealt> {
    match suite {
        Suite::Ristretto255 => Some(ristretto255::deal(committee, rng)),
        Suite::Bls12381 => Some(bls12_381::deal_encryption(committee, rng)),
        #[cfg(feature = "threshold_crypto")]
        Suite::ThresholdCrypto => None,
    }
}
