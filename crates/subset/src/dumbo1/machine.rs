//! The state machine.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_agreement::{Aba, AbaMessage, CoinDone, CoinInstance};
use mellivora_broadcast::Rbc;
use mellivora_coding::Contribution;
use mellivora_core::{
    Committee, Durable, Effects, Fault, FaultKind, Layer, NodeIndex, NodeSet, Protocol, Purpose, Round, Segment, To,
    codec, planted,
};
use mellivora_crypto::{CoinShare, CoinValue};

use super::Dumbo1Message;
use super::children::{Dumbo1Done, Dumbo1Job, Load};
use super::committee::{committee_size, draw};
use crate::agreements::Agreements;
use crate::broadcasts::Broadcasts;
use crate::{BkrMessage, Subset, SubsetParams};

/// A common subset after Guo, Lu, Lu, Tang, Xu and Zhang: Dumbo1. See the [module page](super).
#[derive(Debug)]
pub struct Dumbo1 {
    params: SubsetParams,
    /// Of contributions.
    broadcasts: Broadcasts<(Load, NodeIndex)>,
    index_sets: Broadcasts<(Load, NodeIndex)>,
    agreements: Agreements,
    /// None where everybody is elected.
    election: Option<CoinInstance>,
    /// The committee, once known here.
    members: Option<NodeSet>,
    /// What broadcasts delivered, until the output takes it.
    contributions: Vec<Option<Contribution>>,
    delivered: NodeSet,
    /// Valid index sets that were delivered, by member.
    sets: Vec<Option<NodeSet>>,
    /// Whether this node gave its index set away, as a member.
    proposed: bool,
    /// Members whose agreement got a one from this node.
    supported: NodeSet,
    /// Whether an agreement decided 1 and the rest got its zeros.
    closed: bool,
    /// Whose contributions the output holds, once nobody can change it any more.
    choice: Option<NodeSet>,
    output: bool,
    /// Something was recalled, and its consequences have not been drawn yet.
    recalled: bool,
}

/// Bytes of an encoded set of nodes, at the most: a count and one bit for every node.
const MAX_SET_BYTES: usize = 1 + NodeSet::CAPACITY / 8;

/// The segment of the election.
const ELECTION: Segment = Segment::only(Layer::Election);

impl Dumbo1 {
    /// The elected members, once this node knows them.
    pub fn members(&self) -> Option<NodeSet> {
        self.members
    }

    /// Whose contributions have been delivered here, wanted or not.
    pub fn delivered(&self) -> NodeSet {
        self.delivered
    }

    /// The valid index set of `member`, once it is delivered here.
    pub fn index_set(&self, member: NodeIndex) -> Option<NodeSet> {
        self.sets.get(member.as_usize()).copied().flatten()
    }

    /// Whether this node opened the gate of the election.
    pub fn released(&self) -> bool {
        self.election.as_ref().is_some_and(CoinInstance::released)
    }

    /// The agreement on the index set of `member`, until it halts or it is known that he was not elected. For
    /// schedulers and statistics.
    pub fn aba(&self, member: NodeIndex) -> Option<&Aba> {
        self.agreements.get(member)
    }

    /// The broadcast of the contribution of `proposer`, until it is dropped.
    pub fn rbc(&self, proposer: NodeIndex) -> Option<&Rbc> {
        self.broadcasts.get(proposer)
    }

    /// The broadcast of the index set of `member`, until it is dropped.
    pub fn index_rbc(&self, member: NodeIndex) -> Option<&Rbc> {
        self.index_sets.get(member)
    }

    /// What the agreement on the index set of `member` decided.
    pub fn decision(&self, member: NodeIndex) -> Option<bool> {
        self.agreements.decision(member)
    }

    /// Whether the output was handed out.
    pub fn has_output(&self) -> bool {
        self.output
    }

    fn committee(&self) -> Committee {
        self.params.committee
    }

    /// Deals with what children told, which may make others tell more, until there is nothing left.
    fn settle(&mut self, fx: &mut dyn Effects<Self>) {
        loop {
            self.pass_gate(fx);
            self.elect();
            self.support(fx);
            self.choose();
            self.complete(fx);
            if !self.take_news(fx) {
                return;
            }
        }
    }

