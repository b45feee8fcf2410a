//! The state machine: what it holds, and where events go.

use std::collections::BTreeMap;

use bytes::Bytes;
use mellivora_broadcast::certify::Collector;
use mellivora_broadcast::{Spb, SpbInput, SpbMessage, SpbOutput};
use mellivora_core::codec::Blob;
use mellivora_core::{
    Digest, Durable, Effects, Fault, FaultKind, Keyed, Layer, Lens, NodeIndex, NodeSet, Parent, Protocol, Round,
    Segment, To, planted,
};
use mellivora_crypto::{Assembly, Certificate, Claim};

use super::job::{About, SmvbaDone, SmvbaJob, Subject, Work, Worked};
use super::justification::{Justification, Origin};
use super::message::{Halt, HaltProof, SmvbaMessage};
use super::names::Names;
use super::view::{Proposal, Stage, View};
use crate::coin::{CoinDone, CoinJob};
use crate::mvba::{Mvba, MvbaParams};

/// Agreement on one value after sMVBA. See the [module page](super).
#[derive(Debug)]
pub struct Smvba {
    pub(super) params: MvbaParams,
    pub(super) names: Names,
    /// The view that this node works in.
    pub(super) current: Round,
    /// The last view that the log says this node spoke in.
    recalled: Round,
    /// Something was recalled that the rules have not been applied to.
    stale: bool,
    /// The value that this node proposes, and where it comes from.
    pub(super) value: Option<(Bytes, Origin)>,
    /// For each view since then (since the first, without a value): its leader, and that a quorum saw no lock of it.
    pub(super) chain: Vec<(NodeIndex, Certificate)>,
    pub(super) views: BTreeMap<Round, View>,
    /// Values that this node has vouched for, with those who got them on request.
    pub(super) asserted: BTreeMap<Digest, (Bytes, NodeSet)>,
    /// Values that this node lacks, with those whom it asked; and how many answers each of those has given.
    pub(super) wanted: BTreeMap<Digest, NodeSet>,
    pub(super) answers: BTreeMap<NodeIndex, usize>,
    /// The HALT of each node.
    pub(super) halts: Vec<Option<(Halt, Stage)>>,
    pub(super) decided: Option<(Halt, Bytes)>,
    /// Whether the decision was handed out.
    pub(super) announced: bool,
}

impl Parent<Spb> for Smvba {
    type Key = (Round, NodeIndex);

    fn message((view, proposer): Self::Key, message: SpbMessage) -> SmvbaMessage {
        SmvbaMessage::Spb { view, proposer, message }
    }

    fn job(key: Self::Key, job: <Spb as Protocol>::Job) -> SmvbaJob {
        SmvbaJob(Work::Spb(Keyed { key, job }))
    }

    fn segment((_, proposer): Self::Key) -> Segment {
        Segment::of(Layer::Pb, proposer)
    }
}

impl Smvba {
    /// The view that this node works in, from 1.
    pub fn view(&self) -> Round {
        self.current
    }

    /// The leader of a view, once it is known here.
    pub fn leader(&self, view: Round) -> Option<NodeIndex> {
        self.views.get(&view)?.leader
    }

    /// The decision with its proof, once there is one.
    pub fn halt(&self) -> Option<&Halt> {
        self.decided.as_ref().map(|(halt, _)| halt)
    }

    /// The broadcast of a node's value in a view, once it has begun. For oracles.
    pub fn broadcast(&self, view: Round, proposer: NodeIndex) -> Option<&Spb> {
        self.views.get(&view)?.known(proposer)
    }

    /// Whether this node may release its share of the coin of `view`. For oracles.
    pub fn gate_is_open(&self, view: Round) -> bool {
        self.views
            .get(&view)
            .is_some_and(|known| known.finished.len() >= self.params.committee.quorum() || known.coin.value().is_some())
    }

    /// The last view whose messages are taken.
    fn horizon(&self) -> Round {
        self.current.max(self.recalled).plus(self.params.views_ahead)
    }

    pub(super) fn view_mut(&mut self, view: Round) -> &mut View {
        let Smvba { views, params, names, .. } = self;
        views.entry(view).or_insert_with(|| View::new(params, names, view))
    }

    pub(super) fn check(
        &self,
        subject: Subject,
        claims: Vec<Claim>,
        input: Option<&Bytes>,
        fx: &mut dyn Effects<Self>,
    ) {
        let input = input.map(|value| (self.params.predicate.clone(), value.clone()));
        claims.iter().for_each(|claim| self.params.certificates.announce(claim));
        fx.job(SmvbaJob(Work::Check { subject, claims, input, scheme: self.params.certificates.clone() }));
    }

