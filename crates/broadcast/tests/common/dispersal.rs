//! A consistent broadcast and the retrieval of what it certifies, under one parent: what sDumbo does with one proposal.

#![allow(dead_code)] // Each test file uses its own part.

use bytes::Bytes;
use mellivora_broadcast::{
    Pb, PbConfig, PbInput, PbJob, PbMessage, PbOutput, Retrieval, RetrievalConfig, RetrievalInput, RetrievalMessage,
};
use mellivora_coding::ChunkTree;
use mellivora_core::codec::{
    Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, Writer, read_tag, unknown_tag,
};
use mellivora_core::protocol::NoJob;
use mellivora_core::{Digest, Effects, Job, Keyed, Layer, Lens, Message, NodeIndex, Parent, Protocol, Segment, To};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum DispersalMessage {
    Pb(PbMessage),
    Retrieval(RetrievalMessage),
}

impl Message for DispersalMessage {}

impl Encode for DispersalMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            DispersalMessage::Pb(message) => {
                encoder.writer().write(&[1])?;
                message.encode(encoder)
            }
            DispersalMessage::Retrieval(message) => {
                encoder.writer().write(&[2])?;
                message.encode(encoder)
            }
        }
    }
}

impl Decode<Frame> for DispersalMessage {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match read_tag(decoder)? {
            1 => DispersalMessage::Pb(PbMessage::decode(decoder)?),
            2 => DispersalMessage::Retrieval(RetrievalMessage::decode(decoder)?),
            _ => return unknown_tag(),
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum DispersalOutput {
    Certified(Digest),
    Payload(ChunkTree),
}

impl DispersalOutput {
    pub(crate) fn root(&self) -> Digest {
        match self {
            DispersalOutput::Certified(root) => *root,
            DispersalOutput::Payload(tree) => tree.commitment(),
        }
    }
}

pub(crate) struct Dispersal {
    pb: Pb,
    retrieval: Retrieval,
    from_pb: Vec<PbOutput>,
    from_retrieval: Vec<ChunkTree>,
    accept: bool,
    fetched: bool,
}

impl Dispersal {
    pub(crate) fn new(config: PbConfig) -> Self {
        let PbConfig { committee, me, max_payload, .. } = config;
        Dispersal {
            pb: Pb::new(config),
            retrieval: Retrieval::new(RetrievalConfig { committee, me, max_payload }),
            from_pb: Vec::new(),
            from_retrieval: Vec::new(),
            accept: false,
            fetched: false,
        }
    }

    /// Whether this node had to ask others.
    pub(crate) fn fetched(&self) -> bool {
        self.fetched
    }

    fn retrieve(&mut self, input: RetrievalInput, fx: &mut dyn Effects<Self>) {
        self.retrieval.input(input, &mut Lens::new(fx, (), &mut self.from_retrieval));
    }

    fn settle(&mut self, fx: &mut dyn Effects<Self>) {
        for output in std::mem::take(&mut self.from_pb) {
            match output {
                PbOutput::Proposed(tree) => {
                    self.accept = true;
                    self.retrieve(RetrievalInput::Hold(tree), fx);
                }
                PbOutput::Certified { root, certificate } => {
                    fx.output(DispersalOutput::Certified(root));
                    self.retrieve(RetrievalInput::Want { root, signers: certificate.signers }, fx);
                    self.fetched |= self.retrieval.is_fetching();
                }
            }
        }
        for payload in std::mem::take(&mut self.from_retrieval) {
            fx.output(DispersalOutput::Payload(payload));
        }
    }
}

impl Parent<Pb> for Dispersal {
    type Key = ();
    fn message(_: (), message: PbMessage) -> DispersalMessage {
        DispersalMessage::Pb(message)
    }
    fn job(_: (), job: PbJob) -> Keyed<(), PbJob> {
        Keyed { key: (), job }
    }
    fn segment(_: ()) -> Segment {
        Segment::only(Layer::Pb)
    }
}

impl Parent<Retrieval> for Dispersal {
    type Key = ();
    fn message(_: (), message: RetrievalMessage) -> DispersalMessage {
        DispersalMessage::Retrieval(message)
    }
    fn job(_: (), job: NoJob) -> Keyed<(), PbJob> {
        match job {}
    }
    fn segment(_: ()) -> Segment {
        Segment::only(Layer::Pb)
    }
}

impl Protocol for Dispersal {
    type Input = Bytes;
    type Output = DispersalOutput;
    type Message = DispersalMessage;
    type Job = Keyed<(), PbJob>;

    fn input(&mut self, payload: Bytes, fx: &mut dyn Effects<Self>) {
        self.pb.input(PbInput::Propose(payload), &mut Lens::new(fx, (), &mut self.from_pb));
        self.settle(fx);
    }

    fn receive(&mut self, from: NodeIndex, message: DispersalMessage, fx: &mut dyn Effects<Self>) {
        match message {
            DispersalMessage::Pb(message) => {
                self.pb.receive(from, message, &mut Lens::new(fx, (), &mut self.from_pb));
            }
            DispersalMessage::Retrieval(message) => {
                self.retrieval.receive(from, message, &mut Lens::new(fx, (), &mut self.from_retrieval));
            }
        }
        self.settle(fx);
    }

    fn done(&mut self, ((), done): <Self::Job as Job>::Done, fx: &mut dyn Effects<Self>) {
        self.pb.done(done, &mut Lens::new(fx, (), &mut self.from_pb));
        self.settle(fx);
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        if std::mem::take(&mut self.accept) {
            self.pb.input(PbInput::Accept, &mut Lens::new(fx, (), &mut self.from_pb));
        }
        self.pb.flush(&mut Lens::new(fx, (), &mut self.from_pb));
        self.settle(fx);
        self.retrieval.flush(&mut Lens::new(fx, (), &mut self.from_retrieval));
        self.settle(fx);
    }

    fn recall(&mut self, to: To, message: DispersalMessage) {
        if let DispersalMessage::Pb(message) = message {
            self.pb.recall(to, message);
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.pb.forget(peer, &mut Lens::new(fx, (), &mut self.from_pb));
        self.retrieval.forget(peer, &mut Lens::new(fx, (), &mut self.from_retrieval));
        self.settle(fx);
    }

    fn is_terminated(&self) -> bool {
        false
    }
}
