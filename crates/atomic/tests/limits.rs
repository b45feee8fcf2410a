//! What a Byzantine node can make others hold, and do, is bounded.

mod support;

use mellivora_agreement::Vote;
use mellivora_atomic::epoch::{EpochMessage, PerSlot};
use mellivora_atomic::{Config, Input, Message, Output};
use mellivora_broadcast::RbcMessage;
use mellivora_coding::{Proof, Shard};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Digest, Epoch, FaultKind, Limits, NodeIndex, NodeSet, Round};
use mellivora_crypto::{CoinShare, DecryptionProof, DecryptionShare, Signature, Suite};
use mellivora_sim::seeds;
use mellivora_subset::BkrMessage;
use mellivora_subset::bkr::Ballot;
use support::forge::{Said, checkpoint, in_epoch, rbc};
use support::hall::Hall;
use support::*;

const LIAR: u16 = 3;

fn digest(of: u64) -> Digest {
    let mut digest = Digest::default();
    digest.0[..8].copy_from_slice(&of.to_le_bytes());
    digest
}

fn echo(epoch: u64, proposer: u16, root: u64, len: usize) -> Said {
    let proof = Proof { len: len as u32, path: List::new(vec![digest(1), digest(2)]) };
    let shard = Shard { proof, data: Blob(vec![7; len].into()) };
    rbc(epoch, proposer, RbcMessage::Echo { root: digest(root), shard })
}

/// Room for early messages, per peer: what an honest node says in W + 1 epochs, a shard for each of n + 1 statements
/// about bulk and 16 KiB of small ones per instance.
fn room(config: &Config) -> usize {
    let (n, limits) = (config.committee.n(), &config.limits);
    let shard = limits.shard_bytes(config.committee).next_multiple_of(1024) + Limits::MESSAGE_OVERHEAD;
    ((n + 1) * shard + n * (16 << 10)) * (limits.epochs_ahead as usize + 1)
}

fn memory(hall: &Hall, node: u16) -> usize {
    hall.stage.node(node).status().memory
}

/// One epoch has begun and cannot go on, because the others' messages wait: everything stays open.
fn stuck() -> Hall {
    let mut hall = Hall::new(&config(4), Suite::Ristretto255, &[LIAR]);
    for node in 0..3 {
        hall.submit(node, &["a", "b"]);
    }
    hall
}

fn flood(hall: &mut Hall, messages: impl Iterator<Item = Said>) {
    for message in messages {
        hall.stage.say(LIAR, &[0], message);
        hall.stage.deliver(|_, parcel| parcel.from.0 == LIAR);
    }
}

#[test]
fn what_lies_beyond_the_window_leaves_no_trace_but_a_fault() {
    let mut hall = stuck();
    let window = hall.config.limits.epochs_ahead;
    let before = memory(&hall, 0);
    let far = [window + 1, window + 2, 1 << 32, u64::MAX];
    let mut count = 0;
    for round in 0..500 {
        for epoch in far {
            let lie = checkpoint(&hall.config, &hall.keys[3], 0, digest(round));
            flood(
                &mut hall,
                [
                    rbc(epoch, 0, RbcMessage::Ready(digest(round))),
                    echo(epoch, 1, round, 1_000),
                    Message::Checkpoint(mellivora_atomic::Checkpoint { epoch: Epoch(epoch), ..lie }),
                ]
                .into_iter(),
            );
            count += 3;
        }
    }
    assert_eq!(memory(&hall, 0), before);
    assert_eq!(hall.blamed(0, LIAR, FaultKind::BeyondWindow), count);
    assert_eq!(hall.stage.node(0).status().running, 1, "nothing was started");
}

