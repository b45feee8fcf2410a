//! Commits to anything: a naive implementation of the tree, which does not care whether the leaves are a codeword.

use bytes::Bytes;
use mellivora_coding::{Codec, CodecError, Proof, Shard};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Committee, Digest, NodeIndex, hash::HashKey};

const LEAF: HashKey = HashKey::new("mellivora/v1 coding leaf");
const NODE: HashKey = HashKey::new("mellivora/v1 coding node");
const ROOT: HashKey = HashKey::new("mellivora/v1 coding root");

/// The hash of a shard, as a leaf of the tree.
pub(super) fn leaf_hash(shard: &[u8]) -> Digest {
    LEAF.digest(shard)
}

/// A tree over any leaves, with valid proofs for each.
#[derive(Clone, Debug)]
pub struct ForgedTree {
    committee: Committee,
    len: usize,
    leaves: Vec<Bytes>,
    hashes: Vec<Digest>,
}

impl ForgedTree {
    /// The tree of an honest proposer. Fails for a payload beyond the codec's limit.
    pub fn honest(codec: &Codec, payload: Bytes) -> Result<Self, CodecError> {
        let len = payload.len();
        let leaves: Vec<Bytes> = codec.encode(payload)?.shards.into_iter().map(|shard| shard.data.0).collect();
        let hashes = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        Ok(ForgedTree { committee: codec.committee(), len, leaves, hashes })
    }

    /// Changes a byte of a leaf.
    pub fn flip(&mut self, leaf: usize, byte: usize, mask: u8) {
        let (Some(data), Some(hash)) = (self.leaves.get_mut(leaf), self.hashes.get_mut(leaf)) else { return };
        let mut changed = data.to_vec();
        if let Some(place) = byte.checked_rem(changed.len()).and_then(|at| changed.get_mut(at)) {
            *place ^= mask;
        }
        *hash = leaf_hash(&changed);
        *data = changed.into();
    }

    /// Claims another length of the payload.
    pub fn claim_len(&mut self, len: usize) {
        self.len = len;
    }

    /// What binds all of it.
    pub fn commitment(&self) -> Digest {
        let shard_len = self.leaves.first().map_or(0, Bytes::len);
        let numbers = [self.committee.n(), self.committee.data_shards(), shard_len, self.len];
        let mut input: Vec<u8> = numbers.iter().flat_map(|&number| (number as u32).to_be_bytes()).collect();
        input.extend_from_slice(&self.subtree(0, self.leaves.len()).0);
        ROOT.digest(&input)
    }

    /// The shard of a node, with a valid proof.
    pub fn shard(&self, node: NodeIndex) -> Shard {
        let index = node.as_usize();
        let mut path = Vec::new();
        let (mut from, mut to) = (0, self.leaves.len());
        while to - from > 1 {
            let middle = from + left(to - from);
            if index < middle {
                path.push(self.subtree(middle, to));
                to = middle;
            } else {
                path.push(self.subtree(from, middle));
                from = middle;
            }
        }
        path.reverse();
        let data = self.leaves.get(index).cloned().unwrap_or_default();
        Shard { proof: Proof { len: self.len as u32, path: List::new(path) }, data: Blob(data) }
    }

    /// Top down, where the codec goes bottom up.
    fn subtree(&self, from: usize, to: usize) -> Digest {
        if to - from <= 1 {
            return self.hashes.get(from).copied().unwrap_or_default();
        }
        let middle = from + left(to - from);
        NODE.digest(&[self.subtree(from, middle).0, self.subtree(middle, to).0].concat())
    }
}

/// The left subtree is the largest full one that leaves something on the right.
fn left(width: usize) -> usize {
    width.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_of_changed_leaves_are_valid_and_an_untouched_tree_is_the_codecs() {
        for n in [1, 4, 5, 6, 7, 10, 16] {
            let committee = Committee::new(n).unwrap();
            let codec = Codec::new(committee, 1 << 16).unwrap();
            let payload = Bytes::from(vec![3; 1000]);
            let mut tree = ForgedTree::honest(&codec, payload.clone()).unwrap();
            assert_eq!(tree.commitment(), codec.encode(payload).unwrap().commitment);
            let honest = tree.commitment();
            tree.flip(n - 1, 5, 1);
            assert_ne!(tree.commitment(), honest);
            for node in committee.nodes() {
                assert!(codec.verify(&tree.commitment(), node, &tree.shard(node)).is_some(), "n {n}, {node:?}");
            }
        }
    }
}
