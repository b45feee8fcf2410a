//! The format on the wire, pinned: golden vectors of every message, and refusal of everything else.

mod support;

use mellivora_atomic::epoch::{EpochMessage, PerSlot};
use mellivora_atomic::header::Place;
use mellivora_atomic::header::{EpochHeader, HeaderSlot, Outcome};
use mellivora_atomic::{Certificate, Checkpoint, Message};
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::{self, Blob, List};
use mellivora_core::{Digest, Epoch, Era, NodeIndex, NodeSet};
use mellivora_crypto::{DecryptionProof, DecryptionShare, Seed, Signature};
use mellivora_subset::BkrMessage;
use support::forge::{Said, in_epoch, rbc};

fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

fn header() -> EpochHeader {
    let slot = |index, byte, outcome| HeaderSlot { index: NodeIndex(index), commitment: digest(byte), outcome };
    EpochHeader {
        previous: digest(1),
        era: Era(2),
        epoch: Epoch(3),
        slots: List::new(vec![
            slot(0, 4, Outcome::Bottom),
            slot(1, 5, Outcome::Bad),
            slot(2, 6, Outcome::Plain),
            slot(3, 7, Outcome::Opened(Seed([8; 32]))),
        ]),
    }
}

fn certificate() -> Certificate {
    let signatures = vec![(NodeIndex(0), Signature([2; 64])), (NodeIndex(3), Signature([3; 64]))];
    Certificate { epoch: Epoch(9), digest: digest(1), signatures: List::new(signatures) }
}

fn checkpoint() -> Checkpoint {
    Checkpoint { epoch: Epoch(5), digest: digest(0xaa), signature: Signature([0xbb; 64]) }
}

/// One of each kind, in the order of the tags.
fn messages() -> Vec<(&'static str, Said)> {
    let share = |byte| DecryptionShare::from_bytes(&[byte; 3]).unwrap();
    let proof = DecryptionProof::from_bytes(&[9; 4]).unwrap();
    let slots: NodeSet = [0, 2, 255].into_iter().map(NodeIndex).collect();
    vec![
        ("subset", rbc(7, 2, RbcMessage::Ready(digest(3)))),
        (
            "shares",
            in_epoch(7, EpochMessage::Shares(PerSlot::new(vec![(NodeIndex(0), share(1)), (NodeIndex(2), share(2))]))),
        ),
        ("prove", in_epoch(7, EpochMessage::Prove(slots))),
        ("proofs", in_epoch(7, EpochMessage::Proofs(PerSlot::new(vec![(NodeIndex(2), share(2), proof)])))),
        ("checkpoint", Message::Checkpoint(checkpoint())),
        ("low", Message::Low(Epoch(0x0102_0304_0506_0708))),
        ("certificate", Message::Certificate(certificate())),
        ("fetch header", Message::FetchHeader(Epoch(1))),
        ("header", Message::Header(header())),
        ("fetch slot", Message::FetchSlot(Epoch(1), Place(2))),
        ("slot", Message::Slot(Epoch(1), Place(2), Blob(b"body".to_vec().into()))),
        ("gone", Message::Gone(Epoch(1))),
    ]
}

fn repeated(byte: &str, count: usize) -> String {
    byte.repeat(count)
}

/// The bytes, written out: what stands here cannot change without a new version of the protocol.
fn golden() -> Vec<String> {
    let epoch = |e: u64| format!("{e:016x}");
    let slot = |index: &str, byte: &str, outcome: &str| format!("{index}{}{outcome}", repeated(byte, 32));
    let opened = format!("03{}", repeated("08", 32));
    vec![
        format!("00{}00{}{}", epoch(7), "010002", format!("03{}", repeated("03", 32))),
        format!("00{}01{}", epoch(7), "0000000200000301010100020302 0202".replace(' ', "")),
        format!("00{}02{}", epoch(7), PROVE),
        format!("00{}03{}", epoch(7), "00000001000203020202 0409090909".replace(' ', "")),
        format!("01{}{}{}", epoch(5), repeated("aa", 32), repeated("bb", 64)),
        "020102030405060708".into(),
        format!("03{}{}000000020000{}0003{}", epoch(9), repeated("01", 32), repeated("02", 64), repeated("03", 64)),
        format!("04{}", epoch(1)),
        format!(
            "05{}{}{}00000004{}{}{}{}",
            repeated("01", 32),
            epoch(2),
            epoch(3),
            slot("0000", "04", "00"),
            slot("0001", "05", "01"),
            slot("0002", "06", "02"),
            slot("0003", "07", &opened),
        ),
        format!("06{}0002", epoch(1)),
        format!("07{}000200000004{}", epoch(1), "626f6479"),
        format!("08{}", epoch(1)),
    ]
}

/// The set {0, 2, 255}.
const PROVE: &str = "200500000000000000000000000000000000000000000000000000000000000080";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_message_has_its_golden_bytes() {
    for ((name, message), golden) in messages().into_iter().zip(golden()) {
        let bytes = codec::encode(&message);
        assert_eq!(hex(&bytes), golden, "{name}");
        let decoded: Said = codec::decode(&bytes).unwrap();
        assert_eq!(format!("{decoded:?}"), format!("{message:?}"), "{name}");
    }
}

