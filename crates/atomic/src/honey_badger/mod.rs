//! HoneyBadger: leaderless atomic broadcast, epoch by epoch, over any common subset.
//!
//! # What it guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1 (static corruption), authenticated links, and a network that delivers
//! late and in any order, but does deliver:
//!
//! * *total order*: all honest nodes hand out the same batches in the same order, without gaps;
//! * *no duplication*: no transaction is ordered twice within D epochs;
//! * *validity*: what is ordered was proposed by some node; what an honest node submits is ordered in the end;
//! * *censorship resilience*: a transaction among the first B of the queues of f + 1 honest nodes is ordered within a
//!   bounded expected number of epochs, whatever the network does, if its epoch is encrypted;
//! * *nobody is stranded*: a node that missed an epoch gets its batch, proven by a certificate, as long as others keep it.
//!
//! No property rests on time. A *nudge* is an event like any other; it may start an epoch or ask another holder, never
//! decide anything.
//!
//! # One epoch
//!
//! ```text
//!  submit --> queue --sample--> EPOCH e: frame, seal, common subset, open --> settled slots
//!                                                                               |
//!   all epochs in order --> dedup --> batch e --> CHECKPOINT(e) --2f + 1 equal--> closed: freed, LOW(e + 1)
//! ```
//!
//! * An epoch starts when a transaction waits that is in no epoch yet, when others have begun it (`pacing`
//!   says how fast), and always after all before it. At most P epochs run at a time; messages of up to W
//!   epochs ahead are kept.
//! * Each node proposes max(1, B / n) transactions, drawn at random from the first B of its queue. A contribution with
//!   more is no list of transactions: a Byzantine node gets no larger share of a batch, or of the dedup window.
//! * Decryption shares of e are released once every epoch up to e has its subset decided here or is covered by a
//!   certificate: otherwise plaintexts of e + 1 would be known while e can still be chosen.
//!
//! # Closing an epoch
//!
//! Output is not termination: others may still need this node's help.
//!
//! * **CHECKPOINT(e, digest, signature)**: sent to all, durably, when the batch of e was handed out.
//! * e *closes* here once its batch is here and 2f + 1 nodes sent equal checkpoints of e, or f + 1 nodes vouch for a
//!   later epoch (by a certificate, or by checkpoints equal to the own one) and every batch up to it is here. Then its
//!   instances and outbox are freed.
//! * **LOW(e)**: the lowest open epoch, sent when it changes and when a peer connects. Whoever has closed more answers
//!   with its newest **CERTIFICATE**, f + 1 signatures over one state digest, and its last checkpoint; so it does when
//!   messages to a peer that has closed less were lost.
//! * A node that lacks e, while f + 1 nodes vouch for a digest of e or later and somebody has closed e, fetches
//!   (`catch_up` says how). Its instances run on meanwhile.
//!
//! *Why it is live*: if one honest node closes e, then f + 1 honest nodes hold the batch and have told everybody, so
//! whoever is stuck can fetch. If nobody closes e, all instances run until all honest nodes have the batch.
//!
//! # Memory
//!
//! P epochs (n contributions each), one outbox of what this node said in them, per peer the room of
//! `early`, the queue (bounded by whoever submits), the dedup window of D epochs at 24 bytes per transaction, and the
//! archive. What a peer can add to that has a formula: [`bounds`](crate::bounds).
//!
//! No request or announcement of a peer is answered twice in its incarnation, and of what it asks for one header and
//! one contribution at the most are on their way out at a time. What is checked for a peer is counted:
//! of its certificates the first few invalid ones are checked, and of each slot one proof and one fetched contribution.
//!
//! # Deviations from the paper
//!
//! Miller et al. 2016 stop helping when they output, leave catching up open, and deduplicate by local memory. All three
//! strand or fork nodes after a crash; hence checkpoints, certificates and the replicated dedup window.

mod closing;
mod effects;
mod epochs;
mod fetching;
mod job;
mod ledger;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::Codec;
use mellivora_core::{
    Digest, Domain, Durable, Effects, Epoch as EpochNumber, Era, Fault, FaultKind, Job, Limits, NodeIndex, NodeSet,
    Protocol, To, hash::HashKey, planted,
};
use mellivora_crypto::{CertificateScheme, NodeKeys, Remembering};
use mellivora_subset::Subset;

use crate::archive::Archive;
use crate::batch::{Batch, Ticket};
use crate::catch_up::CatchUp;
use crate::config::Config;
use crate::dedup::Dedup;
use crate::demands::Demands;
use crate::early::Early;
use crate::epoch::{Parser, SettledSlot};
use crate::error::ConfigError;
use crate::message::Message;
use crate::outbox::Outbox;
use crate::pacing::Pacing;
use crate::queue::Queue;
use crate::transactions::FingerprintKey;
use closing::Closing;
use epochs::Running;
pub use job::{HoneyBadgerDone, HoneyBadgerJob};

