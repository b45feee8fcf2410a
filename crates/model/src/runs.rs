//! Every model with every rule that is weakened in it: the table that is checked in, and how to check it.

use mellivora_core::Committee;

use crate::Weakening;
use crate::Weakening::*;
use crate::aba::Aba;
use crate::bkr::Bkr;
use crate::expected::{EXPECTED, Expected, HARMLESS};
use crate::explore::{Explored, explore};
use crate::mvba::{Progress, Smvba};
use crate::rbc::Bracha;
use crate::saving::Saving;
use crate::stream::{Flow, Fork};
use crate::term::Term;

/// One model, explored with one rule weakened or none.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The model and its size.
    pub model: &'static str,
    /// The weakened rule.
    pub weakening: Option<Weakening>,
    /// Whether it takes more than a few seconds in a build that is not optimised; then tests leave it out.
    pub heavy: bool,
    explore: fn(Committee, Option<Weakening>) -> Explored,
    nodes: usize,
}

/// What came of a [`Run`].
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Different states seen: all there are, or those up to the counterexample.
    pub states: usize,
    /// The broken law, and the number of steps that it takes at least.
    pub broken: Option<(&'static str, usize)>,
    /// A shortest way to break it, line by line.
    pub counterexample: Option<String>,
    /// Goals that no state reaches, although no law is broken.
    pub missed: Vec<&'static str>,
    /// What the checked-in table says; nothing for a run that is not in it.
    pub expected: Option<Expected>,
    /// Whether everything is as expected, and the expectation as it should be: no rule weakened and no law broken; a
    /// rule weakened and a law broken; or a weakening that is listed as harmless.
    pub ok: bool,
}

impl Run {
    /// The model, and the weakened rule.
    pub fn name(&self) -> String {
        match self.weakening {
            None => self.model.to_owned(),
            Some(weakening) => format!("{}, {weakening:?}", self.model),
        }
    }

    /// The row of the checked-in table.
    pub fn expected(&self) -> Option<Expected> {
        EXPECTED.iter().find(|row| row.model == self.model && row.weakening == self.weakening).copied()
    }

    /// Why the weakening breaks nothing, if that is known.
    pub fn harmless(&self) -> Option<&'static str> {
        HARMLESS.iter().find(|(model, weak, _)| *model == self.model && Some(*weak) == self.weakening).map(|row| row.2)
    }

    /// Explores the model.
    pub fn check(&self) -> Outcome {
        // The table below names sizes that are committees.
        let committee = Committee::new(self.nodes).unwrap_or_else(|_| unreachable!());
        let Explored { states, failure, missed } = (self.explore)(committee, self.weakening);
        let broken = failure.as_ref().map(|failure| (failure.law, failure.steps.len()));
        let missed = if broken.is_none() { missed } else { Vec::new() };
        let expected = self.expected();
        let as_expected = expected.is_some_and(|row| row.states == states && row.broken == broken);
        let as_it_should = (self.weakening.is_some() && self.harmless().is_none()) == broken.is_some();
        let counterexample = failure.map(|failure| {
            let mut text = format!("\"{}\" is broken:\n", failure.law);
            for (i, step) in failure.steps.iter().enumerate() {
                text += &format!("  {:2}. {step}\n", i + 1);
            }
            text + "  => " + &failure.end
        });
        let ok = as_expected && as_it_should && missed.is_empty();
        Outcome { states, broken, counterexample, missed, expected, ok }
    }
}

type Family = (&'static str, usize, bool, fn(Committee, Option<Weakening>) -> Explored, &'static [Weakening]);

const RBC: &[Weakening] = &[EchoQuorumLow, EchoTwice, NoAmplification, AmplifyLow, DeliverLow, DeliverOnEchoes];
const SAVING: &[Weakening] =
    &[NoRule4, DeliveryCancelsRule4, LateEchoShowsNobody, CanDecodeUnverified, HoldBackForOthers, ShowOnEchoes];
