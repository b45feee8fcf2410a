//! What the campaigns have to know of an atomic broadcast beside what all have in common. A further one joins by an
//! implementation here and a line in the list of subjects.

use std::collections::BTreeMap;

use mellivora_agreement::SmvbaMessage;
use mellivora_atomic::dumbo_ng::OfStream;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Atomic, DumboNg, Message, Output, Samples, Source, Streams};
use mellivora_broadcast::retrieval::RetrievalMessage;
use mellivora_broadcast::stream::{StreamMessage, Tip};
use mellivora_core::codec::encode;
use mellivora_core::{Committee, Limits, NodeIndex, Protocol, Round};
use mellivora_sim::{Builder, Observation, Oracle, Statements, View};
use rand::RngExt;

use super::subsets::{Said, Tried, print, smvba_gate, smvba_said};
use crate::scenario::Cast;

/// What the nodes of an engine say in the subset of an epoch.
type Spoken<P> = <<P as Source>::Subset as Protocol>::Message;

/// An atomic broadcast that campaigns try.
pub(crate) trait Engine: Source + 'static {
    /// Name of the subject.
    const NAME: &'static str;
    /// Part of a mixed campaign's time, against the others'.
    const SHARE: u32;
    /// Rare states, by the names that the subject, `rare_word` and `rare_state` count.
    const RARE: &'static [&'static str] = &[
        "restart",
        "culprit named",
        "more than two epochs",
        "encrypted",
        "in the clear",
        "batch fetched",
        "certificate shown",
        "shares proven",
        "real suite",
    ];

    /// Draws limits of its own.
    fn limits(_: &mut Cast, limits: Limits) -> Limits {
        limits
    }

    /// Whether a node may have said this in the subset of an epoch, in this state of it.
    fn gate(subset: &Self::Subset, committee: Committee, message: &Spoken<Self>) -> Result<(), String>;

    /// Adds oracles of its own.
    fn oracles(builder: Builder<Atomic<Self>>) -> Builder<Atomic<Self>> {
        builder
    }

    /// Where a node stands, for whoever looks into a failure.
    fn state(engine: &Atomic<Self>) -> String {
        format!("{engine:?}, catching up: {}", engine.status().catching_up)
    }

    /// What is rarely said, beside what is rare in all engines.
    fn rare_word(_: &<Atomic<Self> as Protocol>::Message) -> Option<&'static str> {
        None
    }
}

impl<S: Tried> Engine for Samples<S> {
    const NAME: &'static str = S::ATOMIC;
    const SHARE: u32 = S::SHARE;

    fn gate(subset: &S, committee: Committee, message: &S::Message) -> Result<(), String> {
        subset.gate(committee, message)
    }
}

impl Engine for Streams {
    const NAME: &'static str = "atomic-dumbo-ng";
    const SHARE: u32 = 60;
    const RARE: &'static [&'static str] = &[
        "restart",
        "culprit named",
        "more than two epochs",
        "encrypted",
        "in the clear",
        "batch fetched",
        "certificate shown",
        "shares proven",
        "real suite",
        "batch retrieved from a stream",
        "digest asked for",
        "tip announced",
        "empty batch proposed",
        "several slots of one stream",
        "view >= 2",
    ];

    /// Narrow windows more often than wide ones, down to the narrowest: there most proposals wait for an output.
    fn limits(cast: &mut Cast, limits: Limits) -> Limits {
        Limits { stream_window: [2, 3, 5, limits.stream_window][cast.rng.random_range(0..4)], ..limits }
    }

    fn gate(subset: &Self::Subset, _: Committee, message: &SmvbaMessage) -> Result<(), String> {
        smvba_gate(subset.mvba(), message)
    }

    fn oracles(builder: Builder<DumboNg>) -> Builder<DumboNg> {
        builder.oracle(Statements::new(said)).oracle(OneChain::default()).oracle(Ends::default())
    }

    fn state(engine: &DumboNg) -> String {
        let stream = |proposer| {
            let stream = engine.streams().stream(proposer)?;
            let certified = stream.certified_up_to(u64::MAX).map(|certified| certified.tip.slot);
            Some(format!("{proposer}: base {} certified {certified:?} full {}", stream.base().slot, stream.full()))
        };
        let streams = (0..).map(NodeIndex).map_while(stream).collect::<Vec<_>>().join("; ");
        format!("{engine:?}, catching up: {}, streams {streams}", engine.status().catching_up)
    }

    fn rare_word(message: &<DumboNg as Protocol>::Message) -> Option<&'static str> {
        match message {
            Message::Beside(OfStream { message, .. }) => match message {
                StreamMessage::Retrieval(_, RetrievalMessage::Request(..)) => Some("batch retrieved from a stream"),
                StreamMessage::Ask(..) => Some("digest asked for"),
                StreamMessage::Tip(_) => Some("tip announced"),
                StreamMessage::Proposal { payload, .. } if payload.is_empty() => Some("empty batch proposed"),
                _ => None,
            },
            Message::Epoch { message: EpochMessage::Subset(SmvbaMessage::Prevote { view, .. }), .. } => {
                (*view > Round(1)).then_some("view >= 2")
            }
            _ => None,
        }
    }
}

