//! The state machine: what it holds, and where events go.

use bytes::Bytes;
use mellivora_broadcast::{Pb, PbInput, PbMessage, PbOutput, Retrieval};
use mellivora_core::{Durable, Effects, Fault, FaultKind, Lens, NodeIndex, NodeSet, Protocol, Slot, To, planted};

use super::candidate::{Candidate, Commitment};
use super::children::Cast;
use super::job::{CkpsDone, CkpsJob, Work, Worked};
use super::message::CkpsMessage;
use super::names::{self, Names};
use crate::aba::Aba;
use crate::coin::{CoinDone, CoinInstance, CoinJob};
use crate::mvba::{Mvba, MvbaParams};

/// Agreement on one value after Cachin, Kursawe, Petzold and Shoup. See the [module page](super).
#[derive(Debug)]
pub struct Ckps {
    pub(super) params: MvbaParams,
    pub(super) names: Names,
    /// All nodes; after the output the chosen one alone.
    pub(super) candidates: Vec<Slot<Candidate>>,
    /// Whose value is certified, as this node knows.
    pub(super) certified: NodeSet,
    /// Of all nodes; after the output of none.
    pub(super) commitments: Vec<Commitment>,
    /// Whose commitment is certified.
    pub(super) committed: NodeSet,
    /// This node has committed itself.
    pub(super) said_commitment: bool,
    pub(super) coin: CoinInstance,
    /// The candidates in the order in which they are tried, once the coin is known.
    pub(super) order: Vec<NodeIndex>,
    /// How many of them were refused.
    pub(super) refused: usize,
    /// The candidate that was agreed on.
    pub(super) chosen: Option<NodeIndex>,
    /// Its value, once it is here.
    pub(super) decision: Option<Bytes>,
    /// Something was recalled that the rules have not been applied to.
    stale: bool,
}

impl Ckps {
    /// The candidates in the order in which they are tried; empty until the coin is known here.
    pub fn order(&self) -> &[NodeIndex] {
        &self.order
    }

    /// How many of them this node knows to be refused.
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// The candidate that was agreed on, perhaps before its value is here.
    pub fn chosen(&self) -> Option<NodeIndex> {
        self.chosen
    }

    /// Whose values are certified, as this node knows.
    pub fn certified(&self) -> NodeSet {
        self.certified
    }

    /// Whether this node has promised to hold the value that `proposer` sent. For oracles.
    pub fn endorsed(&self, proposer: NodeIndex) -> bool {
        self.candidate(proposer).is_some_and(|candidate| candidate.cast.endorsed())
    }

    /// Whether this node has endorsed the commitment of `proposer`. For oracles.
    pub fn endorsed_commitment(&self, proposer: NodeIndex) -> bool {
        self.commitments.get(proposer.as_usize()).is_some_and(|commitment| commitment.cast.endorsed())
    }

    /// The binary agreement on a candidate, from its first message on. For oracles.
    pub fn agreement(&self, candidate: NodeIndex) -> Option<&Aba> {
        self.candidate(candidate)?.aba.as_deref()
    }

    /// Whether this node may release its share of the coin. For oracles.
    pub fn gate_is_open(&self) -> bool {
        self.committed.len() >= self.params.committee.quorum()
    }

    pub(super) fn candidate(&self, node: NodeIndex) -> Option<&Candidate> {
        self.candidates.get(node.as_usize())?.get()
    }

    pub(super) fn candidate_mut(&mut self, node: NodeIndex) -> Option<&mut Candidate> {
        self.candidates.get_mut(node.as_usize())?.get_mut()
    }

