//! One node driven event by event, its jobs kept back: the gate, the ones, what children share, what is a promise.

use bytes::Bytes;
use mellivora_agreement::Vote;
use mellivora_broadcast::RbcMessage;
use mellivora_coding::Encoded;
use mellivora_core::codec::{Blob, List, encode};
use mellivora_core::{Durable, FaultKind, NodeIndex, NodeSet, Protocol, Round, To};
use mellivora_subset::{Ballot, BkrMessage, Dumbo1, Dumbo1Message};

use super::support::{Hand, codec, make, payload, set};
use super::{electing, election, ideal};

fn contribution(proposer: u16, message: RbcMessage) -> Dumbo1Message {
    Dumbo1Message::Bkr(BkrMessage::Rbc { proposer: NodeIndex(proposer), message })
}

fn index_set(member: u16, message: RbcMessage) -> Dumbo1Message {
    Dumbo1Message::IndexSet { member: NodeIndex(member), message }
}

fn echo(encoded: &Encoded, from: u16) -> RbcMessage {
    RbcMessage::Echo { root: encoded.commitment, shard: encoded.shards[usize::from(from)].clone() }
}

/// All others carry a broadcast through to its delivery here.
fn deliver(hand: &mut Hand<Dumbo1>, n: u16, encoded: &Encoded, wrap: impl Fn(RbcMessage) -> Dumbo1Message) {
    for from in 1..n {
        hand.hear(from, wrap(echo(encoded, from)));
        hand.hear(from, wrap(RbcMessage::Ready(encoded.commitment)));
    }
}

fn hand(n: usize, members: &[u16]) -> Hand<Dumbo1> {
    Hand::new(make(&codec(n), NodeIndex(0), electing(n, members)))
}

fn encoded(n: usize, bytes: Bytes) -> Encoded {
    codec(n).encode(bytes).unwrap()
}

fn has_shared(hand: &Hand<Dumbo1>) -> bool {
    hand.sent().any(|message| matches!(message, Dumbo1Message::Election(_)))
}

/// Whether this node said BVAL(1) of round 1 for a member.
fn supports(hand: &Hand<Dumbo1>, member: u16) -> bool {
    let wanted = Vote::Bval { round: Round(1), value: true };
    hand.sent().any(|message| match message {
        Dumbo1Message::Bkr(BkrMessage::Votes(ballots)) => {
            ballots.iter().any(|b| b.vote == wanted && b.instances.contains(NodeIndex(member)))
        }
        _ => false,
    })
}

/// Shares of f + 1 others: enough for the coin.
fn toss(hand: &mut Hand<Dumbo1>, n: usize, members: &[u16]) {
    let coin = ideal(n, electing(n, members));
    for from in 1..=(n as u16 - 1) / 3 + 1 {
        hand.hear(from, Dumbo1Message::Election(coin.share_of(NodeIndex(from), &election())));
    }
    hand.run_jobs();
}

#[test]
fn no_share_before_a_quorum_of_deliveries() {
    let mut hand = hand(7, &[1, 2, 3]);
    for proposer in 1..=6 {
        assert!(!has_shared(&hand) && !hand.node.released(), "after {} deliveries", proposer - 1);
        deliver(&mut hand, 7, &encoded(7, payload(NodeIndex(proposer))), |message| contribution(proposer, message));
        hand.run_jobs();
        if proposer == 5 {
            break;
        }
    }
    assert_eq!(hand.node.delivered().len(), 5);
    assert!(has_shared(&hand) && hand.node.released(), "a quorum of seven is five");
}

#[test]
fn a_one_takes_the_set_and_everything_that_it_names() {
    let mut hand = hand(4, &[1, 2]);
    for proposer in [1, 2] {
        deliver(&mut hand, 4, &encoded(4, payload(NodeIndex(proposer))), |m| contribution(proposer, m));
    }
    hand.run_jobs();
    toss(&mut hand, 4, &[1, 2]);
    let named = set([1, 2, 3]);
    deliver(&mut hand, 4, &encoded(4, encode(&named)), |message| index_set(1, message));
    hand.run_jobs();
    assert_eq!(hand.node.index_set(NodeIndex(1)), Some(named));
    assert!(!supports(&hand, 1), "it names a contribution that is not here");
    deliver(&mut hand, 4, &encoded(4, payload(NodeIndex(3))), |message| contribution(3, message));
    assert!(!supports(&hand, 1), "it is not decoded yet");
    hand.run_jobs();
    assert!(supports(&hand, 1) && !supports(&hand, 2));
    assert!(hand.seen.faults.is_empty(), "{:?}", hand.seen.faults);
}

#[test]
fn a_set_that_came_before_the_coin_counts_when_its_member_turns_out_to_be_elected() {
    let mut hand = hand(4, &[1, 2]);
    for proposer in [1, 2, 3] {
        deliver(&mut hand, 4, &encoded(4, payload(NodeIndex(proposer))), |m| contribution(proposer, m));
    }
    // One of a member, one of somebody who is none.
    for node in [1, 3] {
        deliver(&mut hand, 4, &encoded(4, encode(&set([1, 2, 3]))), |message| index_set(node, message));
    }
    hand.run_jobs();
    assert!(!supports(&hand, 1));
    toss(&mut hand, 4, &[1, 2]);
    assert!(supports(&hand, 1) && !supports(&hand, 3));
    assert!(hand.node.index_rbc(NodeIndex(3)).is_none() && hand.node.aba(NodeIndex(3)).is_none());
}

