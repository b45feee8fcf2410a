//! BKR: a common subset out of n reliable broadcasts and n binary agreements. HoneyBadger's choice.
//!
//! # What it guarantees
//!
//! What [`Subset`] says, for static corruption of at most f nodes and any schedule. It outputs after an expected
//! O(log n) rounds of agreement (the slowest of n instances counts); with the default coin schedule and no faults after
//! five message delays: three of a broadcast, BVAL, AUX.
//!
//! # Message flow
//!
//! ```text
//!  input --> RBC_me ...          RBC_j delivers --> ABA_j input 1, if it has none
//!                                a quorum of ABAs decided 1 --> input 0 to all that have none
//!                                ABA_j decided 0 --> RBC_j is dropped
//!  all n ABAs decided, and RBC_j delivered for every ABA_j = 1 --> output {(j, contribution)}, ascending
//! ```
//!
//! # Rules
//!
//! * RBC_j delivers (a payload or BOTTOM, which is the same at every honest node): input 1 to ABA_j, if it has none.
//! * A quorum of ABAs decided 1: input 0 to every ABA without an input, at the end of a turn in which this node has no
//!   decoding of others' broadcasts to finish. Such a broadcast is about to deliver, and a one costs less than
//!   broadcasting the same payload again in the next epoch. Decoding always ends, so nothing waits for a peer.
//! * Output when all ABAs have decided and RBC_j has delivered for every ABA_j = 1. Checked on every outcome of every
//!   child, whatever its kind. It comes in the end: ABA_j = 1 means that an honest node delivered RBC_j, hence all will.
//! * RBC_j may be dropped once ABA_j decided 0, never when it decided 1.
//! * Votes of all agreements in one turn leave at its end as one bundle of (vote, bitmask of instances). A bundle is
//!   durable if one of its votes is.
//! * A node without an input of its own helps all others; its input may come at any time.
//! * A node that a broadcast blames for an invalid shard is distrusted by all broadcasts from then on.
//! * An instance has no halting rule of its own, since its broadcasts have none: it is freed when its epoch closes. An
//!   agreement that halts is freed at once; only its decision stays.
//!
//! # Complexity
//!
//! n broadcasts (each n^2 messages and about n/k times the payload per node) and n agreements, whose n^2 votes per step
//! travel in n^2 bundles for all of them together.
//!
//! # Bound on memory
//!
//! That of n broadcasts and n agreements, plus the delivered payloads until the output.
//!
//! # Sources
//!
//! Ben-Or, Kelmer, Rabin: *Asynchronous secure computations with optimal resilience*, PODC 1994. Miller, Xia, Croman,
//! Shi, Song: *The Honey Badger of BFT protocols*, CCS 2016, section 4.
//!
//! # Deviations from the paper
//!
//! The paper waits for the broadcasts after all agreements are done; here completion is checked on every outcome, which
//! is the same set at the same nodes. Votes are bundled. Zeros wait for this node's own decoding, never for messages.

mod children;
mod machine;
mod message;

pub use children::{BkrDone, BkrJob};
pub use machine::Bkr;
pub use message::BkrMessage;

pub use crate::ballots::{Ballot, MAX_BALLOTS};

#[cfg(doc)]
use crate::Subset;
