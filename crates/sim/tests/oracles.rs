//! Every oracle can fail, and is silent on the correct protocol.

mod toy;

use mellivora_core::NodeIndex;
use mellivora_sim::{Behaviour, Builder, Choice, Failure, Memory, Report, Schedule, Simulation, TotalOrder, seeds};
use toy::{Bracha, Bug, Output, committee, start, watched};

/// The first failure within 200 seeds of a run with `bug`; the same set-up without it has to go well on all of them.
fn found(bug: Bug, oracle: &str, setup: impl Fn(Builder<Bracha>) -> Builder<Bracha>) -> Failure {
    let c = committee(4);
    let run = |seed, bug| -> Report { start(setup(watched(c, seed)), c, bug).run() };
    for seed in seeds(100) {
        run(seed, Bug::None).assert_ok();
    }
    for seed in 0..200 {
        let report = run(seed, bug);
        if !report.is_ok() {
            return report.assert_fails(oracle).clone();
        }
    }
    panic!("{bug:?} was never found");
}

fn equivocator(builder: Builder<Bracha>) -> Builder<Bracha> {
    builder.scheduler(Schedule::Swarm).faulty(NodeIndex(1), Behaviour::Equivocate)
}

#[test]
fn agreement_fails_on_low_thresholds() {
    found(Bug::LowThresholds, "agreement", equivocator);
}

#[test]
fn totality_fails_without_amplification() {
    found(Bug::NoAmplification, "totality", equivocator);
}

#[test]
fn integrity_fails_on_a_second_output() {
    found(Bug::DoubleOutput, "integrity", |b| b);
}

#[test]
fn validity_fails_on_a_wrong_value() {
    found(Bug::WrongValue, "validity", |b| b);
}

#[test]
fn blaming_an_honest_node_is_a_failure() {
    found(Bug::BlamesRepetition, "no-blame", |b| b.crashes(2));
}

#[test]
fn statements_fail_when_the_log_is_not_recalled() {
    // A forgetful node echoes the other twin's value after its restart. Peers would blame it first.
    let failure = found(Bug::Amnesia, "statements", |b| equivocator(b).crashes(3).allow_blame());
    assert!(failure.what.contains("and then"), "{failure}");
}

#[test]
fn termination_fails_when_nobody_halts() {
    found(Bug::NoTermination, "termination", |b| b);
}

#[test]
fn memory_fails_on_a_hoarder() {
    // 2 kinds of vote, 4 instances, 4 voters.
    found(Bug::Hoards, "memory", |b| {
        b.faulty(NodeIndex(3), Behaviour::Flood).oracle(Memory::new(2 * 4 * 4, |node: &Bracha| node.memory()))
    });
}

#[test]
fn a_run_without_rest_is_a_failure() {
    found(Bug::Chatters, "quiescence", |b| b.max_steps(5_000));
}

#[test]
fn a_message_with_two_encodings_is_a_failure() {
    found(Bug::LooseCodec, "codec", |b| b.faulty(NodeIndex(0), Behaviour::Garbage));
}

#[test]
fn a_message_that_does_not_decode_is_a_failure() {
    let failure = found(Bug::LossyCodec, "codec", |b| b.codec(1.0));
    assert!(failure.what.contains("does not decode"), "{failure}");
}

#[test]
fn total_order_fails_on_broadcasts_without_order() {
    let c = committee(4);
    let run =
        |seed| start(watched(c, seed).oracle(TotalOrder::new(|output: &Output| Some(*output))), c, Bug::None).run();
    let failed = seeds(20).map(run).find(|report| !report.is_ok()).unwrap();
    failed.assert_fails("total-order");
}

#[test]
fn total_order_wants_equal_lengths_at_the_end() {
    let c = committee(4);
    // Node 3 never hears what was said while it was cut off: nobody repeats it.
    let mut sim = Simulation::builder(c, 1)
        .outbox(false)
        .oracle(TotalOrder::new(|output: &Output| Some(*output)))
        .build(move |node| Bracha::new(c, node, Bug::None));
    sim.input(NodeIndex(0), toy::value(NodeIndex(0)));
    (0..3).for_each(|peer| sim.cut(NodeIndex(peer), NodeIndex(3)));
    sim.run().assert_ok();
    (0..3).for_each(|peer| sim.heal(NodeIndex(peer), NodeIndex(3)));
    sim.run().assert_fails("total-order");
}

#[test]
fn an_expected_output_that_nobody_has_is_missed() {
    let c = committee(4);
    let expecting = mellivora_sim::Totality::new(|output: &Output| output.0).expecting(NodeIndex(2));
    let builder = watched(c, 1).oracle(expecting).faulty(NodeIndex(2), Behaviour::Silent);
    start(builder, c, Bug::None).run().assert_fails("totality");
}

#[test]
fn a_failure_says_how_to_see_it_again() {
    let failure = found(Bug::WrongValue, "validity", |b| b);
    let text = failure.to_string();
    assert!(text.contains(&format!("SIM_SEED={} cargo test", failure.seed)), "{text}");
    assert!(text.contains("a_failure_says_how_to_see_it_again"), "{text}");
}

#[test]
fn a_failure_shrinks_to_the_events_that_matter() {
    let c = committee(4);
    let make = |seed| move || start(equivocator(watched(c, seed)), c, Bug::LowThresholds);
    let seed = (0..200).find(|seed| !make(*seed)().run().is_ok()).unwrap();
    let mut sim = make(seed)();
    sim.run().assert_fails("agreement");
    let shrunk = mellivora_sim::shrink(make(seed), sim.choices(), 2_000).unwrap();
    assert_eq!(shrunk.failure.oracle, "agreement");
    assert!(shrunk.choices.len() < sim.choices().len(), "{} events", shrunk.choices.len());
    assert!(shrunk.choices.len() <= 12, "{:?}", shrunk.choices);
    assert!(shrunk.choices.iter().all(|choice| !matches!(choice, Choice::Crash { .. })));
    // The short run is a run of its own, and fails in the same way each time.
    make(seed)().replay(&shrunk.choices).assert_fails("agreement");
    // Nothing to shrink where nothing fails.
    let well = || start(watched(c, seed), c, Bug::None);
    assert!(mellivora_sim::shrink(well, &[], 10).is_none());
}
