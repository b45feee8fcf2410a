//! What the benchmarks and the throughput harness share.
//!
//! | module | holds |
//! |---|---|
//! | [`clock`] | CPU time of a thread and of the process, peak memory, and a criterion measurement in CPU time |
//! | [`drive`] | all nodes of a protocol in one thread, turn by turn, without a runtime |
//! | [`floor`] | the operations that no implementation can leave out, and nothing else |
//! | [`setup`] | keys, domains and parameters of protocol instances |
//! | [`workload`] | transactions: random, all distinct |
//!
//! Costs are CPU times, not wall times: on a machine that does other things as well, wall time says little.

pub mod clock;
pub mod drive;
pub mod floor;
pub mod setup;
pub mod workload;

use criterion::Criterion;

/// The allocator of every benchmark and of the throughput harness: fresh pages from the operating system cost more
/// than hashing what is written to them, so an allocator that keeps pages is part of a fair measurement.
pub use mimalloc::MiMalloc;

/// Criterion for the benchmarks here: CPU time of the measuring thread, and few samples, so that all of them together
/// take about ten minutes.
pub fn criterion() -> Criterion<clock::ThreadCpu> {
    Criterion::default()
        .with_measurement(clock::ThreadCpu)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(900))
        .sample_size(10)
        .without_plots()
        .configure_from_args()
}
