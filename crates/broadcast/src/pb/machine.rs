//! The state machine.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::{Body, ChunkTree};
use mellivora_core::codec::Blob;
use mellivora_core::{
    Committee, Digest, Domain, Durable, Effects, Fault, FaultKind, Job, NodeIndex, NodeSet, Protocol, Purpose, Round,
    To, Weight, planted,
};
use mellivora_crypto::{Assembly, Certificate, CertificateScheme, Claim, Endorsement, Statement};

use super::PbMessage;
use crate::certify::{Assemble, Collector};

/// What a node signs that holds the payload with this root, in the instance with this domain.
pub fn stored(domain: &Domain, root: Digest) -> Statement {
    let purpose = if planted("pb-purpose-unsigned") { Purpose::Instance } else { Purpose::Stored };
    let path = if planted("pb-instance-unsigned") { mellivora_core::Path::ROOT } else { domain.path };
    Statement { domain: Domain { path, ..*domain }.statement(purpose, Round(0)), digest: root }
}

/// Parameters of one instance.
#[derive(Clone, Debug)]
pub struct PbConfig {
    /// Size and fault bound.
    pub committee: Committee,
    /// This node.
    pub me: NodeIndex,
    /// The node whose payload is broadcast.
    pub proposer: NodeIndex,
    /// Domain of the instance, which names the proposer.
    pub domain: Domain,
    /// How nodes sign.
    pub certificates: Arc<dyn CertificateScheme>,
    /// The largest payload, in bytes; at most [`ChunkTree::MAX_PAYLOAD`].
    pub max_payload: usize,
    /// Whether the proposer sends the certificate to all (CBC), or its parent does with it what it likes (PB).
    pub announce: bool,
}

/// What goes into an instance.
#[derive(Clone, Debug)]
pub enum PbInput {
    /// At the proposer: the payload. Once.
    Propose(Bytes),
    /// The payload that was [proposed](PbOutput::Proposed) is acceptable.
    Accept,
}

/// What comes out of an instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PbOutput {
    /// The proposer's payload has arrived, or is back after a restart. If it is acceptable, [`PbInput::Accept`] says so;
    /// from then on this node has to serve it.
    Proposed(ChunkTree),
    /// A quorum holds the payload with this root. At the proposer, and with [`PbConfig::announce`] at every node.
    Certified {
        /// Commitment of the chunk tree.
        root: Digest,
        /// Who holds it, and the proof.
        certificate: Certificate,
    },
}

/// Work of an instance.
#[derive(Clone, Debug)]
pub struct PbJob {
    scheme: Arc<dyn CertificateScheme>,
    task: Task,
}

#[derive(Clone, Debug)]
enum Task {
    Commit(Blob),
    Assemble(Assemble),
    Check { root: Digest, claim: Box<Claim>, certificate: Certificate },
}

/// What comes of a [`PbJob`].
#[derive(Debug)]
pub struct PbDone(Done);

#[derive(Debug)]
enum Done {
    /// `None` for a payload beyond what a tree can hold, which the limit excludes.
    Committed(Option<ChunkTree>),
    Assembled(Assembly),
    Checked {
        root: Digest,
        certificate: Certificate,
        valid: bool,
    },
}

/// A payload up to this length is hashed in some tens of microseconds.
const LIGHT: usize = 64 << 10;

impl Job for PbJob {
    type Done = PbDone;

    fn run(self) -> PbDone {
        PbDone(match self.task {
            Task::Commit(payload) => Done::Committed(ChunkTree::commit(Body::from_bytes(payload.0)).ok()),
            Task::Assemble(work) => Done::Assembled(work.run(&*self.scheme)),
            Task::Check { root, claim, certificate } => {
                let valid = self.scheme.verify(&[*claim]) || planted("pb-certificate-unchecked");
                Done::Checked { root, certificate, valid }
            }
        })
    }

