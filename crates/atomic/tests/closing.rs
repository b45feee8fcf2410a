//! Closing of epochs: output is not termination, and only enough equal checkpoints, or a certificate of a later epoch,
//! free anything.

mod support;

use std::cell::Cell;
use std::rc::Rc;

use mellivora_adversary::Stage;
use mellivora_agreement::Vote;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Message, Output};
use mellivora_core::codec::List;
use mellivora_core::{Digest, Durable, Effects, Epoch, FaultKind, Job, NodeIndex, Protocol, To};
use mellivora_crypto::Suite;
use mellivora_sim::{Adversary, Attack, PendingKind, Scheduler, View, seeds};
use mellivora_subset::BkrMessage;
use support::forge::{Said, certificate, checkpoint};
use support::hall::{Hall, contents};
use support::*;

/// Honest, but only towards one node, and only for a while.
struct Favourite {
    of: NodeIndex,
    over: Rc<Cell<bool>>,
}

impl Adversary<Badger> for Favourite {
    fn sends(&mut self, to: NodeIndex, message: Said, attack: &mut Attack<'_, Badger>) {
        if to == self.of && !self.over.get() {
            attack.count("attack.favour");
            attack.send(to, message);
        }
    }
}

/// What is for node 0 first, what comes from it last.
fn ahead(view: &View<'_, Badger>) -> Option<usize> {
    let rank = |position: &usize| {
        let pending = view.pending(*position).unwrap();
        let from = match pending.kind {
            PendingKind::Message { from, .. } => Some(from),
            _ => None,
        };
        let class = if pending.at == NodeIndex(0) { 0 } else { 1 + u8::from(from == Some(NodeIndex(0))) };
        (class, pending.seq)
    };
    (0..view.pending_len()).min_by_key(rank)
}

#[test]
fn an_epoch_is_not_freed_at_output_while_others_still_need_its_votes() {
    // Node 0 has the batch of epoch 0, alone. Nodes 1 and 2 crash with all that they heard, and the Byzantine node falls
    // silent: without what node 0 said, and will say, in that epoch they never get the batch.
    for seed in seeds(6) {
        let config = config(4);
        let over = Rc::new(Cell::new(false));
        let favourite: Box<dyn Adversary<Badger>> = Box::new(Favourite { of: NodeIndex(0), over: over.clone() });
        let scheduler: Box<dyn Scheduler<Badger>> = Box::new(ahead);
        let builder =
            builder(&config, seed).faulty(NodeIndex(3), favourite).scheduler(scheduler).hostile_steps(100_000);
        let mut sim = build(builder, &config, Suite::Ristretto255);
        for i in 0..4 {
            sim.input(NodeIndex(i), submit([tx(i.into(), 0)]));
        }
        assert!(sim.run_until(|sim| !sim.outputs(NodeIndex(0)).is_empty()));
        assert!([1, 2].iter().all(|&i| sim.outputs(NodeIndex(i)).is_empty()), "node 0 has to be the first");
        assert_eq!(sim.node(NodeIndex(0)).status().low, Epoch(0));
        over.set(true);
        sim.crash(NodeIndex(1));
        sim.crash(NodeIndex(2));
        sim.run().assert_ok();
        assert!(sim.node(NodeIndex(0)).subset(Epoch(0)).is_some(), "freed at output");
        sim.restart(NodeIndex(1));
        sim.restart(NodeIndex(2));
        sim.run().assert_ok();
        let first = contents(sim.outputs(NodeIndex(0)));
        for i in 1..3 {
            assert_eq!(contents(sim.outputs(NodeIndex(i))), first, "seed {seed}: node {i} is stranded");
        }
        assert_eq!(sim.node(NodeIndex(0)).status().low, Epoch(first.len() as u64), "now it is closed");
        sim.coverage().assert_all_fired(&["attack.favour"]);
    }
}

#[test]
fn the_only_holder_of_a_batch_does_not_close_and_does_not_move_on_by_itself() {
    // The same without crashes: everything that node 0 says is late, nothing is lost.
    for seed in seeds(6) {
        let config = config(4);
        let over = Rc::new(Cell::new(false));
        let favourite: Box<dyn Adversary<Badger>> = Box::new(Favourite { of: NodeIndex(0), over: over.clone() });
        let scheduler: Box<dyn Scheduler<Badger>> = Box::new(ahead);
        let builder =
            builder(&config, seed).faulty(NodeIndex(3), favourite).scheduler(scheduler).hostile_steps(100_000);
        let mut sim = build(builder, &config, Suite::Ristretto255);
        for i in 0..4 {
            sim.input(NodeIndex(i), submit((0..8).map(|t| tx(i.into(), t))));
        }
        assert!(sim.run_until(|sim| !sim.outputs(NodeIndex(0)).is_empty()));
        over.set(true);
        sim.run().assert_ok();
        for i in 0..3 {
            let ledger = ledger(&sim, NodeIndex(i));
            assert!((0..3).all(|from| (0..8).all(|t| ledger.get(&tx(from, t)) == Some(&1))), "seed {seed}, node {i}");
            assert!(sim.node(NodeIndex(i)).is_idle());
        }
    }
}