    /// Takes one piece of news of a child; false if there is none.
    fn take_news(&mut self, fx: &mut dyn Effects<Self>) -> bool {
        let blamed = self.broadcasts.take_blamed().union(&self.index_sets.take_blamed());
        if !blamed.is_empty() {
            self.distrust(blamed);
        }
        if let Some((proposer, contribution)) = self.broadcasts.next() {
            self.delivered.insert(proposer);
            if let Some(place) = self.contributions.get_mut(proposer.as_usize()) {
                *place = Some(contribution);
            }
        } else if let Some((member, index_set)) = self.index_sets.next() {
            self.on_index_set(member, &index_set, fx);
        } else if let Some((member, value)) = self.agreements.next() {
            if !value || planted("dumbo1-chosen-set-dropped") {
                self.index_sets.free(member);
            }
            if let Some(set) = self.index_set(member).filter(|_| planted("dumbo1-dropped-early")) {
                self.broadcasts.retain(&set);
            }
        } else {
            return false;
        }
        true
    }

    /// The gate: after a quorum of deliveries this node helps to elect. Also when the committee is known already, since
    /// others may still need its share.
    fn pass_gate(&mut self, fx: &mut dyn Effects<Self>) {
        let committee = self.committee();
        let needed = if planted("dumbo1-early-share") { committee.one_honest() } else { committee.quorum() };
        if self.delivered.len() < needed {
            return;
        }
        if let Some(job) = self.election.as_mut().and_then(CoinInstance::release) {
            fx.job(Dumbo1Job::Election(job));
        }
    }

    /// Draws the members when the coin is known. What others said in the name of anybody else is of no use.
    fn elect(&mut self) {
        if self.members.is_some() {
            return;
        }
        if let Some(coin) = self.election.as_ref().and_then(CoinInstance::value) {
            let members = draw(&coin, self.committee());
            self.members = Some(members);
            self.index_sets.retain(&members);
            self.agreements.retain(&members);
        }
    }

    /// An index set was delivered. BOTTOM has been blamed by the broadcast; anything else that is no set is no better.
    fn on_index_set(&mut self, member: NodeIndex, delivered: &Contribution, fx: &mut dyn Effects<Self>) {
        let Some(body) = &delivered.body else { return };
        match self.valid_set(body.to_bytes()) {
            Some(set) => {
                if let Some(place) = self.sets.get_mut(member.as_usize()) {
                    *place = Some(set);
                }
            }
            None => {
                let segment = Segment::of(Layer::IndexSet, member);
                fx.fault(Fault::new(member, FaultKind::InvalidIndexSet).inside(segment));
            }
        }
    }

    fn valid_set(&self, bytes: Bytes) -> Option<NodeSet> {
        let committee = self.committee();
        let enough = committee.quorum() - usize::from(planted("dumbo1-small-set"));
        let set = codec::decode::<NodeSet>(&bytes).ok()?;
        let members_only = set.is_subset(&committee.all()) || planted("dumbo1-strangers-in-set");
        (members_only && set.len() >= enough).then_some(set)
    }

    /// A one for every member whose set is here with all that it names.
    fn support(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(members) = self.members else { return };
        for member in members.difference(&self.supported).iter() {
            let Some(set) = self.index_set(member) else { continue };
            if set.is_subset(&self.delivered) || planted("dumbo1-one-before-delivery") {
                self.supported.insert(member);
                self.agreements.input(member, true, fx);
            }
        }
    }

    /// As a member: gives away the set of what is delivered here, once, at the end of a turn.
    fn propose(&mut self, fx: &mut dyn Effects<Self>) {
        let me = self.params.me;
        let elected = self.members.is_some_and(|members| members.contains(me));
        if self.proposed || !elected || self.delivered.len() < self.committee().quorum() {
            return;
        }
        self.proposed = true;
        let set = codec::encode(&self.delivered);
        // A broadcast that recalls its proposal ignores another, and one that nobody needs is gone.
        self.index_sets.with(me, fx, |rbc, fx| rbc.input(set, fx));
    }

    /// After the first one: zeros to all agreements without an input, at the end of a turn.
    fn close(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(members) = self.members else { return };
        let due = !self.agreements.ones().is_empty() || planted("dumbo1-zeros-at-once");
        if self.closed || !due || planted("dumbo1-no-zeros") {
            return;
        }
        self.closed = true;
        // One that has an input ignores a second.
        members.iter().for_each(|member| self.agreements.input(member, false, fx));
    }

