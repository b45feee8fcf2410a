//! The reactor: one protocol instance with what a driver owes it, without any I/O.
//!
//! ```text
//!             frame / input / done / forget          one outside event
//!                        |
//!                   [ protocol ] --- send --> frames of the turn (encoded)      --> links
//!                     ^  ^   |   \-- send to itself --.
//!                     |  |   +------ light job -----. |
//!                     |  '---- run, done <----------' |        settle: until nothing is left,
//!                     '------- receive  <-------------'        before the next outside event
//!                              heavy jobs, outputs             --> the driver, at the end of the turn
//! ```
//!
//! A turn is any number of outside events and one [`Reactor::end_turn`]. What the protocol says to itself comes back
//! typed, without encoding, before any other outside event.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use mellivora_core::{
    Committee, Durable, Effects, Fault, FaultKind, FaultLog, Job, Layer, NodeIndex, Protocol, Segment, To, Weight,
    codec::{self, Frame},
};
use mellivora_net::{FrameWriter, Outgoing};

/// The faults that a node has seen, shared between its task and its handles.
pub(crate) type SharedFaults = Arc<Mutex<FaultLog>>;

/// What the protocol asked for during the turn.
struct Turn<P: Protocol> {
    me: NodeIndex,
    to_self: VecDeque<P::Message>,
    light: VecDeque<P::Job>,
    heavy: Vec<P::Job>,
    outputs: Vec<P::Output>,
    frames: FrameWriter,
    faults: SharedFaults,
    promises: u64,
}

/// A protocol instance and its turn.
pub(crate) struct Reactor<P: Protocol> {
    protocol: P,
    turn: Turn<P>,
}

impl<P: Protocol> Effects<P> for Turn<P> {
    fn send(&mut self, to: To, durable: Durable, message: P::Message) {
        // The seam for a log: a promise would be appended here together with `to`, synced with the others of its turn
        // in `end_turn`, and only then handed to the frames and to the node itself. This driver keeps its state in
        // memory only, so it releases at once; a node that has crashed does not come back under the same keys.
        self.promises += u64::from(durable == Durable::Yes);
        self.frames.push(to, &message);
        if to.includes(self.me) {
            self.to_self.push_back(message);
        }
    }

    fn job(&mut self, job: P::Job) {
        match job.weight() {
            Weight::Light => self.light.push_back(job),
            Weight::Heavy => self.heavy.push(job),
        }
    }

    fn fault(&mut self, fault: Fault) {
        let told = fault.clone();
        if self.faults.lock().unwrap_or_else(PoisonError::into_inner).record(fault) {
            tracing::warn!(node = self.me.0, fault = %told, "a peer misbehaved");
        }
    }

    fn output(&mut self, output: P::Output) {
        self.outputs.push(output);
    }
}

impl<P: Protocol> Reactor<P> {
    /// Outputs that a turn collects before it ends early. Only a committee of one gets there: it needs nobody's help,
    /// and would otherwise order its whole queue in one turn.
    const OUTPUTS_PER_TURN: usize = 16;

    pub(crate) fn new(protocol: P, committee: Committee, me: NodeIndex, faults: SharedFaults) -> Self {
        let turn = Turn {
            me,
            to_self: VecDeque::new(),
            light: VecDeque::new(),
            heavy: Vec::new(),
            outputs: Vec::new(),
            frames: FrameWriter::new(committee, me),
            faults,
            promises: 0,
        };
        Reactor { protocol, turn }
    }

    pub(crate) fn protocol(&self) -> &P {
        &self.protocol
    }

    /// Promises made so far: messages that would be logged before their release.
    pub(crate) fn promises(&self) -> u64 {
        self.turn.promises
    }

    /// Messages sent so far, one per receiver.
    pub(crate) fn messages_sent(&self) -> u64 {
        self.turn.frames.messages()
    }

    pub(crate) fn input(&mut self, input: P::Input) {
        self.protocol.input(input, &mut self.turn);
        self.settle();
    }

    pub(crate) fn done(&mut self, done: <P::Job as Job>::Done) {
        self.protocol.done(done, &mut self.turn);
        self.settle();
    }

    pub(crate) fn forget(&mut self, peer: NodeIndex) {
        self.protocol.forget(peer, &mut self.turn);
        self.settle();
    }

    /// Takes a frame. After the first malformed message the rest of the frame has no meaning.
    pub(crate) fn frame(&mut self, from: NodeIndex, frame: &Frame) {
        for message in codec::decode_all::<P::Message>(frame) {
            match message {
                Ok(message) => {
                    self.protocol.receive(from, message, &mut self.turn);
                    self.settle();
                }
                Err(error) => {
                    tracing::debug!(node = self.turn.me.0, from = from.0, %error, "a frame does not decode");
                    self.link_fault(from, FaultKind::MalformedMessage);
                }
            }
        }
    }

    /// Records what a peer did wrong on the link itself.
    pub(crate) fn link_fault(&mut self, from: NodeIndex, kind: FaultKind) {
        self.turn.fault(Fault::new(from, kind).inside(Segment::only(Layer::Link)));
    }

    /// Ends the turn: flushes, and hands own messages back, until the protocol has nothing more to say. True when the
    /// turn was cut short: then this must be called again, after its effects were taken and before any outside event.
    pub(crate) fn end_turn(&mut self) -> bool {
        loop {
            self.settle();
            self.protocol.flush(&mut self.turn);
            if self.turn.to_self.is_empty() && self.turn.light.is_empty() {
                return false;
            }
            if self.turn.outputs.len() >= Self::OUTPUTS_PER_TURN {
                return true;
            }
        }
    }

    /// The frames of the turn.
    pub(crate) fn frames(&mut self) -> impl Iterator<Item = Outgoing> + '_ {
        self.turn.frames.finish()
    }

    /// The heavy jobs of the turn.
    pub(crate) fn jobs(&mut self) -> Vec<P::Job> {
        std::mem::take(&mut self.turn.heavy)
    }

    /// The outputs of the turn.
    pub(crate) fn outputs(&mut self) -> Vec<P::Output> {
        std::mem::take(&mut self.turn.outputs)
    }

    fn settle(&mut self) {
        loop {
            if let Some(message) = self.turn.to_self.pop_front() {
                self.protocol.receive(self.turn.me, message, &mut self.turn);
            } else if let Some(job) = self.turn.light.pop_front() {
                self.protocol.done(job.run(), &mut self.turn);
            } else {
                return;
            }
        }
    }
}
