//! What nodes tell each other about a stream.
//!
//! ```text
//! message = 1 | previous (tip) | certificate of it (0, or 1 and the certificate) | payload (blob)     PROPOSAL
//!         | 2 | tip | endorsement                                                                     VOTE
//!         | 3 | tip | certificate                                                                     TIP
//!         | 4 | previous (tip) | payload (blob)             RECORD of the batch voted for, for the node itself
//!         | 5 | slot (u64) | digest                                                                   ASK
//!         | 6 | digest | headers (list)                                                               HEADERS
//!         | 7 | slot (u64) | message of a retrieval                                                   RETRIEVAL
//! tip     = slot (u64) | digest | full (u64)
//! header  = digest before | full (u64) | commitment
//! ```

use mellivora_core::codec::{
    self, Blob, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, List, Writer, unknown_tag,
};
use mellivora_core::{Digest, Message};
use mellivora_crypto::{Certificate, Endorsement};

use super::tip::{CertifiedTip, Header, Tip};
use crate::retrieval::RetrievalMessage;

/// Headers in one message, at the most.
pub const MAX_HEADERS: usize = 64;

/// A message of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamMessage {
    /// The proposer's next batch.
    Proposal {
        /// The place that it follows.
        previous: Tip,
        /// Proof that a quorum has stored what it follows; none where everybody knows, or will know from an output.
        certificate: Option<Certificate>,
        /// The batch.
        payload: Blob,
    },
    /// The sender has stored the batch with which this place ends; for the proposer.
    Vote(Tip, Endorsement),
    /// The proposer's newest certified place.
    Tip(CertifiedTip),
    /// What a vote promises to hold, for the log of the node itself.
    Record(Tip, Blob),
    /// The sender wants to know what the digest of this slot covers.
    Ask(u64, Digest),
    /// What this digest covers, what the digest before it covers, and so on. Nothing: the sender does not know, and
    /// answers once it does.
    Headers(Digest, List<Header, MAX_HEADERS>),
    /// Of the retrieval of a slot's batch.
    Retrieval(u64, RetrievalMessage),
}

const PROPOSAL: u8 = 1;
const VOTE: u8 = 2;
const TIP: u8 = 3;
const RECORD: u8 = 4;
const ASK: u8 = 5;
const HEADERS: u8 = 6;
const RETRIEVAL: u8 = 7;

impl StreamMessage {
    /// The slot of a promise. The log may drop it once no slot up to there can be voted for or proposed any more, see
    /// the [module page](super).
    pub fn slot(&self) -> Option<u64> {
        match self {
            Self::Proposal { previous, .. } | Self::Record(previous, _) => Some(previous.slot.saturating_add(1)),
            Self::Vote(tip, _) => Some(tip.slot),
            Self::Tip(_) | Self::Ask(..) | Self::Headers(..) | Self::Retrieval(..) => None,
        }
    }
}

impl Message for StreamMessage {
    fn memory(&self) -> usize {
        let bulk = match self {
            Self::Proposal { certificate, payload, .. } => {
                Blob::pinned(payload.len()) + certificate.as_ref().map_or(0, |certificate| certificate.proof().len())
            }
            Self::Vote(..) | Self::Ask(..) => 0,
            Self::Tip(certified) => certified.certificate.proof().len(),
            Self::Record(_, payload) => Blob::pinned(payload.len()),
            Self::Headers(_, headers) => size_of_val(&headers[..]),
            Self::Retrieval(_, message) => message.memory(),
        };
        size_of::<Self>() + bulk
    }
}

impl Encode for StreamMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let tag = match self {
            Self::Proposal { .. } => PROPOSAL,
            Self::Vote(..) => VOTE,
            Self::Tip(_) => TIP,
            Self::Record(..) => RECORD,
            Self::Ask(..) => ASK,
            Self::Headers(..) => HEADERS,
            Self::Retrieval(..) => RETRIEVAL,
        };
        encoder.writer().write(&[tag])?;
        match self {
            Self::Proposal { previous, certificate, payload } => {
                previous.encode(encoder)?;
                certificate.encode(encoder)?;
                payload.encode(encoder)
            }
            Self::Vote(tip, endorsement) => {
                tip.encode(encoder)?;
                endorsement.encode(encoder)
            }
            Self::Tip(certified) => certified.encode(encoder),
            Self::Record(previous, payload) => {
                previous.encode(encoder)?;
                payload.encode(encoder)
            }
            Self::Ask(slot, digest) => {
                slot.encode(encoder)?;
                digest.encode(encoder)
            }
            Self::Headers(digest, headers) => {
                digest.encode(encoder)?;
                headers.encode(encoder)
            }
            Self::Retrieval(slot, message) => {
                slot.encode(encoder)?;
                message.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for StreamMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match codec::read_tag(decoder)? {
            PROPOSAL => Self::Proposal {
                previous: Tip::decode(decoder)?,
                certificate: Option::decode(decoder)?,
                payload: Blob::decode(decoder)?,
            },
            VOTE => Self::Vote(Tip::decode(decoder)?, Endorsement::decode(decoder)?),
            TIP => Self::Tip(CertifiedTip::decode(decoder)?),
            RECORD => Self::Record(Tip::decode(decoder)?, Blob::decode(decoder)?),
            ASK => Self::Ask(u64::decode(decoder)?, Digest::decode(decoder)?),
            HEADERS => Self::Headers(Digest::decode(decoder)?, List::decode(decoder)?),
            RETRIEVAL => Self::Retrieval(u64::decode(decoder)?, RetrievalMessage::decode(decoder)?),
            _ => return unknown_tag(),
        })
    }
}

mellivora_core::borrow_decode!(StreamMessage);
