//! The fetching side: who is asked for what, and what has come.

use std::collections::BTreeMap;

use mellivora_coding::chunks::chunk_count;
use mellivora_coding::{Chunk, ChunkTree, Head, VerifiedChunk};
use mellivora_core::{Committee, Digest, NodeIndex, NodeSet, planted};

use super::WINDOW;
use super::bits::Bits;

/// What is known of an engaged node.
#[derive(Debug)]
struct Holder {
    node: NodeIndex,
    /// All that it was ever asked for.
    asked: Bits,
    /// What it was asked for and has not answered.
    owes: Vec<u32>,
    /// How many of others' debts it takes over next time.
    share: usize,
    /// It said that it has not got the payload, and has shown nothing of it since.
    absent: bool,
    /// It has shown something of the payload, so it has it: ABSENT of this incarnation is out of date.
    proven: bool,
    /// It has sent something wrong.
    bad: bool,
}

impl Holder {
    fn is_active(&self) -> bool {
        !self.bad && !self.absent
    }

    fn ask(&mut self, index: u32) {
        self.asked.insert(index);
        self.owes.push(index);
    }
}

/// What came of an answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// Nobody asked for it, or it is known.
    Ignored,
    /// It changes what to ask of whom.
    Fine,
    /// The sender is Byzantine.
    Wrong,
    /// That was the last chunk.
    Complete(ChunkTree),
}

/// One payload on its way here. See the [module page](super).
#[derive(Debug)]
pub(super) struct Fetch {
    root: Digest,
    max_payload: usize,
    /// Whom to engage, the next one last.
    waiting: Vec<NodeIndex>,
    engaged: Vec<Holder>,
    /// How many nodes are to be active.
    target: usize,
    /// Number of chunks, once known.
    count: Option<u32>,
    chunks: BTreeMap<u32, VerifiedChunk>,
    /// The first chunk that was asked of nobody.
    next: u32,
}

impl Fetch {
    pub(super) fn new(committee: Committee, me: NodeIndex, root: Digest, signers: NodeSet, max_payload: usize) -> Self {
        // The ring of nodes after this one, so that not everybody asks the same.
        let ring = committee.nodes().filter(|&node| node > me).chain(committee.nodes().filter(|&node| node < me));
        let (first, then): (Vec<_>, Vec<_>) = ring.partition(|node| signers.contains(*node));
        let others = if planted("retrieval-signers-only") { Vec::new() } else { then };
        let waiting = first.into_iter().chain(others).rev().collect();
        let target = committee.one_honest() - usize::from(planted("retrieval-one-holder-too-few"));
        let chunks = BTreeMap::new();
        Fetch { root, max_payload, waiting, engaged: Vec::new(), target, count: None, chunks, next: 0 }
    }

    pub(super) fn root(&self) -> Digest {
        self.root
    }

    /// One more node is to be active.
    pub(super) fn nudge(&mut self) {
        let all = self.engaged.len() + self.waiting.len();
        self.target = self.target.saturating_add(1).min(all.max(1));
    }

    /// A new incarnation may have what the old one had not, and the other way round.
    pub(super) fn forget(&mut self, peer: NodeIndex) {
        if let Some(holder) = self.holder(peer) {
            (holder.absent, holder.proven) = (false, false);
        }
    }

    /// What a node was asked for and has not answered, at most a window.
    pub(super) fn owed_by(&self, node: NodeIndex) -> Vec<u32> {
        let holder = self.engaged.iter().find(|holder| holder.node == node && !holder.bad);
        holder.map_or_else(Vec::new, |holder| holder.owes.clone())
    }

    pub(super) fn memory(&self) -> usize {
        let holders: usize =
            self.engaged.iter().map(|h| size_of::<Holder>() + h.asked.memory() + 4 * h.owes.capacity()).sum();
        let chunks: usize = self.chunks.values().map(|chunk| 2 * size_of::<VerifiedChunk>() + chunk.data().len()).sum();
        holders + chunks
    }

    pub(super) fn absent(&mut self, from: NodeIndex) -> Answer {
        let stale = |holder: &Holder| holder.proven && !planted("retrieval-stale-absence-counts");
        match self.holder(from).filter(|holder| !stale(holder) && !holder.absent) {
            None => Answer::Ignored,
            Some(holder) if holder.owes.is_empty() && planted("retrieval-absence-without-debts-ignored") => {
                Answer::Ignored
            }
            Some(holder) => {
                holder.absent = true;
                Answer::Fine
            }
        }
    }

    pub(super) fn head(&mut self, from: NodeIndex, head: &Head) -> Answer {
        let (root, max_payload) = (self.root, self.max_payload);
        let Some(holder) = self.holder(from).filter(|holder| !holder.proven) else { return Answer::Ignored };
        let Some(len) = head.verify(&root, max_payload) else { return self.wrong(from) };
        (holder.absent, holder.proven) = (false, true);
        self.learn_len(len);
        Answer::Fine
    }

