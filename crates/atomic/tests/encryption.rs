//! Encrypted epochs under attack: whatever a proposer seals and whatever decryptors say, every honest node ends a slot
//! in the same way, and nothing is decrypted that may not be.

mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use mellivora_atomic::epoch::{EpochMessage, PerSlot};
use mellivora_atomic::{EncryptionSchedule, Message};
use mellivora_core::{FaultKind, NodeIndex, NodeSet};
use mellivora_crypto::{DecryptionShare, Suite};
use mellivora_sim::{Adversary, Attack, Schedule, seeds};
use support::forge::{self, Fraud, Said, framed, fraud, sealed};
use support::hall::{Hall, shares_in};
use support::*;

const LIAR: u16 = 3;

fn hall(suite: Suite) -> Hall {
    Hall::new(&config(4), suite, &[LIAR])
}

/// Runs epoch 0 with one transaction of each honest node and this contribution of the liar, whose shares go to each
/// node first of all. Everybody has to end alike; returns the transactions of the liar's slot.
#[track_caller]
fn slot_of_liar(hall: &mut Hall, contribution: Bytes, lies: &[(u16, DecryptionShare)]) -> Vec<Bytes> {
    for (to, share) in lies {
        hall.stage.say(LIAR, &[*to], forge::shares(0, &[(LIAR, *share)]));
    }
    for node in 0..3 {
        hall.submit(node, &[&format!("transaction of {node}")]);
    }
    hall.propose(LIAR, 0, contribution);
    hall.stage.deliver_all();
    let ledger = hall.ledger();
    assert_eq!(ledger.len(), 1);
    assert!(hall.batches(0)[0].proposers().any(|node| node.0 == LIAR), "the slot was not chosen");
    let of = |proposer: u16| ledger[0].2.iter().filter(move |(p, _)| p.proposer.0 == proposer).map(|(_, t)| t.clone());
    for node in 0..3 {
        assert_eq!(of(node).collect::<Vec<_>>(), [format!("transaction of {node}")]);
    }
    of(LIAR).collect()
}

#[test]
fn an_honest_ciphertext_of_a_byzantine_node_opens() {
    // The control: the forgery tools make what opens when it is made honestly.
    for suite in SUITES {
        let mut hall = hall(suite);
        let contribution = sealed(&hall.config, &hall.keys[3], 0, LIAR, &framed(&[b"a", b"b"]));
        assert_eq!(slot_of_liar(&mut hall, contribution.into(), &[]), ["a", "b"]);
        assert!((0..3).all(|node| hall.stage.faults(node).is_empty()));
    }
}

#[test]
fn a_seed_that_does_not_fit_its_header_empties_the_slot_everywhere() {
    for suite in SUITES {
        let mut hall = hall(suite);
        let (contribution, _) = fraud(&hall.config, &hall.keys, (0, LIAR), Fraud::WrongSeed, &framed(&[b"a"]));
        assert!(slot_of_liar(&mut hall, contribution, &[]).is_empty());
        for node in 0..3 {
            assert_eq!(hall.blamed(node, LIAR, FaultKind::InvalidCiphertext), 1, "{suite}, node {node}");
        }
    }
}

#[test]
fn a_payload_that_some_share_sets_open_and_others_do_not_is_empty_everywhere() {
    // The proposer's own shifted share makes the payload authentic in combination with that of node `victim`, and with
    // no other. An opening that believes the authentication tag gives two different batches here.
    for suite in SUITES {
        for victim in 0..3 {
            for hearers in [&[0u16, 1, 2][..], &[0], &[1], &[2], &[0, 2]] {
                let mut hall = hall(suite);
                let kind = Fraud::TwoFaced { liar: LIAR, victim };
                let (contribution, share) = fraud(&hall.config, &hall.keys, (0, LIAR), kind, &framed(&[b"gold"]));
                let lies: Vec<_> = hearers.iter().map(|&node| (node, share.unwrap())).collect();
                assert!(slot_of_liar(&mut hall, contribution, &lies).is_empty(), "{suite}, {victim}, {hearers:?}");
                for node in 0..3 {
                    assert_eq!(hall.blamed(node, LIAR, FaultKind::InvalidCiphertext), 1, "{suite}, node {node}");
                }
            }
        }
    }
}

#[test]
fn a_right_seed_with_a_payload_that_does_not_authenticate_is_empty_everywhere() {
    for suite in SUITES {
        let mut hall = hall(suite);
        let (contribution, _) = fraud(&hall.config, &hall.keys, (0, LIAR), Fraud::Unopenable, &framed(&[b"a"]));
        assert!(slot_of_liar(&mut hall, contribution, &[]).is_empty());
        for node in 0..3 {
            assert_eq!(hall.blamed(node, LIAR, FaultKind::UnopenablePayload), 1);
        }
    }
}

