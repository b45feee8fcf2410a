//! Certificates: attacks that take arithmetic with keys and signatures.

use std::sync::Arc;

use blstrs::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use group::Group as _;
use group::prime::PrimeCurveAffine as _;
use mellivora_core::{Committee, Digest, Domain, Epoch, Era, NodeIndex, NodeSet, Purpose, Round, Segment};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

use super::certificates::{CertificateKeySet, EncodedCertificateKeys, POSSESSION, STATEMENT, base, deal_certificates};
use super::tests::small_order;
use super::{g1, scalar};
use crate::local::{LocalSecret, SecretBytes};
use crate::{Certificate, CertificateScheme, Claim, Endorsement, KeyError, Statement};

fn statement(epoch: u64) -> Statement {
    let domain = Domain::new(Digest([3; 32]), Era(0)).child(Segment::epoch(Epoch(epoch)));
    Statement { domain: domain.statement(Purpose::Lock, Round(1)), digest: Digest([9; 32]) }
}

fn dealt() -> (EncodedCertificateKeys, Vec<SecretBytes>) {
    deal_certificates(Committee::new(4).unwrap(), &mut ChaCha20Rng::seed_from_u64(5))
}

fn decode(keys: &EncodedCertificateKeys) -> Result<CertificateKeySet, KeyError> {
    CertificateKeySet::decode(Committee::new(4).unwrap(), keys.clone())
}

fn schemes(keys: CertificateKeySet, secrets: &[SecretBytes]) -> Vec<Arc<dyn CertificateScheme>> {
    let keys = Arc::new(keys);
    let scheme = |(i, secret): (usize, &SecretBytes)| {
        let local = LocalSecret::new("test", secret, &[i as u8; 32]);
        keys.scheme(NodeIndex(i as u16), secret, local).unwrap()
    };
    secrets.iter().enumerate().map(scheme).collect()
}

fn set(nodes: &[u16]) -> NodeSet {
    nodes.iter().map(|&node| NodeIndex(node)).collect()
}

fn of(signers: &[u16], proof: G1Affine) -> Certificate {
    Certificate::new(set(signers), proof.to_compressed().to_vec().into()).unwrap()
}

fn endorsement(point: G1Affine) -> Endorsement {
    Endorsement::from_bytes(&point.to_compressed()).unwrap()
}

fn endorsements(schemes: &[Arc<dyn CertificateScheme>], about: &Statement) -> Vec<(NodeIndex, Endorsement)> {
    schemes.iter().enumerate().map(|(i, scheme)| (NodeIndex(i as u16), scheme.endorse(about))).collect()
}

fn possession(key: &G2Affine, secret: &Scalar) -> Vec<u8> {
    (G1Projective::hash_to_curve(&key.to_compressed(), POSSESSION, &[]) * *secret).to_compressed().to_vec()
}

/// blst has the same scheme, with its own decoding, adding up and verifying.
#[test]
fn another_implementation_takes_keys_proofs_and_certificates() {
    use blst::BLST_ERROR::BLST_SUCCESS;
    use blst::min_sig::{PublicKey, Signature};
    let (encoded, secrets) = dealt();
    let schemes = schemes(decode(&encoded).unwrap(), &secrets);
    let keys: Vec<PublicKey> = encoded.keys.iter().map(|key| PublicKey::key_validate(key).unwrap()).collect();
    for (key, (bytes, proof)) in keys.iter().zip(encoded.keys.iter().zip(&encoded.proofs)) {
        let proof = Signature::sig_validate(proof, true).unwrap();
        assert_eq!(proof.verify(true, bytes, POSSESSION, &[], key, false), BLST_SUCCESS);
    }
    let about = statement(1);
    let made = schemes[0].assemble(&about, 3, &endorsements(&schemes, &about)).certificate.unwrap();
    let signature = Signature::sig_validate(made.proof(), true).unwrap();
    let verify = |keys: &[&PublicKey]| signature.fast_aggregate_verify(true, &about.to_bytes(), STATEMENT, keys);
    assert_eq!(verify(&[&keys[0], &keys[1], &keys[2]]), BLST_SUCCESS);
    assert_ne!(verify(&[&keys[0], &keys[1], &keys[3]]), BLST_SUCCESS);
}

