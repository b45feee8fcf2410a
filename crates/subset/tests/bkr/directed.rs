//! Directed schedules.

use mellivora_adversary::Parcel;
use mellivora_agreement::Vote;
use mellivora_core::codec::List;
use mellivora_core::{FaultKind, NodeIndex, NodeSet, Round};
use mellivora_crypto::CoinShare;
use mellivora_sim::{Delay, Schedule, Simulation};
use mellivora_subset::{Ballot, Bkr, BkrMessage, Subset};

use super::support::{body, codec, committee, indices, make, payload};

fn stage(n: usize, byzantine: &[u16]) -> mellivora_adversary::Stage<Bkr> {
    super::support::stage(n, byzantine, 1)
}

fn is_rbc_of(parcel: &Parcel<BkrMessage>, wanted: u16) -> bool {
    matches!(&parcel.message, BkrMessage::Rbc { proposer, .. } if proposer.0 == wanted)
}

fn votes(vote: Vote, instances: NodeSet) -> BkrMessage {
    BkrMessage::Votes(List::new(vec![Ballot { vote, instances }]))
}

#[test]
fn one_node_is_its_own_subset() {
    let mut stage = stage(1, &[]);
    stage.input(0, payload(NodeIndex(0)));
    assert_eq!(stage.outputs(0).len(), 1);
    assert_eq!(indices(&stage.outputs(0)[0]), [0]);
    assert_eq!(body(&stage.outputs(0)[0][0].1), Some(payload(NodeIndex(0))));
}

#[test]
fn everybody_in_step_outputs_everything_after_five_message_delays() {
    for n in [4, 7, 10] {
        let codec = codec(n);
        let mut sim = Simulation::builder(committee(n), 1)
            .scheduler(Schedule::Latency(Delay::One.into()))
            .build(move |me| make::<Bkr>(&codec, me, 1));
        committee(n).nodes().for_each(|node| sim.input(node, payload(node)));
        sim.run().assert_ok();
        for node in committee(n).nodes() {
            assert_eq!(sim.time_of_output(node, 0), Some(5.0), "n = {n}");
            assert_eq!(sim.outputs(node)[0].len(), n);
            assert!(sim.node(node).decided());
        }
    }
}

#[test]
fn a_node_without_an_input_helps_and_outputs() {
    let mut stage = stage(4, &[]);
    (0..3).for_each(|node| stage.input(node, payload(NodeIndex(node))));
    stage.deliver_all();
    for node in 0..4 {
        assert_eq!(indices(&stage.outputs(node)[0]), [0, 1, 2]);
        assert_eq!(stage.node(node).decision(NodeIndex(3)), Some(false));
        assert!(stage.node(node).rbc(NodeIndex(3)).is_none(), "a refused broadcast is dropped");
    }
    // Its input comes after the fact and changes nothing.
    stage.input(3, payload(NodeIndex(3)));
    stage.deliver_all();
    assert!((0..4).all(|node| stage.outputs(node).len() == 1));
}

#[test]
fn a_late_input_of_a_node_that_others_started_counts() {
    let mut stage = stage(4, &[]);
    (0..2).for_each(|node| stage.input(node, payload(NodeIndex(node))));
    stage.deliver_all();
    assert!((0..4).all(|node| stage.outputs(node).is_empty()), "two contributions are no quorum");
    stage.input(3, payload(NodeIndex(3)));
    stage.deliver_all();
    for node in 0..4 {
        assert_eq!(indices(&stage.outputs(node)[0]), [0, 1, 3]);
    }
}

#[test]
fn completion_waits_for_the_broadcasts_of_all_ones_and_comes_with_the_last() {
    // Node 0 sees all agreements decide before the broadcast of node 2 arrives.
    let mut stage = stage(4, &[]);
    (0..4).for_each(|node| stage.input(node, payload(NodeIndex(node))));
    stage.deliver(|_, p| p.to.0 != 0 || !is_rbc_of(p, 2));
    assert!(stage.node(0).decided(), "the choice is settled");
    assert_eq!(stage.node(0).decision(NodeIndex(2)), Some(true));
    assert!(stage.outputs(0).is_empty(), "a chosen contribution is missing");
    assert!(stage.node(0).rbc(NodeIndex(2)).is_some(), "it is never dropped");
    stage.deliver_all();
    for node in 0..4 {
        assert_eq!(stage.outputs(node).len(), 1);
        assert_eq!(stage.outputs(node)[0], stage.outputs(0)[0]);
        assert_eq!(indices(&stage.outputs(node)[0]), [0, 1, 2, 3]);
    }
}

