//! What nodes tell each other in binary agreement.
//!
//! ```text
//! vote  = tag (1 byte) | round (u32), without the round for TERM
//!         0x10 BVAL 0, 0x11 BVAL 1, 0x20 AUX 0, 0x21 AUX 1, 0x31 CONF {0}, 0x32 CONF {1}, 0x33 CONF {0, 1},
//!         0x40 TERM 0, 0x41 TERM 1
//! share = 0x50 | round (u32) | coin share
//! ```

use mellivora_core::codec::{self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer};
use mellivora_core::{Durable, Message, NodeIndex, Round, planted};
use mellivora_crypto::CoinShare;

use crate::Values;

/// A statement without a payload: 8 bytes, `Copy`. Equal votes of many instances travel as one vote with a bitmask.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Vote {
    /// "v is a possible value of this round."
    Bval {
        /// The round.
        round: Round,
        /// v.
        value: bool,
    },
    /// "v was the first value that 2f + 1 nodes supported."
    Aux {
        /// The round.
        round: Round,
        /// v.
        value: bool,
    },
    /// "A quorum's AUX votes carried these values." Never empty.
    Conf {
        /// The round.
        round: Round,
        /// The values.
        values: Values,
    },
    /// "I decided v." Of no round.
    Term {
        /// v.
        value: bool,
    },
}

impl Vote {
    /// The round that the vote belongs to; TERM belongs to none.
    #[inline]
    pub const fn round(&self) -> Option<Round> {
        match *self {
            Vote::Bval { round, .. } | Vote::Aux { round, .. } | Vote::Conf { round, .. } => Some(round),
            Vote::Term { .. } => None,
        }
    }

    /// All are promises. BVAL may be said for both values, but it must not be forgotten: others' AUX rests on it.
    #[inline]
    pub fn durable(&self) -> Durable {
        let forgotten = planted("aba-bval-not-logged") && matches!(self, Vote::Bval { .. });
        if forgotten { Durable::No } else { Durable::Yes }
    }

    const fn tag(&self) -> u8 {
        match *self {
            Vote::Bval { value, .. } => BVAL | value as u8,
            Vote::Aux { value, .. } => AUX | value as u8,
            Vote::Conf { values, .. } => CONF | values.bits(),
            Vote::Term { value } => TERM | value as u8,
        }
    }

    fn decode_tagged<D: Decoder>(tag: u8, decoder: &mut D) -> Result<Self, DecodeError> {
        let value = tag & 1 == 1;
        Ok(match (tag & 0xf0, tag & 0x0f) {
            (BVAL, 0 | 1) => Vote::Bval { round: decode_round(decoder)?, value },
            (AUX, 0 | 1) => Vote::Aux { round: decode_round(decoder)?, value },
            (CONF, bits) => match Values::from_bits(bits) {
                Some(values) => Vote::Conf { round: decode_round(decoder)?, values },
                None => return codec::unknown_tag(),
            },
            (TERM, 0 | 1) => Vote::Term { value },
            _ => return codec::unknown_tag(),
        })
    }
}

const BVAL: u8 = 0x10;
const AUX: u8 = 0x20;
const CONF: u8 = 0x30;
const TERM: u8 = 0x40;
const SHARE: u8 = 0x50;

/// Rounds count from 1; there is nothing to say about round 0.
fn decode_round<D: Decoder>(decoder: &mut D) -> Result<Round, DecodeError> {
    match u32::decode(decoder)? {
        0 => Err(DecodeError::Other("a vote of round 0")),
        round => Ok(Round(round)),
    }
}

impl Encode for Vote {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        encoder.writer().write(&[self.tag()])?;
        self.round().map_or(Ok(()), |round| round.encode(encoder))
    }
}

impl Decode<Frame> for Vote {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let tag = codec::read_tag(decoder)?;
        Vote::decode_tagged(tag, decoder)
    }
}

/// A message of one instance of binary agreement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AbaMessage {
    /// A vote.
    Vote(Vote),
    /// A share of the round's coin, not known to be valid.
    Share {
        /// The round.
        round: Round,
        /// The share.
        share: CoinShare,
    },
}

impl Encode for AbaMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            AbaMessage::Vote(vote) => vote.encode(encoder),
            AbaMessage::Share { round, share } => {
                encoder.writer().write(&[SHARE])?;
                round.encode(encoder)?;
                share.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for AbaMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        match codec::read_tag(decoder)? {
            SHARE => Ok(AbaMessage::Share { round: decode_round(decoder)?, share: CoinShare::decode(decoder)? }),
            tag => Vote::decode_tagged(tag, decoder).map(AbaMessage::Vote),
        }
    }
}

mellivora_core::borrow_decode!(Vote, AbaMessage);

impl AbaMessage {
    /// The round that the message belongs to; TERM belongs to none.
    pub const fn round(&self) -> Option<Round> {
        match self {
            AbaMessage::Vote(vote) => vote.round(),
            AbaMessage::Share { round, .. } => Some(*round),
        }
    }
}

/// A lone instance counts as instance 0.
const LONE: NodeIndex = NodeIndex(0);

impl Message for AbaMessage {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        if let Some(round) = self.round() {
            visit(LONE, round);
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self.round() {
            Some(round) if !may_go(LONE, round) => (None, Some(self)),
            _ => (Some(self), None),
        }
    }

    fn memory(&self) -> usize {
        size_of::<Self>()
            + match self {
                AbaMessage::Vote(_) => 0,
                AbaMessage::Share { share, .. } => share.as_bytes().len(),
            }
    }
}