const ROUND: &[Weakening] = &[
    NoConf,
    ShareBeforeConf,
    OwnSet,
    ConfUnjustified,
    AuxUnjustified,
    AuxQuorumLow,
    ConfQuorumLow,
    RelayLow,
    RelayHigh,
    BinLow,
    PastRoundsDropped,
];
const BINDING: &[Weakening] = &[NoConf, ShareBeforeConf, OwnSet, AuxQuorumLow, ConfQuorumLow];
const FIXED: &[Weakening] = &[AuxUnjustified, AuxQuorumLow, RelayLow, RelayHigh, BinLow, PastRoundsDropped];
const ROUNDS: &[Weakening] = &[NoConf, DecideWithoutCoin, LocalCoin, MixedKeepsAux, AuxQuorumLow, AuxUnjustified];
const TERM: &[Weakening] = &[HaltAtDecide, HaltLow, AdoptLow, AdoptHigh, AdoptSilently];
const BKR: &[Weakening] = &[ZerosEarly, NoZeros, OutputEarly, OutputUndelivered, CompletionOnAgreement, DropOnOwnZero];

const PROGRESS: &[Weakening] =
    &[PrevoteWithoutProof, HaltWithoutProof, HaltSilently, PastViewsDropped, ShareAtQuorumOnly];
const VIEWS: &[Weakening] = &[
    LockAfterCoin,
    LockUnrecorded,
    FinishLow,
    NpcLow,
    PrevoteUnjustified,
    VoteYesUnjustified,
    VoteNoUnjustified,
    MixedKeeps,
];
const TWO_VIEWS: &[Weakening] = &[
    NpcJustifies,
    OriginUnchecked,
    LockAfterCoin,
    LockUnrecorded,
    EndorseBoth,
    EndorseLow,
    FinishLow,
    NvcLow,
    YesLow,
    PrevoteUnjustified,
    LockedMayVoteNoFreely,
    ChainCut,
    EndorseAfterCoin,
    LockedMayVoteNo,
    NpcLow,
    VoteYesUnjustified,
    VoteNoUnjustified,
    MixedKeeps,
];
const FORK: &[Weakening] =
    &[NoPredecessor, BaseUnpinned, PredecessorUnchecked, VoteTwice, SlotQuorumLow, VoteUnstored, NoWindow];
const FLOW: &[Weakening] = &[WindowFromZero, BaseStays, NoBaseClause, NoTip, NoCertificateClause, ProposalDropped];

