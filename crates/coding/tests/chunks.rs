//! The chunk tree: one form, every chunk proves itself and nothing else does.

use bytes::Bytes;
use mellivora_coding::chunks::chunk_count;
use mellivora_coding::{Body, CHUNK_BYTES, Chunk, ChunkProof, ChunkTree, Codec, CodecError, Head, VerifiedChunk};
use mellivora_core::codec::{self, Blob, List};
use mellivora_core::{Committee, Digest, hash::HashKey};
use proptest::prelude::*;

const C: usize = CHUNK_BYTES;
const LIMIT: usize = 16 * C;
/// Around every edge: empty, one byte, whole chunks, one more and one less, widths that are no power of two.
const LENGTHS: [usize; 13] =
    [0, 1, 63, 64, C - 1, C, C + 1, 2 * C, 3 * C, 3 * C + 7, 5 * C - 1, 8 * C, 11 * C + 12_345];

/// Distinct bytes, so that a misplaced chunk shows.
fn payload(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}

fn tree(len: usize, seed: u64) -> ChunkTree {
    ChunkTree::commit(Body::from_bytes(payload(len, seed))).unwrap()
}

/// The documented form once more, as plainly as it can be written.
fn naive(payload: &[u8]) -> Digest {
    let [leaf, node, root] = ["chunk leaf", "coding node", "chunk root"].map(|purpose| {
        let name = format!("mellivora/v1 {purpose}");
        HashKey::new(&name)
    });
    let mut level: Vec<Digest> = match payload {
        [] => vec![leaf.digest(&[])],
        _ => payload.chunks(C).map(|chunk| leaf.digest(chunk)).collect(),
    };
    while level.len() > 1 {
        let up = |pair: &[Digest]| match pair {
            [left, right] => node.digest(&[left.0, right.0].concat()),
            lone => lone[0],
        };
        level = level.chunks(2).map(up).collect();
    }
    let len = (payload.len() as u32).to_be_bytes();
    root.digest(&[&len[..], &(C as u32).to_be_bytes(), &level[0].0].concat())
}

fn all_verified(tree: &ChunkTree) -> Vec<VerifiedChunk> {
    let show = |index| tree.chunk(index).unwrap().verify(&tree.commitment(), index, LIMIT).unwrap();
    (0..tree.chunks()).map(show).collect()
}

#[test]
fn the_form_is_the_documented_one() {
    for len in LENGTHS {
        assert_eq!(tree(len, 1).commitment(), naive(&payload(len, 1)), "{len} bytes");
    }
}

#[test]
fn every_chunk_proves_itself_and_all_together_are_the_payload() {
    for len in LENGTHS {
        let tree = tree(len, 2);
        assert_eq!(tree.chunks() as usize, chunk_count(len));
        assert_eq!(tree.head().verify(&tree.commitment(), LIMIT), Some(len));
        let verified = all_verified(&tree);
        assert!(verified.iter().all(|chunk| chunk.payload_len() == len));
        let data = verified.iter().flat_map(|chunk| chunk.data().to_vec()).collect::<Vec<u8>>();
        assert_eq!(data, payload(len, 2));
        let assembled = ChunkTree::assemble(&tree.commitment(), &verified).unwrap();
        assert_eq!(assembled, tree);
        assert_eq!(assembled.body().to_bytes(), payload(len, 2));
        // Whoever has put it together serves it as well.
        assert_eq!(all_verified(&assembled).len(), verified.len());
        assert_eq!(tree.chunk(tree.chunks()), None);
        assert_eq!(tree.chunk(u32::MAX), None);
    }
}

#[test]
fn no_bytes_are_copied() {
    let whole = payload(3 * C + 5, 1);
    let tree = ChunkTree::commit(Body::from_bytes(whole.clone())).unwrap();
    assert_eq!(tree.chunk(2).unwrap().data.as_ptr(), whole[2 * C..].as_ptr());
    let assembled = ChunkTree::assemble(&tree.commitment(), &all_verified(&tree)).unwrap();
    assert_eq!(assembled.body().shared_pieces()[3].as_ptr(), whole[3 * C..].as_ptr());
}

