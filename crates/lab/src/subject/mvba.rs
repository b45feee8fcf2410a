//! Agreement on a value under attack, by either implementation.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin, Observe, Tools};
use mellivora_agreement::smvba::{HaltProof, Prevote, Vote};
use mellivora_agreement::{Ckps, CkpsMessage, Mvba, MvbaParams, Predicate, Smvba, SmvbaMessage};
use mellivora_broadcast::{PbMessage, SpbMessage, SpbRecord};
use mellivora_core::codec::encode;
use mellivora_core::{Digest, Domain, Era, NodeIndex, Round};
use mellivora_sim::{Agreement as Agree, Integrity, Memory, Simulation, Statements, Totality, Validity};

use super::oracles::{Gate, Said};
use super::{Target, builder, count_common};
use crate::scenario::Cast;

pub(crate) struct ValueAgreement<M>(pub(crate) PhantomData<M>);

/// What differs between the implementations.
pub(crate) trait Case: Mvba + Observe + Sync {
    /// Name of the subject.
    const NAME: &'static str;
    /// Rare states beside those that all have.
    const RARE: &'static [&'static str];
    /// What a promise is about, and what it says.
    fn promises(message: &Self::Message) -> Vec<((u8, u32, u16), Bytes)>;
    /// Whether a node in this state, which has not decided, may have sent this share of the coin, if it is one.
    fn may_send(&self, message: &Self::Message) -> Result<(), String>;
    /// A rare thing that a message says.
    fn said(message: &Self::Message) -> Option<&'static str>;
    /// Rare things that a node has been through in the end.
    fn story(&self) -> Vec<&'static str>;
}

/// Views ahead.
const R: u32 = 4;

/// Values that begin with "ok".
#[derive(Debug)]
struct BeginsOk;

impl Predicate for BeginsOk {
    fn holds(&self, value: &Bytes) -> bool {
        value.starts_with(b"ok")
    }
}

fn input(node: NodeIndex) -> Bytes {
    format!("ok, says {node}").into()
}

/// What a promise is about, and what it says.
pub(super) fn statements(message: &SmvbaMessage) -> Vec<((u8, u32, u16), Bytes)> {
    let (about, said) = match message {
        SmvbaMessage::Spb { view, proposer, message } => match message {
            SpbMessage::Send { .. } => ((1, view.0, proposer.0), encode(message)),
            SpbMessage::Record(SpbRecord::Endorsed(digest)) => ((2, view.0, proposer.0), encode(digest)),
            SpbMessage::Record(SpbRecord::Locked(value, _)) => ((3, view.0, proposer.0), value.clone()),
            _ => return Vec::new(),
        },
        SmvbaMessage::Prevote { view, prevote: Prevote::Yes { digest, .. }, .. } => ((4, view.0, 0), encode(digest)),
        SmvbaMessage::Prevote { view, .. } => ((4, view.0, 0), Bytes::new()),
        SmvbaMessage::Vote { view, vote: Vote::Yes { digest, .. }, .. } => ((5, view.0, 0), encode(digest)),
        SmvbaMessage::Vote { view, .. } => ((5, view.0, 0), Bytes::new()),
        SmvbaMessage::Halt(halt) => ((6, 0, 0), encode(&halt.digest)),
        _ => return Vec::new(),
    };
    vec![(about, said)]
}

/// Whether a node in this state may have released its share of the coin of `view`.
pub(super) fn may_share(smvba: &Smvba, view: Round) -> Result<(), String> {
    if smvba.gate_is_open(view) || smvba.decision().is_some() {
        return Ok(());
    }
    Err(format!("released its share of the coin of {view} before a quorum of FINISH"))
}

impl Case for Smvba {
    const NAME: &'static str = "mvba";
    const RARE: &'static [&'static str] = &[
        "restart",
        "lost and repeated",
        "culprit named",
        "view >= 2",
        "view >= 3",
        "decided by votes",
        "PREVOTE yes",
        "VOTE no",
        "leader proven",
        "value shown",
    ];

    fn promises(message: &SmvbaMessage) -> Vec<((u8, u32, u16), Bytes)> {
        statements(message)
    }

    fn may_send(&self, message: &SmvbaMessage) -> Result<(), String> {
        match message {
            SmvbaMessage::Share { view, .. } => may_share(self, *view),
            _ => Ok(()),
        }
    }

    fn said(message: &SmvbaMessage) -> Option<&'static str> {
        match message {
            SmvbaMessage::Prevote { prevote: Prevote::Yes { .. }, .. } => Some("PREVOTE yes"),
            SmvbaMessage::Vote { vote: Vote::No { .. }, .. } => Some("VOTE no"),
            SmvbaMessage::Leader { .. } => Some("leader proven"),
            SmvbaMessage::Value(_) => Some("value shown"),
            _ => None,
        }
    }

    fn story(&self) -> Vec<&'static str> {
        let Some(halt) = self.halt() else { return Vec::new() };
        let by_votes = matches!(halt.proof, HaltProof::Seen(_));
        [("view >= 2", halt.view >= Round(2)), ("view >= 3", halt.view >= Round(3)), ("decided by votes", by_votes)]
            .into_iter()
            .filter_map(|(name, reached)| reached.then_some(name))
            .collect()
    }
}