/// A transaction to order.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Comes back with the position, in [`Batch::committed`].
    pub ticket: Ticket,
    /// The transaction: at most [`Limits::transaction_bytes`](mellivora_core::Limits) bytes.
    pub transaction: Bytes,
}

/// What goes into the atomic broadcast.
#[derive(Clone, Debug)]
pub enum Input {
    /// Transactions to order. One over the size limit is refused with [`Output::Refused`]. The queue has no bound of
    /// its own: whoever submits keeps it, by [`Status::queued`] and [`Status::queued_bytes`].
    Submit(Vec<Submission>),
    /// The link to this peer lost messages, or is up for the first time: what it may lack goes again.
    Resend(NodeIndex),
    /// Some time has passed.
    Nudge,
}

/// What comes out of the atomic broadcast.
#[derive(Clone, Debug)]
pub enum Output {
    /// The next batch.
    Batch(Batch),
    /// A submission equals a transaction that was ordered in this epoch, within the last D: it is not ordered again.
    Duplicate {
        /// The submission.
        ticket: Ticket,
        /// Where the equal transaction was ordered.
        epoch: EpochNumber,
    },
    /// A submission is larger than the limit and is not ordered.
    Refused {
        /// The submission.
        ticket: Ticket,
        /// The limit, in bytes.
        max: usize,
    },
    /// f + 1 nodes no longer hold the batch of this epoch, which this node lacks: it needs a snapshot of the
    /// application's state.
    Behind {
        /// The first epoch that is missing.
        epoch: EpochNumber,
    },
}

/// What this node may do differently from others without harm.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// Fresh randomness of this start of the node: sampling, seeds of encryption and local hash keys derive from it.
    pub seed: [u8; 32],
    /// Bytes of batches that are kept for peers that lag behind.
    pub retention_bytes: usize,
}

impl Local {
    /// The defaults, with a seed: 256 MiB of retention.
    pub const fn new(seed: [u8; 32]) -> Self {
        Local { seed, retention_bytes: 256 << 20 }
    }
}

/// A glance at the state of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Lowest epoch that is not closed.
    pub low: EpochNumber,
    /// Epoch of the next batch to hand out.
    pub next: EpochNumber,
    /// Epochs that run.
    pub running: usize,
    /// Transactions submitted here and not yet ordered, in flight or not.
    pub queued: usize,
    /// Bytes of those.
    pub queued_bytes: usize,
    /// Transactions in flight.
    pub in_flight: usize,
    /// Whether batches are being fetched from others.
    pub catching_up: bool,
    /// Bytes of protocol state, about: epochs, outbox, early messages, archive, dedup window.
    pub memory: usize,
}

const LOCAL: HashKey = HashKey::new("mellivora/v1 local secret");

/// HoneyBadger over a common subset. See the [module page](self).
pub struct HoneyBadger<S: Subset> {
    config: Config,
    keys: NodeKeys,
    session: Domain,
    codec: Arc<Codec>,
    certificates: Arc<dyn CertificateScheme>,
    parser: Parser,
    secret: Digest,
    queue: Queue,
    pacing: Pacing,
    early: Early<crate::epoch::EpochMessage<S::Message>>,
    /// Epochs that run, ascending without gaps from the lowest open one.
    running: BTreeMap<EpochNumber, Running<S>>,
    outbox: Outbox<Message<S::Message>>,
    /// Settled epochs that wait for their turn.
    settled: BTreeMap<EpochNumber, Vec<SettledSlot>>,
    /// Epoch of the next batch to hand out, and the state digest before it.
    next: EpochNumber,
    state: Digest,
    dedup: Dedup,
    closing: Closing,
    archive: Archive,
    catch_up: CatchUp,
    fetched: BTreeMap<EpochNumber, fetching::Fetched>,
    /// What each peer asked for and has not got.
    serving: Vec<fetching::Serving>,
    /// Nodes whose shards or shares were found wrong in this era.
    distrusted: NodeSet,
    demands: Demands,
    /// The epoch for which [`Output::Behind`] was told.
    told_behind: Option<EpochNumber>,
}

