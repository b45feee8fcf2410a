//! The rules and the laws.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mellivora_core::Committee;
use stateright::Property;

use super::{Act, Local, Node, State, Step};
use crate::Weakening;
use crate::system::{Checked, Help, System};
use crate::values::Values;

/// R rounds of agreement among H honest nodes and f Byzantine ones. See the [module page](super).
#[derive(Clone, Debug)]
pub struct Aba<const H: usize, const R: usize> {
    committee: Committee,
    /// The coin of each round where it is fixed; real ones are empty.
    coins: [Values; R],
    /// Every BVAL that may go out has gone out.
    early_bvals: bool,
    /// Inputs come at any time, not at the beginning.
    late_inputs: bool,
    weakening: Option<Weakening>,
    /// V of one member that can still come out in round 1, by state.
    futures: Futures<H, R>,
}

type Futures<const H: usize, const R: usize> = Arc<Mutex<HashMap<State<H, R>, Values>>>;

const SETS: [Values; 3] = [Values::of(0), Values::of(1), Values::BOTH];

impl<const H: usize> Aba<H, 1> {
    /// One round, step by step. The coin is real, or fixed.
    pub fn round(committee: Committee, coin: Option<bool>, weakening: Option<Weakening>) -> Self {
        Self::step_by_step(committee, [coin], weakening)
    }

    /// One round with a real coin and early BVALs, for safety and binding.
    pub fn binding(committee: Committee, weakening: Option<Weakening>) -> Self {
        Self::new(committee, [None], (true, true), weakening)
    }
}

impl<const H: usize, const R: usize> Aba<H, R> {
    /// R rounds with all inputs given and early BVALs, for safety. `coins` are those that are fixed.
    pub fn rounds(committee: Committee, coins: [Option<bool>; R], weakening: Option<Weakening>) -> Self {
        Self::new(committee, coins, (true, false), weakening)
    }

    /// R rounds with every BVAL as a step of its own and inputs that come at any time.
    pub fn step_by_step(committee: Committee, coins: [Option<bool>; R], weakening: Option<Weakening>) -> Self {
        Self::new(committee, coins, (false, true), weakening)
    }

    fn new(
        committee: Committee,
        coins: [Option<bool>; R],
        (early_bvals, late_inputs): (bool, bool),
        weakening: Option<Weakening>,
    ) -> Self {
        assert_eq!(committee.quorum(), H, "the honest nodes are a quorum");
        let coins = coins.map(|coin| coin.map_or(Values::NONE, Values::of_bit));
        Aba { committee, coins, early_bvals, late_inputs, weakening, futures: Arc::default() }
    }

    fn weak(&self, weakening: Weakening) -> bool {
        self.weakening == Some(weakening)
    }

    /// Honest nodes of which something holds in a round, topped up by Byzantine votes.
    fn count(&self, state: &State<H, R>, round: usize, help: Help, said: impl Fn(Local) -> bool) -> usize {
        state.nodes.iter().filter(|node| said(node.rounds[round])).count() + help.votes(self.committee.f())
    }

    /// Values that 2f + 1 BVALs can put into the `bin` of a node. Who has that many has had f + 1 before, and has
    /// said BVAL itself.
    fn bin(&self, state: &State<H, R>, round: usize, node: usize, help: Help) -> Values {
        let enough = self.committee.strong() - usize::from(self.weak(Weakening::BinLow));
        let own = state.nodes[node].rounds[round].bval();
        let enters = |value| own.has(value) && self.count(state, round, help, |l| l.bval().has(value)) >= enough;
        [0, 1].into_iter().filter(|&value| enters(value)).fold(Values::NONE, |bin, value| bin.with(Values::of(value)))
    }

