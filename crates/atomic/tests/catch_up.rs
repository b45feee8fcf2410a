//! Catching up: a node that missed epochs gets every batch, whoever lies about height or serves something else, and is
//! told when nobody has them any more.

mod support;

use std::cell::Cell;
use std::rc::Rc;

use mellivora_atomic::{Config, HoneyBadger, Input, Local, Message, Output};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Digest, Durable, Effects, Epoch, Fault, FaultKind, Job, NodeIndex, NodeSet, Protocol, To};
use mellivora_crypto::Suite;
use mellivora_sim::{Adversary, Attack, PendingKind, Schedule, Scheduler, Simulation, View, seeds};
use support::forge::{Said, certificate, checkpoint};
use support::hall::{Hall, contents};
use support::*;

const VICTIM: NodeIndex = NodeIndex(0);
/// Transactions per node: at one per epoch and node, so many epochs at least.
const EPOCHS: usize = 12;

/// One transaction per node and epoch, so that epochs are many.
fn slow(n: usize) -> Config {
    config(n).batch_size(n)
}

fn links_of_victim(sim: &mut Simulation<Badger>, up: bool) {
    let n = sim.view().committee().n() as u16;
    for peer in (1..n).map(NodeIndex) {
        if up { sim.heal(VICTIM, peer) } else { sim.cut(VICTIM, peer) }
    }
}

