//! The state machine.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_core::codec::Blob;
use mellivora_core::{
    Committee, Digest, Domain, Durable, Effects, Fault, FaultKind, Job, NodeIndex, Protocol, Purpose, Round, To,
    planted,
};
use mellivora_crypto::{Assembly, Certificate, CertificateScheme, Claim, Endorsement, Statement};

use super::{SpbMessage, SpbRecord, Stage, VALUE};
use crate::certify::{Assemble, Collector};

/// Parameters of one instance.
#[derive(Clone, Debug)]
pub struct SpbConfig {
    /// Size and fault bound.
    pub committee: Committee,
    /// This node.
    pub me: NodeIndex,
    /// The node whose value is broadcast.
    pub proposer: NodeIndex,
    /// Domain of the instance, which names the proposer. The statements add view and stage.
    pub domain: Domain,
    /// The view.
    pub view: Round,
    /// How nodes sign.
    pub certificates: Arc<dyn CertificateScheme>,
}

impl SpbConfig {
    /// What a node signs in a stage of the instance with this domain, in this view.
    pub fn statement_of(domain: &Domain, view: Round, stage: Stage, digest: Digest) -> Statement {
        let purpose = match stage {
            Stage::Finish if !planted("spb-stages-alike") => Purpose::Finish,
            _ => Purpose::Lock,
        };
        let view = if planted("spb-view-unsigned") { Round(0) } else { view };
        Statement { domain: domain.statement(purpose, view), digest }
    }

    /// What a node signs in a stage.
    pub fn statement(&self, stage: Stage, digest: Digest) -> Statement {
        Self::statement_of(&self.domain, self.view, stage, digest)
    }
}

/// What goes into an instance.
#[derive(Clone, Debug)]
pub enum SpbInput {
    /// At the proposer: the value, and what makes it acceptable. Once.
    Propose {
        /// The value.
        value: Bytes,
        /// What others want to see with it.
        proof: Bytes,
    },
    /// The value that was [proposed](SpbOutput::Proposed) is acceptable.
    Accept,
    /// No more endorsements and no lock from now on.
    Abandon,
}

/// What comes out of an instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpbOutput {
    /// The proposer's value has arrived. If it is acceptable, [`SpbInput::Accept`] says so.
    Proposed {
        /// Digest of the value.
        digest: Digest,
        /// The value.
        value: Bytes,
        /// What came with it.
        proof: Bytes,
    },
    /// This node holds the lock on the value with this digest.
    Locked(Digest),
    /// The value with this digest is finished.
    Finished(Digest),
}

/// Work of an instance.
#[derive(Clone, Debug)]
pub struct SpbJob {
    scheme: Arc<dyn CertificateScheme>,
    task: Task,
}

#[derive(Clone, Debug)]
enum Task {
    Hash { value: Bytes },
    Assemble { stage: Stage, work: Assemble },
    Check { stage: Stage, digest: Digest, claim: Box<Claim>, certificate: Certificate },
}

/// What comes of an [`SpbJob`].
#[derive(Debug)]
pub struct SpbDone(Done);

#[derive(Debug)]
enum Done {
    Hashed(Digest),
    Assembled(Stage, Assembly),
    Checked { stage: Stage, digest: Digest, certificate: Certificate, valid: bool },
}

impl Job for SpbJob {
    type Done = SpbDone;

    fn run(self) -> SpbDone {
        SpbDone(match self.task {
            Task::Hash { value } => Done::Hashed(VALUE.digest(&value)),
            Task::Assemble { stage, work } => Done::Assembled(stage, work.run(&*self.scheme)),
            Task::Check { stage, digest, claim, certificate } => {
                let valid = self.scheme.verify(&[*claim]) || planted("spb-certificate-unchecked");
                Done::Checked { stage, digest, certificate, valid }
            }
        })
    }
}

/// What this node has said, and must not contradict.
#[derive(Debug, Default)]
struct Said {
    /// At the proposer.
    proposed: bool,
    /// The digest that was endorsed for LOCK.
    endorsed: Option<Digest>,
    /// The lock that was endorsed for FINISH.
    locked: Option<Lock>,
    /// The endorsements that went out, by stage.
    stages: [bool; 2],
}

#[derive(Debug)]
struct Lock {
    digest: Digest,
    value: Bytes,
    certificate: Certificate,
}

