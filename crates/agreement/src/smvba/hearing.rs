//! What others say in a view: PREVOTE, VOTE, HALT, and the requests and answers about leaders and values.
//!
//! A statement fills its sender's slot when it comes, and is reviewed whenever something it waits for arrives: first the
//! leader, then the verdict on its certificate, then the value that it is about. What it waits for is asked of its
//! sender, who vouches for it. There is no second try for a statement that is found invalid.

use bytes::Bytes;
use mellivora_broadcast::certify::Collector;
use mellivora_core::codec::Blob;
use mellivora_core::{Digest, Durable, Effects, Fault, FaultKind, NodeIndex, NodeSet, Round, To, planted};
use mellivora_crypto::CoinCombination;

use super::job::{About, SmvbaJob, Subject, Work};
use super::machine::Smvba;
use super::message::{Halt, HaltProof, Prevote, Shares, SmvbaMessage, Vote};
use super::view::{Slot, Stage, View};

impl View {
    /// Takes the PREVOTE of a member; false if another one of it is here.
    pub(super) fn hear_prevote(&mut self, from: NodeIndex, leader: NodeIndex, said: Prevote) -> bool {
        hear(&mut self.prevotes, from, leader, said)
    }

    /// Takes the VOTE of a member; false if another one of it is here.
    pub(super) fn hear_vote(&mut self, from: NodeIndex, leader: NodeIndex, said: Vote) -> bool {
        hear(&mut self.votes, from, leader, said)
    }
}

fn hear<T: PartialEq>(slots: &mut [Option<Slot<T>>], from: NodeIndex, leader: NodeIndex, said: T) -> bool {
    match slots.get_mut(from.as_usize()) {
        Some(Some(first)) => first.leader == leader && first.said == said,
        Some(slot) => {
            *slot = Some(Slot { leader, said, stage: Stage::Held });
            true
        }
        None => true,
    }
}

impl Smvba {
    pub(super) fn on_prevote(
        &mut self,
        from: NodeIndex,
        view: Round,
        leader: NodeIndex,
        prevote: Prevote,
        fx: &mut dyn Effects<Self>,
    ) {
        if !self.view_mut(view).hear_prevote(from, leader, prevote) {
            return fx.fault(Fault::new(from, FaultKind::ConflictingPrevote));
        }
        self.review_prevote(view, from, fx);
    }

    pub(super) fn review_prevote(&mut self, view: Round, from: NodeIndex, fx: &mut dyn Effects<Self>) {
        let known = self.view_mut(view).leader;
        let names = self.names;
        let Some(Some(slot)) = self.view_mut(view).prevotes.get_mut(from.as_usize()) else { return };
        match (slot.stage, known) {
            (Stage::Held, None) => self.ask_leader(view, from, fx),
            (Stage::Held, Some(leader)) if leader != slot.leader => {
                slot.stage = Stage::Spent;
                fx.fault(Fault::new(from, FaultKind::WrongLeader));
            }
            (Stage::Held, Some(leader)) => match slot.said.clone() {
                Prevote::No(endorsement) => {
                    // The link says who sent it. The signature is for others, and is verified with theirs.
                    slot.stage = Stage::Counted;
                    let work = self.view_mut(view).no_lock.as_mut().and_then(|c| c.add(from, endorsement));
                    self.assemble(view, About::NoLocks, work, fx);
                }
                Prevote::Yes { digest, lock } => {
                    slot.stage = Stage::Checking;
                    self.check(Subject::Prevote(view, from), vec![names.lock(view, leader, digest, lock)], None, fx);
                }
            },
            (Stage::NoValue, Some(leader)) => {
                let Prevote::Yes { digest, lock } = slot.said.clone() else { return };
                if self.at_hand(view, leader, &digest).is_none() {
                    return self.ask_value(digest, from, fx);
                }
                let place = self.view_mut(view);
                place.lock.get_or_insert((digest, lock));
                if let Some(Some(slot)) = place.prevotes.get_mut(from.as_usize()) {
                    slot.stage = Stage::Counted;
                }
            }
            _ => {}
        }
    }

    pub(super) fn prevote_checked(&mut self, view: Round, from: NodeIndex, valid: bool, fx: &mut dyn Effects<Self>) {
        let Some(Some(slot)) = self.view_mut(view).prevotes.get_mut(from.as_usize()) else { return };
        if valid || planted("smvba-prevote-unchecked") {
            slot.stage = Stage::NoValue;
            self.review_prevote(view, from, fx);
        } else {
            slot.stage = Stage::Spent;
            fx.fault(Fault::new(from, FaultKind::InvalidPrevote));
        }
    }

