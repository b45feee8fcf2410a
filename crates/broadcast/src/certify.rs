//! Collects endorsements of one statement until they make a certificate.
//!
//! ```text
//!  endorsement of j --add--> held, one per sender, unverified --(as many as required)--> job: assemble --> certificate
//!                                  ^                                                       |
//!                                  +----------- culprits out, the next ones in ------------+
//! ```
//!
//! * The first endorsement of each sender counts; links are authenticated, so the sender is who it says.
//! * Endorsements are not verified one by one: the job checks all that it needs at once, and looks for culprits only if
//!   that fails. Each culprit costs at most one more attempt.
//!
//! Memory: one endorsement per node until the certificate is there.

use mellivora_core::{NodeIndex, NodeSet, planted};
use mellivora_crypto::{Assembly, Certificate, CertificateScheme, Endorsement, Statement};

/// What an instance needs to know about one statement, and who has endorsed it so far. See the [module page](self).
#[derive(Debug)]
pub struct Collector {
    statement: Statement,
    required: usize,
    /// Endorsements in order of arrival, without those of culprits.
    held: Vec<(NodeIndex, Endorsement)>,
    heard: NodeSet,
    /// Number of endorsements at the last attempt: another one needs more, or fewer culprits.
    tried: usize,
    assembling: bool,
    done: bool,
}

/// The work of putting a certificate together.
#[derive(Clone, Debug)]
pub struct Assemble {
    statement: Statement,
    required: usize,
    held: Vec<(NodeIndex, Endorsement)>,
}

impl Assemble {
    /// Does the work.
    pub fn run(&self, scheme: &dyn CertificateScheme) -> Assembly {
        scheme.assemble(&self.statement, self.required, &self.held)
    }
}

impl Collector {
    /// Nobody has endorsed `statement` yet; `required` nodes make a certificate.
    pub fn new(statement: Statement, required: usize) -> Self {
        Collector {
            statement,
            required,
            held: Vec::new(),
            heard: NodeSet::EMPTY,
            tried: 0,
            assembling: false,
            done: false,
        }
    }

    /// The statement.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Takes the endorsement of `from`, a member. May return work.
    pub fn add(&mut self, from: NodeIndex, endorsement: Endorsement) -> Option<Assemble> {
        if self.done || !self.heard.insert(from) && !planted("certify-sender-counts-twice") {
            return None;
        }
        self.held.push((from, endorsement));
        self.attempt()
    }

    /// Takes what came of the work: the certificate, the nodes whose endorsements are invalid, and more work.
    pub fn assembled(&mut self, assembly: Assembly) -> (Option<Certificate>, NodeSet, Option<Assemble>) {
        self.assembling = false;
        let Assembly { certificate, culprits } = assembly;
        if self.done {
            return (None, culprits, None);
        }
        if certificate.is_some() {
            self.done = true;
            self.held = Vec::new();
            return (certificate, culprits, None);
        }
        let before = self.held.len();
        self.held.retain(|(node, _)| !culprits.contains(*node));
        if self.held.len() < before && !planted("certify-tried-by-number") {
            // Something was learnt: as many endorsements as before are others than before.
            self.tried = 0;
        }
        (None, culprits, self.attempt())
    }

    fn attempt(&mut self) -> Option<Assemble> {
        // After a failure without a culprit the same endorsements would fail again.
        if self.assembling || self.held.len() < self.required || self.held.len() <= self.tried {
            return None;
        }
        self.assembling = true;
        self.tried = self.held.len();
        Some(Assemble { statement: self.statement, required: self.required, held: self.held.clone() })
    }

    /// Bytes of memory, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.held.capacity() * size_of::<(NodeIndex, Endorsement)>()
    }
}
