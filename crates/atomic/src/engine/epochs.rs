//! Running epochs: when they start, what reaches them, when their gate opens.

use mellivora_core::{
    Domain, Effects, Epoch as EpochNumber, FaultKind, Job, NodeIndex, NodeSet, Protocol, Segment, To, planted,
};
use mellivora_subset::{Subset, SubsetParams};

use super::effects::EpochEffects;
use super::{Atomic, JobOf, Said, Source, Spoken};
use crate::epoch::{Epoch, EpochDone, EpochInput, EpochMessage, EpochOutput, EpochParams};

/// One running epoch.
pub(crate) struct Running<S: Subset> {
    pub(crate) epoch: Epoch<S>,
    /// Jobs that are out.
    pub(super) jobs: usize,
    /// Whether its gate is open.
    gate_open: bool,
    /// Whether anything reached it since the last flush.
    touched: bool,
}

/// What this node said in an epoch, and to whom.
pub(super) type Statement<P> = (To, EpochMessage<Spoken<P>>);

impl<P: Source> Atomic<P> {
    /// Domain of an epoch.
    pub(crate) fn domain_of(&self, epoch: EpochNumber) -> Domain {
        self.session.child(Segment::epoch(epoch))
    }

    /// The first epoch that does not run yet.
    fn first_idle(&self) -> EpochNumber {
        let over = if planted("epoch-over-gap") { self.next } else { self.closing.low };
        self.running.last_key_value().map_or(over, |(epoch, _)| epoch.next())
    }

    /// Makes the instances up to and including `epoch`, as far as they can be made; none has proposed yet.
    fn ensure(&mut self, epoch: EpochNumber) {
        while self.first_idle() <= epoch {
            let number = self.first_idle();
            let domain = self.domain_of(number);
            let params = SubsetParams {
                committee: self.config.committee,
                me: self.me(),
                domain: domain.child(Segment::only(mellivora_core::Layer::Subset)),
                coin: self.keys.coin().clone(),
                certificates: self.certificates.clone(),
                codec: self.codec.clone(),
                echo: self.config.echo,
                coin_schedule: self.config.coin_schedule,
                rounds_ahead: self.config.limits.rounds_ahead,
            };
            let Some(subset) = P::instance(self, number, params) else { return };
            let encryption = if P::encrypts(self, number) { self.keys.encryption().cloned() } else { None };
            let (committee, me, parser) = (self.config.committee, self.me(), self.parser);
            let slots = P::slots(&self.config);
            let params = EpochParams { committee, me, subset, domain, encryption, parser, slots };
            let mut instance = Epoch::new(params);
            instance.distrust(self.distrusted);
            instance.deny(self.demands.denied());
            for (to, message) in self.recalled.remove(&number).unwrap_or_default() {
                instance.recall(to, message);
            }
            self.running.insert(number, Running { epoch: instance, jobs: 0, gate_open: false, touched: true });
            self.pacing.started(number);
        }
    }

