//! Links between nodes: frames, the shape of a transport, and links in memory.
//!
//! ```text
//!   driver, one turn                         link                         driver of the peer
//!   messages --FrameWriter--> frames --Transport::send--> bounded queue --Transport::receive--> LinkEvent::Frame
//!                                                            | full: drop, remember
//!   LinkEvent::Lost { peer } <------- once there is room ----+
//! ```
//!
//! # What a transport guarantees
//!
//! * *Identity.* A frame that arrives from node j was sent by node j. In memory this holds by construction.
//! * *No silent loss.* A link holds a bounded number of bytes. What does not fit is dropped, and the sender learns it
//!   ([`LinkEvent::Lost`]) as soon as the link has room again; its outbox then repeats what still matters. So between
//!   two honest nodes every message of an open epoch arrives in the end.
//! * *Isolation.* Each directed link has a queue of its own, and a receiver takes frames from its links in turn. A
//!   peer that floods fills its own queue and delays nobody else's frames.
//!
//! Order is not guaranteed, and protocols need none.
//!
//! | module | holds |
//! |---|---|
//! | [`frame`] | how the messages of a turn become frames |
//! | [`transport`] | the trait that links implement, and the events that they report |
//! | [`memory`] | links between nodes of one process |

pub mod frame;
pub mod memory;
pub mod transport;

pub use frame::{FrameWriter, Outgoing};
pub use memory::MemoryLinks;
pub use transport::{LinkEvent, LinkLimits, Transport};
