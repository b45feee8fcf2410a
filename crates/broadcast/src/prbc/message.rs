//! What nodes tell each other in a provable reliable broadcast.
//!
//! ```text
//! message = 1 | message of the reliable broadcast
//!         | 2 | root | endorsement                     DELIVERED
//! ```

use mellivora_core::codec::{
    self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer, unknown_tag,
};
use mellivora_core::{Digest, Message};
use mellivora_crypto::Endorsement;

use crate::RbcMessage;

/// A message of a provable reliable broadcast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PrbcMessage {
    /// Of the reliable broadcast inside.
    Rbc(RbcMessage),
    /// The sender has delivered the contribution with this root.
    Delivered(Digest, Endorsement),
}

const RBC: u8 = 1;
const DELIVERED: u8 = 2;

impl Message for PrbcMessage {
    fn memory(&self) -> usize {
        match self {
            // Counts its own place.
            PrbcMessage::Rbc(message) => size_of::<Self>() - size_of::<RbcMessage>() + message.memory(),
            PrbcMessage::Delivered(..) => size_of::<Self>(),
        }
    }
}

impl Encode for PrbcMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            PrbcMessage::Rbc(message) => {
                encoder.writer().write(&[RBC])?;
                message.encode(encoder)
            }
            PrbcMessage::Delivered(root, endorsement) => {
                encoder.writer().write(&[DELIVERED])?;
                root.encode(encoder)?;
                endorsement.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for PrbcMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match codec::read_tag(decoder)? {
            RBC => PrbcMessage::Rbc(RbcMessage::decode(decoder)?),
            DELIVERED => PrbcMessage::Delivered(Digest::decode(decoder)?, Endorsement::decode(decoder)?),
            _ => return unknown_tag(),
        })
    }
}

mellivora_core::borrow_decode!(PrbcMessage);
