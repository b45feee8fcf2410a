//! Every wrapper really strikes, and the correct protocol survives it.

mod toy;

use mellivora_core::{FaultKind, NodeIndex};
use mellivora_sim::{Adversary, Attack, Behaviour, Coverage, Schedule, committee_by_seed, seeds};
use toy::{Bracha, Bug, Kind, Toy, committee, start, watched};

fn campaign(behaviour: Behaviour, expected: &[&str]) {
    let mut coverage = Coverage::new();
    for n in [4, 6, 7] {
        let c = committee(n);
        for seed in seeds(60) {
            let builder = watched(c, seed).scheduler(Schedule::Swarm).faulty(NodeIndex(seed as u16 % 4), behaviour);
            let report = start(builder, c, Bug::None).run();
            report.assert_ok();
            coverage.absorb(&report.coverage);
        }
    }
    coverage.assert_all_fired(expected);
}

#[test]
fn silent() {
    campaign(Behaviour::Silent, &["attack.silent"]);
}

#[test]
fn crash() {
    campaign(Behaviour::Crash { after: 0 }, &["attack.crash"]);
    campaign(Behaviour::Crash { after: 5 }, &["attack.crash", "attack.crash.halfway"]);
}

#[test]
fn equivocate() {
    campaign(Behaviour::Equivocate, &["attack.equivocate"]);
}

#[test]
fn garbage() {
    campaign(Behaviour::Garbage, &["attack.garbage.decoded", "attack.garbage.malformed"]);
}

#[test]
fn flood() {
    campaign(Behaviour::Flood, &["attack.flood"]);
}

#[test]
fn withhold() {
    campaign(Behaviour::Withhold, &["attack.withhold"]);
}

#[test]
fn mimic() {
    campaign(Behaviour::Mimic, &["attack.mimic"]);
}

#[test]
fn twins_tell_different_things_and_are_noticed() {
    let c = committee(7);
    let noticed = seeds(20).any(|seed| {
        let mut sim = start(watched(c, seed).faulty(NodeIndex(2), Behaviour::Equivocate), c, Bug::None);
        sim.run().assert_ok();
        let (two, conflicting) = (NodeIndex(2), FaultKind::ConflictingEcho);
        assert!(sim.faults().iter().all(|(by, fault)| *by != two && fault.node == two));
        sim.faults().iter().any(|(_, fault)| fault.kind == conflicting)
    });
    assert!(noticed, "in twenty runs somebody heard both twins");
}

#[test]
fn malformed_frames_become_faults_of_the_sender() {
    let c = committee(4);
    let mut sim = start(watched(c, 1).faulty(NodeIndex(0), Behaviour::Garbage), c, Bug::None);
    let report = sim.run();
    report.assert_ok();
    assert!(report.counters.malformed > 0);
    let malformed = sim.faults().iter().filter(|(_, fault)| fault.kind == FaultKind::MalformedMessage).count();
    assert_eq!(malformed as u64, report.counters.malformed);
}

/// Proposes one value to even nodes and another one to odd nodes, and swallows what it hears.
struct Liar;

impl Adversary<Bracha> for Liar {
    fn start(&mut self, attack: &mut Attack<'_, Bracha>) {
        let proposer = attack.node();
        for to in attack.committee().nodes() {
            attack.send(to, Toy { kind: Kind::Send, proposer, value: u64::from(to.0 % 2) });
            attack.count("liar.send");
        }
    }

    fn receives(&mut self, _: NodeIndex, _: Toy, attack: &mut Attack<'_, Bracha>) -> Option<Toy> {
        attack.count("liar.deaf");
        None
    }

    fn input(&mut self, _: u64, attack: &mut Attack<'_, Bracha>) -> Option<u64> {
        attack.count("liar.refused");
        None
    }
}

#[test]
fn an_adversary_of_ones_own() {
    let c = committee(4);
    for seed in seeds(50) {
        let liar: Box<dyn Adversary<Bracha>> = Box::new(Liar);
        let report = start(watched(c, seed).faulty(NodeIndex(3), liar), c, Bug::None).run();
        report.assert_ok();
        report.coverage.assert_all_fired(&["liar.send", "liar.deaf", "liar.refused"]);
    }
}

#[test]
#[should_panic(expected = "never fired: [\"no.such.attack\"]")]
fn a_counter_at_zero_fails() {
    let mut coverage = Coverage::new();
    coverage.count("attack.silent");
    coverage.assert_all_fired(&["attack.silent", "no.such.attack"]);
}

#[test]
fn swarm_of_everything() {
    let mut coverage = Coverage::new();
    let mut sizes = std::collections::BTreeSet::new();
    for seed in seeds(400) {
        let c = committee_by_seed(seed);
        sizes.insert(c.n());
        let builder = watched(c, seed).scheduler(Schedule::Swarm).faulty_by_seed().crashes(2).cuts(2);
        let report = start(builder.input_again(|node| vec![toy::value(node)]), c, Bug::None).run();
        report.assert_ok();
        coverage.absorb(&report.coverage);
    }
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [1, 4, 5, 6, 7, 10, 16]);
    coverage.assert_all_fired(&[
        "attack.silent",
        "attack.crash",
        "attack.equivocate",
        "attack.garbage.decoded",
        "attack.garbage.malformed",
        "attack.flood",
        "attack.withhold",
        "attack.mimic",
    ]);
}