/// What a message promises: of a stream by its slot, of an agreement by its epoch.
fn said(message: &<DumboNg as Protocol>::Message) -> Vec<((u64, Said), u64)> {
    match message {
        Message::Beside(OfStream { proposer, message }) => match message {
            StreamMessage::Proposal { previous, payload, .. } => {
                vec![((previous.slot + 1, (6, proposer.0, 0, 0)), print(&[&encode(previous)[..], payload].concat()))]
            }
            StreamMessage::Vote(tip, _) => vec![((tip.slot, (6, proposer.0, 1, 0)), print(&encode(tip)))],
            StreamMessage::Record(previous, payload) => {
                vec![((previous.slot + 1, (6, proposer.0, 2, 0)), print(&[&encode(previous)[..], payload].concat()))]
            }
            _ => Vec::new(),
        },
        Message::Epoch { epoch, message: EpochMessage::Subset(message) } => {
            smvba_said(message).into_iter().map(|(slot, print)| ((epoch.0, slot), print)).collect()
        }
        _ => Vec::new(),
    }
}

/// No two honest nodes know certificates for different places of one slot, and each is on the chain that was ordered.
#[derive(Default)]
struct OneChain {
    /// The place of each slot that some honest node knows to be certified or ordered.
    places: BTreeMap<(NodeIndex, u64), Tip>,
}

impl Oracle<DumboNg> for OneChain {
    fn name(&self) -> &'static str {
        "one-chain"
    }

    fn observe(&mut self, event: &Observation<'_, DumboNg>, view: &View<'_, DumboNg>) -> Result<(), String> {
        let Observation::Turn { node } = event else { return Ok(()) };
        for proposer in view.committee().nodes() {
            let Some(stream) = view.node(*node).streams().stream(proposer) else { continue };
            let mut below = Some(u64::MAX);
            let certified = std::iter::from_fn(|| {
                let tip = stream.certified_up_to(below?)?.tip;
                below = tip.slot.checked_sub(1);
                Some(tip)
            });
            for tip in certified.chain([stream.base()]) {
                let known = self.places.entry((proposer, tip.slot)).or_insert(tip);
                if *known != tip {
                    return Err(format!("{node:?} knows {tip:?} in the stream of {proposer:?}, others {known:?}"));
                }
            }
        }
        Ok(())
    }
}

/// After the same batches all streams have come to the same places: no tip ever goes back, and a quorum of streams has
/// grown with each.
#[derive(Default)]
struct Ends {
    /// Nodes that have handed out batches in their open turn, and how many since their start.
    fresh: BTreeMap<NodeIndex, u64>,
    /// Where the streams stand after so many batches.
    ends: BTreeMap<u64, Vec<Tip>>,
    /// An epoch chose more than one slot of a stream.
    several: bool,
}

impl Oracle<DumboNg> for Ends {
    fn name(&self) -> &'static str {
        "ends"
    }

    fn observe(&mut self, event: &Observation<'_, DumboNg>, view: &View<'_, DumboNg>) -> Result<(), String> {
        match event {
            Observation::Restart { node } => {
                self.fresh.remove(node);
                Ok(())
            }
            Observation::Output { node, output: Output::Batch(batch), .. } => {
                self.fresh.insert(*node, batch.epoch().next().0);
                Ok(())
            }
            Observation::Turn { node } => {
                let Some(count) = self.fresh.remove(node) else { return Ok(()) };
                let end = view.node(*node).streams().ordered();
                let known = self.ends.entry(count).or_insert_with(|| end.to_vec());
                if known != end {
                    return Err(format!("{node:?} stands at {end:?} after {count} batches, others at {known:?}"));
                }
                let genesis = vec![Tip::GENESIS; end.len()];
                let before = if count == 1 { Some(&genesis) } else { self.ends.get(&(count - 1)) };
                let Some(before) = before else { return Ok(()) };
                let growth = |(new, old): (&Tip, &Tip)| new.slot.checked_sub(old.slot);
                let growths: Option<Vec<u64>> = end.iter().zip(before).map(growth).collect();
                let Some(growths) = growths else {
                    return Err(format!("{node:?} went back from {before:?} to {end:?} with batch {count}"));
                };
                self.several |= growths.iter().any(|growth| *growth > 1);
                let grown = growths.iter().filter(|growth| **growth > 0).count();
                if grown < view.committee().quorum() {
                    return Err(format!("{node:?} ordered of {grown} streams alone with batch {count}"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count(&self, coverage: &mut mellivora_sim::Coverage) {
        if self.several {
            coverage.count("several slots of one stream");
        }
    }
}
