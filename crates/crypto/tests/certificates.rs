//! Certificates: exactly so many distinct members signed exactly this.

use mellivora_core::codec::{decode, encode};
use mellivora_core::{Committee, Digest, Domain, Epoch, Era, NodeIndex, NodeSet, Purpose, Round, Segment};
use mellivora_crypto::{
    Assembly, Certificate, Claim, Endorsement, NodeKeys, Remembering, Statement, Suite, deal_nodes,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn nodes(n: usize) -> Vec<NodeKeys> {
    deal_nodes(Suite::default(), Committee::new(n).unwrap(), &mut ChaCha20Rng::seed_from_u64(7)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn statement(epoch: u64) -> Statement {
    let domain = Domain::new(Digest([3; 32]), Era(0)).child(Segment::epoch(Epoch(epoch)));
    Statement { domain: domain.statement(Purpose::Lock, Round(1)), digest: Digest([9; 32]) }
}

fn endorsements(nodes: &[NodeKeys], by: &[usize], statement: &Statement) -> Vec<(NodeIndex, Endorsement)> {
    by.iter().map(|&i| (nodes[i].index(), nodes[i].certificates().endorse(statement))).collect()
}

fn certificate(nodes: &[NodeKeys], by: &[usize], statement: &Statement) -> Certificate {
    let signed = endorsements(nodes, by, statement);
    nodes[0].certificates().assemble(statement, by.len(), &signed).certificate.unwrap()
}

#[test]
fn a_certificate_convinces_everybody_of_its_own_statement_and_number_only() {
    let nodes = nodes(4);
    let about = statement(1);
    let made = certificate(&nodes, &[3, 0, 2], &about);
    assert_eq!(made.signers.iter().map(|n| n.0).collect::<Vec<_>>(), [0, 2, 3]);
    for node in &nodes {
        let scheme = node.certificates();
        let holds = |statement, required| scheme.verify(&[Claim::many(statement, required, made.clone())]);
        assert!(holds(about, 3));
        assert!(!holds(about, 2) && !holds(about, 4), "exactly the required number, no more and no fewer");
        let variants = [
            statement(2),
            Statement { domain: about.domain.statement(Purpose::Finish, Round(1)), ..about },
            Statement { domain: about.domain.statement(Purpose::Lock, Round(2)), ..about },
            Statement { digest: Digest([8; 32]), ..about },
        ];
        assert!(variants.into_iter().all(|other| !holds(other, 3)));
    }
}

#[test]
fn bad_endorsements_are_named_and_enough_good_ones_still_make_a_certificate() {
    let nodes = nodes(7);
    let about = statement(1);
    let mut signed = endorsements(&nodes, &[0, 1, 2, 3, 4, 5, 6], &about);
    signed[1].1 = nodes[1].certificates().endorse(&statement(2));
    signed[2].1 = Endorsement::from_bytes(&[1; 63]).unwrap();
    let scheme = nodes[6].certificates();
    let Assembly { certificate, culprits } = scheme.assemble(&about, 5, &signed);
    assert_eq!(culprits.iter().map(|n| n.0).collect::<Vec<_>>(), [1, 2]);
    assert!(scheme.verify(&[Claim::many(about, 5, certificate.unwrap())]));
    let Assembly { certificate, culprits } = scheme.assemble(&about, 6, &signed);
    assert_eq!((certificate, culprits.len()), (None, 2));
}

#[test]
fn one_signer_is_one_signer_however_often_it_is_listed() {
    let nodes = nodes(4);
    let about = statement(1);
    let twice = endorsements(&nodes, &[0, 1, 1], &about);
    assert_eq!(nodes[0].certificates().assemble(&about, 3, &twice).certificate, None);
    // Two signers, and three signatures of which one comes twice.
    let two: NodeSet = [NodeIndex(0), NodeIndex(1)].into_iter().collect();
    let proof: Vec<u8> = twice.iter().flat_map(|(_, e)| e.as_bytes().to_vec()).collect();
    let forged = Certificate::new(two, proof.clone().into()).unwrap();
    assert!([2, 3].iter().all(|&s| !nodes[2].certificates().verify(&[Claim::many(about, s, forged.clone())])));
    // Three signers of whom one did not sign.
    let three: NodeSet = [NodeIndex(0), NodeIndex(1), NodeIndex(2)].into_iter().collect();
    let forged = Certificate::new(three, proof.into()).unwrap();
    assert!(!nodes[2].certificates().verify(&[Claim::many(about, 3, forged)]));
}

#[test]
fn a_stranger_signs_nothing() {
    let nodes = nodes(4);
    let about = statement(1);
    let stranger: NodeSet = [NodeIndex(0), NodeIndex(1), NodeIndex(9)].into_iter().collect();
    let proof: Vec<u8> =
        endorsements(&nodes, &[0, 1, 2], &about).iter().flat_map(|(_, e)| e.as_bytes().to_vec()).collect();
    let forged = Certificate::new(stranger, proof.into()).unwrap();
    let scheme = nodes[0].certificates();
    assert!(!scheme.verify(&[Claim::many(about, 3, forged)]));
    assert!(!scheme.verify(&[Claim::one(about, NodeIndex(9), nodes[1].certificates().endorse(&about))]));
}

#[test]
fn one_bad_claim_among_many_is_enough_to_refuse_them() {
    let nodes = nodes(4);
    let claims: Vec<Claim> =
        (0..5).map(|e| Claim::many(statement(e), 3, certificate(&nodes, &[0, 1, 2], &statement(e)))).collect();
    for scheme in [nodes[3].certificates(), Remembering::scheme(nodes[3].certificates())] {
        assert!(scheme.verify(&claims) && scheme.verify(&[]));
        let wrong = Claim { statement: statement(6), ..claims[2].clone() };
        let mixed: Vec<Claim> = claims.iter().cloned().chain([wrong.clone()]).collect();
        assert!(!scheme.verify(&mixed) && !scheme.verify(&[wrong]));
        // Refused once, refused again: only what is valid is remembered.
        assert!(!scheme.verify(&mixed) && scheme.verify(&claims));
    }
}

#[test]
fn the_names_of_two_claims_differ_in_whatever_they_differ() {
    let nodes = nodes(4);
    let about = statement(1);
    let made = certificate(&nodes, &[0, 1, 2], &about);
    let endorsement = nodes[0].certificates().endorse(&about);
    let claims = [
        Claim::many(about, 3, made.clone()),
        Claim::many(about, 2, made.clone()),
        Claim::many(statement(2), 3, made.clone()),
        Claim::many(about, 3, certificate(&nodes, &[0, 1, 3], &about)),
        Claim::many(about, 3, Certificate::new(NodeSet::first(4), made.proof().to_vec().into()).unwrap()),
        Claim::one(about, NodeIndex(0), endorsement),
        Claim::one(about, NodeIndex(1), endorsement),
        Claim::one(statement(2), NodeIndex(0), endorsement),
    ];
    let names: std::collections::BTreeSet<Digest> = claims.iter().map(Claim::digest).collect();
    assert_eq!(names.len(), claims.len());
}

#[test]
fn the_wire_form_is_fixed_and_bounded() {
    let signers: NodeSet = [NodeIndex(1), NodeIndex(9)].into_iter().collect();
    let made = Certificate::new(signers, vec![0xab; 3].into()).unwrap();
    assert_eq!(hex(&encode(&made)), "020202".to_owned() + "0003" + "ababab");
    assert_eq!(decode::<Certificate>(&encode(&made)).unwrap(), made);
    let endorsement = Endorsement::from_bytes(&[7, 8]).unwrap();
    assert_eq!(hex(&encode(&endorsement)), "020708");
    assert_eq!(decode::<Endorsement>(&encode(&endorsement)).unwrap(), endorsement);
    assert!(Endorsement::from_bytes(&[0; 65]).is_none());
    assert!(decode::<Endorsement>(&[[65u8; 1].to_vec(), vec![0; 65]].concat().into()).is_err());
    // More proof than two signers can have given, and a length beyond the bytes that are left.
    let long = [&[2u8, 2, 2, 0, 129][..], &[0; 129]].concat();
    assert!(decode::<Certificate>(&long.into()).is_err());
    assert!(decode::<Certificate>(&vec![2u8, 2, 2, 0, 9, 1].into()).is_err());
    assert!(Certificate::new(signers, vec![0; Certificate::MAX_PROOF + 1].into()).is_none());
}
