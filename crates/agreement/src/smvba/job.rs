//! The CPU work of an instance.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_broadcast::certify::Assemble;
use mellivora_broadcast::spb::VALUE;
use mellivora_broadcast::{SpbDone, SpbJob};
use mellivora_core::{Digest, Job, Keyed, NodeIndex, Round, Weight};
use mellivora_crypto::{Assembly, CertificateScheme, Claim, CoinCombination, CoinScheme};

use super::message::Shares;
use crate::coin::{CoinDone, CoinJob};
use crate::mvba::Predicate;

/// Work of an instance of sMVBA.
#[derive(Debug)]
pub struct SmvbaJob(pub(super) Work);

#[derive(Debug)]
pub(super) enum Work {
    /// Of a broadcast, by view and proposer.
    Spb(Keyed<(Round, NodeIndex), SpbJob>),
    /// Of the coin of a view.
    Coin(Keyed<Round, CoinJob>),
    /// Is this valid?
    Check {
        subject: Subject,
        claims: Vec<Claim>,
        /// An input that has to satisfy the predicate.
        input: Option<(Arc<dyn Predicate>, Bytes)>,
        scheme: Arc<dyn CertificateScheme>,
    },
    /// Puts a certificate together.
    Assemble { view: Round, about: About, work: Assemble, scheme: Arc<dyn CertificateScheme> },
    /// What is the coin that these shares give?
    Leader { view: Round, from: NodeIndex, name: Digest, shares: Shares, scheme: Arc<dyn CoinScheme> },
    /// What is the digest of this value?
    Hash { from: NodeIndex, value: Bytes },
}

/// What is being checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    /// The justification of a node's proposal in a view.
    Proposal(Round, NodeIndex),
    /// A node's PREVOTE yes.
    Prevote(Round, NodeIndex),
    /// A node's VOTE.
    Vote(Round, NodeIndex),
    /// A node's HALT.
    Halt(NodeIndex),
}

/// What a certificate of the machine itself says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum About {
    /// A quorum held no lock.
    NoLocks,
    /// A quorum saw that.
    NoValue,
    /// A quorum saw the lock.
    Seen,
}

/// What comes of a [`SmvbaJob`].
#[derive(Debug)]
pub struct SmvbaDone(pub(super) Worked);

#[derive(Debug)]
pub(super) enum Worked {
    Spb((Round, NodeIndex), SpbDone),
    Coin(Round, CoinDone),
    Checked(Subject, bool),
    Assembled { view: Round, about: About, assembly: Assembly },
    Led { view: Round, from: NodeIndex, shares: Shares, combination: CoinCombination },
    Hashed { from: NodeIndex, value: Bytes, digest: Digest },
}

impl Job for SmvbaJob {
    type Done = SmvbaDone;

    fn run(self) -> SmvbaDone {
        SmvbaDone(match self.0 {
            Work::Spb(Keyed { key, job }) => Worked::Spb(key, job.run()),
            Work::Coin(Keyed { key, job }) => Worked::Coin(key, job.run()),
            Work::Check { subject, claims, input, scheme } => {
                let acceptable = input.is_none_or(|(predicate, value)| predicate.holds(&value));
                Worked::Checked(subject, acceptable && scheme.verify(&claims))
            }
            Work::Assemble { view, about, work, scheme } => {
                Worked::Assembled { view, about, assembly: work.run(&*scheme) }
            }
            Work::Leader { view, from, name, shares, scheme } => {
                let combination = scheme.combine(&name, &shares);
                Worked::Led { view, from, shares, combination }
            }
            Work::Hash { from, value } => {
                let digest = VALUE.digest(&value);
                Worked::Hashed { from, value, digest }
            }
        })
    }

    fn weight(&self) -> Weight {
        match &self.0 {
            Work::Spb(job) => job.weight(),
            Work::Coin(job) => job.weight(),
            _ => Weight::Heavy,
        }
    }
}
