//! A parent of one stream: proposes, orders by an ideal agreement that everybody shares, announces its base, closes what
//! everybody has, and repeats what a link lost.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::Bytes;
use mellivora_broadcast::{
    CertifiedTip, Stream, StreamConfig, StreamInput, StreamJob, StreamMessage, StreamOutput, Tip,
};
use mellivora_core::codec::{
    Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer, read_tag, unknown_tag,
};
use mellivora_core::{
    Durable, Effects, Job, Keyed, Layer, Lens, Message, NodeIndex, NodeSet, Parent, Protocol, Segment, To,
    hash::HashKey,
};
use mellivora_crypto::{CertificateScheme, Claim};

use crate::support::ideal;

/// What all members share: the outputs of an agreement that takes the first valid place that is newer than the last.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) chosen: Vec<CertifiedTip>,
    pub(crate) honest: NodeSet,
    /// Slots up to this one are closed at somebody.
    pub(crate) closed: u64,
    pub(crate) seed: u64,
    pub(crate) slots: u64,
    /// Who outputs at once, and who lets others go first.
    pub(crate) eager: NodeSet,
    /// Whether slots are ever closed.
    pub(crate) closes: bool,
    /// Whether streams are nudged, at any moment. Nothing needs that.
    nudges: bool,
    /// Batches that were made up: no two are alike.
    made: u64,
}

impl Order {
    pub(crate) fn shared(seed: u64, slots: u64, honest: NodeSet, closes: bool) -> Rc<RefCell<Self>> {
        let all: Vec<NodeIndex> = honest.iter().collect();
        let sure = all[seed as usize % all.len()];
        let eager = all.into_iter().filter(|node| *node == sure || (seed >> (3 + node.0)) & 1 == 1).collect();
        Rc::new(RefCell::new(Order {
            chosen: Vec::new(),
            honest,
            closed: 0,
            seed,
            slots,
            eager,
            closes,
            nudges: seed.is_multiple_of(5),
            made: 0,
        }))
    }

    pub(crate) fn newest(&self) -> Tip {
        self.chosen.last().map_or(Tip::GENESIS, |chosen| chosen.tip)
    }

    fn batch(&mut self) -> Bytes {
        self.made += 1;
        let number = self.made.wrapping_add(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let len = [0, 10, 300, 0, 66_000, 1, 2000][(number % 7) as usize];
        let mut bytes = vec![number as u8; len];
        bytes.iter_mut().zip(self.made.to_be_bytes()).for_each(|(byte, other)| *byte = other);
        bytes.into()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum MemberMessage {
    Stream(StreamMessage),
    /// The sender's base.
    Base(u64),
    /// So many outputs there are.
    News(u64),
    /// The sender has put out all batches up to this slot.
    Done(u64),
    /// Everybody has.
    Closed(u64),
}

impl Message for MemberMessage {}

impl Encode for MemberMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let (tag, number) = match self {
            Self::Stream(message) => {
                encoder.writer().write(&[1])?;
                return message.encode(encoder);
            }
            Self::Base(slot) => (2, slot),
            Self::News(count) => (3, count),
            Self::Done(slot) => (4, slot),
            Self::Closed(slot) => (5, slot),
        };
        encoder.writer().write(&[tag])?;
        number.encode(encoder)
    }
}

impl Decode<Frame> for MemberMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match read_tag(decoder)? {
            1 => Self::Stream(StreamMessage::decode(decoder)?),
            2 => Self::Base(u64::decode(decoder)?),
            3 => Self::News(u64::decode(decoder)?),
            4 => Self::Done(u64::decode(decoder)?),
            5 => Self::Closed(u64::decode(decoder)?),
            _ => return unknown_tag(),
        })
    }
}

pub(crate) struct Member {
    pub(crate) stream: Stream,
    me: NodeIndex,
    order: Rc<RefCell<Order>>,
    outputs: Vec<StreamOutput>,
    /// Outputs that it knows of, and those that it has taken.
    known: usize,
    taken: usize,
    /// The number of outputs that it has told others, which is on disk.
    told: u64,
    /// An output whose batches have to be here before its base moves.
    held: Option<Tip>,
    /// Slots whose batches it wants, and those that came.
    pub(crate) wanted: BTreeSet<u64>,
    pub(crate) out: BTreeSet<u64>,
    /// The last slot up to which everybody said to be done.
    done: Vec<u64>,
    pub(crate) released: u64,
    announced: (u64, u64),
    pub(crate) jumps: u64,
    window: u64,
}

const CHOICE: HashKey = HashKey::new("mellivora/test choice");

