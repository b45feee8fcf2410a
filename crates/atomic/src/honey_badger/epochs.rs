//! Running epochs: when they start, what reaches them, when their gate opens.

use bytes::Bytes;
use mellivora_core::{
    Domain, Effects, Epoch as EpochNumber, FaultKind, Job, NodeIndex, NodeSet, Protocol, Segment, To, planted,
};
use mellivora_crypto::Seed;
use mellivora_subset::{Subset, SubsetParams};

use super::HoneyBadger;
use super::effects::EpochEffects;
use crate::engine::LOCAL;
use crate::epoch::{Epoch, EpochDone, EpochInput, EpochMessage, EpochOutput, EpochParams};

/// One running epoch.
pub(super) struct Running<S: Subset> {
    pub(super) epoch: Epoch<S>,
    /// Jobs that are out.
    pub(super) jobs: usize,
    /// Whether its gate is open.
    gate_open: bool,
    /// Whether anything reached it since the last flush.
    touched: bool,
}

impl<S: Subset> HoneyBadger<S> {
    /// Domain of an epoch.
    pub(super) fn domain_of(&self, epoch: EpochNumber) -> Domain {
        self.session.child(Segment::epoch(epoch))
    }

    /// The first epoch that does not run yet.
    fn first_idle(&self) -> EpochNumber {
        let over = if planted("epoch-over-gap") { self.next } else { self.closing.low };
        self.epochs.running.last_key_value().map_or(over, |(epoch, _)| epoch.next())
    }

    /// Makes the instances up to and including `epoch`; none has proposed yet.
    fn ensure(&mut self, epoch: EpochNumber) {
        while self.first_idle() <= epoch {
            let number = self.first_idle();
            let domain = self.domain_of(number);
            let encrypted = self.config.encryption.encrypts(number);
            let mut instance = Epoch::new(EpochParams {
                subset: SubsetParams {
                    committee: self.config.committee,
                    me: self.me(),
                    domain: domain.child(Segment::only(mellivora_core::Layer::Subset)),
                    coin: self.keys.coin().clone(),
                    certificates: self.certificates.clone(),
                    codec: self.codec.clone(),
                    echo: self.config.echo,
                    coin_schedule: self.config.coin_schedule,
                    rounds_ahead: self.config.limits.rounds_ahead,
                },
                domain,
                encryption: self.keys.encryption().filter(|_| encrypted).cloned(),
                parser: self.parser,
            });
            instance.distrust(self.epochs.distrusted);
            instance.deny(self.epochs.demands.denied());
            self.epochs.running.insert(number, Running { epoch: instance, jobs: 0, gate_open: false, touched: true });
            self.epochs.pacing.started(number);
        }
    }

    /// Starts the epochs that are due, in order.
    pub(super) fn start_due(&mut self, fx: &mut dyn Effects<Self>) {
        // Instances that exist without a proposal: recalled after a restart.
        let recalled = self.epochs.running.iter().filter(|(_, running)| !running.epoch.has_proposed()).map(|(e, _)| *e);
        for epoch in recalled.collect::<Vec<_>>() {
            self.start(epoch, fx);
        }
        loop {
            let epoch = self.first_idle();
            let low = if planted("epoch-pipeline-by-output") { self.next } else { self.closing.low };
            if epoch >= low.plus(self.config.limits.pipeline) {
                return;
            }
            // Also one that is over here, because its batch was fetched: a later one starts only after it.
            let after_empty = planted("epoch-empty-triggers-empty") && epoch.0 > 0;
            if !self.queue.has_waiting() && !self.epochs.pacing.join(epoch) && !after_empty {
                return;
            }
            self.start(epoch, fx);
        }
    }

    /// Starts `epoch`: proposes, and hands over what others said of it before.
    fn start(&mut self, epoch: EpochNumber, fx: &mut dyn Effects<Self>) {
        self.ensure(epoch);
        let transactions = self.sample(epoch);
        let seed = Seed(LOCAL.digest_parts(&[&self.secret.0, b"proposal", &epoch.0.to_be_bytes()]).0);
        self.in_epoch(epoch, fx, |instance, fx| instance.input(EpochInput::Propose(transactions, seed), fx));
        self.open_gates(fx);
        for (from, message) in self.epochs.early.take(epoch).into_iter().skip(planted("early-first-lost").into()) {
            self.deliver(from, epoch, message, fx);
        }
    }

    /// What this node proposes in `epoch`: nothing in one that is over.
    fn sample(&mut self, epoch: EpochNumber) -> Vec<Bytes> {
        if epoch < self.next {
            return Vec::new();
        }
        /// Header and tag of a ciphertext, of any suite.
        const SEAL: usize = 512;
        let max_bytes = self.config.limits.payload_bytes.saturating_sub(SEAL);
        let seed = LOCAL.digest_parts(&[&self.secret.0, b"sample", &epoch.0.to_be_bytes()]);
        self.queue.sample(epoch, self.config.proposal_size(), self.config.batch_size, max_bytes, &seed)
    }