fn submit_everywhere(sim: &mut Simulation<Badger>) {
    for node in sim.view().committee().nodes() {
        sim.input(node, submit((0..EPOCHS).map(|t| tx(node.as_usize(), t))));
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
                let other = NodeIndex((index.0 + 1) % attack.committee().n() as u16);
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

#[test]
fn requests_and_answers_that_were_lost_come_again_when_the_link_is_back() {
    // No nudge, no second announcement: the loss of messages is all that both sides are told.
    type Lost = fn(&Said) -> bool;
    let kinds: [(&str, Lost); 4] = [
        ("requests for headers", |message| matches!(message, Message::FetchHeader(_))),
        ("headers", |message| matches!(message, Message::Header(_))),
        ("requests for contributions", |message| matches!(message, Message::FetchSlot(..))),
        ("contributions", |message| matches!(message, Message::Slot(..))),
    ];
    for (name, lost) in kinds {
        let mut hall = Hall::new(&slow(4), Suite::Ristretto255, &[]);
        (0..3).for_each(|node| hall.submit(node, &[&format!("a of {node}"), &format!("b of {node}")]));
        hall.stage.deliver(|_, parcel| parcel.from.0 != 3 && parcel.to.0 != 3);
        assert!(hall.low(0) >= 2 && hall.batches(3).is_empty());
        let mut fired = 0;
        for round in 0..3 {
            hall.stage.pending.clear();
            for peer in 0..3 {
                hall.stage.input(peer, mellivora_atomic::Input::Resend(NodeIndex(3)));
                hall.stage.input(3, mellivora_atomic::Input::Resend(NodeIndex(peer)));
            }
            // The last time the links hold.
            hall.stage.deliver(|_, parcel| round == 2 || !lost(&parcel.message));
            fired += hall.stage.pending.len();
        }
        assert!(fired > 0, "{name}: none was lost");
        assert_eq!(contents(hall.stage.outputs(3)), contents(hall.stage.outputs(0)), "{name}");
    }
}

#[test]
fn whoever_fetched_the_last_batch_closes_its_epoch_too() {
    // The others have closed everything, so nobody says a checkpoint again by itself, and no later epoch comes.
    let mut hall = Hall::new(&slow(4), Suite::Ristretto255, &[]);
    (0..3).for_each(|node| hall.submit(node, &[&format!("a of {node}"), &format!("b of {node}")]));
    hall.stage.deliver(|_, parcel| parcel.from.0 != 3 && parcel.to.0 != 3);
    let closed = hall.low(0);
    assert!(closed >= 2 && hall.batches(3).is_empty());
    hall.stage.pending.clear();
    for peer in 0..3 {
        hall.stage.input(peer, mellivora_atomic::Input::Resend(NodeIndex(3)));
        hall.stage.input(3, mellivora_atomic::Input::Resend(NodeIndex(peer)));
    }
    hall.stage.deliver_all();
    assert_eq!(contents(hall.stage.outputs(3)), contents(hall.stage.outputs(0)));
    assert_eq!(hall.low(3), closed, "the last epoch stays open, and would hold the node up in the next one");
}

#[test]
fn what_one_holder_gets_wrong_another_delivers() {
    // No nudge, no lost link, no later epoch: nothing but the wrong answer itself makes the node ask somebody else.
    let mut hall = Hall::new(&slow(4), Suite::Ristretto255, &[]);
    (0..3).for_each(|node| hall.submit(node, &[&format!("a of {node}"), &format!("b of {node}")]));
    hall.stage.deliver(|_, parcel| parcel.from.0 != 3 && parcel.to.0 != 3);
    hall.stage.pending.clear();
    for peer in 0..3 {
        hall.stage.input(peer, mellivora_atomic::Input::Resend(NodeIndex(3)));
        hall.stage.input(3, mellivora_atomic::Input::Resend(NodeIndex(peer)));
    }
    let (mut liar, mut lies) = (None, 0);
    loop {
        hall.stage.deliver(|_, parcel| !matches!(parcel.message, Message::Slot(..)));
        let Some(parcel) = hall.stage.pending.first_mut() else { break };
        if let Message::Slot(_, _, body) = &mut parcel.message
            && parcel.from == *liar.get_or_insert(parcel.from)
        {
            *body = Blob(body.iter().map(|byte| byte ^ 1).collect());
            lies += 1;
        }
        let mut one = true;
        hall.stage.deliver(|_, _| std::mem::take(&mut one));
    }
    assert!(lies > 0, "nobody was asked for anything");
    assert_eq!(contents(hall.stage.outputs(3)), contents(hall.stage.outputs(0)));
    assert!(hall.stage.faults(3).contains(&(liar.unwrap().0, FaultKind::InvalidFetched)));
}

#[test]
fn the_batch_of_an_open_epoch_is_kept_whatever_the_retention() {
    let local = |index: NodeIndex| Local { retention_bytes: 0, ..Local::new([index.0 as u8; 32]) };
    let mut hall = Hall::with_local(&slow(4), &[], local);
    (0..4).for_each(|node| hall.submit(node, &[&format!("of {node}")]));
    hall.stage.deliver(|_, parcel| !matches!(parcel.message, Message::Checkpoint(_)));
    assert_eq!((hall.batches(0).len(), hall.low(0)), (1, 0));
    // Any announcement makes the node look for what it may drop.
    hall.stage.say(1, &[0], Message::Low(Epoch(0)));
    hall.stage.say(1, &[0], Message::FetchHeader(Epoch(0)));
    hall.stage.deliver(|_, parcel| matches!(parcel.message, Message::Low(_) | Message::FetchHeader(_)));
    assert!(hall.stage.pending.iter().any(|p| p.to.0 == 1 && matches!(p.message, Message::Header(_))));
    hall.stage.deliver_all();
    hall.ledger();
}

#[test]
fn nobody_is_asked_for_what_was_not_certified_and_unasked_answers_do_nothing() {
    let config = config(4);
    let mut hall = Hall::new(&config, Suite::Ristretto255, &[3]);
    let header = mellivora_atomic::header::EpochHeader {
        previous: Digest::default(),
        era: mellivora_core::Era(0),
        epoch: Epoch(0),
        slots: List::new(Vec::new()),
    };
    hall.say_all(3, Message::Header(header));
    hall.say_all(3, Message::Slot(Epoch(0), NodeIndex(0), Blob(vec![1; 5_000].into())));
    hall.say_all(3, Message::Slot(Epoch(u64::MAX), NodeIndex(u16::MAX), Blob::default()));
    for epoch in [0, 5, u64::MAX] {
        hall.say_all(3, Message::FetchHeader(Epoch(epoch)));
        for index in [0, 3, u16::MAX] {
            hall.say_all(3, Message::FetchSlot(Epoch(epoch), NodeIndex(index)));
        }
    }
    let before = hall.stage.node(0).status();
    hall.stage.deliver_all();
    assert_eq!(hall.stage.node(0).status(), before);
    assert!(hall.stage.pending.is_empty() && hall.stage.outputs(0).is_empty());
}

#[test]
fn each_request_is_answered_once_however_often_it_comes() {
    // Counts what an asker gets that asks for everything a hundred times.
    struct Asker(Rc<Cell<usize>>);
    impl Adversary<Badger> for Asker {
        fn receives(&mut self, _: NodeIndex, message: Said, _: &mut Attack<'_, Badger>) -> Option<Said> {
            self.0.set(self.0.get() + usize::from(matches!(message, Message::Header(_) | Message::Slot(..))));
            Some(message)
        }
        fn sends(&mut self, to: NodeIndex, message: Said, attack: &mut Attack<'_, Badger>) {
            if matches!(message, Message::Low(_)) {
                // Nobody may think that it has closed anything.
                for _ in 0..100 {
                    for epoch in 0..3 {
                        attack.send(to, Message::FetchHeader(Epoch(epoch)));
                        (0..4).for_each(|i| attack.send(to, Message::FetchSlot(Epoch(epoch), NodeIndex(i))));
                    }
                }
            } else {
                attack.send(to, message);
            }
        }
    }
    let answers = Rc::new(Cell::new(0));
    let config = slow(4);
    let asker: Box<dyn Adversary<Badger>> = Box::new(Asker(answers.clone()));
    let mut sim = build(builder(&config, 1).faulty(NodeIndex(3), asker), &config, Suite::Ristretto255);
    submit_everywhere(&mut sim);
    sim.run().assert_ok();
    // Three epochs with a header and at most four contributions each, from three nodes.
    assert!((1..=3 * 5 * 3).contains(&answers.get()), "{} answers", answers.get());
}

/// An announcement takes ten bytes, an answer some hundreds.
#[test]
fn an_announcement_is_answered_once_per_certificate_however_often_it_comes() {
    struct Herald(Rc<Cell<usize>>);
    impl Adversary<Badger> for Herald {
        fn receives(&mut self, _: NodeIndex, message: Said, _: &mut Attack<'_, Badger>) -> Option<Said> {
            self.0.set(self.0.get() + usize::from(matches!(message, Message::Certificate(_))));
            Some(message)
        }
        fn sends(&mut self, to: NodeIndex, message: Said, attack: &mut Attack<'_, Badger>) {
            if matches!(message, Message::Low(_)) {
                (0..100).for_each(|_| attack.send(to, Message::Low(Epoch(0))));
            } else {
                attack.send(to, message);
            }
        }
    }
    let answers = Rc::new(Cell::new(0));
    let config = slow(4);
    let herald: Box<dyn Adversary<Badger>> = Box::new(Herald(answers.clone()));
    let mut sim = build(builder(&config, 1).faulty(NodeIndex(3), herald), &config, Suite::Ristretto255);
    submit_everywhere(&mut sim);
    sim.run().assert_ok();
    let closed = sim.node(NodeIndex(0)).status().low.0 as usize;
    assert!((1..=3 * closed).contains(&answers.get()), "{} answers, {closed} epochs", answers.get());
}

/// What a node asked for while its jobs are somebody else's matter.
#[derive(Default)]
struct Loose {
    sends: Vec<(To, Said)>,
    jobs: Vec<<Badger as Protocol>::Job>,
    batches: usize,
    faults: Vec<Fault>,
}

impl Effects<Badger> for Loose {
    fn send(&mut self, to: To, _: Durable, message: Said) {
        self.sends.push((to, message));
    }
    fn job(&mut self, job: <Badger as Protocol>::Job) {
        self.jobs.push(job);
    }
    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
    fn output(&mut self, output: Output) {
        self.batches += usize::from(matches!(output, Output::Batch(_)));
    }
}

/// An honest holder answers once. If its answer were dropped because a lie is being checked, the node could lack it for
/// ever.
#[test]
fn an_answer_that_comes_while_a_lie_is_checked_is_not_lost() {
    let mut hall = Hall::new(&config(4), Suite::Ristretto255, &[]);
    for node in 1..4 {
        hall.submit(node, &[&format!("of {node}")]);
    }
    hall.stage.deliver(|_, parcel| parcel.from.0 != 0 && parcel.to.0 != 0);
    assert!((1..4).all(|node| hall.low(node) == 1));
    // Another node 0, driven by hand: it learns of the epoch from checkpoints alone.
    let (mut late, mut fx) = (node(&hall.config, &hall.keys[0]), Loose::default());
    let news = hall.stage.pending.iter().filter(|parcel| parcel.to.0 == 0);
    for parcel in news.filter(|parcel| matches!(parcel.message, Message::Low(_) | Message::Checkpoint(_))) {
        late.receive(parcel.from, parcel.message.clone(), &mut fx);
    }
    late.flush(&mut fx);
    // Asks everybody for everything, and takes no contribution yet.
    hall.stage.pending.clear();
    let mut answers = Vec::new();
    for _ in 0..6 {
        for (to, message) in std::mem::take(&mut fx.sends) {
            if let (To::Node(to), Message::FetchHeader(_) | Message::FetchSlot(..)) = (to, &message) {
                hall.stage.say(0, &[to.0], message);
            }
        }
        hall.stage.deliver(|_, parcel| parcel.from.0 == 0);
        for parcel in std::mem::take(&mut hall.stage.pending) {
            match parcel.message {
                message @ Message::Header(_) => late.receive(parcel.from, message, &mut fx),
                message @ Message::Slot(..) => answers.push((parcel.from, message)),
                _ => {}
            }
        }
        late.flush(&mut fx);
        late.input(Input::Nudge, &mut fx);
    }
    let from = |liar: bool| answers.iter().filter(move |(from, _)| (from.0 == 3) == liar);
    assert!(from(true).count() > 0 && from(false).count() > from(true).count(), "everybody was asked");
    for (liar, answer) in from(true) {
        let Message::Slot(epoch, index, _) = answer else { unreachable!() };
        late.receive(*liar, Message::Slot(*epoch, *index, Blob(vec![1; 500].into())), &mut fx);
    }
    let lies = fx.jobs.len();
    assert_eq!(lies, from(true).count(), "every lie is being checked");
    for _ in 0..3 {
        // However often it lies, and however often others answer.
        from(false).chain(from(true)).for_each(|(from, answer)| late.receive(*from, answer.clone(), &mut fx));
    }
    assert_eq!(fx.jobs.len(), lies, "one answer of a slot is checked at a time");
    while let Some(job) = fx.jobs.pop() {
        late.done(job.run(), &mut fx);
        late.flush(&mut fx);
    }
    assert_eq!(fx.batches, 1, "the batch was fetched");
    let blamed = fx.faults.iter().filter(|fault| fault.kind == FaultKind::InvalidFetched);
    assert_eq!(blamed.map(|fault| fault.node.0).collect::<Vec<_>>(), vec![3; lies]);
}
