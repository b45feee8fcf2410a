//! The common coin under attack, by itself.

use mellivora_adversary::{IdealCoin, Tools, Toss};
use mellivora_core::{Digest, Domain, Era, NodeIndex, Purpose};
use mellivora_crypto::CoinValue;
use mellivora_sim::{Agreement, Integrity, Simulation, Totality, Validity};
use rand::RngExt;

use super::atomic::keys;
use super::{Target, builder, count_common};
use crate::scenario::Cast;

pub(crate) struct Coin;

impl Target for Coin {
    type P = Toss;
    const NAME: &'static str = "coin";
    const RARE: &'static [&'static str] = &["restart", "culprit named", "real suite"];
    const SHARE: u32 = 2;

    fn start(&self, cast: &mut Cast) -> Simulation<Toss> {
        let committee = cast.committee;
        let domain = Domain::new(Digest([cast.rng.random(); 32]), Era(0));
        // Real shares in some runs: they are what bad shares are hardest on.
        let real = committee.n() <= 10 && cast.rng.random_ratio(1, 8);
        let seed = cast.seed;
        let name = domain.statement(Purpose::Coin, Toss::ROUND).digest();
        let coin = move |node: NodeIndex| match real {
            true => keys(committee.n())[node.as_usize()].coin().clone(),
            false => IdealCoin::scheme(committee, node, seed),
        };
        let expected = (!real).then(|| IdealCoin::new(committee, NodeIndex(0), seed).peek(&name));
        let mut sim = builder::<Toss>(cast, None, |node| Tools {
            coin: Some(coin(node)),
            domain: Some(domain),
            ..Tools::default()
        })
        .oracle(Agreement::new(|value: &CoinValue| ((), *value)))
        .oracle(Totality::new(|_: &CoinValue| ()).expecting(()))
        .oracle(Integrity::new(|_: &CoinValue| ()))
        .oracle(Validity::new::<Toss>(move |_, value, _| match expected.is_none_or(|expected| expected == *value) {
            true => Ok(()),
            false => Err(format!("{value:?} is not the value of the coin")),
        }))
        .twin_input(|_, ()| Some(()))
        .input_again(|_| vec![()])
        .build(move |me| Toss::new(committee, domain, coin(me)));
        committee.nodes().for_each(|node| sim.input(node, ()));
        if real {
            sim.count("real suite");
        }
        sim
    }

    fn look(&self, cast: &Cast, sim: &mut Simulation<Toss>) -> u64 {
        count_common(cast, sim);
        0
    }
}
