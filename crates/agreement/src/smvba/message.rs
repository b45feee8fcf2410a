//! What nodes tell each other in sMVBA.
//!
//! ```text
//! message = 1 | view (u32) | proposer (u16) | message of its strong provable broadcast
//!         | 2 | view | coin share                                              SHARE
//!         | 3 | view | leader (u16) | digest | certificate                     PREVOTE yes: its lock
//!         | 4 | view | leader | endorsement                                    PREVOTE no
//!         | 5 | view | leader | digest | certificate | endorsement             VOTE yes: its lock
//!         | 6 | view | leader | certificate | endorsement                      VOTE no: a quorum of PREVOTE no
//!         | 7 | view | leader | digest | 1 or 2 | certificate                  HALT: finished, or a quorum of VOTE yes
//!         | 8 | view                                                           ASK_LEADER
//!         | 9 | view | count (u32) | (node (u16), coin share) ...              LEADER: shares that give the coin
//!         | 10 | digest                                                        ASK_VALUE
//!         | 11 | value (blob)                                                  VALUE
//! ```

use mellivora_broadcast::SpbMessage;
use mellivora_core::codec::{
    self, Blob, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, List, Writer, unknown_tag,
};
use mellivora_core::{Digest, Message, NodeIndex, NodeSet, Round};
use mellivora_crypto::{Certificate, CoinShare, Endorsement};

/// A message of sMVBA.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SmvbaMessage {
    /// Of the strong provable broadcast of a node's value.
    Spb {
        /// The view.
        view: Round,
        /// Whose broadcast.
        proposer: NodeIndex,
        /// Its message.
        message: SpbMessage,
    },
    /// A share of the coin that elects the leader.
    Share {
        /// The view.
        view: Round,
        /// The share, not known to be valid.
        share: CoinShare,
    },
    /// What this node knows of the leader's value.
    Prevote {
        /// The view.
        view: Round,
        /// The leader, as the sender says.
        leader: NodeIndex,
        /// What it knows.
        prevote: Prevote,
    },
    /// What this node has learnt from the PREVOTEs.
    Vote {
        /// The view.
        view: Round,
        /// The leader, as the sender says.
        leader: NodeIndex,
        /// What it has learnt.
        vote: Vote,
    },
    /// The decision, with its proof.
    Halt(Halt),
    /// Who is the leader of this view, and how do you know?
    AskLeader(Round),
    /// The coin of a view, as shares that give it.
    Leader {
        /// The view.
        view: Round,
        /// At least f + 1 valid shares among them.
        shares: Shares,
    },
    /// What is the value with this digest?
    AskValue(Digest),
    /// A value that was asked for.
    Value(Blob),
}

/// Coin shares of distinct nodes.
pub type Shares = List<(NodeIndex, CoinShare), { NodeSet::CAPACITY }>;

/// What a node knows of the leader's value when it learns who leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Prevote {
    /// It holds the lock.
    Yes {
        /// Digest of the value.
        digest: Digest,
        /// Its LOCK certificate.
        lock: Certificate,
    },
    /// It holds no lock, which it signs.
    No(Endorsement),
}

/// What a node has learnt from the PREVOTEs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Vote {
    /// Somebody holds the lock.
    Yes {
        /// Digest of the value.
        digest: Digest,
        /// Its LOCK certificate.
        lock: Certificate,
        /// The sender's signature on the digest.
        endorsement: Endorsement,
    },
    /// A quorum holds no lock.
    No {
        /// Their signatures.
        no_locks: Certificate,
        /// The sender's signature on that.
        endorsement: Endorsement,
    },
}

/// A decision with its proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Halt {
    /// The view of the decision.
    pub view: Round,
    /// Its leader.
    pub leader: NodeIndex,
    /// Digest of the leader's value.
    pub digest: Digest,
    /// Why it is decided.
    pub proof: HaltProof,
}

/// Why a value is decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HaltProof {
    /// The leader's broadcast is finished.
    Finish(Certificate),
    /// A quorum voted yes.
    Seen(Certificate),
}

const SPB: u8 = 1;
const SHARE: u8 = 2;
const PREVOTE_YES: u8 = 3;
const PREVOTE_NO: u8 = 4;
const VOTE_YES: u8 = 5;
const VOTE_NO: u8 = 6;
const HALT: u8 = 7;
const ASK_LEADER: u8 = 8;
const LEADER: u8 = 9;
const ASK_VALUE: u8 = 10;
const VALUE: u8 = 11;

impl SmvbaMessage {
    /// The view whose progress this message shows. Requests and answers show none.
    pub fn view(&self) -> Option<Round> {
        match self {
            SmvbaMessage::Spb { view, .. }
            | SmvbaMessage::Share { view, .. }
            | SmvbaMessage::Prevote { view, .. }
            | SmvbaMessage::Vote { view, .. } => Some(*view),
            _ => None,
        }
    }

    /// Encodes the parts of a variant after its tag.
    fn put<E: Encoder>(encoder: &mut E, tag: u8, parts: &[&dyn Part<E>]) -> Result<(), EncodeError> {
        encoder.writer().write(&[tag])?;
        parts.iter().try_for_each(|part| part.put(encoder))
    }
}

/// Something that can be encoded, as an object.
trait Part<E> {
    fn put(&self, encoder: &mut E) -> Result<(), EncodeError>;
}

impl<E: Encoder, T: Encode> Part<E> for T {
    fn put(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.encode(encoder)
    }
}

