//! Forged messages of reliable broadcast. What a false *proposer* does is in [`proposal`](super::proposal).

use std::collections::{BTreeMap, BTreeSet};

use mellivora_broadcast::RbcMessage;
use mellivora_coding::Shard;
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Digest, NodeIndex, NodeSet};
use rand::RngExt;

use super::{Fire, Forgeable, Kit, Place, proposal, tree};
use crate::Strategy;

/// What a forger remembers of broadcasts.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// A shard of another node, by root.
    foreign: BTreeMap<(Place, Digest), Shard>,
    /// Who is owed a foreign shard of a root.
    owed: BTreeMap<(Place, Digest), NodeSet>,
    /// Instances in which the first strike is over.
    struck: BTreeSet<Place>,
}

/// Broadcasts that are remembered at the most.
const KEPT: usize = 256;

/// Random roots with each own message.
const ROOTS: usize = 4;

impl Forgeable for RbcMessage {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match kit.strategy() {
            Strategy::WrongShard => wrong_shard(self, to, kit, fire),
            Strategy::WrongIndex => wrong_index(self, to, kit, fire),
            Strategy::InnerNode => inner_node(self, to, kit, fire),
            Strategy::DigestFlood => digest_flood(self, to, kit, fire),
            Strategy::EarlyReady | Strategy::FalseCanDecode => {
                first_sight(&self, kit, fire);
                fire(to, self);
            }
            _ => proposal::forge(self, to, kit, fire),
        }
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match kit.strategy() {
            Strategy::WrongIndex => learn_foreign(self, from, kit, fire),
            Strategy::EarlyReady | Strategy::FalseCanDecode => first_sight(self, kit, fire),
            _ => proposal::answer(self, from, kit),
        }
    }
}

fn wrong_shard(message: RbcMessage, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let RbcMessage::Echo { root, mut shard } = message else { return fire(to, message) };
    let mut data = shard.data.to_vec();
    if kit.rng().random() {
        let place = kit.rng().random_range(0..data.len().max(1));
        data.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1);
    } else {
        data.iter_mut().for_each(|byte| *byte = !*byte);
    }
    shard.data = Blob(data.into());
    kit.strike();
    fire(to, RbcMessage::Echo { root, shard });
}

/// Shows a shard that belongs to somebody else; who is told before there is one is owed it.
fn wrong_index(message: RbcMessage, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let RbcMessage::Echo { root, .. } = message else {
        if let RbcMessage::Val { root, shard } = &message {
            remember(*root, shard, kit);
        }
        return fire(to, message);
    };
    match kit.broadcast.foreign.get(&(kit.place(), root)).cloned() {
        Some(shard) => {
            kit.strike();
            fire(to, RbcMessage::Echo { root, shard });
        }
        None if kit.broadcast.owed.len() < KEPT => {
            kit.broadcast.owed.entry((kit.place(), root)).or_default().insert(to);
        }
        None => {}
    }
}

fn remember(root: Digest, shard: &Shard, kit: &mut Kit) {
    let key = (kit.place(), root);
    let foreign = &mut kit.broadcast.foreign;
    if !foreign.contains_key(&key) {
        if foreign.len() >= KEPT {
            foreign.pop_first();
        }
        foreign.insert(key, shard.clone());
    }
}

fn learn_foreign(message: &RbcMessage, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let RbcMessage::Echo { root, shard } = message else { return };
    if from == kit.me() {
        return;
    }
    remember(*root, shard, kit);
    let owed = kit.broadcast.owed.remove(&(kit.place(), *root)).unwrap_or_default();
    for to in owed.iter() {
        kit.strike();
        fire(to, RbcMessage::Echo { root: *root, shard: shard.clone() });
    }
}

/// The own shard with a proof or a leaf that no tree of this shape has.
fn inner_node(message: RbcMessage, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let (root, mut shard, is_val) = match message {
        RbcMessage::Echo { root, shard } => (root, shard, false),
        // A proposer that did this to all would propose nothing.
        RbcMessage::Val { root, shard } if kit.side(to) && kit.rng().random() => (root, shard, true),
        other => return fire(to, other),
    };
    let path = shard.proof.path.to_vec();
    shard.proof.path = List::new(match kit.rng().random_range(0..3) {
        // The parent of the leaf is passed as a leaf.
        0 if !path.is_empty() => {
            let (leaf, sibling) = (tree::leaf_hash(&shard.data), path[0]);
            let owner = if is_val { to } else { kit.me() };
            let pair = if owner.0.is_multiple_of(2) { [leaf.0, sibling.0] } else { [sibling.0, leaf.0] };
            shard.data = Blob(pair.concat().into());
            path[1..].to_vec()
        }
        1 if !path.is_empty() => path[..path.len() - 1].to_vec(),
        _ => {
            let mut longer = path;
            longer.truncate(mellivora_coding::Proof::MAX_PATH - 1);
            longer.push(tree::leaf_hash(&shard.data));
            longer
        }
    });
    kit.strike();
    fire(to, if is_val { RbcMessage::Val { root, shard } } else { RbcMessage::Echo { root, shard } });
}

fn digest_flood(message: RbcMessage, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let first = kit.rng().random();
    let honest = message.clone();
    // The first statement of a kind fills the slot: sometimes that is a false one.
    if first {
        fire(to, message);
    }
    for _ in 0..ROOTS {
        if !kit.spend() {
            break;
        }
        let root = kit.digest();
        let false_one = match kit.rng().random_range(0..3) {
            0 => RbcMessage::EchoHash(root),
            1 => RbcMessage::Ready(root),
            _ => RbcMessage::CanDecode(root),
        };
        kit.strike();
        fire(to, false_one);
    }
    if !first {
        fire(to, honest);
    }
}

/// The first message of an instance, whoever said it, brings about what only much later would be in order.
fn first_sight(message: &RbcMessage, kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let place = kit.place();
    if !kit.broadcast.struck.insert(place) {
        return;
    }
    if kit.broadcast.struck.len() > KEPT {
        kit.broadcast.struck.pop_first();
    }
    let any = kit.digest();
    let honest_root = kit.rng().random_ratio(2, 3);
    for to in kit.others() {
        // READY for the true root without support, or for one that nobody proposed; one half hears each.
        let root = if honest_root || kit.side(to) { message.root() } else { any };
        kit.strike();
        fire(
            to,
            match kit.strategy() {
                Strategy::EarlyReady => RbcMessage::Ready(root),
                _ => RbcMessage::CanDecode(root),
            },
        );
    }
}
