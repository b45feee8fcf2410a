//! Random runs of many committees under every generic attack, with every oracle.

use bytes::Bytes;
use mellivora_agreement::smvba::{Prevote, Vote};
use mellivora_agreement::{Ckps, CkpsMessage, SmvbaMessage};
use mellivora_broadcast::{PbMessage, Prbc, PrbcMessage, SpbMessage, SpbRecord};
use mellivora_core::codec::encode;
use mellivora_core::{NodeIndex, NodeSet, Round};
use mellivora_crypto::{Remembering, Suite, deal_nodes};
use mellivora_sim::{Behaviour, Coverage, Delay, Schedule, Simulation, seeds};
use mellivora_subset::vector::{Stored, StoredMessage, Vector};
use mellivora_subset::{Dumbo2, SDumbo, SubsetParams, VectorMessage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::support::{self, R, Tested, codec, committee, params, payload, rbc_statement, watched};

fn smvba_statement(message: &SmvbaMessage) -> Vec<(String, Bytes)> {
    let (about, said) = match message {
        SmvbaMessage::Spb { view, proposer, message } => match message {
            SpbMessage::Send { .. } => (format!("send {view} {proposer}"), encode(message)),
            SpbMessage::Record(SpbRecord::Endorsed(digest)) => (format!("endorsed {view} {proposer}"), encode(digest)),
            SpbMessage::Record(SpbRecord::Locked(value, _)) => (format!("locked {view} {proposer}"), value.clone()),
            _ => return Vec::new(),
        },
        SmvbaMessage::Prevote { view, prevote: Prevote::Yes { digest, .. }, .. } => {
            (format!("prevote {view}"), encode(digest))
        }
        SmvbaMessage::Prevote { view, .. } => (format!("prevote {view}"), Bytes::new()),
        SmvbaMessage::Vote { view, vote: Vote::Yes { digest, .. }, .. } => (format!("vote {view}"), encode(digest)),
        SmvbaMessage::Vote { view, .. } => (format!("vote {view}"), Bytes::new()),
        SmvbaMessage::Halt(halt) => ("halt".to_owned(), encode(&halt.digest)),
        _ => return Vec::new(),
    };
    vec![(about, said)]
}

fn views(decided_in: Option<Round>) -> Vec<&'static str> {
    match decided_in {
        Some(Round(0 | 1)) | None => Vec::new(),
        Some(_) => vec!["a later view"],
    }
}

fn prbc_statement(proposer: NodeIndex, message: &PrbcMessage) -> Vec<(String, Bytes)> {
    match message {
        PrbcMessage::Rbc(message) => rbc_statement("rbc", proposer, message),
        PrbcMessage::Delivered(root, _) => vec![(format!("delivered {proposer}"), encode(root))],
    }
}

impl Tested for Dumbo2 {
    const BYTES: usize = 256 << 10;

    fn statements(message: &VectorMessage<PrbcMessage>) -> Vec<(String, Bytes)> {
        match message {
            VectorMessage::Broadcast { proposer, message } => prbc_statement(*proposer, message),
            VectorMessage::Mvba(message) => smvba_statement(message),
        }
    }

    fn rare(&self, _: &NodeSet) -> Vec<&'static str> {
        views(self.mvba().halt().map(|halt| halt.view))
    }
}

/// As Dumbo2 was published.
type OverCkps = Vector<Prbc, Ckps>;

impl Tested for OverCkps {
    const BYTES: usize = 256 << 10;

    fn statements(message: &VectorMessage<PrbcMessage, CkpsMessage>) -> Vec<(String, Bytes)> {
        match message {
            VectorMessage::Broadcast { proposer, message } => prbc_statement(*proposer, message),
            VectorMessage::Mvba(CkpsMessage::Vote { candidate, yes }) => {
                vec![(format!("vote {candidate}"), encode(&u8::from(*yes)))]
            }
            VectorMessage::Mvba(_) => Vec::new(),
        }
    }

    fn rare(&self, _: &NodeSet) -> Vec<&'static str> {
        match self.mvba().refused() {
            0 => Vec::new(),
            _ => vec!["a later candidate"],
        }
    }
}

impl Tested for SDumbo {
    const BYTES: usize = 256 << 10;

    fn statements(message: &VectorMessage<StoredMessage>) -> Vec<(String, Bytes)> {
        match message {
            VectorMessage::Broadcast { proposer, message: StoredMessage::Pb(message) } => match message {
                PbMessage::Send(_) => vec![(format!("send {proposer}"), encode(message))],
                PbMessage::Record(payload) => vec![(format!("stored {proposer}"), payload.0.clone())],
                _ => Vec::new(),
            },
            VectorMessage::Broadcast { .. } => Vec::new(),
            VectorMessage::Mvba(message) => smvba_statement(message),
        }
    }

