//! Provable reliable broadcast in whole clusters, under random schedules, faulty nodes, crashes and cuts.

mod common;
#[allow(dead_code, unreachable_pub)]
#[path = "../../adversary/src/ideal.rs"]
mod ideal;

use common::{LIMIT, codec, modes, node, payload};
use ideal::IdealCertificates;
use mellivora_broadcast::prbc::delivered;
use mellivora_broadcast::{EchoMode, Prbc, PrbcConfig, PrbcMessage, PrbcOutput};
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, hash::HashKey};
use mellivora_crypto::{CertificateScheme, Claim};
use mellivora_sim::{
    Agreement, Behaviour, Builder, Coverage, Delay, Integrity, Memory, Observation, Oracle, Schedule, Simulation,
    Statements, Totality, View, seeds,
};

const SIZES: [usize; 5] = [1, 4, 5, 7, 10];
const BEHAVIOURS: [Behaviour; 7] = [
    Behaviour::Silent,
    Behaviour::Crash { after: 6 },
    Behaviour::Equivocate,
    Behaviour::Garbage,
    Behaviour::Flood,
    Behaviour::Withhold,
    Behaviour::Mimic,
];
const CONTENT: HashKey = HashKey::new("mellivora/test endorsement");

fn domain() -> Domain {
    Domain::new(Digest([7; 32]), Era(0))
}

/// A proof that anybody outputs is valid, and some honest node has delivered by then.
#[derive(Default)]
struct Provability {
    delivered: Vec<Digest>,
    /// Proofs at nodes that had not delivered themselves.
    early: u64,
}

impl Oracle<Prbc> for Provability {
    fn name(&self) -> &'static str {
        "provability"
    }

    fn observe(&mut self, event: &Observation<'_, Prbc>, view: &View<'_, Prbc>) -> Result<(), String> {
        match event {
            // What is promised is logged before outputs are handed over.
            Observation::Promise { message: PrbcMessage::Delivered(root, _), .. } => self.delivered.push(*root),
            Observation::Output { node, output: PrbcOutput::Proven { root, proof }, .. } => {
                let committee = view.committee();
                let claim = Claim::many(delivered(&domain(), *root), committee.one_honest(), proof.clone());
                if !IdealCertificates::new(committee, NodeIndex(0)).verify(&[claim]) {
                    return Err(format!("{proof:?} is no proof"));
                }
                if !self.delivered.contains(root) {
                    return Err(format!("nobody has delivered {root:?}"));
                }
                self.early += u64::from(view.node(*node).rbc().delivered().is_none());
            }
            _ => {}
        }
        Ok(())
    }

    fn count(&self, coverage: &mut Coverage) {
        if self.early > 0 {
            coverage.count("prbc.proof-before-delivery");
        }
    }
}

/// Whether it is the proof, and what it is about.
fn split(output: &PrbcOutput) -> (bool, Digest) {
    match output {
        PrbcOutput::Delivered(contribution) => (false, contribution.commitment),
        PrbcOutput::Proven { root, .. } => (true, *root),
    }
}

/// A cluster with every oracle that fits all runs. Its proposer is node 0.
fn watched(n: usize, seed: u64) -> Builder<Prbc> {
    let committee = Committee::new(n).unwrap();
    let bound = (n + 4) * (codec(n).shard_len(LIMIT) + 1024) + 2 * LIMIT + (2 * n + 2) * 512;
    Simulation::<Prbc>::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .oracle(Agreement::new(split))
        .oracle(Agreement::new(|output: &PrbcOutput| ((), split(output).1)))
        .oracle(Integrity::new(|output: &PrbcOutput| split(output).0))
        .oracle(Totality::new(|output: &PrbcOutput| split(output).0))
        .oracle(Provability::default())
        .oracle(Memory::new(bound, Prbc::memory))
        .oracle(Statements::new(|message: &PrbcMessage| match message {
            PrbcMessage::Delivered(root, endorsement) => {
                vec![("delivered", *root), ("endorsement", CONTENT.digest(endorsement.as_bytes()))]
            }
            PrbcMessage::Rbc(_) => vec![],
        }))
}