#[test]
fn early_messages_have_room_per_peer_and_no_peer_uses_up_another_ones() {
    let mut hall = stuck();
    let (window, room) = (hall.config.limits.epochs_ahead, room(&hall.config));
    // Whoever is in a later epoch has begun this one, too: the flood starts one more epoch on credit, once.
    flood(&mut hall, std::iter::once(rbc(window, 0, RbcMessage::Ready(digest(0)))));
    let before = memory(&hall, 0);
    let shard = hall.config.limits.shard_bytes(hall.config.committee);
    let messages = room / shard * 3;
    let epochs = hall.config.limits.pipeline..=window;
    let cycle = epochs.clone().cycle().zip(0u64..).take(messages);
    flood(&mut hall, cycle.map(|(epoch, i)| echo(epoch, (i % 4) as u16, i, shard)));
    let held = memory(&hall, 0) - before;
    assert!(held <= room, "{held} bytes in a room of {room}");
    assert!(held > room / 2, "an honest node's messages would fit: {held} of {room}");
    assert!(hall.blamed(0, LIAR, FaultKind::BeyondWindow) > 0, "the room was used up");
    // Small messages do not get around the bound either.
    flood(&mut hall, (0..20_000).map(|i| rbc(window, 0, RbcMessage::Ready(digest(i)))));
    assert!(memory(&hall, 0) - before <= room);
    // Everybody else's early messages are still taken: the epochs that were flooded order what they should, and what is
    // closed is freed.
    for node in 0..3 {
        let more: Vec<String> = (0..40).map(|i| format!("{i} of {node}")).collect();
        hall.submit(node, &more.iter().map(String::as_str).collect::<Vec<_>>());
    }
    hall.stage.deliver_all();
    let ordered: usize = hall.ledger().iter().map(|batch| batch.2.len()).sum();
    assert_eq!(ordered, 2 + 3 * 40);
    assert!(hall.ledger().len() as u64 > window, "the window was passed");
    assert!(memory(&hall, 0) < before + room / 4, "{} after the flood, {before} before", memory(&hall, 0));
}

#[test]
fn a_flood_within_a_running_epoch_takes_constant_memory() {
    let vote = |round: u32, instances: NodeSet| {
        let votes = [true, false].map(|value| Ballot { vote: Vote::Bval { round: Round(round), value }, instances });
        in_epoch(0, EpochMessage::Subset(BkrMessage::Votes(List::new(votes.to_vec()))))
    };
    let coin = |instance: u16, round: u32, byte: u8| {
        let share = CoinShare::from_bytes(&[byte; 128]).unwrap();
        in_epoch(
            0,
            EpochMessage::Subset(BkrMessage::Share { instance: NodeIndex(instance), round: Round(round), share }),
        )
    };
    let share = |slot: u16, byte: u8| {
        let share = DecryptionShare::from_bytes(&[byte; 32]).unwrap();
        in_epoch(0, EpochMessage::Shares(PerSlot::new(vec![(NodeIndex(slot), share)])))
    };
    let proof = |slot: u16, byte: u8| {
        let (share, proof) = (DecryptionShare::from_bytes(&[byte; 32]), DecryptionProof::from_bytes(&[byte; 96]));
        let proofs = PerSlot::new(vec![(NodeIndex(slot), share.unwrap(), proof.unwrap())]);
        in_epoch(0, EpochMessage::Proofs(proofs))
    };
    // Each flood once to fill whatever room there is, and then a thousand times.
    let wave = |i: u64| -> Vec<Said> {
        let (byte, slot, round) = (i as u8, (i % 4) as u16, 1 + (i % 1_000) as u32);
        let far = round.wrapping_mul(0x0100_0193) | 0x1000;
        vec![
            rbc(0, slot, RbcMessage::Ready(digest(i))),
            rbc(0, slot, RbcMessage::EchoHash(digest(i))),
            rbc(0, slot, RbcMessage::CanDecode(digest(i))),
            echo(0, slot, i, 3_000),
            rbc(
                0,
                slot,
                RbcMessage::Val {
                    root: digest(i),
                    shard: match echo(0, slot, i, 3_000) {
                        Message::Epoch {
                            message:
                                EpochMessage::Subset(BkrMessage::Rbc { message: RbcMessage::Echo { shard, .. }, .. }),
                            ..
                        } => shard,
                        _ => unreachable!(),
                    },
                },
            ),
            vote(far, NodeSet::first(4)),
            vote(u32::MAX, NodeSet::first(4)),
            coin(slot, far, byte),
            coin(slot, 3, byte),
            share(slot, byte),
            proof(slot, byte),
            in_epoch(0, EpochMessage::Prove(NodeSet::first(4))),
        ]
    };
    let mut hall = stuck();
    flood(&mut hall, (0..40).flat_map(wave));
    let before = memory(&hall, 0);
    flood(&mut hall, (40..1_040).flat_map(wave));
    let after = memory(&hall, 0);
    assert!(after <= before + 4_096, "{before} bytes, and after a thousand more waves {after}");
    assert!(hall.blamed(0, LIAR, FaultKind::ConflictingReady) > 0);
    assert!(hall.blamed(0, LIAR, FaultKind::ConflictingDecryptionShare) > 0);
    hall.stage.deliver_all();
    let ordered: usize = hall.ledger().iter().map(|batch| batch.2.len()).sum();
    assert_eq!(ordered, 2, "and the epoch goes on");
}