    fn rare(&self, _: &NodeSet) -> Vec<&'static str> {
        let mut rare = views(self.mvba().halt().map(|halt| halt.view));
        let chosen = self.choice().unwrap_or_default().iter();
        let lacking = |proposer: NodeIndex| {
            let here = self.broadcast(proposer).and_then(|broadcast: &Stored| broadcast.pb().payload());
            self.choice().is_some_and(|choice| {
                choice.iter().any(|(node, root)| *node == proposer && here.is_none_or(|h| h.commitment() != *root))
            })
        };
        if chosen.clone().any(|(proposer, _)| lacking(*proposer)) {
            rare.push("payload retrieved");
        }
        rare
    }
}

const ATTACKS: [&str; 9] = [
    "restart",
    "attack.silent",
    "attack.crash",
    "attack.equivocate",
    "attack.garbage.decoded",
    "attack.garbage.malformed",
    "attack.flood",
    "attack.withhold",
    "a later view",
];

#[test]
fn dumbo2_at_every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(200) {
        support::every_size_under_every_attack::<Dumbo2>(&[1, 4, 5, 6, 7, 10], seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&ATTACKS);
        coverage.assert_all_fired(&["somebody left out", "faulty contribution chosen"]);
    }
}

#[test]
fn sdumbo_at_every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(200) {
        support::every_size_under_every_attack::<SDumbo>(&[1, 4, 5, 6, 7, 10], seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&ATTACKS);
        coverage.assert_all_fired(&["somebody left out", "faulty contribution chosen", "payload retrieved"]);
    }
}

#[test]
fn dumbo2_over_its_own_agreement_at_every_size_under_every_attack() {
    let mut coverage = Coverage::new();
    for seed in seeds(100) {
        support::every_size_under_every_attack::<OverCkps>(&[1, 4, 5, 6, 7, 10], seed, &mut coverage);
    }
    if std::env::var("SIM_SEED").is_err() {
        coverage.assert_all_fired(&["restart", "attack.equivocate", "a later candidate", "somebody left out"]);
    }
}

fn crashes_and_restarts<S: Tested>() {
    for seed in seeds(60) {
        let n = [4, 7][(seed % 2) as usize];
        let codec = codec(n);
        let builder = Simulation::builder(committee(n), seed).scheduler(Schedule::Swarm).rounds_ahead(R).crashes(2 * n);
        let mut sim = watched(builder, n, NodeSet::EMPTY)
            .input_again(|node| vec![payload(node)])
            .build(move |me| S::new(params(&codec, me, seed)));
        committee(n).nodes().for_each(|node| sim.input(node, payload(node)));
        sim.run().assert_ok();
        assert!(sim.counters().restarts > 0, "seed {seed}: nobody restarted");
    }
}

#[test]
fn crashes_and_restarts_of_everybody_contradict_nothing_in_dumbo2() {
    crashes_and_restarts::<Dumbo2>();
}

#[test]
fn crashes_and_restarts_of_everybody_contradict_nothing_in_dumbo2_over_its_own_agreement() {
    crashes_and_restarts::<OverCkps>();
}

#[test]
fn crashes_and_restarts_of_everybody_contradict_nothing_in_sdumbo() {
    crashes_and_restarts::<SDumbo>();
}

fn real_keys<S: Tested>() {
    for (suite, seed) in [(Suite::Ristretto255, 1), (Suite::Bls12381, 3)] {
        let codec = codec(4);
        let keys = deal_nodes(suite, committee(4), &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        let builder = Simulation::builder(committee(4), seed)
            .scheduler(Schedule::Random)
            .faulty(NodeIndex(2), Behaviour::Garbage);
        let mut sim = watched(builder, 4, NodeSet::one(NodeIndex(2))).build(move |me| {
            let keys = &keys[me.as_usize()];
            S::new(SubsetParams {
                coin: keys.coin().clone(),
                certificates: Remembering::scheme(keys.certificates()),
                ..params(&codec, me, 0)
            })
        });
        committee(4).nodes().for_each(|node| sim.input(node, payload(node)));
        sim.run().assert_ok();
    }
}

#[test]
fn real_suites_and_signatures_agree() {
    real_keys::<Dumbo2>();
    real_keys::<SDumbo>();
}

fn delays<S: Tested>(expected: f64) {
    for n in [4, 7, 10, 16] {
        let codec = codec(n);
        let builder =
            Simulation::builder(committee(n), 1).scheduler(Schedule::Latency(Delay::One.into())).rounds_ahead(R);
        let mut sim = watched(builder, n, NodeSet::EMPTY).build(move |me| S::new(params(&codec, me, 3)));
        committee(n).nodes().for_each(|node| sim.input(node, payload(node)));
        sim.run().assert_ok();
        for node in committee(n).nodes() {
            assert_eq!(sim.time_of_output(node, 0), Some(expected), "n = {n}");
        }
    }
}

#[test]
fn without_faults_dumbo2_outputs_after_ten_message_delays_and_sdumbo_after_nine() {
    delays::<Dumbo2>(10.0);
    delays::<SDumbo>(9.0);
    delays::<OverCkps>(14.0);
}
