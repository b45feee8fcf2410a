//! Reliable broadcast under attack.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_adversary::Tools;
use mellivora_broadcast::{EchoMode, Rbc, RbcConfig, RbcMessage};
use mellivora_coding::{Codec, Contribution};
use mellivora_core::{Committee, Digest, NodeIndex};
use mellivora_sim::{Agreement, Integrity, Memory, Simulation, Statements, Totality, Validity};
use rand::RngExt;

use super::oracles::Said;
use super::{Target, builder, count_common};
use crate::scenario::Cast;

pub(crate) struct Broadcast;

const LIMIT: usize = 1 << 16;

/// Roots that a node can promise only one of.
pub(super) fn statements(message: &RbcMessage) -> Vec<(&'static str, Digest)> {
    match message {
        RbcMessage::Val { root, .. } => vec![("proposal", *root)],
        RbcMessage::Echo { root, .. } | RbcMessage::EchoHash(root) => vec![("support", *root)],
        RbcMessage::Ready(root) => vec![("ready", *root)],
        RbcMessage::CanDecode(_) => vec![],
    }
}

/// One codec per size: making one costs more than a run.
pub(super) fn codec(committee: Committee) -> Arc<Codec> {
    thread_local! {
        static CODECS: std::cell::RefCell<std::collections::BTreeMap<usize, Arc<Codec>>> = const { std::cell::RefCell::new(std::collections::BTreeMap::new()) };
    }
    CODECS.with_borrow_mut(|codecs| {
        let make = || Arc::new(Codec::new(committee, LIMIT).unwrap_or_else(|error| panic!("{error}")));
        codecs.entry(committee.n()).or_insert_with(make).clone()
    })
}

/// Either way of echoing, or the one that saves most.
pub(super) fn echo(cast: &mut Cast) -> EchoMode {
    match cast.rng.random_range(0..3) {
        0 => EchoMode::Full,
        1 => EchoMode::saving(cast.committee),
        _ => EchoMode::Saving { spare: 0 },
    }
}

impl Target for Broadcast {
    type P = Rbc;
    const NAME: &'static str = "rbc";
    const RARE: &'static [&'static str] =
        &["restart", "lost and repeated", "culprit named", "bottom delivered", "nothing delivered", "CAN_DECODE"];
    const SHARE: u32 = 4;

    fn start(&self, cast: &mut Cast) -> Simulation<Rbc> {
        let (committee, codec) = (cast.committee, codec(cast.committee));
        let (n, echo) = (committee.n(), echo(cast));
        // A faulty proposer half of the time.
        let proposer = match cast.faulty.first() {
            Some((faulty, _)) if cast.rng.random() => *faulty,
            _ => NodeIndex(cast.rng.random_range(0..n as u16)),
        };
        let len = [0, 1, 40, 300, 2_000, 20_000][cast.rng.random_range(0..6)];
        let salt = cast.seed as u8;
        let payload: Bytes = (0..len).map(|i| (i as u8).wrapping_mul(31) ^ (i >> 8) as u8 ^ salt).collect();
        let honest_proposer = !cast.is_faulty(proposer);
        let (expected, again) = (payload.clone(), payload.clone());
        // All shards and two payloads, and what the slots take.
        let bound = (n + 4) * (codec.shard_len(LIMIT) + 1024) + 2 * LIMIT + (2 * n + 2) * 512;
        let totality = Totality::new(|_: &Contribution| ());
        let mut sim = builder::<Rbc>(cast, None, |_| Tools::default())
            .oracle(Agreement::new(|output: &Contribution| ((), (output.commitment, output.body.clone()))))
            .oracle(Integrity::new(|_: &Contribution| ()))
            .oracle(Memory::new(bound, Rbc::memory))
            .oracle(Statements::new(statements))
            .oracle(if honest_proposer { totality.expecting(()) } else { totality })
            .oracle(Validity::new::<Rbc>(move |_, output: &Contribution, _| match &output.body {
                Some(body) if !honest_proposer || body.to_bytes() == expected => Ok(()),
                None if !honest_proposer => Ok(()),
                other => Err(format!("an honest node proposed, and {other:?} was delivered")),
            }))
            .oracle(Said::new(|message: &RbcMessage| match message {
                RbcMessage::CanDecode(_) => Some("CAN_DECODE"),
                _ => None,
            }))
            .twin_input(|_, input: &Bytes| Some([&input[..], b" twin"].concat().into()))
            .input_again(move |node| if node == proposer { vec![again.clone()] } else { Vec::new() })
            .build(move |me| Rbc::new(RbcConfig { committee, me, proposer, codec: codec.clone(), echo }));
        sim.input(proposer, payload);
        sim
    }

    fn look(&self, cast: &Cast, sim: &mut Simulation<Rbc>) -> u64 {
        count_common(cast, sim);
        let outputs = cast.honest().first().map(|node| sim.outputs(*node).to_vec()).unwrap_or_default();
        match outputs.first() {
            None => sim.count("nothing delivered"),
            Some(Contribution { body: None, .. }) => sim.count("bottom delivered"),
            Some(_) => {}
        }
        0
    }
}