#[test]
fn instances_that_cannot_exist_are_faults_and_nothing_else() {
    let beyond = [4, 5, 255, 256, u16::MAX];
    let mut hall = stuck();
    let before = memory(&hall, 0);
    let share = DecryptionShare::from_bytes(&[1; 32]).unwrap();
    let proof = DecryptionProof::from_bytes(&[1; 96]).unwrap();
    let coin = CoinShare::from_bytes(&[1; 128]).unwrap();
    let mut expected = 0;
    for index in beyond {
        let node = NodeIndex(index);
        flood(
            &mut hall,
            [
                rbc(0, index, RbcMessage::Ready(digest(1))),
                in_epoch(
                    0,
                    EpochMessage::Subset(BkrMessage::Share { instance: node, round: Round(3), share: coin.clone() }),
                ),
                in_epoch(0, EpochMessage::Shares(PerSlot::new(vec![(node, share)]))),
            ]
            .into_iter(),
        );
        flood(&mut hall, std::iter::once(in_epoch(0, EpochMessage::Proofs(PerSlot::new(vec![(node, share, proof)])))));
        expected += 3;
    }
    let all = NodeSet::first(NodeSet::CAPACITY);
    let ballot =
        Ballot { vote: Vote::Bval { round: Round(1), value: true }, instances: all.difference(&NodeSet::first(4)) };
    flood(&mut hall, std::iter::once(in_epoch(0, EpochMessage::Subset(BkrMessage::Votes(List::new(vec![ballot]))))));
    flood(&mut hall, std::iter::once(in_epoch(0, EpochMessage::Prove(all))));
    assert_eq!(hall.blamed(0, LIAR, FaultKind::UnknownInstance), expected + 2);
    assert!(memory(&hall, 0) <= before + 1_024);
    // Its checkpoints of open epochs with invented digests: one per epoch.
    let window = hall.config.limits.epochs_ahead;
    let before = memory(&hall, 0);
    let lie = |i: u64| mellivora_atomic::Checkpoint {
        epoch: Epoch(i % (window + 1)),
        digest: digest(i),
        signature: Signature([0; 64]),
    };
    flood(&mut hall, (0..=window).map(|i| Message::Checkpoint(lie(i))));
    let filled = memory(&hall, 0);
    assert!(filled <= before + 1_024 * (window as usize + 1));
    flood(&mut hall, (window + 1..2_000).map(|i| Message::Checkpoint(lie(i))));
    assert_eq!(hall.blamed(0, LIAR, FaultKind::ConflictingCheckpoint) as u64, 2_000 - (window + 1));
    assert_eq!(memory(&hall, 0), filled);
}

#[test]
fn memory_follows_the_window_not_the_length_of_the_run() {
    for seed in seeds(2) {
        let config = config(4).batch_size(4).dedup_epochs(4);
        let mut sim = cluster(&config, Suite::Ristretto255, seed);
        let mut peak = Vec::new();
        for wave in 0..12 {
            for node in config.committee.nodes() {
                sim.input(node, submit((0..6).map(|t| tx(node.as_usize(), 100 * wave + t))));
            }
            sim.run().assert_ok();
            let largest = config.committee.nodes().map(|node| sim.node(node).status().memory).max();
            peak.push(largest.unwrap());
        }
        assert!(sim.outputs(NodeIndex(0)).len() > 60);
        let (early, late) = (peak[..4].iter().max().unwrap(), peak[8..].iter().max().unwrap());
        assert!(late <= &(early + early / 4), "memory grows with the run: {peak:?}");
    }
}

#[test]
fn a_transaction_over_the_limit_is_refused_and_never_proposed() {
    for n in [4, 1] {
        let config = config(n);
        let mut hall = Hall::new(&config, Suite::Ristretto255, &[]);
        let max = config.limits.transaction_bytes;
        let (fits, over) = ("a".repeat(max), "b".repeat(max + 1));
        hall.submit(0, &[&over, "c", &fits]);
        let refused = |output: &Output| match output {
            Output::Refused { ticket, max } => Some((ticket.0, *max)),
            _ => None,
        };
        assert_eq!(hall.stage.outputs(0).iter().filter_map(refused).collect::<Vec<_>>(), [(0, max)]);
        hall.stage.deliver_all();
        let mut ordered: Vec<usize> = hall.ledger().iter().flat_map(|batch| &batch.2).map(|(_, t)| t.len()).collect();
        ordered.sort_unstable();
        assert_eq!(ordered, [1, max]);
        assert!(hall.honest().into_iter().all(|node| hall.stage.faults(node).is_empty()));
    }
}

