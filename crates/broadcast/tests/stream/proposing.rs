//! The proposer's side: what goes to whom, and what makes a certificate.

use mellivora_broadcast::{Stream, StreamInput, StreamMessage, Tip};
use mellivora_core::{Committee, Durable, FaultKind, NodeSet, To};
use mellivora_crypto::Endorsement;

use crate::by_hand::Hand;
use crate::support::{Chain, certified, domain, endorsement, grown, hand, ideal, node, payload, stream, vote};

/// What went to a node since the last look: proposals by slot, and announced places.
fn sent_to(hand: &Hand<Stream>, peer: usize) -> (Vec<u64>, Vec<Tip>) {
    let mine = || hand.seen.sent.iter().filter(|(to, ..)| to.includes(node(peer))).map(|(.., message)| message);
    let proposal = |message: &StreamMessage| match message {
        StreamMessage::Proposal { previous, .. } => Some(previous.slot + 1),
        _ => None,
    };
    let tip = |message: &StreamMessage| match message {
        StreamMessage::Tip(certified) => Some(certified.tip),
        _ => None,
    };
    (mine().filter_map(proposal).collect(), mine().filter_map(tip).collect())
}

/// The proposer proposes a slot of the chain.
fn propose(hand: &mut Hand<Stream>, chain: &Chain, slot: usize) {
    assert!(hand.node.may_propose() && hand.node.next_slot() == slot as u64, "slot {slot}");
    hand.input(StreamInput::Propose(chain.payloads[slot - 1].clone()));
    hand.run_jobs();
}

/// All honest others vote for a slot.
fn certify(hand: &mut Hand<Stream>, n: usize, chain: &Chain, slot: usize) {
    let quorum = Committee::new(n).unwrap().quorum();
    (1..quorum).for_each(|i| hand.receive(i, vote(n, i, &chain.tips[slot])));
    hand.run_jobs();
}

#[test]
fn a_certificate_needs_a_quorum_and_names_liars() {
    for n in [1, 4, 5, 7, 10] {
        let committee = Committee::new(n).unwrap();
        let (quorum, f) = (committee.quorum(), committee.f());
        let (chain, other) = (Chain::new(1), Chain::of([payload(99)]));
        let tip = chain.tips[1];
        let mut hand = hand(n, 0, 2);
        hand.input(StreamInput::Propose(chain.payloads[0].clone()));
        // Some come before the own hash is done, bad ones first.
        for bad in 1..=f {
            let wrong = match bad % 3 {
                0 => vote(n, bad, &other.tips[1]),
                1 => StreamMessage::Vote(tip, endorsement(n, bad, &other.tips[1])),
                _ => StreamMessage::Vote(tip, endorsement(n, bad + 1, &tip)),
            };
            hand.receive(bad, wrong);
            hand.receive(bad, vote(n, bad, &tip));
        }
        let honest: Vec<usize> = (1..n).filter(|&i| i > f).collect();
        let (early, late) = honest.split_at(honest.len() / 2);
        early.iter().for_each(|&i| hand.receive(i, vote(n, i, &tip)));
        hand.run_jobs();
        for (count, &i) in late.iter().enumerate() {
            // Itself, the early ones, and those before: the liars do not count.
            assert!(1 + early.len() + count < quorum && grown(&hand.seen.outputs).is_empty(), "n {n}: {count} late");
            hand.receive(i, vote(n, i, &tip));
            hand.run_jobs();
            if !grown(&hand.seen.outputs).is_empty() {
                break;
            }
        }
        assert_eq!(grown(&hand.seen.outputs), [tip]);
        let newest = hand.node.certified_up_to(1).unwrap();
        assert_eq!(newest.certificate.signers.len(), quorum);
        assert_eq!(newest.certificate, ideal(n).certificate_of(newest.certificate.signers, &tip.statement(&domain())));
        let mut liars: Vec<u16> = hand.seen.faults.iter().map(|fault| fault.node.0).collect();
        liars.sort_unstable();
        assert_eq!(liars, (1..=f as u16).collect::<Vec<_>>(), "n {n}");
        assert!(hand.seen.faults.iter().all(|fault| fault.kind == FaultKind::InvalidEndorsement));
    }
}

