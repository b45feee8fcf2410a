//! The state machine.

use std::collections::VecDeque;

use mellivora_core::{Durable, Effects, Fault, FaultKind, Keyed, NodeIndex, Protocol, Purpose, Round, To, planted};
use mellivora_crypto::CoinShare;

use super::round::{Open, Past, Said, Slot};
use super::{AbaConfig, AbaMessage, Vote};
use crate::coin::{CoinDone, CoinInstance, CoinJob};
use crate::tally::Tally;
use crate::values::Values;

/// One instance of binary agreement at one node. See the [module page](super).
#[derive(Debug)]
pub struct Aba {
    config: AbaConfig,
    current: Round,
    /// Rounds 1 up to the one before the current.
    past: Vec<Past>,
    /// The current round, then later ones as far as something was heard or said there. Never empty until the halt.
    open: VecDeque<Open>,
    /// Estimate of the current round; none in round 1 before an input.
    est: Option<bool>,
    /// The last round that the log says this node spoke in.
    recalled: Round,
    /// Whether something was recalled that the rules have not been applied to.
    stale: bool,
    term: [Tally; 2],
    decision: Option<Decision>,
    /// Whether the decision was handed out.
    announced: bool,
    halted: bool,
    /// Messages dropped for being too far ahead.
    dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Decision {
    value: bool,
    round: Round,
}

impl Aba {
    /// A fresh instance.
    pub fn new(config: AbaConfig) -> Self {
        Aba {
            config,
            current: Round(1),
            past: Vec::new(),
            open: VecDeque::from([Open::default()]),
            est: None,
            recalled: Round(0),
            stale: false,
            term: [Tally::default(); 2],
            decision: None,
            announced: false,
            halted: false,
            dropped: 0,
        }
    }

    /// The current round, from 1.
    pub fn round(&self) -> Round {
        self.current
    }

    /// The decided bit.
    pub fn decision(&self) -> Option<bool> {
        self.decision.map(|d| d.value)
    }

    /// The round in which this node was when it decided.
    pub fn decided_round(&self) -> Option<Round> {
        self.decision.map(|d| d.round)
    }

    /// The estimate of the current round; none in round 1 before an input.
    pub fn estimate(&self) -> Option<bool> {
        self.est
    }

    /// Whether an input would still matter: none was given, and round 1 is not over.
    pub fn wants_input(&self) -> bool {
        self.est.is_none() && !self.halted
    }

    /// The coin of `round` as one bit, if this node knows it. For schedulers and statistics.
    pub fn coin_value(&self, round: Round) -> Option<bool> {
        if let Some(fixed) = self.config.schedule.fixed(round) {
            return Some(fixed);
        }
        match self.place(round) {
            Place::Past(r) => self.past.get(r).map(|past| past.coin),
            Place::Open(r) => self.open.get(r)?.coin.as_ref()?.value().map(|value| value.bit()),
            Place::Beyond => None,
        }
    }

    /// V of the current round, once it is fixed here. For schedulers and statistics.
    pub fn chosen(&self) -> Option<Values> {
        self.open.front().and_then(|open| open.chosen)
    }

    /// Values with 2f + 1 BVALs in the current round. For schedulers and statistics.
    pub fn bin(&self) -> Values {
        self.open.front().map_or(Values::NONE, |open| open.bin)
    }

    /// Messages that were dropped because their round was too far ahead.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Bytes held, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.past.capacity() * size_of::<Past>()
            + self.open.capacity() * size_of::<Open>()
            + self.open.iter().filter_map(|open| open.coin.as_ref()).map(|coin| coin.memory()).sum::<usize>()
    }

    /// Where the state of `round` is, or would be.
    #[inline]
    fn place(&self, round: Round) -> Place {
        match round.0.checked_sub(self.current.0) {
            // Round 0 does not decode; one made by hand finds no past round.
            None => Place::Past((round.0 as usize).wrapping_sub(1)),
            Some(ahead) if round <= self.last_spoken().plus(self.config.rounds_ahead) => Place::Open(ahead as usize),
            Some(_) => Place::Beyond,
        }
    }

    /// The last round that this node spoke in, restarts included.
    #[inline]
    fn last_spoken(&self) -> Round {
        if planted("aba-window-ignores-recalled") { self.current } else { self.current.max(self.recalled) }
    }

    /// The state of the round `ahead` of the current one, made if need be. The caller checked the window.
    fn open_mut(&mut self, ahead: usize) -> Option<&mut Open> {
        if self.open.len() <= ahead {
            self.open.resize_with(ahead + 1, Open::default);
        }
        self.open.get_mut(ahead)
    }

