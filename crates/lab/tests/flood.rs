//! Floods, short: by what the nodes account for, so that no allocator is needed.

use mellivora_core::Committee;
use mellivora_crypto::{NodeKeys, Suite, deal_nodes};
use mellivora_lab::flood::{GROWTH, Kind, Meter, Setting, measure, peak, run};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn keys(n: usize) -> (Committee, Vec<NodeKeys>) {
    let committee = Committee::new(n).unwrap();
    (committee, deal_nodes(Suite::Ristretto255, committee, &mut ChaCha8Rng::seed_from_u64(n as u64)).unwrap())
}

#[test]
fn no_flood_makes_a_node_account_for_more_than_the_formula() {
    let (committee, keys) = keys(4);
    for kind in Kind::ALL {
        let peak = peak(committee, &keys, kind, Meter::Claimed).unwrap();
        assert!(peak.bytes <= peak.formula, "{kind:?}: {} bytes, the formula allows {}", peak.bytes, peak.formula);
    }
}

#[test]
fn the_formula_says_something_the_worst_flood_reaches_nearly_half_of_it() {
    let (committee, keys) = keys(4);
    let peak = peak(committee, &keys, Kind::Everything, Meter::Claimed).unwrap();
    assert!(peak.ratio() > 0.4, "{} of {}", peak.bytes, peak.formula);
    assert!(peak.faults > 1_000, "what exceeds the bounds is a fault of the flooder");
}

#[test]
fn a_flood_that_goes_on_ten_times_as_long_takes_no_more_memory() {
    let (committee, keys) = keys(4);
    let setting = Setting::new(committee, Kind::Everything);
    let run = run(&setting, &keys, Some(Kind::Everything), 20, Meter::Claimed).unwrap();
    assert!(run.epochs >= 40, "only {} epochs closed", run.epochs);
    let (second, last) = (run.peaks[2].max(run.peaks[3]), run.peaks[18].max(run.peaks[19]));
    assert!(last as f64 <= second as f64 * GROWTH, "{:?}", run.peaks);
}

#[test]
fn everything_is_ordered_while_small_messages_pour_in() {
    let (committee, keys) = keys(4);
    let cost = measure(committee, &keys, 10, 2, 1).unwrap();
    assert!(cost.frames > 100, "the flood never came: {} frames", cost.frames);
    assert!(cost.ratio() > 0.2, "a flood of small messages costs more than the protocol: {cost:?}");
}