/// Honest nodes with the batches of epochs 0 and 1, and no checkpoint has arrived anywhere.
fn batches_without_checkpoints(n: usize, byzantine: &[u16]) -> Hall {
    let config = config(n).batch_size(n);
    let mut hall = Hall::new(&config, Suite::Ristretto255, byzantine);
    for node in hall.honest() {
        hall.submit(node, &[&format!("first of {node}"), &format!("second of {node}")]);
    }
    hall.stage.deliver(|_, parcel| !matches!(parcel.message, Message::Checkpoint(_)));
    for node in hall.honest() {
        assert_eq!(hall.low(node), 0, "no epoch closes at output");
        assert_eq!(hall.batches(node).len(), 2, "the pipeline is two epochs deep");
    }
    hall
}

#[test]
fn no_more_epochs_run_than_the_pipeline_holds_while_none_is_closed() {
    // Batches are here, nothing is closed, and there is enough to do: what is not freed is not added to either.
    let config = config(4).batch_size(4);
    let mut hall = Hall::new(&config, Suite::Ristretto255, &[]);
    for node in 0..4 {
        let list: Vec<String> = (0..8).map(|i| format!("{i} of {node}")).collect();
        hall.submit(node, &list.iter().map(String::as_str).collect::<Vec<_>>());
    }
    hall.stage.deliver(|_, parcel| !matches!(parcel.message, Message::Checkpoint(_)));
    for node in 0..4 {
        let status = hall.stage.node(node).status();
        assert_eq!((status.low, status.next.0), (Epoch(0), config.limits.pipeline));
        assert_eq!(status.running as u64, config.limits.pipeline);
    }
    hall.stage.deliver_all();
    assert!(hall.ledger().len() >= 8);
}

/// Takes out of a node's votes all that could decide about slot 0.
fn undecided_about_first(message: &mut Said) {
    if let Message::Epoch { message: EpochMessage::Subset(BkrMessage::Votes(votes)), .. } = message {
        let mut list = votes.to_vec();
        for ballot in list.iter_mut().filter(|ballot| !matches!(ballot.vote, Vote::Bval { .. })) {
            ballot.instances.remove(NodeIndex(0));
        }
        list.retain(|ballot| !ballot.instances.is_empty());
        *votes = List::new(list);
    }
}

#[test]
fn whoever_fetched_a_batch_still_takes_part_in_its_epoch_before_any_later_one() {
    // Node 3 is faulty. It helps node 0 to the batch of epoch 0, keeps from node 1 what would decide about slot 0, lets
    // node 2, which has heard nothing yet, fetch the batch, and falls silent. Nobody else closes the epoch: node 1 gets
    // its batch only if node 2 votes in the epoch whose batch it has.
    let config = config(4);
    let mut hall = Hall::new(&config, Suite::Ristretto255, &[]);
    for node in [0, 1, 3] {
        hall.submit(node, &[&format!("of {node}")]);
    }
    loop {
        for parcel in hall.stage.pending.iter_mut().filter(|p| (p.from.0, p.to.0) == (3, 1)) {
            undecided_about_first(&mut parcel.message);
        }
        let mut done = false;
        hall.stage.deliver(|_, p| {
            let epoch = matches!(p.message, Message::Epoch { message: EpochMessage::Subset(_), .. });
            let share = matches!(p.message, Message::Epoch { .. }) && p.to.0 != 1;
            p.from.0 != 2 && p.to.0 != 2 && (epoch || share) && !std::mem::replace(&mut done, true)
        });
        if !done {
            break;
        }
    }
    assert_eq!((hall.batches(0).len(), hall.batches(1).len(), hall.batches(3).len()), (1, 0, 1));
    // Nodes 0 and 3 vouch for epoch 0, and node 3 claims to have closed it.
    let proof = certificate(&config, &hall.keys, 0, hall.batches(0)[0].digest(), &[0, 3]);
    hall.stage.say(3, &[2], Message::Certificate(proof));
    hall.stage.say(3, &[2], Message::Low(Epoch(1)));
    hall.stage.deliver(|_, p| {
        let ends = [p.from.0, p.to.0];
        let late = matches!(p.message, Message::Epoch { .. } | Message::Checkpoint(_));
        ends.contains(&2) && !ends.contains(&1) && !late
    });
    let status = hall.stage.node(2).status();
    assert_eq!((status.low, status.next, status.running), (Epoch(0), Epoch(1), 0), "node 2 has fetched the batch");
    hall.stage.pending.retain(|p| p.from.0 != 3);
    hall.stage.deliver(|_, p| p.to.0 != 3);
    for node in 0..3 {
        assert_eq!(contents(hall.stage.outputs(node)), contents(hall.stage.outputs(0)), "node {node}");
        assert_eq!(hall.low(node), 1, "three checkpoints close it");
    }
}

