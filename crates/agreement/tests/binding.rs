//! Binding: a scheduler that knows the coin before one node is bound cannot lead that node to the other value.
//!
//! Against the agreement without CONF this very schedule goes on for ever.

mod common;

use common::*;
use mellivora_adversary::{Parcel, Stage};
use mellivora_agreement::CoinSchedule::AlwaysReal;
use mellivora_agreement::{Aba, AbaMessage, Values, Vote};
use mellivora_core::{Protocol, Round};

/// Estimates: nodes 0 and 1 agree, node 2 holds the other bit. Node 3 is Byzantine and says what suits each listener.
const PAIR: [u16; 2] = [0, 1];
const APART: u16 = 2;
const Z: u16 = 3;

const LIMIT: u32 = 64;

fn is_bval(p: &Parcel<AbaMessage>) -> bool {
    matches!(p.message, AbaMessage::Vote(Vote::Bval { .. }))
}

fn is_aux(p: &Parcel<AbaMessage>) -> bool {
    matches!(p.message, AbaMessage::Vote(Vote::Aux { .. }))
}

fn is_conf(p: &Parcel<AbaMessage>) -> bool {
    matches!(p.message, AbaMessage::Vote(Vote::Conf { .. }))
}

/// One round in which node 2 hears nothing until the coin is known, and then only what leads it away from the coin.
fn split_round(stage: &mut Stage<Aba>, seed: u64, round: u32) {
    let deliver = |stage: &mut Stage<Aba>, pick: &dyn Fn(&Parcel<AbaMessage>) -> bool| {
        stage.deliver(|_, p| p.message.round() == Some(Round(round)) && pick(p));
    };
    let to_pair = |p: &Parcel<AbaMessage>| PAIR.contains(&p.to.0) && p.from.0 != APART;
    let other = stage.node(APART).estimate().unwrap();
    for value in [false, true] {
        stage.say(Z, &[0, 1, 2], bval(round, value));
    }
    // The first value in bin is node 2's at node 0, with its own relay, and the pair's at node 1: their AUX differ.
    deliver(stage, &|p| p.to.0 == 0 && [APART, Z].contains(&p.from.0) && p.message == bval(round, other));
    deliver(stage, &|p| p.to.0 == 1 && [0, Z].contains(&p.from.0) && p.message == bval(round, !other));
    deliver(stage, &|p| PAIR.contains(&p.to.0) && is_bval(p));
    // Whatever the Byzantine node adds, they see both values; with its CONF they pass the gate without node 2.
    stage.say(Z, &PAIR, aux(round, other));
    stage.say(Z, &PAIR, conf(round, Values::BOTH));
    deliver(stage, &|p| to_pair(p) && is_aux(p));
    deliver(stage, &|p| to_pair(p) && is_conf(p));
    assert!(stage.pending.iter().any(|p| is_share(p) && p.message.round() == Some(Round(round))));
    // With one honest share and its own the Byzantine node knows the coin, and tells node 2 of the other value only.
    let away = !coin(4, seed, round);
    stage.say(Z, &[APART], aux(round, away));
    stage.say(Z, &[APART], conf(round, Values::of(away)));
    deliver(stage, &|p| p.to.0 == APART && p.message == bval(round, away));
    deliver(stage, &|p| p.to.0 == APART && p.message == aux(round, away));
    let led = conf(round, Values::of(away));
    assert!(stage.pending.iter().any(|p| p.from.0 == APART && p.message == led), "the attack has no grip");
    deliver(stage, &|p| p.to.0 == APART && p.message == led);
    deliver(stage, &|_| true);
}

/// Plays without TERM until all have decided by their own coins. Returns the rounds and how many were split.
fn play(seed: u64) -> (u32, u32) {
    let mut stage = stage(4, &[Z], AlwaysReal, seed);
    for (node, input) in [(0, true), (1, true), (2, false)] {
        stage.input(node, input);
    }
    let mut split = 0;
    for round in 1..=LIMIT {
        let estimates: Vec<_> = stage.honest().map(|node| stage.node(node).estimate()).collect();
        if estimates[0] == estimates[1] && estimates[1] == estimates[2] {
            stage.deliver(|_, p| p.message.round() == Some(Round(round)));
        } else {
            split += 1;
            split_round(&mut stage, seed, round);
        }
        if stage.honest().all(|node| stage.node(node).decision().is_some()) {
            stage.deliver_all();
            for node in stage.honest() {
                assert_eq!(stage.outputs(node), stage.outputs(0), "seed {seed}");
                assert!(stage.node(node).is_terminated(), "seed {seed}");
            }
            return (round, split);
        }
    }
    panic!("seed {seed}: undecided after {LIMIT} rounds, {split} of them split")
}

#[test]
fn a_node_that_is_bound_after_the_coin_is_known_cannot_be_led_away_from_it() {
    let mut rounds = 0;
    for seed in 0..200 {
        let (took, split) = play(seed);
        // All estimates are the coin after the first round, whatever node 2 was told.
        assert_eq!(split, 1, "seed {seed}");
        rounds += took;
    }
    assert!((500..700).contains(&rounds), "one split round and two more in the mean, not {rounds} of 200 runs");
}
