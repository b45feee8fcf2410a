//! Retrieval, one node at a time: whom it asks for what, what it makes of the answers, and how it serves.

#[path = "common/by_hand.rs"]
mod by_hand;

use std::collections::BTreeSet;

use by_hand::Hand;
use bytes::Bytes;
use mellivora_broadcast::retrieval::WINDOW;
use mellivora_broadcast::{Retrieval, RetrievalConfig, RetrievalInput, RetrievalMessage};
use mellivora_coding::{Body, CHUNK_BYTES, Chunk, ChunkTree, Head};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Committee, Digest, FaultKind, NodeIndex, NodeSet, To};

const C: usize = CHUNK_BYTES;
const MAX: usize = 64 * C;

fn retrieval(n: usize, me: usize) -> Retrieval {
    let committee = Committee::new(n).unwrap();
    Retrieval::new(RetrievalConfig { committee, me: NodeIndex(me as u16), max_payload: MAX })
}

fn hand(n: usize, me: usize) -> Hand<Retrieval> {
    Hand::new(me, retrieval(n, me))
}

fn tree(len: usize, salt: u8) -> ChunkTree {
    let payload: Vec<u8> =
        (0..len).map(|i| (i as u8).wrapping_mul(31) ^ (i >> 8) as u8 ^ (i >> 16) as u8 ^ salt).collect();
    ChunkTree::commit(Body::from_bytes(payload.into())).unwrap()
}

fn nodes(nodes: &[u16]) -> NodeSet {
    nodes.iter().map(|&node| NodeIndex(node)).collect()
}

fn request(tree: &ChunkTree, indices: &[u32]) -> RetrievalMessage {
    RetrievalMessage::Request(tree.commitment(), List::new(indices.to_vec()))
}

fn chunk(tree: &ChunkTree, index: u32) -> RetrievalMessage {
    RetrievalMessage::Chunk(tree.commitment(), index, tree.chunk(index).unwrap())
}

fn head(tree: &ChunkTree) -> RetrievalMessage {
    RetrievalMessage::Head(tree.commitment(), tree.head())
}

fn absent(tree: &ChunkTree) -> RetrievalMessage {
    RetrievalMessage::Absent(tree.commitment())
}

fn bad_chunk(tree: &ChunkTree, index: u32) -> RetrievalMessage {
    let good = tree.chunk(index).unwrap();
    let mut data = good.data.to_vec();
    data[0] ^= 1;
    RetrievalMessage::Chunk(tree.commitment(), index, Chunk { data: Blob(data.into()), ..good })
}

/// Ends the turn; returns who was asked for what in it.
fn asked(hand: &mut Hand<Retrieval>) -> Vec<(u16, Vec<u32>)> {
    hand.flush();
    let request = |(to, _, message)| match (to, message) {
        (To::Node(to), RetrievalMessage::Request(_, indices)) => (to.0, indices.into_vec()),
        other => panic!("no request: {other:?}"),
    };
    hand.take_sent().into_iter().map(request).collect()
}

/// What was sent, to whom: chunk indices, `None` for a head, or a panic for anything else.
fn served(hand: &mut Hand<Retrieval>, tree: &ChunkTree) -> Vec<(u16, Option<u32>)> {
    hand.flush();
    let serve = |(to, _, message)| match (to, message) {
        (To::Node(to), RetrievalMessage::Chunk(root, index, chunk)) => {
            assert!(root == tree.commitment() && chunk.verify(&root, index, MAX).is_some());
            (to.0, Some(index))
        }
        (To::Node(to), RetrievalMessage::Head(root, head)) => {
            assert!(root == tree.commitment() && head.verify(&root, MAX).is_some());
            (to.0, None)
        }
        other => panic!("no answer: {other:?}"),
    };
    hand.take_sent().into_iter().map(serve).collect()
}

fn wanting(n: usize, me: usize, tree: &ChunkTree, signers: &[u16]) -> Hand<Retrieval> {
    let mut hand = hand(n, me);
    hand.input(RetrievalInput::Want { root: tree.commitment(), signers: nodes(signers) });
    hand
}