/// The certificate of one stage, as far as it came from the proposer.
#[derive(Debug, Default)]
enum Heard {
    #[default]
    Nothing,
    /// One came and is being verified, or was found invalid: there is no second try.
    Taken(Digest),
    Valid(Digest, Certificate),
}

/// One strong provable broadcast at one node. See the [module page](super).
#[derive(Debug)]
pub struct Spb {
    config: SpbConfig,
    said: Said,
    abandoned: bool,
    /// The proposer's value and proof, as they came.
    sent: Option<(Blob, Blob)>,
    /// Digest of the value, once it is computed.
    digest: Option<Digest>,
    accepted: bool,
    lock: Heard,
    finish: Heard,
    /// At the proposer, once its value is hashed: the endorsements of each stage.
    collectors: Option<[Collector; 2]>,
    /// Endorsements that came before that, one per sender and stage.
    early: Vec<(NodeIndex, Stage, Endorsement)>,
    /// Something was recalled that the rules have not been applied to.
    stale: bool,
}

impl Spb {
    /// A fresh instance.
    pub fn new(config: SpbConfig) -> Self {
        Spb {
            config,
            said: Said::default(),
            abandoned: false,
            sent: None,
            digest: None,
            accepted: false,
            lock: Heard::Nothing,
            finish: Heard::Nothing,
            collectors: None,
            early: Vec::new(),
            stale: false,
        }
    }

    /// The recorded lock: digest, value and LOCK certificate.
    pub fn lock(&self) -> Option<(Digest, &Bytes, &Certificate)> {
        self.said.locked.as_ref().map(|lock| (lock.digest, &lock.value, &lock.certificate))
    }

    /// The valid FINISH certificate.
    pub fn finish(&self) -> Option<(Digest, &Certificate)> {
        match &self.finish {
            Heard::Valid(digest, certificate) => Some((*digest, certificate)),
            _ => None,
        }
    }

    /// The proposer's value with its digest, acceptable or not, once it has been hashed.
    pub fn value(&self) -> Option<(Digest, &Bytes)> {
        Some((self.digest?, &self.sent.as_ref()?.0.0))
    }

    /// Whether this node, as the proposer, has proposed.
    pub fn has_proposed(&self) -> bool {
        self.said.proposed
    }

    /// What the proposer sent: its value, and what came with it.
    pub fn sent(&self) -> Option<(&Bytes, &Bytes)> {
        self.sent.as_ref().map(|(value, proof)| (&value.0, &proof.0))
    }

    /// Whether this node has endorsed the value with this digest. For oracles.
    pub fn endorsed(&self) -> Option<Digest> {
        self.said.endorsed
    }

    /// Whether the instance was abandoned here.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Bytes of memory, about.
    pub fn memory(&self) -> usize {
        let sent = self.sent.as_ref().map_or(0, |(value, proof)| Blob::pinned(value.len()) + Blob::pinned(proof.len()));
        let certificates = [&self.lock, &self.finish].map(|heard| match heard {
            Heard::Valid(_, certificate) => certificate.memory(),
            _ => 0,
        });
        let recorded = self.said.locked.as_ref().map_or(0, |lock| lock.value.len() + lock.certificate.memory());
        let collected: usize = self.collectors.iter().flatten().map(Collector::memory).sum();
        let early = self.early.capacity() * size_of::<(NodeIndex, Stage, Endorsement)>();
        size_of::<Self>() + sent + certificates.iter().sum::<usize>() + recorded + collected + early
    }

    fn job(&self, task: Task, fx: &mut dyn Effects<Self>) {
        fx.job(SpbJob { scheme: self.config.certificates.clone(), task });
    }

    fn is_proposer(&self) -> bool {
        self.config.me == self.config.proposer
    }

    fn on_send(&mut self, from: NodeIndex, value: Blob, proof: Blob, fx: &mut dyn Effects<Self>) {
        if from != self.config.proposer {
            return fx.fault(Fault::new(from, FaultKind::NotTheProposer));
        }
        match &self.sent {
            Some(sent) if *sent != (value.clone(), proof.clone()) => {
                fx.fault(Fault::new(from, FaultKind::ConflictingValue));
            }
            Some(_) => {}
            None => {
                let task = Task::Hash { value: value.0.clone() };
                self.sent = Some((value, proof));
                self.job(task, fx);
            }
        }
    }

