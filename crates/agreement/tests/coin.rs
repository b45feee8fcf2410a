//! The coin instance: bad shares, foreign shares, the gate; with the idealised coin and with real suites.

mod common;

use std::sync::Arc;

use common::{committee, domain};
use mellivora_adversary::IdealCoin;
use mellivora_agreement::{CoinDone, CoinInstance, CoinJob};
use mellivora_core::{Digest, Job, NodeIndex, NodeSet, Purpose, Round};
use mellivora_crypto::{CoinScheme, CoinShare, CoinValue, Suite, deal_nodes};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn schemes(n: usize) -> Vec<(&'static str, Vec<Arc<dyn CoinScheme>>)> {
    let committee = committee(n);
    let ideal = committee.nodes().map(|me| IdealCoin::scheme(committee, me, 1)).collect();
    let dealt = |suite| {
        let nodes = deal_nodes(suite, committee, &mut ChaCha8Rng::seed_from_u64(5)).unwrap();
        nodes.iter().map(|keys| keys.coin().clone()).collect()
    };
    vec![("ideal", ideal), ("ristretto255", dealt(Suite::Ristretto255)), ("bls12-381", dealt(Suite::Bls12381))]
}

fn name(round: u32) -> Digest {
    domain().statement(Purpose::Coin, Round(round)).digest()
}

/// Runs jobs until there are none; collects culprits.
fn run(coin: &mut CoinInstance, job: Option<CoinJob>) -> NodeSet {
    let (mut job, mut all) = (job, NodeSet::EMPTY);
    while let Some(next) = job {
        let CoinDone::Combined(combination) = next.run() else { panic!("not a combination") };
        let (culprits, again) = coin.combined(combination);
        all = all.union(&culprits);
        job = again;
    }
    all
}

fn value_of(schemes: &[Arc<dyn CoinScheme>], f: usize, name: Digest, from: &[u16]) -> Option<CoinValue> {
    let mut coin = CoinInstance::new(schemes[0].clone(), name, f + 1);
    for &node in from {
        let job = coin.add(NodeIndex(node), schemes[usize::from(node)].share(&name));
        assert!(run(&mut coin, job).is_empty());
    }
    coin.value()
}

#[test]
fn any_f_plus_1_shares_give_the_same_value_and_f_give_none() {
    for (suite, schemes) in schemes(7) {
        let expected = value_of(&schemes, 2, name(1), &[0, 1, 2]);
        assert!(expected.is_some(), "{suite}");
        assert_eq!(value_of(&schemes, 2, name(1), &[6, 3, 5]), expected, "{suite}");
        assert_eq!(value_of(&schemes, 2, name(1), &[4, 3]), None, "{suite}");
        assert_ne!(value_of(&schemes, 2, name(2), &[0, 1, 2]), expected, "{suite}");
    }
}

#[test]
fn f_bad_shares_among_the_first_f_plus_1_are_named_and_the_coin_is_right() {
    for (suite, schemes) in schemes(7) {
        let expected = value_of(&schemes, 2, name(1), &[0, 1, 2]);
        let mut coin = CoinInstance::new(schemes[0].clone(), name(1), 3);
        // One of another round, one that is rubbish.
        let bad = [(5, schemes[5].share(&name(2))), (6, CoinShare::from_bytes(&[7; 48]).unwrap())];
        let mut culprits = NodeSet::EMPTY;
        for (node, share) in bad {
            let job = coin.add(NodeIndex(node), share);
            assert!(job.is_none(), "{suite}: fewer than f + 1");
        }
        for node in [1, 2, 3] {
            assert_eq!(coin.value(), None, "{suite}");
            let job = coin.add(NodeIndex(node), schemes[usize::from(node)].share(&name(1)));
            culprits = culprits.union(&run(&mut coin, job));
        }
        assert_eq!(coin.value(), expected, "{suite}");
        assert_eq!(culprits, [NodeIndex(5), NodeIndex(6)].into_iter().collect(), "{suite}");
    }
}

