//! What nodes tell each other in a common subset by a vector of proofs.
//!
//! ```text
//! message = 1 | proposer (u16) | message of its provable broadcast
//!         | 2 | message of the agreement
//! ```

use mellivora_agreement::SmvbaMessage;
use mellivora_core::codec::{
    self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer, unknown_tag,
};
use mellivora_core::{Message, NodeIndex, Round};

/// A message of the common subset over broadcasts with messages `M` and an agreement with messages `A`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VectorMessage<M, A = SmvbaMessage> {
    /// Of a provable broadcast.
    Broadcast {
        /// Whose broadcast.
        proposer: NodeIndex,
        /// Its message.
        message: M,
    },
    /// Of the agreement.
    Mvba(A),
}

const BROADCAST: u8 = 1;
const MVBA: u8 = 2;

impl<M: Encode, A: Encode> Encode for VectorMessage<M, A> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            VectorMessage::Broadcast { proposer, message } => {
                encoder.writer().write(&[BROADCAST])?;
                proposer.encode(encoder)?;
                message.encode(encoder)
            }
            VectorMessage::Mvba(message) => {
                encoder.writer().write(&[MVBA])?;
                message.encode(encoder)
            }
        }
    }
}

impl<M: Decode<Frame>, A: Decode<Frame>> Decode<Frame> for VectorMessage<M, A> {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        match codec::read_tag(decoder)? {
            BROADCAST => {
                Ok(VectorMessage::Broadcast { proposer: NodeIndex::decode(decoder)?, message: M::decode(decoder)? })
            }
            MVBA => Ok(VectorMessage::Mvba(A::decode(decoder)?)),
            _ => unknown_tag(),
        }
    }
}

impl<M: Message, A: Message> Message for VectorMessage<M, A> {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        if let VectorMessage::Mvba(message) = self {
            message.rounds(visit);
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self {
            VectorMessage::Mvba(message) => {
                let (now, later) = message.split(may_go);
                (now.map(VectorMessage::Mvba), later.map(VectorMessage::Mvba))
            }
            broadcast => (Some(broadcast), None),
        }
    }

    fn memory(&self) -> usize {
        match self {
            VectorMessage::Broadcast { message, .. } => message.memory(),
            VectorMessage::Mvba(message) => message.memory(),
        }
    }
}
