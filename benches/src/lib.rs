//! What the benchmarks and the throughput harness share.
//!
//! | module | holds |
//! |---|---|
//! | [`chart`] | a drawing: lines over two axes |
//! | [`clock`] | CPU time of a thread and of the process, peak memory, and a criterion measurement in CPU time |
//! | [`command`] | what programs that give figures have in common: arguments, grids, tables |
//! | [`drive`] | all nodes of a protocol in one thread, turn by turn, without a runtime |
//! | [`floor`] | the operations that no implementation can leave out, and nothing else |
//! | [`setup`] | keys, domains and parameters of protocol instances |
//! | [`wan`] | whole nodes in virtual time, on a simulated wide area network |
//! | [`workload`] | transactions: random, all distinct |
//!
//! Costs are CPU times, not wall times: on a machine that does other things as well, wall time says little.

pub mod chart;
pub mod clock;
pub mod command;
pub mod drive;
pub mod floor;
pub mod setup;
pub mod wan;
pub mod workload;

use criterion::Criterion;

/// The allocator of every benchmark and of the throughput harness: fresh pages from the operating system cost more
/// than hashing what is written to them, so an allocator that keeps pages is part of a fair measurement.
pub use mimalloc::MiMalloc;

/// Makes the allocator keep what it has: pages that go back to the operating system come again zeroed, which at large
/// batches costs a tenth of all CPU time. The allocator reads its settings before `main`, so the process begins anew
/// with the setting, unless there is one. Call it first thing in `main`; where it does not work nothing happens.
pub fn keep_pages() {
    const SETTING: &str = "MIMALLOC_PURGE_DELAY";
    if std::env::var_os(SETTING).is_some() {
        return;
    }
    #[cfg(unix)]
    if let Ok(program) = std::env::current_exe() {
        use std::os::unix::process::CommandExt;
        // Returns only when it fails, and then the figures are a little worse.
        let _ = std::process::Command::new(program).args(std::env::args_os().skip(1)).env(SETTING, "-1").exec();
    }
}

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
