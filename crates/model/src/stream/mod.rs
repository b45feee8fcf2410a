//! Dumbo-NG: when to vote for a slot of a stream.
//!
//! # What is modelled
//!
//! One stream, its voters and what is ordered of it, by the rules of Dumbo-NG in `protocols.md`, with the thresholds of
//! [`Committee`]. Vote for slot s if
//!
//! * s is at most the window above the *base*, the stream's tip in the newest ordered output that the node has; and
//! * the digest of s covers the digest of s - 1 that is the base, or that the node has voted for, or whose batch and
//!   certificate it has;
//! * the batch of s is stored first, and no other digest of s has this node's vote.
//!
//! A quorum of votes is a certificate. Any certified slot above the last ordered one may be ordered next; a node's base
//! moves to any ordered tip at any time later, also past slots that it has never seen: that is what a snapshot does.
//!
//! [`Fork`] has a Byzantine proposer, who makes two batches for every slot, on whatever predecessors it likes, and shows
//! them to whom it likes. [`Flow`] has an honest one, which sends again what its base does not cover, and Byzantine
//! voters who vote, or fall silent for good.
//!
//! # What is left out, and why that is sound
//!
//! * *Other streams.* All that they do to this one is to decide when, and at which certified tip, an output comes; here
//!   it comes at any time, at any tip. In [`Flow`] it comes in the end, as long as something is certified and known
//!   above what is ordered: that is for agreement and for the rule of empty batches to see to.
//! * *More batches per slot.* A fork has two.
//! * *Retrieval.* A batch that an honest node has stored can be fetched until the node that asks has it behind its base.
//!
//! # Laws
//!
//! * *One certificate per slot*; *certified prefixes*: what a certified digest covers is certified itself.
//! * *Certified batches are held* by some honest node.
//! * *Window*: nobody has voted further above its base than the window.
//! * *No stream is stuck*: when everybody is quiet, all slots of an honest proposer are certified and ordered, and all
//!   bases are there.
//! * *Dissemination does not wait*: when nothing but outputs can still come, all slots that everybody's window allows
//!   are certified.
//!
//! # Weakened rules
//!
//! A vote without the condition on the predecessor, for two digests, with a quorum one too low, or on a certificate
//! that is not checked: forks. A base that is compared by its number and not by its digest: a slot is certified on a
//! prefix that is not. A vote before the batch is stored: a certified batch that nobody can serve. A window that does
//! not count from the base, a base that does not follow outputs or does not count as predecessor, no TIP: stuck. Without
//! certificates as predecessors nothing is stuck, but a node that was skipped holds up the stream until the next output.
//!
//! # States
//!
//! Voters have no names, but the honest proposer has; neither have the two digests of a slot.
//!
//! The counts are in [`EXPECTED`](crate::EXPECTED).

mod flow;
mod fork;

pub use flow::{Flow, FlowAct, FlowNode, FlowState, FlowStep};
pub use fork::{Fork, ForkNode, ForkState, ForkStep};

#[cfg(doc)]
use mellivora_core::Committee;
