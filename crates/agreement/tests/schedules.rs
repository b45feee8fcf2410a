//! Directed schedules: the attacks that broke published or deployed agreements, played message by message.

mod common;

use common::*;
use mellivora_adversary::{Parcel, Stage, Steering};
use mellivora_agreement::CoinSchedule::{AlwaysReal, Fixed10Real};
use mellivora_agreement::{Aba, AbaMessage, Values, Vote};
use mellivora_core::{NodeIndex, Protocol, Round};

fn all_decided_and_halted(stage: &Stage<Aba>, value: bool) {
    for node in stage.honest() {
        assert_eq!(stage.outputs(node), [value], "node {node}");
        assert!(stage.node(node).is_terminated(), "node {node} has not halted");
    }
}

/// Rounds until the last honest node decided, over many seeds: sum, maximum.
fn play(seeds: u64, make: impl Fn(u64) -> Steering) -> (f64, u32) {
    let (mut sum, mut max) = (0, 0);
    for seed in 0..seeds {
        let mut steering = make(seed);
        let Some(Round(rounds)) = steering.play(200) else { panic!("seed {seed}: undecided after 200 rounds") };
        steering.release();
        assert!(steering.ended_well(), "seed {seed}");
        sum += rounds;
        max = max.max(rounds);
    }
    (f64::from(sum) / seeds as f64, max)
}

#[test]
fn the_scheduler_that_learns_the_coin_first_needs_four_rounds_in_the_mean_and_no_more() {
    // The standard deviation of one run is 2.
    let (mean, max) = play(1_500, Steering::new);
    assert!(mean <= 4.0 + 0.16, "mean {mean}: binding is broken");
    assert!(mean >= 4.0 - 0.16, "mean {mean}: the scheduler does not attack");
    assert!(max >= 8, "rare states were not reached");
}

#[test]
fn equal_inputs_need_two_rounds_in_the_mean() {
    let (mean, _) = play(1_500, |seed| Steering::with_inputs(seed, [seed % 2 == 0; 3]));
    assert!((mean - 2.0).abs() < 0.12, "mean {mean}");
}

/// Round 1 of a committee of four with a fixed coin of 1, node 3 Byzantine: node 0 (input 1) decides alone, nodes 1 and
/// 2 (input 0) end with {0, 1}. Nothing but round 1 has arrived anywhere.
fn one_decides_early() -> Stage<Aba> {
    let mut stage = stage(4, &[3], Fixed10Real, 0);
    for (node, input) in [(0, true), (1, false), (2, false)] {
        stage.input(node, input);
    }
    let is = |parcel: &Parcel<AbaMessage>, wanted: &AbaMessage| parcel.message == *wanted;
    stage.say(3, &[0, 1], bval(1, true));
    stage.say(3, &[0], aux(1, true));
    // 1 enters bin at nodes 0 and 1, then 0 at node 2.
    stage.deliver(|_, p| p.to.0 <= 1 && is(p, &bval(1, true)));
    stage.say(3, &[2], bval(1, false));
    stage.deliver(|_, p| p.to.0 == 2 && is(p, &bval(1, false)));
    stage.deliver(|_, p| p.to.0 == 0 && p.from.0 != 2 && is(p, &aux(1, true)));
    assert_eq!(stage.outputs(0), [true]);
    // The others end round 1 with both values.
    stage.deliver(|_, p| p.message.round() == Some(Round(1)));
    for node in [1, 2] {
        assert!(stage.outputs(node).is_empty());
        assert_eq!(stage.node(node).round(), Round(2));
    }
    stage
}

#[test]
fn who_decides_early_goes_on_helping_and_everybody_halts() {
    let mut stage = one_decides_early();
    stage.deliver_all();
    all_decided_and_halted(&stage, true);
}

#[test]
fn without_the_help_of_the_early_decider_the_others_are_stuck() {
    // The control: it shows that the schedule above needs the help.
    let mut stage = one_decides_early();
    stage.deliver(|_, p| p.from.0 != 0 || is_term(p));
    for node in [1, 2] {
        assert!(stage.outputs(node).is_empty() && !stage.node(node).is_terminated());
    }
}

