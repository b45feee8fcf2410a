//! What travels over a link, with its bulk beside it.

use std::cell::RefCell;

use bytes::Bytes;

use super::{CONFIG, Encode, EncodeError, Writer};

/// A sequence of encoded messages, as it travels over a link.
///
/// The bytes on the wire are one sequence. In memory the bulk of a frame may stand beside the rest, where it was before
/// somebody encoded it: a payload that goes to many peers of the same process is then copied for none of them, and one
/// that goes into a socket is copied once, by the kernel ([`Frame::parts`] is what a vectored write takes). How a
/// frame is cut says nothing: it decodes as its bytes do, provided that it is read as what it was written as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Everything but what stands beside it.
    pub(super) head: Bytes,
    /// Bulk, with its place in the head, in order.
    beside: Vec<(usize, Bytes)>,
}

impl Frame {
    /// A value from this many bytes on stands beside its frame.
    pub const BESIDE: usize = 4 << 10;

    /// The encoding of `value`, with all blobs of at least [`Frame::BESIDE`] bytes beside it: they are shared, not
    /// copied.
    pub fn of<T: Encode>(value: &T) -> Self {
        let mut cutting = Cutting::default();
        let written = bincode::encode_into_writer(value, &mut cutting, CONFIG);
        debug_assert!(written.is_ok(), "encoding failed: {written:?}");
        Frame { head: cutting.head.into(), beside: cutting.beside }
    }

    /// Length in bytes on the wire.
    pub fn len(&self) -> usize {
        self.head.len() + self.beside.iter().map(|(_, bulk)| bulk.len()).sum::<usize>()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.beside.is_empty()
    }

    /// The bytes on the wire, piece by piece.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.beside.iter().map(|(at, _)| *at));
        let ends = self.beside.iter().map(|(at, _)| *at).chain([self.head.len()]);
        let bulk = self.beside.iter().map(|(_, bulk)| bulk.as_ref()).chain([&[][..]]);
        let pieces = starts.zip(ends).zip(bulk);
        let pieces = pieces.flat_map(|((start, end), bulk)| [self.head.get(start..end).unwrap_or_default(), bulk]);
        pieces.filter(|piece| !piece.is_empty())
    }

    /// The bytes on the wire in one piece; copies only if something stands beside.
    pub fn to_bytes(&self) -> Bytes {
        if self.beside.is_empty() {
            return self.head.clone();
        }
        let mut out = Vec::with_capacity(self.len());
        self.parts().for_each(|part| out.extend_from_slice(part));
        out.into()
    }

    /// What stands beside the head at this place, if it has this length.
    pub(super) fn beside(&self, place: usize, len: usize) -> Option<&Bytes> {
        let (_, bulk) = self.beside.iter().find(|(at, _)| *at == place)?;
        (bulk.len() == len).then_some(bulk)
    }
}

impl From<Bytes> for Frame {
    /// A frame as a socket delivers it: nothing stands beside it.
    fn from(bytes: Bytes) -> Self {
        Frame { head: bytes, beside: Vec::new() }
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

thread_local! {
    /// Who owns the bytes that a blob is writing at this moment: an encoder passes on slices only.
    static OWNER: RefCell<Option<Bytes>> = const { RefCell::new(None) };
}

/// Writes bytes, and lets a writer that cuts keep them instead of a copy.
pub(super) fn write_shared(bytes: &Bytes, writer: &mut impl Writer) -> Result<(), EncodeError> {
    if bytes.len() < Frame::BESIDE {
        return writer.write(bytes);
    }
    OWNER.set(Some(bytes.clone()));
    let written = writer.write(bytes);
    OWNER.set(None);
    written
}

/// Appends to a head, and puts aside what somebody owns.
#[derive(Default)]
struct Cutting {
    head: Vec<u8>,
    beside: Vec<(usize, Bytes)>,
}

impl Writer for &mut Cutting {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let large = bytes.len() >= Frame::BESIDE;
        // The owner is that of these bytes: `write_shared` sets it for one call.
        match if large { OWNER.take() } else { None } {
            Some(owner) => self.beside.push((self.head.len(), owner)),
            None => self.head.extend_from_slice(bytes),
        }
        Ok(())
    }
}
