//! Leaderless asynchronous atomic broadcast: total order without leaders, clocks or timeouts.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | the constants of a cluster, and the id that binds them |
//! | [`engine`] | what all atomic broadcasts share: the state machine that users drive |
//! | [`honey_badger`] | HoneyBadger over any common subset |
//! | [`epoch`] | one epoch: common subset, then opening of what is encrypted |
//! | [`batch`] | what comes out: batches, positions, tickets |
//! | [`message`] | what nodes tell each other |
//! | [`header`], [`checkpoint`] | state digests, checkpoints, certificates |
//! | [`bounds`] | how much memory a peer can make a node hold |
//!
//! The rest is what every engine shares: the queue of submissions, replicated dedup, the outbox, pacing, room for early
//! messages, the archive and catching up.

mod archive;
pub mod batch;
pub mod bounds;
mod catch_up;
pub mod checkpoint;
pub mod config;
mod dedup;
mod demands;
pub mod dumbo_ng;
mod early;
pub mod engine;
pub mod epoch;
mod error;
pub mod header;
pub mod honey_badger;
pub mod message;
mod outbox;
mod pacing;
mod queue;
mod transactions;

pub use batch::{Batch, Position, Ticket};
pub use checkpoint::{Certificate, Checkpoint};
pub use config::{Config, EncryptionSchedule};
pub use dumbo_ng::{DumboNg, Streams};
pub use engine::{Atomic, Input, Local, Output, Source, Status, Submission};
pub use error::ConfigError;
pub use honey_badger::{HoneyBadger, Samples};
pub use message::Message;
