//! What nodes tell each other in a strong provable broadcast.
//!
//! ```text
//! message = 1 | value (blob) | proof (blob)            SEND
//!         | 2 | stage (1 or 2) | endorsement           ENDORSE
//!         | 3 | digest | certificate                   LOCK
//!         | 4 | digest | certificate                   FINISH
//!         | 5 | digest                                 RECORD of the digest endorsed, for the node itself
//!         | 6 | value (blob) | certificate             RECORD of a lock, for the node itself
//! ```

use bytes::Bytes;
use mellivora_core::codec::{
    self, Blob, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer, unknown_tag,
};
use mellivora_core::{Digest, Message};
use mellivora_crypto::{Certificate, Endorsement};

/// Which of the two provable broadcasts an endorsement is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The first: the value is acceptable.
    Lock = 0,
    /// The second: its lock is recorded.
    Finish = 1,
}

/// A message of a strong provable broadcast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpbMessage {
    /// The proposer's value, and what makes it acceptable.
    Send {
        /// The value.
        value: Blob,
        /// What the parent wants to see with it.
        proof: Blob,
    },
    /// An endorsement, for the proposer.
    Endorse(Stage, Endorsement),
    /// A certificate of the first stage.
    Lock(Digest, Certificate),
    /// A certificate of the second stage.
    Finish(Digest, Certificate),
    /// What an endorsement promises, for the log of the node itself.
    Record(SpbRecord),
}

/// What this node must remember when it has endorsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpbRecord {
    /// With the first endorsement: the digest of the value.
    Endorsed(Digest),
    /// With the second: the value and its LOCK certificate.
    Locked(Bytes, Certificate),
}

const SEND: u8 = 1;
const ENDORSE: u8 = 2;
const LOCK: u8 = 3;
const FINISH: u8 = 4;
const ENDORSED: u8 = 5;
const LOCKED: u8 = 6;

impl Message for SpbMessage {
    fn memory(&self) -> usize {
        let bulk = match self {
            SpbMessage::Send { value, proof } => Blob::pinned(value.len()) + Blob::pinned(proof.len()),
            SpbMessage::Endorse(..) | SpbMessage::Record(SpbRecord::Endorsed(_)) => 0,
            SpbMessage::Lock(_, certificate) | SpbMessage::Finish(_, certificate) => certificate.proof().len(),
            SpbMessage::Record(SpbRecord::Locked(value, certificate)) => value.len() + certificate.proof().len(),
        };
        size_of::<Self>() + bulk
    }
}

impl Encode for SpbMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            SpbMessage::Send { value, proof } => {
                encoder.writer().write(&[SEND])?;
                value.encode(encoder)?;
                proof.encode(encoder)
            }
            SpbMessage::Endorse(stage, endorsement) => {
                encoder.writer().write(&[ENDORSE, if *stage == Stage::Lock { 1 } else { 2 }])?;
                endorsement.encode(encoder)
            }
            SpbMessage::Lock(digest, certificate) => {
                encoder.writer().write(&[LOCK])?;
                digest.encode(encoder)?;
                certificate.encode(encoder)
            }
            SpbMessage::Finish(digest, certificate) => {
                encoder.writer().write(&[FINISH])?;
                digest.encode(encoder)?;
                certificate.encode(encoder)
            }
            SpbMessage::Record(SpbRecord::Endorsed(digest)) => {
                encoder.writer().write(&[ENDORSED])?;
                digest.encode(encoder)
            }
            SpbMessage::Record(SpbRecord::Locked(value, certificate)) => {
                encoder.writer().write(&[LOCKED])?;
                Blob(value.clone()).encode(encoder)?;
                certificate.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for SpbMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match codec::read_tag(decoder)? {
            SEND => SpbMessage::Send { value: Blob::decode(decoder)?, proof: Blob::decode(decoder)? },
            ENDORSE => {
                let stage = match codec::read_tag(decoder)? {
                    1 => Stage::Lock,
                    2 => Stage::Finish,
                    _ => return unknown_tag(),
                };
                SpbMessage::Endorse(stage, Endorsement::decode(decoder)?)
            }
            LOCK => SpbMessage::Lock(Digest::decode(decoder)?, Certificate::decode(decoder)?),
            FINISH => SpbMessage::Finish(Digest::decode(decoder)?, Certificate::decode(decoder)?),
            ENDORSED => SpbMessage::Record(SpbRecord::Endorsed(Digest::decode(decoder)?)),
            LOCKED => SpbMessage::Record(SpbRecord::Locked(Blob::decode(decoder)?.0, Certificate::decode(decoder)?)),
            _ => return unknown_tag(),
        })
    }
}

mellivora_core::borrow_decode!(SpbMessage);
