//! The state machine.

use mellivora_coding::ChunkTree;
use mellivora_coding::chunks::chunk_count;
use mellivora_core::codec::List;
use mellivora_core::protocol::NoJob;
use mellivora_core::{Committee, Digest, Durable, Effects, Fault, FaultKind, NodeIndex, NodeSet, Protocol, To};

use super::RetrievalMessage;
use super::fetch::{Answer, Fetch};
use super::serve::Serving;

/// Parameters of one instance.
#[derive(Clone, Copy, Debug)]
pub struct RetrievalConfig {
    /// Size and fault bound.
    pub committee: Committee,
    /// This node.
    pub me: NodeIndex,
    /// The largest payload, in bytes; at most [`ChunkTree::MAX_PAYLOAD`].
    pub max_payload: usize,
}

/// What goes into an instance.
#[derive(Clone, Debug)]
pub enum RetrievalInput {
    /// This node holds a payload and serves it from now on, instead of any other that it held before.
    Hold(ChunkTree),
    /// The parent wants the payload with this root, which these nodes have promised to hold. The first one counts.
    Want {
        /// Commitment of the chunk tree.
        root: Digest,
        /// Signers of its certificate; empty if nobody is known.
        signers: NodeSet,
    },
    /// It takes long: ask one more node.
    Nudge,
}

/// What the parent wants.
#[derive(Debug)]
enum Wanted {
    Nothing,
    Fetching(Box<Fetch>),
    Done,
}

/// The retrieval of one payload at one node. See the [module page](super).
///
/// Output: the wanted payload, once.
#[derive(Debug)]
pub struct Retrieval {
    config: RetrievalConfig,
    serving: Serving,
    wanted: Wanted,
    /// Something has changed since the last plan of what to ask of whom.
    changed: bool,
}

impl Retrieval {
    /// A fresh instance.
    pub fn new(config: RetrievalConfig) -> Self {
        let max_chunks = chunk_count(config.max_payload.min(ChunkTree::MAX_PAYLOAD)) as u32;
        let serving = Serving::new(config.committee.n(), max_chunks);
        Retrieval { config, serving, wanted: Wanted::Nothing, changed: false }
    }

    /// The payload that this node holds and serves.
    pub fn held(&self) -> Option<&ChunkTree> {
        self.serving.held()
    }

    /// Whether a payload is on its way here.
    pub fn is_fetching(&self) -> bool {
        matches!(self.wanted, Wanted::Fetching(_))
    }

    /// Bytes of memory that this instance holds, about, the payload included.
    pub fn memory(&self) -> usize {
        let fetching = match &self.wanted {
            Wanted::Fetching(fetch) => size_of::<Fetch>() + fetch.memory(),
            Wanted::Nothing | Wanted::Done => 0,
        };
        size_of::<Self>() + self.serving.memory() + fetching
    }

    /// The link to a peer lost messages, or the peer has a new incarnation: what it owes is asked of it again, and what
    /// it was answered goes again. For parents that repeat by themselves what was lost.
    pub fn repeat(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        if let Wanted::Fetching(fetch) = &mut self.wanted {
            let (root, owed) = (fetch.root(), fetch.owed_by(peer));
            if !owed.is_empty() {
                fx.send(To::Node(peer), Durable::No, RetrievalMessage::Request(root, List::new(owed)));
            }
        }
        self.serving.repeat(peer, &mut |message| fx.send(To::Node(peer), Durable::No, message));
    }

    fn hold(&mut self, payload: ChunkTree, fx: &mut dyn Effects<Self>) {
        self.serving.hold(payload, &mut |to, message| fx.send(To::Node(to), Durable::No, message));
    }

