//! What a peer did wrong, as data.
//!
//! Evidence is *transferable* only when it consists of signed statements that contradict each other; everything else
//! is this node's own observation, which convinces nobody else.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::{Epoch, NodeIndex, Path, Segment};

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident = $code:literal,)*) => {
        /// Kinds of fault, each with a stable code.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum FaultKind {
            $($(#[$meta])* $name = $code,)*
        }

        impl FaultKind {
            /// All kinds, by code.
            pub const ALL: &'static [FaultKind] = &[$(FaultKind::$name,)*];
        }
    };
}

kinds! {
    /// Bytes that are no message: unknown kind, wrong length, trailing bytes, non-canonical form.
    MalformedMessage = 1,
    /// A message for an instance that cannot exist.
    UnknownInstance = 2,
    /// A message larger than its kind may be.
    Oversized = 3,
    /// A statement further ahead than an honest peer would send.
    BeyondWindow = 4,

    /// A proposal from a node that is not the proposer of the instance.
    NotTheProposer = 20,
    /// A second, different VAL.
    ConflictingVal = 21,
    /// ECHO or ECHO_HASH for two roots.
    ConflictingEcho = 22,
    /// READY for two roots.
    ConflictingReady = 23,
    /// CAN_DECODE for two roots.
    ConflictingCanDecode = 24,
    /// A shard that does not belong to the root it was sent under.
    InvalidShard = 25,
    /// The proposer committed to something that is no codeword, or to a malformed body.
    NotACodeword = 26,

    /// Two different AUX of one round.
    ConflictingAux = 40,
    /// Two different CONF of one round.
    ConflictingConf = 41,
    /// TERM for both values.
    ConflictingTerm = 42,
    /// Two different coin shares of one round.
    ConflictingCoinShare = 43,
    /// A coin share that does not verify.
    InvalidCoinShare = 44,
    /// A statement of a round that does not have it (CONF or a share in a round with a fixed coin).
    UnexpectedVote = 45,

    /// A contribution that is no list of transactions.
    MalformedContribution = 60,
    /// A ciphertext that does not verify under its label.
    InvalidCiphertext = 61,
    /// An authentic-looking ciphertext whose payload does not open under its own key.
    UnopenablePayload = 62,
    /// Two different decryption shares for one slot.
    ConflictingDecryptionShare = 63,
    /// A decryption share that does not verify.
    InvalidDecryptionShare = 64,
    /// A proof for a decryption share that does not verify.
    InvalidDecryptionProof = 65,
    /// A proof for another share than the one first sent.
    ConflictingDecryptionProof = 66,
    /// An index set that is none: not well formed, below a quorum, or with nodes that are no members.
    InvalidIndexSet = 67,

    /// Two different checkpoint statements of one epoch.
    ConflictingCheckpoint = 80,
    /// A checkpoint signature that does not verify.
    InvalidCheckpoint = 81,
    /// A certificate that proves nothing.
    InvalidCertificate = 82,
    /// A fetched header or slot that does not match what was certified.
    InvalidFetched = 83,

    /// DELIVERED for two roots.
    ConflictingDelivered = 100,
    /// A chunk that does not belong to the payload it was asked for.
    InvalidChunk = 101,

    /// Two different values of one proposer, sent to this node alone or shown to it with their signatures.
    ConflictingValue = 110,
    /// An endorsement for somebody who has not asked for it.
    UnexpectedEndorsement = 111,
    /// An endorsement that does not verify.
    InvalidEndorsement = 112,
    /// Two certificates of one stage for different values.
    ConflictingCertificate = 113,
    /// A certificate of a proposal that does not verify.
    InvalidProposalCertificate = 114,
    /// A value that its proposer could not justify.
    UnjustifiedValue = 115,
    /// Two different PREVOTEs of one view.
    ConflictingPrevote = 116,
    /// A PREVOTE that does not verify.
    InvalidPrevote = 117,
    /// Two different VOTEs of one view.
    ConflictingVote = 118,
    /// A VOTE that does not verify.
    InvalidVote = 119,
    /// A HALT that does not verify.
    InvalidHalt = 120,
    /// A statement that names somebody else as the leader than the coin does.
    WrongLeader = 121,
    /// A proof of a leader that proves nothing.
    InvalidLeaderProof = 122,
    /// A value that was asked for and has another digest.
    InvalidValue = 123,
}

