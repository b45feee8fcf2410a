//! What was heard: one slot per sender and kind, and per root who said what.

use mellivora_coding::{Body, LeafHash, Shard};
use mellivora_core::{Committee, Digest, NodeIndex, NodeSet, planted};

use super::job::Candidate;

/// Place of a root in [`Heard`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RootId(u16);

/// What is known about one root.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) digest: Digest,
    /// Who said ECHO or ECHO_HASH.
    pub(super) supporters: NodeSet,
    /// Whose shard is held.
    pub(super) full: NodeSet,
    /// Who said READY.
    pub(super) ready: NodeSet,
    /// The final outcome: a payload, or `None` for BOTTOM.
    pub(super) outcome: Option<Option<Body>>,
}

/// What came of putting a statement into its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It counts now.
    Fresh,
    /// It was there.
    Known,
    /// The sender said something else before.
    Conflict,
}

#[derive(Debug)]
struct Echo {
    root: RootId,
    held: Option<Held>,
    /// A shard of this sender was bad. It gets no second try.
    spent: bool,
}

#[derive(Debug)]
struct Held {
    shard: Shard,
    leaf: Option<LeafHash>,
}

/// All that was heard in one instance. Its size has a bound that does not depend on what is sent.
#[derive(Debug)]
pub(super) struct Heard {
    committee: Committee,
    echo: Vec<Option<Echo>>,
    ready: Vec<Option<RootId>>,
    can_decode: Vec<Option<Digest>>,
    /// At most one per filled ECHO and READY slot, and one for the proposer's own.
    roots: Vec<Root>,
    closed: bool,
}

impl Heard {
    pub(super) fn new(committee: Committee) -> Self {
        let n = committee.n();
        Heard {
            committee,
            echo: (0..n).map(|_| None).collect(),
            ready: vec![None; n],
            can_decode: vec![None; n],
            roots: Vec::new(),
            closed: false,
        }
    }

