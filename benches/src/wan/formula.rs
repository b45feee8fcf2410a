//! What a protocol has to send and to verify, byte for byte, when everything goes well: nobody is left out, all votes of
//! one kind travel in one message, the first leader has finished.
//!
//! Per contribution that was ordered (S of them) and per epoch (E), for all nodes together; h is the header of a message,
//! L a shard of a contribution of P bytes with its Merkle path, s a signature, C(q) a certificate of q signatures,
//! V a vector of the certificates of an epoch.
//!
//! | | per contribution | per epoch |
//! |---|---|---|
//! | honey-badger | (n² - 1) (h + L) + n (n - 1) h: VAL, ECHO, READY | n (n - 1) x three bundles of votes |
//! | dumbo1 | the same | the same, a coin share, kappa broadcasts of a set of nodes |
//! | dumbo2 | the same, n (n - 1) (h + s) | the agreement |
//! | sdumbo | (n - 1) (P + s + C(q) + 3 h) | the agreement |
//! | dumbo-ng | (n - 1) (P + C(q) + s + 2 h) | the agreement |
//! | the agreement | | n (n - 1) (V + 2 s + 3 C(q) + a coin share + 7 h) |
//! | all | n (n - 1) (a decryption share), if encrypted | n (n - 1) (a checkpoint, the number of the lowest open epoch) |

use mellivora::core::{Committee, codec};
use mellivora::subset::dumbo1::committee_size;
use mellivora::{EncryptionSchedule, Engine};

use super::counterfeit::{COIN_SHARE, DECRYPTION_SHARE, HEADER, SIGNATURE, certificate_of};
use super::{Outcome, Setup};
use crate::setup;

/// Per node, over all measured epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Formula {
    /// Messages, one for each receiver.
    pub messages: f64,
    /// Bytes.
    pub bytes: f64,
    /// Those of them that are payload, coded or not.
    pub payload: f64,
    /// Signatures to verify, without those of checkpoints.
    pub verified: f64,
}

/// Bytes of what messages consist of.
const TAG: f64 = 1.0;
const NODE: f64 = 2.0;
const ROUND: f64 = 4.0;
const LENGTH: f64 = 4.0;
const NUMBER: f64 = 8.0;
const DIGEST: f64 = 32.0;
/// With its length.
const ENDORSEMENT: f64 = 1.0 + SIGNATURE as f64;
/// What comes before a message of the subset of an epoch: of the engine, with the epoch; of the epoch.
const OF_SUBSET: f64 = TAG + NUMBER + TAG;
/// Slot, digest, last slot that is not empty.
const TIP: f64 = NUMBER + DIGEST + NUMBER;
/// BVAL, AUX, TERM.
const BUNDLES: f64 = 3.0;

/// Messages and bytes so far.
#[derive(Clone, Copy, Default)]
struct Sum {
    messages: f64,
    bytes: f64,
    payload: f64,
}

impl Sum {
    fn add(&mut self, messages: f64, bytes_each: f64) {
        self.messages += messages;
        self.bytes += messages * bytes_each;
    }
}

/// Hashes in a Merkle path, on average over the leaves: a node without a sibling moves up as it is.
fn path(n: usize) -> f64 {
    let (mut width, mut hashes) = (n, 0.0);
    let mut leaves_of_last = 1;
    let mut leaves = 1;
    while width > 1 {
        let paired = if width % 2 == 1 { n - leaves_of_last } else { n };
        hashes += paired as f64;
        // Of the last node on the next level.
        leaves_of_last = if width % 2 == 1 { leaves_of_last } else { leaves + leaves_of_last };
        leaves *= 2;
        width = width.div_ceil(2);
    }
    hashes / n as f64
}

fn certificate(signers: usize) -> f64 {
    codec::encode(&certificate_of(signers)).len() as f64
}

