//! What the tests of all suites share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use mellivora_core::{Committee, Digest, NodeIndex, hash::HashKey};
use mellivora_crypto::{CoinShare, DecryptionShare, NodeKeys, Suite, deal_nodes, sealed_digest};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// The sizes at which every property is tested: no fault bound, exact and slack ones.
pub const SIZES: [usize; 5] = [1, 4, 5, 7, 10];

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub fn nodes(suite: Suite, n: usize) -> Vec<NodeKeys> {
    deal_nodes(suite, Committee::new(n).unwrap(), &mut rng(n as u64)).unwrap()
}

pub fn name(text: &str) -> Digest {
    HashKey::new("test names").digest(text.as_bytes())
}

pub fn index(i: usize) -> NodeIndex {
    NodeIndex(u16::try_from(i).unwrap())
}

/// Suites that encrypt.
pub fn encrypting() -> impl Iterator<Item = Suite> {
    Suite::ALL.iter().copied().filter(|suite| suite.encrypts())
}

pub fn coin_shares(nodes: &[NodeKeys], name: &Digest) -> Vec<(NodeIndex, CoinShare)> {
    nodes.iter().map(|node| (node.index(), node.coin().share(name))).collect()
}

/// All subsets of `items` with `size` members, or a spread of them where there are too many.
pub fn subsets<T: Clone>(items: &[T], size: usize) -> Vec<Vec<T>> {
    let mut found = Vec::new();
    for mask in 0u32..1 << items.len() {
        if mask.count_ones() as usize == size {
            found.push((0..items.len()).filter(|i| mask >> i & 1 == 1).map(|i| items[i].clone()).collect());
        }
    }
    let step = found.len().div_ceil(40);
    found.into_iter().step_by(step).collect()
}

/// A ciphertext and the shares of all nodes.
pub struct Sealed {
    pub label: Digest,
    pub header: Vec<u8>,
    pub body: Vec<u8>,
    pub digest: Digest,
    pub seed: mellivora_crypto::Seed,
}

impl Sealed {
    pub fn new(by: &NodeKeys, label: &str, seed: u8, payload: &[u8]) -> Self {
        let label = name(label);
        let seed = mellivora_crypto::Seed([seed; 32]);
        let mut body = payload.to_vec();
        let header = by.encryption().unwrap().seal(&label, &seed, &mut body);
        let digest = sealed_digest([body.as_slice()]);
        Sealed { label, header, body, digest, seed }
    }

    pub fn checks(&self, by: &NodeKeys) -> bool {
        by.encryption().unwrap().check(&self.label, &self.header, &self.digest)
    }

    pub fn shares(&self, nodes: &[NodeKeys]) -> Vec<(NodeIndex, DecryptionShare)> {
        nodes.iter().map(|node| (node.index(), node.encryption().unwrap().share(&self.header).unwrap())).collect()
    }
}
