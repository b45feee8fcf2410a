//! What a decode proves when more shards than k are at hand, because others came while it was on its way.

mod common;

use common::*;
use mellivora_broadcast::{EchoMode, RbcMessage};
use mellivora_coding::Encoded;
use mellivora_core::FaultKind;
use mellivora_core::codec::Blob;

fn bad_echo(encoded: &Encoded, i: usize) -> RbcMessage {
    let mut shard = encoded.shards[i].clone();
    shard.data = Blob(vec![0xbd; shard.data.len()].into());
    RbcMessage::Echo { root: encoded.commitment, shard }
}

#[test]
fn k_good_shards_beside_a_bad_one_that_was_used_prove_nothing() {
    // The proposer equivocates, so two roots are decoded, one after the other. When the turn of the second comes, four
    // shards of it are at hand: the k = 3 lowest, one of them bad, and this node's own, which is known to be good.
    let n = 7;
    let [other, encoded] = [1, 2].map(|salt| codec(n).encode(payload(500, salt)).unwrap());
    let mut hand = Hand::new(config(&codec(n), node(6), node(0), EchoMode::Full));
    [0, 2, 4].into_iter().for_each(|j| hand.receive(j, echo(&other, j)));
    hand.receive(0, val(&encoded, 6));
    hand.receive(1, bad_echo(&encoded, 1));
    [3, 5].into_iter().for_each(|j| hand.receive(j, echo(&encoded, j)));
    hand.run_job();
    let shown = hand.seen.jobs.iter().map(|job| format!("{job:?}")).collect::<Vec<_>>();
    assert_eq!(shown, [format!("decode {:?} from 4 shards, 3 unverified", encoded.commitment)]);
    hand.run_jobs();
    (1..6).for_each(|j| hand.receive(j, RbcMessage::Ready(encoded.commitment)));
    // Everybody else who decodes from good shards has the payload: BOTTOM here would split the cluster.
    assert_eq!(hand.seen.outputs.len(), 1);
    assert_eq!(hand.seen.outputs[0].body.as_ref(), Some(&encoded.body));
    assert_eq!(hand.fault_kinds(), [(1, FaultKind::InvalidShard)]);
}

#[test]
fn a_shard_that_was_verified_is_not_verified_again() {
    // While a decode from a bad shard is on its way, this node's own shard comes, which its VAL vouches for, and another.
    let n = 4;
    let encoded = codec(n).encode(payload(500, 1)).unwrap();
    let mut hand = Hand::new(config(&codec(n), node(3), node(0), EchoMode::Full));
    hand.receive(0, bad_echo(&encoded, 0));
    hand.receive(1, echo(&encoded, 1));
    hand.receive(0, val(&encoded, 3));
    hand.receive(2, echo(&encoded, 2));
    hand.run_job();
    assert_eq!(hand.fault_kinds(), [(0, FaultKind::InvalidShard)]);
    let root = encoded.commitment;
    let [job] = &hand.seen.jobs[..] else { panic!("{:?}", hand.seen.jobs) };
    assert_eq!(format!("{job:?}"), format!("decode {root:?} from 2 shards, 0 unverified"), "of node 1 and its own");
}
