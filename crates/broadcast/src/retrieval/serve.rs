//! The serving side: what is held, and what each peer has asked for.

use mellivora_coding::ChunkTree;
use mellivora_core::{Digest, NodeIndex, planted};

use super::RetrievalMessage;
use super::bits::Bits;

/// What one incarnation of a peer has asked for.
#[derive(Debug)]
struct Asked {
    /// The first root it named.
    root: Digest,
    indices: Bits,
    /// It asked for a chunk beyond the end, of the held payload or of any.
    beyond: bool,
    /// ABSENT was said.
    absent: bool,
}

/// See the [module page](super).
#[derive(Debug)]
pub(super) struct Serving {
    /// Number of chunks of a largest payload.
    max_chunks: u32,
    held: Option<ChunkTree>,
    peers: Vec<Option<Asked>>,
}

impl Serving {
    pub(super) fn new(nodes: usize, max_chunks: u32) -> Self {
        Serving { max_chunks, held: None, peers: (0..nodes).map(|_| None).collect() }
    }

    pub(super) fn held(&self) -> Option<&ChunkTree> {
        self.held.as_ref()
    }

    pub(super) fn memory(&self) -> usize {
        let peers = self.peers.capacity() * size_of::<Option<Asked>>();
        let asked: usize = self.peers.iter().flatten().map(|asked| asked.indices.memory()).sum();
        peers + asked + self.held.as_ref().map_or(0, ChunkTree::memory)
    }

    /// A peer with a new incarnation knows of no answer.
    pub(super) fn forget(&mut self, peer: NodeIndex) {
        if let Some(asked) = self.peers.get_mut(peer.as_usize())
            && !planted("retrieval-old-incarnation")
        {
            *asked = None;
        }
    }

    /// Takes a request of a member, and answers what is new in it.
    pub(super) fn request(
        &mut self,
        from: NodeIndex,
        root: Digest,
        indices: &[u32],
        send: &mut dyn FnMut(RetrievalMessage),
    ) {
        let Some(slot) = self.peers.get_mut(from.as_usize()) else { return };
        let fresh = Asked { root, indices: Bits::default(), beyond: false, absent: false };
        let asked = slot.get_or_insert(fresh);
        if asked.root != root {
            return;
        }
        let held = self.held.as_ref().filter(|held| held.commitment() == root);
        for &index in indices {
            let plausible = index < self.max_chunks;
            let new = match plausible {
                true => asked.indices.insert(index) || planted("retrieval-answered-twice"),
                false => !asked.beyond,
            };
            match held {
                Some(held) if new => answer(held, index, &mut asked.beyond, send),
                Some(_) => {}
                None => asked.beyond |= !plausible,
            }
        }
        if held.is_none() && !std::mem::replace(&mut asked.absent, true) && !planted("retrieval-absence-unsaid") {
            send(RetrievalMessage::Absent(root));
        }
    }

    /// What a peer was answered may be lost, and goes again.
    pub(super) fn repeat(&self, peer: NodeIndex, send: &mut dyn FnMut(RetrievalMessage)) {
        let Some(Some(asked)) = self.peers.get(peer.as_usize()) else { return };
        match self.held.as_ref().filter(|held| held.commitment() == asked.root) {
            Some(held) => {
                let mut beyond = false;
                let first = asked.beyond.then_some(self.max_chunks);
                asked.indices.iter().chain(first).for_each(|index| answer(held, index, &mut beyond, send));
            }
            None if asked.absent => send(RetrievalMessage::Absent(asked.root)),
            None => {}
        }
    }

    /// This node holds a payload from now on. Answers all who have asked for it.
    pub(super) fn hold(&mut self, payload: ChunkTree, send: &mut dyn FnMut(NodeIndex, RetrievalMessage)) {
        let root = payload.commitment();
        if self.held.as_ref().is_some_and(|held| held.commitment() == root) {
            return;
        }
        for (peer, asked) in (0..).map(NodeIndex).zip(&mut self.peers) {
            let Some(asked) = asked.as_mut().filter(|asked| asked.root == root) else { continue };
            if planted("retrieval-late-unanswered") {
                continue;
            }
            // A request beyond any payload is one beyond this one.
            let mut beyond = false;
            let first = if asked.beyond { Some(self.max_chunks) } else { None };
            for index in asked.indices.iter().chain(first) {
                answer(&payload, index, &mut beyond, &mut |message| send(peer, message));
            }
            asked.beyond = beyond;
        }
        self.held = Some(payload);
    }
}

/// One chunk; or the head, once, if there is no such chunk.
fn answer(held: &ChunkTree, index: u32, beyond: &mut bool, send: &mut dyn FnMut(RetrievalMessage)) {
    let root = held.commitment();
    match held.chunk(index) {
        Some(chunk) => send(RetrievalMessage::Chunk(root, index, chunk)),
        None if std::mem::replace(beyond, true) => {}
        None => send(RetrievalMessage::Head(root, held.head())),
    }
}