#[test]
fn f_plus_1_signers_are_asked_for_different_chunks_a_window_each() {
    let tree = tree(50 * C, 1);
    for n in [4, 5, 7, 10] {
        let one_honest = Committee::new(n).unwrap().one_honest();
        let signers: Vec<u16> = (0..n as u16).filter(|&i| i != 2).collect();
        let mut hand = wanting(n, 2, &tree, &signers);
        assert!(hand.node.is_fetching());
        let asked = asked(&mut hand);
        assert_eq!(asked.len(), one_honest);
        let all: BTreeSet<u32> = asked.iter().flat_map(|(_, indices)| indices.clone()).collect();
        assert!(all.iter().copied().eq(0..all.len() as u32), "different ones, from the first on");
        for (place, (node, indices)) in asked.iter().enumerate() {
            assert_eq!(usize::from(*node), (3 + place) % n, "the ring after this node");
            assert!(indices.len() <= WINDOW && indices.len() >= WINDOW.min(64 / one_honest));
            assert_eq!(indices[0] as usize, place, "dealt in turn");
        }
        let again = RetrievalInput::Want { root: Digest([1; 32]), signers: nodes(&signers) };
        hand.input(again);
        assert_eq!(self::asked(&mut hand), [], "the first wish counts");
    }
}

#[test]
fn signers_come_first_and_then_everybody() {
    let tree = tree(C, 1);
    // Of two signers one is this node itself, one has got nothing; the next are no signers.
    let mut hand = wanting(7, 3, &tree, &[1, 3]);
    let first: Vec<u16> = asked(&mut hand).into_iter().map(|(node, _)| node).collect();
    assert_eq!(first, [1, 4, 5]);
    hand.receive(1, absent(&tree));
    hand.receive(5, absent(&tree));
    let more: Vec<u16> = asked(&mut hand).into_iter().map(|(node, _)| node).collect();
    assert_eq!(more, [6, 0]);
    hand.receive(0, absent(&tree));
    assert_eq!(asked(&mut hand)[0].0, 2);
    hand.receive(4, absent(&tree));
    assert_eq!(asked(&mut hand), [], "there is nobody else");
    // A node that had nothing comes to hold it, and answers what it was asked.
    hand.receive(1, chunk(&tree, 0));
    assert_eq!(hand.seen.outputs, [tree]);
}

#[test]
fn the_payload_comes_out_whole_and_is_served_from_then_on() {
    for len in [0, 1, C - 1, C, C + 1, 20 * C + 5, 64 * C] {
        let tree = tree(len, 1);
        let mut hand = wanting(4, 0, &tree, &[1, 2, 3]);
        let mut rounds = 0;
        let mut received = 0;
        while hand.seen.outputs.is_empty() {
            for (holder, indices) in asked(&mut hand) {
                for index in indices {
                    let answer = if index < tree.chunks() { chunk(&tree, index) } else { head(&tree) };
                    received += usize::from(index < tree.chunks() && hand.seen.outputs.is_empty());
                    hand.receive(holder.into(), answer);
                }
            }
            rounds += 1;
            assert!(rounds < 10, "{len} bytes");
        }
        assert_eq!(hand.seen.outputs, std::slice::from_ref(&tree));
        assert_eq!(hand.seen.outputs[0].body(), tree.body());
        assert_eq!((received, hand.faults()), (tree.chunks() as usize, vec![]), "each chunk once, {len} bytes");
        assert_eq!(asked(&mut hand), [], "nobody is asked any more");
        hand.receive(3, request(&tree, &[0]));
        assert_eq!(served(&mut hand, &tree), [(3, Some(0))]);
        hand.input(RetrievalInput::Nudge);
        hand.receive(1, chunk(&tree, 0));
        assert_eq!((asked(&mut hand), hand.seen.outputs.len()), (vec![], 1));
    }
}

#[test]
fn what_is_at_hand_needs_nobody() {
    let tree = tree(3 * C, 1);
    let mut first = hand(4, 0);
    first.input(RetrievalInput::Hold(tree.clone()));
    first.input(RetrievalInput::Want { root: tree.commitment(), signers: nodes(&[1, 2, 3]) });
    assert_eq!((asked(&mut first), &first.seen.outputs), (vec![], &vec![tree.clone()]));
    // Or it comes by another way meanwhile; another payload does not help.
    let mut then = wanting(4, 0, &tree, &[1, 2, 3]);
    asked(&mut then);
    then.input(RetrievalInput::Hold(self::tree(3 * C, 2)));
    assert!(then.seen.outputs.is_empty() && then.node.is_fetching());
    then.input(RetrievalInput::Hold(tree.clone()));
    assert_eq!((asked(&mut then), &then.seen.outputs), (vec![], &vec![tree]));
}