#[test]
fn a_chunk_proves_one_index_of_one_commitment_only() {
    for len in LENGTHS {
        let (tree, other) = (tree(len, 3), tree(len + 1, 3));
        for index in 0..tree.chunks() {
            let chunk = tree.chunk(index).unwrap();
            for wrong in (0..tree.chunks() + 2).chain([u32::MAX]).filter(|&wrong| wrong != index) {
                assert!(chunk.verify(&tree.commitment(), wrong, LIMIT).is_none(), "{len}: {index} as {wrong}");
            }
            assert!(chunk.verify(&other.commitment(), index, LIMIT).is_none());
            assert!(chunk.verify(&Digest([7; 32]), index, LIMIT).is_none());
        }
    }
}

#[test]
fn chunks_of_any_other_form_are_refused() {
    for len in LENGTHS {
        let tree = tree(len, 4);
        let refused = |what: &str, index: u32, chunk: Chunk| {
            assert!(chunk.verify(&tree.commitment(), index, LIMIT).is_none(), "{len}, chunk {index}: {what}");
        };
        for index in 0..tree.chunks() {
            let good = tree.chunk(index).unwrap();
            let with_data = |data: Vec<u8>| Chunk { data: Blob(data.into()), ..good.clone() };
            let with_path = |path: Vec<Digest>| {
                let proof = ChunkProof { path: List::new(path), ..good.proof.clone() };
                Chunk { proof, ..good.clone() }
            };
            let bytes = good.data.to_vec();
            refused("padded", index, with_data([&bytes[..], &[0]].concat()));
            refused("twice as long", index, with_data([&bytes[..], &[0; C]].concat()));
            if let Some((_, shorter)) = bytes.split_last() {
                refused("truncated", index, with_data(shorter.to_vec()));
                refused("empty", index, with_data(Vec::new()));
                let mut flipped = bytes.clone();
                flipped[shorter.len() / 2] ^= 1;
                refused("one bit flipped", index, with_data(flipped));
            }
            let path = good.proof.path.to_vec();
            refused("a longer path", index, with_path([&path[..], &[Digest([0; 32])]].concat()));
            if let Some((_, shorter)) = path.split_last() {
                refused("a shorter path", index, with_path(shorter.to_vec()));
                let mut changed = path.clone();
                changed[0].0[31] ^= 1;
                refused("another sibling", index, with_path(changed));
            }
            for wrong in [0, len.saturating_sub(1), len + 1, len + C, LIMIT, LIMIT + 1, u32::MAX as usize] {
                if wrong != len {
                    let proof = ChunkProof { len: wrong as u32, ..good.proof.clone() };
                    refused("another length", index, Chunk { proof, ..good.clone() });
                }
            }
        }
    }
}

#[test]
fn another_length_is_refused_where_the_chunk_looks_the_same() {
    // Two chunks either way, and chunk 0 is whole either way: nothing but the commitment tells the lengths apart.
    let tree = tree(C + 10, 5);
    let good = tree.chunk(0).unwrap();
    let lying = Chunk { proof: ChunkProof { len: (C + 11) as u32, ..good.proof.clone() }, ..good };
    assert!(lying.verify(&tree.commitment(), 0, LIMIT).is_none());
    let head = Head { len: (C + 11) as u32, ..tree.head() };
    assert_eq!(head.verify(&tree.commitment(), LIMIT), None);
}

#[test]
fn a_chunk_of_the_same_bytes_proves_its_own_index_only() {
    // All chunks but the first are equal, and so are many of their siblings.
    let mut bytes = vec![0; 8 * C];
    bytes[0] = 1;
    let tree = ChunkTree::commit(Body::from_bytes(bytes.into())).unwrap();
    let first = tree.chunk(0).unwrap();
    assert!((1..8).all(|index| first.verify(&tree.commitment(), index, LIMIT).is_none()));
}