    fn on_endorse(&mut self, from: NodeIndex, stage: Stage, endorsement: Endorsement, fx: &mut dyn Effects<Self>) {
        if !self.is_proposer() {
            return fx.fault(Fault::new(from, FaultKind::UnexpectedEndorsement));
        }
        match &mut self.collectors {
            Some(collectors) => {
                if let Some(work) = collectors[stage as usize].add(from, endorsement) {
                    self.job(Task::Assemble { stage, work }, fx);
                }
            }
            None if self.early.iter().any(|(node, of, _)| *node == from && *of == stage) => {}
            None => self.early.push((from, stage, endorsement)),
        }
    }

    fn on_certificate(
        &mut self,
        from: NodeIndex,
        stage: Stage,
        digest: Digest,
        certificate: Certificate,
        fx: &mut dyn Effects<Self>,
    ) {
        if from != self.config.proposer {
            return fx.fault(Fault::new(from, FaultKind::NotTheProposer));
        }
        let required = self.config.committee.quorum();
        let slot = match stage {
            Stage::Lock => &mut self.lock,
            Stage::Finish => &mut self.finish,
        };
        match slot {
            Heard::Nothing => *slot = Heard::Taken(digest),
            Heard::Taken(first) | Heard::Valid(first, _) => {
                if *first != digest {
                    fx.fault(Fault::new(from, FaultKind::ConflictingCertificate));
                }
                return;
            }
        }
        let claim = Claim::many(self.config.statement(stage, digest), required, certificate.clone());
        self.config.certificates.announce(&claim);
        self.job(Task::Check { stage, digest, claim: Box::new(claim), certificate }, fx);
    }

    fn hashed(&mut self, digest: Digest, fx: &mut dyn Effects<Self>) {
        let Some((value, proof)) = &self.sent else { return };
        let (value, proof) = (value.0.clone(), proof.0.clone());
        self.digest = Some(digest);
        if self.is_proposer() {
            let quorum = self.config.committee.quorum();
            let collector = |stage| Collector::new(self.config.statement(stage, digest), quorum);
            self.collectors = Some([collector(Stage::Lock), collector(Stage::Finish)]);
            for (node, stage, endorsement) in std::mem::take(&mut self.early) {
                self.on_endorse(node, stage, endorsement, fx);
            }
        }
        fx.output(SpbOutput::Proposed { digest, value, proof });
        self.endorse(fx);
        self.record_lock(fx);
    }

    /// The first endorsement: the value is acceptable.
    fn endorse(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(digest) = self.digest.filter(|_| self.accepted && self.may_sign()) else { return };
        let other = self.said.endorsed.is_some_and(|endorsed| endorsed != digest);
        if other || self.said.stages[0] {
            return;
        }
        if self.said.endorsed.is_none() {
            self.said.endorsed = Some(digest);
            self.record(SpbRecord::Endorsed(digest), fx);
        }
        self.say(Stage::Lock, digest, fx);
    }

    /// The second endorsement: the lock is recorded.
    fn record_lock(&mut self, fx: &mut dyn Effects<Self>) {
        let Heard::Valid(digest, certificate) = &self.lock else { return };
        let (digest, certificate) = (*digest, certificate.clone());
        let Some((_, value)) = self.value().filter(|(known, _)| *known == digest) else { return };
        let value = value.clone();
        if !self.may_sign() || self.said.stages[1] || self.said.locked.is_some() {
            return;
        }
        if !planted("spb-lock-not-recorded") {
            self.record(SpbRecord::Locked(value.clone(), certificate.clone()), fx);
            self.said.locked = Some(Lock { digest, value, certificate });
        }
        self.say(Stage::Finish, digest, fx);
        fx.output(SpbOutput::Locked(digest));
    }

    fn record(&self, record: SpbRecord, fx: &mut dyn Effects<Self>) {
        fx.send(To::Node(self.config.me), Durable::Yes, SpbMessage::Record(record));
    }

    fn say(&mut self, stage: Stage, digest: Digest, fx: &mut dyn Effects<Self>) {
        self.said.stages[stage as usize] = true;
        let endorsement = self.config.certificates.endorse(&self.config.statement(stage, digest));
        fx.send(To::Node(self.config.proposer), Durable::Yes, SpbMessage::Endorse(stage, endorsement));
    }

    fn may_sign(&self) -> bool {
        !self.abandoned || planted("spb-abandon-ignored")
    }