    pub(super) fn on_vote(
        &mut self,
        from: NodeIndex,
        view: Round,
        leader: NodeIndex,
        vote: Vote,
        fx: &mut dyn Effects<Self>,
    ) {
        if !self.view_mut(view).hear_vote(from, leader, vote) {
            return fx.fault(Fault::new(from, FaultKind::ConflictingVote));
        }
        self.review_vote(view, from, fx);
    }

    pub(super) fn review_vote(&mut self, view: Round, from: NodeIndex, fx: &mut dyn Effects<Self>) {
        let known = self.view_mut(view).leader;
        let names = self.names;
        let Some(Some(slot)) = self.view_mut(view).votes.get_mut(from.as_usize()) else { return };
        match (slot.stage, known) {
            (Stage::Held, None) => self.ask_leader(view, from, fx),
            (Stage::Held, Some(leader)) if leader != slot.leader => {
                slot.stage = Stage::Spent;
                fx.fault(Fault::new(from, FaultKind::WrongLeader));
            }
            (Stage::Held, Some(leader)) => {
                let claim = match slot.said.clone() {
                    Vote::Yes { digest, lock, .. } => names.lock(view, leader, digest, lock),
                    Vote::No { no_locks, .. } => names.no_locks(view, leader, no_locks),
                };
                slot.stage = Stage::Checking;
                self.check(Subject::Vote(view, from), vec![claim], None, fx);
            }
            (Stage::NoValue, Some(leader)) => match slot.said.clone() {
                Vote::No { endorsement, .. } => {
                    slot.stage = Stage::Counted;
                    let work = self.view_mut(view).no_value.as_mut().and_then(|c| c.add(from, endorsement));
                    self.assemble(view, About::NoValue, work, fx);
                }
                Vote::Yes { digest, lock, endorsement } => {
                    if self.at_hand(view, leader, &digest).is_none() {
                        return self.ask_value(digest, from, fx);
                    }
                    let place = self.view_mut(view);
                    place.lock.get_or_insert((digest, lock));
                    if let Some(Some(slot)) = place.votes.get_mut(from.as_usize()) {
                        slot.stage = Stage::Counted;
                    }
                    let statement = names.seen_statement(view, leader, digest);
                    let seen = place.seen.get_or_insert_with(|| Collector::new(statement, names.votes()));
                    let work = seen.add(from, endorsement);
                    self.assemble(view, About::Seen, work, fx);
                }
            },
            _ => {}
        }
    }

    pub(super) fn vote_checked(&mut self, view: Round, from: NodeIndex, valid: bool, fx: &mut dyn Effects<Self>) {
        let Some(Some(slot)) = self.view_mut(view).votes.get_mut(from.as_usize()) else { return };
        if valid || planted("smvba-vote-unchecked") {
            slot.stage = Stage::NoValue;
            self.review_vote(view, from, fx);
        } else {
            slot.stage = Stage::Spent;
            fx.fault(Fault::new(from, FaultKind::InvalidVote));
        }
    }

    pub(super) fn on_halt(&mut self, from: NodeIndex, halt: Halt, fx: &mut dyn Effects<Self>) {
        let Some(slot) = self.halts.get_mut(from.as_usize()) else { return };
        // Two proofs of one decision are no fault: it may be proven in two ways.
        if slot.is_none() && self.params.committee.contains(halt.leader) {
            let Halt { view, leader, digest, ref proof } = halt;
            let claim = match proof {
                HaltProof::Finish(certificate) => self.names.finish(view, leader, digest, certificate.clone()),
                HaltProof::Seen(certificate) => self.names.seen(view, leader, digest, certificate.clone()),
            };
            *slot = Some((halt, Stage::Checking));
            self.check(Subject::Halt(from), vec![claim], None, fx);
        }
    }

    pub(super) fn halt_checked(&mut self, from: NodeIndex, valid: bool, fx: &mut dyn Effects<Self>) {
        let Some(Some((_, stage))) = self.halts.get_mut(from.as_usize()) else { return };
        if valid || planted("smvba-halt-unchecked") {
            *stage = Stage::NoValue;
            self.review_halt(from, fx);
        } else {
            *stage = Stage::Spent;
            fx.fault(Fault::new(from, FaultKind::InvalidHalt));
        }
    }

    pub(super) fn review_halt(&mut self, from: NodeIndex, fx: &mut dyn Effects<Self>) {
        let Some(Some((halt, Stage::NoValue))) = self.halts.get(from.as_usize()) else { return };
        let halt = halt.clone();
        // A quorum has signed who leads, when it says what it saw of the leader. A FINISH says nothing about that.
        if matches!(halt.proof, HaltProof::Finish(_)) && !planted("smvba-halt-without-leader") {
            match self.view_mut(halt.view).leader {
                None => return self.ask_leader(halt.view, from, fx),
                Some(leader) if leader != halt.leader => {
                    if let Some(Some((_, stage))) = self.halts.get_mut(from.as_usize()) {
                        *stage = Stage::Spent;
                    }
                    return fx.fault(Fault::new(from, FaultKind::WrongLeader));
                }
                Some(_) => {}
            }
        }
        match self.at_hand(halt.view, halt.leader, &halt.digest) {
            Some(value) => self.decide(halt, value, fx),
            None => self.ask_value(halt.digest, from, fx),
        }
    }

