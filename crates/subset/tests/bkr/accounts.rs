//! What an instance says of itself: its children, its decisions, its memory.

use mellivora_adversary::Stage;
use mellivora_agreement::Vote;
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::List;
use mellivora_core::{Committee, Digest, Message, NodeIndex, NodeSet, Protocol, Round};
use mellivora_crypto::CoinShare;
use mellivora_subset::{Ballot, Bkr, BkrMessage, Subset};

use super::support::{codec, committee, make, payload, stage};

fn started(n: usize) -> Stage<Bkr> {
    let mut stage = stage(n, &[], 1);
    (0..n as u16).for_each(|node| stage.input(node, payload(NodeIndex(node))));
    stage
}

fn is_rbc(message: &BkrMessage) -> bool {
    matches!(message, BkrMessage::Rbc { .. })
}

/// The memory of all children that live, and of the instance's own fields.
fn children(bkr: &Bkr, committee: Committee) -> usize {
    let rbcs = committee.nodes().filter_map(|node| bkr.rbc(node)).map(|rbc| rbc.memory());
    let abas = committee.nodes().filter_map(|node| bkr.aba(node)).map(|aba| aba.memory());
    size_of::<Bkr>() + rbcs.chain(abas).sum::<usize>()
}

#[test]
fn memory_is_that_of_the_children_and_of_what_they_delivered() {
    for n in [1, 4, 7] {
        let fresh: Bkr = make(&codec(n), NodeIndex(0), 1);
        assert_eq!(fresh.memory(), children(&fresh, committee(n)));
        assert!(committee(n).nodes().all(|node| fresh.rbc(node).is_some() && fresh.aba(node).is_some()));
        assert!(fresh.rbc(NodeIndex(n as u16)).is_none() && fresh.aba(NodeIndex(n as u16)).is_none());
    }
    // Every broadcast delivers, and no agreement gets anywhere.
    let mut stage = started(4);
    stage.deliver(|_, p| is_rbc(&p.message));
    let node = stage.node(0);
    let bodies: usize = (0..4).map(|j| payload(NodeIndex(j)).len()).sum();
    assert_eq!(node.memory(), children(node, committee(4)) + bodies);
    // The output takes what was delivered with it.
    stage.deliver_all();
    let node = stage.node(0);
    assert!((0..4).all(|j| node.contribution(NodeIndex(j)).is_none()));
    assert_eq!(node.memory(), children(node, committee(4)));
}

#[test]
fn decisions_and_the_output_are_known_when_they_are_there() {
    let mut stage = started(4);
    stage.deliver(|_, p| is_rbc(&p.message));
    let node = stage.node(0);
    assert!(!node.decided() && !node.has_output());
    assert!((0..4).all(|j| node.decision(NodeIndex(j)).is_none()));
    for j in (0..4).map(NodeIndex) {
        let contribution = node.contribution(j).and_then(|c| c.body.as_ref()).map(|body| body.to_bytes());
        assert_eq!(contribution, Some(payload(j)));
    }
    stage.deliver_all();
    let node = stage.node(0);
    assert!(node.decided() && node.has_output());
    assert!((0..4).all(|j| node.decision(NodeIndex(j)) == Some(true)));
    // Agreements that have halted are freed, broadcasts are not: others may need them.
    assert!((0..4).all(|j| node.aba(NodeIndex(j)).is_none() && node.rbc(NodeIndex(j)).is_some()));
    assert!(!node.is_terminated());
}

#[test]
fn what_was_decided_0_is_dropped() {
    let mut stage = started(4);
    stage.deliver(|_, p| !matches!(&p.message, BkrMessage::Rbc { proposer: NodeIndex(3), .. }));
    let node = stage.node(0);
    assert_eq!([0, 1, 2, 3].map(|j| node.decision(NodeIndex(j))), [Some(true), Some(true), Some(true), Some(false)]);
    assert!(node.rbc(NodeIndex(3)).is_none() && node.has_output());
}

#[test]
fn the_memory_of_a_message_counts_ballots_and_bulk() {
    let ready = RbcMessage::Ready(Digest([1; 32]));
    let rbc = BkrMessage::Rbc { proposer: NodeIndex(1), message: ready.clone() };
    let ballot = Ballot { vote: Vote::Term { value: true }, instances: NodeSet::first(3) };
    let share = CoinShare::from_bytes(&[7; 100]).unwrap();
    let share = BkrMessage::Share { instance: NodeIndex(1), round: Round(3), share };
    let base = size_of::<BkrMessage>();
    assert_eq!(rbc.memory(), base + ready.memory());
    assert_eq!(BkrMessage::Votes(List::new(vec![ballot; 5])).memory(), base + 5 * size_of::<Ballot>());
    assert_eq!(share.memory(), base + 100);
}