impl Message for SmvbaMessage {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        if let Some(view) = self.view() {
            visit(NodeIndex(0), view);
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self.view() {
            Some(view) if !may_go(NodeIndex(0), view) => (None, Some(self)),
            _ => (Some(self), None),
        }
    }

    fn memory(&self) -> usize {
        let bulk = match self {
            SmvbaMessage::Spb { message, .. } => message.memory(),
            SmvbaMessage::Share { share, .. } => share.as_bytes().len(),
            SmvbaMessage::Prevote { prevote: Prevote::Yes { lock, .. }, .. } => lock.proof().len(),
            SmvbaMessage::Vote { vote: Vote::Yes { lock, .. }, .. } => lock.proof().len(),
            SmvbaMessage::Vote { vote: Vote::No { no_locks, .. }, .. } => no_locks.proof().len(),
            SmvbaMessage::Halt(Halt { proof: HaltProof::Finish(c) | HaltProof::Seen(c), .. }) => c.proof().len(),
            SmvbaMessage::Leader { shares, .. } => {
                shares.iter().map(|(_, s)| size_of::<(NodeIndex, CoinShare)>() + s.as_bytes().len()).sum()
            }
            SmvbaMessage::Value(value) => Blob::pinned(value.len()),
            _ => 0,
        };
        size_of::<Self>() + bulk
    }
}

impl Encode for SmvbaMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            SmvbaMessage::Spb { view, proposer, message } => Self::put(encoder, SPB, &[view, proposer, message]),
            SmvbaMessage::Share { view, share } => Self::put(encoder, SHARE, &[view, share]),
            SmvbaMessage::Prevote { view, leader, prevote: Prevote::Yes { digest, lock } } => {
                Self::put(encoder, PREVOTE_YES, &[view, leader, digest, lock])
            }
            SmvbaMessage::Prevote { view, leader, prevote: Prevote::No(endorsement) } => {
                Self::put(encoder, PREVOTE_NO, &[view, leader, endorsement])
            }
            SmvbaMessage::Vote { view, leader, vote: Vote::Yes { digest, lock, endorsement } } => {
                Self::put(encoder, VOTE_YES, &[view, leader, digest, lock, endorsement])
            }
            SmvbaMessage::Vote { view, leader, vote: Vote::No { no_locks, endorsement } } => {
                Self::put(encoder, VOTE_NO, &[view, leader, no_locks, endorsement])
            }
            SmvbaMessage::Halt(Halt { view, leader, digest, proof }) => {
                let (kind, certificate) = match proof {
                    HaltProof::Finish(certificate) => (1u8, certificate),
                    HaltProof::Seen(certificate) => (2u8, certificate),
                };
                Self::put(encoder, HALT, &[view, leader, digest, &kind, certificate])
            }
            SmvbaMessage::AskLeader(view) => Self::put(encoder, ASK_LEADER, &[view]),
            SmvbaMessage::Leader { view, shares } => Self::put(encoder, LEADER, &[view, shares]),
            SmvbaMessage::AskValue(digest) => Self::put(encoder, ASK_VALUE, &[digest]),
            SmvbaMessage::Value(value) => Self::put(encoder, VALUE, &[value]),
        }
    }
}

impl Decode<Frame> for SmvbaMessage {
    fn decode<D: Decoder<Context = Frame>>(d: &mut D) -> Result<Self, DecodeError> {
        let tag = codec::read_tag(d)?;
        Ok(match tag {
            SPB => {
                SmvbaMessage::Spb { view: view(d)?, proposer: NodeIndex::decode(d)?, message: SpbMessage::decode(d)? }
            }
            SHARE => SmvbaMessage::Share { view: view(d)?, share: CoinShare::decode(d)? },
            PREVOTE_YES | PREVOTE_NO => SmvbaMessage::Prevote {
                view: view(d)?,
                leader: NodeIndex::decode(d)?,
                prevote: match tag {
                    PREVOTE_YES => Prevote::Yes { digest: Digest::decode(d)?, lock: Certificate::decode(d)? },
                    _ => Prevote::No(Endorsement::decode(d)?),
                },
            },
            VOTE_YES | VOTE_NO => SmvbaMessage::Vote {
                view: view(d)?,
                leader: NodeIndex::decode(d)?,
                vote: match tag {
                    VOTE_YES => Vote::Yes {
                        digest: Digest::decode(d)?,
                        lock: Certificate::decode(d)?,
                        endorsement: Endorsement::decode(d)?,
                    },
                    _ => Vote::No { no_locks: Certificate::decode(d)?, endorsement: Endorsement::decode(d)? },
                },
            },
            HALT => SmvbaMessage::Halt(Halt {
                view: view(d)?,
                leader: NodeIndex::decode(d)?,
                digest: Digest::decode(d)?,
                proof: match codec::read_tag(d)? {
                    1 => HaltProof::Finish(Certificate::decode(d)?),
                    2 => HaltProof::Seen(Certificate::decode(d)?),
                    _ => return unknown_tag(),
                },
            }),
            ASK_LEADER => SmvbaMessage::AskLeader(view(d)?),
            LEADER => SmvbaMessage::Leader { view: view(d)?, shares: List::decode(d)? },
            ASK_VALUE => SmvbaMessage::AskValue(Digest::decode(d)?),
            VALUE => SmvbaMessage::Value(Blob::decode(d)?),
            _ => return unknown_tag(),
        })
    }
}

/// Views count from 1: there is one encoding of "the first".
fn view<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Round, DecodeError> {
    match Round::decode(decoder)? {
        Round(0) => Err(DecodeError::Other("views count from 1")),
        view => Ok(view),
    }
}

mellivora_core::borrow_decode!(SmvbaMessage);