fn deliver_checkpoint(hall: &mut Hall, from: u16, to: u16, epoch: u64) {
    let wanted = |message: &Said| matches!(message, Message::Checkpoint(c) if c.epoch.0 == epoch);
    let count = hall.stage.deliver(|_, p| (p.from.0, p.to.0) == (from, to) && wanted(&p.message));
    assert_eq!(count, 1);
}

#[test]
fn an_epoch_closes_with_exactly_2f_plus_1_equal_checkpoints() {
    for (n, f) in [(4, 1), (5, 1), (7, 2)] {
        let byzantine: Vec<u16> = (n as u16 - f..n as u16).collect();
        let mut hall = batches_without_checkpoints(n, &byzantine);
        let strong = hall.config.committee.strong();
        // Its own counts; lies of Byzantine nodes do not, however often they come.
        let lie = checkpoint(&hall.config, &hall.keys[usize::from(byzantine[0])], 0, Digest([9; 32]));
        for _ in 0..5 {
            hall.stage.say(byzantine[0], &[0], Message::Checkpoint(lie.clone()));
        }
        hall.stage.deliver(|_, p| p.from.0 == byzantine[0]);
        for (have, from) in (1..strong).zip(1u16..) {
            assert_eq!(hall.low(0), 0, "n = {n}: {have} of {strong}");
            assert!(hall.stage.node(0).subset(Epoch(0)).is_some());
            deliver_checkpoint(&mut hall, from, 0, 0);
        }
        assert_eq!(hall.low(0), 1, "n = {n}");
        assert!(hall.stage.node(0).subset(Epoch(0)).is_none(), "freed");
        assert!(hall.stage.node(0).subset(Epoch(1)).is_some(), "the next one is not");
    }
}

#[test]
fn a_byzantine_checkpoint_that_is_right_counts_once() {
    let mut hall = batches_without_checkpoints(4, &[3]);
    let digest = hall.batches(0)[0].digest();
    for _ in 0..4 {
        let right = checkpoint(&hall.config, &hall.keys[3], 0, digest);
        hall.stage.say(3, &[0], Message::Checkpoint(right));
    }
    hall.stage.deliver(|_, p| p.from.0 == 3);
    assert_eq!(hall.low(0), 0, "two of three");
    deliver_checkpoint(&mut hall, 2, 0, 0);
    assert_eq!(hall.low(0), 1);
}

#[test]
fn a_certificate_closes_what_lies_below_it_and_no_more() {
    let mut hall = batches_without_checkpoints(4, &[3]);
    let digests: Vec<Digest> = hall.batches(0).iter().map(|batch| batch.digest()).collect();
    let give = |hall: &mut Hall, epoch: u64| {
        let proof = certificate(&hall.config, &hall.keys, epoch, digests[epoch as usize], &[1, 3]);
        hall.stage.say(3, &[0], Message::Certificate(proof));
        hall.stage.deliver(|_, p| p.from.0 == 3);
    };
    give(&mut hall, 0);
    assert_eq!(hall.low(0), 0, "f + 1 checkpoints of an epoch do not close that epoch");
    give(&mut hall, 1);
    assert_eq!(hall.low(0), 1, "they close the epoch before");
    assert!(hall.stage.faults(0).is_empty());
    hall.stage.deliver_all();
    assert_eq!(hall.ledger().len() as u64, hall.low(0));
}

#[test]
fn two_checkpoints_of_one_node_for_one_epoch_are_a_fault() {
    let mut hall = batches_without_checkpoints(4, &[3]);
    let right = checkpoint(&hall.config, &hall.keys[3], 0, hall.batches(0)[0].digest());
    let wrong = checkpoint(&hall.config, &hall.keys[3], 0, Digest([1; 32]));
    hall.say_all(3, Message::Checkpoint(right));
    hall.say_all(3, Message::Checkpoint(wrong.clone()));
    hall.say_all(3, Message::Checkpoint(wrong));
    hall.stage.deliver(|_, parcel| parcel.from.0 == 3);
    hall.stage.deliver_all();
    for node in 0..3 {
        assert_eq!(hall.blamed(node, 3, FaultKind::ConflictingCheckpoint), 2);
    }
    assert_eq!(hall.ledger().len(), 2);
}

