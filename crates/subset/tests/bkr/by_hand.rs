//! One node driven event by event, its jobs kept back: what children share, and what waits for the node's own work.

use mellivora_agreement::{CoinSchedule, Vote};
use mellivora_broadcast::{EchoMode, RbcMessage};
use mellivora_coding::Encoded;
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Digest, Durable, FaultKind, NodeIndex, NodeSet, Protocol, Round, To};
use mellivora_subset::{Ballot, Bkr, BkrMessage, Subset, SubsetParams};

use super::support::{Hand, codec, committee, make, params, payload};

/// Runs the oldest job, and tells what it was.
fn run_job(hand: &mut Hand<Bkr>) -> String {
    let shown = format!("{:?}", hand.seen.jobs[0]);
    hand.run_job();
    shown
}

/// Whether this node said BVAL(`value`) of round 1 in an instance.
fn said_bval(hand: &Hand<Bkr>, instance: u16, value: bool) -> bool {
    let wanted = Vote::Bval { round: Round(1), value };
    hand.sent().any(|message| match message {
        BkrMessage::Votes(ballots) => {
            ballots.iter().any(|b| b.vote == wanted && b.instances.contains(NodeIndex(instance)))
        }
        _ => false,
    })
}

fn echo(proposer: u16, encoded: &Encoded, from: u16) -> BkrMessage {
    let shard = encoded.shards[usize::from(from)].clone();
    let message = RbcMessage::Echo { root: encoded.commitment, shard };
    BkrMessage::Rbc { proposer: NodeIndex(proposer), message }
}

fn bad_echo(proposer: u16, encoded: &Encoded, from: u16) -> BkrMessage {
    let mut shard = encoded.shards[usize::from(from)].clone();
    shard.data = Blob(vec![0xbd; shard.data.len()].into());
    let message = RbcMessage::Echo { root: encoded.commitment, shard };
    BkrMessage::Rbc { proposer: NodeIndex(proposer), message }
}

#[test]
fn a_node_blamed_in_one_broadcast_is_checked_in_the_others_before_use() {
    let codec = codec(4);
    let mut hand = Hand::new(make::<Bkr>(&codec, NodeIndex(0), 1));
    let [one, two] = [1, 2].map(|node| codec.encode(payload(NodeIndex(node))).unwrap());
    hand.hear(3, bad_echo(1, &one, 3));
    hand.hear(1, echo(1, &one, 1));
    let first = run_job(&mut hand);
    assert!(!first.contains("verify"), "nobody is suspected yet: {first}");
    assert_eq!(hand.seen.faults, [(3, FaultKind::InvalidShard)]);
    hand.hear(3, bad_echo(2, &two, 3));
    hand.hear(2, echo(2, &two, 2));
    let second = run_job(&mut hand);
    assert!(second.contains("verify and decode"), "no decode is wasted on a known culprit: {second}");
    assert_eq!(hand.seen.faults, [(3, FaultKind::InvalidShard); 2]);
}

#[test]
fn a_node_that_the_user_distrusts_is_checked_in_every_broadcast_before_use() {
    let codec = codec(4);
    let mut hand = Hand::new(make::<Bkr>(&codec, NodeIndex(0), 1));
    hand.node.distrust(NodeSet::one(NodeIndex(3)));
    for proposer in [1, 2] {
        let encoded = codec.encode(payload(NodeIndex(proposer))).unwrap();
        hand.hear(3, bad_echo(proposer, &encoded, 3));
        hand.hear(proposer, echo(proposer, &encoded, proposer));
        let job = run_job(&mut hand);
        assert!(job.contains("verify and decode"), "no decode is wasted on a known culprit: {job}");
    }
}

#[test]
fn what_a_child_accuses_a_peer_of_is_told() {
    let mut hand = Hand::new(make::<Bkr>(&codec(4), NodeIndex(0), 1));
    let said = |value| {
        let vote = Vote::Aux { round: Round(1), value };
        BkrMessage::Votes(List::new(vec![Ballot { vote, instances: NodeSet::one(NodeIndex(2)) }]))
    };
    hand.hear(3, said(true));
    hand.hear(3, said(false));
    assert_eq!(hand.seen.faults, [(3, FaultKind::ConflictingAux)], "in an agreement");
    for root in [Digest([1; 32]), Digest([2; 32])] {
        hand.hear(1, BkrMessage::Rbc { proposer: NodeIndex(2), message: RbcMessage::Ready(root) });
    }
    assert_eq!(hand.seen.faults[1..], [(1, FaultKind::ConflictingReady)], "in a broadcast");
}

