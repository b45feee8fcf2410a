//! One node under attack, message by message.

mod common;

use bytes::Bytes;
use common::tree::ForgedTree;
use common::*;
use mellivora_broadcast::{EchoMode, RbcMessage};
use mellivora_coding::{Encoded, Proof, Shard};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Committee, Digest, FaultKind, NodeIndex, NodeSet};

fn encoded(n: usize, salt: u8) -> Encoded {
    codec(n).encode(payload(64 * codec(n).committee().data_shards(), salt)).unwrap()
}

/// Node `me` of `n`; the proposer is node 0.
fn hand(n: usize, me: usize, mode: EchoMode) -> Hand {
    Hand::new(config(&codec(n), node(me), node(0), mode))
}

fn strong(n: usize) -> usize {
    Committee::new(n).unwrap().strong()
}

#[test]
fn a_second_val_is_a_fault_and_the_first_one_wins() {
    for n in [4, 5, 6, 7, 10] {
        let (first, second) = (encoded(n, 1), encoded(n, 2));
        let mut hand = hand(n, 1, EchoMode::Full);
        hand.receive(0, val(&first, 1));
        hand.receive(0, val(&first, 1));
        assert_eq!(hand.fault_kinds(), [], "the same again is no fault");
        hand.receive(0, val(&second, 1));
        assert_eq!(hand.fault_kinds(), [(0, FaultKind::ConflictingVal)]);
        assert_eq!(hand.rbc.supported(), Some(first.commitment));
        assert_eq!(hand.seen.sent.iter().filter(|(.., m)| matches!(m, RbcMessage::Echo { .. })).count(), 1);
    }
}

#[test]
fn a_val_from_a_node_that_is_not_the_proposer_is_a_fault() {
    let mut hand = hand(4, 1, EchoMode::Full);
    hand.receive(2, val(&encoded(4, 1), 1));
    assert_eq!(hand.fault_kinds(), [(2, FaultKind::NotTheProposer)]);
    assert_eq!(hand.rbc.supported(), None);
}

/// Shards of node 1 that are wrong in every way there is.
fn wrong_shards(n: usize, encoded: &Encoded) -> Vec<(&'static str, Shard)> {
    let good = &encoded.shards[1];
    let with = |len: u32, path: Vec<Digest>, data: Bytes| Shard {
        proof: Proof { len, path: List::new(path) },
        data: Blob(data),
    };
    let (len, path, data) = (good.proof.len, good.proof.path.to_vec(), good.data.0.clone());
    let longer = path.iter().copied().chain([Digest([7; 32])]).collect();
    let shorter = path[..path.len() - 1].to_vec();
    let inner: Vec<u8> = [encoded.shards[1].proof.path[0].0, encoded.shards[0].proof.path[0].0].concat();
    let mut flipped = data.to_vec();
    flipped[3] ^= 4;
    vec![
        ("index of another", encoded.shards[2].clone()),
        ("index of the last", encoded.shards[n - 1].clone()),
        ("long proof", with(len, longer, data.clone())),
        ("short proof", with(len, shorter.clone(), data.clone())),
        ("inner node as leaf", with(len, shorter, inner.clone().into())),
        ("inner node under a whole path", with(len, path.clone(), inner.into())),
        ("no data", with(len, path.clone(), Bytes::new())),
        ("data too long", with(len, path.clone(), vec![0; 4096].into())),
        ("data beyond every limit", with(u32::MAX, path.clone(), vec![0; 4 << 20].into())),
        ("another length", with(len - 1, path.clone(), data.clone())),
        ("flipped bit", with(len, path, flipped.into())),
    ]
}

