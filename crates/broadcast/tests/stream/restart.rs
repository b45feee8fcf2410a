//! What a crash leaves of a voter.

use mellivora_broadcast::{RetrievalMessage, Stream, StreamInput, StreamMessage};
use mellivora_core::codec::List;
use mellivora_core::{FaultKind, To};

use crate::by_hand::Hand;
use crate::support::{Chain, hand, node, payload, stream, told, tree, votes};

fn serves(hand: &mut Hand<Stream>, slot: u64, payload: &bytes::Bytes) -> bool {
    let root = tree(payload).commitment();
    let before = hand.seen.sent.len();
    hand.receive(3, StreamMessage::Retrieval(slot, RetrievalMessage::Request(root, List::new(vec![0]))));
    let chunk = |message: &StreamMessage| matches!(message, StreamMessage::Retrieval(at, RetrievalMessage::Chunk(of, 0, _)) if *at == slot && *of == root);
    hand.seen.sent[before..].iter().any(|(to, _, message)| *to == To::Node(node(3)) && chunk(message))
}

#[test]
fn a_vote_survives_a_crash() {
    let (chain, other) = (Chain::new(1), Chain::of([payload(99)]));
    let mut hand = hand(4, 1, 2);
    told(&mut hand, [chain.proposal(4, 1)]);
    assert_eq!(votes(&hand), [chain.tips[1]]);
    hand.restart(stream(4, 1, 2));
    told(&mut hand, [other.proposal(4, 1), chain.proposal(4, 1)]);
    assert_eq!(votes(&hand), [chain.tips[1]], "nothing new is said");
    assert_eq!(hand.faults(), [(0, FaultKind::ConflictingValue)]);
    assert!(serves(&mut hand, 1, &chain.payloads[0]), "what was promised to be held is held");
    // The proposer may have lost what it had: it hears the vote again, each time.
    for said in 2..4 {
        hand.forget(0);
        assert_eq!(votes(&hand), vec![chain.tips[1]; said]);
    }
    hand.forget(2);
    hand.input(StreamInput::Resend(node(2)));
    assert_eq!(votes(&hand).len(), 3, "nobody else counts votes");
    hand.input(StreamInput::Resend(node(0)));
    assert_eq!(votes(&hand).len(), 4);
    // What is closed is of no use any more.
    hand.input(StreamInput::Ordered(chain.tips[1]));
    hand.input(StreamInput::Release(1));
    hand.input(StreamInput::Resend(node(0)));
    assert_eq!(votes(&hand).len(), 4);
}

#[test]
fn a_vote_counts_beyond_the_window_of_a_base_that_has_fallen_back() {
    let (chain, other) = (Chain::new(7), Chain::of((1..=7).map(|slot| payload(slot * 3))));
    let mut hand = hand(4, 1, 2);
    hand.input(StreamInput::Ordered(chain.tips[5]));
    told(&mut hand, [chain.proposal(4, 6), chain.proposal(4, 7)]);
    assert_eq!(votes(&hand), chain.tips[6..=7]);
    hand.restart(stream(4, 1, 2));
    hand.run_jobs();
    assert_eq!(hand.node.base().slot, 0);
    told(&mut hand, [other.proposal(4, 7), chain.proposal(4, 6)]);
    assert_eq!(hand.faults(), [(0, FaultKind::ConflictingValue)]);
    assert_eq!(votes(&hand), chain.tips[6..=7]);
    assert!(serves(&mut hand, 7, &chain.payloads[6]));
    // Ordered jumps past slots that never came here.
    hand.input(StreamInput::Ordered(chain.tips[6]));
    assert_eq!(votes(&hand).len(), 2);
}

#[test]
fn a_node_that_voted_for_nothing_takes_what_comes_after_a_restart() {
    let (chain, other) = (Chain::new(1), Chain::of([payload(99)]));
    let mut hand = hand(4, 1, 2);
    hand.receive(0, chain.proposal(4, 1));
    hand.restart(stream(4, 1, 2));
    told(&mut hand, [other.proposal(4, 1)]);
    assert_eq!(votes(&hand), [other.tips[1]]);
    assert_eq!(hand.faults(), []);
}