    /// Whether a quorum of the sets that nodes said, all within `bin`, can have the union `values`.
    fn union_is(
        &self,
        state: &State<H, R>,
        round: usize,
        help: Help,
        values: Values,
        quorum: usize,
        said: fn(Local) -> Values,
    ) -> bool {
        let within = |local| !said(local).is_empty() && said(local).within(values);
        // Two values need a vote for each; where honest nodes have said one value only, the other has to come from a
        // Byzantine node, and a quorum has room for it.
        let lone = |value| state.nodes.iter().all(|n| said(n.rounds[round]).within(Values::of(value)));
        let both = help == Help::Byzantine || !(lone(0) || lone(1));
        (values != Values::BOTH || both) && self.count(state, round, help, within) >= quorum
    }

    /// V1: rule 3.
    fn aux_gives(&self, state: &State<H, R>, round: usize, node: usize, help: Help, values: Values) -> bool {
        let quorum = self.committee.quorum() - usize::from(self.weak(Weakening::AuxQuorumLow));
        let justified = self.weak(Weakening::AuxUnjustified) || values.within(self.bin(state, round, node, help));
        justified && self.union_is(state, round, help, values, quorum, Local::aux)
    }

    /// V: rule 4.
    fn conf_gives(&self, state: &State<H, R>, round: usize, node: usize, help: Help, values: Values) -> bool {
        let quorum = self.committee.quorum() - usize::from(self.weak(Weakening::ConfQuorumLow));
        let justified =
            |set: Values| self.weak(Weakening::ConfUnjustified) || set.within(self.bin(state, round, node, help));
        let union = |set| justified(set) && self.union_is(state, round, help, set, quorum, Local::conf);
        if self.weak(Weakening::OwnSet) {
            let own = state.nodes[node].rounds[round].conf();
            return own == values && SETS.into_iter().any(union);
        }
        union(values)
    }

    /// Whether CONF and the gate are left out in a round.
    fn without_conf(&self, round: usize) -> bool {
        !self.coins[round].is_empty() || self.weak(Weakening::NoConf)
    }

    /// Whether a node is in a round, or has left it.
    fn entered(node: &Node<R>, round: usize) -> bool {
        round.checked_sub(1).is_none_or(|before| node.rounds[before].next().is_some())
    }

    /// Whether an act is open to a node.
    pub fn allows(&self, state: &State<H, R>, node: usize, round: usize, act: Act, help: Help) -> bool {
        let me = &state.nodes[node];
        let local = me.rounds[round];
        if !Self::entered(me, round) {
            return false;
        }
        match act {
            Act::Input(_) => round == 0 && !me.input && local.chosen().is_empty(),
            Act::Bval(value) => {
                let enough = match self.weakening {
                    Some(Weakening::RelayLow) => self.committee.f(),
                    Some(Weakening::RelayHigh) => self.committee.strong(),
                    _ => self.committee.one_honest(),
                };
                let own = round > 0 && me.rounds[round - 1].next() == Some(value);
                let relay = self.count(state, round, help, |other| other.bval().has(value)) >= enough;
                let gone = self.weak(Weakening::PastRoundsDropped) && !local.chosen().is_empty();
                !local.bval().has(value) && !gone && (own || relay)
            }
            Act::Aux(value) => local.aux().is_empty() && self.bin(state, round, node, help).has(value),
            Act::Conf(values) => {
                let due = local.conf().is_empty() && !local.aux().is_empty() && !self.without_conf(round);
                due && self.aux_gives(state, round, node, help, values)
            }
            Act::Choose(values) if self.without_conf(round) => {
                let due = local.chosen().is_empty() && !local.aux().is_empty();
                due && self.aux_gives(state, round, node, help, values)
            }
            Act::Choose(values) => {
                let due = local.chosen().is_empty() && !local.conf().is_empty();
                due && self.conf_gives(state, round, node, help, values)
            }
        }
    }

