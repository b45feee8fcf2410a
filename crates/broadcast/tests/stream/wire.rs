//! The wire format of streams: pinned, canonical, bounded.

use bytes::Bytes;
use mellivora_broadcast::stream::{Header, MAX_HEADERS};
use mellivora_broadcast::{CertifiedTip, RetrievalMessage, StreamMessage, Tip};
use mellivora_core::codec::{Blob, List, decode, encode};
use mellivora_core::{Digest, Message, NodeSet};
use mellivora_crypto::{Certificate, Endorsement};
use proptest::prelude::*;

const TIP: Tip = Tip { slot: 258, digest: Digest([0xab; 32]), full: 7 };

fn messages() -> [StreamMessage; 8] {
    let certificate = Certificate::new(NodeSet::first(3), Bytes::from_static(b"three")).unwrap();
    let payload = || Blob(Bytes::from_static(b"badger"));
    let header = Header { previous: Digest([1; 32]), full: 5, commitment: Digest([2; 32]) };
    [
        StreamMessage::Proposal { previous: TIP, certificate: Some(certificate.clone()), payload: payload() },
        StreamMessage::Proposal { previous: Tip::GENESIS, certificate: None, payload: Blob::default() },
        StreamMessage::Vote(TIP, Endorsement::from_bytes(b"signed").unwrap()),
        StreamMessage::Tip(CertifiedTip { tip: TIP, certificate }),
        StreamMessage::Record(TIP, payload()),
        StreamMessage::Ask(258, Digest([0xcd; 32])),
        StreamMessage::Headers(Digest([0xcd; 32]), List::new(vec![header])),
        StreamMessage::Retrieval(258, RetrievalMessage::Absent(Digest([0xcd; 32]))),
    ]
}

#[test]
fn golden_vectors() {
    let (ab, cd, one, two) = ("ab".repeat(32), "cd".repeat(32), "01".repeat(32), "02".repeat(32));
    let tip = format!("0000000000000102{ab}0000000000000007");
    let genesis = format!("0000000000000000{}0000000000000000", "00".repeat(32));
    let golden = [
        format!("01{tip}01010700057468726565{}", "00000006626164676572"),
        format!("01{genesis}0000000000"),
        format!("02{tip}067369676e6564"),
        format!("03{tip}010700057468726565"),
        format!("04{tip}00000006626164676572"),
        format!("050000000000000102{cd}"),
        format!("06{cd}00000001{one}0000000000000005{two}"),
        format!("07000000000000010204{cd}"),
    ];
    for (message, golden) in messages().iter().zip(golden) {
        let hex: String = encode(message).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden);
    }
}

#[test]
fn digests_are_pinned() {
    let tip = Tip::GENESIS.extend(&Digest([2; 32]), false).extend(&Digest([3; 32]), true);
    assert_eq!((tip.slot, tip.full), (2, 1));
    assert_eq!(tip.digest.to_hex(), "adc18511303911f46c6c66dfa7b7e5bc8e7f0d71b530f921d32469020eb92e2a");
    let signed = tip.statement(&crate::support::domain()).digest;
    assert_eq!(signed.to_hex(), "772e7be00e6f2fdc00b174f70c86e70b6703c5d0f25105d76d90ea40ffdfa1bb");
}

#[test]
fn every_message_comes_back_and_nothing_else_does() {
    for message in &messages() {
        let bytes = encode(message);
        assert_eq!(decode::<StreamMessage>(&bytes).as_ref(), Ok(message));
        for len in 0..bytes.len() {
            assert!(decode::<StreamMessage>(&bytes.slice(..len)).is_err());
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(decode::<StreamMessage>(&longer.into()).is_err());
        for tag in (8..=u8::MAX).chain([0]) {
            let mut unknown = bytes.to_vec();
            unknown[0] = tag;
            assert!(decode::<StreamMessage>(&unknown.into()).is_err());
        }
    }
}

#[test]
fn there_is_a_certificate_or_there_is_none() {
    let [with, without, ..] = messages();
    for message in [with, without] {
        let mut bytes = encode(&message).to_vec();
        for other in 2..=u8::MAX {
            bytes[49] = other;
            assert!(decode::<StreamMessage>(&bytes.clone().into()).is_err());
        }
    }
}

#[test]
fn lists_longer_than_their_bound_are_refused() {
    let with = |count: usize| {
        let mut bytes = vec![6; 1];
        bytes.extend_from_slice(&[7; 32]);
        bytes.extend_from_slice(&(count as u32).to_be_bytes());
        bytes.resize(bytes.len() + 72 * count, 0);
        decode::<StreamMessage>(&bytes.into())
    };
    assert!(with(MAX_HEADERS).is_ok() && with(MAX_HEADERS + 1).is_err());
}

#[test]
fn memory_counts_bulk() {
    let payload = Blob(vec![7; 100_000].into());
    let bulky = [
        StreamMessage::Proposal { previous: TIP, certificate: None, payload: payload.clone() },
        StreamMessage::Record(TIP, payload),
    ];
    assert!(bulky.iter().all(|message| (100_000..120_000).contains(&message.memory())));
    assert!(messages().iter().all(|message| message.memory() < 600));
}

#[test]
fn a_promise_names_its_slot() {
    let slots = messages().map(|message| message.slot());
    assert_eq!(slots, [Some(259), Some(1), Some(258), None, Some(259), None, None, None]);
}

proptest! {
    #[test]
    fn whatever_decodes_has_that_one_encoding(
        tag in 0u8..9,
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        count in 0u8..4,
        at in prop::sample::select(vec![0usize, 8, 32, 36, 40, 48]),
    ) {
        // Half-sensible bytes: a kind, a small count somewhere, the rest at random.
        let mut bytes = bytes;
        if bytes.len() >= at + 4 {
            bytes[at..at + 4].copy_from_slice(&[0, 0, 0, count]);
        }
        bytes.insert(0, tag);
        let bytes = Bytes::from(bytes);
        if let Ok(message) = decode::<StreamMessage>(&bytes) {
            prop_assert_eq!(encode(&message), bytes);
        }
    }
}
