//! Bounded lists on the wire.

use super::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Reader};

/// A list of at most `MAX` items: a u32 count, then the items.
///
/// Every item must take at least one byte on the wire. Decoding refuses a count above `MAX` or above the bytes that
/// are left, before it reserves memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// A list of `items`, cut after `MAX` of them. Honest senders never reach the bound.
    pub fn new(mut items: Vec<T>) -> Self {
        debug_assert!(items.len() <= MAX, "{} items in a list of at most {MAX}", items.len());
        items.truncate(MAX);
        List(items)
    }

    /// The items.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> std::ops::Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T, const MAX: usize> IntoIterator for List<T, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Encode, const MAX: usize> Encode for List<T, MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (self.0.len() as u32).encode(encoder)?;
        self.0.iter().try_for_each(|item| item.encode(encoder))
    }
}

impl<T: Decode<Frame>, const MAX: usize> Decode<Frame> for List<T, MAX> {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let count = u32::decode(decoder)? as usize;
        if count > MAX {
            return Err(DecodeError::Other("a list longer than its bound"));
        }
        if decoder.reader().peek_read(count).is_none() {
            return Err(DecodeError::Other("a list longer than the bytes that are left"));
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(T::decode(decoder)?);
        }
        Ok(List(items))
    }
}

impl<'de, T: Decode<Frame>, const MAX: usize> bincode::BorrowDecode<'de, Frame> for List<T, MAX> {
    fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = Frame>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}
