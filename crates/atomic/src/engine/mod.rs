//! The part that all atomic broadcasts share: from settled epochs to ordered batches, and what keeps nodes together.
//!
//! An engine is an [`Atomic`] with a [`Source`], which says what chooses the slots of an epoch, and what is put to the
//! choice: samples of the queue for a common subset, or the tips of streams. Everything else is here, the same for all:
//! the queue of submissions, epochs and their opening, replicated dedup, the chain of state digests, batches, checkpoints
//! and certificates, the archive, fetching, the outbox.
//!
//! ```text
//!  submit --> queue --SOURCE--> EPOCH e: choose slots, open --> settled slots of e
//!                                                            |
//!   all epochs in order --> dedup --> batch e --> CHECKPOINT(e) --2f + 1 equal--> closed: freed, LOW(e + 1)
//! ```
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
//! What the epochs hold, one outbox of what this node said in them, the queue (bounded by whoever submits), the dedup
//! window of D epochs at 24 bytes per transaction, and the archive. What a peer can add to that has a formula: [`bounds`](crate::bounds).
//!
//! No request or announcement of a peer is answered twice in its incarnation, and of what it asks for one header and
//! one contribution at the most are on their way out at a time. What is checked for a peer is counted:
//! of its certificates the first few invalid ones are checked, and of each slot one proof and one fetched contribution.

mod closing;
mod effects;
mod epochs;
mod fetching;
mod job;
mod ledger;
mod submissions;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::Codec;
use mellivora_core::{
    Digest, Domain, Durable, Effects, Epoch as EpochNumber, Era, Fault, FaultKind, Job, Limits, Message, NodeIndex,
    NodeSet, Protocol, To, hash::HashKey, planted,
};
use mellivora_crypto::{CertificateScheme, NodeKeys, Remembering};
use mellivora_subset::{Subset, SubsetParams};

use crate::archive::Archive;
use crate::batch::{Batch, Ticket};
use crate::catch_up::CatchUp;
use crate::config::Config;
use crate::dedup::Dedup;
use crate::demands::Demands;
use crate::early::Early;
use crate::epoch::{EpochMessage, Parser, SettledSlot};
use crate::error::ConfigError;
use crate::header::{HeaderSlot, Place};
use crate::outbox::Outbox;
use crate::pacing::Pacing;
use crate::queue::Queue;
use crate::transactions::FingerprintKey;
use closing::Closing;
use epochs::Running;
pub use job::{AtomicDone, AtomicJob};

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

/// What an engine is beside what all share: how slots are chosen in an epoch, and what is put to the choice.
///
/// Every function takes the whole engine, of which its own part is the field `source`; so it may draw from the queue and
/// call the epochs.
pub trait Source: Sized {
    /// What chooses the slots of an epoch.
    type Subset: Subset;
    /// What nodes say beside the epochs.
    type Message: Message;
    /// Work beside the epochs.
    type Job: Job;

