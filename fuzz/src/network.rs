//! Nodes of any protocol on a network whose schedule is drawn from bytes.
//!
//! The last node is Byzantine: it runs the protocol, and the bytes decide what becomes of each message it sends. It is
//! changed, sent to somebody else, sent twice, or dropped. Messages of honest nodes arrive in the end, in an order that
//! the bytes choose. Every message travels through the wire codec.

use std::collections::VecDeque;

use mellivora_core::codec::{decode, encode};
use mellivora_core::{Committee, Durable, Effects, Fault, Job, NodeIndex, Protocol, To};

use crate::input::Input;

/// Deliveries after which a run counts as endless.
const ENDLESS: usize = 200_000;

/// One node with its driver.
struct Member<P: Protocol> {
    me: NodeIndex,
    protocol: P,
}

/// What a turn leaves behind.
struct Turn<P: Protocol> {
    sends: VecDeque<(To, P::Message)>,
    jobs: VecDeque<P::Job>,
    outputs: Vec<P::Output>,
    faults: Vec<Fault>,
}

impl<P: Protocol> Effects<P> for Turn<P> {
    fn send(&mut self, to: To, _: Durable, message: P::Message) {
        self.sends.push_back((to, message));
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
    waiting: VecDeque<Letter>,
    /// Every message that arrives is handed to this, too, encoded.
    pub tap: Option<fn(&[u8])>,
}

impl<P: Protocol> Network<P> {
    /// Nodes made by `make`.
    pub fn new(committee: Committee, make: impl Fn(NodeIndex) -> P) -> Self {
        Network {
            committee,
            members: committee.nodes().map(|me| Member { me, protocol: make(me) }).collect(),
            outputs: committee.nodes().map(|_| Vec::new()).collect(),
            waiting: VecDeque::new(),
            tap: None,
        }
    }

    /// The Byzantine node.
    pub fn byzantine(&self) -> NodeIndex {
        NodeIndex(self.committee.n() as u16 - 1)
    }

    /// What each honest node has output.
    pub fn honest(&self) -> &[Vec<P::Output>] {
        &self.outputs[..self.committee.n() - 1]
    }

    /// The honest nodes themselves.
    pub fn honest_nodes(&self) -> impl Iterator<Item = &P> {
        self.members[..self.committee.n() - 1].iter().map(|member| &member.protocol)
    }

    /// Hands an input to a node.
    pub fn input(&mut self, node: NodeIndex, value: P::Input, input: &mut Input<'_>) {
        self.turn(node, input, |protocol, fx| protocol.input(value, fx));
    }

    /// Delivers in the order that the bytes choose, then everything that is left in the order in which it was sent.
    pub fn run(&mut self, input: &mut Input<'_>) {
        for _ in 0..ENDLESS {
            if self.waiting.is_empty() {
                return;
            }
            let at = if input.is_empty() { 0 } else { input.below(self.waiting.len()) };
            let Some(letter) = self.waiting.remove(at) else { continue };
            if let Some(tap) = self.tap {
                tap(&letter.bytes);
            }
            // What does not decode is the driver's matter: the protocol never sees it.
            let Ok(message) = decode::<P::Message>(&letter.bytes.into()) else { continue };
            self.turn(letter.to, input, |protocol, fx| protocol.receive(letter.from, message, fx));
        }
        panic!("the network does not fall silent");
    }

    /// One event at one node, with all that the driver owes it: own messages and jobs first, then the end of the turn.
    fn turn(&mut self, node: NodeIndex, input: &mut Input<'_>, event: impl FnOnce(&mut P, &mut Turn<P>)) {
        let byzantine = self.byzantine();
        let Member { me, protocol } = &mut self.members[node.as_usize()];
        let mut turn = Turn { sends: VecDeque::new(), jobs: VecDeque::new(), outputs: Vec::new(), faults: Vec::new() };
        let mut letters = Vec::new();
        event(protocol, &mut turn);
        let mut flushed = false;
        loop {
            if let Some((to, message)) = turn.sends.pop_front() {
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
        if node == byzantine {
            for letter in letters {
                self.misbehave(letter, input);
            }
        } else {
            self.waiting.extend(letters);
            for fault in &turn.faults {
                assert_eq!(fault.node, byzantine, "node {node} blames an honest node: {fault}");
            }
        }
        self.outputs[node.as_usize()].extend(turn.outputs);
    }

    /// Decides what becomes of a message of the Byzantine node.
    fn misbehave(&mut self, mut letter: Letter, input: &mut Input<'_>) {
        match if input.is_empty() { 0 } else { input.byte() % 8 } {
            0..=3 => {}
            4 => return,
            5 => letter.to = NodeIndex(input.below(self.committee.n()) as u16),
            6 => self.waiting.push_back(letter.clone()),
            _ => {
                for _ in 0..=input.below(3) {
                    let at = input.below(letter.bytes.len());
                    letter.bytes[at] ^= input.byte();
                }
            }
        }
        if letter.to != letter.from {
            self.waiting.push_back(letter);
        }
    }
}
