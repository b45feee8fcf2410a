//! Provable broadcast, one node at a time: every rule, every attack on it, and what a restart leaves.

#[path = "common/by_hand.rs"]
mod by_hand;
#[path = "common/provable.rs"]
mod provable;

use by_hand::Hand;
use bytes::Bytes;
use mellivora_broadcast::pb::stored;
use mellivora_broadcast::{Pb, PbInput, PbMessage, PbOutput};
use mellivora_coding::{Body, ChunkTree};
use mellivora_core::codec::Blob;
use mellivora_core::{Committee, Digest, Durable, FaultKind, NodeIndex, NodeSet, Purpose, Round, To};
use mellivora_crypto::{Certificate, Endorsement, Statement};
use provable::{MAX, certificate, config, domain, endorsement, ideal};

const SIZES: [usize; 5] = [1, 4, 5, 7, 10];

fn pb(n: usize, me: usize) -> Pb {
    Pb::new(config(n, NodeIndex(me as u16), 0, true))
}

fn hand(n: usize, me: usize) -> Hand<Pb> {
    Hand::new(me, pb(n, me))
}

fn payload(salt: u8) -> Bytes {
    vec![salt; 100_000].into()
}

fn root(payload: &Bytes) -> Digest {
    ChunkTree::commit(Body::from_bytes(payload.clone())).unwrap().commitment()
}

fn send(payload: &Bytes) -> PbMessage {
    PbMessage::Send(Blob(payload.clone()))
}

fn endorsements(hand: &Hand<Pb>) -> Vec<Endorsement> {
    let endorsement = |message: &PbMessage| match message {
        PbMessage::Endorse(endorsement) => Some(*endorsement),
        _ => None,
    };
    hand.seen.sent.iter().filter_map(|(.., message)| endorsement(message)).collect()
}

fn certified(hand: &Hand<Pb>) -> Vec<(Digest, &Certificate)> {
    let certified = |output| match output {
        &PbOutput::Certified { root, ref certificate } => Some((root, certificate)),
        PbOutput::Proposed(_) => None,
    };
    hand.seen.outputs.iter().filter_map(certified).collect()
}

/// A node that has endorsed this payload of proposer 0.
fn endorsed(n: usize, me: usize, payload: &Bytes) -> Hand<Pb> {
    let mut hand = hand(n, me);
    hand.receive(0, send(payload));
    hand.run_jobs();
    hand.input(PbInput::Accept);
    assert_eq!(endorsements(&hand), [endorsement(n, me, root(payload))]);
    hand
}

#[test]
fn an_accepted_payload_is_recorded_before_it_is_endorsed() {
    let payload = payload(1);
    let mut hand = hand(4, 2);
    hand.receive(0, send(&payload));
    assert!(hand.seen.outputs.is_empty(), "hashing is a job");
    hand.input(PbInput::Accept);
    hand.run_jobs();
    let PbOutput::Proposed(tree) = &hand.seen.outputs[0] else { panic!("{:?}", hand.seen.outputs) };
    assert_eq!((tree.commitment(), tree.body().to_bytes()), (root(&payload), payload.clone()));
    assert!(hand.seen.sent.is_empty(), "nothing is promised before the parent has accepted what was proposed");
    hand.input(PbInput::Accept);
    hand.input(PbInput::Accept);
    let me = NodeIndex(2);
    let [(first_to, Durable::Yes, PbMessage::Record(record)), (to, Durable::Yes, PbMessage::Endorse(mine))] =
        &hand.seen.sent[..]
    else {
        panic!("the record, then the promise, once: {:?}", hand.seen.sent)
    };
    assert_eq!((*first_to, &record.0), (To::Node(me), &payload));
    assert_eq!((*to, *mine), (To::Node(NodeIndex(0)), endorsement(4, 2, root(&payload))));
    assert!(hand.node.endorsed());
}

#[test]
fn the_first_payload_of_the_proposer_counts_and_a_second_one_is_a_fault() {
    let (one, two) = (payload(1), payload(2));
    for accepted_between in [false, true] {
        let mut hand = hand(4, 1);
        hand.receive(0, send(&one));
        hand.run_jobs();
        if accepted_between {
            hand.input(PbInput::Accept);
        }
        hand.receive(0, send(&one));
        assert_eq!(hand.faults(), [], "the same again is none");
        hand.receive(0, send(&two));
        hand.run_jobs();
        hand.input(PbInput::Accept);
        assert_eq!(hand.faults(), [(0, FaultKind::ConflictingValue)]);
        assert_eq!(endorsements(&hand), [endorsement(4, 1, root(&one))]);
        assert_eq!(hand.node.payload().map(ChunkTree::commitment), Some(root(&one)));
    }
}

