//! Nodes of any protocol on a network whose schedule is drawn from bytes.
//!
//! The last node is Byzantine: it runs the protocol, and the bytes decide what becomes of each message it sends. It is
//! changed, sent to somebody else, sent twice, or dropped. Messages of honest nodes arrive in the end, in an order that
//! the bytes choose. Every message travels through the wire codec.
//!
//! It may also tell two stories: then a twin of it hears the same, says something else, and each of the two mostly talks
//! to one half of the nodes.
//!
//! Nodes can be cut off, and can crash and come back with their promises alone: see [`crash`].

mod crash;

use std::collections::VecDeque;

use mellivora_core::codec::{decode, encode};
use mellivora_core::{Committee, Durable, Effects, Fault, Job, NodeIndex, NodeSet, Protocol, To};

use crate::input::Input;
use crate::promises::Promises;

/// Deliveries after which a run counts as endless.
const ENDLESS: usize = 200_000;

/// What a Byzantine node makes of one of its messages.
pub type Bend<M> = fn(M, &mut Input<'_>) -> Vec<M>;

/// One node with its driver.
struct Member<P: Protocol> {
    me: NodeIndex,
    protocol: P,
    /// Its promises, in the order in which it made them.
    log: Vec<(To, P::Message)>,
    /// All that it has said since it started; kept only where the network repeats it.
    history: Vec<(To, P::Message)>,
}

impl<P: Protocol> Member<P> {
    fn new(me: NodeIndex, protocol: P) -> Self {
        Member { me, protocol, log: Vec::new(), history: Vec::new() }
    }
}

/// What a turn leaves behind.
struct Turn<P: Protocol> {
    sends: VecDeque<(To, Durable, P::Message)>,
    jobs: VecDeque<P::Job>,
    outputs: Vec<P::Output>,
    faults: Vec<Fault>,
}

impl<P: Protocol> Effects<P> for Turn<P> {
    fn send(&mut self, to: To, durable: Durable, message: P::Message) {
        self.sends.push_back((to, durable, message));
    }
    fn job(&mut self, job: P::Job) {
        self.jobs.push_back(job);
    }
    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
    fn output(&mut self, output: P::Output) {
        self.outputs.push(output);
    }
}

/// A message on its way, encoded.
#[derive(Clone)]
struct Letter {
    from: NodeIndex,
    to: NodeIndex,
    bytes: Vec<u8>,
}

/// See the [module page](self).
pub struct Network<P: Protocol> {
    committee: Committee,
    members: Vec<Member<P>>,
    outputs: Vec<Vec<P::Output>>,
    faults: Vec<Vec<Fault>>,
    waiting: VecDeque<Letter>,
    /// The second face of the Byzantine node, and whether it is the one in its place just now.
    twin: Option<Member<P>>,
    as_twin: bool,
    /// Deliveries so far.
    delivered: usize,
    /// Nodes whose links are all cut.
    cut: NodeSet,
    /// Nodes that have crashed and not come back.
    down: NodeSet,
    /// Every message that arrives is handed to this, too, encoded.
    pub tap: Option<fn(&[u8])>,
    /// Messages that a node is not to get are lost on arrival: those for which this is false.
    pub admit: Option<fn(NodeIndex, &P::Message) -> bool>,
    /// How the Byzantine node changes a message; without it, bytes of the encoding change.
    pub bend: Option<Bend<P::Message>>,
    /// As long as this holds, the Byzantine node does nothing wrong.
    pub obedient: bool,
    /// Anybody may be blamed: the caller makes up messages of every node.
    pub anybody: bool,
    /// A node that comes back hears again what was said before; for protocols that have no outbox of their own.
    pub repeats: bool,
    /// What honest nodes promise is compared here with what they promised before.
    pub promises: Option<Promises<P::Message>>,
}

impl<P: Protocol> Network<P> {
    /// Nodes made by `make`.
    pub fn new(committee: Committee, make: impl Fn(NodeIndex) -> P) -> Self {
        Network {
            committee,
            members: committee.nodes().map(|me| Member::new(me, make(me))).collect(),
            outputs: committee.nodes().map(|_| Vec::new()).collect(),
            faults: committee.nodes().map(|_| Vec::new()).collect(),
            waiting: VecDeque::new(),
            twin: None,
            as_twin: false,
            delivered: 0,
            cut: NodeSet::EMPTY,
            down: NodeSet::EMPTY,
            tap: None,
            admit: None,
            bend: None,
            obedient: false,
            anybody: false,
            repeats: false,
            promises: None,
        }
    }

    /// Size and fault bound.
    pub fn committee(&self) -> Committee {
        self.committee
    }

    /// The Byzantine node.
    pub fn byzantine(&self) -> NodeIndex {
        NodeIndex(self.committee.n() as u16 - 1)
    }

    /// What each honest node has output.
    pub fn honest(&self) -> &[Vec<P::Output>] {
        &self.outputs[..self.committee.n() - 1]
    }

    /// What one node has output.
    pub fn outputs(&self, node: NodeIndex) -> &[P::Output] {
        &self.outputs[node.as_usize()]
    }

    /// The honest nodes themselves.
    pub fn honest_nodes(&self) -> impl Iterator<Item = &P> {
        self.members[..self.committee.n() - 1].iter().map(|member| &member.protocol)
    }

    /// One node.
    pub fn node(&self, node: NodeIndex) -> &P {
        &self.members[node.as_usize()].protocol
    }

    /// What a node has blamed others for.
    pub fn faults(&self, node: NodeIndex) -> &[Fault] {
        &self.faults[node.as_usize()]
    }

    /// Hands an input to a node. One that is down does not get it.
    pub fn input(&mut self, node: NodeIndex, value: P::Input, input: &mut Input<'_>) {
        if !self.down.contains(node) {
            self.turn(node, input, |protocol, fx| protocol.input(value, fx));
        }
    }

    /// Gives the Byzantine node a twin with an input of its own.
    pub fn equivocate(&mut self, twin: P, value: P::Input, input: &mut Input<'_>) {
        self.twin = Some(Member::new(self.byzantine(), twin));
        self.swap();
        self.turn(self.byzantine(), input, |protocol, fx| protocol.input(value, fx));
        self.swap();
    }

    /// If the Byzantine node has a twin, neither says anything from now on.
    pub fn retire(&mut self) {
        if self.twin.is_some() {
            self.cut(self.byzantine());
        }
    }

    /// Puts the Byzantine node and its twin into each other's place.
    fn swap(&mut self) {
        let place = self.byzantine().as_usize();
        if let Some(twin) = &mut self.twin {
            std::mem::swap(twin, &mut self.members[place]);
            self.as_twin = !self.as_twin;
        }
    }

    /// Hands a message to a node at once, as if it had come from `from`.
    pub fn deliver(&mut self, from: NodeIndex, to: NodeIndex, message: P::Message, input: &mut Input<'_>) {
        self.turn(to, input, |protocol, fx| protocol.receive(from, message, fx));
    }

    /// Drops all messages on their way.
    pub fn silence(&mut self) {
        self.waiting.clear();
    }

    /// Delivers in the order that the bytes choose, then everything that is left in the order in which it was sent.
    pub fn run(&mut self, input: &mut Input<'_>) {
        while self.step(input) {}
    }

    /// Delivers one message, which the bytes choose. False when none is on its way.
    pub fn step(&mut self, input: &mut Input<'_>) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        self.delivered += 1;
        assert!(self.delivered < ENDLESS, "the network does not fall silent");
        let at = if input.is_empty() { 0 } else { input.below(self.waiting.len()) };
        let Some(letter) = self.waiting.remove(at) else { return false };
        if let Some(tap) = self.tap {
            tap(&letter.bytes);
        }
        // What does not decode is the driver's matter: the protocol never sees it.
        let message = decode::<P::Message>(&letter.bytes.into()).ok();
        if let Some(message) = message.filter(|message| self.admit.is_none_or(|admit| admit(letter.to, message))) {
            if letter.to == self.byzantine() && self.twin.is_some() {
                let same = message.clone();
                self.swap();
                self.turn(letter.to, input, |protocol, fx| protocol.receive(letter.from, same, fx));
                self.swap();
            }
            self.turn(letter.to, input, |protocol, fx| protocol.receive(letter.from, message, fx));
        }
        true
    }

    /// One event at one node, with all that the driver owes it: own messages and jobs first, then the end of the turn.
    fn turn(&mut self, node: NodeIndex, input: &mut Input<'_>, event: impl FnOnce(&mut P, &mut Turn<P>)) {
        let byzantine = self.byzantine();
        let Member { me, protocol, log, history } = &mut self.members[node.as_usize()];
        let mut turn = Turn { sends: VecDeque::new(), jobs: VecDeque::new(), outputs: Vec::new(), faults: Vec::new() };
        let mut letters = Vec::new();
        event(protocol, &mut turn);
        let mut flushed = false;
        loop {
            if let Some((to, durable, message)) = turn.sends.pop_front() {
                if let Some(promises) = self.promises.as_mut().filter(|_| node != byzantine) {
                    promises.check(node, &to, durable, &message);
                }
                if durable == Durable::Yes {
                    log.push((to, message.clone()));
                }
                if self.repeats {
                    history.push((to, message.clone()));
                }
                let bytes = encode(&message).to_vec();
                for peer in self.committee.nodes().filter(|peer| to.includes(*peer) && peer != me) {
                    letters.push(Letter { from: *me, to: peer, bytes: bytes.clone() });
                }
                if to.includes(*me) {
                    protocol.receive(*me, message, &mut turn);
                }
            } else if let Some(job) = turn.jobs.pop_front() {
                protocol.done(job.run(), &mut turn);
            } else if !flushed {
                flushed = true;
                protocol.flush(&mut turn);
            } else {
                break;
            }
            // What flush sends comes back to the node, which may then have more to say.
            flushed &= turn.sends.is_empty() && turn.jobs.is_empty();
        }
        letters.into_iter().for_each(|letter| self.send(letter, input));
        if node != byzantine && !self.anybody {
            for fault in &turn.faults {
                assert_eq!(fault.node, byzantine, "node {node} blames an honest node: {fault}");
            }
        }
        self.faults[node.as_usize()].extend(turn.faults);
        self.outputs[node.as_usize()].extend(turn.outputs);
    }

    fn send(&mut self, letter: Letter, input: &mut Input<'_>) {
        if letter.from != self.byzantine() || self.obedient {
            return self.post(letter);
        }
        if self.twin.is_some() {
            let own_half = (letter.to.0 & 1 == 1) == self.as_twin;
            let across = !input.is_empty() && input.byte().is_multiple_of(4);
            if !own_half && !across {
                return;
            }
        }
        self.misbehave(letter, input);
    }

    /// Puts a message on its way, if there is a way.
    fn post(&mut self, letter: Letter) {
        let unreachable = self.cut.union(&self.down);
        if !unreachable.contains(letter.from) && !unreachable.contains(letter.to) {
            self.waiting.push_back(letter);
        }
    }

    /// Decides what becomes of a message of the Byzantine node.
    fn misbehave(&mut self, mut letter: Letter, input: &mut Input<'_>) {
        match if input.is_empty() { 0 } else { input.byte() % 8 } {
            0..=3 => {}
            4 => return,
            5 => letter.to = NodeIndex(input.below(self.committee.n()) as u16),
            6 => self.post(letter.clone()),
            _ if self.bend.is_some() => {
                let bend = self.bend.expect("just seen");
                let own = decode::<P::Message>(&letter.bytes.into()).expect("a node's own message is well-formed");
                for message in bend(own, input) {
                    self.post(Letter { bytes: encode(&message).to_vec(), ..letter });
                }
                return;
            }
            _ => {
                for _ in 0..=input.below(3) {
                    let at = input.below(letter.bytes.len());
                    letter.bytes[at] ^= input.byte();
                }
            }
        }
        if letter.to != letter.from {
            self.post(letter);
        }
    }
}
