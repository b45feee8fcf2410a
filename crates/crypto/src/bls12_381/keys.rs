//! Threshold keys over BLS12-381: dealing and decoding.

use blstrs::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use group::prime::PrimeCurveAffine;
use mellivora_core::{Committee, NodeIndex, hash::HashKey, planted};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::{
    G1_BYTES, G2_BYTES, SecretScalar, g1, g2, pairings_agree, scalar_bytes, secret_scalar, sum_in_g2, uniform_scalar,
};
use crate::KeyError;
use crate::lagrange::{Polynomial, low_degree_test};
use crate::local::SecretBytes;
use crate::threshold::{Dealt, EncodedKey, Purpose};

const DEGREE_TEST: HashKey = HashKey::new("mellivora/v1 bls degree");

/// The key of the coin: Y = xP2 and the public share Y_i = x_i P2 of each node, in G2.
pub(crate) struct CoinKeySet {
    pub(super) committee: Committee,
    pub(super) group: G2Affine,
    pub(super) shares: Vec<G2Affine>,
}

impl CoinKeySet {
    /// Decodes; checks every element, and that all lie on one polynomial of degree f.
    pub(crate) fn decode(committee: Committee, key: &EncodedKey) -> Result<Self, KeyError> {
        let (group, shares) = key.decode(Purpose::Coin, committee, g2, g2)?;
        check_degree(Purpose::Coin, committee, &group, &shares)?;
        Ok(CoinKeySet { committee, group, shares })
    }
}

/// The key of the encryption: Y1 = xP1, Y2 = xP2 and the public share x_i P2 of each node.
pub(crate) struct EncryptionKeySet {
    pub(super) committee: Committee,
    pub(super) group: G1Affine,
    pub(super) shares: Vec<G2Affine>,
}

impl EncryptionKeySet {
    /// Decodes; checks every element, that Y1 and Y2 have one logarithm, and that Y2 and the shares lie on one
    /// polynomial of degree f.
    pub(crate) fn decode(committee: Committee, key: &EncodedKey) -> Result<Self, KeyError> {
        let pair = |bytes: &[u8]| {
            let (first, second) = bytes.split_at_checked(G1_BYTES)?;
            Some((g1(first)?, g2(second)?))
        };
        let ((group, group2), shares) = key.decode(Purpose::Encryption, committee, pair, g2)?;
        let one = pairings_agree(&group, &G2Affine::generator(), &G1Affine::generator(), &group2);
        if !one && !planted("key-halves-differ") {
            return Err(KeyError::Inconsistent { key: Purpose::Encryption.name() });
        }
        check_degree(Purpose::Encryption, committee, &group2, &shares)?;
        Ok(EncryptionKeySet { committee, group, shares })
    }
}

fn check_degree(purpose: Purpose, committee: Committee, group: &G2Affine, shares: &[G2Affine]) -> Result<(), KeyError> {
    let points: Vec<G2Affine> = std::iter::once(group).chain(shares).copied().collect();
    let mut hasher = DEGREE_TEST.hasher();
    points.iter().for_each(|point| {
        hasher.update(&point.to_compressed());
    });
    let mut stream = hasher.finalize_xof();
    let weights = low_degree_test(committee.n(), committee.f(), || uniform_scalar(|bytes| stream.fill(bytes)));
    let sum: G2Affine = sum_in_g2(&points, &scalar_bytes(&weights), 255).into();
    if bool::from(sum.is_identity()) { Ok(()) } else { Err(KeyError::Inconsistent { key: purpose.name() }) }
}

/// The encoded secret of `node`, if it is the one behind its public share. It is kept encoded, because a decoded scalar
/// does not clean up after itself.
pub(super) fn matching_secret(shares: &[G2Affine], node: NodeIndex, secret: &SecretBytes) -> Option<SecretBytes> {
    let public: G2Affine = (G2Affine::generator() * *secret_scalar(secret)?).into();
    (shares.get(node.as_usize()) == Some(&public)).then(|| secret.clone())
}

fn polynomial(committee: Committee, rng: &mut impl CryptoRng) -> Polynomial<Scalar> {
    let mut coefficient = || uniform_scalar(|bytes| rng.fill_bytes(bytes));
    Polynomial::new((0..committee.one_honest()).map(|_| coefficient()).collect())
}

fn in_g2(secret: &Scalar) -> [u8; G2_BYTES] {
    (G2Projective::from(G2Affine::generator()) * secret).to_compressed()
}

fn shares(committee: Committee, polynomial: &Polynomial<Scalar>) -> (Vec<Vec<u8>>, Vec<SecretBytes>) {
    let share = |node| {
        let secret = SecretScalar(polynomial.share(node));
        (in_g2(&secret).to_vec(), Zeroizing::new(secret.to_bytes_le()))
    };
    committee.nodes().map(share).unzip()
}

/// Deals a coin key of threshold f + 1.
pub(crate) fn deal_coin(committee: Committee, rng: &mut impl CryptoRng) -> Dealt {
    let polynomial = polynomial(committee, rng);
    let (shares, secrets) = shares(committee, &polynomial);
    Dealt { public: EncodedKey { group: in_g2(&SecretScalar(polynomial.secret())).to_vec(), shares }, secrets }
}

/// Deals an encryption key of threshold f + 1.
pub(crate) fn deal_encryption(committee: Committee, rng: &mut impl CryptoRng) -> Dealt {
    let polynomial = polynomial(committee, rng);
    let (shares, secrets) = shares(committee, &polynomial);
    let secret = SecretScalar(polynomial.secret());
    let mut group = (G1Projective::from(G1Affine::generator()) * *secret).to_compressed().to_vec();
    group.extend_from_slice(&in_g2(&secret));
    Dealt { public: EncodedKey { group, shares }, secrets }
}
