//! Dumbo1: a common subset with a few binary agreements instead of n, on index sets of an elected committee.
//!
//! # What it guarantees
//!
//! What [`Subset`] says, for static corruption of at most f nodes and any schedule. Agreement, size and validity hold
//! always; totality holds if the committee has an honest member, which fails with a probability of at most 2^-40 per
//! instance, and never where the committee has f + 1 members, as up to n = 48.
//!
//! # Message flow
//!
//! ```text
//!  input --> RBC_me ...
//!  a quorum of RBCs delivered --> share of the election coin --(f + 1 shares)--> committee: kappa distinct members
//!  in the committee, a quorum delivered --> RBC of the index set S_me = whose RBCs are delivered here
//!  S_j delivered and valid, and every RBC that it names delivered --> ABA_j input 1, if it has none
//!  some ABA decided 1 --> input 0 to all ABAs of members that have none
//!                         ABA_j decided 0 --> the RBC of S_j is dropped
//!  all kappa ABAs decided, S_j delivered for every ABA_j = 1 --> the choice is the union of these S_j;
//!                                                                RBCs outside of it are dropped
//!  all RBCs of the choice delivered --> output {(i, contribution)}, ascending
//! ```
//!
//! # Rules
//!
//! * *Gate.* A node releases its share of the election coin when a quorum of contributions has been delivered to it,
//!   also when it knows the coin already.
//! * *Committee.* The coin's value shuffles the nodes ([`draw`]); the first kappa ([`committee_size`]) are elected. A
//!   committee of everybody, as of a single node, needs no coin. Until a node knows the members it takes part in the
//!   index sets and agreements of all nodes; then it drops those of the others.
//! * *Index set.* A member that has a quorum of deliveries broadcasts the set of all that are delivered, at the end of
//!   a turn, once. Valid is a set that is well formed, holds only nodes of this committee and at least a quorum of
//!   them. Anything else counts as BOTTOM and is a fault of the member.
//! * *One.* S_j is here and valid, and so is every contribution that it names: input 1 to ABA_j.
//! * *Zero.* Some ABA of a member decided 1: input 0 to all that have no input, at the end of a turn.
//! * *Choice.* Settled when all ABAs of members have decided and the sets of those that decided 1 are here: the union
//!   of these sets. Output when all contributions in it are here. Checked on every outcome of every child.
//! * *Dropping.* The broadcast of S_j goes when ABA_j decided 0, never when it decided 1. The broadcast of a
//!   contribution goes when the choice is settled here without it, never before: any set that may still be chosen may
//!   name it.
//! * Votes of all agreements in one turn leave at its end as one bundle, as in [`bkr`](crate::bkr).
//! * A node without an input of its own helps all others and may be a member; its input may come at any time.
//! * A node that a broadcast blames for an invalid shard is distrusted by all broadcasts from then on.
//! * An instance has no halting rule of its own: it is freed when its epoch closes.
//!
//! # Why it is safe
//!
//! The coin, the agreements and the broadcasts give every honest node the same members, decisions and sets, hence the
//! same choice. An agreement decides only what an honest node put in. So a first 1 came before any 0, and its set is
//! valid: the choice holds a quorum, of which at least n - 2f are honest. Once all agreements have decided at one
//! honest node, nobody can change the choice any more, although sets and contributions may still be on their way.
//!
//! # Why it is live
//!
//! Let all honest nodes have put something in.
//!
//! 1. *The coin comes to everybody.* At least a quorum of contributions, those of honest nodes, is delivered to every
//!    honest node in the end, unless its broadcasts are dropped somewhere; but whoever drops any keeps the choice,
//!    which is a quorum, delivered to an honest node, and so comes to all. So every honest node passes the gate,
//!    whether or not it is late, and whether or not it knows the coin; and f + 1 shares make the coin.
//! 2. *Some agreement decides 1.* Suppose none ever does at any honest node. Then no honest node ever gives a zero.
//!    There is an honest member; it knows the coin and has a quorum of deliveries, so it broadcasts its set; the set
//!    comes to all, and so does all that it names, as it was delivered to an honest node. So all honest nodes give its
//!    agreement a one, and it decides 1.
//! 3. *All agreements decide.* The first 1 at one honest node comes to all, who then have given each agreement an
//!    input.
//! 4. *The choice comes to everybody.* For each one decided 1, an honest node had the set and all that it names. These
//!    broadcasts are never dropped at an honest node, so everybody gets them.
//!
//! Nobody needs what is dropped. With ABA_j = 0 decided at one honest node, all decide 0 by votes alone (point 3). With
//! all agreements decided at one honest node the same holds for all sets that might have named something else. So a
//! member that is elected late needs to propose only if its own agreement has not decided 0: otherwise its broadcast is
//! gone here, and elsewhere nobody waits for it. One that has output still proposes, serves and votes like any other.
//!
//! # Complexity
//!
//! n broadcasts of contributions, kappa <= 24 broadcasts of at most 33 bytes, one coin, and kappa agreements, whose
//! votes travel in n^2 bundles per step for all of them together. Without faults and with the default coin schedule
//! nine message delays: three of a broadcast, one of the coin, three of the index sets, BVAL, AUX. Four more than
//! [`bkr`](crate::bkr) has, against agreements whose number does not grow with n: the slowest of n takes O(log n)
//! rounds, and each real coin costs n shares.
//!
//! # Bound on memory
//!
//! That of n broadcasts of contributions, n of payloads of 33 bytes, and n agreements (kappa of each when the members
//! are known), one coin, and the delivered payloads until the output.
//!
//! # What is durable
//!
//! What the broadcasts and agreements say. A member's own VALs come back by `recall`, and keep it from proposing
//! another set after a restart. The election share is not: it is the same whenever it is made, and after a restart the
//! broadcasts of a quorum deliver anew and open the gate again.
//!
//! # Deviations from the paper
//!
//! * The committee never has more than f + 1 members, which cannot all be Byzantine, whatever the security parameter;
//!   its size comes from the exact probability for this n and f. Epsilon is a constant of the protocol, hence bound by
//!   its name in the cluster id.
//! * The paper waits for the broadcasts after all agreements are done; here completion is checked on every outcome,
//!   which is the same set at the same nodes. Votes are bundled.
//!
//! # Source
//!
//! Guo, Lu, Lu, Tang, Xu, Zhang: *Dumbo: faster asynchronous BFT protocols*, CCS 2020, section 4.

mod children;
mod committee;
mod machine;
mod message;

pub use children::{Dumbo1Done, Dumbo1Job, Load};
pub use committee::{EPSILON_BITS, committee_size, draw};
pub use machine::Dumbo1;
pub use message::Dumbo1Message;

#[cfg(doc)]
use crate::Subset;
