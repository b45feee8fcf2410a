//! BKR: directed schedules, one node by hand, random runs under every generic attack, wire forms.

mod by_hand;
mod directed;
mod swarm;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use mellivora_adversary::IdealCoin;
use mellivora_agreement::CoinSchedule;
use mellivora_broadcast::EchoMode;
use mellivora_coding::{Codec, Contribution};
use mellivora_core::{Committee, Digest, Domain, Epoch, Era, NodeIndex, Segment};
use mellivora_subset::{Bkr, Subset, SubsetParams};

/// Rounds ahead.
const R: u32 = 6;

type Output = Vec<(NodeIndex, Contribution)>;

fn committee(n: usize) -> Committee {
    Committee::new(n).unwrap()
}

fn codec(n: usize) -> Arc<Codec> {
    Arc::new(Codec::new(committee(n), 1 << 20).unwrap())
}

fn params(codec: &Arc<Codec>, me: NodeIndex, seed: u64) -> SubsetParams {
    let committee = codec.committee();
    SubsetParams {
        committee,
        me,
        domain: Domain::new(Digest([7; 32]), Era(0)).child(Segment::epoch(Epoch(4))),
        coin: IdealCoin::scheme(committee, me, seed),
        codec: codec.clone(),
        echo: EchoMode::Full,
        coin_schedule: CoinSchedule::Fixed10Real,
        rounds_ahead: R,
    }
}

fn bkr(codec: &Arc<Codec>, me: NodeIndex, seed: u64) -> Bkr {
    Bkr::new(params(codec, me, seed))
}

/// What a node contributes: some bytes that name it.
fn payload(node: NodeIndex) -> Bytes {
    let mut bytes = vec![node.0 as u8; 10 + 70 * node.as_usize()];
    bytes.extend_from_slice(format!("contribution of {node}").as_bytes());
    bytes.into()
}

fn indices(output: &Output) -> Vec<u16> {
    output.iter().map(|(node, _)| node.0).collect()
}

fn body(contribution: &Contribution) -> Option<Bytes> {
    contribution.body.as_ref().map(|body| body.to_bytes())
}
