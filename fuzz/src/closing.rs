//! When epochs close: one whole node against checkpoints and certificates of any kind, beside a model of the rules.

use std::collections::BTreeMap;

use mellivora_atomic::checkpoint::statement;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Certificate, Checkpoint, EncryptionSchedule, HoneyBadger, Message};
use mellivora_core::codec::{List, decode, encode};
use mellivora_core::{Digest, Domain, Epoch, Era, Fault, FaultKind, Limits, NodeIndex};
use mellivora_crypto::{NodeKeys, Signature};
use mellivora_subset::{Bkr, BkrMessage};

use crate::agreement::keys;
use crate::atomic::{batches, network, submit};
use crate::input::Input;
use crate::network::Network;

type Cluster = Network<HoneyBadger<Bkr>>;

const ME: NodeIndex = NodeIndex(0);
/// Epochs that the node has batches of and has not closed: as many as it runs at a time.
const READY: u64 = 2;

/// Invalid certificates of one peer that are checked.
const CHECKED_LIES: usize = 16;

/// What the rules say about one node, given what it hears.
struct Model {
    /// State digests of the batches that are here.
    digests: Vec<Digest>,
    quorum: usize,
    one_honest: usize,
    low: u64,
    first: BTreeMap<(u64, NodeIndex), Digest>,
    certificate: Option<u64>,
    faults: Vec<(NodeIndex, FaultKind)>,
}

impl Model {
    fn equal(&self, epoch: u64) -> usize {
        let said = self.first.iter().filter(|((e, _), digest)| *e == epoch && **digest == self.digests[epoch as usize]);
        said.count()
    }

    fn checkpoint(&mut self, from: NodeIndex, epoch: u64, digest: Digest) {
        if epoch < self.low {
            return;
        }
        if epoch > self.low + Limits::default().epochs_ahead {
            return self.faults.push((from, FaultKind::BeyondWindow));
        }
        match self.first.get(&(epoch, from)) {
            Some(first) if *first != digest => self.faults.push((from, FaultKind::ConflictingCheckpoint)),
            Some(_) => {}
            None => drop(self.first.insert((epoch, from), digest)),
        }
        self.close();
    }

    fn certificate(&mut self, from: NodeIndex, epoch: u64, sound: bool) {
        // Whoever has lied so often is not listened to any more.
        let lies = self.faults.iter().filter(|fault| **fault == (from, FaultKind::InvalidCertificate)).count();
        if epoch < self.low || self.certificate >= Some(epoch) || lies >= CHECKED_LIES {
            return;
        }
        if sound {
            self.certificate = Some(epoch);
            self.close();
        } else {
            self.faults.push((from, FaultKind::InvalidCertificate));
        }
    }

    fn close(&mut self) {
        while self.low < READY {
            let by_certificate = self.certificate.is_some_and(|epoch| epoch > self.low && epoch < READY);
            let later = by_certificate || (self.low + 1..READY).any(|epoch| self.equal(epoch) >= self.one_honest);
            if self.equal(self.low) < self.quorum && !later {
                return;
            }
            self.low += 1;
        }
    }
}

/// An epoch closes with 2f + 1 equal checkpoints of it or f + 1 voices for a later one, and not before; whoever signs
/// nothing or the wrong thing counts for nothing, and exactly those who went wrong are blamed.
pub fn closing(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(3));
    let committee = keys[0].committee();
    let mut network = ready(keys);
    let digests: Vec<Digest> = batches(&network.honest()[ME.as_usize()]).iter().map(|batch| batch.digest()).collect();
    assert_eq!(digests.len() as u64, READY, "the node has its batches");
    let own = (0..).zip(&digests).map(|(epoch, digest)| ((epoch, ME), *digest)).collect();
    let mut model = Model {
        quorum: committee.strong(),
        one_honest: committee.one_honest(),
        low: 0,
        first: own,
        certificate: None,
        faults: Vec::new(),
        digests,
    };
    let session = Domain::new(network.node(ME).cluster_id(), Era(0));
    while !input.is_empty() {
        let kind = input.byte();
        let from = NodeIndex(1 + input.below(committee.n() - 1) as u16);
        let epoch = u64::from(kind >> 4) % (READY + 6);
        let digest = match kind & 3 {
            3 => Digest([input.byte(); 32]),
            _ => model.digests.get(epoch as usize).copied().unwrap_or_default(),
        };
        let sign = |key: &NodeKeys| key.sign(&statement(&session, Epoch(epoch), &digest));
        let message = if kind & 4 == 0 {
            // The link vouches for the sender of a checkpoint: its signature matters only in certificates.
            let signature = if kind & 8 == 0 { sign(&keys[from.as_usize()]) } else { bent(sign(&keys[0]), &mut input) };
            model.checkpoint(from, epoch, digest);
            Message::Checkpoint(Checkpoint { epoch: Epoch(epoch), digest, signature })
        } else {
            let mut signatures = Vec::new();
            let mut sound = true;
            for _ in 0..input.below(committee.n() + 1) {
                let signer = NodeIndex(input.below(committee.n()) as u16);
                let honest = sign(&keys[signer.as_usize()]);
                let signature = if kind & 8 == 0 { honest } else { bent(honest, &mut input) };
                sound &= signature == honest && signatures.last().is_none_or(|(last, _)| *last < signer);
                signatures.push((signer, signature));
            }
            sound &= signatures.len() == committee.one_honest();
            model.certificate(from, epoch, sound);
            Message::Certificate(Certificate { epoch: Epoch(epoch), digest, signatures: List::new(signatures) })
        };
        tell(&mut network, from, message);
        let status = network.node(ME).status();
        assert_eq!((status.low, status.next), (Epoch(model.low), Epoch(READY)), "after {from} was heard");
        let faults = network.faults(ME).iter().map(|Fault { node, kind, .. }| (*node, *kind));
        assert!(faults.eq(model.faults.iter().copied()), "{:?}, and not {:?}", network.faults(ME), model.faults);
    }
    model.low > 0
}

/// A cluster whose node 0 has all its batches, has signed them, and has heard no checkpoint of anybody.
fn ready(keys: &[NodeKeys]) -> Cluster {
    let mut network = network(keys, EncryptionSchedule::Never);
    network.obedient = true;
    network.anybody = true;
    network.admit = Some(|to, message| to != ME || matches!(message, Message::Epoch { .. }));
    for number in 0..READY as usize {
        network.input(NodeIndex(1), submit(NodeIndex(1), number..number + 1), &mut Input(&[]));
        network.run(&mut Input(&[]));
    }
    network
}

fn tell(network: &mut Cluster, from: NodeIndex, message: Message<EpochMessage<BkrMessage>>) {
    network.deliver(from, ME, message, &mut Input(&[]));
    network.silence();
}

/// A signature with a byte changed, or not.
fn bent(signature: Signature, input: &mut Input<'_>) -> Signature {
    let mut bytes = encode(&signature).to_vec();
    let at = input.below(bytes.len());
    bytes[at] ^= input.byte();
    decode(&bytes.into()).expect("a signature of the same length")
}
