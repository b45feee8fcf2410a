//! What was chosen: which batches those are, and how they come here from others.

use mellivora_core::codec::List;
use mellivora_core::{
    Committee, Digest, Durable, Effects, Fault, FaultKind, Lens, NodeIndex, NodeSet, Protocol, To, planted,
};

use super::machine::{Stream, StreamOutput};
use super::message::{MAX_HEADERS, StreamMessage};
use super::slot::Asked;
use super::tip::{CertifiedTip, Header, Tip};
use crate::retrieval::{Retrieval, RetrievalConfig, RetrievalInput, RetrievalMessage};

/// A place that was chosen.
#[derive(Debug)]
pub(super) struct Want {
    chosen: CertifiedTip,
    /// The last slot that was wanted before, or the base.
    floor: u64,
    /// The next slot to be put out.
    next: u64,
    /// The next place, going down, of which it is not known what its digest covers.
    unknown: (u64, Digest),
    asking: Option<Asking>,
}

impl Want {
    /// The next slot to be put out.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn memory(&self) -> usize {
        let asking = self.asking.as_ref();
        let nodes = asking.map_or(0, |asking| asking.waiting.capacity() + asking.engaged.capacity());
        size_of::<Self>() + self.chosen.certificate.memory() + nodes * size_of::<Engaged>()
    }
}

/// Somebody who was asked.
#[derive(Debug)]
struct Engaged {
    node: NodeIndex,
    /// Does not know, or has said something wrong.
    useless: bool,
}

/// Who is asked for the headers of one digest.
#[derive(Debug)]
struct Asking {
    slot: u64,
    digest: Digest,
    /// Whom to ask, the next one last.
    waiting: Vec<NodeIndex>,
    engaged: Vec<Engaged>,
    /// How many who may know are to be asked.
    target: usize,
}

impl Asking {
    fn new(committee: Committee, me: NodeIndex, slot: u64, digest: Digest, signers: NodeSet) -> Self {
        // The ring of nodes after this one, so that not everybody asks the same; signers first.
        let ring = committee.nodes().filter(|&node| node > me).chain(committee.nodes().filter(|&node| node < me));
        let (first, then): (Vec<_>, Vec<_>) = ring.partition(|node| signers.contains(*node));
        let waiting = first.into_iter().chain(then).rev().collect();
        Asking { slot, digest, waiting, engaged: Vec::new(), target: committee.one_honest() }
    }

    /// Who is to be asked now.
    fn engage(&mut self) -> Vec<NodeIndex> {
        let mut fresh = Vec::new();
        while self.engaged.iter().filter(|engaged| !engaged.useless).count() < self.target
            && let Some(node) = self.waiting.pop()
        {
            self.engaged.push(Engaged { node, useless: false });
            fresh.push(node);
        }
        fresh
    }

    fn engaged(&mut self, node: NodeIndex) -> Option<&mut Engaged> {
        self.engaged.iter_mut().find(|engaged| engaged.node == node)
    }

    fn message(&self) -> StreamMessage {
        StreamMessage::Ask(self.slot, self.digest)
    }
}

impl Stream {
    pub(super) fn want(&mut self, chosen: CertifiedTip, fx: &mut dyn Effects<Self>) {
        self.learn(chosen.clone(), fx);
        let floor = self.base.slot.max(self.wanted.slot);
        if chosen.tip.slot <= floor {
            return;
        }
        self.wanted = chosen.tip;
        let unknown = (chosen.tip.slot, chosen.tip.digest);
        self.wants.push_back(Want { chosen, floor, next: floor.saturating_add(1), unknown, asking: None });
        self.progress(fx);
    }

    pub(super) fn nudge(&mut self, fx: &mut dyn Effects<Self>) {
        for want in &mut self.wants {
            if let Some(asking) = &mut want.asking {
                asking.target = asking.target.saturating_add(1).min(self.config.committee.n());
            }
        }
        let slots: Vec<u64> = self.slots.keys().copied().collect();
        for slot in slots {
            self.with_retrieval(slot, fx, |retrieval, fx| retrieval.input(RetrievalInput::Nudge, fx));
        }
        self.progress(fx);
    }

    /// Goes on with everything that was chosen, as far as it is known and here.
    pub(super) fn progress(&mut self, fx: &mut dyn Effects<Self>) {
        for at in 0..self.wants.len() {
            self.descend(at, fx);
        }
        self.put_out(fx);
    }

