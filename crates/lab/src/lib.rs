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

use std::path::PathBuf;

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

/// The root of the repository: above this package when cargo runs us, else the current folder.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package.and_then(|folder| Some(folder.parent()?.parent()?.to_owned())).unwrap_or_else(|| ".".into())
}
