//! Provable broadcast (PB), and consistent broadcast (CBC), which is PB with the certificate sent to all.
//!
//! # What it guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1 (static corruption), authenticated links and any scheduling, for one
//! proposer:
//!
//! * **Provability.** A certificate of a root proves that at least n - 2f honest nodes *hold the payload*: each of them
//!   has computed the root from it, and has recorded it before it signed. So every certified payload can be retrieved
//!   (see [`retrieval`](crate::retrieval)).
//! * **Uniqueness.** There are no certificates for two roots.
//! * **External validity.** The parents of n - 2f honest nodes have accepted a certified payload.
//! * **Termination.** If the proposer is honest and the parents of all honest nodes accept its payload, it gets a
//!   certificate; and with [`announce`](PbConfig::announce) every honest node does.
//!
//! There is no totality: a Byzantine proposer may show its payload to some and its certificate to some others.
//!
//! # Message flow
//!
//! ```text
//!  proposer            every node
//!     |-- SEND(m) ------->|  root of the chunk tree of m; parent: acceptable? -- Accept --> record m
//!     |<-- ENDORSE -------|  signature on (instance, STORED, root)
//!     |  a quorum: the certificate                                                 => Certified at the proposer
//!     |-- FINAL(root, certificate) -->|  valid                                     => Certified at every node
//! ```
//!
//! # Rules
//!
//! | event | action |
//! |---|---|
//! | input Propose(m) at the proposer | SEND(m) to all, once |
//! | first SEND of the proposer, at most `max_payload` bytes | hash it (as a job); output Proposed, which the parent checks in its own time |
//! | input Accept | record m, and in the same turn ENDORSE its root to the proposer, once |
//! | ENDORSE, at the proposer | kept until the own root is known, then collected |
//! | a quorum of endorsements | output Certified; with `announce`: FINAL(root, certificate) to all |
//! | first FINAL of the proposer, valid | output Certified, whether or not m is at hand |
//!
//! A different second SEND is the proposer's fault, and so is a FINAL of another root; the first ones count. A FINAL that
//! is invalid is a fault and gets no second try: an honest proposer sends none.
//!
//! # Why it is safe and live
//!
//! An honest node endorses one root, and two quorums share an honest node: so one root has certificates. A quorum holds
//! n - 2f honest nodes, and what each of them endorses is what it computed from the payload that it holds. A proposer
//! that commits to a root without showing the payload gets no honest signature at all. All honest nodes endorse what an
//! honest proposer sends, once their parents accept, and they are a quorum.
//!
//! # Cost
//!
//! Two message delays to the certificate, a third to FINAL. n messages each; n times the payload in bytes at the
//! proposer, which is the price of doing without a code. One hash of the payload and one signature per node; at the
//! proposer one batch check of the endorsements, at the others one of the certificate.
//!
//! # Memory
//!
//! One payload of at most `max_payload` bytes with its tree (64 bytes per chunk), one certificate; at the proposer one
//! endorsement per node. [`Pb::memory`] adds it up.
//!
//! # What is durable
//!
//! SEND; and the payload with the endorsement: it goes to the node itself as [`PbMessage::Record`] before the ENDORSE, in
//! the same turn (at the proposer SEND is that record). Given back by `recall`, they keep the node from a second proposal
//! and from endorsing another root; the tree is computed again, and Proposed comes out again, so that the parent can
//! serve the payload. FINAL is proven by others' signatures and needs no record; a restarted proposer makes it anew from
//! endorsements that are said again, perhaps with other signers.
//!
//! # Deviations from the papers, and why
//!
//! * Guo et al. sign a hash of the payload. Here it is the root of a tree over plain chunks that covers the length, which
//!   lets every signer serve any part of the payload.
//! * The external predicate is not inside: the parent answers `Accept`, because what it waits for may come later.
//! * Certificates are multi-signatures with a list of signers, not threshold signatures: no key is shared with the
//!   coin, whose threshold of f + 1 would let f + 1 nodes forge. The signers are also who to ask for the payload.
//!
//! Sources: Abraham, Malkhi, Spiegelman: *Asymptotically optimal validated asynchronous Byzantine agreement*, PODC 2019
//! (PB); Cachin, Kursawe, Petzold, Shoup: *Secure and efficient asynchronous broadcast protocols*, CRYPTO 2001 (CBC);
//! Guo, Lu, Lu, Tang, Xu, Zhang: *Speeding Dumbo: pushing asynchronous BFT closer to practice*, NDSS 2022.

mod machine;
mod message;

pub use machine::{Pb, PbConfig, PbDone, PbInput, PbJob, PbOutput, stored};
pub use message::PbMessage;