    fn weight(&self) -> Weight {
        match &self.task {
            Task::Commit(payload) if payload.len() <= LIGHT => Weight::Light,
            _ => Weight::Heavy,
        }
    }
}

/// What this node has said, and must not contradict.
#[derive(Debug, Default)]
struct Said {
    /// At the proposer.
    proposed: bool,
    /// The payload is in the log.
    recorded: bool,
    endorsed: bool,
}

/// The proposer's certificate, as far as it came.
#[derive(Debug, Default)]
enum Heard {
    #[default]
    Nothing,
    /// One came and is being verified, or was found invalid: there is no second try.
    Taken(Digest),
    Valid(Digest, Certificate),
}

/// One provable broadcast at one node. See the [module page](super).
#[derive(Debug)]
pub struct Pb {
    config: PbConfig,
    said: Said,
    /// The proposer's payload: as it came, or as it was recorded.
    sent: Option<Blob>,
    /// The same with its tree, once it is hashed.
    tree: Option<ChunkTree>,
    accepted: bool,
    heard: Heard,
    /// At the proposer, before the own root is known: endorsements, one per sender.
    early: Vec<(NodeIndex, Endorsement)>,
    early_from: NodeSet,
    /// At the proposer, after that.
    collector: Option<Collector>,
    /// A payload was recalled and has not been hashed yet.
    recalled: bool,
}

impl Pb {
    /// A fresh instance.
    pub fn new(config: PbConfig) -> Self {
        Pb {
            config,
            said: Said::default(),
            sent: None,
            tree: None,
            accepted: false,
            heard: Heard::Nothing,
            early: Vec::new(),
            early_from: NodeSet::EMPTY,
            collector: None,
            recalled: false,
        }
    }

    /// The proposer's payload with its tree, acceptable or not, once it has been hashed.
    pub fn payload(&self) -> Option<&ChunkTree> {
        self.tree.as_ref()
    }

    /// Whether the proposer's payload is here and its tree is on its way.
    pub fn is_hashing(&self) -> bool {
        self.sent.is_some() && self.tree.is_none()
    }

    /// Whether this node has promised to hold the payload.
    pub fn endorsed(&self) -> bool {
        self.said.endorsed
    }

    /// The root with a valid certificate, and the certificate, as far as this node knows.
    pub fn certified(&self) -> Option<(Digest, &Certificate)> {
        match &self.heard {
            Heard::Valid(root, certificate) => Some((*root, certificate)),
            _ => None,
        }
    }

    /// Bytes of memory that this instance holds, about, the payload included.
    pub fn memory(&self) -> usize {
        let sent = self.sent.as_ref().map_or(0, |payload| Blob::pinned(payload.len()));
        // The payload is the same bytes.
        let tree = self.tree.as_ref().map_or(0, |tree| tree.memory().saturating_sub(tree.body().len()));
        let certificate = self.certified().map_or(0, |(_, certificate)| certificate.memory());
        let early = self.early.capacity() * size_of::<(NodeIndex, Endorsement)>();
        let collected = self.collector.as_ref().map_or(0, Collector::memory);
        size_of::<Self>() + sent + tree + certificate + early + collected
    }

    fn job(&self, task: Task, fx: &mut dyn Effects<Self>) {
        fx.job(PbJob { scheme: self.config.certificates.clone(), task });
    }

    fn is_proposer(&self) -> bool {
        self.config.me == self.config.proposer
    }

    fn required(&self) -> usize {
        self.config.committee.quorum() - usize::from(planted("pb-quorum-low"))
    }

    fn on_send(&mut self, from: NodeIndex, payload: Blob, fx: &mut dyn Effects<Self>) {
        if from != self.config.proposer && !planted("pb-send-of-anyone") {
            return fx.fault(Fault::new(from, FaultKind::NotTheProposer));
        }
        if payload.len() > self.config.max_payload && !planted("pb-no-limit") {
            return fx.fault(Fault::new(from, FaultKind::Oversized));
        }
        match &self.sent {
            Some(first) if *first == payload => {}
            Some(_) if planted("pb-second-send-taken") && !self.said.endorsed => self.take(payload, fx),
            Some(_) => fx.fault(Fault::new(from, FaultKind::ConflictingValue)),
            None => self.take(payload, fx),
        }
    }

