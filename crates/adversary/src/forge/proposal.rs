//! False proposers: what they propose is made from what the wrapped instance would have proposed.
//!
//! The VALs of an honest proposal are kept until they are enough to know the payload. Then something else is proposed,
//! and whatever the node says about its own proposal names the root that the receiver was shown.

use std::collections::BTreeMap;

use bytes::Bytes;
use mellivora_broadcast::RbcMessage;
use mellivora_coding::{Decoded, Shard};
use mellivora_core::{Digest, Layer, NodeIndex, NodeSet, codec};
use rand::RngExt;

use super::{Fire, ForgedTree, Kit, Place};
use crate::Strategy;

/// What a false proposer remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    own: BTreeMap<Place, Proposal>,
    /// Shards of others' proposals.
    overheard: BTreeMap<(Place, Digest), Vec<(NodeIndex, Shard)>>,
    /// Whole contributions: of others, and own ones of earlier epochs.
    payloads: BTreeMap<Place, Bytes>,
    /// What this node proposes, decoded, for whoever decrypts before the gate. Taken at once.
    pub(super) disclosed: Option<Bytes>,
    /// Own proposals that travel whole.
    whole: BTreeMap<Place, Whole>,
}

/// An own proposal that travels whole: what it was to be, who waits for it, and what is proposed instead.
#[derive(Debug, Default)]
struct Whole {
    payload: Bytes,
    waiting: Vec<NodeIndex>,
    instead: Option<Bytes>,
}

#[derive(Debug, Default)]
struct Proposal {
    root: Digest,
    shards: Vec<(NodeIndex, Shard)>,
    /// VALs that wait for a tree.
    waiting: Vec<NodeIndex>,
    payload: Option<Bytes>,
    /// What each half is shown.
    trees: Option<[ForgedTree; 2]>,
}

/// Proposals that are remembered at the most.
const KEPT: usize = 64;

/// Whether the node is a false proposer of what is broadcast at this place.
fn is_proposer(kit: &Kit) -> bool {
    match kit.strategy() {
        Strategy::NonCodeword | Strategy::TwoProposals | Strategy::BadCiphertext | Strategy::CopiedCiphertext => true,
        Strategy::FalseIndexSet => kit.place().layer == Some(Layer::IndexSet),
        _ => false,
    }
}

pub(super) fn forge(message: RbcMessage, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let place = kit.place();
    match message {
        RbcMessage::Val { root, shard } if is_proposer(kit) => {
            note_own(root, to, &shard, kit);
            if let Some(proposal) = kit.proposals.own.get_mut(&place) {
                proposal.waiting.push(to);
            }
            propose(kit, fire);
        }
        RbcMessage::Val { root, shard } => {
            if kit.strategy() == Strategy::EarlyShare {
                note_own(root, to, &shard, kit);
            }
            fire(to, RbcMessage::Val { root, shard });
        }
        other if is_proposer(kit) => support(other, to, kit, fire),
        other => fire(to, other),
    }
}

/// Keeps a shard of the own proposal; with k of them the payload is known.
fn note_own(root: Digest, to: NodeIndex, shard: &Shard, kit: &mut Kit) {
    let (place, k) = (kit.place(), kit.committee().data_shards());
    let own = &mut kit.proposals.own;
    if !own.contains_key(&place) && own.len() >= KEPT {
        own.pop_first();
    }
    let proposal = own.entry(place).or_insert_with(|| Proposal { root, ..Proposal::default() });
    if proposal.payload.is_some() || proposal.shards.iter().any(|(node, _)| *node == to) {
        return;
    }
    proposal.shards.push((to, shard.clone()));
    if proposal.shards.len() >= k {
        let shards = std::mem::take(&mut proposal.shards);
        let payload = decode(root, &shards, kit);
        kit.proposals.disclosed.clone_from(&payload);
        if let Some(proposal) = kit.proposals.own.get_mut(&place) {
            proposal.payload = payload;
        }
    }
}

fn decode(root: Digest, shards: &[(NodeIndex, Shard)], kit: &mut Kit) -> Option<Bytes> {
    let shards: Vec<_> = shards.iter().map(|(node, shard)| (*node, shard, None)).collect();
    match kit.codec()?.decode(&root, &shards) {
        Decoded::Match(body) => Some(body.to_bytes()),
        _ => None,
    }
}

/// The same for a proposal that travels whole. The place is that of the own proposal.
pub(super) fn forge_whole(payload: Bytes, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Bytes>) {
    if !matches!(kit.strategy(), Strategy::BadCiphertext | Strategy::CopiedCiphertext) {
        if kit.strategy() == Strategy::EarlyShare {
            kit.proposals.disclosed = Some(payload.clone());
        }
        return fire(to, payload);
    }
    let place = kit.place();
    let whole = &mut kit.proposals.whole;
    if !whole.contains_key(&place) && whole.len() >= KEPT {
        whole.pop_first();
    }
    let own = whole.entry(place).or_default();
    own.payload = payload;
    own.waiting.push(to);
    propose_whole(kit, fire);
}

