//! The list of transactions that a contribution carries, and its framing.
//!
//! ```text
//! count: u32 LE | length of each: u32 LE, count times | the transactions, one after another
//! ```
//!
//! The length table stands in front, so that parsing 100,000 transactions is one pass over 400 KB. A list has exactly
//! one encoding. The empty contribution (no bytes at all) is the empty list.
//!
//! A contribution is read in the pieces in which it came: only what crosses from one piece into the next is copied.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use bytes::Bytes;
use mellivora_coding::Body;
use mellivora_core::{Limits, planted};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::queue::Sample;

/// A 128-bit hash of a transaction under a secret key of this node.
///
/// Nobody who does not know the key can aim for a collision, so equal hashes mean equal transactions. Each node uses a
/// key of its own: what is decided with it depends on the transactions alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Fingerprint(pub(crate) u64, pub(crate) u64);

/// The local secret key of fingerprints.
#[derive(Clone, Copy)]
pub(crate) struct FingerprintKey(pub(crate) [u8; 16]);

impl FingerprintKey {
    pub(crate) fn fingerprint(&self, transaction: &[u8]) -> Fingerprint {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(transaction);
        let hash = hasher.finish128();
        Fingerprint(hash.h1, hash.h2)
    }
}

impl std::fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}

/// Fingerprints are uniform already; hashing them again would buy nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

/// A map keyed by fingerprints.
pub(crate) type FingerprintMap<V> = HashMap<Fingerprint, V, BuildHasherDefault<Uniform>>;

/// Bytes that a list of transactions takes when it is framed.
pub(crate) fn framed_bytes(count: usize, content: usize) -> usize {
    if count == 0 { 0 } else { 4 + 4 * count + content }
}

/// Frames a list between `before` and `after` bytes of room, all zero. The empty list is no bytes at all.
pub(crate) fn frame(sample: &Sample, before: usize, after: usize) -> Vec<u8> {
    if sample.is_empty() {
        return Vec::new();
    }
    let content = sample.transactions().map(Bytes::len).sum();
    let mut out = Vec::with_capacity(before + framed_bytes(sample.len(), content) + after);
    out.resize(before, 0);
    out.extend_from_slice(&(sample.len() as u32).to_le_bytes());
    for transaction in sample.transactions() {
        out.extend_from_slice(&(transaction.len() as u32).to_le_bytes());
    }
    for transaction in sample.transactions() {
        out.extend_from_slice(transaction);
    }
    out.resize(out.len() + after, 0);
    out
}

/// A parsed list: the contribution as it came, and where each transaction lies in it.
#[derive(Clone, Default)]
pub(crate) struct Transactions {
    body: Body,
    /// Start and end of each transaction in `body`.
    pub(crate) spans: Vec<(u32, u32)>,
    /// Transactions that no piece holds as a whole, by their start, in order: fewer than there are pieces.
    crossing: Vec<(u32, Bytes)>,
    /// Fingerprint of each transaction, as long as dedup needs them.
    pub(crate) fingerprints: Vec<Fingerprint>,
}