/// One reliable broadcast of a payload of so many bytes, all nodes.
fn broadcast(sum: &mut Sum, committee: Committee, header: f64, payload: f64) {
    let n = committee.n() as f64;
    let data = setup::codec(committee).shard_len(payload.round() as usize) as f64;
    let shard = LENGTH + LENGTH + DIGEST * path(committee.n()) + LENGTH + data;
    let header = header + TAG + DIGEST;
    sum.add(n * n - 1.0, header + shard);
    sum.add(n * (n - 1.0), header);
    sum.payload += (n * n - 1.0) * payload / committee.data_shards() as f64;
}

/// One agreement on a value of so many bytes, all nodes.
fn agreement(sum: &mut Sum, committee: Committee, header: f64, value: f64) {
    let n = committee.n() as f64;
    let all = n * (n - 1.0);
    let quorum = certificate(committee.quorum());
    let of_broadcast = header + TAG + ROUND + NODE + TAG;
    // An input justifies itself: a tag and an empty list.
    sum.add(all, of_broadcast + LENGTH + value + LENGTH + TAG + LENGTH);
    sum.add(2.0 * all, of_broadcast + TAG + ENDORSEMENT);
    sum.add(2.0 * all, of_broadcast + DIGEST + quorum);
    sum.add(all, header + TAG + ROUND + TAG + COIN_SHARE as f64);
    sum.add(all, header + TAG + ROUND + NODE + DIGEST + TAG + quorum);
}

/// What would have come out if no contribution had been left out of its epoch: one of each node, of the same size. A stream
/// leaves nothing out.
pub fn begun(setup: &Setup, outcome: &Outcome) -> Outcome {
    if setup.engine == Engine::DumboNg || outcome.slots == 0 {
        return outcome.clone();
    }
    let slots = setup.committee.n() as u64 * setup.epochs;
    let committed = (outcome.committed as f64 * slots as f64 / outcome.slots as f64) as u64;
    Outcome { slots, committed, ..outcome.clone() }
}

