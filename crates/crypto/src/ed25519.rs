//! Certificates as lists of Ed25519 signatures, after a bitmap of signers: the default scheme.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use mellivora_core::{NodeIndex, NodeSet, planted};

use crate::certificate::{Assembly, Certificate, CertificateScheme, Claim, ClaimProof, Endorsement, Statement};
use crate::{NodeKeys, Signature};

/// Bytes of a signature.
const SIGNATURE: usize = 64;

/// Ed25519 under ZIP 215, with the identities of the nodes as keys.
///
/// A certificate of s signers has 64 s bytes of proof: the signatures in ascending order of signers. Signatures of any
/// number of claims are verified in one batch.
#[derive(Debug)]
pub(crate) struct Ed25519Certificates {
    keys: NodeKeys,
}

impl Ed25519Certificates {
    pub(crate) fn scheme(keys: NodeKeys) -> Arc<dyn CertificateScheme> {
        Arc::new(Ed25519Certificates { keys })
    }

    /// The signatures that a claim rests on; `None` if its form alone refutes it. A claim holds if all of them do.
    fn signatures(&self, claim: &Claim) -> Option<Vec<(NodeIndex, Signature)>> {
        match &claim.proof {
            ClaimProof::One(node, endorsement) => Some(vec![(*node, signature(endorsement.as_bytes())?)]),
            ClaimProof::Many { required, certificate } => {
                let signers = certificate.signers;
                let exact = signers.len() == *required || planted("cert-signers-uncounted");
                if !exact || signers.is_empty() || certificate.proof().len() != signers.len() * SIGNATURE {
                    return None;
                }
                let signatures = certificate.proof().chunks_exact(SIGNATURE);
                signers.iter().zip(signatures).map(|(node, bytes)| Some((node, signature(bytes)?))).collect()
            }
        }
    }
}

fn signature(bytes: &[u8]) -> Option<Signature> {
    bytes.try_into().ok().map(Signature)
}

impl CertificateScheme for Ed25519Certificates {
    fn endorse(&self, statement: &Statement) -> Endorsement {
        let signature = self.keys.sign(&statement.to_bytes());
        // An endorsement has room for a signature.
        Endorsement::from_bytes(&signature.0).unwrap_or_else(|| unreachable!())
    }

    fn assemble(&self, statement: &Statement, required: usize, endorsements: &[(NodeIndex, Endorsement)]) -> Assembly {
        let bytes = statement.to_bytes();
        let (mut valid, mut culprits) = (Vec::new(), NodeSet::EMPTY);
        for (node, endorsement) in endorsements {
            match signature(endorsement.as_bytes()) {
                Some(signature) => valid.push((*node, signature)),
                None => drop(culprits.insert(*node)),
            }
        }
        // All that are needed at once, and one by one only if that fails.
        let first = valid.get(..required.min(valid.len())).unwrap_or_default();
        let sound = self.keys.verify_batch(first.iter().map(|(node, signature)| (*node, &bytes[..], signature)));
        if !sound && !planted("cert-assembled-unchecked") {
            valid.retain(|(node, signature)| {
                let good = self.keys.verify(*node, &bytes, signature);
                if !good {
                    culprits.insert(*node);
                }
                good
            });
        }
        if valid.len() < required || required == 0 {
            return Assembly { certificate: None, culprits };
        }
        valid.truncate(required);
        valid.sort_unstable_by_key(|(node, _)| *node);
        let mut proof = BytesMut::with_capacity(64 * required);
        valid.iter().for_each(|(_, signature)| proof.put_slice(&signature.0));
        let signers: NodeSet = valid.iter().map(|(node, _)| *node).collect();
        // Distinct nodes, as the contract says; of repeated ones there is no certificate.
        let certificate = Certificate::new(signers, proof.freeze()).filter(|c| c.signers.len() == required);
        Assembly { certificate, culprits }
    }

    fn endorsements(&self, claim: &Claim) -> Option<Vec<(NodeIndex, Endorsement)>> {
        match &claim.proof {
            ClaimProof::One(node, endorsement) => {
                (endorsement.as_bytes().len() == SIGNATURE).then(|| vec![(*node, *endorsement)])
            }
            ClaimProof::Many { required, certificate } => {
                let counted = certificate.signers.len() == *required || planted("cert-known-uncounted");
                if counted && *required > 0 { certificate.listed(SIGNATURE) } else { None }
            }
        }
    }

    fn signer(&self) -> Option<NodeIndex> {
        Some(self.keys.index())
    }

    fn verify(&self, claims: &[Claim]) -> bool {
        let mut items = Vec::with_capacity(claims.len());
        for claim in claims {
            let Some(signatures) = self.signatures(claim) else { return false };
            items.push((claim.statement.to_bytes(), signatures));
        }
        self.keys.verify_batch(items.iter().flat_map(|(bytes, signatures)| {
            signatures.iter().map(move |(node, signature)| (*node, &bytes[..], signature))
        }))
    }
}
