//! Certificates as BLS multi-signatures with proofs of possession: signatures in G1, keys in G2.
//!
//! ```text
//! keys      x_i, Y_i = x_i P2, and the proof of possession x_i hash_to_curve'(Y_i)        96 and 48 bytes per node
//! endorse   C = hash_to_curve(statement); S_i = x_i C                                     48 bytes
//! assemble  S = sum of S_i over `required` nodes as they are; S in G1 and e(S, P2) = e(C, sum of Y_i)
//!           if not: find the bad ones by batch checks of halves, name them, and go on with the others
//! verify    one certificate: the same equation. Many: sum of w_k S_k against the product over the statements, where
//!           128-bit weights w_k derive from a secret of the process and from all that is in the batch
//! ```
//!
//! **Guarantee.** A certificate that verifies convinces everybody that each of its signers has signed: none of them can
//! be put into it by others (computational co-Diffie-Hellman, random oracle; keys with proofs of possession). It has 48
//! bytes, whatever the number of signers.
//!
//! **Why proofs of possession.** A key that is made of other nodes' keys, Y = y P2 - Y_1 - Y_2, cancels them in the sum,
//! and whoever knows y signs for all three. Its maker does not know its logarithm, so cannot prove to have it. Proofs are
//! checked when keys are read, under a tag of their own: no endorsement is a proof, and no proof an endorsement.
//!
//! **Why single and batch verification agree.** What is decoded is canonical, of the group of prime order and not the
//! identity. In that group an equation of a batch that does not hold is outweighed with a chance of 2^-128. The sum of the
//! keys of a certificate must not be the identity either, which takes signers who all work together.
//!
//! **What assembling does not see.** Signers who work together may shift their endorsements so that the errors cancel. The
//! certificate is as valid as any other, and they are the ones who stand in it.
//!
//! **Cost.** One hash and two pairings for a certificate; in a batch one pairing per distinct statement and one for all.
//! With b bad endorsements among m, about b log2(m / b) batch checks of two pairings each.
//!
//! Hashing follows RFC 9380, suite BLS12381G1_XMD:SHA-256_SSWU_RO_, and the scheme draft-irtf-cfrg-bls-signature-05,
//! section 3.3, both under tags of our own. Ristenpart, Yilek: "The Power of Proofs-of-Possession" (2007); Boldyreva
//! (2003), section 4.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use blstrs::{G1Affine, G1Projective, G2Affine, G2Projective};
use bytes::Bytes;
use group::Group as _;
use group::prime::PrimeCurveAffine;
use mellivora_core::{Committee, NodeIndex, NodeSet, planted};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::coin::{Claim as Share, sort_out};
use super::keys::matching_secret;
use super::{
    SecretScalar, g1, g1_unchecked, g2, pairings_agree, pairings_cancel, secret_scalar, sum_in_g1, sum_in_g2,
    uniform_scalar,
};
use crate::certificate::{Assembly, Certificate, CertificateScheme, Claim, ClaimProof, Endorsement, Statement};
use crate::local::{LocalSecret, SecretBytes, Weights};
use crate::{Certificates, KeyError};

pub(super) const STATEMENT: &[u8] = b"MELLIVORA-V1-CERTIFICATE-BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
pub(super) const POSSESSION: &[u8] = b"MELLIVORA-V1-POSSESSION-BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

/// The certificate keys of all nodes with their proofs of possession, encoded.
#[derive(Clone, Debug)]
pub(crate) struct EncodedCertificateKeys {
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) proofs: Vec<Vec<u8>>,
}

/// The certificate keys of all nodes, of which each is proven to be its owner's.
pub(crate) struct CertificateKeySet {
    pub(super) encoded: EncodedCertificateKeys,
    pub(super) keys: Vec<G2Affine>,
}

impl CertificateKeySet {
    /// Decodes; checks every key and every proof of possession.
    pub(crate) fn decode(committee: Committee, encoded: EncodedCertificateKeys) -> Result<Self, KeyError> {
        for (field, found) in [("keys", encoded.keys.len()), ("proofs", encoded.proofs.len())] {
            if found != committee.n() {
                let field = format!("certificates.{field}");
                return Err(KeyError::Count { field, expected: committee.n(), found });
            }
        }
        let mut keys = Vec::with_capacity(committee.n());
        for (node, (key, proof)) in committee.nodes().zip(encoded.keys.iter().zip(&encoded.proofs)) {
            let invalid = || KeyError::Invalid { field: format!("certificates.keys[{node}]") };
            let key = g2(key).ok_or_else(invalid)?;
            if let Some((other, _)) = committee.nodes().zip(&keys).find(|(_, earlier)| **earlier == key) {
                return Err(KeyError::SameCertificateKey(other, node));
            }
            if !proves_possession(&key, proof) && !planted("bls-pop-unchecked") {
                return Err(KeyError::Possession(node));
            }
            keys.push(key);
        }
        Ok(CertificateKeySet { encoded, keys })
    }

