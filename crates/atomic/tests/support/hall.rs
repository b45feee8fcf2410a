//! A cluster on a stage: messages arrive when the test says so, Byzantine nodes are the test itself.

use bytes::Bytes;
use mellivora_adversary::Stage;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Batch, Config, HoneyBadger, Local, Message, Output, Position};
use mellivora_core::{Digest, Epoch, FaultKind, NodeIndex};
use mellivora_crypto::{NodeKeys, Suite};

use super::forge::{Said, vals};
use super::{Badger, keys, node, submit};

/// What is compared of a batch: all of it.
pub(crate) type Content = (Epoch, Digest, Vec<(Position, Bytes)>);

pub(crate) fn content(batch: &Batch) -> Content {
    let transactions = batch.iter().map(|(position, bytes)| (position, Bytes::copy_from_slice(bytes)));
    (batch.epoch(), batch.digest(), transactions.collect())
}

pub(crate) fn contents(outputs: &[Output]) -> Vec<Content> {
    outputs.iter().filter_map(|o| if let Output::Batch(batch) = o { Some(content(batch)) } else { None }).collect()
}

/// See the [module page](self).
pub(crate) struct Hall {
    pub(crate) config: Config,
    pub(crate) keys: Vec<NodeKeys>,
    pub(crate) stage: Stage<Badger>,
}

impl Hall {
    pub(crate) fn new(config: &Config, suite: Suite, byzantine: &[u16]) -> Self {
        let keys = keys(config.committee.n(), suite);
        let stage = Stage::new(config.committee, byzantine, |index| node(config, &keys[index.as_usize()]));
        Hall { config: config.clone(), keys, stage }
    }

    /// As [`new`](Self::new), with other local settings.
    pub(crate) fn with_local(config: &Config, byzantine: &[u16], local: impl Fn(NodeIndex) -> Local) -> Self {
        let keys = keys(config.committee.n(), Suite::Ristretto255);
        let make =
            |index: NodeIndex| HoneyBadger::new(config.clone(), keys[index.as_usize()].clone(), local(index)).unwrap();
        let stage = Stage::new(config.committee, byzantine, make);
        Hall { config: config.clone(), keys, stage }
    }

    pub(crate) fn honest(&self) -> Vec<u16> {
        self.stage.honest().collect()
    }

    pub(crate) fn submit(&mut self, node: u16, transactions: &[&str]) {
        self.stage.input(node, submit(transactions.iter().map(|t| Bytes::copy_from_slice(t.as_bytes()))));
    }

    /// A Byzantine node tells everybody.
    pub(crate) fn say_all(&mut self, from: u16, message: Said) {
        let honest = self.honest();
        self.stage.say(from, &honest, message);
    }

    /// A Byzantine node broadcasts a contribution of its own.
    pub(crate) fn propose(&mut self, from: u16, epoch: u64, contribution: impl Into<Bytes>) {
        let vals = vals(&self.config, epoch, from, contribution.into());
        for to in self.honest() {
            self.stage.say(from, &[to], vals[usize::from(to)].clone());
        }
    }

    /// Delivers everything, oldest first, and looks at each message on its way.
    pub(crate) fn deliver_watching(&mut self, mut watch: impl FnMut(u16, &Said)) {
        self.stage.deliver(|_, parcel| {
            watch(parcel.from.0, &parcel.message);
            true
        });
    }

    /// What everybody ordered, after checking that everybody ordered the same.
    #[track_caller]
    pub(crate) fn ledger(&self) -> Vec<Content> {
        let honest = self.honest();
        let first = contents(self.stage.outputs(honest[0]));
        for &node in &honest[1..] {
            let other = contents(self.stage.outputs(node));
            assert_eq!(other, first, "node {node} and node {} differ", honest[0]);
        }
        first
    }

    /// The batches of one node, as they came out.
    pub(crate) fn batches(&self, node: u16) -> Vec<Batch> {
        let outputs = self.stage.outputs(node).iter();
        outputs.filter_map(|o| if let Output::Batch(batch) = o { Some(batch.clone()) } else { None }).collect()
    }

    /// How often an honest node blamed `culprit` for `kind`. Nobody may blame anybody honest.
    #[track_caller]
    pub(crate) fn blamed(&self, by: u16, culprit: u16, kind: FaultKind) -> usize {
        let faults = self.stage.faults(by);
        let honest = self.honest();
        for (node, kind) in &faults {
            assert!(!honest.contains(node), "node {by} blames honest node {node} for {kind:?}");
        }
        faults.iter().filter(|fault| **fault == (culprit, kind)).count()
    }

    pub(crate) fn low(&self, node: u16) -> u64 {
        self.stage.node(node).status().low.0
    }
}

/// The epoch and the slots of decryption shares.
pub(crate) fn shares_in(message: &Said) -> Option<(u64, Vec<u16>)> {
    match message {
        Message::Epoch { epoch, message: EpochMessage::Shares(shares) } => {
            Some((epoch.0, shares.iter().map(|(slot, _)| slot.0).collect()))
        }
        _ => None,
    }
}

/// The epoch of a message, if it belongs to one.
pub(crate) fn epoch_of(message: &Said) -> Option<u64> {
    match message {
        Message::Epoch { epoch, .. } => Some(epoch.0),
        _ => None,
    }
}
