//! What was chosen comes out, whoever has it: records of the chain, and batches.

use mellivora_broadcast::stream::Header;
use mellivora_broadcast::{RetrievalMessage, Stream, StreamInput, StreamMessage};
use mellivora_core::codec::List;
use mellivora_core::{Committee, Digest, FaultKind, Job, Protocol, To};

use crate::by_hand::Hand;
use crate::stage::Stage;
use crate::support::{Chain, batches, certified, hand, node, payload, stream, told, tree, votes};

fn headers(chain: &Chain, from: usize, to: usize) -> StreamMessage {
    let headers: Vec<Header> = (to..=from).rev().map(|slot| chain.header(slot)).collect();
    StreamMessage::Headers(chain.tips[from].digest, List::new(headers))
}

fn no_headers(digest: Digest) -> StreamMessage {
    StreamMessage::Headers(digest, List::new(vec![]))
}

/// Who was asked for the headers of a digest since the last look.
fn asked(hand: &Hand<Stream>, digest: Digest) -> Vec<u16> {
    let to = |(to, _, message): &(To, _, StreamMessage)| match (to, message) {
        (To::Node(to), StreamMessage::Ask(_, of)) if *of == digest => Some(to.0),
        _ => None,
    };
    hand.seen.sent.iter().filter_map(to).collect()
}

/// Who was asked for chunks of a slot.
fn requested(hand: &Hand<Stream>, slot: u64) -> Vec<u16> {
    let to = |(to, _, message): &(To, _, StreamMessage)| match (to, message) {
        (To::Node(to), StreamMessage::Retrieval(at, RetrievalMessage::Request(..))) if *at == slot => Some(to.0),
        _ => None,
    };
    hand.seen.sent.iter().filter_map(to).collect()
}

fn chunk(chain: &Chain, slot: usize) -> StreamMessage {
    let tree = tree(&chain.payloads[slot - 1]);
    let chunk = RetrievalMessage::Chunk(tree.commitment(), 0, tree.chunk(0).unwrap());
    StreamMessage::Retrieval(slot as u64, chunk)
}

fn request(chain: &Chain, slot: usize) -> StreamMessage {
    let root = tree(&chain.payloads[slot - 1]).commitment();
    StreamMessage::Retrieval(slot as u64, RetrievalMessage::Request(root, List::new(vec![0])))
}

fn expected(chain: &Chain, slots: std::ops::RangeInclusive<usize>) -> Vec<(mellivora_broadcast::Tip, bytes::Bytes)> {
    slots.map(|slot| (chain.tips[slot], chain.payloads[slot - 1].clone())).collect()
}

#[test]
fn a_node_that_missed_batches_retrieves_them_and_their_records() {
    for n in [4, 5, 7] {
        for missed in [1..=5, 2..=4, 5..=5, 1..=3] {
            let chain = Chain::new(5);
            let last = n as u16 - 1;
            let mut stage = Stage::new(Committee::new(n).unwrap(), &[], |me| stream(n, me.as_usize(), 5));
            for slot in 1..=5 {
                stage.input(0, StreamInput::Propose(chain.payloads[slot - 1].clone()));
                stage.deliver(|_, parcel| match &parcel.message {
                    StreamMessage::Proposal { previous, .. } if parcel.to.0 == last => {
                        !missed.contains(&(previous.slot as usize + 1))
                    }
                    _ => true,
                });
            }
            stage.pending.clear();
            let chosen = stage.node(1).certified_up_to(5).unwrap().clone();
            stage.input(last, StreamInput::Want(chosen.clone()));
            stage.input(last, StreamInput::Ordered(chosen.tip));
            stage.deliver_all();
            assert_eq!(batches(stage.outputs(last)), expected(&chain, 1..=5), "n {n}, without {missed:?}");
            assert!((0..n as u16).all(|node| stage.faults(node).is_empty()));
        }
    }
}