#[test]
fn one_honest_holder_is_enough_whoever_else_is_silent() {
    let tree = tree(40 * C + 9, 1);
    for n in [4, 5, 7, 10] {
        let f = Committee::new(n).unwrap().f();
        for honest in 0..=f {
            let signers: Vec<u16> = (1..n as u16).collect();
            let mut hand = wanting(n, 0, &tree, &signers);
            let honest = 1 + honest as u16;
            let mut asked_of_it = BTreeSet::new();
            while hand.seen.outputs.is_empty() {
                let mine: Vec<u32> =
                    asked(&mut hand).into_iter().filter(|(node, _)| *node == honest).flat_map(|(_, i)| i).collect();
                assert!(!mine.is_empty(), "n {n}: {honest} is asked as long as something is missing");
                for index in mine {
                    assert!(asked_of_it.insert(index), "asked once for each");
                    let answer = if index < tree.chunks() { chunk(&tree, index) } else { head(&tree) };
                    hand.receive(honest.into(), answer);
                }
            }
            assert_eq!(hand.seen.outputs, std::slice::from_ref(&tree));
        }
    }
}

#[test]
fn debts_are_shared_and_not_all_repeated_by_everybody() {
    // Four nodes are active; one is silent and owes a window, the others are done at the same time.
    let tree = tree(4 * WINDOW * C, 1);
    let mut hand = wanting(10, 0, &tree, &[1, 2, 3, 4, 5, 6, 7]);
    let first = asked(&mut hand);
    for (holder, indices) in &first[1..] {
        indices.iter().for_each(|&index| hand.receive((*holder).into(), chunk(&tree, index)));
    }
    let mut taken = BTreeSet::new();
    for share in [1, 2] {
        let then = asked(&mut hand);
        assert_eq!(then.iter().map(|(holder, _)| *holder).collect::<Vec<_>>(), [2, 3, 4]);
        for (holder, indices) in then {
            assert_eq!(indices.len(), share, "a little at first, because what is owed may be about to come");
            for index in indices {
                assert!(first[0].1.contains(&index) && taken.insert(index), "different ones of those that are owed");
                hand.receive(holder.into(), chunk(&tree, index));
            }
        }
    }
    // Once only seven are missing, three idle holders take two of them twice.
    let last: Vec<u32> = asked(&mut hand).into_iter().flat_map(|(_, indices)| indices).collect();
    assert_eq!(last.iter().collect::<BTreeSet<_>>().len(), 7);
}

#[test]
fn a_liar_is_named_and_the_next_one_takes_over() {
    let n = 7;
    let tree = tree(10 * C, 1);
    let other = self::tree(10 * C, 2);
    let lies: [(&str, RetrievalMessage); 5] = [
        ("a changed byte", bad_chunk(&tree, 0)),
        ("another chunk", RetrievalMessage::Chunk(tree.commitment(), 0, tree.chunk(1).unwrap())),
        ("of another payload", RetrievalMessage::Chunk(tree.commitment(), 0, other.chunk(0).unwrap())),
        ("the head of another payload", RetrievalMessage::Head(tree.commitment(), other.head())),
        ("another length", RetrievalMessage::Head(tree.commitment(), Head { len: 1, ..tree.head() })),
    ];
    for (what, lie) in lies {
        let mut hand = wanting(n, 0, &tree, &[1, 2, 3, 4, 5]);
        assert_eq!(asked(&mut hand).iter().map(|(node, _)| *node).collect::<Vec<_>>(), [1, 2, 3]);
        hand.receive(1, lie.clone());
        assert_eq!(hand.faults(), [(1, FaultKind::InvalidChunk)], "{what}");
        let next = asked(&mut hand);
        assert_eq!(next.iter().map(|(node, _)| *node).collect::<Vec<_>>(), [4], "{what}");
        // Nothing of the liar counts any more.
        hand.receive(1, lie);
        hand.receive(1, chunk(&tree, 3));
        assert_eq!((asked(&mut hand), hand.faults().len()), (vec![], 1), "{what}");
        for (holder, indices) in next {
            indices.iter().for_each(|&index| {
                let answer = if index < tree.chunks() { chunk(&tree, index) } else { head(&tree) };
                hand.receive(holder.into(), answer);
            });
        }
        while hand.seen.outputs.is_empty() {
            let asked = asked(&mut hand);
            let of_4: Vec<u32> = asked.into_iter().filter(|(node, _)| *node == 4).flat_map(|(_, i)| i).collect();
            assert!(!of_4.is_empty(), "{what}: what the liar owed is asked of others");
            of_4.iter().for_each(|&index| hand.receive(4, chunk(&tree, index)));
        }
        assert_eq!(hand.seen.outputs, std::slice::from_ref(&tree));
    }
}

