//! What the tests of all agreements on values share: parameters, oracles, and runs that any of them has to survive.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::Arc;

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin};
use mellivora_agreement::{Mvba, MvbaParams, Predicate};
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex};
use mellivora_crypto::{Remembering, Suite, deal_nodes};
use mellivora_sim::{
    Agreement, Behaviour, Builder, Coverage, Delay, Integrity, Memory, Schedule, Simulation, Statements, Totality,
    Validity, seeds,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Views ahead.
pub(crate) const R: u32 = 3;

/// Values that begin with "ok".
#[derive(Debug)]
pub(crate) struct BeginsOk;

impl Predicate for BeginsOk {
    fn holds(&self, value: &Bytes) -> bool {
        value.starts_with(b"ok")
    }
}

pub(crate) fn committee(n: usize) -> Committee {
    Committee::new(n).unwrap()
}

pub(crate) fn params(n: usize, me: NodeIndex, seed: u64) -> MvbaParams {
    let committee = committee(n);
    MvbaParams {
        committee,
        me,
        domain: Domain::new(Digest([7; 32]), Era(0)),
        coin: IdealCoin::scheme(committee, me, seed),
        certificates: IdealCertificates::scheme(committee, me),
        predicate: Arc::new(BeginsOk),
        views_ahead: R,
    }
}

pub(crate) fn input(node: NodeIndex) -> Bytes {
    format!("ok, says {node}").into()
}

/// An agreement on values, as random runs want it.
pub(crate) trait Tested: Mvba + 'static {
    /// What a promise is about, and what it says.
    fn statement(message: &Self::Message) -> Vec<((u8, u32, u16), String)>;

    /// What an honest node has been through, by name.
    fn story(&self) -> Vec<&'static str>;
}

/// All oracles.
pub(crate) fn watched<M: Tested>(builder: Builder<M>, n: usize) -> Builder<M> {
    builder
        .oracle(Agreement::new(|value: &Bytes| ((), value.clone())))
        .oracle(Totality::new(|_: &Bytes| ()).expecting(()))
        .oracle(Integrity::new(|_: &Bytes| ()))
        .oracle(Validity::new::<M>(|_, value: &Bytes, _| match BeginsOk.holds(value) {
            true => Ok(()),
            false => Err(format!("{value:?} does not satisfy the predicate")),
        }))
        .oracle(Memory::new::<M>(n * (256 << 10), M::memory))
        .oracle(Statements::new(M::statement))
}

const BEHAVIOURS: [Option<Behaviour>; 8] = [
    None,
    Some(Behaviour::Silent),
    Some(Behaviour::Crash { after: 20 }),
    Some(Behaviour::Equivocate),
    Some(Behaviour::Garbage),
    Some(Behaviour::Flood),
    Some(Behaviour::Withhold),
    Some(Behaviour::Mimic),
];

/// Attacks that a campaign has to have seen, and restarts.
pub(crate) const ATTACKS: [&str; 8] = [
    "restart",
    "attack.silent",
    "attack.crash",
    "attack.equivocate",
    "attack.garbage.decoded",
    "attack.garbage.malformed",
    "attack.flood",
    "attack.withhold",
];

/// One run drawn from its seed: size, attack, schedule, crashes. Returns what was decided, and whether an honest node had
/// put it in.
pub(crate) fn run<M: Tested>(seed: u64, coverage: &mut Coverage) -> (Bytes, bool) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x30ba);
    let n = [1, 4, 4, 5, 6, 7, 10][rng.random_range(0..7)];
    let committee = committee(n);
    let behaviour = BEHAVIOURS[rng.random_range(0..BEHAVIOURS.len())];
    let faulty: Vec<usize> = match behaviour {
        Some(_) => (0..committee.f()).map(|i| (i * 2 + seed as usize) % n).collect(),
        None => Vec::new(),
    };
    let mut builder = Simulation::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .rounds_ahead(R)
        .crashes(if rng.random_range(0..3) == 0 { 3 } else { 0 })
        .cuts(if rng.random_range(0..3) == 0 { 3 } else { 0 })
        .twin_input(|node, _| Some(format!("ok, says the twin of {node}").into()));
    for &node in &faulty {
        builder = builder.faulty(NodeIndex(node as u16), behaviour.unwrap());
    }
    let mut sim =
        watched(builder, n).input_again(|node| vec![input(node)]).build(move |me| M::new(params(n, me, seed)));
    for node in committee.nodes() {
        // A Byzantine node may well put in what no predicate lets through.
        let bad = faulty.contains(&node.as_usize()) && seed.is_multiple_of(2);
        sim.input(node, if bad { "bad".into() } else { input(node) });
    }
    let report = sim.run();
    report.assert_ok();
    coverage.absorb(&report.coverage);
    let honest: Vec<NodeIndex> = committee.nodes().filter(|node| !faulty.contains(&node.as_usize())).collect();
    let mut decided = Bytes::new();
    for &node in &honest {
        sim.node(node).story().into_iter().for_each(|name| coverage.count(name));
        decided = sim.node(node).decision().expect("everybody has decided").clone();
    }
    if report.counters.restarts > 0 {
        coverage.count("restart");
    }
    let of_honest = honest.iter().any(|node| decided == input(*node));
    (decided, of_honest)
}

pub(crate) fn crashes_and_restarts_of_everybody<M: Tested>() {
    for seed in seeds(150) {
        let n = [4, 7][(seed % 2) as usize];
        let builder = Simulation::builder(committee(n), seed).scheduler(Schedule::Swarm).rounds_ahead(R).crashes(2 * n);
        let mut sim =
            watched(builder, n).input_again(|node| vec![input(node)]).build(move |me| M::new(params(n, me, seed)));
        for node in committee(n).nodes() {
            sim.input(node, input(node));
        }
        sim.run().assert_ok();
        assert!(sim.counters().restarts > 0, "seed {seed}: nobody restarted");
    }
}

pub(crate) fn real_suites_and_signatures<M: Tested>() {
    for (suite, runs) in [(Suite::Ristretto255, 4), (Suite::Bls12381, 2)] {
        for seed in 0..runs {
            let committee = committee(4);
            let keys = deal_nodes(suite, committee, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            let builder = Simulation::builder(committee, seed).scheduler(Schedule::Random).rounds_ahead(R);
            let mut sim = watched(builder, 4).build(move |me| {
                let keys = &keys[me.as_usize()];
                M::new(MvbaParams {
                    coin: keys.coin().clone(),
                    certificates: Remembering::scheme(keys.certificates()),
                    ..params(4, me, 0)
                })
            });
            committee.nodes().for_each(|node| sim.input(node, input(node)));
            sim.run().assert_ok();
        }
    }
}

/// Message delays until the decision, with all links alike and without faults.
pub(crate) fn decides_after<M: Tested>(delays: f64) {
    for n in [4, 7, 10, 16] {
        let committee = committee(n);
        let builder = Simulation::builder(committee, 1).scheduler(Schedule::Latency(Delay::One.into())).rounds_ahead(R);
        let mut sim = watched(builder, n).build(move |me| M::new(params(n, me, 3)));
        committee.nodes().for_each(|node| sim.input(node, input(node)));
        sim.run().assert_ok();
        for node in committee.nodes() {
            assert_eq!(sim.time_of_output(node, 0), Some(delays), "n = {n}");
        }
    }
}