#[test]
fn only_the_proposer_speaks_and_within_the_limit() {
    let mut hand = hand(4, 1);
    hand.receive(2, send(&payload(1)));
    hand.receive(2, PbMessage::Final(root(&payload(1)), certificate(4, 3, root(&payload(1)))));
    assert_eq!(hand.faults(), [(2, FaultKind::NotTheProposer); 2]);
    assert!(hand.seen.jobs.is_empty());
    hand.receive(0, send(&vec![0; MAX + 1].into()));
    assert_eq!(hand.faults()[2..], [(0, FaultKind::Oversized)]);
    assert!(hand.seen.jobs.is_empty() && hand.node.memory() < MAX, "nothing of it is kept");
    hand.receive(0, send(&vec![0; MAX].into()));
    hand.run_jobs();
    assert_eq!(hand.seen.outputs.len(), 1, "what was refused fills no slot");
    hand.receive(0, PbMessage::Record(Blob(payload(1))));
    hand.receive(3, PbMessage::Endorse(endorsement(4, 3, root(&payload(1)))));
    assert_eq!(hand.faults()[3..], [(0, FaultKind::MalformedMessage), (3, FaultKind::UnexpectedEndorsement)]);
    for from in [4, 300, 65_535] {
        hand.receive(from, send(&payload(9)));
        hand.receive(from, PbMessage::Endorse(endorsement(4, 3, root(&payload(1)))));
    }
    assert_eq!(hand.faults().len(), 5, "strangers are ignored");
}

#[test]
fn inputs_are_taken_once_at_the_proposer_and_within_the_limit_only() {
    let mut other = hand(4, 1);
    other.input(PbInput::Propose(payload(1)));
    let mut proposer = hand(4, 0);
    proposer.input(PbInput::Propose(vec![0; MAX + 1].into()));
    assert!(other.seen.sent.is_empty() && proposer.seen.sent.is_empty());
    proposer.input(PbInput::Propose(payload(1)));
    proposer.input(PbInput::Propose(payload(2)));
    assert_eq!(proposer.seen.sent, [(To::All, Durable::Yes, send(&payload(1)))]);
}

#[test]
fn a_quorum_of_endorsements_is_a_certificate_whatever_else_comes() {
    for n in SIZES {
        let committee = Committee::new(n).unwrap();
        let (quorum, f) = (committee.quorum(), committee.f());
        let payload = payload(1);
        let root = root(&payload);
        for announce in [false, true] {
            let mut hand = Hand::new(0, Pb::new(config(n, NodeIndex(0), 0, announce)));
            hand.input(PbInput::Propose(payload.clone()));
            // Some come before the own hash is done, bad ones first.
            for bad in 1..=f {
                let other = stored(&domain(0), Digest([1; 32]));
                let what = [ideal(n).endorsement_of(NodeIndex(bad as u16), &other), endorsement(n, bad + 1, root)];
                hand.receive(bad, PbMessage::Endorse(what[bad % 2]));
                hand.receive(bad, PbMessage::Endorse(endorsement(n, bad, root)));
            }
            let honest: Vec<usize> = (1..n).filter(|&i| i > f).collect();
            let (early, late) = honest.split_at(honest.len() / 2);
            early.iter().for_each(|&i| hand.receive(i, PbMessage::Endorse(endorsement(n, i, root))));
            hand.run_jobs();
            assert!(certified(&hand).is_empty() || n == 1);
            hand.input(PbInput::Accept);
            hand.run_jobs();
            for (count, &i) in late.iter().enumerate() {
                // Itself, the early ones, and those before: the liars do not count.
                assert!(1 + early.len() + count < quorum && certified(&hand).is_empty(), "n {n}: {count} late ones");
                hand.receive(i, PbMessage::Endorse(endorsement(n, i, root)));
                hand.run_jobs();
                if !certified(&hand).is_empty() {
                    break;
                }
            }
            let [(certified_root, found)] = certified(&hand)[..] else { panic!("n {n}: one certificate") };
            assert_eq!((certified_root, found.signers.len()), (root, quorum));
            assert_eq!(*found, ideal(n).certificate_of(found.signers, &stored(&domain(0), root)));
            let liars: Vec<u16> = hand.seen.faults.iter().map(|fault| fault.node.0).collect();
            assert_eq!(liars, (1..=f as u16).collect::<Vec<_>>(), "n {n}");
            assert!(hand.seen.faults.iter().all(|fault| fault.kind == FaultKind::InvalidEndorsement));
            let is_final = |message: &PbMessage| matches!(message, PbMessage::Final(..));
            let finals: Vec<To> = hand.seen.sent.iter().filter(|(.., m)| is_final(m)).map(|(to, ..)| *to).collect();
            assert_eq!(finals, if announce { vec![To::All] } else { vec![] }, "CBC tells, PB does not");
        }
    }
}

