//! Each rule of binary agreement at a single node, and what Byzantine peers can say against it.

mod common;

use common::*;
use mellivora_agreement::CoinSchedule::{AlwaysReal, Fixed10Real};
use mellivora_agreement::Values;
use mellivora_core::{FaultKind, Protocol, Round};

#[test]
fn one_node_agrees_with_itself() {
    for schedule in [AlwaysReal, Fixed10Real] {
        for input in [false, true] {
            let mut node = Lone::new(aba(1, 0, schedule, 3));
            node.input(input);
            assert_eq!(node.outputs, [input]);
            assert!(node.aba.is_terminated());
            assert!(node.faults.is_empty());
        }
    }
}

#[test]
fn bval_is_relayed_at_f_plus_1_and_enters_bin_at_2f_plus_1() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.hear(1, bval(1, true));
    node.hear(1, bval(1, true));
    assert!(node.sent.is_empty(), "one sender counts once");
    node.hear(2, bval(1, true));
    // The relay comes back to the node and is the third support.
    assert_eq!(node.sent, [bval(1, true), aux(1, true)]);
    assert_eq!(node.aba.bin(), Values::ONE);
    node.hear(3, bval(1, true));
    assert_eq!(node.sent.len(), 2, "each is said once");
}

#[test]
fn a_vote_that_is_said_again_and_again_counts_once() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.hear_itself = false;
    node.hear_all(&[1, 1, 1, 1], bval(1, true));
    // Another vote makes the node look at its tallies.
    node.hear(2, bval(1, false));
    assert!(node.sent.is_empty() && node.aba.bin() == Values::NONE, "one BVAL of each value");
    node.hear_all(&[2, 3], bval(1, true));
    node.hear_all(&[1, 1, 1, 1], aux(1, true));
    node.hear(2, aux(1, false));
    assert_eq!(node.said_conf(1), None, "one justified AUX");
    node.hear_all(&[2, 3], bval(1, true));
    node.hear_all(&[1, 1, 1, 1], conf(1, Values::ONE));
    node.hear(2, conf(1, Values::ZERO));
    assert_eq!(node.aba.chosen(), None, "one justified CONF");
    node.hear_all(&[1, 1, 1, 1], term(true));
    assert!(node.outputs.is_empty(), "one TERM");
    node.hear(2, term(true));
    assert_eq!(node.outputs, [true]);
    assert!(!node.aba.is_terminated(), "two TERMs halt nobody");
}

#[test]
fn aux_is_the_first_value_in_bin_and_the_only_one() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.input(true);
    node.hear_all(&[1, 2, 3], bval(1, false));
    assert_eq!(node.said_aux(1), Some(false));
    node.hear_all(&[1, 2, 3], bval(1, true));
    assert_eq!(node.aba.bin(), Values::BOTH);
    assert_eq!(node.said(&aux(1, true)), 0);
}

#[test]
fn the_own_estimate_goes_first_when_both_values_enter_bin_at_once() {
    // A node that is behind: both values of round 2 have their 2f + 1 BVALs before it gets there.
    for input in [false, true] {
        let mut node = Lone::of_four(Fixed10Real, 0);
        node.hear_all(&[1, 2, 3], bval(2, !input));
        node.hear_all(&[1, 2, 3], bval(2, input));
        node.hear_all(&[1, 2, 3], bval(1, input));
        node.hear_all(&[1, 2, 3], aux(1, input));
        assert_eq!((node.aba.round(), node.aba.bin()), (Round(2), Values::BOTH));
        assert_eq!(node.said_aux(2), Some(input));
    }
}

#[test]
fn aux_0_and_aux_1_of_one_sender_count_once() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.hear_all(&[1, 2, 3], bval(1, false));
    node.hear_all(&[1, 2, 3], bval(1, true));
    node.hear(3, aux(1, true));
    node.hear(3, aux(1, false));
    assert_eq!(node.faults, [(3, FaultKind::ConflictingAux)]);
    // The node's own AUX and one of node 3 make two, not three.
    assert_eq!(node.said_conf(1), None);
    node.hear(3, aux(1, true));
    assert_eq!(node.faults.len(), 1, "an equal one is no fault");
    node.hear(1, aux(1, false));
    assert_eq!(node.said_conf(1), Some(Values::BOTH));
}