/// How many epochs the honest nodes have ordered.
fn epochs(hall: &Hall) -> usize {
    hall.honest().iter().map(|&node| hall.batches(node).len()).max().unwrap()
}

/// A Byzantine node begins the next epoch, as often as the others let it; returns how many epochs that made.
fn provoke(hall: &mut Hall, times: usize) -> usize {
    let before = epochs(hall);
    for _ in 0..times {
        let next = hall.honest().iter().map(|&node| hall.low(node)).max().unwrap();
        for ahead in 0..=hall.config.limits.epochs_ahead {
            hall.say_all(LIAR, rbc(next + ahead, LIAR, RbcMessage::Ready(digest(1))));
        }
        hall.stage.deliver_all();
    }
    epochs(hall) - before
}

#[test]
fn one_byzantine_node_makes_an_idle_cluster_run_a_handful_of_epochs_and_then_one_per_nudge() {
    let mut hall = Hall::new(&config(4), Suite::Ristretto255, &[LIAR]);
    let made = provoke(&mut hall, 100);
    // Each node has a small credit, and whoever follows it spends none.
    assert!((1..=3 * 8).contains(&made), "{made} epochs");
    assert_eq!(provoke(&mut hall, 100), 0, "the credit is used up");
    let before = epochs(&hall);
    for node in 0..3 {
        hall.stage.input(node, Input::Nudge);
    }
    hall.stage.deliver_all();
    provoke(&mut hall, 100);
    let made = epochs(&hall) - before;
    assert!((1..=3).contains(&made), "a nudge at each of three nodes is worth three epochs at the most: {made}");
    assert!(hall.ledger().iter().all(|batch| batch.2.is_empty()));
    // A transaction of one honest node still gets through, after a nudge at the latest.
    hall.submit(0, &["at last"]);
    hall.stage.deliver_all();
    for node in 0..3 {
        hall.stage.input(node, Input::Nudge);
    }
    hall.stage.deliver_all();
    let ordered: usize = hall.ledger().iter().map(|batch| batch.2.len()).sum();
    assert_eq!(ordered, 1);
}

/// Otherwise a Byzantine node could fill the dedup window of everybody with a million tiny transactions per epoch.
#[test]
fn a_contribution_with_more_transactions_than_an_honest_node_proposes_is_empty() {
    let mut hall = Hall::new(&config(4), Suite::Ristretto255, &[LIAR]);
    let most = hall.config.proposal_size();
    for (epoch, count) in [(0, most), (1, most + 1)] {
        let names: Vec<String> = (0..count).map(|i| format!("{epoch}: {i}")).collect();
        let list = support::forge::framed(&names.iter().map(String::as_bytes).collect::<Vec<_>>());
        let contribution = support::forge::sealed(&hall.config, &hall.keys[3], epoch, LIAR, &list);
        hall.propose(LIAR, epoch, contribution);
        hall.submit(0, &[&format!("of node 0, {epoch}")]);
        hall.stage.deliver_all();
        let batch = &hall.batches(0)[epoch as usize];
        assert!(batch.proposers().any(|node| node.0 == LIAR), "the slot was not chosen");
        assert_eq!(batch.len(), 1 + if count > most { 0 } else { most });
    }
    assert_eq!(hall.ledger().len(), 2);
    assert_eq!(hall.blamed(0, LIAR, FaultKind::MalformedContribution), 1);
}

#[test]
fn invalid_certificates_of_one_peer_are_checked_a_few_times_and_no_more() {
    let mut hall = Hall::new(&config(4), Suite::Ristretto255, &[LIAR]);
    let lies = (0..500).map(|i| support::forge::certificate(&hall.config, &hall.keys, 10 + i, digest(i), &[3, 3]));
    let lies: Vec<Said> = lies.map(Message::Certificate).collect();
    flood(&mut hall, lies.into_iter());
    let checked = hall.blamed(0, LIAR, FaultKind::InvalidCertificate);
    assert!((1..=16).contains(&checked), "{checked} were checked");
}
