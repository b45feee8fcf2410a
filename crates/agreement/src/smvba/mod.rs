//! sMVBA, corrected: agreement on a value by electing, after the fact, one of n strong provable broadcasts.
//!
//! # What it guarantees
//!
//! What [`Mvba`](crate::mvba::Mvba) says. Without faults it decides after six message delays; against the best scheduler
//! after an expected constant number of views, since a view ends in a decision when its leader's broadcast was finished
//! before the coin was known, which holds for at least a third of the nodes, and for half when n = 3f + 1 is large.
//!
//! # Message flow
//!
//! ```text
//!            view v with value w, from view j (0: the input)
//!
//!  n x SPB:  SEND(w, why) -> ENDORSE -> LOCK -> ENDORSE -> FINISH
//!                                                            | a quorum of them, or the coin is known
//!                                                            v
//!                                                          SHARE -> coin -> leader L; nobody signs in SPBs of v any more
//!                                                            |
//!       L's FINISH is here ----------------------------------+--> HALT(FINISH)  =>  decide w_L
//!       L's lock is here   --> PREVOTE yes(lock) --+
//!       neither            --> PREVOTE no(sig) ----+--> the first lock shown    -> VOTE yes(lock, sig)
//!                                                  +--> a quorum of no's (NPC)  -> VOTE no(NPC, sig)
//!       a quorum of VOTEs: all yes --> HALT(their signatures)  =>  decide w_L
//!                          all no  --> NVC(v): their signatures; keep (w, j)
//!                          mixed   --> (w, j) = (w_L, v) with its lock
//!                                                                                  ... then view v + 1
//! ```
//!
//! # Rules
//!
//! 1. In each view a node broadcasts its value w by SPB, with its [`Justification`]: if w is an input, the predicate has to
//!    hold; if w is the value of view j's leader, its LOCK certificate goes with it. In both cases *a certificate NVC(u) for
//!    every view u from j + 1 to v - 1* goes with it, which says that a quorum saw a quorum without a lock.
//! 2. A quorum of FINISHes, or a coin that is known already, opens the gate: the share of the coin of v is released. From
//!    the moment a node learns the leader L, by whatever means, it abandons all SPBs of v.
//! 3. FINISH of L is here: HALT. Otherwise L's lock is here: PREVOTE yes. Otherwise PREVOTE no.
//! 4. The first valid yes: VOTE yes. A quorum of no's: VOTE no.
//! 5. A quorum of VOTEs ends the view as drawn above. A node sends its own VOTE first: whoever comes later needs it.
//! 6. A FINISH of the leader at any time, or a valid HALT of any view: decide, HALT to all once, and stop.
//!
//! * *Proof of the leader.* PREVOTE, VOTE, HALT and justifications name leaders, but the coin has no totality of its own:
//!   f Byzantine nodes can show its shares to one node alone. So a statement whose leader is not known here is held, its
//!   sender is asked (ASK_LEADER), and whoever names a leader answers with shares that give the coin (LEADER). A quorum
//!   certificate of votes proves its leader by itself.
//! * *Values travel as digests* after SEND. A lock, a FINISH or a HALT counts only with its value at hand; otherwise its
//!   sender is asked (ASK_VALUE), who has it, if it is honest.
//! * *Slots.* One PREVOTE and one VOTE per sender and view, one HALT per sender, one SEND, LOCK and FINISH per proposer and
//!   view. What does not verify is a fault, and there is no second try.
//! * *Views ahead.* Like rounds of binary agreement: a sender holds messages of view v back until the receiver was seen in
//!   a view >= v - R, and the receiver drops what lies beyond. What lies within is taken at once: signing in a later view
//!   depends on certificates, not on where this node is. Only steps 1 to 5 wait until it gets there.
//! * *Before it has an input* a node signs, votes and may decide.
//!
//! # Why it is safe
//!
//! Let x be decided in view v, and no value before. Then a quorum stopped at "yes" in v: either a quorum of honest and
//! other nodes recorded L's lock before they learnt L (FINISH), so no quorum of PREVOTE no exists, hence no valid VOTE no
//! and no NVC(v); or a quorum voted yes, and NVC(v) would need an honest node that voted both ways. Without NVC(v), every
//! justification in a view above v has an origin j >= v. For j = v its value is x, since LOCK certificates of one broadcast
//! are for one value. For j > v the value was broadcast in view j with a justification of its own: by induction x. The
//! proof needs the whole chain: a single certificate of view v + 1 proves nothing about v, and PREVOTE no's never justify
//! a value, since some may have been sent although others vote yes.
//!
//! # Why it is live
//!
//! An honest node's SPB finishes unless somebody learns the coin. If one honest node learns it, it PREVOTEs, and whoever
//! hears that learns it too. So all honest nodes PREVOTE; a lock that is shown, or a quorum of no's, lets all VOTE; all end
//! the view. A view decides when a leader is elected whose FINISH existed when the first honest share went out: at least
//! n - 2f proposers have one, and the coin was unpredictable until then.
//!
//! # Cost
//!
//! Six message delays without faults, n^2 messages in each; each further view seven or eight. Bytes: n values from each
//! node, and n^2 certificates; signatures: 2n per node and view, checked in batches of a quorum.
//!
//! # Memory
//!
//! Per view: n values with their justifications, four certificates per node. At most R views beyond the current one, and
//! all past ones; after the decision one value and the coin proofs.
//!
//! # What is durable
//!
//! What [`spb`](mellivora_broadcast::spb) says; PREVOTE, VOTE, HALT; before the first statement that names a leader, the
//! shares that prove it; before a VOTE yes or HALT, the value. A logged PREVOTE means that the view's SPBs are abandoned.
//! After a restart a node goes through the views again from the first, with what others repeat, says nothing else where it
//! has said something, and proposes what the log says it has proposed.
//!
//! # Deviations from the paper, and why
//!
//! * *The published rule forks.* In it, the no-certificate of view v - 1 justifies any value in view v. A decision in view
//!   1 at one node, a no-certificate in view 2, and view 3 can propose something else. Hence the chain, and hence NVC is
//!   made of VOTEs, not of PREVOTEs.
//! * *The published election hangs.* Coin shares and FINISHes can be shown to one node only. Hence LEADER.
//! * Coin proofs are shares of f + 1 nodes, on request, also where the suite could show a value: one form for all suites.
//! * A value is asked of whoever vouches for it, not of all signers of its certificate: an honest sender has it, and nobody
//!   needs to wait for another.
//! * Signatures in PREVOTE no and in VOTEs are verified in one batch when a quorum is there. Until then the authenticated
//!   link says who voted.
//!
//! Sources: Guo, Lu, Lu, Tang, Xu, Zhang: *Speeding Dumbo: pushing asynchronous BFT closer to practice*, NDSS 2022,
//! section V; Abraham, Malkhi, Spiegelman: *Asymptotically optimal validated asynchronous Byzantine agreement*, PODC 2019.

mod hearing;
mod job;
mod justification;
mod machine;
mod message;
mod names;
mod rules;
mod view;

pub use job::{SmvbaDone, SmvbaJob};
pub use justification::{Chain, Justification, MAX_CHAIN, Origin};
pub use machine::Smvba;
pub use message::{Halt, HaltProof, Prevote, Shares, SmvbaMessage, Vote};
pub use names::Names;
