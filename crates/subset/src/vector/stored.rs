//! sDumbo's broadcast: a payload that a quorum has stored, and its retrieval by those who have not.

use bytes::Bytes;
use mellivora_broadcast::pb::stored;
use mellivora_broadcast::retrieval::{Retrieval, RetrievalConfig, RetrievalInput, RetrievalMessage};
use mellivora_broadcast::{Pb, PbConfig, PbDone, PbInput, PbJob, PbMessage, PbOutput};
use mellivora_coding::{Body, ChunkTree, Codec, Contribution};
use mellivora_core::codec::{
    self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer, unknown_tag,
};
use mellivora_core::protocol::NoJob;
use mellivora_core::{
    Committee, Digest, Domain, Effects, Job, Layer, Lens, Message, NodeIndex, NodeSet, Parent, Protocol, Segment, To,
    Weight,
};
use mellivora_crypto::Statement;

use super::provable::{Provable, ProvableEvent, segment};
use crate::SubsetParams;

/// The provable broadcast of one payload, and its retrieval: one instance at one node.
///
/// ```text
///  SEND --> stored, endorsed, served                    => Delivered
///  FINAL: a quorum has stored the payload of a root     => Proven
///  Want(root, signers), and another one or none is here --> chunks of the signers --> the payload  => Delivered
/// ```
#[derive(Debug)]
pub struct Stored {
    pb: Pb,
    retrieval: Retrieval,
    /// Wanted while the proposer's own payload was being hashed: most likely it is the wanted one.
    waiting: Option<(Digest, NodeSet)>,
}

/// A message: of the broadcast (1) or of the retrieval (2), after one byte that says which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoredMessage {
    /// Of the broadcast.
    Pb(PbMessage),
    /// Of the retrieval.
    Retrieval(RetrievalMessage),
}

const PB: u8 = 1;
const RETRIEVAL: u8 = 2;

impl Message for StoredMessage {
    fn memory(&self) -> usize {
        match self {
            StoredMessage::Pb(message) => message.memory(),
            StoredMessage::Retrieval(message) => message.memory(),
        }
    }
}

impl Encode for StoredMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            StoredMessage::Pb(message) => {
                encoder.writer().write(&[PB])?;
                message.encode(encoder)
            }
            StoredMessage::Retrieval(message) => {
                encoder.writer().write(&[RETRIEVAL])?;
                message.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for StoredMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        match codec::read_tag(decoder)? {
            PB => Ok(StoredMessage::Pb(PbMessage::decode(decoder)?)),
            RETRIEVAL => Ok(StoredMessage::Retrieval(RetrievalMessage::decode(decoder)?)),
            _ => unknown_tag(),
        }
    }
}

mellivora_core::borrow_decode!(StoredMessage);

/// Work of the broadcast; the retrieval has none.
#[derive(Debug)]
pub struct StoredJob(PbJob);

/// What comes of it.
#[derive(Debug)]
pub struct StoredDone(PbDone);

impl Job for StoredJob {
    type Done = StoredDone;

    fn run(self) -> StoredDone {
        StoredDone(self.0.run())
    }

    fn weight(&self) -> Weight {
        self.0.weight()
    }
}

impl Parent<Pb> for Stored {
    type Key = ();

    fn message((): (), message: PbMessage) -> StoredMessage {
        StoredMessage::Pb(message)
    }

    fn job((): (), job: PbJob) -> StoredJob {
        StoredJob(job)
    }

    fn segment((): ()) -> Segment {
        Segment::only(Layer::Pb)
    }
}

impl Parent<Retrieval> for Stored {
    type Key = ();

    fn message((): (), message: RetrievalMessage) -> StoredMessage {
        StoredMessage::Retrieval(message)
    }

    fn job((): (), job: NoJob) -> StoredJob {
        match job {}
    }

    fn segment((): ()) -> Segment {
        Segment::only(Layer::Pb)
    }
}

impl Stored {
    /// The broadcast. For oracles.
    pub fn pb(&self) -> &Pb {
        &self.pb
    }

    /// The retrieval. For oracles.
    pub fn retrieval(&self) -> &Retrieval {
        &self.retrieval
    }

