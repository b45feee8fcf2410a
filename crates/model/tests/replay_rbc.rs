//! The models of broadcast against the real state machine: four nodes, a Byzantine proposer, two payloads; whole ECHOs
//! for everybody, and the saving variant with 0 and 1 spare shards.
//!
//! As with agreement: random paths of the model are walked, the real nodes are made to do each step, and everything that
//! they do is a step that the model allows; when the Byzantine node has said nothing to a node, one that it allows on the word of
//! honest nodes alone. In the end all that honest nodes said arrives, and nobody owes a step any more. With whole ECHOs, the saving model (with everybody in reach) and the plain
//! one run side by side.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_broadcast::{EchoMode, Rbc, RbcConfig, RbcMessage};
use mellivora_coding::{Codec, Encoded};
use mellivora_core::codec::Blob;
use mellivora_core::{Committee, NodeIndex, To};
use mellivora_model::saving::{Act, Node, Saving, State, Step};
use mellivora_model::system::{Help, System};
use mellivora_model::values::Values;
use mellivora_model::{Weakening, rbc};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::{Actor, Deed, Z};

const H: usize = 3;

/// What a node was shown by another one: it counts once per sender.
#[derive(Default)]
struct View {
    /// Place in the pool, heard.
    places: Vec<bool>,
    /// READYs per root.
    ready: [u8; 2],
    /// Good shards per root, as bits of senders.
    shards: [u8; 2],
    /// What the Byzantine node said in its ECHO and READY slots.
    echo_of_z: Option<u8>,
    /// Whether the first shard of the Byzantine node was good. It gets no second try.
    shard_of_z: Option<bool>,
    ready_of_z: Option<u8>,
}

struct World {
    committee: Committee,
    model: Saving<H>,
    state: State<H>,
    /// Only with whole ECHOs.
    plain: Option<(rbc::Bracha<H>, rbc::State<H>)>,
    actors: Vec<Actor<Rbc>>,
    pool: Vec<(usize, To, RbcMessage)>,
    views: Vec<View>,
    roots: [Encoded; 2],
    rng: ChaCha8Rng,
}