#[test]
fn the_parts_have_the_bytes_that_they_have_in_messages() {
    let all: Vec<Said> = messages().into_iter().map(|(_, message)| message).collect();
    let tail = |index: usize| codec::encode::<Said>(&all[index]).slice(1..);
    assert_eq!(codec::encode(&checkpoint()), tail(4));
    assert_eq!(codec::encode(&certificate()), tail(6));
    assert_eq!(codec::encode(&header()), tail(8));
}

#[test]
fn the_state_digest_covers_every_field_and_the_session() {
    let base = header();
    let session = digest(9);
    let mut variants = vec![base.digest(&session), base.digest(&digest(8))];
    let changes: [fn(&mut EpochHeader); 4] =
        [|h| h.previous = digest(2), |h| h.era = Era(3), |h| h.epoch = Epoch(4), |h| h.slots = List::default()];
    let mut change = |change: &dyn Fn(&mut EpochHeader)| {
        let mut header = base.clone();
        change(&mut header);
        variants.push(header.digest(&session));
    };
    changes.iter().for_each(|c| change(c));
    for at in 0..4 {
        let edits: [fn(&mut HeaderSlot); 3] = [
            |slot| slot.index.0 += 1,
            |slot| slot.commitment = digest(0x77),
            |slot| slot.outcome = Outcome::Opened(Seed([0x78; 32])),
        ];
        for edit in edits {
            change(&|header| {
                let mut slots = header.slots.clone().into_vec();
                edit(&mut slots[at]);
                header.slots = List::new(slots);
            });
        }
    }
    let distinct: std::collections::BTreeSet<_> = variants.iter().collect();
    assert_eq!(distinct.len(), variants.len());
    assert_eq!(base.digest(&session).to_hex(), STATE, "the chain of state digests is part of the format");
}

const STATE: &str = "94871177eec53e7f99b48869432b58bf42147a6779815cf3e10b1ad4f890e5e5";

#[test]
fn every_truncation_and_every_longer_input_is_refused() {
    for (name, message) in messages() {
        let bytes = codec::encode(&message);
        for len in 0..bytes.len() {
            assert!(codec::decode::<Said>(&bytes.slice(..len)).is_err(), "{name} cut to {len} of {}", bytes.len());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(codec::decode::<Said>(&longer.into()).is_err(), "{name} with a trailing byte");
    }
}

#[test]
fn unknown_kinds_are_refused() {
    for (name, message) in messages() {
        let bytes = codec::encode(&message).to_vec();
        for tag in 9..=255 {
            let mut changed = bytes.clone();
            changed[0] = tag;
            assert!(codec::decode::<Said>(&changed.into()).is_err(), "{name} with tag {tag}");
        }
    }
    // Within an epoch: the tag stands behind the number of the epoch.
    let bytes = codec::encode(&messages()[2].1).to_vec();
    for tag in 4..=255 {
        let mut changed = bytes.clone();
        changed[9] = tag;
        assert!(codec::decode::<Said>(&changed.into()).is_err(), "epoch message with tag {tag}");
    }
    // Of an outcome: the first slot's stands behind previous, era, epoch, count, index and commitment.
    let bytes = codec::encode(&header()).to_vec();
    for tag in 4..=255 {
        let mut changed = bytes.clone();
        changed[32 + 8 + 8 + 4 + 2 + 32] = tag;
        assert!(codec::decode::<EpochHeader>(&changed.into()).is_err(), "outcome with tag {tag}");
    }
}

#[test]
fn counts_that_lie_are_refused_before_anything_is_reserved() {
    // The count of every list, set to more than follows.
    let all = messages();
    for (name, at) in [("shares", 10), ("proofs", 10), ("certificate", 41), ("header", 49), ("slot", 11)] {
        let message = &all.iter().find(|(n, _)| *n == name).unwrap().1;
        let bytes = codec::encode(message).to_vec();
        for count in [5u32, 257, 1 << 16, u32::MAX] {
            let mut changed = bytes.clone();
            changed[at..at + 4].copy_from_slice(&count.to_be_bytes());
            assert!(codec::decode::<Said>(&changed.into()).is_err(), "{name} with a count of {count}");
        }
    }
}

#[test]
fn whatever_decodes_encodes_to_the_same_bytes() {
    // Each byte of each message, changed in a few ways.
    for (name, message) in messages() {
        let bytes = codec::encode(&message).to_vec();
        let mut decoded = 0;
        for at in 0..bytes.len() {
            for change in [1, 2, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let changed: bytes::Bytes = changed.into();
                if let Ok(other) = codec::decode::<Said>(&changed) {
                    decoded += 1;
                    assert_eq!(codec::encode(&other), changed, "{name}, byte {at}");
                }
            }
        }
        assert!(decoded > 0, "{name}");
    }
}

#[test]
fn what_each_kind_costs_in_memory_covers_its_bulk() {
    use mellivora_core::Message as _;
    for (name, message) in messages() {
        assert!(message.memory() >= std::mem::size_of::<Message<EpochMessage<BkrMessage>>>(), "{name}");
    }
    let big: Said = Message::Slot(Epoch(0), Place(0), Blob(vec![0; 100_000].into()));
    assert!(big.memory() >= 100_000);
}
