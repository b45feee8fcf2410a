//! What is done with transactions: framing, parsing, and finding those that are there twice.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use bytes::Bytes;
use mellivora::crypto::{NodeKeys, TAG_BYTES};
use siphasher::sip128::{Hasher128, SipHasher13};

/// Hashes that are uniform already.
#[derive(Clone, Copy, Default)]
pub(super) struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

/// The transactions of an epoch that a node has seen, as hashes under a key of its own.
#[derive(Debug)]
pub(super) struct Seen {
    key: [u8; 16],
    hashes: HashSet<(u64, u64), BuildHasherDefault<Uniform>>,
}

impl Seen {
    pub(super) fn new(keys: &NodeKeys) -> Self {
        let identity = keys.identity().key().to_bytes();
        let mut key = [0; 16];
        key.copy_from_slice(&identity[..16]);
        Seen { key, hashes: HashSet::default() }
    }

    pub(super) fn clear(&mut self, room: usize) {
        self.hashes.clear();
        self.hashes.reserve(room);
    }

    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(super) fn insert(&mut self, transaction: &[u8]) {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(transaction);
        let hash = hasher.finish128();
        self.hashes.insert((hash.h1, hash.h2));
    }
}

/// Count, lengths, transactions; nothing for an empty list. Leaves room for a tag and a header.
pub(super) fn frame(transactions: &[Bytes]) -> Vec<u8> {
    const HEADER: usize = 256;
    let content: usize = transactions.iter().map(Bytes::len).sum();
    if transactions.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(4 + 4 * transactions.len() + content + TAG_BYTES + HEADER);
    out.extend_from_slice(&(transactions.len() as u32).to_le_bytes());
    transactions.iter().for_each(|transaction| out.extend_from_slice(&(transaction.len() as u32).to_le_bytes()));
    transactions.iter().for_each(|transaction| out.extend_from_slice(transaction));
    out
}

pub(super) fn parse(framed: &[u8], mut visit: impl FnMut(&[u8])) {
    let Some((count, rest)) = framed.split_first_chunk() else { return };
    let (table, mut rest) = rest.split_at(4 * u32::from_le_bytes(*count) as usize);
    for length in table.as_chunks().0 {
        let (transaction, after) = rest.split_at(u32::from_le_bytes(*length) as usize);
        visit(transaction);
        rest = after;
    }
    assert!(rest.is_empty(), "the table covers all bytes");
}
