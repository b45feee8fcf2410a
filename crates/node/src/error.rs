//! What can go wrong, and what to do about it.

use std::time::Duration;

use mellivora_atomic::ConfigError;
use mellivora_core::{CommitteeError, Epoch, NodeIndex};
use mellivora_crypto::KeyError;

/// A node or a cluster cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The committee cannot be.
    #[error(transparent)]
    Committee(#[from] CommitteeError),
    /// The constants of the cluster do not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys do not fit.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// More nodes are to misbehave than the committee tolerates.
    #[error(
        "{faulty} faulty nodes are more than {nodes} nodes tolerate: at most {tolerated}; add nodes or make fewer faulty"
    )]
    TooManyFaulty {
        /// Nodes that are to misbehave.
        faulty: usize,
        /// Nodes of the committee.
        nodes: usize,
        /// How many of them may be faulty.
        tolerated: usize,
    },
    /// A node that is to misbehave does not exist.
    #[error("there is no node {node} to be faulty: nodes are numbered from 0 to {last}")]
    NoSuchNode {
        /// The number given.
        node: NodeIndex,
        /// The last node.
        last: usize,
    },
    /// The nudge interval cannot be.
    #[error("nudge interval must be at least 1 ms, not {0:?}")]
    Nudge(Duration),
    /// The operating system gave no thread for the job pool.
    #[error("no thread for the job pool: {0}")]
    Threads(#[from] std::io::Error),
    /// There is no runtime to run the node on.
    #[error("a node needs a tokio runtime with its timer enabled: call start() inside one")]
    NoRuntime,
}

/// A transaction was not taken. It will not be ordered, unless it is submitted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The node's queue is full.
    #[error("the node's queue is full: try again later, or wait with submit_wait")]
    Busy,
    /// The transaction is larger than the cluster allows.
    #[error("a transaction of {len} bytes is too large: at most {max}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The largest one allowed, in bytes.
        max: usize,
    },
    /// The node takes no submissions any more.
    #[error("the node has stopped or is shutting down: submit to another one")]
    Stopped,
}

/// Why a node that had taken a transaction has no place in the order for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotOrdered {
    /// The node stopped first. The transaction may still be ordered by the others, or may never be.
    #[error("the node stopped before the transaction was ordered: look for it in another node's batches")]
    Stopped,
    /// The node fell so far behind that its peers no longer keep the batches that it lacks.
    #[error("the node lacks epoch {0}, which its peers no longer keep: it needs a snapshot of the application")]
    Behind(Epoch),
    /// Equal bytes were ordered not long ago.
    #[error("equal bytes were ordered in epoch {0}: give each request a client name and a sequence number of its own")]
    Duplicate(Epoch),
    /// The protocol refused it.
    #[error("the transaction is too large: at most {0} bytes")]
    TooLarge(usize),
}
