//! What an instance is told when it is made.

use std::sync::Arc;

use mellivora_coding::Codec;
use mellivora_core::{Committee, NodeIndex, NodeSet};

/// Who sends whole shards to whom. Decides bandwidth only; all nodes of a cluster should use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoMode {
    /// Every shard goes to everybody.
    Full,
    /// Shards go to the k + `spare` - 1 successors, hashes to the others, who ask by silence: see rule 4 of the
    /// [module](super). With `spare` = f, f silent nodes cost no extra delay.
    Saving {
        /// How many more shards than k each node is sent at first.
        spare: usize,
    },
}

impl EchoMode {
    /// The saving variant that is at its best with up to f silent nodes.
    pub fn saving(committee: Committee) -> Self {
        EchoMode::Saving { spare: committee.f() }
    }

    /// How many successors get the whole shard.
    fn reach(self, committee: Committee) -> usize {
        let others = committee.n().saturating_sub(1);
        match self {
            EchoMode::Full => others,
            EchoMode::Saving { spare } => (committee.data_shards() - 1).saturating_add(spare).min(others),
        }
    }

    /// Who gets the whole shard of `from` at first: itself and its successors.
    pub(super) fn full_receivers(self, committee: Committee, from: NodeIndex) -> NodeSet {
        ring(committee, from, self.reach(committee), |at, step, n| at + step % n)
    }

    /// Who sends `to` its whole shard at first: `to` itself and its predecessors.
    pub(super) fn full_senders(self, committee: Committee, to: NodeIndex) -> NodeSet {
        ring(committee, to, self.reach(committee), |at, step, n| at + n - step % n)
    }
}

fn ring(committee: Committee, at: NodeIndex, reach: usize, walk: fn(usize, usize, usize) -> usize) -> NodeSet {
    let n = committee.n();
    // A committee has at most 256 nodes, so the index fits.
    (0..=reach).map(|step| NodeIndex((walk(at.as_usize(), step, n) % n) as u16)).collect()
}

/// Parameters of one instance.
#[derive(Clone, Debug)]
pub struct RbcConfig {
    /// Size and fault bound; that of the codec.
    pub committee: Committee,
    /// This node.
    pub me: NodeIndex,
    /// The node whose payload is broadcast.
    pub proposer: NodeIndex,
    /// The code, shared by all instances of a committee. It also holds the limit on payloads.
    pub codec: Arc<Codec>,
    /// Who sends whole shards to whom.
    pub echo: EchoMode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_and_receivers_mirror_each_other_and_are_enough_to_decode() {
        for n in [1, 2, 4, 5, 6, 7, 10, 31] {
            let committee = Committee::new(n).unwrap();
            for mode in [EchoMode::Full, EchoMode::saving(committee), EchoMode::Saving { spare: 0 }] {
                for a in committee.nodes() {
                    let receivers = mode.full_receivers(committee, a);
                    assert!(receivers.contains(a));
                    assert!(receivers.len() >= committee.data_shards());
                    for b in committee.nodes() {
                        assert_eq!(receivers.contains(b), mode.full_senders(committee, b).contains(a));
                    }
                }
            }
            assert_eq!(EchoMode::Full.full_receivers(committee, NodeIndex(0)), committee.all());
            assert_eq!(EchoMode::Saving { spare: usize::MAX }.full_receivers(committee, NodeIndex(0)), committee.all());
        }
    }
}