    /// Calls `act` on the broadcast of `proposer`, a member, and takes what it puts out.
    pub(super) fn with_spb(
        &mut self,
        view: Round,
        proposer: NodeIndex,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Spb, &mut dyn Effects<Spb>),
    ) {
        let Smvba { views, params, names, .. } = self;
        let place = views.entry(view).or_insert_with(|| View::new(params, names, view));
        // A logged PREVOTE speaks of a leader whom this node does not know yet, after a restart.
        let abandoned = (place.leader.is_some() || place.said_prevote) && !planted("smvba-no-abandon");
        let Some(spb) = place.spb(params, names, view, proposer) else { return };
        let mut outputs = Vec::new();
        let mut lens = Lens::new(fx, (view, proposer), &mut outputs);
        if abandoned && !spb.is_abandoned() {
            spb.input(SpbInput::Abandon, &mut lens);
        }
        act(spb, &mut lens);
        for output in outputs {
            match output {
                SpbOutput::Proposed { digest, value, proof } => {
                    self.on_proposal(view, proposer, digest, &value, &proof, fx);
                    self.value_arrived(digest, fx);
                    if !planted("smvba-finish-before-value-lost") {
                        self.try_finish(view, fx);
                    }
                }
                SpbOutput::Locked(_) => {}
                SpbOutput::Finished(_) => {
                    self.view_mut(view).finished.insert(proposer);
                    self.try_finish(view, fx);
                }
            }
        }
    }

    /// Is the proposal of `proposer` acceptable in `view`?
    fn on_proposal(
        &mut self,
        view: Round,
        proposer: NodeIndex,
        digest: Digest,
        value: &Bytes,
        proof: &Bytes,
        fx: &mut dyn Effects<Self>,
    ) {
        let Some(justification) = Justification::from_bytes(proof, view) else {
            return self.refuse(view, proposer, fx);
        };
        let claims = justification.claims(&self.names, view, digest);
        let input = match &justification.origin {
            Origin::Input => (!planted("smvba-predicate-unchecked")).then_some(value),
            Origin::Lock { view: origin, leader, .. } => {
                let waits = Proposal::NeedsLeader(*origin, *leader);
                if let Some(place) = self.view_mut(view).proposals.get_mut(proposer.as_usize()) {
                    *place = waits;
                }
                None
            }
        };
        self.check(Subject::Proposal(view, proposer), claims, input, fx);
    }

    fn refuse(&mut self, view: Round, proposer: NodeIndex, fx: &mut dyn Effects<Self>) {
        if let Some(place) = self.view_mut(view).proposals.get_mut(proposer.as_usize()) {
            *place = Proposal::Settled;
        }
        fx.fault(Fault::new(proposer, FaultKind::UnjustifiedValue));
    }

    /// Everything that the justification names was signed. Who led the view that a lock comes from?
    fn justified(&mut self, view: Round, proposer: NodeIndex, fx: &mut dyn Effects<Self>) {
        let waits = self.view_mut(view).proposals.get(proposer.as_usize()).copied();
        if let Some(Proposal::NeedsLeader(origin, claimed)) = waits
            && !planted("smvba-lock-of-anybody")
        {
            match self.view_mut(origin).leader {
                None => {
                    self.view_mut(view).signed.insert(proposer);
                    return self.ask_leader(origin, proposer, fx);
                }
                Some(leader) if leader != claimed => return self.refuse(view, proposer, fx),
                Some(_) => {}
            }
        }
        if let Some(place) = self.view_mut(view).proposals.get_mut(proposer.as_usize()) {
            *place = Proposal::Settled;
        }
        self.with_spb(view, proposer, fx, |spb, fx| spb.input(SpbInput::Accept, fx));
    }

    /// The leader of `view` is known from now on: nobody signs in its broadcasts any more, and what waited goes on.
    pub(super) fn learn_leader(&mut self, view: Round, fx: &mut dyn Effects<Self>) {
        let n = self.params.committee.n();
        let quorum = self.params.committee.quorum();
        let names = self.names;
        let place = self.view_mut(view);
        let Some(value) = place.coin.value().filter(|_| place.leader.is_none()) else { return };
        // A committee has at most 256 nodes, so the index fits.
        let leader = NodeIndex(value.choose(n) as u16);
        place.leader = Some(leader);
        place.no_lock = Some(Collector::new(names.no_lock_statement(view, leader), quorum));
        place.no_value = Some(Collector::new(names.no_value_statement(view, leader), names.votes()));
        let begun = place.spbs.len();
        for proposer in self.params.committee.nodes().take(begun) {
            // Abandons, as every call does from now on.
            self.with_spb(view, proposer, fx, |_, _| {});
        }
        self.try_finish(view, fx);
        for node in self.params.committee.nodes() {
            self.review_prevote(view, node, fx);
            self.review_vote(view, node, fx);
            self.review_halt(node, fx);
        }
        // Proposals of later views may rest on the lock of this one.
        let later: Vec<Round> = self.views.range(view.next()..).map(|(later, _)| *later).collect();
        for later in later {
            for proposer in self.view_mut(later).signed.iter() {
                let waits = self.view_mut(later).proposals.get(proposer.as_usize()).copied();
                if matches!(waits, Some(Proposal::NeedsLeader(origin, _)) if origin == view) {
                    self.view_mut(later).signed.remove(proposer);
                    self.justified(later, proposer, fx);
                }
            }
        }
    }

    /// The leader's broadcast is finished: that is a decision, at any time.
    fn try_finish(&mut self, view: Round, fx: &mut dyn Effects<Self>) {
        let Some(place) = self.views.get(&view) else { return };
        let Some(leader) = place.leader else { return };
        let Some((digest, certificate)) = place.known(leader).and_then(Spb::finish) else { return };
        let halt = Halt { view, leader, digest, proof: HaltProof::Finish(certificate.clone()) };
        if let Some(value) = self.at_hand(view, leader, &digest) {
            self.decide(halt, value, fx);
        }
    }

    /// The value with this digest, if it is here: in the leader's broadcast, or among those that were vouched for.
    pub(super) fn at_hand(&self, view: Round, leader: NodeIndex, digest: &Digest) -> Option<Bytes> {
        if let Some((value, _)) = self.asserted.get(digest) {
            return Some(value.clone());
        }
        let spb = self.views.get(&view)?.known(leader)?;
        let sent = spb.value().filter(|(known, _)| known == digest).map(|(_, value)| value);
        let locked = spb.lock().filter(|(known, ..)| known == digest).map(|(_, value, _)| value);
        sent.or(locked).cloned()
    }

    /// This node vouches for a value: whoever asks gets it.
    pub(super) fn assert_value(&mut self, digest: Digest, value: Bytes) {
        self.asserted.entry(digest).or_insert((value, NodeSet::EMPTY));
    }

    /// Logs a value that this node is about to vouch for, unless it is in the log with the lock.
    pub(super) fn log_value(
        &mut self,
        view: Round,
        leader: NodeIndex,
        digest: Digest,
        value: Bytes,
        fx: &mut dyn Effects<Self>,
    ) {
        let locked = self.views.get(&view).and_then(|place| place.known(leader)?.lock()).is_some();
        if !locked {
            let value = SmvbaMessage::Value(Blob(value.clone()));
            fx.send(To::Node(self.params.me), Durable::Yes, value);
        }
        self.assert_value(digest, value);
    }

    /// Logs what proves the leader of `view`, before this node says who it is.
    pub(super) fn log_proof(&mut self, view: Round, fx: &mut dyn Effects<Self>) {
        let me = self.params.me;
        let place = self.view_mut(view);
        if !std::mem::replace(&mut place.proof_logged, true)
            && let Some(shares) = place.proof()
        {
            fx.send(To::Node(me), Durable::Yes, SmvbaMessage::Leader { view, shares });
        }
    }

    fn coin_done(&mut self, view: Round, done: CoinDone, fx: &mut dyn Effects<Self>) {
        match done {
            // The gate was open when the job was made. It goes out in any case: others may lack it.
            CoinDone::Share(share) => fx.send(To::All, Durable::No, SmvbaMessage::Share { view, share }),
            CoinDone::Combined(combination) => {
                let (culprits, job) = self.view_mut(view).coin.combined(combination);
                for culprit in culprits.iter() {
                    fx.fault(Fault::new(culprit, FaultKind::InvalidCoinShare));
                }
                self.coin_job(view, job, fx);
                self.learn_leader(view, fx);
            }
        }
    }

    fn coin_job(&self, view: Round, job: Option<CoinJob>, fx: &mut dyn Effects<Self>) {
        if let Some(job) = job {
            fx.job(SmvbaJob(Work::Coin(Keyed { key: view, job })));
        }
    }

    /// A certificate of this view, or the names of those whose signatures spoilt it.
    fn assembled(&mut self, view: Round, about: About, assembly: Assembly, fx: &mut dyn Effects<Self>) {
        let place = self.view_mut(view);
        let collector = match about {
            About::NoLocks => &mut place.no_lock,
            About::NoValue => &mut place.no_value,
            About::Seen => &mut place.seen,
        };
        let Some(collector) = collector else { return };
        let digest = collector.statement().digest;
        let (certificate, culprits, work) = collector.assembled(assembly);
        match (about, certificate) {
            (_, None) => {}
            (About::NoLocks, certificate) => place.no_locks = certificate,
            (About::NoValue, certificate) => place.no_values = certificate,
            (About::Seen, Some(certificate)) => place.all_seen = Some((digest, certificate)),
        }
        for node in culprits.iter() {
            if about != About::NoLocks
                && let Some(Some(slot)) = place.votes.get_mut(node.as_usize())
            {
                slot.stage = Stage::Spent;
            }
            let kind = if about == About::NoLocks { FaultKind::InvalidPrevote } else { FaultKind::InvalidVote };
            fx.fault(Fault::new(node, kind));
        }
        self.assemble(view, about, work, fx);
    }

    pub(super) fn assemble(
        &self,
        view: Round,
        about: About,
        work: Option<mellivora_broadcast::certify::Assemble>,
        fx: &mut dyn Effects<Self>,
    ) {
        if let Some(work) = work {
            let scheme = self.params.certificates.clone();
            fx.job(SmvbaJob(Work::Assemble { view, about, work, scheme }));
        }
    }

    /// Draws the consequences of what was recalled.
    fn resume(&mut self, fx: &mut dyn Effects<Self>) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let locks = self.views.values().flat_map(|place| place.spbs.iter().filter_map(Spb::lock));
        let locks: Vec<_> = locks.map(|(digest, value, _)| (digest, value.clone())).collect();
        locks.into_iter().for_each(|(digest, value)| self.assert_value(digest, value));
        self.announce(fx);
        if self.decided.is_some() {
            return self.bury();
        }
        self.enter(self.current);
        let views: Vec<Round> = self.views.keys().copied().collect();
        for view in views {
            for proposer in self.params.committee.nodes().take(self.view_mut(view).spbs.len()) {
                self.with_spb(view, proposer, fx, |spb, fx| spb.flush(fx));
            }
            if let Some(shares) = self.view_mut(view).recalled_proof.clone() {
                self.combine_proof(view, self.params.me, shares, fx);
            }
        }
        self.progress(fx);
    }
}