    /// Fixes the choice when all agreements have decided and the sets of those that decided 1 are here. From then on no
    /// other contribution is of use to anybody.
    fn choose(&mut self) {
        let Some(members) = self.members.filter(|_| self.choice.is_none()) else { return };
        if !members.is_subset(&self.agreements.decided()) {
            return;
        }
        let mut union = NodeSet::EMPTY;
        for member in self.agreements.ones().iter() {
            match self.index_set(member) {
                Some(_) if !union.is_empty() && planted("dumbo1-first-set-only") => {}
                Some(set) => union = union.union(&set),
                None if planted("dumbo1-missing-set-ignored") => {}
                None => return,
            }
        }
        self.choice = Some(union);
        self.broadcasts.retain(&union);
        for (node, contribution) in self.params.committee.nodes().zip(&mut self.contributions) {
            if !union.contains(node) {
                *contribution = None;
            }
        }
    }

    fn complete(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(choice) = self.choice.filter(|_| !self.output) else { return };
        if !choice.is_subset(&self.delivered) && !planted("dumbo1-output-before-delivery") {
            return;
        }
        self.output = true;
        let taken = self.contributions.iter_mut().zip(self.params.committee.nodes());
        fx.output(taken.filter_map(|(place, node)| Some((node, place.take()?))).collect());
    }

    fn on_election(&mut self, from: NodeIndex, share: CoinShare, fx: &mut dyn Effects<Self>) {
        if let Some(job) = self.election.as_mut().and_then(|election| election.add(from, share)) {
            fx.job(Dumbo1Job::Election(job));
        }
    }

    fn knows(&self, from: NodeIndex, instance: NodeIndex, fx: &mut dyn Effects<Self>) -> bool {
        let known = self.committee().contains(instance);
        if !known {
            fx.fault(Fault::new(from, FaultKind::UnknownInstance));
        }
        known
    }
}

impl Protocol for Dumbo1 {
    type Input = Bytes;
    type Output = Vec<(NodeIndex, Contribution)>;
    type Message = Dumbo1Message;
    type Job = Dumbo1Job;

    fn input(&mut self, input: Bytes, fx: &mut dyn Effects<Self>) {
        self.broadcasts.with(self.params.me, fx, |rbc, fx| rbc.input(input, fx));
        self.settle(fx);
    }

    fn receive(&mut self, from: NodeIndex, message: Dumbo1Message, fx: &mut dyn Effects<Self>) {
        match message {
            Dumbo1Message::Bkr(BkrMessage::Rbc { proposer, message }) => {
                if self.knows(from, proposer, fx) {
                    self.broadcasts.with(proposer, fx, |rbc, fx| rbc.receive(from, message, fx));
                }
            }
            Dumbo1Message::Bkr(BkrMessage::Votes(bundle)) => self.agreements.receive(from, bundle, fx),
            Dumbo1Message::Bkr(BkrMessage::Share { instance, round, share }) => {
                if self.knows(from, instance, fx) {
                    let message = AbaMessage::Share { round, share };
                    self.agreements.with(instance, fx, |aba, fx| aba.receive(from, message, fx));
                }
            }
            Dumbo1Message::IndexSet { member, message } => {
                if self.knows(from, member, fx) {
                    self.index_sets.with(member, fx, |rbc, fx| rbc.receive(from, message, fx));
                }
            }
            Dumbo1Message::Election(share) => self.on_election(from, share, fx),
        }
        self.settle(fx);
    }

    fn done(&mut self, done: Dumbo1Done, fx: &mut dyn Effects<Self>) {
        match done {
            Dumbo1Done::Rbc((Load::Contribution, proposer), done) => self.broadcasts.done(proposer, done, fx),
            Dumbo1Done::Rbc((Load::IndexSet, member), done) => self.index_sets.done(member, done, fx),
            Dumbo1Done::Aba(member, done) => self.agreements.done(member, done, fx),
            // The gate was open when the job was made.
            Dumbo1Done::Election(CoinDone::Share(share)) => {
                fx.send(To::All, Durable::No, Dumbo1Message::Election(share));
            }
            Dumbo1Done::Election(CoinDone::Combined(combination)) => {
                let Some(election) = &mut self.election else { return };
                let (culprits, again) = election.combined(combination);
                for culprit in culprits.iter() {
                    fx.fault(Fault::new(culprit, FaultKind::InvalidCoinShare).inside(ELECTION));
                }
                if let Some(job) = again {
                    fx.job(Dumbo1Job::Election(job));
                }
            }
        }
        self.settle(fx);
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        // Between turns children hold nothing back; only what was recalled waits for the end of one.
        if std::mem::take(&mut self.recalled) {
            self.broadcasts.flush(fx);
            self.index_sets.flush(fx);
            self.agreements.flush(fx);
            self.settle(fx);
        }
        self.propose(fx);
        self.close(fx);
        self.settle(fx);
        for (durable, bundle) in self.agreements.drain() {
            fx.send(To::All, durable, Dumbo1Message::Bkr(BkrMessage::Votes(bundle)));
        }
    }

