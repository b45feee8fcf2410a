//! An idealised common coin and idealised signatures: keyed hashes that everybody in a test knows.
//!
//! They keep the contracts of [`CoinScheme`] (f + 1 valid shares give the value, invalid ones are named) and of
//! [`CertificateScheme`] at the cost of hashes, and let a scheduler look at values. They hide nothing from anybody, so
//! they must never leave tests.

use std::sync::Arc;

use mellivora_core::{Committee, Digest, NodeIndex, NodeSet, hash::HashKey};
use mellivora_crypto::{
    Assembly, Certificate, CertificateScheme, Claim, ClaimProof, CoinCombination, CoinScheme, CoinShare, CoinValue,
    Endorsement, Statement,
};

const SHARE: HashKey = HashKey::new("mellivora/test coin share");
const VALUE: HashKey = HashKey::new("mellivora/test coin value");

/// One node's part of an idealised coin.
#[derive(Clone, Debug)]
pub struct IdealCoin {
    committee: Committee,
    me: NodeIndex,
    seed: u64,
}

impl IdealCoin {
    /// The part of `me`. Nodes with the same seed share their coins.
    pub fn new(committee: Committee, me: NodeIndex, seed: u64) -> Self {
        IdealCoin { committee, me, seed }
    }

    /// The same, as protocols want it.
    pub fn scheme(committee: Committee, me: NodeIndex, seed: u64) -> Arc<dyn CoinScheme> {
        Arc::new(Self::new(committee, me, seed))
    }

    /// The value of the coin `name`, which nobody should know before an honest node has released its share.
    pub fn peek(&self, name: &Digest) -> CoinValue {
        CoinValue(VALUE.digest_parts(&[&self.seed.to_be_bytes(), name.as_ref()]))
    }

    /// The valid share of any node.
    pub fn share_of(&self, node: NodeIndex, name: &Digest) -> CoinShare {
        let digest = SHARE.digest_parts(&[&self.seed.to_be_bytes(), &node.0.to_be_bytes(), name.as_ref()]);
        // A digest is shorter than the largest share.
        CoinShare::from_bytes(digest.as_ref()).unwrap_or_else(|| unreachable!())
    }
}

impl CoinScheme for IdealCoin {
    fn share(&self, name: &Digest) -> CoinShare {
        self.share_of(self.me, name)
    }

    fn combine(&self, name: &Digest, shares: &[(NodeIndex, CoinShare)]) -> CoinCombination {
        let (mut valid, mut culprits) = (NodeSet::EMPTY, NodeSet::EMPTY);
        for (from, share) in shares {
            // Like a real suite, it looks at no more shares than it needs.
            if valid.len() < self.committee.one_honest() {
                let good = self.committee.contains(*from) && *share == self.share_of(*from, name);
                if good {
                    valid.insert(*from)
                } else {
                    culprits.insert(*from)
                };
            }
        }
        let value = (valid.len() >= self.committee.one_honest()).then(|| self.peek(name));
        CoinCombination { value, culprits }
    }
}

const SIGNATURE: HashKey = HashKey::new("mellivora/test signature");

/// One node's part of an idealised certificate scheme. A signature takes 8 bytes.
#[derive(Clone, Debug)]
pub struct IdealCertificates {
    committee: Committee,
    me: NodeIndex,
}

impl IdealCertificates {
    /// The part of `me`.
    pub fn new(committee: Committee, me: NodeIndex) -> Self {
        IdealCertificates { committee, me }
    }

    /// The same, as protocols want it.
    pub fn scheme(committee: Committee, me: NodeIndex) -> Arc<dyn CertificateScheme> {
        Arc::new(Self::new(committee, me))
    }

    /// The valid endorsement of any node.
    pub fn endorsement_of(&self, node: NodeIndex, statement: &Statement) -> Endorsement {
        let digest = SIGNATURE.digest_parts(&[&node.0.to_be_bytes(), &statement.to_bytes()]);
        // Eight bytes are fewer than the largest endorsement has.
        Endorsement::from_bytes(&digest.0[..8]).unwrap_or_else(|| unreachable!())
    }

    /// The certificate of these signers, honest or not.
    pub fn certificate_of(&self, signers: NodeSet, statement: &Statement) -> Certificate {
        let proof: Vec<u8> =
            signers.iter().flat_map(|node| self.endorsement_of(node, statement).as_bytes().to_vec()).collect();
        Certificate::new(signers, proof.into()).unwrap_or_else(|| unreachable!())
    }

    fn holds(&self, claim: &Claim) -> bool {
        match &claim.proof {
            ClaimProof::One(node, endorsement) => {
                self.committee.contains(*node) && *endorsement == self.endorsement_of(*node, &claim.statement)
            }
            ClaimProof::Many { required, certificate } => {
                let signers = certificate.signers;
                signers.len() == *required
                    && signers.is_subset(&self.committee.all())
                    && *certificate == self.certificate_of(signers, &claim.statement)
            }
        }
    }
}

impl CertificateScheme for IdealCertificates {
    fn endorse(&self, statement: &Statement) -> Endorsement {
        self.endorsement_of(self.me, statement)
    }

    fn assemble(&self, statement: &Statement, required: usize, endorsements: &[(NodeIndex, Endorsement)]) -> Assembly {
        let (mut valid, mut culprits) = (NodeSet::EMPTY, NodeSet::EMPTY);
        for (node, endorsement) in endorsements {
            if valid.len() < required {
                match self.holds(&Claim::one(*statement, *node, *endorsement)) {
                    true => valid.insert(*node),
                    false => culprits.insert(*node),
                };
            }
        }
        let certificate = (valid.len() >= required).then(|| self.certificate_of(valid, statement));
        Assembly { certificate, culprits }
    }

    fn verify(&self, claims: &[Claim]) -> bool {
        claims.iter().all(|claim| self.holds(claim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_shares_give_nothing_and_a_foreign_share_is_named() {
        let committee = Committee::new(7).unwrap();
        let coin = IdealCoin::new(committee, NodeIndex(0), 5);
        let (name, other) = (Digest([1; 32]), Digest([2; 32]));
        let share = |i: u16, name| (NodeIndex(i), coin.share_of(NodeIndex(i), name));
        assert_eq!(coin.combine(&name, &[share(1, &name), share(2, &name)]).value, None);
        let mixed = coin.combine(&name, &[share(1, &name), share(2, &other), share(3, &name), share(4, &name)]);
        assert_eq!(mixed.value, Some(coin.peek(&name)));
        assert_eq!(mixed.culprits, NodeSet::one(NodeIndex(2)));
        assert_ne!(coin.peek(&name), coin.peek(&other));
        assert_ne!(coin.peek(&name), IdealCoin::new(committee, NodeIndex(0), 6).peek(&name));
    }
}
