//! The wire format: bounded, canonical, whole input consumed.
//!
//! The format is `bincode` 2 with big-endian integers of fixed width, and three rules of our own:
//!
//! * an enum is a tag of one byte, written by hand ([`read_tag`], [`unknown_tag`]), not the four bytes of a derive;
//! * there is no bare `Vec`, map or string on the wire: a list is a [`List`], which checks its count against the bytes
//!   that are left before it reserves anything; bulk is a [`Blob`], a slice of the frame that it fills;
//! * every value has exactly one encoding, and decoding consumes all of its input.
//!
//! So decoding never panics and never allocates more than a small multiple of the frame that is already in memory.
//! The golden vectors of each crate pin the format.
//!
//! A struct derives `bincode::Encode` and `bincode::Decode`, with `#[bincode(decode_context = "Frame")]` when it holds
//! a [`Blob`] or a [`List`]. An enum implements both by hand.

mod blob;
mod frame;
mod list;

pub use blob::Blob;
pub use frame::Frame;
pub use list::List;

pub use bincode::de::{Decode, Decoder, read::Reader};
pub use bincode::enc::{Encode, Encoder, write::Writer};
pub use bincode::error::{DecodeError, EncodeError};

use bincode::config::{BigEndian, Configuration, Fixint, NoLimit};
use bincode::de::DecoderImpl;
use bincode::de::read::SliceReader;
use bytes::Bytes;

const CONFIG: Configuration<BigEndian, Fixint, NoLimit> =
    bincode::config::standard().with_big_endian().with_fixed_int_encoding().with_no_limit();

/// A type with an encoding on the wire.
pub trait Wire: Encode + Decode<Frame> {}
impl<T: Encode + Decode<Frame>> Wire for T {}

/// Why bytes are not a value. Says what was wrong, for logs; a peer's bytes only ever become a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed bytes: {0}")]
pub struct CodecError(String);

struct Append<'a>(&'a mut Vec<u8>);

impl Writer for Append<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Appends the encoding of `value` to `out`.
pub fn encode_into<T: Encode>(value: &T, out: &mut Vec<u8>) {
    let written = bincode::encode_into_writer(value, Append(out), CONFIG);
    // Writing to memory cannot fail, and every bounded type checks its bound when it is made.
    debug_assert!(written.is_ok(), "encoding failed: {written:?}");
}

/// The encoding of `value`.
pub fn encode<T: Encode>(value: &T) -> Bytes {
    let mut out = Vec::new();
    encode_into(value, &mut out);
    out.into()
}

/// Decodes a value from all of `bytes`.
pub fn decode<T: Decode<Frame>>(bytes: &Bytes) -> Result<T, CodecError> {
    let (value, used) = decode_prefix(bytes)?;
    if used == bytes.len() { Ok(value) } else { Err(CodecError(format!("{} trailing bytes", bytes.len() - used))) }
}

/// Decodes a value from the front of `bytes` and says how many bytes it took.
pub fn decode_prefix<T: Decode<Frame>>(bytes: &Bytes) -> Result<(T, usize), CodecError> {
    bincode::decode_from_slice_with_context(bytes, CONFIG, Frame::from(bytes.clone()))
        .map_err(|error| CodecError(error.to_string()))
}

/// Decodes values one after another until the frame is used up. Stops at the first error: what follows a malformed
/// message has no meaning.
pub fn decode_all<T: Decode<Frame>>(frame: &Frame) -> impl Iterator<Item = Result<T, CodecError>> + use<'_, T> {
    // One decoder for the whole frame: a message costs no count of references.
    let mut decoder = DecoderImpl::new(SliceReader::new(&frame.head), CONFIG, frame.clone());
    let mut failed = false;
    std::iter::from_fn(move || {
        let rest = position(&mut decoder).filter(|_| !failed)?;
        let next = T::decode(&mut decoder);
        // A value without bytes would never use the frame up.
        failed = next.is_err() || position(&mut decoder) == Some(rest);
        Some(next.map_err(|error| CodecError(error.to_string())))
    })
}

/// Where the next byte of a decoder lies in memory; none when all are used up.
fn position(decoder: &mut impl Decoder) -> Option<usize> {
    decoder.reader().peek_read(1).map(|byte| byte.as_ptr() as usize)
}

/// Reads the tag of an enum.
#[inline]
pub fn read_tag<D: Decoder>(decoder: &mut D) -> Result<u8, DecodeError> {
    let mut tag = [0];
    decoder.claim_bytes_read(1)?;
    decoder.reader().read(&mut tag)?;
    Ok(tag[0])
}

/// The error for a tag that no variant has.
pub fn unknown_tag<T>() -> Result<T, DecodeError> {
    Err(DecodeError::Other("unknown kind"))
}

/// Implements `BorrowDecode` by way of `Decode`, which derived containers ask for.
#[doc(hidden)]
#[macro_export]
macro_rules! borrow_decode {
    ($($type:ty),* $(,)?) => {$(
        impl<'de> ::bincode::BorrowDecode<'de, $crate::codec::Frame> for $type {
            fn borrow_decode<D: ::bincode::de::BorrowDecoder<'de, Context = $crate::codec::Frame>>(
                decoder: &mut D,
            ) -> Result<Self, ::bincode::error::DecodeError> {
                <Self as ::bincode::de::Decode<$crate::codec::Frame>>::decode(decoder)
            }
        }
    )*};
}
