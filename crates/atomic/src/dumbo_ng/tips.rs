//! Agreement on tips: what chooses the slots of an epoch of Dumbo-NG.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_agreement::smvba::{SmvbaDone, SmvbaJob};
use mellivora_agreement::{Mvba, MvbaParams, Predicate, Smvba, SmvbaMessage};
use mellivora_broadcast::stream::{CertifiedTip, Tip};
use mellivora_coding::{Body, ChunkTree, Codec, Contribution};
use mellivora_core::codec::{self, List};
use mellivora_core::{
    Committee, Digest, Domain, Effects, Epoch, Layer, Lens, NodeIndex, NodeSet, Parent, Protocol, Segment, To, planted,
};
use mellivora_crypto::{CertificateScheme, Claim};
use mellivora_subset::{Origin, Subset, SubsetParams};

use crate::EncryptionSchedule;
use crate::header::EpochHeader;

/// Tips of streams that have grown, as they travel: ascending by proposer.
pub type Tips = List<(NodeIndex, CertifiedTip), { NodeSet::CAPACITY }>;

/// Domain of the stream of a proposer.
pub(super) fn stream(session: &Domain, proposer: NodeIndex) -> Domain {
    session.child(Segment::of(Layer::Stream, proposer))
}

/// Domain of one slot of a stream: what its encryption is bound to.
pub(super) fn slot(session: &Domain, proposer: NodeIndex, number: u64) -> Domain {
    let number = if planted("ng-label-without-slot") { 0 } else { number };
    let proposer = if planted("ng-label-without-stream") { NodeIndex(0) } else { proposer };
    stream(session, proposer).child(Segment { layer: Layer::Slot, index: number })
}

/// Slots of one stream in one epoch, at the most: all that there may be in the header of an epoch, in equal parts.
pub(crate) fn share(committee: Committee, window: u64) -> u64 {
    let share = EpochHeader::MAX_SLOTS / committee.n();
    window.clamp(1, share.max(1) as u64)
}

/// Which tips may be agreed on after `previous`: see the [module page](super).
#[derive(Clone, Debug)]
pub struct Growth {
    committee: Committee,
    session: Domain,
    /// Where the epoch before has ended, by proposer.
    previous: Arc<[Tip]>,
    share: u64,
    certificates: Arc<dyn CertificateScheme>,
}

impl Growth {
    /// The tips in a value, if its form is right: a quorum of streams at least, each once, none further than it may go,
    /// none where it was. The certificates are not looked at.
    pub fn tips(&self, value: &Bytes) -> Option<Tips> {
        let tips: Tips = codec::decode(value).ok()?;
        let ascending = tips.windows(2).all(|pair| pair[0].0 < pair[1].0) || planted("ng-streams-repeat");
        let grows = |(proposer, certified): &(NodeIndex, CertifiedTip)| {
            let previous = self.previous.get(proposer.as_usize());
            previous.is_some_and(|previous| {
                let slot = certified.tip.slot;
                let grown = slot > previous.slot || planted("ng-tip-goes-back");
                grown && (slot <= previous.slot.saturating_add(self.share) || planted("ng-share-unlimited"))
            })
        };
        let enough = tips.len() >= self.committee.quorum() - usize::from(planted("ng-quorum-low"));
        (ascending && enough && tips.iter().all(grows)).then_some(tips)
    }
}

impl Predicate for Growth {
    fn holds(&self, value: &Bytes) -> bool {
        let Some(tips) = self.tips(value) else { return false };
        let claim = |(proposer, certified): &(NodeIndex, CertifiedTip)| {
            let statement = certified.tip.statement(&stream(&self.session, *proposer));
            Claim::many(statement, self.committee.quorum(), certified.certificate.clone())
        };
        let looked_at = if planted("ng-first-tip-only") { 1 } else { tips.len() };
        let claims: Vec<Claim> = tips.iter().take(looked_at).map(claim).collect();
        self.certificates.verify(&claims)
    }
}

/// A slot that was chosen.
#[derive(Clone, Debug)]
struct Chosen {
    proposer: NodeIndex,
    number: u64,
    contribution: Option<Contribution>,
}