    fn on_bval(&mut self, from: NodeIndex, round: Round, value: bool, fx: &mut dyn Effects<Self>) {
        match self.place(round) {
            Place::Past(_) if planted("aba-past-rounds-dropped") => {}
            Place::Past(r) => {
                let relay_at = self.config.committee.one_honest();
                let Some(past) = self.past.get_mut(r) else { return };
                let tally = &mut past.bval[usize::from(value)];
                tally.add(from);
                if !past.said.contains(value) && tally.count() >= relay_at {
                    past.said.insert(value);
                    vote(fx, Vote::Bval { round, value });
                }
            }
            Place::Open(ahead) => {
                let fresh = self.open_mut(ahead).is_some_and(|open| open.hear_bval(from, value));
                if fresh && ahead == 0 {
                    self.progress(fx);
                }
            }
            Place::Beyond => self.dropped += 1,
        }
    }

    /// AUX and CONF: one slot per sender, of no use in past rounds.
    fn on_slot(
        &mut self,
        from: NodeIndex,
        round: Round,
        conflict: FaultKind,
        fx: &mut dyn Effects<Self>,
        hear: impl FnOnce(&mut Open) -> Slot,
    ) {
        match self.place(round) {
            Place::Past(_) if planted("aba-slot-of-another-round") => drop(self.open_mut(0).map(hear)),
            Place::Past(_) => {}
            Place::Open(ahead) => match self.open_mut(ahead).map(hear) {
                Some(Slot::Filled) if ahead == 0 => self.progress(fx),
                Some(Slot::Conflict) => fx.fault(Fault::new(from, conflict)),
                _ => {}
            },
            Place::Beyond => self.dropped += 1,
        }
    }

    fn on_term(&mut self, from: NodeIndex, value: bool, fx: &mut dyn Effects<Self>) {
        if self.term[usize::from(!value)].has(from) && !planted("aba-both-terms-counted") {
            return fx.fault(Fault::new(from, FaultKind::ConflictingTerm));
        }
        let tally = &mut self.term[usize::from(value)];
        if !tally.add(from) {
            return;
        }
        let needed = self.config.committee.one_honest() - usize::from(planted("aba-decide-on-f-terms"));
        if tally.count() >= needed && self.decision.is_none() && !planted("aba-term-not-adopted") {
            self.decide(value, fx);
            self.progress(fx);
        }
        self.try_halt(value);
    }

    fn try_halt(&mut self, value: bool) {
        let support = self.term[usize::from(value)].count();
        if support >= self.config.committee.strong() && !planted("aba-never-halts") {
            self.halted = true;
            self.past = Vec::new();
            self.open = VecDeque::new();
        }
    }

    fn on_share(&mut self, from: NodeIndex, round: Round, share: CoinShare, fx: &mut dyn Effects<Self>) {
        match self.place(round) {
            Place::Past(_) => {}
            Place::Open(ahead) => {
                if let Some(job) = self.coin_mut(ahead).and_then(|coin| coin.add(from, share)) {
                    fx.job(Keyed { key: round, job });
                }
            }
            Place::Beyond => self.dropped += 1,
        }
    }

    /// The coin of the round `ahead` of the current one.
    fn coin_mut(&mut self, ahead: usize) -> Option<&mut CoinInstance> {
        let round = self.current.plus(u32::try_from(ahead).ok()?);
        let AbaConfig { committee, domain, coin, .. } = &self.config;
        let (scheme, threshold) = (coin.clone(), committee.one_honest());
        let named = if planted("aba-coin-without-round") { Round(0) } else { round };
        let name = || domain.statement(Purpose::Coin, named).digest();
        // Split by hand: the name is made once per round, not per share.
        let fresh = match self.open.get(ahead) {
            Some(Open { coin: Some(_), .. }) => None,
            _ => Some(Box::new(CoinInstance::new(scheme, name(), threshold))),
        };
        let open = self.open_mut(ahead)?;
        match fresh {
            Some(fresh) => Some(open.coin.insert(fresh)),
            None => open.coin.as_deref_mut(),
        }
    }

    /// Applies the rules of the current round until none of them does anything. Everything is read off the state, so
    /// what was held for a round counts as soon as the round begins.
    fn progress(&mut self, fx: &mut dyn Effects<Self>) {
        while !self.halted && self.step(fx) && !planted("aba-held-not-rechecked") {}
    }

