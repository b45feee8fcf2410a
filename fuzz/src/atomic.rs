//! Whole nodes, from the queue to closed epochs, on a schedule drawn from bytes.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use mellivora_atomic::{
    Atomic, Batch, Config, EncryptionSchedule, HoneyBadger, Input as Event, Local, Output, Samples, Source, Streams,
    Submission, Ticket,
};
use mellivora_core::{Committee, Limits, NodeIndex};
use mellivora_crypto::NodeKeys;
use mellivora_subset::Bkr;

use crate::agreement::keys;
use crate::input::Input;
use crate::network::Network;

/// Nudges after which everything must be ordered.
const PATIENCE: usize = 40;
/// Nudges after which a Byzantine node with a twin falls silent: it may force an epoch with each, and no rule stops it.
const HOSTILE: usize = 8;

/// Equal batches everywhere, every transaction of an honest node committed exactly once, silence in the end, no false
/// blame.
pub fn atomic(data: &[u8]) -> bool {
    whole::<Samples<Bkr>>(data)
}

/// The same of Dumbo-NG, whose streams run beside its epochs.
pub fn dumbo_ng(data: &[u8]) -> bool {
    whole::<Streams>(data)
}

fn whole<P: Source + 'static>(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(2));
    let committee = keys[0].committee();
    let choice = input.byte();
    let encryption = schedule(choice);
    let submissions: Vec<usize> = committee.nodes().map(|_| input.below(3)).collect();

    let mut network = network_of::<P>(keys, encryption);
    for (node, count) in committee.nodes().zip(&submissions) {
        network.input(node, submit(node, 0..*count), &mut input);
    }
    if choice & 128 != 0 {
        let byzantine = network.byzantine();
        network.equivocate(node_of(keys, encryption, byzantine, 255), submit(byzantine, 10..12), &mut input);
    }
    finish(&mut network, &mut input);

    let ordered = one_history(&network.honest().iter().map(|outputs| batches(outputs)).collect::<Vec<_>>());
    for (node, count) in committee.nodes().zip(&submissions).filter(|(node, _)| *node != network.byzantine()) {
        for i in 0..*count {
            assert!(ordered.contains(&transaction(node, i)[..]), "transaction {i} of node {node} is ordered");
        }
    }
    !ordered.is_empty()
}

/// Delivers and nudges until every honest node is idle, which must not take long.
pub(crate) fn finish<P: Source + 'static>(network: &mut Network<Atomic<P>>, input: &mut Input<'_>) {
    for waited in 0..PATIENCE {
        network.run(input);
        if network.honest_nodes().all(Atomic::is_idle) {
            return;
        }
        if waited == HOSTILE {
            network.retire();
        }
        for node in network.committee().nodes() {
            network.input(node, Event::Nudge, input);
        }
    }
    panic!("what can be ordered is not ordered: {:?}", network.honest_nodes().collect::<Vec<_>>());
}

/// Everybody has the same batches, and nothing is ordered twice. Returns what is ordered.
pub(crate) fn one_history(histories: &[Vec<&Batch>]) -> BTreeSet<Vec<u8>> {
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
    ordered
}

/// Nodes with these keys and small limits.
pub fn network(keys: &[NodeKeys], encryption: EncryptionSchedule) -> Network<HoneyBadger<Bkr>> {
    network_of(keys, encryption)
}

fn network_of<P: Source + 'static>(keys: &[NodeKeys], encryption: EncryptionSchedule) -> Network<Atomic<P>> {
    Network::new(keys[0].committee(), |me| node_of(keys, encryption, me, 0))
}

/// Transactions of one contribution, at the most.
pub(crate) const SHARE: usize = 8;

/// What all nodes here share.
pub(crate) fn config(committee: Committee, encryption: EncryptionSchedule) -> Config {
    let limits = Limits { payload_bytes: 8192, transaction_bytes: 512, transactions: 64, ..Limits::default() };
    Config::new(committee).limits(limits).encryption(encryption).batch_size(SHARE * committee.n())
}

/// A node in one of its incarnations.
pub(crate) fn node(
    keys: &[NodeKeys],
    encryption: EncryptionSchedule,
    me: NodeIndex,
    incarnation: u8,
) -> HoneyBadger<Bkr> {
    node_of(keys, encryption, me, incarnation)
}

fn node_of<P: Source>(keys: &[NodeKeys], encryption: EncryptionSchedule, me: NodeIndex, incarnation: u8) -> Atomic<P> {
    let mut local = Local::new([me.0 as u8; 32]);
    local.seed[0] ^= incarnation;
    let keys = keys[me.as_usize()].clone();
    Atomic::new(config(keys.committee(), encryption), keys, local).expect("limits and keys fit")
}

/// The schedule that a byte chooses.
pub(crate) fn schedule(byte: u8) -> EncryptionSchedule {
    match byte % 3 {
        0 => EncryptionSchedule::Always,
        1 => EncryptionSchedule::Never,
        _ => EncryptionSchedule::Every(2),
    }
}

/// Submissions of a node, by their numbers.
pub(crate) fn submit(node: NodeIndex, numbers: Range<usize>) -> Event {
    let submission = |i: usize| Submission { ticket: Ticket(i as u64), transaction: transaction(node, i) };
    Event::Submit(numbers.map(submission).collect())
}

/// A transaction that nobody else submits.
pub(crate) fn transaction(node: NodeIndex, number: usize) -> Bytes {
    format!("transaction {number} of node {node}").into()
}

/// The batches of a node that nothing else came out of.
pub(crate) fn batches(outputs: &[Output]) -> Vec<&Batch> {
    let mut batches = Vec::new();
    for output in outputs {
        match output {
            Output::Batch(batch) => batches.push(batch),
            other => panic!("nobody is behind, and nothing is refused or submitted twice: {other:?}"),
        }
    }
    batches
}
