//! One binary agreement per node, as a part of a common subset. Their votes leave in one bundle per turn.

use std::collections::VecDeque;

use mellivora_agreement::{Aba, AbaConfig, AbaMessage, CoinDone};
use mellivora_core::compose::Parent;
use mellivora_core::{
    Committee, Durable, Effects, Fault, FaultKind, Layer, NodeIndex, NodeSet, Protocol, Round, Segment, Slot, To,
};

use crate::SubsetParams;
use crate::ballots::{Ballot, Ballots, Bundle};

pub(crate) type AbaJob = <Aba as Protocol>::Job;

/// The agreements of all nodes.
///
/// Indices come from the wire: one that nobody has finds nothing.
#[derive(Debug)]
pub(crate) struct Agreements {
    committee: Committee,
    abas: Vec<Slot<Aba>>,
    /// Instances that decided 1, and 0.
    ones: NodeSet,
    zeros: NodeSet,
    /// Decisions that are not taken yet.
    news: VecDeque<(NodeIndex, bool)>,
    /// Votes of this turn.
    ballots: Ballots,
}

impl Agreements {
    /// `named` is the node that names the coins of an instance: itself.
    pub(crate) fn new(params: &SubsetParams, named: impl Fn(NodeIndex) -> NodeIndex) -> Self {
        let SubsetParams { committee, me, coin_schedule, rounds_ahead, .. } = *params;
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
        Agreements {
            committee,
            abas: committee.nodes().map(|node| Slot::live(aba(node))).collect(),
            ones: NodeSet::EMPTY,
            zeros: NodeSet::EMPTY,
            news: VecDeque::new(),
            ballots: Ballots::default(),
        }
    }

    /// The agreement that belongs to `instance`, until it halts.
    pub(crate) fn get(&self, instance: NodeIndex) -> Option<&Aba> {
        self.abas.get(instance.as_usize()).and_then(Slot::get)
    }

    /// Instances that decided 1.
    pub(crate) fn ones(&self) -> NodeSet {
        self.ones
    }

    /// Instances that have decided.
    pub(crate) fn decided(&self) -> NodeSet {
        self.ones.union(&self.zeros)
    }

    /// What an instance decided.
    pub(crate) fn decision(&self, instance: NodeIndex) -> Option<bool> {
        match (self.ones.contains(instance), self.zeros.contains(instance)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// The next decision.
    pub(crate) fn next(&mut self) -> Option<(NodeIndex, bool)> {
        self.news.pop_front()
    }

    /// Calls `act` on an agreement, if it still lives; frees it if it halts.
    #[inline]
    pub(crate) fn with<P: Parent<Aba, Key = NodeIndex>>(
        &mut self,
        instance: NodeIndex,
        fx: &mut dyn Effects<P>,
        act: impl FnOnce(&mut Aba, &mut AbaEffects<'_, P>),
    ) {
        let Some(slot) = self.abas.get_mut(instance.as_usize()) else { return };
        let Some(aba) = slot.get_mut() else { return };
        let mut decided = None;
        act(aba, &mut AbaEffects { fx, instance, ballots: &mut self.ballots, decided: &mut decided });
        if aba.is_terminated() {
            *slot = Slot::Gone(());
        }
        if let Some(value) = decided {
            let known = if value { &mut self.ones } else { &mut self.zeros };
            known.insert(instance);
            self.news.push_back((instance, value));
        }
    }

    /// Gives an instance its input. One that has an input ignores a second.
    pub(crate) fn input<P: Parent<Aba, Key = NodeIndex>>(
        &mut self,
        instance: NodeIndex,
        value: bool,
        fx: &mut dyn Effects<P>,
    ) {
        self.with(instance, fx, |aba, fx| aba.input(value, fx));
    }

    /// Takes a bundle of votes.
    pub(crate) fn receive<P: Parent<Aba, Key = NodeIndex>>(
        &mut self,
        from: NodeIndex,
        bundle: Bundle,
        fx: &mut dyn Effects<P>,
    ) {
        let all = self.committee.all();
        for Ballot { vote, instances } in bundle {
            if !instances.is_subset(&all) {
                fx.fault(Fault::new(from, FaultKind::UnknownInstance));
            }
            for instance in instances.intersection(&all).iter() {
                self.with(instance, fx, |aba, fx| aba.receive_vote(from, vote, fx));
            }
        }
    }

    /// Takes the result of a job.
    pub(crate) fn done<P: Parent<Aba, Key = NodeIndex>>(
        &mut self,
        instance: NodeIndex,
        done: (Round, CoinDone),
        fx: &mut dyn Effects<P>,
    ) {
        self.with(instance, fx, |aba, fx| aba.done(done, fx));
    }

    /// Ends a turn after something was recalled.
    pub(crate) fn flush<P: Parent<Aba, Key = NodeIndex>>(&mut self, fx: &mut dyn Effects<P>) {
        self.committee.nodes().for_each(|node| self.with(node, fx, |aba, fx| aba.flush(fx)));
    }

    pub(crate) fn forget<P: Parent<Aba, Key = NodeIndex>>(&mut self, peer: NodeIndex, fx: &mut dyn Effects<P>) {
        self.committee.nodes().for_each(|node| self.with(node, fx, |aba, fx| aba.forget(peer, fx)));
    }

    pub(crate) fn recall(&mut self, to: To, bundle: Bundle) {
        for Ballot { vote, instances } in bundle {
            for instance in instances.iter() {
                if let Some(aba) = self.abas.get_mut(instance.as_usize()).and_then(Slot::get_mut) {
                    aba.recall(to, AbaMessage::Vote(vote));
                }
            }
        }
    }

    /// Drops the agreements of all but these.
    pub(crate) fn retain(&mut self, kept: &NodeSet) {
        for (node, slot) in self.committee.nodes().zip(&mut self.abas) {
            if !kept.contains(node) {
                *slot = Slot::Gone(());
            }
        }
    }

    /// The bundles of this turn, with their durability.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Durable, Bundle)> + use<> {
        self.ballots.drain()
    }

    /// Bytes held, about.
    pub(crate) fn memory(&self) -> usize {
        self.abas.iter().filter_map(Slot::get).map(Aba::memory).sum()
    }
}

/// The effects of a binary agreement. Its votes wait for the end of the turn, where they leave in one bundle.
pub(crate) struct AbaEffects<'a, P: Parent<Aba>> {
    fx: &'a mut dyn Effects<P>,
    instance: P::Key,
    ballots: &'a mut Ballots,
    decided: &'a mut Option<bool>,
}

impl<P: Parent<Aba, Key = NodeIndex>> Effects<Aba> for AbaEffects<'_, P> {
    fn send(&mut self, to: To, durable: Durable, message: AbaMessage) {
        match message {
            // Votes always go to all, and each knows whether it is a promise.
            AbaMessage::Vote(vote) => self.ballots.add(vote, self.instance),
            share @ AbaMessage::Share { .. } => self.fx.send(to, durable, P::message(self.instance, share)),
        }
    }

    fn job(&mut self, job: AbaJob) {
        self.fx.job(P::job(self.instance, job));
    }

    fn fault(&mut self, fault: Fault) {
        self.fx.fault(fault.inside(P::segment(self.instance)));
    }

    fn output(&mut self, output: bool) {
        *self.decided = Some(output);
    }
}
