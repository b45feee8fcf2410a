//! Random runs of many committees under every generic attack, with every oracle; crashes and restarts; real suites.

use bytes::Bytes;
use mellivora_agreement::smvba::{Prevote, Vote};
use mellivora_agreement::{Mvba, MvbaParams, Smvba, SmvbaMessage};
use mellivora_broadcast::{SpbMessage, SpbRecord};
use mellivora_core::{NodeIndex, Round};
use mellivora_crypto::{Remembering, Suite, deal_nodes};
use mellivora_sim::{
    Agreement, Behaviour, Builder, Coverage, Delay, Integrity, Schedule, Simulation, Statements, Totality, Validity,
    seeds,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::*;

/// What a promise is about, and what it says.
fn statement(message: &SmvbaMessage) -> Vec<((u8, u32, u16), String)> {
    let (about, said) = match message {
        SmvbaMessage::Spb { view, proposer, message } => match message {
            SpbMessage::Send { value, proof } => ((1, view.0, proposer.0), format!("{:?} {:?}", value.0, proof.0)),
            SpbMessage::Record(SpbRecord::Endorsed(digest)) => ((2, view.0, proposer.0), format!("{digest}")),
            SpbMessage::Record(SpbRecord::Locked(value, _)) => ((3, view.0, proposer.0), format!("{value:?}")),
            _ => return Vec::new(),
        },
        SmvbaMessage::Prevote { view, prevote: Prevote::Yes { digest, .. }, .. } => {
            ((4, view.0, 0), format!("{digest}"))
        }
        SmvbaMessage::Prevote { view, .. } => ((4, view.0, 0), "no".to_owned()),
        SmvbaMessage::Vote { view, vote: Vote::Yes { digest, .. }, .. } => ((5, view.0, 0), format!("{digest}")),
        SmvbaMessage::Vote { view, .. } => ((5, view.0, 0), "no".to_owned()),
        SmvbaMessage::Halt(halt) => ((6, 0, 0), format!("{}", halt.digest)),
        _ => return Vec::new(),
    };
    vec![(about, said)]
}

fn watched(builder: Builder<Smvba>) -> Builder<Smvba> {
    builder
        .oracle(Agreement::new(|value: &Bytes| ((), value.clone())))
        .oracle(Totality::new(|_: &Bytes| ()).expecting(()))
        .oracle(Integrity::new(|_: &Bytes| ()))
        .oracle(Validity::new::<Smvba>(|_, value: &Bytes, _| match value.starts_with(b"ok") {
            true => Ok(()),
            false => Err(format!("{value:?} does not satisfy the predicate")),
        }))
        .oracle(Statements::new(statement))
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

/// One run drawn from its seed: size, attack, schedule, crashes.
fn run(seed: u64, coverage: &mut Coverage) {
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
    let mut sim = watched(builder).input_again(|node| vec![input(node)]).build(move |me| smvba(n, me, seed));
    for node in committee.nodes() {
        // A Byzantine node may well put in what no predicate lets through.
        let bad = faulty.contains(&node.as_usize()) && seed.is_multiple_of(2);
        sim.input(node, if bad { "bad".into() } else { input(node) });
    }
    let report = sim.run();
    report.assert_ok();
    coverage.absorb(&report.coverage);
    for node in committee.nodes().filter(|node| !faulty.contains(&node.as_usize())) {
        let halt = sim.node(node).halt().expect("everybody has decided");
        coverage.count(match halt.view {
            Round(1) => "decided in view 1",
            Round(2) => "decided in view 2",
            _ => "decided later",
        });
        coverage.count(match halt.proof {
            mellivora_agreement::smvba::HaltProof::Finish(_) => "by a FINISH",
            mellivora_agreement::smvba::HaltProof::Seen(_) => "by votes",
        });
    }
    if report.counters.restarts > 0 {
        coverage.count("restart");
    }
}

#[test]
fn every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(400) {
        run(seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&[
            "decided in view 1",
            "decided in view 2",
            "decided later",
            "by a FINISH",
            "restart",
            "attack.silent",
            "attack.crash",
            "attack.equivocate",
            "attack.garbage.decoded",
            "attack.garbage.malformed",
            "attack.flood",
            "attack.withhold",
        ]);
    }
}

#[test]
fn crashes_and_restarts_of_everybody_contradict_nothing() {
    for seed in seeds(150) {
        let n = [4, 7][(seed % 2) as usize];
        let builder = Simulation::builder(committee(n), seed).scheduler(Schedule::Swarm).rounds_ahead(R).crashes(2 * n);
        let mut sim = watched(builder).input_again(|node| vec![input(node)]).build(move |me| smvba(n, me, seed));
        for node in committee(n).nodes() {
            sim.input(node, input(node));
        }
        sim.run().assert_ok();
        assert!(sim.counters().restarts > 0, "seed {seed}: nobody restarted");
    }
}

#[test]
fn real_suites_and_signatures_agree() {
    for (suite, runs) in [(Suite::Ristretto255, 4), (Suite::Bls12381, 2)] {
        for seed in 0..runs {
            let committee = committee(4);
            let keys = deal_nodes(suite, committee, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            let builder = Simulation::builder(committee, seed).scheduler(Schedule::Random).rounds_ahead(R);
            let mut sim = watched(builder).build(move |me| {
                let keys = &keys[me.as_usize()];
                Smvba::new(MvbaParams {
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

#[test]
fn without_faults_it_decides_after_six_message_delays() {
    for n in [4, 7, 10, 16] {
        let committee = committee(n);
        let builder = Simulation::builder(committee, 1).scheduler(Schedule::Latency(Delay::One.into())).rounds_ahead(R);
        let mut sim = watched(builder).build(move |me| smvba(n, me, 3));
        committee.nodes().for_each(|node| sim.input(node, input(node)));
        sim.run().assert_ok();
        for node in committee.nodes() {
            assert_eq!(sim.time_of_output(node, 0), Some(6.0), "n = {n}");
        }
    }
}
