//! Attacks on the inside of the suite.

use std::sync::Arc;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT as G;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use mellivora_core::{Committee, Digest, NodeIndex};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::dleq::{self, Claim, Context, Element, Proof};
use super::tdh2::encapsulate as forge;
use super::{Coin, Encryption, EncryptionKeySet, KeySet, deal, scalar};
use crate::local::{LocalSecret, SecretBytes};
use crate::threshold::Purpose;
use crate::{CoinScheme, DecryptionShare, EncryptionScheme, Seed, TAG_BYTES, sealed_digest};

const NAME: Digest = Digest([9; 32]);
const N: usize = 4;

fn local(tag: u8) -> LocalSecret {
    LocalSecret::new("test", &[tag; 32], &[0; 32])
}

fn coin_keys() -> (Arc<KeySet>, Vec<SecretBytes>) {
    let committee = Committee::new(N).unwrap();
    let dealt = deal(committee, &mut ChaCha20Rng::seed_from_u64(1));
    (Arc::new(KeySet::decode(Purpose::Coin, committee, &dealt.public).unwrap()), dealt.secrets)
}

/// A wrong share with errors in both equations of its proof that cancel when the two have the same weight.
///
/// With t = cd the first equation is off by tG and the second by tH - c d (G + H) = -tG.
#[test]
fn errors_that_cancel_within_one_proof_pass_one_weight_per_share_and_fail_one_per_equation() {
    let (keys, secrets) = coin_keys();
    let base = Coin::base(&NAME);
    let context = Context { keys: &keys, digest: &NAME, base: &base };
    let secret = scalar(*secrets[0]).unwrap();
    let d = Scalar::from(77u64);
    let wrong = Element::new(base.point * secret + (G + base.point) * d);
    let nonce = Scalar::from(123_456u64);
    let (a, b) = (Element::new(G * nonce).bytes, Element::new(base.point * nonce).bytes);
    let mut claim = Claim { node: NodeIndex(0), share: wrong, proof: Proof { a, b, z: Scalar::ZERO } };
    let c = dleq::challenge(&context, claim.node, &keys.share_bytes[0], &wrong.bytes, &a, &b);
    claim.proof.z = nonce + c * secret + c * d;

    let honest = Coin::new(keys.clone(), NodeIndex(1), &secrets[1], local(1)).unwrap();
    let right = Coin::parse(NodeIndex(1), &honest.share(&NAME)).unwrap();
    let claims = [claim, right];
    let mut weight = 2u64;
    let one_per_share = || {
        weight += 3;
        (Scalar::from(weight), Scalar::from(weight))
    };
    assert!(dleq::check(&context, &claims, one_per_share), "the attack works on the weaker check");
    assert!(!dleq::verify(&context, &claim));
    assert!(dleq::verify(&context, &right));
    for secret in 0..20 {
        assert!(!dleq::verify_batch(&context, &claims, &local(secret)));
        assert!(!dleq::verify_batch(&context, &[claim], &local(secret)));
        assert!(dleq::verify_batch(&context, &[right], &local(secret)));
    }
    // The node is named, and the coin is the right one.
    let shares: Vec<_> = (1..N)
        .map(|i| {
            let node = NodeIndex(i as u16);
            (node, Coin::new(keys.clone(), node, &secrets[i], local(1)).unwrap().share(&NAME))
        })
        .collect();
    let forged = [wrong.bytes.as_slice(), &claim.proof.to_bytes()].concat();
    let forged = (NodeIndex(0), crate::CoinShare::from_bytes(&forged).unwrap());
    let combined = honest.combine(&NAME, &[&[forged][..], &shares].concat());
    assert_eq!(combined.culprits.iter().collect::<Vec<_>>(), [NodeIndex(0)]);
    assert_eq!(combined.value, honest.combine(&NAME, &shares).value);
    assert!(combined.value.is_some());
}

