//! The common subset under attack.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin, Tools, schedule::Peek};
use mellivora_coding::Contribution;
use mellivora_core::{Digest, Domain, Epoch, Era, NodeIndex, Protocol, Round, Segment};
use mellivora_sim::{Agreement, Integrity, Memory, Simulation, Statements, Totality, Validity};
use mellivora_subset::{Bkr, BkrMessage, Subset, SubsetParams};
use rand::RngExt;

use super::aba::{R, coin_schedule, may_share, vote_statement};
use super::oracles::{AtEnd, Gate, Said as Says};
use super::rbc::{codec as codec_of, echo};
use super::{Target, builder, count_common};
use crate::scenario::Cast;

pub(crate) struct CommonSubset;

type Output = <Bkr as Protocol>::Output;

/// What a node contributes: some bytes that name it.
fn payload(node: NodeIndex) -> Bytes {
    let mut bytes = vec![node.0 as u8; 10 + 70 * node.as_usize()];
    bytes.extend_from_slice(format!("contribution of {node}").as_bytes());
    bytes.into()
}

/// A slot that only one thing may ever be said in: layer, instance, kind, round.
pub(super) type Said = (u8, u16, u8, u32);

/// What promises are about, and the fingerprint of what they say.
pub(super) fn statements(message: &BkrMessage) -> Vec<(Said, u64)> {
    let print = |bytes: &[u8]| {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        hasher.finish()
    };
    match message {
        BkrMessage::Rbc { proposer, message } => super::rbc::statements(message)
            .into_iter()
            .map(|(kind, root)| ((0, proposer.0, kind.as_bytes()[0], 0), print(root.as_ref())))
            .collect(),
        BkrMessage::Votes(ballots) => {
            let mut said = Vec::new();
            for ballot in ballots.iter() {
                if let Some(((kind, round), value)) = vote_statement(&ballot.vote) {
                    said.extend(ballot.instances.iter().map(|j| ((1, j.0, kind, round), u64::from(value))));
                }
            }
            said
        }
        BkrMessage::Share { .. } => Vec::new(),
    }
}

/// Whether a node in this state may have said this.
pub(super) fn gate(bkr: &Bkr, message: &BkrMessage) -> Result<(), String> {
    match message {
        BkrMessage::Share { instance, round, .. } => match bkr.aba(*instance) {
            Some(aba) => may_share(aba, *round),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

impl Target for CommonSubset {
    type P = Bkr;
    const NAME: &'static str = "subset";
    const RARE: &'static [&'static str] = &[
        "restart",
        "lost and repeated",
        "culprit named",
        "somebody left out",
        "faulty contribution chosen",
        "bottom chosen",
        "round >= 3",
    ];
    const SHARE: u32 = 9;

    fn start(&self, cast: &mut Cast) -> Simulation<Bkr> {
        let (committee, codec) = (cast.committee, codec_of(cast.committee));
        let (n, seed) = (committee.n(), cast.seed);
        let (coin_schedule, echo) = (coin_schedule(cast), echo(cast));
        let honest = cast.honest();
        let domain = Domain::new(Digest([7; 32]), Era(0)).child(Segment::epoch(Epoch(4)));
        let peek = Peek::ideal(IdealCoin::new(committee, NodeIndex(0), seed), domain, coin_schedule);
        let tools = move |node| Tools {
            coin: Some(IdealCoin::scheme(committee, node, seed)),
            domain: Some(domain),
            coin_schedule,
            ..Tools::default()
        };
        let check = honest.clone();
        let mut sim = builder::<Bkr>(cast, Some(peek), tools)
            .rounds_ahead(R)
            .oracle(Agreement::new(|output: &Output| ((), codec_print(output))))
            .oracle(Totality::new(|_: &Output| ()).expecting(()))
            .oracle(Integrity::new(|_: &Output| ()))
            .oracle(Statements::new(statements))
            .oracle(Memory::new::<Bkr>(n * (96 << 10), Bkr::memory))
            .oracle(Gate(gate))
            .oracle(Validity::new::<Bkr>(move |_, output: &Output, _| {
                let members: Vec<u16> = output.iter().map(|(node, _)| node.0).collect();
                let from_honest = output.iter().filter(|(node, _)| check.contains(node));
                if members.len() < committee.quorum() || from_honest.clone().count() < committee.data_shards() {
                    return Err(format!("{members:?} are too few"));
                }
                if !members.windows(2).all(|pair| pair[0] < pair[1]) {
                    return Err(format!("{members:?} are not in order"));
                }
                for (node, contribution) in from_honest {
                    let body = contribution.body.as_ref().map(|body| body.to_bytes());
                    if body != Some(payload(*node)) {
                        return Err(format!("{node:?} contributed something else"));
                    }
                }
                Ok(())
            }))
            .oracle(AtEnd("decision", |node, view: &mellivora_sim::View<'_, Bkr>| match view.node(node).decided() {
                true => Ok(()),
                false => Err("has not decided".to_owned()),
            }))
            .oracle(Says::new(|message: &BkrMessage| match message {
                BkrMessage::Votes(ballots) if ballots.iter().any(|ballot| ballot.vote.round() >= Some(Round(3))) => {
                    Some("round >= 3")
                }
                _ => None,
            }))
            .twin_input(|_, input: &Bytes| Some([&input[..], b" twin"].concat().into()))
            .input_again(|node| vec![payload(node)])
            .build(move |me| {
                Bkr::new(SubsetParams {
                    committee,
                    me,
                    domain,
                    coin: IdealCoin::scheme(committee, me, seed),
                    certificates: IdealCertificates::scheme(committee, me),
                    codec: codec.clone(),
                    echo,
                    coin_schedule,
                    rounds_ahead: R,
                })
            });
        // Sometimes an honest node has nothing to say for long: the rest must not wait for it.
        let mute = cast.rng.random_ratio(1, 10).then(|| cast.rng.random_range(0..n));
        for node in committee.nodes().filter(|node| Some(node.as_usize()) != mute || cast.is_faulty(*node)) {
            sim.input(node, payload(node));
        }
        if let Some(node) = committee.nodes().nth(mute.unwrap_or(n)).filter(|node| !cast.is_faulty(*node)) {
            sim.input(node, payload(node));
        }
        sim
    }

    fn look(&self, cast: &Cast, sim: &mut Simulation<Bkr>) -> u64 {
        count_common(cast, sim);
        let Some(&node) = cast.honest().first() else { return 0 };
        let Some(output) = sim.outputs(node).first().cloned() else { return 0 };
        if output.len() < cast.committee.n() {
            sim.count("somebody left out");
        }
        if output.iter().any(|(node, _)| cast.is_faulty(*node)) {
            sim.count("faulty contribution chosen");
        }
        if output.iter().any(|(_, contribution): &(NodeIndex, Contribution)| contribution.body.is_none()) {
            sim.count("bottom chosen");
        }
        1
    }
}

/// What has to be equal of two outputs.
fn codec_print(output: &Output) -> Vec<(NodeIndex, Digest, Option<Bytes>)> {
    let body = |contribution: &Contribution| contribution.body.as_ref().map(|body| body.to_bytes());
    output.iter().map(|(node, contribution)| (*node, contribution.commitment, body(contribution))).collect()
}