    /// One pass over the rules; true if the round ended.
    fn step(&mut self, fx: &mut dyn Effects<Self>) -> bool {
        let round = self.current;
        let committee = self.config.committee;
        let fixed = self.config.schedule.fixed(round);
        let est = self.est;
        let Some(open) = self.open.front_mut() else { return false };

        // 1: the own estimate, relays, and what enters `bin`.
        let relay_at = if planted("aba-relay-late") { committee.strong() } else { committee.one_honest() };
        let strong = if planted("aba-bin-low") { committee.one_honest() } else { committee.strong() };
        for value in [false, true] {
            let count = open.bval[usize::from(value)].count();
            if !open.said.bval.contains(value) && (est == Some(value) || count >= relay_at) {
                open.said.bval.insert(value);
                vote(fx, Vote::Bval { round, value });
            }
            if count >= strong {
                open.bin.insert(value);
            }
        }

        // 2. When both enter at once, which happens only to a node that is behind, the own estimate goes first.
        if open.said.aux.is_none() {
            let first = match est {
                Some(est) if open.bin.contains(est) || planted("aba-aux-is-estimate") => Some(est),
                _ => [true, false].into_iter().find(|&value| open.bin.contains(value)),
            };
            let Some(value) = first else { return false };
            open.said.aux = Some(value);
            vote(fx, Vote::Aux { round, value });
        }

        // 3 and 4.
        let (chosen, coin) = match fixed {
            Some(coin) => {
                let Some(chosen) = open.aux_values(committee) else { return false };
                open.chosen = Some(chosen);
                (chosen, coin)
            }
            None => {
                if open.said.conf.is_none() {
                    let Some(values) = open.aux_values(committee) else { return false };
                    open.said.conf = Some(values);
                    vote(fx, Vote::Conf { round, values });
                }
                if open.chosen.is_none() {
                    let union = open.conf_values(committee).or(open.said.conf.filter(|_| planted("aba-no-conf")));
                    open.chosen = if planted("aba-own-set") { union.and(open.said.conf) } else { union };
                }
                let Some(chosen) = open.chosen else {
                    if planted("aba-early-share") {
                        self.pass_gate(round, fx);
                    }
                    return false;
                };
                // 5: the gate. It opens also for a coin that is known already.
                let Some(coin) = self.pass_gate(round, fx) else { return false };
                (chosen, coin)
            }
        };

        // 6.
        let est = match chosen.single() {
            Some(value) => {
                if value == coin || planted("aba-decide-without-coin") {
                    self.decide(value, fx);
                }
                value
            }
            None if planted("aba-coin-not-adopted") => est.unwrap_or(coin),
            None => coin,
        };
        self.next_round(self.decision().unwrap_or(est), coin);
        true
    }

    /// Releases the own share of the current round, once; the coin, if it is known.
    fn pass_gate(&mut self, round: Round, fx: &mut dyn Effects<Self>) -> Option<bool> {
        // No peer can influence this: the only caller has fixed `chosen` before.
        let passed = self.open.front().is_some_and(|open| open.chosen.is_some());
        assert!(passed || planted("aba-early-share"), "no share before the quorum of CONF");
        let coin = self.coin_mut(0)?;
        let value = coin.value();
        if let Some(job) = coin.release() {
            fx.job(Keyed { key: round, job });
        }
        value.map(|value| value.bit())
    }

    fn next_round(&mut self, est: bool, coin: bool) {
        if let Some(Open { said: Said { bval: said, .. }, bval, .. }) = self.open.pop_front() {
            self.past.push(Past { bval, said, coin });
        }
        if self.open.is_empty() {
            self.open.push_back(Open::default());
        }
        self.current = self.current.next();
        self.est = Some(est);
    }

    fn decide(&mut self, value: bool, fx: &mut dyn Effects<Self>) {
        if self.decision.is_some() {
            return;
        }
        self.adopt(value);
        self.halted |= planted("aba-halt-at-decide");
        vote(fx, Vote::Term { value });
        self.announce(fx);
    }

    /// Takes a decision without telling anybody.
    fn adopt(&mut self, value: bool) {
        self.decision = Some(Decision { value, round: self.current });
        // Without an input so far, the decision is the estimate from here on.
        self.est.get_or_insert(value);
    }

    /// Hands the decision out, once.
    fn announce(&mut self, fx: &mut dyn Effects<Self>) {
        if let Some(decision) = self.decision
            && !self.announced
        {
            self.announced = true;
            fx.output(decision.value);
        }
    }

    /// Does what [`recall`](Protocol::recall), which may not act, left to do.
    #[inline]
    fn resume(&mut self, fx: &mut dyn Effects<Self>) {
        if self.stale {
            self.stale = false;
            self.announce(fx);
            self.progress(fx);
            if let Some(value) = self.decision() {
                self.try_halt(value);
            }
        }
    }