impl World {
    fn new(seed: u64, codec: &Arc<Codec>, echo: EchoMode, weakening: Option<Weakening>) -> Self {
        let committee = codec.committee();
        let spare = match echo {
            EchoMode::Full => committee.n(),
            EchoMode::Saving { spare } => spare,
        };
        let model = Saving::new(committee, spare, weakening);
        let bracha = rbc::Bracha::new(committee, false, weakening);
        let make = |node: usize| {
            let (me, proposer) = (NodeIndex(node as u16), NodeIndex(Z as u16));
            Actor::new(node, Rbc::new(RbcConfig { committee, me, proposer, codec: codec.clone(), echo }))
        };
        let plain = (echo == EchoMode::Full).then(|| (bracha.clone(), bracha.initial()[0]));
        World {
            committee,
            state: model.initial()[0],
            model,
            plain,
            actors: (0..H).map(make).collect(),
            pool: Vec::new(),
            views: (0..H).map(|_| View::default()).collect(),
            roots: [1, 2].map(|salt| codec.encode(Bytes::from(vec![salt; 100])).unwrap()),
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn root(&self, message: &RbcMessage) -> u8 {
        u8::from(message.root() == self.roots[1].commitment)
    }

    /// Takes a step of the model on behalf of the real node.
    fn take(&mut self, node: usize, act: Act, root: u8, why: &dyn std::fmt::Debug) {
        let step = Step { node, act, root };
        // A node that has heard honest nodes alone does what they entitle it to. VAL is the proposer's.
        let view = &self.views[node];
        let honest_only = view.echo_of_z.is_none() && view.ready_of_z.is_none() && act != Act::Echo;
        let help = if honest_only { Help::HonestOnly } else { Help::Byzantine };
        let allowed = self.model.allows(&self.state, step, help);
        assert!(allowed, "the model does not allow \"{step}\" ({why:?}):\n{}", self.state);
        self.state = self.model.apply(&self.state, step);
        if let Some((bracha, state)) = &mut self.plain {
            let act = match act {
                Act::Echo => rbc::Act::Echo,
                Act::Ready => rbc::Act::Ready,
                Act::Deliver => rbc::Act::Deliver,
                _ => return,
            };
            let step = rbc::Step { node, act, root };
            assert!(bracha.allows(state, step, help), "the plain model does not allow \"{step}\":\n{state}");
            *state = bracha.apply(state, step);
        }
    }

    /// Whether one of the models allows a step.
    fn open(&self, step: Step) -> bool {
        let Step { node, act, root } = step;
        let act = match act {
            Act::Echo => Some(rbc::Act::Echo),
            Act::Ready => Some(rbc::Act::Ready),
            Act::Deliver => Some(rbc::Act::Deliver),
            _ => None,
        };
        let plainly = |(bracha, state): &(rbc::Bracha<H>, rbc::State<H>)| {
            act.is_some_and(|act| bracha.allows(state, rbc::Step { node, act, root }, Help::Byzantine))
        };
        self.plain.as_ref().is_some_and(plainly) || self.model.allows(&self.state, step, Help::Byzantine)
    }

    /// The steps of both models.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.model.steps(&self.state, &mut steps);
        let mut plain = Vec::new();
        if let Some((bracha, state)) = &self.plain {
            bracha.steps(state, &mut plain);
        }
        steps.extend(plain.into_iter().map(|rbc::Step { node, act, root }| {
            let act = match act {
                rbc::Act::Echo => Act::Echo,
                rbc::Act::Ready => Act::Ready,
                rbc::Act::Deliver => Act::Deliver,
            };
            Step { node, act, root }
        }));
        steps
    }

    fn me(&self, node: usize) -> Node {
        self.state.nodes[node]
    }

    fn honest(to: To) -> u8 {
        (0..H).filter(|&peer| to.includes(NodeIndex(peer as u16))).fold(0, |bits, peer| bits | 1 << peer)
    }

    fn hash_only(&self, node: usize) -> u8 {
        (0..H).filter(|&to| !self.model.first_full(node, to)).fold(0, |bits, to| bits | 1 << to)
    }

    /// Rule 4 that shows nobody leaves no trace: it was done once 2f + 1 READYs were heard.
    fn shown_to_nobody(&mut self, node: usize, root: u8) {
        let me = self.me(node);
        let certain = self.views[node].ready[usize::from(root)].count_ones() as usize >= self.committee.strong();
        if certain && me.echo.has(root) && !me.shown {
            self.take(node, Act::Show(0), root, &"nobody needs a shard");
        }
    }

    /// So does the decoding of a second root.
    fn decoded_in_silence(&mut self, node: usize, root: u8) {
        let enough = self.views[node].shards[usize::from(root)].count_ones() as usize >= self.committee.data_shards();
        let me = self.me(node);
        if enough && !me.outcome.has(root) && me.delivered.is_empty() {
            let silent = !me.can.is_empty() || self.plain.is_some();
            assert!(silent, "a first outcome without CAN_DECODE");
            self.take(node, Act::Decode, root, &"k shards were heard");
        }
    }

    /// Explains what a real node did in one turn by steps of the model.
    fn explain(&mut self, node: usize, deeds: Vec<Deed<Rbc>>) {
        for deed in &deeds {
            if let Deed::Send(to, message) = deed {
                self.hear(node, node, *to, message);
            }
        }
        for deed in deeds {
            let (to, message) = match deed {
                Deed::Send(to, message) => (to, message),
                Deed::Output(contribution) => {
                    let root = u8::from(contribution.commitment == self.roots[1].commitment);
                    assert!(contribution.body.is_some(), "both roots are codewords");
                    self.shown_to_nobody(node, root);
                    self.decoded_in_silence(node, root);
                    self.take(node, Act::Deliver, root, &"output");
                    continue;
                }
            };
            let root = self.root(&message);
            let honest = Self::honest(to);
            match &message {
                RbcMessage::Val { .. } => panic!("an honest node proposes nothing here"),
                RbcMessage::Ready(_) => {
                    assert_eq!(to, To::All);
                    self.take(node, Act::Ready, root, &message);
                }
                RbcMessage::CanDecode(_) => {
                    let askers = (0..H).filter(|&from| !self.model.first_full(from, node)).fold(0, |b, i| b | 1 << i);
                    assert_eq!(honest, askers, "CAN_DECODE goes to those who would send hashes");
                    self.take(node, Act::Decode, root, &message);
                }
                RbcMessage::EchoHash(_) => {
                    assert!(self.me(node).echo.has(root), "a hash goes with a whole ECHO");
                    assert_eq!(honest, self.hash_only(node), "hashes go to the rest");
                }
                RbcMessage::Echo { .. } if self.me(node).echo.is_empty() => {
                    assert_eq!(honest, ((1 << H) - 1) & !self.hash_only(node), "whole shards go to the successors");
                    self.take(node, Act::Echo, root, &message);
                }
                RbcMessage::Echo { .. } => self.take(node, Act::Show(honest), root, &message),
            }
            self.pool.push((node, to, message));
        }
        for root in [0, 1] {
            self.decoded_in_silence(node, root);
            self.shown_to_nobody(node, root);
        }
        self.views.iter_mut().for_each(|view| view.places.resize(self.pool.len(), false));
        let real = &self.actors[node].instance;
        let of = |digest| Values::of(u8::from(digest == self.roots[1].commitment));
        let me = self.me(node);
        assert_eq!(me.echo, real.supported().map_or(Values::NONE, of), "what is echoed is said");
        assert_eq!(me.delivered, real.delivered().map_or(Values::NONE, of), "what is delivered is output");
    }

    /// Notes what a node is told, as far as it is told it.
    fn hear(&mut self, node: usize, from: usize, to: To, message: &RbcMessage) {
        if !to.includes(NodeIndex(node as u16)) {
            return;
        }
        let root = self.root(message);
        let at = usize::from(root);
        let view = &mut self.views[node];
        match message {
            RbcMessage::Ready(_) => view.ready[at] |= 1 << from,
            RbcMessage::Echo { .. } => view.shards[at] |= 1 << from,
            _ => {}
        }
    }

    fn deliver(&mut self, node: usize, place: usize) {
        self.views[node].places[place] = true;
        let (from, to, message) = self.pool[place].clone();
        self.hear(node, from, to, &message);
        let deeds = self.actors[node].receive(from, message);
        self.explain(node, deeds);
    }

    /// The Byzantine node says something to one node. False if it has said the contrary before, which then counts.
    fn lie(&mut self, node: usize, message: RbcMessage) -> bool {
        let root = self.root(&message);
        let good = message == self.echo_of_z(root);
        let view = &mut self.views[node];
        let counts = match message {
            RbcMessage::EchoHash(_) => *view.echo_of_z.get_or_insert(root) == root,
            RbcMessage::Echo { .. } => {
                *view.echo_of_z.get_or_insert(root) == root && *view.shard_of_z.get_or_insert(good) == good
            }
            RbcMessage::Ready(_) => *view.ready_of_z.get_or_insert(root) == root,
            _ => true,
        };
        let bad_shard = matches!(message, RbcMessage::Echo { .. }) && !good;
        if counts && !bad_shard {
            self.hear(node, Z, To::All, &message);
        }
        let deeds = self.actors[node].receive(Z, message);
        self.explain(node, deeds);
        counts
    }

    /// An ECHO of the Byzantine node with a shard of the right form that is none.
    fn bad_echo_of_z(&self, root: u8) -> RbcMessage {
        let Encoded { commitment, shards, .. } = &self.roots[usize::from(root)];
        let mut shard = shards[Z].clone();
        shard.data = Blob(Bytes::from(vec![0xee; shard.data.len()]));
        RbcMessage::Echo { root: *commitment, shard }
    }

    fn echo_of_z(&self, root: u8) -> RbcMessage {
        let Encoded { commitment, shards, .. } = &self.roots[usize::from(root)];
        RbcMessage::Echo { root: *commitment, shard: shards[Z].clone() }
    }

    fn val(&self, node: usize, root: u8) -> RbcMessage {
        let Encoded { commitment, shards, .. } = &self.roots[usize::from(root)];
        RbcMessage::Val { root: *commitment, shard: shards[node].clone() }
    }

    /// Delivers what `wanted` picks from honest nodes, with the lies, in random order, until it is done.
    fn feed(
        &mut self,
        node: usize,
        lies: Vec<RbcMessage>,
        wanted: impl Fn(usize, &RbcMessage) -> bool,
        done: impl Fn(&Self) -> bool,
    ) -> bool {
        let to_me = |place: &usize| {
            let (from, to, message) = &self.pool[*place];
            !self.views[node].places[*place]
                && to.includes(NodeIndex(node as u16))
                && *from != node
                && wanted(*from, message)
        };
        let mut items: Vec<Result<usize, RbcMessage>> =
            (0..self.pool.len()).filter(to_me).map(Ok).chain(lies.into_iter().map(Err)).collect();
        items.shuffle(&mut self.rng);
        let mut told = true;
        for item in items {
            if done(self) {
                break;
            }
            match item {
                Ok(place) => self.deliver(node, place),
                Err(message) => told &= self.lie(node, message),
            }
        }
        told
    }

    /// Makes the real node do a step of the model; false if it has done something else in the meantime, or the Byzantine
    /// node has told it something else before, or it knows a CAN_DECODE that the step ignores.
    fn realise(&mut self, step: Step) -> bool {
        let Step { node, act, root } = step;
        let digest = self.roots[usize::from(root)].commitment;
        let ready = move |_: usize, message: &RbcMessage| *message == RbcMessage::Ready(digest);
        let echo = move |_: usize, message: &RbcMessage| {
            message.root() == digest && matches!(message, RbcMessage::Echo { .. } | RbcMessage::EchoHash(_))
        };
        let full = move |_: usize, message: &RbcMessage| {
            message.root() == digest && matches!(message, RbcMessage::Echo { .. })
        };
        let done = move |world: &Self| {
            let me = world.me(node);
            match act {
                Act::Echo => me.echo.has(root),
                Act::Ready => me.ready.has(root),
                Act::Decode => me.outcome.has(root),
                Act::Show(_) => me.shown,
                Act::Deliver => me.delivered.has(root),
                Act::ClaimOnly => !me.can.is_empty(),
            }
        };
        let mut told = true;
        let mut knew = false;
        match act {
            Act::Echo => told = self.lie(node, self.val(node, root)),
            Act::Ready => {
                // Its own shard may be what makes it decode on the way; that is a step, too.
                told &= self.feed(node, vec![self.echo_of_z(root)], echo, done);
                told &= self.feed(node, vec![RbcMessage::Ready(digest)], ready, done);
            }
            Act::Decode => told = self.feed(node, vec![self.echo_of_z(root)], full, done),
            Act::ClaimOnly => told = self.feed(node, vec![self.bad_echo_of_z(root)], full, done),
            Act::Show(to) => {
                let believed = self.hash_only(node) & !to;
                let can = move |from: usize, message: &RbcMessage| {
                    believed & 1 << from != 0 && *message == RbcMessage::CanDecode(digest)
                };
                knew = (0..self.pool.len()).any(|place| {
                    let (from, _, message) = &self.pool[place];
                    let heard = self.views[node].places[place] && *message == RbcMessage::CanDecode(digest);
                    heard && to & 1 << from != 0
                });
                self.feed(node, Vec::new(), can, done);
                told = self.feed(node, vec![RbcMessage::Ready(digest)], ready, done);
            }
            Act::Deliver => {
                told = self.feed(node, vec![self.echo_of_z(root)], full, done);
                told &= self.feed(node, vec![RbcMessage::Ready(digest)], ready, done);
            }
        }
        let exactly = match act {
            Act::Show(to) => self.me(node).shown && self.me(node).full == to,
            _ => done(self),
        };
        let still_open = self.open(step);
        assert!(exactly || !still_open || !told || knew, "the real node does not: \"{step}\"\n{}", self.state);
        exactly
    }

    fn noise(&mut self) {
        let node = self.rng.random_range(0..H);
        let root = self.rng.random_range(0..2);
        let digest = self.roots[usize::from(root)].commitment;
        let lie = match self.rng.random_range(0..11) {
            0 => self.val(node, root),
            1 => RbcMessage::Ready(digest),
            2 => self.echo_of_z(root),
            3 => RbcMessage::EchoHash(digest),
            4 => RbcMessage::CanDecode(digest),
            5 => self.bad_echo_of_z(root),
            _ => {
                let me = NodeIndex(node as u16);
                let open: Vec<_> = (0..self.pool.len())
                    .filter(|&at| {
                        !self.views[node].places[at] && self.pool[at].0 != node && self.pool[at].1.includes(me)
                    })
                    .collect();
                if let Some(&place) = open.choose(&mut self.rng) {
                    self.deliver(node, place);
                }
                return;
            }
        };
        self.lie(node, lie);
    }
}

impl World {
    /// Everything that honest nodes have said arrives: whatever the model binds them to do is done.
    fn finish(&mut self) {
        let unheard = |world: &Self| {
            let open = |node: usize, at: usize| {
                let (from, to, _) = &world.pool[at];
                !world.views[node].places[at] && *from != node && to.includes(NodeIndex(node as u16))
            };
            (0..H).find_map(|node| (0..world.pool.len()).find(|&at| open(node, at)).map(|at| (node, at)))
        };
        while let Some((node, place)) = unheard(self) {
            self.deliver(node, place);
        }
        assert!(self.model.quiescent(&self.state), "the real nodes owe something:\n{}", self.state);
        if let Some((bracha, state)) = &self.plain {
            assert!(bracha.quiescent(state), "the real nodes owe something:\n{state}");
        }
    }
}

#[derive(Default)]
struct Walked {
    realised: BTreeMap<&'static str, usize>,
    tried: usize,
    diverted: usize,
}

/// Walks one path for each seed. Panics where the model and the code differ.
fn walk(seeds: std::ops::Range<u64>, echo: EchoMode, weakening: Option<Weakening>) -> Walked {
    let codec = Arc::new(Codec::new(Committee::new(H + 1).unwrap(), 1 << 10).unwrap());
    let mut walked = Walked::default();
    for seed in seeds {
        let mut world = World::new(seed, &codec, echo, weakening);
        for _ in 0..50 {
            if world.rng.random_ratio(1, 5) {
                world.noise();
                continue;
            }
            let Some(&step) = world.steps().choose(&mut world.rng) else { break };
            walked.tried += 1;
            if world.realise(step) {
                let kind = match step.act {
                    Act::Echo => "ECHO",
                    Act::Ready => "READY",
                    Act::Decode => "decoding",
                    Act::ClaimOnly => "claim",
                    Act::Show(0) => "rule 4 for nobody",
                    Act::Show(_) => "rule 4",
                    Act::Deliver => "delivery",
                };
                *walked.realised.entry(kind).or_default() += 1;
            } else {
                walked.diverted += 1;
            }
        }
        world.finish();
    }
    walked
}

fn faithful(echo: EchoMode, kinds: usize) {
    let Walked { realised, tried, diverted } = walk(0..1_500, echo, None);
    assert_eq!(realised.len(), kinds, "every kind of step was realised: {realised:?}");
    assert!(realised.values().all(|&count| count >= 100), "each of them often: {realised:?}");
    assert!(diverted * 3 < tried, "most steps can be realised: all but {diverted} of {tried}");
}

#[test]
fn with_whole_echoes() {
    faithful(EchoMode::Full, 5);
}

#[test]
fn saving_without_spare_shards() {
    faithful(EchoMode::Saving { spare: 0 }, 6);
}

#[test]
fn saving_with_a_spare_shard() {
    faithful(EchoMode::Saving { spare: 1 }, 6);
}

#[test]
fn a_model_with_another_rule_is_told_from_the_code() {
    use Weakening::*;
    let saving = EchoMode::Saving { spare: 0 };
    let weakened = [
        (saving, NoRule4),
        (saving, DeliveryCancelsRule4),
        (saving, LateEchoShowsNobody),
        (saving, CanDecodeUnverified),
        (saving, HoldBackForOthers),
        (saving, ShowOnEchoes),
        (EchoMode::Full, EchoQuorumLow),
        (EchoMode::Full, EchoTwice),
        (EchoMode::Full, NoAmplification),
        (EchoMode::Full, AmplifyLow),
        (EchoMode::Full, DeliverLow),
    ];
    for (echo, weakening) in weakened {
        let walked = std::panic::catch_unwind(|| walk(0..1_000, echo, Some(weakening)));
        assert!(walked.is_err(), "{weakening:?} goes unnoticed");
    }
}
