//! Exhaustive models of the protocols: every schedule of a small committee, and every lie, at once.
//!
//! A simulator tries schedules; a model has no more schedules to try. Each module opens with what it models, what it
//! leaves out and why that is sound, its laws, and the rules that are weakened to see the laws break.
//!
//! | module | models | sizes |
//! |---|---|---|
//! | [`rbc`] | reliable broadcast: VAL, ECHO, READY | n = 4, 6, 7, 10 |
//! | [`saving`] | its bandwidth variant: ECHO_HASH, CAN_DECODE, rule 4 | n = 4, 5 |
//! | [`aba`] | binary agreement: one round with binding and progress, two and three rounds for agreement | n = 4, 7 |
//! | [`term`] | TERM: deciding, joining, halting | n = 4, 7 |
//! | [`bkr`] | the common subset of broadcasts and agreements | n = 4, 5 |
//! | [`mvba`] | multi-valued agreement: three views for agreement, and that nobody hangs | n = 4 |
//! | [`stream`] | Dumbo-NG's rule for votes: no fork of a stream, no stream stuck | n = 4 |
//!
//! [`system`] says what a model is, and how safety and liveness become laws on states; [`mod@explore`] visits all
//! states with stateright. [`runs`] lists every model with every [`Weakening`]; [`EXPECTED`] is the checked-in table
//! of state counts and broken laws, [`HARMLESS`] names the weakenings that break nothing, with the reason.
//!
//! ```
//! let run = mellivora_model::runs().into_iter().find(|run| run.name() == "TERM, n = 4, HaltAtDecide").unwrap();
//! let outcome = run.check();
//! assert!(outcome.ok);
//! assert_eq!(outcome.broken, Some(("everybody decides", 1)));
//! ```
//!
//! The tests `replay_rbc`, `replay_aba` and `replay_mvba` walk random paths of the models on the real state machines:
//! each step of the model is brought about at the real node, and whatever the real node does is a step that the model
//! allows. With a weakened rule in the model, the two come apart.

pub mod aba;
pub mod bkr;
mod expected;
pub mod explore;
pub mod mvba;
pub mod rbc;
mod runs;
pub mod saving;
pub mod stream;
pub mod system;
pub mod term;
pub mod values;
mod weakening;

pub use expected::{EXPECTED, Expected, HARMLESS};
pub use runs::{Outcome, Run, runs};
pub use weakening::Weakening;