    /// Whoever names the leader of a view can prove it.
    pub(super) fn ask_leader(&mut self, view: Round, of: NodeIndex, fx: &mut dyn Effects<Self>) {
        let fresh = self.view_mut(view).asked.insert(of);
        if fresh && of != self.params.me && !planted("smvba-leader-not-asked") {
            fx.send(To::Node(of), Durable::No, SmvbaMessage::AskLeader(view));
        }
    }

    pub(super) fn on_ask_leader(&mut self, from: NodeIndex, view: Round, fx: &mut dyn Effects<Self>) {
        let Some(place) = self.views.get_mut(&view) else { return };
        if let Some(shares) = place.proof()
            && place.proved.insert(from)
        {
            fx.send(To::Node(from), Durable::No, SmvbaMessage::Leader { view, shares });
        }
    }

    pub(super) fn on_leader(&mut self, from: NodeIndex, view: Round, shares: Shares, fx: &mut dyn Effects<Self>) {
        // This node's own note to itself comes back as it goes into the log.
        let Some(place) = self.views.get_mut(&view).filter(|_| from != self.params.me) else { return };
        if place.leader.is_none() && place.asked.contains(from) && place.answers.insert(from) {
            self.combine_proof(view, from, shares, fx);
        }
    }

    pub(super) fn combine_proof(&self, view: Round, from: NodeIndex, shares: Shares, fx: &mut dyn Effects<Self>) {
        let (name, scheme) = (self.names.coin(view), self.params.coin.clone());
        fx.job(SmvbaJob(Work::Leader { view, from, name, shares, scheme }));
    }

    pub(super) fn led(
        &mut self,
        view: Round,
        from: NodeIndex,
        shares: Shares,
        combination: CoinCombination,
        fx: &mut dyn Effects<Self>,
    ) {
        match combination.value {
            Some(value) => {
                self.view_mut(view).coin.learn(value, shares.into_vec());
                self.learn_leader(view, fx);
            }
            None => fx.fault(Fault::new(from, FaultKind::InvalidLeaderProof)),
        }
    }

    /// Whoever vouches for a digest can show the value.
    pub(super) fn ask_value(&mut self, digest: Digest, of: NodeIndex, fx: &mut dyn Effects<Self>) {
        let fresh = self.wanted.entry(digest).or_insert(NodeSet::EMPTY).insert(of);
        if fresh && of != self.params.me {
            fx.send(To::Node(of), Durable::No, SmvbaMessage::AskValue(digest));
        }
    }

    pub(super) fn on_ask_value(&mut self, from: NodeIndex, digest: Digest, fx: &mut dyn Effects<Self>) {
        if let Some((value, served)) = self.asserted.get_mut(&digest)
            && served.insert(from)
        {
            let value = SmvbaMessage::Value(Blob(value.clone()));
            fx.send(To::Node(from), Durable::No, value);
        }
    }

    pub(super) fn on_value(&mut self, from: NodeIndex, value: Bytes, fx: &mut dyn Effects<Self>) {
        // One answer is looked at for each request, whatever it holds.
        let asked = self.wanted.values().filter(|of| of.contains(from)).count();
        let heard = self.answers.entry(from).or_default();
        if *heard < asked {
            *heard += 1;
            fx.job(SmvbaJob(Work::Hash { from, value }));
        }
    }

    pub(super) fn value_hashed(&mut self, from: NodeIndex, value: Bytes, digest: Digest, fx: &mut dyn Effects<Self>) {
        let asked = self.wanted.get(&digest).is_some_and(|of| of.contains(from));
        if !asked {
            return fx.fault(Fault::new(from, FaultKind::InvalidValue));
        }
        self.assert_value(digest, value);
        self.value_arrived(digest, fx);
    }

    /// Reviews whatever waited for this value.
    pub(super) fn value_arrived(&mut self, digest: Digest, fx: &mut dyn Effects<Self>) {
        let views: Vec<Round> = self.views.keys().copied().collect();
        if !self.wanted.contains_key(&digest) {
            return;
        }
        for node in self.params.committee.nodes() {
            for view in &views {
                self.review_prevote(*view, node, fx);
                self.review_vote(*view, node, fx);
            }
            self.review_halt(node, fx);
        }
    }
}
