//! Reliable broadcast with erasure coding (AVID-style), with an optional rule set that saves bandwidth.
//!
//! # Guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1 (static corruption), authenticated links and any scheduling:
//!
//! * **Validity.** If the proposer is honest and has an input, every honest node delivers exactly it.
//! * **Agreement.** No two honest nodes deliver different contributions.
//! * **Totality.** If one honest node delivers, every honest node does.
//! * **Integrity.** Every honest node delivers at most once.
//!
//! What is delivered is a [`Contribution`](mellivora_coding::Contribution): a commitment with the payload that it binds,
//! or with BOTTOM when the proposer committed to something that is no codeword.
//!
//! # Flow
//!
//! ```text
//!  proposer      node 1        node 2        node 3
//!     |---VAL(h,s1)->|            |             |       each node gets its own shard, with proof
//!     |---VAL(h,s2)-------------->|             |
//!     |---VAL(h,s3)---------------------------->|
//!     |<==ECHO(h,s1)=|===========>|============>|       everybody shows its shard to everybody
//!     |<==READY(h)===|===========>|============>|       once a quorum supports h, or f + 1 are ready
//!     deliver        deliver      deliver       deliver at 2f + 1 READY and a final outcome of decoding
//! ```
//!
//! # Rules
//!
//! | event | action |
//! |---|---|
//! | input m at the proposer | encode (as a job), VAL(h, shard i) to each node i |
//! | first valid VAL(h, s) of the proposer | ECHO(h, s), once, for one root only |
//! | a quorum of nodes support h by ECHO or ECHO_HASH | READY(h) to all, once |
//! | f + 1 nodes said READY(h) | READY(h) to all, once |
//! | k shards of h are at hand | decode, as a job, without waiting for READY |
//! | 2f + 1 nodes said READY(h), and h has a final outcome | deliver |
//!
//! A node without a VAL of its own still amplifies READY and delivers. Delivering stops nothing: a late VAL is still
//! echoed.
//!
//! **Outcomes.** Supporters are counted before their proofs are checked: a quorum holds at least k honest nodes, whose
//! shards are good. Decoding starts from unchecked shards, too, and recomputes the commitment over all n shards.
//! Two results are final: the commitment matches; or it does not although all k shards used have been verified, which is
//! BOTTOM and the proposer's fault. A mismatch over unchecked shards is no result. The same job then checks each shard;
//! bad ones are dropped and their senders blamed, and from then on this instance checks every shard before use. Shards
//! of a node that was blamed anywhere ([`Rbc::distrust`]) are checked before use from the start. So at most one decode
//! per instance is wasted on a bad shard, however many there are.
//!
//! **Saving bandwidth** ([`EchoMode::Saving`] with `spare` = g):
//!
//! 1. On a valid VAL(h), the full ECHO goes to the k + g - 1 successors in the ring of nodes (and counts at home);
//!    the others get ECHO_HASH(h), 32 bytes.
//! 2. A node supports one root, by either message; a full one after a hash adds the shard.
//! 3. When h has a final outcome, CAN_DECODE(h) goes, once, to those who would send only hashes.
//! 4. On 2f + 1 READY(h), a node that echoed h sends the full ECHO(h) to each node that had only the hash and has not
//!    said CAN_DECODE(h). Delivery does not cancel this; late VALs and late CAN_DECODEs meet the same rule.
//! 5. Nobody holds back because others will send: f of them may be Byzantine.
//!
//! # Why it is safe and live
//!
//! Two quorums share an honest node, which supports one root: all honest READYs name one root, and 2f + 1 of them
//! cannot exist for two. The first quorum of supporters of h holds at least n - 2f = k honest nodes, and each has a
//! shard of h. With rule 4, whoever needs shards gets all of those: an honest node says CAN_DECODE only when it has
//! its outcome. 2f + 1 READYs at one honest node are f + 1 at every other, so all become READY. Every set of k
//! verified shards gives the same outcome (see [`mellivora_coding`]), so all deliver alike.
//!
//! # Cost
//!
//! Three message delays. n VAL, n^2 ECHO, n^2 READY. Bytes sent per node for a payload of L bytes: about n L / k as a
//! plain echo ([`EchoMode::Full`]), (k + g - 1) L / k when saving, if most nodes are up. One encoding at the proposer
//! and one decoding elsewhere; each leaf is hashed once; the proposer does not decode its own payload.
//!
//! # Memory
//!
//! Each peer fills one ECHO slot, one READY slot and one CAN_DECODE slot, whatever it sends: at most 2n + 1 roots are
//! known, and at most n shards of at most `codec.shard_len(max_payload)` bytes are held, until the first final outcome
//! drops those of its root and delivery drops all. [`Rbc::memory`] adds it up.
//!
//! # What is durable
//!
//! VAL, ECHO, ECHO_HASH and READY are promises and logged before release. Given back by `recall` after a restart, they
//! keep the node from a second proposal, from supporting another root and from being READY for another. CAN_DECODE is
//! not: a peer forgets it when the incarnation changes. All VALs of one proposal leave in one turn; a log must keep a
//! turn whole.
//!
//! # Deviations from the papers, and why
//!
//! * HoneyBadger's figure checks each ECHO's proof on receipt. Here the rebuilt root vouches for all of them at once;
//!   single proofs are checked only after a mismatch. That hashes each shard once instead of twice.
//! * A bad codeword delivers BOTTOM. The figure aborts silently, which costs totality to whoever waits.
//! * READY does not need the shards of the supporters to be valid or at hand, only their votes.
//! * There is no halting rule in the protocol: others may need ECHOs at any later time. An instance is freed when its
//!   epoch closes, so [`is_terminated`](mellivora_core::Protocol::is_terminated) is always false.
//!
//! Sources: Bracha, "Asynchronous Byzantine agreement protocols", 1987; Cachin and Tessaro, "Asynchronous verifiable
//! information dispersal", 2005; Miller et al., "The honey badger of BFT protocols", 2016, section 4.2.

mod config;
mod heard;
mod job;
mod message;
mod state;

pub use config::{EchoMode, RbcConfig};
pub use job::{RbcDone, RbcJob};
pub use message::RbcMessage;
pub use state::Rbc;