    fn with_pb(&mut self, fx: &mut dyn Effects<Self>, act: impl FnOnce(&mut Pb, &mut dyn Effects<Pb>)) {
        let mut outputs = Vec::new();
        act(&mut self.pb, &mut Lens::new(fx, (), &mut outputs));
        while let Some(output) = outputs.pop() {
            match output {
                PbOutput::Proposed(tree) => {
                    let here = tree.commitment();
                    fx.output(ProvableEvent::Delivered(contribution(&tree)));
                    // Whoever endorses it serves it.
                    self.with_retrieval(fx, |retrieval, fx| retrieval.input(RetrievalInput::Hold(tree), fx));
                    if let Some((root, signers)) = self.waiting.take().filter(|(root, _)| *root != here) {
                        self.with_retrieval(fx, |retrieval, fx| {
                            retrieval.input(RetrievalInput::Want { root, signers }, fx);
                        });
                    }
                    self.pb.input(PbInput::Accept, &mut Lens::new(fx, (), &mut outputs));
                }
                PbOutput::Certified { root, certificate } => fx.output(ProvableEvent::Proven(root, certificate)),
            }
        }
    }

    fn with_retrieval(
        &mut self,
        fx: &mut dyn Effects<Self>,
        act: impl FnOnce(&mut Retrieval, &mut dyn Effects<Retrieval>),
    ) {
        let mut outputs = Vec::new();
        act(&mut self.retrieval, &mut Lens::new(fx, (), &mut outputs));
        outputs.iter().for_each(|tree| fx.output(ProvableEvent::Delivered(contribution(tree))));
    }
}

fn contribution(tree: &ChunkTree) -> Contribution {
    Contribution { commitment: tree.commitment(), body: Some(tree.body().clone()) }
}

impl Protocol for Stored {
    type Input = Bytes;
    type Output = ProvableEvent;
    type Message = StoredMessage;
    type Job = StoredJob;

    fn input(&mut self, payload: Bytes, fx: &mut dyn Effects<Self>) {
        self.with_pb(fx, |pb, fx| pb.input(PbInput::Propose(payload), fx));
    }

    fn receive(&mut self, from: NodeIndex, message: StoredMessage, fx: &mut dyn Effects<Self>) {
        match message {
            StoredMessage::Pb(message) => self.with_pb(fx, |pb, fx| pb.receive(from, message, fx)),
            StoredMessage::Retrieval(message) => {
                self.with_retrieval(fx, |retrieval, fx| retrieval.receive(from, message, fx));
            }
        }
    }

    fn done(&mut self, done: StoredDone, fx: &mut dyn Effects<Self>) {
        self.with_pb(fx, |pb, fx| pb.done(done.0, fx));
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.with_pb(fx, |pb, fx| pb.flush(fx));
        self.with_retrieval(fx, |retrieval, fx| retrieval.flush(fx));
    }

    fn recall(&mut self, to: To, message: StoredMessage) {
        // Nothing of a retrieval is durable.
        if let StoredMessage::Pb(message) = message {
            self.pb.recall(to, message);
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.with_pb(fx, |pb, fx| pb.forget(peer, fx));
        self.with_retrieval(fx, |retrieval, fx| retrieval.forget(peer, fx));
    }

    /// Always false: its parent frees it.
    fn is_terminated(&self) -> bool {
        false
    }
}

impl Provable for Stored {
    const NAME: &'static str = "sdumbo";

    fn new(params: &SubsetParams, proposer: NodeIndex) -> Self {
        let SubsetParams { committee, me, .. } = *params;
        let max_payload = params.codec.max_payload().min(ChunkTree::MAX_PAYLOAD);
        Stored {
            pb: Pb::new(PbConfig {
                committee,
                me,
                proposer,
                domain: params.domain.child(segment(proposer)),
                certificates: params.certificates.clone(),
                max_payload,
                announce: true,
            }),
            retrieval: Retrieval::new(RetrievalConfig { committee, me, max_payload }),
            waiting: None,
        }
    }

    fn statement(subset: &Domain, proposer: NodeIndex, root: Digest) -> Statement {
        stored(&subset.child(segment(proposer)), root)
    }

    fn required(committee: Committee) -> usize {
        committee.quorum()
    }

    fn commit(_codec: &Codec, body: &Body) -> Option<Digest> {
        ChunkTree::commit(body.clone()).ok().map(|tree| tree.commitment())
    }

    fn event(output: ProvableEvent) -> ProvableEvent {
        output
    }

    fn want(&mut self, root: Digest, signers: NodeSet, fx: &mut dyn Effects<Self>) {
        if self.pb.is_hashing() {
            self.waiting = Some((root, signers));
            return;
        }
        self.with_retrieval(fx, |retrieval, fx| retrieval.input(RetrievalInput::Want { root, signers }, fx));
    }

    /// Chunks prove themselves.
    fn distrust(&mut self, _nodes: NodeSet) {}

    fn memory(&self) -> usize {
        self.pb.memory() + self.retrieval.memory()
    }
}
