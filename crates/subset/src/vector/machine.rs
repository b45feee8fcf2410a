//! The state machine.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_agreement::smvba::{SmvbaDone, SmvbaJob};
use mellivora_agreement::{Mvba, MvbaParams, Smvba};
use mellivora_coding::{Body, Codec, Contribution};
use mellivora_core::{
    Digest, Effects, Fault, FaultKind, Job, Keyed, Layer, Lens, NodeIndex, NodeSet, Parent, Protocol, Segment, Slot,
    To, Weight, codec, planted,
};
use mellivora_crypto::Certificate;

use super::VectorMessage;
use super::provable::{Provable, ProvableEvent, segment};
use super::vote::{Entries, Entry, ProofVector};
use crate::{Subset, SubsetParams};

/// A common subset by agreement on a vector of proofs: of broadcasts `B`, by the agreement `M`. See the
/// [module page](super).
#[derive(Debug)]
pub struct Vector<B: Provable, M = Smvba> {
    params: SubsetParams,
    broadcasts: Vec<Slot<B>>,
    mvba: M,
    proofs: Vec<Option<(Digest, Certificate)>>,
    /// The newest payload of each broadcast, until the output takes it.
    contributions: Vec<Option<Contribution>>,
    /// Jobs of broadcasts that are out.
    working: usize,
    /// Whether this node's own contribution holds anything.
    filled: bool,
    /// Whether the agreement got its input.
    voted: bool,
    /// What was agreed on: the chosen roots, ascending by proposer.
    choice: Option<Vec<(NodeIndex, Digest)>>,
    output: bool,
    /// Broadcasts that something happened to since the end of the last turn.
    touched: NodeSet,
}

/// Work of one of the children.
#[derive(Debug)]
pub enum VectorJob<J, K = SmvbaJob> {
    /// Of a broadcast, by its proposer.
    Broadcast(Keyed<NodeIndex, J>),
    /// Of the agreement.
    Mvba(Box<K>),
}

/// What comes of a [`VectorJob`].
#[derive(Debug)]
pub enum VectorDone<D, E = SmvbaDone> {
    /// For a broadcast.
    Broadcast(NodeIndex, D),
    /// For the agreement.
    Mvba(E),
}

impl<J: Job, K: Job> Job for VectorJob<J, K> {
    type Done = VectorDone<J::Done, K::Done>;

    fn run(self) -> Self::Done {
        match self {
            VectorJob::Broadcast(Keyed { key, job }) => VectorDone::Broadcast(key, job.run()),
            VectorJob::Mvba(job) => VectorDone::Mvba(job.run()),
        }
    }

    fn weight(&self) -> Weight {
        match self {
            VectorJob::Broadcast(job) => job.weight(),
            VectorJob::Mvba(job) => job.weight(),
        }
    }
}

impl<B: Provable + 'static, M: Mvba + 'static> Parent<B> for Vector<B, M> {
    type Key = NodeIndex;

    fn message(proposer: NodeIndex, message: B::Message) -> Self::Message {
        VectorMessage::Broadcast { proposer, message }
    }

    fn job(key: NodeIndex, job: B::Job) -> Self::Job {
        VectorJob::Broadcast(Keyed { key, job })
    }

    fn segment(proposer: NodeIndex) -> Segment {
        segment(proposer)
    }
}

/// Marks the agreement as a child: a broadcast is never an agreement, but the compiler cannot know.
struct Agreed<'a, B: Provable + 'static, M: Mvba + 'static> {
    fx: &'a mut dyn Effects<Vector<B, M>>,
    output: &'a mut Option<Bytes>,
}

impl<B: Provable + 'static, M: Mvba + 'static> Effects<M> for Agreed<'_, B, M> {
    fn send(&mut self, to: To, durable: mellivora_core::Durable, message: M::Message) {
        self.fx.send(to, durable, VectorMessage::Mvba(message));
    }

    fn job(&mut self, job: M::Job) {
        self.fx.job(VectorJob::Mvba(Box::new(job)));
    }

    fn fault(&mut self, fault: Fault) {
        self.fx.fault(fault.inside(Segment::only(Layer::Mvba)));
    }

    fn output(&mut self, output: Bytes) {
        *self.output = Some(output);
    }
}