#[test]
fn an_inner_node_is_no_leaf() {
    // The children of the root of two chunks, offered as a chunk of 64 bytes: only the kind of hash differs.
    let two = tree(2 * C, 6);
    let [left, right] = [1, 0].map(|index| two.chunk(index).unwrap().proof.path[0]);
    let both = ChunkTree::commit(Body::from_bytes([left.0, right.0].concat().into())).unwrap();
    assert_ne!(both.head().root, two.head().root);
}

#[test]
fn a_coded_commitment_is_no_chunk_tree() {
    // One shard of one node without parity: the coded tree has one leaf over the very same bytes.
    let codec = Codec::new(Committee::new(1).unwrap(), C).unwrap();
    let encoded = codec.encode(payload(1024, 7)).unwrap();
    let tree = tree(1024, 7);
    assert_eq!(encoded.shards[0].data, tree.chunk(0).unwrap().data);
    assert_ne!(encoded.commitment, tree.commitment());
}

#[test]
fn payloads_beyond_the_limit_are_refused_before_anything_is_hashed() {
    let tree = tree(LIMIT + 1, 8);
    for index in 0..tree.chunks() {
        assert!(tree.chunk(index).unwrap().verify(&tree.commitment(), index, LIMIT).is_none());
        assert!(tree.chunk(index).unwrap().verify(&tree.commitment(), index, LIMIT + 1).is_some());
    }
    assert_eq!(tree.head().verify(&tree.commitment(), LIMIT), None);
    assert_eq!(tree.head().verify(&tree.commitment(), usize::MAX), Some(LIMIT + 1));
    let head = Head { len: ChunkTree::MAX_PAYLOAD as u32 + 1, root: Digest([1; 32]) };
    assert_eq!(head.verify(&head.commitment(), usize::MAX), None, "no payload is longer than the form allows");
    let piece = Bytes::from(vec![0; 1 << 20]);
    let largest = Body::from_pieces(std::iter::repeat_n(piece.clone(), 1024));
    assert_eq!(ChunkTree::commit(largest).map(|tree| tree.body().len()), Ok(ChunkTree::MAX_PAYLOAD));
    let huge = Body::from_pieces(std::iter::repeat_n(piece, 1025));
    let error = CodecError::PayloadTooLarge { len: 1025 << 20, max: ChunkTree::MAX_PAYLOAD };
    assert_eq!(ChunkTree::commit(huge).err(), Some(error));
    assert_eq!(ChunkProof::MAX_PATH, 14);
}

#[test]
fn only_all_chunks_of_one_commitment_in_order_make_a_payload() {
    let tree = tree(3 * C + 7, 9);
    let root = tree.commitment();
    let all = all_verified(&tree);
    let mixed = ChunkTree::commit(Body::from_bytes(payload(3 * C + 7, 10))).unwrap();
    assert_ne!(tree, mixed);
    let foreign = all_verified(&mixed);
    let pick = |indices: &[usize]| indices.iter().map(|&i| all[i].clone()).collect::<Vec<_>>();
    for wrong in [&[][..], &[0], &[0, 1, 2], &[0, 1, 2, 2], &[1, 0, 2, 3], &[0, 0, 2, 3], &[0, 1, 2, 3, 3]] {
        assert!(ChunkTree::assemble(&root, &pick(wrong)).is_none(), "{wrong:?}");
    }
    let with_foreign = [&all[..3], &foreign[3..]].concat();
    assert!(ChunkTree::assemble(&root, &with_foreign).is_none());
    assert!(ChunkTree::assemble(&root, &foreign).is_none());
    assert_eq!(ChunkTree::assemble(&root, &all).unwrap().body().to_bytes(), payload(3 * C + 7, 9));
}

#[test]
fn memory_counts_the_bytes_the_path_and_the_tree() {
    let tree = tree(3 * C + 7, 11);
    let chunk = tree.chunk(0).unwrap();
    assert_eq!(chunk.memory(), size_of::<Chunk>() + Blob::pinned(C) + 2 * 32);
    assert_eq!(tree.memory(), size_of::<ChunkTree>() + 3 * C + 7 + 2 * 4 * 32, "a digest per leaf and per node");
}