    /// Follows the chain of digests down from a chosen place, and asks others where it is not known here.
    fn descend(&mut self, at: usize, fx: &mut dyn Effects<Self>) {
        while let Some(want) = self.wants.get_mut(at) {
            let (slot, digest) = want.unknown;
            if slot <= want.floor.max(self.released) {
                want.asking = None;
                return;
            }
            let state = self.slots.get(&slot);
            if let Some(header) = state.and_then(|state| state.header(&digest)) {
                self.found(at, header, fx);
                continue;
            }
            // What is being hashed may be it.
            if state.and_then(|state| state.proposal.as_ref()).is_some_and(|proposal| proposal.hashed.is_none()) {
                return;
            }
            let (committee, me) = (self.config.committee, self.config.me);
            let signers = want.chosen.certificate.signers;
            let asking = match &mut want.asking {
                Some(asking) if asking.digest == digest => asking,
                other => other.insert(Asking::new(committee, me, slot, digest, signers)),
            };
            let message = asking.message();
            for node in asking.engage() {
                fx.send(To::Node(node), Durable::No, message.clone());
            }
            return;
        }
    }

    /// What the next unknown digest of a chosen place covers: its batch is wanted.
    fn found(&mut self, at: usize, header: Header, fx: &mut dyn Effects<Self>) {
        let Some(want) = self.wants.get_mut(at) else { return };
        let (slot, digest) = want.unknown;
        want.unknown = (slot.saturating_sub(1), header.previous);
        // What was asked is known, and answers to it are of no use any more.
        if !planted("stream-old-answers-are-lies") {
            want.asking = None;
        }
        let state = self.slots.entry(slot).or_default();
        state.chosen = Some((Tip { slot, digest, full: header.full }, header));
        let own = self.certificates.get(slot).filter(|own| own.tip.digest == digest);
        let signers = own.map_or(want.chosen.certificate.signers, |own| own.certificate.signers);
        let tree = state.proposal.as_ref().and_then(|proposal| proposal.hashed.as_ref()).map(|(tree, _)| tree);
        let tree = tree.filter(|tree| tree.commitment() == header.commitment).cloned();
        if let Some(tree) = tree {
            self.hold(slot, tree, fx);
        }
        self.retrieval(slot);
        let root = header.commitment;
        self.with_retrieval(slot, fx, |retrieval, fx| retrieval.input(RetrievalInput::Want { root, signers }, fx));
        self.answer_asks(slot, fx);
    }

    /// Puts out what is here, in order.
    fn put_out(&mut self, fx: &mut dyn Effects<Self>) {
        while let Some(want) = self.wants.front_mut() {
            want.next = want.next.max(self.released.saturating_add(1));
            if want.next > want.chosen.tip.slot {
                self.wants.pop_front();
                continue;
            }
            let Some((tip, tree)) = self.slots.get(&want.next).and_then(|slot| slot.batch()) else { return };
            want.next = want.next.saturating_add(1);
            fx.output(StreamOutput::Batch { tip, commitment: tree.commitment(), body: tree.body().clone() });
        }
    }

    pub(super) fn on_headers(
        &mut self,
        from: NodeIndex,
        digest: Digest,
        headers: &[Header],
        fx: &mut dyn Effects<Self>,
    ) {
        let asked = |want: &Want| want.asking.as_ref().is_some_and(|asking| asking.digest == digest);
        let Some(at) = self.wants.iter().position(asked) else { return };
        let Some(asking) = self.wants.get_mut(at).and_then(|want| want.asking.as_mut()) else { return };
        let Some(engaged) = asking.engaged(from) else { return };
        engaged.useless |= headers.is_empty();
        for header in headers {
            let Some(want) = self.wants.get_mut(at) else { return };
            let (slot, digest) = want.unknown;
            if slot <= want.floor.max(self.released) {
                break;
            }
            if header.digest(slot) != digest && !planted("stream-headers-unchecked") {
                if let Some(engaged) = want.asking.as_mut().and_then(|asking| asking.engaged(from)) {
                    engaged.useless = true;
                }
                fx.fault(Fault::new(from, FaultKind::InvalidFetched));
                break;
            }
            self.found(at, *header, fx);
        }
        self.progress(fx);
    }