#[test]
fn a_late_relay_of_a_past_round_frees_the_node_that_is_still_in_it() {
    let mut stage = stage(4, &[3], Fixed10Real, 0);
    for (node, input) in [(0, true), (1, false), (2, false)] {
        stage.input(node, input);
    }
    // Node 2 hears 0 from 1, 2 and the Byzantine node; 0 and 1 hear 1 from 0, 1 and the Byzantine node.
    stage.say(3, &[2], bval(1, false));
    stage.say(3, &[0, 1], bval(1, true));
    stage.say(3, &[0, 2], aux(1, true));
    stage.deliver(|_, p| p.to.0 == 2 && p.message == bval(1, false));
    stage.deliver(|_, p| p.message == bval(1, true));
    assert_eq!(stage.node(0).bin(), Values::ONE);
    // Node 0 decides, node 2 sees both values; both are in round 2. Node 1 lacks BVAL(0) of node 0, which has not heard
    // f + 1 of them yet. The Byzantine node is silent from here on.
    stage.deliver(|_, p| p.to.0 == 0 && p.message == aux(1, true));
    stage.deliver(|_, p| p.to.0 == 2 && p.message.round() == Some(Round(1)));
    assert_eq!((stage.node(0).round(), stage.node(2).round()), (Round(2), Round(2)));
    stage.deliver(|_, p| p.to.0 == 1 && p.message.round() == Some(Round(1)));
    assert_eq!(stage.node(1).round(), Round(1), "a quorum of AUX, one of them not justified");
    // TERM of node 0 and all of round 2 do not help.
    stage.deliver(|_, p| p.message.round() != Some(Round(1)));
    assert!(stage.outputs(1).is_empty() && stage.outputs(2).is_empty());
    // The late votes reach node 0, which left round 1 long ago, and relays.
    stage.deliver(|_, p| p.to.0 == 0 && p.message == bval(1, false));
    assert!(stage.pending.iter().any(|p| p.from.0 == 0 && p.to.0 == 1 && p.message == bval(1, false)));
    stage.deliver_all();
    all_decided_and_halted(&stage, true);
}

/// Rounds that are played without TERM, in which nobody ever halts.
const LAST: Round = Round(12);

fn played(p: &Parcel<AbaMessage>) -> bool {
    p.message.round().is_some_and(|round| round <= LAST)
}

/// Four honest nodes with equal inputs, the coin against them in the first seven rounds and with them in the eighth;
/// nodes 0 to 2 play on without node 3 until they have all decided.
fn far_ahead() -> (Stage<Aba>, bool) {
    let input = true;
    let seed = seed_with(4, &[!input, !input, !input, !input, !input, !input, !input, input]);
    let mut stage = stage(4, &[], AlwaysReal, seed);
    (0..4).for_each(|node| stage.input(node, input));
    stage.deliver(|_, p| p.to.0 != 3 && p.from.0 != 3 && played(p));
    (0..3).for_each(|node| assert_eq!(stage.node(node).decided_round(), Some(Round(8))));
    assert_eq!(stage.node(3).round(), Round(1));
    (stage, input)
}

#[test]
fn a_node_more_than_r_rounds_behind_catches_up_by_what_its_peers_held_back() {
    let (mut stage, input) = far_ahead();
    // What the peers' outboxes do: messages of round r go once the receiver was seen in a round >= r - R. TERM comes
    // last, so that the node has to walk through every round.
    let near = |stage: &Stage<Aba>, p: &Parcel<AbaMessage>| {
        played(p) && p.message.round().is_some_and(|round| round.0 <= stage.node(p.to.0).round().0 + R)
    };
    stage.deliver(near);
    assert_eq!(stage.node(3).decided_round(), Some(Round(8)));
    assert_eq!(stage.node(3).dropped(), 0);
    stage.deliver_all();
    all_decided_and_halted(&stage, input);
}

