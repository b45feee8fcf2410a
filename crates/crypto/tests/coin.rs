//! Properties of every suite's coin.

mod common;

use std::collections::BTreeSet;

use common::{SIZES, coin_shares, index, name, nodes, rng, subsets};
use mellivora_core::{Committee, NodeIndex, NodeSet};
use mellivora_crypto::{CoinShare, Suite, deal_nodes};

fn damage(share: &CoinShare, byte: usize) -> CoinShare {
    let mut bytes = share.as_bytes().to_vec();
    bytes[byte] ^= 1;
    CoinShare::from_bytes(&bytes).unwrap()
}

#[test]
fn any_f_plus_one_shares_give_the_same_value_and_f_give_none() {
    for &suite in Suite::ALL {
        for n in SIZES {
            let nodes = nodes(suite, n);
            let committee = nodes[0].committee();
            let name = name("the coin");
            let shares = coin_shares(&nodes, &name);
            let coin = nodes[0].coin();
            let values: BTreeSet<_> = subsets(&shares, committee.one_honest())
                .iter()
                .map(|subset| {
                    let combined = coin.combine(&name, subset);
                    assert_eq!(combined.culprits, NodeSet::EMPTY);
                    combined.value.unwrap().0
                })
                .collect();
            assert_eq!(values.len(), 1, "{suite} n = {n}");
            assert_eq!(coin.combine(&name, &shares[..committee.f()]).value, None);
            // The same share many times is one share.
            let repeated = vec![shares[0].clone(); n + 1];
            assert_eq!(coin.combine(&name, &repeated).value.is_some(), committee.f() == 0);
        }
    }
}

#[test]
fn f_bad_shares_in_front_do_not_change_the_value_and_are_named() {
    for &suite in Suite::ALL {
        for n in [4, 5, 7, 10] {
            let nodes = nodes(suite, n);
            let committee = nodes[0].committee();
            let name = name("the coin");
            let honest = coin_shares(&nodes, &name);
            let coin = nodes[n - 1].coin();
            let right = coin.combine(&name, &honest).value;
            assert!(right.is_some());
            // Damaged in place, of another name, of another node, of wrong length, empty.
            let other = coin_shares(&nodes, &common::name("another coin"));
            let bad: Vec<Box<dyn Fn(usize) -> CoinShare>> = vec![
                Box::new(|i| damage(&honest[i].1, 5)),
                Box::new(|i| damage(&honest[i].1, honest[i].1.as_bytes().len() - 2)),
                Box::new(|i| other[i].1.clone()),
                Box::new(|i| honest[(i + 1) % n].1.clone()),
                Box::new(|i| CoinShare::from_bytes(&honest[i].1.as_bytes()[1..]).unwrap()),
                Box::new(|_| CoinShare::from_bytes(&[]).unwrap()),
                Box::new(|i| CoinShare::from_bytes(&vec![0; honest[i].1.as_bytes().len()]).unwrap()),
                Box::new(|i| CoinShare::from_bytes(&vec![255; honest[i].1.as_bytes().len()]).unwrap()),
            ];
            for forge in &bad {
                let mut shares = honest.clone();
                for (i, share) in shares.iter_mut().enumerate().take(committee.f()) {
                    share.1 = forge(i);
                }
                let combined = coin.combine(&name, &shares);
                assert_eq!(combined.value, right, "{suite} n = {n}");
                assert_eq!(combined.culprits, NodeSet::first(committee.f()), "{suite} n = {n}");
                // Without enough good ones there is no value, and no honest node is blamed.
                let few = &shares[..2 * committee.f()];
                let combined = coin.combine(&name, few);
                assert_eq!(combined.value, None);
                assert_eq!(combined.culprits, NodeSet::first(committee.f()));
            }
        }
    }
}

#[test]
fn strangers_are_ignored_without_blame() {
    for &suite in Suite::ALL {
        let nodes = nodes(suite, 4);
        let name = name("the coin");
        let mut shares = coin_shares(&nodes, &name);
        let right = nodes[0].coin().combine(&name, &shares).value;
        shares.insert(0, (index(4), shares[0].1.clone()));
        shares.insert(0, (NodeIndex(u16::MAX), shares[0].1.clone()));
        let combined = nodes[0].coin().combine(&name, &shares);
        assert_eq!((combined.value, combined.culprits), (right, NodeSet::EMPTY));
    }
}

#[test]
fn names_and_key_sets_have_coins_of_their_own() {
    for &suite in Suite::ALL {
        let committee = Committee::new(4).unwrap();
        let mut values = BTreeSet::new();
        for dealer in 0..3 {
            let nodes = deal_nodes(suite, committee, &mut rng(dealer)).unwrap();
            for text in ["a", "b", "c"] {
                let name = name(text);
                values.insert(nodes[0].coin().combine(&name, &coin_shares(&nodes, &name)).value.unwrap().0);
            }
        }
        assert_eq!(values.len(), 9);
    }
}
