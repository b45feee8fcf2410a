//! Cryptography without the work: it keeps the contracts of the schemes, has the sizes of the default suite on the wire,
//! and charges what that suite costs to a meter.
//!
//! n = 100 nodes verify millions of signatures per second of virtual time, far more than the machine that simulates them
//! could. So a signature here is a digest of its statement next to the number of its signer, a coin share a digest of the
//! coin's name, a ciphertext a plaintext. They hide nothing and anybody could forge them: for simulations of honest
//! nodes alone.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use mellivora::core::{Committee, Digest, NodeIndex, NodeSet, hash::HashKey};
use mellivora::crypto::{
    Assembly, Certificate, CertificateScheme, Claim, ClaimProof, CoinCombination, CoinScheme, CoinShare, CoinValue,
    DecryptionProof, DecryptionShare, EncryptionScheme, Endorsement, NodeKeys, Seed, Statement, TAG_BYTES,
    sealed_digest,
};

use super::costs::Costs;

/// Bytes of an Ed25519 signature.
pub const SIGNATURE: usize = 64;
/// Bytes of a coin share of `ristretto255`, with its proof.
pub const COIN_SHARE: usize = 128;
/// Bytes of a decryption share of `ristretto255`.
pub const DECRYPTION_SHARE: usize = 32;
/// Bytes of the header of a ciphertext of `ristretto255`.
pub const HEADER: usize = 192;

const SAID: HashKey = HashKey::new("mellivora/wan statement");
const COIN: HashKey = HashKey::new("mellivora/wan coin");

/// What cryptography was charged since the meter was last read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Charge {
    /// Nanoseconds of one core.
    pub ns: f64,
    /// Signatures that were verified.
    pub verified: u64,
    /// Signatures that were made.
    pub signed: u64,
}

thread_local! {
    static METER: Cell<Charge> = const { Cell::new(Charge { ns: 0.0, verified: 0, signed: 0 }) };
}

/// Reads the meter of this thread and sets it back to zero.
pub fn take_charge() -> Charge {
    METER.take()
}

fn charge(ns: f64, verified: usize, signed: u64) {
    METER.with(|meter| {
        let sum = meter.get();
        meter.set(Charge { ns: sum.ns + ns, verified: sum.verified + verified as u64, signed: sum.signed + signed });
    });
}

/// The keys of a node with counterfeits in the place of coin, encryption and certificates.
pub fn counterfeit(keys: NodeKeys, costs: &Arc<Costs>) -> NodeKeys {
    let part = Part { committee: keys.committee(), me: keys.index(), costs: costs.clone() };
    keys.with_schemes(Arc::new(part.clone()), Arc::new(part.clone())).with_certificates(Arc::new(part))
}

/// One node's part of everything.
#[derive(Clone, Debug)]
struct Part {
    committee: Committee,
    me: NodeIndex,
    costs: Arc<Costs>,
}

/// The signature of a node on a statement with this digest.
fn signature(said: &Digest, node: NodeIndex) -> [u8; SIGNATURE] {
    let mut bytes = [0; SIGNATURE];
    bytes[..32].copy_from_slice(&said.0);
    bytes[32..34].copy_from_slice(&node.0.to_be_bytes());
    bytes
}

fn said(statement: &Statement) -> Digest {
    SAID.digest(&statement.to_bytes())
}

fn holds(committee: Committee, claim: &Claim) -> bool {
    let said = said(&claim.statement);
    match &claim.proof {
        ClaimProof::One(node, endorsement) => {
            committee.contains(*node) && endorsement.as_bytes() == signature(&said, *node)
        }
        ClaimProof::Many { required, certificate } => {
            let signers = certificate.signers;
            let signatures = certificate.proof().chunks(SIGNATURE);
            signers.len() == *required
                && *required > 0
                && signers.is_subset(&committee.all())
                && signatures.len() == *required
                && signers.iter().zip(signatures).all(|(node, bytes)| bytes == signature(&said, node))
        }
    }
}

impl CertificateScheme for Part {
    fn endorse(&self, statement: &Statement) -> Endorsement {
        charge(self.costs.sign_ns, 0, 1);
        // An endorsement has room for a signature.
        Endorsement::from_bytes(&signature(&said(statement), self.me)).unwrap_or_else(|| unreachable!())
    }

