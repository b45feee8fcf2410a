//! Random runs of many committees under every generic attack, with every oracle.

use bytes::Bytes;
use mellivora_agreement::CoinSchedule;
use mellivora_core::{NodeIndex, NodeSet};
use mellivora_crypto::{Suite, deal_nodes};
use mellivora_sim::{Behaviour, Coverage, Schedule, Simulation, seeds};
use mellivora_subset::{Dumbo1, Dumbo1Message, Subset, SubsetParams};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::support::{self, R, Tested, codec, committee, params, payload, rbc_statement, watched};

impl Tested for Dumbo1 {
    const BYTES: usize = 128 << 10;

    fn statements(message: &Dumbo1Message) -> Vec<(String, Bytes)> {
        match message {
            Dumbo1Message::Bkr(message) => support::bkr_statements(message),
            Dumbo1Message::IndexSet { member, message } => rbc_statement("index set", *member, message),
            Dumbo1Message::Election(_) => Vec::new(),
        }
    }

    fn rare(&self, faulty: &NodeSet) -> Vec<&'static str> {
        let Some(members) = self.members() else { return Vec::new() };
        let decided = |value| members.iter().filter(move |member| self.decision(*member) == Some(value)).count();
        let sets: Vec<NodeSet> = members.iter().filter_map(|member| self.index_set(member)).collect();
        let reached = [
            ("faulty member", !members.intersection(faulty).is_empty()),
            ("one honest member", members.difference(faulty).len() == 1 && !faulty.is_empty()),
            ("zero decided", decided(false) > 0),
            ("several chosen", decided(true) > 1),
            ("different sets", sets.windows(2).any(|pair| pair[0] != pair[1])),
        ];
        reached.into_iter().filter_map(|(name, reached)| reached.then_some(name)).collect()
    }
}

#[test]
fn every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(250) {
        support::every_size_under_every_attack::<Dumbo1>(&[1, 4, 5, 6, 7, 10, 16], seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&[
            "somebody left out",
            "faulty contribution chosen",
            "faulty member",
            "one honest member",
            "zero decided",
            "several chosen",
            "different sets",
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
            .build(move |me| Dumbo1::new(params(&codec, me, seed)));
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
            Dumbo1::new(SubsetParams {
                coin: keys[me.as_usize()].coin().clone(),
                coin_schedule: CoinSchedule::AlwaysReal,
                ..params(&codec, me, 0)
            })
        });
        committee(4).nodes().for_each(|node| sim.input(node, payload(node)));
        sim.run().assert_ok();
    }
}
