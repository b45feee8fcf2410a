//! Deduplication is replicated: every node drops exactly the same transactions, wherever its batches come from.

mod support;

use bytes::Bytes;
use mellivora_atomic::{HoneyBadger, Local, Output, Ticket};
use mellivora_core::{Effects, Epoch, NodeIndex, Protocol};
use mellivora_crypto::Suite;
use mellivora_sim::{Simulation, seeds};
use support::forge::framed;
use support::hall::{Hall, contents};
use support::*;

#[test]
fn the_same_bytes_at_all_nodes_come_out_once() {
    for n in [4, 7] {
        for seed in seeds(4) {
            let config = config(n).batch_size(n);
            let mut sim = cluster(&config, Suite::Ristretto255, seed);
            // One per node and epoch of a common list, drawn at random: nodes propose the same ones in different epochs.
            for node in config.committee.nodes() {
                sim.input(node, submit((0..10).map(|t| tx(99, t))));
            }
            sim.run().assert_ok();
            for node in config.committee.nodes() {
                let ledger = ledger(&sim, node);
                assert_eq!((ledger.len(), ledger.values().max()), (10, Some(&1)), "n = {n}, seed {seed}");
                let tickets: Vec<Ticket> =
                    batches(&sim, node).iter().flat_map(|b| b.committed().to_vec()).map(|(ticket, _)| ticket).collect();
                assert_eq!(tickets.len(), 10, "each submission is told once where it was ordered");
            }
        }
    }
}

#[test]
fn bytes_that_are_proposed_again_and_again_come_out_every_d_epochs() {
    for horizon in [0, 1, 3] {
        let config = plain(config(4)).dedup_epochs(horizon);
        let mut hall = Hall::new(&config, Suite::Ristretto255, &[3]);
        let mut ordered = Vec::new();
        for epoch in 0..10 {
            hall.submit(0, &[&format!("of epoch {epoch}")]);
            hall.propose(3, epoch, framed(&[b"again", b"again"]));
            hall.stage.deliver_all();
            let batch = &hall.ledger()[epoch as usize];
            let count = batch.2.iter().filter(|(_, bytes)| bytes == "again").count();
            assert!(count == 0 || count == if horizon == 0 { 2 } else { 1 }, "{count} times in one batch");
            ordered.extend((count > 0).then_some(epoch));
        }
        let expected: Vec<u64> = (0..10).step_by(horizon.max(1) as usize).collect();
        assert_eq!(ordered, expected, "D = {horizon}");
    }
}

#[test]
fn a_submission_of_what_was_ordered_is_answered_within_d_epochs_and_ordered_after() {
    let config = config(4).dedup_epochs(3);
    let mut hall = Hall::new(&config, Suite::Ristretto255, &[]);
    let duplicates = |hall: &Hall| {
        let outputs = hall.stage.outputs(1).iter();
        outputs.filter_map(|o| if let Output::Duplicate { epoch, .. } = o { Some(*epoch) } else { None }).count()
    };
    let mut ordered = Vec::new();
    let mut answered = Vec::new();
    // One epoch per turn, whether "again" is ordered in it or not.
    for epoch in 0..8u64 {
        let before = duplicates(&hall);
        hall.submit(1, &["again"]);
        answered.extend((duplicates(&hall) > before).then_some(epoch));
        hall.submit(0, &[&format!("of epoch {epoch}")]);
        hall.stage.deliver_all();
        let again = hall.ledger()[epoch as usize].2.iter().any(|(_, bytes)| bytes == "again");
        ordered.extend(again.then_some(epoch));
        assert_eq!(hall.ledger().len() as u64, epoch + 1);
    }
    assert_eq!(ordered, [0, 3, 6]);
    assert_eq!(answered, [1, 2, 4, 5, 7]);
}

