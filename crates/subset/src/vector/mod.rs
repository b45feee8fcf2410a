//! A common subset out of n provable broadcasts and one agreement on a vector of their proofs: Dumbo2 and sDumbo.
//!
//! The two differ in the broadcast alone, which is a parameter ([`Provable`]):
//!
//! | | broadcast | its proof | what proves | whoever lacks a chosen payload |
//! |---|---|---|---|---|
//! | [`Dumbo2`] | [`Prbc`](mellivora_broadcast::Prbc), erasure coded | f + 1 signatures | an honest node has delivered | gets it: totality |
//! | [`SDumbo`] | [`Stored`]: PB, the certificate to all | a quorum of signatures | n - 2f honest nodes hold it | retrieves it from the signers |
//!
//! # What it guarantees
//!
//! What [`Subset`] says, for static corruption of at most f nodes and any schedule. Without faults Dumbo2 outputs after ten
//! message delays (three of the broadcast, one for its proof, six of the agreement), sDumbo after nine (two, one, six).
//!
//! # Message flow
//!
//! ```text
//!  input --> broadcast_me ...        broadcast_j: proof_j of root_j       broadcast_j: payload_j
//!                                             |                                      |
//!         a quorum of proofs  --> MVBA([(j, root_j, proof_j) ...])                   |
//!                                             |                                      |
//!                                  the vector that was agreed on --> want the payloads it names
//!                                                                                    |
//!                                             output {(j, payload_j)}, ascending <---+ all here
//! ```
//!
//! # Rules
//!
//! * A quorum of proofs is here: at the end of the turn all proofs that are here go into the agreement, once. A node that
//!   has contributed something waits for its own proof, and every node for the work that its broadcasts are at: what has
//!   arrived is not left out for want of a moment. An own proof comes for certain as long as nothing is decided, and an
//!   instance gives a bounded amount of work, so neither wait depends on anybody's good will.
//! * A node with nothing to contribute says so once a payload that holds something is here ([`Subset::takes_nothing`]). An
//!   empty one is proven sooner than a large one: at once, it would take the place of what was meant to be ordered.
//! * *Predicate*: at least a quorum of entries, in ascending order of distinct members, each with a valid proof of its
//!   root in this very instance. All entries are checked.
//! * The agreement has output: the choice is settled. Each broadcast in it is told which root is wanted; the others are
//!   dropped, since nobody can want them any more.
//! * Output when the payload of every chosen entry, with the very root that was chosen, is here. A Byzantine proposer may
//!   have shown this node another payload than the one that was certified: then the certified one is fetched.
//! * A node without an input of its own helps all the same. An instance has no halting rule: it is freed when its epoch
//!   closes.
//!
//! # Why it is right
//!
//! *Agreement*: all output the payloads of one vector, and a root binds its payload. *Size*: the predicate. *Validity*: an
//! honest proposer gets a proof for its own payload only. *Totality*: the broadcasts of the n - f honest nodes get
//! proofs, so everybody has an input for the agreement; what it chooses is held by honest nodes, by what a proof means,
//! and reaches everybody by totality or by retrieval.
//!
//! # Complexity
//!
//! One agreement instead of n. Bytes: of Dumbo2 n/k times the payload per node, as in BKR; of sDumbo n times the own
//! payload at each node, uncoded, without encoding or decoding at all. The vectors of the agreement: n^2 proofs sent by
//! each node, of which each distinct one is verified once.
//!
//! # Bound on memory
//!
//! That of n broadcasts and one agreement with values of at most n proofs, and the payloads until the output.
//!
//! # What is durable
//!
//! What the broadcasts and the agreement say. The input of the agreement need not be: what was proposed is in its log.
//!
//! # Sources and deviations
//!
//! Guo, Lu, Tang, Xu, Zhang: *Dumbo: faster asynchronous BFT protocols*, CCS 2020, section 6 (Dumbo2); Guo, Lu, Lu, Tang,
//! Xu, Zhang: *Speeding Dumbo*, NDSS 2022, section VI (sDumbo). Both run on the corrected agreement of
//! [`mellivora_agreement::smvba`]. Dumbo2 had that of Cachin and others ([`mellivora_agreement::ckps`]), which works just
//! as well here, `Vector<Prbc, Ckps>`, and takes four message delays more. The published code of sDumbo leaves out the
//! retrieval of payloads. Both papers put the first quorum of proofs to the agreement, and let nodes without transactions
//! compete: then up to f contributions are left out of every epoch, and large ones again and again.

mod machine;
mod message;
mod provable;
mod stored;
mod vote;

pub use machine::{Vector, VectorDone, VectorJob};
pub use message::VectorMessage;
pub use provable::{Provable, ProvableEvent};
pub use stored::{Stored, StoredDone, StoredJob, StoredMessage};
pub use vote::{Entries, Entry, ProofVector};

#[cfg(doc)]
use crate::Subset;

/// Dumbo2: provable reliable broadcasts, and one agreement on their proofs.
pub type Dumbo2 = Vector<mellivora_broadcast::Prbc>;

/// Speeding Dumbo: provable broadcasts of whole payloads, and one agreement on their certificates.
pub type SDumbo = Vector<Stored>;