#[test]
fn a_sealed_content_that_is_no_list_is_empty_everywhere() {
    for suite in SUITES {
        let mut hall = hall(suite);
        let contribution = sealed(&hall.config, &hall.keys[3], 0, LIAR, b"no list of transactions");
        assert!(slot_of_liar(&mut hall, contribution.into(), &[]).is_empty());
        for node in 0..3 {
            assert_eq!(hall.blamed(node, LIAR, FaultKind::MalformedContribution), 1);
        }
    }
}

/// A share that is well formed and wrong: one of another ciphertext.
fn wrong_share(hall: &Hall) -> DecryptionShare {
    let other = sealed(&hall.config, &hall.keys[3], 77, 1, b"something else");
    let scheme = hall.keys[3].encryption().unwrap();
    scheme.share(&other[..scheme.header_bytes()]).unwrap()
}

#[test]
fn a_lying_decryptor_changes_nothing_is_named_and_not_believed_again() {
    for suite in SUITES {
        for garbage in [false, true] {
            let mut hall = hall(suite);
            let lie = if garbage { DecryptionShare::from_bytes(&[0xee; 40]).unwrap() } else { wrong_share(&hall) };
            let mut proofs_asked = [0, 0];
            for epoch in 0..2 {
                // First of all, so that every first attempt to open holds the lie.
                hall.say_all(LIAR, forge::shares(epoch, &[(0, lie), (1, lie), (2, lie)]));
                let before: Vec<usize> =
                    (0..3).map(|n| hall.blamed(n, LIAR, FaultKind::InvalidDecryptionShare)).collect();
                for node in 0..3 {
                    hall.submit(node, &[&format!("{epoch} of {node}")]);
                }
                let mut count = 0;
                hall.deliver_watching(|_, message| {
                    count += usize::from(matches!(message, Message::Epoch { message: EpochMessage::Prove(_), .. }));
                });
                proofs_asked[epoch as usize] = count;
                let ledger = hall.ledger();
                assert_eq!(ledger.len() as u64, epoch + 1);
                assert_eq!(ledger[epoch as usize].2.len(), 3, "{suite}: honest transactions are ordered");
                for node in 0..3 {
                    let blamed = hall.blamed(node, LIAR, FaultKind::InvalidDecryptionShare) - before[usize::from(node)];
                    assert_eq!(
                        blamed > 0,
                        epoch == 0,
                        "{suite}, garbage {garbage}, epoch {epoch}, node {node}: {blamed}"
                    );
                }
            }
            assert_eq!(proofs_asked[0] > 0, suite == Suite::Ristretto255, "the attack fired");
            assert_eq!(proofs_asked[1], 0, "a named liar costs nothing any more");
        }
    }
}

/// A proof costs its sender nothing, and its check several multiplications.
#[test]
fn of_each_slot_one_proof_per_node_is_checked() {
    let mut hall = hall(Suite::Ristretto255);
    let lie = wrong_share(&hall);
    hall.say_all(LIAR, forge::shares(0, &[(0, lie), (1, lie), (2, lie)]));
    for node in 0..3 {
        hall.submit(node, &[&format!("of {node}")]);
    }
    // Everybody asks for proofs, and nobody honest has answered yet.
    let is_proof = |message: &Said| matches!(message, Message::Epoch { message: EpochMessage::Proofs(_), .. });
    hall.stage.deliver(|_, parcel| !is_proof(&parcel.message));
    assert!(hall.stage.pending.iter().any(|parcel| is_proof(&parcel.message)), "proofs were asked for");
    for byte in 0..50 {
        let proof = mellivora_crypto::DecryptionProof::from_bytes(&[byte; 96]).unwrap();
        let proofs = PerSlot::new((0..3).map(|slot| (NodeIndex(slot), lie, proof)).collect());
        hall.say_all(LIAR, forge::in_epoch(0, EpochMessage::Proofs(proofs)));
    }
    hall.stage.deliver(|_, parcel| parcel.from.0 == LIAR);
    for node in 0..3 {
        let blamed = hall.blamed(node, LIAR, FaultKind::InvalidDecryptionProof);
        assert!((1..=3).contains(&blamed), "node {node}: {blamed} proofs were checked");
    }
    hall.stage.deliver_all();
    assert_eq!(hall.ledger()[0].2.len(), 3);
}