/// Agreement on the tips of one epoch, and the batches that they choose: a common subset whose slots are in a fixed
/// interleave, the first new slot of each stream, then the second ones, and so on.
#[derive(Debug)]
pub struct TipAgreement {
    session: Domain,
    growth: Growth,
    encryption: EncryptionSchedule,
    mvba: Smvba,
    /// What was agreed on.
    tips: Option<Tips>,
    /// The slots that it chooses, in order.
    chosen: Vec<Chosen>,
    output: bool,
}

impl TipAgreement {
    /// The agreement of the epoch that comes after `previous`, the places where the epoch before has ended.
    pub(super) fn after(
        params: SubsetParams,
        previous: Arc<[Tip]>,
        window: u64,
        encryption: EncryptionSchedule,
    ) -> Self {
        let SubsetParams { committee, me, domain, coin, certificates, rounds_ahead, .. } = params;
        let session = Domain::new(domain.session, domain.era);
        let share = share(committee, window);
        let growth = Growth { committee, session, previous, share, certificates: certificates.clone() };
        let mvba = Smvba::new(MvbaParams {
            committee,
            me,
            domain: domain.child(Segment::only(Layer::Mvba)),
            coin,
            certificates,
            predicate: Arc::new(growth.clone()),
            views_ahead: rounds_ahead,
        });
        TipAgreement { session, growth, encryption, mvba, tips: None, chosen: Vec::new(), output: false }
    }

    /// The tips that were agreed on, of the streams that have grown.
    pub fn decision(&self) -> Option<&Tips> {
        self.tips.as_ref()
    }

    /// Where this epoch ends, by proposer, once that is decided.
    pub(super) fn end(&self) -> Option<Arc<[Tip]>> {
        let tips = self.tips.as_ref()?;
        let mut end = self.growth.previous.to_vec();
        for (proposer, certified) in tips.iter() {
            if let Some(tip) = end.get_mut(proposer.as_usize()) {
                *tip = certified.tip;
            }
        }
        Some(end.into())
    }

    /// The agreement itself.
    pub fn mvba(&self) -> &Smvba {
        &self.mvba
    }

    /// The last slots that this epoch may choose, by proposer.
    pub(super) fn limits(&self) -> impl Iterator<Item = (Tip, u64)> {
        self.growth.previous.iter().map(|tip| (*tip, tip.slot.saturating_add(self.growth.share)))
    }

    /// A batch of a stream arrived: the last one that is missing completes the output.
    pub(super) fn arrived(
        &mut self,
        proposer: NodeIndex,
        number: u64,
        contribution: Contribution,
        fx: &mut dyn Effects<Self>,
    ) {
        let wanted = self.chosen.iter_mut().find(|slot| (slot.proposer, slot.number) == (proposer, number));
        if let Some(slot) = wanted.filter(|slot| slot.contribution.is_none()) {
            slot.contribution = Some(contribution);
        }
        if self.output || self.tips.is_none() || !self.chosen.iter().all(|slot| slot.contribution.is_some()) {
            return;
        }
        self.output = true;
        let contributions = self.chosen.iter_mut().zip(0u16..);
        let taken = contributions.filter_map(|(slot, place)| Some((NodeIndex(place), slot.contribution.take()?)));
        fx.output(taken.collect());
    }

    fn with_mvba(&mut self, fx: &mut dyn Effects<Self>, act: impl FnOnce(&mut Smvba, &mut dyn Effects<Smvba>)) {
        let mut outputs = Vec::new();
        act(&mut self.mvba, &mut Lens::new(fx, (), &mut outputs));
        if let Some(value) = outputs.pop().filter(|_| self.tips.is_none()) {
            // The predicate holds for whatever is agreed on, so this is the form that it asks for.
            let Some(tips) = self.growth.tips(&value) else { return };
            self.chosen = interleave(&self.growth.previous, &tips);
            self.tips = Some(tips);
        }
    }
}

