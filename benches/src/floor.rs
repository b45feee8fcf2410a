//! The floor: what an epoch of HoneyBadger costs if nothing is done but what cannot be left out.
//!
//! For the same transactions as an epoch of a cluster, one thread performs the primitive operations of all n nodes, one
//! after another: no messages, no state machines, no queues, no scheduling. The distance from the floor is what the
//! implementation adds, and survives a machine that is slow today.
//!
//! | who, for each | operation | why nobody can leave it out |
//! |---|---|---|
//! | proposer, proposal | copy the transactions into one buffer behind a length table | a proposal is coded, sealed and hashed as one piece |
//! | | seal: encapsulate, AES-256-GCM over all, one hash of the sealed bytes | confidentiality until the order is fixed; the proof that makes a copied ciphertext worthless covers the bytes |
//! | | Reed-Solomon parity, hash of all n shards, Merkle tree | the commitment to the shards |
//! | other node, proposal | copy k shards once | they arrive in k frames, and opening wants them in one piece |
//! | | recompute the parity, hash n shards once, compare the root | without it nodes may end up with different payloads |
//! | | check the encapsulation, combine f + 1 shares, recompute the encapsulation | before a share is released; after it, nothing else tells a right opening from a wrong one |
//! | | AES-256-GCM over all | the plaintext |
//! | | read the length table | the transactions |
//! | each node, ciphertext | a decryption share | the others need f + 1 |
//! | each node, transaction | a 128-bit hash under a key of its own, one insertion into a set | no transaction twice |
//! | each node | sign the checkpoint | whoever was away asks for proof that the batch exists |
//!
//! Left out on purpose, so that doing it counts against an implementation: a proposer does nothing for its own proposal
//! but hash its transactions; receivers do not hash the sealed bytes again for the check (the leaves of the tree, which
//! they have hashed, could vouch for them); nobody verifies a checkpoint that came over an authenticated link; agreement, encoding and delivery of messages cost nothing; the systematic
//! shards are always at hand, so nothing is reconstructed.
//!
//! Empty proposals are coded and checked, and neither sealed nor opened.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mellivora::coding::{Codec, Decoded};
use mellivora::core::domain::Purpose;
use mellivora::core::{Committee, Digest, Layer, NodeIndex, Round, Segment};
use mellivora::crypto::{DecryptionShare, EncryptionScheme, NodeKeys, Seed, Suite, TAG_BYTES, sealed_digest};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::clock::thread_cpu;
use crate::setup;

/// Hashes that are uniform already.
#[derive(Clone, Copy, Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

type Seen = HashSet<(u64, u64), BuildHasherDefault<Uniform>>;

/// The floor of one committee. See the [module page](self).
#[derive(Debug)]
pub struct Floor {
    committee: Committee,
    keys: Vec<NodeKeys>,
    codec: Arc<Codec>,
    encrypted: bool,
    seen: Vec<Seen>,
    epoch: u64,
}

/// A proposal on its way, as all nodes know it.
struct Sealed<'a> {
    label: Digest,
    header: Vec<u8>,
    digest: Digest,
    shares: Vec<(NodeIndex, DecryptionShare)>,
    scheme: &'a [NodeKeys],
}

impl Floor {
    /// The floor of a committee. `encrypted` asks for a suite that can encrypt.
    pub fn new(committee: Committee, suite: Suite, encrypted: bool) -> Self {
        Floor {
            committee,
            keys: setup::keys(suite, committee),
            codec: setup::codec(committee),
            encrypted: encrypted && suite.encrypts(),
            seen: committee.nodes().map(|_| Seen::default()).collect(),
            epoch: 0,
        }
    }

    /// One epoch in which the nodes propose these transactions; nodes without an entry propose none. Returns the CPU
    /// time of this thread.
    ///
    /// # Panics
    ///
    /// If an operation fails or a transaction is there twice: a floor that did not do the work is no floor.
    pub fn epoch(&mut self, proposals: &[Vec<Bytes>]) -> Duration {
        self.epoch += 1;
        let before = thread_cpu();
        let mut untimed = Duration::ZERO;
        let total: usize = proposals.iter().map(Vec::len).sum();
        for seen in &mut self.seen {
            seen.clear();
            seen.reserve(total);
        }
        for proposer in self.committee.nodes() {
            let transactions = proposals.get(proposer.as_usize()).map_or(&[][..], Vec::as_slice);
            untimed += self.proposal(proposer, transactions);
        }
        self.checkpoints();
        let spent = thread_cpu().saturating_sub(before + untimed);
        for seen in &self.seen {
            assert_eq!(seen.len(), total, "every node has every transaction once");
        }
        spent
    }

