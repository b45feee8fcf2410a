//! Every strategy against every layer that it makes sense for, under the usual oracles, with proof that it struck.

mod common;

use common::*;
use mellivora_adversary::{Forge, Strategy, Toss};
use mellivora_agreement::Aba;
use mellivora_atomic::HoneyBadger;
use mellivora_broadcast::Rbc;
use mellivora_core::FaultKind;
use mellivora_sim::{Coverage, Report, seeds};
use mellivora_subset::{Bkr, Dumbo1};

/// What honest nodes have to notice of a strategy in any layer that it strikes, at least one of these. Empty where the
/// attack is in what is said to whom, so that nobody can tell.
fn noticed(strategy: Strategy) -> &'static [FaultKind] {
    match strategy {
        Strategy::Garbage => &[FaultKind::MalformedMessage],
        Strategy::WrongShard | Strategy::WrongIndex | Strategy::InnerNode => &[FaultKind::InvalidShard],
        Strategy::NonCodeword => &[FaultKind::NotACodeword],
        Strategy::DigestFlood => &[FaultKind::ConflictingReady],
        Strategy::DoubleVote => &[FaultKind::ConflictingAux],
        Strategy::FalseIndexSet => &[FaultKind::InvalidIndexSet],
        Strategy::BadCiphertext | Strategy::CopiedCiphertext => &[FaultKind::InvalidCiphertext],
        Strategy::BadDecryption => &[FaultKind::InvalidDecryptionShare, FaultKind::InvalidDecryptionProof],
        Strategy::FalseCheckpoint => &[FaultKind::ConflictingCheckpoint],
        Strategy::BadCertificate => &[FaultKind::InvalidCertificate],
        Strategy::FarEpochs => &[FaultKind::BeyondWindow],
        Strategy::FalseHeader | Strategy::FalseSlot => &[FaultKind::InvalidFetched],
        Strategy::BadShare => &[FaultKind::InvalidCoinShare, FaultKind::InvalidDecryptionShare],
        _ => &[],
    }
}

/// Runs every applicable strategy with each seed. Each must have struck in at least one run, and must have been noticed
/// where it can be.
fn campaign<P: Forge>(count: u64, run: impl Fn(Strategy, u64) -> Report) {
    campaign_of::<P>(Strategy::ALL, count, run);
}

/// The same for some strategies.
fn campaign_of<P: Forge>(strategies: &[Strategy], count: u64, run: impl Fn(Strategy, u64) -> Report) {
    let strategies = strategies.iter().copied().filter(|strategy| strategy.applies::<P>());
    for strategy in strategies {
        let mut coverage = Coverage::new();
        for seed in seeds(count) {
            let report = run(strategy, seed);
            if let Some(failure) = &report.failure {
                panic!("{strategy}: {failure}");
            }
            coverage.absorb(&report.coverage);
        }
        if std::env::var("SIM_SEED").is_err() {
            coverage.assert_all_fired(&[strategy.counter()]);
            let kinds = noticed(strategy);
            let seen = kinds.iter().any(|kind| coverage.get(&format!("fault.{kind:?}")) > 0);
            assert!(kinds.is_empty() || seen, "{strategy}: nobody noticed any of {kinds:?}: {coverage:?}");
        }
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
    campaign::<Bkr>(8, subset::<Bkr>);
}

#[test]
fn the_atomic_broadcast_holds_against_all() {
    campaign::<HoneyBadger<Bkr>>(3, badger::<Bkr>);
}

#[test]
fn dumbo1_holds_against_all() {
    campaign::<Dumbo1>(12, subset::<Dumbo1>);
}

#[test]
fn the_atomic_broadcast_over_dumbo1_holds_against_all() {
    // Whoever lies about the past lies about batches, which no subset has a part in.
    let past =
        |strategy: &Strategy| matches!(strategy, Strategy::FalseHeader | Strategy::FalseSlot | Strategy::FalseGone);
    let present: Vec<Strategy> = Strategy::ALL.iter().copied().filter(|strategy| !past(strategy)).collect();
    campaign_of::<HoneyBadger<Dumbo1>>(&present, 3, badger::<Dumbo1>);
}

#[test]
fn the_same_seed_gives_the_same_attack() {
    for strategy in Strategy::ALL.iter().copied().filter(|s| s.applies::<Bkr>()) {
        assert_eq!(subset::<Bkr>(strategy, 3).trace, subset::<Bkr>(strategy, 3).trace, "{strategy}");
    }
}