#[test]
fn payloads_beyond_the_limit_are_refused() {
    let long = tree(MAX + 1, 1);
    let mut hand = wanting(4, 0, &long, &[1, 2, 3]);
    let before = hand.node.memory();
    asked(&mut hand);
    hand.receive(1, chunk(&long, 0));
    hand.receive(2, head(&long));
    assert_eq!(hand.faults(), [(1, FaultKind::InvalidChunk), (2, FaultKind::InvalidChunk)]);
    assert!(hand.node.memory() < before + 4096);
}

#[test]
fn a_nudge_engages_one_more() {
    let tree = tree(50 * C, 1);
    let mut hand = wanting(7, 0, &tree, &[1, 2, 3, 4, 5, 6]);
    let who = |asked: Vec<(u16, Vec<u32>)>| asked.into_iter().map(|(node, _)| node).collect::<Vec<_>>();
    assert_eq!(who(asked(&mut hand)), [1, 2, 3]);
    for next in [4, 5, 6] {
        hand.input(RetrievalInput::Nudge);
        assert_eq!(who(asked(&mut hand)), [next]);
    }
    (0..3).for_each(|_| hand.input(RetrievalInput::Nudge));
    assert_eq!(who(asked(&mut hand)), []);
    let mut idle = self::hand(7, 0);
    idle.input(RetrievalInput::Nudge);
    assert_eq!(asked(&mut idle), [], "nothing is wanted");
}

#[test]
fn an_absence_counts_even_of_a_node_that_owes_nothing_any_more() {
    // Node 3 tells that there is one chunk, and is silent from then on, as node 1 is; node 2 was asked for what does
    // not exist, and says that it has nothing.
    let tree = tree(C, 1);
    let mut hand = wanting(7, 0, &tree, &[1, 2, 3, 4, 5]);
    asked(&mut hand);
    hand.receive(3, head(&tree));
    hand.receive(2, absent(&tree));
    let then = asked(&mut hand);
    assert!(then.contains(&(4, vec![0])), "{then:?}");
    hand.receive(4, chunk(&tree, 0));
    assert_eq!(hand.seen.outputs, [tree]);
}

#[test]
fn an_absence_of_the_past_does_not_undo_what_was_shown() {
    let tree = tree(40 * C, 1);
    let mut hand = wanting(4, 0, &tree, &[1, 2, 3]);
    let owed = asked(&mut hand)[0].1.clone();
    owed.iter().for_each(|&index| hand.receive(1, chunk(&tree, index)));
    hand.receive(1, absent(&tree));
    let then = asked(&mut hand);
    assert_eq!(then.iter().map(|(node, _)| *node).collect::<Vec<_>>(), [1], "it goes on being asked");
    // A new incarnation of it may have lost what it had.
    hand.forget(1);
    hand.receive(1, absent(&tree));
    let then = asked(&mut hand);
    assert_eq!(then.iter().map(|(node, _)| *node).collect::<Vec<_>>(), [3]);
}

#[test]
fn answers_that_nobody_asked_for_are_ignored() {
    let tree = tree(40 * C, 1);
    let mut hand = wanting(7, 0, &tree, &[1, 2, 3, 4]);
    let first = asked(&mut hand);
    let foreign = *first[1].1.first().unwrap();
    hand.receive(5, chunk(&tree, 0));
    hand.receive(5, bad_chunk(&tree, 0));
    hand.receive(5, absent(&tree));
    hand.receive(1, bad_chunk(&tree, foreign));
    hand.receive(1, RetrievalMessage::Absent(Digest([1; 32])));
    hand.receive(1, RetrievalMessage::Head(Digest([1; 32]), tree.head()));
    hand.receive(300, absent(&tree));
    assert_eq!((asked(&mut hand), hand.faults()), (vec![], vec![]));
    let mut idle = self::hand(7, 0);
    idle.receive(1, bad_chunk(&tree, 0));
    idle.receive(1, head(&tree));
    assert_eq!((asked(&mut idle), idle.faults()), (vec![], vec![]));
}

