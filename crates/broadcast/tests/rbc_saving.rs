//! The rules that save bandwidth, one by one.

mod common;

use common::*;
use mellivora_broadcast::{EchoMode, RbcMessage};
use mellivora_coding::Encoded;
use mellivora_core::{Committee, Durable, FaultKind, To};

const N: usize = 10; // f = 3, k = 4

fn saving() -> EchoMode {
    EchoMode::saving(Committee::new(N).unwrap())
}

fn hand(me: usize) -> (Hand, Encoded) {
    let codec = codec(N);
    let encoded = codec.encode(payload(900, 1)).unwrap();
    (Hand::new(config(&codec, node(me), node(0), saving())), encoded)
}

fn is_echo(message: &RbcMessage) -> bool {
    matches!(message, RbcMessage::Echo { .. })
}

fn is_hash(message: &RbcMessage) -> bool {
    matches!(message, RbcMessage::EchoHash(_))
}

fn is_can_decode(message: &RbcMessage) -> bool {
    matches!(message, RbcMessage::CanDecode(_))
}

#[test]
fn rule_1_the_shard_goes_to_the_successors_and_the_hash_to_the_rest() {
    let (mut hand, encoded) = hand(7);
    hand.receive(0, val(&encoded, 7));
    // k + f - 1 = 6 successors, and the node itself.
    assert_eq!(hand.receivers(is_echo), [0, 1, 2, 3, 7, 8, 9]);
    assert_eq!(hand.receivers(is_hash), [4, 5, 6]);
    assert!(hand.seen.sent.iter().all(|(_, durable, _)| *durable == Durable::Yes), "each promises a root");
}

#[test]
fn rule_2_a_whole_shard_upgrades_a_hash_and_supporters_count_both_once() {
    let (mut hand, encoded) = hand(9);
    for j in 0..4 {
        hand.receive(j, RbcMessage::EchoHash(encoded.commitment));
    }
    assert!(hand.seen.jobs.is_empty());
    for j in 0..4 {
        hand.receive(j, echo(&encoded, j));
        hand.receive(j, RbcMessage::EchoHash(encoded.commitment));
    }
    assert_eq!(hand.seen.jobs.len(), 1, "k shards are at hand");
    assert_eq!(hand.fault_kinds(), []);
    assert!(hand.seen.sent.is_empty(), "four supporters are no quorum of seven, however often they speak");
}

#[test]
fn rule_3_can_decode_goes_once_to_those_who_would_send_hashes() {
    let (mut hand, encoded) = hand(5);
    (0..4).for_each(|j| hand.receive(j, echo(&encoded, j)));
    assert!(hand.receivers(is_can_decode).is_empty(), "shards at hand are no outcome yet");
    hand.run_jobs();
    // Node 5 is beyond the six successors of 6, 7 and 8 alone.
    assert_eq!(hand.receivers(is_can_decode), [6, 7, 8]);
    (6..9).for_each(|j| hand.receive(j, echo(&encoded, j)));
    (0..7).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    hand.run_jobs();
    assert_eq!(hand.receivers(is_can_decode), [6, 7, 8], "once");
}

#[test]
fn rule_3_the_proposer_can_decode_from_the_start() {
    let (mut hand, _) = hand(0);
    hand.input(payload(900, 1));
    hand.run_jobs();
    assert_eq!(hand.receivers(is_can_decode), [1, 2, 3]);
}

#[test]
fn rule_3_to_decline_twice_is_no_fault_and_to_decline_two_roots_is() {
    let (mut hand, encoded) = hand(7);
    let other = codec(N).encode(payload(900, 2)).unwrap();
    (0..3).for_each(|_| hand.receive(5, RbcMessage::CanDecode(encoded.commitment)));
    assert_eq!(hand.fault_kinds(), []);
    hand.receive(5, RbcMessage::CanDecode(other.commitment));
    assert_eq!(hand.fault_kinds(), [(5, FaultKind::ConflictingCanDecode)]);
}

#[test]
fn rule_4_at_2f_plus_1_readys_the_shard_goes_to_all_who_have_not_declined() {
    let (mut hand, encoded) = hand(7);
    hand.receive(0, val(&encoded, 7));
    hand.receive(5, RbcMessage::CanDecode(encoded.commitment));
    let before = hand.receivers(is_echo);
    (0..5).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    assert_eq!(hand.receivers(is_echo), before, "six READYs, its own included, are not seven");
    hand.receive(5, RbcMessage::Ready(encoded.commitment));
    let mut expected = before.clone();
    expected.extend([4, 6]);
    expected.sort_unstable();
    assert_eq!(hand.receivers(is_echo), expected);
    // Whoever declined and comes back with a new incarnation knows nothing any more.
    hand.forget(4);
    assert_eq!(hand.receivers(is_echo), expected, "that one has got it; the outbox repeats it");
    hand.forget(5);
    expected.push(5);
    expected.sort_unstable();
    assert_eq!(hand.receivers(is_echo), expected);
}

#[test]
fn rule_4_is_not_cancelled_by_delivery_nor_by_a_late_val() {
    let (mut hand, encoded) = hand(7);
    (0..4).for_each(|j| hand.receive(j, echo(&encoded, j)));
    hand.run_jobs();
    (0..7).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    assert_eq!(hand.seen.outputs.len(), 1);
    hand.receive(6, RbcMessage::CanDecode(encoded.commitment));
    hand.receive(0, val(&encoded, 7));
    assert_eq!(hand.receivers(is_echo), [0, 1, 2, 3, 4, 5, 7, 8, 9], "all but the one that declined");
}

#[test]
fn rule_4_ignores_who_declined_another_root() {
    let (mut hand, encoded) = hand(7);
    let other = codec(N).encode(payload(900, 2)).unwrap();
    hand.receive(0, val(&encoded, 7));
    hand.receive(5, RbcMessage::CanDecode(other.commitment));
    (0..6).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    assert!(hand.receivers(is_echo).contains(&5));
}

#[test]
fn rule_4_serves_only_the_root_that_was_echoed() {
    let (mut hand, encoded) = hand(7);
    let other = codec(N).encode(payload(900, 2)).unwrap();
    hand.receive(0, val(&encoded, 7));
    let before = hand.receivers(is_echo);
    (0..7).for_each(|j| hand.receive(j, RbcMessage::Ready(other.commitment)));
    assert_eq!(hand.receivers(is_echo), before);
}

#[test]
fn the_plain_mode_says_neither_hashes_nor_can_decode() {
    let codec = codec(N);
    let encoded = codec.encode(payload(900, 1)).unwrap();
    let mut hand = Hand::new(config(&codec, node(7), node(0), EchoMode::Full));
    hand.receive(0, val(&encoded, 7));
    (0..7).for_each(|j| hand.receive(j, echo(&encoded, j)));
    (0..7).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    hand.run_jobs();
    assert_eq!(hand.seen.outputs.len(), 1);
    let kinds: Vec<_> = hand.seen.sent.iter().map(|(to, _, message)| (*to, is_echo(message))).collect();
    assert_eq!(kinds, [(To::All, true), (To::All, false)], "one ECHO, one READY");
}
