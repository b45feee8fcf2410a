//! What the tests of this agreement share.

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin, Stage};
use mellivora_agreement::ckps::{self, Names};
use mellivora_agreement::{Ckps, CkpsMessage, Mvba};
use mellivora_broadcast::PbMessage;
use mellivora_broadcast::pb::stored;
use mellivora_coding::{Body, ChunkTree};
use mellivora_core::codec::{Blob, encode};
use mellivora_core::{Digest, NodeIndex, NodeSet};
use mellivora_crypto::Certificate;

pub(crate) use crate::values::*;

pub(crate) fn ckps(n: usize, me: u16, seed: u64) -> Ckps {
    Ckps::new(params(n, NodeIndex(me), seed))
}

pub(crate) fn names(n: usize) -> Names {
    Names::new(&params(n, NodeIndex(0), 0))
}

/// The order in which candidates are tried.
pub(crate) fn order(n: usize, seed: u64) -> Vec<NodeIndex> {
    let coin = IdealCoin::new(committee(n), NodeIndex(0), seed);
    ckps::order(&coin.peek(&names(n).coin()), committee(n))
}

/// The first seed whose order begins like this.
pub(crate) fn seed_with(n: usize, first: &[u16]) -> u64 {
    (0..).find(|&seed| order(n, seed).iter().zip(first).all(|(node, &wanted)| node.0 == wanted)).unwrap()
}

pub(crate) fn set(nodes: &[u16]) -> NodeSet {
    nodes.iter().map(|&node| NodeIndex(node)).collect()
}

pub(crate) fn root(value: &str) -> Digest {
    ChunkTree::commit(Body::from_bytes(Bytes::copy_from_slice(value.as_bytes()))).unwrap().commitment()
}

/// A stage with inputs at all honest nodes.
pub(crate) fn stage(n: usize, byzantine: &[u16], seed: u64) -> Stage<Ckps> {
    let mut stage = Stage::new(committee(n), byzantine, |me| ckps(n, me.0, seed));
    for node in stage.honest().collect::<Vec<_>>() {
        stage.input(node, input(NodeIndex(node)));
    }
    stage
}

/// What a Byzantine node can say, and certificates that honest nodes have signed for.
pub(crate) struct Puppet {
    pub(crate) me: u16,
    pub(crate) n: usize,
    pub(crate) seed: u64,
}

impl Puppet {
    /// That these nodes hold this node's value.
    pub(crate) fn certificate(&self, value: &str, signers: &[u16]) -> Certificate {
        let statement = stored(&names(self.n).value(NodeIndex(self.me)), root(value));
        IdealCertificates::new(committee(self.n), NodeIndex(self.me)).certificate_of(set(signers), &statement)
    }

    pub(crate) fn send(&self, value: &str) -> CkpsMessage {
        let value = Bytes::copy_from_slice(value.as_bytes());
        self.of_value(PbMessage::Send(Blob(value)))
    }

    pub(crate) fn finish(&self, value: &str, signers: &[u16]) -> CkpsMessage {
        self.of_value(PbMessage::Final(root(value), self.certificate(value, signers)))
    }

    /// The certificate of its value, shown as if it had been asked for.
    pub(crate) fn shown(&self, value: &str, signers: &[u16]) -> CkpsMessage {
        CkpsMessage::Certificate {
            candidate: NodeIndex(self.me),
            root: root(value),
            certificate: self.certificate(value, signers),
        }
    }

    pub(crate) fn of_value(&self, message: PbMessage) -> CkpsMessage {
        CkpsMessage::Value { proposer: NodeIndex(self.me), message }
    }

    pub(crate) fn commits(&self, nodes: &[u16]) -> CkpsMessage {
        let message = PbMessage::Send(Blob(encode(&set(nodes))));
        CkpsMessage::Commitment { proposer: NodeIndex(self.me), message }
    }

    /// The certificate of its commitment.
    pub(crate) fn committed(&self, nodes: &[u16], signers: &[u16]) -> CkpsMessage {
        let root = ChunkTree::commit(Body::from_bytes(encode(&set(nodes)))).unwrap().commitment();
        let statement = stored(&names(self.n).commitment(NodeIndex(self.me)), root);
        let scheme = IdealCertificates::new(committee(self.n), NodeIndex(self.me));
        let message = PbMessage::Final(root, scheme.certificate_of(set(signers), &statement));
        CkpsMessage::Commitment { proposer: NodeIndex(self.me), message }
    }

    pub(crate) fn share(&self) -> CkpsMessage {
        let coin = IdealCoin::new(committee(self.n), NodeIndex(self.me), self.seed);
        CkpsMessage::Share(coin.share_of(NodeIndex(self.me), &names(self.n).coin()))
    }
}

/// A short name of a message's kind, and whom it is about.
pub(crate) fn kind(message: &CkpsMessage) -> (&'static str, u16) {
    let name = match message {
        CkpsMessage::Value { message: PbMessage::Final(..), .. } => "final",
        CkpsMessage::Value { .. } => "value",
        CkpsMessage::Commitment { message: PbMessage::Final(..), .. } => "committed",
        CkpsMessage::Commitment { .. } => "commitment",
        CkpsMessage::Share(_) => "share",
        CkpsMessage::Vote { .. } => "vote",
        CkpsMessage::Aba { .. } => "aba",
        CkpsMessage::Ask(_) => "ask",
        CkpsMessage::Certificate { .. } => "certificate",
        CkpsMessage::Retrieval { .. } => "retrieval",
    };
    (name, message.about().map_or(u16::MAX, |node| node.0))
}
