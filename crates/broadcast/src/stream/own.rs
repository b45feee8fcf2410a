//! The proposer's side: own batches, their certificates, and who has been sent what.

use bytes::Bytes;
use mellivora_core::codec::Blob;
use mellivora_core::{Committee, Durable, Effects, Fault, FaultKind, NodeIndex, NodeSet, To, planted};
use mellivora_crypto::{Assembly, Endorsement};

use super::job::Task;
use super::machine::Stream;
use super::message::StreamMessage;
use super::tip::{CertifiedTip, Tip};
use crate::certify::Collector;

/// What the proposer knows of a peer.
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    /// Its base is at least this slot.
    base: u64,
    /// The last slot that was proposed to it.
    proposed: u64,
    /// The last place that was announced to it.
    told: u64,
}

/// Votes for the newest own slot.
#[derive(Debug, Default)]
enum Votes {
    /// The place it leads to is not known yet: votes that came early, one per node.
    Early(Vec<(NodeIndex, Tip, Endorsement)>, NodeSet),
    /// It is.
    Collected(Tip, Box<Collector>),
    #[default]
    Nobody,
}

/// See the [file](self).
#[derive(Debug)]
pub(super) struct Own {
    /// The newest slot that was proposed.
    newest: u64,
    votes: Votes,
    peers: Vec<Peer>,
    /// Something has changed since the last look at who is to be sent what.
    pub(super) changed: bool,
}

impl Own {
    pub(super) fn new(committee: Committee) -> Self {
        Own { newest: 0, votes: Votes::Nobody, peers: vec![Peer::default(); committee.n()], changed: false }
    }

    pub(super) fn peer_base(&mut self, peer: NodeIndex, slot: u64) {
        if let Some(peer) = self.peers.get_mut(peer.as_usize()) {
            peer.base = peer.base.max(slot);
            self.changed = true;
        }
    }

    /// What this peer was sent may be lost.
    pub(super) fn resend(&mut self, peer: NodeIndex) {
        if let Some(peer) = self.peers.get_mut(peer.as_usize())
            && !planted("stream-proposals-sent-once")
        {
            (peer.proposed, peer.told) = (0, 0);
            self.changed = true;
        }
    }

    /// This peer has a new incarnation, which announces its base again.
    pub(super) fn forget(&mut self, peer: NodeIndex) {
        if let Some(peer) = self.peers.get_mut(peer.as_usize()) {
            *peer = Peer::default();
        }
    }

    /// This slot was proposed before a restart.
    pub(super) fn recall(&mut self, slot: u64) {
        self.propose(self.newest.max(slot));
    }

    fn propose(&mut self, slot: u64) {
        self.newest = slot;
        self.votes = Votes::Early(Vec::new(), NodeSet::EMPTY);
        self.changed = true;
    }

    pub(super) fn memory(&self) -> usize {
        let votes = match &self.votes {
            Votes::Early(early, _) => early.capacity() * size_of::<(NodeIndex, Tip, Endorsement)>(),
            Votes::Collected(_, collector) => collector.memory(),
            Votes::Nobody => 0,
        };
        votes + self.peers.capacity() * size_of::<Peer>()
    }
}

impl Stream {
    /// At the proposer: the number of the slot that the next batch gets.
    pub fn next_slot(&self) -> u64 {
        self.own.newest.max(self.base.slot).saturating_add(1)
    }

    /// Whether the next batch may be proposed: at the proposer, when the last one is certified or ordered, and the next
    /// slot is within its window.
    pub fn may_propose(&self) -> bool {
        let newest = self.own.newest;
        let founded = newest <= self.base.slot || self.certificates.get(newest).is_some();
        let open = newest.max(self.base.slot) < self.top() || planted("stream-proposer-without-window");
        self.is_proposer() && founded && open
    }

    pub(super) fn propose(&mut self, payload: Bytes, fx: &mut dyn Effects<Self>) {
        if !self.may_propose() || payload.len() > self.config.max_payload {
            return;
        }
        // What is older goes first.
        self.catch_up(fx);
        let newest = self.certificates.get(self.own.newest).filter(|newest| newest.tip.slot > self.base.slot);
        let previous = newest.map_or(self.base, |newest| newest.tip);
        let proven = self.certificates.get(previous.slot).filter(|proven| proven.tip == previous);
        let certificate = proven.map(|proven| proven.certificate.clone());
        // Where may_propose holds, there is a next slot.
        let slot = previous.slot.saturating_add(1);
        self.own.propose(slot);
        let mut to = NodeSet::one(self.config.me);
        to = to.union(&self.lacking(slot));
        self.proposed(slot, &to);
        fx.send(To::Set(to), Durable::Yes, StreamMessage::Proposal { previous, certificate, payload: Blob(payload) });
    }

    /// Who is to be sent this proposal now: those whose window it is in, and who were not sent it.
    fn lacking(&self, slot: u64) -> NodeSet {
        let open = |base: u64| {
            let top = base.saturating_add(self.config.window);
            (slot > base && slot <= top) || planted("stream-peer-window-ignored")
        };
        let lacks = |node: &NodeIndex| {
            let peer = self.own.peers.get(node.as_usize());
            *node != self.config.me && peer.is_some_and(|peer| peer.proposed < slot && open(peer.base))
        };
        self.config.committee.nodes().filter(lacks).collect()
    }

