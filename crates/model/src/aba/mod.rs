//! Binary agreement: one round with everything in it, and two rounds for agreement.
//!
//! # What is modelled
//!
//! BVAL, AUX, CONF, the coin and its gate, by the rules of `mellivora_agreement::aba` and the thresholds of
//! [`Committee`]. For each honest node and round: which BVALs it has said, its AUX, its CONF, its set V; then the
//! estimate and the decision that follow. A node is in round r + 1 as soon as it has V of round r. The f Byzantine
//! nodes may say each BVAL, AUX and CONF of each round to anybody. The coin of a round is chosen, freely, in the very
//! step in which the first honest node passes the gate; from then on everybody may act on it. Rounds with a fixed
//! coin skip CONF and the gate, as in the code.
//!
//! [`Aba::round`] begins with nobody's input: each node gets 0 or 1 at any time, also after others have passed the
//! gate. In [`Aba::binding`], for more nodes, BVALs go out as early as they can, and so they do in [`Aba::rounds`],
//! which begins with all inputs. [`Aba::step_by_step`] is several rounds with nothing taken together.
//!
//! # What is left out, and why that is sound
//!
//! * *TERM* stands in for no other vote, and is modelled in [`term`](crate::term).
//! * *The time between V and the next round* (a node that waits for shares). A node that waits does nothing, as one
//!   that has not taken V.
//! * *Early BVALs* in [`Aba::binding`] and [`Aba::rounds`]: one more BVAL in the pool takes no step away from
//!   anybody, so whatever breaks safety with late BVALs breaks it with early ones, and no future is lost. Liveness is
//!   looked at step by step.
//! * *The window of rounds*: what a node holds back, others have not used yet.
//!
//! # Laws
//!
//! * *Binding*: in a state in which some honest node has passed the gate of round 1, there are no two futures of
//!   which one ends with V = {0} somewhere and the other with V = {1}. The futures are enumerated. Rounds with a
//!   fixed coin need not bind.
//! * *One single value*: no two honest nodes have {0} and {1} in one round.
//! * *Agreement*: no two decisions differ, in whichever rounds; *validity*: V and decisions hold inputs of honest
//!   nodes only.
//! * *Progress* (step by step): when everybody is quiet, every node has its V.
//!
//! # Weakened rules
//!
//! No CONF, the share before CONF, the own set instead of the union, a quorum of AUX or CONF one too low: binding
//! breaks. CONF or AUX counted before `bin`, relay at f or at 2f + 1, `bin` at 2f, past rounds dropped: validity or
//! progress breaks. Deciding without the coin, a coin of one's own, keeping one's AUX after {0, 1}: agreement breaks
//! over rounds, where three of the former do no harm ([`HARMLESS`](crate::HARMLESS)).
//!
//! # States
//!
//! Nodes have no names. [`Aba::rounds`] also takes 0 and 1 for alike if no coin is fixed.
//!
//! The counts are in [`EXPECTED`](crate::EXPECTED).

mod rules;
mod state;

pub use rules::Aba;
pub use state::{Act, Local, Node, State, Step};

#[cfg(doc)]
use mellivora_core::Committee;