    /// Calls `act` on the broadcast of a value, and takes what it puts out.
    pub(super) fn with_value(
        &mut self,
        proposer: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Pb, &mut dyn Effects<Pb>),
    ) {
        let Some(candidate) = self.candidate_mut(proposer) else { return };
        let mut outputs = Vec::new();
        act(&mut candidate.cast, &mut Lens::new(fx, (Cast::Value, proposer), &mut outputs));
        for output in outputs {
            match output {
                PbOutput::Proposed(value) => self.value_proposed(proposer, value, fx),
                PbOutput::Certified { root, certificate } => self.learn(proposer, root, certificate, fx),
            }
        }
    }

    /// Calls `act` on the broadcast of a commitment, and takes what it puts out.
    pub(super) fn with_commitment(
        &mut self,
        proposer: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Pb, &mut dyn Effects<Pb>),
    ) {
        let Some(commitment) = self.commitments.get_mut(proposer.as_usize()) else { return };
        let mut outputs = Vec::new();
        act(&mut commitment.cast, &mut Lens::new(fx, (Cast::Commitment, proposer), &mut outputs));
        for output in outputs {
            match output {
                PbOutput::Proposed(set) => self.commitment_proposed(proposer, &set, fx),
                PbOutput::Certified { .. } => drop(self.committed.insert(proposer)),
            }
        }
    }

    /// Calls `act` on the retrieval of a value. What comes out of it is what it holds from then on.
    pub(super) fn with_retrieval(
        &mut self,
        node: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Retrieval, &mut dyn Effects<Retrieval>),
    ) {
        if let Some(candidate) = self.candidate_mut(node) {
            act(&mut candidate.retrieval, &mut Lens::new(fx, node, &mut Vec::new()));
        }
    }

    /// Calls `act` on the binary agreement on a candidate, and takes its decision.
    pub(super) fn with_aba(
        &mut self,
        node: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Aba, &mut dyn Effects<Aba>),
    ) {
        let Ckps { candidates, params, names, chosen, .. } = self;
        let Some(candidate) = candidates.get_mut(node.as_usize()).and_then(Slot::get_mut) else { return };
        let mut outputs = Vec::new();
        act(candidate.aba(params, names, node), &mut Lens::new(fx, node, &mut outputs));
        if let Some(value) = outputs.pop() {
            candidate.outcome = Some(value);
            if value {
                chosen.get_or_insert(node);
            }
        }
    }

    fn coin_job(job: Option<CoinJob>, fx: &mut dyn Effects<Self>) {
        if let Some(job) = job {
            fx.job(CkpsJob(Work::Coin(job)));
        }
    }

    fn coin_done(&mut self, done: CoinDone, fx: &mut dyn Effects<Self>) {
        match done {
            CoinDone::Share(share) => fx.send(To::All, Durable::No, CkpsMessage::Share(share)),
            CoinDone::Combined(combination) => {
                let (culprits, job) = self.coin.combined(combination);
                for culprit in culprits.iter() {
                    fx.fault(Fault::new(culprit, FaultKind::InvalidCoinShare));
                }
                Self::coin_job(job, fx);
                if let Some(value) = self.coin.value().filter(|_| self.order.is_empty()) {
                    self.order = names::order(&value, self.params.committee);
                }
            }
        }
    }

    /// Draws the consequences of what was recalled.
    fn resume(&mut self, fx: &mut dyn Effects<Self>) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        for node in self.params.committee.nodes() {
            self.with_value(node, fx, |cast, fx| cast.flush(fx));
            self.with_commitment(node, fx, |cast, fx| cast.flush(fx));
            if self.candidate(node).is_some_and(|candidate| candidate.aba.is_some()) {
                self.with_aba(node, fx, |aba, fx| aba.flush(fx));
            }
        }
        self.progress(fx);
    }
}

impl Protocol for Ckps {
    type Input = Bytes;
    type Output = Bytes;
    type Message = CkpsMessage;
    type Job = CkpsJob;

    fn input(&mut self, input: Bytes, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        if self.chosen.is_none() {
            self.with_value(self.params.me, fx, |cast, fx| cast.input(PbInput::Propose(input), fx));
        }
    }

    fn receive(&mut self, from: NodeIndex, message: CkpsMessage, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        let committee = self.params.committee;
        if !committee.contains(from) {
            return;
        }
        if message.about().is_some_and(|node| !committee.contains(node)) {
            return fx.fault(Fault::new(from, FaultKind::UnknownInstance));
        }
        match message {
            CkpsMessage::Aba { candidate, message } => {
                self.with_aba(candidate, fx, |aba, fx| aba.receive(from, message, fx));
            }
            CkpsMessage::Ask(candidate) => self.on_ask(from, candidate, fx),
            CkpsMessage::Retrieval { candidate, message } => {
                self.with_retrieval(candidate, fx, |retrieval, fx| retrieval.receive(from, message, fx));
            }
            // The rest is for getting to a choice.
            _ if self.decision.is_some() => return,
            CkpsMessage::Value { proposer, message } => {
                self.with_value(proposer, fx, |cast, fx| cast.receive(from, message, fx));
            }
            CkpsMessage::Commitment { proposer, message } => {
                self.with_commitment(proposer, fx, |cast, fx| cast.receive(from, message, fx));
            }
            CkpsMessage::Share(share) => Self::coin_job(self.coin.add(from, share), fx),
            CkpsMessage::Vote { candidate, yes } => self.on_vote(from, candidate, yes, fx),
            CkpsMessage::Certificate { candidate, root, certificate } => {
                self.on_certificate(from, candidate, root, certificate, fx);
            }
        }
        self.progress(fx);
    }