#[test]
fn a_voter_that_joined_by_snapshot_votes_on() {
    // One of four is silent, one knows nothing but the newest output. Window 1: without its vote nothing goes on.
    let chain = Chain::new(4);
    let mut stage = Stage::new(Committee::new(4).unwrap(), &[1], |me| stream(4, me.as_usize(), 1));
    let mut old = stream(4, 0, 1);
    stage.restart(0, std::mem::replace(&mut old, stream(4, 0, 1)));
    for node in [0, 2, 3] {
        // Slots up to 2 are gone everywhere.
        stage.input(node, StreamInput::Ordered(chain.tips[2]));
        stage.input(node, StreamInput::Release(2));
        for peer in 0..4 {
            stage.input(node, StreamInput::PeerBase(crate::support::node(peer), 2));
        }
    }
    stage.deliver_all();
    for slot in 3..=4 {
        stage.input(0, StreamInput::Propose(chain.payloads[slot - 1].clone()));
        stage.deliver_all();
        let chosen = stage.node(3).certified_up_to(9).expect("certified without the silent one").clone();
        assert_eq!(chosen.tip, chain.tips[slot]);
        for node in [0, 2, 3] {
            stage.input(node, StreamInput::Want(chosen.clone()));
            stage.input(node, StreamInput::Ordered(chosen.tip));
        }
        for peer in [2, 3] {
            stage.input(0, StreamInput::PeerBase(crate::support::node(peer), slot as u64));
        }
        stage.deliver_all();
    }
    for node in [0, 2, 3] {
        assert_eq!(batches(stage.outputs(node)), expected(&chain, 3..=4));
        assert_eq!(stage.faults(node), []);
    }
}

#[test]
fn what_is_here_comes_out_at_once_and_only_once() {
    let chain = Chain::new(4);
    let mut hand = hand(4, 1, 4);
    told(&mut hand, (1..=4).map(|slot| chain.proposal(4, slot)));
    hand.input(StreamInput::Want(certified(4, &chain.tips[2])));
    hand.input(StreamInput::Want(certified(4, &chain.tips[2])));
    assert_eq!(batches(&hand.seen.outputs), expected(&chain, 1..=2));
    // The next choice begins where the last one ended, whether or not it is ordered already.
    hand.input(StreamInput::Want(certified(4, &chain.tips[3])));
    hand.input(StreamInput::Ordered(chain.tips[3]));
    hand.input(StreamInput::Want(certified(4, &chain.tips[1])));
    hand.input(StreamInput::Want(certified(4, &chain.tips[4])));
    assert_eq!(batches(&hand.seen.outputs), expected(&chain, 1..=4));
    hand.flush();
    assert!(hand.seen.sent.iter().all(|(.., message)| !matches!(message, StreamMessage::Ask(..))));
    assert_eq!(requested(&hand, 1), []);
}

#[test]
fn records_are_asked_of_signers_first_and_then_of_everybody() {
    let chain = Chain::new(3);
    let mut hand = hand(7, 6, 3);
    hand.input(StreamInput::Want(certified(7, &chain.tips[3])));
    let digest = chain.tips[3].digest;
    assert_eq!(asked(&hand, digest), [0, 1, 2], "f + 1 signers");
    hand.receive(1, no_headers(digest));
    hand.receive(1, no_headers(digest));
    assert_eq!(asked(&hand, digest), [0, 1, 2, 3], "one who does not know is replaced, once");
    let lie = Header { full: 1, ..chain.header(3) };
    hand.receive(2, StreamMessage::Headers(digest, List::new(vec![lie])));
    assert_eq!(hand.faults(), [(2, FaultKind::InvalidFetched)]);
    assert_eq!(asked(&hand, digest), [0, 1, 2, 3, 4], "and so is one who lies");
    hand.input(StreamInput::Nudge);
    assert_eq!(asked(&hand, digest), [0, 1, 2, 3, 4, 5], "a signer no more");
    hand.input(StreamInput::Nudge);
    hand.input(StreamInput::Nudge);
    assert_eq!(asked(&hand, digest).len(), 6, "there is nobody else");
    // Who was not asked is not heard; who did not know at first may know later.
    let mut other = crate::support::hand(7, 6, 3);
    other.input(StreamInput::Want(certified(7, &chain.tips[3])));
    other.receive(5, headers(&chain, 3, 1));
    other.flush();
    assert_eq!(requested(&other, 3), []);
    other.receive(1, no_headers(digest));
    other.receive(1, headers(&chain, 3, 2));
    other.flush();
    assert_eq!(requested(&other, 3).len(), 3);
    assert_eq!(requested(&other, 2).len(), 3, "batches are fetched as soon as they are known");
    assert_eq!(asked(&other, chain.tips[1].digest), [0, 1, 2], "that was not all: the rest is asked for anew");
    other.receive(0, headers(&chain, 1, 1));
    other.receive(0, headers(&chain, 1, 1));
    for slot in [2, 1, 3] {
        other.flush();
        let holder = requested(&other, slot as u64)[0];
        other.receive(holder.into(), chunk(&chain, slot));
    }
    assert_eq!(batches(&other.seen.outputs), expected(&chain, 1..=3), "in order");
    assert_eq!(other.faults(), []);
}