#[test]
fn a_checkpoint_with_a_bad_signature_is_named_and_left_out_of_the_certificate() {
    let mut hall = batches_without_checkpoints(4, &[0]);
    let last = 1;
    let mut bad = checkpoint(&hall.config, &hall.keys[0], last, hall.batches(1)[1].digest());
    bad.signature.0[5] ^= 1;
    hall.say_all(0, Message::Checkpoint(bad));
    hall.stage.deliver(|_, parcel| parcel.from.0 == 0);
    hall.stage.deliver_all();
    assert!((1..4).all(|node| hall.low(node) == 2));
    // Whoever announces less is answered with a certificate of the last closed epoch.
    hall.say_all(0, Message::Low(Epoch(0)));
    hall.stage.deliver_all();
    for node in 1..4 {
        assert_eq!(hall.blamed(node, 0, FaultKind::InvalidCheckpoint), 1, "node {node}");
    }
}

#[test]
fn what_is_no_certificate_moves_nothing_and_is_blamed() {
    for (n, byzantine) in [(4, vec![3u16]), (7, vec![5, 6])] {
        let mut hall = batches_without_checkpoints(n, &byzantine);
        let liar = byzantine[0];
        let (config, keys) = (hall.config.clone(), hall.keys.clone());
        let f = config.committee.f() as u16;
        let digest = hall.batches(0)[1].digest();
        let good = |epoch, signers: &[u16]| certificate(&config, &keys, epoch, digest, signers);
        let others = mellivora_crypto::deal_nodes(
            Suite::Ristretto255,
            config.committee,
            &mut <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(99),
        )
        .unwrap();
        let first: Vec<u16> = (0..=f).collect();
        let mut attacks = vec![
            ("nobody signed", good(1, &[])),
            ("too few signers", good(1, &first[1..])),
            ("too many signers", good(1, &(0..f + 2).collect::<Vec<_>>())),
            ("one signer repeated", good(1, &vec![liar; first.len()])),
            ("a repeated signer among others", good(1, &[&first[..], &[f]].concat())),
            ("signers out of order", good(1, &first.iter().rev().copied().collect::<Vec<_>>())),
            ("signatures of other keys", certificate(&config, &others, 1, digest, &first)),
            ("another cluster's", certificate(&config.clone().batch_size(1), &keys, 1, digest, &first)),
        ];
        let mut other_epoch = good(0, &first);
        other_epoch.epoch = Epoch(1);
        attacks.push(("signatures for another epoch", other_epoch));
        let mut far = good(1, &first);
        far.epoch = Epoch(1 << 60);
        attacks.push(("far ahead", far));
        let mut other_digest = good(1, &first);
        other_digest.digest = Digest([1; 32]);
        attacks.push(("signatures for another digest", other_digest));
        let swap = |at: usize, by: NodeIndex| {
            let mut list = good(1, &first).signatures.into_vec();
            list[at].0 = by;
            let mut certificate = good(1, &first);
            certificate.signatures = mellivora_core::codec::List::new(list);
            certificate
        };
        attacks.push(("a signature in another name", swap(f.into(), NodeIndex(f + 1))));
        attacks.push(("a signer from outside", swap(f.into(), NodeIndex(n as u16))));
        attacks.push(("a signer far outside", swap(f.into(), NodeIndex(u16::MAX))));
        for (count, (name, forged)) in (1..).zip(attacks) {
            hall.stage.say(liar, &[0], Message::Certificate(forged));
            hall.stage.deliver(|_, p| p.from.0 == liar);
            let status = hall.stage.node(0).status();
            assert_eq!((status.low, status.catching_up), (Epoch(0), false), "n = {n}: {name}");
            assert_eq!(hall.blamed(0, liar, FaultKind::InvalidCertificate), count, "n = {n}: {name}");
        }
        // The control: the same with the right signatures is believed.
        hall.stage.say(liar, &[0], Message::Certificate(good(1, &first)));
        hall.stage.deliver(|_, p| p.from.0 == liar);
        assert_eq!(hall.low(0), 1);
    }
}

