//! The gate of an epoch: no decryption share and no proof of one before it may be known, and every share once it may.

mod support;

use std::collections::BTreeMap;

use mellivora_adversary::Stage;
use mellivora_atomic::Message;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_coding::Body;
use mellivora_core::NodeIndex;
use mellivora_crypto::Suite;
use support::forge::Said;
use support::hall::{Hall, epoch_of, shares_in};
use support::*;

const LIAR: u16 = 3;

#[test]
fn no_share_of_a_delivered_contribution_before_the_subset_is_decided() {
    // Whoever knew a plaintext while it can still be left out could have it left out.
    use mellivora_subset::{BkrMessage, Subset};
    for suite in SUITES {
        let mut hall = Hall::new(&config(4), suite, &[]);
        (0..4).for_each(|node| hall.submit(node, &[&format!("of {node}")]));
        let vote = |message: &Said| match message {
            Message::Epoch { message: EpochMessage::Subset(message), .. } => matches!(message, BkrMessage::Votes(_)),
            _ => false,
        };
        hall.stage.deliver(|_, parcel| !vote(&parcel.message));
        for node in 0..4 {
            let subset = hall.stage.node(node).subset(mellivora_core::Epoch(0)).unwrap();
            assert!(!subset.decided() && (0..4).all(|slot| subset.contribution(NodeIndex(slot)).is_some()));
        }
        assert_eq!(releasers(&hall, 0), [] as [u16; 0], "{suite}");
        hall.stage.deliver_all();
        assert_eq!(hall.ledger()[0].2.len(), 4);
    }
}

/// Epoch 1 is as good as over everywhere, and of epoch 0 nobody has heard anything.
fn second_epoch_first(byzantine: &[u16]) -> Hall {
    second_epoch_first_seen(byzantine, |_| {})
}

/// The same, with a look at the stage before each message that arrives.
fn second_epoch_first_seen(byzantine: &[u16], mut look: impl FnMut(&Stage<Badger>)) -> Hall {
    let mut hall = Hall::new(&config(4), Suite::Ristretto255, byzantine);
    for node in hall.honest() {
        let list: Vec<String> = (0..8).map(|i| format!("{i} of {node}")).collect();
        hall.submit(node, &list.iter().map(String::as_str).collect::<Vec<_>>());
    }
    hall.stage.deliver(|stage, parcel| {
        look(stage);
        epoch_of(&parcel.message) == Some(1)
    });
    for node in hall.honest() {
        let subset = |epoch| hall.stage.node(node).subset(mellivora_core::Epoch(epoch)).unwrap();
        use mellivora_subset::Subset;
        assert!(subset(1).decided() && !subset(0).decided(), "the schedule has to decide epoch 1 first");
    }
    hall
}

/// Who has released shares of an epoch that are still on their way.
fn releasers(hall: &Hall, epoch: u64) -> Vec<u16> {
    let shares = hall.stage.pending.iter().filter(|p| shares_in(&p.message).is_some_and(|(e, _)| e == epoch));
    let nodes: std::collections::BTreeSet<u16> = shares.map(|p| p.from.0).collect();
    nodes.into_iter().collect()
}

#[test]
fn no_share_of_an_epoch_before_all_earlier_subsets_are_decided() {
    use mellivora_subset::Subset;
    let mut hall = second_epoch_first(&[]);
    assert_eq!(releasers(&hall, 1), [] as [u16; 0], "plaintexts of epoch 1 while epoch 0 can still be chosen");
    // Epoch 0 goes on, without its shares: each node opens its gate when its own subset of epoch 0 is decided.
    let epoch = mellivora_core::Epoch;
    hall.stage.deliver(|stage, parcel| {
        for pending in &stage.pending {
            if shares_in(&pending.message).is_some_and(|(e, _)| e == 1) {
                let early = !stage.node(pending.from.0).subset(epoch(0)).is_none_or(|subset| subset.decided());
                assert!(!early, "node {} released a share of epoch 1 early", pending.from);
            }
        }
        epoch_of(&parcel.message) == Some(0) && shares_in(&parcel.message).is_none()
    });
    assert_eq!(releasers(&hall, 1), [0, 1, 2, 3]);
    hall.stage.deliver_all();
    assert!(hall.ledger().len() >= 2);
}

#[test]
fn checkpoints_of_f_plus_1_nodes_open_the_gate_of_the_next_epoch() {
    gate_opens_by(false);
}

#[test]
fn a_certificate_opens_the_gate_of_the_next_epoch() {
    gate_opens_by(true);
}