/// Counts the jobs that broadcasts hand out.
struct Counted<'a, B: Provable + 'static, M: Mvba + 'static> {
    fx: &'a mut dyn Effects<Vector<B, M>>,
    jobs: &'a mut usize,
}

impl<B: Provable + 'static, M: Mvba + 'static> Effects<Vector<B, M>> for Counted<'_, B, M> {
    fn send(&mut self, to: To, durable: mellivora_core::Durable, message: <Vector<B, M> as Protocol>::Message) {
        self.fx.send(to, durable, message);
    }

    fn job(&mut self, job: <Vector<B, M> as Protocol>::Job) {
        *self.jobs += 1;
        self.fx.job(job);
    }

    fn fault(&mut self, fault: Fault) {
        self.fx.fault(fault);
    }

    fn output(&mut self, output: <Vector<B, M> as Protocol>::Output) {
        self.fx.output(output);
    }
}

impl<B: Provable + 'static, M: Mvba + 'static> Vector<B, M> {
    /// The broadcast of `proposer`, until it is dropped.
    pub fn broadcast(&self, proposer: NodeIndex) -> Option<&B> {
        self.broadcasts.get(proposer.as_usize()).and_then(Slot::get)
    }

    /// The agreement.
    pub fn mvba(&self) -> &M {
        &self.mvba
    }

    /// The chosen roots, once they are agreed on.
    pub fn choice(&self) -> Option<&[(NodeIndex, Digest)]> {
        self.choice.as_deref()
    }

    /// Whether the output was handed out.
    pub fn has_output(&self) -> bool {
        self.output
    }

