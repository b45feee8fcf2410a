//! False members: what they propose, or do not.

use bytes::Bytes;
use mellivora_adversary::forge::ForgedTree;
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::encode;
use mellivora_core::{FaultKind, NodeIndex};
use mellivora_subset::Dumbo1Message;

use super::support::{codec, set};
use super::{assert_all_output, contribute, is_vote, say_contribution, say_set, stage};

#[test]
fn a_silent_member_gets_zeros_once_another_one_is_chosen() {
    let mut stage = stage(4, &[3], &[0, 3]);
    contribute(&mut stage);
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 2]);
    assert!((0..3).all(|node| stage.node(node).decision(NodeIndex(3)) == Some(false)));
}

#[test]
fn what_is_no_index_set_is_blamed_and_gets_no_one() {
    let with_tail = |tail: u8| Bytes::from([&encode(&set([0, 1, 2]))[..], &[tail]].concat());
    let cases: [(&str, Bytes, FaultKind); 8] = [
        ("nothing", Bytes::new(), FaultKind::InvalidIndexSet),
        ("the empty set", encode(&set([])), FaultKind::InvalidIndexSet),
        ("one short of a quorum", encode(&set([0, 1])), FaultKind::InvalidIndexSet),
        ("a stranger", encode(&set([0, 1, 2, 4])), FaultKind::InvalidIndexSet),
        ("the last stranger", encode(&set([0, 1, 2, 255])), FaultKind::InvalidIndexSet),
        ("a trailing byte", with_tail(0), FaultKind::InvalidIndexSet),
        ("random bytes", Bytes::from_static(b"no set at all"), FaultKind::InvalidIndexSet),
        ("more than any set takes", vec![0xff; 34].into(), FaultKind::InvalidShard),
    ];
    for (name, bytes, kind) in cases {
        let mut stage = stage(4, &[3], &[0, 3]);
        contribute(&mut stage);
        say_set(&mut stage, 4, 3, bytes);
        // It has all the time in the world.
        stage.deliver(|_, p| !is_vote(p));
        stage.deliver_all();
        assert_all_output(&stage, &[0, 1, 2]);
        for node in 0..3 {
            assert_eq!(stage.node(node).decision(NodeIndex(3)), Some(false), "{name}");
            assert_eq!(stage.node(node).index_set(NodeIndex(3)), None, "{name}");
            assert_eq!(stage.faults(node), [(3, kind)], "{name}");
        }
    }
}

#[test]
fn a_set_that_names_what_nobody_delivers_gets_no_one() {
    // Two of three members are Byzantine: one names its own contribution, which it never made, the other says nothing.
    let mut stage = stage(7, &[5, 6], &[0, 5, 6]);
    contribute(&mut stage);
    say_set(&mut stage, 7, 5, encode(&set([0, 1, 2, 3, 5])));
    stage.deliver(|_, p| !is_vote(p));
    assert!((0..5).all(|node| stage.node(node).index_set(NodeIndex(5)).is_some()), "it is well formed");
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 2, 3, 4]);
    for node in 0..5 {
        assert_eq!([0, 5, 6].map(|j| stage.node(node).decision(NodeIndex(j))), [Some(true), Some(false), Some(false)]);
        assert!(stage.faults(node).is_empty(), "nothing tells such a set from one whose contributions are late");
    }
}

#[test]
fn a_byzantine_members_set_counts_like_any_other_when_its_contributions_arrive() {
    let mut stage = stage(7, &[5, 6], &[0, 5, 6]);
    contribute(&mut stage);
    say_contribution(&mut stage, 7, 5);
    say_set(&mut stage, 7, 5, encode(&set([0, 1, 2, 3, 5])));
    stage.deliver(|_, p| !is_vote(p));
    stage.deliver_all();
    assert_eq!(stage.node(0).decision(NodeIndex(5)), Some(true));
    assert_all_output(&stage, &[0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_set_of_a_node_that_was_not_elected_is_of_no_use() {
    let mut stage = stage(4, &[3], &[0, 1]);
    contribute(&mut stage);
    say_set(&mut stage, 4, 3, encode(&set([0, 1, 2])));
    // First of all, so that it is delivered before anybody knows better.
    stage.deliver(|_, p| p.from.0 == 3 || super::is_index_set(p));
    assert!((0..3).all(|node| stage.node(node).index_set(NodeIndex(3)).is_some()));
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 2]);
    assert!((0..3).all(|node| stage.node(node).decision(NodeIndex(3)).is_none()));
}

#[test]
fn two_sets_in_one_tree_that_is_no_codeword_are_bottom_at_all() {
    // Shards of one set under a root that holds a leaf of something else; whoever decodes sees that.
    let codec = codec(7);
    let mut tree = ForgedTree::honest(&codec, encode(&set([0, 1, 2, 3, 4]))).unwrap();
    tree.flip(6, 0, 1);
    let mut stage = stage(7, &[5, 6], &[0, 5, 6]);
    contribute(&mut stage);
    let member = NodeIndex(5);
    for node in 0..5 {
        let message = RbcMessage::Val { root: tree.commitment(), shard: tree.shard(NodeIndex(node)) };
        stage.say(5, &[node], Dumbo1Message::IndexSet { member, message });
    }
    stage.deliver(|_, p| !is_vote(p));
    stage.deliver_all();
    assert_all_output(&stage, &[0, 1, 2, 3, 4]);
    for node in 0..5 {
        assert_eq!(stage.node(node).decision(member), Some(false));
        assert!(stage.faults(node).iter().all(|fault| *fault == (5, FaultKind::NotACodeword)));
        assert!(!stage.faults(node).is_empty());
    }
}

#[test]
fn two_different_sets_shown_to_two_halves_are_one_set_or_none() {
    let (one, two) = (encode(&set([0, 1, 2, 3, 4])), encode(&set([1, 2, 3, 4, 0, 6])));
    for few in [2, 3] {
        let mut stage = stage(7, &[5, 6], &[0, 5, 6]);
        contribute(&mut stage);
        let sets = [&one, &two].map(|bytes| codec(7).encode(bytes.clone()).unwrap());
        for node in 0..5u16 {
            let shown = &sets[usize::from(node >= few)];
            let (root, member) = (shown.commitment, NodeIndex(5));
            let message = RbcMessage::Val { root, shard: shown.shards[usize::from(node)].clone() };
            stage.say(5, &[node], Dumbo1Message::IndexSet { member, message });
            // Both liars support what each node was shown.
            for liar in [5, 6] {
                let message = RbcMessage::Echo { root, shard: shown.shards[usize::from(liar)].clone() };
                stage.say(liar, &[node], Dumbo1Message::IndexSet { member, message });
            }
        }
        stage.deliver(|_, p| !is_vote(p));
        let delivered: Vec<_> = (0..5).filter_map(|node| stage.node(node).index_set(NodeIndex(5))).collect();
        assert!(delivered.windows(2).all(|pair| pair[0] == pair[1]), "{delivered:?}");
        stage.deliver_all();
        assert_all_output(&stage, &[0, 1, 2, 3, 4]);
    }
}