/// Every node hashes transactions under a key of its own, and still all drop the same.
fn strangers(seed: u64, horizon: u64) -> Simulation<Badger> {
    let config = config(4).batch_size(4).dedup_epochs(horizon);
    let all_keys = keys(4, Suite::Ristretto255);
    let shared = config.clone();
    let mut starts = 0u8;
    let mut sim = builder(&config, seed)
        .input_again(|_| Vec::new())
        .on_heal(|badger: &mut Badger, peer, fx: &mut dyn Effects<Badger>| {
            badger.input(mellivora_atomic::Input::Resend(peer), fx);
        })
        .build(move |index| {
            starts += 1;
            let local = Local::new([starts; 32]);
            HoneyBadger::new(shared.clone(), all_keys[index.as_usize()].clone(), local).unwrap()
        });
    for node in config.committee.nodes() {
        // Half of it is common to all.
        let own = (0..8).map(move |t| tx(node.as_usize(), t));
        let common = (0..8).map(|t| tx(99, t));
        sim.input(node, submit(own.zip(common).flat_map(|(a, b)| [a, b])));
    }
    sim
}

/// Checks that all nodes ordered the same; returns the number of epochs.
fn everybody_alike(sim: &Simulation<Badger>) -> usize {
    let first = contents(sim.outputs(NodeIndex(1)));
    for node in sim.view().committee().nodes() {
        assert_eq!(contents(sim.outputs(node)), first, "{node} dropped other transactions");
    }
    first.len()
}

#[test]
fn a_node_that_caught_up_drops_exactly_what_the_others_dropped() {
    for horizon in [1, 2, 64] {
        let mut again = 0;
        for seed in seeds(3) {
            let mut sim = strangers(seed, horizon);
            let victim = NodeIndex(0);
            (1..4).for_each(|peer| sim.cut(victim, NodeIndex(peer)));
            sim.run().assert_ok();
            assert!(sim.outputs(victim).is_empty());
            (1..4).for_each(|peer| sim.heal(victim, NodeIndex(peer)));
            sim.run().assert_ok();
            assert!(everybody_alike(&sim) >= 10, "D = {horizon}, seed {seed}");
            let ledger = ledger(&sim, victim);
            assert_eq!(ledger.len(), 4 * 8 + 8);
            again += ledger.values().filter(|count| **count > 1).count();
        }
        // With the shortest horizon common ones are ordered again now and then, the same at all nodes; with a long
        // one never.
        assert!(if horizon == 1 { again > 0 } else { horizon == 2 || again == 0 }, "D = {horizon}: {again} again");
    }
}

#[test]
fn a_node_that_restarted_drops_exactly_what_the_others_dropped() {
    for seed in seeds(4) {
        let mut sim = strangers(seed, 2);
        let victim = NodeIndex(0);
        for _ in 0..60 {
            sim.step();
        }
        assert!(sim.outputs(victim).is_empty());
        sim.crash(victim);
        let _ = sim.run();
        sim.restart(victim);
        sim.run().assert_ok();
        assert!(everybody_alike(&sim) >= 10);
        assert!(sim.outputs(victim).iter().any(|o| matches!(o, Output::Batch(b) if b.epoch() >= Epoch(10))));
    }
}

#[test]
fn equal_submissions_of_one_node_are_one_transaction_with_two_tickets() {
    let mut hall = Hall::new(&config(4), Suite::Ristretto255, &[]);
    hall.submit(0, &["a", "a", "b"]);
    hall.stage.deliver_all();
    let batches = hall.batches(0);
    let tickets: Vec<(u64, Bytes)> = batches
        .iter()
        .flat_map(|batch| batch.committed().iter().map(move |(ticket, position)| (batch, ticket.0, position)))
        .map(|(batch, ticket, position)| {
            let (_, bytes) = batch.iter().find(|(at, _)| at == position).expect("a position names a transaction");
            (ticket, Bytes::copy_from_slice(bytes))
        })
        .collect();
    assert_eq!(tickets, [(0, "a".into()), (1, "a".into()), (2, "b".into())]);
}
