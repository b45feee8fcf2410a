//! The whole way: encode, verify, decode; what is refused; and that every set of shards leads to the same outcome.

// The naive tree that attackers use, which is also the second implementation that this one is checked against.
#[allow(dead_code, unreachable_pub)]
#[path = "../../adversary/src/forge/tree.rs"]
mod tree;

use bytes::Bytes;
use mellivora_coding::{Body, Codec, CodecError, Decoded, Encoded, LeafHash, Proof, Shard};
use mellivora_core::codec::{self, Blob, List};
use mellivora_core::{Committee, Digest, NodeIndex};
use proptest::prelude::*;
use tree::ForgedTree;

const SIZES: [usize; 11] = [1, 2, 3, 4, 5, 6, 7, 10, 16, 31, 100];
const LIMIT: usize = 1 << 20;

fn codec(n: usize) -> Codec {
    Codec::new(Committee::new(n).unwrap(), LIMIT).unwrap()
}

/// Distinct bytes, so that a misplaced shard shows.
fn payload(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}

fn node(i: usize) -> NodeIndex {
    NodeIndex(i as u16)
}

/// The shards of these indices, verified, as a receiver holds them.
fn pick<'a>(codec: &Codec, encoded: &'a Encoded, indices: &[usize]) -> Vec<(NodeIndex, &'a Shard, Option<LeafHash>)> {
    indices
        .iter()
        .map(|&i| {
            let shard = &encoded.shards[i];
            let leaf = codec.verify(&encoded.commitment, node(i), shard);
            assert!(leaf.is_some(), "shard {i} verifies");
            (node(i), shard, leaf)
        })
        .collect()
}

/// The k indices that a permutation seed chooses among n.
fn subset(n: usize, k: usize, seed: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    let mut state = seed | 1;
    for i in (1..n).rev() {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        all.swap(i, (state >> 33) as usize % (i + 1));
    }
    all.truncate(k);
    all
}

#[test]
fn every_size_of_committee_and_payload_comes_back_from_first_last_and_mixed_shards() {
    for n in SIZES {
        let codec = codec(n);
        let k = codec.committee().data_shards();
        for len in
            [0, 1, k.saturating_sub(1), k, 63, 64, 65, 4096 * k, 4096 * k + 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1]
        {
            if len > LIMIT {
                continue;
            }
            let payload = payload(len, n as u64);
            let encoded = codec.encode(payload.clone()).unwrap();
            assert_eq!(encoded.shards.len(), n);
            assert_eq!(encoded.body.to_bytes(), payload);
            assert_eq!(codec.commit(&Body::from_bytes(payload.clone())), Ok(encoded.commitment));
            let sets = [
                (0..k).collect(),
                (n - k..n).collect(),
                subset(n, k, len as u64 + 7),
                (0..n).rev().collect::<Vec<_>>(),
            ];
            for set in sets {
                let Decoded::Match(body) = codec.decode(&encoded.commitment, &pick(&codec, &encoded, &set)) else {
                    panic!("n {n}, {len} bytes, shards {set:?}");
                };
                assert_eq!(body.len(), len);
                assert_eq!(body.to_bytes(), payload, "n {n}, {len} bytes, shards {set:?}");
            }
            let few = pick(&codec, &encoded, &(1..k).collect::<Vec<_>>());
            assert_eq!(codec.decode(&encoded.commitment, &few), Decoded::TooFew);
        }
    }
}

#[test]
fn every_fault_bound_below_the_largest_works_too() {
    for (n, f) in [(4, 0), (5, 0), (7, 1), (10, 2), (10, 0)] {
        let codec = Codec::new(Committee::with_faulty(n, f).unwrap(), LIMIT).unwrap();
        let encoded = codec.encode(payload(1000, 1)).unwrap();
        let last: Vec<usize> = (2 * f..n).collect();
        let Decoded::Match(body) = codec.decode(&encoded.commitment, &pick(&codec, &encoded, &last)) else {
            panic!("n {n} f {f}")
        };
        assert_eq!(body.to_bytes(), payload(1000, 1));
    }
}

#[test]
fn the_same_shard_twice_counts_once() {
    let codec = codec(4);
    let encoded = codec.encode(payload(100, 1)).unwrap();
    let twice = pick(&codec, &encoded, &[2, 2]);
    assert_eq!(codec.decode(&encoded.commitment, &twice), Decoded::TooFew);
}