#[test]
fn without_the_hold_back_a_window_that_drops_strands_the_node() {
    // The control: newest rounds first, as a plain receive window would see them.
    let (mut stage, _) = far_ahead();
    let last = stage.pending.iter().filter_map(|p| p.message.round()).max().unwrap();
    for round in (1..=last.0).rev() {
        stage.deliver(|_, p| p.to.0 == 3 && p.message.round() == Some(Round(round)));
    }
    assert!(stage.node(3).dropped() > 0);
    assert!(stage.outputs(3).is_empty());
}

#[test]
fn shares_are_released_by_nodes_that_know_the_coin_already() {
    // Node 0 hears the coin before its quorum of CONF; node 2 later needs the share of node 0, since the Byzantine
    // node gave its own only to node 0.
    let seed = 4;
    let mut stage = stage(4, &[3], AlwaysReal, seed);
    (0..3).for_each(|node| stage.input(node, true));
    stage.deliver(|_, p| matches!(p.message, AbaMessage::Vote(Vote::Bval { .. } | Vote::Aux { .. })));
    stage.deliver(|_, p| p.to.0 == 1 && !is_share(p));
    stage.say(3, &[0], share(4, seed, 3, 1));
    stage.deliver(|_, p| p.to.0 == 0 && is_share(p));
    assert_eq!(stage.node(0).coin_value(Round(1)), Some(coin(4, seed, 1)));
    assert_eq!(stage.node(0).round(), Round(1));
    assert!(!stage.pending.iter().any(|p| p.from.0 == 0 && is_share(p)), "no share before the gate");
    stage.deliver(|_, p| p.to.0 == 0 && p.message.round() == Some(Round(1)));
    assert_eq!(stage.node(0).round(), Round(2));
    assert!(stage.pending.iter().any(|p| p.from.0 == 0 && p.to.0 == 2 && is_share(p)));
    // Node 2 hears shares of node 0 alone.
    stage.deliver(|_, p| p.to.0 == 2 && p.message.round() == Some(Round(1)) && (p.from.0 == 0 || !is_share(p)));
    assert_eq!(stage.node(2).round(), Round(2));
    stage.deliver_all();
    let decision = stage.outputs(0)[0];
    assert!(decision, "validity");
    all_decided_and_halted(&stage, decision);
}

#[test]
fn bad_shares_delay_a_coin_and_name_their_sender() {
    let seed = seed_with(4, &[true]);
    let mut stage = stage(4, &[3], AlwaysReal, seed);
    (0..3).for_each(|node| stage.input(node, true));
    // A share of another round, first of all to arrive.
    let AbaMessage::Share { share, .. } = share(4, seed, 3, 2) else { unreachable!() };
    stage.say(3, &[0, 1, 2], AbaMessage::Share { round: Round(1), share });
    stage.deliver(|_, p| p.from.0 == 3);
    stage.deliver_all();
    all_decided_and_halted(&stage, true);
    for node in 0..3 {
        assert_eq!(stage.faults(node), [(3, mellivora_core::FaultKind::InvalidCoinShare)]);
    }
}

#[test]
fn a_restarted_node_repeats_itself_even_if_it_hears_things_in_another_order() {
    // Node 0 says AUX 1, crashes, and then hears a quorum for 0 first.
    let seed = seed_with(4, &[false]);
    let mut node = Lone::of_four(AlwaysReal, seed);
    node.hear_all(&[1, 2, 3], bval(1, true));
    assert_eq!(node.said_aux(1), Some(true));
    let mut again = Lone::of_four(AlwaysReal, seed);
    for message in
        node.sent.iter().filter(|m| matches!(m, AbaMessage::Vote(v) if v.durable() == mellivora_core::Durable::Yes))
    {
        again.aba.recall(mellivora_core::To::All, message.clone());
    }
    again.hear_all(&[1, 2, 3], bval(1, false));
    assert_eq!(again.aba.bin(), Values::ZERO);
    assert_eq!(again.said_aux(1), None, "it has said AUX 1, and says nothing else");
    again.hear_all(&[1, 2, 3], aux(1, false));
    assert_eq!(again.said_conf(1), Some(Values::ZERO), "CONF was not said before, and is computed from what is heard");
}

