//! What nodes tell each other in BKR.
//!
//! ```text
//! message = 1 | proposer (u16) | message of its reliable broadcast
//!         | 2 | count (u32) | ballots        ballot = vote | instances (node set)
//!         | 3 | instance (u16) | round (u32) | coin share
//! ```

use bincode::{Decode, Encode};
use mellivora_agreement::Vote;
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::{self, DecodeError, Decoder, EncodeError, Encoder, Frame, List, Writer};
use mellivora_core::{Durable, Message, NodeIndex, NodeSet, Round};
use mellivora_crypto::CoinShare;

/// One vote for many instances of binary agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct Ballot {
    /// The vote.
    pub vote: Vote,
    /// The instances it is for, by their proposers.
    pub instances: NodeSet,
}

/// Most ballots in one message. A node with more of them in a turn sends several messages.
pub const MAX_BALLOTS: usize = 512;

/// A message of BKR.
#[derive(Clone, Debug)]
pub enum BkrMessage {
    /// Of a reliable broadcast.
    Rbc {
        /// Whose broadcast.
        proposer: NodeIndex,
        /// Its message.
        message: RbcMessage,
    },
    /// The votes of one turn, for all instances of binary agreement.
    Votes(List<Ballot, MAX_BALLOTS>),
    /// A coin share for one instance of binary agreement.
    Share {
        /// The instance, by its proposer.
        instance: NodeIndex,
        /// The round.
        round: Round,
        /// The share, not known to be valid.
        share: CoinShare,
    },
}

const RBC: u8 = 1;
const VOTES: u8 = 2;
const SHARE: u8 = 3;

impl Encode for BkrMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            BkrMessage::Rbc { proposer, message } => {
                encoder.writer().write(&[RBC])?;
                proposer.encode(encoder)?;
                message.encode(encoder)
            }
            BkrMessage::Votes(ballots) => {
                encoder.writer().write(&[VOTES])?;
                ballots.encode(encoder)
            }
            BkrMessage::Share { instance, round, share } => {
                encoder.writer().write(&[SHARE])?;
                instance.encode(encoder)?;
                round.encode(encoder)?;
                share.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for BkrMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        match codec::read_tag(decoder)? {
            RBC => Ok(BkrMessage::Rbc { proposer: NodeIndex::decode(decoder)?, message: RbcMessage::decode(decoder)? }),
            VOTES => Ok(BkrMessage::Votes(List::decode(decoder)?)),
            SHARE => Ok(BkrMessage::Share {
                instance: NodeIndex::decode(decoder)?,
                round: Round::decode(decoder)?,
                share: CoinShare::decode(decoder)?,
            }),
            _ => codec::unknown_tag(),
        }
    }
}

mellivora_core::borrow_decode!(BkrMessage);

impl Message for BkrMessage {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        match self {
            BkrMessage::Rbc { .. } => {}
            BkrMessage::Votes(ballots) => {
                for ballot in ballots.iter() {
                    if let Some(round) = ballot.vote.round() {
                        ballot.instances.iter().for_each(|instance| visit(instance, round));
                    }
                }
            }
            BkrMessage::Share { instance, round, .. } => visit(*instance, *round),
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self {
            BkrMessage::Votes(ballots) => split_ballots(ballots, may_go),
            BkrMessage::Share { instance, round, .. } if !may_go(instance, round) => (None, Some(self)),
            _ => (Some(self), None),
        }
    }

    fn memory(&self) -> usize {
        size_of::<Self>()
            + match self {
                BkrMessage::Rbc { message, .. } => message.memory(),
                BkrMessage::Votes(ballots) => ballots.len() * size_of::<Ballot>(),
                BkrMessage::Share { share, .. } => share.as_bytes().len(),
            }
    }
}

/// A bundle in two parts: what may go now, and what waits. TERM has no round and never waits.
fn split_ballots(
    ballots: List<Ballot, MAX_BALLOTS>,
    may_go: &dyn Fn(NodeIndex, Round) -> bool,
) -> (Option<BkrMessage>, Option<BkrMessage>) {
    let waiting = |ballot: &Ballot| match ballot.vote.round() {
        Some(round) => ballot.instances.iter().filter(|&instance| !may_go(instance, round)).collect(),
        None => NodeSet::EMPTY,
    };
    // The usual case first: nothing waits, and the bundle stays as it is.
    if ballots.iter().all(|ballot| waiting(ballot).is_empty()) {
        return (Some(BkrMessage::Votes(ballots)), None);
    }
    let (mut now, mut later) = (Vec::new(), Vec::new());
    for ballot in ballots {
        let held = waiting(&ballot);
        for (part, instances) in [(&mut now, ballot.instances.difference(&held)), (&mut later, held)] {
            if !instances.is_empty() {
                part.push(Ballot { instances, ..ballot });
            }
        }
    }
    let message = |part: Vec<Ballot>| (!part.is_empty()).then(|| BkrMessage::Votes(List::new(part)));
    (message(now), message(later))
}

/// The votes of a turn so far: equal ones of many instances become one ballot.
#[derive(Debug, Default)]
pub(super) struct Ballots(Vec<Ballot>);

impl Ballots {
    /// Adds a vote of an instance.
    #[inline]
    pub(super) fn add(&mut self, vote: Vote, instance: NodeIndex) {
        // A turn has few different votes, and the newest one is the likeliest to be repeated.
        match self.0.iter_mut().rev().find(|ballot| ballot.vote == vote) {
            Some(ballot) => {
                ballot.instances.insert(instance);
            }
            None => self.0.push(Ballot { vote, instances: NodeSet::one(instance) }),
        }
    }

    /// Takes everything, as messages with their durability, which is that of the votes.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Durable, BkrMessage)> + use<> {
        let mut rest = std::mem::take(&mut self.0);
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let tail = rest.split_off(rest.len().min(MAX_BALLOTS));
            let chunk = std::mem::replace(&mut rest, tail);
            let durable = chunk.iter().map(|ballot| ballot.vote.durable()).max().unwrap_or(Durable::No);
            Some((durable, BkrMessage::Votes(List::new(chunk))))
        })
    }
}
