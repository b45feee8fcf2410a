//! The CPU work of an instance.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_broadcast::{PbDone, PbJob};
use mellivora_core::{Digest, Job, Keyed, NodeIndex, Round, Weight, planted};
use mellivora_crypto::{Certificate, CertificateScheme, Claim};

use super::children::Cast;
use crate::coin::{CoinDone, CoinJob};
use crate::mvba::Predicate;

/// Work of an instance of this agreement.
#[derive(Debug)]
pub struct CkpsJob(pub(super) Work);

#[derive(Debug)]
pub(super) enum Work {
    /// Of a broadcast.
    Cast(Keyed<(Cast, NodeIndex), PbJob>),
    /// Of the coin that orders the candidates.
    Coin(CoinJob),
    /// Of the binary agreement on a candidate.
    Aba(Keyed<NodeIndex, Keyed<Round, CoinJob>>),
    /// May this be agreed on?
    Predicate { proposer: NodeIndex, value: Bytes, predicate: Arc<dyn Predicate> },
    /// Is this the certificate of the candidate's value?
    Certificate { shown: Box<Shown>, claim: Claim, scheme: Arc<dyn CertificateScheme> },
}

/// A certificate that a node has shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) from: NodeIndex,
    pub(super) candidate: NodeIndex,
    pub(super) root: Digest,
    pub(super) certificate: Certificate,
}

/// What comes of a [`CkpsJob`].
#[derive(Debug)]
pub struct CkpsDone(pub(super) Worked);

#[derive(Debug)]
pub(super) enum Worked {
    Cast((Cast, NodeIndex), PbDone),
    Coin(CoinDone),
    Aba(NodeIndex, (Round, CoinDone)),
    Predicate(NodeIndex, bool),
    Certificate(Box<Shown>, bool),
}

impl Job for CkpsJob {
    type Done = CkpsDone;

    fn run(self) -> CkpsDone {
        CkpsDone(match self.0 {
            Work::Cast(Keyed { key, job }) => Worked::Cast(key, job.run()),
            Work::Coin(job) => Worked::Coin(job.run()),
            Work::Aba(Keyed { key, job }) => Worked::Aba(key, job.run()),
            Work::Predicate { proposer, value, predicate } => {
                Worked::Predicate(proposer, predicate.holds(&value) || planted("ckps-predicate-unchecked"))
            }
            Work::Certificate { shown, claim, scheme } => {
                Worked::Certificate(shown, scheme.verify(&[claim]) || planted("ckps-certificate-unchecked"))
            }
        })
    }

    fn weight(&self) -> Weight {
        match &self.0 {
            Work::Cast(job) => job.weight(),
            Work::Coin(job) => job.weight(),
            Work::Aba(job) => job.weight(),
            Work::Predicate { .. } | Work::Certificate { .. } => Weight::Heavy,
        }
    }
}
