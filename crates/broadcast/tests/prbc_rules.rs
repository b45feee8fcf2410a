//! Provable reliable broadcast, one node at a time: when it signs, what makes a proof, what a restart leaves.

#[path = "common/by_hand.rs"]
mod by_hand;
mod common;
#[allow(dead_code, unreachable_pub)]
#[path = "../../adversary/src/ideal.rs"]
mod ideal;

use by_hand::Hand;
use common::tree::ForgedTree;
use common::{codec, echo, node, payload, val};
use ideal::IdealCertificates;
use mellivora_broadcast::prbc::delivered;
use mellivora_broadcast::{EchoMode, Prbc, PrbcConfig, PrbcMessage, PrbcOutput, RbcMessage};
use mellivora_coding::Encoded;
use mellivora_core::{
    Committee, Digest, Domain, Durable, Era, FaultKind, Layer, NodeIndex, NodeSet, Purpose, Round, Segment, To,
};
use mellivora_crypto::{Certificate, CertificateScheme, Claim, Endorsement, Statement};

const SIZES: [usize; 5] = [1, 4, 5, 7, 10];

fn domain(proposer: usize) -> Domain {
    Domain::new(Digest([7; 32]), Era(0)).child(Segment::of(Layer::Rbc, node(proposer)))
}

fn ideal(n: usize) -> IdealCertificates {
    IdealCertificates::new(Committee::new(n).unwrap(), NodeIndex(0))
}

fn endorsement(n: usize, i: usize, root: Digest) -> Endorsement {
    ideal(n).endorsement_of(node(i), &delivered(&domain(0), root))
}

fn said(n: usize, i: usize, root: Digest) -> PrbcMessage {
    PrbcMessage::Delivered(root, endorsement(n, i, root))
}

fn prbc(n: usize, me: usize) -> Prbc {
    let rbc = common::config(&codec(n), node(me), node(0), EchoMode::Full);
    let certificates = IdealCertificates::scheme(rbc.committee, node(me));
    Prbc::new(PrbcConfig { rbc, domain: domain(0), certificates })
}

fn hand(n: usize, me: usize) -> Hand<Prbc> {
    Hand::new(me, prbc(n, me))
}

fn encoded(n: usize) -> Encoded {
    codec(n).encode(payload(3000, 1)).unwrap()
}

fn deliver(hand: &mut Hand<Prbc>, n: usize, encoded: &Encoded) {
    (1..n).for_each(|j| hand.receive(j, PrbcMessage::Rbc(echo(encoded, j))));
    hand.run_jobs();
    (0..n).for_each(|j| hand.receive(j, PrbcMessage::Rbc(RbcMessage::Ready(encoded.commitment))));
}

fn proofs(hand: &Hand<Prbc>) -> Vec<(Digest, &Certificate)> {
    let proof = |output| match output {
        &PrbcOutput::Proven { root, ref proof } => Some((root, proof)),
        PrbcOutput::Delivered(_) => None,
    };
    hand.seen.outputs.iter().filter_map(proof).collect()
}

fn endorsed(hand: &Hand<Prbc>) -> Vec<(To, Durable, PrbcMessage)> {
    hand.seen.sent.iter().filter(|(.., m)| matches!(m, PrbcMessage::Delivered(..))).cloned().collect()
}

#[test]
fn delivery_is_endorsed_to_all_once_and_durably_and_not_before() {
    for n in SIZES {
        let encoded = encoded(n);
        let me = n - 1;
        let mut hand = hand(n, me);
        hand.receive(0, PrbcMessage::Rbc(val(&encoded, me)));
        hand.run_jobs();
        if n > 1 {
            assert_eq!(endorsed(&hand), [], "support is no delivery");
        }
        deliver(&mut hand, n, &encoded);
        deliver(&mut hand, n, &encoded);
        assert_eq!(endorsed(&hand), [(To::All, Durable::Yes, said(n, me, encoded.commitment))]);
        assert!(matches!(&hand.seen.outputs[0], PrbcOutput::Delivered(c) if c.commitment == encoded.commitment));
        hand.run_jobs();
        assert_eq!(proofs(&hand).len(), usize::from(n == 1), "one alone proves something only where nobody may lie");
    }
}

#[test]
fn bottom_is_endorsed_like_a_payload() {
    let n = 4;
    let mut forger = ForgedTree::honest(&codec(n), payload(300, 1)).unwrap();
    forger.flip(1, 5, 0x40);
    let root = forger.commitment();
    let mut hand = hand(n, 3);
    for j in 0..3 {
        hand.receive(j, PrbcMessage::Rbc(RbcMessage::Echo { root, shard: forger.shard(node(j)) }));
        hand.receive(j, PrbcMessage::Rbc(RbcMessage::Ready(root)));
    }
    hand.run_jobs();
    assert!(matches!(&hand.seen.outputs[0], PrbcOutput::Delivered(c) if c.body.is_none()));
    assert_eq!(endorsed(&hand), [(To::All, Durable::Yes, said(n, 3, root))]);
    assert_eq!(hand.faults(), [(0, FaultKind::NotACodeword)]);
    let path = hand.seen.faults[0].path;
    assert_eq!(path.segments().collect::<Vec<_>>(), [Segment::only(Layer::Rbc)], "a fault of the broadcast inside");
}

