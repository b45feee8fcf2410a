//! The state machine.

use std::collections::VecDeque;

use bytes::Bytes;
use mellivora_agreement::{Aba, AbaConfig, AbaMessage};
use mellivora_broadcast::{Rbc, RbcConfig};
use mellivora_coding::Contribution;
use mellivora_core::{Effects, Fault, FaultKind, Layer, NodeIndex, NodeSet, Protocol, Segment, Slot, To, planted};

use super::children::{AbaEffects, BkrDone, BkrJob, Outcome, RbcEffects};
use super::message::Ballots;
use super::{Ballot, BkrMessage};
use crate::{Subset, SubsetParams};

/// A common subset after Ben-Or, Kelmer and Rabin. See the [module page](super).
#[derive(Debug)]
pub struct Bkr {
    params: SubsetParams,
    rbcs: Vec<Slot<Rbc>>,
    abas: Vec<Slot<Aba>>,
    /// What broadcasts delivered, until the output takes it.
    contributions: Vec<Option<Contribution>>,
    delivered: NodeSet,
    /// Instances decided 1 and decided 0.
    chosen: NodeSet,
    refused: NodeSet,
    /// Whether a quorum of ones was seen and the rest got its zeros.
    closed: bool,
    output: bool,
    /// Jobs that are out for broadcasts of others.
    decoding: usize,
    /// Something was recalled, and its consequences have not been drawn yet.
    recalled: bool,
    /// Votes of this turn.
    ballots: Ballots,
    /// What children told and is not dealt with yet. Empty between events.
    outcomes: VecDeque<Outcome>,
}

impl Bkr {
    /// The agreement on the contribution of `proposer`, until it halts. For schedulers and statistics.
    pub fn aba(&self, proposer: NodeIndex) -> Option<&Aba> {
        self.abas.get(proposer.as_usize()).and_then(Slot::get)
    }

    /// The broadcast of `proposer`, until it is dropped.
    pub fn rbc(&self, proposer: NodeIndex) -> Option<&Rbc> {
        self.rbcs.get(proposer.as_usize()).and_then(Slot::get)
    }

