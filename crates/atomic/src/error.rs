//! What can be wrong with a configuration.

use mellivora_coding::CodecError;
use mellivora_core::limits::LimitError;

/// A configuration that cannot be. Each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Limits that contradict each other.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// B = 0.
    #[error("the batch size must be at least 1")]
    BatchSize,
    /// Not an encryption schedule.
    #[error("unknown encryption schedule '{0}': use always, never or every:K with K at least 1")]
    Encryption(String),
    /// Keys of another committee.
    #[error(
        "the keys are for a committee of {keys} nodes, the configuration for {config}: use the keys of this cluster"
    )]
    Committee {
        /// Size that the keys were dealt for.
        keys: usize,
        /// Size in the configuration.
        config: usize,
    },
    /// The suite cannot encrypt.
    #[error(
        "the suite of these keys has no labelled threshold encryption: set encryption to never, or use another suite"
    )]
    NoEncryption,
    /// The erasure code cannot be set up.
    #[error(transparent)]
    Codec(#[from] CodecError),
}
