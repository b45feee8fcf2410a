//! How broadcasts and agreements look inside BKR.

use std::collections::VecDeque;

use mellivora_agreement::{Aba, AbaMessage, CoinDone, CoinJob};
use mellivora_broadcast::Rbc;
use mellivora_coding::Contribution;
use mellivora_core::{
    Durable, Effects, Fault, FaultKind, Job, Keyed, Layer, NodeIndex, Protocol, Round, Segment, To, Weight,
};

use super::message::Ballots;
use super::{Bkr, BkrMessage};

type RbcJob = <Rbc as Protocol>::Job;
type AbaJob = Keyed<Round, CoinJob>;

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
    Rbc(NodeIndex, <RbcJob as Job>::Done),
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

/// What a child tells its parent.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A broadcast delivered.
    Delivered(NodeIndex, Contribution),
    /// An agreement decided.
    Decided(NodeIndex, bool),
    /// A node sent an invalid shard: every broadcast should know.
    Blamed(NodeIndex),
}

/// The effects of a broadcast. Beyond what a lens does, it notices who is blamed.
pub(super) struct RbcEffects<'a> {
    pub(super) fx: &'a mut dyn Effects<Bkr>,
    pub(super) proposer: NodeIndex,
    /// Counts the jobs that are out, for a broadcast of somebody else.
    pub(super) decoding: Option<&'a mut usize>,
    pub(super) outcomes: &'a mut VecDeque<Outcome>,
}

impl Effects<Rbc> for RbcEffects<'_> {
    fn send(&mut self, to: To, durable: Durable, message: <Rbc as Protocol>::Message) {
        self.fx.send(to, durable, BkrMessage::Rbc { proposer: self.proposer, message });
    }

    fn job(&mut self, job: RbcJob) {
        if let Some(decoding) = &mut self.decoding {
            **decoding += 1;
        }
        self.fx.job(BkrJob::Rbc(Keyed { key: self.proposer, job }));
    }

    fn fault(&mut self, fault: Fault) {
        if fault.kind == FaultKind::InvalidShard {
            self.outcomes.push_back(Outcome::Blamed(fault.node));
        }
        self.fx.fault(fault.inside(Segment::of(Layer::Rbc, self.proposer)));
    }

    fn output(&mut self, output: Contribution) {
        self.outcomes.push_back(Outcome::Delivered(self.proposer, output));
    }
}

/// The effects of a binary agreement. Its votes wait for the end of the turn, where they leave in one bundle.
pub(super) struct AbaEffects<'a> {
    pub(super) fx: &'a mut dyn Effects<Bkr>,
    pub(super) instance: NodeIndex,
    pub(super) ballots: &'a mut Ballots,
    pub(super) outcomes: &'a mut VecDeque<Outcome>,
}

impl Effects<Aba> for AbaEffects<'_> {
    fn send(&mut self, to: To, durable: Durable, message: AbaMessage) {
        match message {
            // Votes always go to all, and each knows whether it is a promise.
            AbaMessage::Vote(vote) => self.ballots.add(vote, self.instance),
            AbaMessage::Share { round, share } => {
                self.fx.send(to, durable, BkrMessage::Share { instance: self.instance, round, share });
            }
        }
    }

    fn job(&mut self, job: AbaJob) {
        self.fx.job(BkrJob::Aba(Keyed { key: self.instance, job }));
    }

    fn fault(&mut self, fault: Fault) {
        self.fx.fault(fault.inside(Segment::of(Layer::Aba, self.instance)));
    }

    fn output(&mut self, output: bool) {
        self.outcomes.push_back(Outcome::Decided(self.instance, output));
    }
}