impl Protocol for Smvba {
    type Input = Bytes;
    type Output = Bytes;
    type Message = SmvbaMessage;
    type Job = SmvbaJob;

    fn input(&mut self, input: Bytes, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        if self.value.is_none() && self.decided.is_none() {
            self.value = Some((input, Origin::Input));
            self.progress(fx);
        }
    }

    fn receive(&mut self, from: NodeIndex, message: SmvbaMessage, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        if !self.params.committee.contains(from) {
            return;
        }
        match message {
            SmvbaMessage::AskLeader(view) => return self.on_ask_leader(from, view, fx),
            SmvbaMessage::AskValue(digest) => return self.on_ask_value(from, digest, fx),
            _ if self.decided.is_some() => return,
            _ if message.view().is_some_and(|view| view > self.horizon()) => return,
            SmvbaMessage::Spb { view, proposer, message } => {
                if !self.params.committee.contains(proposer) {
                    return fx.fault(Fault::new(from, FaultKind::UnknownInstance));
                }
                self.with_spb(view, proposer, fx, |spb, fx| spb.receive(from, message, fx));
            }
            SmvbaMessage::Share { view, share } => {
                let job = self.view_mut(view).coin.add(from, share);
                self.coin_job(view, job, fx);
            }
            SmvbaMessage::Prevote { view, leader, prevote } => self.on_prevote(from, view, leader, prevote, fx),
            SmvbaMessage::Vote { view, leader, vote } => self.on_vote(from, view, leader, vote, fx),
            SmvbaMessage::Halt(halt) => self.on_halt(from, halt, fx),
            SmvbaMessage::Leader { view, shares } => self.on_leader(from, view, shares, fx),
            SmvbaMessage::Value(value) => self.on_value(from, value.0, fx),
        }
        self.progress(fx);
    }

