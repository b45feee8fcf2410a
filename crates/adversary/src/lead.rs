//! The scheduler against an agreement that does not bind: it learns the coin, and then leads one node away from it.
//!
//! A committee of four, node 3 Byzantine. Nodes 0 and 1 agree, node 2 holds the other bit. In each round 0 and 1 see both
//! values and toss the coin before node 2 has heard anything; then node 2 hears of nothing but the value that the coin
//! has not. Without CONF it ends with that value alone, the others with the coin, and so it goes on for ever. With CONF
//! the others' sets of both values bind node 2 as well: all estimates are the coin after one such round. TERM is withheld
//! throughout.

use mellivora_agreement::{Aba, AbaConfig, AbaMessage, CoinSchedule, Values, Vote};
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, Purpose, Round};

use crate::{IdealCoin, Parcel, Stage};

const PAIR: [u16; 2] = [0, 1];
const APART: u16 = 2;
const Z: u16 = 3;

/// A committee of four under the scheduler described on the [module page](self).
#[derive(Debug)]
pub struct Leading {
    /// The committee. Real coins in every round.
    pub stage: Stage<Aba>,
    domain: Domain,
    coin: IdealCoin,
    split: u32,
}

impl Leading {
    /// Inputs 1, 1, 0; coins follow from the seed.
    pub fn new(seed: u64) -> Self {
        // Four nodes are a committee.
        let committee = Committee::new(4).unwrap_or_else(|_| unreachable!());
        let domain = Domain::new(Digest([9; 32]), Era(0));
        let mut stage = Stage::new(committee, &[Z], |me| {
            let coin = IdealCoin::scheme(committee, me, seed);
            Aba::new(AbaConfig { committee, me, domain, coin, schedule: CoinSchedule::AlwaysReal, rounds_ahead: 6 })
        });
        for (node, input) in [(0, true), (1, true), (2, false)] {
            stage.input(node, input);
        }
        Leading { stage, domain, coin: IdealCoin::new(committee, NodeIndex(0), seed), split: 0 }
    }

    /// Rounds so far in which estimates were mixed.
    pub fn split_rounds(&self) -> u32 {
        self.split
    }

    /// Plays until every honest node has decided by its own coin, at most `limit` rounds. Returns the round in which the
    /// last one did.
    pub fn play(&mut self, limit: u32) -> Option<Round> {
        for round in (1..=limit).map(Round) {
            let estimates: Vec<_> = self.stage.honest().map(|node| self.stage.node(node).estimate()).collect();
            if estimates.windows(2).all(|pair| pair[0] == pair[1]) {
                self.stage.deliver(|_, p| p.message.round() == Some(round));
            } else {
                self.split += 1;
                self.lead(round);
            }
            if self.stage.honest().all(|node| self.stage.node(node).decision().is_some()) {
                return Some(round);
            }
        }
        None
    }

    fn deliver(&mut self, round: Round, pick: impl Fn(&Parcel<AbaMessage>) -> bool) {
        self.stage.deliver(|_, p| p.message.round() == Some(round) && pick(p));
    }

    /// One round of mixed estimates.
    fn lead(&mut self, round: Round) {
        let bval = |value| AbaMessage::Vote(Vote::Bval { round, value });
        let aux = |value| AbaMessage::Vote(Vote::Aux { round, value });
        let conf = |values| AbaMessage::Vote(Vote::Conf { round, values });
        let is = |wanted: fn(&Vote) -> bool| move |p: &Parcel<AbaMessage>| matches!(&p.message, AbaMessage::Vote(v) if wanted(v));
        let to_pair = |p: &Parcel<AbaMessage>| PAIR.contains(&p.to.0) && p.from.0 != APART;
        let other = self.stage.node(APART).estimate().unwrap_or_default();
        for value in [false, true] {
            self.stage.say(Z, &[0, 1, 2], bval(value));
        }
        // The first value in bin is node 2's at node 0, with its own relay, and the pair's at node 1: their AUX differ.
        self.deliver(round, |p| p.to.0 == 0 && [APART, Z].contains(&p.from.0) && p.message == bval(other));
        self.deliver(round, |p| p.to.0 == 1 && [0, Z].contains(&p.from.0) && p.message == bval(!other));
        let is_bval = is(|vote| matches!(vote, Vote::Bval { .. }));
        self.deliver(round, |p| PAIR.contains(&p.to.0) && is_bval(p));
        // Whatever the Byzantine node adds, they see both values; with its CONF they pass the gate without node 2.
        self.stage.say(Z, &PAIR, aux(other));
        self.stage.say(Z, &PAIR, conf(Values::BOTH));
        let is_aux = is(|vote| matches!(vote, Vote::Aux { .. }));
        self.deliver(round, |p| to_pair(p) && is_aux(p));
        let is_conf = is(|vote| matches!(vote, Vote::Conf { .. }));
        self.deliver(round, |p| to_pair(p) && is_conf(p));
        // With one honest share and its own the Byzantine node knows the coin, and tells node 2 of the other value only.
        let away = !self.coin.peek(&self.domain.statement(Purpose::Coin, round).digest()).bit();
        self.stage.say(Z, &[APART], aux(away));
        self.stage.say(Z, &[APART], conf(Values::of(away)));
        self.deliver(round, |p| p.to.0 == APART && p.message == bval(away));
        self.deliver(round, |p| p.to.0 == APART && p.message == aux(away));
        self.deliver(round, |p| p.to.0 == APART && p.message == conf(Values::of(away)));
        self.deliver(round, |_| true);
    }
}
