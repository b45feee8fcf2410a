//! Catching up: a node that missed epochs gets every batch, whoever lies about height or serves something else, and is
//! told when nobody has them any more.

mod support;

use mellivora_atomic::header::Place;
use mellivora_atomic::{HoneyBadger, Local, Message, Output};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Digest, Epoch, FaultKind, NodeIndex, NodeSet};
use mellivora_crypto::Suite;
use mellivora_sim::{Adversary, Attack, PendingKind, Schedule, Scheduler, Simulation, View, seeds};
use support::forge::{Said, certificate, checkpoint};
use support::hall::{Hall, contents};
use support::*;

const VICTIM: NodeIndex = NodeIndex(0);

fn links_of_victim(sim: &mut Simulation<Badger>, up: bool) {
    let n = sim.view().committee().n() as u16;
    for peer in (1..n).map(NodeIndex) {
        if up { sim.heal(VICTIM, peer) } else { sim.cut(VICTIM, peer) }
    }
}

/// Everybody honest ordered the same, transaction by transaction; returns how many epochs.
#[track_caller]
fn same_everywhere(sim: &Simulation<Badger>) -> usize {
    let honest = sim.view().honest();
    let first = contents(sim.outputs(VICTIM));
    for node in honest.iter() {
        assert_eq!(contents(sim.outputs(node)), first, "{node} differs from the victim");
    }
    first.len()
}

#[test]
fn a_node_cut_off_for_many_epochs_gets_every_batch() {
    for n in [4, 7] {
        for config in [slow(n), plain(slow(n))] {
            let mut sim = cluster(&config, Suite::Ristretto255, n as u64);
            links_of_victim(&mut sim, false);
            submit_everywhere(&mut sim);
            sim.run().assert_ok();
            assert!(sim.outputs(NodeIndex(1)).len() >= EPOCHS);
            assert!(sim.outputs(VICTIM).is_empty());
            // No nudge is left: with honest holders it takes none.
            links_of_victim(&mut sim, true);
            sim.run().assert_ok();
            assert!(same_everywhere(&sim) > EPOCHS);
            let ledger = ledger(&sim, VICTIM);
            assert_eq!(ledger.len(), EPOCHS * n, "its own transactions are ordered too");
            assert!(ledger.values().all(|count| *count == 1));
            assert!(!sim.node(VICTIM).status().catching_up);
            assert!(sim.faults().is_empty());
        }
    }
}

#[test]
fn a_node_whose_messages_all_come_late_gets_every_batch() {
    for n in [4, 7] {
        for seed in seeds(2) {
            let config = slow(n);
            let builder =
                builder(&config, seed).scheduler(Schedule::Starve(NodeSet::one(VICTIM))).hostile_steps(1 << 30);
            let mut sim = build(builder, &config, Suite::Ristretto255);
            submit_everywhere(&mut sim);
            sim.run().assert_ok();
            // One node alone may be kept out as long as the network likes: of its own transactions nothing is asked.
            assert!(same_everywhere(&sim) >= EPOCHS);
            let ledger = ledger(&sim, VICTIM);
            assert!((1..n).all(|node| (0..EPOCHS).all(|t| ledger.get(&tx(node, t)) == Some(&1))));
        }
    }
}

/// What a faulty holder serves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Service {
    Nothing,
    Gone,
    OtherHistory,
    OtherOutcome,
    FewerSlots,
    FlippedBody,
    EmptyBody,
    SwappedBodies,
}

/// Honest, except to those who fetch.
struct Holder(Service);

impl Adversary<Badger> for Holder {
    fn sends(&mut self, to: NodeIndex, message: Said, attack: &mut Attack<'_, Badger>) {
        let changed = match (message, self.0) {
            (Message::Header(_) | Message::Slot(..), Service::Nothing) => None,
            (Message::Header(header), Service::Gone) => Some(Message::Gone(header.epoch)),
            (Message::Slot(epoch, ..), Service::Gone) => Some(Message::Gone(epoch)),
            (Message::Header(mut header), Service::OtherHistory) => {
                header.previous = Digest([7; 32]);
                Some(Message::Header(header))
            }
            (Message::Header(mut header), Service::OtherOutcome) => {
                let mut slots = header.slots.into_vec();
                slots[0].outcome = mellivora_atomic::header::Outcome::Bad;
                header.slots = List::new(slots);
                Some(Message::Header(header))
            }
            (Message::Header(mut header), Service::FewerSlots) => {
                header.slots = List::new(header.slots.into_vec().split_off(1));
                Some(Message::Header(header))
            }
            (Message::Slot(epoch, index, body), Service::FlippedBody) => {
                let mut bytes = body.to_vec();
                if let Some(byte) = bytes.last_mut() {
                    *byte ^= 1;
                }
                Some(Message::Slot(epoch, index, Blob(bytes.into())))
            }
            (Message::Slot(epoch, index, _), Service::EmptyBody) => Some(Message::Slot(epoch, index, Blob::default())),
            (Message::Slot(epoch, index, body), Service::SwappedBodies) => {
                let other = Place((index.0 + 1) % attack.committee().n() as u16);
                attack.count("attack.service");
                attack.send(to, Message::Slot(epoch, index, Blob(b"not this one".as_slice().to_vec().into())));
                Some(Message::Slot(epoch, other, body))
            }
            (honest, _) => {
                attack.send(to, honest);
                return;
            }
        };
        attack.count("attack.service");
        if let Some(message) = changed {
            attack.send(to, message);
        }
    }
}

