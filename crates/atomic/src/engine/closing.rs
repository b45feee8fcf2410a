//! Checkpoints, certificates, and the closing of epochs.

use std::collections::{BTreeMap, BTreeSet};

use mellivora_core::{Committee, Digest, Effects, Epoch as EpochNumber, FaultKind, NodeIndex, NodeSet, To, planted};

use super::job::{Certify, CheckCertificate};
use super::{Atomic, AtomicJob, Source};
use crate::checkpoint::{Certificate, Checkpoint, Counted, Tally};
use crate::message::Message;

/// What is known of who holds which batch.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    /// Lowest epoch that is not closed here.
    pub(crate) low: EpochNumber,
    /// Checkpoints of open epochs, and of the one that closed last.
    tallies: BTreeMap<EpochNumber, Tally>,
    /// State digests of the batches that were handed out, same epochs.
    digests: BTreeMap<EpochNumber, Digest>,
    /// Source whose checkpoint this node has signed.
    said: BTreeSet<EpochNumber>,
    /// Highest epoch for which f + 1 nodes are known to vouch.
    covered: Option<EpochNumber>,
    /// The newest valid certificate.
    certificate: Option<Certificate>,
    /// Whether a job checks or makes one.
    checking: bool,
    certifying: bool,
    /// The newest certificate per peer that waits to be checked.
    unchecked: BTreeMap<NodeIndex, Certificate>,
    /// Who waits for a certificate.
    askers: NodeSet,
    /// The epochs of the newest certificate and of the newest own checkpoint that each peer was shown on request.
    shown: BTreeMap<NodeIndex, (Option<EpochNumber>, Option<EpochNumber>)>,
    /// An epoch of whose checkpoints too few have valid signatures. No more of them will count.
    uncertifiable: Option<EpochNumber>,
    /// How many invalid certificates each peer has sent.
    lies: BTreeMap<NodeIndex, u32>,
}

/// Invalid certificates of one peer that are checked. No honest node sends any, so after these none of it is worth
/// another check: checks cost f + 1 signatures, and lies cost nothing.
const CHECKED_LIES: u32 = 16;

impl Closing {
    /// What `peer` was shown may be lost, or was shown to an earlier incarnation of it.
    pub(super) fn forget(&mut self, peer: NodeIndex) {
        self.shown.remove(&peer);
    }

    /// Whether `peer` was shown a certificate and a checkpoint of the epoch that closed last.
    fn has_shown_all(&self, peer: NodeIndex) -> bool {
        let newest = Some(EpochNumber(self.low.0.saturating_sub(1)));
        self.shown.get(&peer).is_some_and(|(certificate, checkpoint)| *certificate >= newest && *checkpoint >= newest)
    }

    /// Bytes of memory, about.
    pub(super) fn memory(&self) -> usize {
        let tallies: usize = self.tallies.values().map(Tally::memory).sum();
        let certificates = self.unchecked.values().chain(&self.certificate);
        tallies + certificates.map(Certificate::memory).sum::<usize>()
    }

    /// Highest epoch that is covered by f + 1 equal checkpoints.
    pub(crate) fn covered(&self) -> Option<EpochNumber> {
        self.covered
    }

    /// The batch of `epoch` was handed out.
    pub(super) fn handed_out(&mut self, epoch: EpochNumber, digest: Digest) {
        self.digests.insert(epoch, digest);
    }

    /// This node has signed this checkpoint.
    pub(super) fn recall(&mut self, checkpoint: Checkpoint) {
        self.said.insert(checkpoint.epoch);
    }

    /// After a restart: this node has signed this checkpoint, and counts it like everybody, since nobody tells it again.
    pub(super) fn recall_own(&mut self, me: NodeIndex, committee: Committee, checkpoint: Checkpoint) {
        let tally = self.tallies.entry(checkpoint.epoch).or_insert_with(|| Tally::new(committee));
        if !planted("close-recalled-uncounted") {
            tally.count(me, &checkpoint);
        }
        self.recall(checkpoint);
    }

