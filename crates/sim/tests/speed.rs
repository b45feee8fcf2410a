//! How fast the simulator is by itself: `cargo test --release -p mellivora-sim --test speed -- --ignored --nocapture`.

mod toy;

use mellivora_sim::{Jobs, Schedule, Simulation};
use toy::{Bracha, Bug, committee};

#[test]
#[ignore = "a measurement, meaningful in release builds on a quiet machine"]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement looks at the clock and says what it saw"
)]
fn a_million_deliveries_a_second() {
    let c = committee(40);
    for schedule in [Schedule::Fifo, Schedule::Random, Schedule::Pct { depth: 3 }, Schedule::DelayBounded { bound: 99 }]
    {
        let start = std::time::Instant::now();
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
        let rate = delivered as f64 / start.elapsed().as_secs_f64();
        println!("{schedule:?}: {delivered} deliveries, {rate:.0} per second");
        assert!(rate > 1e6, "{schedule:?}: only {rate:.0} deliveries per second");
    }
}
