//! The model of agreement against the real state machine, two rounds, four nodes.
//!
//! Random paths of the model are walked. For each step of the model, messages are delivered to the real node until it
//! says what the step says. After every single delivery, everything the real node has said and concluded must be steps
//! that the model allows; so the model permits at least what the code does, and the code does what the model takes for
//! possible. A node that has heard no vote of the Byzantine node must be allowed its steps on the word of honest nodes
//! alone; and when all that honest nodes said has arrived, nobody owes a step. TERM is held back, as in the model.

mod support;

use std::collections::BTreeMap;

use mellivora_adversary::IdealCoin;
use mellivora_agreement as real;
use mellivora_agreement::{AbaConfig, AbaMessage, CoinSchedule, Vote};
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, Protocol, Purpose, Round, To};
use mellivora_model::Weakening;
use mellivora_model::aba::{Aba, Act, State, Step};
use mellivora_model::system::{Help, System};
use mellivora_model::values::Values;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::{Actor, Deed, Z};

const H: usize = 3;
const R: usize = 2;

type Model = Aba<H, R>;

struct World {
    model: Model,
    state: State<H, R>,
    actors: Vec<Actor<real::Aba>>,
    /// What honest nodes have said, with its sender.
    pool: Vec<(usize, AbaMessage)>,
    /// Places in the pool that a node has heard.
    heard: Vec<Vec<bool>>,
    /// The first AUX and CONF of the Byzantine node, by receiver and round: only these count.
    told: BTreeMap<(usize, usize, bool), Vote>,
    decided: [bool; H],
    /// Who has heard a vote of the Byzantine node.
    lied_to: [bool; H],
    coins: [bool; R],
    shares: [AbaMessage; R],
    rng: ChaCha8Rng,
}

fn round(r: usize) -> Round {
    Round(r as u32 + 1)
}

fn set(values: real::Values) -> Values {
    [0, 1].into_iter().filter(|&v| values.contains(v == 1)).fold(Values::NONE, |all, v| all.with(Values::of(v)))
}

fn real_set(values: Values) -> real::Values {
    let mut set = real::Values::NONE;
    [false, true].into_iter().filter(|&v| values.has(u8::from(v))).for_each(|v| set.insert(v));
    set
}

