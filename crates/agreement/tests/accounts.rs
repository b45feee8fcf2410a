//! What an instance says of itself: to its parent, to schedulers, to whoever counts memory.

mod common;

use std::sync::Arc;

use common::*;
use mellivora_adversary::IdealCoin;
use mellivora_agreement::CoinSchedule::{AlwaysReal, Fixed10Real};
use mellivora_agreement::{Aba, AbaMessage, CoinInstance, Values};
use mellivora_core::{Digest, Message, NodeIndex, NodeSet, Round};
use mellivora_crypto::{CoinCombination, CoinScheme, CoinShare};

#[test]
fn sets_of_bits_are_read_as_such() {
    let all = [Values::NONE, Values::ZERO, Values::ONE, Values::BOTH];
    assert_eq!(all.map(|values| format!("{values:?}")), ["{}", "{0}", "{1}", "{0, 1}"]);
    assert_eq!(
        all.map(|values| (values.contains(false), values.contains(true))),
        [(false, false), (true, false), (false, true), (true, true)]
    );
    assert_eq!(all.map(Values::single), [None, Some(false), Some(true), None]);
    for (before, value, after) in
        [(0, false, 1), (0, true, 2), (1, false, 1), (1, true, 3), (2, false, 3), (3, true, 3)]
    {
        let mut values = all[before];
        values.insert(value);
        assert_eq!(values, all[after], "{:?} and {value}", all[before]);
    }
}

/// A coin of which f + 1 = 2 shares give the value, and a name for it.
fn lone_coin() -> (CoinInstance, Arc<dyn CoinScheme>, Digest) {
    let (scheme, name) = (IdealCoin::scheme(committee(4), NodeIndex(0), 1), Digest([5; 32]));
    (CoinInstance::new(scheme.clone(), name, 2), scheme, name)
}

fn share_of_bytes(len: usize) -> CoinShare {
    CoinShare::from_bytes(&vec![9; len]).unwrap()
}

#[test]
fn an_attempt_that_teaches_nothing_is_not_repeated_until_there_is_another_share() {
    let (mut coin, ..) = lone_coin();
    assert!(coin.add(NodeIndex(1), share_of_bytes(1)).is_none());
    assert!(coin.add(NodeIndex(2), share_of_bytes(1)).is_some());
    let nothing = || CoinCombination { value: None, culprits: NodeSet::EMPTY };
    let (culprits, again) = coin.combined(nothing());
    assert!(culprits.is_empty() && again.is_none());
    assert!(coin.add(NodeIndex(3), share_of_bytes(1)).is_some());
    // A culprit whose share is gone already teaches nothing, either.
    let (_, again) = coin.combined(CoinCombination { culprits: NodeSet::one(NodeIndex(0)), ..nothing() });
    assert!(again.is_none());
    // One whose share was used does.
    assert!(coin.add(NodeIndex(0), share_of_bytes(1)).is_some());
    let (culprits, again) = coin.combined(CoinCombination { culprits: NodeSet::one(NodeIndex(0)), ..nothing() });
    assert!(culprits == NodeSet::one(NodeIndex(0)) && again.is_some());
}

#[test]
fn a_coin_holds_its_shares_until_it_knows_its_value() {
    let (mut coin, scheme, name) = lone_coin();
    let empty = coin.memory();
    assert_eq!(empty, size_of::<CoinInstance>());
    coin.add(NodeIndex(1), share_of_bytes(150));
    assert_eq!(coin.memory(), empty + size_of::<(NodeIndex, CoinShare)>() + 150);
    coin.add(NodeIndex(2), share_of_bytes(20));
    assert_eq!(coin.memory(), empty + 2 * size_of::<(NodeIndex, CoinShare)>() + 170);
    let value = scheme.combine(
        &name,
        &[0, 3].map(|node| (NodeIndex(node), IdealCoin::new(committee(4), NodeIndex(node), 1).share(&name))),
    );
    let (_, again) = coin.combined(value.clone());
    assert_eq!((coin.value(), again.is_some(), coin.memory()), (value.value, false, empty));
    assert!(coin.add(NodeIndex(3), share_of_bytes(20)).is_none());
    assert_eq!(coin.memory(), empty, "what comes later is not needed");
    // A late result changes nothing.
    let (culprits, again) = coin.combined(CoinCombination { value: None, culprits: NodeSet::one(NodeIndex(1)) });
    assert!(culprits.is_empty() && again.is_none() && coin.value() == value.value);
    assert!(!coin.released());
    assert!(coin.release().is_some() && coin.released());
}

