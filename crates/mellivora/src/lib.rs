//! Asynchronous Byzantine fault tolerant atomic broadcast: the HoneyBadger and Dumbo family.
//!
//! Nodes that do not trust each other take in transactions, and all honest ones hand out the same batches in the same
//! order. No node leads, no timeout decides, and nobody can keep a transaction out by delaying messages.
//!
//! ```
//! use mellivora::prelude::*;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Four nodes in this process: keys dealt, links in memory. One of them may be faulty, and one is.
//!     let cluster = Cluster::in_process(4).faulty(3, Misbehaviour::Equivocate).start().await?;
//!     let mut batches = cluster.node(1).batches();
//!
//!     // Put something in at one node ...
//!     let receipt = cluster.node(0).submit("pay alice 5").await?;
//!     let position = receipt.committed().await?;
//!
//!     // ... and it comes out at every other, at the same place.
//!     let batch = loop {
//!         let batch = batches.next().await.ok_or("the node stopped")?;
//!         if batch.epoch() == position.epoch {
//!             break batch;
//!         }
//!     };
//!     assert!(batch.iter().any(|(place, bytes)| place == position && bytes == b"pay alice 5"));
//!
//!     // Leave in good order: everything that was acknowledged is ordered first.
//!     drop(batches);
//!     let leftover = cluster.shutdown().await;
//!     assert!(leftover.is_empty());
//!     Ok(())
//! }
//! ```
//!
//! # What it guarantees
//!
//! With n nodes of which at most f are Byzantine, n >= 3f + 1, authenticated links, and a network that may delay and
//! reorder messages at will, as long as it delivers each in the end:
//!
//! * **Agreement and total order.** Honest nodes hand out the same batches in the same order. Equal
//!   [`Batch::digest`]s mean equal histories.
//! * **Integrity.** A batch holds each transaction once, and no transaction of the last D epochs again (see
//!   [`atomic::Config::dedup_epochs`]). Equal bytes are one transaction: make distinct requests distinct.
//! * **Liveness.** As long as n - f nodes work, what they have taken is ordered. No assumption about time is made, so no
//!   choice of timeouts can be wrong.
//! * **Censorship resilience.** With encryption, which is the default, what a contribution holds is known only after its
//!   place is fixed. A transaction in the queues of f + 1 honest nodes is ordered within a bounded expected number of
//!   epochs.
//! * **Accountability.** What a faulty node does wrong is kept as data: [`Node::faults`]. Honest nodes are never named.
//! * **Bounded memory.** Every queue has a bound, and a peer can fill only its own.
//!
//! # What it does not do
//!
//! * It has not been audited.
//! * It keeps its state in memory. A node that crashed must not come back under the same keys, because it does not know
//!   what it had promised. Up to f such losses are tolerated for good.
//! * Links exist within one process only. A network link is an implementation of [`net::Transport`], which has to
//!   authenticate its peers.
//! * Membership is fixed when the keys are dealt, and the dealer is trusted.
//! * Corruption is static: the guarantees speak of nodes that are faulty from the start.
//! * It hides the content of transactions until they are ordered, not who submitted them, nor how long they are.
//!
//! # Where things are
//!
//! ```text
//!   Cluster, Node               node        handles, the tokio driver, backpressure
//!      |
//!   Transport                   net         frames, links
//!      |
//!   HoneyBadger                 atomic      batches, encryption, epochs, closing, outbox
//!      |
//!   Bkr                         subset      whose contributions count
//!      |
//!   Aba, Rbc                    agreement, broadcast
//!      |
//!   coins, encryption, codes    crypto, coding
//!      |
//!   Protocol, Effects           core        the contract of every state machine
//! ```
//!
//! From [`core`] to [`atomic`] everything is a deterministic state machine without I/O, clock or threads. Whoever wants
//! another runtime, or none, drives [`atomic::HoneyBadger`] by hand; the duties of a driver are on
//! [`core::protocol`]'s page.

pub use mellivora_agreement as agreement;
pub use mellivora_atomic as atomic;
pub use mellivora_broadcast as broadcast;
pub use mellivora_coding as coding;
pub use mellivora_core as core;
pub use mellivora_crypto as crypto;
pub use mellivora_net as net;
pub use mellivora_node as node;
pub use mellivora_subset as subset;

pub use mellivora_atomic::{Batch, EncryptionSchedule, Position};
pub use mellivora_core::{Committee, Digest, Epoch, Fault, FaultKind, Limits, NodeIndex};
pub use mellivora_crypto::{Certificates, NodeKeys, Suite};
pub use mellivora_node::{
    Batches, Cluster, ClusterBuilder, Engine, Leftover, Misbehaviour, Node, NodeConfig, NodeStatus, NotOrdered,
    Receipt, Receipts, StartError, SubmitError,
};

/// What most programs need.
pub mod prelude {
    pub use crate::{
        Batch, Batches, Certificates, Cluster, Committee, EncryptionSchedule, Engine, Epoch, Misbehaviour, Node,
        NodeConfig, NodeIndex, NotOrdered, Position, StartError, SubmitError, Suite,
    };
}