    /// Starts the epochs that are due, in order.
    pub(super) fn start_due(&mut self, fx: &mut dyn Effects<Self>) {
        // Instances that exist without a proposal: recalled after a restart.
        let recalled = self.running.iter().filter(|(_, running)| !running.epoch.has_proposed()).map(|(e, _)| *e);
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
            if !P::begins(self, epoch) {
                return;
            }
            self.ensure(epoch);
            if !self.running.contains_key(&epoch) {
                return;
            }
            self.start(epoch, fx);
        }
    }

    /// Starts `epoch`: proposes, and hands over what others said of it before.
    fn start(&mut self, epoch: EpochNumber, fx: &mut dyn Effects<Self>) {
        P::contribute(self, epoch, fx);
        self.open_gates(fx);
        for (from, message) in self.early.take(epoch).into_iter().skip(planted("early-first-lost").into()) {
            self.deliver(from, epoch, message, fx);
        }
    }

    /// Whether others have begun `epoch`, so that this node joins them with nothing of its own.
    pub(crate) fn joins(&mut self, epoch: EpochNumber) -> bool {
        self.pacing.join(epoch)
    }

    /// A message of an epoch.
    pub(super) fn on_epoch(
        &mut self,
        from: NodeIndex,
        epoch: EpochNumber,
        message: EpochMessage<Spoken<P>>,
        fx: &mut dyn Effects<Self>,
    ) {
        if epoch < self.closing.low {
            // Closed: whoever still needs something learns so from certificates.
            return;
        }
        // First, because what was recalled after a restart may run beyond the window.
        if self.running.contains_key(&epoch) {
            self.deliver(from, epoch, message, fx);
            return;
        }
        if epoch > self.closing.low.plus(self.config.limits.epochs_ahead) && !planted("early-window-unlimited") {
            // An honest node holds back what lies beyond the window it was told.
            Self::blame(from, epoch, FaultKind::BeyondWindow, fx);
            return;
        }
        if self.early.hold(from, epoch, message) {
            self.pacing.saw(from, epoch);
        } else {
            Self::blame(from, epoch, FaultKind::BeyondWindow, fx);
        }
    }

    fn deliver(
        &mut self,
        from: NodeIndex,
        epoch: EpochNumber,
        message: EpochMessage<Spoken<P>>,
        fx: &mut dyn Effects<Self>,
    ) {
        let message = Said::<P>::Epoch { epoch, message };
        self.outbox.observe(from, epoch, &message, &mut |to, durable, message| fx.send(to, durable, message));
        if let Said::<P>::Epoch { message, .. } = message {
            self.in_epoch(epoch, fx, |instance, fx| instance.receive(from, message, fx));
        }
    }

    pub(super) fn epoch_done(
        &mut self,
        epoch: EpochNumber,
        done: EpochDone<<JobOf<P> as Job>::Done>,
        fx: &mut dyn Effects<Self>,
    ) {
        if let Some(running) = self.running.get_mut(&epoch) {
            running.jobs = running.jobs.saturating_sub(1);
        }
        self.in_epoch(epoch, fx, |instance, fx| instance.done(done, fx));
    }

    /// Calls `act` on a running epoch and takes what it puts out.
    pub(crate) fn in_epoch(
        &mut self,
        number: EpochNumber,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Epoch<P::Subset>, &mut dyn Effects<Epoch<P::Subset>>),
    ) {
        let Some(running) = self.running.get_mut(&number) else { return };
        running.touched = true;
        let before = self.distrusted;
        let mut outputs = Vec::new();
        let mut effects = EpochEffects {
            number,
            fx,
            outbox: &mut self.outbox,
            jobs: &mut running.jobs,
            distrusted: &mut self.distrusted,
            outputs: &mut outputs,
        };
        act(&mut running.epoch, &mut effects);
        let denied = self.demands.denied();
        running.epoch.take_needless().into_iter().for_each(|asker| self.demands.count(asker));
        if self.distrusted != before || self.demands.denied() != denied {
            for running in self.running.values_mut() {
                running.epoch.distrust(self.distrusted);
                running.epoch.deny(self.demands.denied());
            }
        }
        P::touched(self, number, fx);
        for output in outputs {
            match output {
                EpochOutput::Decided(chosen) => self.on_decided(number, chosen, fx),
                EpochOutput::Complete(slots) => self.settle(number, slots, fx),
            }
        }
    }

    fn on_decided(&mut self, epoch: EpochNumber, chosen: NodeSet, fx: &mut dyn Effects<Self>) {
        P::chosen(self, epoch, chosen);
        self.open_gates(fx);
    }

    /// Opens the gates of all epochs whose predecessors and themselves are decided here, or covered by a certificate.
    pub(super) fn open_gates(&mut self, fx: &mut dyn Effects<Self>) {
        let covered = self.closing.covered();
        let mut due = Vec::new();
        for (number, running) in &mut self.running {
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
        let touched = self.running.iter().filter(|(_, running)| running.touched).map(|(epoch, _)| *epoch);
        for epoch in touched.collect::<Vec<_>>() {
            self.in_epoch(epoch, fx, |instance, fx| instance.flush(fx));
            if let Some(running) = self.running.get_mut(&epoch) {
                running.touched = false;
            }
        }
    }

    pub(super) fn recall_epoch(&mut self, epoch: EpochNumber, to: To, message: EpochMessage<Spoken<P>>) {
        if epoch < self.closing.low {
            return;
        }
        self.ensure(epoch);
        match self.running.get_mut(&epoch) {
            Some(running) => running.epoch.recall(to, message),
            None => self.recalled.entry(epoch).or_default().push((to, message)),
        }
    }
}

impl<P: Source> Atomic<P> {
    /// A new incarnation of `peer` knows nothing of what an earlier one was told.
    pub(super) fn peer_restarted(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.demands.forget(peer);
        for running in self.running.values_mut() {
            running.epoch.deny(self.demands.denied());
        }
        let epochs: Vec<EpochNumber> = self.running.keys().copied().collect();
        for epoch in epochs {
            self.in_epoch(epoch, fx, |instance, fx| instance.forget(peer, fx));
        }
    }
}