impl<S: Subset> HoneyBadger<S> {
    /// A node of the cluster at genesis.
    pub fn new(config: Config, keys: NodeKeys, local: Local) -> Result<Self, ConfigError> {
        config.check()?;
        if keys.committee() != config.committee {
            return Err(ConfigError::Committee { keys: keys.committee().n(), config: config.committee.n() });
        }
        if config.encryption != crate::EncryptionSchedule::Never && keys.encryption().is_none() {
            return Err(ConfigError::NoEncryption);
        }
        let (committee, me, limits) = (config.committee, keys.index(), config.limits);
        let codec = Arc::new(Codec::new(committee, limits.payload_bytes)?);
        let session = Domain::new(config.cluster_id(&keys.public().digest(), S::NAME), Era(0));
        let certificates = Remembering::scheme(keys.certificates());
        let secret = LOCAL.digest(&local.seed);
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&LOCAL.digest_parts(&[&secret.0, b"fingerprint"]).0[..16]);
        Ok(HoneyBadger {
            // What no honest node proposes is no contribution: it would only fill the dedup window.
            parser: Parser {
                limits: Limits { transactions: config.proposal_size(), ..limits },
                key: FingerprintKey(fingerprint),
            },
            queue: Queue::default(),
            pacing: Pacing::new(committee),
            early: Early::new(committee, &limits),
            running: BTreeMap::new(),
            outbox: Outbox::new(committee, me, &limits),
            settled: BTreeMap::new(),
            next: EpochNumber(0),
            state: Digest::default(),
            dedup: Dedup::new(config.dedup_epochs),
            closing: Closing::default(),
            archive: Archive::new(local.retention_bytes),
            catch_up: CatchUp::new(committee, me),
            fetched: BTreeMap::new(),
            serving: vec![fetching::Serving::default(); committee.n()],
            distrusted: NodeSet::EMPTY,
            demands: Demands::new(committee, &limits),
            told_behind: None,
            config,
            keys,
            session,
            codec,
            certificates,
            secret,
        })
    }

    /// The constants of the cluster.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// This node.
    pub fn me(&self) -> NodeIndex {
        self.keys.index()
    }

    /// The name that all nodes of this cluster share. Nodes with different ones refuse to talk.
    pub fn cluster_id(&self) -> Digest {
        self.session.session
    }

    /// A glance at the state. Walks all running epochs for the figure of memory.
    pub fn status(&self) -> Status {
        let epochs = self.running.values().map(|running| running.epoch.memory());
        let fixed = [
            self.outbox.memory(),
            self.early.memory(),
            self.archive.memory(),
            self.dedup.memory(),
            self.catch_up.memory(),
            self.closing.memory(),
            self.settled.values().flatten().map(SettledSlot::memory).sum(),
            self.fetched.values().map(fetching::Fetched::memory).sum(),
        ];
        Status {
            low: self.closing.low,
            next: self.next,
            running: self.running.len(),
            queued: self.queue.len(),
            queued_bytes: self.queue.bytes(),
            in_flight: self.queue.in_flight(),
            catching_up: self.catch_up.is_active(),
            memory: epochs.chain(fixed).sum(),
        }
    }

    /// Whether there is nothing to order, to fetch or to wait for: without a new event this node stays silent for ever,
    /// and nudges change nothing.
    pub fn is_idle(&self) -> bool {
        self.queue.len() == 0
            && self.running.keys().all(|epoch| *epoch < self.next)
            && self.early.is_empty()
            && !self.pacing.is_wanted()
            && !self.catch_up.is_active()
    }

    /// Number of transactions submitted here and not yet ordered.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// A running epoch's common subset, for schedulers and statistics.
    pub fn subset(&self, epoch: EpochNumber) -> Option<&S> {
        self.running.get(&epoch).map(|running| running.epoch.subset())
    }

    /// Sends past the outbox: what is answered on request, or repeated by other means.
    fn tell(to: To, message: Message<S::Message>, fx: &mut dyn Effects<Self>) {
        fx.send(to, Durable::No, message);
    }
}

impl<S: Subset> Protocol for HoneyBadger<S> {
    type Input = Input;
    type Output = Output;
    type Message = Message<S::Message>;
    type Job = HoneyBadgerJob<S::Job>;

    fn input(&mut self, input: Input, fx: &mut dyn Effects<Self>) {
        match input {
            Input::Submit(submissions) => self.submit(submissions, fx),
            Input::Resend(peer) => self.repeat_to(peer, false, fx),
            Input::Nudge => {
                self.pacing.nudge();
                self.catch_up.nudge(&mut fetching::asking(fx));
            }
        }
    }

