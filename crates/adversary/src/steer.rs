//! The best scheduler against binary agreement: it keeps the honest nodes of a committee of four split.
//!
//! In each round it binds the agreement to a bit b of its choice, lets nodes 0 and 1 end with the set {b} and learns the
//! coin from the first share. Node 2, the unlucky one, it always leaves with {0, 1}, hence with the coin as its
//! estimate. As long as the coin is not b the estimates stay mixed, which takes two rounds in the mean; then all agree
//! and the last one decides after two more. No scheduler does better against an agreement that binds; against one that
//! does not (no CONF), learning the coin before node 2 is bound splits them for ever. TERM is withheld throughout.

use mellivora_agreement::{Aba, AbaConfig, AbaMessage, CoinSchedule, Values, Vote};
use mellivora_core::{Committee, Digest, Domain, Era, FaultKind, NodeIndex, Protocol, Round};

use crate::{IdealCoin, Parcel, Stage};

/// A committee of four, node 3 Byzantine, under the scheduler described on the [module page](self).
#[derive(Debug)]
pub struct Steering {
    /// The committee. Real coins in every round.
    pub stage: Stage<Aba>,
    seed: u64,
    round: Round,
}

const Z: u16 = 3;
const LUCKY: [u16; 2] = [0, 1];
const UNLUCKY: u16 = 2;

impl Steering {
    /// Inputs 1, 0, 0; coins and the bits to bind to follow from the seed.
    pub fn new(seed: u64) -> Self {
        Self::with_inputs(seed, [true, false, false])
    }

    /// Any inputs of the three honest nodes.
    pub fn with_inputs(seed: u64, inputs: [bool; 3]) -> Self {
        // Four nodes are a committee.
        let committee = Committee::new(4).unwrap_or_else(|_| unreachable!());
        let domain = Domain::new(Digest([9; 32]), Era(0));
        let mut stage = Stage::new(committee, &[Z], |me| {
            Aba::new(AbaConfig {
                committee,
                me,
                domain,
                coin: IdealCoin::scheme(committee, me, seed),
                schedule: CoinSchedule::AlwaysReal,
                rounds_ahead: 6,
            })
        });
        for (node, input) in (0..).zip(inputs) {
            stage.input(node, input);
        }
        Steering { stage, seed, round: Round(1) }
    }

    /// Plays until every honest node has decided by its own coin, at most `limit` rounds. Returns the round in which
    /// the last one did.
    pub fn play(&mut self, limit: u32) -> Option<Round> {
        while self.round.0 <= limit {
            if self.split() {
                self.steer()
            } else {
                self.run_out()
            }
            self.round = self.round.next();
            let decided: Option<Vec<Round>> =
                self.stage.honest().map(|node| self.stage.node(node).decided_round()).collect();
            if let Some(rounds) = decided {
                return rounds.into_iter().max();
            }
        }
        None
    }

    /// Whether the honest estimates are mixed.
    fn split(&self) -> bool {
        let estimates: Vec<_> = self.stage.honest().map(|node| self.stage.node(node).estimate()).collect();
        estimates.windows(2).any(|pair| pair[0] != pair[1])
    }

    /// One round of unanimous nodes: nothing can be steered.
    fn run_out(&mut self) {
        let round = self.round;
        self.stage.deliver(|_, parcel| parcel.message.round() == Some(round));
    }

    /// One round of split nodes.
    fn steer(&mut self) {
        let round = self.round;
        let bind = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(round.0) & 1 == 1;
        let of = |vote: fn(&Vote) -> bool| move |parcel: &Parcel<AbaMessage>| matches!(&parcel.message, AbaMessage::Vote(v) if v.round() == Some(round) && vote(v));
        let lucky = |parcel: &Parcel<AbaMessage>| LUCKY.contains(&parcel.to.0);
        let from_lucky = |parcel: &Parcel<AbaMessage>| parcel.from.0 != UNLUCKY;
        let is_bval = |parcel: &Parcel<AbaMessage>, wanted: bool| matches!(parcel.message, AbaMessage::Vote(Vote::Bval { round: r, value }) if r == round && value == wanted);
        for value in [false, true] {
            self.stage.say(Z, &[0, 1, 2], AbaMessage::Vote(Vote::Bval { round, value }));
        }
        self.stage.say(Z, &LUCKY, AbaMessage::Vote(Vote::Aux { round, value: bind }));
        self.stage.say(Z, &LUCKY, AbaMessage::Vote(Vote::Conf { round, values: Values::of(bind) }));

        // The lucky ones hear b first, the unlucky one hears the other value first.
        self.stage.deliver(|_, p| lucky(p) && is_bval(p, bind));
        self.stage.deliver(|_, p| is_bval(p, !bind));
        self.stage.deliver(|_, p| is_bval(p, bind));
        // Among themselves and with the Byzantine node the lucky ones have a quorum for b. The unlucky one adds its
        // own vote for the other value to theirs.
        let aux = of(|vote| matches!(vote, Vote::Aux { .. }));
        self.stage.deliver(|_, p| aux(p) && from_lucky(p));
        let conf = of(|vote| matches!(vote, Vote::Conf { .. }));
        self.stage.deliver(|_, p| conf(p) && from_lucky(p));
        // Everybody is bound. Now the coin, and whatever is left of the round.
        self.stage.deliver(|_, p| p.message.round() == Some(round));
    }

    /// Lets TERM and everything else arrive.
    pub fn release(&mut self) {
        self.stage.deliver_all();
    }

    /// Whether all honest nodes decided the same bit and halted, and nobody blamed an honest node.
    pub fn ended_well(&self) -> bool {
        let decisions: Vec<_> = self.stage.honest().map(|node| self.stage.node(node).decision()).collect();
        let blamed =
            self.stage.honest().flat_map(|node| self.stage.faults(node)).any(|(node, _): (u16, FaultKind)| node != Z);
        decisions.first().is_some_and(|first| first.is_some() && decisions.iter().all(|d| d == first))
            && self.stage.honest().all(|node| self.stage.node(node).is_terminated())
            && !blamed
    }

    /// Whether the unlucky node is at `round` at least: used to see that a steered round was really played.
    pub fn unlucky_round(&self) -> Round {
        self.stage.node(UNLUCKY).round()
    }

    /// The index of the Byzantine node.
    pub const fn byzantine() -> NodeIndex {
        NodeIndex(Z)
    }
}