#[test]
fn endorsements_before_the_proposal_are_unexpected() {
    let mut hand = hand(4, 0);
    hand.receive(2, PbMessage::Endorse(endorsement(4, 2, root(&payload(1)))));
    assert_eq!(hand.faults(), [(2, FaultKind::UnexpectedEndorsement)]);
}

#[test]
fn a_valid_final_counts_with_or_without_the_payload() {
    for n in [4, 5, 7, 10] {
        let quorum = Committee::new(n).unwrap().quorum();
        let payload = payload(1);
        let root = root(&payload);
        for held in [None, Some(payload.clone()), Some(vec![5; 10].into())] {
            let me = n - 1;
            let mut hand = held.as_ref().map_or_else(|| hand(n, me), |held| endorsed(n, me, held));
            let valid = certificate(n, quorum, root);
            hand.receive(0, PbMessage::Final(root, valid.clone()));
            assert_eq!(certified(&hand), [], "checking is a job");
            hand.receive(0, PbMessage::Final(root, certificate(n, quorum, root)));
            assert_eq!(hand.seen.jobs.len(), 1, "one check");
            hand.run_jobs();
            assert_eq!(certified(&hand), [(root, &valid)]);
            assert_eq!(hand.node.certified(), Some((root, &valid)));
            hand.receive(0, PbMessage::Final(Digest([9; 32]), certificate(n, quorum, Digest([9; 32]))));
            hand.run_jobs();
            assert_eq!(hand.faults(), [(0, FaultKind::ConflictingCertificate)]);
            assert_eq!(certified(&hand).len(), 1);
        }
    }
}

/// Certificates that prove nothing about proposer 0's payload, with what is wrong.
fn forged(n: usize, root: Digest) -> Vec<(&'static str, Certificate)> {
    let quorum = Committee::new(n).unwrap().quorum();
    let first = NodeSet::first(quorum);
    let of = |statement: Statement| ideal(n).certificate_of(first, &statement);
    let right = stored(&domain(0), root);
    let purposes = [Purpose::Instance, Purpose::Lock, Purpose::Finish, Purpose::Delivered, Purpose::StreamVote];
    let mut forged: Vec<_> = purposes
        .map(|purpose| ("another purpose", of(Statement { domain: domain(0).statement(purpose, Round(0)), ..right })))
        .into();
    forged.extend([
        ("another round", of(Statement { domain: right.domain.statement(Purpose::Stored, Round(1)), ..right })),
        ("another instance", of(stored(&domain(1), root))),
        ("another root", of(stored(&domain(0), Digest([8; 32])))),
        ("below the quorum", certificate(n, quorum - 1, root)),
        ("above the quorum", certificate(n, quorum + 1, root)),
        ("nobody", certificate(n, 0, root)),
        ("no proof", Certificate::new(first, Bytes::new()).unwrap()),
        ("garbage", Certificate::new(first, vec![7; 8 * quorum].into()).unwrap()),
    ]);
    // The same signature under two names: a signer who is listed twice.
    let one = endorsement(n, 0, root).as_bytes().repeat(quorum);
    forged.push(("one signer for all", Certificate::new(first, one.into()).unwrap()));
    let strangers: NodeSet = (0..quorum).map(|i| NodeIndex((n + i) as u16)).collect();
    forged.push(("strangers", ideal(n).certificate_of(strangers, &right)));
    forged
}

#[test]
fn certificates_that_prove_nothing_are_a_fault_and_get_no_second_try() {
    for n in [4, 5, 7, 10] {
        let root = root(&payload(1));
        for (what, certificate) in forged(n, root) {
            let mut hand = endorsed(n, 1, &payload(1));
            hand.receive(0, PbMessage::Final(root, certificate));
            hand.run_jobs();
            assert_eq!(hand.faults(), [(0, FaultKind::InvalidProposalCertificate)], "{what}, n {n}");
            assert!(certified(&hand).is_empty(), "{what}, n {n}");
            let before = hand.jobs_run;
            hand.receive(0, PbMessage::Final(root, provable::certificate(n, n - (n - 1) / 3, root)));
            hand.run_jobs();
            assert_eq!(hand.jobs_run, before, "an honest proposer sends no second one: {what}");
        }
    }
}

