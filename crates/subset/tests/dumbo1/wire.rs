//! The wire forms: pinned, split by rounds, refused when malformed.

use mellivora_agreement::Vote;
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::{List, decode, encode};
use mellivora_core::{Digest, Message, NodeIndex, Round};
use mellivora_crypto::CoinShare;
use mellivora_subset::{Ballot, BkrMessage, Dumbo1Message};

use super::support::{hex, set};

fn ready() -> RbcMessage {
    RbcMessage::Ready(Digest([0xcd; 32]))
}

fn bundle() -> BkrMessage {
    BkrMessage::Votes(List::new(vec![
        Ballot { vote: Vote::Bval { round: Round(1), value: true }, instances: set([0, 9]) },
        Ballot { vote: Vote::Term { value: true }, instances: set([3]) },
    ]))
}

fn share() -> CoinShare {
    CoinShare::from_bytes(&[0xaa]).unwrap()
}

fn all() -> [(Dumbo1Message, String); 5] {
    let rbc = BkrMessage::Rbc { proposer: NodeIndex(258), message: ready() };
    let of_agreement = BkrMessage::Share { instance: NodeIndex(5), round: Round(3), share: share() };
    [
        (Dumbo1Message::Bkr(rbc), format!("01010203{}", "cd".repeat(32))),
        (Dumbo1Message::Bkr(bundle()), "02000000021100000001020102410108".to_owned()),
        (Dumbo1Message::Bkr(of_agreement), "0300050000000301aa".to_owned()),
        (Dumbo1Message::IndexSet { member: NodeIndex(258), message: ready() }, format!("04010203{}", "cd".repeat(32))),
        (Dumbo1Message::Election(share()), "0501aa".to_owned()),
    ]
}

#[test]
fn golden_vectors() {
    for (message, golden) in all() {
        let bytes = encode(&message);
        assert_eq!(hex(&bytes), golden);
        assert_eq!(encode(&decode::<Dumbo1Message>(&bytes).unwrap()), bytes);
        for len in 0..bytes.len() {
            assert!(decode::<Dumbo1Message>(&bytes.slice(..len)).is_err());
        }
        assert!(decode::<Dumbo1Message>(&[&bytes[..], &[0]].concat().into()).is_err());
        assert!(message.memory() >= size_of::<Dumbo1Message>());
    }
    // An index set, as it is broadcast.
    assert_eq!(hex(&encode(&set([0, 1, 3, 8]))), "020b01");
}

#[test]
fn what_is_shared_with_bkr_has_its_form() {
    assert_eq!(encode(&Dumbo1Message::Bkr(bundle())), encode(&bundle()));
}

#[test]
fn unknown_kinds_are_refused() {
    for tag in (0..=255u8).filter(|tag| !(1..=5).contains(tag)) {
        assert!(decode::<Dumbo1Message>(&vec![tag; 64].into()).is_err());
    }
}

#[test]
fn votes_and_shares_wait_for_their_rounds_and_nothing_else_does() {
    for (message, _) in all() {
        let mut visited = Vec::new();
        message.rounds(&mut |instance, round| visited.push((instance.0, round.0)));
        let (now, later) = message.clone().split(&|_, _| true);
        assert!(later.is_none() && encode(&now.unwrap()) == encode(&message));
        let (now, later) = message.clone().split(&|_, _| false);
        match &message {
            Dumbo1Message::Bkr(BkrMessage::Votes(_)) => {
                assert_eq!(visited, [(0, 1), (9, 1)]);
                assert!(now.is_some() && later.is_some(), "TERM goes, BVAL waits");
            }
            Dumbo1Message::Bkr(BkrMessage::Share { .. }) => {
                assert_eq!(visited, [(5, 3)]);
                assert!(now.is_none() && later.is_some());
            }
            _ => assert!(visited.is_empty() && now.is_some() && later.is_none()),
        }
    }
}
