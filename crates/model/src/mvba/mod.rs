//! Multi-valued agreement: sMVBA over three views.
//!
//! # What is modelled
//!
//! The rules of sMVBA as corrected in `protocols.md` (SPB, coin, PREVOTE, VOTE, HALT), at the level of who has signed
//! what, with the thresholds of [`Committee`], two values and f Byzantine nodes that sign everything for everybody.
//! Certificates need no senders: one exists as soon as enough honest nodes have signed, and may then be used by
//! anybody at any time, or never.
//!
//! [`Smvba`] is for agreement. A node signs stage 1 of one justified SEND of the leader (*endorses*) and, given cert1,
//! stage 2 (*locks*), in its own view and in later ones; in its own view it says PREVOTE, which ends both, says VOTE, and
//! leaves with the leader's value or its own. A justification of (w, j) in view v is cert1 of view j on w, unless j = 0, and NVC of every view
//! between j and v. An honest leader proposes what it left the view before with.
//!
//! [`Progress`] is for everybody getting through: FINISH, shares of the coin, proofs of the coin in PREVOTE and HALT,
//! and who still signs for whom. It has no values.
//!
//! # What is left out, and why that is sound
//!
//! * *SPBs of others than the leader.* Nothing but FINISH of them is ever looked at, and FINISH only opens the gate
//!   of the coin. In [`Smvba`] there is no gate: a node may learn the leader whenever it likes, which is more than any
//!   gate allows.
//! * *The coin.* All sequences of leaders are explored, each as an initial state. Until a node says PREVOTE, nothing
//!   that it does for the leader's SPB differs from what it does for the others: a leader that is fixed but unknown is
//!   one that is drawn late, also by an adversary.
//! * *Decisions.* A certificate that decides (cert2, or a quorum of VOTE yes) counts as a decision; the adversary
//!   only has to deliver it. A node that has halted is a node that does nothing more.
//! * *More values.* A fork has two.
//! * *Origins of honest values.* That an honest leader can justify what it proposes is a law: cert1 when it takes a
//!   value over, NVC when it keeps one.
//! * *Digests, and values at hand.* A node that waits for the bytes of a value has not used the certificate yet.
//! * *HALT* needs values for nothing but the decision: [`Progress`].
//!
//! What is taken together, in [`Smvba::agreement`] and [`Smvba::views`]: a SEND of an honest leader is endorsed as
//! soon as it can be, and a lock is followed by PREVOTE yes and VOTE yes as soon as its node is in the view. Such signatures take no step away
//! from anybody that could matter, and every condition is that something *has* been signed. In the last view nobody
//! says PREVOTE no or VOTE: whoever could sign there to decide by VOTEs can sign stage 2 instead. What no step will
//! read is forgotten: signatures of a view that all have left, endorsements when no further lock can come of them,
//! values of nodes that will not lead. [`Smvba::step_by_step`] does none of this, over two views, and
//! agrees.
//!
//! [`Progress`] errs on one side. What may happen is generous: an SPB may be done with the help of anybody, behind or
//! ahead, and a FINISH of the leader may turn up at any time. What must happen is strict: an SPB is
//! sure to be done only while all honest nodes are in its view and have said no PREVOTE. Both make more states
//! quiescent than really are.
//!
//! # Laws
//!
//! * *Agreement*: no two values are decided, in whichever views.
//! * *A done leader decides*: nobody leaves a view undecided in which the leader's SPB is done (cert2). On it rests
//!   that views end, with probability 1/2 or more each.
//! * *Honest values are justified.*
//! * *Nobody hangs*: when everybody is quiet, all honest nodes have decided or left the last view.
//!
//! # Weakened rules
//!
//! A justification without the chain forks in view 3 and not before; with NPC instead of NVC, without cert1, or after
//! stage-2 signatures that come too late or leave no lock, in view 2. A PREVOTE no or VOTE no without its quorum costs
//! no agreement: it makes views useless that should decide. PREVOTE or HALT without the proof of the coin, no HALT,
//! or past views not served leave somebody behind. Harmless, with the reason, are those in
//! [`HARMLESS`](crate::HARMLESS).
//!
//! # States
//!
//! Honest nodes have no names, nor have the two values.
//!
//! The counts are in [`EXPECTED`](crate::EXPECTED).
//!
//! # On the real state machine
//!
//! Each [`Act`] is one message to a real instance, or a few, and one answer that must come of it. *Endorse*: SEND(w, j,
//! justification) of the leader, answered by a stage-1 signature. *Lock*: cert1, answered by a stage-2 signature and a
//! recorded lock. *PrevoteYes, PrevoteNo*: f + 1 shares of the coin, answered by PREVOTE. *VoteYes, VoteNo*: PREVOTE
//! yes of somebody, or PREVOTEs no of a quorum, answered by VOTE. *Adopt, Keep*: VOTEs of a quorum, answered by the
//! node's own SEND of the next view, whose value and justification can be compared. Certificates are put together from
//! what the real nodes signed and the Byzantine node's own signatures; the leader of a view is what the coin of the
//! instance gives, so a walk begins with leaders, and looks for a coin that names them. The test `replay_mvba` does so,
//! with [`Smvba::step_by_step`] over three views. A real node that holds a lock may say VOTE no, if it has a quorum of
//! PREVOTE no before its own PREVOTE yes has come back to it: [`LockedMayVoteNo`](crate::Weakening::LockedMayVoteNo),
//! which is harmless.

mod agreement;
mod progress;
mod state;

pub use agreement::Smvba;
pub use progress::{Deed, Progress, Progressing, Said, Stride, Turn};
pub use state::{Act, Local, Node, State, Step, View};

#[cfg(doc)]
use mellivora_core::Committee;
