//! The model and the real nodes side by side: what arrives, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mellivora_agreement::smvba::{Halt, HaltProof, Justification, Origin, Prevote, Vote};
use mellivora_agreement::{Mvba, Smvba, SmvbaMessage};
use mellivora_broadcast::{SpbMessage, Stage};
use mellivora_core::{Committee, Digest, NodeIndex, Protocol, Round, To};
use mellivora_crypto::Endorsement;
use mellivora_model::Weakening;
use mellivora_model::mvba::{self, Act, Local, State, Step};
use mellivora_model::system::System;
use mellivora_model::values::Values;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::puppet::{Puppet, bytes, round, value_in, value_of};
use crate::support::{Actor, Deed, Z};
use crate::{H, R};

pub(crate) type Model = mvba::Smvba<H, R>;

/// The model, and everything that it may begin with.
pub(crate) struct Start {
    model: Model,
    /// The same, but a node with a lock may vote no. See [`World::take`].
    late: Model,
    initial: Vec<State<H, R>>,
}

impl Start {
    pub(crate) fn new(weakening: Option<Weakening>) -> Self {
        let committee = Committee::new(H + 1).unwrap();
        let model = Model::step_by_step(committee, weakening);
        let initial = model.initial();
        Start { model, late: Model::step_by_step(committee, Some(Weakening::LockedMayVoteNo)), initial }
    }
}

/// What of the Byzantine node's messages only the first counts of, at one receiver: kind, view, proposer.
type Slot = (u8, Round, NodeIndex);

pub(crate) struct World<'a> {
    start: &'a Start,
    pub(crate) state: State<H, R>,
    pub(crate) actors: Vec<Actor<Smvba>>,
    pub(crate) puppet: Puppet,
    /// What honest nodes have said, with sender and receivers.
    pub(crate) pool: Vec<(usize, To, SmvbaMessage)>,
    /// Places in the pool that a node has heard.
    pub(crate) heard: [Vec<bool>; H],
    told: BTreeMap<(usize, Slot), SmvbaMessage>,
    /// Places with questions that the Byzantine node has answered.
    pub(crate) answered: BTreeSet<usize>,
    /// What each node puts in, and whether it has.
    inputs: [u8; H],
    pub(crate) has_input: [bool; H],
    pub(crate) seen: Seen,
    pub(crate) rng: ChaCha8Rng,
}

/// What paths have come by.
#[derive(Default)]
pub(crate) struct Seen {
    /// Acts of real nodes, by view.
    pub(crate) acts: BTreeMap<(usize, &'static str), usize>,
    /// Justifications that a real node has signed for: the view of origin, and the view.
    pub(crate) justified: BTreeMap<(u32, u32), usize>,
    /// Times that a node with a lock voted no.
    pub(crate) locked_no: usize,
}

fn slot(message: &SmvbaMessage) -> Option<Slot> {
    let none = NodeIndex(0);
    Some(match message {
        SmvbaMessage::Spb { view, proposer, message } => {
            let kind = match message {
                SpbMessage::Send { .. } => 0,
                SpbMessage::Lock(..) => 1,
                SpbMessage::Finish(..) => 2,
                SpbMessage::Endorse(Stage::Lock, _) => 3,
                SpbMessage::Endorse(Stage::Finish, _) => 4,
                SpbMessage::Record(_) => return None,
            };
            (kind, *view, *proposer)
        }
        SmvbaMessage::Prevote { view, .. } => (5, *view, none),
        SmvbaMessage::Vote { view, .. } => (6, *view, none),
        SmvbaMessage::Halt(_) => (7, Round(0), none),
        _ => return None,
    })
}

fn name(act: Act) -> &'static str {
    match act {
        Act::Endorse(_) => "stage 1",
        Act::Lock(_) => "stage 2",
        Act::PrevoteYes => "PREVOTE yes",
        Act::PrevoteNo => "PREVOTE no",
        Act::VoteYes(_) => "VOTE yes",
        Act::VoteNo => "VOTE no",
        Act::Adopt(_) => "takes over",
        Act::Keep => "keeps",
    }
}

