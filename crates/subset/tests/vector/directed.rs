//! Directed schedules: payloads that one node lacks, false vectors.

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, Parcel, Stage};
use mellivora_agreement::Predicate;
use mellivora_broadcast::PbMessage;
use mellivora_coding::{Body, ChunkTree};
use mellivora_core::codec::{Blob, encode};
use mellivora_core::{Digest, FaultKind, NodeIndex};
use mellivora_crypto::Certificate;
use mellivora_subset::vector::{Entries, Entry, ProofVector, Provable, Stored, StoredMessage};
use mellivora_subset::{SDumbo, VectorMessage};

use crate::support::{self, body, committee, domain, indices, payload};

type Said = Parcel<VectorMessage<StoredMessage>>;

fn stage(n: usize, byzantine: &[u16]) -> Stage<SDumbo> {
    let mut stage = support::stage::<SDumbo>(n, byzantine, 3);
    for node in stage.honest().collect::<Vec<_>>() {
        stage.input(node, payload(NodeIndex(node)));
    }
    stage
}

fn of_pb(proposer: u16, message: PbMessage) -> VectorMessage<StoredMessage> {
    VectorMessage::Broadcast { proposer: NodeIndex(proposer), message: StoredMessage::Pb(message) }
}

fn is_pb(parcel: &Said, proposers: &[u16]) -> bool {
    matches!(&parcel.message, VectorMessage::Broadcast { proposer, message: StoredMessage::Pb(_) }
        if proposers.contains(&proposer.0))
}

fn is_send(parcel: &Said) -> bool {
    matches!(&parcel.message, VectorMessage::Broadcast { message: StoredMessage::Pb(PbMessage::Send(_)), .. })
}

fn is_retrieval(parcel: &Said) -> bool {
    matches!(&parcel.message, VectorMessage::Broadcast { message: StoredMessage::Retrieval(_), .. })
}

fn root(payload: &Bytes) -> Digest {
    ChunkTree::commit(Body::from_bytes(payload.clone())).unwrap().commitment()
}

fn certificate(n: usize, proposer: u16, root: Digest, signers: &[u16]) -> Certificate {
    let statement = Stored::statement(&domain(), NodeIndex(proposer), root);
    let signers = signers.iter().map(|&node| NodeIndex(node)).collect();
    IdealCertificates::new(committee(n), NodeIndex(0)).certificate_of(signers, &statement)
}

#[test]
fn whoever_was_shown_another_payload_gets_the_certified_one() {
    let mut net = stage(4, &[3]);
    let (certified, other) = (Bytes::from_static(b"certified"), Bytes::from_static(b"only for node 2"));
    net.say(3, &[0, 1], of_pb(3, PbMessage::Send(Blob(certified.clone()))));
    net.say(3, &[2], of_pb(3, PbMessage::Send(Blob(other))));
    net.deliver(|_, p| p.from.0 == 3);
    // Nodes 0 and 1 have endorsed it, and with node 3 they are a quorum.
    let holds = |net: &Stage<SDumbo>, node: u16| net.node(node).broadcast(NodeIndex(3)).unwrap().pb().endorsed();
    assert!(holds(&net, 0) && holds(&net, 1));
    let root = root(&certified);
    net.say(3, &[0, 1, 2], of_pb(3, PbMessage::Final(root, certificate(4, 3, root, &[0, 1, 3]))));
    net.deliver(|_, p| is_pb(p, &[3]));
    net.deliver_all();
    for node in 0..3 {
        let output = &net.outputs(node)[0];
        let of_3 = output.iter().find(|(proposer, _)| proposer.0 == 3).map(|(_, contribution)| contribution);
        assert_eq!(of_3.and_then(body), Some(certified.clone()), "node {node}");
    }
}

#[test]
fn a_node_that_missed_payloads_retrieves_them() {
    let mut net = stage(4, &[]);
    // Nothing that is sent to node 3 as a proposal arrives before everything else has.
    let mut asked = 0;
    net.deliver(|_, p| {
        asked += usize::from(is_retrieval(p) && p.from.0 == 3);
        !(is_send(p) && p.to.0 == 3)
    });
    assert!(asked > 0, "it never asked");
    let outputs: Vec<_> = (0..4).map(|node| net.outputs(node)[0].clone()).collect();
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(indices(&outputs[3]).len() >= 3);
    for (node, contribution) in &outputs[3] {
        assert_eq!(body(contribution), Some(payload(*node)));
    }
}

