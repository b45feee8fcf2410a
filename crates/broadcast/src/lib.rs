//! Broadcasts: one node speaks, all honest nodes end up with the same, or with nothing.
//!
//! | module | protocol | guarantee |
//! |---|---|---|
//! | [`rbc`] | reliable broadcast, erasure coded | if one honest node delivers, all deliver the same |
//!
//! Every protocol here is a deterministic state machine, see [`mellivora_core::protocol`].

pub mod rbc;

pub use rbc::{EchoMode, Rbc, RbcConfig, RbcDone, RbcJob, RbcMessage};
