//! Retrieval: a node that lacks a certified payload gets it from those who have promised to hold it.
//!
//! The commitment is a [chunk tree](mellivora_coding::chunks), so any holder can show any chunk, and every chunk proves
//! itself. One instance serves one slot (a proposer of an epoch, a place in a stream), and does both: it fetches what
//! its parent wants, and it serves what its parent holds.
//!
//! # What it guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1 (static corruption), authenticated links and any scheduling:
//!
//! * **Integrity.** What comes out is the payload of the wanted root.
//! * **Liveness.** If some honest node holds the payload in the end, it comes out, without a clock and without nudges.
//! * **Bounded work.** A holder sends each chunk at most once to each incarnation of a peer, whatever the peer asks. A
//!   node hashes only chunks that it asked this sender for and still lacks; it keeps no byte beyond the payload's length,
//!   which it knows from the commitment before it reserves anything, and refuses beyond `max_payload`.
//!
//! # Message flow
//!
//! ```text
//!  node that lacks it                     holder
//!     |-- REQUEST(root, indices) ----------->|   at most WINDOW chunks are owed by one holder at a time
//!     |<-- CHUNK(root, index, chunk) --------|   one for each index
//!     |<-- HEAD(root, head) -----------------|   there are fewer chunks than that: this is how long it is
//!     |<-- ABSENT(root) ---------------------|   I have it not; I will answer once I have
//! ```
//!
//! # Rules: fetching
//!
//! Who may be asked stands in a fixed order: the signers of the certificate, then everybody else, each part in the ring
//! of nodes after this one. A prefix of that order is *engaged*; an engaged node is *active* unless it has sent
//! something wrong or said ABSENT.
//!
//! | event | action |
//! |---|---|
//! | input Want(root, signers), root not at hand | f + 1 nodes are to be active |
//! | input Nudge | one more is to be active |
//! | fewer nodes are active than there are to be | engage the next |
//! | an active node owes fewer than WINDOW chunks, and some were asked of nobody | ask it for the next of those, dealt in turn |
//! | an active node owes nothing, all chunks were asked of somebody, some are missing | ask it for one chunk that is missing and was not asked of it, next time for two, four, ... up to WINDOW; those that the fewest owe first |
//! | CHUNK or HEAD that is owed, and wrong | fault; the node is engaged no more |
//! | CHUNK that is owed, right | kept; the node is active |
//! | HEAD, right | the length is known; nobody owes what does not exist |
//! | ABSENT of a node that has shown no chunk and no head | it is not active until it does |
//! | the last chunk | output the payload, and serve it from now on |
//! | CHUNK, HEAD or ABSENT that nobody asked for | ignored: an answer to an earlier incarnation |
//!
//! # Rules: serving
//!
//! | event | action |
//! |---|---|
//! | REQUEST for the root that is held | CHUNK for each index, HEAD once if one is beyond the end; each once per incarnation of the peer |
//! | REQUEST for a root that is not held | remember the indices; ABSENT, once per incarnation of the peer |
//! | input Hold(payload) | answer what was remembered |
//! | a peer comes back with a new incarnation | its requests are forgotten |
//!
//! A peer is answered for the first root it asks for: there is one certified root per slot.
//!
//! # Why it is live
//!
//! Nobody can tell a silent node from a slow one, so nothing waits for a single one: f + 1 nodes are active, or all that
//! there are. One of f + 1 is honest. An honest node that has not got the payload says ABSENT, and the next is engaged:
//! so an honest holder becomes active in the end, or all are engaged, and a holder that comes to hold the payload
//! answers what it was asked and is active then. An honest active holder answers all that it owes; then it owes nothing
//! and is asked for more, as long as anything is missing that it was not asked for. It is asked for each chunk once, so
//! this ends, and when it ends nothing is missing. Nudges only make it faster, when the first f + 1 are slow.
//!
//! # Cost
//!
//! Two message delays for a payload of up to (f + 1) WINDOW chunks when all answer. Each chunk comes once, apart from
//! the end: there, holders that are done are asked for what others still owe, one chunk each at first. So with f + 1
//! prompt holders about f chunks come twice, and a payload of one chunk may come f + 1 times. One hash per chunk at the fetching node, none at the holders.
//!
//! # Memory
//!
//! Fetching: the payload, as slices of the frames in which it came, 200 bytes per chunk, and one bit per chunk and
//! engaged node. Serving: the payload, and one bit per chunk of a largest payload and peer. Messages: at most one CHUNK
//! per chunk and peer (the bytes are shared), one HEAD, one ABSENT, and requests for each chunk and holder once.
//!
//! # What is durable
//!
//! Nothing. What is held was recorded by whoever promised to hold it; what is wanted is certified. The parent says both
//! again after a restart.
//!
//! # Deviations from the papers, and why
//!
//! * Guo et al. and Gao et al. ask everybody for coded fragments, with a root over the code on the path that everybody
//!   takes. Here the tree is over plain chunks, and holders are asked for different ones: nothing is coded, and in good
//!   times nothing comes twice.
//! * ABSENT is ours: without it a node that asks f + 1 others would depend on their being holders.
//!
//! Sources: Guo, Lu, Lu, Tang, Xu, Zhang: *Speeding Dumbo: pushing asynchronous BFT closer to practice*, NDSS 2022; Gao,
//! Lu, Lu, Tang, Xu, Zhang: *Dumbo-NG: fast asynchronous BFT consensus with throughput-oblivious latency*, CCS 2022.

mod bits;
mod fetch;
mod machine;
mod message;
mod serve;

pub use machine::{Retrieval, RetrievalConfig, RetrievalInput};
pub use message::{RetrievalMessage, WINDOW};