#[test]
fn a_restarted_node_is_consistent_in_every_round_it_spoke_in_and_hears_far_ahead() {
    // Node 3 restarts after it has spoken in nine rounds and more. Its peers, who hear its old votes, take it to be
    // there and send it everything; it begins at round 1 and must not drop what lies beyond 1 + R.
    let input = true;
    let seed = seed_with(4, &[!input, !input, !input, !input, !input, !input, !input, !input, input]);
    let mut stage = stage(4, &[], AlwaysReal, seed);
    (0..4).for_each(|node| stage.input(node, input));
    // Everything that node 3 is ever sent: the outboxes of its peers repeat it.
    let mut sent = Vec::new();
    stage.deliver(|_, p| {
        if played(p) && p.to == NodeIndex(3) {
            sent.push(p.clone());
        }
        played(p)
    });
    let spoken = stage.node(3).round();
    assert!(spoken > Round(1 + R) && stage.node(3).decision() == Some(input));
    stage.restart(3, aba(4, 3, AlwaysReal, seed));
    assert_eq!(stage.outputs(3), [input], "a logged TERM is a decision");
    assert_eq!(stage.node(3).round(), Round(1));
    // Newest first: the worst order for a window.
    stage.pending.retain(is_term);
    let terms = std::mem::take(&mut stage.pending);
    sent.sort_by_key(|p| std::cmp::Reverse(p.message.round()));
    stage.pending = sent;
    stage.deliver(|_, p| p.to.0 == 3 && played(p));
    assert_eq!(stage.node(3).dropped(), 0);
    assert!(stage.node(3).round() >= spoken, "{:?} of {spoken:?}", stage.node(3).round());
    // In the rounds it had spoken in, it has said nothing new but BVAL and shares.
    for parcel in stage.pending.iter().filter(|p| p.from.0 == 3) {
        if let AbaMessage::Vote(vote @ (Vote::Aux { .. } | Vote::Conf { .. })) = parcel.message {
            assert!(vote.round() >= Some(spoken), "{vote:?} is said again");
        }
    }
    stage.pending.extend(terms);
    stage.deliver_all();
    all_decided_and_halted(&stage, input);
}

#[test]
fn a_crash_does_not_take_the_justification_of_an_aux_away() {
    // Node 2 relays BVAL 0 on the word of node 0 and of the Byzantine node 3, and says AUX 0. It crashes, and what it had
    // under way is lost; its outbox repeats what was logged. If BVAL 0 is not, nobody but node 0 says it any more: 0 never
    // enters bin, AUX 0 is never justified, and a quorum of AUX never comes.
    for schedule in [AlwaysReal, Fixed10Real] {
        let seed = 1;
        let mut stage = stage(4, &[3], schedule, seed);
        stage.input(0, false);
        stage.input(1, true);
        stage.input(2, true);
        stage.say(3, &[2], bval(1, false));
        let mut again = Vec::new();
        stage.deliver(|_, p| {
            let due = p.to.0 == 2 && p.message == bval(1, false);
            again.extend((due && p.from.0 == 0).then(|| p.clone()));
            due
        });
        let said: Vec<_> = stage.pending.iter().filter(|p| p.from.0 == 2).cloned().collect();
        assert!(said.iter().any(|p| p.message == aux(1, false)));
        stage.pending.retain(|p| p.from.0 != 2);
        stage.restart(2, aba(4, 2, schedule, seed));
        stage.input(2, true);
        again.extend(
            said.into_iter().filter(
                |p| matches!(p.message, AbaMessage::Vote(vote) if vote.durable() == mellivora_core::Durable::Yes),
            ),
        );
        stage.pending.extend(again);
        stage.deliver_all();
        assert_eq!(stage.outputs(0).len(), 1, "node 0 is stuck in round {:?}", stage.node(0).round());
        let decision = stage.outputs(0)[0];
        all_decided_and_halted(&stage, decision);
    }
}
