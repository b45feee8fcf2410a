//! The wire forms of sMVBA: pinned, canonical, refused when malformed.

use mellivora_agreement::SmvbaMessage;
use mellivora_agreement::smvba::{Chain, Halt, HaltProof, Justification, Origin, Prevote, Shares, Vote};
use mellivora_broadcast::{SpbMessage, SpbRecord, Stage};
use mellivora_core::codec::{Blob, decode, encode};
use mellivora_core::{Digest, Message, NodeIndex, Round};
use mellivora_crypto::{Certificate, CoinShare, Endorsement};

use crate::support::kind;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn certificate() -> Certificate {
    Certificate::new([NodeIndex(0), NodeIndex(2)].into_iter().collect(), vec![0xcc; 2].into()).unwrap()
}

/// Every kind of message, with its form; a digest of 32 times 11 is written as D, the certificate as C.
fn all() -> Vec<(SmvbaMessage, &'static str)> {
    let (view, leader, digest) = (Round(7), NodeIndex(1), Digest([0x11; 32]));
    let endorsement = Endorsement::from_bytes(&[0xee; 2]).unwrap();
    let share = CoinShare::from_bytes(&[0xaa]).unwrap();
    let blob = |bytes: &'static [u8]| Blob(bytes.into());
    let spb = |message| SmvbaMessage::Spb { view, proposer: NodeIndex(2), message };
    let lock = certificate();
    vec![
        (spb(SpbMessage::Send { value: blob(&[1, 2]), proof: blob(&[3]) }), "01000000070002010000000201020000000103"),
        (spb(SpbMessage::Endorse(Stage::Lock, endorsement)), "01000000070002020102eeee"),
        (spb(SpbMessage::Endorse(Stage::Finish, endorsement)), "01000000070002020202eeee"),
        (spb(SpbMessage::Lock(digest, certificate())), "0100000007000203DC"),
        (spb(SpbMessage::Finish(digest, certificate())), "0100000007000204DC"),
        (spb(SpbMessage::Record(SpbRecord::Endorsed(digest))), "0100000007000205D"),
        (spb(SpbMessage::Record(SpbRecord::Locked(vec![9].into(), certificate()))), "01000000070002060000000109C"),
        (SmvbaMessage::Share { view, share: share.clone() }, "020000000701aa"),
        (
            SmvbaMessage::Prevote { view, leader, prevote: Prevote::Yes { digest, lock: lock.clone() } },
            "03000000070001DC",
        ),
        (SmvbaMessage::Prevote { view, leader, prevote: Prevote::No(endorsement) }, "0400000007000102eeee"),
        (
            SmvbaMessage::Vote { view, leader, vote: Vote::Yes { digest, lock: lock.clone(), endorsement } },
            "05000000070001DC02eeee",
        ),
        (
            SmvbaMessage::Vote { view, leader, vote: Vote::No { no_locks: lock.clone(), endorsement } },
            "06000000070001C02eeee",
        ),
        (
            SmvbaMessage::Halt(Halt { view, leader, digest, proof: HaltProof::Finish(lock.clone()) }),
            "07000000070001D01C",
        ),
        (SmvbaMessage::Halt(Halt { view, leader, digest, proof: HaltProof::Seen(lock) }), "07000000070001D02C"),
        (SmvbaMessage::AskLeader(view), "0800000007"),
        (SmvbaMessage::Leader { view, shares: Shares::new(vec![(leader, share)]) }, "090000000700000001000101aa"),
        (SmvbaMessage::AskValue(digest), "0aD"),
        (SmvbaMessage::Value(blob(&[5, 6])), "0b000000020506"),
    ]
}

#[test]
fn golden_vectors() {
    for (message, golden) in all() {
        let golden = golden.replace('D', &"11".repeat(32)).replace('C', "01050002cccc");
        let bytes = encode(&message);
        assert_eq!(hex(&bytes), golden, "{message:?}");
        assert_eq!(decode::<SmvbaMessage>(&bytes).unwrap(), message);
        for len in 0..bytes.len() {
            assert!(decode::<SmvbaMessage>(&bytes.slice(..len)).is_err(), "{message:?} cut at {len}");
        }
    }
}

#[test]
fn every_other_tag_and_view_0_are_refused() {
    let known: Vec<u8> = all().iter().map(|(message, _)| encode(message)[0]).collect();
    for tag in (0..=255u8).filter(|tag| !known.contains(tag)) {
        for (message, _) in all() {
            let mut bytes = encode(&message).to_vec();
            bytes[0] = tag;
            assert!(decode::<SmvbaMessage>(&bytes.into()).is_err(), "{tag}");
        }
    }
    for (message, _) in all().into_iter().filter(|(message, _)| kind(message).0 != 0) {
        let mut bytes = encode(&message).to_vec();
        bytes[1..5].fill(0);
        assert!(decode::<SmvbaMessage>(&bytes.into()).is_err(), "{message:?} of view 0");
    }
}

#[test]
fn only_statements_of_a_view_wait_for_it() {
    for (message, _) in all() {
        let mut views = Vec::new();
        message.rounds(&mut |instance, view| views.push((instance, view)));
        assert_eq!(views, message.view().map(|view| (NodeIndex(0), view)).into_iter().collect::<Vec<_>>());
        let (now, later) = message.clone().split(&|_, _| false);
        assert_eq!((now.is_some(), later.is_some()), (message.view().is_none(), message.view().is_some()));
        assert_eq!(message.clone().split(&|_, _| true), (Some(message), None));
    }
}

#[test]
fn a_justification_covers_exactly_the_views_since_its_origin() {
    let entry = (NodeIndex(3), certificate());
    let lock = |view| Origin::Lock { view: Round(view), leader: NodeIndex(1), certificate: certificate() };
    for (origin, chain, good_in) in
        [(Origin::Input, 0, 1), (Origin::Input, 2, 3), (lock(1), 0, 2), (lock(2), 3, 6), (lock(9), 0, 10)]
    {
        let justification = Justification { origin, chain: Chain::new(vec![entry.clone(); chain]) };
        let bytes = justification.to_bytes();
        for view in 0..12 {
            let expected = (view == good_in).then_some(&justification);
            assert_eq!(Justification::from_bytes(&bytes, Round(view)).as_ref(), expected, "view {view}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Justification::from_bytes(&longer.into(), Round(good_in)), None);
    }
    assert_eq!(hex(&Justification { origin: Origin::Input, chain: Chain::default() }.to_bytes()), "0100000000");
    let chained = Justification { origin: lock(2), chain: Chain::new(vec![entry]) };
    assert_eq!(hex(&chained.to_bytes()), "0200000002000101050002cccc00000001000301050002cccc");
}