#[test]
fn unjustified_aux_is_held_and_counted_once_justified() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.hear_all(&[1, 2, 3], bval(1, false));
    node.hear_all(&[1, 2, 3], aux(1, true));
    assert_eq!(node.said_conf(1), None, "a quorum of AUX for a value that is not in bin");
    node.hear_all(&[1, 2, 3], bval(1, true));
    assert_eq!(node.said_conf(1), Some(Values::ONE));
}

fn up_to_conf(seed: u64) -> Lone {
    let mut node = Lone::of_four(AlwaysReal, seed);
    node.hear_all(&[1, 2, 3], bval(1, false));
    node.hear_all(&[1, 2], aux(1, false));
    assert_eq!(node.said_conf(1), Some(Values::ZERO));
    node
}

#[test]
fn two_confs_of_one_sender_count_once() {
    let mut node = up_to_conf(0);
    node.hear(3, conf(1, Values::ZERO));
    node.hear(3, conf(1, Values::BOTH));
    assert_eq!(node.faults, [(3, FaultKind::ConflictingConf)]);
    assert_eq!(node.aba.chosen(), None);
    assert!(!node.said_share(1), "the gate is shut");
    node.hear(2, conf(1, Values::ZERO));
    assert_eq!(node.aba.chosen(), Some(Values::ZERO));
    assert!(node.said_share(1));
}

#[test]
fn unjustified_conf_is_held_and_counted_once_justified() {
    let mut node = up_to_conf(0);
    node.hear(2, conf(1, Values::ONE));
    node.hear(3, conf(1, Values::BOTH));
    assert_eq!(node.aba.chosen(), None);
    assert!(!node.said_share(1), "CONFs for a value that is not in bin open no gate");
    node.hear_all(&[1, 2, 3], bval(1, true));
    assert_eq!(node.aba.chosen(), Some(Values::BOTH));
    assert!(node.said_share(1));
}

#[test]
fn the_union_over_the_quorum_counts_not_the_own_set() {
    let mut node = up_to_conf(0);
    node.hear_all(&[1, 2, 3], bval(1, true));
    node.hear_all(&[1, 2], conf(1, Values::BOTH));
    assert_eq!(node.said_conf(1), Some(Values::ZERO));
    assert_eq!(node.aba.chosen(), Some(Values::BOTH));
}

#[test]
fn fixed_rounds_have_no_conf_and_no_share() {
    let mut node = Lone::of_four(Fixed10Real, 0);
    node.hear(1, conf(1, Values::ONE));
    node.hear(2, share(4, 0, 2, 2));
    assert_eq!(node.faults, [(1, FaultKind::UnexpectedVote), (2, FaultKind::UnexpectedVote)]);
    node.hear(1, conf(3, Values::ONE));
    node.hear(2, share(4, 0, 2, 3));
    assert_eq!(node.faults.len(), 2, "the third round has both");
    node.hear_all(&[1, 2, 3], bval(1, true));
    node.hear_all(&[1, 2, 3], aux(1, true));
    assert_eq!(node.outputs, [true]);
    assert_eq!(node.said_conf(1), None);
}

#[test]
fn term_for_both_values_counts_once_and_f_support_decides_nothing() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.hear(3, term(true));
    node.hear(3, term(false));
    node.hear(3, term(true));
    assert_eq!(node.faults, [(3, FaultKind::ConflictingTerm)]);
    assert!(node.outputs.is_empty() && node.aba.decision().is_none());
    // A single honest TERM for the other value is f again: the one of node 3 was spent on 1.
    node.hear(2, term(false));
    assert!(node.outputs.is_empty());
    node.hear(1, term(false));
    assert_eq!(node.outputs, [false]);
    assert_eq!(node.said(&term(false)), 1);
    // The own TERM is the third: halt.
    assert!(node.aba.is_terminated());
}

#[test]
fn a_decided_node_without_a_third_term_goes_on() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.hear_itself = false;
    node.hear_all(&[1, 2], term(true));
    assert_eq!(node.outputs, [true]);
    assert!(!node.aba.is_terminated());
    assert_eq!(node.said(&bval(1, true)), 1, "the decision is its estimate");
    node.input(false);
    assert_eq!(node.said(&bval(1, false)), 0);
    node.hear(0, term(true));
    assert!(node.aba.is_terminated());
    let said = node.sent.len();
    node.hear_all(&[1, 2, 3], bval(1, false));
    assert_eq!(node.sent.len(), said, "what is halted is silent");
}

