//! Coin values look uniform: chi-square over up to ten thousand names, with bounds that a uniform coin exceeds with a chance
//! below one in a million. The names are fixed, so a run that passes always passes.

mod common;

use common::{coin_shares, nodes};
use mellivora_core::hash::HashKey;
use mellivora_crypto::Suite;

const NAMES: u32 = 10_000;

fn chi_square(counts: &[u32]) -> f64 {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum()
}

fn assert_uniform(suite: Suite, n: usize, names: u32) {
    let nodes = nodes(suite, n);
    let needed = nodes[0].committee().one_honest();
    let (mut bits, mut leaders, mut bytes) = ([0u32; 2], [0u32; 7], [0u32; 256]);
    let mut same_as_before = [0u32; 2];
    let mut before = false;
    for i in 0..names {
        let name = HashKey::new("statistics").digest(&i.to_le_bytes());
        let value = nodes[0].coin().combine(&name, &coin_shares(&nodes[..needed], &name)).value.unwrap();
        bits[usize::from(value.bit())] += 1;
        same_as_before[usize::from(value.bit() == before)] += 1;
        before = value.bit();
        leaders[value.choose(7)] += 1;
        bytes[usize::from(value.0.0[31])] += 1;
    }
    for (what, counts, bound) in [
        ("bits", &bits[..], 24.0),
        ("successive bits", &same_as_before, 24.0),
        ("leaders", &leaders, 39.0),
        ("bytes", &bytes, 375.0),
    ] {
        let found = chi_square(counts);
        assert!(found < bound, "{suite}: {what}: {found} {counts:?}");
    }
}

#[test]
fn ristretto255() {
    assert_uniform(Suite::Ristretto255, 4, NAMES);
}

/// Pairings are slow: fewer names in everyday runs.
#[test]
fn bls12_381() {
    assert_uniform(Suite::Bls12381, 1, 2_000);
}

#[test]
#[ignore = "two minutes; for campaigns"]
fn every_suite_over_many_names() {
    for &suite in Suite::ALL {
        assert_uniform(suite, 4, NAMES);
    }
}

/// Slower still.
#[cfg(feature = "threshold_crypto")]
#[test]
fn threshold_crypto() {
    assert_uniform(Suite::ThresholdCrypto, 1, 500);
}

#[test]
fn the_measure_tells_a_biased_coin() {
    assert!(chi_square(&[5_300, 4_700]) > 24.0);
    assert!(chi_square(&[5_050, 4_950]) < 24.0);
}
