//! One common coin: collects shares and combines them.
//!
//! # What it guarantees
//!
//! Every coin has a name, the digest of a domain with its round. All honest nodes that learn the value of a name learn
//! the same one; nobody learns it before one honest node has released its share of that name.
//!
//! ```text
//!  share of j  --add-->  shares, one per sender, unverified  --(f + 1)-->  CoinJob: combine  --done-->  value
//!                                     ^                                        |
//!                                     +------- culprits out, next shares ------+
//!  gate opens  --release-->  CoinJob: own share  --done-->  the caller multicasts it
//! ```
//!
//! # Rules
//!
//! * *add*: the first share of each sender counts, later ones are ignored. Two different encodings of one share are no
//!   fault: a node that restarted may prove the same share anew.
//! * *combine*: as soon as f + 1 shares of nodes that are not known culprits are there, they are combined as a job. The
//!   scheme verifies the value or the shares it uses, so no unverified share ever decides a coin. Without a value, the
//!   culprits it names are put aside, and the rest is tried again as soon as it holds f + 1.
//! * *release*: the own share is made only when the caller opens the gate, once, and also when the value is already
//!   known: others may still need it.
//!
//! # Cost
//!
//! One combination of f + 1 shares in the good case; each bad sender costs at most one more. Memory: one share per
//! node (at most [`CoinShare::MAX_BYTES`] each) until the value is known; after it nothing but the value, and the shares that
//! gave it if they are to be shown to others.

use std::sync::Arc;

use mellivora_core::{Digest, Job, NodeIndex, NodeSet, planted};
use mellivora_crypto::{CoinCombination, CoinScheme, CoinShare, CoinValue};

/// One coin at one node. See the [module page](self).
#[derive(Debug)]
pub struct CoinInstance {
    scheme: Arc<dyn CoinScheme>,
    name: Digest,
    /// f + 1.
    threshold: usize,
    /// Shares in order of arrival, without those of culprits.
    shares: Vec<(NodeIndex, CoinShare)>,
    heard: NodeSet,
    /// Number of shares at the last attempt, if it taught nothing: another one needs more.
    exhausted: usize,
    combining: bool,
    released: bool,
    value: Option<CoinValue>,
    /// Whether the shares that gave the value are kept.
    proving: bool,
}

impl CoinInstance {
    /// The coin `name`, of which `threshold` (f + 1) shares give the value.
    pub fn new(scheme: Arc<dyn CoinScheme>, name: Digest, threshold: usize) -> Self {
        CoinInstance {
            scheme,
            name,
            threshold,
            shares: Vec::new(),
            heard: NodeSet::EMPTY,
            exhausted: 0,
            combining: false,
            released: false,
            value: None,
            proving: false,
        }
    }

    /// The same, and it keeps the shares that gave the value, to prove it to others.
    #[must_use]
    pub fn proving(self) -> Self {
        CoinInstance { proving: true, ..self }
    }

    /// Shares that give the value to whoever combines them, once it is known. Empty unless it is a
    /// [`proving`](Self::proving) one.
    pub fn proof(&self) -> &[(NodeIndex, CoinShare)] {
        if self.value.is_some() { &self.shares } else { &[] }
    }

    /// Takes the value from shares that somebody else has shown, after they were combined.
    pub fn learn(&mut self, value: CoinValue, shares: Vec<(NodeIndex, CoinShare)>) {
        if self.value.is_none() {
            self.value = Some(value);
            self.shares = if self.proving { shares } else { Vec::new() };
        }
    }

    /// The value, once known.
    pub fn value(&self) -> Option<CoinValue> {
        self.value
    }

    /// Whether the gate was opened.
    pub fn released(&self) -> bool {
        self.released
    }

    /// Opens the gate: the protocol allows this node's share from now on. Returns the job that makes it, the first
    /// time.
    pub fn release(&mut self) -> Option<CoinJob> {
        if self.released || planted("coin-no-share-when-known") && self.value.is_some() {
            return None;
        }
        self.released = true;
        Some(CoinJob { scheme: self.scheme.clone(), name: self.name, task: Task::Share })
    }

    /// Takes the share of `from`. May return a job that combines.
    pub fn add(&mut self, from: NodeIndex, share: CoinShare) -> Option<CoinJob> {
        if self.value.is_some() || !self.heard.insert(from) && !planted("coin-sender-counts-twice") {
            return None;
        }
        self.shares.push((from, share));
        self.try_combine()
    }

    /// Takes the result of a combination. Returns the nodes whose shares are invalid, and the next attempt if there is
    /// one to make.
    pub fn combined(&mut self, combination: CoinCombination) -> (NodeSet, Option<CoinJob>) {
        self.combining = false;
        if self.value.is_some() {
            return (NodeSet::EMPTY, None);
        }
        if let Some(value) = combination.value {
            self.value = Some(value);
            // What came while these were combined has not been looked at.
            self.shares.truncate(if self.proving { self.exhausted } else { 0 });
            self.shares.retain(|(from, _)| !combination.culprits.contains(*from));
            self.shares.shrink_to_fit();
            return (combination.culprits, None);
        }
        let before = self.shares.len();
        self.shares.retain(|(from, _)| !combination.culprits.contains(*from) || planted("coin-culprits-kept"));
        if self.shares.len() < before && !planted("coin-no-second-attempt") {
            // Something was learnt: the rest may be tried again. Each such attempt removes a sender, so this ends.
            self.exhausted = 0;
        }
        (combination.culprits, self.try_combine())
    }

    /// Bytes held, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.shares.iter().map(|(_, s)| size_of::<(NodeIndex, CoinShare)>() + s.as_bytes().len()).sum::<usize>()
    }

    fn try_combine(&mut self) -> Option<CoinJob> {
        let threshold = self.threshold - usize::from(planted("coin-eager-job"));
        if self.combining || self.shares.len() < threshold || self.shares.len() <= self.exhausted {
            return None;
        }
        self.combining = true;
        self.exhausted = self.shares.len();
        let task = Task::Combine(self.shares.clone());
        Some(CoinJob { scheme: self.scheme.clone(), name: self.name, task })
    }
}

#[derive(Clone, Debug)]
enum Task {
    Share,
    Combine(Vec<(NodeIndex, CoinShare)>),
}

/// The cryptography of a coin, as a value.
#[derive(Clone, Debug)]
pub struct CoinJob {
    scheme: Arc<dyn CoinScheme>,
    name: Digest,
    task: Task,
}

/// What a [`CoinJob`] gives.
#[derive(Clone, Debug)]
pub enum CoinDone {
    /// This node's own share, to be sent to all.
    Share(CoinShare),
    /// For [`CoinInstance::combined`].
    Combined(CoinCombination),
}

impl Job for CoinJob {
    type Done = CoinDone;

    fn run(self) -> CoinDone {
        match self.task {
            Task::Share => CoinDone::Share(self.scheme.share(&self.name)),
            Task::Combine(shares) => CoinDone::Combined(self.scheme.combine(&self.name, &shares)),
        }
    }
}