    fn want(&mut self, root: Digest, signers: NodeSet, fx: &mut dyn Effects<Self>) {
        if !matches!(self.wanted, Wanted::Nothing) {
            return;
        }
        match self.serving.held().filter(|held| held.commitment() == root) {
            Some(held) => {
                fx.output(held.clone());
                self.wanted = Wanted::Done;
            }
            None => {
                let RetrievalConfig { committee, me, max_payload } = self.config;
                self.wanted = Wanted::Fetching(Box::new(Fetch::new(committee, me, root, signers, max_payload)));
                self.changed = true;
            }
        }
    }

    /// Lets the fetch of `root` take an answer.
    fn answer(
        &mut self,
        from: NodeIndex,
        root: &Digest,
        fx: &mut dyn Effects<Self>,
        take: impl FnOnce(&mut Fetch) -> Answer,
    ) {
        let Wanted::Fetching(fetch) = &mut self.wanted else { return };
        if fetch.root() != *root {
            return;
        }
        let answer = take(fetch);
        self.changed |= !matches!(answer, Answer::Ignored);
        match answer {
            Answer::Ignored | Answer::Fine => {}
            Answer::Wrong => fx.fault(Fault::new(from, FaultKind::InvalidChunk)),
            Answer::Complete(payload) => self.complete(payload, fx),
        }
    }

    fn complete(&mut self, payload: ChunkTree, fx: &mut dyn Effects<Self>) {
        self.wanted = Wanted::Done;
        self.hold(payload.clone(), fx);
        fx.output(payload);
    }
}

impl Protocol for Retrieval {
    type Input = RetrievalInput;
    type Output = ChunkTree;
    type Message = RetrievalMessage;
    type Job = NoJob;

    fn input(&mut self, input: RetrievalInput, fx: &mut dyn Effects<Self>) {
        match (input, &mut self.wanted) {
            (RetrievalInput::Hold(payload), Wanted::Fetching(fetch)) if fetch.root() == payload.commitment() => {
                self.complete(payload, fx);
            }
            (RetrievalInput::Hold(payload), _) => self.hold(payload, fx),
            (RetrievalInput::Want { root, signers }, _) => self.want(root, signers, fx),
            (RetrievalInput::Nudge, Wanted::Fetching(fetch)) => {
                fetch.nudge();
                self.changed = true;
            }
            (RetrievalInput::Nudge, _) => {}
        }
    }

    fn receive(&mut self, from: NodeIndex, message: RetrievalMessage, fx: &mut dyn Effects<Self>) {
        if !self.config.committee.contains(from) {
            return;
        }
        match message {
            RetrievalMessage::Request(root, indices) => {
                self.serving
                    .request(from, root, &indices, &mut |message| fx.send(To::Node(from), Durable::No, message));
            }
            RetrievalMessage::Chunk(root, index, chunk) => {
                self.answer(from, &root, fx, |fetch| fetch.chunk(from, index, &chunk));
            }
            RetrievalMessage::Head(root, head) => self.answer(from, &root, fx, |fetch| fetch.head(from, &head)),
            RetrievalMessage::Absent(root) => self.answer(from, &root, fx, |fetch| fetch.absent(from)),
        }
    }

    fn done(&mut self, done: NoJob, _: &mut dyn Effects<Self>) {
        match done {}
    }

    /// What came in one turn is answered together.
    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        if let Wanted::Fetching(fetch) = &mut self.wanted {
            let root = fetch.root();
            for (to, indices) in fetch.plan() {
                fx.send(To::Node(to), Durable::No, RetrievalMessage::Request(root, List::new(indices)));
            }
        }
    }

    /// Nothing is promised, so nothing is logged.
    fn recall(&mut self, _: To, _: RetrievalMessage) {}

    fn forget(&mut self, peer: NodeIndex, _: &mut dyn Effects<Self>) {
        self.serving.forget(peer);
        if let Wanted::Fetching(fetch) = &mut self.wanted {
            fetch.forget(peer);
            self.changed = true;
        }
    }

    /// Always false: others may need the payload. Its parent frees it.
    fn is_terminated(&self) -> bool {
        false
    }
}