#[test]
fn the_next_batch_waits_for_the_certificate_and_for_the_window() {
    let chain = Chain::new(4);
    let mut hand = hand(4, 0, 2);
    hand.input(StreamInput::Propose(vec![0; crate::support::MAX + 1].into()));
    assert!(hand.seen.sent.is_empty(), "beyond the limit");
    propose(&mut hand, &chain, 1);
    assert!(!hand.node.may_propose(), "not certified");
    hand.input(StreamInput::Propose(payload(9)));
    assert_eq!(sent_to(&hand, 1).0, [1]);
    certify(&mut hand, 4, &chain, 1);
    propose(&mut hand, &chain, 2);
    certify(&mut hand, 4, &chain, 2);
    assert!(!hand.node.may_propose(), "window 2 on base 0");
    hand.input(StreamInput::Propose(payload(9)));
    assert_eq!(sent_to(&hand, 1).0, [1, 2]);
    hand.input(StreamInput::Ordered(chain.tips[1]));
    propose(&mut hand, &chain, 3);
    // Ordered before the votes have come: that is as good as a certificate.
    hand.input(StreamInput::Ordered(chain.tips[3]));
    propose(&mut hand, &chain, 4);
    let last = hand.seen.sent.iter().rev().find_map(|(.., message)| match message {
        StreamMessage::Proposal { previous, certificate, .. } => Some((*previous, certificate.clone())),
        _ => None,
    });
    assert_eq!(last, Some((chain.tips[3], None)));
    assert!(!crate::support::hand(4, 1, 2).node.may_propose(), "somebody else's stream");
}

#[test]
fn a_proposal_beyond_the_window_comes_later() {
    let chain = Chain::new(4);
    let mut hand = hand(4, 0, 2);
    for slot in 1..=2 {
        propose(&mut hand, &chain, slot);
        certify(&mut hand, 4, &chain, slot);
    }
    hand.input(StreamInput::Ordered(chain.tips[2]));
    hand.input(StreamInput::PeerBase(node(1), 1));
    propose(&mut hand, &chain, 3);
    hand.flush();
    assert_eq!([1, 2, 3].map(|peer| sent_to(&hand, peer).0), [vec![1, 2, 3], vec![1, 2], vec![1, 2]]);
    // Who is not sent the next one is told of the last.
    assert_eq!([1, 2, 3].map(|peer| sent_to(&hand, peer).1), [vec![], vec![chain.tips[2]], vec![chain.tips[2]]]);
    hand.take_sent();
    hand.input(StreamInput::PeerBase(node(2), 2));
    hand.flush();
    hand.flush();
    assert_eq!([1, 2, 3].map(|peer| sent_to(&hand, peer).0), [vec![], vec![3], vec![]]);
    certify(&mut hand, 4, &chain, 3);
    propose(&mut hand, &chain, 4);
    hand.input(StreamInput::PeerBase(node(3), 4));
    hand.flush();
    // The base of node 1 is 1, and node 3 has all of that behind its base.
    assert_eq!([1, 2, 3].map(|peer| sent_to(&hand, peer).0), [vec![], vec![3, 4], vec![]]);
    assert_eq!([1, 2, 3].map(|peer| sent_to(&hand, peer).1), [vec![chain.tips[3]], vec![], vec![]]);
}

#[test]
fn the_last_batch_is_announced_by_tip() {
    for window in [1, 3] {
        let chain = Chain::new(2);
        let mut hand = hand(4, 0, window);
        propose(&mut hand, &chain, 1);
        hand.flush();
        certify(&mut hand, 4, &chain, 1);
        assert_eq!(sent_to(&hand, 1).1, [], "the next batch may follow in this turn");
        if window > 1 {
            propose(&mut hand, &chain, 2);
            hand.flush();
            assert_eq!(sent_to(&hand, 1), (vec![1, 2], vec![]), "the next batch shows the certificate");
            certify(&mut hand, 4, &chain, 2);
        }
        hand.flush();
        hand.flush();
        let last = *chain.tips[..].get(window.min(2) as usize).unwrap();
        for peer in 1..4 {
            assert_eq!(sent_to(&hand, peer).1, [last], "once");
        }
        hand.take_sent();
        hand.input(StreamInput::Resend(node(2)));
        hand.flush();
        assert_eq!([1, 2, 3].map(|peer| sent_to(&hand, peer).1), [vec![], vec![last], vec![]]);
    }
}

#[test]
fn what_a_peer_lacks_goes_again() {
    let chain = Chain::new(3);
    let mut hand = hand(4, 0, 3);
    for slot in 1..=3 {
        propose(&mut hand, &chain, slot);
        certify(&mut hand, 4, &chain, slot);
        hand.flush();
    }
    hand.input(StreamInput::PeerBase(node(1), 1));
    hand.take_sent();
    hand.input(StreamInput::Resend(node(1)));
    hand.flush();
    assert_eq!(sent_to(&hand, 1), (vec![2, 3], vec![chain.tips[3]]));
    assert_eq!(sent_to(&hand, 2), (vec![], vec![]));
    // A new incarnation has said nothing of its base; what is closed here is of no use to anybody.
    hand.take_sent();
    hand.input(StreamInput::Ordered(chain.tips[2]));
    hand.input(StreamInput::Release(1));
    hand.forget(1);
    hand.flush();
    assert_eq!(sent_to(&hand, 1), (vec![2, 3], vec![chain.tips[3]]));
    assert!(hand.seen.sent.iter().all(|(_, durable, _)| *durable == Durable::No), "it is in the log");
}

