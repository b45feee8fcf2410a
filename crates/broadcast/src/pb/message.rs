//! What nodes tell each other in a provable broadcast.
//!
//! ```text
//! message = 1 | payload (blob)         SEND
//!         | 2 | endorsement            ENDORSE
//!         | 3 | root | certificate     FINAL
//!         | 4 | payload (blob)         RECORD of the payload endorsed, for the node itself
//! ```

use mellivora_core::codec::{
    self, Blob, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer, unknown_tag,
};
use mellivora_core::{Digest, Message};
use mellivora_crypto::{Certificate, Endorsement};

/// A message of a provable broadcast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PbMessage {
    /// The proposer's payload.
    Send(Blob),
    /// The sender holds the payload; for the proposer.
    Endorse(Endorsement),
    /// A quorum holds the payload with this root.
    Final(Digest, Certificate),
    /// What an endorsement promises to hold, for the log of the node itself.
    Record(Blob),
}

const SEND: u8 = 1;
const ENDORSE: u8 = 2;
const FINAL: u8 = 3;
const RECORD: u8 = 4;

impl Message for PbMessage {
    fn memory(&self) -> usize {
        let bulk = match self {
            PbMessage::Send(payload) | PbMessage::Record(payload) => Blob::pinned(payload.len()),
            PbMessage::Endorse(_) => 0,
            PbMessage::Final(_, certificate) => certificate.proof().len(),
        };
        size_of::<Self>() + bulk
    }
}

impl Encode for PbMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            PbMessage::Send(payload) => {
                encoder.writer().write(&[SEND])?;
                payload.encode(encoder)
            }
            PbMessage::Endorse(endorsement) => {
                encoder.writer().write(&[ENDORSE])?;
                endorsement.encode(encoder)
            }
            PbMessage::Final(root, certificate) => {
                encoder.writer().write(&[FINAL])?;
                root.encode(encoder)?;
                certificate.encode(encoder)
            }
            PbMessage::Record(payload) => {
                encoder.writer().write(&[RECORD])?;
                payload.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for PbMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match codec::read_tag(decoder)? {
            SEND => PbMessage::Send(Blob::decode(decoder)?),
            ENDORSE => PbMessage::Endorse(Endorsement::decode(decoder)?),
            FINAL => PbMessage::Final(Digest::decode(decoder)?, Certificate::decode(decoder)?),
            RECORD => PbMessage::Record(Blob::decode(decoder)?),
            _ => return unknown_tag(),
        })
    }
}

mellivora_core::borrow_decode!(PbMessage);
