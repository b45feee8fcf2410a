//! After a restart a node contradicts nothing that it said, and goes on.

mod common;

use common::*;
use mellivora_broadcast::{EchoMode, RbcConfig, RbcMessage};
use mellivora_coding::Encoded;
use mellivora_core::{Committee, Durable, Protocol, To};

fn pair(n: usize) -> (Encoded, Encoded) {
    let codec = codec(n);
    (codec.encode(payload(500, 1)).unwrap(), codec.encode(payload(500, 2)).unwrap())
}

fn setup(n: usize, me: usize, mode: EchoMode) -> RbcConfig {
    config(&codec(n), node(me), node(0), mode)
}

/// A fresh instance that remembers what `before` logged, up to `kept` messages.
fn restarted(before: &Hand, config: RbcConfig, kept: usize) -> Hand {
    let mut after = Hand::new(config);
    let logged = before.seen.sent.iter().filter(|(_, durable, _)| *durable == Durable::Yes);
    for (to, _, message) in logged.take(kept) {
        after.rbc.recall(*to, message.clone());
    }
    assert!(after.seen.sent.is_empty(), "recalling sends nothing");
    after
}

fn said(hand: &Hand) -> Vec<(To, RbcMessage)> {
    hand.seen.sent.iter().map(|(to, _, message)| (*to, message.clone())).collect()
}

#[test]
fn a_proposer_that_proposed_never_proposes_anew() {
    for n in SIZES {
        let mut before = Hand::new(setup(n, 0, EchoMode::Full));
        before.input(payload(500, 1));
        before.run_jobs();
        let mut after = restarted(&before, setup(n, 0, EchoMode::Full), usize::MAX);
        after.input(payload(500, 2));
        after.flush();
        assert!(after.seen.jobs.iter().all(|job| !format!("{job:?}").starts_with("encode")));
        assert!(!said(&after).iter().any(|(_, message)| matches!(message, RbcMessage::Val { .. })));
    }
}

#[test]
fn a_logged_val_of_ones_own_is_echoed_when_the_echo_was_not_logged() {
    let mut before = Hand::new(setup(4, 0, EchoMode::Full));
    before.input(payload(500, 1));
    before.run_jobs();
    let mut after = restarted(&before, setup(4, 0, EchoMode::Full), 4);
    assert_eq!(after.rbc.supported(), None);
    after.flush();
    assert_eq!(after.rbc.supported(), before.rbc.supported());
    assert_eq!(said(&after).len(), 1, "the ECHO");
}

#[test]
fn of_all_logged_vals_a_proposer_echoes_its_own() {
    let (n, me) = (4, 2);
    let setup = || config(&codec(n), node(me), node(me), EchoMode::Full);
    let mut before = Hand::new(setup());
    before.input(payload(500, 1));
    before.run_jobs();
    let (own, _) = pair(n);
    for (kept, expected) in [(me, vec![]), (n, vec![(To::All, echo(&own, me))])] {
        let mut after = restarted(&before, setup(), kept);
        after.flush();
        assert_eq!(said(&after), expected, "of the first {kept}");
    }
}

#[test]
fn a_node_that_echoed_never_supports_another_root() {
    for n in [4, 5, 6, 7, 10] {
        let (one, two) = pair(n);
        for mode in modes(n) {
            let mut before = Hand::new(setup(n, 2, mode));
            before.receive(0, val(&one, 2));
            let mut after = restarted(&before, setup(n, 2, mode), usize::MAX);
            after.flush();
            after.receive(0, val(&two, 2));
            after.flush();
            assert_eq!(after.rbc.supported(), Some(one.commitment));
            assert_eq!(said(&after), [], "{mode:?}");
        }
    }
}

#[test]
fn an_echo_that_was_half_logged_is_completed() {
    let n = 10;
    let mode = EchoMode::saving(Committee::new(n).unwrap());
    let (one, two) = pair(n);
    let mut before = Hand::new(setup(n, 2, mode));
    before.receive(0, val(&one, 2));
    assert_eq!(said(&before).len(), 2, "shards to some, hashes to the rest");
    let mut after = restarted(&before, setup(n, 2, mode), 1);
    after.receive(0, val(&two, 2));
    assert_eq!(said(&after), []);
    let mut after = restarted(&before, setup(n, 2, mode), 1);
    after.receive(0, val(&one, 2));
    assert_eq!(said(&after), said(&before)[1..], "the hashes that are missing, and nothing twice");
}

#[test]
fn a_node_that_was_ready_is_never_ready_for_another_root() {
    for n in [4, 7, 10] {
        let (one, two) = pair(n);
        let committee = Committee::new(n).unwrap();
        let mut before = Hand::new(setup(n, 2, EchoMode::Full));
        (0..committee.one_honest()).for_each(|j| before.receive(j, RbcMessage::Ready(one.commitment)));
        assert_eq!(said(&before), [(To::All, RbcMessage::Ready(one.commitment))]);
        let mut after = restarted(&before, setup(n, 2, EchoMode::Full), usize::MAX);
        (0..n).filter(|&j| j != 2).for_each(|j| after.receive(j, RbcMessage::Ready(two.commitment)));
        assert_eq!(said(&after), []);
    }
}

#[test]
fn own_votes_count_again_after_a_restart() {
    for n in SIZES {
        for mode in modes(n) {
            let committee = Committee::new(n).unwrap();
            let mut before = Hand::new(setup(n, 0, mode));
            before.input(payload(500, 1));
            before.run_jobs();
            let encoded = codec(n).encode(payload(500, 1)).unwrap();
            let others = 1..committee.quorum().max(committee.strong());
            let tell = |hand: &mut Hand| {
                hand.flush();
                others.clone().for_each(|j| hand.receive(j, echo(&encoded, j)));
                others.clone().for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
                hand.run_jobs();
            };
            tell(&mut before);
            assert_eq!(before.seen.outputs.len(), 1);
            let mut after = restarted(&before, setup(n, 0, mode), usize::MAX);
            tell(&mut after);
            assert_eq!(after.seen.outputs, before.seen.outputs, "n {n}, {mode:?}");
            assert!(!said(&after).iter().any(|(_, message)| matches!(message, RbcMessage::Ready(_))), "said before");
        }
    }
}

#[test]
fn rule_4_works_after_a_restart_from_the_logged_echo() {
    let n = 10;
    let mode = EchoMode::saving(Committee::new(n).unwrap());
    let (one, _) = pair(n);
    let mut before = Hand::new(setup(n, 2, mode));
    before.receive(0, val(&one, 2));
    let mut after = restarted(&before, setup(n, 2, mode), usize::MAX);
    after.flush();
    (3..10).for_each(|j| after.receive(j, RbcMessage::Ready(one.commitment)));
    let shown = after.receivers(|message| matches!(message, RbcMessage::Echo { .. }));
    assert_eq!(shown, [0, 1, 9], "those who had the hash only");
}
