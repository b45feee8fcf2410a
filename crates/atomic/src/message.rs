//! What nodes tell each other, outermost layer.

use bincode::{Decode, Encode};
use mellivora_core::codec::{self, Blob, DecodeError, Decoder, EncodeError, Encoder, Frame, Writer};
use mellivora_core::{Epoch, Message as CoreMessage, NodeIndex, Round};

use crate::checkpoint::{Certificate, Checkpoint};
use crate::header::{EpochHeader, Place};

/// Messages of a kind that an engine does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoMessage {}

impl Encode for NoMessage {
    fn encode<E: Encoder>(&self, _: &mut E) -> Result<(), EncodeError> {
        match *self {}
    }
}

impl Decode<Frame> for NoMessage {
    fn decode<D: Decoder<Context = Frame>>(_: &mut D) -> Result<Self, DecodeError> {
        codec::unknown_tag()
    }
}

impl CoreMessage for NoMessage {}

/// A message of an atomic broadcast whose epochs say `M`, and `B` beside its epochs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message<M, B = NoMessage> {
    /// Of a running epoch.
    Epoch {
        /// Which one.
        epoch: Epoch,
        /// What.
        message: M,
    },
    /// The sender holds the batch of an epoch.
    Checkpoint(Checkpoint),
    /// The sender's lowest open epoch: everything below is closed there.
    Low(Epoch),
    /// Proof that the batches up to an epoch exist.
    Certificate(Certificate),
    /// Asks for the header of an epoch.
    FetchHeader(Epoch),
    /// Answers [`Message::FetchHeader`].
    Header(EpochHeader),
    /// Asks for the contribution of one chosen slot.
    FetchSlot(Epoch, Place),
    /// Answers [`Message::FetchSlot`] with the contribution as the subset delivered it.
    Slot(Epoch, Place, Blob),
    /// The sender no longer holds the batch of this epoch.
    Gone(Epoch),
    /// Of what belongs to no epoch.
    Beside(B),
}

impl<M: Encode, B: Encode> Encode for Message<M, B> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let mut tag = |tag: u8| encoder.writer().write(&[tag]);
        match self {
            Message::Epoch { epoch, message } => {
                tag(0)?;
                epoch.encode(encoder)?;
                message.encode(encoder)
            }
            Message::Checkpoint(checkpoint) => {
                tag(1)?;
                checkpoint.encode(encoder)
            }
            Message::Low(epoch) => {
                tag(2)?;
                epoch.encode(encoder)
            }
            Message::Certificate(certificate) => {
                tag(3)?;
                certificate.encode(encoder)
            }
            Message::FetchHeader(epoch) => {
                tag(4)?;
                epoch.encode(encoder)
            }
            Message::Header(header) => {
                tag(5)?;
                header.encode(encoder)
            }
            Message::FetchSlot(epoch, place) => {
                tag(6)?;
                (epoch, place).encode(encoder)
            }
            Message::Slot(epoch, place, body) => {
                tag(7)?;
                (epoch, place).encode(encoder)?;
                body.encode(encoder)
            }
            Message::Gone(epoch) => {
                tag(8)?;
                epoch.encode(encoder)
            }
            Message::Beside(message) => {
                tag(9)?;
                message.encode(encoder)
            }
        }
    }
}

impl<M: Decode<Frame>, B: Decode<Frame>> Decode<Frame> for Message<M, B> {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match codec::read_tag(decoder)? {
            0 => Message::Epoch { epoch: Epoch::decode(decoder)?, message: M::decode(decoder)? },
            1 => Message::Checkpoint(Checkpoint::decode(decoder)?),
            2 => Message::Low(Epoch::decode(decoder)?),
            3 => Message::Certificate(Certificate::decode(decoder)?),
            4 => Message::FetchHeader(Epoch::decode(decoder)?),
            5 => Message::Header(EpochHeader::decode(decoder)?),
            6 => Message::FetchSlot(Epoch::decode(decoder)?, Place::decode(decoder)?),
            7 => Message::Slot(Epoch::decode(decoder)?, Place::decode(decoder)?, Blob::decode(decoder)?),
            8 => Message::Gone(Epoch::decode(decoder)?),
            9 => Message::Beside(B::decode(decoder)?),
            _ => return codec::unknown_tag(),
        })
    }
}

impl<M: CoreMessage, B: CoreMessage> CoreMessage for Message<M, B> {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        if let Message::Epoch { message, .. } = self {
            message.rounds(visit);
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self {
            Message::Epoch { epoch, message } => {
                let (now, later) = message.split(may_go);
                let wrap = |message| Message::Epoch { epoch, message };
                (now.map(wrap), later.map(wrap))
            }
            other => (Some(other), None),
        }
    }

    fn memory(&self) -> usize {
        let inline = std::mem::size_of::<Self>();
        match self {
            Message::Epoch { message, .. } => inline + message.memory(),
            Message::Certificate(certificate) => inline + std::mem::size_of_val(&*certificate.signatures),
            Message::Header(header) => inline + std::mem::size_of_val(&*header.slots),
            Message::Slot(_, _, body) => inline + body.len(),
            Message::Beside(message) => inline + message.memory(),
            _ => inline,
        }
    }
}
