//! Why a codec cannot do what it was asked for. Never caused by a peer.

/// Misuse or an unsuitable machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The accelerated code would crash on this machine.
    #[error(
        "this build codes shards with AVX2 instructions, which this machine lacks: rebuild without the default feature `simd`"
    )]
    MissingInstructions,
    /// The bound on payloads is beyond what the form can express.
    #[error("payloads can be limited to at most {max} bytes, not {asked}")]
    LimitTooLarge {
        /// The refused bound, in bytes.
        asked: usize,
        /// The largest bound, in bytes.
        max: usize,
    },
    /// The payload is longer than the codec's bound; every peer would refuse it.
    #[error("the payload has {len} bytes, more than the limit of {max}: split it")]
    PayloadTooLarge {
        /// Length of the payload, in bytes.
        len: usize,
        /// The codec's bound, in bytes.
        max: usize,
    },
    /// The erasure code refused its parameters, which no committee leads to.
    #[error("the erasure code refused its parameters: {0}")]
    Code(String),
}