fn both(builder: Builder<Prbc>) -> Builder<Prbc> {
    builder.oracle(Totality::new(|output: &PrbcOutput| split(output).0).expecting(false).expecting(true))
}

fn start(builder: Builder<Prbc>, n: usize, mode: EchoMode) -> Simulation<Prbc> {
    let codec = codec(n);
    builder.build(move |me| {
        let rbc = common::config(&codec, me, node(0), mode);
        let certificates = IdealCertificates::scheme(rbc.committee, me);
        Prbc::new(PrbcConfig { rbc, domain: domain(), certificates })
    })
}

#[test]
fn an_honest_proposal_is_delivered_and_proven_whatever_f_nodes_do() {
    let mut coverage = Coverage::new();
    for n in SIZES {
        let f = Committee::new(n).unwrap().f();
        for mode in modes(n) {
            for seed in seeds(20) {
                let mut builder = both(watched(n, seed));
                for bad in 0..f {
                    let who = 1 + (seed as usize + 3 * bad) % (n - 1);
                    builder = builder.faulty(node(who), BEHAVIOURS[(seed as usize + bad) % BEHAVIOURS.len()]);
                }
                let mut sim = start(builder, n, mode);
                sim.input(node(0), payload(3000, seed as u8));
                let report = sim.run();
                report.assert_ok();
                coverage.absorb(&report.coverage);
            }
        }
    }
    coverage.assert_all_fired(&[
        "attack.silent",
        "attack.garbage.decoded",
        "attack.flood",
        "prbc.proof-before-delivery",
    ]);
}

#[test]
fn a_faulty_proposer_is_proven_everywhere_or_nowhere() {
    let (mut proven, mut silent) = (0, 0);
    for n in [4, 5, 7, 10] {
        let f = Committee::new(n).unwrap().f();
        for seed in seeds(80) {
            let mut builder = watched(n, seed).faulty(node(0), BEHAVIOURS[seed as usize % BEHAVIOURS.len()]);
            for bad in 1..f {
                builder = builder.faulty(node(bad + 1), BEHAVIOURS[(seed as usize / 7 + bad) % BEHAVIOURS.len()]);
            }
            let builder = builder.twin_input(|_, input| Some(payload(input.len() + 1, 0xee)));
            let mut sim = start(builder, n, modes(n)[seed as usize % 3]);
            sim.input(node(0), payload(3000, seed as u8));
            sim.run().assert_ok();
            match sim.outputs(node(n - 1)).len() {
                0 => silent += 1,
                2 => proven += 1,
                other => panic!("{other} outputs of seed {seed}, n {n}: delivery and proof come together"),
            }
        }
    }
    assert!(proven > 50 && silent > 20, "both ends were reached: {proven} and {silent}");
}

#[test]
fn crashes_and_cuts_cost_nothing_but_time() {
    let mut restarts = 0;
    for n in SIZES {
        for mode in modes(n) {
            for seed in seeds(30) {
                let again = payload(2000, seed as u8);
                let builder = both(watched(n, seed))
                    .hostile_steps(1 << (3 + seed % 6))
                    .crashes(n)
                    .cuts(n / 2)
                    .input_again(move |who| if who == NodeIndex(0) { vec![again.clone()] } else { vec![] });
                let mut sim = start(builder, n, mode);
                sim.input(node(0), payload(2000, seed as u8));
                let report = sim.run();
                report.assert_ok();
                restarts += report.counters.restarts;
            }
        }
    }
    assert!(restarts > 100, "only {restarts} restarts");
}

#[test]
fn one_message_delay_more_than_a_reliable_broadcast() {
    for n in [4, 7, 10] {
        for mode in modes(n) {
            let mut sim = start(both(watched(n, 1)).scheduler(Schedule::Latency(Delay::One.into())), n, mode);
            sim.input(node(0), payload(5000, 1));
            sim.run().assert_ok();
            for i in 0..n {
                let last = [0, 1].map(|k| sim.time_of_output(node(i), k).unwrap());
                assert!(last[0] <= 3.0 + 1e-6 && last[1] <= 4.0 + 1e-6, "node {i} of {n}: {last:?} under {mode:?}");
            }
        }
    }
}
