//! Which places are known to be certified.

use std::collections::{BTreeMap, BTreeSet};

use mellivora_core::{Effects, Fault, FaultKind, NodeIndex, planted};
use mellivora_crypto::Claim;

use super::job::Task;
use super::machine::{Stream, StreamOutput};
use super::tip::{CertifiedTip, Tip};

/// Certificates: checked ones, and those of the proposer that are to be checked.
#[derive(Debug)]
pub(super) struct Certificates {
    /// The newest place known to be certified, or the base where that is newer.
    newest: Tip,
    /// By slot. Beyond the window there is the newest only.
    valid: BTreeMap<u64, CertifiedTip>,
    /// What came in this turn.
    unchecked: BTreeMap<u64, CertifiedTip>,
    /// What a job has.
    checking: BTreeSet<u64>,
    /// The proposer has shown a certificate that proves nothing: it gets no second try.
    lied: bool,
}

impl Default for Certificates {
    fn default() -> Self {
        let (valid, unchecked, checking) = Default::default();
        Certificates { newest: Tip::GENESIS, valid, unchecked, checking, lied: false }
    }
}

impl Certificates {
    pub(super) fn newest(&self) -> &Tip {
        &self.newest
    }

    pub(super) fn is_checking(&self) -> bool {
        !self.unchecked.is_empty() || !self.checking.is_empty()
    }

    pub(super) fn up_to(&self, base: u64, slot: u64) -> Option<&CertifiedTip> {
        let above = base.saturating_add(1);
        if slot < above {
            return None;
        }
        self.valid.range(above..=slot).next_back().map(|(_, certified)| certified)
    }

    pub(super) fn get(&self, slot: u64) -> Option<&CertifiedTip> {
        self.valid.get(&slot)
    }

    /// Whether this very place is certified.
    pub(super) fn prove(&self, tip: &Tip) -> bool {
        self.valid.get(&tip.slot).is_some_and(|certified| certified.tip == *tip)
    }

    /// The base has moved.
    pub(super) fn moved(&mut self, base: &Tip) {
        if base.slot > self.newest.slot {
            self.newest = *base;
        }
    }

    pub(super) fn release(&mut self, slot: u64) {
        self.valid = self.valid.split_off(&slot.saturating_add(1));
    }

    pub(super) fn memory(&self) -> usize {
        let entry = size_of::<(u64, CertifiedTip)>();
        let all = self.valid.values().chain(self.unchecked.values());
        let checking = self.checking.len() * size_of::<u64>();
        checking + all.map(|certified| entry + certified.certificate.memory()).sum::<usize>()
    }

    /// Makes room in a map for something about `slot`: beyond the window the newest one is enough.
    fn make_room(map: &mut BTreeMap<u64, CertifiedTip>, slot: u64, top: u64) -> bool {
        if slot > top && !planted("stream-far-tips-kept") {
            map.retain(|&other, _| other <= top || other >= slot);
            return map.range(slot..).next().is_none();
        }
        !map.contains_key(&slot)
    }
}

impl Stream {
    pub(super) fn on_tip(&mut self, from: NodeIndex, certified: CertifiedTip, fx: &mut dyn Effects<Self>) {
        if from != self.config.proposer {
            return fx.fault(Fault::new(from, FaultKind::NotTheProposer));
        }
        if certified.tip.slot == 0 || !certified.tip.is_plausible() {
            return fx.fault(Fault::new(from, FaultKind::MalformedMessage));
        }
        self.check(certified);
    }

    /// A certificate of the proposer is to be checked, if it may tell something new.
    pub(super) fn check(&mut self, certified: CertifiedTip) {
        let (slot, top) = (certified.tip.slot, self.top());
        let known = &mut self.certificates;
        let old = slot <= self.base.slot || slot <= self.released || known.valid.contains_key(&slot);
        if old || known.lied || known.checking.contains(&slot) {
            return;
        }
        if Certificates::make_room(&mut known.unchecked, slot, top) {
            known.unchecked.insert(slot, certified);
        }
    }

    /// What came in one turn is checked together.
    pub(super) fn verify(&mut self, fx: &mut dyn Effects<Self>) {
        if self.certificates.unchecked.is_empty() {
            return;
        }
        let required = self.required();
        let claim = |certified: &CertifiedTip| {
            Claim::many(certified.tip.statement(&self.config.domain), required, certified.certificate.clone())
        };
        let unchecked = std::mem::take(&mut self.certificates.unchecked);
        self.certificates.checking.extend(unchecked.keys());
        let subjects: Vec<_> =
            unchecked.into_values().map(|certified| (certified.clone(), claim(&certified))).collect();
        subjects.iter().for_each(|(_, claim)| self.config.certificates.announce(claim));
        self.job(Task::Verify(subjects), fx);
    }

    pub(super) fn verified(&mut self, verdicts: Vec<(CertifiedTip, bool)>, fx: &mut dyn Effects<Self>) {
        for (certified, valid) in verdicts {
            self.certificates.checking.remove(&certified.tip.slot);
            if valid {
                self.learn(certified, fx);
            } else {
                self.certificates.lied = true;
                fx.fault(Fault::new(self.config.proposer, FaultKind::InvalidCertificate));
            }
        }
        self.vote(fx);
    }

    /// A place is certified.
    pub(super) fn learn(&mut self, certified: CertifiedTip, fx: &mut dyn Effects<Self>) {
        let (tip, top) = (certified.tip, self.top());
        if tip.slot <= self.released || !Certificates::make_room(&mut self.certificates.valid, tip.slot, top) {
            return;
        }
        self.certificates.valid.insert(tip.slot, certified);
        self.own.changed = true;
        if tip.slot > self.certificates.newest.slot {
            self.certificates.newest = tip;
            fx.output(StreamOutput::Grown(tip));
        }
    }
}