#[test]
fn f_plus_1_endorsements_of_one_root_are_a_proof_without_and_after_the_own_delivery() {
    for n in [4, 5, 7, 10] {
        let committee = Committee::new(n).unwrap();
        let encoded = encoded(n);
        let root = encoded.commitment;
        for before in [true, false] {
            let me = n - 1;
            let mut hand = hand(n, me);
            let own = usize::from(!before);
            if !before {
                deliver(&mut hand, n, &encoded);
                hand.run_jobs();
            }
            // As many as may lie swear by another root, and say the same twice.
            let liars = 0..committee.f();
            for _ in 0..2 {
                liars.clone().for_each(|i| hand.receive(i, said(n, i, Digest([9; 32]))));
            }
            for i in committee.f()..committee.f() + committee.one_honest() - own {
                hand.run_jobs();
                assert_eq!(proofs(&hand), [], "n {n}");
                hand.receive(i, said(n, i, root));
                hand.receive(i, said(n, i, root));
            }
            hand.run_jobs();
            let [(proven, proof)] = proofs(&hand)[..] else { panic!("n {n}: one proof") };
            assert_eq!((proven, proof.signers.len()), (root, committee.one_honest()));
            let claim = Claim::many(delivered(&domain(0), root), committee.one_honest(), proof.clone());
            assert!(ideal(n).verify(&[claim]));
            assert_eq!(hand.faults(), [], "nobody has contradicted himself");
            (0..n).for_each(|i| hand.receive(i, said(n, i, root)));
            hand.run_jobs();
            assert_eq!(proofs(&hand).len(), 1);
            assert!(hand.faults().iter().all(|fault| *fault == (fault.0, FaultKind::ConflictingDelivered)));
            assert_eq!(hand.faults().len(), committee.f());
            deliver(&mut hand, n, &encoded);
            let delivered = |output: &&PrbcOutput| matches!(output, PrbcOutput::Delivered(_));
            assert_eq!(hand.seen.outputs.iter().filter(delivered).count(), 1, "delivery comes, too");
        }
    }
}

#[test]
fn endorsements_of_something_else_prove_nothing_and_are_blamed_on_their_senders() {
    let n = 7;
    let root = encoded(n).commitment;
    let right = delivered(&domain(0), root);
    let wrong = [
        Statement { domain: domain(0).statement(Purpose::Stored, Round(0)), ..right },
        Statement { domain: domain(0).statement(Purpose::Delivered, Round(1)), ..right },
        delivered(&domain(1), root),
        delivered(&domain(0), Digest([1; 32])),
    ];
    for statement in wrong {
        let mut hand = hand(n, 6);
        for liar in [0, 1] {
            hand.receive(liar, PrbcMessage::Delivered(root, ideal(n).endorsement_of(node(liar), &statement)));
        }
        // Another's endorsement is not one's own.
        hand.receive(2, said(n, 2, root));
        hand.run_jobs();
        assert_eq!(hand.faults(), [0, 1].map(|liar| (liar, FaultKind::InvalidEndorsement)), "{statement:?}");
        hand.receive(0, said(n, 0, root));
        hand.receive(3, said(n, 3, root));
        hand.run_jobs();
        assert_eq!(proofs(&hand), [], "no second try for a liar: two are not enough");
        hand.receive(5, PrbcMessage::Delivered(root, endorsement(n, 4, root)));
        hand.run_jobs();
        assert_eq!((proofs(&hand), hand.faults().len()), (vec![], 3));
        hand.receive(4, said(n, 4, root));
        hand.run_jobs();
        assert_eq!(proofs(&hand)[0].1.signers, [2, 3, 4].into_iter().map(node).collect::<NodeSet>());
    }
}

#[test]
fn a_restarted_node_counts_its_own_endorsement_and_says_no_other() {
    for n in SIZES {
        let encoded = encoded(n);
        let one_honest = Committee::new(n).unwrap().one_honest();
        let me = n - 1;
        let mut hand = hand(n, me);
        hand.receive(0, PrbcMessage::Rbc(val(&encoded, me)));
        deliver(&mut hand, n, &encoded);
        let before = endorsed(&hand);
        assert_eq!(before.len(), 1);
        hand.restart(prbc(n, me));
        hand.run_jobs();
        (0..one_honest - 1).for_each(|i| hand.receive(i, said(n, i, encoded.commitment)));
        hand.run_jobs();
        assert_eq!(proofs(&hand).len(), 1, "n {n}");
        deliver(&mut hand, n, &encoded);
        assert_eq!(endorsed(&hand), before, "nothing new is signed");
    }
}

#[test]
fn floods_keep_memory_constant() {
    let n = 7;
    let mut hand = hand(n, 6);
    let flood = |hand: &mut Hand<Prbc>, round: u8| {
        for from in (0..n).chain([7, 300, 65_535]) {
            let root = Digest([round; 32].map(|byte| byte ^ from as u8));
            hand.receive(from, PrbcMessage::Delivered(root, Endorsement::from_bytes(&[round; 64]).unwrap()));
        }
        hand.run_jobs();
        hand.seen.faults.clear();
    };
    flood(&mut hand, 0);
    let memory = hand.node.memory();
    (1..200).for_each(|round| flood(&mut hand, round));
    assert_eq!(hand.node.memory(), memory);
    assert!(proofs(&hand).is_empty());
}
