//! The domains of an instance's parts, and the order of the candidates.

use mellivora_broadcast::pb::stored;
use mellivora_core::hash::HashKey;
use mellivora_core::{Committee, Digest, Domain, Layer, NodeIndex, Purpose, Round, Segment, planted};
use mellivora_crypto::{Certificate, Claim, CoinValue};

use crate::mvba::MvbaParams;

/// The names within one instance.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    domain: Domain,
    quorum: usize,
}

/// The step to the broadcast of a node's value.
pub(super) fn value(proposer: NodeIndex) -> Segment {
    Segment::of(Layer::Pb, proposer)
}

/// The step to the broadcast of a node's commitment.
pub(super) fn commitment(proposer: NodeIndex) -> Segment {
    Segment::of(Layer::IndexSet, proposer)
}

/// The step to the binary agreement on a candidate.
pub(super) fn agreement(candidate: NodeIndex) -> Segment {
    Segment::of(Layer::Aba, candidate)
}

impl Names {
    /// The names within the instance with these parameters.
    pub fn new(params: &MvbaParams) -> Self {
        Names { domain: params.domain, quorum: params.committee.quorum() }
    }

    /// The domain of the broadcast of a node's value.
    pub fn value(&self, proposer: NodeIndex) -> Domain {
        self.domain.child(value(proposer))
    }

    /// The domain of the broadcast of a node's commitment.
    pub fn commitment(&self, proposer: NodeIndex) -> Domain {
        self.domain.child(commitment(proposer))
    }

    /// The domain of the binary agreement on a candidate.
    pub fn agreement(&self, candidate: NodeIndex) -> Domain {
        self.domain.child(agreement(candidate))
    }

    /// The name of the coin that orders the candidates.
    pub fn coin(&self) -> Digest {
        self.domain.statement(Purpose::Coin, Round(0)).digest()
    }

    /// That a quorum holds the candidate's value with this root.
    pub fn certified(&self, candidate: NodeIndex, root: Digest, certificate: Certificate) -> Claim {
        Claim::many(stored(&self.value(candidate), root), self.quorum, certificate)
    }
}

const ORDER: HashKey = HashKey::new("mellivora/v1 candidates");

/// The order in which candidates are tried: a random permutation, the same at every node. Each node draws a number of 256
/// bits, so that two alike never come up, and the least goes first.
pub fn order(coin: &CoinValue, committee: Committee) -> Vec<NodeIndex> {
    let mut nodes: Vec<NodeIndex> = committee.nodes().collect();
    if !planted("ckps-order-known") {
        nodes.sort_by_key(|node| ORDER.digest_parts(&[coin.0.as_ref(), &node.0.to_be_bytes()]));
    }
    nodes
}
