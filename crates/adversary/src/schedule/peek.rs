//! Coins, before their time.

use std::collections::HashMap;
use std::fmt;

use mellivora_agreement::CoinSchedule;
use mellivora_core::{Digest, Domain, Purpose, Round};
use mellivora_crypto::NodeKeys;

use super::Observe;
use crate::IdealCoin;
use crate::forge::Place;

/// The coins of a run, for whoever may look them up. Keeps what it has looked up.
pub struct Peek {
    coin: Box<dyn Fn(&Digest) -> bool>,
    domain: Domain,
    schedule: CoinSchedule,
    known: HashMap<(Place, Round), bool>,
}

impl Peek {
    /// The coins of an idealised scheme. `domain` is the one that the outermost protocol was made with.
    pub fn ideal(coin: IdealCoin, domain: Domain, schedule: CoinSchedule) -> Self {
        Self::new(Box::new(move |name| coin.peek(name).bit()), domain, schedule)
    }

    /// The coins of a real suite, tossed with the keys of any f + 1 nodes.
    pub fn keys(keys: Vec<NodeKeys>, domain: Domain, schedule: CoinSchedule) -> Self {
        let toss = move |name: &Digest| {
            let needed = keys.first().map_or(0, |keys| keys.committee().one_honest());
            let shares: Vec<_> = keys.iter().take(needed).map(|node| (node.index(), node.coin().share(name))).collect();
            let value = keys.first().and_then(|node| node.coin().combine(name, &shares).value);
            value.is_some_and(|value| value.bit())
        };
        Self::new(Box::new(toss), domain, schedule)
    }

    fn new(coin: Box<dyn Fn(&Digest) -> bool>, domain: Domain, schedule: CoinSchedule) -> Self {
        Peek { coin, domain, schedule, known: HashMap::new() }
    }

    /// Whether a round's coin is real, and its value.
    pub(super) fn coin<P: Observe>(&mut self, place: Place, round: Round) -> (bool, bool) {
        if let Some(fixed) = self.schedule.fixed(round) {
            return (false, fixed);
        }
        let Peek { coin, domain, known, .. } = self;
        let bit = *known
            .entry((place, round))
            .or_insert_with(|| coin(&P::agreement(*domain, place).statement(Purpose::Coin, round).digest()));
        (true, bit)
    }
}

impl fmt::Debug for Peek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peek").field("schedule", &self.schedule).finish_non_exhaustive()
    }
}
