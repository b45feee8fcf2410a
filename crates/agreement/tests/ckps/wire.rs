//! The wire form: pinned, canonical, refused when malformed.

use mellivora_agreement::{AbaMessage, CkpsMessage, Vote};
use mellivora_broadcast::{PbMessage, RetrievalMessage};
use mellivora_core::codec::{Blob, List, decode, encode};
use mellivora_core::{Digest, Message, NodeIndex, Round};
use mellivora_crypto::{Certificate, CoinShare, Endorsement};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every kind of message, with its form; a digest of 32 times 11 is written as D, the certificate as C.
fn all() -> Vec<(CkpsMessage, &'static str)> {
    let (node, digest) = (NodeIndex(2), Digest([0x11; 32]));
    let certificate =
        Certificate::new([NodeIndex(0), NodeIndex(2)].into_iter().collect(), vec![0xcc; 2].into()).unwrap();
    let endorsement = Endorsement::from_bytes(&[0xee; 2]).unwrap();
    let share = CoinShare::from_bytes(&[0xaa]).unwrap();
    let blob = |bytes: &'static [u8]| Blob(bytes.into());
    let value = |message| CkpsMessage::Value { proposer: node, message };
    let commitment = |message| CkpsMessage::Commitment { proposer: node, message };
    let aba = |message| CkpsMessage::Aba { candidate: node, message };
    vec![
        (value(PbMessage::Send(blob(&[1, 2]))), "01000201000000020102"),
        (value(PbMessage::Endorse(endorsement)), "0100020202eeee"),
        (value(PbMessage::Final(digest, certificate.clone())), "01000203DC"),
        (value(PbMessage::Record(blob(&[9]))), "010002040000000109"),
        (commitment(PbMessage::Send(blob(&[1, 7]))), "02000201000000020107"),
        (CkpsMessage::Share(share.clone()), "0301aa"),
        (CkpsMessage::Vote { candidate: node, yes: false }, "040002"),
        (CkpsMessage::Vote { candidate: node, yes: true }, "050002"),
        (aba(AbaMessage::Vote(Vote::Aux { round: Round(3), value: true })), "0600022100000003"),
        (aba(AbaMessage::Vote(Vote::Term { value: true })), "06000241"),
        (aba(AbaMessage::Share { round: Round(3), share }), "060002500000000301aa"),
        (CkpsMessage::Ask(node), "070002"),
        (CkpsMessage::Certificate { candidate: node, root: digest, certificate }, "080002DC"),
        (
            CkpsMessage::Retrieval { candidate: node, message: RetrievalMessage::Request(digest, List::new(vec![5])) },
            "09000201D0000000100000005",
        ),
    ]
}

#[test]
fn golden_vectors() {
    for (message, golden) in all() {
        let golden = golden.replace('D', &"11".repeat(32)).replace('C', "01050002cccc");
        let bytes = encode(&message);
        assert_eq!(hex(&bytes), golden, "{message:?}");
        assert_eq!(decode::<CkpsMessage>(&bytes).unwrap(), message);
        for len in 0..bytes.len() {
            assert!(decode::<CkpsMessage>(&bytes.slice(..len)).is_err(), "{message:?} cut at {len}");
        }
    }
}

#[test]
fn every_other_tag_is_refused() {
    let known: Vec<u8> = all().iter().map(|(message, _)| encode(message)[0]).collect();
    for tag in (0..=255u8).filter(|tag| !known.contains(tag)) {
        for (message, _) in all() {
            let mut bytes = encode(&message).to_vec();
            bytes[0] = tag;
            assert!(decode::<CkpsMessage>(&bytes.into()).is_err(), "{tag}");
        }
    }
}

#[test]
fn only_statements_of_a_round_wait_for_it_in_the_agreement_that_they_are_about() {
    for (message, _) in all() {
        let mut rounds = Vec::new();
        message.rounds(&mut |instance, round| rounds.push((instance, round)));
        let of_a_round = match &message {
            CkpsMessage::Aba { message: AbaMessage::Vote(vote), .. } => vote.round().is_some(),
            CkpsMessage::Aba { .. } => true,
            _ => false,
        };
        assert_eq!(rounds, if of_a_round { vec![(NodeIndex(2), Round(3))] } else { Vec::new() }, "{message:?}");
        let (now, later) = message.clone().split(&|instance, _| instance != NodeIndex(2));
        assert_eq!((now.is_some(), later.is_some()), (!of_a_round, of_a_round));
        assert_eq!(message.clone().split(&|_, _| true), (Some(message.clone()), None));
    }
}

#[test]
fn bulk_counts_as_memory() {
    for (message, _) in all() {
        let inner = match &message {
            CkpsMessage::Value { message, .. } | CkpsMessage::Commitment { message, .. } => message.memory(),
            CkpsMessage::Aba { message, .. } => message.memory(),
            CkpsMessage::Retrieval { message, .. } => message.memory(),
            CkpsMessage::Certificate { .. } => 2,
            CkpsMessage::Share(_) => 1,
            _ => 0,
        };
        assert_eq!(message.memory(), size_of::<CkpsMessage>() + inner, "{message:?}");
    }
}