impl Seen {
    pub(crate) fn add(&mut self, other: Seen) {
        other.acts.into_iter().for_each(|(act, count)| *self.acts.entry(act).or_default() += count);
        other.justified.into_iter().for_each(|(views, count)| *self.justified.entry(views).or_default() += count);
        self.locked_no += other.locked_no;
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, start: &'a Start) -> Self {
        let committee = Committee::new(H + 1).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // A Byzantine leader lies most.
        let leaders = std::array::from_fn(|_| if rng.random() { Z as u16 } else { rng.random_range(0..H as u16) });
        let fits = |state: &&State<H, R>| (0..R).all(|view| u16::from(state.views[view].leader) == leaders[view]);
        let fitting: Vec<_> = start.initial.iter().filter(fits).collect();
        let state = **fitting.choose(&mut rng).expect("every sequence of leaders is there");
        let puppet = Puppet::new(committee, leaders, &mut rng);
        World {
            start,
            state,
            actors: (0..H).map(|node| Actor::new(node, Smvba::new(puppet.params(node)))).collect(),
            puppet,
            pool: Vec::new(),
            heard: Default::default(),
            told: BTreeMap::new(),
            answered: BTreeSet::new(),
            inputs: state.nodes.map(|node| node.value),
            has_input: [false; H],
            seen: Seen::default(),
            rng,
        }
    }

