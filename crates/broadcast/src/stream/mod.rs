//! A stream of certified batches: the broadcast half of Dumbo-NG.
//!
//! One instance is the stream of one proposer at one node. It lives as long as the atomic broadcast above it, which owns
//! one per member, lets agreements choose among certified places, and tells each stream what was ordered.
//!
//! # What it guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1 (static corruption), authenticated links and any scheduling, for a
//! parent that orders only certified places, each on the chain of the one before:
//!
//! * **One chain.** No slot has certificates for two places, and what a certified place covers is certified itself: all
//!   certified places lie on one chain.
//! * **Availability.** At least n - 2f honest nodes hold the batch of each certified slot, in their logs, until the slot
//!   is closed. So every batch of a chosen place is put out, in order, at every node, until the slot is closed there.
//! * **Progress.** An honest proposer's next slot is certified, if all honest nodes' bases reach what is ordered in the
//!   end; and every node learns of its newest certified place that it needs to order. Slots within everybody's window
//!   wait for no output.
//! * **Bounded.** Nobody votes, and nobody keeps anything but a certificate, beyond `window` slots above its base.
//!
//! # Message flow
//!
//! ```text
//!  proposer                 every node                             somebody who lacks a batch
//!     |-- PROPOSAL(tip_{s-1}, cert_{s-1}, batch_s) -->|  tip_s = tip_{s-1} . commitment . full
//!     |                        |  s <= base + window, and s-1 is founded -- record batch_s      => Voted
//!     |<-- VOTE(tip_s, signature) ----|
//!     |  a quorum: cert_s      => Grown                               Want(tip, cert): what does its digest cover?
//!     |-- PROPOSAL(tip_s, cert_s, batch_{s+1}) --> ...                     |-- ASK(slot, digest) -->|
//!     |   or, where that does not go out at once:                          |<-- HEADERS ------------|
//!     |-- TIP(tip_s, cert_s) -->|  valid  => Grown                         |<== retrieval ========>|   => Batch
//! ```
//!
//! A *place* ([`Tip`]) is the number of a slot with a digest that covers the place before, `full` and the commitment of
//! the slot's [chunk tree](mellivora_coding::ChunkTree). `full` is the number of the last slot whose batch is not empty;
//! voters compute it. A vote signs (stream, slot, full, digest).
//!
//! # Rules: voting
//!
//! | event | action |
//! |---|---|
//! | PROPOSAL of the proposer for a slot in (base, base + window], the first | keep it, hash it (as a job), check its certificate |
//! | another one for that slot | the proposer's fault; the first counts |
//! | PROPOSAL beyond the window | dropped, a fault; up to the base: dropped |
//! | a kept and hashed proposal of s <= base + window, no vote for s, and s-1 is the base *with the base's digest*, or was voted for with the digest that s covers, or its batch is kept here and certified with that digest | record batch s (and s-1, in the last case), and in the same turn VOTE; output Voted; serve batch s |
//! | TIP, or the certificate in a PROPOSAL, for a slot above the base | checked as a job, all of a turn together; valid: output Grown, if it is the newest; invalid: a fault, and the proposer's certificates are looked at no more |
//! | input Ordered(tip) above the base | it is the base; proposals that were only kept go, others may be voted for now |
//!
//! # Rules: proposing
//!
//! | event | action |
//! |---|---|
//! | input Propose(m), the last own slot certified or ordered, the next one in the own window | PROPOSAL to all whose window it is in |
//! | a peer's base moves | it is sent the PROPOSALs that come into its window |
//! | VOTE | kept until the own batch is hashed; then a quorum makes the certificate; output Grown |
//! | the end of a turn | TIP of the newest certified own slot to everybody who was not sent the next PROPOSAL, or that TIP |
//! | a link lost messages, or a peer has a new incarnation | what that peer may lack goes again: PROPOSALs of slots that are not closed here and in its window, the newest TIP; and to the proposer all votes for slots that are not closed here. A new incarnation's base counts as 0 until it is announced |
//!
//! # Rules: fetching
//!
//! | event | action |
//! |---|---|
//! | input Want(place) | follow the digests down to what was wanted before, or to the base; retrieve every batch on the way, put out what is here, in order |
//! | a digest on the way is that of no batch here | ASK f + 1 nodes what it covers, signers of the chosen place first; when one does not know, or lies, the next one; one more with each Nudge |
//! | ASK, known | HEADERS: what the digest covers, what the one before covers, and so on, at most [`MAX_HEADERS`] |
//! | ASK, not known | empty HEADERS; and the answer, once it is known |
//! | HEADERS that was asked for | each proves itself by its hash; the rest is a fault |
//! | a batch on the way has another commitment than the kept one, or none is kept | [retrieval](crate::retrieval) from the signers of its own certificate, or of the chosen place, then from everybody |
//! | a batch was voted for, or came because it was chosen | it is served until Release; if both exist and differ, the chosen one |
//! | ASK or REQUEST about a slot that is closed here, or beyond the window | empty HEADERS, ABSENT: the honest node that asks goes on to the next one |
//!
//! # Why it is safe and live
//!
//! An honest node votes once per slot, and two quorums share an honest node: one certificate per slot. It votes only on
//! a base, which is ordered and so certified; or on a certificate; or on an own vote for the place before. In the last
//! case the slot before has a vote of each honest voter of this one that had no better reason, and by induction over
//! the voters with the lowest base, a quorum of votes for s rests on a quorum of votes for s-1 or on its certificate. A
//! base that was compared by its number alone would break this: a snapshot of place (s-1, A) must not found a vote for
//! s on (s-1, B). Both are checked by a model (`mellivora_model::stream`).
//!
//! A quorum holds n - 2f honest nodes that computed the commitment from the batch they recorded. The headers below a
//! place are known to whoever stored the batches, and retrieval asks everybody in the end.
//!
//! An honest proposer proposes s when s-1 is certified or ordered and s is in its own window. Every honest node's base
//! reaches the proposer's, and then the proposal is in its window and founded: it follows the base, or a slot that this
//! node voted for; a node whose base was skipped past slots that it never saw votes on that base. So a quorum votes. What the
//! proposer has released is ordered, so nobody needs to vote for it. The last batch is announced by TIP, so it will be
//! ordered, so the window moves.
//!
//! # Cost
//!
//! Two message delays per certificate at the proposer, a third until all know it. Per slot n messages of the batch's
//! size and n votes; one hash of the batch, one signature and one check of a certificate per node; one batch check of
//! signatures at the proposer. TIP costs n messages and only when the stream rests. Nothing is coded.
//!
//! # Memory
//!
//! Per slot above the released one, at most up to the base + window: one proposal of at most `max_payload` bytes with
//! its tree, the chosen batch where it is another one, one vote, one certificate, and for each peer 64 bytes and what
//! [retrieval](crate::retrieval) keeps. One certificate beyond the window. The parent bounds what lies between the released
//! slot and the base, and what is wanted. After a restart also what was logged, until Release. [`Stream::memory`] adds
//! it up.
//!
//! # What is durable
//!
//! PROPOSAL; VOTE, and before it in the same turn the batch: it goes to the node itself as
//! [`StreamMessage::Record`] (at the proposer PROPOSAL is that record). Given back by `recall`, they keep the node from
//! another proposal and from another vote for the slot, also beyond the window of a base that has fallen back, and let
//! it serve what it promised to hold. Certificates are proven by others' signatures: a restarted proposer collects votes
//! again, which all say again to its new incarnation, or sees its slots ordered.
//!
//! The log may drop what it has of slots up to some s ([`StreamMessage::slot`]) only when the parent has an output
//! with a base of at least s on disk, and gives it as Ordered right after recall, before any other event: the base is
//! then what keeps the node from voting and proposing again.
//!
//! # Deviations from the paper, and why
//!
//! * Gao et al. have no window: a proposer may run ahead of agreement without bound. Here a window per stream throttles
//!   that stream's proposer alone, and bounds memory.
//! * Their voters vote for s only with batch s-1 at hand. Here a base that was ordered, or adopted with a snapshot, founds a
//!   vote as well, because older batches may be gone everywhere; and so does a certificate.
//! * TIP is ours: in the paper a certificate travels with the next batch only, and the last batch would never be seen.
//! * `full` is ours: it lets the parent tell when all that is left to order is empty.
//! * A digest covers a tree over plain chunks and the digest before it, and a batch below a chosen place is found by
//!   headers; the paper retrieves coded fragments of every slot and needs a certificate of each.
//! * A node that was skipped (its base is behind what the proposer has released) does not fetch the batch below a
//!   certificate of its own accord in order to vote: what was released is ordered, so its next output is on its way.
//!
//! Source: Gao, Lu, Lu, Tang, Xu, Zhang: *Dumbo-NG: fast asynchronous BFT consensus with throughput-oblivious latency*,
//! CCS 2022.

mod certificates;
mod fetching;
mod job;
mod machine;
mod message;
mod own;
mod slot;
mod tip;
mod voting;

pub use job::{StreamDone, StreamJob};
pub use machine::{Stream, StreamConfig, StreamInput, StreamOutput};
pub use message::{MAX_HEADERS, StreamMessage};
pub use tip::{CertifiedTip, Header, Tip};
