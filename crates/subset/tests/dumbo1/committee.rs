//! The election, as nodes live it.

use mellivora_adversary::Stage;
use mellivora_agreement::CoinSchedule;
use mellivora_core::{FaultKind, Layer, NodeIndex, Purpose, Round, Segment};
use mellivora_crypto::CoinShare;
use mellivora_subset::{Dumbo1, Dumbo1Message, Subset, SubsetParams, dumbo1::committee_size};

use super::support::{self, codec, committee, domain, params, payload};
use super::{contribute, elected, election, ideal, is_contribution, is_election, stage};

#[test]
fn one_node_is_its_own_subset_and_tosses_no_coin() {
    let mut stage: Stage<Dumbo1> = support::stage(1, &[], 1);
    assert_eq!(stage.node(0).members(), Some(committee(1).all()), "everybody is elected from the start");
    stage.input(0, payload(NodeIndex(0)));
    super::assert_all_output(&stage, &[0]);
    assert!(!stage.node(0).released());
}

#[test]
fn all_nodes_learn_the_committee_that_the_coin_names_and_nobody_knows_it_before() {
    for (n, seed) in [(4, 1), (4, 2), (5, 3), (7, 4), (10, 5), (16, 6)] {
        let mut stage: Stage<Dumbo1> = support::stage(n, &[], seed);
        contribute(&mut stage);
        stage.deliver(|_, p| !is_election(p));
        for node in stage.honest() {
            assert_eq!(stage.node(node).delivered(), committee(n).all());
            assert_eq!(stage.node(node).members(), None, "n = {n}: it is known without a coin");
        }
        stage.deliver_all();
        for node in stage.honest() {
            assert_eq!(stage.node(node).members(), Some(elected(n, seed)), "n = {n}");
            assert_eq!(elected(n, seed).len(), committee_size(committee(n)));
        }
    }
}

#[test]
fn a_node_that_knows_the_committee_still_helps_to_elect_it() {
    let mut stage = stage(4, &[], &[0, 1]);
    contribute(&mut stage);
    // Node 3 hears of no contribution but learns the coin from others.
    stage.deliver(|_, p| p.to.0 != 3 || is_election(p));
    assert!(stage.node(3).members().is_some() && !stage.node(3).released());
    let from_three = |stage: &Stage<Dumbo1>| stage.pending.iter().any(|p| p.from.0 == 3 && is_election(p));
    assert!(!from_three(&stage), "its gate is shut");
    stage.deliver(|_, p| p.to.0 == 3 && is_contribution(p));
    assert!(stage.node(3).released() && from_three(&stage));
}

#[test]
fn bad_shares_are_named_and_the_right_committee_is_elected() {
    // Two Byzantine nodes of seven are the first to speak.
    let mut stage = stage(7, &[5, 6], &[0, 1, 2]);
    contribute(&mut stage);
    let bad = CoinShare::from_bytes(&[0xbd; 32]).unwrap();
    [5, 6].into_iter().for_each(|liar| stage.say(liar, &[0, 1, 2, 3, 4], Dumbo1Message::Election(bad.clone())));
    stage.deliver(|_, p| p.from.0 >= 5);
    stage.deliver_all();
    super::assert_all_output(&stage, &[0, 1, 2, 3, 4]);
    for node in stage.honest() {
        let mut faults = stage.faults(node);
        faults.sort_unstable();
        assert_eq!(faults, [(5, FaultKind::InvalidCoinShare), (6, FaultKind::InvalidCoinShare)]);
    }
}

#[test]
fn the_coin_of_the_election_is_no_coin_of_an_agreement() {
    // Whoever saw the one would know the other before its gate.
    let codec = codec(4);
    let made = |me| Dumbo1::new(SubsetParams { coin_schedule: CoinSchedule::AlwaysReal, ..params(&codec, me, 1) });
    let mut stage = Stage::new(committee(4), &[], made);
    contribute(&mut stage);
    let mut shares = Vec::new();
    stage.deliver(|_, p| {
        if let Dumbo1Message::Election(share) = &p.message {
            shares.push((p.from, share.clone()));
        }
        true
    });
    assert!(shares.len() >= 4);
    let coin = ideal(4, 1);
    for (from, share) in shares {
        assert_eq!(share, coin.share_of(from, &election()));
        for member in committee(4).nodes() {
            for round in 1..20 {
                let agreement = domain().child(Segment::of(Layer::Aba, member));
                let name = agreement.statement(Purpose::Coin, Round(round)).digest();
                assert_ne!(share, coin.share_of(from, &name), "that of {member} in round {round}");
            }
        }
    }
}
