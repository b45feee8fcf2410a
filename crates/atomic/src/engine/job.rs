//! CPU work of the atomic broadcast.

use std::sync::Arc;

use mellivora_coding::{Body, Codec};
use mellivora_core::codec::Blob;
use mellivora_core::{
    Digest, Domain, Epoch as EpochNumber, Job, Keyed, NodeIndex, NodeSet, Weight, planted, protocol::NoJob,
};
use mellivora_crypto::{EncryptionScheme, PublicKeys};

use crate::checkpoint::{Certificate, Tally};
use crate::epoch::{EpochDone, EpochJob, Parser, unseal};
use crate::header::{HeaderSlot, Outcome, Place};
use crate::transactions::Transactions;

/// Work of the atomic broadcast: of its epochs, or its own.
pub enum AtomicJob<J, B = NoJob> {
    /// Of a running epoch.
    Epoch(Keyed<EpochNumber, EpochJob<J>>),
    /// Of what runs beside the epochs.
    Beside(B),
    /// Checks a certificate that a peer sent.
    #[doc(hidden)]
    Check(CheckCertificate),
    /// Puts a certificate together.
    #[doc(hidden)]
    Certify(Certify),
    /// Checks and opens a contribution of a certified slot.
    #[doc(hidden)]
    Restore(Box<Restore>),
    /// Puts a contribution into one piece for a peer that lacks it.
    #[doc(hidden)]
    Copy(CopyOut),
}

/// What came of a [`AtomicJob`].
pub enum AtomicDone<D, B = NoJob> {
    /// Of a running epoch.
    Epoch(EpochNumber, EpochDone<D>),
    /// Of what runs beside the epochs.
    Beside(B),
    /// Who sent a certificate, the certificate, and whether it is valid.
    #[doc(hidden)]
    Checked(NodeIndex, Certificate, bool),
    /// A certificate of an epoch, if there were enough signatures, and whose were wrong.
    #[doc(hidden)]
    Certified(EpochNumber, Option<Certificate>, NodeSet),
    /// A contribution with its transactions.
    #[doc(hidden)]
    Restored(Restored),
    /// A contribution in one piece, and who lacks it.
    #[doc(hidden)]
    Copied(Copied),
}

impl<J, B> std::fmt::Debug for AtomicJob<J, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            AtomicJob::Epoch(_) => "epoch job",
            AtomicJob::Beside(_) => "job beside the epochs",
            AtomicJob::Check(_) => "check certificate",
            AtomicJob::Certify(_) => "certify",
            AtomicJob::Restore(_) => "restore slot",
            AtomicJob::Copy(_) => "copy slot",
        })
    }
}

impl<D, B> std::fmt::Debug for AtomicDone<D, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            AtomicDone::Epoch(..) => "epoch done",
            AtomicDone::Beside(_) => "done beside the epochs",
            AtomicDone::Checked(..) => "certificate checked",
            AtomicDone::Certified(..) => "certified",
            AtomicDone::Restored(_) => "slot restored",
            AtomicDone::Copied(_) => "slot copied",
        })
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct CheckCertificate {
    pub(super) from: NodeIndex,
    pub(super) certificate: Certificate,
    pub(super) session: Domain,
    pub(super) keys: PublicKeys,
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Certify {
    pub(super) epoch: EpochNumber,
    pub(super) digest: Digest,
    pub(super) tally: Tally,
    pub(super) session: Domain,
    pub(super) keys: PublicKeys,
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Restore {
    pub(super) epoch: EpochNumber,
    pub(super) place: Place,
    pub(super) slot: HeaderSlot,
    pub(super) body: Body,
    /// Who sent the contribution; it is checked against the commitment. `None`: the subset delivered it here.
    pub(super) from: Option<NodeIndex>,
    /// How the subset commits to contributions.
    pub(super) commit: fn(&Codec, &Body) -> Option<Digest>,
    pub(super) codec: Arc<Codec>,
    pub(super) scheme: Option<(Arc<dyn EncryptionScheme>, Digest)>,
    pub(super) parser: Parser,
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Restored {
    pub(super) epoch: EpochNumber,
    pub(super) place: Place,
    pub(super) from: Option<NodeIndex>,
    pub(super) body: Body,
    pub(super) transactions: Option<Transactions>,
}

#[doc(hidden)]
#[derive(Debug)]
pub struct CopyOut {
    pub(super) to: NodeIndex,
    pub(super) epoch: EpochNumber,
    pub(super) place: Place,
    pub(super) body: Body,
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Copied {
    pub(super) to: NodeIndex,
    pub(super) epoch: EpochNumber,
    pub(super) place: Place,
    pub(super) body: Blob,
}

impl<J: Job, B: Job> Job for AtomicJob<J, B> {
    type Done = AtomicDone<J::Done, B::Done>;

    fn run(self) -> Self::Done {
        match self {
            AtomicJob::Epoch(job) => {
                let (epoch, done) = job.run();
                AtomicDone::Epoch(epoch, done)
            }
            AtomicJob::Beside(job) => AtomicDone::Beside(job.run()),
            AtomicJob::Check(CheckCertificate { from, certificate, session, keys }) => {
                let valid = certificate.verify(&session, &keys);
                AtomicDone::Checked(from, certificate, valid)
            }
            AtomicJob::Certify(Certify { epoch, digest, tally, session, keys }) => {
                let (certificate, culprits) = tally.certify(&session, &keys, epoch, digest);
                AtomicDone::Certified(epoch, certificate, culprits)
            }
            AtomicJob::Restore(restore) => AtomicDone::Restored(restore.run()),
            AtomicJob::Copy(CopyOut { to, epoch, place, body }) => {
                AtomicDone::Copied(Copied { to, epoch, place, body: Blob(body.to_bytes()) })
            }
        }
    }

    fn weight(&self) -> Weight {
        match self {
            AtomicJob::Epoch(job) => job.weight(),
            AtomicJob::Beside(job) => job.weight(),
            // A copy too, however small: its result comes in a later turn, so one answer per peer and turn goes out.
            _ => Weight::Heavy,
        }
    }
}

impl Restore {
    fn run(self) -> Restored {
        let Restore { epoch, place, slot, body, from, commit, codec, scheme, parser } = self;
        let known = from.is_none() || planted("fetch-slot-unchecked");
        let genuine = known || commit(&codec, &body) == Some(slot.commitment);
        let transactions = genuine.then(|| open(&slot, &body, scheme, &parser)).flatten();
        Restored { epoch, place, from, body, transactions }
    }
}

fn open(
    slot: &HeaderSlot,
    body: &Body,
    scheme: Option<(Arc<dyn EncryptionScheme>, Digest)>,
    parser: &Parser,
) -> Option<Transactions> {
    match slot.outcome {
        Outcome::Bottom | Outcome::Bad => None,
        Outcome::Plain => parser.parse(body.clone()),
        Outcome::Opened(seed) => {
            let (scheme, label) = scheme?;
            let header = body.first_bytes(scheme.header_bytes().min(body.len()));
            if !planted("fetch-seed-unchecked") && !scheme.matches(&label, &header, &seed) {
                return None;
            }
            parser.parse(Body::from_bytes(unseal(scheme.as_ref(), &label, &header, &seed, body)?))
        }
    }
}
