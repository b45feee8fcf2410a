//! The coin of the `threshold_crypto` crate as a suite, for people who hold its keys. Public keys in G1, signatures in
//! G2, with that crate's own hash to the curve.
//!
//! **No encryption.** Its ciphertexts carry no label: whoever sees one could submit a copy as their own contribution and
//! learn its content when it is opened. The suite therefore refuses to encrypt.
//!
//! ```text
//! share    S_i = x_i hash_g2(name)                                                        96 bytes
//! combine  S = sum of lambda_i S_i over f + 1 shares as they are; one check of S; if it fails each share is verified
//! ```

use std::fmt;
use std::sync::Arc;

use mellivora_core::{Committee, Digest, NodeIndex, NodeSet, hash::HashKey};
use rand::CryptoRng;
use threshold_crypto::ff::{Field as _, PrimeField};
use threshold_crypto::group::{CurveAffine, CurveProjective, EncodedPoint};
use threshold_crypto::poly::Poly;
use threshold_crypto::{
    Fr, FrRepr, G1, G1Affine, G2, PK_SIZE, PublicKey, PublicKeySet, PublicKeyShare, SIG_SIZE, SecretKeySet,
    SecretKeyShare, Signature, SignatureShare, hash_g2,
};
use zeroize::{Zeroize, Zeroizing};

use crate::lagrange::{Field, Polynomial, low_degree_test};
use crate::local::SecretBytes;
use crate::threshold::{Dealt, EncodedKey, Purpose};
use crate::{CoinCombination, CoinScheme, CoinShare, CoinValue, KeyError};

const DEGREE_TEST: HashKey = HashKey::new("mellivora/v1 tc degree");
const VALUE: HashKey = HashKey::new("mellivora/v1 tc coin value");

impl Field for Fr {
    fn small(value: u64) -> Self {
        Fr::from_repr(FrRepr::from(value)).unwrap_or_else(|_| Fr::zero())
    }

    fn add(mut self, other: Self) -> Self {
        self.add_assign(&other);
        self
    }

    fn sub(mut self, other: Self) -> Self {
        self.sub_assign(&other);
        self
    }

    fn mul(mut self, other: Self) -> Self {
        self.mul_assign(&other);
        self
    }

    fn inverse(self) -> Self {
        threshold_crypto::ff::Field::inverse(&self).unwrap_or_else(Fr::zero)
    }

    fn wipe(&mut self) {
        *self = Fr::zero();
        std::hint::black_box(self);
    }
}

/// A scalar in its canonical encoding (little-endian).
fn scalar(bytes: &[u8; 32]) -> Option<Fr> {
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    let scalar = Fr::from_repr(FrRepr(words)).ok();
    words.zeroize();
    scalar
}

