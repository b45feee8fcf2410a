//! What every run gives. A change of any number is a change of a model or of what a rule does: look before you copy.

use crate::Weakening;
use crate::Weakening::*;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The model and its size.
    pub model: &'static str,
    /// The weakened rule.
    pub weakening: Option<Weakening>,
    /// Different states seen.
    pub states: usize,
    /// The broken law, and the number of steps that it takes at least.
    pub broken: Option<(&'static str, usize)>,
}

const fn row(
    model: &'static str,
    weakening: Option<Weakening>,
    states: usize,
    broken: Option<(&'static str, usize)>,
) -> Expected {
    Expected { model, weakening, states, broken }
}

/// All runs, in order. The example `rows` prints them as they are.
pub const EXPECTED: &[Expected] = &[
    row("broadcast, n = 4", None, 120, None),
    row("broadcast, n = 4", Some(EchoQuorumLow), 394, Some(("no two READYs", 4))),
    row("broadcast, n = 4", Some(EchoTwice), 628, Some(("no two READYs", 6))),
    row("broadcast, n = 4", Some(NoAmplification), 120, Some(("totality", 5))),
    row("broadcast, n = 4", Some(AmplifyLow), 521, Some(("no two READYs", 2))),
    row("broadcast, n = 4", Some(DeliverLow), 178, Some(("totality", 4))),
    row("broadcast, n = 4", Some(DeliverOnEchoes), 204, Some(("totality", 3))),
    row("broadcast, n = 6", None, 527, None),
    row("broadcast, n = 6", Some(EchoQuorumLow), 1601, Some(("totality", 9))),
    row("broadcast, n = 7", None, 1131, None),
    row("broadcast, n = 7", Some(EchoQuorumLow), 2346, Some(("no two READYs", 6))),
    row("broadcast, n = 7", Some(EchoTwice), 2926, Some(("no two READYs", 8))),
    row("broadcast, n = 7", Some(NoAmplification), 1131, Some(("totality", 7))),
    row("broadcast, n = 7", Some(AmplifyLow), 2843, Some(("no two READYs", 2))),
    row("broadcast, n = 7", Some(DeliverLow), 1766, Some(("totality", 5))),
    row("broadcast, n = 7", Some(DeliverOnEchoes), 1813, Some(("totality", 4))),
    row("broadcast, n = 10", None, 7220, None),
    row("broadcast of an honest node, n = 4", None, 37, None),
    row("broadcast of an honest node, n = 4", Some(AmplifyLow), 127, Some(("no two READYs", 2))),
    row("broadcast of an honest node, n = 7", None, 215, None),
    row("broadcast of an honest node, n = 7", Some(AmplifyLow), 1182, Some(("no two READYs", 2))),
    row("saving broadcast, n = 4, spare 0", None, 15313, None),
    row("saving broadcast, n = 4, spare 0", Some(NoRule4), 1798, Some(("totality", 7))),
    row("saving broadcast, n = 4, spare 0", Some(DeliveryCancelsRule4), 5508, Some(("totality", 8))),
    row("saving broadcast, n = 4, spare 0", Some(LateEchoShowsNobody), 15313, None),
    row("saving broadcast, n = 4, spare 0", Some(CanDecodeUnverified), 37429, Some(("totality", 11))),
    row("saving broadcast, n = 4, spare 0", Some(HoldBackForOthers), 5926, Some(("totality", 9))),
    row("saving broadcast, n = 4, spare 0", Some(ShowOnEchoes), 5228, Some(("totality", 7))),
    row("saving broadcast, n = 4, spare 1", None, 18513, None),
    row("saving broadcast, n = 4, spare 1", Some(NoRule4), 2238, Some(("totality", 7))),
    row("saving broadcast, n = 4, spare 1", Some(DeliveryCancelsRule4), 9811, Some(("totality", 9))),
    row("saving broadcast, n = 4, spare 1", Some(LateEchoShowsNobody), 18513, None),
    row("saving broadcast, n = 4, spare 1", Some(CanDecodeUnverified), 57934, Some(("totality", 11))),
    row("saving broadcast, n = 4, spare 1", Some(HoldBackForOthers), 6484, Some(("totality", 9))),
    row("saving broadcast, n = 4, spare 1", Some(ShowOnEchoes), 7353, Some(("totality", 8))),
    row("saving broadcast, n = 5, spare 0", None, 199135, None),
    row("saving broadcast, n = 5, spare 0", Some(NoRule4), 3748, Some(("totality", 9))),
    row("saving broadcast, n = 5, spare 0", Some(DeliveryCancelsRule4), 113943, Some(("totality", 12))),
    row("saving broadcast, n = 5, spare 0", Some(LateEchoShowsNobody), 199135, None),
    row("saving broadcast, n = 5, spare 0", Some(CanDecodeUnverified), 749342, Some(("totality", 15))),
    row("saving broadcast, n = 5, spare 0", Some(HoldBackForOthers), 44454, Some(("totality", 12))),
    row("saving broadcast, n = 5, spare 0", Some(ShowOnEchoes), 28208, Some(("totality", 9))),
    row("agreement, one round, n = 4", None, 6651, None),
    row("agreement, one round, n = 4", Some(NoConf), 1804, Some(("binding", 7))),
    row("agreement, one round, n = 4", Some(ShareBeforeConf), 2370, Some(("binding", 7))),
    row("agreement, one round, n = 4", Some(OwnSet), 2317, Some(("binding", 9))),
    row("agreement, one round, n = 4", Some(ConfUnjustified), 2539, Some(("validity", 7))),
    row("agreement, one round, n = 4", Some(AuxUnjustified), 2559, Some(("progress", 9))),
    row("agreement, one round, n = 4", Some(AuxQuorumLow), 2899, Some(("binding", 9))),
    row("agreement, one round, n = 4", Some(ConfQuorumLow), 2625, Some(("binding", 8))),
    row("agreement, one round, n = 4", Some(RelayLow), 2610, Some(("validity", 7))),
    row("agreement, one round, n = 4", Some(RelayHigh), 270, Some(("progress", 3))),
    row("agreement, one round, n = 4", Some(BinLow), 2546, Some(("progress", 7))),
    row("agreement, one round, n = 4", Some(PastRoundsDropped), 4281, Some(("progress", 11))),
    row("agreement, binding, n = 7", None, 187947, None),
    row("agreement, binding, n = 7", Some(NoConf), 3117, Some(("binding", 6))),
    row("agreement, binding, n = 7", Some(ShareBeforeConf), 3200, Some(("binding", 6))),
    row("agreement, binding, n = 7", Some(OwnSet), 6940, Some(("binding", 9))),
    row("agreement, binding, n = 7", Some(AuxQuorumLow), 17444, Some(("binding", 10))),
    row("agreement, binding, n = 7", Some(ConfQuorumLow), 4150, Some(("binding", 8))),
    row("agreement, one round, coin 1, n = 4", None, 1109, None),
    row("agreement, one round, coin 1, n = 4", Some(AuxUnjustified), 1745, Some(("validity", 5))),
    row("agreement, one round, coin 1, n = 4", Some(AuxQuorumLow), 1794, Some(("one single value", 8))),
    row("agreement, one round, coin 1, n = 4", Some(RelayLow), 2277, Some(("validity", 5))),
    row("agreement, one round, coin 1, n = 4", Some(RelayHigh), 106, Some(("progress", 3))),
    row("agreement, one round, coin 1, n = 4", Some(BinLow), 1232, Some(("progress", 7))),
    row("agreement, one round, coin 1, n = 4", Some(PastRoundsDropped), 1109, Some(("progress", 9))),
    row("agreement, two rounds, n = 4", None, 63135, None),
    row("agreement, two rounds, n = 4", Some(NoConf), 3343, None),
    row("agreement, two rounds, n = 4", Some(DecideWithoutCoin), 5424, Some(("agreement", 11))),
    row("agreement, two rounds, n = 4", Some(LocalCoin), 27744, Some(("agreement", 11))),
    row("agreement, two rounds, n = 4", Some(MixedKeepsAux), 8147, Some(("agreement", 12))),
    row("agreement, two rounds, n = 4", Some(AuxQuorumLow), 434703, None),
    row("agreement, two rounds, n = 4", Some(AuxUnjustified), 66566, None),
    row("agreement, rounds with coins 1, 0, real, n = 4", None, 369863, None),
    row("agreement, rounds with coins 1, 0, real, n = 4", Some(NoConf), 75727, None),
    row("agreement, rounds with coins 1, 0, real, n = 4", Some(DecideWithoutCoin), 2591, Some(("agreement", 7))),
    row("agreement, rounds with coins 1, 0, real, n = 4", Some(LocalCoin), 3537, Some(("agreement", 7))),
    row("agreement, rounds with coins 1, 0, real, n = 4", Some(MixedKeepsAux), 2594, Some(("agreement", 8))),
    row("agreement, rounds with coins 1, 0, real, n = 4", Some(AuxQuorumLow), 3216, Some(("one single value", 4))),
    row("agreement, rounds with coins 1, 0, real, n = 4", Some(AuxUnjustified), 2706, Some(("validity", 3))),
    row("agreement, two rounds step by step, n = 4", None, 2120553, None),
    row("agreement, two rounds step by step, n = 4", Some(PastRoundsDropped), 7470, Some(("progress", 12))),
    row("TERM, n = 4", None, 9, None),
    row("TERM, n = 4", Some(HaltAtDecide), 4, Some(("everybody decides", 1))),
    row("TERM, n = 4", Some(HaltLow), 10, Some(("everybody decides", 2))),
    row("TERM, n = 4", Some(AdoptLow), 30, Some(("agreement", 2))),
    row("TERM, n = 4", Some(AdoptHigh), 9, Some(("everybody decides", 3))),
    row("TERM, n = 4", Some(AdoptSilently), 17, Some(("everybody halts", 3))),
    row("TERM, n = 7", None, 18, None),
    row("TERM, n = 7", Some(HaltAtDecide), 6, Some(("everybody decides", 1))),
    row("TERM, n = 7", Some(HaltLow), 21, Some(("everybody decides", 2))),
    row("TERM, n = 7", Some(AdoptLow), 99, Some(("agreement", 2))),
    row("TERM, n = 7", Some(AdoptHigh), 18, Some(("everybody decides", 4))),
    row("TERM, n = 7", Some(AdoptSilently), 55, Some(("everybody halts", 5))),
    row("subset, n = 4", None, 5134, None),
    row("subset, n = 4", Some(ZerosEarly), 6023, Some(("n - f members", 8))),
    row("subset, n = 4", Some(NoZeros), 2161, Some(("everybody outputs", 12))),
    row("subset, n = 4", Some(OutputEarly), 7760, Some(("agreement", 13))),
    row("subset, n = 4", Some(OutputUndelivered), 4330, Some(("n - f members", 9))),
    row("subset, n = 4", Some(CompletionOnAgreement), 6513, Some(("everybody outputs", 17))),
    row("subset, n = 4", Some(DropOnOwnZero), 4033, Some(("everybody outputs", 17))),
    row("subset, n = 5", None, 226962, None),
    row("MVBA, each view, n = 4", None, 2880, None),
    row("MVBA, each view, n = 4", Some(LockAfterCoin), 2728, Some(("a done leader decides", 6))),
    row("MVBA, each view, n = 4", Some(LockUnrecorded), 4467, Some(("a done leader decides", 7))),
    row("MVBA, each view, n = 4", Some(FinishLow), 1970, Some(("a done leader decides", 5))),
    row("MVBA, each view, n = 4", Some(NpcLow), 2076, Some(("a done leader decides", 4))),
    row("MVBA, each view, n = 4", Some(PrevoteUnjustified), 2453, Some(("honest values are justified", 5))),
    row("MVBA, each view, n = 4", Some(VoteYesUnjustified), 2181, Some(("honest values are justified", 5))),
    row("MVBA, each view, n = 4", Some(VoteNoUnjustified), 2082, Some(("a done leader decides", 3))),
    row("MVBA, each view, n = 4", Some(MixedKeeps), 2361, Some(("honest values are justified", 5))),
    row("MVBA, agreement over two views, n = 4", None, 2880, None),
    row("MVBA, agreement over two views, n = 4", Some(NpcJustifies), 3224, Some(("agreement", 10))),
    row("MVBA, agreement over two views, n = 4", Some(OriginUnchecked), 3224, Some(("agreement", 10))),
    row("MVBA, agreement over two views, n = 4", Some(LockAfterCoin), 10850, Some(("agreement", 10))),
    row("MVBA, agreement over two views, n = 4", Some(LockUnrecorded), 8941, Some(("agreement", 10))),
    row("MVBA, agreement over two views, n = 4", Some(EndorseBoth), 6401, Some(("agreement", 14))),
    row("MVBA, agreement over two views, n = 4", Some(EndorseLow), 4999, Some(("agreement", 11))),
    row("MVBA, agreement over two views, n = 4", Some(FinishLow), 2981, Some(("agreement", 8))),
    row("MVBA, agreement over two views, n = 4", Some(NvcLow), 3287, Some(("agreement", 9))),
    row("MVBA, agreement over two views, n = 4", Some(YesLow), 2921, Some(("agreement", 8))),
    row("MVBA, agreement over two views, n = 4", Some(PrevoteUnjustified), 7225, Some(("agreement", 10))),
    row("MVBA, agreement over two views, n = 4", Some(LockedMayVoteNoFreely), 6112, Some(("agreement", 8))),
    row("MVBA, agreement over two views, n = 4", Some(ChainCut), 2880, None),
    row("MVBA, agreement over three views, n = 4", None, 140136, None),
    row("MVBA, agreement over three views, n = 4", Some(ChainCut), 125880, Some(("agreement", 16))),
    row("MVBA, agreement over three views, n = 4", Some(EndorseAfterCoin), 141157, None),
    row("MVBA, agreement over three views, n = 4", Some(LockedMayVoteNo), 262193, None),
    row("MVBA, agreement over three views, n = 4", Some(NpcLow), 237569, None),
    row("MVBA, agreement over three views, n = 4", Some(VoteYesUnjustified), 242483, None),
    row("MVBA, agreement over three views, n = 4", Some(VoteNoUnjustified), 255353, None),
    row("MVBA, agreement over three views, n = 4", Some(MixedKeeps), 277377, None),
    row("MVBA, two views step by step, n = 4", None, 1704571, None),
    row("MVBA, two views step by step, n = 4", Some(NpcJustifies), 129495, Some(("agreement", 12))),
    row("MVBA, two views step by step, n = 4", Some(LockAfterCoin), 716521, Some(("agreement", 14))),
    row("MVBA, progress in one view, n = 4", None, 3016, None),
    row("MVBA, progress in one view, n = 4", Some(PrevoteWithoutProof), 2106, Some(("nobody hangs", 4))),
    row("MVBA, progress in one view, n = 4", Some(HaltWithoutProof), 2106, Some(("nobody hangs", 4))),
    row("MVBA, progress in one view, n = 4", Some(HaltSilently), 2106, Some(("nobody hangs", 4))),
    row("MVBA, progress in one view, n = 4", Some(PastViewsDropped), 2043, Some(("nobody hangs", 9))),
    row("MVBA, progress in one view, n = 4", Some(ShareAtQuorumOnly), 15149, None),
    row("MVBA, progress over two views, n = 4", None, 72035, None),
    row("MVBA, progress over two views, n = 4", Some(PrevoteWithoutProof), 2150, Some(("nobody hangs", 4))),
    row("MVBA, progress over two views, n = 4", Some(HaltWithoutProof), 2150, Some(("nobody hangs", 4))),
    row("MVBA, progress over two views, n = 4", Some(PastViewsDropped), 2043, Some(("nobody hangs", 9))),
    row("MVBA, progress over three views, n = 4", None, 957177, None),
];

const LATE_ECHO: &str = "the k honest nodes among the first quorum of supporters echoed before anybody was READY, so \
    rule 4 falls due for them before they deliver; their shards are enough";
const SAFE_WITHOUT_CONF: &str =
    "decisions agree without CONF; what is lost is binding, and with it termination: see one round";
const CONF_CHECKS: &str =
    "a single V needs a quorum of CONF, which is checked on its own; what is lost shows in one round";

const CHAIN_IN_TWO: &str = "in view 2 the last view is all there is between; three views fork";
const LATE_ENDORSEMENT: &str = "a lock (cert1) that comes about after the coin is signed in stage 2 by nobody, and the \
    node could have signed before its PREVOTE";
const EITHER: &str = "whoever holds a lock says VOTE yes, or the locks of a done leader leave no quorum of PREVOTE \
    no: either keeps NVC away from a decision, and without both there is a fork in view 2";
const UNJUSTIFIED: &str = "nobody endorses what the node then proposes; what is lost is that honest values are \
    justified: see each view";
const PROOFS_TRAVEL: &str = "who learns the coin says PREVOTE or HALT, whose proof does what the share would do";

/// Weakenings that break no law of a model, and why.
pub const HARMLESS: &[(&str, Weakening, &str)] = &[
    ("saving broadcast, n = 4, spare 0", LateEchoShowsNobody, LATE_ECHO),
    ("saving broadcast, n = 4, spare 1", LateEchoShowsNobody, LATE_ECHO),
    ("saving broadcast, n = 5, spare 0", LateEchoShowsNobody, LATE_ECHO),
    ("agreement, two rounds, n = 4", NoConf, SAFE_WITHOUT_CONF),
    ("agreement, two rounds, n = 4", AuxQuorumLow, CONF_CHECKS),
    ("agreement, two rounds, n = 4", AuxUnjustified, CONF_CHECKS),
    ("agreement, rounds with coins 1, 0, real, n = 4", NoConf, SAFE_WITHOUT_CONF),
    ("MVBA, agreement over two views, n = 4", ChainCut, CHAIN_IN_TWO),
    ("MVBA, agreement over three views, n = 4", EndorseAfterCoin, LATE_ENDORSEMENT),
    ("MVBA, agreement over three views, n = 4", LockedMayVoteNo, EITHER),
    ("MVBA, agreement over three views, n = 4", NpcLow, EITHER),
    ("MVBA, agreement over three views, n = 4", VoteYesUnjustified, UNJUSTIFIED),
    ("MVBA, agreement over three views, n = 4", VoteNoUnjustified, EITHER),
    ("MVBA, agreement over three views, n = 4", MixedKeeps, UNJUSTIFIED),
    ("MVBA, progress in one view, n = 4", ShareAtQuorumOnly, PROOFS_TRAVEL),
];