    fn acts() -> impl Iterator<Item = Act> {
        let values = [0, 1];
        (values.map(Act::Input).into_iter())
            .chain(values.map(Act::Bval))
            .chain(values.map(Act::Aux))
            .chain(SETS.map(Act::Conf))
            .chain(SETS.map(Act::Choose))
    }

    /// Whether a step of this kind makes the coin known.
    fn opens_gate(&self, act: Act) -> bool {
        match act {
            Act::Choose(_) => true,
            Act::Conf(_) => self.weak(Weakening::ShareBeforeConf),
            _ => false,
        }
    }

    /// Whether some honest node has released its share of round 1.
    fn gate_open(&self, state: &State<H, R>) -> bool {
        self.coins[0].is_empty() && !state.coins[0].is_empty()
    }

    /// Whether nobody is bound to do anything more: no step is open with the statements of honest nodes alone.
    pub fn quiescent(&self, state: &State<H, R>) -> bool {
        let open = |node| (0..R).any(|r| Self::acts().any(|act| self.allows(state, node, r, act, Help::HonestOnly)));
        !(0..H).any(open)
    }

    /// Everything about BVAL that may be said is said.
    fn say_bvals(&self, state: &mut State<H, R>) {
        loop {
            let before = *state;
            for round in 0..R {
                for node in 0..H {
                    for value in [0, 1] {
                        if self.allows(state, node, round, Act::Bval(value), Help::Byzantine) {
                            state.nodes[node].rounds[round].say_bval(Values::of(value));
                        }
                    }
                }
            }
            if *state == before {
                return;
            }
        }
    }

    /// Sets of one value that nodes have in round 1, now or in any future, all futures together.
    fn future(&self, state: &State<H, R>, known: &mut HashMap<State<H, R>, Values>) -> Values {
        if let Some(&values) = known.get(state) {
            return values;
        }
        let singles = state.nodes.iter().filter_map(|node| node.rounds[0].chosen().single());
        let mut values = singles.fold(Values::NONE, |all, value| all.with(Values::of(value)));
        let mut steps = Vec::new();
        self.steps(state, &mut steps);
        for step in steps {
            values = values.with(self.future(&self.canonical(self.apply(state, step)), known));
        }
        known.insert(*state, values);
        values
    }

    fn binds(&self, state: &State<H, R>) -> bool {
        let mut known = self.futures.lock().unwrap_or_else(PoisonError::into_inner);
        !self.gate_open(state) || self.future(&self.canonical(*state), &mut known) != Values::BOTH
    }

    fn one_single(state: &State<H, R>) -> bool {
        (0..R).all(|round| {
            let has = |value| state.nodes.iter().any(|n| n.rounds[round].chosen() == Values::of(value));
            !(has(0) && has(1))
        })
    }

    fn decisions(state: &State<H, R>) -> Values {
        let all = state.nodes.iter().flat_map(|node| node.rounds.iter().filter_map(|local| local.decided()));
        all.fold(Values::NONE, |set, value| set.with(Values::of(value)))
    }

    fn valid(state: &State<H, R>) -> bool {
        Self::decisions(state).within(state.inputs)
            && state.nodes.iter().all(|n| n.rounds.iter().all(|local| local.chosen().within(state.inputs)))
    }

    fn progressed(&self, state: &State<H, R>) -> bool {
        let done = state.nodes.iter().all(|node| node.rounds.iter().all(|local| !local.chosen().is_empty()));
        self.early_bvals || done || !self.quiescent(state)
    }
}

impl<const H: usize, const R: usize> System for Aba<H, R> {
    type State = State<H, R>;
    type Step = Step;

    fn initial(&self) -> Vec<State<H, R>> {
        let node = Node { input: false, rounds: [Local::default(); R] };
        let empty = State { inputs: Values::NONE, coins: self.coins, nodes: [node; H] };
        if self.late_inputs {
            return vec![empty];
        }
        let with_ones = |ones: usize| {
            (0..H).fold(empty, |state, node| {
                let act = Act::Input(u8::from(node < ones));
                self.apply(&state, Step { node, round: 0, act, coin: None })
            })
        };
        (0..=H).map(with_ones).collect()
    }

