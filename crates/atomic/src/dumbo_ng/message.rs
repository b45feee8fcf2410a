//! What nodes tell each other about streams.

use bincode::{Decode, Encode};
use mellivora_broadcast::stream::StreamMessage;
use mellivora_core::codec::{DecodeError, Decoder, EncodeError, Encoder, Frame};
use mellivora_core::{Message, NodeIndex};

/// A message of one stream: the number of its proposer, then the message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfStream {
    /// Whose stream.
    pub proposer: NodeIndex,
    /// What.
    pub message: StreamMessage,
}

impl Encode for OfStream {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.proposer.encode(encoder)?;
        self.message.encode(encoder)
    }
}

impl Decode<Frame> for OfStream {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(OfStream { proposer: NodeIndex::decode(decoder)?, message: StreamMessage::decode(decoder)? })
    }
}

impl Message for OfStream {
    fn memory(&self) -> usize {
        size_of::<NodeIndex>() + self.message.memory()
    }
}