#[test]
fn shares_of_another_instance_round_epoch_or_node_are_bad() {
    use mellivora_core::{Epoch, Layer, Segment};
    for (suite, schemes) in schemes(4) {
        let base = domain().child(Segment::epoch(Epoch(1))).child(Segment::of(Layer::Aba, NodeIndex(0)));
        let right = base.statement(Purpose::Coin, Round(3)).digest();
        let other = |domain: mellivora_core::Domain, round| domain.statement(Purpose::Coin, Round(round)).digest();
        let epoch = domain().child(Segment::epoch(Epoch(2))).child(Segment::of(Layer::Aba, NodeIndex(0)));
        let instance = domain().child(Segment::epoch(Epoch(1))).child(Segment::of(Layer::Aba, NodeIndex(1)));
        let foreign = [
            schemes[3].share(&other(epoch, 3)),
            schemes[3].share(&other(instance, 3)),
            schemes[3].share(&other(base, 6)),
            schemes[2].share(&right),
        ];
        for share in foreign {
            let mut coin = CoinInstance::new(schemes[0].clone(), right, 2);
            let first = coin.add(NodeIndex(3), share);
            assert!(first.is_none());
            let job = coin.add(NodeIndex(0), schemes[0].share(&right));
            assert_eq!(run(&mut coin, job), NodeSet::one(NodeIndex(3)), "{suite}");
            assert_eq!(coin.value(), None, "{suite}");
            let job = coin.add(NodeIndex(1), schemes[1].share(&right));
            run(&mut coin, job);
            assert_eq!(coin.value(), value_of(&schemes, 1, right, &[0, 1]), "{suite}");
        }
    }
}

#[test]
fn a_sender_counts_once_and_the_gate_opens_once() {
    let (_, schemes) = schemes(4).remove(0);
    let mut coin = CoinInstance::new(schemes[0].clone(), name(1), 2);
    assert!(coin.add(NodeIndex(1), schemes[1].share(&name(1))).is_none());
    assert!(coin.add(NodeIndex(1), schemes[1].share(&name(1))).is_none(), "the same sender again");
    let job = coin.add(NodeIndex(2), schemes[2].share(&name(1)));
    assert!(job.is_some());
    assert!(coin.add(NodeIndex(3), schemes[3].share(&name(1))).is_none(), "one attempt at a time");
    run(&mut coin, job);
    assert!(coin.value().is_some());
    // A known value does not close the gate: others may need this share.
    assert!(!coin.released());
    let released = coin.release().map(Job::run);
    assert!(matches!(released, Some(CoinDone::Share(share)) if share == schemes[0].share(&name(1))));
    assert!(coin.release().is_none());
}

#[test]
fn shares_that_arrive_during_a_failed_attempt_start_the_next_one() {
    let (_, schemes) = schemes(4).remove(0);
    let mut coin = CoinInstance::new(schemes[0].clone(), name(1), 2);
    coin.add(NodeIndex(3), CoinShare::from_bytes(&[1]).unwrap());
    let first = coin.add(NodeIndex(1), schemes[1].share(&name(1))).unwrap();
    assert!(coin.add(NodeIndex(2), schemes[2].share(&name(1))).is_none());
    assert_eq!(run(&mut coin, Some(first)), NodeSet::one(NodeIndex(3)));
    assert!(coin.value().is_some());
}

#[test]
fn a_proving_coin_shows_the_shares_that_gave_its_value_and_others_keep_none() {
    for (suite, schemes) in schemes(4) {
        let make = || CoinInstance::new(schemes[0].clone(), name(1), 2);
        let share = |node: u16| schemes[usize::from(node)].share(&name(1));
        let (mut coin, mut plain) = (make().proving(), make());
        for coin in [&mut coin, &mut plain] {
            assert!(coin.add(NodeIndex(3), CoinShare::from_bytes(&[7; 48]).unwrap()).is_none());
            for node in [1, 2] {
                assert!(coin.proof().is_empty(), "{suite}: shares that give no value yet");
                let job = coin.add(NodeIndex(node), share(node));
                run(coin, job);
            }
            assert!(coin.value().is_some(), "{suite}");
        }
        let (value, proof) = (coin.value().unwrap(), coin.proof().to_vec());
        assert_eq!(proof, [1, 2].map(|node| (NodeIndex(node), share(node))), "{suite}: no culprit among them");
        assert!(plain.proof().is_empty(), "{suite}");
        // Somebody who is shown them comes to the value by itself, and can show them in turn.
        let (mut told, mut plain) = (make().proving(), make());
        for coin in [&mut told, &mut plain] {
            coin.learn(value, proof.clone());
            coin.learn(value, Vec::new());
            assert_eq!(coin.value(), Some(value), "{suite}");
        }
        assert_eq!((told.proof(), plain.proof().len()), (&proof[..], 0), "{suite}: the first proof is kept");
    }
}
