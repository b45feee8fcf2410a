//! Bulk bytes on the wire.

use std::fmt;

use bytes::Bytes;

use super::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Reader, Writer};

/// Bytes of any length: a u32 length, then the bytes.
///
/// Decoding copies no bulk that travels in a frame of its own, as honest senders have it: the blob is a slice of the
/// frame, and keeps the whole frame in memory. Any other blob is copied out. So what is kept of a frame never pins more
/// than an eighth beyond itself, and a peer cannot pass a large frame off as a small message.
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
        encoder.writer().write(&self.0)
    }
}

impl Decode<Frame> for Blob {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let len = u32::decode(decoder)? as usize;
        let missing = DecodeError::UnexpectedEnd { additional: len };
        // The reader shows the bytes in place; their distance from the start of the frame is their position in it.
        let Some(place) = decoder.reader().peek_read(len).map(|bytes| bytes.as_ptr() as usize) else {
            return Err(missing);
        };
        let frame = decoder.context().0.clone();
        let bytes = match place.checked_sub(frame.as_ptr() as usize) {
            Some(start) if start.checked_add(len).is_some_and(|end| end <= frame.len()) => {
                let part = frame.slice(start..start + len);
                let alone = frame.len() <= Blob::pinned(len);
                if alone { part } else { Bytes::copy_from_slice(&part) }
            }
            _ => return Err(DecodeError::Other("a blob decodes only from its own frame")),
        };
        decoder.reader().consume(len);
        Ok(Blob(bytes))
    }
}

crate::borrow_decode!(Blob);