/// Says the proposals that wait, once it is known what to say. The place is that of the own proposal.
pub(super) fn propose_whole(kit: &mut Kit, fire: Fire<'_, Bytes>) {
    let place = kit.place();
    let Some(mut own) = kit.proposals.whole.remove(&place) else { return };
    if own.instead.is_none() {
        own.instead = match kit.strategy() {
            Strategy::BadCiphertext => Some(maul(own.payload.to_vec(), kit).into()),
            _ => copy(place, kit),
        };
        if own.instead.is_some() && kit.strategy() == Strategy::CopiedCiphertext {
            remember(place, own.payload.clone(), kit);
        }
    }
    if let Some(instead) = &own.instead {
        for to in std::mem::take(&mut own.waiting) {
            kit.strike();
            fire(to, instead.clone());
        }
    }
    kit.proposals.whole.insert(place, own);
}

/// Somebody's whole proposal arrived.
pub(super) fn overhear_whole(payload: &Bytes, kit: &mut Kit) {
    let place = kit.place();
    if kit.strategy() == Strategy::CopiedCiphertext && place.instance != kit.me() {
        remember(place, payload.clone(), kit);
    }
}

/// What somebody else proposes in this epoch, rather than what was proposed earlier.
fn copy(place: Place, kit: &Kit) -> Option<Bytes> {
    let copies = |this: bool| {
        let all = kit.proposals.payloads.iter().rev();
        all.filter(move |(other, payload)| {
            **other != place && (other.epoch == place.epoch) == this && !payload.is_empty()
        })
    };
    copies(true).next().or_else(|| copies(false).next()).map(|(_, payload)| payload.clone())
}

/// Says the VALs that wait, once it is known what to say. The place is that of the own proposal.
pub(super) fn propose(kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let place = kit.place();
    let Some(mut proposal) = kit.proposals.own.remove(&place) else { return };
    if proposal.trees.is_none()
        && let Some(payload) = proposal.payload.clone()
    {
        proposal.trees = trees(place, payload.clone(), kit);
        if proposal.trees.is_some() && kit.strategy() == Strategy::CopiedCiphertext {
            remember(place, payload, kit);
        }
    }
    if let Some(trees) = &proposal.trees {
        for to in std::mem::take(&mut proposal.waiting) {
            let tree = &trees[usize::from(kit.side(to))];
            if shown(place, to, kit) {
                kit.strike();
                fire(to, RbcMessage::Val { root: tree.commitment(), shard: tree.shard(to) });
            }
        }
    }
    kit.proposals.own.insert(place, proposal);
}

/// Whether a receiver is shown the VAL. A tree that is no codeword is shown to a bare quorum, itself included.
fn shown(place: Place, to: NodeIndex, kit: &Kit) -> bool {
    if kit.strategy() != Strategy::NonCodeword {
        return true;
    }
    let n = kit.committee().n();
    let first = (kit.me().as_usize() + 1 + place.epoch.0 as usize) % n;
    // In the ring from a moving start, the last f are left in the dark.
    (to.as_usize() + n - first) % n < kit.committee().quorum()
}

/// What each half is shown instead of `payload`; `None` while there is nothing to show.
fn trees(place: Place, payload: Bytes, kit: &mut Kit) -> Option<[ForgedTree; 2]> {
    let codec = kit.codec()?;
    let tree = |payload: Bytes| ForgedTree::honest(&codec, payload).ok();
    match kit.strategy() {
        Strategy::NonCodeword => {
            let (n, k) = (kit.committee().n(), kit.committee().data_shards());
            let mut tree = tree(payload)?;
            // A parity leaf in three of four cases, else a data leaf.
            let data_leaf = n == k || kit.rng().random_ratio(1, 4);
            let leaf = if data_leaf { kit.rng().random_range(0..k) } else { kit.rng().random_range(k..n) };
            let byte = kit.rng().random_range(0..64);
            tree.flip(leaf, byte, 1);
            Some([tree.clone(), tree])
        }
        Strategy::TwoProposals => {
            let mut other = payload.to_vec();
            match other.last_mut() {
                Some(last) => *last ^= 1,
                None => other.push(1),
            }
            Some([tree(payload)?, tree(other.into())?])
        }
        Strategy::BadCiphertext => {
            let tree = tree(maul(payload.to_vec(), kit).into())?;
            Some([tree.clone(), tree])
        }
        Strategy::FalseIndexSet => {
            let tree = tree(false_set(&payload, kit))?;
            Some([tree.clone(), tree])
        }
        Strategy::CopiedCiphertext => {
            let tree = tree(copy(place, kit)?)?;
            Some([tree.clone(), tree])
        }
        _ => None,
    }
}