/// Whatever a challenge leaves out can be chosen after it, so that both equations hold for a wrong share.
#[test]
fn what_is_chosen_after_the_challenge_proves_nothing() {
    let (keys, secrets) = coin_keys();
    let base = Coin::base(&NAME);
    let context = Context { keys: &keys, digest: &NAME, base: &base };
    let (node, secret) = (NodeIndex(0), scalar(*secrets[0]).unwrap());
    let key = &keys.share_bytes[0];
    let right = base.point * secret;
    let nonce = Scalar::from(123_456u64);
    let a = Element::new(G * nonce).bytes;
    // Stands in for what the challenge would not cover.
    let nothing = *key;
    let shifted = base.point * nonce + G;
    let b = Element::new(shifted).bytes;
    let c = dleq::challenge(&context, node, key, &nothing, &a, &b);
    let z = nonce + c * secret;
    let share = Element::new((base.point * z - shifted) * c.invert());
    let share_last = Claim { node, share, proof: Proof { a, b, z } };
    let share = Element::new(right + G);
    let c = dleq::challenge(&context, node, key, &share.bytes, &a, &a);
    let z = nonce + c * secret;
    let b = Element::new(base.point * z - share.point * c).bytes;
    let commitment_last = Claim { node, share, proof: Proof { a, b, z } };
    for claim in [share_last, commitment_last] {
        assert!(claim.share.point != right, "the attack is after a wrong share");
        assert!(!dleq::verify(&context, &claim));
        assert!(!dleq::verify_batch(&context, &[claim], &local(1)));
    }
}

/// f shares lie on no polynomial that gives the key: f + 1 are needed, and are enough.
#[test]
fn a_dealt_key_has_degree_f_exactly() {
    for (n, f) in [(4, 1), (7, 2), (7, 1), (10, 3)] {
        let committee = Committee::with_faulty(n, f).unwrap();
        let dealt = deal(committee, &mut ChaCha20Rng::seed_from_u64(3));
        let keys = KeySet::decode(Purpose::Coin, committee, &dealt.public).unwrap();
        let of = |count: usize| {
            let nodes: Vec<NodeIndex> = committee.nodes().take(count).collect();
            super::interpolate(&nodes, &keys.shares[..count])
        };
        assert!(of(f) != keys.group, "n = {n}, f = {f}: f nodes could do it alone");
        assert!(of(f + 1) == keys.group);
    }
}

/// Errors in two proofs that cancel under equal weights.
#[test]
fn errors_that_cancel_between_proofs_fail_the_batch() {
    let (keys, secrets) = coin_keys();
    let base = Coin::base(&NAME);
    let context = Context { keys: &keys, digest: &NAME, base: &base };
    let mut claims: Vec<Claim> = (0..2u16)
        .map(|i| {
            let node = NodeIndex(i);
            let coin = Coin::new(keys.clone(), node, &secrets[usize::from(i)], local(1)).unwrap();
            Coin::parse(node, &coin.share(&NAME)).unwrap()
        })
        .collect();
    claims[0].proof.z += Scalar::ONE;
    claims[1].proof.z -= Scalar::ONE;
    assert!(dleq::check(&context, &claims, || (Scalar::ONE, Scalar::ONE)), "the attack works without weights");
    assert!(!dleq::verify_batch(&context, &claims, &local(3)));
}

/// A nonce used for two statements would give the secret away.
#[test]
fn nonces_differ_between_statements_and_salts() {
    let (keys, secrets) = coin_keys();
    let commitment = |salt: u8, name: Digest| {
        let coin = Coin::new(keys.clone(), NodeIndex(0), &secrets[0], local(salt)).unwrap();
        Coin::parse(NodeIndex(0), &coin.share(&name)).unwrap().proof.a
    };
    let all = [commitment(0, NAME), commitment(1, NAME), commitment(0, Digest([8; 32]))];
    assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
    assert_eq!(all[0], commitment(0, NAME));
}

struct Cluster {
    nodes: Vec<Encryption>,
    keys: Arc<EncryptionKeySet>,
}

fn cluster() -> Cluster {
    let committee = Committee::new(N).unwrap();
    let dealt = deal(committee, &mut ChaCha20Rng::seed_from_u64(2));
    let keys = Arc::new(EncryptionKeySet::decode(committee, &dealt.public).unwrap());
    let node = |(i, secret): (usize, &SecretBytes)| {
        Encryption::new(keys.clone(), NodeIndex(i as u16), secret, local(i as u8)).unwrap()
    };
    Cluster { nodes: dealt.secrets.iter().enumerate().map(node).collect(), keys: keys.clone() }
}