#[test]
fn records_that_prove_nothing_are_refused() {
    let (chain, other) = (Chain::new(3), Chain::of([payload(7), payload(8), payload(9)]));
    let digest = chain.tips[3].digest;
    let lies = [
        vec![other.header(3)],
        vec![chain.header(2)],
        vec![chain.header(3), other.header(2)],
        vec![chain.header(3), chain.header(1)],
        vec![Header { commitment: Digest([1; 32]), ..chain.header(3) }],
        vec![Header { previous: Digest([1; 32]), ..chain.header(3) }],
    ];
    for lie in lies {
        let mut hand = hand(4, 1, 3);
        hand.input(StreamInput::Want(certified(4, &chain.tips[3])));
        let liar = asked(&hand, digest)[0];
        hand.receive(liar.into(), StreamMessage::Headers(digest, List::new(lie)));
        assert_eq!(hand.faults(), [(liar, FaultKind::InvalidFetched)]);
        hand.flush();
        assert_eq!((requested(&hand, 2), requested(&hand, 1)), (vec![], vec![]));
    }
}

#[test]
fn an_ask_is_answered_once_per_incarnation_and_late_if_need_be() {
    let chain = Chain::new(3);
    let mut hand = hand(4, 1, 3);
    let ask = |slot: usize| StreamMessage::Ask(slot as u64, chain.tips[slot].digest);
    let answers = |hand: &mut Hand<Stream>| -> Vec<(To, StreamMessage)> {
        let sent = hand.take_sent();
        let all = sent.into_iter().map(|(to, _, message)| (to, message));
        all.filter(|(_, message)| matches!(message, StreamMessage::Headers(..))).collect()
    };
    told(&mut hand, [chain.proposal(4, 1)]);
    hand.take_sent();
    hand.receive(2, ask(1));
    hand.receive(2, ask(1));
    hand.receive(3, ask(2));
    hand.receive(3, ask(2));
    let absent = no_headers(chain.tips[2].digest);
    assert_eq!(answers(&mut hand), [(To::Node(node(2)), headers(&chain, 1, 1)), (To::Node(node(3)), absent)]);
    told(&mut hand, [chain.proposal(4, 2)]);
    assert_eq!(answers(&mut hand), [(To::Node(node(3)), headers(&chain, 2, 1))], "all that is known below");
    told(&mut hand, [chain.proposal(4, 3)]);
    assert_eq!(answers(&mut hand), []);
    // Lost on the way, or a new incarnation.
    hand.input(StreamInput::Resend(node(3)));
    assert_eq!(answers(&mut hand), [(To::Node(node(3)), headers(&chain, 2, 1))]);
    hand.forget(3);
    assert_eq!(answers(&mut hand), []);
    hand.receive(3, ask(2));
    assert_eq!(answers(&mut hand), [(To::Node(node(3)), headers(&chain, 2, 1))]);
    // Beyond the window or closed: somebody else may know.
    let far = Digest([9; 32]);
    hand.receive(3, StreamMessage::Ask(7, far));
    assert_eq!(answers(&mut hand), [(To::Node(node(3)), no_headers(far))]);
    hand.input(StreamInput::Ordered(chain.tips[2]));
    hand.input(StreamInput::Release(2));
    hand.receive(2, ask(2));
    assert_eq!(answers(&mut hand), [(To::Node(node(2)), no_headers(chain.tips[2].digest))]);
    assert_eq!(hand.faults(), []);
}

#[test]
fn what_was_asked_of_a_node_is_asked_of_its_next_incarnation() {
    let chain = Chain::new(1);
    for again in [false, true] {
        let mut hand = hand(4, 3, 3);
        hand.input(StreamInput::Want(certified(4, &chain.tips[1])));
        let digest = chain.tips[1].digest;
        assert_eq!(asked(&hand, digest), [0, 1]);
        hand.receive(0, no_headers(digest));
        assert_eq!(asked(&hand, digest), [0, 1, 2]);
        let repeat = |hand: &mut Hand<Stream>| match again {
            true => hand.forget(0),
            false => hand.input(StreamInput::Resend(node(0))),
        };
        repeat(&mut hand);
        assert_eq!(asked(&hand, digest), [0, 1, 2, 0]);
        hand.receive(0, headers(&chain, 1, 1));
        hand.flush();
        let before = requested(&hand, 1);
        assert!(before.contains(&0));
        repeat(&mut hand);
        hand.flush();
        assert_eq!(requested(&hand, 1).len(), before.len() + 1);
        hand.receive(0, chunk(&chain, 1));
        assert_eq!(batches(&hand.seen.outputs), expected(&chain, 1..=1));
    }
}

