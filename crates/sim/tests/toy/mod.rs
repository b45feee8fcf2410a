//! A small protocol to test the simulator with: Bracha's reliable broadcast (1987) of one number per node, with
//! planted bugs to choose from.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::BTreeMap;

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};
use mellivora_core::codec::{self, Frame};
use mellivora_core::{Committee, Durable, Effects, Fault, FaultKind, Job, Message, NodeIndex, NodeSet, Protocol, To};
use mellivora_sim::{Agreement, Builder, Integrity, Simulation, Statements, Termination, Totality, Validity};

/// What is wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    None,
    /// Delivers at the first READY, which follows the first ECHO.
    LowThresholds,
    /// No READY at f + 1 READY.
    NoAmplification,
    /// Outputs again at every further READY.
    DoubleOutput,
    /// Takes an equal message for a fault.
    BlamesRepetition,
    /// Does not put its log back.
    Amnesia,
    /// Never terminates.
    NoTermination,
    /// Keeps every message.
    Hoards,
    /// Answers every ECHO with an ECHO.
    Chatters,
    /// Outputs one more than it heard.
    WrongValue,
    /// Sends a message with more than one encoding.
    LooseCodec,
    /// Sends a message that does not survive its encoding.
    LossyCodec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Send,
    Echo,
    Ready,
    /// Carries a byte of which only one bit counts.
    Loose,
    /// Is written, but never read.
    Lossy,
}

#[derive(Clone, Debug)]
pub struct Toy {
    pub kind: Kind,
    pub proposer: NodeIndex,
    pub value: u64,
}

impl Encode for Toy {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (self.kind as u8).encode(encoder)?;
        self.proposer.encode(encoder)?;
        if self.kind == Kind::Loose { ((self.value & 1) as u8).encode(encoder) } else { self.value.encode(encoder) }
    }
}

impl Decode<Frame> for Toy {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let kind = match codec::read_tag(decoder)? {
            0 => Kind::Send,
            1 => Kind::Echo,
            2 => Kind::Ready,
            3 => Kind::Loose,
            _ => return codec::unknown_tag(),
        };
        let proposer = NodeIndex::decode(decoder)?;
        let value = match kind {
            Kind::Loose => u64::from(u8::decode(decoder)?),
            _ => u64::decode(decoder)?,
        };
        Ok(Toy { kind, proposer, value })
    }
}

impl Message for Toy {}

/// Squares nothing: checks a number, the slow way.
#[derive(Debug)]
pub struct Check {
    proposer: NodeIndex,
    value: u64,
}

impl Job for Check {
    type Done = (NodeIndex, u64);

    fn run(self) -> Self::Done {
        (self.proposer, self.value)
    }
}

#[derive(Default, Debug)]
struct Instance {
    send: Option<u64>,
    echoes: BTreeMap<u64, NodeSet>,
    readies: BTreeMap<u64, NodeSet>,
    echoed: Option<u64>,
    ready: Option<u64>,
    checking: bool,
    output: bool,
}

#[derive(Debug)]
pub struct Bracha {
    committee: Committee,
    me: NodeIndex,
    bug: Bug,
    instances: Vec<Instance>,
    hoard: usize,
    restarted: bool,
    pub flushes: usize,
    pub recalled: Vec<Toy>,
    pub forgotten: Vec<NodeIndex>,
}

pub type Output = (NodeIndex, u64);

