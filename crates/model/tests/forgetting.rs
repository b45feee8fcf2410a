//! Like states have like steps: names that a canonical state exchanges mean nothing, and what it forgets no step reads.

use std::collections::BTreeSet;

use mellivora_core::Committee;
use mellivora_model::Weakening;
use mellivora_model::mvba::{Progress, Smvba};
use mellivora_model::stream::{Flow, Fork};
use mellivora_model::system::System;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What can come of a state, by canonical names, other than the state itself.
fn next<S: System>(system: &S, state: &S::State) -> BTreeSet<S::State> {
    let mut steps = Vec::new();
    system.steps(state, &mut steps);
    let here = system.canonical(*state);
    let next = steps.into_iter().map(|step| system.canonical(system.apply(state, step)));
    next.filter(|state| *state != here).collect()
}

/// Walks at random without forgetting anything, and compares each state with its canonical one.
fn check<S: System>(system: &S, seeds: u64) {
    for seed in 0..seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let initial = system.initial();
        let mut state = initial[rng.random_range(0..initial.len())];
        let mut steps = Vec::new();
        loop {
            let canonical = system.canonical(state);
            assert_eq!(system.canonical(canonical), canonical, "seed {seed}: {state}");
            assert_eq!(next(system, &state), next(system, &canonical), "seed {seed}: {state}");
            steps.clear();
            system.steps(&state, &mut steps);
            if steps.is_empty() {
                break;
            }
            state = system.apply(&state, steps[rng.random_range(0..steps.len())]);
        }
    }
}

#[test]
fn views_for_agreement() {
    let four = Committee::new(4).unwrap();
    for weakening in [None, Some(Weakening::ChainCut), Some(Weakening::NpcJustifies), Some(Weakening::LockAfterCoin)] {
        check(&Smvba::<3, 3>::agreement(four, weakening), 150);
    }
}

#[test]
fn views_for_progress() {
    check(&Progress::<3, 3>::new(Committee::new(4).unwrap(), None), 100);
}

#[test]
fn streams() {
    let four = Committee::new(4).unwrap();
    check(&Fork::<3, 3>::new(four, 2, None), 150);
    check(&Flow::<3>::live(four, 4, 2, None), 150);
}