#[test]
fn a_checkpoint_is_signed_once_across_a_restart() {
    let mut hall = batches_without_checkpoints(4, &[]);
    let said = |stage: &Stage<Badger>| {
        let from_2 = stage.pending.iter().filter(|p| p.from.0 == 2 && p.to.0 == 0);
        from_2.filter(|p| matches!(p.message, Message::Checkpoint(_))).count()
    };
    assert_eq!(said(&hall.stage), 2, "epochs 0 and 1");
    let fresh = node(&hall.config, &hall.keys[2]);
    hall.stage.restart(2, fresh);
    for peer in [0, 1, 3] {
        for (a, b) in [(peer, 2), (2, peer)] {
            hall.stage.input(a, mellivora_atomic::Input::Resend(NodeIndex(b)));
        }
    }
    hall.stage.deliver(|_, parcel| !matches!(parcel.message, Message::Checkpoint(_)));
    assert_eq!(hall.batches(2).len(), 2, "it has both batches again");
    assert_eq!(said(&hall.stage), 2 + 2, "what it had said comes again, and nothing is signed anew");
    hall.stage.deliver_all();
    for node in 0..4 {
        assert!(hall.stage.faults(node).is_empty());
        assert_eq!(hall.low(node), 2);
    }
    hall.ledger();
}

/// What a node does, as its driver sees it.
#[derive(Default)]
struct Driven {
    sends: Vec<(To, Durable, Said)>,
    jobs: Vec<<Badger as Protocol>::Job>,
}

impl Effects<Badger> for Driven {
    fn send(&mut self, to: To, durable: Durable, message: Said) {
        self.sends.push((to, durable, message));
    }

    fn job(&mut self, job: <Badger as Protocol>::Job) {
        self.jobs.push(job);
    }

    fn fault(&mut self, fault: mellivora_core::Fault) {
        panic!("{fault:?}");
    }

    fn output(&mut self, _: Output) {}
}

/// A promise that is not on disk can be given again in other words after a crash.
#[test]
fn a_checkpoint_is_logged_before_anybody_sees_it() {
    let config = config(1);
    let mut badger = node(&config, &keys(1, Suite::Ristretto255)[0]);
    let mut driven = Driven::default();
    badger.input(submit((0..20).map(|t| tx(0, t))), &mut driven);
    let mut heard = 0;
    loop {
        badger.flush(&mut driven);
        if let Some((_, _, message)) = driven.sends.get(heard).cloned() {
            heard += 1;
            assert!(heard < 10_000, "it never falls silent");
            badger.receive(NodeIndex(0), message, &mut driven);
        } else if let Some(job) = driven.jobs.pop() {
            badger.done(job.run(), &mut driven);
        } else {
            break;
        }
    }
    let checkpoints = driven.sends.iter().filter(|(_, _, message)| matches!(message, Message::Checkpoint(_)));
    let durable: Vec<Durable> = checkpoints.map(|(_, durable, _)| *durable).collect();
    assert_eq!(durable.len() as u64, badger.status().next.0);
    assert!(durable.len() >= 5 && durable.iter().all(|durable| *durable == Durable::Yes));
}

#[test]
fn an_epoch_that_is_closed_here_tells_nothing_more() {
    // Messages of closed epochs, of whatever kind, leave no trace.
    let mut hall = batches_without_checkpoints(4, &[3]);
    hall.stage.deliver_all();
    let before = hall.stage.node(0).status();
    let lie = checkpoint(&hall.config, &hall.keys[3], 0, Digest([5; 32]));
    hall.stage.say(3, &[0], Message::Checkpoint(lie));
    let root = Digest([3; 32]);
    for proposer in 0..4 {
        hall.stage.say(3, &[0], support::forge::rbc(0, proposer, mellivora_broadcast::RbcMessage::Ready(root)));
    }
    hall.stage.deliver_all();
    assert_eq!(hall.stage.node(0).status(), before);
    assert!(hall.stage.outputs(0).iter().all(|output| matches!(output, Output::Batch(_))));
}

/// Its own checkpoint was not counted after a restart, so nothing closed any more.
#[test]
fn a_lone_node_that_restarts_closes_its_epochs() {
    let config = config(1);
    let mut sim = cluster(&config, Suite::Ristretto255, 1);
    let me = NodeIndex(0);
    sim.input(me, submit((0..40).map(|t| tx(0, t))));
    sim.run().assert_ok();
    sim.crash_after_sync(me);
    sim.restart(me);
    sim.input(me, submit((40..80).map(|t| tx(0, t))));
    sim.run().assert_ok();
    let node = sim.node(me);
    assert!(node.is_idle(), "{node:?}");
    assert_eq!(node.status().low, node.status().next);
    assert!((40..80).all(|t| ledger(&sim, me).get(&tx(0, t)) == Some(&1)));
}
