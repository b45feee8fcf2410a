//! One slot of an epoch on its way from chosen to settled.

use std::sync::Arc;

use mellivora_coding::{Body, Contribution};
use mellivora_core::{Digest, NodeIndex, NodeSet, planted};
use mellivora_crypto::{DecryptionProof, DecryptionShare};

use crate::header::Outcome;
use crate::transactions::Transactions;

/// How far a slot is.
#[derive(Debug)]
pub(super) enum Stage {
    /// Not known to be chosen; shares may arrive already.
    Open,
    /// A job parses or checks it.
    Inspecting,
    /// A valid ciphertext: waits for f + 1 shares, or for proofs when `proving`.
    Sealed,
    /// A job tries to open it; whether all its shares were proven.
    Opening { proven: bool },
    /// Nothing more can change.
    Settled { outcome: Outcome, transactions: Option<Transactions> },
}

/// See the [module page](self).
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) stage: Stage,
    /// Who proposed it.
    pub(super) proposer: NodeIndex,
    /// What it is sealed under, if it is.
    pub(super) label: Option<Digest>,
    pub(super) commitment: Digest,
    pub(super) body: Option<Body>,
    /// Header of the ciphertext.
    pub(super) header: Arc<[u8]>,
    /// Digest of the sealed part, once the ciphertext is known to be valid.
    pub(super) sealed: Option<Digest>,
    /// First share of each node, by node; a proven one replaces it.
    shares: Vec<Option<DecryptionShare>>,
    held: NodeSet,
    /// Nodes whose share is proven.
    pub(super) proven: NodeSet,
    /// Nodes that sent a proof. It is checked, good or bad, and no second one is.
    pub(super) showed: NodeSet,
    /// An opening failed: only proven shares count, and the proofs were asked for.
    pub(super) proving: bool,
    /// Shares of the attempt that failed.
    pub(super) suspects: Vec<(NodeIndex, DecryptionShare)>,
    /// Own share: computed, and released once its gate was open.
    pub(super) own: Option<DecryptionShare>,
    pub(super) released: bool,
    /// Own proof, made on first demand.
    pub(super) proof: Option<DecryptionProof>,
    pub(super) proof_in_work: bool,
    /// Who asked for the proof and has not got it.
    pub(super) askers: NodeSet,
    /// Who got it, in its present incarnation.
    pub(super) answered: NodeSet,
    /// Whose demand was counted as needless.
    pub(super) charged: NodeSet,
}

/// What came of a share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Held {
    New,
    Known,
    Conflicting,
}

impl Slot {
    pub(super) fn new(proposer: NodeIndex, label: Option<Digest>) -> Self {
        Slot {
            stage: Stage::Open,
            proposer,
            label,
            commitment: Digest::default(),
            body: None,
            header: Arc::from([]),
            sealed: None,
            shares: Vec::new(),
            held: NodeSet::EMPTY,
            proven: NodeSet::EMPTY,
            showed: NodeSet::EMPTY,
            proving: false,
            suspects: Vec::new(),
            own: None,
            released: false,
            proof: None,
            proof_in_work: false,
            askers: NodeSet::EMPTY,
            answered: NodeSet::EMPTY,
            charged: NodeSet::EMPTY,
        }
    }

    /// The subset chose this slot.
    pub(super) fn choose(&mut self, contribution: Contribution) {
        self.commitment = contribution.commitment;
        self.body = contribution.body;
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Settled { .. })
    }

    /// Nothing more can change; shares are of no use any more.
    pub(super) fn settle(&mut self, outcome: Outcome, transactions: Option<Transactions>) {
        self.stage = Stage::Settled { outcome, transactions };
        self.shares = Vec::new();
        self.suspects = Vec::new();
    }

    /// Keeps the first share of a node.
    pub(super) fn hold(&mut self, n: usize, from: NodeIndex, share: DecryptionShare) -> Held {
        if self.shares.is_empty() {
            self.shares = vec![None; n];
        }
        match self.shares.get_mut(from.as_usize()) {
            Some(slot @ None) => {
                *slot = Some(share);
                self.held.insert(from);
                Held::New
            }
            Some(Some(first)) if *first == share => Held::Known,
            _ => Held::Conflicting,
        }
    }

    /// A node's share was verified: it replaces the first one. False if the first one was different.
    pub(super) fn prove(&mut self, n: usize, from: NodeIndex, share: DecryptionShare) -> bool {
        let same = self.hold(n, from, share) != Held::Conflicting;
        if let Some(slot) = self.shares.get_mut(from.as_usize()).filter(|_| !planted("epoch-proven-share-dropped")) {
            *slot = Some(share);
        }
        self.proven.insert(from);
        same
    }

    /// The share of `from`, if it was held.
    pub(super) fn share_of(&self, from: NodeIndex) -> Option<DecryptionShare> {
        self.shares.get(from.as_usize()).copied().flatten()
    }

    /// Exactly `count` shares that may be combined now, lowest nodes first; `None` while there are fewer. After a
    /// failed opening only proven shares count; before, those of distrusted nodes do not.
    pub(super) fn usable(&self, count: usize, distrusted: &NodeSet) -> Option<Vec<(NodeIndex, DecryptionShare)>> {
        let believed = if planted("epoch-liars-combined") { self.held } else { self.held.difference(distrusted) };
        let usable = if self.proving { self.proven } else { believed.union(&self.proven) };
        if usable.len() < count {
            return None;
        }
        let shares = usable.iter().filter_map(|node| Some((node, self.share_of(node)?)));
        Some(shares.take(count).collect())
    }

    /// Shares that are held and neither proven nor refuted.
    pub(super) fn unproven(&self) -> Vec<(NodeIndex, DecryptionShare)> {
        let nodes = self.held.difference(&self.proven);
        nodes.iter().filter_map(|node| Some((node, self.share_of(node)?))).collect()
    }

    /// Drops a share that does not verify.
    pub(super) fn refute(&mut self, from: NodeIndex) {
        self.held.remove(from);
    }

    /// Bytes of memory, about: the contribution and what was opened included.
    pub(super) fn memory(&self) -> usize {
        let opened = match &self.stage {
            Stage::Settled { transactions: Some(transactions), .. } => transactions.memory(),
            _ => 0,
        };
        let suspects = self.suspects.capacity() * size_of::<(NodeIndex, DecryptionShare)>();
        let shares = self.shares.capacity() * size_of::<Option<DecryptionShare>>();
        size_of::<Self>() + shares + suspects + self.header.len() + self.body.as_ref().map_or(0, Body::len) + opened
    }
}
