//! Progress: nobody is censored for long, latency is what the protocol promises, and with nothing to do all is silent.

mod support;

use bytes::Bytes;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Config, Message};
use mellivora_core::{Epoch, NodeIndex};
use mellivora_crypto::Suite;
use mellivora_sim::{Behaviour, Delay, PendingKind, Schedule, Scheduler, Simulation, View, seeds};
use mellivora_subset::BkrMessage;
use support::*;

#[test]
fn with_nothing_left_to_order_all_fall_silent_and_nudges_change_nothing() {
    for n in [4, 7, 1] {
        for config in [config(n), plain(config(n))] {
            for seed in seeds(3) {
                let builder = builder(&config, seed).scheduler(Schedule::Swarm).nudges_when_quiet(0);
                let mut sim = build(builder, &config, Suite::Ristretto255);
                for node in config.committee.nodes() {
                    sim.input(node, submit((0..5).map(|t| tx(node.as_usize(), t))));
                }
                // Coming to rest at all is an oracle of the run.
                sim.run().assert_ok();
                for node in config.committee.nodes() {
                    assert!(sim.node(node).is_idle(), "n = {n}, seed {seed}: {:?}", sim.node(node));
                    assert_eq!(sim.node(node).status().queued, 0);
                }
                let before = sim.counters();
                for _ in 0..50 {
                    config.committee.nodes().for_each(|node| sim.nudge(node));
                    sim.run().assert_ok();
                }
                let after = sim.counters();
                assert_eq!((after.sent, after.to_self, after.jobs), (before.sent, before.to_self, before.jobs));
                assert!(after.nudges >= before.nudges + 50 * n as u64, "the nudges really came");
            }
        }
    }
}

#[test]
fn an_idle_cluster_never_begins_to_talk() {
    let config = config(4);
    let mut sim = cluster(&config, Suite::Ristretto255, 1);
    sim.run().assert_ok();
    for _ in 0..50 {
        config.committee.nodes().for_each(|node| sim.nudge(node));
        sim.run().assert_ok();
    }
    assert_eq!(sim.counters().sent, 0);
}

/// Whose broadcast a message belongs to, and in which epoch.
fn broadcast_of(message: &Message<EpochMessage<BkrMessage>>) -> Option<(Epoch, NodeIndex)> {
    match message {
        Message::Epoch { epoch, message: EpochMessage::Subset(BkrMessage::Rbc { proposer, .. }) } => {
            Some((*epoch, *proposer))
        }
        _ => None,
    }
}

/// Keeps the broadcast of the victim of each epoch back while anything else is pending.
fn censor(victim: impl Fn(Epoch) -> Option<NodeIndex> + 'static) -> Box<dyn Scheduler<Badger>> {
    Box::new(move |view: &View<'_, Badger>| {
        let rank = |position: &usize| {
            let pending = view.pending(*position).unwrap();
            let late = match &pending.kind {
                PendingKind::Message { message, .. } => {
                    broadcast_of(message).is_some_and(|(epoch, proposer)| victim(epoch) == Some(proposer))
                }
                _ => false,
            };
            (late, pending.seq)
        };
        (0..view.pending_len()).min_by_key(rank)
    })
}

fn epoch_of(sim: &Simulation<Badger>, wanted: &Bytes) -> Option<u64> {
    let mut batches = batches(sim, NodeIndex(0)).into_iter();
    batches.find(|batch| batch.iter().any(|(_, bytes)| bytes == wanted)).map(|batch| batch.epoch().0)
}

