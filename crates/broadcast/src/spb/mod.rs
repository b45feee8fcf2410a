//! Strong provable broadcast (SPB): two provable broadcasts in a row, the second about the first one's certificate.
//!
//! # What it guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1, for one proposer and one view:
//!
//! * **Provability.** Whoever holds a FINISH certificate (cert2) knows that at least n - 2f honest nodes *hold a lock*:
//!   the value with its LOCK certificate (cert1), recorded before they signed.
//! * **Uniqueness.** There are no LOCK certificates for two values, and no FINISH certificates for two values.
//! * **External validity.** A value with a LOCK certificate was accepted by the parents of n - 2f honest nodes.
//! * **Abandonability.** A node that was told to abandon signs nothing more and records no lock. So once f + 1 honest
//!   nodes have abandoned, no new FINISH certificate comes to be.
//! * If the proposer is honest, all honest nodes accept its value, and nobody abandons, every honest node gets a
//!   FINISH certificate. There is no totality otherwise: agreement is built on top.
//!
//! # Message flow
//!
//! ```text
//!  proposer                 every node
//!     |-- SEND(value, proof) -->|  parent: acceptable? -- Accept -->  record the digest
//!     |<-- ENDORSE(lock) -------|
//!     |-- LOCK(cert1) --------->|  valid, value at hand, not abandoned: record (value, cert1)   => Locked
//!     |<-- ENDORSE(finish) -----|
//!     |-- FINISH(cert2) ------->|  valid                                                        => Finished
//! ```
//!
//! # Rules
//!
//! | event | action |
//! |---|---|
//! | input Propose(value, proof) at the proposer | SEND(value, proof) to all, once |
//! | first SEND of the proposer | hash the value; output Proposed, which the parent checks in its own time |
//! | input Accept | unless abandoned: endorse the digest for LOCK, once |
//! | a quorum of LOCK endorsements, at the proposer | cert1: LOCK(digest, cert1) to all |
//! | valid LOCK, its value at hand | unless abandoned: record the lock, endorse the digest for FINISH; output Locked |
//! | a quorum of FINISH endorsements, at the proposer | cert2: FINISH(digest, cert2) to all |
//! | valid FINISH | output Finished, abandoned or not |
//! | input Abandon | no more endorsements, no lock |
//!
//! cert1 vouches for the value, so a LOCK may be signed although this node's parent has not accepted (it may still wait
//! for a proof that a quorum has seen). The value must be at hand: a lock that nobody can open would be no lock.
//!
//! # Cost
//!
//! Five message delays; n messages in each; 2 signatures per node; at the proposer one batch check per certificate, at
//! the others one for each certificate.
//!
//! # Memory
//!
//! One value with its proof (the parent bounds both when it decodes a message), two certificates, one endorsement per
//! node and stage at the proposer.
//!
//! # What is durable
//!
//! SEND; the digest with the first endorsement; the value and cert1 with the second. Each record goes to the node itself
//! before the endorsement, in the same turn, as [`SpbMessage::Record`]. Given back by `recall`, they keep the node from
//! a second proposal and from endorsing another value, and the lock is there again. LOCK and FINISH are proven by
//! others' signatures and need no record.
//!
//! # Deviations from the paper, and why
//!
//! * Guo et al. have a validation predicate inside; here the parent answers `Accept`, because its check may have to wait
//!   for a coin.
//! * Certificates are multi-signatures with a list of signers, not threshold signatures: no key is shared with the
//!   coin, and n - f signers are needed where a threshold key of f + 1 would let f + 1 nodes forge.
//!
//! Source: Guo, Lu, Lu, Tang, Xu, Zhang: *Speeding Dumbo: pushing asynchronous BFT closer to practice*, NDSS 2022,
//! section V.

mod machine;
mod message;

pub use machine::{Spb, SpbConfig, SpbDone, SpbInput, SpbJob, SpbOutput};
pub use message::{SpbMessage, SpbRecord, Stage};

use mellivora_core::hash::HashKey;

/// The key under which values of provable broadcasts are hashed.
pub const VALUE: HashKey = HashKey::new("mellivora/v1 mvba value");