#[test]
fn a_member_proposes_what_it_has_at_the_end_of_the_turn_in_which_it_has_a_quorum_and_the_coin() {
    let mut hand = hand(4, &[0, 2]);
    let roots = |hand: &Hand<Dumbo1>| {
        let val = |message: &Dumbo1Message| match message {
            Dumbo1Message::IndexSet { message: RbcMessage::Val { root, .. }, .. } => Some(*root),
            _ => None,
        };
        hand.sent().filter_map(val).collect::<Vec<_>>()
    };
    toss(&mut hand, 4, &[0, 2]);
    for proposer in [1, 2] {
        deliver(&mut hand, 4, &encoded(4, payload(NodeIndex(proposer))), |m| contribution(proposer, m));
        hand.run_jobs();
    }
    assert_eq!(hand.node.members(), Some(set([0, 2])));
    assert!(roots(&hand).is_empty(), "two are no quorum of four");
    deliver(&mut hand, 4, &encoded(4, payload(NodeIndex(3))), |message| contribution(3, message));
    hand.run_jobs();
    let wanted = encoded(4, encode(&set([1, 2, 3]))).commitment;
    assert_eq!(roots(&hand), [wanted; 4]);
    let promised = |message: &Dumbo1Message| matches!(message, Dumbo1Message::IndexSet { .. });
    let mut sent = hand.seen.sent.iter().filter(|(.., message)| promised(message));
    assert!(sent.all(|(_, durable, _)| *durable == Durable::Yes), "VAL, ECHO and READY are promises");
}

#[test]
fn every_bundle_of_votes_is_a_promise_and_a_share_is_none() {
    let mut hand = hand(4, &[1, 2]);
    for proposer in [1, 2, 3] {
        deliver(&mut hand, 4, &encoded(4, payload(NodeIndex(proposer))), |m| contribution(proposer, m));
    }
    hand.run_jobs();
    let relay = Ballot { vote: Vote::Bval { round: Round(1), value: true }, instances: NodeSet::one(NodeIndex(1)) };
    let bundle = || Dumbo1Message::Bkr(BkrMessage::Votes(List::new(vec![relay])));
    [1, 2].into_iter().for_each(|from| hand.hear(from, bundle()));
    let durable = |wanted: fn(&Dumbo1Message) -> bool| {
        let sent = hand.seen.sent.iter().filter(|(.., message)| wanted(message));
        sent.map(|(_, durable, _)| *durable).collect::<Vec<_>>()
    };
    // A relay of BVAL, then the AUX that follows from hearing it.
    assert_eq!(durable(|m| matches!(m, Dumbo1Message::Bkr(BkrMessage::Votes(_)))), [Durable::Yes; 2]);
    assert_eq!(durable(|m| matches!(m, Dumbo1Message::Election(_))), [Durable::No]);
}

#[test]
fn a_node_blamed_in_a_contribution_is_checked_in_index_sets_before_use() {
    let mut hand = hand(4, &[1, 2]);
    let bad = |encoded: &Encoded| {
        let mut shard = encoded.shards[3].clone();
        shard.data = Blob(vec![0xbd; shard.data.len()].into());
        RbcMessage::Echo { root: encoded.commitment, shard }
    };
    let one = encoded(4, payload(NodeIndex(1)));
    hand.hear(3, contribution(1, bad(&one)));
    hand.hear(1, contribution(1, echo(&one, 1)));
    hand.run_job();
    assert_eq!(hand.seen.faults, [(3, FaultKind::InvalidShard)]);
    let named = encoded(4, encode(&set([1, 2, 3])));
    hand.hear(3, index_set(1, bad(&named)));
    hand.hear(1, index_set(1, echo(&named, 1)));
    let job = format!("{:?}", hand.seen.jobs[0]);
    assert!(job.contains("verify and decode"), "no decode is wasted on a known culprit: {job}");
}

#[test]
fn a_restarted_node_keeps_to_its_votes() {
    let votes = |vote| {
        let ballot = Ballot { vote, instances: NodeSet::one(NodeIndex(1)) };
        Dumbo1Message::Bkr(BkrMessage::Votes(List::new(vec![ballot])))
    };
    let aux = |value| Vote::Aux { round: Round(1), value };
    for recalled in [false, true] {
        let mut hand = hand(4, &[1, 2]);
        if recalled {
            hand.node.recall(To::All, votes(aux(true)));
            hand.turn(|_, _| {});
        }
        // Others are for the other value by now.
        [1, 2, 3].into_iter().for_each(|from| hand.hear(from, votes(Vote::Bval { round: Round(1), value: false })));
        let said = hand.sent().any(|message| match message {
            Dumbo1Message::Bkr(BkrMessage::Votes(ballots)) => ballots.iter().any(|ballot| ballot.vote == aux(false)),
            _ => false,
        });
        assert_eq!(said, !recalled, "a second AUX of one round");
    }
}
