//! A payload in pieces: the data shards, never put together unless somebody asks.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_core::Digest;

/// A payload, as the pieces in which it arrived. Cloning copies no payload bytes.
///
/// The pieces hold exactly the payload, without padding. Two bodies are equal when their bytes are, however cut.
#[derive(Clone, Default)]
pub struct Body {
    len: usize,
    pieces: Arc<[Bytes]>,
}

impl Body {
    /// A body of one piece.
    pub fn from_bytes(payload: Bytes) -> Self {
        Self::from_pieces([payload])
    }

    /// A body of these pieces, in order.
    pub fn from_pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces: Arc<[Bytes]> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        Body { len: pieces.iter().map(Bytes::len).sum(), pieces }
    }

    /// Length of the payload in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the payload has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The payload's bytes, piece by piece; no piece is empty.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.pieces.iter().map(Bytes::as_ref)
    }

    /// The payload's pieces as shared bytes.
    pub fn shared_pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// The payload in one allocation of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        self.copy_range(0..self.len)
    }

    /// A copy of the bytes of `range`, as far as they exist.
    pub fn copy_range(&self, range: Range<usize>) -> Vec<u8> {
        let mut out = Vec::with_capacity(range.end.min(self.len).saturating_sub(range.start));
        self.within(range).for_each(|(piece, part)| {
            // `within` cuts the part to the piece.
            out.extend_from_slice(&piece[part]);
        });
        out
    }

    /// The bytes of `range`, or `None` if there are not so many; copies only if they lie in several pieces.
    pub fn range(&self, range: Range<usize>) -> Option<Bytes> {
        if range.end > self.len || range.start > range.end {
            return None;
        }
        let first = self.within(range.clone()).next();
        match first {
            Some((piece, part)) if part.len() == range.len() => Some(piece.slice(part)),
            _ => Some(self.copy_range(range).into()),
        }
    }

    /// A copy of the first `count` bytes, or of all when there are fewer.
    pub fn first_bytes(&self, count: usize) -> Vec<u8> {
        self.copy_range(0..count)
    }

    /// The bytes of `range`, as far as they exist, as a body that shares them.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Body {
        Body::from_pieces(self.within(range).map(|(piece, part)| piece.slice(part)))
    }

    /// The payload as one shared piece; copies only if there are several.
    pub fn to_bytes(&self) -> Bytes {
        match &*self.pieces {
            [one] => one.clone(),
            _ => self.to_vec().into(),
        }
    }

    /// The pieces that `range` touches, each with the touched part of it, which is never empty.
    fn within(&self, range: Range<usize>) -> impl Iterator<Item = (&Bytes, Range<usize>)> {
        let mut at = 0;
        self.pieces.iter().filter_map(move |piece| {
            let start = range.start.saturating_sub(at).min(piece.len());
            let end = range.end.saturating_sub(at).min(piece.len());
            at += piece.len();
            (start < end).then_some((piece, start..end))
        })
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        if self.len != other.len {
            return false;
        }
        let mut theirs = other.pieces();
        let mut rest: &[u8] = &[];
        for mut mine in self.pieces() {
            while !mine.is_empty() {
                if rest.is_empty() {
                    match theirs.next() {
                        Some(piece) => rest = piece,
                        None => return false,
                    }
                }
                let common = mine.len().min(rest.len());
                let ((a, more), (b, rest_of)) = (mine.split_at(common), rest.split_at(common));
                if a != b {
                    return false;
                }
                (mine, rest) = (more, rest_of);
            }
        }
        true
    }
}

impl Eq for Body {}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in {} pieces", self.len, self.pieces.len())
    }
}

/// What a broadcast delivers: the same at every node that delivers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contribution {
    /// The commitment that the broadcast agreed on.
    pub commitment: Digest,
    /// The payload, or `None` (BOTTOM) when the proposer committed to something that is no codeword of any payload.
    pub body: Option<Body>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(cuts: &[usize]) -> Body {
        let mut at = 0u8;
        Body::from_pieces(cuts.iter().map(|&len| {
            let piece: Vec<u8> = (0..len).map(|i| at.wrapping_add(i as u8)).collect();
            at = at.wrapping_add(len as u8);
            piece.into()
        }))
    }

    #[test]
    fn ranges_cross_pieces_and_stop_at_the_end() {
        let body = body(&[3, 0, 4, 1]);
        assert_eq!(body.to_vec(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(body.first_bytes(4), [0, 1, 2, 3]);
        assert_eq!(body.copy_range(2..8), [2, 3, 4, 5, 6, 7]);
        assert_eq!(body.copy_range(6..100), [6, 7]);
        assert!(body.copy_range(8..9).is_empty());
        assert!(body.copy_range(Range { start: 5, end: 2 }).is_empty());
        assert_eq!(body.slice(1..7).to_vec(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(body.slice(1..7).slice(3..4).to_vec(), [4]);
        assert_eq!(body.pieces().count(), 3);
        assert_eq!(body.range(3..7).as_deref(), Some(&[3, 4, 5, 6][..]));
        assert_eq!(
            body.range(3..7).map(|bytes| bytes.as_ptr()),
            body.shared_pieces().get(1).map(|piece| piece.as_ptr())
        );
        assert_eq!(body.range(2..8).as_deref(), Some(&[2, 3, 4, 5, 6, 7][..]));
        assert_eq!(body.range(8..8), Some(Bytes::new()));
        assert_eq!((body.range(8..9), body.range(Range { start: 5, end: 4 })), (None, None));
        assert_eq!(body.within(3..7).count(), 1, "what a range only borders on is not touched");
    }

    #[test]
    fn equality_is_of_bytes_not_of_cuts() {
        assert_eq!(body(&[3, 4, 1]), body(&[8]));
        assert_eq!(body(&[1, 1, 6]), body(&[5, 3]));
        assert_ne!(body(&[8]), body(&[7]));
        assert_ne!(body(&[8]), Body::from_bytes(Bytes::from_static(&[0, 1, 2, 3, 4, 5, 6, 9])));
        assert_eq!(Body::default(), body(&[0]));
    }
}
