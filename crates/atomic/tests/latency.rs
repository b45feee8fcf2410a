//! Latency of every engine in message delays: every link takes exactly one, computation none.
//!
//! Run with `--nocapture` to see the table that `docs/src/performance.md` shows.

#![allow(clippy::print_stdout, reason = "the figures are of interest, not only that they are small enough")]

mod support;

use std::collections::HashMap;

use bytes::Bytes;
use mellivora_atomic::{Atomic, Config, Local, Output, Samples, Source, Streams};
use mellivora_core::NodeIndex;
use mellivora_crypto::{Suite, deal_nodes};
use mellivora_sim::{Behaviour, Delay, Schedule, seeds};
use mellivora_subset::{Bkr, Dumbo1, Dumbo2, SDumbo};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::*;

/// How a node takes in frames that reach it in the same moment.
#[derive(Clone, Copy)]
enum Turns {
    /// In one turn, as a driver does.
    Together,
    /// Each in a turn of its own, in some order.
    Apart,
}

/// What is submitted where, and when.
struct Submitted {
    at: f64,
    node: NodeIndex,
    transaction: Bytes,
}

/// Delays from the submission of each transaction until *every* honest node has ordered it. Other `keys` are other coins.
fn delays<P: Source + 'static>(
    config: &Config,
    keys: u64,
    turns: Turns,
    all: &[Submitted],
    silent: &[NodeIndex],
) -> Vec<f64> {
    let turn_end = if let Turns::Together = turns { 0.0 } else { 1.0 };
    let mut builder = builder_of::<P>(config, 1).scheduler(Schedule::Latency(Delay::One.into())).turn_end(turn_end);
    for &node in silent {
        builder = builder.faulty(node, Behaviour::Silent);
    }
    let dealt = deal_nodes(Suite::Ristretto255, config.committee, &mut ChaCha8Rng::seed_from_u64(keys)).unwrap();
    let of_all = config.clone();
    let mut sim = builder.build(move |index| {
        Atomic::<P>::new(of_all.clone(), dealt[index.as_usize()].clone(), Local::new([index.0 as u8; 32])).unwrap()
    });
    for Submitted { at, node, transaction } in all {
        sim.input_at(*node, *at, submit([transaction.clone()]));
    }
    sim.run().assert_ok();
    let mut latest = vec![0.0f64; all.len()];
    for node in sim.view().honest().iter() {
        let mut when = HashMap::new();
        // Batches are all that these runs put out.
        assert!(sim.outputs(node).iter().all(|output| matches!(output, Output::Batch(_))));
        for (i, batch) in batches(&sim, node).into_iter().enumerate() {
            let time = sim.time_of_output(node, i).unwrap();
            when.extend(batch.iter().map(|(_, bytes)| (Bytes::copy_from_slice(bytes), time)));
        }
        for (latest, Submitted { at, transaction, .. }) in latest.iter_mut().zip(all) {
            *latest = latest.max(when[transaction] - at);
        }
    }
    latest
}

/// One transaction of each node, at time 0.
fn at_once(nodes: impl IntoIterator<Item = NodeIndex>) -> Vec<Submitted> {
    nodes.into_iter().map(|node| Submitted { at: 0.0, node, transaction: tx(node.as_usize(), 0) }).collect()
}

fn worst(delays: &[f64]) -> f64 {
    delays.iter().copied().fold(0.0, f64::max)
}

fn mean(delays: &[f64]) -> f64 {
    delays.iter().sum::<f64>() / delays.len() as f64
}

/// f nodes say nothing, for each place where they may stand in a row: from the submission to the last order, the mean over
/// places and coins, and the worst.
fn with_silent<P: Source + 'static>(config: &Config) -> (f64, f64) {
    let (n, f) = (config.committee.n(), config.committee.f());
    let of = |(keys, place): (u64, usize)| {
        let silent: Vec<_> = (0..f).map(|i| NodeIndex(((place + i) % n) as u16)).collect();
        let honest = at_once(config.committee.nodes().filter(|node| !silent.contains(node)));
        worst(&delays::<P>(config, keys, Turns::Together, &honest, &silent))
    };
    let all: Vec<f64> = seeds(4).flat_map(|keys| (0..n).map(move |place| (keys, place))).map(of).collect();
    (mean(&all), worst(&all))
}

/// What an engine must reach.
struct Bars {
    /// All submit at once: all transactions are ordered after so many delays.
    plain: f64,
    /// The same, encrypted.
    encrypted: f64,
    /// The same in the clear, if frames are taken in one by one: a quorum of the transactions, and the others.
    apart: (f64, f64),
    /// A single node submits to an idle cluster, in the clear.
    woken: f64,
    /// f nodes are silent, encrypted: the mean.
    silent: f64,
}

