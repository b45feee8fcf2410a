//! A cluster of Dumbo-NG on a stage. Byzantine nodes are the test itself, which holds all keys: so it can show any certificate
//! that a quorum of votes would make, and no other.

use bytes::Bytes;
use mellivora_adversary::{Parcel, Stage};
use mellivora_atomic::dumbo_ng::OfStream;
use mellivora_atomic::{Config, DumboNg, Local, Message};
use mellivora_broadcast::stream::{CertifiedTip, StreamMessage, Tip};
use mellivora_coding::{Body, ChunkTree};
use mellivora_core::codec::Blob;
use mellivora_core::{Domain, Era, FaultKind, Layer, NodeIndex, Protocol, Purpose, Round, Segment};
use mellivora_crypto::{Certificate, NodeKeys, Seed, Suite};
use mellivora_subset::Subset;

use crate::support::hall::{Content, contents};
use crate::support::{keys, submit};

pub(crate) type Said = <DumboNg as Protocol>::Message;

/// See the [module page](self).
pub(crate) struct Play {
    pub(crate) config: Config,
    pub(crate) keys: Vec<NodeKeys>,
    pub(crate) stage: Stage<DumboNg>,
}

impl Play {
    pub(crate) fn new(config: &Config, byzantine: &[u16]) -> Self {
        let keys = keys(config.committee.n(), Suite::Ristretto255);
        let stage = Stage::new(config.committee, byzantine, |index| {
            DumboNg::new(config.clone(), keys[index.as_usize()].clone(), Local::new([index.0 as u8; 32])).unwrap()
        });
        Play { config: config.clone(), keys, stage }
    }

    pub(crate) fn submit(&mut self, node: u16, transactions: &[&'static str]) {
        self.stage.input(node, submit(transactions.iter().map(|text| Bytes::from_static(text.as_bytes()))));
    }

    /// Domain of a stream.
    fn stream(&self, proposer: u16) -> Domain {
        let name = <<mellivora_atomic::Streams as mellivora_atomic::Source>::Subset as Subset>::NAME;
        let session = Domain::new(self.config.cluster_id(&self.keys[0].public().digest(), name), Era(0));
        session.child(Segment::of(Layer::Stream, NodeIndex(proposer)))
    }

    /// Where a batch after this place leads to.
    pub(crate) fn after(previous: &Tip, batch: &Bytes) -> Tip {
        let tree = ChunkTree::commit(Body::from_bytes(batch.clone())).unwrap();
        previous.extend(&tree.commitment(), batch.is_empty())
    }

    /// What the votes of a quorum prove.
    pub(crate) fn certificate(&self, proposer: u16, tip: &Tip) -> Certificate {
        let (statement, quorum) = (tip.statement(&self.stream(proposer)), self.config.committee.quorum());
        let votes = self.keys.iter().map(|keys| (keys.index(), keys.certificates().endorse(&statement)));
        let votes: Vec<_> = votes.take(quorum).collect();
        self.keys[0].certificates().assemble(&statement, quorum, &votes).certificate.unwrap()
    }

    pub(crate) fn certified(&self, proposer: u16, tip: &Tip) -> CertifiedTip {
        CertifiedTip { tip: *tip, certificate: self.certificate(proposer, tip) }
    }

    /// An honest ciphertext of a list of transactions for a slot of a stream.
    pub(crate) fn sealed(&self, proposer: u16, slot: u64, transactions: &[&[u8]]) -> Bytes {
        let domain = self.stream(proposer).child(Segment { layer: Layer::Slot, index: slot });
        let label = domain.statement(Purpose::Encryption, Round(0)).digest();
        let mut payload = crate::support::forge::framed(transactions);
        let scheme = self.keys[0].encryption().expect("the suite encrypts");
        let mut ciphertext = scheme.seal(&label, &Seed([slot as u8; 32]), &mut payload);
        ciphertext.extend(payload);
        ciphertext.into()
    }

    /// A Byzantine node proposes a batch after this place to these nodes.
    pub(crate) fn propose(&mut self, from: u16, to: &[u16], previous: Tip, batch: &Bytes) -> Tip {
        let certificate = (previous.slot > 0).then(|| self.certificate(from, &previous));
        let message = StreamMessage::Proposal { previous, certificate, payload: Blob(batch.clone()) };
        self.stage.say(from, to, of(from, message));
        Self::after(&previous, batch)
    }

    /// A Byzantine node votes for everything that an honest one has on its way. Returns the places.
    pub(crate) fn vote(&mut self, from: u16, proposer: u16) -> Vec<Tip> {
        let mut tips: Vec<Tip> = Vec::new();
        for parcel in &self.stage.pending {
            if let Message::Beside(OfStream { message: StreamMessage::Proposal { previous, payload, .. }, .. }) =
                &parcel.message
                && parcel.from.0 == proposer
            {
                tips.push(Self::after(previous, &payload.0));
            }
        }
        tips.dedup();
        for tip in &tips {
            let endorsement =
                self.keys[usize::from(from)].certificates().endorse(&tip.statement(&self.stream(proposer)));
            self.stage.say(from, &[proposer], of(proposer, StreamMessage::Vote(*tip, endorsement)));
        }
        tips
    }

    /// A Byzantine node announces its newest place.
    pub(crate) fn announce(&mut self, from: u16, to: &[u16], tip: &Tip) {
        let message = StreamMessage::Tip(self.certified(from, tip));
        self.stage.say(from, to, of(from, message));
    }

    /// What everybody ordered, after checking that everybody ordered the same.
    #[track_caller]
    pub(crate) fn ledger(&self) -> Vec<Content> {
        let honest: Vec<u16> = self.stage.honest().collect();
        let first = contents(self.stage.outputs(honest[0]));
        for node in &honest[1..] {
            assert_eq!(contents(self.stage.outputs(*node)), first, "node {node} and node {} differ", honest[0]);
        }
        first
    }

    /// How often this fault was seen by a node. Nobody may blame anybody honest.
    #[track_caller]
    pub(crate) fn blamed(&self, by: u16, culprit: u16, kind: FaultKind) -> usize {
        let honest: Vec<u16> = self.stage.honest().collect();
        let faults = self.stage.faults(by);
        assert!(faults.iter().all(|(node, _)| !honest.contains(node)), "node {by} blames honest nodes: {faults:?}");
        faults.iter().filter(|fault| **fault == (culprit, kind)).count()
    }
}

fn of(proposer: u16, message: StreamMessage) -> Said {
    Message::Beside(OfStream { proposer: NodeIndex(proposer), message })
}

/// The slot and the batch of a proposal, and whose it is.
pub(crate) fn proposal(message: &Said) -> Option<(u16, u64, &Bytes)> {
    match message {
        Message::Beside(OfStream { proposer, message: StreamMessage::Proposal { previous, payload, .. } }) => {
            Some((proposer.0, previous.slot + 1, payload))
        }
        _ => None,
    }
}

/// Whether a message belongs to the epochs, their closing included.
pub(crate) fn of_epochs(parcel: &Parcel<Said>) -> bool {
    !matches!(parcel.message, Message::Beside(_))
}