impl Transactions {
    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        let spans = self.spans.capacity() * size_of::<(u32, u32)>();
        let crossing: usize = self.crossing.iter().map(|(_, bytes)| size_of::<(u32, Bytes)>() + bytes.len()).sum();
        self.body.len() + spans + crossing + self.fingerprints.capacity() * size_of::<Fingerprint>()
    }

    /// Parses a framed list. `None` when it is not one, or breaks a limit: the same verdict at every node.
    pub(crate) fn parse(body: Body, limits: &Limits, key: &FingerprintKey) -> Option<Self> {
        if body.is_empty() {
            return Some(Transactions::default());
        }
        let count = u32::from_le_bytes(*body.range(0..4)?.first_chunk()?) as usize;
        if count == 0 || count > limits.transactions {
            return None;
        }
        let table_end = count.checked_mul(4)?.checked_add(4)?;
        let table = body.range(4..table_end)?;
        let mut spans = Vec::with_capacity(count);
        let mut fingerprints = Vec::with_capacity(count);
        let mut crossing = Vec::new();
        let mut start = table_end;
        let mut walk = Walk::over(&body);
        for length in table.chunks_exact(4) {
            let length = u32::from_le_bytes(*length.first_chunk()?) as usize;
            if length > limits.transaction_bytes {
                return None;
            }
            let end = start.checked_add(length)?;
            let span = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
            match walk.within(start, end) {
                Some(transaction) => fingerprints.push(key.fingerprint(transaction)),
                None => {
                    let transaction = body.range(start..end)?;
                    fingerprints.push(key.fingerprint(&transaction));
                    crossing.push((span.0, transaction));
                }
            }
            spans.push(span);
            start = end;
        }
        let complete = start == body.len() || planted("queue-trailing-bytes");
        complete.then_some(Transactions { body, spans, crossing, fingerprints })
    }

    /// The list that this node has framed from `sample`: as parsing the frame would give it, but for the length table,
    /// and each transaction a piece of its own. `None` when it breaks a limit.
    pub(crate) fn of(sample: &Sample, limits: &Limits) -> Option<Self> {
        if sample.len() > limits.transactions {
            return None;
        }
        let mut spans = Vec::with_capacity(sample.len());
        let mut end = 0u32;
        for transaction in sample.transactions() {
            let start = end;
            end = u32::try_from(transaction.len()).ok().and_then(|length| start.checked_add(length))?;
            if transaction.len() > limits.transaction_bytes {
                return None;
            }
            spans.push((start, end));
        }
        let body = Body::from_pieces(sample.transactions().cloned());
        Some(Transactions { body, spans, crossing: Vec::new(), fingerprints: sample.fingerprints().collect() })
    }

    /// The transactions in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut walk = Walk::over(&self.body);
        let mut crossing = self.crossing.as_slice();
        self.spans.iter().map(move |&(start, end)| {
            walk.within(start as usize, end as usize).unwrap_or_else(|| {
                // Some that cross may have been dropped as duplicates.
                while let Some(((first, bytes), rest)) = crossing.split_first() {
                    crossing = rest;
                    if *first == start {
                        return bytes.as_ref();
                    }
                }
                // Spans were checked against the body when they were made.
                &[]
            })
        })
    }
}

/// Walks forward over the pieces of a body.
struct Walk<'a> {
    pieces: &'a [Bytes],
    /// Where the first of them starts.
    base: usize,
}

impl<'a> Walk<'a> {
    fn over(body: &'a Body) -> Self {
        Walk { pieces: body.shared_pieces(), base: 0 }
    }

    /// The bytes from `start` to `end`, if one piece holds them. No call may start before the last one.
    fn within(&mut self, start: usize, end: usize) -> Option<&'a [u8]> {
        if start == end {
            return Some(&[]);
        }
        loop {
            let (first, rest) = self.pieces.split_first()?;
            let at = start.checked_sub(self.base)?;
            if at < first.len() {
                return first.get(at..end.checked_sub(self.base)?);
            }
            self.base += first.len();
            self.pieces = rest;
        }
    }
}