    fn done(&mut self, done: SmvbaDone, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        match done.0 {
            Worked::Coin(view, CoinDone::Share(share)) => self.coin_done(view, CoinDone::Share(share), fx),
            _ if self.decided.is_some() => {}
            Worked::Spb((view, proposer), done) => {
                self.with_spb(view, proposer, fx, |spb, fx| spb.done(done, fx));
            }
            Worked::Coin(view, done) => self.coin_done(view, done, fx),
            Worked::Checked(Subject::Proposal(view, proposer), true) => self.justified(view, proposer, fx),
            Worked::Checked(Subject::Proposal(view, proposer), false) => self.refuse(view, proposer, fx),
            Worked::Checked(Subject::Prevote(view, node), valid) => self.prevote_checked(view, node, valid, fx),
            Worked::Checked(Subject::Vote(view, node), valid) => self.vote_checked(view, node, valid, fx),
            Worked::Checked(Subject::Halt(node), valid) => self.halt_checked(node, valid, fx),
            Worked::Assembled { view, about, assembly } => self.assembled(view, about, assembly, fx),
            Worked::Led { view, from, shares, combination } => self.led(view, from, shares, combination, fx),
            Worked::Hashed { from, value, digest } => self.value_hashed(from, value, digest, fx),
        }
        self.progress(fx);
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
    }