    fn recall(&mut self, to: To, message: Dumbo1Message) {
        self.recalled = true;
        match message {
            Dumbo1Message::Bkr(BkrMessage::Rbc { proposer, message }) => self.broadcasts.recall(proposer, to, message),
            Dumbo1Message::Bkr(BkrMessage::Votes(_)) if planted("dumbo1-recall-forgets-votes") => {}
            Dumbo1Message::Bkr(BkrMessage::Votes(bundle)) => self.agreements.recall(to, bundle),
            Dumbo1Message::IndexSet { .. } if planted("dumbo1-recall-forgets-sets") => {}
            Dumbo1Message::IndexSet { member, message } => self.index_sets.recall(member, to, message),
            // Not durable.
            Dumbo1Message::Bkr(BkrMessage::Share { .. }) | Dumbo1Message::Election(_) => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.broadcasts.forget(peer, fx);
        self.index_sets.forget(peer, fx);
        self.agreements.forget(peer, fx);
        self.settle(fx);
    }

    fn is_terminated(&self) -> bool {
        false
    }
}

impl Subset for Dumbo1 {
    const NAME: &'static str = "dumbo1";

    fn new(params: SubsetParams) -> Self {
        let committee = params.committee;
        let name = if planted("dumbo1-coin-of-an-agreement") {
            params.domain.child(Segment::of(Layer::Aba, NodeIndex(0))).statement(Purpose::Coin, Round(3))
        } else {
            params.domain.child(ELECTION).statement(Purpose::Coin, Round(0))
        };
        let name = name.digest();
        // With everybody in the committee there is nothing to draw.
        let members = match committee_size(committee) {
            size if size == committee.n() => Some(committee.all()),
            _ if planted("dumbo1-predictable") => Some(draw(&CoinValue(name), committee)),
            _ => None,
        };
        let election = members.is_none().then(|| CoinInstance::new(params.coin.clone(), name, committee.one_honest()));
        // Nobody can make a node hold more for an index set than a set of nodes can take.
        let small = Arc::new(params.codec.limited(MAX_SET_BYTES));
        Dumbo1 {
            broadcasts: Broadcasts::new(&params, &params.codec, |proposer| (Load::Contribution, proposer)),
            index_sets: Broadcasts::new(&params, &small, |member| (Load::IndexSet, member)),
            agreements: Agreements::new(&params, |instance| instance),
            election,
            members,
            contributions: vec![None; committee.n()],
            delivered: NodeSet::EMPTY,
            sets: vec![None; committee.n()],
            proposed: false,
            supported: NodeSet::EMPTY,
            closed: false,
            choice: None,
            output: false,
            recalled: false,
            params,
        }
    }

    fn decided(&self) -> bool {
        self.choice.is_some()
    }

    fn distrust(&mut self, nodes: NodeSet) {
        self.broadcasts.distrust(nodes);
        self.index_sets.distrust(nodes);
    }

    fn contribution(&self, proposer: NodeIndex) -> Option<&Contribution> {
        self.contributions.get(proposer.as_usize())?.as_ref()
    }

    fn memory(&self) -> usize {
        let bodies = self.contributions.iter().flatten().filter_map(|c| c.body.as_ref()).map(|body| body.len());
        let children = [self.broadcasts.memory(), self.index_sets.memory(), self.agreements.memory()];
        size_of::<Self>()
            + self.sets.capacity() * size_of::<Option<NodeSet>>()
            + self.election.as_ref().map_or(0, CoinInstance::memory)
            + children.into_iter().chain(bodies).sum::<usize>()
    }
}