#[test]
fn an_input_is_wanted_until_there_is_an_estimate() {
    let mut node = Lone::of_four(AlwaysReal, 0);
    assert!(node.aba.wants_input());
    assert_eq!((node.aba.estimate(), node.aba.decision(), node.aba.decided_round()), (None, None, None));
    assert_eq!((node.aba.chosen(), node.aba.bin()), (None, Values::NONE));
    node.input(true);
    assert!(!node.aba.wants_input());
    assert_eq!(node.aba.estimate(), Some(true));
    // One that halted before it had an input wants none.
    let mut node = Lone::of_four(AlwaysReal, 0);
    node.hear_all(&[1, 2], term(false));
    assert!(node.aba.decision() == Some(false) && !node.aba.wants_input());
}

#[test]
fn coins_of_past_rounds_stay_known_and_later_ones_are_not() {
    for seed in 0..8 {
        let mut node = Lone::of_four(AlwaysReal, seed);
        node.hear_all(&[1, 2, 3], bval(1, false));
        node.hear_all(&[1, 2, 3], aux(1, false));
        node.hear_all(&[1, 2, 3], conf(1, Values::ZERO));
        assert_eq!(node.aba.coin_value(Round(1)), None);
        node.hear(1, share(4, seed, 1, 1));
        assert_eq!(node.aba.round(), Round(2));
        assert_eq!(node.aba.coin_value(Round(1)), Some(coin(4, seed, 1)), "seed {seed}");
        assert_eq!([2, 3, 1 + R, 2 + R, 3 + R].map(|round| node.aba.coin_value(Round(round))), [None; 5]);
    }
    let node = Lone::of_four(Fixed10Real, 0);
    let fixed = [1, 2, 3, 4, 5, 6, 100, 101].map(|round| node.aba.coin_value(Round(round)));
    assert_eq!(fixed, [Some(true), Some(false), None, Some(true), Some(false), None, Some(true), Some(false)]);
}

#[test]
fn memory_grows_with_rounds_and_shares_and_goes_at_the_halt() {
    let mut node = Lone::of_four(Fixed10Real, 0);
    node.hear_itself = false;
    let fresh = node.aba.memory();
    let open = fresh - size_of::<Aba>();
    assert!((200..600).contains(&open), "one round takes {open} bytes");
    // A round six ahead has room made for all before it.
    node.hear(1, bval(1 + R, true));
    let rooms = node.aba.memory() - size_of::<Aba>();
    assert!(rooms.is_multiple_of(open) && rooms >= 7 * open && rooms <= 16 * open, "{rooms} bytes");
    let before = node.aba.memory();
    let share = CoinShare::from_bytes(&[7; 100]).unwrap();
    node.hear(1, AbaMessage::Share { round: Round(3), share: share.clone() });
    let coin = node.aba.memory() - before;
    assert_eq!(coin, size_of::<CoinInstance>() + size_of::<(NodeIndex, CoinShare)>() + 100);
    // A round that is over takes less than one that is not.
    let before = node.aba.memory();
    node.hear_all(&[1, 2, 3], bval(1, true));
    node.hear_all(&[1, 2, 3], aux(1, true));
    assert_eq!(node.aba.round(), Round(2));
    let past = node.aba.memory() - before;
    assert!((4 * 64..4 * 128).contains(&past), "{past} bytes for the first past rounds");
    node.hear_all(&[0, 1, 2], term(true));
    assert_eq!(node.aba.memory(), size_of::<Aba>(), "everything but the decision");
}

#[test]
fn the_memory_of_a_message_counts_its_share() {
    let share = |len| AbaMessage::Share { round: Round(3), share: share_of_bytes(len) };
    assert_eq!((term(true).memory(), share(0).memory()), (size_of::<AbaMessage>(), size_of::<AbaMessage>()));
    assert_eq!(share(100).memory(), size_of::<AbaMessage>() + 100);
}
