//! The wire forms of binary agreement: pinned, canonical, refused when malformed.

mod common;

use common::*;
use mellivora_agreement::{AbaMessage, Values, Vote};
use mellivora_core::codec::{decode, encode};
use mellivora_core::{Message, NodeIndex, Round};
use mellivora_crypto::CoinShare;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn all() -> Vec<(AbaMessage, &'static str)> {
    vec![
        (bval(1, false), "1000000001"),
        (bval(0x0102_0304, true), "1101020304"),
        (aux(2, false), "2000000002"),
        (aux(2, true), "2100000002"),
        (conf(3, Values::ZERO), "3100000003"),
        (conf(3, Values::ONE), "3200000003"),
        (conf(3, Values::BOTH), "3300000003"),
        (term(false), "40"),
        (term(true), "41"),
        (
            AbaMessage::Share { round: Round(3), share: CoinShare::from_bytes(&[0xaa, 0xbb]).unwrap() },
            "500000000302aabb",
        ),
    ]
}

#[test]
fn golden_vectors() {
    for (message, golden) in all() {
        let bytes = encode(&message);
        assert_eq!(hex(&bytes), golden, "{message:?}");
        assert_eq!(decode::<AbaMessage>(&bytes).unwrap(), message);
        for len in 0..bytes.len() {
            assert!(decode::<AbaMessage>(&bytes.slice(..len)).is_err(), "{message:?} cut at {len}");
        }
    }
    assert_eq!(size_of::<Vote>(), 8);
}

#[test]
fn every_other_tag_and_round_0_are_refused() {
    let known: Vec<u8> = all().iter().map(|(message, _)| encode(message)[0]).collect();
    for tag in 0..=255u8 {
        for body in [vec![0, 0, 0, 1], vec![]] {
            let bytes: Vec<u8> = [vec![tag], body].concat();
            if let Ok(message) = decode::<AbaMessage>(&bytes.clone().into()) {
                assert!(known.contains(&tag), "{message:?}");
                assert_eq!(encode(&message), bytes);
            }
        }
    }
    for (message, _) in all().into_iter().filter(|(message, _)| message.round().is_some()) {
        let mut bytes = encode(&message).to_vec();
        bytes[1..5].fill(0);
        assert!(decode::<AbaMessage>(&bytes.into()).is_err(), "{message:?} of round 0");
    }
}

#[test]
fn only_statements_of_a_round_wait_for_it() {
    for (message, _) in all() {
        let mut rounds = Vec::new();
        message.rounds(&mut |instance, round| rounds.push((instance, round)));
        assert_eq!(rounds, message.round().map(|round| (NodeIndex(0), round)).into_iter().collect::<Vec<_>>());
        let (now, later) = message.clone().split(&|_, _| false);
        assert_eq!((now.is_some(), later.is_some()), (message.round().is_none(), message.round().is_some()));
        assert_eq!(message.clone().split(&|_, _| true), (Some(message), None));
    }
}