fn check<P: Source + 'static>(name: &str, bars: &Bars) {
    for n in [4, 7, 10] {
        let config = config(n);
        let in_the_clear = plain(config.clone());
        let took = |config: &Config, turns, nodes: &[NodeIndex]| {
            let mut all = delays::<P>(config, 1, turns, &at_once(nodes.iter().copied()), &[]);
            all.sort_by(f64::total_cmp);
            all
        };
        let nodes: Vec<NodeIndex> = config.committee.nodes().collect();
        let (plain, encrypted) =
            (worst(&took(&in_the_clear, Turns::Together, &nodes)), worst(&took(&config, Turns::Together, &nodes)));
        let apart = took(&in_the_clear, Turns::Apart, &nodes);
        let apart = (apart[config.committee.quorum() - 1], worst(&apart));
        let woken = worst(&took(&in_the_clear, Turns::Together, &nodes[..1]));
        println!("{name}, n = {n}: plain {plain}, encrypted {encrypted}, one by one {apart:?}, woken {woken}");
        assert!(plain <= bars.plain && encrypted <= bars.encrypted, "{name}, n = {n}");
        assert!(apart.0 <= bars.apart.0 && apart.1 <= bars.apart.1, "{name}, n = {n}: {apart:?}");
        assert!(woken <= bars.woken, "{name}, n = {n}");
        if n < 10 {
            let silent = with_silent::<P>(&config);
            println!("{name}, n = {n}: f silent, encrypted: mean {:.1}, worst {}", silent.0, silent.1);
            assert!(silent.0 <= bars.silent, "{name}, n = {n}");
        }
    }
}

#[test]
fn honey_badger() {
    check::<Samples<Bkr>>(
        "honey-badger",
        &Bars { plain: 5.0, encrypted: 6.0, apart: (5.0, 5.0), woken: 6.0, silent: 10.0 },
    );
}

#[test]
fn dumbo1() {
    check::<Samples<Dumbo1>>(
        "dumbo1",
        &Bars { plain: 9.0, encrypted: 10.0, apart: (9.0, 9.0), woken: 10.0, silent: 14.0 },
    );
}

/// A quorum of proofs is what the agreement waits for. Where frames are taken in one by one, f proofs come too late for it,
/// and their transactions are ordered in the next epoch.
#[test]
fn dumbo2() {
    check::<Samples<Dumbo2>>(
        "dumbo2",
        &Bars { plain: 10.0, encrypted: 11.0, apart: (10.0, 24.0), woken: 13.0, silent: 19.0 },
    );
}

#[test]
fn sdumbo() {
    check::<Samples<SDumbo>>(
        "sdumbo",
        &Bars { plain: 9.0, encrypted: 10.0, apart: (9.0, 20.0), woken: 10.0, silent: 18.0 },
    );
}

#[test]
fn dumbo_ng() {
    check::<Streams>("dumbo-ng", &Bars { plain: 9.0, encrypted: 10.0, apart: (9.0, 15.0), woken: 10.0, silent: 19.0 });
}

/// Transactions at random times at random nodes, one every `gap` delays on average.
fn at_random(n: usize, gap: f64, count: usize, seed: u64) -> Vec<Submitted> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut at = 0.0;
    let mut next = |number| {
        at -= gap * (1.0 - rng.random::<f64>()).ln();
        let node = rng.random_range(0..n);
        Submitted { at, node: NodeIndex(node as u16), transaction: tx(node, number) }
    };
    (0..count).map(&mut next).collect()
}

/// The aim is 12: two delays to the certificate, one until all know of it, three on average until the agreement under way is
/// over, six for the next one. It is met as long as batches of one node do not have to wait for each other.
#[test]
fn dumbo_ng_at_random_submission() {
    for n in [4, 7] {
        for (gap, bar) in [(40.0, 11.0), (10.0, 12.0), (3.0, 12.1), (1.0, 12.5)] {
            let config = plain(config(n));
            let of = |seed| delays::<Streams>(&config, seed, Turns::Together, &at_random(n, gap, 200, seed), &[]);
            let all: Vec<f64> = seeds(3).flat_map(of).collect();
            println!("dumbo-ng, n = {n}, one in {gap} delays: mean {:.2}, worst {:.1}", mean(&all), worst(&all));
            assert!(mean(&all) <= bar, "n = {n}, one in {gap} delays: {}", mean(&all));
        }
    }
}