#[test]
fn a_restarted_node_endorses_nothing_else_and_still_holds_the_payload() {
    let (one, two) = (payload(1), payload(2));
    let mut hand = endorsed(4, 1, &one);
    let said = hand.seen.sent.len();
    hand.restart(pb(4, 1));
    hand.receive(0, send(&two));
    hand.run_jobs();
    hand.input(PbInput::Accept);
    assert_eq!(hand.seen.sent.len(), said, "nothing new is said");
    assert_eq!(hand.faults(), [(0, FaultKind::ConflictingValue)]);
    let [PbOutput::Proposed(tree)] = &hand.seen.outputs[..] else { panic!("{:?}", hand.seen.outputs) };
    assert_eq!(tree.body().to_bytes(), one, "the parent can serve it again");
}

#[test]
fn a_node_that_endorsed_nothing_takes_what_comes_after_a_restart() {
    let mut hand = hand(4, 1);
    hand.receive(0, send(&payload(1)));
    hand.run_jobs();
    hand.restart(pb(4, 1));
    hand.receive(0, send(&payload(2)));
    hand.run_jobs();
    hand.input(PbInput::Accept);
    assert_eq!(endorsements(&hand), [endorsement(4, 1, root(&payload(2)))]);
    assert_eq!(hand.faults(), []);
}

#[test]
fn a_restarted_proposer_proposes_nothing_else_and_gets_its_certificate() {
    let (one, two) = (payload(1), payload(2));
    let mut hand = hand(4, 0);
    hand.input(PbInput::Propose(one.clone()));
    hand.restart(pb(4, 0));
    hand.input(PbInput::Propose(two));
    // The endorsements are said again, before the own hash is done.
    (1..3).for_each(|i| hand.receive(i, PbMessage::Endorse(endorsement(4, i, root(&one)))));
    hand.run_jobs();
    hand.input(PbInput::Accept);
    hand.run_jobs();
    let proposals = hand.seen.sent.iter().filter(|(.., message)| matches!(message, PbMessage::Send(_))).count();
    assert_eq!(proposals, 1);
    assert!(!hand.seen.sent.iter().any(|(.., message)| matches!(message, PbMessage::Record(_))), "SEND is the record");
    assert_eq!(certified(&hand), [(root(&one), &certificate(4, 3, root(&one)))]);
    assert_eq!(hand.faults(), []);
}

#[test]
fn a_restarted_proposer_counts_its_own_endorsement() {
    for n in SIZES {
        let payload = payload(1);
        let quorum = Committee::new(n).unwrap().quorum();
        let mut hand = hand(n, 0);
        hand.input(PbInput::Propose(payload.clone()));
        hand.run_jobs();
        hand.input(PbInput::Accept);
        hand.seen.jobs.clear();
        hand.restart(pb(n, 0));
        // As many others as there are without f silent nodes.
        (1..quorum).for_each(|i| hand.receive(i, PbMessage::Endorse(endorsement(n, i, root(&payload)))));
        hand.run_jobs();
        assert_eq!(certified(&hand), [(root(&payload), &certificate(n, quorum, root(&payload)))]);
    }
}

#[test]
fn floods_keep_memory_constant() {
    let n = 7;
    let mut hand = hand(n, 0);
    hand.input(PbInput::Propose(payload(1)));
    let flood = |hand: &mut Hand<Pb>, round: u8| {
        for from in 1..n {
            hand.receive(from, send(&vec![round; MAX].into()));
            hand.receive(from, PbMessage::Endorse(Endorsement::from_bytes(&[round; 64]).unwrap()));
            hand.receive(from, PbMessage::Final(Digest([round; 32]), certificate(n, 5, Digest([round; 32]))));
            hand.receive(from, PbMessage::Record(Blob(vec![round; MAX].into())));
        }
        hand.seen.faults.clear();
    };
    flood(&mut hand, 0);
    let before_the_hash = hand.node.memory();
    (1..50).for_each(|round| flood(&mut hand, round));
    assert_eq!(hand.node.memory(), before_the_hash);
    hand.run_jobs();
    let after = hand.node.memory();
    (50..100).for_each(|round| flood(&mut hand, round));
    hand.run_jobs();
    assert!(hand.node.memory() <= after && after < 2 * payload(1).len());
    assert!(certified(&hand).is_empty());
}