    /// One proposal at all nodes. Returns time that is not part of the floor.
    fn proposal(&mut self, proposer: NodeIndex, transactions: &[Bytes]) -> Duration {
        let encrypted = self.encrypted && !transactions.is_empty();
        let mut payload = frame(transactions);
        let mut untimed = Duration::ZERO;
        let mut sealed = None;
        if encrypted {
            let label = setup::domain(self.epoch)
                .child(Segment::of(Layer::Slot, proposer))
                .statement(Purpose::Encryption, Round(0))
                .digest();
            let seed = Seed(*blake3::hash(label.as_ref()).as_bytes());
            let header = scheme(&self.keys, proposer).seal(&label, &seed, &mut payload);
            let pause = thread_cpu();
            let digest = sealed_digest([payload.as_slice()]);
            untimed = thread_cpu().saturating_sub(pause);
            let share = |node| (node, some(scheme(&self.keys, node).share(&header), "a share of a valid header"));
            let shares = self.committee.nodes().map(share).collect();
            // At the end instead of the front: the same bytes without moving the others.
            payload.extend_from_slice(&header);
            sealed = Some(Sealed { label, header, digest, shares, scheme: &self.keys });
        }
        let encoded = self.codec.encode(payload.into()).unwrap_or_else(|error| panic!("{error}"));
        let len = encoded.body.len();
        let k = self.committee.data_shards();
        for node in self.committee.nodes() {
            let key = self.keys[node.as_usize()].identity().key().to_bytes();
            let mut key16 = [0; 16];
            key16.copy_from_slice(&key[..16]);
            let seen = &mut self.seen[node.as_usize()];
            if node == proposer {
                for transaction in transactions {
                    seen.insert(fingerprint(&key16, transaction));
                }
                continue;
            }
            let offered: Vec<_> =
                self.committee.nodes().zip(&encoded.shards).take(k).map(|(i, shard)| (i, shard, None)).collect();
            let mut body = Vec::with_capacity(len);
            for (_, shard, _) in &offered {
                let left = len - body.len();
                body.extend_from_slice(&shard.data[..shard.data.len().min(left)]);
            }
            let decoded = self.codec.decode(&encoded.commitment, &offered);
            assert!(matches!(decoded, Decoded::Match(_)), "the codeword decodes");
            let plain = match &sealed {
                Some(sealed) => sealed.open(self.committee, node, body),
                None => body,
            };
            parse(&plain, |transaction| {
                seen.insert(fingerprint(&key16, transaction));
            });
        }
        untimed
    }

    fn checkpoints(&self) {
        let statement = setup::domain(self.epoch).statement(Purpose::Checkpoint, Round(0)).to_bytes();
        for keys in &self.keys {
            std::hint::black_box(keys.sign(&statement));
        }
    }
}

impl Sealed<'_> {
    fn open(&self, committee: Committee, node: NodeIndex, mut body: Vec<u8>) -> Vec<u8> {
        let scheme = scheme(self.scheme, node);
        assert!(scheme.check(&self.label, &self.header, &self.digest), "a genuine ciphertext");
        let shares = &self.shares[..committee.one_honest()];
        let seed = some(scheme.combine(&self.label, &self.header, shares), "genuine shares combine");
        body.truncate(body.len() - self.header.len());
        some(scheme.unseal(&self.label, &self.header, &seed, body), "a genuine payload opens")
    }
}

fn scheme(keys: &[NodeKeys], node: NodeIndex) -> &dyn EncryptionScheme {
    some(keys[node.as_usize()].encryption(), "the suite can encrypt").as_ref()
}

fn some<T>(value: Option<T>, what: &str) -> T {
    value.unwrap_or_else(|| panic!("{what}"))
}

/// Count, lengths, transactions; nothing for an empty list. Leaves room for a tag and a header.
fn frame(transactions: &[Bytes]) -> Vec<u8> {
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

fn parse(framed: &[u8], mut visit: impl FnMut(&[u8])) {
    let Some((count, rest)) = framed.split_first_chunk() else { return };
    let (table, mut rest) = rest.split_at(4 * u32::from_le_bytes(*count) as usize);
    for length in table.as_chunks().0 {
        let (transaction, after) = rest.split_at(u32::from_le_bytes(*length) as usize);
        visit(transaction);
        rest = after;
    }
    assert!(rest.is_empty(), "the table covers all bytes");
}

fn fingerprint(key: &[u8; 16], transaction: &[u8]) -> (u64, u64) {
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write(transaction);
    let hash = hasher.finish128();
    (hash.h1, hash.h2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;

    #[test]
    fn it_does_the_work_of_every_size_and_suite() {
        for (suite, encrypted) in [(Suite::Ristretto255, true), (Suite::Bls12381, true), (Suite::Ristretto255, false)] {
            for (n, batch) in [(1, 3), (4, 1), (4, 100), (7, 7)] {
                let mut floor = Floor::new(setup::committee(n), suite, encrypted);
                let mut workload = Workload::new(50, 3);
                for _ in 0..2 {
                    assert!(floor.epoch(&workload.split(batch, n)) > Duration::ZERO);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "every transaction once")]
    fn it_notices_a_transaction_that_is_there_twice() {
        let twice = Workload::new(50, 3).take(1);
        Floor::new(setup::committee(4), Suite::default(), false).epoch(&[twice.clone(), twice]);
    }
}
