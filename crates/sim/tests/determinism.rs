//! Same seed, same run; a recorded run repeats exactly.

mod toy;

use mellivora_core::{NodeIndex, NodeSet};
use mellivora_sim::{Behaviour, Delay, Jobs, Latency, Schedule, View};
use proptest::prelude::*;
use toy::{Bracha, Bug, committee, start, watched};

fn schedules() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(Schedule::Fifo),
        Just(Schedule::Random),
        Just(Schedule::Lifo),
        (1..6u32).prop_map(|depth| Schedule::Pct { depth }),
        (0..200u64).prop_map(|bound| Schedule::DelayBounded { bound }),
        Just(Schedule::Starve(NodeSet::one(NodeIndex(2)))),
        Just(Schedule::Partition(NodeSet::first(2))),
        Just(Schedule::Latency(Delay::LogNormal { median: 1.0, sigma: 1.0 }.into())),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Schedule::Bytes),
        Just(Schedule::Swarm),
    ]
}

fn behaviours() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        Just(Behaviour::Silent),
        (0..40u64).prop_map(|after| Behaviour::Crash { after }),
        Just(Behaviour::Equivocate),
        Just(Behaviour::Garbage),
        Just(Behaviour::Flood),
        Just(Behaviour::Withhold),
        Just(Behaviour::Mimic),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever the mix, the correct protocol keeps its promises, the run is a function of the seed, and its record
    /// repeats it.
    #[test]
    fn a_run_is_a_function_of_set_up_and_seed(
        n in prop_oneof![Just(4usize), Just(5), Just(7)],
        seed in any::<u64>(),
        schedule in schedules(),
        behaviour in behaviours(),
        crashes in 0..3usize,
        cuts in 0..3usize,
    ) {
        let c = committee(n);
        let make = || {
            let builder = watched(c, seed)
                .scheduler(schedule.clone())
                .faulty(NodeIndex(1), behaviour)
                .crashes(crashes)
                .cuts(cuts);
            start(builder, c, Bug::None)
        };
        let (mut first, mut second) = (make(), make());
        let report = first.run();
        prop_assert!(report.is_ok(), "{}", report.failure.unwrap());
        prop_assert!(report.quiescent);
        let _ = second.run();
        prop_assert_eq!(first.trace_hash(), second.trace_hash());
        prop_assert_eq!(first.choices(), second.choices());
        prop_assert_eq!(first.counters(), second.counters());
        let mut third = make();
        let repeated = third.replay(first.choices());
        prop_assert!(repeated.is_ok());
        prop_assert_eq!(third.trace_hash(), first.trace_hash());
        for node in c.nodes() {
            prop_assert_eq!(third.outputs(node), first.outputs(node));
        }
    }
}

#[test]
fn another_seed_is_another_run() {
    let c = committee(4);
    let hashes: std::collections::BTreeSet<_> = (0..50)
        .map(|seed| {
            let mut sim = start(watched(c, seed), c, Bug::None);
            sim.run().assert_ok();
            sim.trace_hash()
        })
        .collect();
    assert_eq!(hashes.len(), 50);
}

#[test]
fn the_codec_knob_and_the_record_do_not_change_the_run() {
    let c = committee(4);
    let hash = |codec, record| {
        let mut sim = start(watched(c, 3).codec(codec).record(record), c, Bug::None);
        let report = sim.run();
        report.assert_ok();
        assert_eq!(report.counters.round_trips > 0, codec > 0.0);
        assert_eq!(sim.choices().is_empty(), !record);
        sim.trace_hash()
    };
    assert_eq!(hash(0.0, true), hash(1.0, true));
    assert_eq!(hash(0.0, true), hash(0.5, false));
}

#[test]
fn an_adaptive_scheduler_sees_everything_and_rules_the_hostile_phase_only() {
    let c = committee(4);
    // Whoever says most waits longest; messages of node 0 never arrive, as far as this scheduler has its way.
    let own = |view: &View<'_, Bracha>| {
        (0..view.pending_len()).find(|place| {
            let pending = view.pending(*place).unwrap();
            assert!(view.node(pending.at).memory() <= 32);
            !matches!(pending.kind, mellivora_sim::PendingKind::Message { from: NodeIndex(0), .. })
        })
    };
    let run = |hostile| {
        let scheduler: Box<dyn mellivora_sim::Scheduler<Bracha>> = Box::new(own);
        let builder = watched(c, 5).scheduler(scheduler).hostile_steps(hostile).turn_end(1.0).jobs(Jobs::Inline);
        let mut sim = start(builder, c, Bug::None);
        sim.run().assert_ok();
        assert!(c.nodes().all(|node| sim.outputs(node).len() == 4));
        let first: Vec<NodeIndex> = sim.outputs(NodeIndex(1)).iter().map(|output| output.0).collect();
        first
    };
    assert_eq!(run(10_000).last(), Some(&NodeIndex(0)), "the broadcast of node 0 comes last");
    assert!(run(0).last() != Some(&NodeIndex(0)) || run(1).last() != Some(&NodeIndex(0)));
}

#[test]
fn fair_after_the_hostile_phase() {
    let c = committee(4);
    for seed in 0..30 {
        let builder = watched(c, seed).scheduler(Schedule::Starve(NodeSet::first(3))).hostile_steps(20);
        start(builder, c, Bug::None).run().assert_ok();
    }
}

#[test]
fn latency_is_counted_in_message_delays() {
    for n in [4, 7, 10] {
        let c = committee(n);
        let mut sim = start(watched(c, 1).scheduler(Schedule::Latency(Delay::One.into())), c, Bug::None);
        sim.run().assert_ok();
        for node in c.nodes() {
            // SEND, ECHO, READY.
            assert_eq!(sim.time_of_output(node, 0), Some(3.0));
            assert_eq!(sim.time_of_output(node, n - 1), Some(3.0));
            assert_eq!(sim.time_of_output(node, n), None);
        }
    }
}

#[test]
fn a_matrix_and_a_narrow_uplink_take_their_time() {
    let c = committee(4);
    let matrix = vec![vec![100.0; 4]; 4];
    let wide = Latency { delay: Delay::Matrix(matrix), egress: None };
    // A message is 11 bytes: three receivers take 33 units of the sender's uplink.
    let narrow = Latency { egress: Some(1.0), ..wide.clone() };
    let time = |latency| {
        let mut sim =
            watched(c, 1).scheduler(Schedule::Latency(latency)).build(move |node| Bracha::new(c, node, Bug::None));
        sim.input(NodeIndex(0), toy::value(NodeIndex(0)));
        sim.run().assert_ok();
        assert_eq!(sim.counters().bytes, sim.counters().sent * 11);
        sim.time_of_output(NodeIndex(3), 0).unwrap()
    };
    assert_eq!(time(wide), 300.0);
    assert!(time(narrow) > 300.0 + 3.0 * 11.0);
}

#[test]
fn an_input_can_come_at_a_moment() {
    let c = committee(4);
    let mut sim = watched(c, 1)
        .scheduler(Schedule::Latency(Delay::One.into()))
        .build(move |node| Bracha::new(c, node, Bug::None));
    sim.input_at(NodeIndex(0), 7.5, toy::value(NodeIndex(0)));
    sim.run().assert_ok();
    assert_eq!(sim.time_of_output(NodeIndex(2), 0), Some(10.5));
}
