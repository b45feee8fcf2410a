//! Rules made worse on purpose.

/// One rule of one protocol, weakened. A model that keeps its laws with such a rule shows that either the model or
/// the rule is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weakening {
    /// Broadcast: READY after one ECHO less than a quorum.
    EchoQuorumLow,
    /// Broadcast: a node echoes every root that it gets a VAL for.
    EchoTwice,
    /// Broadcast: READY of f + 1 others makes nobody READY.
    NoAmplification,
    /// Broadcast: f READYs are enough to join them.
    AmplifyLow,
    /// Broadcast: deliver at f + 1 READYs.
    DeliverLow,
    /// Broadcast: deliver at a quorum of ECHOs, without waiting for READYs.
    DeliverOnEchoes,
    /// Saving broadcast: rule 4 is left out.
    NoRule4,
    /// Saving broadcast: delivery may come before rule 4, and cancels it.
    DeliveryCancelsRule4,
    /// Saving broadcast: rule 4 is done before delivery, but a node whose VAL comes after its delivery shows nobody.
    LateEchoShowsNobody,
    /// Saving broadcast: CAN_DECODE goes out at k shards, whether or not they are good.
    CanDecodeUnverified,
    /// Saving broadcast: a node holds back when k other supporters stand nearer to the one that needs shards.
    HoldBackForOthers,
    /// Saving broadcast: a node shows its shard on a quorum of ECHOs instead of 2f + 1 READYs, once, and believes all
    /// CAN_DECODEs that it has heard until then.
    ShowOnEchoes,
    /// Agreement: no CONF; a quorum of AUX opens the gate.
    NoConf,
    /// Agreement: the share goes out after AUX, although CONF is still exchanged.
    ShareBeforeConf,
    /// Agreement: V is the node's own CONF set, not the union over a quorum.
    OwnSet,
    /// Agreement: a CONF counts before its values are in `bin`.
    ConfUnjustified,
    /// Agreement: an AUX counts before its value is in `bin`.
    AuxUnjustified,
    /// Agreement: one AUX less than a quorum is enough.
    AuxQuorumLow,
    /// Agreement: one CONF less than a quorum is enough.
    ConfQuorumLow,
    /// Agreement: f BVALs are enough to relay.
    RelayLow,
    /// Agreement: relay at 2f + 1 BVALs.
    RelayHigh,
    /// Agreement: 2f BVALs put a value into `bin`.
    BinLow,
    /// Agreement: a node that has left the round relays no BVAL of it.
    PastRoundsDropped,
    /// Agreement: V = {b} decides b, whatever the coin.
    DecideWithoutCoin,
    /// Agreement: each node throws its own coin.
    LocalCoin,
    /// Agreement: after V = {0, 1} a node keeps what it voted for in AUX.
    MixedKeepsAux,
    /// TERM: a node halts when it decides.
    HaltAtDecide,
    /// TERM: f + 1 TERMs are enough to halt.
    HaltLow,
    /// TERM: f TERMs are enough to decide.
    AdoptLow,
    /// TERM: a node decides on TERMs only at 2f + 1 of them.
    AdoptHigh,
    /// TERM: a node that decides on TERMs says none itself.
    AdoptSilently,
    /// Subset: zeros go out after f + 1 ones.
    ZerosEarly,
    /// Subset: no zeros ever.
    NoZeros,
    /// Subset: output as soon as a quorum of agreements decided 1.
    OutputEarly,
    /// Subset: output does not wait for the broadcasts; what is there is taken.
    OutputUndelivered,
    /// Subset: whether all is there is looked at when agreements decide, not when broadcasts deliver.
    CompletionOnAgreement,
    /// Subset: a broadcast is dropped when this node votes 0 on it.
    DropOnOwnZero,
    /// MVBA: a justification shows the no-certificate of the last view only, not of every view since its origin.
    ChainCut,
    /// MVBA: a quorum of PREVOTE no justifies a value like a quorum of VOTE no.
    NpcJustifies,
    /// MVBA: a justification needs no lock (cert1) of its origin.
    OriginUnchecked,
    /// MVBA: a node that has said PREVOTE no still signs stage 2.
    LockAfterCoin,
    /// MVBA: a node that has said PREVOTE no still signs stage 1.
    EndorseAfterCoin,
    /// MVBA: a node that signs stage 2 does not keep the lock, and says PREVOTE no.
    LockUnrecorded,
    /// MVBA: a node that holds a lock may say VOTE no all the same, on a quorum of PREVOTE no of others.
    LockedMayVoteNo,
    /// MVBA: a node that holds a lock may say VOTE no, and no VOTE no needs a quorum of PREVOTE no.
    LockedMayVoteNoFreely,
    /// MVBA: a node signs stage 1 of two values.
    EndorseBoth,
    /// MVBA: one signature less than a quorum is a lock (cert1).
    EndorseLow,
    /// MVBA: one signature less than a quorum says done (cert2).
    FinishLow,
    /// MVBA: one PREVOTE no less than a quorum lets a node say VOTE no.
    NpcLow,
    /// MVBA: one VOTE no less than a quorum is a no-certificate.
    NvcLow,
    /// MVBA: one VOTE yes less than a quorum decides.
    YesLow,
    /// MVBA: PREVOTE yes counts without a lock (cert1).
    PrevoteUnjustified,
    /// MVBA: VOTE yes counts without a lock (cert1).
    VoteYesUnjustified,
    /// MVBA: VOTE no counts without a quorum of PREVOTE no.
    VoteNoUnjustified,
    /// MVBA: after VOTEs yes and no a node keeps its value.
    MixedKeeps,
    /// MVBA: PREVOTE comes without a proof of the coin.
    PrevoteWithoutProof,
    /// MVBA: HALT comes without a proof of the coin.
    HaltWithoutProof,
    /// MVBA: a node that learns the coin from others keeps its share to itself.
    ShareAtQuorumOnly,
    /// MVBA: a node that decides stops without HALT.
    HaltSilently,
    /// MVBA: PREVOTEs and VOTEs of those who have gone on to another view are lost.
    PastViewsDropped,
    /// Streams: a vote does not look at the slot below.
    NoPredecessor,
    /// Streams: a slot's digest may cover any digest of the base, not only the one that is ordered.
    BaseUnpinned,
    /// Streams: the certificate of the slot below is not checked.
    PredecessorUnchecked,
    /// Streams: a node votes for two digests of a slot.
    VoteTwice,
    /// Streams: one vote less than a quorum is a certificate.
    SlotQuorumLow,
    /// Streams: a node votes before it has the batch.
    VoteUnstored,
    /// Streams: a node votes however far a slot is above its base.
    NoWindow,
    /// Streams: the window does not move with the base.
    WindowFromZero,
    /// Streams: the base does not follow outputs.
    BaseStays,
    /// Streams: the base does not count as a predecessor.
    NoBaseClause,
    /// Streams: a certificate does not count as a predecessor.
    NoCertificateClause,
    /// Streams: a proposer with nothing to send next shows its newest certificate to nobody.
    NoTip,
    /// Streams: a proposer sends a slot again only until it is certified, not until it is ordered.
    ProposalDropped,
}
