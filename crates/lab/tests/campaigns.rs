//! Campaigns in small: what they run, what they count, what they call a failure.

use mellivora_adversary::Strategy;
use mellivora_lab::scenario::{Order, Scenario};
use mellivora_lab::subject::{self, Subject};
use mellivora_lab::{matrix, sim};

fn find(name: &str) -> &'static dyn Subject {
    subject::find(name).unwrap()
}

#[test]
fn a_scenario_is_written_as_it_is_read() {
    for text in ["rbc:4:wrong-shard:*:17", "atomic:*:*:*:0", "aba:16:none:coin-first:9", "subset:7:*:pct:3"] {
        assert_eq!(text.parse::<Scenario>().unwrap().to_string(), text);
    }
    for order in Order::all() {
        let scenario = Scenario { order: Some(order), ..Scenario::by_seed("coin", 1) };
        assert_eq!(scenario.to_string().parse(), Ok(scenario));
    }
    for (text, what) in [
        ("rbc:4", "subject:nodes:attack:order:seed"),
        ("abc:4:*:*:1", "no subject 'abc'"),
        ("rbc:65:*:*:1", "1 to 64"),
        ("rbc:4:nice:*:1", "nice"),
        ("rbc:4:*:sorted:1", "no order 'sorted'"),
        ("rbc:4:*:*:x", "'x' is no seed"),
    ] {
        let error = text.parse::<Scenario>().unwrap_err();
        assert!(error.contains(what) && !error.contains('\n'), "{text}: {error}");
    }
}

#[test]
fn the_same_scenario_is_the_same_run() {
    for subject in subject::ALL {
        for seed in 0..6 {
            let scenario = Scenario { nodes: Some(4), ..Scenario::by_seed(subject.name(), seed) };
            let (first, second) = (subject.run(&scenario), subject.run(&scenario));
            assert!(first.failure.is_none(), "{:?}", first.failure);
            assert_eq!((first.trace, first.counters), (second.trace, second.counters), "{scenario}");
            let other = subject.run(&Scenario { seed: seed + 100, ..scenario });
            assert_ne!(first.trace, other.trace, "{scenario}");
        }
    }
}

#[test]
fn every_strategy_has_its_turn_in_consecutive_seeds() {
    let subject = find("rbc");
    let mut plan = sim::Plan::new(vec![subject], 60.0);
    plan.max_runs = 600;
    plan.demand_coverage = false;
    let report = sim::campaign(&plan);
    assert!(report.is_ok() && report.runs() == 600);
    let (_, tally) = &report.tallies[0];
    let fired = subject.strategies().iter().filter(|strategy| tally.coverage.get(strategy.counter()) > 0).count();
    assert_eq!(fired, subject.strategies().len(), "{:?}", tally.coverage);
    assert!(tally.retraced >= 1 && tally.faults > 0);
}

#[test]
fn a_campaign_that_missed_something_says_so() {
    let mut plan = sim::Plan::new(vec![find("aba")], 60.0);
    (plan.nodes, plan.strategy, plan.max_runs) = (Some(4), Some(Some(Strategy::Flip)), 3);
    let report = sim::campaign(&plan);
    assert!(!report.is_ok() && report.failed() == 0);
    assert!(report.missing["aba"].contains(&"attack.silent".to_owned()));
    assert!(!report.missing["aba"].contains(&"attack.flip".to_owned()));
    assert!(report.to_string().contains("never reached"));
}

#[test]
fn a_matrix_fills_every_cell_that_means_something() {
    let plan = matrix::Plan {
        subjects: vec![find("rbc"), find("coin")],
        sizes: vec![4, 5],
        strategies: vec![Strategy::WrongShard, Strategy::BadShare, Strategy::Silent],
        seeds: 3,
        enough: 3,
        seconds: None,
    };
    let report = matrix::campaign(&plan);
    assert!(report.is_ok(), "{report}");
    // A wrong shard means nothing to the coin, a bad share nothing to the broadcast.
    assert_eq!((report.cells(), report.runs(), report.fewest(), report.strategies()), (8, 24, 3, 3));
    let cut_short = matrix::campaign(&matrix::Plan { enough: 4, ..plan });
    assert!(!cut_short.is_ok());
}

#[test]
fn agreement_takes_the_rounds_that_theory_says() {
    let report = mellivora_lab::aba_stats::campaign(400);
    let (low, high) = report.unanimous();
    assert!((1.7..2.3).contains(&low) && (1.7..2.3).contains(&high), "{report}");
    assert!((3.4..4.6).contains(&report.best()), "{report}");
}