#[test]
fn a_chosen_batch_takes_the_place_of_another_one() {
    let (chain, other) = (Chain::new(2), Chain::of([payload(99)]));
    let mut hand = hand(4, 1, 3);
    // It voted for another batch than the one that was certified.
    told(&mut hand, [other.proposal(4, 1)]);
    assert_eq!(votes(&hand), [other.tips[1]]);
    hand.receive(2, request(&chain, 1));
    hand.input(StreamInput::Want(certified(4, &chain.tips[2])));
    let knows = asked(&hand, chain.tips[2].digest)[0];
    hand.receive(knows.into(), headers(&chain, 2, 1));
    hand.flush();
    let holders = [1, 2].map(|slot| requested(&hand, slot)[0]);
    hand.take_sent();
    for (slot, holder) in (1..).zip(holders) {
        hand.receive(holder.into(), chunk(&chain, slot));
    }
    assert_eq!(batches(&hand.seen.outputs), expected(&chain, 1..=2));
    // It serves what was chosen, and its vote stays what it was.
    hand.receive(3, request(&chain, 1));
    let served =
        hand.take_sent().into_iter().any(|(to, _, message)| to == To::Node(node(3)) && message == chunk(&chain, 1));
    assert!(served);
    told(&mut hand, [chain.proposal(4, 1)]);
    assert_eq!(votes(&hand), []);
    hand.forget(0);
    assert_eq!(votes(&hand), [other.tips[1]]);
}

#[test]
fn an_answer_that_comes_late_is_no_lie() {
    let chain = Chain::new(3);
    let digest = chain.tips[3].digest;
    let mut hand = hand(4, 1, 3);
    hand.input(StreamInput::Want(certified(4, &chain.tips[3])));
    let [one, other] = asked(&hand, digest)[..] else { panic!("two are asked") };
    // The batch comes from its proposer, and the one below is about to be hashed.
    hand.receive(0, chain.proposal(4, 3));
    hand.receive(0, chain.proposal(4, 2));
    let first = hand.seen.jobs.remove(0);
    hand.node.done(first.run(), &mut hand.seen);
    hand.receive(one.into(), headers(&chain, 3, 2));
    assert_eq!(hand.faults(), []);
    hand.run_jobs();
    hand.receive(other.into(), headers(&chain, 3, 1));
    assert_eq!(hand.faults(), []);
    assert_eq!(asked(&hand, chain.tips[1].digest), [one, other]);
}

#[test]
fn a_proposal_that_comes_late_ends_the_search() {
    let chain = Chain::new(2);
    let mut hand = hand(4, 1, 3);
    hand.input(StreamInput::Want(certified(4, &chain.tips[2])));
    assert_eq!(asked(&hand, chain.tips[2].digest).len(), 2);
    // A proposal that is on the way through a job is waited for, and nobody is asked.
    hand.receive(0, chain.proposal(4, 1));
    hand.receive(0, chain.proposal(4, 2));
    hand.run_jobs();
    assert_eq!(batches(&hand.seen.outputs), expected(&chain, 1..=2));
    assert_eq!(asked(&hand, chain.tips[1].digest), []);
    hand.flush();
    assert_eq!((requested(&hand, 1), requested(&hand, 2)), (vec![], vec![]));
}

#[test]
fn what_is_kept_comes_out_although_it_is_behind_the_base() {
    let chain = Chain::new(3);
    let mut hand = hand(4, 1, 3);
    // Slot 2 is kept without a vote, because slot 1 is missing.
    told(&mut hand, [chain.proposal(4, 2)]);
    hand.input(StreamInput::Want(certified(4, &chain.tips[2])));
    hand.input(StreamInput::Ordered(chain.tips[2]));
    let knows = asked(&hand, chain.tips[1].digest)[0];
    hand.receive(knows.into(), headers(&chain, 1, 1));
    hand.flush();
    assert_eq!(requested(&hand, 2), []);
    let holder = requested(&hand, 1)[0];
    hand.receive(holder.into(), chunk(&chain, 1));
    assert_eq!(batches(&hand.seen.outputs), expected(&chain, 1..=2));
}

#[test]
fn what_is_closed_is_wanted_no_more() {
    let chain = Chain::new(5);
    let mut hand = hand(4, 1, 5);
    told(&mut hand, [chain.proposal(4, 4), chain.proposal(4, 5)]);
    hand.input(StreamInput::Want(certified(4, &chain.tips[3])));
    hand.input(StreamInput::Want(certified(4, &chain.tips[5])));
    assert_eq!(batches(&hand.seen.outputs), [], "slots 1 to 3 come first");
    hand.input(StreamInput::Ordered(chain.tips[5]));
    hand.input(StreamInput::Release(3));
    assert_eq!(batches(&hand.seen.outputs), expected(&chain, 4..=5), "they come by other means");
    hand.input(StreamInput::Release(5));
    assert!(hand.node.memory() < 2000);
}