#[test]
fn votes_for_what_was_not_proposed_are_unexpected() {
    let chain = Chain::new(3);
    let mut hand = hand(4, 0, 3);
    hand.receive(1, vote(4, 1, &chain.tips[1]));
    assert_eq!(hand.faults(), [(1, FaultKind::UnexpectedEndorsement)]);
    propose(&mut hand, &chain, 1);
    certify(&mut hand, 4, &chain, 1);
    propose(&mut hand, &chain, 2);
    // Late and repeated ones are no news.
    hand.receive(3, vote(4, 3, &chain.tips[1]));
    hand.receive(1, vote(4, 1, &chain.tips[1]));
    assert_eq!(hand.faults().len(), 1);
    hand.receive(3, vote(4, 3, &chain.tips[3]));
    assert_eq!(hand.faults().len(), 2);
}

#[test]
fn a_flood_of_votes_counts_once() {
    let chain = Chain::new(1);
    let mut hand = hand(4, 0, 1);
    hand.input(StreamInput::Propose(chain.payloads[0].clone()));
    let flood = |hand: &mut Hand<Stream>| {
        for round in 0..50 {
            let junk = Endorsement::from_bytes(&[round; 64]).unwrap();
            hand.receive(3, StreamMessage::Vote(chain.tips[1], junk));
        }
    };
    flood(&mut hand);
    hand.run_jobs();
    flood(&mut hand);
    let before = hand.node.memory();
    flood(&mut hand);
    assert_eq!(hand.node.memory(), before);
    certify(&mut hand, 4, &chain, 1);
    assert_eq!(grown(&hand.seen.outputs), [chain.tips[1]]);
    assert!(hand.faults().len() <= 1);
}

#[test]
fn a_proposal_goes_to_whoever_may_vote_in_one_message() {
    let chain = Chain::new(1);
    let mut hand = hand(4, 0, 1);
    propose(&mut hand, &chain, 1);
    let (to, durable, message) = &hand.seen.sent[0];
    assert_eq!((*to, *durable, message), (To::Set(NodeSet::first(4)), Durable::Yes, &chain.proposal(4, 1)));
    hand.flush();
    let proposals = hand.seen.sent.iter().filter(|(.., m)| matches!(m, StreamMessage::Proposal { .. })).count();
    assert_eq!(proposals, 1);
}

#[test]
fn a_restarted_proposer_proposes_nothing_else_and_gets_its_certificate() {
    for n in [1, 4, 7] {
        let chain = Chain::new(3);
        let mut hand = hand(n, 0, 4);
        propose(&mut hand, &chain, 1);
        certify(&mut hand, n, &chain, 1);
        propose(&mut hand, &chain, 2);
        hand.restart(stream(n, 0, 4));
        assert!(!hand.node.may_propose());
        hand.input(StreamInput::Propose(payload(9)));
        // The votes are said again, some before the own hash is done, as many as there are without f silent nodes.
        let quorum = Committee::new(n).unwrap().quorum();
        for i in 1..quorum {
            hand.receive(i, vote(n, i, &chain.tips[1]));
            hand.receive(i, vote(n, i, &chain.tips[2]));
        }
        hand.run_jobs();
        assert_eq!(grown(&hand.seen.outputs), [chain.tips[2]]);
        assert_eq!(hand.node.certified_up_to(9), Some(&certified(n, &chain.tips[2])));
        let other: Vec<u64> = sent_to(&hand, 0).0;
        assert_eq!(other, [1, 2], "what a node has said to itself is not said again");
        propose(&mut hand, &chain, 3);
        assert_eq!(hand.faults(), []);
    }
}

#[test]
fn a_restarted_proposer_shows_again_what_it_has_proposed() {
    let chain = Chain::new(3);
    let mut hand = hand(4, 0, 2);
    for slot in 1..=2 {
        propose(&mut hand, &chain, slot);
        certify(&mut hand, 4, &chain, slot);
    }
    hand.input(StreamInput::Ordered(chain.tips[2]));
    propose(&mut hand, &chain, 3);
    let log: Vec<_> = hand.seen.sent.clone();
    hand.restart(stream(4, 0, 2));
    hand.seen.sent.drain(..log.len());
    hand.flush();
    assert_eq!(sent_to(&hand, 1).0, [1, 2], "nobody has said that its window is further up");
    hand.input(StreamInput::PeerBase(node(1), 2));
    hand.flush();
    assert_eq!(sent_to(&hand, 1).0, [1, 2, 3]);
    // Its own base has fallen back; then it catches up, and goes on behind the last one.
    assert_eq!(hand.node.base(), Tip::GENESIS);
    hand.input(StreamInput::Ordered(chain.tips[3]));
    assert!(hand.node.may_propose());
    hand.input(StreamInput::Propose(payload(4)));
    assert_eq!(sent_to(&hand, 0).0.last(), Some(&4));
    assert_eq!(hand.faults(), []);
}
