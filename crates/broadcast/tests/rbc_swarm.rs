//! Whole clusters under random schedules, faulty nodes, crashes and cuts.

mod common;

use common::*;
use mellivora_broadcast::{EchoMode, RbcMessage};
use mellivora_core::{Committee, NodeIndex};
use mellivora_sim::{Behaviour, Coverage, Delay, Jobs, Schedule, seeds};

const BEHAVIOURS: [Behaviour; 7] = [
    Behaviour::Silent,
    Behaviour::Crash { after: 6 },
    Behaviour::Equivocate,
    Behaviour::Garbage,
    Behaviour::Flood,
    Behaviour::Withhold,
    Behaviour::Mimic,
];

#[test]
fn an_honest_proposal_is_delivered_by_all_whatever_f_nodes_do() {
    let mut coverage = Coverage::new();
    for n in SIZES {
        let f = Committee::new(n).unwrap().f();
        for mode in modes(n) {
            for seed in seeds(24) {
                let expected = payload([0, 1, 100, 5000, 40_000][seed as usize % 5], seed as u8);
                let mut builder = all_deliver(watched(n, seed).scheduler(Schedule::Swarm), expected.clone());
                for bad in 0..f {
                    let who = 1 + (seed as usize + 3 * bad) % (n - 1);
                    builder = builder.faulty(node(who), BEHAVIOURS[(seed as usize + bad) % BEHAVIOURS.len()]);
                }
                let mut sim = start(builder, n, mode);
                sim.input(node(0), expected);
                let report = sim.run();
                report.assert_ok();
                coverage.absorb(&report.coverage);
            }
        }
    }
    coverage.assert_all_fired(&[
        "attack.silent",
        "attack.crash",
        "attack.equivocate",
        "attack.garbage.decoded",
        "attack.garbage.malformed",
        "attack.flood",
        "attack.withhold",
        "attack.mimic",
    ]);
}

#[test]
fn a_faulty_proposer_is_delivered_by_all_or_by_none() {
    let (mut delivered, mut silent) = (0, 0);
    for n in [4, 5, 6, 7, 10] {
        let f = Committee::new(n).unwrap().f();
        for mode in modes(n) {
            for seed in seeds(40) {
                let mut builder = watched(n, seed).scheduler(Schedule::Swarm).oracle(all_or_none());
                builder = builder.faulty(node(0), BEHAVIOURS[seed as usize % BEHAVIOURS.len()]);
                for bad in 1..f {
                    builder = builder.faulty(node(bad + 1), BEHAVIOURS[(seed as usize / 7 + bad) % BEHAVIOURS.len()]);
                }
                let builder = builder.twin_input(|_, input| Some(payload(input.len() + 1, 0xee)));
                let mut sim = start(builder, n, mode);
                sim.input(node(0), payload(3000, seed as u8));
                sim.run().assert_ok();
                match sim.outputs(node(n - 1)).is_empty() {
                    true => silent += 1,
                    false => delivered += 1,
                }
            }
        }
    }
    assert!(delivered > 100 && silent > 20, "both ends were reached: {delivered} and {silent}");
}

#[test]
fn crashes_and_cuts_cost_nothing_but_time() {
    let mut restarts = 0;
    for n in SIZES {
        for mode in modes(n) {
            for seed in seeds(40) {
                let expected = payload(2000, seed as u8);
                let again = expected.clone();
                let builder = all_deliver(watched(n, seed).scheduler(Schedule::Swarm), expected.clone())
                    .hostile_steps(1 << (3 + seed % 6))
                    .crashes(n)
                    .cuts(n / 2)
                    .input_again(move |who| if who == NodeIndex(0) { vec![again.clone()] } else { vec![] });
                let mut sim = start(builder, n, mode);
                sim.input(node(0), expected);
                let report = sim.run();
                report.assert_ok();
                restarts += report.counters.restarts;
            }
        }
    }
    assert!(restarts > 100, "only {restarts} restarts");
}

#[test]
fn three_message_delays() {
    for n in [4, 7, 10] {
        for mode in modes(n) {
            let builder = all_deliver(watched(n, 1).scheduler(Schedule::Latency(Delay::One.into())), payload(5000, 1));
            let mut sim = start(builder, n, mode);
            sim.input(node(0), payload(5000, 1));
            sim.run().assert_ok();
            for i in 0..n {
                let time = sim.time_of_output(node(i), 0).unwrap();
                assert!(time <= 3.0 + 1e-6, "node {i} of {n} took {time} delays under {mode:?}");
            }
        }
    }
}

#[test]
fn saving_sends_what_the_formula_says() {
    let n = 10;
    let len = 40_000;
    let committee = Committee::new(n).unwrap();
    let sent = |mode| {
        let builder = all_deliver(watched(n, 1).scheduler(Schedule::Latency(Delay::One.into())), payload(len, 1));
        let mut sim = start(builder.jobs(Jobs::Inline), n, mode);
        sim.input(node(0), payload(len, 1));
        let report = sim.run();
        report.assert_ok();
        report.counters.bytes as f64
    };
    let shard = codec(n).shard_len(len) as f64;
    let others = (n - 1) as f64;
    let val = others * shard;
    let full = val + n as f64 * others * shard;
    let saving = val + n as f64 * (committee.data_shards() - 1 + committee.f()) as f64 * shard;
    // When all delays are equal, some CAN_DECODEs lose the race against the 2f + 1 READYs that they are sent with, and
    // the shards that they would have spared are sent.
    for (mode, formula, slack) in [(EchoMode::Full, full, 0.1), (EchoMode::saving(committee), saving, 0.15)] {
        let bytes = sent(mode);
        assert!((bytes / formula - 1.0).abs() < slack, "{mode:?}: {bytes} bytes, the formula says {formula}");
    }
}

#[test]
fn with_f_silent_nodes_the_saving_mode_still_needs_three_delays() {
    let n = 7;
    let builder = all_deliver(watched(n, 3).scheduler(Schedule::Latency(Delay::One.into())), payload(900, 1))
        .faulty(node(3), Behaviour::Silent)
        .faulty(node(4), Behaviour::Silent);
    let mut sim = start(builder, n, EchoMode::saving(Committee::new(n).unwrap()));
    sim.input(node(0), payload(900, 1));
    sim.run().assert_ok();
    assert!([0, 1, 2, 5, 6].into_iter().all(|i| sim.time_of_output(node(i), 0).unwrap() <= 3.0 + 1e-6));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let builder = watched(7, 5).scheduler(Schedule::Swarm).faulty(node(2), Behaviour::Garbage);
        let mut sim = start(builder, 7, EchoMode::saving(Committee::new(7).unwrap()));
        sim.input(node(0), payload(700, 1));
        sim.run().trace
    };
    assert_eq!(run(), run());
    assert_ne!(RbcMessage::Ready(run()), RbcMessage::EchoHash(run()));
}