#[test]
fn a_holder_that_restarted_still_serves_what_it_has_signed_for() {
    let mut net = stage(4, &[0]);
    // Nodes 1 and 2 store what node 0 shows them; node 3 sees nothing of it, and node 0 falls silent.
    let shown = Bytes::from_static(b"stored by two honest nodes");
    net.say(0, &[1, 2], of_pb(0, PbMessage::Send(Blob(shown.clone()))));
    net.deliver(|_, p| p.from.0 == 0);
    let root = root(&shown);
    net.say(0, &[1, 2, 3], of_pb(0, PbMessage::Final(root, certificate(4, 0, root, &[0, 1, 2]))));
    net.deliver(|_, p| is_pb(p, &[0]));
    for node in [1, 2] {
        net.restart(node, support::make(&support::codec(4), NodeIndex(node), 3));
        // Its peers say again what they have said.
        let certificate = certificate(4, 0, root, &[0, 1, 2]);
        net.say(0, &[node], of_pb(0, PbMessage::Final(root, certificate)));
    }
    net.deliver(|_, p| is_pb(p, &[0]));
    net.deliver_all();
    let of_0 = net.outputs(3)[0].iter().find(|(proposer, _)| proposer.0 == 0).map(|(_, c)| c.clone());
    assert_eq!(of_0.as_ref().and_then(body), Some(shown));
}

#[test]
fn the_predicate_looks_at_every_entry() {
    let n = 4;
    let scheme = IdealCertificates::scheme(committee(n), NodeIndex(1));
    let predicate = ProofVector::<Stored>::new(committee(n), domain(), scheme);
    let roots: Vec<Digest> = (0..4).map(|i| Digest([i; 32])).collect();
    let entry = |proposer: u16| {
        let root = roots[usize::from(proposer)];
        Entry { proposer: NodeIndex(proposer), root, proof: certificate(n, proposer, root, &[0, 1, 2]) }
    };
    let holds = |entries: Vec<Entry>| predicate.holds(&encode(&Entries::new(entries)));
    assert!(holds(vec![entry(0), entry(1), entry(3)]));
    assert!(holds((0..4).map(entry).collect()));
    // Too few, not ascending, one twice, a stranger, nothing, no list at all.
    assert!(!holds(vec![entry(0), entry(1)]));
    assert!(!holds(vec![entry(1), entry(0), entry(2)]));
    assert!(!holds(vec![entry(0), entry(1), entry(1)]));
    assert!(!holds(vec![entry(0), entry(1), Entry { proposer: NodeIndex(4), ..entry(2) }]));
    assert!(!holds(Vec::new()));
    assert!(!predicate.holds(&Bytes::from_static(b"no list")));
    assert!(!predicate.holds(&[&encode(&Entries::new((0..4).map(entry).collect()))[..], &[0]].concat().into()));
    for wrong in 0..3 {
        let forged = [
            Entry { root: Digest([9; 32]), ..entry(wrong) },
            Entry { proof: certificate(n, wrong, roots[usize::from(wrong)], &[0, 1]), ..entry(wrong) },
            Entry { proof: certificate(n, (wrong + 1) % 3, roots[usize::from(wrong)], &[0, 1, 2]), ..entry(wrong) },
            Entry { proof: certificate(n, wrong, roots[usize::from(wrong)], &[0, 1, 2, 3]), ..entry(wrong) },
        ];
        for bad in forged {
            let mut entries: Vec<Entry> = (0..3).map(entry).collect();
            entries[usize::from(wrong)] = bad;
            assert!(!holds(entries), "entry {wrong}");
        }
    }
}

#[test]
fn an_instance_of_a_stranger_is_a_fault_of_the_sender() {
    let mut net = stage(4, &[3]);
    net.say(3, &[0], of_pb(9, PbMessage::Send(Blob(Bytes::from_static(b"x")))));
    net.deliver(|_, p| p.from.0 == 3);
    assert_eq!(net.faults(0), [(3, FaultKind::UnknownInstance)]);
}