    pub(super) fn chunk(&mut self, from: NodeIndex, index: u32, chunk: &Chunk) -> Answer {
        let Some(holder) = self.holder(from) else { return Answer::Ignored };
        let Some(place) = holder.owes.iter().position(|&owed| owed == index) else { return Answer::Ignored };
        holder.owes.swap_remove(place);
        holder.absent = false;
        if self.chunks.contains_key(&index) {
            // Somebody else was faster.
            return Answer::Fine;
        }
        let Some(verified) = chunk.verify(&self.root, index, self.max_payload) else { return self.wrong(from) };
        if let Some(holder) = self.holder(from) {
            holder.proven = true;
        }
        self.learn_len(verified.payload_len());
        self.chunks.insert(index, verified);
        if self.count != u32::try_from(self.chunks.len()).ok() {
            return Answer::Fine;
        }
        let chunks: Vec<_> = std::mem::take(&mut self.chunks).into_values().collect();
        // All chunks are there, each verified at its place.
        ChunkTree::assemble(&self.root, &chunks).map_or(Answer::Fine, Answer::Complete)
    }

    fn wrong(&mut self, from: NodeIndex) -> Answer {
        if let Some(holder) = self.holder(from).filter(|_| !planted("retrieval-liar-kept")) {
            holder.bad = true;
            holder.owes.clear();
        }
        Answer::Wrong
    }

    fn holder(&mut self, node: NodeIndex) -> Option<&mut Holder> {
        self.engaged.iter_mut().find(|holder| holder.node == node && !holder.bad)
    }

    /// The commitment has told the length: nobody owes what does not exist.
    fn learn_len(&mut self, len: usize) {
        if self.count.is_none() {
            // A verified length is within the limit, so the count fits.
            let count = chunk_count(len) as u32;
            self.count = Some(count);
            self.engaged.iter_mut().for_each(|holder| holder.owes.retain(|&owed| owed < count));
        }
    }

    /// Engages whom it takes, and decides what to ask of whom.
    pub(super) fn plan(&mut self) -> Vec<(NodeIndex, Vec<u32>)> {
        let active = |engaged: &[Holder]| engaged.iter().filter(|holder| holder.is_active()).count();
        while active(&self.engaged) < self.target
            && let Some(node) = self.waiting.pop()
        {
            let (asked, owes) = (Bits::default(), Vec::new());
            self.engaged.push(Holder { node, asked, owes, share: 1, absent: false, proven: false, bad: false });
        }
        let before: Vec<usize> = self.engaged.iter().map(|holder| holder.owes.len()).collect();
        self.deal();
        if !planted("retrieval-debts-not-shared") {
            self.share();
        }
        let new =
            |(holder, before): (&Holder, usize)| (holder.node, holder.owes.get(before..).unwrap_or_default().to_vec());
        self.engaged.iter().zip(before).map(new).filter(|(_, indices)| !indices.is_empty()).collect()
    }

    /// Chunks that nobody was asked for go to those with room, one each in turn.
    fn deal(&mut self) {
        // At most as many as a largest payload has, so the count fits.
        let end = self.count.unwrap_or(chunk_count(self.max_payload) as u32);
        let window = if planted("retrieval-no-window") { usize::MAX } else { WINDOW };
        loop {
            let first = self.next;
            for holder in self.engaged.iter_mut().filter(|holder| holder.is_active() && holder.owes.len() < window) {
                if self.next < end {
                    holder.ask(self.next);
                    self.next += 1;
                }
            }
            if self.next == first {
                return;
            }
        }
    }

    /// Who owes nothing although chunks are missing takes over some of them: one at first, because what others owe may
    /// be about to come, and twice as many each time.
    fn share(&mut self) {
        let end = self.count.map_or(self.next, |count| count.min(self.next));
        for at in 0..self.engaged.len() {
            let Some(idle) = self.engaged.get(at).filter(|holder| holder.is_active() && holder.owes.is_empty()) else {
                continue;
            };
            let missing = (0..end).filter(|index| !self.chunks.contains_key(index) && !idle.asked.contains(*index));
            let owed_by = |index: &u32| self.engaged.iter().filter(|holder| holder.owes.contains(index)).count();
            let mut missing: Vec<(usize, u32)> = missing.map(|index| (owed_by(&index), index)).collect();
            missing.sort_unstable();
            if let Some(idle) = self.engaged.get_mut(at).filter(|_| !missing.is_empty()) {
                missing.into_iter().take(idle.share).for_each(|(_, index)| idle.ask(index));
                idle.share = (2 * idle.share).min(WINDOW);
            }
        }
    }
}