#[test]
fn a_node_without_input_takes_part_and_a_late_input_is_ignored() {
    let mut node = Lone::of_four(AlwaysReal, seed_with(4, &[true]));
    node.hear_all(&[1, 2, 3], bval(1, false));
    node.hear_all(&[1, 2, 3], aux(1, false));
    node.hear_all(&[1, 2, 3], conf(1, Values::ZERO));
    assert!(node.said_share(1));
    node.hear(1, share(4, seed_with(4, &[true]), 1, 1));
    assert_eq!(node.aba.round(), Round(2));
    assert_eq!(node.aba.estimate(), Some(false));
    let said = node.sent.len();
    node.input(true);
    assert_eq!(node.sent.len(), said);
}

#[test]
fn a_coin_that_is_known_early_changes_nothing() {
    let seed = seed_with(4, &[false]);
    let mut node = Lone::of_four(AlwaysReal, seed);
    node.hear(1, share(4, seed, 1, 1));
    node.hear(2, share(4, seed, 2, 1));
    assert_eq!(node.aba.coin_value(Round(1)), Some(false), "f + 1 shares are a coin");
    assert!(node.sent.is_empty(), "no share before the gate, no vote for a coin");
    node.hear_all(&[1, 2, 3], bval(1, false));
    node.hear_all(&[1, 2, 3], aux(1, false));
    assert_eq!(node.said_conf(1), Some(Values::ZERO));
    assert!(!node.said_share(1), "the gate is the quorum of CONF");
    assert_eq!(node.aba.round(), Round(1));
    node.hear_all(&[1, 2], conf(1, Values::ZERO));
    assert!(node.said_share(1), "others may still lack the share of a node that knows the coin");
    assert_eq!(node.outputs, [false]);
    assert_eq!(node.aba.round(), Round(2));
}

#[test]
fn messages_of_later_rounds_are_handled_when_the_round_changes_within_one_call() {
    let mut node = Lone::of_four(Fixed10Real, 0);
    node.input(false);
    // Three peers are two rounds ahead.
    for round in [3, 2] {
        node.hear_all(&[1, 2, 3], aux(round, false));
        node.hear_all(&[1, 2, 3], bval(round, false));
    }
    node.hear_all(&[1, 2, 3], conf(3, Values::ZERO));
    assert_eq!(node.aba.round(), Round(1));
    assert_eq!(node.said_aux(2), None, "a round that was not entered is not served");
    node.hear_all(&[1, 2, 3], bval(1, false));
    node.hear_all(&[1], aux(1, false));
    assert_eq!(node.aba.round(), Round(1));
    let before = node.sent.len();
    node.hear(2, aux(1, false));
    // One call: round 1 ends, round 2 decides, round 3 gets as far as its coin.
    assert_eq!(node.aba.round(), Round(3));
    assert_eq!(node.outputs, [false]);
    let now = &node.sent[before..];
    for message in [bval(2, false), aux(2, false), term(false), bval(3, false), aux(3, false), conf(3, Values::ZERO)] {
        assert!(now.contains(&message), "{message:?} in {now:?}");
    }
    assert!(node.said_share(3));
}

#[test]
fn memory_is_constant_under_a_flood_of_rounds() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    let before = node.aba.memory();
    for round in (1..200_000).step_by(7).chain([u32::MAX]) {
        node.hear(3, bval(round, round % 2 == 0));
        node.hear(3, aux(round, true));
        node.hear(3, conf(round, Values::BOTH));
        node.hear(3, share(4, 0, 3, round));
    }
    assert!(node.aba.memory() < before + 6_000, "{} bytes after {before}", node.aba.memory());
    assert!(node.aba.dropped() > 100_000);
    assert!(node.sent.is_empty() && node.faults.is_empty());
}

#[test]
fn what_is_no_member_or_no_round_is_ignored() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.hear_all(&[4, 200, 300, u16::MAX], bval(1, true));
    node.hear_all(&[4, 200, 300, u16::MAX], term(true));
    node.hear_all(&[1, 2, 3], bval(0, true));
    node.hear_all(&[1, 2, 3], aux(0, true));
    assert!(node.sent.is_empty() && node.outputs.is_empty());
    assert_eq!(node.aba.round(), Round(1));
}