/// An index set that is none, or one that names everybody, whoever was heard.
fn false_set(honest: &Bytes, kit: &mut Kit) -> Bytes {
    let committee = kit.committee();
    let set = codec::decode::<NodeSet>(honest).unwrap_or_default();
    match kit.rng().random_range(0..4) {
        0 => codec::encode(&set.iter().take(committee.quorum() - 1).collect::<NodeSet>()),
        1 => {
            // The first node that does not exist.
            let stranger = NodeSet::one(NodeIndex(committee.n() as u16));
            codec::encode(&set.union(&stranger))
        }
        2 => [&honest[..], &[1]].concat().into(),
        _ => codec::encode(&committee.all()),
    }
}

/// A ciphertext that is not quite right.
fn maul(mut payload: Vec<u8>, kit: &mut Kit) -> Vec<u8> {
    /// Shorter than the header of any suite.
    const HEADER: usize = 128;
    /// An element of the group, at the front of the header.
    const ELEMENT: usize = 32;
    let rng = kit.rng();
    if payload.len() <= HEADER {
        // Nothing was to be proposed, or nothing is encrypted here.
        payload.push(rng.random());
        return payload;
    }
    match rng.random_range(0..5) {
        0 => {
            let place = rng.random_range(0..HEADER);
            payload[place] ^= 1 << rng.random_range(0..8);
        }
        1 => {
            let place = rng.random_range(HEADER..payload.len());
            payload[place] ^= 1 << rng.random_range(0..8);
        }
        2 => payload.truncate(rng.random_range(1..payload.len())),
        // The identity of ristretto255; of BLS12-381 with its flags set.
        3 => payload[..ELEMENT].fill(0),
        _ => {
            payload[..48].fill(0);
            payload[0] = 0xc0;
        }
    }
    payload
}

/// What the node says of its own proposal names the root that the receiver was shown.
fn support(message: RbcMessage, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, RbcMessage>) {
    let (place, me) = (kit.place(), kit.me());
    let Some(proposal) = kit.proposals.own.get(&place) else { return fire(to, message) };
    // Nothing was proposed yet, so there is nothing to support.
    let Some(trees) = &proposal.trees else { return };
    let tree = &trees[usize::from(kit.side(to))];
    let root = tree.commitment();
    let forged = match message {
        RbcMessage::Val { .. } => return,
        RbcMessage::Echo { .. } => RbcMessage::Echo { root, shard: tree.shard(me) },
        RbcMessage::EchoHash(_) => RbcMessage::EchoHash(root),
        RbcMessage::Ready(_) => RbcMessage::Ready(root),
        RbcMessage::CanDecode(_) => RbcMessage::CanDecode(root),
    };
    if root != proposal.root {
        kit.strike();
    }
    // Part of the attack with a tree that is no codeword is who sees which leaves.
    if kit.strategy() != Strategy::NonCodeword || kit.rng().random_ratio(2, 3) {
        fire(to, forged);
    }
}

/// Whoever copies listens until it has somebody's whole proposal.
pub(super) fn answer(message: &RbcMessage, from: NodeIndex, kit: &mut Kit) {
    if kit.strategy() != Strategy::CopiedCiphertext || from == kit.me() {
        return;
    }
    let (place, k) = (kit.place(), kit.committee().data_shards());
    let (root, owner, shard) = match message {
        RbcMessage::Val { root, shard } => (*root, kit.me(), shard),
        RbcMessage::Echo { root, shard } => (*root, from, shard),
        _ => return,
    };
    if place.instance == kit.me() || kit.proposals.payloads.contains_key(&place) {
        return;
    }
    if kit.proposals.overheard.len() > KEPT {
        kit.proposals.overheard.pop_first();
    }
    let shards = kit.proposals.overheard.entry((place, root)).or_default();
    if shards.iter().all(|(node, _)| *node != owner) {
        shards.push((owner, shard.clone()));
    }
    if shards.len() < k {
        return;
    }
    let shards = kit.proposals.overheard.remove(&(place, root)).unwrap_or_default();
    if let Some(payload) = decode(root, &shards, kit) {
        remember(place, payload, kit);
    }
}

fn remember(place: Place, payload: Bytes, kit: &mut Kit) {
    let payloads = &mut kit.proposals.payloads;
    if payloads.len() >= KEPT {
        payloads.pop_first();
    }
    payloads.insert(place, payload);
}