/// What these epochs had to cost.
pub fn of(setup: &Setup, outcome: &Outcome) -> Formula {
    let committee = setup.committee;
    let (n, f, q) = (committee.n() as f64, committee.f(), committee.quorum());
    let all = n * (n - 1.0);
    let (slots, epochs) = (outcome.slots as f64, setup.epochs as f64);
    let encrypted = setup.encrypt != EncryptionSchedule::Never;
    let sealed = if encrypted { HEADER as f64 + 16.0 } else { 0.0 };
    // A list of transactions has a table of lengths in front.
    let content = outcome.committed as f64 * (setup.tx_size as f64 + LENGTH);
    let payload = content / slots.max(1.0) + LENGTH + sealed;
    let mut slot = Sum::default();
    let mut epoch = Sum::default();
    let of_slot = OF_SUBSET + TAG + NODE;
    let votes = OF_SUBSET + TAG + LENGTH + TAG + ROUND + TAG + (n / 8.0).ceil();
    let entries = slots / epochs;
    let mut verified = 0.0;
    match setup.engine {
        Engine::HoneyBadger => {
            broadcast(&mut slot, committee, of_slot, payload);
            epoch.add(BUNDLES * all, votes);
        }
        Engine::Dumbo1 => {
            broadcast(&mut slot, committee, of_slot, payload);
            epoch.add(BUNDLES * all, votes);
            epoch.add(all, OF_SUBSET + TAG + TAG + COIN_SHARE as f64);
            for _ in 0..committee_size(committee) {
                let set = 1.0 + (n / 8.0).ceil();
                broadcast(&mut epoch, committee, of_slot, set);
                epoch.payload = 0.0;
            }
        }
        Engine::Dumbo2 => {
            broadcast(&mut slot, committee, of_slot + TAG, payload);
            slot.add(all, of_slot + TAG + DIGEST + ENDORSEMENT);
            let entry = NODE + DIGEST + certificate(f + 1);
            agreement(&mut epoch, committee, OF_SUBSET + TAG, LENGTH + entries * entry);
            verified = slots * (f + 1) as f64 + epochs * 2.0 * n * q as f64;
        }
        Engine::SDumbo => {
            let header = of_slot + TAG + TAG;
            slot.add(n - 1.0, header + LENGTH + payload);
            slot.payload = (n - 1.0) * payload;
            slot.add(n - 1.0, header + ENDORSEMENT);
            slot.add(n - 1.0, header + DIGEST + certificate(q));
            let entry = NODE + DIGEST + certificate(q);
            agreement(&mut epoch, committee, OF_SUBSET + TAG, LENGTH + entries * entry);
            verified = (slots + epochs * 2.0 * n) * q as f64;
        }
        _ => {
            let header = TAG + NODE + TAG;
            slot.add(n - 1.0, header + TIP + TAG + certificate(q) + LENGTH + payload);
            slot.payload = (n - 1.0) * payload;
            slot.add(n - 1.0, header + TIP + ENDORSEMENT);
            let entry = NODE + TIP + certificate(q);
            // One tip for each stream, however many slots it has grown by.
            agreement(&mut epoch, committee, OF_SUBSET, LENGTH + entries.min(n) * entry);
            verified = (slots + epochs * 2.0 * n) * q as f64;
        }
    }
    if encrypted {
        epoch.add(all, OF_SUBSET + LENGTH + entries * (NODE + 1.0 + DECRYPTION_SHARE as f64));
    }
    epoch.add(all, TAG + NUMBER + DIGEST + SIGNATURE as f64);
    epoch.add(all, TAG + NUMBER);
    Formula {
        messages: (slots * slot.messages + epochs * epoch.messages) / n,
        bytes: (slots * slot.bytes + epochs * epoch.bytes) / n,
        payload: slots * slot.payload / n,
        verified,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wan::costs::Costs;
    use crate::wan::network::Latency;
    use crate::wan::world::Links;
    use crate::wan::{Load, simulate};

    #[test]
    fn paths_are_those_of_the_tree() {
        assert_eq!([1, 2, 4, 8].map(path), [0.0, 1.0, 2.0, 3.0]);
        assert!((path(3) - 5.0 / 3.0).abs() < 1e-9);
        // The fifth leaf moves up twice.
        assert!((path(5) - (4.0 * 3.0 + 1.0) / 5.0).abs() < 1e-9);
        assert!((path(6) - (4.0 * 3.0 + 2.0 * 2.0) / 6.0).abs() < 1e-9);
    }

    /// Every engine sends what the formula says, nearly, where nobody is late: equal links, and no limit to them. That the
    /// simulation ends says that all nodes have handed out the same batches.
    #[test]
    fn nodes_send_what_they_have_to() {
        for &engine in Engine::ALL {
            for (n, encrypt) in [(4, EncryptionSchedule::Always), (7, EncryptionSchedule::Never)] {
                let setup = Setup {
                    engine,
                    committee: setup::committee(n),
                    batch: 500 * n,
                    tx_size: 250,
                    encrypt,
                    pipeline: 2,
                    load: Load::Closed(2),
                    warmup: 2,
                    epochs: 4,
                    links: Links { latency: Latency::Constant(100.0), bytes_per_second: None },
                    cores: 4,
                    costs: Arc::new(Costs::recorded()),
                    seed: 1,
                    timeout: 600.0,
                };
                let outcome = simulate(&setup).unwrap();
                let formula = of(&setup, &outcome);
                let sent = outcome.traffic.bytes as f64 / n as f64;
                let ratio = sent / formula.bytes;
                assert!((0.97..1.10).contains(&ratio), "{engine}, n = {n}: {ratio}");
                assert_eq!(simulate(&setup).unwrap(), outcome, "{engine}: equal set-ups give equal figures");
            }
        }
    }
}
