//! Evidence: what contradicts each other, and whom it names.

use mellivora_core::{Committee, Digest, Domain, Epoch, Era, Evidence, NodeIndex, NodeSet, Purpose, Round, Segment};
use mellivora_crypto::{Certificates, Claim, Contradiction, NodeKeys, Schemes, Statement, deal_nodes};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const SESSION: Digest = Digest([3; 32]);

/// A committee for each kind of certificates.
fn committees() -> impl Iterator<Item = Vec<NodeKeys>> {
    Certificates::ALL.iter().map(|&certificates| {
        let schemes = Schemes { certificates, ..Schemes::default() };
        deal_nodes(schemes, Committee::new(4).unwrap(), &mut ChaCha20Rng::seed_from_u64(7)).unwrap()
    })
}

fn statement(epoch: u64, purpose: Purpose, round: u32, digest: u8) -> Statement {
    let domain = Domain::new(SESSION, Era(0)).child(Segment::epoch(Epoch(epoch)));
    Statement { domain: domain.statement(purpose, Round(round)), digest: Digest([digest; 32]) }
}

/// A certificate of three of four nodes.
fn claim(nodes: &[NodeKeys], by: [usize; 3], about: Statement) -> Claim {
    let signed: Vec<_> = by.iter().map(|&i| (nodes[i].index(), nodes[i].certificates().endorse(&about))).collect();
    Claim::many(about, 3, nodes[0].certificates().assemble(&about, 3, &signed).certificate.unwrap())
}

#[test]
fn two_certificates_name_those_who_signed_both_to_anybody() {
    for nodes in committees() {
        let first = claim(&nodes, [0, 1, 2], statement(1, Purpose::Stored, 0, 1));
        let second = claim(&nodes, [1, 2, 3], statement(1, Purpose::Stored, 0, 2));
        let found = Contradiction::between(first, second).unwrap();
        let told = Contradiction::from_evidence(&found.to_evidence()).unwrap();
        assert_eq!(told, found);
        for node in &nodes {
            assert!(told.verify(&SESSION, 3, node.certificates().as_ref()));
            assert!(!told.verify(&Digest([4; 32]), 3, node.certificates().as_ref()), "of another session");
            assert!(!told.verify(&SESSION, 2, node.certificates().as_ref()), "with another quorum");
        }
        assert_eq!(told.culprits(), [NodeIndex(1), NodeIndex(2)].into_iter().collect::<NodeSet>());
    }
}

#[test]
fn two_endorsements_of_one_node_are_evidence_and_forged_ones_are_not() {
    for nodes in committees() {
        let sign = |by: usize, digest| {
            let about = statement(1, Purpose::StreamVote, 0, digest);
            Claim::one(about, NodeIndex(3), nodes[by].certificates().endorse(&about))
        };
        let found = Contradiction::between(sign(3, 1), sign(3, 2)).unwrap();
        assert!(Contradiction::from_evidence(&found.to_evidence()).unwrap().verify(
            &SESSION,
            3,
            nodes[0].certificates().as_ref()
        ));
        let forged = Contradiction::between(sign(3, 1), sign(2, 2)).unwrap();
        assert!(!forged.verify(&SESSION, 3, nodes[0].certificates().as_ref()));
    }
}

#[test]
fn what_an_honest_node_may_sign_is_no_contradiction() {
    for nodes in committees() {
        let both = |a: Statement, b: Statement| {
            Contradiction::between(claim(&nodes, [0, 1, 2], a), claim(&nodes, [0, 1, 2], b)).is_some()
        };
        for purpose in [Purpose::Lock, Purpose::Finish, Purpose::Stored, Purpose::Delivered, Purpose::StreamVote] {
            assert!(both(statement(1, purpose, 1, 1), statement(1, purpose, 1, 2)), "{purpose:?}");
            assert!(!both(statement(1, purpose, 1, 1), statement(1, purpose, 1, 1)), "the same twice");
            assert!(!both(statement(1, purpose, 1, 1), statement(2, purpose, 1, 2)), "another instance");
            assert!(!both(statement(1, purpose, 1, 1), statement(1, purpose, 2, 2)), "another round");
        }
        assert!(!both(statement(1, Purpose::Lock, 1, 1), statement(1, Purpose::Finish, 1, 2)));
        assert!(both(statement(1, Purpose::NoValue, 1, 1), statement(1, Purpose::Seen, 1, 1)));
        assert!(!both(statement(1, Purpose::NoValue, 1, 1), statement(1, Purpose::NoValue, 1, 2)));
        let of = |node: usize, digest| {
            let about = statement(1, Purpose::Lock, 1, digest);
            Claim::one(about, NodeIndex(node as u16), nodes[node].certificates().endorse(&about))
        };
        assert!(Contradiction::between(of(0, 1), of(1, 2)).is_none(), "nobody signed both");
    }
}

#[test]
fn bytes_that_are_no_evidence_are_refused() {
    for nodes in committees() {
        let found = Contradiction::between(
            claim(&nodes, [0, 1, 2], statement(1, Purpose::Lock, 1, 1)),
            claim(&nodes, [0, 1, 2], statement(1, Purpose::Lock, 1, 2)),
        );
        let good = found.unwrap().to_evidence();
        for cut in 0..good.statements[0].len() {
            let statements = [good.statements[0].slice(..cut), good.statements[1].clone()];
            assert!(Contradiction::from_evidence(&Evidence { statements }).is_none());
        }
        let statements = [good.statements[0].clone(), good.statements[0].clone()];
        assert!(Contradiction::from_evidence(&Evidence { statements }).is_none(), "one statement twice");
    }
}
