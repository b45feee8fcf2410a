//! Messages of one epoch.

use bincode::{Decode, Encode};
use mellivora_core::codec::{self, DecodeError, Decoder, EncodeError, Encoder, Frame, List, Writer};
use mellivora_core::{Message, NodeIndex, NodeSet, Round};
use mellivora_crypto::{DecryptionProof, DecryptionShare};

/// At most one entry per slot.
pub type PerSlot<T> = List<T, { NodeSet::CAPACITY }>;

/// A message of one epoch over a common subset whose messages are `M`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EpochMessage<M> {
    /// Of the common subset.
    Subset(M),
    /// Decryption shares of the sender, by slot.
    Shares(PerSlot<(NodeIndex, DecryptionShare)>),
    /// Asks for proofs of the receiver's shares for these slots.
    Prove(NodeSet),
    /// Answers [`EpochMessage::Prove`]: share and proof, by slot.
    Proofs(PerSlot<(NodeIndex, DecryptionShare, DecryptionProof)>),
}

impl<M: Encode> Encode for EpochMessage<M> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let mut tag = |tag: u8| encoder.writer().write(&[tag]);
        match self {
            EpochMessage::Subset(message) => {
                tag(0)?;
                message.encode(encoder)
            }
            EpochMessage::Shares(shares) => {
                tag(1)?;
                shares.encode(encoder)
            }
            EpochMessage::Prove(slots) => {
                tag(2)?;
                slots.encode(encoder)
            }
            EpochMessage::Proofs(proofs) => {
                tag(3)?;
                proofs.encode(encoder)
            }
        }
    }
}

impl<M: Decode<Frame>> Decode<Frame> for EpochMessage<M> {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match codec::read_tag(decoder)? {
            0 => EpochMessage::Subset(M::decode(decoder)?),
            1 => EpochMessage::Shares(List::decode(decoder)?),
            2 => EpochMessage::Prove(NodeSet::decode(decoder)?),
            3 => EpochMessage::Proofs(List::decode(decoder)?),
            _ => return codec::unknown_tag(),
        })
    }
}

impl<M: Message> Message for EpochMessage<M> {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        if let EpochMessage::Subset(message) = self {
            message.rounds(visit);
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self {
            EpochMessage::Subset(message) => {
                let (now, later) = message.split(may_go);
                (now.map(EpochMessage::Subset), later.map(EpochMessage::Subset))
            }
            other => (Some(other), None),
        }
    }

    fn memory(&self) -> usize {
        let inline = std::mem::size_of::<Self>();
        match self {
            EpochMessage::Subset(message) => inline + message.memory(),
            EpochMessage::Shares(shares) => inline + std::mem::size_of_val(&**shares),
            EpochMessage::Prove(_) => inline,
            EpochMessage::Proofs(proofs) => inline + std::mem::size_of_val(&**proofs),
        }
    }
}