    /// Bytes that are held, shards and payloads included.
    pub(super) fn memory(&self) -> usize {
        let slots = self.echo.capacity() * size_of::<Option<Echo>>()
            + self.ready.capacity() * size_of::<Option<RootId>>()
            + self.can_decode.capacity() * size_of::<Option<Digest>>();
        let shards: usize = self.echo.iter().flatten().filter_map(|e| e.held.as_ref()).map(|h| h.shard.memory()).sum();
        let bodies: usize = self.roots.iter().filter_map(|r| r.outcome.as_ref()?.as_ref()).map(Body::len).sum();
        slots + self.roots.capacity() * size_of::<Root>() + shards + bodies
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = RootId> + use<> {
        (0..self.roots.len() as u16).map(RootId)
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<RootId> {
        self.roots.iter().position(|root| root.digest == *digest).map(|at| RootId(at as u16))
    }

    /// The place of a root, made if it is new. Only called for a statement that fills a slot.
    pub(super) fn intern(&mut self, digest: Digest) -> RootId {
        self.find(&digest).unwrap_or_else(|| {
            self.roots.push(Root {
                digest,
                supporters: NodeSet::EMPTY,
                full: NodeSet::EMPTY,
                ready: NodeSet::EMPTY,
                outcome: None,
            });
            // At most 2n + 1 roots, so the place fits.
            RootId((self.roots.len() - 1) as u16)
        })
    }

    pub(super) fn root(&self, id: RootId) -> &Root {
        // Ids come from `intern`, `find` and `ids` of this value alone, and roots are never removed.
        &self.roots[usize::from(id.0)]
    }

    fn root_mut(&mut self, id: RootId) -> &mut Root {
        &mut self.roots[usize::from(id.0)]
    }

    fn digest(&self, id: RootId) -> &Digest {
        &self.root(id).digest
    }

    /// Takes an ECHO (with a shard of plausible form) or an ECHO_HASH of a member.
    pub(super) fn put_echo(
        &mut self,
        from: NodeIndex,
        digest: Digest,
        shard: Option<Shard>,
        leaf: Option<LeafHash>,
    ) -> (Put, Option<RootId>) {
        let put = match self.echo.get(from.as_usize()) {
            Some(None) => Put::Fresh,
            Some(Some(echo)) if *self.digest(echo.root) != digest => Put::Conflict,
            Some(Some(_)) => Put::Known,
            None => return (Put::Known, None),
        };
        if put == Put::Conflict {
            if planted("rbc-roots-unbounded") {
                self.intern(digest);
            }
            return (put, None);
        }
        let id = self.intern(digest);
        let wanted = !self.closed && self.root(id).outcome.is_none();
        if shard.is_some() || !planted("rbc-hash-not-counted") {
            self.root_mut(id).supporters.insert(from);
        }
        let Some(slot) = self.echo.get_mut(from.as_usize()) else { return (put, None) };
        let echo = slot.get_or_insert(Echo { root: id, held: None, spent: false });
        match shard {
            Some(shard) if wanted && !echo.spent && echo.held.is_none() => {
                echo.held = Some(Held { shard, leaf });
                self.root_mut(id).full.insert(from);
                (Put::Fresh, Some(id))
            }
            _ => (put, Some(id)),
        }
    }

    /// Takes a READY.
    pub(super) fn put_ready(&mut self, from: NodeIndex, digest: Digest) -> (Put, Option<RootId>) {
        match self.ready.get(from.as_usize()).copied() {
            None => (Put::Known, None),
            Some(Some(id)) if *self.digest(id) == digest => (Put::Known, Some(id)),
            Some(Some(_)) => (Put::Conflict, None),
            Some(None) => {
                let id = self.intern(digest);
                self.ready[from.as_usize()] = Some(id);
                self.root_mut(id).ready.insert(from);
                (Put::Fresh, Some(id))
            }
        }
    }

    /// Takes a CAN_DECODE.
    pub(super) fn put_can_decode(&mut self, from: NodeIndex, digest: Digest) -> Put {
        match self.can_decode.get_mut(from.as_usize()) {
            None => Put::Known,
            Some(Some(known)) if *known == digest => Put::Known,
            Some(Some(_)) => Put::Conflict,
            Some(free) => {
                *free = Some(digest);
                Put::Fresh
            }
        }
    }

    /// Who said CAN_DECODE for this root.
    pub(super) fn can_decode(&self, digest: &Digest) -> NodeSet {
        self.committee
            .nodes()
            .zip(&self.can_decode)
            .filter(|(_, said)| said.as_ref() == Some(digest))
            .map(|(j, _)| j)
            .collect()
    }

    pub(super) fn forget_can_decode(&mut self, peer: NodeIndex) {
        if let Some(said) = self.can_decode.get_mut(peer.as_usize()) {
            *said = None;
        }
    }

    /// Whose shard of this root is held and verified.
    pub(super) fn verified(&self, id: RootId) -> NodeSet {
        self.held(id).filter(|(_, held)| held.leaf.is_some()).map(|(j, _)| j).collect()
    }

    fn held(&self, id: RootId) -> impl Iterator<Item = (NodeIndex, &Held)> {
        self.root(id).full.iter().filter_map(|j| Some((j, self.echo.get(j.as_usize())?.as_ref()?.held.as_ref()?)))
    }

    /// The held shards of `among`, lowest index first.
    pub(super) fn candidates(&self, id: RootId, among: &NodeSet) -> Vec<Candidate> {
        self.held(id).filter(|(j, _)| among.contains(*j)).map(|(j, held)| (j, held.shard.clone(), held.leaf)).collect()
    }

    pub(super) fn mark_verified(&mut self, id: RootId, node: NodeIndex, leaf: LeafHash) {
        if let Some(Some(Echo { root, held: Some(held), .. })) = self.echo.get_mut(node.as_usize())
            && *root == id
        {
            held.leaf = Some(leaf);
        }
    }

    /// Drops a bad shard. The vote stays.
    pub(super) fn drop_bad(&mut self, id: RootId, node: NodeIndex) {
        if let Some(Some(echo)) = self.echo.get_mut(node.as_usize())
            && echo.root == id
        {
            echo.held = None;
            echo.spent = !planted("rbc-second-try");
            self.root_mut(id).full.remove(node);
        }
    }

    /// Latches an outcome; the shards of the root have done their service.
    pub(super) fn settle(&mut self, id: RootId, outcome: Option<Body>) {
        let root = self.root_mut(id);
        if root.outcome.is_none() {
            root.outcome = Some(outcome);
        }
        self.drop_shards(id);
    }

    /// Takes the outcome out for delivery and drops everything bulky: no more decoding will be needed.
    pub(super) fn close(&mut self, id: RootId) -> Option<Body> {
        self.closed = true;
        let outcome = self.root_mut(id).outcome.as_mut().and_then(Option::take);
        for other in self.ids() {
            self.drop_shards(other);
            if let Some(body) = &mut self.root_mut(other).outcome {
                *body = None;
            }
        }
        outcome
    }

    fn drop_shards(&mut self, id: RootId) {
        let full = std::mem::take(&mut self.root_mut(id).full);
        for node in full.iter() {
            if let Some(Some(echo)) = self.echo.get_mut(node.as_usize()) {
                echo.held = None;
            }
        }
    }
}
