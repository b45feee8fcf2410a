//! Forged coin shares.

use std::collections::{BTreeMap, BTreeSet};

use mellivora_core::{NodeIndex, Purpose, Round};
use mellivora_crypto::CoinShare;

use super::{Kit, Place};
use crate::Strategy;

/// What a forger remembers of shares.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Some earlier share of its own, with the coin it is for.
    own: Option<(Place, Round, CoinShare)>,
    /// The last share that another node sent.
    foreign: Option<CoinShare>,
    /// Instances in which the shares of this node were released early, by receiver.
    early: BTreeSet<(NodeIndex, Place)>,
    /// What a receiver was shown instead of a share of this node: a lie once told is kept to.
    told: BTreeMap<(Place, Round), CoinShare>,
}

/// Instances that are remembered at the most.
const KEPT: usize = 4096;

/// What goes out instead of a share.
pub(super) fn forge(round: Round, share: CoinShare, kit: &mut Kit) -> CoinShare {
    match kit.strategy() {
        Strategy::BadShare => {
            kit.strike();
            bad(&share)
        }
        Strategy::ForeignShare => {
            let place = kit.place();
            let foreign = match kit.shares.told.get(&(place, round)) {
                Some(told) => Some(told.clone()),
                None => another(place, round, kit),
            };
            kit.shares.own = Some((place, round, share.clone()));
            match foreign.filter(|foreign| *foreign != share) {
                Some(foreign) => {
                    if kit.shares.told.len() >= KEPT {
                        kit.shares.told.pop_first();
                    }
                    kit.shares.told.insert((place, round), foreign.clone());
                    kit.strike();
                    foreign
                }
                None => share,
            }
        }
        _ => share,
    }
}

/// The same length, other bytes.
fn bad(share: &CoinShare) -> CoinShare {
    let mut bytes = share.as_bytes().to_vec();
    // The last byte alone: in a proof of several parts, the others still parse.
    bytes.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
    CoinShare::from_bytes(&bytes).unwrap_or_else(|| share.clone())
}

/// A share of another coin: of an earlier one, of the next round, or of another node.
fn another(place: Place, round: Round, kit: &Kit) -> Option<CoinShare> {
    let earlier = kit.shares.own.as_ref().filter(|(p, r, _)| (*p, *r) != (place, round)).map(|(.., share)| share);
    earlier.cloned().or_else(|| valid(round.next(), kit)).or_else(|| kit.shares.foreign.clone())
}

/// The valid share of a round of the instance at hand, if the tools can make it.
fn valid(round: Round, kit: &Kit) -> Option<CoinShare> {
    let name = kit.domain()?.statement(Purpose::Coin, round).digest();
    Some(kit.tools().coin()?.share(&name))
}

/// Somebody's share arrived.
pub(super) fn overhear(share: &CoinShare, kit: &mut Kit) {
    if kit.strategy() == Strategy::ForeignShare {
        kit.shares.foreign = Some(share.clone());
    }
}

/// Shares of the first rounds with a real coin, for a receiver who gets the first message of an instance. Once.
pub(super) fn early(to: NodeIndex, kit: &mut Kit, fire: &mut dyn FnMut(Round, CoinShare)) {
    /// Rounds whose coins become known early.
    const ROUNDS: usize = 2;
    let schedule = kit.tools().coin_schedule;
    let rounds = (1..).map(Round).filter(move |round| schedule.fixed(*round).is_none());
    early_of(rounds.take(ROUNDS), to, kit, fire);
}

/// The same for given rounds.
pub(super) fn early_of(
    rounds: impl Iterator<Item = Round>,
    to: NodeIndex,
    kit: &mut Kit,
    fire: &mut dyn FnMut(Round, CoinShare),
) {
    if kit.strategy() != Strategy::EarlyShare || !kit.shares.early.insert((to, kit.place())) {
        return;
    }
    if kit.shares.early.len() > KEPT {
        kit.shares.early.pop_first();
    }
    for round in rounds {
        if let Some(share) = valid(round, kit) {
            kit.strike();
            fire(round, share);
        }
    }
}
