//! What the tests of all common subsets share: parameters, one node driven by hand, runs under every generic attack.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]

mod hand;
mod runs;

use std::sync::Arc;

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin, Stage};
use mellivora_agreement::CoinSchedule;
use mellivora_broadcast::EchoMode;
use mellivora_coding::{Codec, Contribution};
use mellivora_core::{Committee, Digest, Domain, Epoch, Era, NodeIndex, NodeSet, Segment};
use mellivora_subset::{Subset, SubsetParams};

pub(crate) use hand::Hand;
pub(crate) use runs::{Tested, bkr_statements, every_size_under_every_attack, rbc_statement, watched};

/// Rounds ahead.
pub(crate) const R: u32 = 6;

pub(crate) type Output = Vec<(NodeIndex, Contribution)>;

pub(crate) fn committee(n: usize) -> Committee {
    Committee::new(n).unwrap()
}

pub(crate) fn codec(n: usize) -> Arc<Codec> {
    Arc::new(Codec::new(committee(n), 1 << 20).unwrap())
}

pub(crate) fn domain() -> Domain {
    Domain::new(Digest([7; 32]), Era(0)).child(Segment::epoch(Epoch(4)))
}

pub(crate) fn params(codec: &Arc<Codec>, me: NodeIndex, seed: u64) -> SubsetParams {
    let committee = codec.committee();
    SubsetParams {
        committee,
        me,
        domain: domain(),
        coin: IdealCoin::scheme(committee, me, seed),
        certificates: IdealCertificates::scheme(committee, me),
        codec: codec.clone(),
        echo: EchoMode::Full,
        coin_schedule: CoinSchedule::Fixed10Real,
        rounds_ahead: R,
    }
}

pub(crate) fn make<S: Subset>(codec: &Arc<Codec>, me: NodeIndex, seed: u64) -> S {
    S::new(params(codec, me, seed))
}

pub(crate) fn stage<S: Subset>(n: usize, byzantine: &[u16], seed: u64) -> Stage<S> {
    let codec = codec(n);
    Stage::new(committee(n), byzantine, |me| make(&codec, me, seed))
}

/// What a node contributes: some bytes that name it.
pub(crate) fn payload(node: NodeIndex) -> Bytes {
    let mut bytes = vec![node.0 as u8; 10 + 70 * node.as_usize()];
    bytes.extend_from_slice(format!("contribution of {node}").as_bytes());
    bytes.into()
}

pub(crate) fn set(nodes: impl IntoIterator<Item = u16>) -> NodeSet {
    nodes.into_iter().map(NodeIndex).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn indices(output: &Output) -> Vec<u16> {
    output.iter().map(|(node, _)| node.0).collect()
}

pub(crate) fn body(contribution: &Contribution) -> Option<Bytes> {
    contribution.body.as_ref().map(|body| body.to_bytes())
}