    fn recall(&mut self, to: To, message: SmvbaMessage) {
        self.stale = true;
        self.recalled = self.recalled.max(message.view().unwrap_or_default());
        let me = self.params.me;
        match message {
            SmvbaMessage::Spb { view, proposer, message } => {
                let Smvba { views, params, names, .. } = self;
                let place = views.entry(view).or_insert_with(|| View::new(params, names, view));
                if let Some(spb) = place.spb(params, names, view, proposer) {
                    spb.recall(to, message);
                }
            }
            SmvbaMessage::Prevote { view, leader, prevote } if !planted("smvba-recall-forgets-prevote") => {
                let place = self.view_mut(view);
                place.said_prevote = true;
                place.hear_prevote(me, leader, prevote);
            }
            SmvbaMessage::Vote { view, leader, vote } if !planted("smvba-recall-forgets-vote") => {
                let place = self.view_mut(view);
                place.said_vote = true;
                place.hear_vote(me, leader, vote);
            }
            SmvbaMessage::Leader { view, shares } if to == To::Node(me) => {
                let place = self.view_mut(view);
                place.proof_logged = true;
                place.recalled_proof = Some(shares);
            }
            SmvbaMessage::Value(value) if to == To::Node(me) => {
                self.assert_value(mellivora_broadcast::spb::VALUE.digest(&value), value.0);
            }
            SmvbaMessage::Halt(halt) => {
                let value = self.at_hand(halt.view, halt.leader, &halt.digest);
                self.decided = value.map(|value| (halt, value));
            }
            _ => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, _fx: &mut dyn Effects<Self>) {
        for view in self.views.values_mut() {
            view.proved.remove(peer);
        }
        for (_, served) in self.asserted.values_mut() {
            served.remove(peer);
        }
    }

    /// Always false: a decided instance still answers. It is freed with its parent.
    fn is_terminated(&self) -> bool {
        false
    }
}

impl Mvba for Smvba {
    fn new(params: MvbaParams) -> Self {
        Smvba {
            names: Names::new(&params),
            current: Round(1),
            recalled: Round(0),
            stale: false,
            value: None,
            chain: Vec::new(),
            views: BTreeMap::new(),
            asserted: BTreeMap::new(),
            wanted: BTreeMap::new(),
            answers: BTreeMap::new(),
            halts: params.committee.nodes().map(|_| None).collect(),
            decided: None,
            announced: false,
            params,
        }
    }

    fn decision(&self) -> Option<&Bytes> {
        self.decided.as_ref().map(|(_, value)| value)
    }

    fn memory(&self) -> usize {
        let values: usize = self.asserted.values().map(|(value, _)| value.len()).sum();
        let own = self.value.as_ref().map_or(0, |(value, _)| value.len());
        let chain: usize = self.chain.iter().map(|(_, certificate)| certificate.memory()).sum();
        let halts = self.halts.iter().flatten().map(|(halt, _)| match &halt.proof {
            HaltProof::Finish(certificate) | HaltProof::Seen(certificate) => certificate.memory(),
        });
        size_of::<Self>()
            + self.views.values().map(View::memory).sum::<usize>()
            + values
            + own
            + chain
            + halts.sum::<usize>()
            + self.halts.capacity() * size_of::<Option<(Halt, Stage)>>()
    }
}