    fn assemble(&self, statement: &Statement, required: usize, endorsements: &[(NodeIndex, Endorsement)]) -> Assembly {
        let looked_at = required.min(endorsements.len());
        charge(self.costs.verify(looked_at), looked_at, 0);
        let said = said(statement);
        let good = |(node, endorsement): &&(NodeIndex, Endorsement)| {
            self.committee.contains(*node) && endorsement.as_bytes() == signature(&said, *node)
        };
        let signers: NodeSet = endorsements.iter().filter(good).map(|(node, _)| *node).take(required).collect();
        let culprits = endorsements.iter().filter(|one| !good(one)).map(|(node, _)| *node).collect();
        if signers.len() < required || required == 0 {
            return Assembly { certificate: None, culprits };
        }
        let proof: Vec<u8> = signers.iter().flat_map(|node| signature(&said, node)).collect();
        Assembly { certificate: Certificate::new(signers, proof.into()), culprits }
    }

    fn endorsements(&self, claim: &Claim) -> Option<Vec<(NodeIndex, Endorsement)>> {
        match &claim.proof {
            ClaimProof::One(node, endorsement) => Some(vec![(*node, *endorsement)]),
            ClaimProof::Many { required, certificate } => {
                let counted = certificate.signers.len() == *required && *required > 0;
                if counted { certificate.listed(SIGNATURE) } else { None }
            }
        }
    }

    fn signer(&self) -> Option<NodeIndex> {
        Some(self.me)
    }

    fn verify(&self, claims: &[Claim]) -> bool {
        let signatures = claims.iter().map(Claim::signatures).sum();
        charge(self.costs.verify(signatures), signatures, 0);
        claims.iter().all(|claim| holds(self.committee, claim))
    }
}

impl CoinScheme for Part {
    fn share(&self, name: &Digest) -> CoinShare {
        charge(self.costs.coin_share_ns, 0, 0);
        let mut bytes = [0; COIN_SHARE];
        bytes[..32].copy_from_slice(&COIN.digest(&name.0).0);
        bytes[32..34].copy_from_slice(&self.me.0.to_be_bytes());
        // No longer than the real ones.
        CoinShare::from_bytes(&bytes).unwrap_or_else(|| unreachable!())
    }

    fn combine(&self, name: &Digest, shares: &[(NodeIndex, CoinShare)]) -> CoinCombination {
        let needed = self.committee.one_honest();
        let value = COIN.digest(&name.0);
        let good = |(node, share): &(NodeIndex, CoinShare)| {
            let bytes = share.as_bytes();
            bytes.len() == COIN_SHARE && bytes[..32] == value.0 && bytes[32..34] == node.0.to_be_bytes()
        };
        charge(self.costs.coin_combine(needed), 0, 0);
        let culprits = shares.iter().take(needed).filter(|share| !good(share)).map(|(node, _)| *node).collect();
        let enough = shares.iter().filter(|share| good(share)).count() >= needed;
        CoinCombination { value: enough.then_some(CoinValue(value)), culprits }
    }
}

impl EncryptionScheme for Part {
    fn header_bytes(&self) -> usize {
        HEADER
    }

    /// The header holds the seed, and what binds it to the label and the sealed part, in the clear.
    fn seal_in_place(&self, label: &Digest, seed: &Seed, payload: &mut [u8]) -> (Vec<u8>, Digest) {
        charge(self.costs.seal_ns + self.costs.aead_ns_per_byte * payload.len() as f64, 0, 0);
        let sealed = sealed_digest([&*payload]);
        let mut header = vec![0; HEADER];
        header[..32].copy_from_slice(&seed.0);
        header[32..64].copy_from_slice(&label.0);
        header[64..96].copy_from_slice(&sealed.0);
        (header, sealed)
    }

    fn check(&self, label: &Digest, header: &[u8], sealed: &Digest) -> bool {
        charge(self.costs.check_ns, 0, 0);
        header.len() == HEADER && header[32..64] == label.0 && header[64..96] == sealed.0
    }

    fn share(&self, header: &[u8]) -> Option<DecryptionShare> {
        charge(self.costs.decryption_share_ns, 0, 0);
        DecryptionShare::from_bytes(header.get(..DECRYPTION_SHARE)?)
    }

    fn prove(&self, _: &Digest, _: &[u8], _: &Digest) -> Option<DecryptionProof> {
        DecryptionProof::from_bytes(&[0; 96])
    }

    fn self_proving(&self) -> bool {
        false
    }

    fn verify(
        &self,
        _: &Digest,
        header: &[u8],
        _: &Digest,
        _: NodeIndex,
        share: &DecryptionShare,
        _: Option<&DecryptionProof>,
    ) -> bool {
        header.get(..DECRYPTION_SHARE) == Some(share.as_bytes())
    }

