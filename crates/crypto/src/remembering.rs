//! Each distinct claim is verified once, and claims that come at about the same time are verified together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use mellivora_core::{Digest, NodeIndex};

use crate::certificate::{Assembly, CertificateScheme, Claim, Endorsement, Statement};

/// A scheme that verifies each distinct claim once, and several at a time where it can.
///
/// Certificates come round again: in a proposal, in a vote, in the value that an agreement is about. Which claims were
/// found valid is remembered, at most [`Remembering::CAPACITY`] of them; the oldest are forgotten first.
///
/// Claims that were [announced](CertificateScheme::announce) and not asked about yet are verified together with the next
/// one that is asked about: signatures cost less in larger batches, and a node hears from all its peers at about the same
/// time. Whoever asks about a claim that another thread is verifying waits for that. If a batch does not hold, each
/// claim is verified when it is asked about, so one invalid claim costs others one wasted batch.
///
/// All this saves work and never changes a result, so a scheme may be shared by jobs on any thread.
#[derive(Debug)]
pub struct Remembering {
    inner: Arc<dyn CertificateScheme>,
    state: Mutex<State>,
    /// Something is no longer being verified.
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    valid: BTreeSet<Digest>,
    by_age: VecDeque<Digest>,
    /// Announced, and nobody is at it.
    announced: BTreeMap<Digest, Claim>,
    /// Some thread is at it.
    taken: BTreeSet<Digest>,
}

impl State {
    fn remember(&mut self, claim: Digest) {
        if self.valid.insert(claim) {
            self.by_age.push_back(claim);
        }
        if self.by_age.len() > Remembering::CAPACITY
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.valid.remove(&oldest);
        }
    }
}

/// Claims that this thread is at; others may go on waiting for them no longer than that.
struct Taken<'a> {
    scheme: &'a Remembering,
    claims: Vec<(Digest, Claim)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut state = self.scheme.lock();
        for (name, _) in &self.claims {
            state.taken.remove(name);
        }
        drop(state);
        self.scheme.settled.notify_all();
    }
}

impl Remembering {
    /// Claims that are remembered at the most, at about 100 bytes each.
    pub const CAPACITY: usize = 1 << 13;
    /// Claims that wait to be asked about at the most; more are not kept.
    pub const ANNOUNCED: usize = 1 << 10;
    /// Signatures from which on a batch gets no cheaper by being larger.
    pub const BATCH: usize = 96;

    /// The same scheme, with a memory.
    pub fn scheme(inner: Arc<dyn CertificateScheme>) -> Arc<dyn CertificateScheme> {
        Arc::new(Remembering { inner, state: Mutex::default(), settled: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is sound at any moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is to verify of these claims, and what may be verified with it; nothing if all are known to be valid.
    fn take(&self, claims: &[Claim]) -> Option<(Taken<'_>, Taken<'_>)> {
        let named: BTreeMap<Digest, &Claim> = claims.iter().map(|claim| (claim.digest(), claim)).collect();
        let mut state = self.lock();
        while named.keys().any(|name| state.taken.contains(name)) {
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let fresh = named.into_iter().filter(|(name, _)| !state.valid.contains(name));
        let own: Vec<(Digest, Claim)> = fresh.map(|(name, claim)| (name, claim.clone())).collect();
        if own.is_empty() {
            return None;
        }
        own.iter().for_each(|(name, _)| drop(state.announced.remove(name)));
        let mut signatures: usize = own.iter().map(|(_, claim)| claim.signatures()).sum();
        let mut others = Vec::new();
        while signatures < Self::BATCH
            && let Some((name, claim)) = state.announced.pop_first()
        {
            signatures += claim.signatures();
            others.push((name, claim));
        }
        state.taken.extend(own.iter().chain(&others).map(|(name, _)| *name));
        drop(state);
        Some((Taken { scheme: self, claims: own }, Taken { scheme: self, claims: others }))
    }

    fn verified<'a>(&self, claims: impl IntoIterator<Item = &'a (Digest, Claim)>) -> bool {
        let (names, claims): (Vec<Digest>, Vec<Claim>) = claims.into_iter().cloned().unzip();
        let valid = self.inner.verify(&claims);
        if valid {
            let mut state = self.lock();
            names.into_iter().for_each(|name| state.remember(name));
        }
        valid
    }
}

impl CertificateScheme for Remembering {
    fn endorse(&self, statement: &Statement) -> Endorsement {
        self.inner.endorse(statement)
    }

    fn assemble(&self, statement: &Statement, required: usize, endorsements: &[(NodeIndex, Endorsement)]) -> Assembly {
        let assembly = self.inner.assemble(statement, required, endorsements);
        if let Some(certificate) = &assembly.certificate {
            let claim = Claim::many(*statement, required, certificate.clone());
            self.lock().remember(claim.digest());
        }
        assembly
    }

    fn announce(&self, claim: &Claim) {
        let name = claim.digest();
        let mut state = self.lock();
        let known = state.valid.contains(&name) || state.taken.contains(&name);
        if !known && state.announced.len() < Self::ANNOUNCED {
            state.announced.insert(name, claim.clone());
        }
    }

    fn verify(&self, claims: &[Claim]) -> bool {
        let Some((own, others)) = self.take(claims) else { return true };
        if !others.claims.is_empty() && self.verified(own.claims.iter().chain(&others.claims)) {
            return true;
        }
        drop(others);
        self.verified(&own.claims)
    }
}
