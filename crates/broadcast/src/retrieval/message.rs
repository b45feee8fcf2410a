//! What nodes tell each other to retrieve a payload.
//!
//! ```text
//! message = 1 | root | indices (list of u32)       REQUEST
//!         | 2 | root | index (u32) | chunk         CHUNK
//!         | 3 | root | head                        HEAD
//!         | 4 | root                               ABSENT
//! ```

use mellivora_coding::{Chunk, Head};
use mellivora_core::codec::{
    self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, List, Writer, unknown_tag,
};
use mellivora_core::{Digest, Message};

/// Chunks that one holder owes at a time, at the most.
pub const WINDOW: usize = 16;

/// A message of retrieval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RetrievalMessage {
    /// The sender lacks these chunks of the payload with this root.
    Request(Digest, List<u32, WINDOW>),
    /// The chunk with this index.
    Chunk(Digest, u32, Chunk),
    /// The payload is shorter than was asked for.
    Head(Digest, Head),
    /// The sender has not got the payload with this root. It answers once it has.
    Absent(Digest),
}

const REQUEST: u8 = 1;
const CHUNK: u8 = 2;
const HEAD: u8 = 3;
const ABSENT: u8 = 4;

impl RetrievalMessage {
    /// The root that the message is about.
    pub fn root(&self) -> &Digest {
        match self {
            Self::Request(root, _) | Self::Chunk(root, ..) | Self::Head(root, _) | Self::Absent(root) => root,
        }
    }
}

impl Message for RetrievalMessage {
    fn memory(&self) -> usize {
        let bulk = match self {
            Self::Request(_, indices) => size_of_val(&indices[..]),
            Self::Chunk(.., chunk) => chunk.memory(),
            Self::Head(..) | Self::Absent(_) => 0,
        };
        size_of::<Self>() + bulk
    }
}

impl Encode for RetrievalMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let tag = match self {
            Self::Request(..) => REQUEST,
            Self::Chunk(..) => CHUNK,
            Self::Head(..) => HEAD,
            Self::Absent(_) => ABSENT,
        };
        encoder.writer().write(&[tag])?;
        self.root().encode(encoder)?;
        match self {
            Self::Request(_, indices) => indices.encode(encoder),
            Self::Chunk(_, index, chunk) => {
                index.encode(encoder)?;
                chunk.encode(encoder)
            }
            Self::Head(_, head) => head.encode(encoder),
            Self::Absent(_) => Ok(()),
        }
    }
}

impl Decode<Frame> for RetrievalMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let tag = codec::read_tag(decoder)?;
        if !(REQUEST..=ABSENT).contains(&tag) {
            return unknown_tag();
        }
        let root = Digest::decode(decoder)?;
        Ok(match tag {
            REQUEST => Self::Request(root, List::decode(decoder)?),
            CHUNK => Self::Chunk(root, u32::decode(decoder)?, Chunk::decode(decoder)?),
            HEAD => Self::Head(root, Head::decode(decoder)?),
            _ => Self::Absent(root),
        })
    }
}

mellivora_core::borrow_decode!(RetrievalMessage);
