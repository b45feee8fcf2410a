//! What is known, what waits, and what threads are at.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use mellivora_core::{Digest, NodeIndex};

use super::Remembering;
use super::batch::{Batch, Subject};
use super::known::Endorsed;
use crate::certificate::{Claim, Endorsement, Statement};

#[derive(Debug, Default)]
pub(super) struct State {
    valid: BTreeSet<Digest>,
    by_age: VecDeque<Digest>,
    endorsed: Endorsed,
    /// Announced, and nobody is at it.
    announced: BTreeMap<Digest, Claim>,
    announced_bytes: usize,
    /// Some thread is at it.
    taken: Vec<Arc<Batch>>,
}

impl State {
    /// Endorsements that are known to be valid.
    pub(super) fn endorsed(&self) -> &Endorsed {
        &self.endorsed
    }

    pub(super) fn knows_all(&self, statement: &Statement, parts: &[(NodeIndex, Endorsement)]) -> bool {
        self.endorsed.unknown(statement, parts).is_empty()
    }

    /// Whether a claim is known to hold, as a whole or by its endorsements.
    pub(super) fn knows(&self, subject: &Subject) -> bool {
        let by_parts = |parts: &Vec<_>| self.knows_all(&subject.claim.statement, parts);
        self.valid.contains(&subject.name) || subject.parts.as_ref().is_some_and(by_parts)
    }

    /// Whether some thread is at something that has to be verified of these claims.
    pub(super) fn others_are_at(&self, subjects: &[Subject]) -> bool {
        let taken = |subject: &Subject| {
            let (statement, parts) = (&subject.claim.statement, subject.parts.as_deref().unwrap_or_default());
            let unknown = self.endorsed.unknown(statement, parts);
            self.taken.iter().any(|batch| batch.touches(&subject.name, statement, &unknown))
        };
        !self.taken.is_empty() && subjects.iter().any(|subject| !self.knows(subject) && taken(subject))
    }

    /// Others are to wait for this.
    pub(super) fn occupy(&mut self, batch: &Arc<Batch>) {
        self.taken.push(batch.clone());
    }

    /// Nobody is to wait for this any longer.
    pub(super) fn release(&mut self, batch: &Arc<Batch>) {
        self.taken.retain(|other| !Arc::ptr_eq(other, batch));
    }

    /// Everything in the batch is valid.
    pub(super) fn remember(&mut self, batch: &Batch) {
        self.endorsed.absorb(batch.endorsed(), Remembering::ENDORSEMENTS);
        for name in batch.names() {
            if self.valid.insert(*name) {
                self.by_age.push_back(*name);
            }
        }
        while self.by_age.len() > Remembering::CAPACITY
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.valid.remove(&oldest);
        }
    }

    /// These endorsements are valid.
    pub(super) fn learn(&mut self, statement: &Statement, parts: &[(NodeIndex, Endorsement)]) {
        let mut new = Endorsed::default();
        new.insert(statement, parts);
        self.endorsed.absorb(&new, Remembering::ENDORSEMENTS);
    }

    /// Keeps a claim for the next batch, if nobody knows it, nobody is at it, and there is room.
    pub(super) fn announce(&mut self, subject: Subject) {
        let Subject { name, claim, .. } = subject;
        let known = self.valid.contains(&name) || self.taken.iter().any(|batch| batch.names().contains(&name));
        let bytes = self.announced_bytes + claim.memory();
        let room = self.announced.len() < Remembering::ANNOUNCED && bytes <= Remembering::ANNOUNCED_BYTES;
        if !known && room && !self.announced.contains_key(&name) {
            self.announced.insert(name, claim);
            self.announced_bytes = bytes;
        }
    }

    /// An announced claim that somebody asks about.
    pub(super) fn withdraw(&mut self, name: &Digest) {
        if let Some(claim) = self.announced.remove(name) {
            self.announced_bytes -= claim.memory();
        }
    }

    /// Any announced claim.
    pub(super) fn withdraw_first(&mut self) -> Option<(Digest, Claim)> {
        let (name, claim) = self.announced.pop_first()?;
        self.announced_bytes -= claim.memory();
        Some((name, claim))
    }
}
