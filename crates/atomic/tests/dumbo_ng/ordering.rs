//! Dumbo-NG orders what is submitted, whoever is faulty and whatever the network does.

use mellivora_atomic::{Config, DumboNg, EncryptionSchedule};
use mellivora_core::NodeIndex;
use mellivora_sim::{Behaviour, Schedule, Simulation, seeds};

use super::{build, builder};
use crate::support::*;

const SIZES: [usize; 6] = [1, 4, 5, 6, 7, 10];

fn cluster(config: &Config, seed: u64) -> Simulation<DumboNg> {
    build(builder(config, seed), config)
}

#[test]
fn every_size_orders_everything_once() {
    for n in SIZES {
        for encryption in [EncryptionSchedule::Never, EncryptionSchedule::Always, EncryptionSchedule::Every(2)] {
            let config = config(n).encryption(encryption);
            let mut sim = cluster(&config, n as u64);
            for i in 0..n {
                sim.input(NodeIndex(i as u16), submit((0..6).map(|t| tx(i, t))));
            }
            sim.run().assert_ok();
            for node in config.committee.nodes() {
                let ledger = ledger(&sim, node);
                assert_eq!(ledger.len(), 6 * n, "n = {n}, {encryption}");
                assert!(ledger.values().all(|&count| count == 1));
                assert!(sim.node(node).is_idle(), "n = {n}: {:?}", sim.node(node));
            }
        }
    }
}

/// Each seed draws its own schedule; what honest nodes submit is ordered by all of them.
fn under(behaviour: Behaviour, count: u64) {
    for n in SIZES.into_iter().filter(|n| *n > 3) {
        let config = config(n);
        for seed in seeds(if n < 10 { count } else { count / 2 }) {
            let faulty = NodeIndex((seed % n as u64) as u16);
            let builder = builder(&config, seed).scheduler(Schedule::Swarm);
            let mut sim = build(builder.faulty(faulty, behaviour).nudges(5), &config);
            for i in 0..n {
                sim.input(NodeIndex(i as u16), submit((0..4).map(|t| tx(i, t))));
            }
            sim.run().assert_ok();
            for node in config.committee.nodes().filter(|node| *node != faulty) {
                let ledger = ledger(&sim, node);
                for i in (0..n).filter(|i| *i != faulty.as_usize()) {
                    for t in 0..4 {
                        assert_eq!(ledger.get(&tx(i, t)), Some(&1), "n = {n}, seed {seed}, tx {t} of {i} at {node}");
                    }
                }
                assert!(ledger.values().all(|&count| count == 1));
            }
        }
    }
}

#[test]
fn a_silent_node_stops_nobody() {
    under(Behaviour::Silent, 4);
}

#[test]
fn a_crashed_node_stops_nobody() {
    under(Behaviour::Crash { after: 60 }, 4);
}

#[test]
fn an_equivocating_node_splits_nobody() {
    under(Behaviour::Equivocate, 4);
}

#[test]
fn garbage_confuses_nobody() {
    under(Behaviour::Garbage, 4);
}

#[test]
fn a_flood_drowns_nobody() {
    under(Behaviour::Flood, 4);
}

#[test]
fn withheld_messages_strand_nobody() {
    under(Behaviour::Withhold, 4);
}

#[test]
fn mimicry_fools_nobody() {
    under(Behaviour::Mimic, 4);
}

/// As in the same test of HoneyBadger: a silent node makes the others keep all batches.
#[test]
fn crashes_and_cut_links_lose_nothing() {
    for n in [4, 5, 7] {
        let config = config(n);
        let silent = NodeIndex(n as u16 - 1);
        for seed in seeds(6) {
            let inputs = move |node: NodeIndex| vec![submit((0..4).map(|t| tx(node.as_usize(), t)))];
            let builder = builder(&config, seed).scheduler(Schedule::Swarm);
            let builder = builder.faulty(silent, Behaviour::Silent).crashes(2).cuts(4).nudges(10).input_again(inputs);
            let mut sim = build(builder, &config);
            let honest: Vec<NodeIndex> = config.committee.nodes().filter(|node| *node != silent).collect();
            for node in &honest {
                for input in inputs(*node) {
                    sim.input(*node, input);
                }
            }
            sim.run().assert_ok();
            for node in &honest {
                let ledger = ledger(&sim, *node);
                for i in &honest {
                    for t in 0..4 {
                        let count = ledger.get(&tx(i.as_usize(), t));
                        assert_eq!(count, Some(&1), "n = {n}, seed {seed}, tx {t} of {i} at {node}");
                    }
                }
            }
        }
    }
}
