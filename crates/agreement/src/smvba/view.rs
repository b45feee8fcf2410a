//! What is known about one view.

use mellivora_broadcast::certify::Collector;
use mellivora_broadcast::{Spb, SpbConfig};
use mellivora_core::{Digest, NodeIndex, NodeSet, Round};
use mellivora_crypto::Certificate;

use super::message::{Prevote, Shares, Vote};
use super::names::Names;
use crate::coin::CoinInstance;
use crate::mvba::MvbaParams;

/// How far a sender's statement has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It waits until the leader is known.
    Held,
    /// Its certificate is being verified.
    Checking,
    /// It waits for the value that it is about.
    NoValue,
    /// It counts.
    Counted,
    /// It was invalid. There is no second try.
    Spent,
}

/// The one statement of its kind that a sender has in a view.
#[derive(Debug)]
pub(super) struct Slot<T> {
    pub(super) leader: NodeIndex,
    pub(super) said: T,
    pub(super) stage: Stage,
}

/// How far the justification of a proposal has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proposal {
    /// Nothing came, or it is being checked.
    Open,
    /// Everything in it was signed; it waits until the leader of an earlier view is known, who has to be this one.
    NeedsLeader(Round, NodeIndex),
    /// Accepted or refused.
    Settled,
}

/// One view at one node.
#[derive(Debug)]
pub(super) struct View {
    /// The broadcasts of all nodes, once one of them has begun.
    pub(super) spbs: Vec<Spb>,
    pub(super) proposals: Vec<Proposal>,
    /// Whose justification is signed in full, and waits for the leader of an earlier view.
    pub(super) signed: NodeSet,
    /// Whose broadcasts are finished.
    pub(super) finished: NodeSet,
    pub(super) coin: CoinInstance,
    pub(super) leader: Option<NodeIndex>,
    /// Whether the log can prove the leader.
    pub(super) proof_logged: bool,
    /// Who was asked to prove the leader, who has answered, and who got this node's proof.
    pub(super) asked: NodeSet,
    pub(super) answers: NodeSet,
    pub(super) proved: NodeSet,
    /// Shares of the coin that the log holds.
    pub(super) recalled_proof: Option<Shares>,
    pub(super) said_prevote: bool,
    pub(super) said_vote: bool,
    pub(super) prevotes: Vec<Option<Slot<Prevote>>>,
    pub(super) votes: Vec<Option<Slot<Vote>>>,
    /// Signatures on "no lock", on "no value", and on the digest that was seen.
    pub(super) no_lock: Option<Collector>,
    pub(super) no_value: Option<Collector>,
    pub(super) seen: Option<Collector>,
    /// The certificates that they make.
    pub(super) no_locks: Option<Certificate>,
    pub(super) no_values: Option<Certificate>,
    pub(super) all_seen: Option<(Digest, Certificate)>,
    /// The lock of the leader's value, shown by a PREVOTE or VOTE that counts.
    pub(super) lock: Option<(Digest, Certificate)>,
}

impl View {
    pub(super) fn new(params: &MvbaParams, names: &Names, view: Round) -> Self {
        let n = params.committee.n();
        let threshold = params.committee.one_honest();
        View {
            spbs: Vec::new(),
            proposals: vec![Proposal::Open; n],
            signed: NodeSet::EMPTY,
            finished: NodeSet::EMPTY,
            coin: CoinInstance::new(params.coin.clone(), names.coin(view), threshold).proving(),
            leader: None,
            proof_logged: false,
            asked: NodeSet::EMPTY,
            answers: NodeSet::EMPTY,
            proved: NodeSet::EMPTY,
            recalled_proof: None,
            said_prevote: false,
            said_vote: false,
            prevotes: (0..n).map(|_| None).collect(),
            votes: (0..n).map(|_| None).collect(),
            no_lock: None,
            no_value: None,
            seen: None,
            no_locks: None,
            no_values: None,
            all_seen: None,
            lock: None,
        }
    }

    /// The broadcast of `proposer`, a member, made if need be.
    pub(super) fn spb(
        &mut self,
        params: &MvbaParams,
        names: &Names,
        view: Round,
        proposer: NodeIndex,
    ) -> Option<&mut Spb> {
        if self.spbs.is_empty() {
            let spb = |proposer| {
                Spb::new(SpbConfig {
                    committee: params.committee,
                    me: params.me,
                    proposer,
                    domain: names.broadcast(proposer),
                    view,
                    certificates: params.certificates.clone(),
                })
            };
            self.spbs = params.committee.nodes().map(spb).collect();
        }
        self.spbs.get_mut(proposer.as_usize())
    }

    /// The broadcast of `proposer`, if any has begun.
    pub(super) fn known(&self, proposer: NodeIndex) -> Option<&Spb> {
        self.spbs.get(proposer.as_usize())
    }

    /// Shares that prove the leader to others, once this node can name it.
    pub(super) fn proof(&self) -> Option<Shares> {
        let known = self.coin.proof();
        let known = (!known.is_empty()).then(|| Shares::new(known.to_vec()));
        self.recalled_proof.clone().or(known)
    }

    /// How many VOTEs count that say yes, and how many that say no.
    pub(super) fn count(&self) -> (usize, usize) {
        let counted = self.votes.iter().flatten().filter(|slot| slot.stage == Stage::Counted);
        counted.fold((0, 0), |(yes, no), slot| match slot.said {
            Vote::Yes { .. } => (yes + 1, no),
            Vote::No { .. } => (yes, no + 1),
        })
    }

    /// Frees everything but the proof of the leader: the instance has decided.
    pub(super) fn strip(&mut self) {
        self.spbs = Vec::new();
        self.proposals = Vec::new();
        self.prevotes = Vec::new();
        self.votes = Vec::new();
        (self.no_lock, self.no_value, self.seen) = (None, None, None);
        (self.no_locks, self.no_values, self.all_seen, self.lock) = (None, None, None, None);
    }

    /// Bytes of memory, about.
    pub(super) fn memory(&self) -> usize {
        let spbs: usize = self.spbs.iter().map(Spb::memory).sum();
        let certificate = |c: &Certificate| c.proof().len();
        let prevotes = self.prevotes.iter().flatten().map(|slot| match &slot.said {
            Prevote::Yes { lock, .. } => certificate(lock),
            Prevote::No(_) => 0,
        });
        let votes = self.votes.iter().flatten().map(|slot| match &slot.said {
            Vote::Yes { lock, .. } => certificate(lock),
            Vote::No { no_locks, .. } => certificate(no_locks),
        });
        let collectors = [&self.no_lock, &self.no_value, &self.seen];
        let made = [self.no_locks.as_ref(), self.no_values.as_ref(), self.lock.as_ref().map(|(_, c)| c)];
        let slots = self.prevotes.capacity() * size_of::<Option<Slot<Prevote>>>()
            + self.votes.capacity() * size_of::<Option<Slot<Vote>>>()
            + self.proposals.capacity() * size_of::<Proposal>();
        size_of::<Self>()
            + slots
            + spbs
            + self.coin.memory()
            + prevotes.chain(votes).sum::<usize>()
            + collectors.into_iter().flatten().map(Collector::memory).sum::<usize>()
            + made.into_iter().flatten().map(certificate).sum::<usize>()
            + self.all_seen.as_ref().map_or(0, |(_, c)| certificate(c))
    }
}
