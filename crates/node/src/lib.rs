//! The tokio driver of mellivora: nodes, handles on them, and clusters in one process.
//!
//! ```text
//!   Node (handle)  --submissions, control-->  driver (one task)  <--frames-->  Transport
//!        ^------receipts, batches, status-----'      |    ^
//!                                                   jobs  results
//!                                                    v    |
//!                                                   JobPool
//! ```
//!
//! * A node is one task that owns all of its protocol state and takes events in turns. No lock guards a protocol.
//! * Everything that waits, waits in a bounded place. What happens when it is full is said where the place is:
//!   [`Node::submit`] (refuses), [`Node::batches`] (the node waits), [`mellivora_net`] (drops, and tells the sender),
//!   [`JobPool`] (the work is done by who made it).
//! * The driver keeps its state in memory. A node that has crashed must not start again with the same keys: it does
//!   not know what it had promised.
//!
//! Start with [`Cluster::in_process`] or [`Node::builder`].

mod cluster;
mod config;
mod driver;
mod engine;
mod error;
mod intake;
mod misbehave;
mod node;
mod pool;
mod reactor;
mod replica;
mod status;

pub use cluster::{Cluster, ClusterBuilder};
pub use config::NodeConfig;
pub use engine::{Engine, UnknownEngine};
pub use error::{NotOrdered, StartError, SubmitError};
pub use misbehave::{Misbehaviour, UnknownMisbehaviour};
pub use node::{Batches, Leftover, Node, NodeBuilder, Receipt, Receipts};
pub use pool::JobPool;
pub use status::{NodeStatus, Phase};

pub use mellivora_atomic::{Batch, EncryptionSchedule, Position, Status};
pub use mellivora_core::Limits;
pub use mellivora_crypto::{Certificates, Suite};
