//! Each distinct claim is verified once, and claims that come at about the same time are verified together.

mod batch;
mod known;
mod state;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use mellivora_core::{NodeIndex, NodeSet, planted};

use crate::certificate::{Assembly, Certificate, CertificateScheme, Claim, Endorsement, Statement};
use batch::{Batch, Subject};
use state::State;

/// A scheme that verifies each distinct claim once, and several at a time where it can.
///
/// ```text
///  claim --form refuted-----------------------------------------------> the scheme below, which refuses
///        --taken apart--> all endorsements known? -- yes --> holds
///        --(or not)-----> known as a whole?       -- yes --> holds
///                         another thread is at it? -- wait, and look again
///                         else: what is unknown of it, with what was announced --> the scheme below, in one batch
/// ```
///
/// **What is remembered.** Certificates come round again: in a proposal, in a vote, in the value that an agreement is about.
/// Which claims were found valid is remembered. And certificates of one statement that several nodes have put together have
/// different signers: where the scheme [takes claims apart](CertificateScheme::endorsements), each valid endorsement is
/// remembered, and only those that are not known yet are verified. Endorsements of this node, and those in certificates
/// that it has put together, are known as well. So n nodes' certificates of n statements cost a node at most n^2
/// signatures, however many are in them.
///
/// **What is not.** The form of a claim, such as the number of its signers, is looked at each time. Endorsements are compared
/// in full, with their statement and signer.
///
/// **Together.** Claims that were [announced](CertificateScheme::announce) and not asked about yet are verified together with
/// the next one that is asked about: signatures cost less in larger batches, and a node hears from all its peers at about the
/// same time. Whoever asks about what another thread is verifying waits for that. If a batch does not hold, each claim is
/// verified when it is asked about, so one invalid claim costs others one wasted batch.
///
/// **Memory.** At most [`Remembering::MEMORY`], whatever others send, taken as it is needed; the oldest is forgotten first.
/// Announced claims share their proofs with those who will ask about them.
///
/// All this saves work and never changes a result, so a scheme may be shared by jobs on any thread.
#[derive(Debug)]
pub struct Remembering {
    inner: Arc<dyn CertificateScheme>,
    state: Mutex<State>,
    /// Something is no longer being verified.
    settled: Condvar,
}

/// What this thread is at; others may go on waiting for it no longer than that.
struct Taken<'a> {
    scheme: &'a Remembering,
    batch: Arc<Batch>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.scheme.lock().release(&self.batch);
        self.scheme.settled.notify_all();
    }
}

impl Remembering {
    /// Whole claims that are remembered at the most, at about 100 bytes each.
    pub const CAPACITY: usize = 1 << 13;
    /// Endorsements that are remembered at the most, at 68 bytes each; a statement takes the place of 8 of them. At n = 100
    /// that is room for n endorsements of n statements, twice.
    pub const ENDORSEMENTS: usize = 3 << 13;
    /// Claims that wait to be asked about at the most; more are not kept.
    pub const ANNOUNCED: usize = 1 << 10;
    /// Bytes of those claims at the most.
    pub const ANNOUNCED_BYTES: usize = 1 << 20;
    /// Signatures from which on a batch gets no cheaper by being larger.
    pub const BATCH: usize = 96;
    /// Bytes of memory at the most, about.
    pub const MEMORY: usize = Self::CAPACITY * 100
        + Self::ENDORSEMENTS * size_of::<(NodeIndex, Endorsement)>()
        + Self::ANNOUNCED_BYTES
        + Self::ANNOUNCED * 64;

