//! Requests and answers of those who catch up, one by one: what is asked, what is served, how often, and by whom.

mod support;

use std::cell::Cell;
use std::rc::Rc;

use mellivora_atomic::header::Place;
use mellivora_atomic::{Input, Local, Message, Output};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Digest, Durable, Effects, Epoch, Fault, FaultKind, Job, NodeIndex, Protocol, To};
use mellivora_crypto::Suite;
use mellivora_sim::{Adversary, Attack};
use support::forge::Said;
use support::hall::{Hall, contents};
use support::*;

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
    hall.say_all(3, Message::Slot(Epoch(0), Place(0), Blob(vec![1; 5_000].into())));
    hall.say_all(3, Message::Slot(Epoch(u64::MAX), Place(u16::MAX), Blob::default()));
    for epoch in [0, 5, u64::MAX] {
        hall.say_all(3, Message::FetchHeader(Epoch(epoch)));
        for index in [0, 3, u16::MAX] {
            hall.say_all(3, Message::FetchSlot(Epoch(epoch), Place(index)));
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
                        (0..4).for_each(|i| attack.send(to, Message::FetchSlot(Epoch(epoch), Place(i))));
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