#[test]
fn holders_that_serve_something_else_delay_nobody_and_are_blamed_where_it_shows() {
    use Service::*;
    for service in [Nothing, Gone, OtherHistory, OtherOutcome, FewerSlots, FlippedBody, EmptyBody, SwappedBodies] {
        let (mut fired, mut blamed) = (0, 0);
        for (n, seed) in [(4, 0), (4, 1), (4, 2), (7, 3)] {
            // One run with encryption is enough: what is checked differs, who is asked does not.
            let config = if seed == 0 { slow(n) } else { plain(slow(n)) };
            let mut builder = builder(&config, seed);
            // The lowest nodes are the first in every certificate, so they are asked first.
            for liar in 1..=config.committee.f() as u16 {
                let holder: Box<dyn Adversary<Badger>> = Box::new(Holder(service));
                builder = builder.faulty(NodeIndex(liar), holder);
            }
            let mut sim = build(builder, &config, Suite::Ristretto255);
            links_of_victim(&mut sim, false);
            submit_everywhere(&mut sim);
            sim.run().assert_ok();
            links_of_victim(&mut sim, true);
            sim.run().assert_ok();
            assert!(same_everywhere(&sim) >= EPOCHS, "{service:?}, n = {n}");
            assert!(sim.outputs(VICTIM).iter().all(|output| matches!(output, Output::Batch(_))), "{service:?}");
            fired += sim.coverage().get("attack.service");
            blamed += sim.faults().iter().filter(|(_, fault)| fault.kind == FaultKind::InvalidFetched).count();
        }
        assert!(fired > 0, "{service:?} never fired");
        assert_eq!(blamed > 0, !matches!(service, Nothing | Gone), "{service:?}: {blamed} times blamed");
    }
}

/// Checkpoints do not reach node 0 while there is anything else.
fn no_checkpoints_for_victim(view: &View<'_, Badger>) -> Option<usize> {
    let rank = |position: &usize| {
        let pending = view.pending(*position).unwrap();
        let late = match &pending.kind {
            PendingKind::Message { message, .. } => pending.at == VICTIM && matches!(message, Message::Checkpoint(_)),
            _ => false,
        };
        (late, pending.seq)
    };
    (0..view.pending_len()).min_by_key(rank)
}

#[test]
fn a_restarted_signer_of_a_certificate_does_not_count_as_its_holder() {
    // Node 0 signs the checkpoint of the only epoch and loses the batch in a crash. The certificate that it is shown
    // then has two signers: itself, and a Byzantine node that serves nothing.
    for seed in seeds(4) {
        let config = config(4);
        let holder: Box<dyn Adversary<Badger>> = Box::new(Holder(Service::Nothing));
        let scheduler: Box<dyn Scheduler<Badger>> = Box::new(no_checkpoints_for_victim);
        let builder = builder(&config, seed).faulty(NodeIndex(1), holder).scheduler(scheduler).hostile_steps(1 << 30);
        let mut sim = build(builder, &config, Suite::Ristretto255);
        for i in 0..4 {
            sim.input(NodeIndex(i), submit([tx(i.into(), 0)]));
        }
        let closed = |sim: &Simulation<Badger>| {
            [2, 3].iter().all(|&i| sim.node(NodeIndex(i)).status().low > Epoch(0)) && !sim.outputs(VICTIM).is_empty()
        };
        assert!(sim.run_until(closed));
        assert_eq!(sim.node(VICTIM).status().low, Epoch(0));
        sim.crash(VICTIM);
        sim.run().assert_ok();
        sim.restart(VICTIM);
        let _ = sim.run();
        for _ in 0..4 {
            for node in 0..4 {
                sim.nudge(NodeIndex(node));
            }
            let _ = sim.run();
        }
        assert_eq!(same_everywhere(&sim), 1, "seed {seed}: {:?}", sim.node(VICTIM).status());
        sim.run().assert_ok();
    }
}