    pub(crate) fn kind(&self) -> Certificates {
        Certificates::Bls12381
    }

    pub(crate) fn encoded(&self) -> &EncodedCertificateKeys {
        &self.encoded
    }

    /// The scheme with the key of `node` in it; `None` if the secret is not the one behind the public key.
    pub(crate) fn scheme(
        self: &Arc<Self>,
        node: NodeIndex,
        secret: &SecretBytes,
        local: LocalSecret,
    ) -> Option<Arc<dyn CertificateScheme>> {
        let secret = matching_secret(&self.keys, node, secret)?;
        Some(Arc::new(BlsCertificates { keys: self.clone(), node, secret, local }))
    }

    /// The key of a certificate of these signers; `None` if one of them is no member, or if it is the identity.
    fn sum(&self, signers: &NodeSet) -> Option<G2Affine> {
        let mut sum = G2Projective::identity();
        for node in signers.iter() {
            sum += self.keys.get(node.as_usize())?;
        }
        (!bool::from(sum.is_identity())).then(|| sum.into())
    }
}

fn proves_possession(key: &G2Affine, proof: &[u8]) -> bool {
    let base = G1Projective::hash_to_curve(&key.to_compressed(), POSSESSION, &[]).into();
    g1(proof).is_some_and(|proof| pairings_agree(&proof, &G2Affine::generator(), &base, key))
}

/// The element that is multiplied to sign a statement.
pub(super) fn base(statement: &Statement) -> G1Projective {
    G1Projective::hash_to_curve(&statement.to_bytes(), STATEMENT, &[])
}

/// Deals certificate keys: to each node one of its own, with its proof of possession.
pub(crate) fn deal_certificates(
    committee: Committee,
    rng: &mut impl CryptoRng,
) -> (EncodedCertificateKeys, Vec<SecretBytes>) {
    let mut dealt = EncodedCertificateKeys { keys: Vec::new(), proofs: Vec::new() };
    let deal = |_| {
        let secret = SecretScalar(uniform_scalar(|bytes| rng.fill_bytes(bytes)));
        let key = (G2Projective::generator() * *secret).to_compressed();
        let proof = (G1Projective::hash_to_curve(&key, POSSESSION, &[]) * *secret).to_compressed();
        dealt.keys.push(key.to_vec());
        dealt.proofs.push(proof.to_vec());
        Zeroizing::new(secret.to_bytes_le())
    };
    let secrets = committee.nodes().map(deal).collect();
    (dealt, secrets)
}

/// BLS multi-signatures, with keys of their own.
///
/// A certificate has 48 bytes of proof: the sum of its signers' signatures.
struct BlsCertificates {
    keys: Arc<CertificateKeySet>,
    node: NodeIndex,
    secret: SecretBytes,
    local: LocalSecret,
}

/// Signatures of distinct nodes added up, with the key they belong to.
struct Sum {
    signers: NodeSet,
    signature: G1Affine,
    key: G2Affine,
}

impl Sum {
    fn holds(&self, base: &G1Affine) -> bool {
        bool::from(self.signature.is_torsion_free())
            && pairings_agree(&self.signature, &G2Affine::generator(), base, &self.key)
    }

    fn certificate(&self) -> Option<Certificate> {
        Certificate::new(self.signers, Bytes::copy_from_slice(&self.signature.to_compressed()))
    }
}

impl BlsCertificates {
    /// An endorsement as a share of the certificate: a point of the curve, perhaps outside the group.
    fn parse(&self, node: NodeIndex, endorsement: &Endorsement) -> Option<Share> {
        let key = *self.keys.keys.get(node.as_usize())?;
        Some(Share { node, key, share: g1_unchecked(endorsement.as_bytes())? })
    }

    /// Of distinct nodes, as the contract says; of repeated ones there is no certificate, nor of none.
    fn add(&self, shares: &[Share]) -> Option<Sum> {
        let signers: NodeSet = shares.iter().map(|share| share.node).collect();
        let mut signature = G1Projective::identity();
        shares.iter().for_each(|share| signature += &share.share);
        let some = signers.len() == shares.len() && !bool::from(signature.is_identity());
        let key = self.keys.sum(&signers)?;
        some.then(|| Sum { signers, signature: signature.into(), key })
    }

