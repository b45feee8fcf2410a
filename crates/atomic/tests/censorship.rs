//! A scheduler that delays an honest node for as long as it may keeps nothing out for long: the same test for every engine.

mod support;

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use mellivora_atomic::{Atomic, DumboNg, Samples, Source, Streams};
use mellivora_core::NodeIndex;
use mellivora_crypto::Suite;
use mellivora_sim::{PendingKind, Scheduler, Simulation, View, seeds};
use mellivora_subset::{Bkr, Dumbo1, Dumbo2, SDumbo};
use support::*;

/// Whatever comes from or goes to the victim, its jobs too, comes last: when nothing else is pending. The victim may
/// change with every pick.
fn delaying<P: Source + 'static>(
    victim: impl Fn(&View<'_, Atomic<P>>) -> Option<NodeIndex> + 'static,
) -> Box<dyn Scheduler<Atomic<P>>> {
    Box::new(move |view: &View<'_, Atomic<P>>| {
        let victim = victim(view);
        let rank = |position: &usize| {
            let pending = view.pending(*position).unwrap();
            let from = if let PendingKind::Message { from, .. } = pending.kind { Some(from) } else { None };
            let input = matches!(pending.kind, PendingKind::Input);
            (!input && victim.is_some() && (from == victim || Some(pending.at) == victim), pending.seq)
        };
        (0..view.pending_len()).min_by_key(rank)
    })
}

fn epoch_of<P: Source + 'static>(sim: &Simulation<Atomic<P>>, node: u16, wanted: &Bytes) -> Option<u64> {
    let mut batches = batches(sim, NodeIndex(node)).into_iter();
    batches.find(|batch| batch.iter().any(|(_, bytes)| bytes == wanted)).map(|batch| batch.epoch().0)
}

/// f + 1 nodes hold a transaction, and the scheduler shuts out one of them at a time, another one in each epoch.
///
/// The bound: each holder proposes a quarter of the first B of its queue, drawn at random, wherever it gets a word in,
/// and the scheduler can shut out one of two. So each epoch takes the transaction with a chance of a quarter at least:
/// 4 epochs in the mean, more than 24 in one run of a thousand. (With f nodes shut out, n - f go on without them; all
/// that the scheduler could do beyond is to know what is in a proposal, which encryption hides.)
fn what_f_plus_1_nodes_hold_is_ordered_soon<P: Source + 'static>() {
    const BOUND: u64 = 24;
    let wanted = Bytes::from_static(b"the wanted one");
    let (mut total, mut kept_out, count) = (0, 0, 3);
    for seed in seeds(count) {
        let config = config(4).batch_size(16);
        let alternate = |view: &View<'_, Atomic<P>>| {
            let epoch = view.outputs(NodeIndex(2)).len().max(view.outputs(NodeIndex(3)).len());
            Some(NodeIndex((epoch % 2) as u16))
        };
        let builder = builder_of::<P>(&config, seed).scheduler(delaying(alternate)).hostile_steps(1 << 30);
        let mut sim = build_of(builder, &config, Suite::Ristretto255);
        for node in config.committee.nodes() {
            let mut list: Vec<Bytes> = (0..48).map(|t| tx(node.as_usize(), t)).collect();
            if node.0 < 2 {
                list[8] = wanted.clone();
            }
            sim.input(node, submit(list));
        }
        sim.run().assert_ok();
        let epoch = epoch_of(&sim, 3, &wanted).expect("ordered at all");
        assert_eq!(ledger(&sim, NodeIndex(3)).get(&wanted), Some(&1));
        assert!(epoch < BOUND, "seed {seed}: ordered in epoch {epoch}");
        total += epoch;
        let batches = batches(&sim, NodeIndex(3));
        let without = |batch: &&mellivora_atomic::Batch| {
            let proposers: Vec<NodeIndex> = batch.proposers().collect();
            (0..2).any(|node| !proposers.contains(&NodeIndex(node)))
        };
        kept_out += batches.iter().filter(without).count();
    }
    assert!(kept_out > 0, "the scheduler kept nobody out");
    assert!(total <= 8 * count, "{total} epochs in {count} runs");
}

#[test]
fn honey_badger_over_bkr() {
    what_f_plus_1_nodes_hold_is_ordered_soon::<Samples<Bkr>>();
}

#[test]
fn honey_badger_over_dumbo1() {
    what_f_plus_1_nodes_hold_is_ordered_soon::<Samples<Dumbo1>>();
}

#[test]
fn honey_badger_over_dumbo2() {
    what_f_plus_1_nodes_hold_is_ordered_soon::<Samples<Dumbo2>>();
}

#[test]
fn honey_badger_over_sdumbo() {
    what_f_plus_1_nodes_hold_is_ordered_soon::<Samples<SDumbo>>();
}

#[test]
fn dumbo_ng() {
    what_f_plus_1_nodes_hold_is_ordered_soon::<Streams>();
}

/// In Dumbo-NG one holder is enough, once its batch is certified and all others know: from there on its proposer may be
/// shut out for good.
///
/// The bound: a node gives its newest tips into an epoch when it begins it, and has P = 2 epochs open at most. So of
/// what begins after all know the tip everything names it; what had begun are epochs below next + P. With nobody
/// Byzantine each agreement ends with an honest input. (f Byzantine nodes add an expected two epochs: an agreement ends
/// with an honest input with a probability of a half at least.)
#[test]
fn what_is_certified_in_dumbo_ng_is_ordered_whoever_is_shut_out() {
    for seed in seeds(4) {
        let config = slow(4);
        let victim = NodeIndex((seed % 4) as u16);
        let known_at = Rc::new(Cell::new(None));
        let known = known_at.clone();
        let once_known = move |view: &View<'_, DumboNg>| {
            if known.get().is_none() {
                let others = || view.honest().iter().filter(|node| *node != victim);
                let knows = |node| view.node(node).streams().stream(victim).is_some_and(|stream| stream.full() > 0);
                if others().all(knows) {
                    known.set(others().map(|node| view.outputs(node).len() as u64).max());
                }
            }
            known.get().map(|_| victim)
        };
        let builder = builder_of::<Streams>(&config, seed).scheduler(delaying(once_known)).hostile_steps(1 << 30);
        let mut sim = build_of(builder, &config, Suite::Ristretto255);
        for node in config.committee.nodes() {
            let count = if node == victim { 1 } else { 40 };
            sim.input(node, submit((0..count).map(|t| tx(node.as_usize(), t))));
        }
        sim.run().assert_ok();
        let known_at = known_at.get().expect("known at all");
        let witness = NodeIndex((victim.0 + 1) % 4);
        let epoch = epoch_of(&sim, witness.0, &tx(victim.as_usize(), 0)).expect("ordered at all");
        assert!(epoch <= known_at + config.limits.pipeline, "seed {seed}: known at {known_at}, ordered in {epoch}");
        // The others went on without it for long.
        assert!(batches(&sim, witness).len() as u64 > epoch + 4, "seed {seed}");
    }
}