impl World {
    fn new(seed: u64, weakening: Option<Weakening>) -> Self {
        let committee = Committee::new(H + 1).unwrap();
        let domain = Domain::new(Digest([7; 32]), Era(0));
        let ideal = IdealCoin::new(committee, NodeIndex(Z as u16), seed);
        let name = |r| domain.statement(Purpose::Coin, round(r)).digest();
        let share = |r| AbaMessage::Share { round: round(r), share: ideal.share_of(NodeIndex(Z as u16), &name(r)) };
        let make = |node: usize| {
            let me = NodeIndex(node as u16);
            let coin = IdealCoin::scheme(committee, me, seed);
            let config = AbaConfig { committee, me, domain, coin, schedule: CoinSchedule::AlwaysReal, rounds_ahead: 6 };
            Actor::new(node, real::Aba::new(config))
        };
        let model = Model::step_by_step(committee, [None; R], weakening);
        World {
            state: model.initial()[0],
            model,
            actors: (0..H).map(make).collect(),
            pool: Vec::new(),
            heard: vec![Vec::new(); H],
            told: BTreeMap::new(),
            decided: [false; H],
            lied_to: [false; H],
            coins: [0, 1].map(|r| ideal.peek(&name(r)).bit()),
            shares: [0, 1].map(share),
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// The step of the model, if it allows it. A coin is thrown as the real one falls. A node that has heard honest
    /// nodes alone does what they entitle it to.
    fn step(&self, state: &State<H, R>, node: usize, round: usize, act: Act) -> Option<State<H, R>> {
        if !self.lied_to[node] && !self.model.allows(state, node, round, act, Help::HonestOnly) {
            return None;
        }
        let mut steps = Vec::new();
        self.model.steps(state, &mut steps);
        let coin = u8::from(self.coins[round]);
        let fits = |s: &Step| (s.node, s.round, s.act) == (node, round, act) && s.coin.is_none_or(|c| c == coin);
        steps.into_iter().find(fits).map(|step| self.model.apply(state, step))
    }

    /// Model states after steps of taking V that nobody sees.
    fn silently(&self, state: State<H, R>, node: usize) -> Vec<State<H, R>> {
        let mut states = vec![state];
        for r in 0..R {
            for at in 0..states.len() {
                for values in [Values::of(0), Values::of(1), Values::BOTH] {
                    states.extend(self.step(&states[at], node, r, Act::Choose(values)));
                }
            }
        }
        states
    }

    /// Whether what the real node has concluded is what the model's node has.
    fn agree(&self, state: &State<H, R>, node: usize) -> bool {
        let aba = &self.actors[node].instance;
        let model = &state.nodes[node];
        let at = aba.round().0 as usize - 1;
        let rounds = (0..R).all(|r| {
            let local = model.rounds[r];
            match aba.chosen() {
                _ if r < at => !local.chosen().is_empty(),
                Some(values) if r == at => local.chosen() == set(values),
                _ => local.chosen().is_empty(),
            }
        });
        let past = &model.rounds[..at.min(R)];
        let decision = past.iter().find_map(|local| local.decided()).map(|value| value == 1);
        let decided_in = past.iter().position(|local| local.decided().is_some()).map(round);
        let next = past.last().and_then(|local| local.next()).map(|value| value == 1);
        // What comes after the rounds of the model is not its matter.
        at > R
            || rounds
                && aba.decision() == decision
                && aba.decided_round() == decided_in
                && (at == 0 || aba.estimate() == next)
    }

    /// Explains what a real node did in one turn by steps of the model.
    fn explain(&mut self, node: usize, deeds: Vec<Deed<real::Aba>>, input: Option<bool>) {
        let mut states = self.silently(self.state, node);
        let mut terms = Vec::new();
        let mut own_bval = input;
        for deed in &deeds {
            let Deed::Send(to, message) = deed else { continue };
            assert_eq!(*to, To::All, "everything is for everybody");
            self.pool.push((node, message.clone()));
            let (round, act) = match *message {
                AbaMessage::Vote(Vote::Term { value }) => {
                    terms.push(value);
                    continue;
                }
                AbaMessage::Share { .. } => continue,
                AbaMessage::Vote(vote) if vote.round().unwrap() > round(R - 1) => continue,
                AbaMessage::Vote(Vote::Bval { round, value }) => (round, Act::Bval(u8::from(value))),
                AbaMessage::Vote(Vote::Aux { round, value }) => (round, Act::Aux(u8::from(value))),
                AbaMessage::Vote(Vote::Conf { round, values }) => (round, Act::Conf(set(values))),
            };
            if round == Round(1) && own_bval.is_some_and(|value| act == Act::Bval(u8::from(value))) {
                // The model's node said it with its input.
                own_bval = None;
                continue;
            }
            let after = |state: &State<H, R>| self.step(state, node, round.0 as usize - 1, act);
            let next: Vec<_> = states.iter().filter_map(after).flat_map(|s| self.silently(s, node)).collect();
            assert!(!next.is_empty(), "the model does not allow node {node} to say {message:?}:\n{}", self.state);
            states = next;
        }
        states.retain(|state| self.agree(state, node));
        states.sort();
        states.dedup();
        let [state] = states[..] else { panic!("{} states explain {deeds:?} after\n{}", states.len(), self.state) };
        // TERM goes out in the turn of the decision, once.
        let decision = self.actors[node].instance.decision();
        let fresh = decision.filter(|_| !std::mem::replace(&mut self.decided[node], decision.is_some()));
        assert_eq!(terms, Vec::from_iter(fresh), "TERM and the decision of node {node} differ");
        self.state = state;
        self.heard.iter_mut().for_each(|heard| heard.resize(self.pool.len(), false));
        for place in 0..self.pool.len() {
            // Own messages came back within the turn.
            self.heard[node][place] |= self.pool[place].0 == node;
        }
    }

    fn input(&mut self, node: usize, value: bool) {
        let said = self.state.nodes[node].rounds[0].bval().has(u8::from(value));
        let deeds = self.actors[node].act(|aba, fx| aba.input(value, fx));
        let says = deeds.iter().any(
            |deed| matches!(deed, Deed::Send(_, AbaMessage::Vote(Vote::Bval { round: Round(1), value: v })) if *v == value),
        );
        assert_eq!(says, !said, "an input is said once, unless it was relayed before");
        self.state = self.step(&self.state, node, 0, Act::Input(u8::from(value))).expect("an input is due");
        self.explain(node, deeds, Some(value).filter(|_| says));
    }

    fn deliver(&mut self, node: usize, place: usize) {
        self.heard[node][place] = true;
        let (from, message) = self.pool[place].clone();
        let deeds = self.actors[node].receive(from, message);
        self.explain(node, deeds, None);
    }

    /// The Byzantine node says something to one node. False if another AUX or CONF has filled the slot.
    fn lie(&mut self, node: usize, message: AbaMessage) -> bool {
        let slot = match message {
            AbaMessage::Vote(vote @ Vote::Aux { round, .. }) => Some((round, false, vote)),
            AbaMessage::Vote(vote @ Vote::Conf { round, .. }) => Some((round, true, vote)),
            _ => None,
        };
        if let Some((round, conf, vote)) = slot {
            let first = *self.told.entry((node, round.0 as usize, conf)).or_insert(vote);
            if first != vote {
                return false;
            }
        }
        self.lied_to[node] |= !matches!(message, AbaMessage::Share { .. });
        let deeds = self.actors[node].receive(Z, message);
        self.explain(node, deeds, None);
        true
    }

    /// Delivers what `wanted` picks from honest nodes, in random order and with the lies at random places, until the
    /// node has done the act. Returns whether it has, and whether a lie came too late.
    fn feed(
        &mut self,
        node: usize,
        lies: Vec<AbaMessage>,
        wanted: impl Fn(Vote) -> bool,
        done: impl Fn(&Self) -> bool,
    ) -> bool {
        enum Item {
            Place(usize),
            Lie(AbaMessage),
        }
        let fits = |(_, message): &(usize, AbaMessage)| matches!(message, AbaMessage::Vote(vote) if wanted(*vote));
        let mut items: Vec<_> = (0..self.pool.len())
            .filter(|&place| !self.heard[node][place] && fits(&self.pool[place]))
            .map(Item::Place)
            .chain(lies.into_iter().map(Item::Lie))
            .collect();
        items.shuffle(&mut self.rng);
        let mut told = true;
        for item in items {
            if done(self) {
                break;
            }
            match item {
                Item::Place(place) => self.deliver(node, place),
                Item::Lie(message) => told &= self.lie(node, message),
            }
        }
        told
    }

    /// Makes the real node do a step of the model. Returns whether it could be brought to it; if not, either it has done
    /// something else in the meantime, or the Byzantine node has told it something else before.
    fn realise(&mut self, Step { node, round: r, act, .. }: Step) -> bool {
        // The model is in the next round with V; the real node waits for the coin.
        while self.actors[node].instance.round() < round(r) {
            let before = self.actors[node].instance.round();
            let share = self.shares[before.0 as usize - 1].clone();
            self.lie(node, share);
            assert!(self.actors[node].instance.round() > before, "its own share and one more are f + 1");
        }
        let bval = |value: u8| AbaMessage::Vote(Vote::Bval { round: round(r), value: value == 1 });
        let members = |values: Values| [0, 1].into_iter().filter(move |&value| values.has(value));
        let is_bval = |values: Values| move |vote: Vote| matches!(vote, Vote::Bval { round: at, value } if at == round(r) && values.has(u8::from(value)));
        let local = move |world: &Self| world.state.nodes[node].rounds[r];
        let mut told = true;
        match act {
            Act::Input(value) => self.input(node, value == 1),
            Act::Bval(value) => {
                told = self.feed(node, vec![bval(value)], is_bval(Values::of(value)), |w| local(w).bval().has(value));
            }
            Act::Aux(value) => {
                let lies = vec![bval(value)];
                told = self.feed(node, lies, is_bval(Values::of(value)), |w| !local(w).aux().is_empty());
            }
            Act::Conf(values) | Act::Choose(values) => {
                // First everything into `bin`, then the votes.
                let conf = matches!(act, Act::Choose(_));
                let over = move |world: &Self| match conf {
                    true => !local(world).chosen().is_empty(),
                    false => !local(world).conf().is_empty(),
                };
                self.feed(node, members(values).map(bval).collect(), is_bval(values), over);
                let said = |w: &Self, i: usize| {
                    let local = w.state.nodes[i].rounds[r];
                    if conf { local.conf() } else { local.aux() }
                };
                let honest = (0..H).map(|i| said(self, i)).filter(|s| s.within(values));
                let union = honest.fold(Values::NONE, Values::with);
                // The Byzantine node adds what is missing, or anything.
                let missing: Vec<u8> = members(values).filter(|&value| !union.has(value)).collect();
                let all: Vec<u8> = members(values).collect();
                let choice = if missing.is_empty() { &all } else { &missing };
                let value = *choice.choose(&mut self.rng).expect("sets are not empty");
                let lie = match conf {
                    true => Vote::Conf { round: round(r), values: real_set(Values::of(value)) },
                    false => Vote::Aux { round: round(r), value: value == 1 },
                };
                let wanted = move |vote: Vote| match vote {
                    Vote::Aux { round: at, value } => !conf && at == round(r) && values.has(u8::from(value)),
                    Vote::Conf { round: at, values: v } => conf && at == round(r) && set(v).within(values),
                    _ => false,
                };
                // For {0, 1} the lie goes first: a quorum of one value would come before it.
                if !missing.is_empty() && !over(self) {
                    told &= self.lie(node, AbaMessage::Vote(lie));
                    told &= self.feed(node, Vec::new(), wanted, over);
                } else {
                    told &= self.feed(node, vec![AbaMessage::Vote(lie)], wanted, over);
                }
            }
        }
        let local = local(self);
        let done = match act {
            Act::Input(_) => true,
            Act::Bval(value) => local.bval().has(value),
            Act::Aux(value) => local.aux() == Values::of(value),
            Act::Conf(values) => local.conf() == values,
            Act::Choose(values) => local.chosen() == values,
        };
        let still_open = self.model.allows(&self.state, node, r, act, Help::Byzantine);
        assert!(done || !still_open || !told, "the real node does not do {act:?} of round {r}:\n{}", self.state);
        done
    }

    /// Something arrives that no step asks for.
    fn noise(&mut self) {
        let node = self.rng.random_range(0..H);
        let r = self.rng.random_range(0..R);
        let value = self.rng.random_bool(0.5);
        let lie = match self.rng.random_range(0..8) {
            0 => self.shares[r].clone(),
            1 => AbaMessage::Vote(Vote::Bval { round: round(r), value }),
            2 => AbaMessage::Vote(Vote::Aux { round: round(r), value }),
            3 => AbaMessage::Vote(Vote::Conf { round: round(r), values: real_set(Values::of(u8::from(value))) }),
            _ => {
                let open: Vec<_> = (0..self.pool.len())
                    .filter(|&place| !self.heard[node][place] && of_the_model(&self.pool[place].1))
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

fn of_the_model(message: &AbaMessage) -> bool {
    message.round().is_some_and(|at| at <= round(R - 1))
}

impl World {
    /// Everybody has an input, and everything that honest nodes have said arrives: whatever the model binds them to do
    /// is done.
    fn finish(&mut self) {
        for node in 0..H {
            if self.model.allows(&self.state, node, 0, Act::Input(1), Help::HonestOnly) {
                let value = self.rng.random_bool(0.5);
                self.input(node, value);
            }
        }
        let unheard = |world: &Self| {
            let open = |node: usize, at: usize| !world.heard[node][at] && of_the_model(&world.pool[at].1);
            (0..H).find_map(|node| (0..world.pool.len()).find(|&at| open(node, at)).map(|at| (node, at)))
        };
        while let Some((node, place)) = unheard(self) {
            self.deliver(node, place);
        }
        assert!(self.model.quiescent(&self.state), "the real nodes owe something:\n{}", self.state);
    }
}

#[derive(Default)]
struct Walked {
    realised: BTreeMap<(usize, &'static str), usize>,
    tried: usize,
    diverted: usize,
    decided: [usize; R],
}

/// Walks one path for each seed. Panics where the model and the code differ.
fn walk(seeds: std::ops::Range<u64>, weakening: Option<Weakening>) -> Walked {
    let mut walked = Walked::default();
    for seed in seeds {
        let mut world = World::new(seed, weakening);
        for _ in 0..60 {
            if world.rng.random_ratio(1, 4) {
                world.noise();
                continue;
            }
            let mut steps = Vec::new();
            world.model.steps(&world.state, &mut steps);
            let coins = world.coins;
            steps.retain(|step| step.coin.is_none_or(|coin| coin == u8::from(coins[step.round])));
            let Some(&step) = steps.choose(&mut world.rng) else { break };
            walked.tried += 1;
            if world.realise(step) {
                let kind = match step.act {
                    Act::Input(_) => "input",
                    Act::Bval(_) => "BVAL",
                    Act::Aux(_) => "AUX",
                    Act::Conf(Values::BOTH) => "CONF of both",
                    Act::Conf(_) => "CONF of one",
                    Act::Choose(Values::BOTH) => "V of both",
                    Act::Choose(_) => "V of one",
                };
                *walked.realised.entry((step.round, kind)).or_default() += 1;
            } else {
                walked.diverted += 1;
            }
        }
        world.finish();
        for (r, count) in walked.decided.iter_mut().enumerate() {
            *count += world.state.nodes.iter().filter(|node| node.rounds[r].decided().is_some()).count();
        }
    }
    walked
}

#[test]
fn paths_of_the_model_and_of_the_real_state_machine_are_the_same() {
    let Walked { realised, tried, diverted, decided } = walk(0..4_000, None);
    assert_eq!(realised.len(), 13, "every kind of step was realised: {realised:?}");
    assert!(realised.values().all(|&count| count >= 200), "each of them often: {realised:?}");
    assert!(decided.iter().all(|&count| count >= 200), "decisions in every round: {decided:?}");
    assert!(diverted * 3 < tried, "most steps can be realised: all but {diverted} of {tried}");
}

#[test]
fn a_model_with_another_rule_is_told_from_the_code() {
    use Weakening::*;
    let weakened = [
        NoConf,
        OwnSet,
        ConfUnjustified,
        AuxUnjustified,
        AuxQuorumLow,
        ConfQuorumLow,
        RelayLow,
        RelayHigh,
        BinLow,
        PastRoundsDropped,
        DecideWithoutCoin,
        MixedKeepsAux,
    ];
    for weakening in weakened {
        let walked = std::panic::catch_unwind(|| walk(0..2_000, Some(weakening)));
        assert!(walked.is_err(), "{weakening:?} goes unnoticed");
    }
}
