//! The wire format of provable broadcast, provable reliable broadcast and retrieval: pinned, canonical, bounded.

use bytes::Bytes;
use mellivora_broadcast::retrieval::WINDOW;
use mellivora_broadcast::{PbMessage, PrbcMessage, RbcMessage, RetrievalMessage};
use mellivora_coding::{Body, Chunk, ChunkProof, ChunkTree, Head};
use mellivora_core::codec::{Blob, List, decode, encode};
use mellivora_core::{Digest, Message, NodeSet};
use mellivora_crypto::{Certificate, Endorsement};
use proptest::prelude::*;

const ROOT: Digest = Digest([0xab; 32]);

fn endorsement() -> Endorsement {
    Endorsement::from_bytes(b"signed").unwrap()
}

fn certificate() -> Certificate {
    Certificate::new(NodeSet::first(3), Bytes::from_static(b"three")).unwrap()
}

fn pb() -> [PbMessage; 4] {
    let payload = || Blob(Bytes::from_static(b"badger"));
    [
        PbMessage::Send(payload()),
        PbMessage::Endorse(endorsement()),
        PbMessage::Final(ROOT, certificate()),
        PbMessage::Record(payload()),
    ]
}

fn prbc() -> [PrbcMessage; 2] {
    [PrbcMessage::Rbc(RbcMessage::Ready(ROOT)), PrbcMessage::Delivered(ROOT, endorsement())]
}

fn retrieval() -> [RetrievalMessage; 4] {
    let proof = ChunkProof { len: 5, path: List::new(vec![Digest([1; 32])]) };
    [
        RetrievalMessage::Request(ROOT, List::new(vec![0, 258])),
        RetrievalMessage::Chunk(ROOT, 7, Chunk { proof, data: Blob(Bytes::from_static(b"honey")) }),
        RetrievalMessage::Head(ROOT, Head { len: 5, root: Digest([2; 32]) }),
        RetrievalMessage::Absent(ROOT),
    ]
}

fn hex<M: Message>(message: &M) -> String {
    encode(message).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn golden_vectors() {
    let (root, one, two) = ("ab".repeat(32), "01".repeat(32), "02".repeat(32));
    let [send, endorse, finished, record] = pb().map(|message| hex(&message));
    assert_eq!(send, "0100000006626164676572");
    assert_eq!(endorse, "02067369676e6564");
    assert_eq!(finished, format!("03{root}010700057468726565"));
    assert_eq!(record, "0400000006626164676572");
    let [rbc, delivered] = prbc().map(|message| hex(&message));
    assert_eq!(rbc, format!("0103{root}"));
    assert_eq!(delivered, format!("02{root}067369676e6564"));
    let [request, chunk, head, absent] = retrieval().map(|message| hex(&message));
    assert_eq!(request, format!("01{root}000000020000000000000102"));
    assert_eq!(chunk, format!("02{root}000000070000000500000001{one}00000005686f6e6579"));
    assert_eq!(head, format!("03{root}00000005{two}"));
    assert_eq!(absent, format!("04{root}"));
}

fn comes_back_and_nothing_else_does<M: Message + PartialEq>(messages: &[M], last_tag: u8) {
    for message in messages {
        let bytes = encode(message);
        assert_eq!(decode::<M>(&bytes).as_ref(), Ok(message));
        for len in 0..bytes.len() {
            assert!(decode::<M>(&bytes.slice(..len)).is_err());
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(decode::<M>(&longer.into()).is_err());
        for tag in (last_tag + 1..=u8::MAX).chain([0]) {
            let mut unknown = bytes.to_vec();
            unknown[0] = tag;
            assert!(decode::<M>(&unknown.into()).is_err());
        }
    }
}

#[test]
fn every_message_comes_back_and_nothing_else_does() {
    comes_back_and_nothing_else_does(&pb(), 4);
    comes_back_and_nothing_else_does(&prbc(), 2);
    comes_back_and_nothing_else_does(&retrieval(), 4);
}

#[test]
fn lists_longer_than_a_window_are_refused() {
    let [request, ..] = retrieval();
    let mut bytes = encode(&request).to_vec();
    bytes.truncate(33);
    bytes.extend_from_slice(&(WINDOW as u32 + 1).to_be_bytes());
    bytes.resize(bytes.len() + 4 * (WINDOW + 1), 0);
    assert!(decode::<RetrievalMessage>(&bytes.clone().into()).is_err());
    bytes[33..37].copy_from_slice(&(WINDOW as u32).to_be_bytes());
    bytes.truncate(37 + 4 * WINDOW);
    assert!(decode::<RetrievalMessage>(&bytes.into()).is_ok());
}

#[test]
fn memory_counts_bulk() {
    let payload = Bytes::from(vec![7; 100_000]);
    let tree = ChunkTree::commit(Body::from_bytes(payload.clone())).unwrap();
    for message in [PbMessage::Send(Blob(payload.clone())), PbMessage::Record(Blob(payload))] {
        assert!((100_000..120_000).contains(&message.memory()));
    }
    let chunk = RetrievalMessage::Chunk(ROOT, 0, tree.chunk(0).unwrap());
    assert!((1 << 16..80_000).contains(&chunk.memory()));
    let small =
        [pb()[1].memory(), pb()[2].memory(), prbc()[1].memory(), retrieval()[0].memory(), retrieval()[3].memory()];
    assert!(small.iter().all(|&bytes| bytes < 512), "{small:?}");
}

proptest! {
    #[test]
    fn whatever_decodes_has_that_one_encoding(
        tag in 0u8..6,
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        count in 0u8..4,
        at in prop::sample::select(vec![0usize, 32, 36, 40]),
    ) {
        // Half-sensible bytes: a kind, a small count somewhere, the rest at random.
        let mut bytes = bytes;
        if bytes.len() >= at + 4 {
            bytes[at..at + 4].copy_from_slice(&[0, 0, 0, count]);
        }
        bytes.insert(0, tag);
        let bytes = Bytes::from(bytes);
        if let Ok(message) = decode::<PbMessage>(&bytes) {
            prop_assert_eq!(encode(&message), bytes.clone());
        }
        if let Ok(message) = decode::<PrbcMessage>(&bytes) {
            prop_assert_eq!(encode(&message), bytes.clone());
        }
        if let Ok(message) = decode::<RetrievalMessage>(&bytes) {
            prop_assert_eq!(encode(&message), bytes);
        }
    }
}