    pub(super) fn on_ask(&mut self, from: NodeIndex, slot: u64, digest: Digest, fx: &mut dyn Effects<Self>) {
        let headers = self.headers(slot, digest);
        if self.is_tracked(slot) {
            let asked = &mut self.slots.entry(slot).or_default().asked;
            if asked.contains_key(&from) {
                return;
            }
            asked.insert(from, Asked { digest, answered: !headers.is_empty() });
        }
        fx.send(To::Node(from), Durable::No, StreamMessage::Headers(digest, List::new(headers)));
    }

    /// Answers who has asked for a header that is known now.
    pub(super) fn answer_asks(&mut self, slot: u64, fx: &mut dyn Effects<Self>) {
        let Some(state) = self.slots.get(&slot) else { return };
        let open = state.asked.iter().filter(|(_, asked)| !asked.answered);
        let open: Vec<(NodeIndex, Digest)> = open.map(|(node, asked)| (*node, asked.digest)).collect();
        for (node, digest) in open {
            let headers = self.headers(slot, digest);
            if headers.is_empty() || planted("stream-late-asks-unanswered") {
                continue;
            }
            if let Some(asked) = self.slots.get_mut(&slot).and_then(|state| state.asked.get_mut(&node)) {
                asked.answered = true;
            }
            fx.send(To::Node(node), Durable::No, StreamMessage::Headers(digest, List::new(headers)));
        }
    }

    /// What this digest covers, and those before it, as far as is known here.
    fn headers(&self, slot: u64, digest: Digest) -> Vec<Header> {
        let (mut headers, mut at) = (Vec::new(), (slot, digest));
        while headers.len() < MAX_HEADERS
            && let Some(header) = self.slots.get(&at.0).and_then(|slot| slot.header(&at.1))
        {
            headers.push(header);
            at = (at.0.saturating_sub(1), header.previous);
        }
        headers
    }

    /// What a peer has not answered is asked again, and what it was answered is said again.
    pub(super) fn ask_again(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        for asking in self.wants.iter_mut().filter_map(|want| want.asking.as_mut()) {
            let message = asking.message();
            if let Some(engaged) = asking.engaged(peer) {
                engaged.useless = false;
                fx.send(To::Node(peer), Durable::No, message);
            }
        }
        let slots: Vec<u64> = self.slots.keys().copied().collect();
        for slot in slots {
            let asked = self.slots.get(&slot).and_then(|slot| slot.asked.get(&peer)).map(|asked| asked.digest);
            if let Some(digest) = asked {
                let headers = self.headers(slot, digest);
                fx.send(To::Node(peer), Durable::No, StreamMessage::Headers(digest, List::new(headers)));
            }
            self.with_retrieval(slot, fx, |retrieval, fx| retrieval.repeat(peer, fx));
        }
    }

    pub(super) fn on_retrieval(
        &mut self,
        from: NodeIndex,
        slot: u64,
        message: RetrievalMessage,
        fx: &mut dyn Effects<Self>,
    ) {
        match &message {
            // An honest node may be ahead of this one, or behind: it is told to ask somebody else.
            RetrievalMessage::Request(root, _) if !self.is_tracked(slot) => {
                let absent = StreamMessage::Retrieval(slot, RetrievalMessage::Absent(*root));
                return fx.send(To::Node(from), Durable::No, absent);
            }
            RetrievalMessage::Request(..) => self.retrieval(slot),
            _ => {}
        }
        self.with_retrieval(slot, fx, |retrieval, fx| retrieval.receive(from, message, fx));
        self.progress(fx);
    }

    /// Makes sure that there is a retrieval for a slot.
    pub(super) fn retrieval(&mut self, slot: u64) {
        let committee = self.config.committee;
        let config = RetrievalConfig { committee, me: self.config.me, max_payload: self.config.max_payload };
        let state = self.slots.entry(slot).or_default();
        state.retrieval.get_or_insert_with(|| Box::new(Retrieval::new(config)));
    }

    pub(super) fn with_retrieval(
        &mut self,
        slot: u64,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Retrieval, &mut dyn Effects<Retrieval>),
    ) {
        if let Some(retrieval) = self.slots.get_mut(&slot).and_then(|slot| slot.retrieval.as_mut()) {
            // What comes out is held there, and looked at by `batch`.
            act(retrieval, &mut Lens::new(fx, slot, &mut Vec::new()));
        }
    }
}
