//! Random runs of many committees under every generic attack, with every oracle.

use std::fmt::Write;

use bytes::Bytes;
use mellivora_agreement::{CoinSchedule, Vote};
use mellivora_broadcast::{EchoMode, RbcMessage};
use mellivora_core::codec::encode;
use mellivora_core::{NodeIndex, NodeSet, Protocol};
use mellivora_sim::{
    Agreement, Behaviour, Builder, Coverage, Integrity, Memory, Schedule, Simulation, Statements, Totality, Validity,
};
use mellivora_subset::{BkrMessage, Subset, SubsetParams};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Output, R, body, codec, committee, indices, params, payload};

/// What the runs have to know of an implementation.
pub(crate) trait Tested: Subset + 'static {
    /// What promises a message makes: what about, and what they say.
    fn statements(message: &Self::Message) -> Vec<(String, Bytes)>;
    /// Bytes that a node may hold for each node of the committee.
    const BYTES: usize;
    /// Rare states of one node after a run, by name.
    fn rare(&self, faulty: &NodeSet) -> Vec<&'static str> {
        let _ = faulty;
        Vec::new()
    }
}

/// What a message of a broadcast promises.
pub(crate) fn rbc_statement(name: &str, proposer: NodeIndex, message: &RbcMessage) -> Vec<(String, Bytes)> {
    let kind = match message {
        RbcMessage::Val { .. } => "proposal",
        RbcMessage::Echo { .. } | RbcMessage::EchoHash(_) => "support",
        RbcMessage::Ready(_) => "ready",
        RbcMessage::CanDecode(_) => return Vec::new(),
    };
    vec![(format!("{name} {proposer} {kind}"), encode(&message.root()))]
}

/// What a message of BKR promises.
pub(crate) fn bkr_statements(message: &BkrMessage) -> Vec<(String, Bytes)> {
    match message {
        BkrMessage::Rbc { proposer, message } => rbc_statement("rbc", *proposer, message),
        BkrMessage::Votes(ballots) => {
            let mut said = Vec::new();
            for ballot in ballots.iter() {
                let kind = match ballot.vote {
                    Vote::Bval { .. } => continue,
                    Vote::Aux { round, .. } => format!("aux {round}"),
                    Vote::Conf { round, .. } => format!("conf {round}"),
                    Vote::Term { .. } => "term".to_owned(),
                };
                let content = encode(&ballot.vote);
                said.extend(ballot.instances.iter().map(|j| (format!("aba {j} {kind}"), content.clone())));
            }
            said
        }
        BkrMessage::Share { .. } => Vec::new(),
    }
}

fn summary(output: &Output) -> String {
    output.iter().fold(String::new(), |mut text, (node, contribution)| {
        let _ = write!(text, "{node}: {} {:?}; ", contribution.commitment, body(contribution));
        text
    })
}

/// All oracles.
pub(crate) fn watched<S: Tested>(builder: Builder<S>, n: usize, faulty: NodeSet) -> Builder<S> {
    let committee = committee(n);
    builder
        .oracle(Agreement::new(|output: &Output| ((), summary(output))))
        .oracle(Totality::new(|_: &Output| ()).expecting(()))
        .oracle(Integrity::new(|_: &Output| ()))
        .oracle(Statements::new(S::statements))
        .oracle(Memory::new::<S>(n * S::BYTES, S::memory))
        .oracle(Validity::new::<S>(move |_, output: &Output, _| {
            let nodes = indices(output);
            let honest = nodes.iter().filter(|&&node| !faulty.contains(NodeIndex(node))).count();
            if nodes.len() < committee.quorum() || honest < committee.data_shards() {
                return Err(format!("{nodes:?} are too few"));
            }
            if !nodes.windows(2).all(|pair| pair[0] < pair[1]) {
                return Err(format!("{nodes:?} are not in order"));
            }
            for (node, contribution) in output.iter().filter(|(node, _)| !faulty.contains(*node)) {
                if body(contribution) != Some(payload(*node)) {
                    return Err(format!("{node:?} contributed something else"));
                }
            }
            Ok(())
        }))
}

const BEHAVIOURS: [Option<Behaviour>; 8] = [
    None,
    Some(Behaviour::Silent),
    Some(Behaviour::Crash { after: 30 }),
    Some(Behaviour::Equivocate),
    Some(Behaviour::Garbage),
    Some(Behaviour::Flood),
    Some(Behaviour::Withhold),
    Some(Behaviour::Mimic),
];

/// One run that its seed decides, in a committee of one of the sizes.
pub(crate) fn every_size_under_every_attack<S: Tested>(sizes: &[usize], seed: u64, coverage: &mut Coverage) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xb42);
    let n = sizes[rng.random_range(0..sizes.len())];
    let committee = committee(n);
    let codec = codec(n);
    let coin_schedule = if rng.random() { CoinSchedule::AlwaysReal } else { CoinSchedule::Fixed10Real };
    let echo = if rng.random() { EchoMode::Full } else { EchoMode::saving(committee) };
    let behaviour = BEHAVIOURS[rng.random_range(0..BEHAVIOURS.len())];
    let faulty: NodeSet = match behaviour {
        Some(_) => (0..committee.f()).map(|i| NodeIndex(((i * 2 + seed as usize) % n) as u16)).collect(),
        None => NodeSet::EMPTY,
    };
    let mut builder = Simulation::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .rounds_ahead(R)
        .crashes(if rng.random_range(0..3) == 0 { 2 } else { 0 })
        .cuts(if rng.random_range(0..3) == 0 { 3 } else { 0 })
        .twin_input(|_, input: &Bytes| Some([&input[..], b" twin"].concat().into()));
    for node in faulty.iter() {
        builder = builder.faulty(node, behaviour.unwrap());
    }
    let mut sim = watched(builder, n, faulty)
        .input_again(|node| vec![payload(node)])
        .build(move |me| S::new(SubsetParams { coin_schedule, echo, ..params(&codec, me, seed) }));
    committee.nodes().for_each(|node| sim.input(node, payload(node)));
    let report = sim.run();
    report.assert_ok();
    coverage.absorb(&report.coverage);
    for node in committee.nodes().filter(|node| !faulty.contains(*node)) {
        let output = &sim.outputs(node)[0];
        if output.len() < n {
            coverage.count("somebody left out");
        }
        if output.iter().any(|(node, _)| !faulty.contains(*node))
            && output.iter().any(|(node, _)| faulty.contains(*node))
        {
            coverage.count("faulty contribution chosen");
        }
        assert!(sim.node(node).decided() && !sim.node(node).is_terminated());
        sim.node(node).rare(&faulty).into_iter().for_each(|name| coverage.count(name));
    }
    if report.counters.restarts > 0 {
        coverage.count("restart");
    }
}
