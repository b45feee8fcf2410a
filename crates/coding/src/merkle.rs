//! The Merkle tree over n leaves, for any n: a lone node at the end of a level moves up as it is.
//!
//! The shape depends on n alone, so an index fixes how many siblings its path has and on which side each stands.

use mellivora_core::{Digest, hash::HashKey};

const LEAF: HashKey = HashKey::new("mellivora/v1 coding leaf");
pub(crate) const NODE: HashKey = HashKey::new("mellivora/v1 coding node");

/// The hash of a shard that was verified, so that decoding need not compute it again. Only
/// [`Codec::verify`](crate::Codec::verify) makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafHash(pub(crate) Digest);

pub(crate) fn leaf(shard: &[u8]) -> Digest {
    LEAF.digest(shard)
}

/// A hasher for a leaf that comes in stripes.
pub(crate) fn leaf_hasher() -> blake3::Hasher {
    LEAF.hasher()
}

fn node(left: &Digest, right: &Digest) -> Digest {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&left.0);
    both[32..].copy_from_slice(&right.0);
    NODE.digest(&both)
}

/// Number of siblings on the path of leaf `index` among `n`.
pub(crate) fn path_len(n: usize, index: usize) -> usize {
    let (mut width, mut at, mut len) = (n, index, 0);
    while width > 1 {
        len += usize::from(at ^ 1 < width);
        width = width.div_ceil(2);
        at /= 2;
    }
    len
}

/// The root that `leaf` at `index` among `n` leads to; `None` unless `path` has exactly the right length.
pub(crate) fn root_from(n: usize, index: usize, leaf: Digest, path: &[Digest]) -> Option<Digest> {
    if index >= n || path.len() != path_len(n, index) {
        return None;
    }
    let mut siblings = path.iter();
    let (mut width, mut at, mut here) = (n, index, leaf);
    while width > 1 {
        if at ^ 1 < width {
            let sibling = siblings.next()?;
            here = if at & 1 == 0 { node(&here, sibling) } else { node(sibling, &here) };
        }
        width = width.div_ceil(2);
        at /= 2;
    }
    Some(here)
}

/// All levels of a tree, leaves first.
#[derive(Debug)]
pub(crate) struct Tree(Vec<Vec<Digest>>);

impl Tree {
    pub(crate) fn new(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|level| level.len() > 1) {
            let next = last
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(left, right),
                    lone => lone.first().copied().unwrap_or_default(),
                })
                .collect();
            levels.push(next);
        }
        Tree(levels)
    }

    pub(crate) fn root(&self) -> Digest {
        self.0.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// The siblings of leaf `index`, lowest first.
    pub(crate) fn path(&self, index: usize) -> Vec<Digest> {
        let below_root = self.0.len().saturating_sub(1);
        self.0
            .iter()
            .take(below_root)
            .enumerate()
            .filter_map(|(h, level)| level.get((index >> h) ^ 1).copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: usize) -> Vec<Digest> {
        (0..n).map(|i| leaf(&[i as u8, (i >> 8) as u8])).collect()
    }

    #[test]
    fn every_path_leads_to_the_root_from_its_own_index_only() {
        for n in (1..=40).chain([64, 65, 100, 127, 255, 256]) {
            let leaves = leaves(n);
            let tree = Tree::new(leaves.clone());
            let depth = n.next_power_of_two().trailing_zeros() as usize;
            for (i, leaf) in leaves.iter().enumerate() {
                let path = tree.path(i);
                assert!(path.len() <= depth);
                assert_eq!(root_from(n, i, *leaf, &path), Some(tree.root()), "n {n} leaf {i}");
                for other in (0..=n).filter(|&other| other != i) {
                    assert_ne!(root_from(n, other, *leaf, &path), Some(tree.root()), "n {n} leaf {i} as {other}");
                }
                let longer: Vec<_> = path.iter().copied().chain([*leaf]).collect();
                assert_eq!(root_from(n, i, *leaf, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(root_from(n, i, *leaf, shorter), None);
                }
            }
        }
    }

    #[test]
    fn trees_that_differ_only_in_a_repeated_last_leaf_differ() {
        for n in 1..20 {
            let mut repeated = leaves(n);
            let root = Tree::new(repeated.clone()).root();
            repeated.push(repeated[n - 1]);
            assert_ne!(Tree::new(repeated).root(), root);
        }
    }
}