    fn assembled(&mut self, stage: Stage, assembly: Assembly, fx: &mut dyn Effects<Self>) {
        let Some(collector) = self.collectors.as_mut().map(|both| &mut both[stage as usize]) else { return };
        let digest = collector.statement().digest;
        let (certificate, culprits, work) = collector.assembled(assembly);
        for node in culprits.iter() {
            fx.fault(Fault::new(node, FaultKind::InvalidEndorsement));
        }
        if let Some(work) = work {
            self.job(Task::Assemble { stage, work }, fx);
        }
        if let Some(certificate) = certificate {
            let message = match stage {
                Stage::Lock => SpbMessage::Lock(digest, certificate),
                Stage::Finish => SpbMessage::Finish(digest, certificate),
            };
            fx.send(To::All, Durable::No, message);
        }
    }

    fn checked(
        &mut self,
        stage: Stage,
        digest: Digest,
        certificate: Certificate,
        valid: bool,
        fx: &mut dyn Effects<Self>,
    ) {
        if !valid {
            return fx.fault(Fault::new(self.config.proposer, FaultKind::InvalidProposalCertificate));
        }
        match stage {
            Stage::Lock => {
                self.lock = Heard::Valid(digest, certificate);
                self.record_lock(fx);
            }
            Stage::Finish => {
                self.finish = Heard::Valid(digest, certificate);
                fx.output(SpbOutput::Finished(digest));
            }
        }
    }
}

impl Protocol for Spb {
    type Input = SpbInput;
    type Output = SpbOutput;
    type Message = SpbMessage;
    type Job = SpbJob;

    fn input(&mut self, input: SpbInput, fx: &mut dyn Effects<Self>) {
        match input {
            SpbInput::Propose { value, proof } if self.is_proposer() && !self.said.proposed => {
                self.said.proposed = true;
                let message = SpbMessage::Send { value: Blob(value), proof: Blob(proof) };
                fx.send(To::All, Durable::Yes, message);
            }
            SpbInput::Propose { .. } => {}
            SpbInput::Accept => {
                self.accepted = true;
                self.endorse(fx);
            }
            SpbInput::Abandon => self.abandoned = true,
        }
    }

    fn receive(&mut self, from: NodeIndex, message: SpbMessage, fx: &mut dyn Effects<Self>) {
        if !self.config.committee.contains(from) {
            return;
        }
        match message {
            SpbMessage::Send { value, proof } => self.on_send(from, value, proof, fx),
            SpbMessage::Endorse(stage, endorsement) => self.on_endorse(from, stage, endorsement, fx),
            SpbMessage::Lock(digest, certificate) => self.on_certificate(from, Stage::Lock, digest, certificate, fx),
            SpbMessage::Finish(digest, certificate) => {
                self.on_certificate(from, Stage::Finish, digest, certificate, fx)
            }
            SpbMessage::Record(_) if from == self.config.me => {}
            SpbMessage::Record(_) => fx.fault(Fault::new(from, FaultKind::MalformedMessage)),
        }
    }

    fn done(&mut self, done: SpbDone, fx: &mut dyn Effects<Self>) {
        match done.0 {
            Done::Hashed(digest) => self.hashed(digest, fx),
            Done::Assembled(stage, assembly) => self.assembled(stage, assembly, fx),
            Done::Checked { stage, digest, certificate, valid } => self.checked(stage, digest, certificate, valid, fx),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        if std::mem::take(&mut self.stale)
            && let Some((value, _)) = &self.sent
        {
            let task = Task::Hash { value: value.0.clone() };
            self.job(task, fx);
        }
    }

    fn recall(&mut self, _to: To, message: SpbMessage) {
        match message {
            SpbMessage::Send { value, proof } => {
                // Nobody will send it to this node again.
                self.said.proposed = true;
                self.sent = Some((value, proof));
                self.stale = true;
            }
            SpbMessage::Endorse(stage, endorsement) => {
                self.said.stages[stage as usize] = true;
                if self.is_proposer() {
                    self.early.push((self.config.me, stage, endorsement));
                }
            }
            SpbMessage::Record(SpbRecord::Endorsed(digest)) if !planted("spb-recall-forgets-digest") => {
                self.said.endorsed = Some(digest);
            }
            SpbMessage::Record(SpbRecord::Locked(value, certificate)) if !planted("spb-recall-forgets-lock") => {
                self.said.locked = Some(Lock { digest: VALUE.digest(&value), value, certificate });
            }
            // Proven by others' signatures, so never logged; or left out by a planted bug.
            SpbMessage::Lock(..) | SpbMessage::Finish(..) | SpbMessage::Record(_) => {}
        }
    }

    /// Always false: its parent frees it.
    fn is_terminated(&self) -> bool {
        false
    }
}
