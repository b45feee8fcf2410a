//! The common subset under attack.

use std::marker::PhantomData;

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin, Tools, schedule::Peek};
use mellivora_coding::Contribution;
use mellivora_core::{Digest, Domain, Epoch, Era, NodeIndex, Segment};
use mellivora_sim::{Agreement, Integrity, Memory, Simulation, Statements, Totality, Validity};
use mellivora_subset::SubsetParams;
use rand::RngExt;

use super::aba::{R, coin_schedule};
use super::oracles::{AtEnd, Gate, Said as Says};
use super::rbc::{codec as codec_of, echo};
use super::subsets::Tried;
use super::{Target, builder, count_common};
use crate::scenario::Cast;

/// A common subset by itself.
pub(crate) struct CommonSubset<S>(pub(crate) PhantomData<fn(S)>);

type Output = Vec<(NodeIndex, Contribution)>;

/// What a node contributes: some bytes that name it.
fn payload(node: NodeIndex) -> Bytes {
    let mut bytes = vec![node.0 as u8; 10 + 70 * node.as_usize()];
    bytes.extend_from_slice(format!("contribution of {node}").as_bytes());
    bytes.into()
}

impl<S: Tried> Target for CommonSubset<S> {
    type P = S;
    const NAME: &'static str = S::SUBSET;
    const RARE: &'static [&'static str] = S::RARE;
    const SHARE: u32 = 9;

    fn start(&self, cast: &mut Cast) -> Simulation<S> {
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
        let mut sim = builder::<S>(cast, Some(peek), tools)
            .rounds_ahead(R)
            .oracle(Agreement::new(|output: &Output| ((), codec_print(output))))
            .oracle(Totality::new(|_: &Output| ()).expecting(()))
            .oracle(Integrity::new(|_: &Output| ()))
            .oracle(Statements::new(S::said))
            .oracle(Memory::new::<S>(n * S::BYTES, S::memory))
            .oracle(Gate(move |subset: &S, message: &S::Message| subset.gate(committee, message)))
            .oracle(Validity::new::<S>(move |_, output: &Output, _| {
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
            .oracle(AtEnd("decision", |node, view: &mellivora_sim::View<'_, S>| match view.node(node).decided() {
                true => Ok(()),
                false => Err("has not decided".to_owned()),
            }))
            .oracle(Says::new(S::rare_word))
            .twin_input(|_, input: &Bytes| Some([&input[..], b" twin"].concat().into()))
            .input_again(|node| vec![payload(node)])
            .build(move |me| {
                S::new(SubsetParams {
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

    fn look(&self, cast: &Cast, sim: &mut Simulation<S>) -> u64 {
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
        let faulty = cast.faulty.iter().map(|(node, _)| *node).collect();
        sim.node(node).rare_state(&faulty).into_iter().for_each(|name| sim.count(name));
        1
    }
}

/// What has to be equal of two outputs.
fn codec_print(output: &Output) -> Vec<(NodeIndex, Digest, Option<Bytes>)> {
    let body = |contribution: &Contribution| contribution.body.as_ref().map(|body| body.to_bytes());
    output.iter().map(|(node, contribution)| (*node, contribution.commitment, body(contribution))).collect()
}
