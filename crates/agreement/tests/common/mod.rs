//! What the tests of binary agreement share.
#![allow(dead_code, reason = "each test binary uses a part")]

use mellivora_adversary::{IdealCoin, Parcel, Stage};
use mellivora_agreement::{Aba, AbaConfig, AbaMessage, CoinSchedule, Values, Vote};
use mellivora_core::{
    Committee, Digest, Domain, Effects, Era, Fault, FaultKind, Job, NodeIndex, Protocol, Purpose, Round, To,
};

pub(crate) const R: u32 = 6;

pub(crate) fn committee(n: usize) -> Committee {
    Committee::new(n).unwrap()
}

pub(crate) fn domain() -> Domain {
    Domain::new(Digest([7; 32]), Era(0))
}

pub(crate) fn config(n: usize, me: NodeIndex, schedule: CoinSchedule, seed: u64) -> AbaConfig {
    let committee = committee(n);
    let coin = IdealCoin::scheme(committee, me, seed);
    AbaConfig { committee, me, domain: domain(), coin, schedule, rounds_ahead: R }
}

pub(crate) fn aba(n: usize, me: u16, schedule: CoinSchedule, seed: u64) -> Aba {
    Aba::new(config(n, NodeIndex(me), schedule, seed))
}

pub(crate) fn stage(n: usize, byzantine: &[u16], schedule: CoinSchedule, seed: u64) -> Stage<Aba> {
    Stage::new(committee(n), byzantine, |me| Aba::new(config(n, me, schedule, seed)))
}

/// The real coin of a round.
pub(crate) fn coin(n: usize, seed: u64, round: u32) -> bool {
    let name = domain().statement(Purpose::Coin, Round(round)).digest();
    IdealCoin::new(committee(n), NodeIndex(0), seed).peek(&name).bit()
}

/// The first seed whose first coins are these.
pub(crate) fn seed_with(n: usize, coins: &[bool]) -> u64 {
    (0..).find(|&seed| (1..).zip(coins).all(|(round, &bit)| coin(n, seed, round) == bit)).unwrap()
}

pub(crate) fn bval(round: u32, value: bool) -> AbaMessage {
    AbaMessage::Vote(Vote::Bval { round: Round(round), value })
}

pub(crate) fn aux(round: u32, value: bool) -> AbaMessage {
    AbaMessage::Vote(Vote::Aux { round: Round(round), value })
}

pub(crate) fn conf(round: u32, values: Values) -> AbaMessage {
    AbaMessage::Vote(Vote::Conf { round: Round(round), values })
}

pub(crate) fn term(value: bool) -> AbaMessage {
    AbaMessage::Vote(Vote::Term { value })
}

pub(crate) fn is_term(parcel: &Parcel<AbaMessage>) -> bool {
    matches!(parcel.message, AbaMessage::Vote(Vote::Term { .. }))
}

pub(crate) fn is_share(parcel: &Parcel<AbaMessage>) -> bool {
    matches!(parcel.message, AbaMessage::Share { .. })
}

/// One instance by itself, with everything it did. Its own messages come back to it, jobs run on the spot.
pub(crate) struct Lone {
    pub(crate) aba: Aba,
    pub(crate) sent: Vec<AbaMessage>,
    pub(crate) faults: Vec<(u16, FaultKind)>,
    pub(crate) outputs: Vec<bool>,
    pub(crate) hear_itself: bool,
}

#[derive(Default)]
struct Fx {
    sent: Vec<AbaMessage>,
    jobs: Vec<<Aba as Protocol>::Job>,
    faults: Vec<(u16, FaultKind)>,
    outputs: Vec<bool>,
}

impl Effects<Aba> for Fx {
    fn send(&mut self, to: To, durable: mellivora_core::Durable, message: AbaMessage) {
        assert_eq!(to, To::All);
        if let AbaMessage::Vote(vote) = message {
            assert_eq!(durable, vote.durable());
        }
        self.sent.push(message);
    }

    fn job(&mut self, job: <Aba as Protocol>::Job) {
        self.jobs.push(job);
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push((fault.node.0, fault.kind));
    }

    fn output(&mut self, output: bool) {
        self.outputs.push(output);
    }
}

impl Lone {
    pub(crate) fn new(aba: Aba) -> Self {
        Lone { aba, sent: Vec::new(), faults: Vec::new(), outputs: Vec::new(), hear_itself: true }
    }

    /// Node 0 of four.
    pub(crate) fn of_four(schedule: CoinSchedule, seed: u64) -> Self {
        Self::new(aba(4, 0, schedule, seed))
    }

    pub(crate) fn input(&mut self, input: bool) {
        self.act(|aba, fx| aba.input(input, fx));
    }

    pub(crate) fn hear(&mut self, from: u16, message: AbaMessage) {
        self.act(|aba, fx| aba.receive(NodeIndex(from), message, fx));
    }

    pub(crate) fn hear_all(&mut self, from: &[u16], message: AbaMessage) {
        for &from in from {
            self.hear(from, message.clone());
        }
    }

    pub(crate) fn said(&self, message: &AbaMessage) -> usize {
        self.sent.iter().filter(|sent| *sent == message).count()
    }

    pub(crate) fn said_aux(&self, round: u32) -> Option<bool> {
        self.sent.iter().find_map(|sent| match sent {
            AbaMessage::Vote(Vote::Aux { round: r, value }) if r.0 == round => Some(*value),
            _ => None,
        })
    }

    pub(crate) fn said_conf(&self, round: u32) -> Option<Values> {
        self.sent.iter().find_map(|sent| match sent {
            AbaMessage::Vote(Vote::Conf { round: r, values }) if r.0 == round => Some(*values),
            _ => None,
        })
    }

    pub(crate) fn said_share(&self, round: u32) -> bool {
        self.sent.iter().any(|sent| matches!(sent, AbaMessage::Share { round: r, .. } if r.0 == round))
    }

    pub(crate) fn act(&mut self, event: impl FnOnce(&mut Aba, &mut dyn Effects<Aba>)) {
        let mut fx = Fx::default();
        event(&mut self.aba, &mut fx);
        let mut heard = 0;
        loop {
            if let Some(message) = fx.sent.get(heard).cloned() {
                heard += 1;
                if self.hear_itself {
                    self.aba.receive(NodeIndex(0), message, &mut fx);
                }
            } else if !fx.jobs.is_empty() {
                let job = fx.jobs.remove(0);
                self.aba.done(job.run(), &mut fx);
            } else {
                break;
            }
        }
        self.sent.extend(fx.sent);
        self.faults.extend(fx.faults);
        self.outputs.extend(fx.outputs);
    }
}

/// A valid share of `node` among four.
pub(crate) fn share(n: usize, seed: u64, node: u16, round: u32) -> AbaMessage {
    let name = domain().statement(Purpose::Coin, Round(round)).digest();
    let share = IdealCoin::new(committee(n), NodeIndex(0), seed).share_of(NodeIndex(node), &name);
    AbaMessage::Share { round: Round(round), share }
}
