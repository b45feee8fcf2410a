//! Random runs of many committees under every generic attack, with every oracle.

use std::fmt::Write;

use bytes::Bytes;
use mellivora_agreement::{CoinSchedule, Vote};
use mellivora_broadcast::{EchoMode, RbcMessage};
use mellivora_core::codec::encode;
use mellivora_core::{NodeIndex, NodeSet, Protocol};
use mellivora_crypto::{Suite, deal_nodes};
use mellivora_sim::{
    Agreement, Behaviour, Builder, Coverage, Integrity, Memory, Schedule, Simulation, Statements, Totality, Validity,
    seeds,
};
use mellivora_subset::{Bkr, BkrMessage, Subset, SubsetParams};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Output, R, body, codec, committee, indices, params, payload};

/// What promises are about, and what they say.
fn statements(message: &BkrMessage) -> Vec<(String, Bytes)> {
    match message {
        BkrMessage::Rbc { proposer, message } => {
            let kind = match message {
                RbcMessage::Val { .. } => "proposal",
                RbcMessage::Echo { .. } | RbcMessage::EchoHash(_) => "support",
                RbcMessage::Ready(_) => "ready",
                RbcMessage::CanDecode(_) => return Vec::new(),
            };
            vec![(format!("rbc {proposer} {kind}"), encode(&message.root()))]
        }
        BkrMessage::Votes(ballots) => {
            let mut said = Vec::new();
            for ballot in ballots.iter() {
                let kind = match ballot.vote {
                    Vote::Bval { .. } => continue,
                    Vote::Aux { round, .. } => format!("aux {round}"),
                    Vote::Conf { round, .. } => format!("conf {round}"),
                    Vote::Term { .. } => "term".to_owned(),
                };
                let content = encode(&ballot.vote);
                said.extend(ballot.instances.iter().map(|j| (format!("aba {j} {kind}"), content.clone())));
            }
            said
        }
        BkrMessage::Share { .. } => Vec::new(),
    }
}

fn summary(output: &Output) -> String {
    output.iter().fold(String::new(), |mut text, (node, contribution)| {
        let _ = write!(text, "{node}: {} {:?}; ", contribution.commitment, body(contribution));
        text
    })
}

/// All oracles.
fn watched(builder: Builder<Bkr>, n: usize, faulty: NodeSet) -> Builder<Bkr> {
    let committee = committee(n);
    builder
        .oracle(Agreement::new(|output: &Output| ((), summary(output))))
        .oracle(Totality::new(|_: &Output| ()).expecting(()))
        .oracle(Integrity::new(|_: &Output| ()))
        .oracle(Statements::new(statements))
        .oracle(Memory::new::<Bkr>(n * (96 << 10), Bkr::memory))
        .oracle(Validity::new::<Bkr>(move |_, output: &Output, view| {
            let nodes = indices(output);
            let honest = nodes.iter().filter(|&&node| !faulty.contains(NodeIndex(node))).count();
            if nodes.len() < committee.quorum() || honest < committee.data_shards() {
                return Err(format!("{nodes:?} are too few"));
            }
            if !nodes.windows(2).all(|pair| pair[0] < pair[1]) {
                return Err(format!("{nodes:?} are not in order"));
            }
            for (node, contribution) in output.iter().filter(|(node, _)| !faulty.contains(*node)) {
                if body(contribution) != Some(payload(*node)) {
                    return Err(format!("{node:?} contributed something else"));
                }
            }
            let _ = view;
            Ok(())
        }))
}

const BEHAVIOURS: [Option<Behaviour>; 8] = [
    None,
    Some(Behaviour::Silent),
    Some(Behaviour::Crash { after: 30 }),
    Some(Behaviour::Equivocate),
    Some(Behaviour::Garbage),
    Some(Behaviour::Flood),
    Some(Behaviour::Withhold),
    Some(Behaviour::Mimic),
];

fn run(seed: u64, coverage: &mut Coverage) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xb42);
    let n = [1, 4, 5, 6, 7, 10][rng.random_range(0..6)];
    let committee = committee(n);
    let codec = codec(n);
    let coin_schedule = if rng.random() { CoinSchedule::AlwaysReal } else { CoinSchedule::Fixed10Real };
    let echo = if rng.random() { EchoMode::Full } else { EchoMode::saving(committee) };
    let behaviour = BEHAVIOURS[rng.random_range(0..BEHAVIOURS.len())];
    let faulty: NodeSet = match behaviour {
        Some(_) => (0..committee.f()).map(|i| NodeIndex(((i * 2 + seed as usize) % n) as u16)).collect(),
        None => NodeSet::EMPTY,
    };
    let mut builder = Simulation::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .rounds_ahead(R)
        .crashes(if rng.random_range(0..3) == 0 { 2 } else { 0 })
        .cuts(if rng.random_range(0..3) == 0 { 3 } else { 0 })
        .twin_input(|_, input: &Bytes| Some([&input[..], b" twin"].concat().into()));
    for node in faulty.iter() {
        builder = builder.faulty(node, behaviour.unwrap());
    }
    let mut sim = watched(builder, n, faulty)
        .input_again(|node| vec![payload(node)])
        .build(move |me| Bkr::new(SubsetParams { coin_schedule, echo, ..params(&codec, me, seed) }));
    committee.nodes().for_each(|node| sim.input(node, payload(node)));
    let report = sim.run();
    report.assert_ok();
    coverage.absorb(&report.coverage);
    for node in committee.nodes().filter(|node| !faulty.contains(*node)) {
        let output = &sim.outputs(node)[0];
        if output.len() < n {
            coverage.count("somebody left out");
        }
        if output.iter().any(|(node, _)| !faulty.contains(*node))
            && output.iter().any(|(node, _)| faulty.contains(*node))
        {
            coverage.count("faulty contribution chosen");
        }
        assert!(sim.node(node).decided() && !sim.node(node).is_terminated());
    }
    if report.counters.restarts > 0 {
        coverage.count("restart");
    }
}

#[test]
fn every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(250) {
        run(seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&[
            "somebody left out",
            "faulty contribution chosen",
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
    for seed in seeds(80) {
        let n = [4, 7][(seed % 2) as usize];
        let codec = codec(n);
        let builder = Simulation::builder(committee(n), seed).scheduler(Schedule::Swarm).rounds_ahead(R).crashes(2 * n);
        let mut sim = watched(builder, n, NodeSet::EMPTY)
            .input_again(|node| vec![payload(node)])
            .build(move |me| Bkr::new(params(&codec, me, seed)));
        committee(n).nodes().for_each(|node| sim.input(node, payload(node)));
        sim.run().assert_ok();
        assert!(sim.counters().restarts > 0, "seed {seed}: nobody restarted");
    }
}

#[test]
fn real_suites_agree() {
    for (suite, seed) in [(Suite::Ristretto255, 1), (Suite::Ristretto255, 2), (Suite::Bls12381, 3)] {
        let codec = codec(4);
        let keys = deal_nodes(suite, committee(4), &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        let builder = Simulation::builder(committee(4), seed)
            .scheduler(Schedule::Random)
            .faulty(NodeIndex(2), Behaviour::Garbage);
        let mut sim = watched(builder, 4, NodeSet::one(NodeIndex(2))).build(move |me| {
            Bkr::new(SubsetParams {
                coin: keys[me.as_usize()].coin().clone(),
                coin_schedule: CoinSchedule::AlwaysReal,
                ..params(&codec, me, 0)
            })
        });
        committee(4).nodes().for_each(|node| sim.input(node, payload(node)));
        sim.run().assert_ok();
    }
}
