//! Agreement on a value after Cachin, Kursawe, Petzold and Shoup (2001): n consistent broadcasts, commitments to what was
//! seen of them, a coin that orders the candidates, and a binary agreement on one candidate after the other.
//!
//! # What it guarantees
//!
//! What [`Mvba`](crate::mvba::Mvba) says, for at most f Byzantine nodes of n >= 3f + 1, static corruption, authenticated
//! links, and any scheduling. The expected number of candidates that are tried is at most (n + 1) / (n - f + 1), which is
//! below 3/2; the output is the input of an honest node with a probability of at least (n - 2f) / (n - f), which is above
//! 1/2. Without faults it decides after ten message delays, where [`smvba`](crate::smvba) takes six: it is here as a second
//! implementation to check the first one against, and as the one that Dumbo2 was published with.
//!
//! # Message flow
//!
//! ```text
//!  n x CBC of values:       SEND(w) -> ENDORSE -> FINAL(root, certificate)
//!                                                  | a quorum of certified values
//!                                                  v
//!  n x CBC of commitments:  SEND(set of nodes whose values are certified) -> ENDORSE -> FINAL
//!                             | a certificate is missing                       |
//!                             +--> ASK -> CERTIFICATE -> ENDORSE               | a quorum of certified commitments
//!                                                                              v
//!                                                                            SHARE -> coin -> order of the candidates
//!      for each candidate c in this order                                                      |
//!  +---> VOTE yes (I hold its certificate) or no  <--------------------------------------------+
//!  |      | a quorum of votes
//!  |      v
//!  |     binary agreement, input: is the certificate here?
//!  +--0---+---1--> the value of c: here, or retrieved from the signers of its certificate  => output
//! ```
//!
//! # Rules
//!
//! 1. *Value.* A node broadcasts its value by [CBC](mellivora_broadcast::pb). A value that satisfies the predicate is
//!    endorsed; any value that arrives is held for those who want to retrieve it.
//! 2. *Commitment.* A quorum of values is certified, as this node knows: it broadcasts the set of their proposers by CBC,
//!    once. It needs no value of its own for that.
//! 3. *A commitment of another node* has to name a quorum of members. It is endorsed as soon as this node *holds the
//!    certificate of everyone it names*; what is missing is asked of its proposer.
//! 4. *Gate.* A quorum of certified commitments: the share of the coin is released. The coin gives a permutation of all
//!    nodes, the candidates.
//! 5. *Candidates*, one after the other, after the own commitment. VOTE yes if the certificate is here, VOTE no if not. A
//!    no counts at once, unless its sender has named the candidate in its commitment, which is a fault. A yes counts as
//!    soon as the certificate is here; until then it is held, and its sender is asked. A quorum of votes that count: the
//!    input to the candidate's [binary agreement](crate::aba) is 1 if its certificate is here, otherwise 0. Decision 0: next
//!    candidate.
//! 6. *Decision 1* for any candidate, whether or not this node has come to it: it is chosen. Who lacks its certificate
//!    asks everybody. The value with the certified root is the output; who lacks it [retrieves](mellivora_broadcast::retrieval)
//!    it from the signers.
//!
//! * *Whoever asserts can show.* Naming a candidate, endorsing a commitment that names it, voting yes on it and giving a 1
//!   for it all assert that its value is certified. The certificate is logged before, and shown on request (ASK), to each
//!   incarnation of a peer once. At most f + 1 of those who assert are asked: one of them is honest.
//! * *Slots.* One vote per sender and candidate; the first one fills the slot, a different second one is a fault. One
//!   CERTIFICATE per sender and candidate is looked at, and none once one is known.
//! * *Rounds ahead* are those of each candidate's binary agreement, which follow its rules. Nothing else has rounds.
//! * *After the output* a node keeps the chosen candidate: its binary agreement, its certificate, its value.
//!
//! # Why it is safe
//!
//! An honest node tries candidate k + 1 when the binary agreement on candidate k has decided 0 there, hence decides 0 or
//! nothing anywhere. Without the input of an honest node nothing is decided. So at most one candidate is decided 1, by all,
//! and it does not matter whether a node that learns it has come to it, or even knows the coin. By validity of the binary
//! agreement an honest node has given the 1: it holds the certificate. So n - 2f honest nodes hold the value and have found
//! that it satisfies the predicate, and the certificate is for one root only.
//!
//! # Why it is live
//!
//! The broadcasts of honest nodes are certified everywhere, so every honest node commits. Whoever an honest commitment names,
//! its certificate is shown on request, so all honest nodes endorse it: every honest node gets a quorum of certified
//! commitments, and knows the coin in the end, unless it learns of a decision before. All honest nodes vote. An honest no is
//! never from a node that has named the candidate, an honest yes is shown on request: there is always a quorum of votes that
//! count, and all honest nodes give an input, unless the agreement has decided without them.
//!
//! Let G be the nodes that are named by some commitment that is certified when the first honest node releases its share.
//! Nobody knew the coin before, so the order is independent of G. *Every candidate in G is decided 1:* n - 2f honest nodes
//! have endorsed a commitment that names it, so they hold its certificate, vote yes, and a quorum of votes holds one of
//! theirs, since (n - f) + (n - 2f) > n; it counts only where the certificate is held. So all honest nodes give 1. A
//! commitment names n - f nodes: so |G| >= n - f, not all candidates can be refused, and nothing wraps around. The first
//! member of G stands at the expected place (n + 1) / (|G| + 1).
//!
//! Quality: a candidate outside of G may be decided 1 as the adversary likes, so count all Byzantine nodes as eligible, and
//! the honest ones of G, at least n - 2f. The first of them in the order is honest with a probability of at least
//! (n - 2f) / (n - f). And when the candidate is an honest node's, so is its value.
//!
//! # Cost
//!
//! Ten message delays: three for each broadcast, one for the coin, one for the votes, two for the binary agreement, whose
//! first coin is fixed to 1. Messages: about 7 n^2, and 4 n^2 for each candidate that is tried. Bytes: n^2 values and
//! n^2 certificates for values, the same number of small commitments with their certificates. Signatures: two per node and
//! broadcast.
//!
//! # Memory
//!
//! One value, two certificates, a few sets of nodes and one binary agreement for each node; of those it has tried itself
//! or heard of. After the output one value and one agreement. [`Mvba::memory`](crate::mvba::Mvba::memory) adds it up.
//!
//! # What is durable
//!
//! What [`pb`](mellivora_broadcast::pb) and [`aba`](crate::aba) say; VOTE; and, as a CERTIFICATE to the node itself, each
//! certificate before the first assertion that rests on it. After a restart a node begins anew with what others repeat,
//! and says nothing else where it has said something. Its decision comes back with the binary agreement's TERM.
//!
//! # Deviations from the paper, and why
//!
//! * *A commitment is endorsed by those who hold the certificates that it names.* In the paper anybody endorses any set,
//!   and a no of a node is checked against its commitment. Then only f + 2 of 3f + 1 candidates are sure to be decided 1,
//!   and f of these may be Byzantine: the output is an honest node's input with a probability of 2 / (f + 2) only, which is
//!   less than what [`Mvba`](crate::mvba::Mvba) asks for. With this rule a certified commitment alone makes all that it
//!   names sure. It costs nothing when certificates arrive in time, and one request and one answer when they do not.
//!   A no against one's own commitment is still a fault and still does not count, but nothing rests on it.
//! * *Votes carry no certificate.* Who lacks it asks. In the paper each yes brings the whole value along.
//! * *The binary agreement is not a validated one.* The paper's takes a proof with each 1, and is biased towards 1. Here
//!   an honest node gives 1 only with the certificate at hand, so that the validity of the binary agreement does what its
//!   validation did; and where the paper needs the bias, all honest inputs are equal.
//! * *The input is 1 when the certificate is here*, not only when one of the quorum said yes: if one did, it is here.
//! * *Values are retrieved* from the signers of their certificates, who have promised to hold them, in chunks.
//! * Broadcasts are certified by multi-signatures, not by threshold signatures; there is one coin, for the order.
//!
//! Source: Cachin, Kursawe, Petzold, Shoup: *Secure and efficient asynchronous broadcast protocols*, CRYPTO 2001, section 4;
//! used by Guo, Lu, Tang, Xu, Zhang: *Dumbo: faster asynchronous BFT protocols*, CCS 2020.

mod candidate;
mod certified;
mod children;
mod job;
mod machine;
mod message;
mod names;
mod rules;

pub use children::Cast;
pub use job::{CkpsDone, CkpsJob};
pub use machine::Ckps;
pub use message::CkpsMessage;
pub use names::{Names, order};
