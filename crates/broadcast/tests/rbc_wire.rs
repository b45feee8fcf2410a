//! The wire format: pinned, canonical, bounded.

mod common;

use bytes::Bytes;
use common::*;
use mellivora_broadcast::RbcMessage;
use mellivora_coding::{Proof, Shard};
use mellivora_core::codec::{Blob, List, decode, encode};
use mellivora_core::{Digest, Message};
use proptest::prelude::*;

fn shard() -> Shard {
    Shard {
        proof: Proof { len: 5, path: List::new(vec![Digest([1; 32]), Digest([2; 32])]) },
        data: Blob(Bytes::from_static(b"badger")),
    }
}

fn all() -> [RbcMessage; 5] {
    let root = Digest([0xab; 32]);
    [
        RbcMessage::Val { root, shard: shard() },
        RbcMessage::Echo { root, shard: shard() },
        RbcMessage::EchoHash(root),
        RbcMessage::Ready(root),
        RbcMessage::CanDecode(root),
    ]
}

#[test]
fn golden_vectors() {
    let hex = |message: &RbcMessage| encode(message).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (root, one, two) = ("ab".repeat(32), "01".repeat(32), "02".repeat(32));
    let shard = format!("0000000500000002{one}{two}00000006626164676572");
    let [val, echo, hash, ready, can_decode] = all().map(|message| hex(&message));
    assert_eq!(val, format!("00{root}{shard}"));
    assert_eq!(echo, format!("01{root}{shard}"));
    assert_eq!(hash, format!("02{root}"));
    assert_eq!(ready, format!("03{root}"));
    assert_eq!(can_decode, format!("04{root}"));
}

#[test]
fn every_message_comes_back_and_nothing_else_does() {
    for message in all() {
        let bytes = encode(&message);
        assert_eq!(decode::<RbcMessage>(&bytes), Ok(message.clone()));
        for len in 0..bytes.len() {
            assert!(decode::<RbcMessage>(&bytes.slice(..len)).is_err());
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(decode::<RbcMessage>(&longer.into()).is_err());
        for tag in 5..=u8::MAX {
            let mut unknown = bytes.to_vec();
            unknown[0] = tag;
            assert!(decode::<RbcMessage>(&unknown.into()).is_err());
        }
    }
}

#[test]
fn huge_lengths_are_refused() {
    let mut bytes = encode(&all()[1]).to_vec();
    let path_count = 1 + 32 + 4;
    bytes[path_count..path_count + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(decode::<RbcMessage>(&bytes.clone().into()).is_err());
    let mut bytes = encode(&all()[1]).to_vec();
    let data_len = path_count + 4 + 64;
    bytes[data_len..data_len + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(decode::<RbcMessage>(&bytes.into()).is_err());
}

#[test]
fn memory_counts_bulk() {
    let encoded = codec(4).encode(payload(LIMIT, 1)).unwrap();
    let message = val(&encoded, 0);
    assert!(message.memory() >= LIMIT / 2 && message.memory() < LIMIT / 2 + 4096);
    assert!(RbcMessage::Ready(encoded.commitment).memory() < 256);
}

proptest! {
    #[test]
    fn whatever_decodes_has_that_one_encoding(tag in 0u8..6, bytes in prop::collection::vec(any::<u8>(), 0..300), path in 0u8..4) {
        // Half-sensible bytes: a kind, a root, a short path, the rest at random.
        let mut bytes = bytes;
        if bytes.len() > 41 {
            bytes[36..40].copy_from_slice(&[0, 0, 0, path]);
        }
        bytes.insert(0, tag);
        let bytes = Bytes::from(bytes);
        if let Ok(message) = decode::<RbcMessage>(&bytes) {
            prop_assert_eq!(encode(&message), bytes);
        }
    }
}