    pub(super) fn has_said(&self, epoch: EpochNumber) -> bool {
        self.said.contains(&epoch) && !planted("close-said-again")
    }

    /// Whether f + 1 nodes vouch for an epoch above `low` and below `next`: by a certificate, or by checkpoints that
    /// agree with the batch that is here. Counting senders of authenticated links is as good as their signatures.
    fn later_certified(&self, low: EpochNumber, next: EpochNumber, one_honest: usize) -> bool {
        let by_certificate = self
            .certificate
            .as_ref()
            .is_some_and(|c| (c.epoch > low || planted("close-by-own-certificate")) && c.epoch < next);
        let mut later = self.tallies.range(low.next()..).take_while(|(epoch, _)| **epoch < next);
        by_certificate
            || later.any(|(epoch, tally)| {
                self.digests.get(epoch).is_some_and(|digest| tally.supporters(digest).len() >= one_honest)
            })
    }

    /// The lowest epoch from `next` on that f + 1 nodes vouch for with one digest, and who they are.
    pub(super) fn vouched(&self, next: EpochNumber, count: usize) -> Option<(EpochNumber, Digest, NodeSet)> {
        let by_checkpoints = self.tallies.range(next..).find_map(|(epoch, tally)| {
            let digest = tally.with_support(count)?;
            Some((*epoch, digest, tally.supporters(&digest)))
        });
        by_checkpoints.or_else(|| {
            let certificate = self.certificate.as_ref().filter(|c| c.epoch >= next)?;
            Some((certificate.epoch, certificate.digest, certificate.signers()))
        })
    }
}

impl<P: Source> Atomic<P> {
    pub(super) fn on_checkpoint(&mut self, from: NodeIndex, checkpoint: Checkpoint, fx: &mut dyn Effects<Self>) {
        let epoch = checkpoint.epoch;
        if epoch < self.closing.low {
            return;
        }
        if from == self.me() && self.closing.certificate.as_ref().is_some_and(|newest| newest.epoch > epoch) {
            // While this node catches up it runs ahead of its own lowest open epoch. What a later certificate covers
            // is closed by that certificate, and needs no count.
            return;
        }
        let far = epoch > self.closing.low.plus(self.config.limits.epochs_ahead) && !planted("close-far-checkpoints");
        if from != self.me() && far {
            Self::blame(from, epoch, FaultKind::BeyondWindow, fx);
            return;
        }
        let committee = self.config.committee;
        let tally = self.closing.tallies.entry(epoch).or_insert_with(|| Tally::new(committee));
        match tally.count(from, &checkpoint) {
            Counted::Known => return,
            Counted::Conflicting => {
                Self::blame(from, epoch, FaultKind::ConflictingCheckpoint, fx);
                return;
            }
            Counted::New => {}
        }
        if self.closing.covered < Some(epoch) && tally.with_support(committee.one_honest()).is_some() {
            self.closing.covered = Some(epoch);
            self.open_gates(fx);
        }
        self.try_close(fx);
    }

    /// Closes the epochs that can be closed, in order.
    pub(super) fn try_close(&mut self, fx: &mut dyn Effects<Self>) {
        let before = self.closing.low;
        let one_honest = self.config.committee.one_honest();
        while self.closing.low < self.next {
            let low = self.closing.low;
            let Some(digest) = self.closing.digests.get(&low) else { break };
            let equal = self.closing.tallies.get(&low).map_or(0, |tally| tally.supporters(digest).len());
            let strong = self.config.committee.strong();
            let needed =
                if planted("close-by-f-plus-1") { one_honest } else { strong - usize::from(planted("close-by-2f")) };
            let needed = if planted("close-at-output") { 0 } else { needed };
            if equal < needed && !self.closing.later_certified(low, self.next, one_honest) {
                break;
            }
            self.closing.low = low.next();
        }
        let low = self.closing.low;
        if low == before {
            return;
        }
        // The tally of the epoch that closed last is kept: a certificate may be made of it.
        let last = EpochNumber(low.0.saturating_sub(1));
        self.closing.tallies = self.closing.tallies.split_off(&last);
        self.closing.digests = self.closing.digests.split_off(&last);
        self.closing.said = self.closing.said.split_off(&low);
        if !planted("outbox-never-freed") {
            self.outbox.close_below(low);
        }
        self.running = self.running.split_off(&low);
        self.early.close_below(low);
        self.pacing.close_below(low);
        self.recalled = self.recalled.split_off(&low);
        P::closed(self, low, fx);
        self.prune();
        if !planted("close-low-untold") {
            Self::tell(To::All, Message::Low(low), fx);
        }
    }