#[test]
fn a_share_goes_out_for_a_slot_that_is_open_here_already() {
    // Nodes 0 and 2 open the slots of epoch 1 with the shares of node 1 and of the liar, before their own gates are
    // open. The liar gives node 1 nothing: it depends on what nodes 0 and 2 release when they need no share any more.
    use mellivora_subset::Subset;
    let epoch = mellivora_core::Epoch;
    let mut contributions = BTreeMap::new();
    let mut hall = second_epoch_first_seen(&[LIAR], |stage| {
        let subset = stage.node(0).subset(epoch(1));
        let body = |slot| subset.and_then(|subset| subset.contribution(slot)).and_then(|c| c.body.clone());
        contributions.extend((0..3).filter_map(|slot| Some((slot, body(NodeIndex(slot))?))));
    });
    let of_first = |message: &Said| epoch_of(message) == Some(0) && shares_in(message).is_none();
    let decided = |hall: &Hall, node: u16| hall.stage.node(node).subset(epoch(0)).unwrap().decided();
    while !decided(&hall, 1) {
        hall.stage.deliver(|_, parcel| parcel.to.0 == 1 && of_first(&parcel.message));
        let mut over = decided(&hall, 1);
        hall.stage.deliver(|_, p| p.to.0 != 1 && of_first(&p.message) && !std::mem::replace(&mut over, true));
    }
    assert!(!decided(&hall, 0) && !decided(&hall, 2), "the gate of node 1 has to open first");
    assert_eq!(releasers(&hall, 1), [1]);
    let scheme = hall.keys[usize::from(LIAR)].encryption().unwrap().clone();
    let share = |body: &Body| scheme.share(&body.first_bytes(scheme.header_bytes())).unwrap();
    let right: Vec<_> = contributions.iter().map(|(slot, body)| (*slot, share(body))).collect();
    assert!(right.len() >= 3);
    hall.stage.say(LIAR, &[0, 2], forge::shares(1, &right));
    hall.stage.deliver(|_, parcel| shares_in(&parcel.message).is_some_and(|(epoch, _)| epoch == 1));
    assert_eq!(releasers(&hall, 1), [] as [u16; 0], "their own gates are still closed");
    hall.stage.deliver_all();
    assert!(hall.ledger().len() >= 2, "nobody is left behind");
}

/// Proofs of an epoch that are on their way.
fn proofs(hall: &Hall) -> usize {
    let proof = |message: &Said| matches!(message, Message::Epoch { message: EpochMessage::Proofs(_), .. });
    hall.stage.pending.iter().filter(|parcel| proof(&parcel.message)).count()
}

#[test]
fn no_proof_of_a_share_before_the_share_may_be_released() {
    // A proof holds the share.
    let mut hall = second_epoch_first(&[]);
    let ask = forge::in_epoch(1, EpochMessage::Prove(mellivora_core::NodeSet::first(4)));
    hall.stage.say(0, &[1, 2, 3], ask.clone());
    let asked = |message: &Said| matches!(message, Message::Epoch { message: EpochMessage::Prove(_), .. });
    hall.stage.deliver(|_, parcel| asked(&parcel.message));
    assert_eq!(proofs(&hall), 0, "plaintexts of epoch 1 while epoch 0 can still be chosen");
    hall.stage.deliver(|_, p| epoch_of(&p.message) == Some(0) && shares_in(&p.message).is_none());
    assert_eq!(releasers(&hall, 1), [0, 1, 2, 3]);
    assert_eq!(
        proofs(&hall),
        3,
        "each has opened its own slot; of the others nobody knows yet whether to ask is right"
    );
    hall.stage.deliver(|_, p| shares_in(&p.message).is_some());
    let answers = proofs(&hall);
    assert!(answers >= 3 * 3, "now they answer: {answers}");
    // Once for each asker, until that starts again.
    for _ in 0..3 {
        hall.stage.say(0, &[1, 2, 3], ask.clone());
        hall.stage.deliver(|_, parcel| asked(&parcel.message));
    }
    assert_eq!(proofs(&hall), answers);
    hall.stage.deliver_all();
    hall.ledger();
}

fn gate_opens_by(certificate: bool) {
    let mut hall = second_epoch_first(&[]);
    // Nodes 0 to 2 do epoch 0 among themselves; node 3 hears nothing of it.
    hall.stage.deliver(|_, parcel| parcel.to.0 != 3 && parcel.from.0 != 3);
    assert!(hall.low(0) >= 1, "epoch 0 is closed at node 0");
    assert_eq!(hall.stage.outputs(3).len(), 0);
    let from_3 = |hall: &Hall| hall.stage.pending.iter().any(|p| p.from.0 == 3 && shares_in(&p.message).is_some());
    let checkpoint = |message: &forge::Said| matches!(message, Message::Checkpoint(c) if c.epoch.0 == 0);
    if certificate {
        // An announcement of node 3 is answered with a certificate.
        assert!(!from_3(&hall));
        let Some(digest) = hall.batches(0).first().map(|batch| batch.digest()) else { panic!("no batch") };
        let proof = forge::certificate(&hall.config, &hall.keys, 0, digest, &[0, 2]);
        hall.stage.say(1, &[3], Message::Certificate(proof));
        hall.stage.deliver(|_, parcel| parcel.to.0 == 3 && matches!(parcel.message, Message::Certificate(_)));
    } else {
        for node in 0..2 {
            assert!(!from_3(&hall), "{node} checkpoints are not enough");
            hall.stage.deliver(|_, p| p.to.0 == 3 && p.from.0 == node && checkpoint(&p.message));
        }
    }
    assert!(from_3(&hall), "node 3 releases its shares of epoch 1");
    assert!(hall.stage.node(3).subset(mellivora_core::Epoch(0)).is_some(), "its own epoch 0 runs on");
    hall.stage.deliver_all();
    hall.ledger();
}
