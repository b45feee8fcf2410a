//! Agreement on a value under attack.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin, Tools};
use mellivora_agreement::smvba::{HaltProof, Prevote, Vote};
use mellivora_agreement::{Mvba, MvbaParams, Predicate, Smvba, SmvbaMessage};
use mellivora_broadcast::{SpbMessage, SpbRecord};
use mellivora_core::codec::encode;
use mellivora_core::{Digest, Domain, Era, NodeIndex, Round};
use mellivora_sim::{Agreement as Agree, Integrity, Memory, Simulation, Statements, Totality, Validity};

use super::oracles::{Gate, Said};
use super::{Target, builder, count_common};
use crate::scenario::Cast;

pub(crate) struct ValueAgreement;

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

impl Target for ValueAgreement {
    type P = Smvba;
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
    const SHARE: u32 = 5;

    fn start(&self, cast: &mut Cast) -> Simulation<Smvba> {
        let (committee, n, seed) = (cast.committee, cast.committee.n(), cast.seed);
        let domain = Domain::new(Digest([7; 32]), Era(0));
        let tools = move |node| Tools {
            coin: Some(IdealCoin::scheme(committee, node, seed)),
            domain: Some(domain),
            ..Tools::default()
        };
        let mut sim = builder::<Smvba>(cast, None, tools)
            .rounds_ahead(R)
            .oracle(Agree::new(|value: &Bytes| ((), value.clone())))
            .oracle(Totality::new(|_: &Bytes| ()).expecting(()))
            .oracle(Integrity::new(|_: &Bytes| ()))
            .oracle(Validity::new::<Smvba>(|_, value: &Bytes, _| match BeginsOk.holds(value) {
                true => Ok(()),
                false => Err(format!("{value:?} does not satisfy the predicate")),
            }))
            .oracle(Statements::new(statements))
            .oracle(Memory::new::<Smvba>(n * (256 << 10), Smvba::memory))
            .oracle(Gate(|smvba: &Smvba, message: &SmvbaMessage| match message {
                SmvbaMessage::Share { view, .. } => may_share(smvba, *view),
                _ => Ok(()),
            }))
            .oracle(Said::new(|message: &SmvbaMessage| match message {
                SmvbaMessage::Prevote { prevote: Prevote::Yes { .. }, .. } => Some("PREVOTE yes"),
                SmvbaMessage::Vote { vote: Vote::No { .. }, .. } => Some("VOTE no"),
                SmvbaMessage::Leader { .. } => Some("leader proven"),
                SmvbaMessage::Value(_) => Some("value shown"),
                _ => None,
            }))
            .twin_input(|node, _| Some(format!("ok, says the twin of {node}").into()))
            .input_again(|node| vec![input(node)])
            .build(move |me| {
                Smvba::new(MvbaParams {
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

    fn look(&self, cast: &Cast, sim: &mut Simulation<Smvba>) -> u64 {
        count_common(cast, sim);
        let halts: Vec<_> = cast.honest().iter().filter_map(|node| sim.node(*node).halt().cloned()).collect();
        let latest = halts.iter().map(|halt| halt.view).max().unwrap_or_default();
        let by_votes = halts.iter().any(|halt| matches!(halt.proof, HaltProof::Seen(_)));
        let reached =
            [("view >= 2", latest >= Round(2)), ("view >= 3", latest >= Round(3)), ("decided by votes", by_votes)];
        for (name, reached) in reached {
            if reached {
                sim.count(name);
            }
        }
        0
    }
}