#[test]
fn golden_commitments() {
    let hex = |len: usize| tree(len, 5).commitment().to_hex();
    assert_eq!([hex(0), hex(250), hex(C), hex(3 * C + 1)], GOLDEN);
}

const GOLDEN: [&str; 4] = [
    "1c9f96e3db36f2ba0c4749c2f222c3e62e1cc08c92ecf6a6088d1cfef07e435b",
    "68b5150729db0063eea4c4f20b8d7bcb5d9d9d113dc43ea8d407b47a54e95288",
    "4257b030ca002c5b6181eeed869791e6a137eb009c09b1dc2657fbcbc89564fa",
    "604cc83afce7ac133ef96661a9fa90182b365ed8b01480ceaf63aca5ee00fbad",
];

#[test]
fn golden_chunk_and_head_on_the_wire() {
    let chunk = Chunk {
        proof: ChunkProof { len: 3, path: List::new(vec![Digest([0xaa; 32])]) },
        data: Blob(Bytes::from_static(b"\x01\x02\x03")),
    };
    let hex = |bytes: &Bytes| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let bytes = codec::encode(&chunk);
    assert_eq!(hex(&bytes), format!("0000000300000001{}00000003010203", "aa".repeat(32)));
    assert_eq!(codec::decode::<Chunk>(&bytes).unwrap(), chunk);
    let fifteen = [0, 0, 0, 3, 0, 0, 0, 15].into_iter().chain([0; 15 * 32 + 4]).collect::<Vec<u8>>();
    assert!(codec::decode::<Chunk>(&fifteen.into()).is_err(), "a path longer than any tree is deep");
    let head = Head { len: 258, root: Digest([0xbb; 32]) };
    assert_eq!(hex(&codec::encode(&head)), format!("00000102{}", "bb".repeat(32)));
}

fn cases() -> ProptestConfig {
    let mut config = ProptestConfig::with_cases(100);
    if cfg!(mellivora_planted) {
        config.failure_persistence = None;
    }
    config
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn however_a_payload_is_cut_its_commitment_is_the_same(
        len in 0usize..5 * C,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        seed: u64,
    ) {
        let whole = payload(len, seed);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).chain([0, len]).collect();
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| whole.slice(pair[0]..pair[1]));
        let tree = ChunkTree::commit(Body::from_pieces(pieces)).unwrap();
        prop_assert_eq!(tree.commitment(), naive(&whole));
        for index in 0..tree.chunks() {
            let chunk = tree.chunk(index).unwrap();
            prop_assert!(chunk.verify(&tree.commitment(), index, LIMIT).is_some());
            let start = index as usize * C;
            prop_assert_eq!(&chunk.data[..], &whole[start..len.min(start + C)]);
        }
    }

    #[test]
    fn two_payloads_have_two_commitments(a in 0usize..3 * C, b in 0usize..3 * C, seed: u64, zero: bool) {
        // Zeros at the end are what padding would hide.
        let of = |len| if zero { Bytes::from(vec![0; len]) } else { payload(len, seed) };
        let commit = |len| ChunkTree::commit(Body::from_bytes(of(len))).unwrap().commitment();
        prop_assert_eq!(commit(a) == commit(b), a == b);
    }

    #[test]
    fn whatever_decodes_has_that_one_encoding(bytes in prop::collection::vec(any::<u8>(), 0..200), path in 0u8..4) {
        let mut bytes = bytes;
        if bytes.len() > 8 {
            bytes[4..8].copy_from_slice(&[0, 0, 0, path]);
        }
        let bytes = Bytes::from(bytes);
        if let Ok(chunk) = codec::decode::<Chunk>(&bytes) {
            prop_assert_eq!(codec::encode(&chunk), bytes.clone());
            prop_assert!(chunk.verify(&Digest([3; 32]), 0, LIMIT).is_none());
        }
    }
}