impl std::fmt::Debug for Transactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} transactions, {} bytes", self.spans.len(), self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: FingerprintKey = FingerprintKey([7; 16]);

    fn whole(bytes: Vec<u8>) -> Body {
        Body::from_bytes(bytes.into())
    }

    proptest! {
        #[test]
        fn a_list_survives_framing(list in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..30)) {
            let list: Vec<Bytes> = list.into_iter().map(Bytes::from).collect();
            let framed = frame(&list.clone().into(), 0, 0);
            let content = list.iter().map(Bytes::len).sum();
            prop_assert_eq!(framed.len(), framed_bytes(list.len(), content));
            let parsed = Transactions::parse(whole(framed), &Limits::default(), &KEY).unwrap();
            prop_assert_eq!(parsed.iter().map(Bytes::copy_from_slice).collect::<Vec<_>>(), list);
        }

        #[test]
        fn what_this_node_has_framed_is_what_it_would_parse(
            list in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 1..12),
            most in 1usize..12,
            longest in 0usize..9,
        ) {
            let sample = Sample::from(list.into_iter().map(Bytes::from).collect::<Vec<_>>());
            let limits = Limits { transactions: most, transaction_bytes: longest, ..Limits::default() };
            let known = Transactions::of(&sample, &limits);
            let parsed = Transactions::parse(whole(frame(&sample, 0, 0)), &limits, &KEY);
            let content = |list: &Transactions| list.iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
            prop_assert_eq!(known.as_ref().map(content), parsed.as_ref().map(content));
            prop_assert_eq!(known.map(|list| list.fingerprints), parsed.map(|list| list.fingerprints));
        }

        /// In whatever pieces a contribution came, and whichever of its transactions are dropped as duplicates.
        #[test]
        fn a_list_is_the_same_in_any_pieces(
            list in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 1..20),
            cuts in proptest::collection::vec(0usize..260, 0..9),
            kept in proptest::collection::vec(any::<bool>(), 20),
        ) {
            let list: Vec<Bytes> = list.into_iter().map(Bytes::from).collect();
            let framed = Bytes::from(frame(&list.clone().into(), 0, 0));
            let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(framed.len())).chain([framed.len()]).collect();
            ends.sort_unstable();
            let mut start = 0;
            let pieces = ends.into_iter().map(|end| framed.slice(std::mem::replace(&mut start, end)..end));
            let mut parsed = Transactions::parse(Body::from_pieces(pieces), &Limits::default(), &KEY).unwrap();
            let expected: Vec<_> = list.iter().map(|transaction| KEY.fingerprint(transaction)).collect();
            prop_assert_eq!(&parsed.fingerprints, &expected);
            prop_assert_eq!(parsed.iter().collect::<Vec<_>>(), list.iter().map(AsRef::as_ref).collect::<Vec<&[u8]>>());
            let mut keep = kept.iter();
            parsed.spans.retain(|_| *keep.next().unwrap());
            let left: Vec<&[u8]> = list.iter().zip(&kept).filter(|(_, keep)| **keep).map(|(t, _)| t.as_ref()).collect();
            prop_assert_eq!(parsed.iter().collect::<Vec<_>>(), left);
        }

        #[test]
        fn whatever_parses_frames_to_the_same_bytes(bytes in proptest::collection::vec(0u8..4, 0..60)) {
            let bytes = Bytes::from(bytes);
            if let Some(parsed) = Transactions::parse(Body::from_bytes(bytes.clone()), &Limits::default(), &KEY) {
                let list: Vec<Bytes> = parsed.iter().map(Bytes::copy_from_slice).collect();
                prop_assert_eq!(Bytes::from(frame(&list.into(), 0, 0)), bytes);
            }
        }
    }

    #[test]
    fn limits_and_lies_about_lengths_are_refused() {
        let limits = Limits { transactions: 2, transaction_bytes: 3, ..Limits::default() };
        let parse = |list: &[&'static [u8]]| {
            let list: Vec<Bytes> = list.iter().map(|t| Bytes::from_static(t)).collect();
            Transactions::parse(whole(frame(&list.into(), 0, 0)), &limits, &KEY)
        };
        assert!(parse(&[b"abc", b""]).is_some());
        assert!(parse(&[b"abcd"]).is_none());
        assert!(parse(&[b"a", b"b", b"c"]).is_none());
        let huge = [u32::MAX.to_le_bytes(), u32::MAX.to_le_bytes()].concat();
        assert!(Transactions::parse(whole(huge), &Limits::default(), &KEY).is_none());
        assert!(Transactions::parse(whole(vec![0; 4]), &Limits::default(), &KEY).is_none());
    }
}
