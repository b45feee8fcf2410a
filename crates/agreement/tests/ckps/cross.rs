//! One implementation against the other: the same inputs, attacks, schedules and crashes under both.

use bytes::Bytes;
use mellivora_agreement::{Ckps, Smvba};
use mellivora_core::NodeIndex;
use mellivora_sim::{Coverage, Delay, Schedule, Simulation, seeds};

use crate::values::{self, R, Tested, committee, params, watched};

impl Tested for Smvba {
    /// Its own tests look at what it says.
    fn statement(_: &Self::Message) -> Vec<((u8, u32, u16), String)> {
        Vec::new()
    }

    fn story(&self) -> Vec<&'static str> {
        vec!["decided by the other"]
    }
}

#[test]
fn both_agree_on_a_good_value_under_every_attack() {
    let mut coverage = Coverage::new();
    let mut honest = [0, 0];
    for seed in seeds(150) {
        // Agreement, totality, integrity and the predicate are watched in either run.
        let decided = [values::run::<Smvba>(seed, &mut coverage), values::run::<Ckps>(seed, &mut coverage)];
        for (count, (value, of_honest)) in honest.iter_mut().zip(decided) {
            assert!(value.starts_with(b"ok"), "seed {seed}");
            *count += usize::from(of_honest);
        }
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&["decided by the other", "the first candidate", "restart"]);
        assert!(honest.iter().all(|&count| count >= 75), "inputs of honest nodes are decided too rarely: {honest:?}");
    }
}

fn decides<M: Tested>(n: usize, seed: u64, schedule: Schedule, value: fn(NodeIndex) -> Bytes) -> Bytes {
    let builder = Simulation::builder(committee(n), seed).scheduler(schedule).rounds_ahead(R);
    let mut sim = watched(builder, n).build(move |me| M::new(params(n, me, seed)));
    committee(n).nodes().for_each(|node| sim.input(node, value(node)));
    sim.run().assert_ok();
    sim.node(NodeIndex(0)).decision().expect("everybody has decided").clone()
}

#[test]
fn where_all_inputs_are_equal_both_decide_them() {
    let same = |_| Bytes::from_static(b"ok, we all say so");
    for (n, seed) in [(1, 1), (4, 2), (5, 3), (7, 4)] {
        for schedule in [Schedule::Swarm, Schedule::Latency(Delay::One.into())] {
            let schedule = || schedule.clone();
            assert_eq!(decides::<Smvba>(n, seed, schedule(), same), decides::<Ckps>(n, seed, schedule(), same));
        }
    }
}
