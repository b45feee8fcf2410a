//! What nodes tell each other in BKR.
//!
//! ```text
//! message = 1 | proposer (u16) | message of its reliable broadcast
//!         | 2 | count (u32) | ballots        ballot = vote | instances (node set)
//!         | 3 | instance (u16) | round (u32) | coin share
//! ```

use mellivora_agreement::AbaMessage;
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::{self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, List, Writer};
use mellivora_core::{Message, NodeIndex, NodeSet, Round};
use mellivora_crypto::CoinShare;

use crate::ballots::{self, Ballot, Bundle};

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
    Votes(Bundle),
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
            BkrMessage::Votes(bundle) => {
                encoder.writer().write(&[VOTES])?;
                bundle.encode(encoder)
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
        let tag = codec::read_tag(decoder)?;
        BkrMessage::decode_tagged(tag, decoder)
    }
}

impl BkrMessage {
    /// What an instance of binary agreement says. Votes leave in bundles; this makes one of a single vote.
    pub(crate) fn of_agreement(instance: NodeIndex, message: AbaMessage) -> Self {
        match message {
            AbaMessage::Share { round, share } => BkrMessage::Share { instance, round, share },
            AbaMessage::Vote(vote) => {
                BkrMessage::Votes(List::new(vec![Ballot { vote, instances: NodeSet::one(instance) }]))
            }
        }
    }

    /// Reads the rest of a message whose tag was read already.
    pub(crate) fn decode_tagged<D: Decoder<Context = Frame>>(tag: u8, decoder: &mut D) -> Result<Self, DecodeError> {
        match tag {
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
            BkrMessage::Votes(bundle) => ballots::rounds(bundle, visit),
            BkrMessage::Share { instance, round, .. } => visit(*instance, *round),
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self {
            BkrMessage::Votes(bundle) => {
                let (now, later) = ballots::split(bundle, may_go);
                (now.map(BkrMessage::Votes), later.map(BkrMessage::Votes))
            }
            BkrMessage::Share { instance, round, .. } if !may_go(instance, round) => (None, Some(self)),
            _ => (Some(self), None),
        }
    }

    fn memory(&self) -> usize {
        size_of::<Self>()
            + match self {
                BkrMessage::Rbc { message, .. } => message.memory(),
                BkrMessage::Votes(bundle) => bundle.len() * size_of::<Ballot>(),
                BkrMessage::Share { share, .. } => share.as_bytes().len(),
            }
    }
}
