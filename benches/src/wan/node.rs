//! One node: its state machine with the duties of a driver, and what its turns cost.

use std::collections::VecDeque;
use std::sync::Arc;

use mellivora::atomic::{Atomic, Input, Output, Source};
use mellivora::core::codec::Frame;
use mellivora::core::{Committee, Durable, Effects, Fault, Job, NodeIndex, Protocol, To, Weight, codec};
use mellivora::net::{FrameWriter, Outgoing};

use super::costs::Costs;
use super::counterfeit::{Charge, take_charge};

/// Frames that one turn takes at the most, as with the driver of `mellivora-node`.
const FRAMES_PER_TURN: usize = 256;
/// Bytes of frames that one turn takes, but for one frame.
const BYTES_PER_TURN: usize = 4 << 20;

type JobOf<P> = <Atomic<P> as Protocol>::Job;
/// What comes of a job.
pub(super) type DoneOf<P> = <JobOf<P> as Job>::Done;

/// What waits for a turn of a node.
pub(super) enum Inbound<P: Source> {
    Frame(NodeIndex, Frame),
    Done(DoneOf<P>),
    Input(Input),
}

/// What waits for a core of a node.
pub(super) enum Work<P: Source> {
    Job(JobOf<P>),
    /// Links and bulk, in ns: they hold a core, and nobody waits for them.
    Background(f64),
}

/// What bytes cost at one node. It follows from protocol and committee.
#[derive(Clone, Copy, Debug)]
pub(super) struct PerByte {
    /// Of what is received: hash and code.
    pub(super) received: f64,
    /// Of what clients submit.
    pub(super) submitted: f64,
}

/// What a turn did; it counts when the turn is over.
pub(super) struct Turned<P: Source> {
    pub(super) frames: Vec<Outgoing>,
    pub(super) jobs: Vec<JobOf<P>>,
    pub(super) outputs: Vec<Output>,
    /// How long the turn took, in ns.
    pub(super) ns: f64,
    /// What it left to other cores, in ns.
    pub(super) background_ns: f64,
}

/// What the protocol asked for during a turn.
struct Asked<P: Source> {
    me: NodeIndex,
    to_self: VecDeque<<Atomic<P> as Protocol>::Message>,
    light: VecDeque<JobOf<P>>,
    heavy: Vec<JobOf<P>>,
    outputs: Vec<Output>,
    frames: FrameWriter,
    fault: Option<Fault>,
}

impl<P: Source> Effects<Atomic<P>> for Asked<P> {
    fn send(&mut self, to: To, _: Durable, message: <Atomic<P> as Protocol>::Message) {
        self.frames.push(to, &message);
        if to.includes(self.me) {
            self.to_self.push_back(message);
        }
    }

    fn job(&mut self, job: JobOf<P>) {
        match job.weight() {
            Weight::Light => self.light.push_back(job),
            Weight::Heavy => self.heavy.push(job),
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }
}

/// One node. Times are in ns of virtual time.
pub(super) struct Node<P: Source> {
    protocol: Atomic<P>,
    asked: Asked<P>,
    costs: Arc<Costs>,
    per_byte: PerByte,
    pub(super) inbox: VecDeque<Inbound<P>>,
    pub(super) work: VecDeque<Work<P>>,
    /// Whether a turn is under way: there is one at a time.
    pub(super) in_turn: bool,
    pub(super) idle_cores: usize,
    /// When the links are free again.
    pub(super) uplink_free: u64,
    pub(super) downlink_free: u64,
    /// Core time that was used so far.
    pub(super) busy_ns: f64,
    /// Frames and bytes sent so far, one for each receiver.
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) charged: Charge,
}

impl<P: Source> Node<P> {
    pub(super) fn new(
        committee: Committee,
        protocol: Atomic<P>,
        cores: usize,
        costs: Arc<Costs>,
        per_byte: PerByte,
    ) -> Self {
        let me = protocol.me();
        let asked = Asked {
            me,
            to_self: VecDeque::new(),
            light: VecDeque::new(),
            heavy: Vec::new(),
            outputs: Vec::new(),
            frames: FrameWriter::new(committee, me),
            fault: None,
        };
        Node {
            protocol,
            asked,
            costs,
            per_byte,
            inbox: VecDeque::new(),
            work: VecDeque::new(),
            in_turn: false,
            idle_cores: cores,
            uplink_free: 0,
            downlink_free: 0,
            busy_ns: 0.0,
            frames: 0,
            bytes: 0,
            charged: Charge::default(),
        }
    }

