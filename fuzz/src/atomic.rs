//! Whole nodes, from the queue to closed epochs, on a schedule drawn from bytes.

use std::collections::BTreeSet;

use bytes::Bytes;
use mellivora_atomic::{
    Batch, Config, EncryptionSchedule, HoneyBadger, Input as Event, Local, Output, Submission, Ticket,
};
use mellivora_core::{Limits, NodeIndex};
use mellivora_crypto::NodeKeys;
use mellivora_subset::Bkr;

use crate::agreement::keys;
use crate::input::Input;
use crate::network::Network;

/// Nudges after which everything must be ordered.
const PATIENCE: usize = 40;

/// Equal batches everywhere, every transaction of an honest node committed exactly once, silence in the end, no false
/// blame.
pub fn atomic(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(2));
    let committee = keys[0].committee();
    let encryption = match input.byte() % 3 {
        0 => EncryptionSchedule::Always,
        1 => EncryptionSchedule::Never,
        _ => EncryptionSchedule::Every(2),
    };
    let submissions: Vec<usize> = committee.nodes().map(|_| input.below(3)).collect();

    let mut network = network(keys, encryption);
    for (node, count) in committee.nodes().zip(&submissions) {
        let submit = |i: usize| Submission { ticket: Ticket(i as u64), transaction: transaction(node, i) };
        network.input(node, Event::Submit((0..*count).map(submit).collect()), &mut input);
    }
    let finished = |network: &Network<HoneyBadger<Bkr>>| network.honest_nodes().all(HoneyBadger::is_idle);
    for _ in 0..PATIENCE {
        network.run(&mut input);
        if finished(&network) {
            break;
        }
        for node in committee.nodes() {
            network.input(node, Event::Nudge, &mut input);
        }
    }
    assert!(finished(&network), "what can be ordered is ordered");

    let histories: Vec<Vec<&Batch>> = network.honest().iter().map(|outputs| batches(outputs)).collect();
    let longest = histories.iter().map(Vec::len).max().unwrap_or(0);
    assert!(histories.iter().all(|history| history.len() == longest), "nobody is left behind");
    for pair in histories.windows(2) {
        for (left, right) in pair[0].iter().zip(&pair[1]) {
            assert_eq!((left.epoch(), left.digest()), (right.epoch(), right.digest()), "one history");
            assert!(left.iter().eq(right.iter()), "equal digests, equal batches");
        }
    }
    let mut ordered = BTreeSet::new();
    for (_, transaction) in histories[0].iter().flat_map(|batch| batch.iter()) {
        assert!(ordered.insert(transaction.to_vec()), "nothing is ordered twice");
    }
    for (node, count) in committee.nodes().zip(&submissions).filter(|(node, _)| *node != network.byzantine()) {
        for i in 0..*count {
            assert!(ordered.contains(&transaction(node, i)[..]), "transaction {i} of node {node} is ordered");
        }
    }
    !ordered.is_empty()
}

/// Nodes with these keys and small limits.
pub fn network(keys: &[NodeKeys], encryption: EncryptionSchedule) -> Network<HoneyBadger<Bkr>> {
    let committee = keys[0].committee();
    let limits = Limits { payload_bytes: 8192, transaction_bytes: 512, transactions: 64, ..Limits::default() };
    let config = Config::new(committee).limits(limits).encryption(encryption).batch_size(committee.n());
    Network::new(committee, |me| {
        let node = HoneyBadger::new(config.clone(), keys[me.as_usize()].clone(), Local::new([me.0 as u8; 32]));
        node.expect("limits and keys fit")
    })
}

fn transaction(node: NodeIndex, number: usize) -> Bytes {
    format!("transaction {number} of node {node}").into()
}

fn batches(outputs: &[Output]) -> Vec<&Batch> {
    let mut batches = Vec::new();
    for output in outputs {
        match output {
            Output::Batch(batch) => batches.push(batch),
            other => panic!("nobody is behind, and nothing is refused or submitted twice: {other:?}"),
        }
    }
    batches
}
