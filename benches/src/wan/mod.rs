//! Whole nodes in virtual time: a wide area network, uplinks and downlinks of limited width, and virtual cores.
//!
//! | module | holds |
//! |---|---|
//! | [`network`] | regions and the time between them |
//! | [`costs`] | what computing takes, measured once and kept as a table |
//! | [`counterfeit`] | cryptography with the sizes of the real one, which charges what the real one costs |
//! | [`world`] | the simulation: turns, jobs, cores, links, clients |
//! | [`formula`] | messages and bytes that a protocol has to send |
//!
//! ```text
//!   clients --> [ turn | job | job | link work ]  virtual cores of node i
//!                  |
//!                  '--> frames --> uplink (a queue) --> one way delay --> downlink (a queue) --> node j
//! ```
//!
//! Nodes are real: every state machine, message, frame, code and hash. What is not real is time, and the cryptography,
//! which is replaced by [counterfeits](counterfeit) of the same sizes. Nothing here reads a clock while it simulates: a run
//! is a function of its [`Setup`].

pub mod costs;
pub mod counterfeit;
pub mod formula;
pub mod network;
mod node;
mod run;
pub mod world;

pub use run::{Load, Outcome, Setup, simulate};