impl FaultKind {
    /// The stable code.
    pub const fn code(self) -> u16 {
        self as u16
    }
}

/// Two signed statements of one node that contradict each other: proof to anybody who knows its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The two statements, encoded with their domains and signatures.
    pub statements: [Bytes; 2],
}

/// One observed fault.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault {
    /// Who did it.
    pub node: NodeIndex,
    /// In which instance.
    pub path: Path,
    /// What it was.
    pub kind: FaultKind,
    /// Transferable proof, where there is one.
    pub evidence: Option<Evidence>,
}

impl Fault {
    /// A fault of `node` seen by the instance itself, without transferable evidence.
    pub const fn new(node: NodeIndex, kind: FaultKind) -> Self {
        Fault { node, path: Path::ROOT, kind, evidence: None }
    }

    /// The same fault as seen from one level further out.
    #[must_use]
    pub fn inside(self, segment: Segment) -> Self {
        Fault { path: self.path.inside(segment), ..self }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: {:?} (F{:02}) in {:?}", self.node, self.kind, self.kind.code(), self.path)
    }
}

/// Faults seen so far, bounded: the first fault per (node, kind, epoch) of the newest epochs is kept, the rest are
/// only counted.
#[derive(Clone, Debug, Default)]
pub struct FaultLog {
    kept: BTreeMap<(Option<Epoch>, NodeIndex, FaultKind), Fault>,
    counts: BTreeMap<(NodeIndex, FaultKind), u64>,
}

impl FaultLog {
    /// Faults that are kept in full, at the most.
    pub const CAPACITY: usize = 1024;

    /// Takes a fault in; true if it is the first of its node, kind and epoch, and therefore worth telling.
    pub fn record(&mut self, fault: Fault) -> bool {
        let count = self.counts.entry((fault.node, fault.kind)).or_default();
        *count = count.saturating_add(1);
        let key = (fault.path.epoch(), fault.node, fault.kind);
        if self.kept.contains_key(&key) {
            return false;
        }
        if self.kept.len() >= Self::CAPACITY {
            // The oldest epoch goes; a fault older than everything kept is only counted.
            match self.kept.first_key_value() {
                Some((oldest, _)) if *oldest < key => self.kept.pop_first(),
                _ => return false,
            };
        }
        self.kept.insert(key, fault);
        true
    }

    /// The kept faults, oldest epoch first.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.kept.values()
    }

    /// How often each (node, kind) was seen, kept or not.
    pub fn counts(&self) -> impl Iterator<Item = (NodeIndex, FaultKind, u64)> + '_ {
        self.counts.iter().map(|(&(node, kind), &count)| (node, kind, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        let codes: std::collections::BTreeSet<_> = FaultKind::ALL.iter().map(|k| k.code()).collect();
        assert_eq!(codes.len(), FaultKind::ALL.len());
    }

    #[test]
    fn the_log_keeps_the_first_of_each_kind_and_stays_bounded() {
        let mut log = FaultLog::default();
        let fault = |e| Fault::new(NodeIndex(1), FaultKind::InvalidShard).inside(Segment::epoch(Epoch(e)));
        assert!(log.record(fault(0)));
        assert!(!log.record(fault(0)));
        for e in 1..5_000 {
            assert!(log.record(fault(e)));
        }
        assert_eq!(log.iter().count(), FaultLog::CAPACITY);
        assert_eq!(log.counts().next(), Some((NodeIndex(1), FaultKind::InvalidShard, 5_001)));
        assert_eq!(log.iter().last().and_then(|f| f.path.epoch()), Some(Epoch(4_999)));
    }
}
