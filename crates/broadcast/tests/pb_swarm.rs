//! Provable broadcast in whole clusters, under random schedules, faulty nodes, crashes and cuts.

#[path = "common/provable.rs"]
mod provable;

use bytes::Bytes;
use mellivora_broadcast::pb::stored;
use mellivora_broadcast::{PbInput, PbMessage, PbOutput};
use mellivora_coding::{Body, ChunkTree};
use mellivora_core::{Committee, Digest, NodeIndex, Protocol, hash::HashKey};
use mellivora_crypto::{CertificateScheme, Claim};
use mellivora_sim::{
    Agreement, Behaviour, Builder, Coverage, Delay, Integrity, Memory, Observation, Oracle, Schedule, Simulation,
    Statements, Totality, View, seeds,
};
use provable::{Accepting, MAX, config, domain, ideal};

const SIZES: [usize; 5] = [1, 4, 5, 7, 10];
const BEHAVIOURS: [Behaviour; 7] = [
    Behaviour::Silent,
    Behaviour::Crash { after: 4 },
    Behaviour::Equivocate,
    Behaviour::Garbage,
    Behaviour::Flood,
    Behaviour::Withhold,
    Behaviour::Mimic,
];
const CONTENT: HashKey = HashKey::new("mellivora/test payload");

fn payload(len: usize, salt: u8) -> Bytes {
    (0..len).map(|i| (i as u8).wrapping_mul(31) ^ (i >> 8) as u8 ^ salt).collect()
}

/// A certificate that anybody outputs proves that n - 2f honest nodes have promised to hold that payload.
#[derive(Default)]
struct Provability(Vec<(NodeIndex, Digest)>);

