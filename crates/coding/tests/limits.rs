//! What a codec accepts at the very edge, and what it says of itself.

use bytes::Bytes;
use mellivora_coding::{Body, Codec, Decoded, Proof, Shard};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Committee, Digest, NodeIndex};

fn codec(n: usize, max_payload: usize) -> Codec {
    Codec::new(Committee::new(n).unwrap(), max_payload).unwrap()
}

fn node(i: usize) -> NodeIndex {
    NodeIndex(i as u16)
}

/// A shard with this claim and these lengths, and nothing right about its content.
fn shaped(len: usize, path: usize, data: usize) -> Shard {
    let path = List::new(vec![Digest([0xee; 32]); path]);
    Shard { proof: Proof { len: len as u32, path }, data: Blob(vec![0xee; data].into()) }
}

#[test]
fn a_codec_says_what_it_was_made_for() {
    let codec = codec(7, 1000);
    assert_eq!((codec.committee(), codec.max_payload()), (Committee::new(7).unwrap(), 1000));
    assert_eq!(format!("{codec:?}"), "Codec(Committee(n = 7, f = 2), at most 1000 bytes)");
    assert!(Codec::new(Committee::new(4).unwrap(), Codec::MAX_PAYLOAD).is_ok());
}

#[test]
fn a_payload_as_long_as_the_limit_makes_the_whole_way() {
    let codec = codec(4, 1000);
    let payload = Bytes::from(vec![0xba; 1000]);
    let encoded = codec.encode(payload.clone()).unwrap();
    assert_eq!(codec.commit(&Body::from_bytes(payload.clone())), Ok(encoded.commitment));
    let shards: Vec<_> = (2..4).map(|i| (node(i), &encoded.shards[i], None)).collect();
    assert!(shards.iter().all(|(i, shard, _)| codec.verify(&encoded.commitment, *i, shard).is_some()));
    assert_eq!(codec.decode(&encoded.commitment, &shards), Decoded::Match(Body::from_bytes(payload)));
}

#[test]
fn plausible_is_one_form_per_node_and_length_whatever_the_content() {
    // In a tree of five leaves the first four are three levels below the root, and the last is one.
    let codec = codec(5, 1000);
    for len in [0, 1, 193, 1000] {
        let data = codec.shard_len(len);
        for i in 0..5 {
            let path = if i < 4 { 3 } else { 1 };
            assert!(codec.is_plausible(node(i), &shaped(len, path, data)), "{len} bytes, node {i}");
            for wrong in [path - 1, path + 1] {
                assert!(!codec.is_plausible(node(i), &shaped(len, wrong, data)), "a path of {wrong} at node {i}");
            }
            for wrong in [0, data - 1, data + 1, 2 * data] {
                assert!(!codec.is_plausible(node(i), &shaped(len, path, wrong)), "{wrong} bytes of data for {len}");
            }
            assert!(!codec.is_plausible(node(i), &shaped(1001, path, codec.shard_len(1001))), "beyond the limit");
        }
        for (beyond, path) in (5..12).flat_map(|i| (0..=3).map(move |path| (i, path))) {
            assert!(!codec.is_plausible(node(beyond), &shaped(len, path, data)), "node {beyond} of five");
        }
    }
}

#[test]
fn the_memory_of_a_shard_is_its_data_and_its_path() {
    let (none, some) = (shaped(5, 0, 0).memory(), shaped(5, 3, 192).memory());
    assert_eq!((none, some), (size_of::<Shard>(), size_of::<Shard>() + 3 * 32 + 192));
}
