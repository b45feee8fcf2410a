//! What the tests of streams share.

use bytes::Bytes;
use mellivora_broadcast::stream::Header;
use mellivora_broadcast::{CertifiedTip, Stream, StreamConfig, StreamMessage, StreamOutput, Tip};
use mellivora_coding::{Body, ChunkTree};
use mellivora_core::codec::Blob;
use mellivora_core::{Committee, Digest, Domain, Era, Layer, NodeIndex, NodeSet, Segment};
use mellivora_crypto::{Certificate, Endorsement};

use crate::by_hand::Hand;
use crate::ideal::IdealCertificates;

pub(crate) const MAX: usize = 1 << 20;

/// Everybody's stream is that of node 0, unless a test says otherwise.
pub(crate) fn domain() -> Domain {
    Domain::new(Digest([7; 32]), Era(0)).child(Segment::of(Layer::Stream, NodeIndex(0)))
}

pub(crate) fn node(i: usize) -> NodeIndex {
    NodeIndex(i as u16)
}

pub(crate) fn ideal(n: usize) -> IdealCertificates {
    IdealCertificates::new(Committee::new(n).unwrap(), node(0))
}

pub(crate) fn config(n: usize, me: NodeIndex, window: u64) -> StreamConfig {
    let committee = Committee::new(n).unwrap();
    StreamConfig {
        committee,
        me,
        proposer: node(0),
        domain: domain(),
        window,
        max_payload: MAX,
        certificates: IdealCertificates::scheme(committee, me),
    }
}

pub(crate) fn stream(n: usize, me: usize, window: u64) -> Stream {
    Stream::new(config(n, node(me), window))
}

pub(crate) fn hand(n: usize, me: usize, window: u64) -> Hand<Stream> {
    Hand::new(me, stream(n, me, window))
}

pub(crate) fn payload(salt: u8) -> Bytes {
    vec![salt; 1000 + usize::from(salt)].into()
}

pub(crate) fn tree(payload: &Bytes) -> ChunkTree {
    ChunkTree::commit(Body::from_bytes(payload.clone())).unwrap()
}

pub(crate) fn extend(previous: &Tip, payload: &Bytes) -> Tip {
    previous.extend(&tree(payload).commitment(), payload.is_empty())
}

/// The valid vote of a node.
pub(crate) fn endorsement(n: usize, i: usize, tip: &Tip) -> Endorsement {
    ideal(n).endorsement_of(node(i), &tip.statement(&domain()))
}

pub(crate) fn vote(n: usize, i: usize, tip: &Tip) -> StreamMessage {
    StreamMessage::Vote(*tip, endorsement(n, i, tip))
}

/// The certificate of a quorum's first nodes.
pub(crate) fn certificate(n: usize, tip: &Tip) -> Certificate {
    let quorum = Committee::new(n).unwrap().quorum();
    ideal(n).certificate_of(NodeSet::first(quorum), &tip.statement(&domain()))
}

pub(crate) fn certified(n: usize, tip: &Tip) -> CertifiedTip {
    CertifiedTip { tip: *tip, certificate: certificate(n, tip) }
}

pub(crate) fn proposal(n: usize, previous: &Tip, payload: &Bytes) -> StreamMessage {
    let certificate = (previous.slot > 0).then(|| certificate(n, previous));
    StreamMessage::Proposal { previous: *previous, certificate, payload: Blob(payload.clone()) }
}

/// A chain of batches, with the place that each leads to.
pub(crate) struct Chain {
    pub(crate) payloads: Vec<Bytes>,
    /// The first one is before everything: `tips[s]` is that of slot s.
    pub(crate) tips: Vec<Tip>,
}

impl Chain {
    pub(crate) fn of(payloads: impl IntoIterator<Item = Bytes>) -> Self {
        let payloads: Vec<Bytes> = payloads.into_iter().collect();
        let mut tips = vec![Tip::GENESIS];
        for payload in &payloads {
            tips.push(extend(tips.last().unwrap(), payload));
        }
        Chain { payloads, tips }
    }

    pub(crate) fn new(slots: u8) -> Self {
        Self::of((1..=slots).map(payload))
    }

    /// The proposal of a slot.
    pub(crate) fn proposal(&self, n: usize, slot: usize) -> StreamMessage {
        proposal(n, &self.tips[slot - 1], &self.payloads[slot - 1])
    }

    /// What the digest of a slot covers.
    pub(crate) fn header(&self, slot: usize) -> Header {
        let (previous, tip) = (self.tips[slot - 1], self.tips[slot]);
        Header { previous: previous.digest, full: tip.full, commitment: tree(&self.payloads[slot - 1]).commitment() }
    }
}

/// A node that has taken these messages of the proposer.
pub(crate) fn told(hand: &mut Hand<Stream>, messages: impl IntoIterator<Item = StreamMessage>) {
    for message in messages {
        hand.receive(0, message);
        hand.flush();
        hand.run_jobs();
    }
}

/// Places that a node has voted for, as the proposer hears it.
pub(crate) fn votes(hand: &Hand<Stream>) -> Vec<Tip> {
    let vote = |message: &StreamMessage| match message {
        StreamMessage::Vote(tip, _) => Some(*tip),
        _ => None,
    };
    hand.seen.sent.iter().filter_map(|(.., message)| vote(message)).collect()
}

/// What a node has put out: place and bytes.
pub(crate) fn batches(outputs: &[StreamOutput]) -> Vec<(Tip, Bytes)> {
    let batch = |output: &StreamOutput| match output {
        StreamOutput::Batch { tip, body, .. } => Some((*tip, body.to_bytes())),
        _ => None,
    };
    outputs.iter().filter_map(batch).collect()
}

pub(crate) fn grown(outputs: &[StreamOutput]) -> Vec<Tip> {
    let grown = |output: &StreamOutput| match output {
        StreamOutput::Grown(tip) => Some(*tip),
        _ => None,
    };
    outputs.iter().filter_map(grown).collect()
}