    /// The signature and the key that a claim rests on; `None` if its form alone refutes it.
    fn read(&self, claim: &Claim) -> Option<(G1Affine, G2Affine)> {
        let signature = if planted("bls-subgroup-unchecked") { g1_unchecked } else { g1 };
        match &claim.proof {
            ClaimProof::One(node, endorsement) => {
                Some((signature(endorsement.as_bytes())?, self.keys.sum(&NodeSet::one(*node))?))
            }
            ClaimProof::Many { required, certificate } => {
                let exact = certificate.signers.len() == *required || planted("bls-signer-count");
                let key = self.keys.sum(&certificate.signers)?;
                if exact { Some((signature(certificate.proof())?, key)) } else { None }
            }
        }
    }

    /// Whether all claims hold, given what they rest on.
    fn verify_batch(&self, claims: &[Claim], read: &[(G1Affine, G2Affine)]) -> bool {
        let mut hasher = self.local.weights();
        for claim in claims {
            hasher.update(claim.digest().as_ref());
        }
        let mut weights = Weights::new(&hasher);
        let mut draw = || if planted("bls-batch-unweighted") { 1u128.to_le_bytes() } else { weights.draw() };
        let mut all = Vec::with_capacity(16 * claims.len());
        // Claims with one statement share its hash and its pairing.
        let mut keys: BTreeMap<[u8; Statement::WIDTH], (G1Affine, Vec<G2Affine>, Vec<u8>)> = BTreeMap::new();
        for (claim, (_, key)) in claims.iter().zip(read) {
            let weight = draw();
            all.extend_from_slice(&weight);
            let entry = keys.entry(claim.statement.to_bytes());
            let (_, keys, weights) = entry.or_insert_with(|| (base(&claim.statement).into(), Vec::new(), Vec::new()));
            keys.push(*key);
            weights.extend_from_slice(&weight);
        }
        let signatures: Vec<G1Affine> = read.iter().map(|(signature, _)| *signature).collect();
        let sum: G1Affine = sum_in_g1(&signatures, &all, 128).into();
        let mut pairs = vec![(-sum, G2Affine::generator())];
        pairs.extend(keys.values().map(|(base, keys, weights)| (*base, sum_in_g2(keys, weights, 128).into())));
        pairings_cancel(&pairs)
    }
}

impl CertificateScheme for BlsCertificates {
    fn endorse(&self, statement: &Statement) -> Endorsement {
        // The encoding was checked when the scheme was made.
        let secret = secret_scalar(&self.secret).unwrap_or_default();
        let signature = (base(statement) * *secret).to_compressed();
        // An endorsement has room for a signature.
        Endorsement::from_bytes(&signature).unwrap_or_else(|| unreachable!())
    }

    fn assemble(&self, statement: &Statement, required: usize, endorsements: &[(NodeIndex, Endorsement)]) -> Assembly {
        let base: G1Affine = base(statement).into();
        let (mut shares, mut culprits) = (Vec::with_capacity(endorsements.len()), NodeSet::EMPTY);
        for (node, endorsement) in endorsements {
            match self.parse(*node, endorsement) {
                Some(share) => shares.push(share),
                None => drop(culprits.insert(*node)),
            }
        }
        // All that are needed at once, and only if that fails those that are wrong.
        let first = shares.get(..required).and_then(|first| self.add(first));
        let sound = first.filter(|sum| sum.holds(&base) || planted("bls-assembled-unchecked"));
        let sum = sound.or_else(|| {
            let mut good = Vec::with_capacity(shares.len());
            sort_out(&base, shares, false, &self.local, &mut good, &mut culprits);
            // Sums of right ones are right.
            self.add(good.get(..required)?)
        });
        Assembly { certificate: sum.and_then(|sum| sum.certificate()), culprits }
    }

    fn verify(&self, claims: &[Claim]) -> bool {
        let Some(read) = claims.iter().map(|claim| self.read(claim)).collect::<Option<Vec<_>>>() else {
            return false;
        };
        match (claims, read.as_slice()) {
            ([], _) => true,
            ([claim], [(signature, key)]) => {
                pairings_agree(signature, &G2Affine::generator(), &base(&claim.statement).into(), key)
            }
            _ => self.verify_batch(claims, &read),
        }
    }
}

impl fmt::Debug for BlsCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlsCertificates(node {})", self.node)
    }
}