#[test]
fn two_shares_of_one_slot_are_a_fault_and_the_first_counts() {
    let mut hall = hall(Suite::Ristretto255);
    let right = wrong_share(&hall);
    let other = DecryptionShare::from_bytes(&[1; 32]).unwrap();
    hall.submit(0, &["a"]);
    // The contribution of node 0 is not decided yet: both shares wait.
    hall.say_all(LIAR, forge::shares(0, &[(0, right)]));
    hall.say_all(LIAR, forge::shares(0, &[(0, right)]));
    hall.say_all(LIAR, forge::shares(0, &[(0, other)]));
    hall.stage.deliver_all();
    assert_eq!(hall.ledger()[0].2.len(), 1);
    for node in 0..3 {
        assert_eq!(hall.blamed(node, LIAR, FaultKind::ConflictingDecryptionShare), 1);
    }
}

#[test]
fn no_share_is_released_for_what_is_not_a_ciphertext_of_this_slot() {
    for suite in SUITES {
        // Only every so many bytes with pairings, which are slow.
        let step = if suite == Suite::Ristretto255 { 1 } else { 11 };
        let mut hall = hall(suite);
        let (config, keys) = (hall.config.clone(), hall.keys.clone());
        let header = keys[3].encryption().unwrap().header_bytes();
        let payload = framed(&[&[9; 300]]);
        let honest = |epoch| sealed(&config, &keys[3], epoch, LIAR, &payload);
        type Contribution<'a> = Box<dyn Fn(u64) -> Vec<u8> + 'a>;
        let mut attacks: Vec<(String, Contribution<'_>)> = Vec::new();
        for at in (0..header + 20).step_by(step) {
            let flip = move |mut bytes: Vec<u8>| {
                bytes[at] ^= 1 << (at % 8);
                bytes
            };
            attacks.push((format!("byte {at} flipped"), Box::new(move |epoch| flip(honest(epoch)))));
        }
        for victim in 0..3 {
            let (config, keys, payload) = (&config, &keys, &payload);
            let copied = move |epoch| sealed(config, &keys[0], epoch, victim, payload);
            attacks.push((format!("copied from {victim}"), Box::new(copied)));
        }
        attacks.push(("of the epoch before".into(), Box::new(|epoch: u64| honest(epoch.wrapping_sub(1)))));
        attacks.push(("of the next epoch".into(), Box::new(|epoch| honest(epoch + 1))));
        attacks.push(("in the clear".into(), Box::new(|_| payload.clone())));
        for len in [1, header / 2, header - 1, header] {
            attacks.push((format!("cut to {len} bytes"), Box::new(move |epoch| honest(epoch)[..len].to_vec())));
        }
        let points: &[std::ops::Range<usize>] =
            if suite == Suite::Ristretto255 { &[0..32, 32..64, 64..96, 96..128] } else { &[0..48, 48..144] };
        for range in points {
            let identity = move |mut bytes: Vec<u8>| {
                bytes[range.clone()].fill(0);
                if suite == Suite::Bls12381 {
                    bytes[range.start] = 0xc0;
                }
                bytes
            };
            attacks.push((format!("identity at {range:?}"), Box::new(move |epoch| identity(honest(epoch)))));
        }
        for (epoch, (name, attack)) in (0u64..).zip(&attacks) {
            let what = format!("{suite}, {name}");
            hall.submit((epoch % 3) as u16, &[&what]);
            hall.propose(LIAR, epoch, attack(epoch));
            let mut released = 0;
            hall.deliver_watching(|_, message| {
                released += usize::from(shares_in(message).is_some_and(|(_, slots)| slots.contains(&LIAR)));
            });
            assert_eq!(released, 0, "{what}: a share was released");
            let ledger = hall.ledger();
            assert_eq!(ledger.len() as u64, epoch + 1, "{what}");
            let batch = &hall.batches(0)[epoch as usize];
            assert!(batch.proposers().any(|node| node.0 == LIAR), "{what}: the slot was not chosen");
            let ordered: Vec<&Bytes> = ledger[epoch as usize].2.iter().map(|(_, bytes)| bytes).collect();
            assert_eq!(ordered, [what.as_bytes()]);
            for node in 0..3 {
                assert_eq!(hall.blamed(node, LIAR, FaultKind::InvalidCiphertext) as u64, epoch + 1, "{what}");
            }
        }
    }
}

#[test]
fn lies_about_framing_in_the_clear_empty_the_slot_everywhere() {
    let config = plain(config(4));
    let mut hall = Hall::new(&config, Suite::Ristretto255, &[LIAR]);
    let words =
        |words: &[u32], rest: &[u8]| [words.iter().flat_map(|w| w.to_le_bytes()).collect(), rest.to_vec()].concat();
    let limit = config.limits.transaction_bytes;
    let attacks: Vec<(&str, Vec<u8>)> = vec![
        ("no transactions", words(&[0], b"")),
        ("no transactions, and bytes", words(&[0], b"xyz")),
        ("a count without a table", words(&[1], b"")),
        ("half a count", vec![1, 0, 0]),
        ("a count beyond the bytes", words(&[u32::MAX, 1], b"x")),
        ("a count beyond the table", words(&[3, 1, 1], b"xy")),
        ("a length beyond the bytes", words(&[1, 2], b"x")),
        ("a length below the bytes", words(&[1, 1], b"xy")),
        ("the largest length", words(&[1, u32::MAX], b"x")),
        ("lengths that wrap around", words(&[2, u32::MAX, 2], b"x")),
        ("a transaction over the limit", framed(&[&vec![1; limit + 1]])),
        ("a trailing byte", [framed(&[b"a", b"b"]), vec![0]].concat()),
        ("a ciphertext in the clear", sealed(&support::config(4), &hall.keys[3], 0, LIAR, &framed(&[b"a"]))),
    ];
    for (epoch, (name, contribution)) in (0u64..).zip(&attacks) {
        hall.submit((epoch % 3) as u16, &[name]);
        hall.propose(LIAR, epoch, contribution.clone());
        hall.stage.deliver_all();
        let ledger = hall.ledger();
        assert_eq!(ledger.len() as u64, epoch + 1, "{name}");
        assert!(hall.batches(0)[epoch as usize].proposers().any(|node| node.0 == LIAR), "{name}: not chosen");
        assert_eq!(ledger[epoch as usize].2.iter().map(|(_, t)| t.clone()).collect::<Vec<_>>(), [*name]);
        for node in 0..3 {
            assert_eq!(hall.blamed(node, LIAR, FaultKind::MalformedContribution) as u64, epoch + 1, "{name}");
        }
    }
    // The control: the very largest transaction, and an empty one, are fine.
    let epoch = attacks.len() as u64;
    hall.propose(LIAR, epoch, framed(&[&vec![1; limit], b""]));
    hall.stage.deliver_all();
    assert_eq!(hall.ledger()[epoch as usize].2.len(), 2);
}

#[test]
fn decryption_shares_in_a_plain_epoch_are_a_fault() {
    let config = config(4).encryption(EncryptionSchedule::Every(2));
    let mut hall = Hall::new(&config, Suite::Ristretto255, &[LIAR]);
    let share = wrong_share(&hall);
    let plain = (0..2).find(|epoch| !config.encryption.encrypts(mellivora_core::Epoch(*epoch))).unwrap();
    for epoch in 0..2 {
        hall.submit(0, &[&format!("{epoch}")]);
        hall.say_all(LIAR, forge::shares(epoch, &[(0, share)]));
        hall.stage.deliver_all();
    }
    assert_eq!(hall.ledger().len(), 2);
    for node in 0..3 {
        assert_eq!(hall.blamed(node, LIAR, FaultKind::UnknownInstance), 1, "in epoch {plain} only");
    }
}

/// What a decryptor with wrong shares answers when it is asked for proofs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reply {
    /// Nothing.
    Silence,
    /// Right shares with right proofs: not the shares that it sent first.
    Truth,
    /// The wrong share with the proof of the right one.
    Insistence,
}

