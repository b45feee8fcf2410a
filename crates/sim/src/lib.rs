//! Deterministic, seeded simulator, Byzantine wrappers and oracles for mellivora protocols

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
pub use report::{Counters, Failure, Report, seeds};
pub use rng::SimRng;
pub use schedule::{Plan, Schedule, Scheduler};
pub use shrink::{Shrunk, shrink};
pub use simulation::Simulation;
pub use view::View;
