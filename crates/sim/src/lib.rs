//! Deterministic, seeded simulator for mellivora protocols: schedulers, Byzantine wrappers, oracles, replay.
//!
//! Generic over [`Protocol`](mellivora_core::Protocol): everything from one reliable broadcast to the whole atomic
//! broadcast runs in it, as the same state machine that a node runs.
//!
//! ```
//! use mellivora_core::{Committee, NodeIndex, Protocol};
//! use mellivora_sim::{Agreement, Behaviour, Schedule, Simulation, Totality, seeds};
//!
//! /// One seed, one run: node 1 tells two stories, links come and go, and all honest nodes output one value.
//! fn campaign<P: Protocol<Input = u64, Output = u64> + 'static>(make: fn(Committee, NodeIndex) -> P) {
//!     let committee = Committee::new(4).unwrap();
//!     for seed in seeds(1_000) {
//!         let mut sim = Simulation::builder(committee, seed)
//!             .scheduler(Schedule::Swarm)
//!             .faulty(NodeIndex(1), Behaviour::Equivocate)
//!             .twin_input(|_node, input| Some(input + 1))
//!             .cuts(2)
//!             .oracle(Agreement::new(|output: &u64| ((), *output)))
//!             .oracle(Totality::new(|_: &u64| ()))
//!             .build(move |node| make(committee, node));
//!         committee.nodes().for_each(|node| sim.input(node, 7));
//!         sim.run().assert_ok();
//!     }
//! }
//! ```
//!
//! # The model
//!
//! ```text
//!              +--------------------- one event, picked by the schedule ----------------------+
//!              |  message arrives | job finishes | input | nudge | crash | restart | cut, heal |
//!              +------------------------------------------------------------------------------+
//!                     |                              turn of a node
//!                     v
//!   instance.receive / done / input --> hears itself, at once --> ... more events, by seed ... --> flush
//!                                                                                                   |
//!    pending <-- codec (a share of them) <-- link up? <-- faulty mind <-- rounds near enough? <-- promises logged
//! ```
//!
//! * **Turns** end by seed, after one event or after some dozens, so that bundling is exercised. Nothing leaves a node
//!   before its turn has ended: promises ([`Durable::Yes`](mellivora_core::Durable::Yes)) are logged first, then
//!   messages go out, then outputs are handed over. A crash within a turn undoes the turn, or hits between log and
//!   release.
//! * **Links** lose nothing unless they are cut or the receiver is down, and deliver in any order. What was lost is
//!   said again when the link heals, and everything is said again to and by a new incarnation: by the simulator, which
//!   stands in for the outbox of a driver, or by the protocol itself in an [`on_heal`](Builder::on_heal) hook.
//! * **Restart**: what the old incarnation had under way is dropped; a fresh instance from the factory, every logged
//!   message back by [`recall`](mellivora_core::Protocol::recall) in its order,
//!   [`forget`](mellivora_core::Protocol::forget) at all others. Restarted nodes are honest: all oracles hold for them.
//! * **Phases**: a hostile phase of bounded length, then the oldest event always goes first. A run that does not come
//!   to rest within its bound of steps has failed: liveness and falling silent are oracles of every run.
//! * **Codec**: a share of all messages travels as bytes, and has to encode to the same bytes again. So has everything
//!   that a faulty node forged and that decodes: a value has one encoding.
//! * **Virtual time**: under [`Schedule::Latency`] every message takes its time and computation takes none, which
//!   measures latency in message delays.
//!
//! # Faulty nodes
//!
//! [`Behaviour`] lists the generic ways: silent, crash, equivocate (twins), garbage, flood, withhold, mimic. All wrap a
//! real instance. [`Adversary`] is the interface for one's own. Coverage counters prove that an attack fired.
//!
//! # Seeing a failure again
//!
//! A run is a function of set-up and seed. A failure prints the command that repeats it; [`seeds`] reads the seed from
//! the environment. [`Simulation::choices`] is the list of all events, [`Simulation::replay`] repeats it, [`shrink`]
//! finds a short list that still fails.

mod actor;
mod behaviour;
mod builder;
mod coverage;
mod engine;
mod event;
mod latency;
mod links;
pub mod oracle;
mod queue;
mod report;
mod rng;
mod schedule;
mod shrink;
mod simulation;
mod trace;
mod view;
mod world;

pub use behaviour::{Adversary, Attack, Behaviour, Role};
pub use builder::{Builder, Jobs};
pub use coverage::Coverage;
pub use event::{Choice, Pending, PendingKind};
pub use latency::{Delay, Latency};
pub use oracle::{
    Agreement, Integrity, Memory, Observation, Oracle, Statements, Termination, TotalOrder, Totality, Validity,
};
pub use report::{Counters, Failure, Report, committee_by_seed, seeds};
pub use rng::SimRng;
pub use schedule::{Plan, Schedule, Scheduler};
pub use shrink::{Shrunk, shrink};
pub use simulation::Simulation;
pub use view::View;
