//! The rules of a view, from this node's value to the decision.

use std::collections::BTreeMap;

use bytes::Bytes;
use mellivora_broadcast::{Spb, SpbInput};
use mellivora_core::{Durable, Effects, Keyed, NodeIndex, Protocol, Round, To, planted};

use super::job::{SmvbaJob, Work};
use super::justification::{Chain, Justification, Origin};
use super::machine::Smvba;
use super::message::{Halt, HaltProof, Prevote, SmvbaMessage, Vote};
use super::view::View;

impl Smvba {
    /// Applies the rules of the current view until none of them does anything.
    pub(super) fn progress(&mut self, fx: &mut dyn Effects<Self>) {
        while self.decided.is_none() && self.step(fx) {}
    }

    /// One pass over the rules; true if the view ended.
    fn step(&mut self, fx: &mut dyn Effects<Self>) -> bool {
        let view = self.current;
        self.propose(view, fx);
        self.release(view, fx);
        let Some(leader) = self.view_mut(view).leader else { return false };
        self.prevote(view, leader, fx);
        self.vote(view, leader, fx);
        self.conclude(view, leader, fx)
    }

    /// 1: this node's value, with its justification.
    fn propose(&mut self, view: Round, fx: &mut dyn Effects<Self>) {
        let Some((value, origin)) = &self.value else { return };
        let me = self.params.me;
        if self.views.get(&view).and_then(|place| place.known(me)).is_some_and(Spb::has_proposed) {
            return;
        }
        let value = value.clone();
        let chain = Chain::new(self.chain.clone());
        let proof = Justification { origin: origin.clone(), chain }.to_bytes();
        self.with_spb(view, me, fx, |spb, fx| spb.input(SpbInput::Propose { value, proof }, fx));
    }

    /// 2: the gate before the own share of the coin.
    fn release(&mut self, view: Round, fx: &mut dyn Effects<Self>) {
        let early = planted("smvba-early-share");
        if !self.gate_is_open(view) && !early {
            return;
        }
        if let Some(job) = self.view_mut(view).coin.release() {
            fx.job(SmvbaJob(Work::Coin(Keyed { key: view, job })));
        }
    }

    /// 3: what this node knows of the leader's value.
    fn prevote(&mut self, view: Round, leader: NodeIndex, fx: &mut dyn Effects<Self>) {
        if std::mem::replace(&mut self.view_mut(view).said_prevote, true) {
            return;
        }
        self.log_proof(view, fx);
        let lock = self.views.get(&view).and_then(|place| place.known(leader)).and_then(Spb::lock);
        let lock = lock.map(|(digest, value, certificate)| (digest, value.clone(), certificate.clone()));
        let prevote = match lock {
            Some((digest, value, lock)) => {
                self.assert_value(digest, value);
                Prevote::Yes { digest, lock }
            }
            None => Prevote::No(self.params.certificates.endorse(&self.names.no_lock_statement(view, leader))),
        };
        fx.send(To::All, Durable::Yes, SmvbaMessage::Prevote { view, leader, prevote });
    }

    /// 4: the first lock that somebody shows, or that a quorum has none.
    fn vote(&mut self, view: Round, leader: NodeIndex, fx: &mut dyn Effects<Self>) {
        let place = self.view_mut(view);
        if place.said_vote {
            return;
        }
        let vote = match (place.lock.clone(), place.no_locks.clone()) {
            (Some((digest, lock)), _) => {
                let Some(value) = self.at_hand(view, leader, &digest) else { return };
                self.log_value(view, leader, digest, value, fx);
                let statement = self.names.seen_statement(view, leader, digest);
                Vote::Yes { digest, lock, endorsement: self.params.certificates.endorse(&statement) }
            }
            (None, Some(no_locks)) => {
                let statement = self.names.no_value_statement(view, leader);
                Vote::No { no_locks, endorsement: self.params.certificates.endorse(&statement) }
            }
            (None, None) => return,
        };
        self.view_mut(view).said_vote = true;
        fx.send(To::All, Durable::Yes, SmvbaMessage::Vote { view, leader, vote });
    }

    /// 5: a quorum of VOTEs ends the view. True if another one begins.
    fn conclude(&mut self, view: Round, leader: NodeIndex, fx: &mut dyn Effects<Self>) -> bool {
        let needed = self.names.votes();
        let place = self.view_mut(view);
        let (yes, no) = place.count();
        // Its own part comes first: others may need it when they come to this view.
        if !place.said_vote || yes + no < needed {
            return false;
        }
        if yes > 0 && no > 0 {
            let Some((digest, certificate)) = place.lock.clone() else { return false };
            let Some(value) = self.at_hand(view, leader, &digest) else { return false };
            if !planted("smvba-mixed-keeps-own") {
                self.value = Some((value, Origin::Lock { view, leader, certificate }));
            }
            self.chain = Vec::new();
        } else if no == 0 {
            let Some((digest, certificate)) = place.all_seen.clone() else { return false };
            let Some(value) = self.at_hand(view, leader, &digest) else { return false };
            let halt = Halt { view, leader, digest, proof: HaltProof::Seen(certificate) };
            self.decide(halt, value, fx);
            return false;
        } else {
            let Some(certificate) = place.no_values.clone() else { return false };
            self.chain.push((leader, certificate));
        }
        self.enter(view.next());
        true
    }

    pub(super) fn enter(&mut self, view: Round) {
        self.current = view;
        // What the log says was proposed here is proposed, whatever would be chosen now.
        let me = self.params.me;
        let Some((value, proof)) = self.views.get(&view).and_then(|place| place.known(me)?.sent()) else { return };
        if let Some(Justification { origin, chain }) = Justification::from_bytes(proof, view) {
            self.value = Some((value.clone(), origin));
            self.chain = chain.into_vec();
        }
    }

    /// 6: the decision, by whatever proof.
    pub(super) fn decide(&mut self, halt: Halt, value: Bytes, fx: &mut dyn Effects<Self>) {
        if self.decided.is_some() {
            return;
        }
        // Whoever names a leader by a FINISH must be able to prove it; a quorum of votes proves it by itself.
        if matches!(halt.proof, HaltProof::Finish(_)) {
            self.log_proof(halt.view, fx);
        }
        self.log_value(halt.view, halt.leader, halt.digest, value.clone(), fx);
        fx.send(To::All, Durable::Yes, SmvbaMessage::Halt(halt.clone()));
        self.decided = Some((halt, value));
        self.bury();
        self.announce(fx);
    }

    /// Keeps what a tombstone answers with.
    pub(super) fn bury(&mut self) {
        self.views.retain(|_, view| view.proof().is_some());
        self.views.values_mut().for_each(View::strip);
        self.chain = Vec::new();
        self.wanted = BTreeMap::new();
        self.halts = Vec::new();
    }

    pub(super) fn announce(&mut self, fx: &mut dyn Effects<Self>) {
        if let Some((_, value)) = &self.decided
            && !std::mem::replace(&mut self.announced, true)
        {
            fx.output(value.clone());
        }
    }
}