/// Node 3 makes its key of those of nodes 0 and 1, and alone signs for all three.
#[test]
fn a_rogue_key_forges_without_a_proof_of_possession_and_is_refused_for_want_of_one() {
    let (mut keys, secrets) = dealt();
    let sound = decode(&keys).unwrap();
    let secret = Scalar::from(77);
    let own = G2Projective::generator() * secret;
    let rogue: G2Affine = (own - G2Projective::from(sound.keys[0]) - G2Projective::from(sound.keys[1])).into();
    let about = statement(1);
    let forged = of(&[0, 1, 3], (base(&about) * secret).into());
    let claim = [Claim::many(about, 3, forged)];
    assert!(!schemes(decode(&keys).unwrap(), &secrets)[0].verify(&claim), "nobody signed");

    keys.keys[3] = rogue.to_compressed().to_vec();
    let unproven = CertificateKeySet { encoded: keys.clone(), keys: [&sound.keys[..3], &[rogue]].concat() };
    assert!(schemes(unproven, &secrets[..3])[0].verify(&claim), "the attack works where proofs are not asked for");

    // What it can make: a proof for the logarithm that it knows, other nodes' proofs, its own for another key, and none.
    let made = [possession(&rogue, &secret), keys.proofs[0].clone(), keys.proofs[3].clone(), vec![0; 48], Vec::new()];
    for proof in made {
        keys.proofs[3] = proof;
        assert_eq!(decode(&keys).err(), Some(KeyError::Possession(NodeIndex(3))));
    }
}

#[test]
fn keys_that_are_none_are_refused_and_named() {
    let (good, _) = dealt();
    let refused = |change: &dyn Fn(&mut EncodedCertificateKeys)| {
        let mut keys = good.clone();
        change(&mut keys);
        decode(&keys).err().unwrap()
    };
    let invalid = |i: usize| KeyError::Invalid { field: format!("certificates.keys[{i}]") };
    let identity = G2Affine::identity().to_compressed().to_vec();
    // The identity with the proof that everybody has of it.
    let nobody = |keys: &mut EncodedCertificateKeys| {
        keys.keys[2] = identity.clone();
        keys.proofs[2] = G1Affine::identity().to_compressed().to_vec();
    };
    assert_eq!(refused(&nobody), invalid(2));
    // A point of the curve outside the group.
    let outside = (0..=255).find_map(|x| {
        let mut bytes = [0; 96];
        (bytes[0], bytes[95]) = (0x80, x);
        let point: Option<G2Affine> = G2Affine::from_compressed_unchecked(&bytes).into();
        point.filter(|point| !bool::from(point.is_torsion_free())).map(|_| bytes.to_vec())
    });
    let outside = outside.unwrap();
    assert_eq!(refused(&|keys| keys.keys[1].clone_from(&outside)), invalid(1));
    assert_eq!(refused(&|keys| keys.keys[0].truncate(95)), invalid(0));
    let copy = |keys: &mut EncodedCertificateKeys| {
        keys.keys[3] = keys.keys[1].clone();
        keys.proofs[3] = keys.proofs[1].clone();
    };
    assert_eq!(refused(&copy), KeyError::SameCertificateKey(NodeIndex(1), NodeIndex(3)));
    let count = |field: &str, found| KeyError::Count { field: field.to_owned(), expected: 4, found };
    assert_eq!(refused(&|keys| keys.keys.truncate(3)), count("certificates.keys", 3));
    assert_eq!(refused(&|keys| keys.proofs.push(Vec::new())), count("certificates.proofs", 5));
    // A signature in another name, and one under the tag of statements.
    assert_eq!(refused(&|keys| keys.proofs.swap(0, 1)), KeyError::Possession(NodeIndex(0)));
}

#[test]
fn a_proof_of_possession_is_a_signature_of_nothing_else() {
    let (keys, secrets) = dealt();
    let secret = scalar(&secrets[0]).unwrap();
    let key = decode(&keys).unwrap().keys[0];
    assert_eq!(keys.proofs[0], possession(&key, &secret));
    let about = statement(1);
    let tagged = G1Projective::hash_to_curve(&about.to_bytes(), POSSESSION, &[]) * secret;
    let schemes = schemes(decode(&keys).unwrap(), &secrets);
    assert!(!schemes[1].verify(&[Claim::one(about, NodeIndex(0), endorsement(tagged.into()))]));
    assert!(schemes[1].verify(&[Claim::one(about, NodeIndex(0), schemes[0].endorse(&about))]));
}