    /// Drops batches that nobody needs any more.
    fn prune(&mut self) {
        let low = self.closing.low;
        let others = self.config.committee.nodes().filter(|node| *node != self.me());
        let closed_by_all = others.map(|node| self.outbox.low_of(node)).chain([low]).min().unwrap_or(low);
        let closed_by_all = if planted("fetch-drops-what-one-has") { low } else { closed_by_all };
        self.archive.prune(closed_by_all, low);
    }

    pub(super) fn on_low(&mut self, from: NodeIndex, low: EpochNumber, fx: &mut dyn Effects<Self>) {
        if from == self.me() {
            return;
        }
        self.outbox.announced(from, low, &mut |to, durable, message| fx.send(to, durable, message));
        P::announced(self, from, low, fx);
        self.prune();
        self.answer_announcement(from, fx);
    }

    /// A peer that has closed less than this node gets its newest certificate: when it announces so, and when messages
    /// to it were lost, since what was said of a closed epoch is not said again.
    pub(super) fn answer_announcement(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        let behind = self.outbox.low_of(peer) < self.closing.low;
        if behind && !self.closing.has_shown_all(peer) && !planted("close-certificate-unshown") {
            self.closing.askers.insert(peer);
            self.answer_askers(fx);
        }
    }

    /// Answers announcements of nodes that have closed less, with the newest certificate.
    fn answer_askers(&mut self, fx: &mut dyn Effects<Self>) {
        if self.closing.askers.is_empty() || self.closing.low.0 == 0 {
            return;
        }
        let newest = EpochNumber(self.closing.low.0 - 1);
        match &self.closing.certificate {
            Some(certificate) if certificate.epoch >= newest => self.show_certificate(fx),
            _ if self.closing.certifying || self.closing.uncertifiable == Some(newest) => {}
            _ => {
                let (Some(digest), Some(tally)) =
                    (self.closing.digests.get(&newest), self.closing.tallies.get(&newest))
                else {
                    return;
                };
                let (digest, tally) = (*digest, tally.clone());
                self.closing.certifying = true;
                fx.job(AtomicJob::Certify(Certify {
                    epoch: newest,
                    digest,
                    tally,
                    session: self.session,
                    keys: self.keys.public().clone(),
                }));
            }
        }
    }

    /// Sends the newest certificate to all who wait for one, and to those whose window covers it this node's own
    /// checkpoint of the epoch that it closed last; to nobody what it was sent before. Announcements are short, and
    /// repeating one must not cost this node more than the peer.
    ///
    /// A certificate closes only what lies below its epoch. When all others have closed an epoch, nobody says its
    /// checkpoint again by itself; whoever got its batch by fetching would keep it open, and be held up by it, until the
    /// next epoch is over.
    fn show_certificate(&mut self, fx: &mut dyn Effects<Self>) {
        let Some(certificate) = self.closing.certificate.clone() else { return };
        let askers = std::mem::take(&mut self.closing.askers);
        let mut to = NodeSet::EMPTY;
        for asker in askers.iter() {
            let (shown, _) = self.closing.shown.entry(asker).or_default();
            if *shown < Some(certificate.epoch) {
                *shown = Some(certificate.epoch);
                to.insert(asker);
            }
        }
        if !to.is_empty() {
            Self::tell(To::Set(to), Message::Certificate(certificate), fx);
        }
        let newest = EpochNumber(self.closing.low.0.saturating_sub(1));
        let Some(own) = self.closing.tallies.get(&newest).and_then(|tally| tally.checkpoint_of(newest, self.me()))
        else {
            return;
        };
        let window = self.config.limits.epochs_ahead;
        let mut near = NodeSet::EMPTY;
        for asker in askers.iter().filter(|asker| newest <= self.outbox.low_of(*asker).plus(window)) {
            let (_, shown) = self.closing.shown.entry(asker).or_default();
            if *shown < Some(newest) {
                *shown = Some(newest);
                near.insert(asker);
            }
        }
        if !near.is_empty() && !planted("close-last-checkpoint-unshown") {
            Self::tell(To::Set(near), Message::Checkpoint(own), fx);
        }
    }