#[test]
fn zeros_wait_for_what_this_node_is_decoding() {
    let codec = codec(4);
    let mut hand = Hand::new(make::<Bkr>(&codec, NodeIndex(0), 1));
    let late = codec.encode(payload(NodeIndex(3))).unwrap();
    // The broadcast of node 3 is complete but for the decoding, whose result is not in yet.
    for from in [1, 2, 3] {
        hand.hear(from, echo(3, &late, from));
        let message = RbcMessage::Ready(late.commitment);
        hand.hear(from, BkrMessage::Rbc { proposer: NodeIndex(3), message });
    }
    assert_eq!(hand.seen.jobs.len(), 1);
    let others = NodeSet::first(3);
    for from in [1, 2] {
        let ballot = Ballot { vote: Vote::Term { value: true }, instances: others };
        hand.hear(from, BkrMessage::Votes(List::new(vec![ballot])));
    }
    assert!(others.iter().all(|node| hand.node.decision(node) == Some(true)), "a quorum of ones");
    assert!(!said_bval(&hand, 3, false), "what is here already deserves a one");
    hand.run_job();
    assert!(hand.node.contribution(NodeIndex(3)).is_some());
    assert!(said_bval(&hand, 3, true) && !said_bval(&hand, 3, false));
}

#[test]
fn zeros_go_out_when_the_last_decoding_ends_without_a_delivery() {
    let codec = codec(4);
    let mut hand = Hand::new(make::<Bkr>(&codec, NodeIndex(0), 1));
    let late = codec.encode(payload(NodeIndex(3))).unwrap();
    // Two shards are enough to decode, and nobody is READY.
    [1, 2].into_iter().for_each(|from| hand.hear(from, echo(3, &late, from)));
    let ballot = Ballot { vote: Vote::Term { value: true }, instances: NodeSet::first(3) };
    [1, 2].into_iter().for_each(|from| hand.hear(from, BkrMessage::Votes(List::new(vec![ballot]))));
    assert!(!said_bval(&hand, 3, false));
    hand.run_job();
    assert!(said_bval(&hand, 3, false), "decoding always ends, and nothing waits for a peer");
}

#[test]
fn every_bundle_of_votes_is_a_promise() {
    let codec = codec(4);
    let mut hand = Hand::new(make::<Bkr>(&codec, NodeIndex(0), 1));
    // A relay of BVAL in one instance, a decision in another.
    let relay = Ballot { vote: Vote::Bval { round: Round(1), value: true }, instances: NodeSet::one(NodeIndex(1)) };
    let decision = Ballot { vote: Vote::Term { value: true }, instances: NodeSet::one(NodeIndex(2)) };
    hand.hear(1, BkrMessage::Votes(List::new(vec![relay])));
    hand.hear(2, BkrMessage::Votes(List::new(vec![relay])));
    [1, 2].into_iter().for_each(|from| hand.hear(from, BkrMessage::Votes(List::new(vec![decision]))));
    let bundles = hand.seen.sent.iter().filter(|(.., message)| matches!(message, BkrMessage::Votes(_)));
    assert!(bundles.clone().count() >= 2 && bundles.clone().all(|(_, durable, _)| *durable == Durable::Yes));
}

#[test]
fn no_two_agreements_share_a_coin() {
    // With one name for two instances, whoever sees the coin of one knows that of the other before its gate.
    let codec = codec(4);
    let made = |me| Bkr::new(SubsetParams { coin_schedule: CoinSchedule::AlwaysReal, ..params(&codec, me, 1) });
    let mut stage = mellivora_adversary::Stage::new(committee(4), &[], made);
    (0..4).for_each(|node| stage.input(node, payload(NodeIndex(node))));
    let mut shares = Vec::new();
    stage.deliver(|_, p| {
        if let BkrMessage::Share { instance, round, share } = &p.message
            && (p.from, p.to) == (NodeIndex(0), NodeIndex(1))
        {
            shares.push((share.as_bytes().to_vec(), *instance, *round));
        }
        true
    });
    shares.sort();
    shares.dedup();
    assert!(shares.len() >= 4, "each agreement tossed its coin");
    assert!(shares.windows(2).all(|pair| pair[0].0 != pair[1].0), "two coins of one name");
}