    /// Calls `act` on a broadcast, if it still lives, and takes what it tells.
    fn with_broadcast(
        &mut self,
        proposer: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut B, &mut dyn Effects<B>),
    ) {
        let at = proposer.as_usize();
        self.touched.insert(proposer);
        let Some(broadcast) = self.broadcasts.get_mut(at).and_then(Slot::get_mut) else { return };
        let mut outputs = Vec::new();
        act(broadcast, &mut Lens::new(&mut Counted { fx, jobs: &mut self.working }, proposer, &mut outputs));
        for output in outputs {
            match B::event(output) {
                ProvableEvent::Delivered(contribution) => self.delivered(proposer, contribution),
                ProvableEvent::Proven(root, proof) => {
                    if let Some(place) = self.proofs.get_mut(at) {
                        place.get_or_insert((root, proof));
                    }
                }
            }
        }
        self.complete(fx);
    }

    /// A payload is here. Once the choice is settled, only the chosen one is taken.
    fn delivered(&mut self, proposer: NodeIndex, contribution: Contribution) {
        let chosen = self.chosen_root(proposer);
        let wanted = chosen.is_none_or(|root| root == contribution.commitment);
        if let Some(place) = self.contributions.get_mut(proposer.as_usize())
            && (wanted || planted("vector-any-payload"))
        {
            *place = Some(contribution);
        }
    }

    fn chosen_root(&self, proposer: NodeIndex) -> Option<Digest> {
        let choice = self.choice.as_ref()?;
        choice.iter().find(|(node, _)| *node == proposer).map(|(_, root)| *root)
    }

    fn with_mvba(&mut self, fx: &mut dyn Effects<Self>, act: impl FnOnce(&mut M, &mut dyn Effects<M>)) {
        let mut output = None;
        act(&mut self.mvba, &mut Agreed { fx, output: &mut output });
        if let Some(value) = output {
            self.agreed(&value, fx);
        }
    }

    /// The agreement has output: everybody else's broadcasts may go, and what is lacking is wanted.
    fn agreed(&mut self, value: &Bytes, fx: &mut dyn Effects<Self>) {
        let committee = self.params.committee;
        let entries = ProofVector::<B>::entries(committee, value).unwrap_or_default();
        debug_assert!(!entries.is_empty(), "an agreement on what the predicate refuses");
        self.choice = Some(entries.iter().map(|entry| (entry.proposer, entry.root)).collect());
        let chosen: NodeSet = entries.iter().map(|entry| entry.proposer).collect();
        for node in committee.nodes().filter(|node| !chosen.contains(*node)) {
            self.drop_broadcast(node);
        }
        for Entry { proposer, root, proof } in entries {
            let held = self.contribution(proposer).map(|contribution| contribution.commitment);
            if held == Some(root) {
                continue;
            }
            if !planted("vector-any-payload") {
                self.clear(proposer);
            }
            if !planted("vector-nothing-wanted") {
                self.with_broadcast(proposer, fx, |broadcast, fx| broadcast.want(root, proof.signers, fx));
            }
        }
        self.complete(fx);
    }

    fn drop_broadcast(&mut self, proposer: NodeIndex) {
        if let Some(slot) = self.broadcasts.get_mut(proposer.as_usize()) {
            *slot = Slot::Gone(());
        }
        self.clear(proposer);
    }

    fn clear(&mut self, proposer: NodeIndex) {
        if let Some(place) = self.contributions.get_mut(proposer.as_usize()) {
            *place = None;
        }
    }

    /// All proofs that are here go into the agreement, once there is a quorum of them, this node's own among them if it
    /// has contributed anything.
    fn vote(&mut self, fx: &mut dyn Effects<Self>) {
        let known = self.proofs.iter().flatten().count();
        let own = self.proofs.get(self.params.me.as_usize()).is_some_and(Option::is_some);
        let busy = self.working > 0 && !planted("vector-vote-while-working");
        let waits = busy || self.filled && !own && !planted("vector-own-left-out");
        if self.voted || known < self.params.committee.quorum() || waits {
            return;
        }
        self.voted = true;
        let nodes = self.params.committee.nodes();
        let entries = nodes.zip(&self.proofs).filter_map(|(proposer, proof)| {
            let (root, proof) = proof.clone()?;
            Some(Entry { proposer, root, proof })
        });
        let value = codec::encode(&Entries::new(entries.collect()));
        self.with_mvba(fx, |mvba, fx| mvba.input(value, fx));
    }

    fn complete(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(choice) = &self.choice else { return };
        let here = |proposer: NodeIndex| self.contributions.get(proposer.as_usize()).is_some_and(Option::is_some);
        if self.output || !choice.iter().all(|(proposer, _)| here(*proposer)) {
            return;
        }
        self.output = true;
        let nodes = self.params.committee.nodes();
        let taken = nodes.zip(&mut self.contributions).filter_map(|(node, place)| Some((node, place.take()?)));
        fx.output(taken.collect());
    }
}

impl<B: Provable + 'static, M: Mvba + 'static> Protocol for Vector<B, M> {
    type Input = Bytes;
    type Output = Vec<(NodeIndex, Contribution)>;
    type Message = VectorMessage<B::Message, M::Message>;
    type Job = VectorJob<B::Job, M::Job>;

    fn input(&mut self, input: Bytes, fx: &mut dyn Effects<Self>) {
        self.filled |= !input.is_empty();
        self.with_broadcast(self.params.me, fx, |broadcast, fx| broadcast.input(input, fx));
    }

    fn receive(&mut self, from: NodeIndex, message: Self::Message, fx: &mut dyn Effects<Self>) {
        match message {
            VectorMessage::Broadcast { proposer, .. } if !self.params.committee.contains(proposer) => {
                fx.fault(Fault::new(from, FaultKind::UnknownInstance));
            }
            VectorMessage::Broadcast { proposer, message } => {
                self.with_broadcast(proposer, fx, |broadcast, fx| broadcast.receive(from, message, fx));
            }
            VectorMessage::Mvba(message) => self.with_mvba(fx, |mvba, fx| mvba.receive(from, message, fx)),
        }
    }

