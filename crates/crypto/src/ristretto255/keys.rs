//! Threshold keys over ristretto255: dealing, decoding, tables.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint, VartimeRistrettoPrecomputation};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul, VartimePrecomputedMultiscalarMul};
use mellivora_core::{Committee, NodeIndex, hash::HashKey, planted};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::{hash_to_group, nontrivial_point, scalar};
use crate::KeyError;
use crate::lagrange::{Polynomial, low_degree_test};
use crate::local::SecretBytes;
use crate::threshold::{Dealt, EncodedKey, Purpose};

const DEGREE_TEST: HashKey = HashKey::new("mellivora/v1 ristretto degree");
const SECOND_BASE: HashKey = HashKey::new("mellivora/v1 tdh2-g2");

/// A group key Y = xG and the public share Y_i = x_i G of each node.
pub(crate) struct KeySet {
    pub(super) committee: Committee,
    pub(super) group: RistrettoPoint,
    pub(super) shares: Vec<RistrettoPoint>,
    pub(super) share_bytes: Vec<[u8; 32]>,
    /// Multiples of G, then of each Y_i, for checking many equations at once.
    pub(super) table: VartimeRistrettoPrecomputation,
}

impl KeySet {
    /// Decodes; checks every element, and that all lie on one polynomial of degree f.
    pub(crate) fn decode(purpose: Purpose, committee: Committee, key: &EncodedKey) -> Result<Self, KeyError> {
        let element = |bytes: &[u8]| {
            let bytes: [u8; 32] = bytes.try_into().ok()?;
            Some((nontrivial_point(bytes)?, bytes))
        };
        let ((group, group_bytes), shares) = key.decode(purpose, committee, element, element)?;
        let (shares, share_bytes): (Vec<_>, Vec<_>) = shares.into_iter().unzip();
        let mut hasher = DEGREE_TEST.hasher();
        std::iter::once(&group_bytes).chain(&share_bytes).for_each(|bytes| {
            hasher.update(bytes);
        });
        let mut stream = hasher.finalize_xof();
        let weights = low_degree_test(committee.n(), committee.f(), || {
            let mut wide = [0; 64];
            stream.fill(&mut wide);
            Scalar::from_bytes_mod_order_wide(&wide)
        });
        let sum = RistrettoPoint::vartime_multiscalar_mul(weights, std::iter::once(&group).chain(&shares));
        if !sum.is_identity() && !planted("key-degree-unchecked") {
            return Err(KeyError::Inconsistent { key: purpose.name() });
        }
        let table = VartimeRistrettoPrecomputation::new(std::iter::once(&RISTRETTO_BASEPOINT_POINT).chain(&shares));
        Ok(KeySet { committee, group, shares, share_bytes, table })
    }

    /// The secret share of `node`, if it is the one behind its public share.
    pub(super) fn secret(&self, node: NodeIndex, secret: &SecretBytes) -> Option<Zeroizing<Scalar>> {
        let secret = Zeroizing::new(scalar(**secret)?);
        let public = RistrettoPoint::mul_base(&secret);
        (self.shares.get(node.as_usize()) == Some(&public)).then_some(secret)
    }
}

/// A [`KeySet`] for encryption, with tables for the fixed elements that every encryption multiplies.
pub(crate) struct EncryptionKeySet {
    pub(super) keys: KeySet,
    /// Of Y.
    pub(super) group: RistrettoBasepointTable,
    /// Of the second base Gb, whose logarithm nobody knows.
    pub(super) second: RistrettoBasepointTable,
    /// Multiples of G and Gb, for checking ciphertexts.
    pub(super) bases: VartimeRistrettoPrecomputation,
}

impl EncryptionKeySet {
    /// Decodes and checks, as [`KeySet::decode`] does.
    pub(crate) fn decode(committee: Committee, key: &EncodedKey) -> Result<Self, KeyError> {
        let keys = KeySet::decode(Purpose::Encryption, committee, key)?;
        let second = hash_to_group(&SECOND_BASE.hasher());
        Ok(EncryptionKeySet {
            group: RistrettoBasepointTable::create(&keys.group),
            second: RistrettoBasepointTable::create(&second),
            bases: VartimeRistrettoPrecomputation::new([RISTRETTO_BASEPOINT_POINT, second]),
            keys,
        })
    }
}

/// Deals a key of threshold f + 1.
pub(crate) fn deal(committee: Committee, rng: &mut impl CryptoRng) -> Dealt {
    let mut coefficient = || {
        let mut wide = Zeroizing::new([0; 64]);
        rng.fill_bytes(wide.as_mut());
        Scalar::from_bytes_mod_order_wide(&wide)
    };
    let coefficients = committee.one_honest() - usize::from(planted("key-degree-too-low"));
    let polynomial = Polynomial::new((0..coefficients).map(|_| coefficient()).collect());
    let encode = |secret: &Scalar| RistrettoPoint::mul_base(secret).compress().0.to_vec();
    let group = encode(&Zeroizing::new(polynomial.secret()));
    let secrets: Vec<_> = committee.nodes().map(|node| Zeroizing::new(polynomial.share(node))).collect();
    let shares = secrets.iter().map(|secret| encode(secret)).collect();
    let secrets = secrets.iter().map(|secret| Zeroizing::new(secret.to_bytes())).collect();
    Dealt { public: EncodedKey { group, shares }, secrets }
}
