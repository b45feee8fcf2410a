//! What an instance says of itself: the memory it holds, how much work its jobs are, where it stands.

mod common;

use common::*;
use mellivora_broadcast::{EchoMode, Rbc, RbcMessage};
use mellivora_coding::{LeafHash, Shard};
use mellivora_core::{Committee, Digest, Job, Protocol, Weight};

/// Node 1 of `n`; the proposer is node 0.
fn hand(n: usize) -> Hand {
    Hand::new(config(&codec(n), node(1), node(0), EchoMode::Full))
}

/// What `event` adds to the memory of an instance.
fn added(hand: &mut Hand, event: impl FnOnce(&mut Hand)) -> usize {
    let before = hand.rbc.memory();
    event(hand);
    hand.rbc.memory() - before
}

#[test]
fn a_fresh_instance_takes_its_slots_for_each_node_and_nothing_else() {
    let slots = |n| hand(n).rbc.memory() - size_of::<Rbc>();
    let slot = slots(1);
    // Of an ECHO the shard, its leaf hash, the place of its root and a flag; of READY the place of a root; of CAN_DECODE
    // a digest.
    let least =
        size_of::<((Shard, Option<LeafHash>), u16, bool)>() + size_of::<Option<u16>>() + size_of::<Option<Digest>>();
    assert!(slot >= least && slot < 2 * least, "{slot} bytes");
    for n in SIZES {
        assert_eq!(slots(n), n * slot, "{n} nodes");
    }
}

#[test]
fn every_root_that_is_heard_of_is_counted_once() {
    let mut hand = hand(10);
    let ready = |hand: &mut Hand, j: usize| hand.receive(j, RbcMessage::Ready(Digest([j as u8; 32])));
    // Room for roots is made for several at once: a digest and three sets of nodes each, at least.
    let room = added(&mut hand, |hand| (2..6).for_each(|j| ready(hand, j)));
    assert!((4 * 4 * 32..4 * 512).contains(&room), "{room} bytes for four roots");
    assert_eq!(added(&mut hand, |hand| (6..10).for_each(|j| ready(hand, j))), room, "and for four more");
}

#[test]
fn shards_and_payloads_are_counted_in_full_while_they_are_held() {
    let n = 4;
    let encoded = codec(n).encode(payload(5_000, 1)).unwrap();
    let shard = |i: usize| encoded.shards[i].memory();
    let mut hand = hand(n);
    hand.receive(2, RbcMessage::EchoHash(encoded.commitment));
    assert_eq!(added(&mut hand, |hand| hand.receive(2, echo(&encoded, 2))), shard(2));
    // As the VAL, as what is shown to others, and as this node's own ECHO.
    assert_eq!(added(&mut hand, |hand| hand.receive(0, val(&encoded, 1))), 3 * shard(1));
    // With the outcome the shards of both ECHOs go, and the payload comes.
    let before = hand.rbc.memory();
    hand.run_jobs();
    assert_eq!(hand.rbc.memory() + shard(1) + shard(2), before + 5_000);
    assert_eq!(added(&mut hand, |hand| hand.receive(3, echo(&encoded, 3))), 0, "what comes later is not needed");
}

#[test]
fn a_shard_of_another_root_that_comes_after_delivery_is_not_kept() {
    let n = 4;
    let [one, two] = [1, 2].map(|salt| codec(n).encode(payload(5_000, salt)).unwrap());
    let mut hand = hand(n);
    (2..4).for_each(|j| hand.receive(j, echo(&one, j)));
    (0..3).for_each(|j| hand.receive(j, RbcMessage::Ready(one.commitment)));
    hand.run_jobs();
    assert_eq!(hand.rbc.delivered(), Some(one.commitment));
    assert_eq!(added(&mut hand, |hand| hand.receive(0, echo(&two, 0))), 0);
}

#[test]
fn an_outcome_of_another_root_that_comes_after_delivery_is_not_kept() {
    let n = 4;
    let [one, two] = [1, 2].map(|salt| codec(n).encode(payload(5_000, salt)).unwrap());
    let mut hand = hand(n);
    (2..4).for_each(|j| hand.receive(j, echo(&one, j)));
    hand.run_jobs();
    // The proposer equivocates, and a decode of its other root is on its way when the first is delivered.
    (0..2).for_each(|j| hand.receive(j, echo(&two, j)));
    (0..3).for_each(|j| hand.receive(j, RbcMessage::Ready(one.commitment)));
    assert_eq!((hand.seen.jobs.len(), hand.rbc.delivered()), (1, Some(one.commitment)));
    assert_eq!(added(&mut hand, |hand| hand.run_jobs()), 0);
    assert_eq!(hand.seen.outputs.len(), 1);
}

#[test]
fn coding_less_than_16_kib_is_light_work() {
    for (bytes, weight) in [(0, Weight::Light), (16_383, Weight::Light), (16_384, Weight::Heavy)] {
        let mut hand = Hand::new(config(&codec(4), node(0), node(0), EchoMode::Full));
        hand.input(payload(bytes, 1));
        assert_eq!(hand.seen.jobs[0].weight(), weight, "encoding {bytes} bytes");
    }
    // Two shards that are together 16 KiB, and two that are a unit shorter.
    for (bytes, weight) in [(14 << 10, Weight::Light), (16 << 10, Weight::Heavy)] {
        let encoded = codec(4).encode(payload(bytes, 1)).unwrap();
        assert_eq!(encoded.shards[2].data.len() * 2, bytes);
        let mut hand = hand(4);
        (2..4).for_each(|j| hand.receive(j, echo(&encoded, j)));
        assert_eq!(hand.seen.jobs[0].weight(), weight, "decoding {bytes} bytes");
    }
}

#[test]
fn an_instance_knows_whose_it_is_and_never_ends_by_itself() {
    let n = 4;
    let encoded = codec(n).encode(payload(100, 1)).unwrap();
    let mut hand = Hand::new(config(&codec(n), node(1), node(3), EchoMode::saving(Committee::new(n).unwrap())));
    assert_eq!((hand.rbc.proposer(), hand.rbc.delivered()), (node(3), None));
    hand.receive(3, val(&encoded, 1));
    (0..4).for_each(|j| hand.receive(j, echo(&encoded, j)));
    (0..4).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    hand.run_jobs();
    assert_eq!(hand.rbc.delivered(), Some(encoded.commitment));
    assert!(!hand.rbc.is_terminated(), "others may ask for its shard at any later time");
}