#[test]
fn forged_proofs_are_refused() {
    for n in [1, 4, 5, 6, 7, 10, 31, 100] {
        let codec = codec(n);
        // Fills all data shards, so that no two are equal: equal neighbours are proved by the same bytes.
        let encoded = codec.encode(payload(128 * codec.committee().data_shards(), 3)).unwrap();
        let root = &encoded.commitment;
        for i in 0..n {
            let good = &encoded.shards[i];
            assert!(codec.verify(root, node(i), good).is_some());
            for other in (0..n + 3).filter(|&other| other != i) {
                assert_eq!(codec.verify(root, node(other), good), None, "shard {i} as {other} of {n}");
            }
            assert_eq!(codec.verify(root, NodeIndex(u16::MAX), good), None);
            assert_eq!(codec.verify(&Digest([1; 32]), node(i), good), None);

            let with = |proof: Proof, data: Bytes| Shard { proof, data: Blob(data) };
            let mut path = good.proof.path.to_vec();
            path.truncate(Proof::MAX_PATH - 1);
            path.push(Digest([0; 32]));
            let longer = with(Proof { len: good.proof.len, path: List::new(path) }, good.data.0.clone());
            assert_eq!(codec.verify(root, node(i), &longer), None);
            if let Some((_, shorter)) = good.proof.path.split_last() {
                let shorter =
                    with(Proof { len: good.proof.len, path: List::new(shorter.to_vec()) }, good.data.0.clone());
                assert_eq!(codec.verify(root, node(i), &shorter), None);
            }
            for len in [0, 1, good.proof.len - 1, good.proof.len + 1, LIMIT as u32 + 1, u32::MAX] {
                let lying = with(Proof { len, path: good.proof.path.clone() }, good.data.0.clone());
                assert_eq!(codec.verify(root, node(i), &lying), None, "length {len}");
            }
            for data in [Bytes::new(), good.data.slice(1..), Bytes::from(vec![0; 2 * good.data.len()])] {
                assert_eq!(codec.verify(root, node(i), &with(good.proof.clone(), data)), None);
            }
            let mut flipped = good.data.to_vec();
            flipped[0] ^= 1;
            assert_eq!(codec.verify(root, node(i), &with(good.proof.clone(), flipped.into())), None);
        }
    }
}

#[test]
fn an_inner_node_is_no_leaf() {
    // 64 bytes are the shortest shard and the input of an inner node: without separation the two would collide.
    let codec = codec(4);
    let encoded = codec.encode(payload(128, 1)).unwrap();
    let [a, b] = [0, 1].map(|i| codec.verify(&encoded.commitment, node(i), &encoded.shards[i]).unwrap());
    let hashes = [a, b].map(|leaf| format!("{leaf:?}"));
    assert_ne!(hashes[0], hashes[1]);
    // The path of leaf 2 starts with leaf 3 and ends with the parent of leaves 0 and 1.
    let inner = encoded.shards[2].proof.path[1];
    let both: Vec<u8> =
        [encoded.shards[1].proof.path[0], encoded.shards[0].proof.path[0]].iter().flat_map(|d| d.0).collect();
    for path in [vec![inner], vec![encoded.shards[0].proof.path[1]], encoded.shards[0].proof.path.to_vec()] {
        for len in [0, 64, 128] {
            let forged = Shard { proof: Proof { len, path: List::new(path.clone()) }, data: Blob(both.clone().into()) };
            for i in 0..4 {
                assert_eq!(codec.verify(&encoded.commitment, node(i), &forged), None);
            }
        }
    }
}

#[test]
fn payloads_beyond_the_limit_are_refused_at_both_ends() {
    let committee = Committee::new(4).unwrap();
    let small = Codec::new(committee, 1000).unwrap();
    let error = small.encode(payload(1001, 1)).unwrap_err();
    assert_eq!(error, CodecError::PayloadTooLarge { len: 1001, max: 1000 });
    assert_eq!(small.commit(&Body::from_bytes(payload(1001, 1))), Err(error));
    let large = codec(4).encode(payload(1001, 1)).unwrap();
    assert_eq!(small.verify(&large.commitment, node(0), &large.shards[0]), None);
    let all: Vec<_> = (0..4).map(|i| (node(i), &large.shards[i], None)).collect();
    assert_eq!(small.decode(&large.commitment, &all), Decoded::Mismatch);
    assert!(matches!(Codec::new(committee, Codec::MAX_PAYLOAD + 1), Err(CodecError::LimitTooLarge { .. })));
}

#[test]
fn a_limited_codec_is_the_same_code_with_a_lower_bound() {
    let codec = Codec::new(Committee::new(7).unwrap(), 1000).unwrap();
    let small = codec.limited(33);
    assert_eq!((small.max_payload(), codec.limited(5000).max_payload()), (33, 1000), "it never raises the bound");
    let payload = Bytes::from(vec![7; 33]);
    let encoded = small.encode(payload.clone()).unwrap();
    assert_eq!(encoded.commitment, codec.encode(payload).unwrap().commitment);
    let large = codec.encode(vec![7; 34].into()).unwrap();
    assert!(small.encode(vec![7; 34].into()).is_err());
    for (node, shard) in codec.committee().nodes().zip(&large.shards) {
        assert!(codec.is_plausible(node, shard) && !small.is_plausible(node, shard));
        assert!(small.verify(&large.commitment, node, shard).is_none());
    }
}