    fn done(&mut self, done: <Self::Job as Job>::Done, fx: &mut dyn Effects<Self>) {
        match done {
            VectorDone::Broadcast(proposer, done) => {
                self.working = self.working.saturating_sub(1);
                self.with_broadcast(proposer, fx, |broadcast, fx| broadcast.done(done, fx));
            }
            VectorDone::Mvba(done) => self.with_mvba(fx, |mvba, fx| mvba.done(done, fx)),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.with_mvba(fx, |mvba, fx| mvba.flush(fx));
        self.vote(fx);
        for proposer in std::mem::take(&mut self.touched).iter() {
            self.with_broadcast(proposer, fx, |broadcast, fx| broadcast.flush(fx));
        }
        self.touched = NodeSet::EMPTY;
    }

    fn recall(&mut self, to: To, message: Self::Message) {
        match message {
            VectorMessage::Broadcast { proposer, message } => {
                self.touched.insert(proposer);
                if let Some(broadcast) = self.broadcasts.get_mut(proposer.as_usize()).and_then(Slot::get_mut) {
                    broadcast.recall(to, message);
                }
            }
            VectorMessage::Mvba(message) => self.mvba.recall(to, message),
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        for proposer in self.params.committee.nodes() {
            self.with_broadcast(proposer, fx, |broadcast, fx| broadcast.forget(peer, fx));
        }
        self.with_mvba(fx, |mvba, fx| mvba.forget(peer, fx));
    }

    fn is_terminated(&self) -> bool {
        false
    }
}

impl<B: Provable + 'static, M: Mvba + 'static> Subset for Vector<B, M> {
    const NAME: &'static str = B::NAME;

    fn new(params: SubsetParams) -> Self {
        let committee = params.committee;
        let predicate = ProofVector::<B>::new(committee, params.domain, params.certificates.clone());
        let mvba = M::new(MvbaParams {
            committee,
            me: params.me,
            domain: params.domain.child(Segment::only(Layer::Mvba)),
            coin: params.coin.clone(),
            certificates: params.certificates.clone(),
            predicate: Arc::new(predicate),
            views_ahead: params.rounds_ahead,
        });
        Vector {
            broadcasts: committee.nodes().map(|proposer| Slot::live(B::new(&params, proposer))).collect(),
            mvba,
            proofs: vec![None; committee.n()],
            contributions: vec![None; committee.n()],
            working: 0,
            filled: false,
            voted: false,
            choice: None,
            output: false,
            touched: NodeSet::EMPTY,
            params,
        }
    }

    fn commit(codec: &Codec, body: &Body) -> Option<Digest> {
        B::commit(codec, body)
    }

    fn decided(&self) -> bool {
        self.choice.is_some()
    }

    fn distrust(&mut self, nodes: NodeSet) {
        self.broadcasts.iter_mut().filter_map(Slot::get_mut).for_each(|broadcast| broadcast.distrust(nodes));
    }

    fn contribution(&self, proposer: NodeIndex) -> Option<&Contribution> {
        self.contributions.get(proposer.as_usize())?.as_ref()
    }

    fn takes_nothing(&self) -> bool {
        let holds = |contribution: &Contribution| contribution.body.as_ref().is_some_and(|body| !body.is_empty());
        self.choice.is_some() || self.contributions.iter().flatten().any(holds) || planted("vector-nothing-at-once")
    }

    fn memory(&self) -> usize {
        let broadcasts: usize = self.broadcasts.iter().filter_map(Slot::get).map(B::memory).sum();
        let proofs: usize = self.proofs.iter().flatten().map(|(_, proof)| proof.memory()).sum();
        let bodies = self.contributions.iter().flatten().filter_map(|c| c.body.as_ref()).map(Body::len);
        size_of::<Self>() + broadcasts + self.mvba.memory() + proofs + bodies.sum::<usize>()
    }
}