impl Case for Ckps {
    const NAME: &'static str = "mvba-ckps";
    const RARE: &'static [&'static str] = &[
        "restart",
        "lost and repeated",
        "culprit named",
        "VOTE no",
        "certificate asked for",
        "value retrieved",
        "later candidate",
        "chosen without the coin",
    ];

    fn promises(message: &CkpsMessage) -> Vec<((u8, u32, u16), Bytes)> {
        let (about, said) = match message {
            CkpsMessage::Value { proposer, message } => match message {
                PbMessage::Send(value) => ((1, 0, proposer.0), value.0.clone()),
                PbMessage::Record(value) => ((2, 0, proposer.0), value.0.clone()),
                _ => return Vec::new(),
            },
            CkpsMessage::Commitment { proposer, message } => match message {
                PbMessage::Send(set) => ((3, 0, proposer.0), set.0.clone()),
                PbMessage::Record(set) => ((4, 0, proposer.0), set.0.clone()),
                _ => return Vec::new(),
            },
            CkpsMessage::Vote { candidate, yes } => ((5, 0, candidate.0), encode(&u8::from(*yes))),
            CkpsMessage::Certificate { candidate, root, .. } => ((6, 0, candidate.0), encode(root)),
            _ => return Vec::new(),
        };
        vec![(about, said)]
    }

    fn may_send(&self, message: &CkpsMessage) -> Result<(), String> {
        if !matches!(message, CkpsMessage::Share(_)) || self.gate_is_open() {
            return Ok(());
        }
        Err("released its share of the coin before a quorum of commitments".to_owned())
    }

    fn said(message: &CkpsMessage) -> Option<&'static str> {
        match message {
            CkpsMessage::Vote { yes: false, .. } => Some("VOTE no"),
            CkpsMessage::Ask(_) => Some("certificate asked for"),
            CkpsMessage::Retrieval { .. } => Some("value retrieved"),
            _ => None,
        }
    }

    fn story(&self) -> Vec<&'static str> {
        let Some(chosen) = self.chosen() else { return Vec::new() };
        match self.order().iter().position(|node| *node == chosen) {
            Some(0) => Vec::new(),
            Some(_) => vec!["later candidate"],
            None => vec!["chosen without the coin"],
        }
    }
}

impl<M: Case> Target for ValueAgreement<M> {
    type P = M;
    const NAME: &'static str = M::NAME;
    const RARE: &'static [&'static str] = M::RARE;
    const SHARE: u32 = 5;

    fn start(&self, cast: &mut Cast) -> Simulation<M> {
        let (committee, n, seed) = (cast.committee, cast.committee.n(), cast.seed);
        let domain = Domain::new(Digest([7; 32]), Era(0));
        let tools = move |node| Tools {
            coin: Some(IdealCoin::scheme(committee, node, seed)),
            domain: Some(domain),
            ..Tools::default()
        };
        let mut sim = builder::<M>(cast, None, tools)
            .rounds_ahead(R)
            .oracle(Agree::new(|value: &Bytes| ((), value.clone())))
            .oracle(Totality::new(|_: &Bytes| ()).expecting(()))
            .oracle(Integrity::new(|_: &Bytes| ()))
            .oracle(Validity::new::<M>(|_, value: &Bytes, _| match BeginsOk.holds(value) {
                true => Ok(()),
                false => Err(format!("{value:?} does not satisfy the predicate")),
            }))
            .oracle(Statements::new(M::promises))
            .oracle(Memory::new::<M>(n * (256 << 10), M::memory))
            .oracle(Gate(|mvba: &M, message: &M::Message| match mvba.decision() {
                Some(_) => Ok(()),
                None => mvba.may_send(message),
            }))
            .oracle(Said::new(M::said))
            .twin_input(|node, _| Some(format!("ok, says the twin of {node}").into()))
            .input_again(|node| vec![input(node)])
            .build(move |me| {
                M::new(MvbaParams {
                    committee,
                    me,
                    domain,
                    coin: IdealCoin::scheme(committee, me, seed),
                    certificates: IdealCertificates::scheme(committee, me),
                    predicate: Arc::new(BeginsOk),
                    views_ahead: R,
                })
            });
        let honest = cast.honest();
        for node in committee.nodes() {
            // A Byzantine node may well put in what the predicate refuses.
            let refused = !honest.contains(&node) && seed.is_multiple_of(2);
            sim.input(node, if refused { "bad".into() } else { input(node) });
        }
        sim
    }

    fn look(&self, cast: &Cast, sim: &mut Simulation<M>) -> u64 {
        count_common(cast, sim);
        let stories: std::collections::BTreeSet<_> =
            cast.honest().iter().flat_map(|node| sim.node(*node).story()).collect();
        stories.into_iter().for_each(|name| sim.count(name));
        0
    }
}