#[test]
fn a_val_with_a_wrong_shard_is_a_fault_and_fills_no_slot() {
    for n in [4, 5, 6, 7, 10] {
        let encoded = encoded(n, 1);
        for (what, shard) in wrong_shards(n, &encoded) {
            let mut hand = hand(n, 1, EchoMode::Full);
            hand.receive(0, RbcMessage::Val { root: encoded.commitment, shard });
            assert_eq!(hand.fault_kinds(), [(0, FaultKind::InvalidShard)], "{what}");
            assert!(hand.seen.sent.is_empty(), "{what}");
            hand.receive(0, val(&encoded, 1));
            assert_eq!(hand.rbc.supported(), Some(encoded.commitment), "a right one is still welcome: {what}");
        }
    }
}

#[test]
fn echoes_with_wrong_shards_never_keep_the_payload_from_being_delivered() {
    for n in [4, 5, 6, 7, 10] {
        let encoded = encoded(n, 1);
        for mode in modes(n) {
            for (what, shard) in wrong_shards(n, &encoded) {
                let mut hand = hand(n, 2, mode);
                hand.receive(1, RbcMessage::Echo { root: encoded.commitment, shard });
                hand.receive(0, val(&encoded, 2));
                for j in (0..n).filter(|&j| j != 1) {
                    hand.receive(j, echo(&encoded, j));
                    hand.run_jobs();
                }
                for j in 0..strong(n) {
                    hand.receive(j, RbcMessage::Ready(encoded.commitment));
                }
                assert_eq!(hand.seen.outputs.len(), 1, "{what}");
                assert_eq!(hand.seen.outputs[0].body.as_ref(), Some(&encoded.body), "{what}");
                assert!(hand.fault_kinds().iter().all(|fault| *fault == (1, FaultKind::InvalidShard)), "{what}");
                assert!(hand.jobs_run <= 3, "{what}: one wasted decode, one check, one decode: {}", hand.jobs_run);
            }
        }
    }
}

#[test]
fn at_most_one_decode_is_wasted_however_many_bad_shards_come() {
    for n in [4, 7, 10] {
        let f = Committee::new(n).unwrap().f();
        let encoded = encoded(n, 1);
        let mut hand = hand(n, n - 1, EchoMode::Full);
        // The culprits come first and one by one, so that each could spoil a decode of its own.
        let mut culprits = 0;
        for j in 0..n - 1 {
            let mut shard = encoded.shards[j].clone();
            if j % 3 == 0 && culprits < f {
                culprits += 1;
                shard.data = Blob(vec![0xbd; shard.data.len()].into());
            }
            hand.receive(j, RbcMessage::Echo { root: encoded.commitment, shard });
            hand.run_jobs();
        }
        (0..strong(n)).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
        assert_eq!(hand.seen.outputs[0].body.as_ref(), Some(&encoded.body));
        let blamed: NodeSet = hand.seen.faults.iter().map(|fault| fault.node).collect();
        assert!(blamed.iter().all(|j| j.0 % 3 == 0) && !blamed.is_empty(), "{blamed:?}");
        assert_eq!(hand.seen.faults.len(), blamed.len(), "each culprit is named once");
        assert_eq!(hand.unchecked_decodes, 1, "of {} jobs", hand.jobs_run);
    }
}

#[test]
fn shards_of_distrusted_nodes_are_checked_before_use() {
    let n = 4;
    let encoded = encoded(n, 1);
    let mut bad = encoded.shards[0].clone();
    bad.data = Blob(vec![1; bad.data.len()].into());
    for (trusting, unchecked) in [(true, 1), (false, 0)] {
        let mut hand = hand(n, 3, EchoMode::Full);
        if !trusting {
            hand.rbc.distrust(NodeSet::one(node(0)));
        }
        hand.receive(0, RbcMessage::Echo { root: encoded.commitment, shard: bad.clone() });
        hand.receive(1, echo(&encoded, 1));
        let before = hand.seen.jobs.len();
        hand.run_jobs();
        hand.receive(2, echo(&encoded, 2));
        hand.run_jobs();
        (0..3).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
        assert_eq!(hand.seen.outputs[0].body.as_ref(), Some(&encoded.body));
        // The distrusted shard is looked at only for want of others: here it made up the k-th.
        assert_eq!((before, hand.fault_kinds().len()), (1, 1), "trusting: {trusting}");
        assert_eq!((hand.jobs_run, hand.unchecked_decodes), (2, unchecked));
    }
    // With enough others it is not even looked at.
    let mut hand = hand(n, 3, EchoMode::Full);
    hand.rbc.distrust(NodeSet::one(node(0)));
    hand.receive(1, echo(&encoded, 1));
    hand.receive(0, RbcMessage::Echo { root: encoded.commitment, shard: bad });
    hand.receive(2, echo(&encoded, 2));
    hand.run_jobs();
    assert_eq!((hand.jobs_run, hand.unchecked_decodes), (2, 0), "a check of both, then a decode of what is good");
}

