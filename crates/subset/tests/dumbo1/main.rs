//! Dumbo1: directed schedules, false members, one node by hand, restarts, random runs under every generic attack, wire
//! forms.

mod by_hand;
mod committee;
mod directed;
mod members;
mod restart;
#[path = "../support/mod.rs"]
mod support;
mod swarm;
mod wire;

use bytes::Bytes;
use mellivora_adversary::{IdealCoin, Parcel, Stage};
use mellivora_broadcast::RbcMessage;
use mellivora_core::{Digest, Layer, NodeIndex, NodeSet, Purpose, Round, Segment};
use mellivora_subset::{BkrMessage, Dumbo1, Dumbo1Message, dumbo1};

use support::{committee, domain, set};

/// The name of the coin that elects.
fn election() -> Digest {
    domain().child(Segment::only(Layer::Election)).statement(Purpose::Coin, Round(0)).digest()
}

fn ideal(n: usize, seed: u64) -> IdealCoin {
    IdealCoin::new(committee(n), NodeIndex(0), seed)
}

/// Who is elected with the coins of a seed.
fn elected(n: usize, seed: u64) -> NodeSet {
    dumbo1::draw(&ideal(n, seed).peek(&election()), committee(n))
}

/// A seed whose coins elect just these members.
fn electing(n: usize, members: &[u16]) -> u64 {
    let wanted = set(members.iter().copied());
    assert_eq!(wanted.len(), dumbo1::committee_size(committee(n)));
    (0..100_000).find(|&seed| elected(n, seed) == wanted).expect("every committee comes up")
}

/// A committee of `n` that elects `members`.
fn stage(n: usize, byzantine: &[u16], members: &[u16]) -> Stage<Dumbo1> {
    support::stage(n, byzantine, electing(n, members))
}

/// All honest nodes contribute.
fn contribute(stage: &mut Stage<Dumbo1>) {
    for node in stage.honest().collect::<Vec<_>>() {
        stage.input(node, support::payload(NodeIndex(node)));
    }
}

type Said = Parcel<Dumbo1Message>;

fn is_contribution(parcel: &Said) -> bool {
    matches!(&parcel.message, Dumbo1Message::Bkr(BkrMessage::Rbc { .. }))
}

fn is_contribution_of(parcel: &Said, wanted: u16) -> bool {
    matches!(&parcel.message, Dumbo1Message::Bkr(BkrMessage::Rbc { proposer, .. }) if proposer.0 == wanted)
}

fn is_index_set(parcel: &Said) -> bool {
    matches!(&parcel.message, Dumbo1Message::IndexSet { .. })
}

fn is_election(parcel: &Said) -> bool {
    matches!(&parcel.message, Dumbo1Message::Election(_))
}

fn is_vote(parcel: &Said) -> bool {
    matches!(&parcel.message, Dumbo1Message::Bkr(BkrMessage::Votes(_)))
}

/// The root of an index set that its member proposes.
fn proposed_set(parcel: &Said) -> Option<(NodeIndex, Digest)> {
    match &parcel.message {
        Dumbo1Message::IndexSet { member, message: RbcMessage::Val { root, .. } } => Some((*member, *root)),
        _ => None,
    }
}

/// A Byzantine member proposes `bytes` as its index set.
fn say_set(stage: &mut Stage<Dumbo1>, n: usize, member: u16, bytes: Bytes) {
    let encoded = support::codec(n).encode(bytes).unwrap();
    for node in stage.honest().collect::<Vec<_>>() {
        let shard = encoded.shards[usize::from(node)].clone();
        let message = RbcMessage::Val { root: encoded.commitment, shard };
        stage.say(member, &[node], Dumbo1Message::IndexSet { member: NodeIndex(member), message });
    }
}

/// A Byzantine node contributes.
fn say_contribution(stage: &mut Stage<Dumbo1>, n: usize, proposer: u16) {
    let encoded = support::codec(n).encode(support::payload(NodeIndex(proposer))).unwrap();
    for node in stage.honest().collect::<Vec<_>>() {
        let shard = encoded.shards[usize::from(node)].clone();
        let message = RbcMessage::Val { root: encoded.commitment, shard };
        stage.say(proposer, &[node], Dumbo1Message::Bkr(BkrMessage::Rbc { proposer: NodeIndex(proposer), message }));
    }
}

/// Every honest node has the same output, of these contributions.
fn assert_all_output(stage: &Stage<Dumbo1>, wanted: &[u16]) {
    for node in stage.honest() {
        assert_eq!(stage.outputs(node).len(), 1, "node {node}");
        assert_eq!(support::indices(&stage.outputs(node)[0]), wanted, "node {node}");
        assert!(stage.node(node).decided_and_done());
    }
}

/// What must hold of every node that is through.
trait Done {
    fn decided_and_done(&self) -> bool;
}

impl Done for Dumbo1 {
    fn decided_and_done(&self) -> bool {
        mellivora_subset::Subset::decided(self) && self.has_output()
    }
}