#[test]
fn unverified_shards_of_any_shape_are_a_mismatch_and_never_a_panic() {
    let codec = codec(7);
    let encoded = codec.encode(payload(3000, 1)).unwrap();
    let other = codec.encode(payload(9000, 2)).unwrap();
    let mut empty = encoded.shards[1].clone();
    empty.data = Blob::default();
    let mut huge = encoded.shards[1].clone();
    huge.proof.len = u32::MAX;
    huge.data = Blob(vec![0; 1 << 20].into());
    for bad in [&empty, &huge, &other.shards[1], &encoded.shards[2]] {
        let shards = [(node(0), &encoded.shards[0], None), (node(1), bad, None), (node(5), &encoded.shards[5], None)];
        assert_eq!(codec.decode(&encoded.commitment, &shards), Decoded::Mismatch);
        let shards = [(node(1), bad, None), (node(2), &encoded.shards[2], None), (node(5), &encoded.shards[5], None)];
        assert_eq!(codec.decode(&encoded.commitment, &shards), Decoded::Mismatch);
    }
    let beyond = [(node(7), &encoded.shards[0], None), (node(900), &encoded.shards[1], None)];
    assert_eq!(codec.decode(&encoded.commitment, &beyond), Decoded::TooFew);
}

#[test]
fn data_shards_are_slices_of_the_payload_and_bodies_of_the_shards() {
    let codec = codec(4);
    let payload = payload(8192, 1);
    let encoded = codec.encode(payload.clone()).unwrap();
    assert_eq!(encoded.shards[1].data.as_ptr(), payload[4096..].as_ptr());
    let Decoded::Match(body) = codec.decode(&encoded.commitment, &pick(&codec, &encoded, &[1, 3])) else { panic!() };
    assert_eq!(body.shared_pieces()[1].as_ptr(), payload[4096..].as_ptr());
}

#[test]
fn golden_commitments() {
    // Pins code, tree, keys and padding: another implementation, or another version of a dependency, must agree.
    let hex = |n: usize, len: usize| codec(n).encode(payload(len, 5)).unwrap().commitment.to_hex();
    assert_eq!(
        [hex(1, 0), hex(4, 0), hex(4, 250), hex(7, 5000), hex(100, 100_000)],
        [
            "20864c3c7fafd65cc773cefc01fcdc36bd98ae66d938b4973de160aca59281a8",
            "ef1ca0762b5a93e2aa326b0b819a0e4b18d6af30f63c796e291d71fbaa5a5fa0",
            "c24868fd5de0f2304c8e5305d882c577de9464fa1d1a6fc5734d6dc90c20694c",
            "dc2f6ad21f0371f1ed84f212f3ed5d533d2af6d8082176f59fc99d87447e73e4",
            "355288f3d9fa4c673c04c56ee7e7da2549b30106a607db379102f2f0109ea168"
        ]
    );
}

#[test]
fn golden_shard_on_the_wire() {
    let shard = Shard {
        proof: Proof { len: 3, path: List::new(vec![Digest([0xaa; 32])]) },
        data: Blob(Bytes::from_static(b"\x01\x02\x03")),
    };
    let bytes = codec::encode(&shard);
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, format!("0000000300000001{}00000003010203", "aa".repeat(32)));
    assert_eq!(codec::decode::<Shard>(&bytes).unwrap(), shard);
    let nine = [0, 0, 0, 3, 0, 0, 0, 9].into_iter().chain([0; 9 * 32 + 4]).collect::<Vec<u8>>();
    assert!(codec::decode::<Shard>(&nine.into()).is_err(), "a path longer than any tree is deep");
}

fn forged(codec: &Codec, payload: Bytes) -> ForgedTree {
    let tree = ForgedTree::honest(codec, payload.clone()).unwrap();
    assert_eq!(tree.commitment(), codec.encode(payload).unwrap().commitment, "both implementations agree");
    tree
}

/// What k verified shards of a forged tree lead to, and more than k, with and without the hashes already computed.
fn outcomes(forger: &ForgedTree, codec: &Codec, seeds: impl Iterator<Item = u64>) -> Vec<Decoded> {
    let (n, k) = (codec.committee().n(), codec.committee().data_shards());
    let root = forger.commitment();
    seeds
        .map(|seed| {
            let count = if seed % 3 == 0 { n } else { k + (seed as usize / 3) % (n - k + 1) };
            let shards: Vec<_> = subset(n, count, seed).into_iter().map(|i| (node(i), forger.shard(node(i)))).collect();
            let offered: Vec<_> = shards
                .iter()
                .map(|(i, shard)| {
                    let leaf = codec.verify(&root, *i, shard);
                    assert!(leaf.is_some(), "a forged tree is a valid tree");
                    (*i, shard, leaf.filter(|_| seed % 2 == 0))
                })
                .collect();
            codec.decode(&root, &offered)
        })
        .collect()
}

