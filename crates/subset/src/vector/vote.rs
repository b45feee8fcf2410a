//! What the nodes agree on: a vector of proofs, one for each chosen broadcast.

use std::marker::PhantomData;
use std::sync::Arc;

use bincode::{Decode, Encode};
use bytes::Bytes;
use mellivora_agreement::Predicate;
use mellivora_core::codec::{self, Frame, List};
use mellivora_core::{Committee, Digest, Domain, NodeIndex, NodeSet, planted};
use mellivora_crypto::{Certificate, CertificateScheme, Claim};

use super::provable::Provable;

/// One chosen broadcast: whose, which payload, and the proof that it can be had.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct Entry {
    /// The proposer.
    pub proposer: NodeIndex,
    /// The commitment of its payload.
    pub root: Digest,
    /// The proof.
    pub proof: Certificate,
}

/// A vector of proofs, as it travels.
pub type Entries = List<Entry, { NodeSet::CAPACITY }>;

/// The predicate on vectors of proofs: see the [module page](super).
#[derive(Debug)]
pub struct ProofVector<B> {
    committee: Committee,
    /// Domain of the common subset.
    domain: Domain,
    certificates: Arc<dyn CertificateScheme>,
    broadcast: PhantomData<fn() -> B>,
}

impl<B: Provable> ProofVector<B> {
    /// The predicate for the common subset with this domain.
    pub fn new(committee: Committee, domain: Domain, certificates: Arc<dyn CertificateScheme>) -> Self {
        ProofVector { committee, domain, certificates, broadcast: PhantomData }
    }

    /// The entries of a value, if its form is right: a quorum of members at least, in ascending order.
    pub fn entries(committee: Committee, value: &Bytes) -> Option<Entries> {
        let entries: Entries = codec::decode(value).ok()?;
        let ascending = entries.windows(2).all(|pair| pair[0].proposer < pair[1].proposer);
        let ascending = ascending || planted("vector-entries-repeat");
        let members = entries.iter().all(|entry| committee.contains(entry.proposer));
        let enough = entries.len() >= committee.quorum() - usize::from(planted("vector-quorum-low"));
        (ascending && members && enough).then_some(entries)
    }
}

impl<B: Provable + 'static> Predicate for ProofVector<B> {
    fn holds(&self, value: &Bytes) -> bool {
        let Some(entries) = Self::entries(self.committee, value) else { return false };
        let required = B::required(self.committee);
        let claim = |entry: &Entry| {
            let statement = B::statement(&self.domain, entry.proposer, entry.root);
            Claim::many(statement, required, entry.proof.clone())
        };
        let looked_at = if planted("vector-first-entry-only") { 1 } else { entries.len() };
        let claims: Vec<Claim> = entries.iter().take(looked_at).map(claim).collect();
        self.certificates.verify(&claims)
    }
}
