//! Bulk bytes on the wire.

use std::fmt;

use bytes::Bytes;

use super::frame::write_shared;
use super::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Reader};

/// Bytes of any length: a u32 length, then the bytes.
///
/// Decoding copies no bulk that travels in a frame of its own, as honest senders have it: the blob is a slice of the
/// frame, and keeps the whole frame in memory. Any other blob is copied out. So what is kept of a frame never pins more
/// than an eighth beyond itself, and a peer cannot pass a large frame off as a small message. A blob that stands
/// [beside](Frame) its frame, which happens within a process only, is the sender's own bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blob(pub Bytes);

impl Blob {
    /// The most memory that a decoded blob of `len` bytes keeps alive: it shares a frame of at most this length.
    pub const fn pinned(len: usize) -> usize {
        len.saturating_add(len / 8)
    }
}

impl std::ops::Deref for Blob {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Blob(bytes)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Encode for Blob {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let Ok(len) = u32::try_from(self.0.len()) else {
            return Err(EncodeError::Other("a blob has at most 4 GiB"));
        };
        len.encode(encoder)?;
        write_shared(&self.0, encoder.writer())
    }
}

impl Decode<Frame> for Blob {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let len = u32::decode(decoder)? as usize;
        // The reader shows the bytes in place; their distance from the start of the frame is their position in it.
        let place = decoder.reader().peek_read(0).map(|rest| rest.as_ptr() as usize).unwrap_or_default();
        let frame = decoder.context();
        let Some(start) = place.checked_sub(frame.head.as_ptr() as usize) else { return Err(FOREIGN) };
        if let Some(bulk) = frame.beside(start, len) {
            return Ok(Blob(bulk.clone()));
        }
        if decoder.reader().peek_read(len).is_none() {
            return Err(DecodeError::UnexpectedEnd { additional: len });
        }
        let head = &decoder.context().head;
        let bytes = match start.checked_add(len) {
            Some(end) if end <= head.len() => {
                let alone = head.len() <= Blob::pinned(len);
                if alone {
                    head.slice(start..end)
                } else {
                    head.get(start..end).map(Bytes::copy_from_slice).unwrap_or_default()
                }
            }
            _ => return Err(FOREIGN),
        };
        decoder.reader().consume(len);
        Ok(Blob(bytes))
    }
}

const FOREIGN: DecodeError = DecodeError::Other("a blob decodes only from its own frame");

crate::borrow_decode!(Blob);
