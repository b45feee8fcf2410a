//! A set of nodes as a bitmask: constant size, no allocation, one counter of distinct senders for the whole suite.

use std::fmt;

use bincode::de::{Decode, Decoder, read::Reader};
use bincode::enc::{Encode, Encoder, write::Writer};
use bincode::error::{DecodeError, EncodeError};

use crate::NodeIndex;

const WORDS: usize = 4;

/// A set of at most 256 nodes (32 bytes, `Copy`).
///
/// On the wire: a count of bytes, then that many bytes of the bitmask, lowest nodes first, the last byte not zero.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeSet([u64; WORDS]);

impl NodeSet {
    /// The largest committee that can be represented.
    pub const CAPACITY: usize = WORDS * 64;
    /// The empty set.
    pub const EMPTY: NodeSet = NodeSet([0; WORDS]);

    /// The nodes 0 to `count - 1`; `count` above the capacity means all that fit.
    pub fn first(count: usize) -> Self {
        let mut words = [0; WORDS];
        for (w, word) in words.iter_mut().enumerate() {
            let bits = count.saturating_sub(w * 64).min(64);
            *word = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
        }
        NodeSet(words)
    }

    /// The set with one member.
    pub fn one(node: NodeIndex) -> Self {
        let mut set = NodeSet::EMPTY;
        set.insert(node);
        set
    }

    /// Adds `node`; true if it was not in the set. A node beyond the capacity is never a member.
    #[inline]
    pub fn insert(&mut self, node: NodeIndex) -> bool {
        let (word, bit) = Self::place(node);
        match self.0.get_mut(word) {
            Some(word) => {
                let fresh = *word & bit == 0;
                *word |= bit;
                fresh
            }
            None => false,
        }
    }

    /// Takes `node` out; true if it was a member.
    #[inline]
    pub fn remove(&mut self, node: NodeIndex) -> bool {
        let (word, bit) = Self::place(node);
        match self.0.get_mut(word) {
            Some(word) => {
                let member = *word & bit != 0;
                *word &= !bit;
                member
            }
            None => false,
        }
    }

    /// Whether `node` is a member.
    #[inline]
    pub fn contains(&self, node: NodeIndex) -> bool {
        let (word, bit) = Self::place(node);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is no member.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// Members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        let words = self.0;
        (0..WORDS).flat_map(move |w| {
            let mut rest = words[w];
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    NodeIndex((w * 64) as u16 + bit as u16)
                })
            })
        })
    }

    /// Members of both.
    #[must_use]
    pub fn intersection(&self, other: &NodeSet) -> NodeSet {
        NodeSet(std::array::from_fn(|w| self.0[w] & other.0[w]))
    }

    /// Members of either.
    #[must_use]
    pub fn union(&self, other: &NodeSet) -> NodeSet {
        NodeSet(std::array::from_fn(|w| self.0[w] | other.0[w]))
    }

    /// Members of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &NodeSet) -> NodeSet {
        NodeSet(std::array::from_fn(|w| self.0[w] & !other.0[w]))
    }

    /// Whether every member is also in `other`.
    pub fn is_subset(&self, other: &NodeSet) -> bool {
        self.difference(other).is_empty()
    }

    #[inline]
    fn place(node: NodeIndex) -> (usize, u64) {
        (node.as_usize() / 64, 1 << (node.0 % 64))
    }
}

impl FromIterator<NodeIndex> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeIndex>>(nodes: I) -> Self {
        let mut set = NodeSet::EMPTY;
        nodes.into_iter().for_each(|node| {
            set.insert(node);
        });
        set
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|node| node.0)).finish()
    }
}

impl Encode for NodeSet {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let mut bytes = [0; WORDS * 8];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        encoder.writer().write(&[used as u8])?;
        encoder.writer().write(&bytes[..used])
    }
}

impl<C> Decode<C> for NodeSet {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let used = usize::from(u8::decode(decoder)?);
        let mut bytes = [0; WORDS * 8];
        let Some(target) = bytes.get_mut(..used) else {
            return Err(DecodeError::Other("node set longer than its capacity"));
        };
        decoder.reader().read(target)?;
        if target.last() == Some(&0) {
            return Err(DecodeError::Other("node set with a trailing zero byte"));
        }
        let mut words = [0; WORDS];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut le = [0; 8];
            le.copy_from_slice(chunk);
            *word = u64::from_le_bytes(le);
        }
        Ok(NodeSet(words))
    }
}

impl<'de, C> bincode::BorrowDecode<'de, C> for NodeSet {
    fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_distinct_members_once_and_ignores_what_cannot_exist() {
        let mut set = NodeSet::EMPTY;
        for i in [0, 63, 64, 255] {
            assert!(set.insert(NodeIndex(i)));
            assert!(!set.insert(NodeIndex(i)));
        }
        assert!(!set.insert(NodeIndex(256)) && !set.contains(NodeIndex(256)));
        assert_eq!(set.iter().map(|n| n.0).collect::<Vec<_>>(), [0, 63, 64, 255]);
        assert!(set.remove(NodeIndex(64)) && !set.remove(NodeIndex(64)));
        assert_eq!(set.len(), 3);
        assert_eq!(NodeSet::first(70).len(), 70);
        assert!(NodeSet::first(3).is_subset(&NodeSet::first(4)));
    }
}