    pub(crate) fn model(&self) -> &'a Model {
        &self.start.model
    }

    pub(crate) fn allows(&self, step: Step) -> bool {
        self.start.model.allows(&self.state, step)
    }

    pub(crate) fn real(&self, node: usize) -> &Smvba {
        &self.actors[node].instance
    }

    pub(crate) fn local(&self, node: usize, view: usize) -> Local {
        self.state.views[view].nodes[node]
    }

    /// The view of a node, as the model counts.
    pub(crate) fn at(&self, node: usize) -> usize {
        usize::from(self.state.nodes[node].view)
    }

    pub(crate) fn has_decided(&self, node: usize) -> bool {
        self.real(node).decision().is_some()
    }

    /// A step that a real node has taken.
    fn take(&mut self, node: usize, view: usize, act: Act, why: &dyn std::fmt::Debug) {
        let step = Step { node, view, act };
        // In the model a node hears its own PREVOTE yes first. A real one that has a quorum of PREVOTE no at hand when
        // it learns the leader may vote no before that, which breaks nothing: see `HARMLESS`.
        let late = act == Act::VoteNo && self.local(node, view).prevoted_yes();
        let allowed = self.allows(step) || late && self.start.late.allows(&self.state, step);
        assert!(allowed, "the model does not allow \"{step}\" ({why:?}):\n{}", self.state);
        self.seen.locked_no += usize::from(late);
        self.state = self.start.model.apply(&self.state, step);
        *self.seen.acts.entry((view, name(act))).or_default() += 1;
    }

    /// A node shows that it is in a view: what did it leave the views before with?
    fn arrive(&mut self, node: usize, view: usize, origin: Option<(&Origin, u8)>, why: &dyn std::fmt::Debug) {
        while self.at(node) < view.min(R) {
            let left = self.at(node);
            let proposed = origin.is_some() && left + 1 == view;
            assert!(proposed || !self.has_input[node], "node {node} proposes nothing on its way");
            let act = match origin {
                Some((Origin::Lock { view, .. }, value)) if *view == round(left) => Act::Adopt(value),
                _ => Act::Keep,
            };
            self.take(node, left, act, why);
        }
    }

    /// Its own SEND.
    fn proposes(&mut self, node: usize, view: Round, value: &Bytes, proof: &Bytes) {
        let at = view.0 as usize - 1;
        let justification = Justification::from_bytes(proof, view).expect("a chain for every view since the origin");
        assert!(self.puppet.accepts(view, value, &justification), "node {node} cannot justify {value:?} in {view:?}");
        if at <= R {
            let value = value_in(value);
            self.arrive(node, at, Some((&justification.origin, value)), &justification);
            assert_eq!(self.state.nodes[node].value, value, "node {node} proposes in {view:?}");
        }
    }

    /// A signature for the leader's broadcast.
    fn signs(&mut self, node: usize, at: usize, stage: Stage, endorsement: &Endorsement) {
        let leader = self.puppet.leaders[at];
        let value = self.puppet.value_signed(node, (at, leader), stage, endorsement);
        let value = value.expect("a value that may be agreed on");
        if stage == Stage::Finish {
            return self.take(node, at, Act::Lock(value), &stage);
        }
        self.take(node, at, Act::Endorse(value), &stage);
        let spb = self.real(node).broadcast(round(at), NodeIndex(leader));
        if let Some((_, proof)) = spb.and_then(|spb| spb.sent())
            && let Some(justification) = Justification::from_bytes(proof, round(at))
        {
            *self.seen.justified.entry((justification.origin.view().0, round(at).0)).or_default() += 1;
        }
    }

    /// HALT.
    fn halts(&mut self, node: usize, halt: &Halt) {
        let (at, value) = (halt.view.0 as usize - 1, value_of(halt.digest));
        if at >= R {
            return;
        }
        assert_eq!(halt.leader.0, self.puppet.leaders[at], "the leader that node {node} names in {halt:?}");
        let (decided, how) = match halt.proof {
            HaltProof::Finish(_) => (self.state.views[at].cert2, "by FINISH"),
            HaltProof::Seen(_) => (self.state.decided, "by VOTEs"),
        };
        assert!(decided.has(value), "the model does not decide as node {node} does, {halt:?}:\n{}", self.state);
        *self.seen.acts.entry((at, how)).or_default() += 1;
    }

    /// Explains what a real node said by steps of the model.
    fn said(&mut self, node: usize, to: To, message: &SmvbaMessage) {
        let leads = |at: usize, named: NodeIndex| at < R && named.0 == self.puppet.leaders[at];
        match message {
            SmvbaMessage::Spb { view, proposer, message: SpbMessage::Send { value, proof } } => {
                assert_eq!((to, proposer.as_usize()), (To::All, node), "its own value, to all");
                self.proposes(node, *view, value, proof);
            }
            SmvbaMessage::Spb { view, proposer, message: SpbMessage::Endorse(stage, endorsement) } => {
                assert_eq!(to, To::Node(*proposer));
                let at = view.0 as usize - 1;
                if leads(at, *proposer) {
                    self.signs(node, at, *stage, endorsement);
                }
            }
            SmvbaMessage::Prevote { view, leader, prevote } if *view <= round(R - 1) => {
                let at = view.0 as usize - 1;
                assert!(to == To::All && leads(at, *leader), "node {node} says {message:?}");
                self.arrive(node, at, None, message);
                let act = match prevote {
                    Prevote::Yes { digest, .. } => {
                        assert_eq!(self.local(node, at).locked(), Values::of(value_of(*digest)), "a lock it holds");
                        Act::PrevoteYes
                    }
                    Prevote::No(_) => Act::PrevoteNo,
                };
                self.take(node, at, act, message);
            }
            SmvbaMessage::Vote { view, leader, vote } if *view <= round(R - 1) => {
                let at = view.0 as usize - 1;
                assert!(to == To::All && leads(at, *leader), "node {node} says {message:?}");
                let act = match vote {
                    Vote::Yes { digest, .. } => Act::VoteYes(value_of(*digest)),
                    Vote::No { .. } => Act::VoteNo,
                };
                self.take(node, at, act, message);
            }
            SmvbaMessage::Halt(halt) => {
                assert_eq!(to, To::All);
                self.halts(node, halt);
            }
            _ => {}
        }
    }

    /// Explains what a real node did in one turn.
    fn explain(&mut self, node: usize, deeds: Vec<Deed<Smvba>>) {
        for deed in deeds {
            match deed {
                Deed::Send(to, message) => {
                    self.said(node, to, &message);
                    self.puppet.overhear(node, &message);
                    self.pool.push((node, to, message));
                }
                Deed::Output(value) => assert_eq!(Some(&value), self.real(node).decision(), "what it has decided"),
            }
        }
        self.heard.iter_mut().for_each(|heard| heard.resize(self.pool.len(), false));
        if !self.has_decided(node) {
            // Without an input it says nothing when it comes to a view.
            let view = self.real(node).view().0 as usize - 1;
            self.arrive(node, view, None, &"it is there");
            self.compare(node);
        }
    }

    /// Whether what the real node remembers is what the model's node has said.
    fn compare(&self, node: usize) {
        let real = self.real(node);
        for (at, view) in self.state.views.iter().enumerate() {
            let leader = NodeIndex(self.puppet.leaders[at]);
            let spb = real.broadcast(round(at), leader);
            let one = |digest: Option<Digest>| digest.map_or(Values::NONE, |digest| Values::of(value_of(digest)));
            let local = view.nodes[node];
            let endorsed = one(spb.and_then(|spb| spb.endorsed()));
            let locked = one(spb.and_then(|spb| spb.lock()).map(|(digest, ..)| digest));
            assert_eq!((local.endorsed(), local.locked()), (endorsed, locked), "node {node}, {}", self.state);
            assert!(real.leader(round(at)).is_none_or(|known| known == leader));
        }
        let at = self.at(node);
        assert_eq!(at, (real.view().0 as usize - 1).min(R), "the view of node {node}");
        if at < R {
            let knows = real.leader(round(at)).is_some();
            assert_eq!(knows, self.local(node, at).prevoted(), "node {node} knows the leader, and says so");
        }
    }

    /// Whether a value is decided in a view, as far as the model tells in which.
    pub(crate) fn is_decided(&self, at: usize, value: u8) -> bool {
        let voters = |view: usize| (0..H).filter(|&node| self.local(node, view).voted_yes().has(value)).count();
        let finished = |view: usize| self.state.views[view].cert2.has(value);
        let by_votes = !(0..R).any(finished) && (0..R).all(|view| view == at || voters(view) < voters(at));
        finished(at) || by_votes && self.state.decided.has(value)
    }

    pub(crate) fn input(&mut self, node: usize) {
        if !self.has_input[node] {
            // A node without an input takes over what others have, and what it could have put in is of no use any more.
            self.has_input[node] = true;
            let value = bytes(self.inputs[node]);
            let deeds = self.actors[node].act(|smvba, fx| smvba.input(value, fx));
            self.explain(node, deeds);
        }
    }

    pub(crate) fn deliver(&mut self, node: usize, place: usize) {
        self.heard[node][place] = true;
        let (from, _, message) = self.pool[place].clone();
        let deeds = self.actors[node].receive(from, message);
        self.explain(node, deeds);
    }

    /// What the Byzantine node has told a node in the slot of a message.
    pub(crate) fn told(&self, node: usize, message: &SmvbaMessage) -> Option<&SmvbaMessage> {
        self.told.get(&(node, slot(message)?))
    }

    /// The VOTE of the Byzantine node that a node has heard first.
    pub(crate) fn told_vote(&self, node: usize, at: usize) -> Option<&SmvbaMessage> {
        self.told.get(&(node, (6, round(at), NodeIndex(0))))
    }

    /// The Byzantine node says something to one node. False if something else has filled the slot.
    pub(crate) fn lie(&mut self, node: usize, message: SmvbaMessage) -> bool {
        let first = slot(&message).map(|slot| self.told.entry((node, slot)).or_insert_with(|| message.clone()));
        let counts = first.is_none_or(|first| *first == message);
        let deeds = self.actors[node].receive(Z, message);
        self.explain(node, deeds);
        counts
    }

    /// A share of the coin, as if it came from `from`.
    pub(crate) fn show_share(&mut self, node: usize, view: usize, from: usize) {
        let share = self.puppet.share(view, from);
        let deeds = self.actors[node].receive(from, share);
        self.explain(node, deeds);
    }

    /// Places with unheard messages for a node that `wanted` picks.
    pub(crate) fn places(&self, node: usize, wanted: impl Fn(&SmvbaMessage) -> bool) -> Vec<usize> {
        let me = NodeIndex(node as u16);
        let open = |place: &usize| {
            let (from, to, message) = &self.pool[*place];
            *from != node && !self.heard[node][*place] && to.includes(me) && wanted(message)
        };
        (0..self.pool.len()).filter(open).collect()
    }
}