#[test]
fn conflicting_votes_count_once() {
    let (one, two) = (encoded(4, 1), encoded(4, 2));
    let mut hand = hand(4, 3, EchoMode::saving(Committee::new(4).unwrap()));
    hand.receive(1, echo(&one, 1));
    hand.receive(1, RbcMessage::EchoHash(one.commitment));
    hand.receive(1, echo(&one, 1));
    assert_eq!(hand.fault_kinds(), []);
    hand.receive(1, echo(&two, 1));
    hand.receive(1, RbcMessage::EchoHash(two.commitment));
    hand.receive(1, RbcMessage::Ready(one.commitment));
    hand.receive(1, RbcMessage::Ready(one.commitment));
    hand.receive(1, RbcMessage::Ready(two.commitment));
    hand.receive(1, RbcMessage::CanDecode(one.commitment));
    hand.receive(1, RbcMessage::CanDecode(one.commitment));
    hand.receive(1, RbcMessage::CanDecode(two.commitment));
    let kinds = [
        FaultKind::ConflictingEcho,
        FaultKind::ConflictingEcho,
        FaultKind::ConflictingReady,
        FaultKind::ConflictingCanDecode,
    ];
    assert_eq!(hand.fault_kinds(), kinds.map(|kind| (1, kind)));
    assert!(hand.seen.sent.is_empty(), "one node, however loud, moves nobody");
}

#[test]
fn ready_needs_a_quorum_of_supporters_or_one_honest_ready() {
    for n in SIZES {
        let committee = Committee::new(n).unwrap();
        let encoded = encoded(n, 1);
        let ready = |hand: &Hand| hand.seen.sent.iter().any(|(.., m)| matches!(m, RbcMessage::Ready(_)));
        let mut by_support = hand(n, n - 1, EchoMode::Full);
        let mut by_ready = hand(n, n - 1, EchoMode::Full);
        for j in 0..committee.quorum() {
            assert!(!ready(&by_support), "{j} supporters of {n}");
            // Hashes and whole shards count alike.
            let message = if j % 2 == 0 { echo(&encoded, j) } else { RbcMessage::EchoHash(encoded.commitment) };
            by_support.receive(j, message);
        }
        assert!(ready(&by_support));
        for j in 0..committee.one_honest() {
            assert!(!ready(&by_ready), "{j} READYs of {n}");
            by_ready.receive(j, RbcMessage::Ready(encoded.commitment));
        }
        assert!(ready(&by_ready), "amplified");
    }
}

