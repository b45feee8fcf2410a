//! Every strategy against every layer that it makes sense for, under the usual oracles, with proof that it struck.

mod common;

use common::*;
use mellivora_adversary::{Strategy, Toss};
use mellivora_agreement::Aba;
use mellivora_atomic::HoneyBadger;
use mellivora_broadcast::Rbc;
use mellivora_sim::{Coverage, Report, seeds};
use mellivora_subset::Bkr;

/// Runs every applicable strategy with each seed; each must have struck in at least one run.
fn campaign<P: mellivora_adversary::Forge>(count: u64, run: impl Fn(Strategy, u64) -> Report) {
    let mut coverage = Coverage::new();
    let strategies: Vec<Strategy> = Strategy::ALL.iter().copied().filter(|s| s.applies::<P>()).collect();
    for &strategy in &strategies {
        for seed in seeds(count) {
            let report = run(strategy, seed);
            if let Some(failure) = &report.failure {
                panic!("{strategy}: {failure}");
            }
            coverage.absorb(&report.coverage);
        }
    }
    if std::env::var("SIM_SEED").is_err() {
        let counters: Vec<&str> = strategies.iter().map(|strategy| strategy.counter()).collect();
        coverage.assert_all_fired(&counters);
    }
}

#[test]
fn broadcast_holds_against_all() {
    campaign::<Rbc>(30, rbc);
}

#[test]
fn the_coin_holds_against_all() {
    campaign::<Toss>(20, toss);
}

#[test]
fn agreement_holds_against_all() {
    campaign::<Aba>(30, aba);
}

#[test]
fn the_subset_holds_against_all() {
    campaign::<Bkr>(8, bkr);
}

#[test]
fn the_atomic_broadcast_holds_against_all() {
    campaign::<HoneyBadger<Bkr>>(3, badger);
}

#[test]
fn the_same_seed_gives_the_same_attack() {
    for strategy in Strategy::ALL.iter().copied().filter(|s| s.applies::<Bkr>()) {
        assert_eq!(bkr(strategy, 3).trace, bkr(strategy, 3).trace, "{strategy}");
    }
}