    /// A message of an epoch.
    pub(super) fn on_epoch(
        &mut self,
        from: NodeIndex,
        epoch: EpochNumber,
        message: EpochMessage<S::Message>,
        fx: &mut dyn Effects<Self>,
    ) {
        if epoch < self.closing.low {
            // Closed: whoever still needs something learns so from certificates.
            return;
        }
        // First, because what was recalled after a restart may run beyond the window.
        if self.epochs.running.contains_key(&epoch) {
            self.deliver(from, epoch, message, fx);
            return;
        }
        if epoch > self.closing.low.plus(self.config.limits.epochs_ahead) && !planted("early-window-unlimited") {
            // An honest node holds back what lies beyond the window it was told.
            Self::blame(from, epoch, FaultKind::BeyondWindow, fx);
            return;
        }
        if self.epochs.early.hold(from, epoch, message) {
            self.epochs.pacing.saw(from, epoch);
        } else {
            Self::blame(from, epoch, FaultKind::BeyondWindow, fx);
        }
    }

    fn deliver(
        &mut self,
        from: NodeIndex,
        epoch: EpochNumber,
        message: EpochMessage<S::Message>,
        fx: &mut dyn Effects<Self>,
    ) {
        let message = crate::message::Message::Epoch { epoch, message };
        self.outbox.observe(from, epoch, &message, &mut |to, durable, message| fx.send(to, durable, message));
        if let crate::message::Message::Epoch { message, .. } = message {
            self.in_epoch(epoch, fx, |instance, fx| instance.receive(from, message, fx));
        }
    }

    pub(super) fn epoch_done(
        &mut self,
        epoch: EpochNumber,
        done: EpochDone<<S::Job as Job>::Done>,
        fx: &mut dyn Effects<Self>,
    ) {
        if let Some(running) = self.epochs.running.get_mut(&epoch) {
            running.jobs = running.jobs.saturating_sub(1);
        }
        self.in_epoch(epoch, fx, |instance, fx| instance.done(done, fx));
    }

    /// Calls `act` on a running epoch and takes what it puts out.
    pub(super) fn in_epoch(
        &mut self,
        number: EpochNumber,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Epoch<S>, &mut dyn Effects<Epoch<S>>),
    ) {
        let Some(running) = self.epochs.running.get_mut(&number) else { return };
        running.touched = true;
        let before = self.epochs.distrusted;
        let mut outputs = Vec::new();
        let mut effects = EpochEffects {
            number,
            fx,
            outbox: &mut self.outbox,
            jobs: &mut running.jobs,
            distrusted: &mut self.epochs.distrusted,
            outputs: &mut outputs,
        };
        act(&mut running.epoch, &mut effects);
        let denied = self.epochs.demands.denied();
        running.epoch.take_needless().into_iter().for_each(|asker| self.epochs.demands.count(asker));
        if self.epochs.distrusted != before || self.epochs.demands.denied() != denied {
            for running in self.epochs.running.values_mut() {
                running.epoch.distrust(self.epochs.distrusted);
                running.epoch.deny(self.epochs.demands.denied());
            }
        }
        for output in outputs {
            match output {
                EpochOutput::Decided(chosen) => self.on_decided(number, chosen, fx),
                EpochOutput::Complete(slots) => self.settle(number, slots, fx),
            }
        }
    }

    fn on_decided(&mut self, epoch: EpochNumber, chosen: NodeSet, fx: &mut dyn Effects<Self>) {
        if !chosen.contains(self.me()) {
            self.queue.end_epoch(epoch);
        }
        self.open_gates(fx);
    }

    /// Opens the gates of all epochs whose predecessors and themselves are decided here, or covered by a certificate.
    pub(super) fn open_gates(&mut self, fx: &mut dyn Effects<Self>) {
        let covered = self.closing.covered();
        let mut due = Vec::new();
        for (number, running) in &mut self.epochs.running {
            let decided = running.epoch.chosen().is_some()
                || *number < self.next
                || (covered >= Some(*number) && !planted("gate-without-certificate"));
            if !decided && !planted("gate-without-predecessor") {
                break;
            }
            if !running.gate_open {
                running.gate_open = true;
                due.push(*number);
            }
        }
        for number in due {
            self.in_epoch(number, fx, |instance, fx| instance.input(EpochInput::OpenGate, fx));
        }
    }

    /// Lets the epochs that something reached send what they collected.
    pub(super) fn flush_epochs(&mut self, fx: &mut dyn Effects<Self>) {
        let touched = self.epochs.running.iter().filter(|(_, running)| running.touched).map(|(epoch, _)| *epoch);
        for epoch in touched.collect::<Vec<_>>() {
            self.in_epoch(epoch, fx, |instance, fx| instance.flush(fx));
            if let Some(running) = self.epochs.running.get_mut(&epoch) {
                running.touched = false;
            }
        }
    }

    pub(super) fn recall_epoch(&mut self, epoch: EpochNumber, to: To, message: EpochMessage<S::Message>) {
        if epoch >= self.closing.low {
            self.ensure(epoch);
            if let Some(running) = self.epochs.running.get_mut(&epoch) {
                running.epoch.recall(to, message);
            }
        }
    }
}

impl<S: Subset> HoneyBadger<S> {
    /// A new incarnation of `peer` knows nothing of what an earlier one was told.
    pub(super) fn peer_restarted(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.epochs.demands.forget(peer);
        for running in self.epochs.running.values_mut() {
            running.epoch.deny(self.epochs.demands.denied());
        }
        let epochs: Vec<EpochNumber> = self.epochs.running.keys().copied().collect();
        for epoch in epochs {
            self.in_epoch(epoch, fx, |instance, fx| instance.forget(peer, fx));
        }
    }
}
