//! Directed schedules among honest nodes.

use mellivora_adversary::Stage;
use mellivora_agreement::Vote;
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::List;
use mellivora_core::{FaultKind, NodeIndex, Round};
use mellivora_crypto::CoinShare;
use mellivora_sim::{Delay, Schedule, Simulation};
use mellivora_subset::{Ballot, BkrMessage, Dumbo1, Dumbo1Message, Subset};

use super::support::{self, codec, committee, make, payload, set};
use super::{
    assert_all_output, contribute, is_contribution, is_contribution_of, is_election, is_index_set, is_vote,
    proposed_set, stage,
};

#[test]
fn everybody_in_step_outputs_everything_after_nine_message_delays() {
    for n in [4, 5, 7, 10] {
        for seed in 0..5 {
            let codec = codec(n);
            let mut sim = Simulation::builder(committee(n), seed)
                .scheduler(Schedule::Latency(Delay::One.into()))
                .build(move |me| make::<Dumbo1>(&codec, me, seed));
            committee(n).nodes().for_each(|node| sim.input(node, payload(node)));
            sim.run().assert_ok();
            for node in committee(n).nodes() {
                assert_eq!(sim.time_of_output(node, 0), Some(9.0), "n = {n}");
                assert_eq!(sim.outputs(node)[0].len(), n);
                assert!(sim.node(node).decided());
            }
        }
    }
}

#[test]
fn a_node_without_an_input_helps_and_outputs_also_as_a_member() {
    for members in [[0, 1], [0, 3]] {
        let mut stage = stage(4, &[], &members);
        (0..3).for_each(|node| stage.input(node, payload(NodeIndex(node))));
        stage.deliver_all();
        assert_all_output(&stage, &[0, 1, 2]);
        assert!((0..4).all(|node| stage.node(node).rbc(NodeIndex(3)).is_none()), "an unwanted broadcast is dropped");
        // Its input comes after the fact and changes nothing.
        stage.input(3, payload(NodeIndex(3)));
        stage.deliver_all();
        assert_all_output(&stage, &[0, 1, 2]);
    }
}

#[test]
fn a_late_input_of_a_node_that_others_started_counts() {
    let mut stage = stage(4, &[], &[0, 1]);
    (0..2).for_each(|node| stage.input(node, payload(NodeIndex(node))));
    stage.deliver_all();
    assert!((0..4).all(|node| stage.outputs(node).is_empty() && !stage.node(node).released()));
    stage.input(3, payload(NodeIndex(3)));
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 3]);
}

/// Nodes 0 and 1 are elected; node 0 has not seen contribution 3, node 1 has not seen contribution 0, and both have
/// proposed.
fn two_sets() -> Stage<Dumbo1> {
    let mut stage = stage(4, &[], &[0, 1]);
    contribute(&mut stage);
    let hidden = |p: &_| is_hidden(p) || is_index_set(p) || is_vote(p);
    stage.deliver(|_, p| !hidden(p));
    stage.deliver(|_, p| is_index_set(p));
    for node in 0..4 {
        assert_eq!(stage.node(node).index_set(NodeIndex(0)), Some(set([0, 1, 2])));
        assert_eq!(stage.node(node).index_set(NodeIndex(1)), Some(set([1, 2, 3])));
    }
    stage
}

fn is_hidden(parcel: &super::Said) -> bool {
    parcel.to.0 == 0 && is_contribution_of(parcel, 3) || parcel.to.0 == 1 && is_contribution_of(parcel, 0)
}

#[test]
fn the_output_is_the_union_of_the_chosen_sets() {
    let mut stage = two_sets();
    stage.deliver_all();
    assert_eq!([0, 1].map(|member| stage.node(2).decision(NodeIndex(member))), [Some(true); 2]);
    assert_all_output(&stage, &[0, 1, 2, 3]);
}

#[test]
fn what_another_chosen_set_names_is_never_dropped() {
    let mut stage = two_sets();
    // All agreements decide before the last contributions arrive where they are missing.
    stage.deliver(|_, p| !is_hidden(p));
    assert!([0, 1].into_iter().all(|node| stage.node(node).decided() && stage.outputs(node).is_empty()));
    assert!(stage.node(0).rbc(NodeIndex(3)).is_some() && stage.node(1).rbc(NodeIndex(0)).is_some());
    assert!([2, 3].into_iter().all(|node| stage.outputs(node).len() == 1));
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 2, 3]);
}

#[test]
fn completion_waits_for_every_contribution_that_is_named() {
    let mut stage = stage(4, &[], &[0, 1]);
    contribute(&mut stage);
    stage.deliver(|_, p| p.to.0 != 3 || !is_contribution_of(p, 2));
    assert!(stage.node(3).decided(), "the choice is settled");
    assert!(stage.outputs(3).is_empty(), "a chosen contribution is missing");
    assert!(stage.node(3).rbc(NodeIndex(2)).is_some(), "it is never dropped");
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 2, 3]);
}

#[test]
fn the_choice_is_not_settled_before_the_chosen_sets_are_here() {
    let mut stage = stage(4, &[], &[0, 1]);
    contribute(&mut stage);
    stage.deliver(|_, p| p.to.0 != 3 || !is_index_set(p));
    assert_eq!([0, 1].map(|member| stage.node(3).decision(NodeIndex(member))), [Some(true); 2]);
    assert!(!stage.node(3).decided() && stage.outputs(3).is_empty(), "nobody told it what was chosen");
    assert!([0, 1].into_iter().all(|member| stage.node(3).index_rbc(NodeIndex(member)).is_some()));
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 2, 3]);
}