/// Pairings do not see an element of small order; without the check one certificate would have many encodings, and the
/// weights of a batch would not help against those.
#[test]
fn signatures_off_by_an_element_of_small_order_are_refused_singly_and_in_batches() {
    let (keys, secrets) = dealt();
    let schemes = schemes(decode(&keys).unwrap(), &secrets);
    let (about, other) = (statement(1), statement(2));
    let signed = endorsements(&schemes, &about);
    let shifted = |bytes: &[u8]| -> G1Affine { (g1(bytes).unwrap() + G1Projective::from(small_order())).into() };
    let good = schemes[0].assemble(&about, 3, &signed[..3]).certificate.unwrap();
    let more = Claim::one(other, NodeIndex(2), schemes[2].endorse(&other));
    let bad = [
        Claim::many(about, 3, of(&[0, 1, 2], shifted(good.proof()))),
        Claim::one(about, NodeIndex(0), endorsement(shifted(signed[0].1.as_bytes()))),
    ];
    for scheme in &schemes {
        assert!(scheme.verify(&[Claim::many(about, 3, good.clone()), more.clone()]));
        for bad in &bad {
            assert!(!scheme.verify(std::slice::from_ref(bad)));
            assert!(!scheme.verify(&[bad.clone(), more.clone()]));
        }
    }
    let mut given = signed.clone();
    given[0].1 = endorsement(shifted(signed[0].1.as_bytes()));
    let assembly = schemes[3].assemble(&about, 3, &given);
    assert_eq!(assembly.culprits, set(&[0]));
    assert!(schemes[0].verify(&[Claim::many(about, 3, assembly.certificate.unwrap())]));
}

#[test]
fn errors_that_cancel_between_claims_fail_the_batch() {
    let (keys, secrets) = dealt();
    let schemes = schemes(decode(&keys).unwrap(), &secrets);
    let error: G1Projective = base(&statement(7));
    for second in [statement(1), statement(2)] {
        let first = statement(1);
        let shift = |scheme: &Arc<dyn CertificateScheme>, about, by: G1Projective| {
            endorsement((by + G1Projective::from(g1(scheme.endorse(about).as_bytes()).unwrap())).into())
        };
        let claims = [
            Claim::one(first, NodeIndex(0), shift(&schemes[0], &first, error)),
            Claim::one(second, NodeIndex(1), shift(&schemes[1], &second, -error)),
        ];
        assert!(schemes.iter().all(|scheme| !scheme.verify(&claims)));
        assert!(claims.iter().all(|claim| !schemes[2].verify(std::slice::from_ref(claim))));
    }
}

/// Two nodes whose keys cancel: each proves possession of its own. They gain nothing, and nobody else is blamed.
#[test]
fn keys_that_cancel_sign_for_their_owners_alone() {
    let (mut keys, mut secrets) = dealt();
    let secret = -scalar(&secrets[2]).unwrap();
    let key: G2Affine = (G2Projective::generator() * secret).into();
    keys.keys[3] = key.to_compressed().to_vec();
    keys.proofs[3] = possession(&key, &secret);
    secrets[3] = Zeroizing::new(secret.to_bytes_le());
    let schemes = schemes(decode(&keys).unwrap(), &secrets);
    let about = statement(1);
    let signed = endorsements(&schemes, &about);
    let nothing = of(&[2, 3], G1Affine::identity());
    assert!(!schemes[0].verify(&[Claim::many(about, 2, nothing.clone())]));
    let more = Claim::one(about, NodeIndex(0), signed[0].1);
    assert!(!schemes[0].verify(&[Claim::many(about, 2, nothing), more.clone()]));
    let rotated = [&signed[2..], &signed[..2]].concat();
    let assembly = schemes[0].assemble(&about, 2, &rotated);
    assert_eq!((assembly.certificate, assembly.culprits), (None, NodeSet::EMPTY));
    let assembly = schemes[0].assemble(&about, 3, &rotated);
    let certificate = assembly.certificate.unwrap();
    assert_eq!(certificate.signers, set(&[0, 2, 3]));
    assert!(schemes[1].verify(&[Claim::many(about, 3, certificate), more]));
    // With node 1 in the place of node 0, which has not signed.
    assert!(!schemes[1].verify(&[Claim::many(about, 3, of(&[1, 2, 3], g1(signed[0].1.as_bytes()).unwrap()))]));
}