    /// At genesis.
    #[doc(hidden)]
    fn new(setup: &Setup<'_>) -> Self;

    /// The instance that chooses the slots of an epoch; `None` as long as that depends on the epoch before.
    #[doc(hidden)]
    fn instance(engine: &Atomic<Self>, epoch: EpochNumber, params: SubsetParams) -> Option<Self::Subset>;

    /// Slots of an epoch, at the most.
    #[doc(hidden)]
    fn slots(config: &Config) -> usize {
        config.committee.n()
    }

    /// Whether there may be ciphertexts in an epoch.
    #[doc(hidden)]
    fn encrypts(engine: &Atomic<Self>, epoch: EpochNumber) -> bool {
        engine.config.encryption.encrypts(epoch)
    }

    /// Whether to begin the first epoch that does not run yet.
    #[doc(hidden)]
    fn begins(engine: &mut Atomic<Self>, epoch: EpochNumber) -> bool;

    /// Puts this node's part into an epoch that runs without it, if it can.
    #[doc(hidden)]
    fn contribute(engine: &mut Atomic<Self>, epoch: EpochNumber, fx: &mut dyn Effects<Atomic<Self>>);

    /// Something reached a running epoch.
    #[doc(hidden)]
    fn touched(_: &mut Atomic<Self>, _: EpochNumber, _: &mut dyn Effects<Atomic<Self>>) {}

    /// These slots of an epoch are chosen, and their contributions are here.
    #[doc(hidden)]
    fn chosen(_: &mut Atomic<Self>, _: EpochNumber, _: NodeSet) {}

    /// A message beside the epochs.
    #[doc(hidden)]
    fn receive(engine: &mut Atomic<Self>, from: NodeIndex, message: Self::Message, fx: &mut dyn Effects<Atomic<Self>>);

    /// A job beside the epochs is done.
    #[doc(hidden)]
    fn done(engine: &mut Atomic<Self>, done: <Self::Job as Job>::Done, fx: &mut dyn Effects<Atomic<Self>>);

    /// The end of a turn, before epochs start; again after every epoch that is handed out or closed in it.
    #[doc(hidden)]
    fn flush(_: &mut Atomic<Self>, _: &mut dyn Effects<Atomic<Self>>) {}

    /// This node said this beside the epochs before a restart.
    #[doc(hidden)]
    fn recall(engine: &mut Atomic<Self>, to: To, message: Self::Message);

    /// The link to `peer` lost messages, or the peer has `restarted`.
    #[doc(hidden)]
    fn repeat_to(_: &mut Atomic<Self>, _: NodeIndex, _restarted: bool, _: &mut dyn Effects<Atomic<Self>>) {}

    /// Some time has passed.
    #[doc(hidden)]
    fn nudge(_: &mut Atomic<Self>, _: &mut dyn Effects<Atomic<Self>>) {}

    /// The batch of `epoch` is handed out: its slots, in order.
    #[doc(hidden)]
    fn handed_out(
        engine: &mut Atomic<Self>,
        epoch: EpochNumber,
        slots: &[OrderedSlot],
        fx: &mut dyn Effects<Atomic<Self>>,
    );

    /// Epochs below `low` are closed.
    #[doc(hidden)]
    fn closed(_: &mut Atomic<Self>, _low: EpochNumber, _: &mut dyn Effects<Atomic<Self>>) {}

    /// `peer` announced its lowest open epoch.
    #[doc(hidden)]
    fn announced(_: &mut Atomic<Self>, _: NodeIndex, _low: EpochNumber, _: &mut dyn Effects<Atomic<Self>>) {}

    /// Which slot of its epoch the one at this place of the header is.
    #[doc(hidden)]
    fn slot_at(place: Place, slot: &HeaderSlot) -> NodeIndex;

    /// The label under which the contribution of a certified slot of the next epoch was sealed.
    #[doc(hidden)]
    fn label(engine: &Atomic<Self>, epoch: EpochNumber, place: Place) -> Option<Digest>;

    /// Whether there is nothing to wait for beside the epochs.
    #[doc(hidden)]
    fn is_idle(&self) -> bool {
        true
    }

    /// Bytes held beside the epochs, about.
    #[doc(hidden)]
    fn memory(&self) -> usize {
        0
    }
}

/// What a [`Source`] is made from.
#[derive(Debug)]
pub struct Setup<'a> {
    pub(crate) config: &'a Config,
    pub(crate) me: NodeIndex,
    pub(crate) session: Domain,
    pub(crate) certificates: &'a Arc<dyn CertificateScheme>,
}

/// A slot of a batch, for those who count slots.
#[derive(Clone, Copy, Debug)]
pub struct OrderedSlot {
    /// Who proposed it.
    pub proposer: NodeIndex,
    /// The commitment to it.
    pub commitment: Digest,
    /// Whether it held not even an empty list of transactions.
    pub empty: bool,
}

pub(crate) const LOCAL: HashKey = HashKey::new("mellivora/v1 local secret");