#[test]
fn a_node_that_learns_the_coin_last_outputs_the_same() {
    let mut stage = stage(4, &[], &[0, 3]);
    contribute(&mut stage);
    stage.deliver(|_, p| p.to.0 != 3 || !is_election(p));
    assert!((0..3).all(|node| stage.outputs(node).len() == 1));
    // The agreements are over here, too, and the sets are delivered; it does not know whom they are about.
    assert!(stage.node(3).members().is_none() && !stage.node(3).decided());
    assert_eq!(stage.node(3).decision(NodeIndex(0)), Some(true));
    stage.deliver_all();
    assert_eq!(stage.node(3).members(), Some(set([0, 3])));
    for node in 0..4 {
        assert_eq!(stage.outputs(node), stage.outputs(0));
        assert_eq!(stage.outputs(node).len(), 1);
    }
}

#[test]
fn a_member_that_comes_when_all_is_over_outputs_and_proposes_nothing() {
    let mut stage = stage(4, &[], &[0, 3]);
    contribute(&mut stage);
    stage.deliver(|_, p| p.to.0 != 3);
    assert!((0..3).all(|node| stage.outputs(node).len() == 1));
    assert_eq!(stage.node(0).decision(NodeIndex(3)), Some(false));
    // Its own agreement first: nobody needs its set.
    stage.deliver(|_, p| is_vote(p));
    let mut proposed = false;
    stage.deliver(|_, p| {
        proposed |= proposed_set(p).is_some_and(|(member, _)| member.0 == 3);
        true
    });
    assert!(stage.node(3).members().is_some() && !proposed);
    for node in 0..4 {
        assert_eq!(stage.outputs(node), stage.outputs(0));
    }
}

#[test]
fn a_member_that_comes_late_is_served_with_all_that_it_needs() {
    // Everything in the order in which it was said, after the others are through.
    for members in [[0, 1], [0, 3], [2, 3]] {
        let mut stage = stage(4, &[], &members);
        contribute(&mut stage);
        stage.deliver(|_, p| p.to.0 != 3);
        assert!((0..3).all(|node| stage.outputs(node).len() == 1), "{members:?}");
        stage.deliver_all();
        assert!((0..4).all(|node| stage.outputs(node) == stage.outputs(0)), "{members:?}");
    }
}

#[test]
fn an_honest_victim_is_left_out_alike_everywhere_and_outputs_too() {
    let mut stage = stage(4, &[], &[1, 2]);
    contribute(&mut stage);
    stage.deliver(|_, p| !is_contribution_of(p, 3));
    assert_all_output(&stage, &[0, 1, 2]);
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 2]);
}

#[test]
fn what_is_not_chosen_is_dropped_only_when_the_choice_is_settled() {
    let mut stage = stage(4, &[], &[1, 2]);
    contribute(&mut stage);
    stage.deliver(|_, p| !is_contribution_of(p, 3) && !is_vote(p));
    // It comes after the sets are out: none names it.
    stage.deliver(|_, p| is_contribution(p));
    for node in 0..4 {
        assert!(stage.node(node).rbc(NodeIndex(3)).is_some());
        assert!(stage.node(node).contribution(NodeIndex(3)).is_some());
    }
    stage.deliver_all();
    for node in 0..4 {
        assert!(stage.node(node).rbc(NodeIndex(3)).is_none());
        assert!(stage.node(node).contribution(NodeIndex(3)).is_none());
    }
    assert_all_output(&stage, &[0, 1, 2]);
}

#[test]
fn instances_that_cannot_exist_are_faults_and_the_rest_of_the_bundle_counts() {
    let mut stage: Stage<Dumbo1> = support::stage(4, &[3], 1);
    let bundle = |vote, instances: &[u16]| {
        let ballot = Ballot { vote, instances: set(instances.iter().copied()) };
        Dumbo1Message::Bkr(BkrMessage::Votes(List::new(vec![ballot])))
    };
    let term = Vote::Term { value: true };
    stage.say(3, &[0], bundle(term, &[0, 2, 4, 200]));
    let share = CoinShare::from_bytes(&[1]).unwrap();
    let share = BkrMessage::Share { instance: NodeIndex(4), round: Round(3), share };
    stage.say(3, &[0], Dumbo1Message::Bkr(share));
    let ready = || RbcMessage::Ready(Default::default());
    let rbc = BkrMessage::Rbc { proposer: NodeIndex(u16::MAX), message: ready() };
    stage.say(3, &[0], Dumbo1Message::Bkr(rbc));
    stage.say(3, &[0], Dumbo1Message::IndexSet { member: NodeIndex(4), message: ready() });
    stage.deliver_all();
    assert_eq!(stage.faults(0), [(3, FaultKind::UnknownInstance); 4]);
    // A second TERM for the same instances decides them.
    stage.say(1, &[0], bundle(term, &[0, 2]));
    stage.deliver_all();
    assert_eq!([0, 1, 2].map(|j| stage.node(0).decision(NodeIndex(j))), [Some(true), None, Some(true)]);
}
