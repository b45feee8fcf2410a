//! What can be wrong with keys.

use mellivora_core::{CommitteeError, NodeIndex};

/// Why keys cannot be used. Each message is one line that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No such suite.
    #[error("there is no suite `{0}`: use ristretto255, bls12-381 or threshold_crypto")]
    UnknownSuite(String),
    /// No such certificates.
    #[error("there are no certificates `{0}`: use ed25519 or bls12-381")]
    UnknownCertificates(String),
    /// A suite of another build.
    #[error("this build has no suite threshold_crypto: build with the cargo feature `threshold_crypto`")]
    SuiteNotBuilt,
    /// The committee cannot exist.
    #[error("the key file describes an impossible committee: {0}")]
    Committee(#[from] CommitteeError),
    /// Not a key file.
    #[error("this is no {kind} key file: {reason}; use a file written by the key generation")]
    File {
        /// Public or secret.
        kind: &'static str,
        /// What the parser found, on one line; never a value of the file.
        reason: String,
    },
    /// Written by another version.
    #[error("the key file has version {found}, this build reads version {supported}: generate keys with this build")]
    Version {
        /// The version of the file.
        found: u32,
        /// The version of this build.
        supported: u32,
    },
    /// A list with the wrong number of entries.
    #[error("`{field}` has {found} entries where the committee needs {expected}: get an undamaged copy of the file")]
    Count {
        /// Name of the field.
        field: String,
        /// As many as there must be.
        expected: usize,
        /// As many as there are.
        found: usize,
    },
    /// Bytes that are no key.
    #[error(
        "`{field}` is no valid key (wrong length, not canonical, or an unsafe group element): get an undamaged copy of the file"
    )]
    Invalid {
        /// Name of the field.
        field: String,
    },
    /// Two nodes with one identity.
    #[error("nodes {0} and {1} have the same identity key: deal the keys again")]
    SameIdentity(NodeIndex, NodeIndex),
    /// Two nodes with one certificate key.
    #[error("nodes {0} and {1} have the same certificate key: deal the keys again")]
    SameCertificateKey(NodeIndex, NodeIndex),
    /// A certificate key that may have been made of other nodes' keys.
    #[error("the certificate key of node {0} has no valid proof of possession: get an undamaged copy of the file")]
    Possession(NodeIndex),
    /// Certificate keys where none belong.
    #[error(
        "a key file with {certificates} certificates must not have certificate keys: get an undamaged copy of the file"
    )]
    CertificateKeys {
        /// The certificates.
        certificates: &'static str,
    },
    /// Shares of different polynomials, or of one with too high a degree.
    #[error("the {key} key shares do not belong to one key of threshold f + 1: deal the keys again")]
    Inconsistent {
        /// Coin or encryption.
        key: &'static str,
    },
    /// Encryption keys missing or present against the suite.
    #[error("a key file of suite {suite} must {must}: get an undamaged copy of the file")]
    EncryptionKeys {
        /// The suite.
        suite: &'static str,
        /// What it must hold.
        must: &'static str,
    },
    /// The file contradicts its own digest.
    #[error("the key file does not match the key-set digest it states: get an undamaged copy of the file")]
    Digest,
    /// The secret belongs to other public keys.
    #[error("the secret keys belong to another key set: use the public key file that was dealt together with them")]
    OtherKeySet,
    /// The node is no member.
    #[error("the secret keys are those of node {index}, but the key set has {nodes} nodes: use files of one key set")]
    NotAMember {
        /// Index in the secret file.
        index: NodeIndex,
        /// Size of the committee.
        nodes: usize,
    },
    /// The secret is not the one behind the public share.
    #[error(
        "the {key} secret of node {index} does not match its public key: restore the secret key file from its backup"
    )]
    SecretMismatch {
        /// Identity, coin, encryption or certificates.
        key: &'static str,
        /// Which node.
        index: NodeIndex,
    },
}