    /// Messages sent so far, one for each receiver.
    pub(super) fn messages(&self) -> u64 {
        self.asked.frames.messages()
    }

    /// Whether nudges change nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.protocol.is_idle()
    }

    /// Takes what is in the inbox, up to the bounds of a turn.
    ///
    /// # Errors
    ///
    /// When a frame does not decode or a node is blamed: all are honest here, so a figure would be worthless.
    pub(super) fn turn(&mut self) -> Result<Turned<P>, String> {
        take_charge();
        let (mut ns, mut background_ns) = (0.0, 0.0);
        let (mut frames, mut bytes) = (0, 0);
        while let Some(next) = self.inbox.pop_front() {
            match next {
                Inbound::Frame(from, frame) => {
                    background_ns += self.costs.frame_ns
                        + (self.costs.link_ns_per_byte + self.per_byte.received) * frame.len() as f64;
                    for message in codec::decode_all::<<Atomic<P> as Protocol>::Message>(&frame) {
                        let message = message.map_err(|error| format!("an honest frame does not decode: {error}"))?;
                        ns += self.costs.message_ns;
                        self.protocol.receive(from, message, &mut self.asked);
                        self.settle();
                    }
                    frames += 1;
                    bytes += frame.len();
                    if frames >= FRAMES_PER_TURN || bytes >= BYTES_PER_TURN {
                        break;
                    }
                }
                Inbound::Done(done) => {
                    self.protocol.done(done, &mut self.asked);
                    self.settle();
                }
                Inbound::Input(input) => {
                    if let Input::Submit(submissions) = &input {
                        let submitted: usize = submissions.iter().map(|one| one.transaction.len()).sum();
                        background_ns += self.per_byte.submitted * submitted as f64;
                    }
                    self.protocol.input(input, &mut self.asked);
                    self.settle();
                }
            }
        }
        loop {
            self.settle();
            self.protocol.flush(&mut self.asked);
            if self.asked.to_self.is_empty() && self.asked.light.is_empty() {
                break;
            }
        }
        if let Some(fault) = &self.asked.fault {
            return Err(format!("honest node {} blames an honest one: {fault}", self.asked.me));
        }
        let outputs = std::mem::take(&mut self.asked.outputs);
        for output in &outputs {
            if let Output::Batch(batch) = output {
                ns += self.costs.transaction_ns * batch.len() as f64;
            }
        }
        let frames: Vec<Outgoing> = self.asked.frames.finish().collect();
        for out in &frames {
            let one = self.costs.frame_ns + self.costs.link_ns_per_byte * out.frame.len() as f64;
            background_ns += one * out.to.len() as f64;
        }
        ns += self.take_charge();
        self.busy_ns += ns + background_ns;
        Ok(Turned { frames, jobs: std::mem::take(&mut self.asked.heavy), outputs, ns, background_ns })
    }

    /// Runs a job. Returns its result, and how long it took in ns.
    pub(super) fn run(&mut self, job: JobOf<P>) -> (DoneOf<P>, f64) {
        take_charge();
        let done = job.run();
        let ns = self.costs.job_ns + self.take_charge();
        self.busy_ns += ns;
        (done, ns)
    }

    fn take_charge(&mut self) -> f64 {
        let charge = take_charge();
        self.charged.ns += charge.ns;
        self.charged.verified += charge.verified;
        self.charged.signed += charge.signed;
        charge.ns
    }

    fn settle(&mut self) {
        loop {
            if let Some(message) = self.asked.to_self.pop_front() {
                self.protocol.receive(self.asked.me, message, &mut self.asked);
            } else if let Some(job) = self.asked.light.pop_front() {
                self.protocol.done(job.run(), &mut self.asked);
            } else {
                return;
            }
        }
    }
}
