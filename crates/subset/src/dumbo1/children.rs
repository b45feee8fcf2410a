//! How broadcasts, agreements and the election look inside Dumbo1.

use mellivora_agreement::{Aba, AbaMessage, CoinDone, CoinJob};
use mellivora_broadcast::Rbc;
use mellivora_core::{Job, Keyed, Layer, NodeIndex, Parent, Round, Segment, Weight};

use super::{Dumbo1, Dumbo1Message};
use crate::agreements::AbaJob;
use crate::broadcasts::{RbcDone, RbcJob, RbcMessage};

/// What a broadcast carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// A contribution.
    Contribution,
    /// The index set of a member of the committee.
    IndexSet,
}

/// Work of one of the children.
#[derive(Debug)]
pub enum Dumbo1Job {
    /// Of a broadcast, by what it carries and its proposer.
    Rbc(Keyed<(Load, NodeIndex), RbcJob>),
    /// Of a binary agreement, by the member it decides on.
    Aba(Keyed<NodeIndex, AbaJob>),
    /// Of the election.
    Election(CoinJob),
}

/// What comes of a [`Dumbo1Job`].
#[derive(Debug)]
pub enum Dumbo1Done {
    /// For a broadcast.
    Rbc((Load, NodeIndex), RbcDone),
    /// For a binary agreement.
    Aba(NodeIndex, (Round, CoinDone)),
    /// For the election.
    Election(CoinDone),
}

impl Job for Dumbo1Job {
    type Done = Dumbo1Done;

    fn run(self) -> Dumbo1Done {
        match self {
            Dumbo1Job::Rbc(Keyed { key, job }) => Dumbo1Done::Rbc(key, job.run()),
            Dumbo1Job::Aba(Keyed { key, job }) => Dumbo1Done::Aba(key, job.run()),
            Dumbo1Job::Election(job) => Dumbo1Done::Election(job.run()),
        }
    }

    fn weight(&self) -> Weight {
        match self {
            Dumbo1Job::Rbc(job) => job.weight(),
            Dumbo1Job::Aba(job) => job.weight(),
            Dumbo1Job::Election(job) => job.weight(),
        }
    }
}

impl Parent<Rbc> for Dumbo1 {
    type Key = (Load, NodeIndex);

    fn message((load, proposer): Self::Key, message: RbcMessage) -> Dumbo1Message {
        match load {
            Load::Contribution => Dumbo1Message::of_contribution(proposer, message),
            Load::IndexSet => Dumbo1Message::IndexSet { member: proposer, message },
        }
    }

    fn job(key: Self::Key, job: RbcJob) -> Dumbo1Job {
        Dumbo1Job::Rbc(Keyed { key, job })
    }

    fn segment((load, proposer): Self::Key) -> Segment {
        match load {
            Load::Contribution => Segment::of(Layer::Rbc, proposer),
            Load::IndexSet => Segment::of(Layer::IndexSet, proposer),
        }
    }
}

impl Parent<Aba> for Dumbo1 {
    type Key = NodeIndex;

    fn message(instance: NodeIndex, message: AbaMessage) -> Dumbo1Message {
        Dumbo1Message::of_agreement(instance, message)
    }

    fn job(key: NodeIndex, job: AbaJob) -> Dumbo1Job {
        Dumbo1Job::Aba(Keyed { key, job })
    }

    fn segment(instance: NodeIndex) -> Segment {
        Segment::of(Layer::Aba, instance)
    }
}