/// Sends for each slot the share of the slot before: well-formed shares, all wrong.
struct Decryptor {
    reply: Reply,
    /// The same lie to everybody.
    said: BTreeMap<(u64, NodeIndex), DecryptionShare>,
    /// Right share of the slot before.
    last: Option<DecryptionShare>,
}

impl Decryptor {
    fn lie(&mut self, epoch: u64, slot: NodeIndex, right: DecryptionShare) -> DecryptionShare {
        *self.said.entry((epoch, slot)).or_insert_with(|| self.last.replace(right).unwrap_or(right))
    }
}

impl Adversary<Badger> for Decryptor {
    fn sends(&mut self, to: NodeIndex, message: Said, attack: &mut Attack<'_, Badger>) {
        match message {
            Message::Epoch { epoch, message: EpochMessage::Shares(list) } => {
                let lies: Vec<_> = list.iter().map(|&(slot, share)| (slot, self.lie(epoch.0, slot, share))).collect();
                if list.iter().ne(lies.iter()) {
                    attack.count("attack.shares");
                }
                attack.send(to, Message::Epoch { epoch, message: EpochMessage::Shares(PerSlot::new(lies)) });
            }
            Message::Epoch { epoch, message: EpochMessage::Proofs(list) } => {
                attack.count("attack.asked");
                let lie = |slot: NodeIndex, right| match self.reply {
                    Reply::Insistence => *self.said.get(&(epoch.0, slot)).unwrap_or(&right),
                    _ => right,
                };
                let list: Vec<_> =
                    list.iter().map(|(slot, share, proof)| (*slot, lie(*slot, *share), *proof)).collect();
                if self.reply != Reply::Silence {
                    attack.send(to, Message::Epoch { epoch, message: EpochMessage::Proofs(PerSlot::new(list)) });
                }
            }
            other => attack.send(to, other),
        }
    }
}