/// A Byzantine proposer makes a ciphertext whose payload authenticates for those who use the shifted share of one
/// colluding decryptor, and for nobody else. Nobody may get a seed, whichever shares they use.
#[test]
fn a_shifted_share_opens_nothing_that_others_cannot_open() {
    let Cluster { nodes, keys } = cluster();
    let label = Digest([4; 32]);
    let target = Seed([6; 32]);
    let shift = RistrettoPoint::mul_base(&Scalar::from(31u64));
    // What the shares of nodes 0 (shifted) and 1 interpolate to: V plus the shift times node 0's coefficient.
    let lambda = crate::lagrange::at_zero::<Scalar>(&[NodeIndex(0), NodeIndex(1)])[0];
    // Once with r derived from the seed as it should be, once with any r.
    for r in [*super::tdh2::randomness(&label, &target), Scalar::from(987_654_321u64)] {
        let v = keys.keys.group * r + shift * lambda;
        let mut payload = [b"opens for some".as_slice(), &[0; TAG_BYTES]].concat();
        let header = forge(&keys, &label, &target, &r, &v, &mut payload).0;
        let digest = sealed_digest([payload.as_slice()]);
        assert!(nodes.iter().all(|node| node.check(&label, &header, &digest)), "the ciphertext looks right");
        let mut shares: Vec<(NodeIndex, DecryptionShare)> =
            (0..N).map(|i| (NodeIndex(i as u16), nodes[i].share(&header).unwrap())).collect();
        let honest = Element::decode(shares[0].1.as_bytes().try_into().unwrap()).unwrap();
        shares[0].1 = DecryptionShare::of(Element::new(honest.point + shift).bytes);
        // The payload does authenticate under the seed that the shifted set uncovers.
        assert!(nodes[2].unseal(&label, &header, &target, payload.clone()).is_some(), "the attack is a real one");
        for first in 0..N {
            for second in 0..N {
                if first != second {
                    assert_eq!(nodes[2].combine(&label, &header, &[shares[first], shares[second]]), None);
                }
            }
        }
        assert!(!nodes[2].matches(&label, &header, &target));
        // Proofs tell the decryptor's share from the honest ones.
        let proof = nodes[0].prove(&label, &header, &digest);
        assert!(!nodes[2].verify(&label, &header, &digest, NodeIndex(0), &shares[0].1, proof.as_ref()));
        let proof = nodes[1].prove(&label, &header, &digest);
        assert!(nodes[2].verify(&label, &header, &digest, NodeIndex(1), &shares[1].1, proof.as_ref()));
    }
}

/// With honest keys and an honest forger the construction of the attack above gives exactly what `seal` gives.
#[test]
fn the_forger_makes_right_ciphertexts_too() {
    let Cluster { nodes, keys } = cluster();
    let (label, seed) = (Digest([4; 32]), Seed([6; 32]));
    let r = *super::tdh2::randomness(&label, &seed);
    let (mut ours, mut theirs) = ([b"payload".as_slice(), &[0; TAG_BYTES]].concat(), b"payload".to_vec());
    let header = forge(&keys, &label, &seed, &r, &(keys.keys.group * r), &mut ours).0;
    assert_eq!(header, nodes[0].seal(&label, &seed, &mut theirs));
    assert_eq!(ours, theirs);
}

/// u and ub with different logarithms, and identity elements.
#[test]
fn the_check_refuses_what_has_no_equal_logarithms() {
    let Cluster { nodes, .. } = cluster();
    let (label, seed) = (Digest([4; 32]), Seed([6; 32]));
    let mut payload = b"payload".to_vec();
    let header = nodes[0].seal(&label, &seed, &mut payload);
    let digest = sealed_digest([payload.as_slice()]);
    assert!(nodes[1].check(&label, &header, &digest));
    let identity = [0; 32];
    for part in [0, 1] {
        let mut bad = header.clone();
        bad[32 * part..32 * (part + 1)].copy_from_slice(&identity);
        assert!(!nodes[1].check(&label, &bad, &digest));
        if part == 0 {
            assert_eq!(nodes[1].share(&bad), None);
        }
    }
    // The group order added to z: a second encoding of the same scalar.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bad = header.clone();
    let mut carry = 0u16;
    for (byte, add) in bad[128..160].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(!nodes[1].check(&label, &bad, &digest));
}