#[test]
fn a_peer_that_comes_back_gets_what_it_had_declined() {
    let codec = codec(4);
    let echo = EchoMode::saving(committee(4));
    let mut hand = Hand::new(Bkr::new(SubsetParams { echo, ..params(&codec, NodeIndex(0), 1) }));
    let encoded = codec.encode(payload(NodeIndex(1))).unwrap();
    let (root, shard) = (encoded.commitment, encoded.shards[0].clone());
    let rbc = |message| BkrMessage::Rbc { proposer: NodeIndex(1), message };
    let shown_to_3 = |hand: &Hand<Bkr>| {
        let is_shard =
            |message: &BkrMessage| matches!(message, BkrMessage::Rbc { message: RbcMessage::Echo { .. }, .. });
        hand.seen.sent.iter().filter(|(to, _, message)| is_shard(message) && to.includes(NodeIndex(3))).count()
    };
    hand.hear(1, rbc(RbcMessage::Val { root, shard }));
    hand.hear(3, rbc(RbcMessage::CanDecode(root)));
    (1..4).for_each(|from| hand.hear(from, rbc(RbcMessage::Ready(root))));
    assert_eq!(shown_to_3(&hand), 0, "it has its outcome");
    hand.turn(|node, fx| node.forget(NodeIndex(3), fx));
    assert_eq!(shown_to_3(&hand), 1, "its new incarnation has not");
}

#[test]
fn a_restarted_node_contradicts_no_vote_even_if_it_hears_things_in_another_order() {
    let codec = codec(4);
    let instance = NodeSet::one(NodeIndex(2));
    let fresh = || Hand::new(make::<Bkr>(&codec, NodeIndex(0), 1));
    let hear_bval = |hand: &mut Hand<Bkr>, value| {
        let ballot = Ballot { vote: Vote::Bval { round: Round(1), value }, instances: instance };
        (1..4).for_each(|from| hand.hear(from, BkrMessage::Votes(List::new(vec![ballot]))));
    };
    let said_aux = |hand: &Hand<Bkr>| -> Vec<Vote> {
        let bundles = hand.sent().filter_map(|message| match message {
            BkrMessage::Votes(ballots) => Some(ballots.to_vec()),
            _ => None,
        });
        bundles.flatten().map(|ballot| ballot.vote).filter(|vote| matches!(vote, Vote::Aux { .. })).collect()
    };
    let mut before = fresh();
    hear_bval(&mut before, true);
    assert_eq!(said_aux(&before), [Vote::Aux { round: Round(1), value: true }]);
    let mut after = fresh();
    for (to, durable, message) in &before.seen.sent {
        assert_eq!(*durable, Durable::Yes);
        after.node.recall(*to, message.clone());
    }
    hear_bval(&mut after, false);
    assert!(said_bval(&after, 2, false), "a relay is no contradiction");
    assert_eq!(said_aux(&after), [], "a second AUX of a round is one");
}

#[test]
fn a_restarted_node_goes_on_by_itself_from_what_it_had_said() {
    let codec = codec(4);
    let fresh = || Hand::new(make::<Bkr>(&codec, NodeIndex(0), 1));
    let is_val = |message: &BkrMessage| matches!(message, BkrMessage::Rbc { message: RbcMessage::Val { .. }, .. });
    let mut before = fresh();
    before.turn(|node, fx| node.input(payload(NodeIndex(0)), fx));
    before.run_jobs();
    let own = before.seen.sent.iter().find(|(to, _, message)| is_val(message) && to.includes(NodeIndex(0)));
    let (to, durable, val) = own.unwrap();
    assert_eq!(*durable, Durable::Yes);
    // Its proposal was logged, and nothing after it. Nobody will say anything before it echoes.
    let mut after = fresh();
    after.node.recall(*to, val.clone());
    after.turn(|_, _| {});
    after.run_jobs();
    let is_echo = |message: &BkrMessage| matches!(message, BkrMessage::Rbc { message: RbcMessage::Echo { .. }, .. });
    assert!(after.sent().any(is_echo), "the echo follows from the proposal");
    // All agreements were decided, and those of the others have halted: they may say nothing any more.
    let term = Ballot { vote: Vote::Term { value: true }, instances: NodeSet::first(4) };
    let mut after = fresh();
    after.node.recall(To::All, BkrMessage::Votes(List::new(vec![term])));
    after.turn(|_, _| {});
    assert!((0..4).all(|j| after.node.decision(NodeIndex(j)) == Some(true)), "what was said was decided");
}
