//! The ground floor of mellivora: what every protocol and every driver share, and nothing else.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | names of nodes, epochs, eras, rounds; digests |
//! | [`committee`] | how many nodes, how many may be faulty, every quorum size: the one place with such arithmetic |
//! | [`node_set`] | a set of nodes as a bitmask: the one counter of distinct senders |
//! | [`domain`] | what every signature, coin name, label and digest is bound to |
//! | [`hash`] | keyed BLAKE3, one key per purpose |
//! | [`limits`] | every bound on memory, in one value |
//! | [`protocol`] | the contract of a deterministic state machine: [`Protocol`], [`Effects`], [`Job`], [`Message`] |
//! | [`compose`] | how a parent protocol holds its children: [`Parent`], [`Lens`], [`Keyed`], [`Slot`] |
//! | [`fault`] | what a peer did wrong, as data |
//! | [`codec`] | the wire format: bounded, canonical, whole input consumed |
//!
//! Nothing here (nor in any crate up to `atomic`) reads a clock, starts a thread, touches a socket or asks the
//! operating system for randomness. A run is a function of its ordered list of events.

pub mod codec;
pub mod committee;
pub mod compose;
pub mod domain;
pub mod fault;
pub mod hash;
pub mod id;
pub mod limits;
pub mod node_set;
mod planted;
pub mod protocol;

pub use committee::{Committee, CommitteeError};
pub use compose::{Keyed, Lens, Parent, Slot};
pub use domain::{Domain, Layer, Path, Purpose, Segment};
pub use fault::{Evidence, Fault, FaultKind, FaultLog};
pub use id::{Digest, Epoch, Era, NodeIndex, Round};
pub use limits::Limits;
pub use node_set::NodeSet;
#[doc(hidden)]
pub use planted::planted;
pub use protocol::{Durable, Effects, Job, Message, Protocol, To, Weight};