#[test]
fn a_decryptor_that_mixes_up_its_shares_is_named_whatever_it_answers() {
    for reply in [Reply::Silence, Reply::Truth, Reply::Insistence] {
        let (mut asked, mut shares, mut proofs, mut conflicts) = (0, 0, 0, 0);
        for (n, count) in [(4, 8), (7, 3)] {
            for seed in seeds(count) {
                let config = config(n);
                // Node 0 stands first in every combination.
                let liar: Box<dyn Adversary<Badger>> = Box::new(Decryptor { reply, said: BTreeMap::new(), last: None });
                let builder = builder(&config, seed).scheduler(Schedule::Swarm).faulty(NodeIndex(0), liar);
                let mut sim = build(builder, &config, Suite::Ristretto255);
                for node in config.committee.nodes() {
                    sim.input(node, submit((0..6).map(|t| tx(node.as_usize(), t))));
                }
                sim.run().assert_ok();
                for node in sim.view().honest().iter() {
                    let ledger = ledger(&sim, node);
                    assert!(
                        (1..n).all(|i| (0..6).all(|t| ledger.get(&tx(i, t)) == Some(&1))),
                        "{reply:?}, seed {seed}"
                    );
                }
                sim.coverage().assert_all_fired(&["attack.shares"]);
                asked += sim.coverage().get("attack.asked");
                let count = |kind| sim.faults().iter().filter(|(_, fault)| fault.kind == kind).count();
                shares += count(FaultKind::InvalidDecryptionShare);
                proofs += count(FaultKind::InvalidDecryptionProof);
                conflicts += count(FaultKind::ConflictingDecryptionProof);
            }
        }
        assert!(asked > 0 && shares > 0, "{reply:?}: asked {asked} times, {shares} wrong shares named");
        assert_eq!((proofs > 0, conflicts > 0), (reply == Reply::Insistence, reply == Reply::Truth), "{reply:?}");
    }
}

/// A proof costs several multiplications, and asking for one a few bytes. Nothing was wrong with any slot.
#[test]
fn whoever_asks_for_proofs_without_a_reason_gets_few() {
    struct Doubter(Rc<Cell<usize>>);
    impl Adversary<Badger> for Doubter {
        fn receives(&mut self, from: NodeIndex, message: Said, _: &mut Attack<'_, Badger>) -> Option<Said> {
            let proofs = matches!(message, Message::Epoch { message: EpochMessage::Proofs(_), .. });
            self.0.set(self.0.get() + usize::from(proofs && from.0 == 0));
            Some(message)
        }
        fn sends(&mut self, to: NodeIndex, message: Said, attack: &mut Attack<'_, Badger>) {
            if let Message::Epoch { epoch, .. } = message {
                attack.send(to, forge::in_epoch(epoch.0, EpochMessage::Prove(NodeSet::first(4))));
            }
            attack.send(to, message);
        }
    }
    let config = config(4).batch_size(4);
    let answers = Rc::new(Cell::new(0));
    let doubter: Box<dyn Adversary<Badger>> = Box::new(Doubter(answers.clone()));
    let mut sim = build(builder(&config, 1).faulty(NodeIndex(LIAR), doubter), &config, Suite::Ristretto255);
    for node in config.committee.nodes() {
        sim.input(node, submit((0..12).map(|t| tx(node.as_usize(), t))));
    }
    sim.run().assert_ok();
    let (epochs, most) = (sim.node(NodeIndex(0)).status().low.0, config.limits.pipeline as usize * 4);
    assert!(epochs >= 12, "{epochs} epochs");
    // One pipeline's worth of slots for the one liar that there may be.
    assert!((1..=most).contains(&answers.get()), "{} answers in {epochs} epochs", answers.get());
}
