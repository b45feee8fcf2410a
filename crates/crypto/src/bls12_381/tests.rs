//! Published vectors, the batch check, and elements outside the group.

use blstrs::{G1Affine, G1Projective, Scalar};

use super::g1_unchecked;

const RFC_TAG: &[u8] = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// RFC 9380, appendix J.9.1: message, x, y.
#[test]
fn hash_to_curve_gives_the_published_points() {
    let vectors = [
        (
            String::new(),
            "052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759e79a1",
            "08ba738453bfed09cb546dbb0783dbb3a5f1f566ed67bb6be0e8c67e2e81a4cc68ee29813bb7994998f3eae0c9c6a265",
        ),
        (
            "abc".to_owned(),
            "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903",
            "0b9c15f3fe6e5cf4211f346271d7b01c8f3b28be689c8429c85b67af215533311f0b8dfaaa154fa6b88176c229f2885d",
        ),
        (
            "abcdef0123456789".to_owned(),
            "11e0b079dea29a68f0383ee94fed1b940995272407e3bb916bbf268c263ddd57a6a27200a784cbc248e84f357ce82d98",
            "03a87ae2caf14e8ee52e51fa2ed8eefe80f02457004ba4d486d6aa1f517c0889501dc7413753f9599b099ebcbbd2d709",
        ),
        (
            format!("q128_{}", "q".repeat(128)),
            "15f68eaa693b95ccb85215dc65fa81038d69629f70aeee0d0f677cf22285e7bf58d7cb86eefe8f2e9bc3f8cb84fac488",
            "1807a1d50c29f430b8cafc4f8638dfeeadf51211e1602a5f184443076715f91bb90a48ba1e370edce6ae1062f5e6dd38",
        ),
        (
            format!("a512_{}", "a".repeat(512)),
            "082aabae8b7dedb0e78aeb619ad3bfd9277a2f77ba7fad20ef6aabdc6c31d19ba5a6d12283553294c1825c4b3ca2dcfe",
            "05b84ae5a942248eea39e1d91030458c40153f3b654ab7872d779ad1e942856a20c438e8d99bc8abfbf74729ce1f7ac8",
        ),
    ];
    for (message, x, y) in vectors {
        let point: G1Affine = G1Projective::hash_to_curve(message.as_bytes(), RFC_TAG, &[]).into();
        assert_eq!(point.to_uncompressed().to_vec(), [hex(x), hex(y)].concat(), "{message}");
    }
}

/// A point of the curve whose order divides the cofactor.
pub(super) fn small_order() -> G1Affine {
    for x in 1..=255 {
        let mut bytes = [0; 48];
        bytes[0] = 0x80;
        bytes[47] = x;
        let Some(point) = g1_unchecked(&bytes) else { continue };
        let cleared: G1Affine = (point * -Scalar::from(1) + G1Projective::from(point)).into();
        if !bool::from(cleared.is_torsion_free()) {
            return cleared;
        }
    }
    panic!("no such point");
}

mod shares {
    use std::sync::Arc;

    use blstrs::{G1Affine, G1Projective};
    use mellivora_core::{Committee, Digest, NodeIndex, NodeSet};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use crate::bls12_381::coin::{Claim, sort_out, verify_batch};
    use crate::bls12_381::tests::small_order;
    use crate::bls12_381::{Coin, CoinKeySet, deal_coin, g1};
    use crate::local::LocalSecret;
    use crate::{CoinScheme, CoinShare};

    const NAME: Digest = Digest([9; 32]);

    fn local() -> LocalSecret {
        LocalSecret::new("test", &[1; 32], &[0; 32])
    }

    struct Fixture {
        coins: Vec<Coin>,
        claims: Vec<Claim>,
        base: G1Affine,
    }

    fn fixture(n: usize) -> Fixture {
        let committee = Committee::new(n).unwrap();
        let dealt = deal_coin(committee, &mut ChaCha20Rng::seed_from_u64(1));
        let keys = Arc::new(CoinKeySet::decode(committee, &dealt.public).unwrap());
        let coins: Vec<Coin> = committee
            .nodes()
            .zip(&dealt.secrets)
            .map(|(node, secret)| Coin::new(keys.clone(), node, secret, local()).unwrap())
            .collect();
        let claims = committee.nodes().zip(&coins).map(|(node, coin)| {
            let share = g1(coin.share(&NAME).as_bytes()).unwrap();
            Claim { node, key: keys.shares[node.as_usize()], share }
        });
        Fixture { claims: claims.collect(), base: Coin::base(&NAME).into(), coins }
    }

    #[test]
    fn batches_of_halves_find_exactly_the_bad_shares() {
        let Fixture { claims, base, .. } = fixture(10);
        assert!(verify_batch(&base, &claims, &local()));
        for bad in [vec![0], vec![9], vec![3, 4], vec![0, 5, 9], (0..10).collect()] {
            let mut claims = claims.clone();
            for &i in &bad {
                claims[i].share = (claims[i].share + G1Projective::from(base)).into();
            }
            for known_bad in [false, true] {
                let (mut good, mut culprits) = (Vec::new(), NodeSet::EMPTY);
                sort_out(&base, claims.clone(), known_bad, &local(), &mut good, &mut culprits);
                assert_eq!(culprits.iter().map(|node| usize::from(node.0)).collect::<Vec<_>>(), bad);
                assert_eq!(good.len() + bad.len(), 10);
            }
        }
        let (mut good, mut culprits) = (Vec::new(), NodeSet::EMPTY);
        sort_out(&base, claims, false, &local(), &mut good, &mut culprits);
        assert_eq!((good.len(), culprits), (10, NodeSet::EMPTY));
    }

    #[test]
    fn errors_that_cancel_between_shares_fail_the_batch() {
        let Fixture { mut claims, base, .. } = fixture(4);
        let error = G1Projective::from(base);
        claims[0].share = (claims[0].share + error).into();
        claims[1].share = (claims[1].share - error).into();
        assert!(!verify_batch(&base, &claims[..2], &local()));
    }

    /// Pairings do not see an element of small order; the value would, and so would no longer be unique.
    #[test]
    fn a_share_off_by_an_element_of_small_order_is_found() {
        let Fixture { coins, mut claims, base } = fixture(4);
        claims[0].share = (claims[0].share + G1Projective::from(small_order())).into();
        assert!(g1(&claims[0].share.to_compressed()).is_none());
        for claims in [claims[..1].to_vec(), claims.clone()] {
            let (mut good, mut culprits) = (Vec::new(), NodeSet::EMPTY);
            let others = claims.len() - 1;
            sort_out(&base, claims, false, &local(), &mut good, &mut culprits);
            assert_eq!((good.len(), culprits), (others, NodeSet::one(NodeIndex(0))));
        }
        let mut shares: Vec<(NodeIndex, CoinShare)> =
            coins.iter().enumerate().map(|(i, coin)| (NodeIndex(i as u16), coin.share(&NAME))).collect();
        let right = coins[3].combine(&NAME, &shares);
        shares[0].1 = CoinShare::of(claims[0].share.to_compressed());
        let combined = coins[3].combine(&NAME, &shares);
        assert_eq!(combined.value, right.value);
        assert_eq!(combined.culprits, NodeSet::one(NodeIndex(0)));
    }
}
