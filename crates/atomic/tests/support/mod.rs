//! Simulated clusters of the whole atomic broadcast.
#![allow(dead_code)]

pub(crate) mod forge;
pub(crate) mod hall;

use std::collections::BTreeMap;

use bytes::Bytes;
use mellivora_atomic::{
    Atomic, Batch, Config, EncryptionSchedule, HoneyBadger, Input, Local, Output, Source, Submission, Ticket,
};
use mellivora_core::{Committee, Digest, Epoch, Limits, NodeIndex};
use mellivora_crypto::{NodeKeys, Suite, deal_nodes};
use mellivora_sim::{Builder, Simulation, TotalOrder};
use mellivora_subset::Bkr;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(crate) type Badger = HoneyBadger<Bkr>;

/// Suites that encrypt.
pub(crate) const SUITES: [Suite; 2] = [Suite::Ristretto255, Suite::Bls12381];

pub(crate) fn committee(n: usize) -> Committee {
    Committee::new(n).unwrap()
}

/// Small limits, so that windows and sizes are reached.
pub(crate) fn config(n: usize) -> Config {
    let limits = Limits { payload_bytes: 1 << 16, transaction_bytes: 1 << 10, ..Limits::default() };
    Config::new(committee(n)).limits(limits).batch_size(4 * n)
}

pub(crate) fn keys(n: usize, suite: Suite) -> Vec<NodeKeys> {
    let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
    deal_nodes(suite, committee(n), &mut rng).unwrap()
}

pub(crate) fn node(config: &Config, keys: &NodeKeys) -> Badger {
    let mut seed = [0; 32];
    seed[0] = keys.index().0 as u8;
    HoneyBadger::new(config.clone(), keys.clone(), Local::new(seed)).unwrap()
}

/// A transaction named by who submits it and a number.
pub(crate) fn tx(node: usize, number: usize) -> Bytes {
    Bytes::from(format!("transaction {number} of node {node}"))
}

pub(crate) fn submit(transactions: impl IntoIterator<Item = Bytes>) -> Input {
    let submission = |(ticket, transaction)| Submission { ticket: Ticket(ticket), transaction };
    Input::Submit((0..).zip(transactions).map(submission).collect())
}

/// What has to be equal of two outputs.
pub(crate) fn batch_digest(output: &Output) -> Option<(Epoch, Digest)> {
    match output {
        Output::Batch(batch) => Some((batch.epoch(), batch.digest())),
        _ => None,
    }
}

/// A simulated cluster of any engine with the oracles that every run has.
pub(crate) fn builder_of<P: Source + 'static>(config: &Config, seed: u64) -> Builder<Atomic<P>> {
    Simulation::builder(config.committee, seed)
        .oracle(TotalOrder::new(batch_digest))
        .on_heal(|engine: &mut Atomic<P>, peer, fx| {
            mellivora_core::Protocol::input(engine, Input::Resend(peer), fx);
        })
        .on_nudge(|engine: &mut Atomic<P>, fx| mellivora_core::Protocol::input(engine, Input::Nudge, fx))
        .nudges_when_quiet(6)
        .twin_input(|_, input| match input {
            Input::Submit(list) => {
                let twin = list.iter().map(|s| Bytes::from([b"twin of ", &s.transaction[..]].concat()));
                Some(submit(twin.collect::<Vec<_>>()))
            }
            other => Some(other.clone()),
        })
}

pub(crate) fn build_of<P: Source + 'static>(
    builder: Builder<Atomic<P>>,
    config: &Config,
    suite: Suite,
) -> Simulation<Atomic<P>> {
    let (config, keys) = (config.clone(), keys(config.committee.n(), suite));
    builder.build(move |index| {
        let mut seed = [0; 32];
        seed[0] = index.0 as u8;
        Atomic::new(config.clone(), keys[index.as_usize()].clone(), Local::new(seed)).unwrap()
    })
}

pub(crate) fn builder(config: &Config, seed: u64) -> Builder<Badger> {
    builder_of(config, seed)
}

pub(crate) fn cluster(config: &Config, suite: Suite, seed: u64) -> Simulation<Badger> {
    build(builder(config, seed), config, suite)
}

pub(crate) fn build(builder: Builder<Badger>, config: &Config, suite: Suite) -> Simulation<Badger> {
    build_of(builder, config, suite)
}

pub(crate) fn batches<P: Source + 'static>(sim: &Simulation<Atomic<P>>, node: NodeIndex) -> Vec<Batch> {
    let outputs = sim.outputs(node).iter();
    outputs.filter_map(|o| if let Output::Batch(b) = o { Some(b.clone()) } else { None }).collect()
}

/// Everything that a node has ordered, with how often.
pub(crate) fn ledger<P: Source + 'static>(sim: &Simulation<Atomic<P>>, node: NodeIndex) -> BTreeMap<Bytes, usize> {
    let mut ledger = BTreeMap::new();
    for batch in batches(sim, node) {
        for (_, transaction) in batch.iter() {
            *ledger.entry(Bytes::copy_from_slice(transaction)).or_default() += 1;
        }
    }
    ledger
}

pub(crate) fn plain(config: Config) -> Config {
    config.encryption(EncryptionSchedule::Never)
}

/// One transaction per node and epoch, so that epochs are many.
pub(crate) fn slow(n: usize) -> Config {
    config(n).batch_size(n)
}

/// Transactions per node in [`submit_everywhere`]: at one per epoch and node, so many epochs at least.
pub(crate) const EPOCHS: usize = 12;

pub(crate) fn submit_everywhere(sim: &mut Simulation<Badger>) {
    for node in sim.view().committee().nodes() {
        sim.input(node, submit((0..EPOCHS).map(|t| tx(node.as_usize(), t))));
    }
}
