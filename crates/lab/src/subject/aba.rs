//! Binary agreement under attack.

use mellivora_adversary::{IdealCoin, Tools, schedule::Peek};
use mellivora_agreement::{Aba, AbaConfig, AbaMessage, CoinSchedule, Values, Vote};
use mellivora_core::{Digest, Domain, Era, NodeIndex, Round};
use mellivora_sim::{Agreement as Agree, Integrity, Memory, Simulation, Statements, Termination, Totality, Validity};
use rand::RngExt;

use super::oracles::{Gate, Said};
use super::{Target, builder, count_common};
use crate::scenario::Cast;

pub(crate) struct Agreement;

/// Rounds ahead.
pub(super) const R: u32 = 6;

/// What a promise is about, and what it says.
fn statements(message: &AbaMessage) -> Vec<((u8, u32), u8)> {
    match message {
        AbaMessage::Vote(vote) => vote_statement(vote).into_iter().collect(),
        AbaMessage::Share { .. } => Vec::new(),
    }
}

/// The same for a vote by itself.
pub(super) fn vote_statement(vote: &Vote) -> Option<((u8, u32), u8)> {
    let code = |values: Values| u8::from(values.contains(false)) + 2 * u8::from(values.contains(true));
    match vote {
        Vote::Bval { .. } => None,
        Vote::Aux { round, value } => Some(((1, round.0), u8::from(*value))),
        Vote::Conf { round, values } => Some(((2, round.0), code(*values))),
        Vote::Term { value } => Some(((3, 0), u8::from(*value))),
    }
}

/// Whether a node in this state may have released its share of the coin of `round`.
pub(super) fn may_share(aba: &Aba, round: Round) -> Result<(), String> {
    if aba.round() > round || (aba.round() == round && aba.chosen().is_some()) || aba.decision().is_some() {
        return Ok(());
    }
    Err(format!("released its share of the coin of {round} in {}, before a quorum of CONF", aba.round()))
}

/// The real coin in every round, or the usual schedule.
pub(super) fn coin_schedule(cast: &mut Cast) -> CoinSchedule {
    if cast.rng.random() { CoinSchedule::AlwaysReal } else { CoinSchedule::Fixed10Real }
}

impl Target for Agreement {
    type P = Aba;
    const NAME: &'static str = "aba";
    const RARE: &'static [&'static str] = &[
        "restart",
        "lost and repeated",
        "culprit named",
        "decided 0",
        "decided 1 on mixed inputs",
        "round >= 3",
        "round >= 6",
        "CONF of both values",
    ];
    const SHARE: u32 = 5;

    fn start(&self, cast: &mut Cast) -> Simulation<Aba> {
        let committee = cast.committee;
        let schedule = coin_schedule(cast);
        let same = cast.rng.random_ratio(1, 4).then(|| cast.rng.random());
        let inputs: Vec<bool> = committee.nodes().map(|_| same.unwrap_or_else(|| cast.rng.random())).collect();
        let honest: Vec<bool> = cast.honest().iter().map(|node| inputs[node.as_usize()]).collect();
        let domain = Domain::new(Digest([7; 32]), Era(0));
        let (seed, again) = (cast.seed, inputs.clone());
        let peek = Peek::ideal(IdealCoin::new(committee, NodeIndex(0), seed), domain, schedule);
        let tools = move |node| Tools {
            coin: Some(IdealCoin::scheme(committee, node, seed)),
            domain: Some(domain),
            coin_schedule: schedule,
            ..Tools::default()
        };
        let mut sim = builder::<Aba>(cast, Some(peek), tools)
            .rounds_ahead(R)
            .oracle(Agree::new(|value: &bool| ((), *value)))
            .oracle(Totality::new(|_: &bool| ()).expecting(()))
            .oracle(Integrity::new(|_: &bool| ()))
            .oracle(Validity::new::<Aba>(move |_, value, _| match honest.contains(value) {
                true => Ok(()),
                false => Err(format!("{value} is the input of no honest node")),
            }))
            .oracle(Statements::new(statements))
            .oracle(Memory::new::<Aba>(64 << 10, Aba::memory))
            .oracle(Termination)
            .oracle(Gate(|aba: &Aba, message: &AbaMessage| match message {
                AbaMessage::Share { round, .. } => may_share(aba, *round),
                AbaMessage::Vote(_) => Ok(()),
            }))
            .oracle(Said::new(|message: &AbaMessage| match message {
                AbaMessage::Vote(Vote::Conf { values, .. }) if values.single().is_none() => Some("CONF of both values"),
                _ => None,
            }))
            .twin_input(|_, input| Some(!input))
            .input_again(move |node| vec![again[node.as_usize()]])
            .build(move |me| {
                let coin = IdealCoin::scheme(committee, me, seed);
                Aba::new(AbaConfig { committee, me, domain, coin, schedule, rounds_ahead: R })
            });
        for (node, input) in committee.nodes().zip(inputs) {
            sim.input(node, input);
        }
        sim
    }

    fn look(&self, cast: &Cast, sim: &mut Simulation<Aba>) -> u64 {
        count_common(cast, sim);
        let Some(&node) = cast.honest().first() else { return 0 };
        let rounds = cast.honest().iter().filter_map(|node| sim.node(*node).decided_round()).max().unwrap_or_default();
        if rounds >= Round(3) {
            sim.count("round >= 3");
        }
        if rounds >= Round(6) {
            sim.count("round >= 6");
        }
        match sim.outputs(node).first() {
            Some(false) => sim.count("decided 0"),
            Some(true) if rounds > Round(1) => sim.count("decided 1 on mixed inputs"),
            _ => {}
        }
        0
    }
}