    fn combine(&self, _: &Digest, header: &[u8], shares: &[(NodeIndex, DecryptionShare)]) -> Option<Seed> {
        charge(self.costs.decryption_combine(self.committee.one_honest()), 0, 0);
        let seed = header.first_chunk::<32>()?;
        shares.iter().all(|(_, share)| share.as_bytes() == seed).then_some(Seed(*seed))
    }

    fn matches(&self, _: &Digest, header: &[u8], seed: &Seed) -> bool {
        header.get(..32) == Some(&seed.0)
    }

    fn unseal(&self, _: &Digest, _: &[u8], _: &Seed, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        charge(self.costs.aead_ns_per_byte * sealed.len() as f64, 0, 0);
        sealed.truncate(sealed.len().checked_sub(TAG_BYTES)?);
        Some(sealed)
    }
}

/// A certificate of the size that one of so many signers has, for formulas.
pub fn certificate_of(signers: usize) -> Certificate {
    let proof = Bytes::from(vec![0; SIGNATURE * signers]);
    // No committee is larger than the largest proof allows.
    Certificate::new(NodeSet::first(signers), proof).unwrap_or_else(|| unreachable!())
}

#[cfg(test)]
mod tests {
    use mellivora::core::domain::Purpose;
    use mellivora::core::{Domain, Era, Round};
    use mellivora::crypto::Suite;

    use super::*;
    use crate::setup;

    /// Sizes, verdicts and bytes on the wire are those of the real suite.
    #[test]
    fn counterfeits_have_the_sizes_of_what_they_stand_for() {
        let committee = setup::committee(4);
        let real = setup::keys(Suite::default(), committee);
        let costs = Arc::new(Costs::recorded());
        let fake: Vec<NodeKeys> = real.iter().map(|keys| counterfeit(keys.clone(), &costs)).collect();
        let statement = Statement {
            domain: Domain::new(Digest([1; 32]), Era(0)).statement(Purpose::Checkpoint, Round(0)),
            digest: Digest([2; 32]),
        };
        let (name, label, seed) = (Digest([3; 32]), Digest([4; 32]), Seed([5; 32]));
        let sizes = |keys: &[NodeKeys]| {
            let endorsements: Vec<_> =
                keys.iter().map(|keys| (keys.index(), keys.certificates().endorse(&statement))).collect();
            let scheme = keys[0].certificates();
            let certificate = scheme.assemble(&statement, 3, &endorsements).certificate.unwrap();
            assert!(scheme.verify(&[Claim::many(statement, 3, certificate.clone())]));
            assert!(!scheme.verify(&[Claim::many(statement, 2, certificate.clone())]));
            let shares: Vec<_> = keys.iter().map(|keys| (keys.index(), keys.coin().share(&name))).collect();
            assert!(keys[0].coin().combine(&name, &shares[..2]).value.is_some());
            assert!(keys[0].coin().combine(&name, &shares[..1]).value.is_none());
            let encryption = keys[0].encryption().unwrap();
            let mut payload = b"a payload".to_vec();
            let header = encryption.seal(&label, &seed, &mut payload);
            assert!(encryption.check(&label, &header, &sealed_digest([&payload[..]])));
            assert!(!encryption.check(&name, &header, &sealed_digest([&payload[..]])));
            let parts: Vec<_> =
                keys.iter().map(|keys| (keys.index(), keys.encryption().unwrap().share(&header).unwrap())).collect();
            assert_eq!(encryption.combine(&label, &header, &parts[1..3]), Some(seed));
            let sealed = payload.len();
            assert_eq!(encryption.unseal(&label, &header, &seed, payload).as_deref(), Some(&b"a payload"[..]));
            [
                endorsements[0].1.as_bytes().len(),
                certificate.proof().len(),
                shares[0].1.as_bytes().len(),
                header.len(),
                sealed,
                parts[0].1.as_bytes().len(),
            ]
        };
        assert_eq!(sizes(&fake), sizes(&real));
        assert_eq!(sizes(&fake), [SIGNATURE, 3 * SIGNATURE, COIN_SHARE, HEADER, 9 + TAG_BYTES, DECRYPTION_SHARE]);
    }

    #[test]
    fn work_is_charged_once_and_by_count() {
        let committee = setup::committee(4);
        let costs = Arc::new(Costs::recorded());
        let keys = setup::keys(Suite::default(), committee).remove(0);
        let keys = counterfeit(keys, &costs);
        take_charge();
        keys.coin().share(&Digest([0; 32]));
        let charge = take_charge();
        assert_eq!((charge.ns, charge.verified), (costs.coin_share_ns, 0));
        assert_eq!(take_charge(), Charge::default());
    }
}
