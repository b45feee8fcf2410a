//! One reliable broadcast per node, as a part of a common subset.

use std::collections::VecDeque;
use std::sync::Arc;

use mellivora_broadcast::{Rbc, RbcConfig};
use mellivora_coding::{Codec, Contribution};
use mellivora_core::compose::Parent;
use mellivora_core::{Durable, Effects, Fault, FaultKind, Job, NodeIndex, NodeSet, Protocol, Slot, To};

use crate::SubsetParams;

pub(crate) type RbcMessage = <Rbc as Protocol>::Message;
pub(crate) type RbcJob = <Rbc as Protocol>::Job;
pub(crate) type RbcDone = <RbcJob as Job>::Done;

/// The broadcasts of all nodes. `K` is how the parent names one of them.
///
/// Indices come from the wire: one that nobody has finds nothing.
#[derive(Debug)]
pub(crate) struct Broadcasts<K> {
    me: NodeIndex,
    key: fn(NodeIndex) -> K,
    rbcs: Vec<Slot<Rbc>>,
    /// Jobs that are out for broadcasts of others.
    decoding: usize,
    /// What was delivered and is not taken yet.
    news: VecDeque<(NodeIndex, Contribution)>,
    /// Nodes that sent invalid shards since somebody asked.
    blamed: NodeSet,
}

impl<K: Copy> Broadcasts<K> {
    pub(crate) fn new(params: &SubsetParams, codec: &Arc<Codec>, key: fn(NodeIndex) -> K) -> Self {
        let SubsetParams { committee, me, echo, .. } = *params;
        let rbc = |proposer| Rbc::new(RbcConfig { committee, me, proposer, codec: codec.clone(), echo });
        Broadcasts {
            me,
            key,
            rbcs: committee.nodes().map(|node| Slot::live(rbc(node))).collect(),
            decoding: 0,
            news: VecDeque::new(),
            blamed: NodeSet::EMPTY,
        }
    }

    /// The broadcast of `proposer`, until it is dropped.
    pub(crate) fn get(&self, proposer: NodeIndex) -> Option<&Rbc> {
        self.rbcs.get(proposer.as_usize()).and_then(Slot::get)
    }

    /// Calls `act` on a broadcast, if it still lives.
    pub(crate) fn with<P: Parent<Rbc, Key = K>>(
        &mut self,
        proposer: NodeIndex,
        fx: &mut dyn Effects<P>,
        act: impl FnOnce(&mut Rbc, &mut dyn Effects<Rbc>),
    ) {
        if let Some(rbc) = self.rbcs.get_mut(proposer.as_usize()).and_then(Slot::get_mut) {
            let decoding = (proposer != self.me).then_some(&mut self.decoding);
            let key = (self.key)(proposer);
            act(rbc, &mut RbcEffects { fx, key, proposer, decoding, news: &mut self.news, blamed: &mut self.blamed });
        }
    }

    /// Takes the result of a job.
    pub(crate) fn done<P: Parent<Rbc, Key = K>>(
        &mut self,
        proposer: NodeIndex,
        done: RbcDone,
        fx: &mut dyn Effects<P>,
    ) {
        if proposer != self.me {
            self.decoding = self.decoding.saturating_sub(1);
        }
        self.with(proposer, fx, |rbc, fx| rbc.done(done, fx));
    }

    /// Ends a turn after something was recalled.
    pub(crate) fn flush<P: Parent<Rbc, Key = K>>(&mut self, fx: &mut dyn Effects<P>) {
        self.each(fx, |rbc, fx| rbc.flush(fx));
    }

    pub(crate) fn forget<P: Parent<Rbc, Key = K>>(&mut self, peer: NodeIndex, fx: &mut dyn Effects<P>) {
        self.each(fx, |rbc, fx| rbc.forget(peer, fx));
    }

    fn each<P: Parent<Rbc, Key = K>>(
        &mut self,
        fx: &mut dyn Effects<P>,
        mut act: impl FnMut(&mut Rbc, &mut dyn Effects<Rbc>),
    ) {
        // A committee has at most 256 nodes, so the index fits.
        (0..self.rbcs.len() as u16).for_each(|node| self.with(NodeIndex(node), fx, &mut act));
    }

    pub(crate) fn recall(&mut self, proposer: NodeIndex, to: To, message: RbcMessage) {
        if let Some(rbc) = self.rbcs.get_mut(proposer.as_usize()).and_then(Slot::get_mut) {
            rbc.recall(to, message);
        }
    }

    /// Drops a broadcast that nobody needs any more.
    pub(crate) fn free(&mut self, proposer: NodeIndex) {
        if let Some(rbc) = self.rbcs.get_mut(proposer.as_usize()) {
            *rbc = Slot::Gone(());
        }
    }

    /// Drops the broadcasts of all but these.
    pub(crate) fn retain(&mut self, kept: &NodeSet) {
        let nodes = (0..self.rbcs.len() as u16).map(NodeIndex);
        nodes.filter(|node| !kept.contains(*node)).for_each(|node| self.free(node));
    }

    /// The next delivery.
    pub(crate) fn next(&mut self) -> Option<(NodeIndex, Contribution)> {
        self.news.pop_front()
    }

    /// Whether jobs for broadcasts of others are out.
    pub(crate) fn is_decoding(&self) -> bool {
        self.decoding > 0
    }

    /// Nodes that sent an invalid shard since the last call.
    pub(crate) fn take_blamed(&mut self) -> NodeSet {
        std::mem::take(&mut self.blamed)
    }

    pub(crate) fn distrust(&mut self, nodes: NodeSet) {
        self.rbcs.iter_mut().filter_map(Slot::get_mut).for_each(|rbc| rbc.distrust(nodes));
    }

    /// Bytes held, about.
    pub(crate) fn memory(&self) -> usize {
        self.rbcs.iter().filter_map(Slot::get).map(Rbc::memory).sum()
    }
}

/// The effects of a broadcast. Beyond what a lens does, it counts jobs and notices who is blamed.
struct RbcEffects<'a, P: Parent<Rbc>> {
    fx: &'a mut dyn Effects<P>,
    key: P::Key,
    proposer: NodeIndex,
    /// For a broadcast of somebody else.
    decoding: Option<&'a mut usize>,
    news: &'a mut VecDeque<(NodeIndex, Contribution)>,
    blamed: &'a mut NodeSet,
}

impl<P: Parent<Rbc>> Effects<Rbc> for RbcEffects<'_, P> {
    fn send(&mut self, to: To, durable: Durable, message: RbcMessage) {
        self.fx.send(to, durable, P::message(self.key, message));
    }

    fn job(&mut self, job: RbcJob) {
        if let Some(decoding) = &mut self.decoding {
            **decoding += 1;
        }
        self.fx.job(P::job(self.key, job));
    }

    fn fault(&mut self, fault: Fault) {
        if fault.kind == FaultKind::InvalidShard {
            self.blamed.insert(fault.node);
        }
        self.fx.fault(fault.inside(P::segment(self.key)));
    }

    fn output(&mut self, output: Contribution) {
        self.news.push_back((self.proposer, output));
    }
}