/// The slots between two ends, in the order in which they are handed out.
fn interleave(previous: &[Tip], tips: &Tips) -> Vec<Chosen> {
    let first = |proposer: NodeIndex| previous.get(proposer.as_usize()).map_or(0, |tip| tip.slot).saturating_add(1);
    let rows = (0..).map_while(|row: u64| {
        let there =
            tips.iter().filter(|(proposer, certified)| first(*proposer).saturating_add(row) <= certified.tip.slot);
        let slots: Vec<Chosen> = there
            .map(|(proposer, _)| Chosen {
                proposer: *proposer,
                number: first(*proposer).saturating_add(row),
                contribution: None,
            })
            .collect();
        (!slots.is_empty()).then_some(slots)
    });
    let mut slots: Vec<Chosen> = rows.flatten().collect();
    if planted("ng-streams-in-turn") {
        slots.sort_by_key(|slot| slot.proposer);
    }
    slots
}

impl Parent<Smvba> for TipAgreement {
    type Key = ();

    fn message((): (), message: SmvbaMessage) -> SmvbaMessage {
        message
    }

    fn job((): (), job: SmvbaJob) -> SmvbaJob {
        job
    }

    fn segment((): ()) -> Segment {
        Segment::only(Layer::Mvba)
    }
}

impl Protocol for TipAgreement {
    type Input = Bytes;
    type Output = Vec<(NodeIndex, Contribution)>;
    type Message = SmvbaMessage;
    type Job = SmvbaJob;

    fn input(&mut self, input: Bytes, fx: &mut dyn Effects<Self>) {
        self.with_mvba(fx, |mvba, fx| mvba.input(input, fx));
    }

    fn receive(&mut self, from: NodeIndex, message: SmvbaMessage, fx: &mut dyn Effects<Self>) {
        self.with_mvba(fx, |mvba, fx| mvba.receive(from, message, fx));
    }

    fn done(&mut self, done: SmvbaDone, fx: &mut dyn Effects<Self>) {
        self.with_mvba(fx, |mvba, fx| mvba.done(done, fx));
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.with_mvba(fx, |mvba, fx| mvba.flush(fx));
    }

    fn recall(&mut self, to: To, message: SmvbaMessage) {
        self.mvba.recall(to, message);
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.with_mvba(fx, |mvba, fx| mvba.forget(peer, fx));
    }

    fn is_terminated(&self) -> bool {
        self.mvba.is_terminated()
    }
}

impl Subset for TipAgreement {
    const NAME: &'static str = "dumbo-ng";

    /// The agreement of the first epoch, with the default window and encryption.
    fn new(params: SubsetParams) -> Self {
        let genesis = vec![Tip::GENESIS; params.committee.n()].into();
        let window = mellivora_core::Limits::default().stream_window;
        TipAgreement::after(params, genesis, window, EncryptionSchedule::default())
    }

    fn commit(_: &Codec, body: &Body) -> Option<Digest> {
        ChunkTree::commit(body.clone()).ok().map(|tree| tree.commitment())
    }

    fn decided(&self) -> bool {
        self.tips.is_some()
    }

    /// Nothing here is used before it is verified.
    fn distrust(&mut self, _: NodeSet) {}

    fn contribution(&self, slot: NodeIndex) -> Option<&Contribution> {
        self.chosen.get(slot.as_usize())?.contribution.as_ref()
    }

    fn origin(&self, place: NodeIndex) -> Option<Origin> {
        let chosen = self.chosen.get(place.as_usize())?;
        let (proposer, number) = (chosen.proposer, chosen.number);
        let domain = slot(&self.session, proposer, number);
        Some(Origin { proposer, domain, encrypted: self.encryption.encrypts(Epoch(number)) })
    }

    fn memory(&self) -> usize {
        let bodies = self.chosen.iter().filter_map(|slot| slot.contribution.as_ref()?.body.as_ref());
        let tips = self.tips.iter().flat_map(|tips| tips.iter()).map(|(_, certified)| certified.certificate.memory());
        let fixed =
            size_of::<Self>() + self.chosen.capacity() * size_of::<Chosen>() + size_of_val(&*self.growth.previous);
        fixed + self.mvba.memory() + bodies.map(Body::len).sum::<usize>() + tips.sum::<usize>()
    }
}

#[cfg(test)]
#[path = "tips_tests.rs"]
mod tests;