    fn take(&mut self, payload: Blob, fx: &mut dyn Effects<Self>) {
        self.sent = Some(payload.clone());
        self.job(Task::Commit(payload), fx);
    }

    fn committed(&mut self, tree: ChunkTree, fx: &mut dyn Effects<Self>) {
        let root = tree.commitment();
        self.tree = Some(tree.clone());
        if self.is_proposer() && self.said.proposed {
            self.collector = Some(Collector::new(stored(&self.config.domain, root), self.required()));
            for (from, endorsement) in std::mem::take(&mut self.early) {
                self.collect(from, endorsement, fx);
            }
        }
        fx.output(PbOutput::Proposed(tree));
        if planted("pb-unaccepted-endorsed") {
            self.accepted = true;
        }
        self.endorse(fx);
    }

    /// Promises to hold the payload: first the record, then the promise.
    fn endorse(&mut self, fx: &mut dyn Effects<Self>) {
        let (Some(tree), Some(payload)) = (&self.tree, &self.sent) else { return };
        if !self.accepted || self.said.endorsed {
            return;
        }
        let statement = stored(&self.config.domain, tree.commitment());
        if !self.said.recorded && !planted("pb-endorsed-unrecorded") {
            self.said.recorded = true;
            fx.send(To::Node(self.config.me), Durable::Yes, PbMessage::Record(payload.clone()));
        }
        self.said.endorsed = true;
        let endorsement = self.config.certificates.endorse(&statement);
        fx.send(To::Node(self.config.proposer), Durable::Yes, PbMessage::Endorse(endorsement));
    }

    fn on_endorse(&mut self, from: NodeIndex, endorsement: Endorsement, fx: &mut dyn Effects<Self>) {
        if !self.is_proposer() || !self.said.proposed {
            return fx.fault(Fault::new(from, FaultKind::UnexpectedEndorsement));
        }
        if self.collector.is_some() {
            self.collect(from, endorsement, fx);
        } else if self.early_from.insert(from) && !planted("pb-early-endorsements-dropped") {
            self.early.push((from, endorsement));
        }
    }

    fn collect(&mut self, from: NodeIndex, endorsement: Endorsement, fx: &mut dyn Effects<Self>) {
        if let Some(work) = self.collector.as_mut().and_then(|collector| collector.add(from, endorsement)) {
            self.job(Task::Assemble(work), fx);
        }
    }

    fn assembled(&mut self, assembly: Assembly, fx: &mut dyn Effects<Self>) {
        let Some(collector) = &mut self.collector else { return };
        let root = collector.statement().digest;
        let (certificate, culprits, work) = collector.assembled(assembly);
        for node in culprits.iter() {
            fx.fault(Fault::new(node, FaultKind::InvalidEndorsement));
        }
        if let Some(work) = work {
            self.job(Task::Assemble(work), fx);
        }
        if let Some(certificate) = certificate {
            self.certify(root, certificate.clone(), fx);
            if self.config.announce {
                fx.send(To::All, Durable::No, PbMessage::Final(root, certificate));
            }
        }
    }

    fn on_final(&mut self, from: NodeIndex, root: Digest, certificate: Certificate, fx: &mut dyn Effects<Self>) {
        if from != self.config.proposer {
            return fx.fault(Fault::new(from, FaultKind::NotTheProposer));
        }
        match &self.heard {
            Heard::Taken(first) | Heard::Valid(first, _) => {
                if *first != root {
                    fx.fault(Fault::new(from, FaultKind::ConflictingCertificate));
                }
            }
            Heard::Nothing => {
                self.heard = Heard::Taken(root);
                let claim = Claim::many(stored(&self.config.domain, root), self.required(), certificate.clone());
                self.config.certificates.announce(&claim);
                self.job(Task::Check { root, claim: Box::new(claim), certificate }, fx);
            }
        }
    }