impl Oracle<Accepting> for Provability {
    fn name(&self) -> &'static str {
        "provability"
    }

    fn observe(&mut self, event: &Observation<'_, Accepting>, view: &View<'_, Accepting>) -> Result<(), String> {
        match event {
            Observation::Promise { node, message: PbMessage::Send(held) | PbMessage::Record(held), .. } => {
                let tree = ChunkTree::commit(Body::from_bytes(held.0.clone())).map_err(|error| error.to_string())?;
                self.0.push((*node, tree.commitment()));
                Ok(())
            }
            Observation::Output { output: PbOutput::Certified { root, certificate }, .. } => {
                let committee = view.committee();
                let claim = Claim::many(stored(&domain(0), *root), committee.quorum(), certificate.clone());
                let honest = certificate.signers.iter().filter(|signer| self.0.contains(&(*signer, *root))).count();
                match ideal(committee.n()).verify(&[claim]) {
                    false => Err(format!("{certificate:?} is no certificate")),
                    true if honest < committee.data_shards() => {
                        Err(format!("only {honest} honest nodes hold {root:?}"))
                    }
                    true => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

fn certified_root(output: &PbOutput) -> Option<Digest> {
    match output {
        PbOutput::Certified { root, .. } => Some(*root),
        PbOutput::Proposed(_) => None,
    }
}

/// A cluster with every oracle that fits all runs. Its proposer is node 0.
fn watched(n: usize, seed: u64) -> Builder<Accepting> {
    let committee = Committee::new(n).unwrap();
    // What was proposed differs between nodes; what is certified does not.
    let split = |output: &PbOutput| (certified_root(output).is_some(), certified_root(output));
    Simulation::<Accepting>::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .oracle(Agreement::new(move |output: &PbOutput| split(output)))
        .oracle(Integrity::new(|output: &PbOutput| certified_root(output).is_some()))
        .oracle(Provability::default())
        .oracle(Memory::new(MAX + MAX / 8 + 4096 + 512 * n, |node: &Accepting| node.pb.memory()))
        .oracle(Statements::new(|message: &PbMessage| match message {
            PbMessage::Send(payload) => vec![("proposal", CONTENT.digest(payload))],
            PbMessage::Record(payload) => vec![("record", CONTENT.digest(payload))],
            PbMessage::Endorse(endorsement) => vec![("endorsement", CONTENT.digest(endorsement.as_bytes()))],
            PbMessage::Final(..) => vec![],
        }))
}

fn start(builder: Builder<Accepting>, n: usize) -> Simulation<Accepting> {
    builder.build(move |me| Accepting::new(config(n, me, 0, true)))
}

#[test]
fn an_honest_proposal_is_certified_everywhere_whatever_f_nodes_do() {
    let mut coverage = Coverage::new();
    for n in SIZES {
        let f = Committee::new(n).unwrap().f();
        for seed in seeds(60) {
            let payload = payload([0, 1, 100, 5000, 140_000][seed as usize % 5], seed as u8);
            let all =
                Totality::new(|output: &PbOutput| certified_root(output).is_some()).expecting(true).expecting(false);
            let mut builder = watched(n, seed).oracle(all);
            for bad in 0..f {
                let who = 1 + (seed as usize + 3 * bad) % (n - 1);
                builder = builder.faulty(NodeIndex(who as u16), BEHAVIOURS[(seed as usize + bad) % BEHAVIOURS.len()]);
            }
            let mut sim = start(builder, n);
            sim.input(NodeIndex(0), PbInput::Propose(payload.clone()));
            let report = sim.run();
            report.assert_ok();
            coverage.absorb(&report.coverage);
            let root = ChunkTree::commit(Body::from_bytes(payload)).unwrap().commitment();
            assert!(sim.outputs(NodeIndex(0)).iter().filter_map(certified_root).eq([root]));
        }
    }
    coverage.assert_all_fired(&["attack.silent", "attack.garbage.malformed", "attack.flood", "attack.withhold"]);
}

#[test]
fn two_payloads_of_a_faulty_proposer_are_never_both_certified() {
    let (mut certified, mut neither) = (0, 0);
    for n in [4, 5, 7, 10] {
        let f = Committee::new(n).unwrap().f();
        for seed in seeds(100) {
            let mut builder = watched(n, seed).faulty(NodeIndex(0), BEHAVIOURS[seed as usize % BEHAVIOURS.len()]);
            for bad in 1..f {
                let behaviour = BEHAVIOURS[(seed as usize / 7 + bad) % BEHAVIOURS.len()];
                builder = builder.faulty(NodeIndex(bad as u16), behaviour);
            }
            let builder = builder.twin_input(|_, input| match input {
                PbInput::Propose(first) => Some(PbInput::Propose(payload(first.len() + 1, 0xee))),
                PbInput::Accept => None,
            });
            let mut sim = start(builder, n);
            sim.input(NodeIndex(0), PbInput::Propose(payload(3000, seed as u8)));
            sim.run().assert_ok();
            match sim.outputs(NodeIndex(n as u16 - 1)).iter().any(|output| certified_root(output).is_some()) {
                true => certified += 1,
                false => neither += 1,
            }
        }
    }
    assert!(certified > 50 && neither > 50, "both ends were reached: {certified} and {neither}");
}

#[test]
fn crashes_and_cuts_cost_nothing_but_time() {
    let mut restarts = 0;
    for n in SIZES {
        for seed in seeds(80) {
            let payload = payload(70_000, seed as u8);
            let again = vec![0xaa; 50];
            let all =
                Totality::new(|output: &PbOutput| certified_root(output).is_some()).expecting(true).expecting(false);
            let builder = watched(n, seed)
                .oracle(all)
                .hostile_steps(1 << (3 + seed % 5))
                .crashes(n)
                .cuts(n / 2)
                // Its user has second thoughts: too late, because the first ones were promised, if they were.
                .input_again(move |who| match who {
                    NodeIndex(0) => vec![PbInput::Propose(again.clone().into())],
                    _ => vec![],
                });
            let mut sim = start(builder, n);
            sim.input(NodeIndex(0), PbInput::Propose(payload));
            let report = sim.run();
            report.assert_ok();
            restarts += report.counters.restarts;
        }
    }
    assert!(restarts > 100, "only {restarts} restarts");
}

#[test]
fn two_message_delays_to_the_certificate_and_three_to_all() {
    for n in SIZES {
        let mut sim = start(watched(n, 1).scheduler(Schedule::Latency(Delay::One.into())), n);
        sim.input(NodeIndex(0), PbInput::Propose(payload(5000, 1)));
        sim.run().assert_ok();
        for i in 0..n {
            // Output 0 is the proposal, output 1 the certificate.
            let time = sim.time_of_output(NodeIndex(i as u16), 1).unwrap();
            let delays = if i == 0 { 2.0 } else { 3.0 };
            assert!(time <= delays + 1e-6, "node {i} of {n} took {time} delays");
        }
        assert!(sim.view().node(NodeIndex(0)).pb.certified().is_some() && !sim.node(NodeIndex(0)).is_terminated());
    }
}
