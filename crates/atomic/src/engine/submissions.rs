//! From submissions to the queue.

use mellivora_core::{Effects, planted};

use super::{Atomic, Output, Source, Submission};
use crate::dedup::Dedup;
use crate::transactions::Fingerprint;

impl<P: Source> Atomic<P> {
    /// Queues what may still be ordered, and says at once what may not.
    pub(super) fn submit(&mut self, mut submissions: Vec<Submission>, fx: &mut dyn Effects<Self>) {
        let max = self.config.limits.transaction_bytes;
        submissions.retain(|Submission { ticket, transaction }| {
            let fits = transaction.len() <= max || planted("queue-oversize-taken");
            if !fits {
                fx.output(Output::Refused { ticket: *ticket, max });
            }
            fits
        });
        self.queue.reserve(submissions.len());
        let mut submissions = submissions.into_iter();
        loop {
            let some: Vec<Submission> = submissions.by_ref().take(Dedup::ABREAST).collect();
            if some.is_empty() {
                return;
            }
            let fingerprint = |submission: &Submission| self.parser.key.fingerprint(&submission.transaction);
            let fingerprints: Vec<Fingerprint> = some.iter().map(fingerprint).collect();
            self.dedup.touch(&fingerprints);
            for (Submission { ticket, transaction }, fingerprint) in some.into_iter().zip(fingerprints) {
                match self.dedup.committed(&fingerprint, self.next).filter(|_| !planted("queue-takes-what-was-ordered"))
                {
                    Some(epoch) => fx.output(Output::Duplicate { ticket, epoch }),
                    None => self.queue.submit(ticket, fingerprint, transaction),
                }
            }
        }
    }
}