    /// The same scheme, with a memory.
    pub fn scheme(inner: Arc<dyn CertificateScheme>) -> Arc<dyn CertificateScheme> {
        Arc::new(Remembering { inner, state: Mutex::default(), settled: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is sound at any moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The claims that are not known to hold by their endorsements, ready to be looked for as a whole.
    fn unknown(&self, claims: &[Claim]) -> Vec<Subject> {
        let parts: Vec<_> = claims.iter().map(|claim| self.inner.endorsements(claim)).collect();
        let state = self.lock();
        let unknown = claims.iter().zip(parts).filter(|(claim, parts)| match parts {
            Some(parts) => !state.knows_all(&claim.statement, parts),
            None => true,
        });
        let unknown: Vec<_> = unknown.collect();
        drop(state);
        unknown.into_iter().map(|(claim, parts)| Subject::new(claim.clone(), parts)).collect()
    }

    /// What there is to verify of these claims, and what may be verified with it; nothing if all are known to be valid.
    fn take(&self, mut subjects: Vec<Subject>) -> Option<(Taken<'_>, Taken<'_>)> {
        let mut state = self.lock();
        while state.others_are_at(&subjects) {
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        subjects.retain(|subject| !state.knows(subject));
        if subjects.is_empty() {
            return None;
        }
        let mut own = Batch::default();
        for subject in subjects {
            state.withdraw(&subject.name);
            own.add(subject, &[state.endorsed()]);
        }
        let mut others = Batch::default();
        while own.signatures() + others.signatures() < Self::BATCH
            && let Some((name, claim)) = state.withdraw_first()
        {
            let parts = self.inner.endorsements(&claim);
            let subject = Subject { name, claim, parts };
            if !state.knows(&subject) {
                others.add(subject, &[state.endorsed(), own.endorsed()]);
            }
        }
        let (own, others) = (Arc::new(own), Arc::new(others));
        state.occupy(&own);
        state.occupy(&others);
        drop(state);
        Some((Taken { scheme: self, batch: own }, Taken { scheme: self, batch: others }))
    }

    /// Whether all claims of these batches hold, which is remembered.
    fn verified(&self, batches: &[&Batch]) -> bool {
        let claims: Vec<Claim> = batches.iter().flat_map(|batch| batch.claims()).cloned().collect();
        let valid = self.inner.verify(&claims);
        if valid || planted("cert-known-unverified") {
            let mut state = self.lock();
            batches.iter().for_each(|batch| state.remember(batch));
        }
        valid
    }

    /// A certificate of endorsements that are known, as far as they go, and of others; `None` if none are known, or if
    /// that makes no valid certificate.
    fn assemble_known(
        &self,
        statement: &Statement,
        required: usize,
        endorsements: &[(NodeIndex, Endorsement)],
    ) -> Option<Certificate> {
        let unknown = self.lock().endorsed().unknown(statement, endorsements);
        if unknown.len() == endorsements.len() {
            return None;
        }
        let nodes: NodeSet = unknown.iter().map(|(node, _)| *node).collect();
        let known = endorsements.iter().filter(|(node, _)| !nodes.contains(*node));
        let chosen: Vec<_> = known.chain(&unknown).take(required).copied().collect();
        let certificate = Certificate::list(chosen)?;
        self.verify(&[Claim::many(*statement, required, certificate.clone())]).then_some(certificate)
    }
}

impl CertificateScheme for Remembering {
    fn endorse(&self, statement: &Statement) -> Endorsement {
        let endorsement = self.inner.endorse(statement);
        if let Some(me) = self.inner.signer() {
            self.lock().learn(statement, &[(me, endorsement)]);
        }
        endorsement
    }

    fn assemble(&self, statement: &Statement, required: usize, endorsements: &[(NodeIndex, Endorsement)]) -> Assembly {
        if let Some(certificate) = self.assemble_known(statement, required, endorsements) {
            return Assembly { certificate: Some(certificate), culprits: NodeSet::EMPTY };
        }
        let assembly = self.inner.assemble(statement, required, endorsements);
        if let Some(certificate) = &assembly.certificate {
            let claim = Claim::many(*statement, required, certificate.clone());
            let parts = self.inner.endorsements(&claim);
            let mut batch = Batch::default();
            batch.add(Subject::new(claim, parts), &[]);
            self.lock().remember(&batch);
        }
        assembly
    }

    fn endorsements(&self, claim: &Claim) -> Option<Vec<(NodeIndex, Endorsement)>> {
        self.inner.endorsements(claim)
    }

    fn signer(&self) -> Option<NodeIndex> {
        self.inner.signer()
    }

    fn announce(&self, claim: &Claim) {
        for subject in self.unknown(std::slice::from_ref(claim)) {
            self.lock().announce(subject);
        }
    }

    fn verify(&self, claims: &[Claim]) -> bool {
        let subjects = self.unknown(claims);
        if subjects.is_empty() {
            return true;
        }
        let Some((own, others)) = self.take(subjects) else { return true };
        if !others.batch.is_empty() && self.verified(&[&own.batch, &others.batch]) {
            return true;
        }
        drop(others);
        self.verified(&[&own.batch])
    }
}