    fn done(&mut self, done: CkpsDone, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        match done.0 {
            Worked::Aba(candidate, done) => self.with_aba(candidate, fx, |aba, fx| aba.done(done, fx)),
            // The gate was open when the job was made.
            Worked::Coin(done) => self.coin_done(done, fx),
            _ if self.decision.is_some() => return,
            Worked::Cast((Cast::Value, proposer), done) => {
                self.with_value(proposer, fx, |cast, fx| cast.done(done, fx))
            }
            Worked::Cast((Cast::Commitment, proposer), done) => {
                self.with_commitment(proposer, fx, |cast, fx| cast.done(done, fx));
            }
            Worked::Predicate(proposer, true) => {
                self.with_value(proposer, fx, |cast, fx| cast.input(PbInput::Accept, fx));
            }
            Worked::Predicate(proposer, false) => fx.fault(Fault::new(proposer, FaultKind::UnjustifiedValue)),
            Worked::Certificate(shown, valid) => self.certificate_checked(*shown, valid, fx),
        }
        self.progress(fx);
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        if let Some(chosen) = self.chosen {
            self.with_retrieval(chosen, fx, |retrieval, fx| retrieval.flush(fx));
        }
    }

    fn recall(&mut self, to: To, message: CkpsMessage) {
        self.stale = true;
        let me = self.params.me;
        let Ckps { candidates, commitments, params, names, said_commitment, certified, .. } = self;
        let Some(node) = message.about() else { return };
        let Some(candidate) = candidates.get_mut(node.as_usize()).and_then(Slot::get_mut) else { return };
        match message {
            CkpsMessage::Value { message, .. } => candidate.cast.recall(to, message),
            CkpsMessage::Commitment { message, .. } => {
                *said_commitment |= node == me && matches!(message, PbMessage::Send(_));
                if let Some(commitment) = commitments.get_mut(node.as_usize()) {
                    commitment.cast.recall(to, message);
                }
            }
            CkpsMessage::Vote { yes, .. } if !planted("ckps-recall-forgets-vote") => {
                candidate.voted = true;
                candidate.hear(me, yes);
            }
            CkpsMessage::Aba { message, .. } => candidate.aba(params, names, node).recall(to, message),
            CkpsMessage::Certificate { root, certificate, .. } if !planted("ckps-recall-forgets-certificate") => {
                candidate.certified = Some((root, certificate));
                candidate.noted = true;
                certified.insert(node);
            }
            // Not durable.
            _ => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        for node in self.params.committee.nodes() {
            if let Some(candidate) = self.candidate_mut(node) {
                candidate.served.remove(peer);
            }
            self.with_retrieval(node, fx, |retrieval, fx| retrieval.forget(peer, fx));
        }
    }

    /// Always false: an instance that has output still answers. It is freed with its parent.
    fn is_terminated(&self) -> bool {
        false
    }
}

impl Mvba for Ckps {
    fn new(params: MvbaParams) -> Self {
        let names = Names::new(&params);
        let nodes = params.committee.nodes();
        Ckps {
            candidates: nodes.clone().map(|node| Slot::live(Candidate::new(&params, &names, node))).collect(),
            certified: NodeSet::EMPTY,
            commitments: nodes.map(|node| Commitment::new(&params, &names, node)).collect(),
            committed: NodeSet::EMPTY,
            said_commitment: false,
            coin: CoinInstance::new(params.coin.clone(), names.coin(), params.committee.one_honest()),
            order: Vec::new(),
            refused: 0,
            chosen: None,
            decision: None,
            stale: false,
            names,
            params,
        }
    }

    fn decision(&self) -> Option<&Bytes> {
        self.decision.as_ref()
    }

    fn memory(&self) -> usize {
        let candidates = self.candidates.iter().filter_map(Slot::get).map(Candidate::memory);
        size_of::<Self>()
            + self.candidates.capacity() * size_of::<Slot<Candidate>>()
            + candidates.sum::<usize>()
            + self.commitments.iter().map(Commitment::memory).sum::<usize>()
            + self.coin.memory()
            + self.order.capacity() * size_of::<NodeIndex>()
            + self.decision.as_ref().map_or(0, Bytes::len)
    }
}