    /// What the agreement on the contribution of `proposer` decided.
    pub fn decision(&self, proposer: NodeIndex) -> Option<bool> {
        match (self.chosen.contains(proposer), self.refused.contains(proposer)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// Whether the output was handed out.
    pub fn has_output(&self) -> bool {
        self.output
    }

    /// Calls `act` on a broadcast, if it still lives. The caller checked the index against the committee.
    fn with_rbc(
        &mut self,
        proposer: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Rbc, &mut RbcEffects<'_>),
    ) {
        if let Some(rbc) = self.rbcs.get_mut(proposer.as_usize()).and_then(Slot::get_mut) {
            let decoding = (proposer != self.params.me).then_some(&mut self.decoding);
            act(rbc, &mut RbcEffects { fx, proposer, decoding, outcomes: &mut self.outcomes });
        }
    }

    /// Calls `act` on an agreement, if it still lives; frees it if it halts.
    #[inline]
    fn with_aba(
        &mut self,
        instance: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Aba, &mut AbaEffects<'_>),
    ) {
        let Some(slot) = self.abas.get_mut(instance.as_usize()) else { return };
        let Some(aba) = slot.get_mut() else { return };
        act(aba, &mut AbaEffects { fx, instance, ballots: &mut self.ballots, outcomes: &mut self.outcomes });
        if aba.is_terminated() {
            *slot = Slot::Gone(());
        }
    }

    /// Deals with what children told, which may make others tell more, until there is nothing left.
    fn settle(&mut self, fx: &mut dyn Effects<Self>) {
        while let Some(outcome) = self.outcomes.pop_front() {
            match outcome {
                Outcome::Delivered(proposer, contribution) => {
                    self.delivered.insert(proposer);
                    if let Some(place) = self.contributions.get_mut(proposer.as_usize()) {
                        *place = Some(contribution);
                    }
                    self.with_aba(proposer, fx, |aba, fx| aba.input(true, fx));
                }
                Outcome::Decided(instance, true) => {
                    self.chosen.insert(instance);
                    if planted("bkr-chosen-dropped") {
                        self.rbcs[instance.as_usize()] = Slot::Gone(());
                    }
                }
                Outcome::Decided(instance, false) => {
                    self.refused.insert(instance);
                    let at = instance.as_usize();
                    if let Some(rbc) = self.rbcs.get_mut(at) {
                        *rbc = Slot::Gone(());
                    }
                    if let Some(contribution) = self.contributions.get_mut(at) {
                        *contribution = None;
                    }
                }
                Outcome::Blamed(_) if planted("bkr-blame-not-shared") => {}
                Outcome::Blamed(node) => self.distrust(NodeSet::one(node)),
            }
            self.complete(fx);
        }
    }

    /// After a quorum of ones: zeros to all agreements without an input. At the end of a turn, and not while this node
    /// decodes what others have sent: what is here already deserves a one, and jobs always end.
    fn close(&mut self, fx: &mut dyn Effects<Self>) {
        let committee = self.params.committee;
        let ones = if planted("bkr-zeros-early") { committee.one_honest() } else { committee.quorum() };
        let due = self.chosen.len() >= ones && !planted("bkr-zeros-never") || planted("bkr-zeros-at-once");
        let busy = self.decoding > 0 && !planted("bkr-zeros-while-decoding");
        if self.closed || busy || !due {
            return;
        }
        self.closed = true;
        for instance in committee.nodes() {
            // One that has an input ignores a second.
            self.with_aba(instance, fx, |aba, fx| aba.input(false, fx));
        }
    }

    fn complete(&mut self, fx: &mut dyn Effects<Self>) {
        let here = self.chosen.is_subset(&self.delivered) || planted("bkr-output-before-delivery");
        if self.output || !self.decided() || !here {
            return;
        }
        self.output = true;
        let chosen = self.chosen;
        let taken = self.contributions.iter_mut().zip(self.params.committee.nodes()).filter_map(|(place, node)| {
            let contribution = place.take()?;
            chosen.contains(node).then_some((node, contribution))
        });
        let mut taken: Vec<_> = taken.collect();
        if planted("bkr-own-first") {
            taken.sort_by_key(|(node, _)| *node != self.params.me);
        }
        fx.output(taken);
    }

    fn on_votes(&mut self, from: NodeIndex, ballots: impl IntoIterator<Item = Ballot>, fx: &mut dyn Effects<Self>) {
        let all = self.params.committee.all();
        for Ballot { vote, instances } in ballots {
            if !instances.is_subset(&all) {
                fx.fault(Fault::new(from, FaultKind::UnknownInstance));
            }
            for instance in instances.intersection(&all).iter() {
                self.with_aba(instance, fx, |aba, fx| aba.receive_vote(from, vote, fx));
            }
        }
    }

    fn knows(&self, from: NodeIndex, instance: NodeIndex, fx: &mut dyn Effects<Self>) -> bool {
        let known = self.params.committee.contains(instance);
        if !known {
            fx.fault(Fault::new(from, FaultKind::UnknownInstance));
        }
        known
    }
}

impl Protocol for Bkr {
    type Input = Bytes;
    type Output = Vec<(NodeIndex, Contribution)>;
    type Message = BkrMessage;
    type Job = BkrJob;

    fn input(&mut self, input: Bytes, fx: &mut dyn Effects<Self>) {
        self.with_rbc(self.params.me, fx, |rbc, fx| rbc.input(input, fx));
        self.settle(fx);
    }

    fn receive(&mut self, from: NodeIndex, message: BkrMessage, fx: &mut dyn Effects<Self>) {
        match message {
            BkrMessage::Rbc { proposer, message } => {
                if self.knows(from, proposer, fx) {
                    self.with_rbc(proposer, fx, |rbc, fx| rbc.receive(from, message, fx));
                }
            }
            BkrMessage::Votes(ballots) => self.on_votes(from, ballots, fx),
            BkrMessage::Share { instance, round, share } => {
                if self.knows(from, instance, fx) {
                    let message = AbaMessage::Share { round, share };
                    self.with_aba(instance, fx, |aba, fx| aba.receive(from, message, fx));
                }
            }
        }
        self.settle(fx);
    }

    fn done(&mut self, done: BkrDone, fx: &mut dyn Effects<Self>) {
        match done {
            BkrDone::Rbc(proposer, done) => {
                if proposer != self.params.me {
                    self.decoding = self.decoding.saturating_sub(1);
                }
                self.with_rbc(proposer, fx, |rbc, fx| rbc.done(done, fx));
            }
            BkrDone::Aba(instance, done) => self.with_aba(instance, fx, |aba, fx| aba.done(done, fx)),
        }
        self.settle(fx);
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        // Between turns children hold nothing back; only what was recalled waits for the end of one.
        if std::mem::take(&mut self.recalled) {
            for child in self.params.committee.nodes() {
                self.with_rbc(child, fx, |rbc, fx| rbc.flush(fx));
                self.with_aba(child, fx, |aba, fx| aba.flush(fx));
            }
            self.settle(fx);
        }
        self.close(fx);
        self.settle(fx);
        for (durable, message) in self.ballots.drain() {
            fx.send(To::All, durable, message);
        }
    }

    fn recall(&mut self, to: To, message: BkrMessage) {
        self.recalled = true;
        match message {
            BkrMessage::Votes(_) if planted("bkr-recall-forgets-votes") => {}
            BkrMessage::Rbc { proposer, message } => {
                if let Some(rbc) = self.rbcs.get_mut(proposer.as_usize()).and_then(Slot::get_mut) {
                    rbc.recall(to, message);
                }
            }
            BkrMessage::Votes(ballots) => {
                for Ballot { vote, instances } in ballots {
                    for instance in instances.iter() {
                        if let Some(aba) = self.abas.get_mut(instance.as_usize()).and_then(Slot::get_mut) {
                            aba.recall(to, AbaMessage::Vote(vote));
                        }
                    }
                }
            }
            // Not durable.
            BkrMessage::Share { .. } => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        for child in self.params.committee.nodes() {
            self.with_rbc(child, fx, |rbc, fx| rbc.forget(peer, fx));
            self.with_aba(child, fx, |aba, fx| aba.forget(peer, fx));
        }
        self.settle(fx);
    }

    fn is_terminated(&self) -> bool {
        false
    }
}

impl Subset for Bkr {
    const NAME: &'static str = "honey-badger";

    fn new(params: SubsetParams) -> Self {
        let SubsetParams { committee, me, ref codec, echo, coin_schedule, rounds_ahead, .. } = params;
        let rbc = |proposer| Rbc::new(RbcConfig { committee, me, proposer, codec: codec.clone(), echo });
        let named = |instance| if planted("bkr-coin-without-instance") { NodeIndex(0) } else { instance };
        let aba = |instance| {
            Aba::new(AbaConfig {
                committee,
                me,
                domain: params.domain.child(Segment::of(Layer::Aba, named(instance))),
                coin: params.coin.clone(),
                schedule: coin_schedule,
                rounds_ahead,
            })
        };
        Bkr {
            rbcs: committee.nodes().map(|node| Slot::live(rbc(node))).collect(),
            abas: committee.nodes().map(|node| Slot::live(aba(node))).collect(),
            contributions: vec![None; committee.n()],
            delivered: NodeSet::EMPTY,
            chosen: NodeSet::EMPTY,
            refused: NodeSet::EMPTY,
            closed: false,
            output: false,
            decoding: 0,
            recalled: false,
            ballots: Ballots::default(),
            outcomes: VecDeque::new(),
            params,
        }
    }

    fn decided(&self) -> bool {
        let settled = self.chosen.union(&self.refused);
        let quorum = self.params.committee.quorum();
        settled == self.params.committee.all() || planted("bkr-output-at-quorum") && settled.len() >= quorum
    }

    fn distrust(&mut self, nodes: NodeSet) {
        for slot in &mut self.rbcs {
            if let Some(rbc) = slot.get_mut() {
                rbc.distrust(nodes);
            }
        }
    }

    fn contribution(&self, proposer: NodeIndex) -> Option<&Contribution> {
        self.contributions.get(proposer.as_usize())?.as_ref()
    }

    fn memory(&self) -> usize {
        let rbcs = self.rbcs.iter().filter_map(Slot::get).map(Rbc::memory);
        let abas = self.abas.iter().filter_map(Slot::get).map(Aba::memory);
        let bodies = self.contributions.iter().flatten().filter_map(|c| c.body.as_ref()).map(|body| body.len());
        size_of::<Self>() + rbcs.chain(abas).chain(bodies).sum::<usize>()
    }
}
