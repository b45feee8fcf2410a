//! A node that missed epochs and fetches them, while a Byzantine node serves what the bytes say.

use bytes::Bytes;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::header::{Outcome, Place};
use mellivora_atomic::{Batch, HoneyBadger, Input as Event, Message};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Digest, Epoch, NodeIndex};
use mellivora_crypto::Seed;
use mellivora_subset::{Bkr, BkrMessage};

use crate::agreement::keys;
use crate::atomic::{batches, finish, network, one_history, schedule, submit, transaction};
use crate::input::Input;
use crate::network::Network;

const VICTIM: NodeIndex = NodeIndex(0);

type Said = Message<EpochMessage<BkrMessage>>;

/// Whoever was cut off gets every batch, the same as everybody's, and blames nobody honest; meanwhile epochs go on.
pub fn catch_up(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(2));
    let committee = keys[0].committee();
    let mut network = network(keys, schedule(input.byte()));
    let missed = 1 + input.below(4);
    let afterwards = input.below(2);
    let others: Vec<NodeIndex> = committee.nodes().filter(|node| *node != VICTIM).collect();

    // Without the victim all others are needed, so nobody misbehaves yet.
    network.obedient = true;
    network.cut(VICTIM);
    for number in 0..missed {
        for node in &others {
            network.input(*node, submit(*node, number..number + 1), &mut Input(&[]));
        }
        network.run(&mut Input(&[]));
    }
    assert!(network.honest()[VICTIM.as_usize()].is_empty(), "the victim is cut off");
    assert!(others[..others.len() - 1].iter().all(|node| network.node(*node).status().low >= Epoch(missed as u64)));

    network.obedient = false;
    network.bend = Some(bend);
    network.heal(VICTIM);
    for node in &others {
        network.input(*node, Event::Resend(VICTIM), &mut input);
        network.input(VICTIM, Event::Resend(*node), &mut input);
    }
    for node in committee.nodes() {
        network.input(node, submit(node, missed..missed + afterwards), &mut input);
    }
    loop {
        if !input.is_empty() {
            match input.byte() % 16 {
                0 => network.input(VICTIM, Event::Nudge, &mut input),
                1 => {
                    let peer = others[input.below(others.len())];
                    network.input(VICTIM, Event::Resend(peer), &mut input);
                    network.input(peer, Event::Resend(VICTIM), &mut input);
                }
                _ => {}
            }
        }
        if !network.step(&mut input) {
            break;
        }
    }
    finish(&mut network, &mut input);

    let ordered = check(&network);
    let due = |node: NodeIndex| if node == VICTIM { missed..missed + afterwards } else { 0..missed + afterwards };
    for node in committee.nodes().filter(|node| *node != network.byzantine()) {
        for i in due(node) {
            assert!(ordered.contains(&transaction(node, i)[..]), "transaction {i} of node {node} is ordered");
        }
    }
    true
}

fn check(network: &Network<HoneyBadger<Bkr>>) -> std::collections::BTreeSet<Vec<u8>> {
    let histories: Vec<Vec<&Batch>> = network.honest().iter().map(|outputs| batches(outputs)).collect();
    assert!(!network.node(VICTIM).status().catching_up);
    one_history(&histories)
}

/// What a Byzantine holder makes of an answer: something else, nothing, or more than was asked for.
fn bend(message: Said, input: &mut Input<'_>) -> Vec<Said> {
    let kind = input.byte() % 8;
    let epoch = match &message {
        Message::Header(header) => header.epoch,
        Message::Slot(epoch, ..) | Message::Low(epoch) | Message::Gone(epoch) | Message::FetchHeader(epoch) => *epoch,
        Message::FetchSlot(epoch, _) | Message::Epoch { epoch, .. } => *epoch,
        Message::Beside(message) => match *message {},
        Message::Checkpoint(checkpoint) => checkpoint.epoch,
        Message::Certificate(certificate) => certificate.epoch,
    };
    match (kind, message) {
        (0, _) => vec![Message::Gone(epoch)],
        (1, message) => vec![Message::Low(Epoch(input.byte().into())), message],
        (_, Message::Header(mut header)) => {
            let mut slots = header.slots.into_vec();
            let at = input.below(slots.len().max(1));
            match kind {
                2 => header.previous.0[0] ^= input.byte(),
                3 => header.epoch = Epoch(input.byte().into()),
                4 => slots.truncate(at),
                _ => {
                    if let Some(slot) = slots.get_mut(at) {
                        match input.byte() % 6 {
                            0 => slot.outcome = Outcome::Bottom,
                            1 => slot.outcome = Outcome::Bad,
                            2 => slot.outcome = Outcome::Plain,
                            3 => slot.outcome = Outcome::Opened(Seed([input.byte(); 32])),
                            4 => slot.index = NodeIndex(input.byte().into()),
                            _ => slot.commitment = Digest([input.byte(); 32]),
                        }
                    }
                }
            }
            header.slots = List::new(slots);
            vec![Message::Header(header)]
        }
        (2, Message::Slot(_, index, body)) => vec![Message::Slot(Epoch(input.byte().into()), index, body)],
        (3, Message::Slot(_, _, body)) => {
            vec![Message::Slot(epoch, Place(input.below(5) as u16), body)]
        }
        (_, Message::Slot(_, index, body)) => {
            let mut bytes = body.to_vec();
            let at = input.below(bytes.len() + 1);
            match (bytes.get_mut(at), kind) {
                (Some(byte), 4..=6) => *byte ^= input.byte(),
                _ => bytes.truncate(at),
            }
            vec![Message::Slot(epoch, index, Blob(Bytes::from(bytes)))]
        }
        (2, Message::Checkpoint(mut checkpoint)) => {
            checkpoint.digest.0[0] ^= input.byte();
            vec![Message::Checkpoint(checkpoint)]
        }
        (_, Message::Checkpoint(mut checkpoint)) => {
            checkpoint.epoch = Epoch(input.byte().into());
            vec![Message::Checkpoint(checkpoint)]
        }
        (_, Message::Certificate(mut certificate)) => {
            let mut signatures = certificate.signatures.into_vec();
            match kind {
                2 => certificate.epoch = Epoch(input.byte().into()),
                3 => certificate.digest.0[0] ^= input.byte(),
                4 => signatures.truncate(input.below(3)),
                5 => signatures.reverse(),
                _ => {
                    if let Some(first) = signatures.first().copied() {
                        signatures.iter_mut().for_each(|signature| *signature = first);
                    }
                }
            }
            certificate.signatures = List::new(signatures);
            vec![Message::Certificate(certificate)]
        }
        // Everything twice, or not at all.
        (2..=4, message) => vec![message.clone(), message],
        _ => Vec::new(),
    }
}
