//! The adversary lab: campaigns of simulated runs, matrices of attacks, negative controls, statistics.
//!
//! | module | holds |
//! |---|---|
//! | [`scenario`] | the name of a run: subject, size, attack, schedule, seed |
//! | [`subject`] | what is under attack: one file per protocol, with its oracles |
//! | [`sim`] | the swarm: everything by seed, on all cores |
//! | [`matrix`] | every attack on every protocol at every size |
//! | [`aba_stats`] | how many rounds binary agreement takes |
//! | [`controls`] | planted bugs that the suite must catch |
//! | [`flood`] | memory and throughput under floods, against the published formula |
//! | [`fuzz`] | the fuzz targets in turn |
//!
//! The command is `cargo xtask`; its pages in the book are "How it is tested".

pub mod aba_stats;
pub mod controls;
pub mod flood;
pub mod fuzz;
pub mod matrix;
pub mod panics;
pub mod parallel;
pub mod scenario;
pub mod sim;
pub mod subject;
pub mod table;