impl Member {
    pub(crate) fn new(config: StreamConfig, order: Rc<RefCell<Order>>) -> Self {
        Member {
            me: config.me,
            window: config.window,
            done: vec![0; config.committee.n()],
            stream: Stream::new(config),
            order,
            outputs: Vec::new(),
            known: 0,
            taken: 0,
            told: 0,
            held: None,
            wanted: BTreeSet::new(),
            out: BTreeSet::new(),
            released: 0,
            announced: (0, 0),
            jumps: 0,
        }
    }

    /// A choice of this node by seed: a number below `of`.
    fn choice(&self, about: u64, of: u8) -> u8 {
        let seed = self.order.borrow().seed;
        CHOICE.digest_parts(&[&seed.to_be_bytes(), &self.me.0.to_be_bytes(), &about.to_be_bytes()]).0[0] % of
    }

    fn put(&mut self, input: StreamInput, fx: &mut dyn Effects<Self>) {
        self.stream.input(input, &mut Lens::new(fx, (), &mut self.outputs));
        self.drain(fx);
    }

    fn drain(&mut self, fx: &mut dyn Effects<Self>) {
        for output in std::mem::take(&mut self.outputs) {
            if let StreamOutput::Batch { tip, .. } = &output {
                self.out.insert(tip.slot);
            }
            fx.output(output);
        }
    }

    /// Whoever takes part in an agreement learns what came of it.
    fn learn(&mut self, fx: &mut dyn Effects<Self>) {
        let order = self.order.borrow();
        let chosen = order.chosen.len();
        let takes_part = order.eager.contains(self.me);
        drop(order);
        if !takes_part {
            return;
        }
        self.known = self.known.max(chosen);
        if chosen as u64 > self.told {
            self.told = chosen as u64;
            fx.send(To::All, Durable::Yes, MemberMessage::News(self.told));
        }
    }

    /// What it would give to an agreement: nothing, unless it is newer than what was chosen last.
    pub(crate) fn candidate(&self, newest: u64) -> Option<CertifiedTip> {
        let top = self.stream.base().slot.saturating_add(self.window);
        self.stream.certified_up_to(top).filter(|certified| certified.tip.slot > newest).cloned()
    }

    /// Takes outputs that it knows of: with their batches, or by a jump where somebody has closed them.
    fn take(&mut self, fx: &mut dyn Effects<Self>) {
        loop {
            if let Some(held) = self.held {
                if !self.is_done(held.slot) {
                    return;
                }
                self.held = None;
                self.put(StreamInput::Ordered(held), fx);
            }
            let (next, closed) = {
                let order = self.order.borrow();
                let next = order.chosen.get(self.taken).filter(|_| self.taken < self.known).cloned();
                (next, order.closed)
            };
            let Some(next) = next else { return };
            self.taken += 1;
            let tip = next.tip;
            let snapshot = self.choice(tip.slot, 8) == 0 && self.taken < self.known;
            if tip.slot <= closed || snapshot {
                self.jumps += 1;
                self.put(StreamInput::Ordered(tip), fx);
                continue;
            }
            self.wanted.extend(self.stream.base().slot + 1..=tip.slot);
            self.put(StreamInput::Want(next), fx);
            match self.choice(tip.slot, 3) {
                0 => self.held = Some(tip),
                _ => self.put(StreamInput::Ordered(tip), fx),
            }
        }
    }

    fn is_done(&self, slot: u64) -> bool {
        self.wanted
            .range(self.released + 1..=slot.max(self.released + 1))
            .all(|wanted| *wanted > slot || self.out.contains(wanted))
    }

    fn announce(&mut self, fx: &mut dyn Effects<Self>) {
        let base = self.stream.base().slot;
        if base > self.announced.0 {
            self.announced.0 = base;
            fx.send(To::All, Durable::No, MemberMessage::Base(base));
        }
        if base > self.announced.1 && self.held.is_none() && self.is_done(base) {
            self.announced.1 = base;
            fx.send(To::All, Durable::No, MemberMessage::Done(base));
        }
    }

    fn close(&mut self, slot: u64, fx: &mut dyn Effects<Self>) {
        if slot > self.released && slot <= self.stream.base().slot {
            self.released = slot;
            self.put(StreamInput::Release(slot), fx);
            fx.send(To::All, Durable::No, MemberMessage::Closed(slot));
        }
    }

    fn count_done(&mut self, fx: &mut dyn Effects<Self>) {
        let order = self.order.borrow();
        let done = order.honest.iter().map(|node| self.done[node.as_usize()]).min().unwrap_or(0);
        let closes = order.closes;
        drop(order);
        if closes {
            self.close(done, fx);
        }
    }

