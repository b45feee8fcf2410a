//! What nodes tell each other, and how it looks on the wire.

use bincode::{Decode, Encode};
use mellivora_coding::Shard;
use mellivora_core::codec::{DecodeError, Decoder, EncodeError, Encoder, Frame, Writer, read_tag, unknown_tag};
use mellivora_core::{Digest, Message};

/// A message of reliable broadcast. On the wire: one byte of kind, the root (32 bytes), the shard where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RbcMessage {
    /// The proposer gives a node its shard.
    Val {
        /// The commitment, called root.
        root: Digest,
        /// The receiver's shard.
        shard: Shard,
    },
    /// A node supports a root and shows its own shard.
    Echo {
        /// The supported root.
        root: Digest,
        /// The sender's shard.
        shard: Shard,
    },
    /// A node supports a root, without the shard.
    EchoHash(Digest),
    /// A quorum supports the root, as far as the sender knows.
    Ready(Digest),
    /// The sender has its outcome for this root and needs no more shards of it.
    CanDecode(Digest),
}

impl RbcMessage {
    const VAL: u8 = 0;
    const ECHO: u8 = 1;
    const ECHO_HASH: u8 = 2;
    const READY: u8 = 3;
    const CAN_DECODE: u8 = 4;

    /// The root that the message is about.
    pub fn root(&self) -> Digest {
        match self {
            Self::Val { root, .. } | Self::Echo { root, .. } => *root,
            Self::EchoHash(root) | Self::Ready(root) | Self::CanDecode(root) => *root,
        }
    }

    fn shard(&self) -> Option<&Shard> {
        match self {
            Self::Val { shard, .. } | Self::Echo { shard, .. } => Some(shard),
            _ => None,
        }
    }
}

impl Message for RbcMessage {
    fn memory(&self) -> usize {
        // The shard's own memory counts its place in the message again; it is about.
        size_of::<Self>() + self.shard().map_or(0, Shard::memory)
    }
}

impl Encode for RbcMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let tag = match self {
            Self::Val { .. } => Self::VAL,
            Self::Echo { .. } => Self::ECHO,
            Self::EchoHash(_) => Self::ECHO_HASH,
            Self::Ready(_) => Self::READY,
            Self::CanDecode(_) => Self::CAN_DECODE,
        };
        encoder.writer().write(&[tag])?;
        self.root().encode(encoder)?;
        self.shard().map_or(Ok(()), |shard| shard.encode(encoder))
    }
}

impl Decode<Frame> for RbcMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let tag = read_tag(decoder)?;
        if tag > Self::CAN_DECODE {
            return unknown_tag();
        }
        let root = Digest::decode(decoder)?;
        Ok(match tag {
            Self::VAL => Self::Val { root, shard: Shard::decode(decoder)? },
            Self::ECHO => Self::Echo { root, shard: Shard::decode(decoder)? },
            Self::ECHO_HASH => Self::EchoHash(root),
            Self::READY => Self::Ready(root),
            _ => Self::CanDecode(root),
        })
    }
}

mellivora_core::borrow_decode!(RbcMessage);
