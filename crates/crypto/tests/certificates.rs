//! Certificates of every kind: exactly so many distinct members signed exactly this.

use std::sync::LazyLock;

use blstrs::{G1Affine, G1Projective};
use mellivora_core::codec::{decode, encode};
use mellivora_core::{Committee, Digest, Domain, Epoch, Era, NodeIndex, NodeSet, Purpose, Round, Segment};
use mellivora_crypto::{
    Assembly, Certificate, Certificates, Claim, ClaimProof, Endorsement, NodeKeys, Remembering, Schemes, Statement,
    deal_nodes,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn nodes_of(certificates: Certificates, n: usize) -> Vec<NodeKeys> {
    let schemes = Schemes { certificates, ..Schemes::default() };
    deal_nodes(schemes, Committee::new(n).unwrap(), &mut ChaCha20Rng::seed_from_u64(7)).unwrap()
}

/// A committee for each kind of certificates.
fn committees(n: usize) -> impl Iterator<Item = Vec<NodeKeys>> {
    Certificates::ALL.iter().map(move |&certificates| nodes_of(certificates, n))
}

/// The certificate that anybody can make of these signers and endorsements, as they are.
fn forge(nodes: &[NodeKeys], signers: &[u16], endorsements: &[(NodeIndex, Endorsement)]) -> Certificate {
    let bytes = endorsements.iter().map(|(_, endorsement)| endorsement.as_bytes());
    let proof = match nodes[0].public().certificates() {
        Certificates::Ed25519 => bytes.flatten().copied().collect(),
        _ => {
            let point = |bytes: &[u8]| G1Affine::from_compressed_unchecked(bytes.try_into().unwrap()).unwrap();
            let sum = bytes.map(|bytes| G1Projective::from(point(bytes))).reduce(|a, b| a + b);
            sum.map_or(Vec::new(), |sum| sum.to_compressed().to_vec())
        }
    };
    Certificate::new(signers.iter().map(|&node| NodeIndex(node)).collect(), proof.into()).unwrap()
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
    for nodes in committees(4) {
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
}

#[test]
fn bad_endorsements_are_named_and_enough_good_ones_still_make_a_certificate() {
    for nodes in committees(7) {
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
}

#[test]
fn one_signer_is_one_signer_however_often_it_is_listed() {
    for nodes in committees(4) {
        let about = statement(1);
        let twice = endorsements(&nodes, &[0, 1, 1], &about);
        assert_eq!(nodes[0].certificates().assemble(&about, 3, &twice).certificate, None);
        // Two signers, and three signatures of which one comes twice.
        let forged = forge(&nodes, &[0, 1], &twice);
        assert!([2, 3].iter().all(|&s| !nodes[2].certificates().verify(&[Claim::many(about, s, forged.clone())])));
        // Three signers of whom one did not sign.
        let forged = forge(&nodes, &[0, 1, 2], &twice);
        assert!(!nodes[2].certificates().verify(&[Claim::many(about, 3, forged)]));
    }
}

#[test]
fn a_stranger_signs_nothing() {
    for nodes in committees(4) {
        let about = statement(1);
        let forged = forge(&nodes, &[0, 1, 9], &endorsements(&nodes, &[0, 1, 2], &about));
        let scheme = nodes[0].certificates();
        assert!(!scheme.verify(&[Claim::many(about, 3, forged)]));
        assert!(!scheme.verify(&[Claim::one(about, NodeIndex(9), nodes[1].certificates().endorse(&about))]));
    }
}

#[test]
fn one_bad_claim_among_many_is_enough_to_refuse_them() {
    for nodes in committees(4) {
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
}

#[test]
fn the_names_of_two_claims_differ_in_whatever_they_differ() {
    for nodes in committees(4) {
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

#[test]
fn a_proof_is_as_long_as_its_kind_says() {
    for n in [4, 7] {
        for nodes in committees(n) {
            let by: Vec<usize> = (0..n - 1).collect();
            let expected = match nodes[0].public().certificates() {
                Certificates::Ed25519 => 64 * by.len(),
                _ => 48,
            };
            assert_eq!(certificate(&nodes, &by, &statement(1)).proof().len(), expected);
        }
    }
}

#[test]
fn endorsements_are_deterministic_and_their_order_does_not_matter() {
    for nodes in committees(4) {
        let about = statement(1);
        let made = certificate(&nodes, &[0, 1, 2], &about);
        for by in [[2, 1, 0], [1, 0, 2], [0, 2, 1]] {
            assert_eq!(certificate(&nodes, &by, &about), made);
        }
        // The same signatures under other names.
        let signed = endorsements(&nodes, &[0, 1, 2], &about);
        let scheme = nodes[3].certificates();
        for signers in [[0, 1, 3], [1, 2, 3]] {
            assert!(!scheme.verify(&[Claim::many(about, 3, forge(&nodes, &signers, &signed))]));
        }
        assert!(!scheme.verify(&[Claim::one(about, NodeIndex(1), signed[0].1)]));
    }
}

#[test]
fn of_nobody_there_is_no_certificate() {
    for nodes in committees(4) {
        let about = statement(1);
        let scheme = nodes[0].certificates();
        let identity = G1Affine::default().to_compressed().to_vec();
        assert_eq!(identity[0], 0xc0);
        for proof in [Vec::new(), identity, vec![0; 48], vec![0; 64]] {
            let nobody = Certificate::new(NodeSet::EMPTY, proof.clone().into()).unwrap();
            assert!((0..4).all(|required| !scheme.verify(&[Claim::many(about, required, nobody.clone())])));
            let three = Certificate::new(NodeSet::first(3), proof.into()).unwrap();
            assert!((0..4).all(|required| !scheme.verify(&[Claim::many(about, required, three.clone())])));
        }
        let signed = endorsements(&nodes, &[0, 1, 2], &about);
        assert_eq!(scheme.assemble(&about, 0, &signed).certificate, None);
        assert_eq!(scheme.assemble(&about, 0, &[]).certificate, None);
        assert_eq!(scheme.assemble(&about, 3, &[]), Assembly { certificate: None, culprits: NodeSet::EMPTY });
        assert_eq!(scheme.assemble(&about, 4, &signed), Assembly { certificate: None, culprits: NodeSet::EMPTY });
        assert_eq!(scheme.assemble(&about, usize::MAX, &signed).certificate, None);
    }
}

#[test]
fn one_signature_on_something_else_spoils_what_is_put_together() {
    for nodes in committees(7) {
        let about = statement(1);
        for bad in 0..5 {
            let mut signed = endorsements(&nodes, &[0, 1, 2, 3, 4, 5], &about);
            signed[bad].1 = nodes[bad].certificates().endorse(&statement(2));
            let forged = forge(&nodes, &[0, 1, 2, 3, 4], &signed[..5]);
            let scheme = nodes[6].certificates();
            assert!(!scheme.verify(&[Claim::many(about, 5, forged.clone())]));
            let sound = Claim::many(about, 5, certificate(&nodes, &[0, 1, 2, 3, 4], &about));
            assert!(!scheme.verify(&[sound.clone(), Claim::many(about, 5, forged)]));
            let Assembly { certificate, culprits } = scheme.assemble(&about, 5, &signed);
            assert_eq!(culprits, NodeSet::one(NodeIndex(bad as u16)));
            assert!(scheme.verify(&[Claim::many(about, 5, certificate.unwrap()), sound]));
        }
    }
}

/// What is done to a claim that holds.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Byte(usize, u8),
    Statement,
    Signers,
    Required,
    Length(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::Nothing),
        2 => (any::<usize>(), 1u8..).prop_map(|(at, by)| Change::Byte(at, by)),
        1 => Just(Change::Statement),
        1 => Just(Change::Signers),
        1 => Just(Change::Required),
        1 => (0usize..130).prop_map(Change::Length),
    ]
}

fn changed(claim: &Claim, change: Change) -> Claim {
    let Claim { mut statement, proof } = claim.clone();
    let bytes = match &proof {
        ClaimProof::One(_, endorsement) => endorsement.as_bytes(),
        ClaimProof::Many { certificate, .. } => certificate.proof(),
    };
    let mut bytes = bytes.to_vec();
    let (mut by, mut node, mut wanted) = (None, NodeIndex(0), 0);
    match &proof {
        ClaimProof::One(signer, _) => node = *signer,
        ClaimProof::Many { required, certificate } => (by, wanted) = (Some(certificate.signers), *required),
    }
    match change {
        Change::Nothing => {}
        Change::Byte(at, with) => {
            let at = at % bytes.len();
            bytes[at] ^= with;
        }
        Change::Statement => statement.digest.0[5] ^= 1,
        Change::Signers => {
            node = NodeIndex(node.0 ^ 1);
            by = by.map(|by| if by == NodeSet::first(3) { NodeSet::first(4) } else { NodeSet::first(3) });
        }
        Change::Required => wanted ^= 1,
        Change::Length(len) => bytes.resize(len, 0),
    }
    match by {
        Some(by) => Claim::many(statement, wanted, Certificate::new(by, bytes.into()).unwrap()),
        None => {
            bytes.truncate(Endorsement::MAX_BYTES);
            Claim::one(statement, node, Endorsement::from_bytes(&bytes).unwrap())
        }
    }
}

/// Per kind of certificates, four nodes and claims that hold: of one node and of three, some with one statement.
static CLAIMS: LazyLock<Vec<(Vec<NodeKeys>, Vec<Claim>)>> = LazyLock::new(|| {
    let claims = |nodes: Vec<NodeKeys>| {
        let many =
            |epoch, by: &[usize]| Claim::many(statement(epoch), by.len(), certificate(&nodes, by, &statement(epoch)));
        let one = |epoch, i: usize| {
            Claim::one(statement(epoch), nodes[i].index(), nodes[i].certificates().endorse(&statement(epoch)))
        };
        let claims =
            vec![many(1, &[0, 1, 2]), many(1, &[1, 2, 3]), many(2, &[0, 2, 3]), one(1, 0), one(1, 3), one(4, 2)];
        (nodes, claims)
    };
    committees(4).map(claims).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A batch holds if and only if each of its claims does, and a claim if and only if nothing was done to it.
    #[test]
    fn single_and_batch_verification_agree(chosen in prop::collection::vec((0usize..6, change()), 0..5), by in 0usize..4) {
        for (nodes, claims) in CLAIMS.iter() {
            let scheme = nodes[by].certificates();
            let claims: Vec<(Claim, bool)> = chosen
                .iter()
                .map(|&(which, change)| {
                    let made = changed(&claims[which], change);
                    let same = made == claims[which];
                    (made, same)
                })
                .collect();
            for (claim, same) in &claims {
                prop_assert_eq!(scheme.verify(std::slice::from_ref(claim)), *same);
            }
            let all: Vec<Claim> = claims.iter().map(|(claim, _)| claim.clone()).collect();
            prop_assert_eq!(scheme.verify(&all), claims.iter().all(|(_, same)| *same));
        }
    }

    /// Bytes that somebody made up are no certificate and no endorsement; whoever sent them is named.
    #[test]
    fn made_up_bytes_prove_nothing(
        proof in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(any::<u8>(), 48..=48),
            // The flag of compressed points, so that some lie on the curve.
            prop::collection::vec(any::<u8>(), 48..=48).prop_map(|mut bytes| { bytes[0] = 0x80 | bytes[0] & 0x2f; bytes }),
        ],
        signers in 0usize..6,
        required in 0usize..6,
    ) {
        let about = statement(1);
        for (nodes, claims) in CLAIMS.iter() {
            let scheme = nodes[1].certificates();
            let made = Claim::many(about, required, Certificate::new(NodeSet::first(signers), proof.clone().into()).unwrap());
            prop_assert!(!scheme.verify(std::slice::from_ref(&made)));
            prop_assert!(!scheme.verify(&[made, claims[0].clone()]));
            let endorsement = Endorsement::from_bytes(&proof[..proof.len().min(Endorsement::MAX_BYTES)]).unwrap();
            prop_assert!(!scheme.verify(&[Claim::one(about, NodeIndex(0), endorsement)]));
            let mut signed = endorsements(nodes, &[0, 1, 2, 3], &about);
            signed[0].1 = endorsement;
            let Assembly { certificate, culprits } = scheme.assemble(&about, 3, &signed);
            prop_assert_eq!(culprits, NodeSet::one(NodeIndex(0)));
            prop_assert!(scheme.verify(&[Claim::many(about, 3, certificate.unwrap())]));
        }
    }
}
