//! The effects of an epoch, seen by the atomic broadcast: messages go into the outbox, jobs are counted, and whoever
//! is caught with a wrong shard or share is remembered.

use mellivora_core::{Durable, Effects, Epoch as EpochNumber, Fault, FaultKind, Keyed, NodeSet, Segment, To};

use super::{Atomic, AtomicJob, JobOf, Said, Source, Spoken};
use crate::epoch::{Epoch, EpochJob, EpochMessage, EpochOutput};
use crate::outbox::Outbox;

pub(super) struct EpochEffects<'a, P: Source> {
    pub(super) number: EpochNumber,
    pub(super) fx: &'a mut dyn Effects<Atomic<P>>,
    pub(super) outbox: &'a mut Outbox<Said<P>>,
    pub(super) jobs: &'a mut usize,
    pub(super) distrusted: &'a mut NodeSet,
    pub(super) outputs: &'a mut Vec<EpochOutput>,
}

impl<P: Source> Effects<Epoch<P::Subset>> for EpochEffects<'_, P> {
    fn send(&mut self, to: To, durable: Durable, message: EpochMessage<Spoken<P>>) {
        let message = Said::<P>::Epoch { epoch: self.number, message };
        let fx = &mut *self.fx;
        self.outbox.push(self.number, to, durable, message, &mut |to, durable, message| fx.send(to, durable, message));
    }

    fn job(&mut self, job: EpochJob<JobOf<P>>) {
        *self.jobs += 1;
        self.fx.job(AtomicJob::Epoch(Keyed { key: self.number, job }));
    }

    fn fault(&mut self, fault: Fault) {
        if matches!(fault.kind, FaultKind::InvalidShard | FaultKind::InvalidDecryptionShare) {
            self.distrusted.insert(fault.node);
        }
        self.fx.fault(fault.inside(Segment::epoch(self.number)));
    }

    fn output(&mut self, output: EpochOutput) {
        self.outputs.push(output);
    }
}