    /// A vote of an instance, without a message around it.
    #[inline]
    pub fn receive_vote(&mut self, from: NodeIndex, vote: Vote, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        if self.halted || !self.config.committee.contains(from) {
            return;
        }
        match vote {
            Vote::Bval { round, value } => self.on_bval(from, round, value, fx),
            Vote::Aux { round, value } => {
                self.on_slot(from, round, FaultKind::ConflictingAux, fx, |open| open.hear_aux(from, value));
            }
            Vote::Conf { round, .. } if self.config.schedule.fixed(round).is_some() => {
                fx.fault(Fault::new(from, FaultKind::UnexpectedVote));
            }
            Vote::Conf { round, values } => {
                self.on_slot(from, round, FaultKind::ConflictingConf, fx, |open| open.hear_conf(from, values));
            }
            Vote::Term { value } => self.on_term(from, value, fx),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// Index into `past`.
    Past(usize),
    /// Index into `open`.
    Open(usize),
    /// Further ahead than this node looks.
    Beyond,
}

#[inline]
fn vote(fx: &mut dyn Effects<Aba>, vote: Vote) {
    fx.send(To::All, vote.durable(), AbaMessage::Vote(vote));
}

impl Protocol for Aba {
    type Input = bool;
    type Output = bool;
    type Message = AbaMessage;
    type Job = Keyed<Round, CoinJob>;

    fn input(&mut self, input: bool, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        // Round 1 is the only one without an estimate.
        if self.wants_input() || planted("aba-late-input-counts") {
            self.est = Some(input);
            self.progress(fx);
        }
    }

    fn receive(&mut self, from: NodeIndex, message: AbaMessage, fx: &mut dyn Effects<Self>) {
        match message {
            AbaMessage::Vote(vote) => self.receive_vote(from, vote, fx),
            AbaMessage::Share { round, share } => {
                self.resume(fx);
                if self.halted || !self.config.committee.contains(from) {
                    return;
                }
                if self.config.schedule.fixed(round).is_some() {
                    return fx.fault(Fault::new(from, FaultKind::UnexpectedVote));
                }
                self.on_share(from, round, share, fx);
            }
        }
    }

    fn done(&mut self, (round, done): (Round, CoinDone), fx: &mut dyn Effects<Self>) {
        self.resume(fx);
        if self.halted {
            return;
        }
        match done {
            // The gate was open when the job was made. It goes out even when the round is over: others may lack it.
            CoinDone::Share(share) => {
                fx.send(To::All, Durable::No, AbaMessage::Share { round, share });
            }
            CoinDone::Combined(combination) => {
                let Place::Open(ahead) = self.place(round) else { return };
                let Some(coin) = self.coin_mut(ahead) else { return };
                let (culprits, job) = coin.combined(combination);
                for culprit in culprits.iter() {
                    fx.fault(Fault::new(culprit, FaultKind::InvalidCoinShare));
                }
                if let Some(job) = job {
                    fx.job(Keyed { key: round, job });
                }
                if ahead == 0 {
                    self.progress(fx);
                }
            }
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.resume(fx);
    }

    fn recall(&mut self, to: To, message: AbaMessage) {
        let _ = to;
        let me = self.config.me;
        self.stale = true;
        let AbaMessage::Vote(vote) = message else { return };
        // What was said is restored as said, and counted as this node's own vote, which its peers count too.
        if let Vote::Term { value } = vote {
            if self.decision.is_none() && !planted("aba-recall-forgets-term") {
                self.adopt(value);
                self.term[usize::from(value)].add(me);
            }
            return;
        }
        let Some(round) = vote.round() else { return };
        self.recalled = self.recalled.max(round);
        let Place::Open(ahead) = self.place(round) else { return };
        let Some(open) = self.open_mut(ahead) else { return };
        match vote {
            Vote::Bval { value, .. } => {
                open.said.bval.insert(value);
                open.hear_bval(me, value);
            }
            Vote::Aux { .. } if planted("aba-recall-forgets-aux") => {}
            Vote::Conf { .. } if planted("aba-recall-forgets-conf") => {}
            Vote::Aux { value, .. } => {
                open.said.aux = Some(value);
                open.hear_aux(me, value);
            }
            Vote::Conf { values, .. } => {
                open.said.conf = Some(values);
                open.hear_conf(me, values);
            }
            Vote::Term { .. } => {}
        }
    }

    fn is_terminated(&self) -> bool {
        self.halted
    }
}
