//! Provable reliable broadcast (PRBC): reliable broadcast, and a proof that an honest node has delivered.
//!
//! # What it guarantees
//!
//! All that [`rbc`](crate::rbc) does: validity, agreement, totality, integrity, for static corruption of at most f nodes
//! of n >= 3f + 1, authenticated links and any scheduling. And:
//!
//! * **Provability.** A proof of a root, f + 1 signatures on (instance, DELIVERED, root), shows that an honest node has
//!   delivered it. So by totality everybody will, and whoever is shown a proof may build on the contribution before
//!   having it.
//! * **Uniqueness.** There are no proofs for two roots.
//! * **Termination.** If one honest node delivers, every honest node gets a proof.
//!
//! # Message flow
//!
//! ```text
//!  reliable broadcast ... delivers (root, payload or BOTTOM)                  => Delivered
//!     every node == DELIVERED(root, endorsement) ==> every node
//!     f + 1 of them for one root: the proof                                   => Proven, perhaps before Delivered
//! ```
//!
//! # Rules
//!
//! | event | action |
//! |---|---|
//! | the reliable broadcast delivers, BOTTOM too | output Delivered; DELIVERED(root, endorsement) to all, once |
//! | first DELIVERED of a sender | kept; one for another root is a fault |
//! | f + 1 senders said DELIVERED of one root | put their endorsements together (as a job), with those that come later if some are invalid |
//! | a proof comes of it | output Proven, once |
//!
//! Endorsements count before and after the own delivery alike: collecting goes on beyond the end of the broadcast.
//!
//! # Why it is safe and live
//!
//! f + 1 distinct senders hold an honest one, and honest nodes deliver one root: only that root can ever have f + 1
//! senders, so endorsements of one root alone are put together, and liars cost at most one attempt each. All honest
//! nodes deliver if one does, and they are at least f + 1.
//!
//! # Cost
//!
//! One message delay, n^2 messages of about 100 bytes, one signature and one batch check of f + 1 signatures per node
//! on top of the reliable broadcast. One endorsement per node in memory.
//!
//! # What is durable
//!
//! DELIVERED, and what the reliable broadcast says. The own endorsement is counted again when it is recalled.
//!
//! # Deviations from the paper, and why
//!
//! * Guo et al. use a threshold signature; here the proof lists f + 1 signers, so no key is shared with the coin.
//! * The root travels with the endorsement: a node that has not delivered would not know what was signed.
//!
//! Source: Guo, Lu, Tang, Xu, Zhang: *Dumbo: faster asynchronous BFT protocols*, CCS 2020, section 5.

mod machine;
mod message;

pub use machine::{Prbc, PrbcConfig, PrbcDone, PrbcJob, PrbcOutput, delivered};
pub use message::PrbcMessage;
