//! What nodes tell each other in Dumbo1.
//!
//! ```text
//! message = 1 | 2 | 3 ...                                              as in BKR, for contributions and agreements
//!         | 4 | member (u16) | message of the broadcast of its index set
//!         | 5 | coin share of the election
//! ```

use mellivora_agreement::AbaMessage;
use mellivora_broadcast::RbcMessage;
use mellivora_core::codec::{self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer};
use mellivora_core::{Message, NodeIndex, Round};
use mellivora_crypto::CoinShare;

use crate::BkrMessage;

/// A message of Dumbo1.
#[derive(Clone, Debug)]
pub enum Dumbo1Message {
    /// What looks as it does in BKR: a message of the broadcast of a contribution; votes and coin shares of the
    /// agreements, which are about the index sets of the members here.
    Bkr(BkrMessage),
    /// Of the reliable broadcast of an index set.
    IndexSet {
        /// Whose broadcast.
        member: NodeIndex,
        /// Its message.
        message: RbcMessage,
    },
    /// A share of the coin that elects the committee, not known to be valid.
    Election(CoinShare),
}

/// The tags below it are those of BKR.
const INDEX_SET: u8 = 4;
const ELECTION: u8 = 5;

impl Dumbo1Message {
    pub(super) fn of_contribution(proposer: NodeIndex, message: RbcMessage) -> Self {
        Dumbo1Message::Bkr(BkrMessage::Rbc { proposer, message })
    }

    pub(super) fn of_agreement(instance: NodeIndex, message: AbaMessage) -> Self {
        Dumbo1Message::Bkr(BkrMessage::of_agreement(instance, message))
    }
}

impl Encode for Dumbo1Message {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            Dumbo1Message::Bkr(message) => message.encode(encoder),
            Dumbo1Message::IndexSet { member, message } => {
                encoder.writer().write(&[INDEX_SET])?;
                member.encode(encoder)?;
                message.encode(encoder)
            }
            Dumbo1Message::Election(share) => {
                encoder.writer().write(&[ELECTION])?;
                share.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for Dumbo1Message {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        match codec::read_tag(decoder)? {
            INDEX_SET => Ok(Dumbo1Message::IndexSet {
                member: NodeIndex::decode(decoder)?,
                message: RbcMessage::decode(decoder)?,
            }),
            ELECTION => CoinShare::decode(decoder).map(Dumbo1Message::Election),
            tag => BkrMessage::decode_tagged(tag, decoder).map(Dumbo1Message::Bkr),
        }
    }
}

mellivora_core::borrow_decode!(Dumbo1Message);

impl Message for Dumbo1Message {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        if let Dumbo1Message::Bkr(message) = self {
            message.rounds(visit);
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self {
            Dumbo1Message::Bkr(message) => {
                let (now, later) = message.split(may_go);
                (now.map(Dumbo1Message::Bkr), later.map(Dumbo1Message::Bkr))
            }
            other => (Some(other), None),
        }
    }

    fn memory(&self) -> usize {
        size_of::<Self>()
            + match self {
                Dumbo1Message::Bkr(message) => message.memory(),
                Dumbo1Message::IndexSet { message, .. } => message.memory(),
                Dumbo1Message::Election(share) => share.as_bytes().len(),
            }
    }
}