#[test]
fn a_verified_shard_beyond_the_k_has_to_be_the_computed_one() {
    for n in [4, 7, 10, 31] {
        let codec = codec(n);
        let k = codec.committee().data_shards();
        for bad in k..n {
            let mut forger = forged(&codec, payload(90_000, 1));
            forger.flip(bad, 1, 1);
            let root = forger.commitment();
            for given in [(0..k).collect::<Vec<_>>(), (1..=k).filter(|&i| i != bad).collect()] {
                let shards: Vec<_> = given.iter().chain([&bad]).map(|&i| (node(i), forger.shard(node(i)))).collect();
                let offered: Vec<_> = shards.iter().map(|(i, s)| (*i, s, codec.verify(&root, *i, s))).collect();
                assert_eq!(codec.decode(&root, &offered), Decoded::Mismatch, "n {n}, leaf {bad}");
            }
        }
    }
}

fn cases() -> ProptestConfig {
    let mut config = ProptestConfig::with_cases(200);
    // What fails because of a planted bug is no regression to remember.
    if cfg!(mellivora_planted) {
        config.failure_persistence = None;
    }
    config
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_tree_gives_every_set_of_shards_the_same_outcome(
        n in prop::sample::select(vec![4usize, 5, 6, 7, 10, 16, 31]),
        len in 0usize..20_000,
        seed: u64,
        corrupt in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1u8..), 0..3),
    ) {
        let codec = codec(n);
        let mut forger = forged(&codec, payload(len, seed));
        for (leaf, byte, flip) in &corrupt {
            forger.flip(leaf.index(n), byte.index(1 << 20), *flip);
        }
        let seen = outcomes(&forger, &codec, (0..12).map(|i| seed.wrapping_add(i * 77_777)));
        if forger.commitment() == codec.encode(payload(len, seed)).unwrap().commitment {
            prop_assert_eq!(&seen[0], &Decoded::Match(Body::from_bytes(payload(len, seed))));
        } else {
            prop_assert_eq!(&seen[0], &Decoded::Mismatch);
        }
        for outcome in &seen {
            prop_assert_eq!(outcome, &seen[0]);
        }
    }

    #[test]
    fn a_codeword_with_padding_that_is_not_zero_is_a_mismatch_for_all(
        n in prop::sample::select(vec![4usize, 7, 10]),
        len in 1usize..3000,
        seed: u64,
    ) {
        let codec = codec(n);
        let k = codec.committee().data_shards();
        let room = codec.shard_len(len) * k - len;
        prop_assume!(room > 0);
        // A codeword of the longer payload, committed to under the shorter length.
        let mut padded = payload(len, seed).to_vec();
        padded.resize(len + room, 1);
        let mut forger = forged(&codec, padded.into());
        prop_assume!(codec.shard_len(len + room) == codec.shard_len(len));
        forger.claim_len(len);
        for outcome in outcomes(&forger, &codec, seed..seed + 8) {
            prop_assert_eq!(outcome, Decoded::Mismatch);
        }
    }

    #[test]
    fn one_bad_shard_among_unverified_ones_never_matches(
        n in prop::sample::select(vec![4usize, 7, 16]),
        len in 1usize..9000,
        seed: u64,
        byte: prop::sample::Index,
        flip in 1u8..,
    ) {
        let codec = codec(n);
        let encoded = codec.encode(payload(len, seed)).unwrap();
        let set = subset(n, codec.committee().data_shards(), seed);
        let mut shards: Vec<_> = set.iter().map(|&i| encoded.shards[i].clone()).collect();
        let mut data = shards[0].data.to_vec();
        data[byte.index(encoded.shards[0].data.len())] ^= flip;
        shards[0].data = Blob(data.into());
        let offered: Vec<_> = set.iter().zip(&shards).map(|(&i, shard)| (node(i), shard, None)).collect();
        prop_assert_eq!(codec.decode(&encoded.commitment, &offered), Decoded::Mismatch);
    }

    #[test]
    fn further_known_shards_change_nothing(
        n in prop::sample::select(vec![4usize, 7, 10, 31]),
        len in 0usize..200_000,
        seed: u64,
        more in 0usize..20,
    ) {
        let codec = codec(n);
        let encoded = codec.encode(payload(len, seed)).unwrap();
        let set = subset(n, (codec.committee().data_shards() + more).min(n), seed);
        let outcome = codec.decode(&encoded.commitment, &pick(&codec, &encoded, &set));
        prop_assert_eq!(outcome, Decoded::Match(Body::from_bytes(payload(len, seed))));
    }
}