    fn propose(&mut self, fx: &mut dyn Effects<Self>) {
        while self.stream.may_propose() && self.stream.next_slot() <= self.order.borrow().slots {
            let batch = self.order.borrow_mut().batch();
            self.put(StreamInput::Propose(batch), fx);
        }
    }

    /// It takes long, or so it seems.
    pub(crate) fn nudge(&mut self, fx: &mut dyn Effects<Self>) {
        if self.order.borrow().nudges {
            self.put(StreamInput::Nudge, fx);
        }
    }

    /// The link to a peer has come up.
    pub(crate) fn greet(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        let (base, done) = self.announced;
        for message in [
            MemberMessage::Base(base),
            MemberMessage::Done(done),
            MemberMessage::News(self.told.max(self.known as u64)),
            MemberMessage::Closed(self.released),
        ] {
            fx.send(To::Node(peer), Durable::No, message);
        }
        self.put(StreamInput::Resend(peer), fx);
    }
}

impl Parent<Stream> for Member {
    type Key = ();
    fn message(_: (), message: StreamMessage) -> MemberMessage {
        MemberMessage::Stream(message)
    }
    fn job(_: (), job: StreamJob) -> Keyed<(), StreamJob> {
        Keyed { key: (), job }
    }
    fn segment(_: ()) -> Segment {
        Segment::of(Layer::Stream, NodeIndex(0))
    }
}

impl Protocol for Member {
    type Input = ();
    type Output = StreamOutput;
    type Message = MemberMessage;
    type Job = Keyed<(), StreamJob>;

    fn input(&mut self, (): (), _: &mut dyn Effects<Self>) {}

    fn receive(&mut self, from: NodeIndex, message: MemberMessage, fx: &mut dyn Effects<Self>) {
        match message {
            MemberMessage::Stream(message) => {
                self.stream.receive(from, message, &mut Lens::new(fx, (), &mut self.outputs));
                self.drain(fx);
            }
            // What honest nodes say of themselves is true; a faulty one can say what it likes.
            MemberMessage::Base(slot) => self.put(StreamInput::PeerBase(from, slot), fx),
            MemberMessage::Done(slot) => {
                let done = &mut self.done[from.as_usize()];
                *done = (*done).max(slot);
                self.count_done(fx);
            }
            MemberMessage::News(count) => {
                let all = self.order.borrow().chosen.len();
                self.known = self.known.max(all.min(count as usize));
            }
            MemberMessage::Closed(slot) if self.order.borrow().honest.contains(from) => {
                // Whatever this node still wants of it, it gets by other means.
                let order = self.order.borrow();
                let last = order.chosen.iter().rposition(|chosen| chosen.tip.slot <= slot);
                let newest = last.and_then(|last| order.chosen.get(last)).map_or(Tip::GENESIS, |chosen| chosen.tip);
                drop(order);
                self.taken = self.taken.max(last.map_or(0, |last| last + 1));
                self.known = self.known.max(self.taken);
                self.held = self.held.filter(|held| held.slot > slot);
                if newest.slot > self.stream.base().slot {
                    self.jumps += 1;
                    self.put(StreamInput::Ordered(newest), fx);
                }
                self.close(slot, fx);
            }
            MemberMessage::Closed(_) => {}
        }
    }

    fn done(&mut self, ((), done): <Self::Job as Job>::Done, fx: &mut dyn Effects<Self>) {
        self.stream.done(done, &mut Lens::new(fx, (), &mut self.outputs));
        self.drain(fx);
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.learn(fx);
        self.take(fx);
        self.announce(fx);
        self.propose(fx);
        self.stream.flush(&mut Lens::new(fx, (), &mut self.outputs));
        self.drain(fx);
    }

    fn recall(&mut self, to: To, message: MemberMessage) {
        match message {
            MemberMessage::Stream(message) => self.stream.recall(to, message),
            // Some have what was ordered on disk, others learn it again from their peers.
            MemberMessage::News(count) => {
                self.told = self.told.max(count);
                if self.done.len() == 1 || self.choice(0, 2) == 0 {
                    self.known = self.known.max(count as usize);
                }
            }
            _ => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.done[peer.as_usize()] = 0;
        self.stream.forget(peer, &mut Lens::new(fx, (), &mut self.outputs));
        self.drain(fx);
    }

    fn is_terminated(&self) -> bool {
        false
    }
}

/// Whether a place is certified.
pub(crate) fn is_valid(n: usize, quorum: usize, certified: &CertifiedTip) -> bool {
    let statement = certified.tip.statement(&crate::support::domain());
    ideal(n).verify(&[Claim::many(statement, quorum, certified.certificate.clone())])
}
