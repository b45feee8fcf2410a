//! One common coin as a protocol of its own, so that it can be simulated and attacked by itself.
//!
//! The input opens the gate and releases the own share; the output is the value. Everything else is
//! [`CoinInstance`].

use std::sync::Arc;

use bincode::{Decode, Encode};
use mellivora_agreement::{CoinDone, CoinInstance, CoinJob};
use mellivora_core::codec::Frame;
use mellivora_core::{
    Committee, Domain, Durable, Effects, Fault, FaultKind, Message, NodeIndex, Protocol, Purpose, Round, To,
};
use mellivora_crypto::{CoinScheme, CoinShare, CoinValue};

/// A share of the coin, not known to be valid.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct TossMessage(pub CoinShare);

impl Message for TossMessage {
    fn memory(&self) -> usize {
        size_of::<Self>() + self.0.as_bytes().len()
    }
}

/// One coin at one node.
#[derive(Debug)]
pub struct Toss {
    committee: Committee,
    coin: CoinInstance,
    output: bool,
}

impl Toss {
    /// The round of the coin's name.
    pub const ROUND: Round = Round(1);

    /// The coin of round 1 of this domain. `coin` is this node's part in it.
    pub fn new(committee: Committee, domain: Domain, coin: Arc<dyn CoinScheme>) -> Self {
        let name = domain.statement(Purpose::Coin, Self::ROUND).digest();
        Toss { committee, coin: CoinInstance::new(coin, name, committee.one_honest()), output: false }
    }

    /// The value, once it is known here.
    pub fn value(&self) -> Option<CoinValue> {
        self.coin.value()
    }

    /// Whether the gate was opened here.
    pub fn released(&self) -> bool {
        self.coin.released()
    }

    /// Bytes held, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.coin.memory()
    }
}

impl Protocol for Toss {
    type Input = ();
    type Output = CoinValue;
    type Message = TossMessage;
    type Job = CoinJob;

    fn input(&mut self, (): (), fx: &mut dyn Effects<Self>) {
        if let Some(job) = self.coin.release() {
            fx.job(job);
        }
    }

    fn receive(&mut self, from: NodeIndex, TossMessage(share): TossMessage, fx: &mut dyn Effects<Self>) {
        if self.committee.contains(from)
            && let Some(job) = self.coin.add(from, share)
        {
            fx.job(job);
        }
    }

    fn done(&mut self, done: CoinDone, fx: &mut dyn Effects<Self>) {
        match done {
            CoinDone::Share(share) => fx.send(To::All, Durable::No, TossMessage(share)),
            CoinDone::Combined(combination) => {
                let (culprits, job) = self.coin.combined(combination);
                culprits.iter().for_each(|node| fx.fault(Fault::new(node, FaultKind::InvalidCoinShare)));
                if let Some(job) = job {
                    fx.job(job);
                }
                if let Some(value) = self.coin.value()
                    && !self.output
                {
                    self.output = true;
                    fx.output(value);
                }
            }
        }
    }

    /// Nothing is durable: a share is said again as it was.
    fn recall(&mut self, _: To, _: TossMessage) {}

    fn is_terminated(&self) -> bool {
        self.output && self.coin.released()
    }
}