    fn receive(&mut self, from: NodeIndex, message: Self::Message, fx: &mut dyn Effects<Self>) {
        if !self.config.committee.contains(from) {
            return;
        }
        match message {
            Message::Epoch { epoch, message } => self.on_epoch(from, epoch, message, fx),
            Message::Checkpoint(checkpoint) => self.on_checkpoint(from, checkpoint, fx),
            Message::Low(low) => self.on_low(from, low, fx),
            Message::Certificate(certificate) => self.on_certificate(from, certificate, fx),
            Message::FetchHeader(epoch) => self.on_fetch_header(from, epoch),
            Message::Header(header) => self.on_header(from, header, fx),
            Message::FetchSlot(epoch, index) => self.on_fetch_slot(from, epoch, index, fx),
            Message::Slot(epoch, index, body) => self.on_slot(from, epoch, index, body.0, fx),
            Message::Gone(epoch) => self.on_gone(from, epoch, fx),
        }
    }

    fn done(&mut self, done: HoneyBadgerDone<<S::Job as Job>::Done>, fx: &mut dyn Effects<Self>) {
        match done {
            HoneyBadgerDone::Epoch(epoch, done) => self.epoch_done(epoch, done, fx),
            HoneyBadgerDone::Checked(from, certificate, valid) => {
                self.certificate_checked(from, certificate, valid, fx)
            }
            HoneyBadgerDone::Certified(epoch, certificate, culprits) => {
                self.certified(epoch, certificate, culprits, fx)
            }
            HoneyBadgerDone::Restored(restored) => self.restored(restored, fx),
            HoneyBadgerDone::Copied(copied) => self.copied(copied, fx),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.answer_header_requests(fx);
        loop {
            let before = (self.next, self.closing.low);
            self.catch_up_if_stuck(fx);
            self.start_due(fx);
            self.flush_epochs(fx);
            if (self.next, self.closing.low) == before {
                return;
            }
        }
    }

    fn recall(&mut self, to: To, message: Self::Message) {
        match &message {
            Message::Epoch { epoch, message: inner } => {
                let (epoch, inner) = (*epoch, inner.clone());
                self.recall_epoch(epoch, to, inner);
                self.outbox.recall(epoch, to, message);
            }
            Message::Checkpoint(checkpoint) => {
                self.closing.recall_own(self.keys.index(), self.config.committee, checkpoint.clone());
                self.outbox.recall(checkpoint.epoch, to, message);
            }
            // Nothing else is durable.
            _ => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.repeat_to(peer, true, fx);
    }

    /// The atomic broadcast never ends.
    fn is_terminated(&self) -> bool {
        false
    }
}

impl<S: Subset> HoneyBadger<S> {
    fn submit(&mut self, submissions: Vec<Submission>, fx: &mut dyn Effects<Self>) {
        let max = self.config.limits.transaction_bytes;
        for Submission { ticket, transaction } in submissions {
            if transaction.len() > max && !planted("queue-oversize-taken") {
                fx.output(Output::Refused { ticket, max });
                continue;
            }
            let fingerprint = self.parser.key.fingerprint(&transaction);
            match self.dedup.committed(&fingerprint, self.next).filter(|_| !planted("queue-takes-what-was-ordered")) {
                Some(epoch) => fx.output(Output::Duplicate { ticket, epoch }),
                None => self.queue.submit(ticket, fingerprint, transaction),
            }
        }
    }

    /// The link to `peer` lost messages, or the peer restarted: it gets again what it may lack.
    fn repeat_to(&mut self, peer: NodeIndex, restarted: bool, fx: &mut dyn Effects<Self>) {
        if peer == self.me() || !self.config.committee.contains(peer) {
            return;
        }
        Self::tell(To::Node(peer), Message::Low(self.closing.low), fx);
        self.archive.forget(peer);
        self.closing.forget(peer);
        if restarted {
            self.forget_requests(peer);
            self.demands.forget(peer);
            for running in self.running.values_mut() {
                running.epoch.deny(self.demands.denied());
            }
            self.outbox.forget(peer, &mut |to, durable, message| fx.send(to, durable, message));
            let epochs: Vec<EpochNumber> = self.running.keys().copied().collect();
            for epoch in epochs {
                self.in_epoch(epoch, fx, |instance, fx| instance.forget(peer, fx));
            }
        } else {
            self.outbox.resend(peer, &mut |to, durable, message| fx.send(to, durable, message));
        }
        if !planted("fetch-not-asked-again") {
            self.catch_up.repeat(peer, &mut fetching::asking(fx));
        }
        self.answer_announcement(peer, fx);
    }

    fn blame(node: NodeIndex, epoch: EpochNumber, kind: FaultKind, fx: &mut dyn Effects<Self>) {
        fx.fault(Fault::new(node, kind).inside(mellivora_core::Segment::epoch(epoch)));
    }
}

impl<S: Subset> std::fmt::Debug for HoneyBadger<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HoneyBadger")
            .field("me", &self.me())
            .field("low", &self.closing.low)
            .field("next", &self.next)
            .field("running", &self.running.keys().collect::<Vec<_>>())
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}