    pub(super) fn certified(
        &mut self,
        epoch: EpochNumber,
        certificate: Option<Certificate>,
        culprits: NodeSet,
        fx: &mut dyn Effects<Self>,
    ) {
        self.closing.certifying = false;
        for culprit in culprits.iter() {
            Self::blame(culprit, epoch, FaultKind::InvalidCheckpoint, fx);
        }
        // If too few signatures verify, the certificate that closed the epoch, or a later epoch's, has to do.
        match certificate {
            Some(certificate) => self.adopt(certificate),
            None => self.closing.uncertifiable = Some(epoch),
        }
        self.show_certificate(fx);
    }

    /// Remembers a valid certificate, if it is the newest.
    fn adopt(&mut self, certificate: Certificate) {
        self.closing.covered = self.closing.covered.max(Some(certificate.epoch));
        if self.closing.certificate.as_ref().is_none_or(|newest| newest.epoch < certificate.epoch) {
            self.closing.certificate = Some(certificate);
        }
    }

    pub(super) fn on_certificate(&mut self, from: NodeIndex, certificate: Certificate, fx: &mut dyn Effects<Self>) {
        let known = self.closing.certificate.as_ref().is_some_and(|newest| newest.epoch >= certificate.epoch);
        let liar = self.closing.lies.get(&from).is_some_and(|lies| *lies >= CHECKED_LIES);
        // One for an epoch that is closed here tells nothing new.
        if liar
            || known
            || certificate.epoch < self.closing.low.plus(u64::from(planted("close-certificates-below-next")))
        {
            return;
        }
        if certificate.signatures.len() > self.config.committee.one_honest() {
            self.invalid_certificate(from, certificate.epoch, fx);
            return;
        }
        self.closing.unchecked.insert(from, certificate);
        self.check_next(fx);
    }

    fn invalid_certificate(&mut self, from: NodeIndex, epoch: EpochNumber, fx: &mut dyn Effects<Self>) {
        *self.closing.lies.entry(from).or_default() += 1;
        Self::blame(from, epoch, FaultKind::InvalidCertificate, fx);
    }

    /// Checks certificates one at a time, the newest first.
    fn check_next(&mut self, fx: &mut dyn Effects<Self>) {
        if self.closing.checking {
            return;
        }
        let newest = self.closing.unchecked.iter().max_by_key(|(_, certificate)| certificate.epoch);
        let Some(from) = newest.map(|(from, _)| *from) else { return };
        let Some(certificate) = self.closing.unchecked.remove(&from) else { return };
        self.closing.checking = true;
        let (session, keys) = (self.session, self.keys.public().clone());
        fx.job(AtomicJob::Check(CheckCertificate { from, certificate, session, keys }));
    }

    pub(super) fn certificate_checked(
        &mut self,
        from: NodeIndex,
        certificate: Certificate,
        valid: bool,
        fx: &mut dyn Effects<Self>,
    ) {
        self.closing.checking = false;
        if valid {
            let epoch = certificate.epoch;
            self.adopt(certificate);
            self.closing.unchecked.retain(|_, waiting| waiting.epoch > epoch);
            self.open_gates(fx);
            self.try_close(fx);
        } else {
            self.invalid_certificate(from, certificate.epoch, fx);
        }
        self.check_next(fx);
    }
}