    fn checked(&mut self, root: Digest, certificate: Certificate, valid: bool, fx: &mut dyn Effects<Self>) {
        if !valid {
            return fx.fault(Fault::new(self.config.proposer, FaultKind::InvalidProposalCertificate));
        }
        let at_hand = self.tree.as_ref().is_some_and(|tree| tree.commitment() == root);
        if at_hand || !planted("pb-final-without-payload-ignored") {
            self.certify(root, certificate, fx);
        }
    }

    fn certify(&mut self, root: Digest, certificate: Certificate, fx: &mut dyn Effects<Self>) {
        if !matches!(self.heard, Heard::Valid(..)) {
            self.heard = Heard::Valid(root, certificate.clone());
            fx.output(PbOutput::Certified { root, certificate });
        }
    }
}

impl Protocol for Pb {
    type Input = PbInput;
    type Output = PbOutput;
    type Message = PbMessage;
    type Job = PbJob;

    fn input(&mut self, input: PbInput, fx: &mut dyn Effects<Self>) {
        match input {
            PbInput::Propose(payload) => {
                if self.is_proposer() && !self.said.proposed && payload.len() <= self.config.max_payload {
                    self.said.proposed = true;
                    // What is sent to all is logged, so it is this node's own record as well.
                    self.said.recorded = true;
                    fx.send(To::All, Durable::Yes, PbMessage::Send(Blob(payload)));
                }
            }
            PbInput::Accept => {
                self.accepted |= self.tree.is_some();
                self.endorse(fx);
            }
        }
    }

    fn receive(&mut self, from: NodeIndex, message: PbMessage, fx: &mut dyn Effects<Self>) {
        if !self.config.committee.contains(from) {
            return;
        }
        match message {
            PbMessage::Send(payload) => self.on_send(from, payload, fx),
            PbMessage::Endorse(endorsement) => self.on_endorse(from, endorsement, fx),
            PbMessage::Final(root, certificate) => self.on_final(from, root, certificate, fx),
            PbMessage::Record(_) if from == self.config.me => {}
            PbMessage::Record(_) => fx.fault(Fault::new(from, FaultKind::MalformedMessage)),
        }
    }

    fn done(&mut self, done: PbDone, fx: &mut dyn Effects<Self>) {
        match done.0 {
            Done::Committed(Some(tree)) => self.committed(tree, fx),
            Done::Committed(None) => {}
            Done::Assembled(assembly) => self.assembled(assembly, fx),
            Done::Checked { root, certificate, valid } => self.checked(root, certificate, valid, fx),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        if std::mem::take(&mut self.recalled)
            && let Some(payload) = self.sent.clone()
        {
            self.job(Task::Commit(payload), fx);
        }
    }

    fn recall(&mut self, _to: To, message: PbMessage) {
        match message {
            PbMessage::Send(_) if planted("pb-recall-forgets-proposal") => {}
            PbMessage::Record(_) if planted("pb-recall-forgets-payload") => {}
            PbMessage::Send(payload) | PbMessage::Record(payload) => {
                // Only the proposer has said SEND.
                self.said.proposed = self.is_proposer();
                self.said.recorded = true;
                self.sent = Some(payload);
                self.recalled = true;
            }
            PbMessage::Endorse(mine) => {
                self.said.endorsed = true;
                // What a node has said to itself nobody says again.
                if self.is_proposer() && self.early_from.insert(self.config.me) && !planted("pb-recall-own-uncounted") {
                    self.early.push((self.config.me, mine));
                }
            }
            // Not durable, so never logged.
            PbMessage::Final(..) => {}
        }
    }

    /// Always false: others may need the payload. Its parent frees it.
    fn is_terminated(&self) -> bool {
        false
    }
}
