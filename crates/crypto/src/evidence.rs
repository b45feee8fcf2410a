//! Evidence: two signed statements that no honest node makes both. It convinces everybody who knows the keys.
//!
//! # What it guarantees
//!
//! Whoever [`Contradiction::culprits`] names after [`Contradiction::verify`] has signed both statements, and no honest node
//! ever signs both, across restarts too: what is signed here is durable. So a contradiction between two valid certificates
//! names at least as many nodes as two quorums share, f + 1 of n = 3f + 1: if one turns up, the bound on faults was broken.
//!
//! # Which statements contradict each other
//!
//! | purpose | what an honest node signs at most once in a domain |
//! |---|---|
//! | [`Lock`](Purpose::Lock), [`Finish`](Purpose::Finish) | one value of a strong provable broadcast, in each stage |
//! | [`Stored`](Purpose::Stored), [`Delivered`](Purpose::Delivered) | one payload of a broadcast |
//! | [`StreamVote`](Purpose::StreamVote) | one batch of a slot |
//! | [`NoValue`](Purpose::NoValue) and [`Seen`](Purpose::Seen) | one of the two in a view |

use bytes::Bytes;
use mellivora_core::codec::{self, Blob};
use mellivora_core::{Digest, Domain, Evidence, NodeIndex, NodeSet, Purpose};

use crate::certificate::{Certificate, CertificateScheme, Claim, ClaimProof, Endorsement, Statement};

/// Two claims whose statements contradict each other, and which have signers in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    claims: [Claim; 2],
}

impl Contradiction {
    /// The contradiction between two claims, if there is one. Nothing is verified.
    pub fn between(first: Claim, second: Claim) -> Option<Self> {
        let contradiction = Contradiction { claims: [first, second] };
        let [first, second] = contradiction.claims.each_ref().map(|claim| claim.statement);
        (contradict(&first, &second) && !contradiction.culprits().is_empty()).then_some(contradiction)
    }

    /// Who is said to have signed both.
    pub fn culprits(&self) -> NodeSet {
        let [first, second] = self.claims.each_ref().map(signers);
        first.intersection(&second)
    }

    /// Whether all of them have, in the session with this digest, as far as certificates with `quorum` signers are
    /// concerned.
    pub fn verify(&self, session: &Digest, quorum: usize, scheme: &dyn CertificateScheme) -> bool {
        let counted = self.claims.iter().all(|claim| match &claim.proof {
            ClaimProof::One(..) => true,
            ClaimProof::Many { required, certificate } => *required == quorum && certificate.signers.len() == quorum,
        });
        let here = self.claims.iter().all(|claim| claim.statement.domain.session == *session);
        counted && here && scheme.verify(&self.claims)
    }

    /// As it is kept with a fault, and handed on.
    pub fn to_evidence(&self) -> Evidence {
        Evidence { statements: self.claims.each_ref().map(to_bytes) }
    }

    /// Reads what [`to_evidence`](Self::to_evidence) wrote. `None` if it is no contradiction, whoever has signed it.
    pub fn from_evidence(evidence: &Evidence) -> Option<Self> {
        let [first, second] = &evidence.statements;
        Contradiction::between(from_bytes(first)?, from_bytes(second)?)
    }
}

/// Whether no honest node makes both statements.
fn contradict(first: &Statement, second: &Statement) -> bool {
    let place = |statement: &Statement| statement.domain.statement(Purpose::Instance, statement.domain.round);
    if place(first) != place(second) {
        return false;
    }
    match (first.domain.purpose, second.domain.purpose) {
        (Purpose::NoValue, Purpose::Seen) | (Purpose::Seen, Purpose::NoValue) => true,
        (Purpose::Lock | Purpose::Finish | Purpose::Stored | Purpose::Delivered | Purpose::StreamVote, other) => {
            other == first.domain.purpose && first.digest != second.digest
        }
        _ => false,
    }
}

fn signers(claim: &Claim) -> NodeSet {
    match &claim.proof {
        ClaimProof::One(node, _) => NodeSet::one(*node),
        ClaimProof::Many { certificate, .. } => certificate.signers,
    }
}

/// The encoding of a claim: its statement, then 0 with node and endorsement, or 1 with number and certificate.
fn to_bytes(claim: &Claim) -> Bytes {
    let statement = Blob(Bytes::copy_from_slice(&claim.statement.to_bytes()));
    match &claim.proof {
        ClaimProof::One(node, endorsement) => codec::encode(&(statement, 0u8, (*node, *endorsement))),
        ClaimProof::Many { required, certificate } => {
            codec::encode(&(statement, 1u8, (*required as u64, certificate.clone())))
        }
    }
}

fn from_bytes(bytes: &Bytes) -> Option<Claim> {
    let read = |blob: Blob| {
        let bytes: &[u8; Statement::WIDTH] = blob.0.as_ref().try_into().ok()?;
        let (domain, digest) = bytes.split_first_chunk::<{ Domain::WIDTH }>()?;
        Some(Statement { domain: Domain::from_bytes(domain)?, digest: Digest(digest.try_into().ok()?) })
    };
    if let Ok((statement, 0u8, (node, endorsement))) = codec::decode::<(Blob, u8, (NodeIndex, Endorsement))>(bytes) {
        return Some(Claim::one(read(statement)?, node, endorsement));
    }
    match codec::decode::<(Blob, u8, (u64, Certificate))>(bytes) {
        Ok((statement, 1, (required, certificate))) => {
            Some(Claim::many(read(statement)?, usize::try_from(required).ok()?, certificate))
        }
        _ => None,
    }
}
