//! The wire forms: pinned, split by rounds, refused when malformed.

use mellivora_agreement::{Values, Vote};
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::{List, decode, encode};
use mellivora_core::{Digest, Message, NodeIndex, Round};
use mellivora_crypto::CoinShare;
use mellivora_subset::{Ballot, BkrMessage, MAX_BALLOTS};

use super::support::{hex, set};

fn votes(ballots: Vec<Ballot>) -> BkrMessage {
    BkrMessage::Votes(List::new(ballots))
}

fn bundle() -> BkrMessage {
    votes(vec![
        Ballot { vote: Vote::Bval { round: Round(1), value: true }, instances: set([0, 1, 9]) },
        Ballot { vote: Vote::Conf { round: Round(3), values: Values::BOTH }, instances: set([2]) },
        Ballot { vote: Vote::Term { value: true }, instances: set([3]) },
    ])
}

fn share() -> BkrMessage {
    let share = CoinShare::from_bytes(&[0xaa]).unwrap();
    BkrMessage::Share { instance: NodeIndex(5), round: Round(3), share }
}

#[test]
fn golden_vectors() {
    let ready = BkrMessage::Rbc { proposer: NodeIndex(258), message: RbcMessage::Ready(Digest([0xcd; 32])) };
    for (message, golden) in [
        (ready, format!("01010203{}", "cd".repeat(32))),
        (bundle(), "02000000031100000001020302330000000301044101 08".replace(' ', "")),
        (share(), "0300050000000301aa".to_owned()),
    ] {
        let bytes = encode(&message);
        assert_eq!(hex(&bytes), golden);
        assert_eq!(encode(&decode::<BkrMessage>(&bytes).unwrap()), bytes);
        for len in 0..bytes.len() {
            assert!(decode::<BkrMessage>(&bytes.slice(..len)).is_err());
        }
    }
}

#[test]
fn unknown_kinds_and_huge_counts_are_refused() {
    for tag in (0..=255u8).filter(|tag| !(1..=3).contains(tag)) {
        assert!(decode::<BkrMessage>(&vec![tag; 64].into()).is_err());
    }
    let mut huge = vec![2];
    huge.extend_from_slice(&(MAX_BALLOTS as u32 + 1).to_be_bytes());
    huge.resize(huge.len() + 10 * MAX_BALLOTS, 0x40);
    assert!(decode::<BkrMessage>(&huge.into()).is_err());
}

fn ballots(message: Option<BkrMessage>) -> Vec<Ballot> {
    match message {
        None => Vec::new(),
        Some(BkrMessage::Votes(list)) => list.into_vec(),
        Some(other) => panic!("{other:?} is no bundle"),
    }
}

#[test]
fn a_bundle_is_split_vote_by_vote_and_instance_by_instance() {
    let mut visited = Vec::new();
    bundle().rounds(&mut |instance, round| visited.push((instance.0, round.0)));
    assert_eq!(visited, [(0, 1), (1, 1), (9, 1), (2, 3)]);

    let (now, later) = bundle().split(&|instance, round| instance != NodeIndex(1) && round < Round(3));
    let (now, later) = (ballots(now), ballots(later));
    assert_eq!(now.iter().map(|b| b.instances).collect::<Vec<_>>(), [set([0, 9]), set([3])]);
    assert_eq!(later.iter().map(|b| b.instances).collect::<Vec<_>>(), [set([1]), set([2])]);
    assert_eq!(now[1].vote, Vote::Term { value: true });

    let (now, later) = bundle().split(&|_, _| true);
    assert_eq!((ballots(now), later.is_none()), (ballots(Some(bundle())), true));
    let (now, later) = votes(ballots(Some(bundle()))[..2].to_vec()).split(&|_, _| false);
    assert!(now.is_none());
    assert_eq!(ballots(later).len(), 2);

    let (now, later) = share().split(&|instance, round| (instance, round) == (NodeIndex(5), Round(3)));
    assert!(now.is_some() && later.is_none());
    let (now, later) = share().split(&|_, _| false);
    assert!(now.is_none() && later.is_some());
}
