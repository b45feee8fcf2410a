//! Who has nothing to propose, where the choice goes by who comes first: it waits for somebody who has something, but not for
//! ever.

mod support;

use bytes::Bytes;
use mellivora_adversary::{Parcel, Stage};
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{HoneyBadger, Input, Local, Message};
use mellivora_broadcast::PbMessage;
use mellivora_core::codec::Blob;
use mellivora_core::{Epoch, NodeIndex, Protocol};
use mellivora_crypto::Suite;
use mellivora_subset::vector::StoredMessage;
use mellivora_subset::{SDumbo, VectorMessage};
use support::hall::contents;
use support::*;

type Badger = HoneyBadger<SDumbo>;
type Said = <Badger as Protocol>::Message;

fn stage(byzantine: &[u16]) -> Stage<Badger> {
    let config = plain(config(4));
    let keys = keys(4, Suite::Ristretto255);
    Stage::new(config.committee, byzantine, |index| {
        Badger::new(config.clone(), keys[index.as_usize()].clone(), Local::new([index.0 as u8; 32])).unwrap()
    })
}

/// What `from` says first in an epoch that it begins.
fn begin(from: u16, epoch: u64, contribution: &'static [u8]) -> Said {
    let send = StoredMessage::Pb(PbMessage::Send(Blob(Bytes::from_static(contribution))));
    let message = VectorMessage::Broadcast { proposer: NodeIndex(from), message: send };
    Message::Epoch { epoch: Epoch(epoch), message: EpochMessage::Subset(message) }
}

/// The length of what a node contributes to an epoch, if that is on its way.
fn contributed(net: &Stage<Badger>, node: u16, epoch: u64) -> Option<usize> {
    let of = |parcel: &Parcel<Said>| match &parcel.message {
        Message::Epoch {
            epoch: Epoch(number),
            message:
                EpochMessage::Subset(VectorMessage::Broadcast {
                    proposer,
                    message: StoredMessage::Pb(PbMessage::Send(contribution)),
                }),
        } => (*number == epoch && parcel.from.0 == node && proposer.0 == node).then_some(contribution.0.len()),
        _ => None,
    };
    net.pending.iter().find_map(of)
}

#[test]
fn a_node_with_nothing_waits_for_somebody_with_something_or_a_nudge() {
    let mut net = stage(&[3]);
    net.say(3, &[0, 1, 2], begin(3, 0, b""));
    net.deliver(|_, parcel| parcel.from.0 == 3);
    assert!((0..3).all(|node| contributed(&net, node, 0).is_none()), "nobody has anything yet");
    net.stage_input(0, "something");
    assert!(contributed(&net, 0, 0).is_some_and(|len| len > 0), "it goes into the epoch that is under way");
    net.deliver(|_, parcel| parcel.to.0 == 1);
    assert_eq!((contributed(&net, 1, 0), contributed(&net, 2, 0)), (Some(0), None));
    net.input(2, Input::Nudge);
    assert_eq!(contributed(&net, 2, 0), Some(0));
}

/// A Byzantine node shows a contribution to one honest node in every epoch that may run, and to nobody else. That node has
/// said that it has nothing. What it gets later needs the others to come along.
#[test]
fn a_contribution_shown_to_one_node_alone_stops_nobody() {
    let mut net = stage(&[3]);
    let pipeline = mellivora_core::Limits::default().pipeline;
    for epoch in 0..pipeline {
        net.say(3, &[0], begin(3, epoch, b"for node 0 alone"));
    }
    net.deliver_all();
    assert!((0..pipeline).all(|epoch| net.node(0).subset(Epoch(epoch)).is_some()), "all epochs that may run do");
    net.stage_input(0, "late");
    for _ in 0..3 {
        net.deliver_all();
        (0..3).for_each(|node| net.input(node, Input::Nudge));
    }
    net.deliver_all();
    for node in 0..3 {
        let ledger = contents(net.outputs(node));
        let ordered = ledger.iter().flat_map(|(.., all)| all).any(|(_, bytes)| bytes == "late");
        assert!(ordered, "node {node}: {ledger:?}");
    }
}

trait Give {
    fn stage_input(&mut self, node: u16, transaction: &'static str);
}

impl Give for Stage<Badger> {
    fn stage_input(&mut self, node: u16, transaction: &'static str) {
        self.input(node, submit([Bytes::from_static(transaction.as_bytes())]));
    }
}