fn scalar_bytes(scalar: &Fr) -> SecretBytes {
    let mut bytes = Zeroizing::new([0; 32]);
    for (chunk, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(scalar.into_repr().0) {
        *chunk = word.to_le_bytes();
    }
    bytes
}

/// A uniform scalar from a stream of uniform bytes, by rejection.
fn uniform_scalar(mut fill: impl FnMut(&mut [u8; 32])) -> Fr {
    let mut bytes = Zeroizing::new([0; 32]);
    loop {
        fill(&mut bytes);
        bytes[31] &= 0x7f;
        if let Some(scalar) = scalar(&bytes) {
            return scalar;
        }
    }
}

/// An element of G1 in its canonical encoding that is not the identity.
fn element(bytes: &[u8; PK_SIZE]) -> Option<G1> {
    let mut compressed = <G1Affine as CurveAffine>::Compressed::empty();
    compressed.as_mut().copy_from_slice(bytes);
    let point = compressed.into_affine().ok()?;
    (!point.is_zero()).then(|| point.into_projective())
}

/// The key of the coin: Y = xP1 and the public share x_i P1 of each node, in G1.
pub(crate) struct CoinKeySet {
    committee: Committee,
    group: PublicKey,
    shares: Vec<PublicKeyShare>,
    /// Some key set of the right degree: the crate's interpolation asks it for nothing else.
    degree: PublicKeySet,
}

impl CoinKeySet {
    /// Decodes; checks every element, and that all lie on one polynomial of degree f.
    pub(crate) fn decode(committee: Committee, key: &EncodedKey) -> Result<Self, KeyError> {
        let group = |bytes: &[u8]| {
            let bytes: [u8; PK_SIZE] = bytes.try_into().ok()?;
            Some((element(&bytes)?, PublicKey::from_bytes(bytes).ok()?))
        };
        let share = |bytes: &[u8]| {
            let bytes: [u8; PK_SIZE] = bytes.try_into().ok()?;
            Some((element(&bytes)?, PublicKeyShare::from_bytes(bytes).ok()?))
        };
        let ((group_point, group), shares) = key.decode(Purpose::Coin, committee, group, share)?;
        let mut hasher = DEGREE_TEST.hasher();
        hasher.update(&group.to_bytes());
        shares.iter().for_each(|(_, share)| {
            hasher.update(&share.to_bytes());
        });
        let mut stream = hasher.finalize_xof();
        let weights = low_degree_test(committee.n(), committee.f(), || uniform_scalar(|bytes| stream.fill(bytes)));
        let points = std::iter::once(group_point).chain(shares.iter().map(|(point, _)| *point));
        let mut sum = G1::zero();
        for (mut point, weight) in points.zip(weights) {
            point.mul_assign(weight);
            sum.add_assign(&point);
        }
        if !sum.is_zero() {
            return Err(KeyError::Inconsistent { key: Purpose::Coin.name() });
        }
        let shares = shares.into_iter().map(|(_, share)| share).collect();
        let degree = SecretKeySet::from(Poly::monomial(committee.f())).public_keys();
        Ok(CoinKeySet { committee, group, shares, degree })
    }
}

/// Deals a coin key of threshold f + 1.
pub(crate) fn deal_coin(committee: Committee, rng: &mut impl CryptoRng) -> Dealt {
    let mut coefficient = || uniform_scalar(|bytes| rng.fill_bytes(bytes));
    let polynomial = Polynomial::new((0..committee.one_honest()).map(|_| coefficient()).collect());
    let public = |mut secret: Fr| SecretKeyShare::from_mut(&mut secret).public_key_share().to_bytes().to_vec();
    let share = |node| {
        let secret = polynomial.share(node);
        (public(secret), scalar_bytes(&secret))
    };
    let (shares, secrets) = committee.nodes().map(share).unzip();
    Dealt { public: EncodedKey { group: public(polynomial.secret()), shares }, secrets }
}

/// The coin with one node's share in it.
pub(crate) struct Coin {
    keys: Arc<CoinKeySet>,
    node: NodeIndex,
    secret: SecretKeyShare,
}

impl Coin {
    /// `None` if the secret is not the one behind the node's public share.
    pub(crate) fn new(keys: Arc<CoinKeySet>, node: NodeIndex, secret: &SecretBytes) -> Option<Self> {
        let secret = SecretKeyShare::from_mut(&mut scalar(secret)?);
        let right = keys.shares.get(node.as_usize()) == Some(&secret.public_key_share());
        right.then_some(Coin { keys, node, secret })
    }

    /// The signature that these f + 1 shares interpolate, if it is right.
    fn signature(&self, hash: G2, shares: &[(NodeIndex, SignatureShare)]) -> Option<Signature> {
        let shares = shares.iter().map(|(node, share)| (u64::from(node.0), share));
        let signature = self.keys.degree.combine_signatures(shares).ok()?;
        self.keys.group.verify_g2(&signature, hash).then_some(signature)
    }
}

impl CoinScheme for Coin {
    fn share(&self, name: &Digest) -> CoinShare {
        CoinShare::of(self.secret.sign(name).to_bytes())
    }

    fn combine(&self, name: &Digest, shares: &[(NodeIndex, CoinShare)]) -> CoinCombination {
        let committee = self.keys.committee;
        let needed = committee.one_honest();
        let hash = hash_g2(name);
        let mut culprits = NodeSet::EMPTY;
        let mut seen = NodeSet::EMPTY;
        let mut parsed = Vec::with_capacity(shares.len());
        for (node, share) in shares {
            if !committee.contains(*node) || !seen.insert(*node) {
                continue;
            }
            let share = <[u8; SIG_SIZE]>::try_from(share.as_bytes()).ok();
            match share.and_then(|bytes| SignatureShare::from_bytes(bytes).ok()) {
                Some(share) => parsed.push((*node, share)),
                None => {
                    culprits.insert(*node);
                }
            }
        }
        let mut signature = parsed.get(..needed).and_then(|first| self.signature(hash, first));
        if signature.is_none() && parsed.len() >= needed {
            let mut good = Vec::with_capacity(needed);
            for (node, share) in parsed {
                let key = self.keys.shares.get(node.as_usize());
                if key.is_some_and(|key| key.verify_g2(&share, hash)) {
                    good.push((node, share));
                } else {
                    culprits.insert(node);
                }
                if good.len() == needed {
                    signature = self.signature(hash, &good);
                    break;
                }
            }
        }
        let value = signature.map(|signature| {
            let mut hasher = VALUE.hasher();
            hasher.update(name.as_ref());
            hasher.update(&signature.to_bytes());
            CoinValue(Digest(*hasher.finalize().as_bytes()))
        });
        CoinCombination { value, culprits }
    }
}

impl fmt::Debug for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coin(threshold_crypto, node {})", self.node)
    }
}

