//! How broadcasts and agreements look inside BKR.

use mellivora_agreement::{Aba, AbaMessage, CoinDone};
use mellivora_broadcast::Rbc;
use mellivora_core::{Job, Keyed, Layer, NodeIndex, Parent, Round, Segment, Weight};

use super::{Bkr, BkrMessage};
use crate::agreements::AbaJob;
use crate::broadcasts::{RbcDone, RbcJob, RbcMessage};

/// Work of one of the children.
#[derive(Debug)]
pub enum BkrJob {
    /// Of a broadcast, by its proposer.
    Rbc(Keyed<NodeIndex, RbcJob>),
    /// Of a binary agreement, by its proposer.
    Aba(Keyed<NodeIndex, AbaJob>),
}

/// What comes of a [`BkrJob`].
#[derive(Debug)]
pub enum BkrDone {
    /// For a broadcast.
    Rbc(NodeIndex, RbcDone),
    /// For a binary agreement.
    Aba(NodeIndex, (Round, CoinDone)),
}

impl Job for BkrJob {
    type Done = BkrDone;

    fn run(self) -> BkrDone {
        match self {
            BkrJob::Rbc(Keyed { key, job }) => BkrDone::Rbc(key, job.run()),
            BkrJob::Aba(Keyed { key, job }) => BkrDone::Aba(key, job.run()),
        }
    }

    fn weight(&self) -> Weight {
        match self {
            BkrJob::Rbc(job) => job.weight(),
            BkrJob::Aba(job) => job.weight(),
        }
    }
}

impl Parent<Rbc> for Bkr {
    type Key = NodeIndex;

    fn message(proposer: NodeIndex, message: RbcMessage) -> BkrMessage {
        BkrMessage::Rbc { proposer, message }
    }

    fn job(key: NodeIndex, job: RbcJob) -> BkrJob {
        BkrJob::Rbc(Keyed { key, job })
    }

    fn segment(proposer: NodeIndex) -> Segment {
        Segment::of(Layer::Rbc, proposer)
    }
}

impl Parent<Aba> for Bkr {
    type Key = NodeIndex;

    fn message(instance: NodeIndex, message: AbaMessage) -> BkrMessage {
        BkrMessage::of_agreement(instance, message)
    }

    fn job(key: NodeIndex, job: AbaJob) -> BkrJob {
        BkrJob::Aba(Keyed { key, job })
    }

    fn segment(instance: NodeIndex) -> Segment {
        Segment::of(Layer::Aba, instance)
    }
}