impl Bracha {
    pub fn new(committee: Committee, me: NodeIndex, bug: Bug) -> Self {
        let instances = committee.nodes().map(|_| Instance::default()).collect();
        Bracha {
            committee,
            me,
            bug,
            instances,
            hoard: 0,
            restarted: false,
            flushes: 0,
            recalled: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    /// Statements held.
    pub fn memory(&self) -> usize {
        let votes = |votes: &BTreeMap<u64, NodeSet>| votes.values().map(NodeSet::len).sum::<usize>();
        self.hoard + self.instances.iter().map(|i| votes(&i.echoes) + votes(&i.readies)).sum::<usize>()
    }

    fn vote(votes: &mut BTreeMap<u64, NodeSet>, from: NodeIndex, value: u64) -> Result<bool, FaultKind> {
        if let Some((said, _)) = votes.iter().find(|(_, who)| who.contains(from)) {
            return if *said == value { Ok(false) } else { Err(FaultKind::ConflictingEcho) };
        }
        Ok(votes.entry(value).or_default().insert(from))
    }

    fn progress(&mut self, proposer: NodeIndex, fx: &mut dyn Effects<Self>) {
        let (c, bug) = (self.committee, self.bug);
        let (echo_bar, ready_bar) = if bug == Bug::LowThresholds { (1, 1) } else { (c.quorum(), c.strong()) };
        let Some(instance) = self.instances.get_mut(proposer.as_usize()) else { return };
        if instance.echoed.is_none()
            && let Some(value) = instance.send
        {
            instance.echoed = Some(value);
            fx.send(To::All, Durable::Yes, Toy { kind: Kind::Echo, proposer, value });
        }
        let enough = |votes: &BTreeMap<u64, NodeSet>, bar| {
            votes.iter().find(|(_, who)| who.len() >= bar).map(|(value, _)| *value)
        };
        if instance.ready.is_none() {
            let relay = if bug == Bug::NoAmplification { None } else { enough(&instance.readies, c.one_honest()) };
            if let Some(value) = enough(&instance.echoes, echo_bar).or(relay) {
                instance.ready = Some(value);
                fx.send(To::All, Durable::Yes, Toy { kind: Kind::Ready, proposer, value });
            }
        }
        if !instance.checking
            && let Some(value) = enough(&instance.readies, ready_bar)
        {
            instance.checking = true;
            fx.job(Check { proposer, value });
        }
    }
}

impl Protocol for Bracha {
    type Input = u64;
    type Output = Output;
    type Message = Toy;
    type Job = Check;

    fn input(&mut self, value: u64, fx: &mut dyn Effects<Self>) {
        let proposer = self.me;
        match self.bug {
            Bug::LooseCodec => fx.send(To::All, Durable::No, Toy { kind: Kind::Loose, proposer, value: 1 }),
            Bug::LossyCodec => fx.send(To::All, Durable::No, Toy { kind: Kind::Lossy, proposer, value: 1 }),
            _ => {}
        }
        if self.instances[proposer.as_usize()].send.is_none() {
            fx.send(To::All, Durable::Yes, Toy { kind: Kind::Send, proposer, value });
        }
    }

    fn receive(&mut self, from: NodeIndex, message: Toy, fx: &mut dyn Effects<Self>) {
        let Toy { kind, proposer, value } = message;
        let bug = self.bug;
        if bug == Bug::Hoards {
            self.hoard += 1;
        }
        let Some(instance) = self.instances.get_mut(proposer.as_usize()) else {
            return fx.fault(Fault::new(from, FaultKind::UnknownInstance));
        };
        let voted = match kind {
            Kind::Send if from != proposer => Err(FaultKind::NotTheProposer),
            Kind::Send => match instance.send {
                None => {
                    instance.send = Some(value);
                    Ok(true)
                }
                Some(said) if said == value => Ok(false),
                Some(_) => Err(FaultKind::ConflictingVal),
            },
            Kind::Echo => Self::vote(&mut instance.echoes, from, value),
            Kind::Ready => Self::vote(&mut instance.readies, from, value),
            Kind::Loose | Kind::Lossy => Ok(true),
        };
        match voted {
            Err(kind) => return fx.fault(Fault::new(from, kind)),
            Ok(false) if bug == Bug::BlamesRepetition => fx.fault(Fault::new(from, FaultKind::UnexpectedVote)),
            Ok(_) => {}
        }
        if bug == Bug::DoubleOutput && kind == Kind::Ready && instance.output {
            fx.output((proposer, value));
        }
        if bug == Bug::Chatters && kind == Kind::Echo && from != self.me {
            fx.send(To::Node(from), Durable::No, Toy { kind: Kind::Echo, proposer, value });
        }
        self.progress(proposer, fx);
    }

    fn done(&mut self, (proposer, value): (NodeIndex, u64), fx: &mut dyn Effects<Self>) {
        let Some(instance) = self.instances.get_mut(proposer.as_usize()) else { return };
        if !std::mem::replace(&mut instance.output, true) {
            fx.output((proposer, if self.bug == Bug::WrongValue { value + 1 } else { value }));
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.flushes += 1;
        // What was recalled may be enough already.
        if std::mem::take(&mut self.restarted) {
            self.committee.nodes().for_each(|proposer| self.progress(proposer, fx));
        }
    }

    fn recall(&mut self, _: To, message: Toy) {
        self.recalled.push(message.clone());
        self.restarted = self.bug != Bug::Amnesia;
        if self.bug == Bug::Amnesia {
            return;
        }
        let Toy { kind, proposer, value } = message;
        let Some(instance) = self.instances.get_mut(proposer.as_usize()) else { return };
        match kind {
            Kind::Send => instance.send = Some(value),
            Kind::Echo => {
                instance.echoed = Some(value);
                instance.echoes.entry(value).or_default().insert(self.me);
            }
            Kind::Ready => {
                instance.ready = Some(value);
                instance.readies.entry(value).or_default().insert(self.me);
            }
            Kind::Loose | Kind::Lossy => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, _: &mut dyn Effects<Self>) {
        self.forgotten.push(peer);
    }

    fn is_terminated(&self) -> bool {
        self.bug != Bug::NoTermination && self.instances.iter().any(|instance| instance.output)
    }
}

/// The value that node `node` broadcasts.
pub fn value(node: NodeIndex) -> u64 {
    100 + u64::from(node.0)
}

pub fn committee(n: usize) -> Committee {
    Committee::new(n).unwrap()
}

/// A builder with all oracles that fit the toy.
pub fn watched(committee: Committee, seed: u64) -> Builder<Bracha> {
    Simulation::builder(committee, seed)
        .oracle(Agreement::new(|output: &Output| (output.0, output.1)))
        .oracle(Integrity::new(|output: &Output| output.0))
        .oracle(Totality::new(|output: &Output| output.0))
        .oracle(Validity::new(|_, output: &Output, view: &mellivora_sim::View<'_, Bracha>| {
            let (proposer, said) = *output;
            if view.honest().contains(proposer) && said != value(proposer) {
                return Err(format!("{proposer:?} never said {said}"));
            }
            Ok(())
        }))
        .oracle(Statements::new(|toy: &Toy| vec![((toy.kind, toy.proposer), toy.value)]))
        .oracle(Termination)
        .twin_input(|_, value| Some(value + 1000))
}

/// Builds the run and gives every node its input.
pub fn start(builder: Builder<Bracha>, committee: Committee, bug: Bug) -> Simulation<Bracha> {
    let mut sim = builder.build(move |node| Bracha::new(committee, node, bug));
    committee.nodes().for_each(|node| sim.input(node, value(node)));
    sim
}