#[test]
fn delivery_needs_exactly_2f_plus_1_readys_and_no_val() {
    for n in [4, 5, 6, 7, 10] {
        let committee = Committee::new(n).unwrap();
        let encoded = encoded(n, 1);
        for mode in modes(n) {
            let me = n - 1;
            let mut hand = hand(n, me, mode);
            (0..committee.data_shards()).for_each(|j| hand.receive(j, echo(&encoded, j)));
            hand.run_jobs();
            // Its own READY is one of them, from amplification on.
            for j in 0..committee.strong() - 1 {
                assert!(hand.seen.outputs.is_empty(), "{j} READYs of {n}");
                hand.receive(j, RbcMessage::Ready(encoded.commitment));
            }
            assert_eq!(hand.seen.outputs.len(), 1);
            assert_eq!(hand.rbc.delivered(), Some(encoded.commitment));
            assert_eq!(hand.rbc.supported(), None, "no VAL came");
            hand.receive(0, val(&encoded, me));
            assert_eq!(hand.rbc.supported(), Some(encoded.commitment), "a late VAL is still echoed");
            // After 2f + 1 READYs, rule 4 sends the shard to everybody who has not declined.
            let shown = hand.receivers(|m| matches!(m, RbcMessage::Echo { .. })).len();
            let to_all = hand
                .seen
                .sent
                .iter()
                .any(|(to, _, m)| matches!(m, RbcMessage::Echo { .. }) && *to == mellivora_core::To::All);
            assert!(to_all || shown == n, "{shown} of {n} under {mode:?}");
            assert_eq!(hand.seen.outputs.len(), 1);
        }
    }
}

#[test]
fn the_proposer_does_not_decode_its_own_payload() {
    for n in SIZES {
        for mode in modes(n) {
            let mut hand = hand(n, 0, mode);
            let payload = payload(500, 1);
            hand.input(payload.clone());
            hand.input(payload.slice(1..));
            hand.run_jobs();
            let root = hand.rbc.supported().unwrap();
            let encoded = codec(n).encode(payload.clone()).unwrap();
            assert_eq!(encoded.commitment, root, "the second input is ignored");
            (1..n).for_each(|j| hand.receive(j, echo(&encoded, j)));
            (1..n).for_each(|j| hand.receive(j, RbcMessage::Ready(root)));
            hand.run_jobs();
            assert_eq!(hand.jobs_run, 1, "the encoding");
            assert_eq!(hand.seen.outputs[0].body.as_ref().unwrap().to_bytes(), payload);
            assert_eq!(hand.fault_kinds(), []);
        }
    }
}

#[test]
fn inputs_are_taken_at_the_proposer_and_within_the_limit_only() {
    let mut other = hand(4, 1, EchoMode::Full);
    other.input(payload(10, 1));
    let mut proposer = hand(4, 0, EchoMode::Full);
    proposer.input(payload(LIMIT + 1, 1));
    assert!(other.seen.jobs.is_empty() && proposer.seen.jobs.is_empty());
    proposer.input(payload(LIMIT, 1));
    assert_eq!(proposer.seen.jobs.len(), 1, "what was refused is no proposal");
}

#[test]
fn floods_of_distinct_digests_keep_memory_constant() {
    let n = 7;
    let codec = codec(n);
    let mut hand = hand(n, 6, EchoMode::saving(codec.committee()));
    let digest = |i: u32| Digest(std::array::from_fn(|b| (i.wrapping_mul(0x9e37_79b9) >> (b % 4 * 8)) as u8 ^ b as u8));
    let flood = |hand: &mut Hand, round: u32| {
        for j in 0..6 {
            let root = digest(round * 6 + j as u32 + 1);
            let shard = encoded(n, round as u8).shards[j].clone();
            hand.receive(j, RbcMessage::Echo { root, shard });
            hand.receive(j, RbcMessage::EchoHash(digest(round * 6 + j as u32 + 1_000_000)));
            hand.receive(j, RbcMessage::Ready(digest(round * 6 + j as u32 + 2_000_000)));
            hand.receive(j, RbcMessage::CanDecode(digest(round * 6 + j as u32 + 3_000_000)));
            hand.receive(j, val(&encoded(n, round as u8), j));
        }
        hand.run_jobs();
        hand.seen.faults.clear();
    };
    flood(&mut hand, 0);
    let after_one = hand.rbc.memory();
    for round in 1..200 {
        flood(&mut hand, round);
        assert!(hand.rbc.memory() <= after_one, "round {round}");
    }
    assert!(hand.rbc.memory() > 0 && hand.seen.sent.is_empty() && hand.seen.outputs.is_empty());
}