const FAMILIES: &[Family] = &[
    ("broadcast, n = 4", 4, false, |c, w| explore(&Bracha::<3>::new(c, false, w)), RBC),
    ("broadcast, n = 6", 6, false, |c, w| explore(&Bracha::<5>::new(c, false, w)), &[EchoQuorumLow]),
    ("broadcast, n = 7", 7, false, |c, w| explore(&Bracha::<5>::new(c, false, w)), RBC),
    ("broadcast, n = 10", 10, false, |c, w| explore(&Bracha::<7>::new(c, false, w)), &[]),
    ("broadcast of an honest node, n = 4", 4, false, |c, w| explore(&Bracha::<3>::new(c, true, w)), &[AmplifyLow]),
    ("broadcast of an honest node, n = 7", 7, false, |c, w| explore(&Bracha::<5>::new(c, true, w)), &[AmplifyLow]),
    ("saving broadcast, n = 4, spare 0", 4, false, |c, w| explore(&Saving::<3>::new(c, 0, w)), SAVING),
    ("saving broadcast, n = 4, spare 1", 4, false, |c, w| explore(&Saving::<3>::new(c, 1, w)), SAVING),
    ("saving broadcast, n = 5, spare 0", 5, true, |c, w| explore(&Saving::<4>::new(c, 0, w)), SAVING),
    ("agreement, one round, n = 4", 4, false, |c, w| explore(&Aba::<3, 1>::round(c, None, w)), ROUND),
    ("agreement, binding, n = 7", 7, false, |c, w| explore(&Aba::<5, 1>::binding(c, w)), BINDING),
    ("agreement, one round, coin 1, n = 4", 4, false, |c, w| explore(&Aba::<3, 1>::round(c, Some(true), w)), FIXED),
    ("agreement, two rounds, n = 4", 4, false, |c, w| explore(&Aba::<3, 2>::rounds(c, [None; 2], w)), ROUNDS),
    (
        "agreement, rounds with coins 1, 0, real, n = 4",
        4,
        false,
        |c, w| explore(&Aba::<3, 3>::rounds(c, [Some(true), Some(false), None], w)),
        ROUNDS,
    ),
    (
        "agreement, two rounds step by step, n = 4",
        4,
        true,
        |c, w| explore(&Aba::<3, 2>::step_by_step(c, [None; 2], w)),
        &[PastRoundsDropped],
    ),
    ("TERM, n = 4", 4, false, |c, w| explore(&Term::<3>::new(c, w)), TERM),
    ("TERM, n = 7", 7, false, |c, w| explore(&Term::<5>::new(c, w)), TERM),
    ("subset, n = 4", 4, false, |c, w| explore(&Bkr::<3, 4>::new(c, w)), BKR),
    ("subset, n = 5", 5, true, |c, w| explore(&Bkr::<4, 5>::new(c, w)), &[]),
    ("MVBA, each view, n = 4", 4, false, |c, w| explore(&Smvba::<3, 2>::views(c, w)), VIEWS),
    ("MVBA, agreement over two views, n = 4", 4, false, |c, w| explore(&Smvba::<3, 2>::agreement(c, w)), TWO_VIEWS),
    (
        "MVBA, agreement over three views, n = 4",
        4,
        true,
        |c, w| explore(&Smvba::<3, 3>::agreement(c, w)),
        &[ChainCut, LockedMayVoteNo],
    ),
    (
        "MVBA, two views step by step, n = 4",
        4,
        true,
        |c, w| explore(&Smvba::<3, 2>::step_by_step(c, w)),
        &[NpcJustifies],
    ),
    ("MVBA, progress in one view, n = 4", 4, false, |c, w| explore(&Progress::<3, 1>::new(c, w)), PROGRESS),
    (
        "MVBA, progress over two views, n = 4",
        4,
        false,
        |c, w| explore(&Progress::<3, 2>::new(c, w)),
        &[PrevoteWithoutProof, HaltWithoutProof, PastViewsDropped],
    ),
    ("MVBA, progress over three views, n = 4", 4, true, |c, w| explore(&Progress::<3, 3>::new(c, w)), &[]),
    ("stream of a Byzantine proposer, n = 4, 3 slots", 4, false, |c, w| explore(&Fork::<3, 3>::new(c, 2, w)), FORK),
    ("stream of a Byzantine proposer, n = 4, 4 slots", 4, true, |c, w| explore(&Fork::<3, 4>::new(c, 2, w)), &[]),
    ("stream goes on, n = 4, window 1", 4, false, |c, w| explore(&Flow::<3>::live(c, 4, 1, w)), &[BaseStays, NoTip]),
    ("stream goes on, n = 4, window 2", 4, false, |c, w| explore(&Flow::<3>::live(c, 4, 2, w)), FLOW),
    (
        "stream does not wait, n = 4, window 2",
        4,
        false,
        |c, w| explore(&Flow::<3>::eager(c, 4, 2, w)),
        &[NoBaseClause, NoCertificateClause, ProposalDropped],
    ),
];

/// Every run, in the order of the table.
pub fn runs() -> Vec<Run> {
    let expand = |&(model, nodes, heavy, explore, weakenings): &Family| {
        let all = std::iter::once(None).chain(weakenings.iter().map(|&weakening| Some(weakening)));
        all.map(move |weakening| Run { model, weakening, heavy, explore, nodes })
    };
    FAMILIES.iter().flat_map(expand).collect()
}