/// An atomic broadcast. See the [module page](self).
pub struct Atomic<P: Source> {
    pub(crate) config: Config,
    pub(crate) keys: NodeKeys,
    pub(crate) session: Domain,
    pub(crate) codec: Arc<Codec>,
    pub(crate) certificates: Arc<dyn CertificateScheme>,
    pub(crate) parser: Parser,
    pub(crate) secret: Digest,
    pub(crate) queue: Queue,
    pub(crate) outbox: Outbox<Said<P>>,
    /// Settled epochs that wait for their turn.
    settled: BTreeMap<EpochNumber, Vec<SettledSlot>>,
    /// Epoch of the next batch to hand out, and the state digest before it.
    pub(crate) next: EpochNumber,
    state: Digest,
    dedup: Dedup,
    pub(crate) closing: Closing,
    archive: Archive,
    pub(crate) catch_up: CatchUp,
    fetched: BTreeMap<EpochNumber, fetching::Fetched>,
    /// What each peer asked for and has not got.
    serving: Vec<fetching::Serving>,
    /// The epoch for which [`Output::Behind`] was told.
    told_behind: Option<EpochNumber>,
    pacing: Pacing,
    early: Early<EpochMessage<Spoken<P>>>,
    /// Epochs that run, ascending without gaps from the lowest open one.
    pub(crate) running: BTreeMap<EpochNumber, Running<P::Subset>>,
    /// What this node said before a restart in epochs that cannot run yet.
    recalled: BTreeMap<EpochNumber, Vec<epochs::Statement<P>>>,
    /// Nodes whose shards or shares were found wrong in this era.
    distrusted: NodeSet,
    demands: Demands,
    /// What makes this engine different from others.
    pub(crate) source: P,
}

/// What the subset of an epoch says.
pub(crate) type Spoken<P> = <<P as Source>::Subset as Protocol>::Message;
/// Its work.
pub(crate) type JobOf<P> = <<P as Source>::Subset as Protocol>::Job;
/// What the nodes of an engine tell each other.
pub(crate) type Said<P> = crate::message::Message<EpochMessage<Spoken<P>>, <P as Source>::Message>;