#[cfg(test)]
mod tests {
    use blstrs::{G1Projective, Scalar};
    use mellivora_core::NodeIndex;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::lagrange;

    /// The crate as an oracle: same scalars in, same coefficients, shares and elements out.
    #[test]
    fn our_interpolation_agrees_with_the_crate() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for degree in 0..6usize {
            let mut coefficients = Vec::new();
            for _ in 0..=degree {
                let mut bytes = [0; 32];
                rng.fill_bytes(&mut bytes);
                bytes[31] &= 0x1f;
                coefficients.push(bytes);
            }
            let theirs = Poly::from(coefficients.iter().map(|bytes| scalar(bytes).unwrap()).collect::<Vec<_>>());
            let ours =
                Polynomial::new(coefficients.iter().map(|b| Option::from(Scalar::from_bytes_le(b)).unwrap()).collect());
            let ours: Polynomial<Scalar> = ours;
            // Nodes with gaps, out of order.
            let nodes: Vec<NodeIndex> = (0..=degree as u16).rev().map(|i| NodeIndex(3 * i + i % 2)).collect();
            let shares: Vec<Scalar> = nodes.iter().map(|&node| ours.share(node)).collect();
            for (node, share) in nodes.iter().zip(&shares) {
                assert_eq!(share.to_bytes_le(), *scalar_bytes(&theirs.evaluate(u64::from(node.0) + 1)));
            }
            // The coefficients, seen through the fields of both.
            let our_lambdas = lagrange::at_zero::<Scalar>(&nodes);
            let their_lambdas = lagrange::at_zero::<Fr>(&nodes);
            for (ours, theirs) in our_lambdas.iter().zip(&their_lambdas) {
                assert_eq!(ours.to_bytes_le(), *scalar_bytes(theirs));
            }
            let secret = our_lambdas.iter().zip(&shares).fold(Scalar::small(0), |sum, (l, s)| sum + l * s);
            let samples = nodes.iter().map(|node| {
                let x = u64::from(node.0) + 1;
                (x, theirs.evaluate(x))
            });
            assert_eq!(secret.to_bytes_le(), *scalar_bytes(&Poly::interpolate(samples).evaluate(0u64)));
            // The interpolated group element.
            let base = blstrs::G1Affine::from(G1Projective::hash_to_curve(b"base", b"tag", &[]));
            let elements: Vec<blstrs::G1Affine> = shares.iter().map(|share| (base * share).into()).collect();
            let element = crate::bls12_381::interpolate(&nodes, &elements).to_compressed();
            let mut expected = super::element(&base.to_compressed()).unwrap();
            expected.mul_assign(theirs.evaluate(0u64));
            assert_eq!(element.as_slice(), expected.into_affine().into_compressed().as_ref());
        }
    }

    #[test]
    fn keys_of_the_crate_work_as_they_are() {
        let committee = Committee::new(4).unwrap();
        let dealt = deal_coin(committee, &mut ChaCha20Rng::seed_from_u64(2));
        let keys = Arc::new(CoinKeySet::decode(committee, &dealt.public).unwrap());
        let name = Digest([5; 32]);
        let coin = Coin::new(keys.clone(), NodeIndex(2), &dealt.secrets[2]).unwrap();
        let share = SignatureShare::from_bytes(<[u8; SIG_SIZE]>::try_from(coin.share(&name).as_bytes()).unwrap());
        assert!(keys.shares[2].verify(&share.unwrap(), name));
        assert!(Coin::new(keys, NodeIndex(1), &dealt.secrets[2]).is_none());
    }
}