#[test]
fn what_f_plus_1_nodes_hold_is_ordered_soon_whoever_is_kept_out() {
    // B / n transactions per proposal of the first B: each epoch in which one of the two holders gets through takes the
    // wanted one with a chance of a quarter, and the scheduler can keep out one of them, not both.
    let wanted = Bytes::from_static(b"the wanted one");
    let mut total = 0;
    let count = 4;
    for seed in seeds(count) {
        let config = config(4).batch_size(16);
        let alternate = |epoch: Epoch| Some(NodeIndex((epoch.0 % 2) as u16));
        let builder = builder(&config, seed).scheduler(censor(alternate)).hostile_steps(1 << 30);
        let mut sim = build(builder, &config, Suite::Ristretto255);
        for node in config.committee.nodes() {
            let mut list: Vec<Bytes> = (0..48).map(|t| tx(node.as_usize(), t)).collect();
            if node.0 < 2 {
                list[8] = wanted.clone();
            }
            sim.input(node, submit(list));
        }
        sim.run().assert_ok();
        let epoch = epoch_of(&sim, &wanted).expect("ordered at all");
        assert_eq!(ledger(&sim, NodeIndex(3)).get(&wanted), Some(&1));
        total += epoch;
        assert!(epoch <= 12, "seed {seed}: ordered in epoch {epoch}");
        // The scheduler really kept somebody out.
        let kept_out = batches(&sim, NodeIndex(0)).iter().any(|b| b.proposers().count() == 3);
        assert!(kept_out, "seed {seed}");
    }
    assert!(total <= 6 * count, "{total} epochs in {count} runs");
}

#[test]
fn a_victim_that_is_kept_out_for_long_gets_through_when_it_must_be_let_in() {
    for seed in seeds(3) {
        let config = config(4).batch_size(4);
        let victim = NodeIndex(2);
        let builder = builder(&config, seed).scheduler(censor(move |_| Some(victim))).hostile_steps(4_000);
        let mut sim = build(builder, &config, Suite::Ristretto255);
        for node in config.committee.nodes() {
            sim.input(node, submit((0..12).map(|t| tx(node.as_usize(), t))));
        }
        sim.run().assert_ok();
        let batches = batches(&sim, NodeIndex(0));
        let kept_out = batches.iter().take_while(|batch| batch.proposers().all(|node| node != victim)).count();
        assert!(kept_out >= 3, "seed {seed}: the victim was out of {kept_out} epochs only");
        let ledger = ledger(&sim, NodeIndex(0));
        assert!((0..12).all(|t| ledger.get(&tx(2, t)) == Some(&1)), "seed {seed}");
        assert_eq!(ledger.len(), 48);
    }
}

/// Message delays until every honest node has ordered what was submitted at time 0.
fn delays(config: &Config, submitters: &[u16], silent: &[u16]) -> f64 {
    let mut builder = builder(config, 1).scheduler(Schedule::Latency(Delay::One.into()));
    for &node in silent {
        builder = builder.faulty(NodeIndex(node), Behaviour::Silent);
    }
    let mut sim = build(builder, config, Suite::Ristretto255);
    for &node in submitters {
        sim.input(NodeIndex(node), submit([tx(node.into(), 0)]));
    }
    sim.run().assert_ok();
    let mut latest: f64 = 0.0;
    for node in sim.view().honest().iter() {
        let batches = batches(&sim, node);
        for &submitter in submitters {
            let of = |batch: &mellivora_atomic::Batch| batch.iter().any(|(_, t)| t == tx(submitter.into(), 0));
            let index = batches.iter().position(of).unwrap_or_else(|| panic!("{node} lacks that of {submitter}"));
            latest = latest.max(sim.time_of_output(node, index).unwrap());
        }
    }
    latest
}

#[test]
fn five_message_delays_in_the_clear_and_six_encrypted() {
    for n in [4, 7, 10, 16] {
        let all: Vec<u16> = (0..n as u16).collect();
        assert_eq!(delays(&plain(config(n)), &all, &[]), 5.0, "n = {n}: VAL, ECHO, READY, BVAL, AUX");
        assert_eq!(delays(&config(n), &all, &[]), 6.0, "n = {n}: and the shares");
    }
}

#[test]
fn one_node_that_wakes_an_idle_cluster_waits_one_delay_more() {
    // The others propose when they hear of the epoch, and a quorum of proposals has to be in.
    for n in [4, 7, 10, 16] {
        assert!(delays(&plain(config(n)), &[0], &[]) <= 6.0, "n = {n}");
        assert!(delays(&config(n), &[n as u16 - 1], &[]) <= 7.0, "n = {n}");
    }
}

#[test]
fn f_silent_nodes_cost_four_delays() {
    for n in [4, 7, 10] {
        let f = config(n).committee.f() as u16;
        let (silent, all): (Vec<u16>, Vec<u16>) = (0..n as u16).partition(|node| *node < f);
        let took = delays(&config(n), &all, &silent);
        assert!(took <= 10.0, "n = {n}: {took}");
    }
}