#[test]
fn an_honest_victim_is_left_out_alike_everywhere_and_outputs_too() {
    // The scheduler hides the broadcast of node 3 until three others are chosen.
    let mut stage = stage(4, &[]);
    (0..4).for_each(|node| stage.input(node, payload(NodeIndex(node))));
    stage.deliver(|_, p| !is_rbc_of(p, 3));
    for node in 0..4 {
        assert_eq!(indices(&stage.outputs(node)[0]), [0, 1, 2]);
    }
    stage.deliver_all();
    assert!((0..4).all(|node| stage.outputs(node).len() == 1));
}

#[test]
fn the_votes_of_a_turn_leave_as_one_bundle() {
    let mut stage = stage(4, &[2, 3]);
    let all = NodeSet::first(4);
    let vote = Vote::Bval { round: Round(1), value: true };
    stage.say(2, &[0], votes(vote, all));
    stage.say(3, &[0], votes(vote, all));
    stage.deliver(|_, p| p.to.0 == 0);
    // The relays of four instances, then their AUX, which follow from the relay that the node hears itself.
    let bundles: Vec<Vec<Ballot>> = stage
        .pending
        .iter()
        .filter(|p| p.to.0 == 1)
        .map(|p| match &p.message {
            BkrMessage::Votes(ballots) => ballots.to_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    let aux = Vote::Aux { round: Round(1), value: true };
    let ballot = |vote| vec![Ballot { vote, instances: all }];
    assert_eq!(bundles, [ballot(vote), ballot(aux)]);
}

#[test]
fn instances_that_cannot_exist_are_faults_and_the_rest_of_the_bundle_counts() {
    let mut stage = stage(4, &[3]);
    let instances = [0, 2, 4, 200].map(NodeIndex).into_iter().collect();
    stage.say(3, &[0], votes(Vote::Term { value: true }, instances));
    let share = CoinShare::from_bytes(&[1]).unwrap();
    stage.say(3, &[0], BkrMessage::Share { instance: NodeIndex(4), round: Round(3), share });
    let message = mellivora_broadcast::RbcMessage::Ready(Default::default());
    stage.say(3, &[0], BkrMessage::Rbc { proposer: NodeIndex(u16::MAX), message });
    stage.deliver_all();
    assert_eq!(stage.faults(0), [(3, FaultKind::UnknownInstance); 3]);
    // A second TERM for the same instances decides them.
    let Some(ours) = stage.honest().find(|&node| node == 1) else { unreachable!() };
    stage.say(ours, &[0], votes(Vote::Term { value: true }, [0, 2].map(NodeIndex).into_iter().collect()));
    stage.deliver_all();
    assert_eq!(stage.node(0).decision(NodeIndex(0)), Some(true));
    assert_eq!(stage.node(0).decision(NodeIndex(1)), None);
    assert_eq!(stage.node(0).decision(NodeIndex(2)), Some(true));
}

#[test]
fn a_restarted_node_says_nothing_else_and_outputs_the_same() {
    for stop in [5, 20, 60, 100, 140, 200] {
        let codec = codec(4);
        let mut stage = stage(4, &[]);
        (0..4).for_each(|node| stage.input(node, payload(NodeIndex(node))));
        // Everything that is ever sent to node 1 comes again after its restart, as from its peers' outboxes.
        let (mut to_one, mut left) = (Vec::new(), stop);
        stage.deliver(|_, p| {
            if left > 0 && p.to.0 == 1 {
                to_one.push(p.clone());
            }
            left -= i32::from(left > 0);
            left > 0
        });
        stage.restart(1, make(&codec, NodeIndex(1), 1));
        stage.input(1, payload(NodeIndex(1)));
        stage.pending.extend(to_one);
        stage.deliver_all();
        for node in 0..4 {
            assert_eq!(stage.outputs(node).len(), 1, "stopped after {stop}, node {node}");
            assert_eq!(stage.outputs(node)[0], stage.outputs(0)[0]);
            assert!(stage.faults(node).is_empty(), "{:?}", stage.faults(node));
        }
    }
}

#[test]
fn a_restarted_node_knows_what_it_has_decided() {
    let mut stage = stage(4, &[]);
    (0..4).for_each(|node| stage.input(node, payload(NodeIndex(node))));
    stage.deliver_all();
    let decisions = |stage: &mellivora_adversary::Stage<Bkr>| -> Vec<_> {
        committee(4).nodes().map(|proposer| stage.node(0).decision(proposer)).collect()
    };
    let before = decisions(&stage);
    assert!(before.iter().all(Option::is_some));
    // Nobody says anything to it: it has its votes from the log.
    stage.restart(0, make::<Bkr>(&codec(4), NodeIndex(0), 1));
    assert_eq!(decisions(&stage), before);
}
