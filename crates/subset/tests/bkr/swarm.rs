//! Random runs of many committees under every generic attack, with every oracle.

use bytes::Bytes;
use mellivora_agreement::CoinSchedule;
use mellivora_core::{NodeIndex, NodeSet};
use mellivora_crypto::{Suite, deal_nodes};
use mellivora_sim::{Behaviour, Coverage, Schedule, Simulation, seeds};
use mellivora_subset::{Bkr, BkrMessage, Subset, SubsetParams};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::support::{self, R, Tested, codec, committee, params, payload, watched};

impl Tested for Bkr {
    const BYTES: usize = 96 << 10;

    fn statements(message: &BkrMessage) -> Vec<(String, Bytes)> {
        support::bkr_statements(message)
    }
}

#[test]
fn every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(250) {
        support::every_size_under_every_attack::<Bkr>(&[1, 4, 5, 6, 7, 10], seed, &mut coverage);
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