#[test]
fn each_chunk_is_served_once_per_incarnation() {
    let tree = tree(3 * C, 1);
    let mut hand = hand(4, 0);
    hand.input(RetrievalInput::Hold(tree.clone()));
    hand.receive(1, request(&tree, &[2, 0, 2, 3, 900, u32::MAX]));
    assert_eq!(served(&mut hand, &tree), [(1, Some(2)), (1, Some(0)), (1, None)]);
    hand.receive(1, request(&tree, &[0, 1, 2, 3, 4, 63, 64, 65, u32::MAX]));
    assert_eq!(served(&mut hand, &tree), [(1, Some(1))]);
    hand.receive(2, request(&tree, &[1]));
    assert_eq!(served(&mut hand, &tree), [(2, Some(1))], "another peer is another matter");
    hand.forget(1);
    hand.receive(1, request(&tree, &[2, 70]));
    hand.receive(2, request(&tree, &[1]));
    assert_eq!(served(&mut hand, &tree), [(1, Some(2)), (1, None)]);
}

#[test]
fn what_is_not_held_yet_is_answered_later() {
    for beyond in [vec![], vec![5], vec![u32::MAX], vec![5, u32::MAX]] {
        let tree = tree(3 * C, 1);
        let mut hand = hand(4, 0);
        let indices: Vec<u32> = [1, 0].into_iter().chain(beyond.iter().copied()).collect();
        for _ in 0..3 {
            hand.receive(1, request(&tree, &indices));
        }
        assert_eq!(
            hand.take_sent(),
            [(To::Node(NodeIndex(1)), mellivora_core::Durable::No, absent(&tree))],
            "said once"
        );
        hand.receive(2, request(&self::tree(C, 9), &[0]));
        hand.receive(3, request(&tree, &[2]));
        hand.forget(3);
        hand.take_sent();
        // Another payload of the same slot answers nobody.
        hand.input(RetrievalInput::Hold(self::tree(3 * C, 2)));
        assert_eq!(served(&mut hand, &tree), []);
        hand.input(RetrievalInput::Hold(tree.clone()));
        let head = if beyond.is_empty() { vec![] } else { vec![(1, None)] };
        assert_eq!(served(&mut hand, &tree), [vec![(1, Some(0)), (1, Some(1))], head].concat());
        hand.input(RetrievalInput::Hold(tree.clone()));
        hand.receive(1, request(&tree, &indices));
        assert_eq!(served(&mut hand, &tree), [], "once");
    }
}

#[test]
fn floods_of_requests_keep_memory_and_answers_bounded() {
    let n = 7;
    let tree = tree(5 * C, 1);
    let mut hand = hand(n, 0);
    let flood = |hand: &mut Hand<Retrieval>, round: u32| {
        for from in 1..n {
            let indices: Vec<u32> = (0..16).map(|i| (round * 16 + i).wrapping_mul(0x9e37_79b9) % 80).collect();
            hand.receive(from, request(&tree, &indices));
            hand.receive(from, RetrievalMessage::Request(Digest([round as u8; 32]), List::new(indices)));
            hand.receive(from, absent(&tree));
            hand.receive(from, chunk(&tree, round % 5));
        }
    };
    (0..100).for_each(|round| flood(&mut hand, round));
    let memory = hand.node.memory();
    assert!(memory < 4096, "{memory}");
    assert_eq!(hand.take_sent().len(), n - 1, "ABSENT, once each");
    (0..500).for_each(|round| flood(&mut hand, round));
    assert_eq!(hand.node.memory(), memory);
    hand.input(RetrievalInput::Hold(tree.clone()));
    (0..500).for_each(|round| flood(&mut hand, round));
    assert_eq!(served(&mut hand, &tree).len(), (n - 1) * (5 + 1), "each chunk and the head, once each");
    assert!(hand.faults().is_empty());
}

#[test]
fn memory_grows_by_what_has_come() {
    let tree = tree(20 * C, 1);
    let mut hand = wanting(4, 0, &tree, &[1, 2, 3]);
    for (holder, indices) in asked(&mut hand) {
        for index in indices.into_iter().filter(|&index| index < 19) {
            // As it comes from the wire: a slice of its frame.
            let frame: Bytes = mellivora_core::codec::encode(&chunk(&tree, index));
            hand.receive(holder.into(), mellivora_core::codec::decode(&frame).unwrap());
        }
    }
    let memory = hand.node.memory();
    assert!((19 * C..19 * C + 32 * 1024).contains(&memory), "{memory}");
}
