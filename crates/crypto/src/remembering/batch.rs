//! What is verified together.

use std::collections::BTreeSet;

use mellivora_core::{Digest, NodeIndex};

use super::known::Endorsed;
use crate::certificate::{Claim, Endorsement, Statement};

/// A claim with its name, and what it was taken apart to.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: Digest,
    pub(super) claim: Claim,
    pub(super) parts: Option<Vec<(NodeIndex, Endorsement)>>,
}

impl Subject {
    pub(super) fn new(claim: Claim, parts: Option<Vec<(NodeIndex, Endorsement)>>) -> Self {
        Subject { name: claim.digest(), claim, parts }
    }
}

/// Claims that hold if those hold that are to be verified.
#[derive(Debug, Default)]
pub(super) struct Batch {
    names: BTreeSet<Digest>,
    endorsed: Endorsed,
    claims: Vec<Claim>,
    signatures: usize,
}

impl Batch {
    /// Adds a claim: as it is, if nothing of it is known, and else what is unknown of it, each endorsement for itself.
    /// `known` are those that are known, or verified along with this.
    pub(super) fn add(&mut self, subject: Subject, known: &[&Endorsed]) {
        let Subject { name, claim, parts } = subject;
        if !self.names.insert(name) {
            return;
        }
        let Some(parts) = parts else {
            self.signatures += claim.signatures();
            return self.claims.push(claim);
        };
        let statement = claim.statement;
        let own = self.endorsed.unknown(&statement, &parts);
        let fresh = known.iter().fold(own, |fresh, known| known.unknown(&statement, &fresh));
        self.signatures += fresh.len();
        if fresh.len() == parts.len() {
            self.claims.push(claim);
        } else {
            self.claims.extend(fresh.iter().map(|(node, endorsement)| Claim::one(statement, *node, *endorsement)));
        }
        self.endorsed.insert(&statement, &fresh);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// Those to be verified.
    pub(super) fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// How many signatures they rest on.
    pub(super) fn signatures(&self) -> usize {
        self.signatures
    }

    /// Names of the claims that hold then.
    pub(super) fn names(&self) -> &BTreeSet<Digest> {
        &self.names
    }

    /// Endorsements that hold then.
    pub(super) fn endorsed(&self) -> &Endorsed {
        &self.endorsed
    }

    /// Whether this tells about the claim, or about some of its endorsements, of which those in `unknown` are wanted.
    pub(super) fn touches(&self, name: &Digest, statement: &Statement, unknown: &[(NodeIndex, Endorsement)]) -> bool {
        self.names.contains(name) || self.endorsed.unknown(statement, unknown).len() < unknown.len()
    }
}
