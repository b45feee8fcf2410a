//! Commits to anything: a second, naive implementation of the tree, which does not care whether the leaves are a
//! codeword. It also checks the real one.

#![allow(dead_code)] // Shared by test files that each use a part.

use bytes::Bytes;
use mellivora_coding::{Codec, Proof, Shard};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Digest, hash::HashKey};
use proptest::sample::Index;

const LEAF: HashKey = HashKey::new("mellivora/v1 coding leaf");
const NODE: HashKey = HashKey::new("mellivora/v1 coding node");
const ROOT: HashKey = HashKey::new("mellivora/v1 coding root");

pub(crate) struct Forger {
    n: usize,
    k: usize,
    len: usize,
    leaves: Vec<Vec<u8>>,
    original: Vec<Vec<u8>>,
}

impl Forger {
    pub(crate) fn new(codec: &Codec, payload: Bytes) -> Self {
        let len = payload.len();
        let encoded = codec.encode(payload).unwrap();
        let leaves: Vec<Vec<u8>> = encoded.shards.iter().map(|shard| shard.data.to_vec()).collect();
        let committee = codec.committee();
        let forger = Forger { n: committee.n(), k: committee.data_shards(), len, original: leaves.clone(), leaves };
        assert_eq!(forger.commitment(), encoded.commitment, "both implementations agree");
        forger
    }

    pub(crate) fn flip(&mut self, leaf: usize, byte: Index, mask: u8) {
        self.flip_at(leaf, byte.index(self.leaves[leaf].len()), mask);
    }

    pub(crate) fn flip_at(&mut self, leaf: usize, byte: usize, mask: u8) {
        self.leaves[leaf][byte] ^= mask;
    }

    pub(crate) fn claim_len(&mut self, len: usize) {
        self.len = len;
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.leaves == self.original
    }

    pub(crate) fn commitment(&self) -> Digest {
        let numbers = [self.n, self.k, self.leaves[0].len(), self.len];
        let mut input: Vec<u8> = numbers.iter().flat_map(|&x| (x as u32).to_be_bytes()).collect();
        input.extend_from_slice(&self.subtree(0, self.n).0);
        ROOT.digest(&input)
    }

    pub(crate) fn shard(&self, index: usize) -> Shard {
        let mut path = Vec::new();
        let (mut from, mut to) = (0, self.n);
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                path.push(self.subtree(middle, to));
                to = middle;
            } else {
                path.push(self.subtree(from, middle));
                from = middle;
            }
        }
        path.reverse();
        Shard {
            proof: Proof { len: self.len as u32, path: List::new(path) },
            data: Blob(self.leaves[index].clone().into()),
        }
    }

    /// Top down, where the real one goes bottom up.
    fn subtree(&self, from: usize, to: usize) -> Digest {
        if to - from == 1 {
            return LEAF.digest(&self.leaves[from]);
        }
        let middle = from + split(to - from);
        NODE.digest(&[self.subtree(from, middle).0, self.subtree(middle, to).0].concat())
    }
}

/// The left subtree is the largest full one that leaves something on the right.
fn split(width: usize) -> usize {
    width.next_power_of_two() / 2
}
