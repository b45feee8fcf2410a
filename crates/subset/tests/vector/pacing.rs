//! When a node puts its vector to the agreement, and when it contributes nothing: so that nothing that could be chosen is
//! left out for want of a moment's patience.

use bytes::Bytes;
use mellivora_adversary::{Parcel, Stage};
use mellivora_agreement::{Smvba, SmvbaMessage};
use mellivora_broadcast::{PbMessage, SpbMessage};
use mellivora_core::codec::decode;
use mellivora_core::{Keyed, NodeIndex};
use mellivora_subset::vector::{Entries, Stored, StoredMessage, Vector, VectorJob};
use mellivora_subset::{SDumbo, Subset, VectorMessage};

use crate::support::{self, payload};

type Said = Parcel<VectorMessage<StoredMessage>>;

fn is_pb(parcel: &Said) -> bool {
    matches!(&parcel.message, VectorMessage::Broadcast { message: StoredMessage::Pb(_), .. })
}

/// A message of the broadcast of `proposer` that only its proposer sends when it is proven, or that leads to that.
fn is_endorsement_for(parcel: &Said, proposer: u16) -> bool {
    let endorses =
        matches!(&parcel.message, VectorMessage::Broadcast { message: StoredMessage::Pb(PbMessage::Endorse(_)), .. });
    endorses && parcel.to.0 == proposer
}

fn is_final_of(parcel: &Said, proposer: u16) -> bool {
    let last =
        matches!(&parcel.message, VectorMessage::Broadcast { message: StoredMessage::Pb(PbMessage::Final(..)), .. });
    last && parcel.from.0 == proposer
}

/// The proposers in the vector that a node has put to the agreement, if it has.
fn vote(net: &Stage<SDumbo>, node: u16) -> Option<Vec<u16>> {
    let value = net.pending.iter().filter(|parcel| parcel.from.0 == node).find_map(|parcel| match &parcel.message {
        VectorMessage::Mvba(SmvbaMessage::Spb { message: SpbMessage::Send { value, .. }, .. }) => Some(value.0.clone()),
        _ => None,
    })?;
    let entries: Entries = decode(&value).unwrap();
    Some(entries.iter().map(|entry| entry.proposer.0).collect())
}

#[test]
fn whoever_contributed_something_waits_for_its_own_proof() {
    for contribution in [payload(NodeIndex(3)), Bytes::new()] {
        let mut net = support::stage::<SDumbo>(4, &[], 3);
        for node in 0..3 {
            net.input(node, payload(NodeIndex(node)));
        }
        net.input(3, contribution.clone());
        // Of the broadcast of node 3 nobody's endorsement arrives.
        net.deliver(|_, parcel| is_pb(parcel) && !is_endorsement_for(parcel, 3));
        assert_eq!(vote(&net, 0), Some(vec![0, 1, 2]), "a quorum is enough for the others");
        if contribution.is_empty() {
            assert_eq!(vote(&net, 3), Some(vec![0, 1, 2]), "nothing is nothing to wait for");
            continue;
        }
        assert_eq!(vote(&net, 3), None);
        net.deliver(|_, parcel| is_pb(parcel) && parcel.to.0 == 3);
        assert_eq!(vote(&net, 3), Some(vec![0, 1, 2, 3]));
    }
}

#[test]
fn a_vote_waits_for_the_work_at_hand() {
    let mut net = support::stage::<SDumbo>(4, &[], 3);
    for node in 0..4 {
        net.input(node, payload(NodeIndex(node)));
    }
    // To node 0 come first its own proof and that of node 1.
    let late = |parcel: &Said| parcel.to.0 == 0 && (is_final_of(parcel, 2) || is_final_of(parcel, 3));
    net.deliver(|_, parcel| is_pb(parcel) && !late(parcel));
    net.hold_jobs(|job| matches!(job, VectorJob::Broadcast(Keyed { key: NodeIndex(3), .. })));
    net.deliver(|_, parcel| is_pb(parcel) && is_final_of(parcel, 3));
    net.deliver(|_, parcel| is_pb(parcel));
    assert_eq!(vote(&net, 0), None, "a quorum of proofs is here, and another one is being checked");
    net.release_jobs();
    assert_eq!(vote(&net, 0), Some(vec![0, 1, 2, 3]));
}

#[test]
fn nothing_is_taken_once_something_is_here() {
    let make = || -> Vector<Stored, Smvba> { support::make(&support::codec(4), NodeIndex(0), 3) };
    assert!(!make().takes_nothing());
    let mut net = Stage::new(support::committee(4), &[2, 3], |me| support::make(&support::codec(4), me, 3));
    let send = |proposer: u16, payload: Bytes| VectorMessage::Broadcast {
        proposer: NodeIndex(proposer),
        message: StoredMessage::Pb(PbMessage::Send(mellivora_core::codec::Blob(payload))),
    };
    let takes = |net: &Stage<SDumbo>| net.node(0).takes_nothing();
    net.say(2, &[0], send(2, Bytes::new()));
    net.deliver_all();
    assert!(!takes(&net), "that others have nothing is no news");
    net.say(3, &[0], send(3, Bytes::from_static(b"something")));
    net.deliver_all();
    assert!(takes(&net));
}
