//! How fast the simulator is by itself: `cargo test --release -p mellivora-sim --test speed -- --ignored --nocapture`.

mod toy;

use mellivora_sim::{Jobs, Schedule, Simulation};
use toy::{Bracha, Bug, committee};

/// Time that this thread has spent on a core, where the system tells (a busy machine makes wall time meaningless);
/// wall time elsewhere.
#[expect(clippy::disallowed_methods, reason = "a measurement looks at the clock")]
fn cpu_seconds() -> f64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    match spent.as_deref().and_then(|text| text.split(' ').next()).and_then(|text| text.parse::<f64>().ok()) {
        Some(nanoseconds) => nanoseconds / 1e9,
        None => {
            static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
            START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
        }
    }
}

#[test]
#[ignore = "a measurement, meaningful in release builds on a quiet machine"]
#[expect(clippy::print_stdout, reason = "a measurement says what it saw")]
fn a_million_deliveries_a_second() {
    let c = committee(40);
    for schedule in [Schedule::Fifo, Schedule::Random, Schedule::Pct { depth: 3 }, Schedule::DelayBounded { bound: 99 }]
    {
        let start = cpu_seconds();
        let mut delivered = 0;
        for seed in 0..5 {
            let mut sim = Simulation::builder(c, seed)
                .scheduler(schedule.clone())
                .codec(0.0)
                .record(false)
                .outbox(false)
                .turn_end(1.0)
                .jobs(Jobs::Inline)
                .build(move |node| Bracha::new(c, node, Bug::None));
            c.nodes().for_each(|node| sim.input(node, toy::value(node)));
            sim.run().assert_ok();
            delivered += sim.counters().delivered;
        }
        let rate = delivered as f64 / (cpu_seconds() - start);
        println!("{schedule:?}: {delivered} deliveries, {rate:.0} per second");
        assert!(rate > 1e6, "{schedule:?}: only {rate:.0} deliveries per second");
    }
}
