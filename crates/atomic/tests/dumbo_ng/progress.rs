//! Progress: one active stream is enough, latency is what the protocol promises, and with nothing to do all is silent.

use mellivora_atomic::{Config, DumboNg};
use mellivora_core::{Epoch, NodeIndex};
use mellivora_sim::{Behaviour, Delay, Schedule, Simulation, seeds};

use super::{build, builder};
use crate::support::*;

/// One transaction per slot, so that slots are many, and a window of so many.
fn windowed(n: usize, window: u64) -> Config {
    let mut config = slow(n);
    config.limits.stream_window = window;
    config
}

#[test]
fn one_active_stream_is_ordered_and_the_cluster_falls_silent() {
    for n in [4, 7] {
        for (window, seed) in [2, 3, 16].into_iter().flat_map(|window| seeds(4).map(move |seed| (window, seed))) {
            let config = windowed(n, window);
            let builder = builder(&config, seed).scheduler(Schedule::Swarm).nudges_when_quiet(0);
            let mut sim = build(builder, &config);
            let active = NodeIndex(seed as u16 % n as u16);
            sim.input(active, submit((0..6).map(|t| tx(active.as_usize(), t))));
            // Coming to rest at all is an oracle of the run.
            sim.run().assert_ok();
            for node in config.committee.nodes() {
                let ledger = ledger(&sim, node);
                let all = (0..6).all(|t| ledger.get(&tx(active.as_usize(), t)) == Some(&1));
                assert!(all && ledger.len() == 6, "n = {n}, window {window}, seed {seed}, {node}: {ledger:?}");
                assert!(sim.node(node).is_idle(), "n = {n}, seed {seed}: {:?}", sim.node(node));
            }
            let before = sim.counters();
            for _ in 0..20 {
                config.committee.nodes().for_each(|node| sim.nudge(node));
                sim.run().assert_ok();
            }
            let after = sim.counters();
            assert_eq!((after.sent, after.to_self, after.jobs), (before.sent, before.to_self, before.jobs));
        }
    }
}

#[test]
fn the_narrowest_window_and_f_silent_nodes() {
    for n in [4, 7, 10] {
        for seed in seeds(3) {
            let config = windowed(n, 2);
            let f = config.committee.f() as u16;
            let mut builder = builder(&config, seed).scheduler(Schedule::Swarm);
            for node in 0..f {
                builder = builder.faulty(NodeIndex(n as u16 - 1 - node), Behaviour::Silent);
            }
            let mut sim = build(builder, &config);
            sim.input(NodeIndex(0), submit((0..8).map(|t| tx(0, t))));
            sim.run().assert_ok();
            for node in sim.view().honest().iter() {
                let ledger = ledger(&sim, node);
                assert!((0..8).all(|t| ledger.get(&tx(0, t)) == Some(&1)), "n = {n}, seed {seed}, {node}: {ledger:?}");
            }
            // Two slots of the stream at a time.
            assert!(batches(&sim, NodeIndex(0)).len() >= 4, "n = {n}, seed {seed}");
        }
    }
}

#[test]
fn a_stream_orders_several_slots_at_once_and_never_waits_for_an_epoch() {
    let config = windowed(4, 16);
    let mut sim = build(builder(&config, 1).scheduler(Schedule::Latency(Delay::One.into())), &config);
    for node in config.committee.nodes() {
        sim.input(node, submit((0..24).map(|t| tx(node.as_usize(), t))));
    }
    sim.run().assert_ok();
    assert_eq!(ledger(&sim, NodeIndex(0)).len(), 96);
    // A slot takes two delays, an agreement six.
    let epochs = batches(&sim, NodeIndex(0)).len();
    assert!(epochs <= 12, "{epochs} epochs for 24 slots of each stream");
}

/// Message delays from the submission of a transaction at time 0 until every honest node has ordered it, by submitter.
fn delays(config: &Config, submitters: &[u16]) -> Vec<f64> {
    let mut sim = build(builder(config, 1).scheduler(Schedule::Latency(Delay::One.into())), config);
    for &node in submitters {
        sim.input(NodeIndex(node), submit([tx(node.into(), 0)]));
    }
    sim.run().assert_ok();
    let took = |node, submitter| {
        let epoch = epoch_of(&sim, node, submitter).unwrap_or_else(|| panic!("{node} lacks that of {submitter}"));
        sim.time_of_output(node, epoch.0 as usize).unwrap()
    };
    let all = |submitter: &u16| config.committee.nodes().map(|node| took(node, *submitter)).fold(0.0, f64::max);
    submitters.iter().map(all).collect()
}

/// The epoch in which a node has ordered the first transaction of another.
fn epoch_of(sim: &Simulation<DumboNg>, node: NodeIndex, submitter: u16) -> Option<Epoch> {
    let wanted = tx(submitter.into(), 0);
    let mut batches = batches(sim, node).into_iter();
    batches.find(|batch| batch.iter().any(|(_, bytes)| bytes == wanted)).map(|batch| batch.epoch())
}

/// PROPOSAL, VOTE, then the others' empty batches, PROPOSAL, VOTE, TIP of those, and six of the agreement: two of the first
/// and of the second round overlap, which makes ten.
#[test]
fn latency_from_idle_is_at_most_ten_message_delays() {
    for n in [4, 7, 10, 16] {
        assert_eq!(delays(&plain(config(n)), &[0]), [10.0], "n = {n}");
        assert_eq!(delays(&config(n), &[n as u16 - 1]), [11.0], "n = {n}: and the shares");
    }
}

/// When all submit at once, the first quorum of tips makes the first epoch: nobody waits for more. Whose tip comes a moment
/// later is in the next epoch, one agreement later.
#[test]
fn when_all_submit_at_once_a_quorum_is_ordered_in_nine_delays_and_the_rest_one_epoch_later() {
    for n in [4, 7, 10, 16] {
        let all: Vec<u16> = (0..n as u16).collect();
        for (config, first, last) in [(plain(config(n)), 9.0, 15.0), (config(n), 10.0, 16.0)] {
            let delays = delays(&config, &all);
            let soon = delays.iter().filter(|delay| **delay <= first).count();
            assert!(soon >= config.committee.quorum(), "n = {n}: {delays:?}");
            assert!(delays.iter().all(|delay| *delay <= last), "n = {n}: {delays:?}");
        }
    }
}
