//! What is signed so that others can be shown it, and the coin.
//!
//! A node checks all signatures that may reach it at the same time in one batch, which is the cheapest way known, and never
//! one of its own.

use std::fmt;
use std::sync::Arc;

use mellivora::core::domain::Purpose;
use mellivora::core::{Committee, Digest, Layer, NodeIndex, Round, Segment};
use mellivora::crypto::{CertificateScheme, Claim, Endorsement, NodeKeys, Statement};

use crate::setup;

/// Who gathers the signatures on a statement of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gathering {
    /// Everybody for itself.
    Everybody,
    /// The one that it is about, which shows the certificate to all others.
    Owner,
}

/// The signing keys of all nodes.
pub(super) struct Signers {
    committee: Committee,
    schemes: Vec<Arc<dyn CertificateScheme>>,
}

impl fmt::Debug for Signers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} signers", self.schemes.len())
    }
}

impl Signers {
    pub(super) fn new(committee: Committee, keys: &[NodeKeys]) -> Self {
        Signers { committee, schemes: keys.iter().map(NodeKeys::certificates).collect() }
    }

    /// Everybody signs something about each owner, and gets convinced that `required` have signed.
    pub(super) fn certify(
        &self,
        epoch: u64,
        purpose: Purpose,
        owners: &[(NodeIndex, Digest)],
        required: usize,
        gathering: Gathering,
    ) {
        let signed: Vec<(NodeIndex, Statement, Vec<Endorsement>)> = owners
            .iter()
            .map(|&(owner, digest)| {
                let domain = setup::domain(epoch).child(Segment::of(Layer::Pb, owner));
                let statement = Statement { domain: domain.statement(purpose, Round(0)), digest };
                (owner, statement, self.schemes.iter().map(|scheme| scheme.endorse(&statement)).collect())
            })
            .collect();
        for (node, scheme) in self.committee.nodes().zip(&self.schemes) {
            // Signatures of `required` nodes, those from `first` on.
            let claims = |first: NodeIndex, statement: &Statement, endorsements: &[Endorsement]| -> Vec<Claim> {
                let n = self.committee.n();
                (0..required)
                    .map(|i| (first.as_usize() + i) % n)
                    .filter(|signer| *signer != node.as_usize())
                    .map(|signer| Claim::one(*statement, NodeIndex(signer as u16), endorsements[signer]))
                    .collect()
            };
            let check = |claims: Vec<Claim>| assert!(scheme.verify(&claims), "genuine signatures verify");
            match gathering {
                Gathering::Everybody => {
                    check(signed.iter().flat_map(|(_, statement, all)| claims(node, statement, all)).collect());
                }
                // Its own certificate a node puts together before the others can come to be complete.
                Gathering::Owner => {
                    let of = |own: bool| {
                        let those = signed.iter().filter(move |(owner, ..)| (*owner == node) == own);
                        those.flat_map(|(owner, statement, all)| claims(*owner, statement, all)).collect()
                    };
                    check(of(true));
                    check(of(false));
                }
            }
        }
    }
}

/// One coin: everybody's share, and f + 1 of them combined by everybody.
pub(super) fn coin(committee: Committee, keys: &[NodeKeys], epoch: u64) {
    let name = setup::domain(epoch).statement(Purpose::Coin, Round(0)).digest();
    let shares: Vec<_> = committee.nodes().zip(keys).map(|(node, keys)| (node, keys.coin().share(&name))).collect();
    for keys in keys {
        let coin = keys.coin().combine(&name, &shares[..committee.one_honest()]);
        assert!(coin.value.is_some(), "genuine shares combine");
    }
}

/// Everybody signs that it has the batch.
pub(super) fn checkpoints(keys: &[NodeKeys], epoch: u64) {
    let statement = setup::domain(epoch).statement(Purpose::Checkpoint, Round(0)).to_bytes();
    for keys in keys {
        std::hint::black_box(keys.sign(&statement));
    }
}
