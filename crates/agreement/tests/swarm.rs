//! Random runs of many committees under every generic attack, with every oracle; crashes and restarts; real suites.

mod common;

use common::*;
use mellivora_agreement::CoinSchedule::{self, AlwaysReal, Fixed10Real};
use mellivora_agreement::{Aba, AbaConfig, AbaMessage, Vote};
use mellivora_core::NodeIndex;
use mellivora_crypto::{Suite, deal_nodes};
use mellivora_sim::{
    Agreement, Behaviour, Builder, Coverage, Integrity, Memory, Schedule, Simulation, Statements, Termination,
    Totality, Validity, seeds,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a promise is about, and what it says.
fn statement(message: &AbaMessage) -> Vec<((u8, u32), String)> {
    match message {
        AbaMessage::Vote(Vote::Aux { round, value }) => vec![((1, round.0), format!("{value}"))],
        AbaMessage::Vote(Vote::Conf { round, values }) => vec![((2, round.0), format!("{values:?}"))],
        AbaMessage::Vote(Vote::Term { value }) => vec![((3, 0), format!("{value}"))],
        _ => Vec::new(),
    }
}

/// All oracles. `inputs` of the honest nodes bound what may be decided.
fn watched(builder: Builder<Aba>, inputs: Vec<bool>) -> Builder<Aba> {
    builder
        .oracle(Agreement::new(|value: &bool| ((), *value)))
        .oracle(Totality::new(|_: &bool| ()).expecting(()))
        .oracle(Integrity::new(|_: &bool| ()))
        .oracle(Validity::new::<Aba>(move |_, value, _| match inputs.contains(value) {
            true => Ok(()),
            false => Err(format!("{value} is the input of no honest node")),
        }))
        .oracle(Statements::new(statement))
        .oracle(Memory::new::<Aba>(64 << 10, Aba::memory))
        .oracle(Termination)
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

/// One run drawn from its seed: size, coin schedule, attack, inputs.
fn run(seed: u64, coverage: &mut Coverage) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xaba);
    let n = [1, 4, 5, 6, 7, 10][rng.random_range(0..6)];
    let committee = committee(n);
    let schedule = if rng.random() { AlwaysReal } else { Fixed10Real };
    let inputs: Vec<bool> = match rng.random_range(0..4) {
        0 => vec![rng.random(); n],
        _ => (0..n).map(|_| rng.random()).collect(),
    };
    let behaviour = BEHAVIOURS[rng.random_range(0..BEHAVIOURS.len())];
    let faulty: Vec<usize> = match behaviour {
        Some(_) => (0..committee.f()).map(|i| (i * 2 + seed as usize) % n).collect(),
        None => Vec::new(),
    };
    let honest_inputs = (0..n).filter(|node| !faulty.contains(node)).map(|node| inputs[node]).collect();
    let mut builder = Simulation::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .rounds_ahead(R)
        .crashes(if rng.random_range(0..3) == 0 { 2 } else { 0 })
        .cuts(if rng.random_range(0..3) == 0 { 3 } else { 0 })
        .twin_input(|_, input| Some(!input));
    for &node in &faulty {
        builder = builder.faulty(NodeIndex(node as u16), behaviour.unwrap());
    }
    let again = inputs.clone();
    let mut sim = watched(builder, honest_inputs)
        .input_again(move |node| vec![again[node.as_usize()]])
        .build(move |me| Aba::new(config(n, me, schedule, seed)));
    for (node, input) in committee.nodes().zip(&inputs) {
        sim.input(node, *input);
    }
    let report = sim.run();
    report.assert_ok();
    coverage.absorb(&report.coverage);
    for node in committee.nodes().filter(|node| !faulty.contains(&node.as_usize())) {
        if sim.node(node).decided_round() >= Some(mellivora_core::Round(3)) {
            coverage.count("round >= 3");
        }
        if sim.outputs(node) == [false] {
            coverage.count("decided 0");
        }
    }
    if report.counters.restarts > 0 {
        coverage.count("restart");
    }
}

#[test]
fn every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(600) {
        run(seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&[
            "round >= 3",
            "decided 0",
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
        let committee = committee(n);
        let schedule = if seed % 3 == 0 { Fixed10Real } else { AlwaysReal };
        let inputs: Vec<bool> = (0..n).map(|node| (seed >> node) & 1 == 1).collect();
        let again = inputs.clone();
        let builder = Simulation::builder(committee, seed).scheduler(Schedule::Swarm).rounds_ahead(R).crashes(2 * n);
        let mut sim = watched(builder, inputs.clone())
            .input_again(move |node| vec![again[node.as_usize()]])
            .build(move |me| Aba::new(config(n, me, schedule, seed)));
        for (node, input) in committee.nodes().zip(&inputs) {
            sim.input(node, *input);
        }
        sim.run().assert_ok();
        assert!(sim.counters().restarts > 0, "seed {seed}: nobody restarted");
    }
}

#[test]
fn real_suites_agree() {
    for (suite, runs) in [(Suite::Ristretto255, 4), (Suite::Bls12381, 2)] {
        for seed in 0..runs {
            let committee = committee(4);
            let keys = deal_nodes(suite, committee, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            let inputs = vec![true, false, seed % 2 == 0, false];
            let builder = Simulation::builder(committee, seed).scheduler(Schedule::Random);
            let mut sim = watched(builder, inputs.clone()).build(move |me| {
                Aba::new(AbaConfig {
                    coin: keys[me.as_usize()].coin().clone(),
                    ..config(4, me, CoinSchedule::AlwaysReal, 0)
                })
            });
            for (node, input) in committee.nodes().zip(&inputs) {
                sim.input(node, *input);
            }
            sim.run().assert_ok();
        }
    }
}

#[test]
fn equal_inputs_of_1_decide_after_two_message_delays() {
    use mellivora_sim::Delay;
    for n in [4, 7, 10] {
        let committee = committee(n);
        let builder = Simulation::builder(committee, 1).scheduler(Schedule::Latency(Delay::One.into()));
        let mut sim = watched(builder, vec![true]).build(move |me| Aba::new(config(n, me, Fixed10Real, 0)));
        committee.nodes().for_each(|node| sim.input(node, true));
        sim.run().assert_ok();
        for node in committee.nodes() {
            assert_eq!(sim.time_of_output(node, 0), Some(2.0));
        }
    }
}