    fn steps(&self, state: &State<H, R>, steps: &mut Vec<Step>) {
        for node in 0..H {
            for round in 0..R {
                for act in Self::acts().filter(|&act| self.allows(state, node, round, act, Help::Byzantine)) {
                    let thrown = state.coins[round].is_empty() || self.weak(Weakening::LocalCoin);
                    if self.opens_gate(act) && thrown {
                        steps.extend([0, 1].map(|coin| Step { node, round, act, coin: Some(coin) }));
                    } else {
                        steps.push(Step { node, round, act, coin: None });
                    }
                }
            }
        }
    }

    fn apply(&self, state: &State<H, R>, step: Step) -> State<H, R> {
        let Step { node, round, act, coin: thrown } = step;
        let mut next = *state;
        if let Some(coin) = thrown
            && next.coins[round].is_empty()
        {
            next.coins[round] = Values::of(coin);
        }
        let coin = thrown.or(next.coins[round].single());
        let me = &mut next.nodes[node];
        let local = &mut me.rounds[round];
        match act {
            Act::Input(value) => {
                me.input = true;
                next.inputs = next.inputs.with(Values::of(value));
                local.say_bval(Values::of(value));
            }
            Act::Bval(value) => local.say_bval(Values::of(value)),
            Act::Aux(value) => local.say_aux(value),
            Act::Conf(values) => local.say_conf(values),
            Act::Choose(values) => {
                // The step that opens the gate throws the coin, so there is one.
                let Some(coin) = coin else { unreachable!("V without a coin") };
                let (est, decided) = match values.single() {
                    Some(value) => (value, value == coin || self.weak(Weakening::DecideWithoutCoin)),
                    None if self.weak(Weakening::MixedKeepsAux) => (local.aux().single().unwrap_or(coin), false),
                    None => (coin, false),
                };
                local.choose(values, est, decided);
            }
        }
        if self.early_bvals {
            self.say_bvals(&mut next);
        }
        next
    }

    fn canonical(&self, mut state: State<H, R>) -> State<H, R> {
        state.nodes.sort();
        // With a fixed coin, 0 and 1 are not alike; and what can still come out must not change its name.
        if self.late_inputs || self.coins.iter().any(|coin| !coin.is_empty()) {
            return state;
        }
        let mut other = state.flipped();
        other.nodes.sort();
        state.min(other)
    }

    fn properties(&self) -> Vec<Property<Checked<Self>>> {
        let mut all = vec![
            Property::always("one single value", |_, state| Self::one_single(state)),
            Property::always("agreement", |_, state| Self::decisions(state) != Values::BOTH),
            Property::always("validity", |_, state| Self::valid(state)),
            Property::always("progress", |model: &Checked<Self>, state| model.0.progressed(state)),
            Property::sometimes("all decide in the last round", |_, state: &State<H, R>| {
                state.nodes.iter().all(|node| node.rounds[R - 1].decided().is_some())
            }),
            Property::sometimes("some decide, others have {0, 1}", |_, state: &State<H, R>| {
                let decided = state.nodes.iter().any(|node| node.rounds[0].decided().is_some());
                decided && state.nodes.iter().any(|node| node.rounds[0].chosen() == Values::BOTH)
            }),
        ];
        if R == 1 {
            all.push(Property::always("binding", |model: &Checked<Self>, state| model.0.binds(state)));
        } else {
            all.push(Property::sometimes("decisions in different rounds", |_, state: &State<H, R>| {
                let first = |node: &Node<R>| node.rounds.iter().position(|local| local.decided().is_some());
                let decided_in = |round| state.nodes.iter().any(|node| first(node) == Some(round));
                decided_in(0) && decided_in(R - 1)
            }));
        }
        all
    }
}