impl<P: Source> Atomic<P> {
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
        let session = Domain::new(config.cluster_id(&keys.public().digest(), P::Subset::NAME), Era(0));
        let certificates = Remembering::scheme(keys.certificates());
        let secret = LOCAL.digest(&local.seed);
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&LOCAL.digest_parts(&[&secret.0, b"fingerprint"]).0[..16]);
        let source = P::new(&Setup { config: &config, me, session, certificates: &certificates });
        Ok(Atomic {
            // What no honest node proposes is no contribution: it would only fill the dedup window.
            parser: Parser {
                limits: Limits { transactions: config.proposal_size(), ..limits },
                key: FingerprintKey(fingerprint),
            },
            queue: Queue::default(),
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
            told_behind: None,
            pacing: Pacing::new(committee),
            early: Early::new(committee, &limits),
            running: BTreeMap::new(),
            recalled: BTreeMap::new(),
            distrusted: NodeSet::EMPTY,
            demands: Demands::new(committee, &limits),
            source,
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
        let fixed = [
            self.outbox.memory(),
            self.running.values().map(|running| running.epoch.memory()).sum(),
            self.early.memory(),
            self.source.memory(),
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
            memory: fixed.into_iter().sum(),
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
            && self.source.is_idle()
    }

    /// Number of transactions submitted here and not yet ordered.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// What chooses the slots of a running epoch, for schedulers and statistics.
    pub fn subset(&self, epoch: EpochNumber) -> Option<&P::Subset> {
        self.running.get(&epoch).map(|running| running.epoch.subset())
    }

    /// Sends past the outbox: what is answered on request, or repeated by other means.
    pub(crate) fn tell(to: To, message: Said<P>, fx: &mut dyn Effects<Self>) {
        fx.send(to, Durable::No, message);
    }
}

impl<P: Source> Protocol for Atomic<P> {
    type Input = Input;
    type Output = Output;
    type Message = Said<P>;
    type Job = AtomicJob<JobOf<P>, P::Job>;

    fn input(&mut self, input: Input, fx: &mut dyn Effects<Self>) {
        match input {
            Input::Submit(submissions) => self.submit(submissions, fx),
            Input::Resend(peer) => self.repeat_to(peer, false, fx),
            Input::Nudge => {
                self.pacing.nudge();
                P::nudge(self, fx);
                self.catch_up.nudge(&mut fetching::asking(fx));
            }
        }
    }

    fn receive(&mut self, from: NodeIndex, message: Self::Message, fx: &mut dyn Effects<Self>) {
        if !self.config.committee.contains(from) {
            return;
        }
        match message {
            Said::<P>::Epoch { epoch, message } => self.on_epoch(from, epoch, message, fx),
            Said::<P>::Checkpoint(checkpoint) => self.on_checkpoint(from, checkpoint, fx),
            Said::<P>::Low(low) => self.on_low(from, low, fx),
            Said::<P>::Certificate(certificate) => self.on_certificate(from, certificate, fx),
            Said::<P>::FetchHeader(epoch) => self.on_fetch_header(from, epoch),
            Said::<P>::Header(header) => self.on_header(from, header, fx),
            Said::<P>::FetchSlot(epoch, place) => self.on_fetch_slot(from, epoch, place, fx),
            Said::<P>::Slot(epoch, place, body) => self.on_slot(from, epoch, place, body.0, fx),
            Said::<P>::Gone(epoch) => self.on_gone(from, epoch, fx),
            Said::<P>::Beside(message) => P::receive(self, from, message, fx),
        }
    }

    fn done(&mut self, done: <Self::Job as Job>::Done, fx: &mut dyn Effects<Self>) {
        match done {
            AtomicDone::Epoch(epoch, done) => self.epoch_done(epoch, done, fx),
            AtomicDone::Beside(done) => P::done(self, done, fx),
            AtomicDone::Checked(from, certificate, valid) => self.certificate_checked(from, certificate, valid, fx),
            AtomicDone::Certified(epoch, certificate, culprits) => self.certified(epoch, certificate, culprits, fx),
            AtomicDone::Restored(restored) => self.restored(restored, fx),
            AtomicDone::Copied(copied) => self.copied(copied, fx),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.answer_header_requests(fx);
        loop {
            let before = (self.next, self.closing.low);
            self.catch_up_if_stuck(fx);
            P::flush(self, fx);
            self.start_due(fx);
            self.flush_epochs(fx);
            if (self.next, self.closing.low) == before {
                return;
            }
        }
    }

    fn recall(&mut self, to: To, message: Self::Message) {
        match message {
            Said::<P>::Epoch { epoch, message } => {
                self.recall_epoch(epoch, to, message.clone());
                self.outbox.recall(epoch, to, Said::<P>::Epoch { epoch, message });
            }
            Said::<P>::Beside(message) => P::recall(self, to, message),
            Said::<P>::Checkpoint(checkpoint) => {
                self.closing.recall_own(self.keys.index(), self.config.committee, checkpoint.clone());
                self.outbox.recall(checkpoint.epoch, to, Said::<P>::Checkpoint(checkpoint));
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

impl<P: Source> Atomic<P> {
    /// The link to `peer` lost messages, or the peer restarted: it gets again what it may lack.
    fn repeat_to(&mut self, peer: NodeIndex, restarted: bool, fx: &mut dyn Effects<Self>) {
        if peer == self.me() || !self.config.committee.contains(peer) {
            return;
        }
        Self::tell(To::Node(peer), Said::<P>::Low(self.closing.low), fx);
        self.archive.forget(peer);
        self.closing.forget(peer);
        if restarted {
            self.forget_requests(peer);
            self.outbox.forget(peer, &mut |to, durable, message| fx.send(to, durable, message));
            self.peer_restarted(peer, fx);
        } else {
            self.outbox.resend(peer, &mut |to, durable, message| fx.send(to, durable, message));
        }
        P::repeat_to(self, peer, restarted, fx);
        if !planted("fetch-not-asked-again") {
            self.catch_up.repeat(peer, &mut fetching::asking(fx));
        }
        self.answer_announcement(peer, fx);
    }

    pub(crate) fn blame(node: NodeIndex, epoch: EpochNumber, kind: FaultKind, fx: &mut dyn Effects<Self>) {
        fx.fault(Fault::new(node, kind).inside(mellivora_core::Segment::epoch(epoch)));
    }
}

impl<P: Source> std::fmt::Debug for Atomic<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(P::Subset::NAME)
            .field("me", &self.me())
            .field("low", &self.closing.low)
            .field("next", &self.next)
            .field("queued", &self.queue.len())
            .field("running", &self.running.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