#[test]
fn a_node_that_restarts_with_its_promises_alone_gets_every_batch() {
    for n in [4, 7] {
        for seed in seeds(5) {
            let config = plain(slow(n));
            let again = |node: NodeIndex| vec![submit((0..EPOCHS).map(|t| tx(node.as_usize(), t)))];
            let mut sim = build(builder(&config, seed).input_again(again), &config, Suite::Ristretto255);
            submit_everywhere(&mut sim);
            // Somewhere in the first epoch, each time somewhere else.
            for _ in 0..20 + seed * 40 {
                sim.step();
            }
            if !sim.outputs(VICTIM).is_empty() {
                continue;
            }
            sim.crash(VICTIM);
            let _ = sim.run();
            assert!(sim.outputs(NodeIndex(1)).len() >= EPOCHS);
            sim.restart(VICTIM);
            sim.run().assert_ok();
            assert!(same_everywhere(&sim) >= EPOCHS);
            assert_eq!(ledger(&sim, VICTIM).len(), EPOCHS * n);
        }
    }
}

#[test]
fn whoever_is_further_behind_than_anybody_keeps_is_told_so_once() {
    for n in [4, 7] {
        let config = plain(slow(n));
        let all_keys = keys(n, Suite::Ristretto255);
        let shared = config.clone();
        let nudge = |badger: &mut Badger, fx: &mut dyn mellivora_core::Effects<Badger>| {
            mellivora_core::Protocol::input(badger, mellivora_atomic::Input::Nudge, fx);
        };
        // The oracle of total order has no place for a node that stays behind.
        let mut sim = Simulation::builder(config.committee, 1)
            .on_heal(|badger: &mut Badger, peer, fx| {
                mellivora_core::Protocol::input(badger, mellivora_atomic::Input::Resend(peer), fx);
            })
            .on_nudge(nudge)
            .build(move |index| {
                let local = Local { retention_bytes: 0, ..Local::new([index.0 as u8; 32]) };
                HoneyBadger::new(shared.clone(), all_keys[index.as_usize()].clone(), local).unwrap()
            });
        links_of_victim(&mut sim, false);
        submit_everywhere(&mut sim);
        sim.run().assert_ok();
        links_of_victim(&mut sim, true);
        sim.run().assert_ok();
        for _ in 0..5 {
            // Links come and go, time passes: it is said once.
            links_of_victim(&mut sim, false);
            links_of_victim(&mut sim, true);
            sim.nudge(VICTIM);
            sim.run().assert_ok();
        }
        match sim.outputs(VICTIM) {
            [Output::Behind { epoch: Epoch(0) }] => {}
            other => panic!("n = {n}: {other:?}"),
        }
        // The others go on without it.
        let before = sim.outputs(NodeIndex(1)).len();
        sim.input(NodeIndex(1), submit([tx(1, 1_000)]));
        sim.run().assert_ok();
        assert!(sim.outputs(NodeIndex(1)).len() > before);
        assert_eq!(ledger(&sim, NodeIndex(1)).get(&tx(1, 1_000)), Some(&1));
    }
}

#[test]
fn f_liars_about_height_move_nothing() {
    for (n, liars) in [(4, vec![3u16]), (5, vec![4]), (7, vec![5, 6])] {
        let config = config(n);
        let mut hall = Hall::new(&config, Suite::Ristretto255, &liars);
        let before = hall.stage.node(0).status();
        let window = config.limits.epochs_ahead;
        let mut sent = 0;
        for &liar in &liars {
            for low in [1, window, 1 << 20, 1 << 60, u64::MAX] {
                hall.say_all(liar, Message::Low(Epoch(low)));
            }
            for epoch in 0..=window {
                let lie = checkpoint(&config, &hall.keys[usize::from(liar)], epoch, Digest([1; 32]));
                hall.say_all(liar, Message::Checkpoint(lie));
            }
            let mut signers = liars.clone();
            signers.push(liars[0]);
            for epoch in [0, window, 1 << 60] {
                let forged = certificate(&config, &hall.keys, epoch, Digest([1; 32]), &signers);
                hall.say_all(liar, Message::Certificate(forged));
            }
            hall.say_all(liar, Message::Gone(Epoch(0)));
            hall.say_all(liar, Message::Gone(Epoch(1 << 60)));
        }
        let honest = hall.honest();
        hall.deliver_watching(|from, _| sent += usize::from(honest.contains(&from)));
        assert_eq!(sent, 0, "n = {n}: nobody answers, asks or starts anything");
        for &node in &honest {
            let status = hall.stage.node(node).status();
            assert_eq!((status.low, status.next, status.running), (before.low, before.next, 0), "n = {n}, node {node}");
            assert!(!status.catching_up && hall.stage.node(node).is_idle());
            assert!(hall.stage.outputs(node).is_empty());
            assert!(hall.blamed(node, liars[0], FaultKind::InvalidCertificate) > 0);
        }
        // And nothing is spoilt for the real epochs.
        for &node in &honest {
            hall.submit(node, &[&format!("of {node}")]);
        }
        hall.stage.deliver_all();
        let ordered: usize = hall.ledger().iter().map(|batch| batch.2.len()).sum();
        assert_eq!(ordered, honest.len());
    }
}