    fn proposed(&mut self, slot: u64, to: &NodeSet) {
        for node in to.iter() {
            if let Some(peer) = self.own.peers.get_mut(node.as_usize()) {
                peer.proposed = slot;
            }
        }
    }

    /// Sends what peers lack: proposals that have come into their windows, and the newest certified place to those who
    /// are not sent the next proposal.
    pub(super) fn offer(&mut self, fx: &mut dyn Effects<Self>) {
        if self.is_proposer() && std::mem::take(&mut self.own.changed) {
            self.catch_up(fx);
            self.tell(fx);
        }
    }

    fn catch_up(&mut self, fx: &mut dyn Effects<Self>) {
        let slots: Vec<u64> = self.slots.keys().copied().filter(|slot| *slot <= self.own.newest).collect();
        for slot in slots {
            let to = self.lacking(slot);
            let proposal = self.slots.get(&slot).and_then(|slot| slot.proposal.as_ref());
            if let Some(proposal) = proposal.filter(|_| !to.is_empty()) {
                fx.send(To::Set(to), Durable::No, proposal.message());
                self.proposed(slot, &to);
            }
        }
    }

    fn tell(&mut self, fx: &mut dyn Effects<Self>) {
        let newest = self.own.newest;
        let certified = self.certificates.get(newest).or_else(|| self.certificates.get(newest.checked_sub(1)?));
        let Some(certified) = certified.cloned() else { return };
        let slot = certified.tip.slot;
        let (mut to, me) = (NodeSet::EMPTY, self.config.me);
        for (node, peer) in self.config.committee.nodes().zip(&mut self.own.peers) {
            // The next proposal shows the certificate, and whoever has ordered it needs none.
            if node != me && peer.proposed <= slot && peer.told < slot && peer.base < slot {
                peer.told = slot;
                to.insert(node);
            }
        }
        if !to.is_empty() && !planted("stream-tip-untold") {
            fx.send(To::Set(to), Durable::No, StreamMessage::Tip(certified));
        }
    }

    pub(super) fn on_vote(&mut self, from: NodeIndex, tip: Tip, endorsement: Endorsement, fx: &mut dyn Effects<Self>) {
        let newest = self.own.newest;
        if !self.is_proposer() || tip.slot > newest.max(self.base.slot) {
            return fx.fault(Fault::new(from, FaultKind::UnexpectedEndorsement));
        }
        // Older slots are certified or ordered.
        if tip.slot < newest || newest <= self.base.slot {
            return;
        }
        match &mut self.own.votes {
            Votes::Early(early, heard) => {
                if heard.insert(from) {
                    early.push((from, tip, endorsement));
                }
            }
            Votes::Collected(..) => self.collect(from, tip, endorsement, fx),
            Votes::Nobody => {}
        }
    }

    fn collect(&mut self, from: NodeIndex, tip: Tip, endorsement: Endorsement, fx: &mut dyn Effects<Self>) {
        let Votes::Collected(own, collector) = &mut self.own.votes else { return };
        if *own != tip {
            return fx.fault(Fault::new(from, FaultKind::InvalidEndorsement));
        }
        if let Some(work) = collector.add(from, endorsement) {
            self.job(Task::Assemble(tip.slot, work), fx);
        }
    }

    /// The place that an own proposal leads to is known: votes for it can be counted.
    pub(super) fn count_votes(&mut self, tip: Tip, fx: &mut dyn Effects<Self>) {
        if !self.is_proposer() || tip.slot != self.own.newest || self.certificates.prove(&tip) {
            return;
        }
        let collector = Box::new(Collector::new(tip.statement(&self.config.domain), self.required()));
        let Votes::Early(early, _) = std::mem::replace(&mut self.own.votes, Votes::Collected(tip, collector)) else {
            return;
        };
        // What a node has said to itself before a restart nobody says again.
        let mine = self.slots.get(&tip.slot).and_then(|slot| slot.vote);
        if let Some((mine, endorsement)) = mine.filter(|_| !planted("stream-recall-own-uncounted")) {
            self.collect(self.config.me, mine, endorsement, fx);
        }
        for (from, tip, endorsement) in early {
            self.collect(from, tip, endorsement, fx);
        }
    }

    pub(super) fn assembled(&mut self, slot: u64, assembly: Assembly, fx: &mut dyn Effects<Self>) {
        let Votes::Collected(tip, collector) = &mut self.own.votes else { return };
        if tip.slot != slot {
            return;
        }
        let tip = *tip;
        let (certificate, culprits, work) = collector.assembled(assembly);
        for node in culprits.iter() {
            fx.fault(Fault::new(node, FaultKind::InvalidEndorsement));
        }
        if let Some(work) = work {
            self.job(Task::Assemble(slot, work), fx);
        }
        if let Some(certificate) = certificate {
            self.own.votes = Votes::Nobody;
            self.learn(CertifiedTip { tip, certificate }, fx);
        }
    }
}