#[test]
fn messages_from_beyond_the_committee_are_ignored() {
    let encoded = encoded(4, 1);
    let mut hand = hand(4, 1, EchoMode::Full);
    for j in [4, 5, 300, 65_535] {
        hand.receive(j, RbcMessage::Ready(encoded.commitment));
        hand.receive(j, echo(&encoded, 2));
        hand.receive(j, val(&encoded, 1));
        hand.receive(j, RbcMessage::CanDecode(encoded.commitment));
    }
    assert!(hand.seen.sent.is_empty() && hand.seen.faults.is_empty());
}

#[test]
fn shards_are_dropped_when_they_have_done_their_service() {
    let n = 4;
    let codec = codec(n);
    let encoded = codec.encode(payload(LIMIT, 1)).unwrap();
    let mut hand = hand(n, 3, EchoMode::Full);
    let idle = hand.rbc.memory();
    (0..3).for_each(|j| hand.receive(j, echo(&encoded, j)));
    assert!(hand.rbc.memory() > idle + 3 * codec.shard_len(LIMIT));
    hand.run_jobs();
    (0..3).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    assert_eq!(hand.seen.outputs.len(), 1);
    assert!(hand.rbc.memory() < idle + 1024, "nothing bulky after delivery");
    hand.receive(3, echo(&encoded, 3));
    assert!(hand.rbc.memory() < idle + 1024, "nor later");
}

#[test]
fn a_forged_tree_gives_bottom_by_every_set_of_shards_and_blames_the_proposer_alone() {
    for n in [4, 5, 6, 7, 10] {
        let committee = Committee::new(n).unwrap();
        let (k, codec) = (committee.data_shards(), codec(n));
        for bad_leaf in 0..n {
            let mut forger = ForgedTree::honest(&codec, payload(300, 1)).unwrap();
            forger.flip(bad_leaf, 5, 0x40);
            let root = forger.commitment();
            for start in 0..n {
                let mut hand = hand(n, n - 1, EchoMode::Full);
                // k consecutive shards, from each start on.
                for j in (start..start + k).map(|j| j % n) {
                    hand.receive(j, RbcMessage::Echo { root, shard: forger.shard(node(j)) });
                }
                (0..committee.strong()).for_each(|j| hand.receive(j, RbcMessage::Ready(root)));
                hand.run_jobs();
                assert_eq!(hand.seen.outputs.len(), 1, "n {n}, leaf {bad_leaf}, from {start}");
                assert_eq!((hand.seen.outputs[0].commitment, &hand.seen.outputs[0].body), (root, &None));
                assert_eq!(hand.fault_kinds(), [(0, FaultKind::NotACodeword)]);
            }
        }
    }
}

#[test]
fn a_mismatch_over_unchecked_shards_is_no_outcome_even_when_ready() {
    // Every READY is there, and the first k shards hold a bad one: BOTTOM here would split the cluster.
    let n = 7;
    let encoded = encoded(n, 1);
    let mut hand = hand(n, 6, EchoMode::Full);
    (0..5).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    let mut bad = encoded.shards[1].clone();
    bad.data = Blob(vec![9; bad.data.len()].into());
    hand.receive(0, echo(&encoded, 0));
    hand.receive(1, RbcMessage::Echo { root: encoded.commitment, shard: bad });
    hand.receive(2, echo(&encoded, 2));
    hand.run_jobs();
    assert!(hand.seen.outputs.is_empty());
    assert_eq!(hand.fault_kinds(), [(1, FaultKind::InvalidShard)]);
    hand.receive(1, echo(&encoded, 1));
    hand.run_jobs();
    assert!(hand.seen.outputs.is_empty(), "no second try for a sender that was caught");
    hand.receive(5, echo(&encoded, 5));
    hand.run_jobs();
    assert_eq!(hand.seen.outputs[0].body.as_ref(), Some(&encoded.body));
    let me: NodeIndex = hand.me;
    assert!(hand.seen.faults.iter().all(|fault| fault.node != me));
}
