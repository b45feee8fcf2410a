//! What the nodes put out: compared byte by byte with each other and with what was submitted.
//!
//! A batch is looked at when it comes and let go, as by a program that applies it: nothing is kept but hashes.

use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, Write};
use std::time::Duration;

use bytes::Bytes;
use mellivora::{Batch, Digest, Epoch, NodeIndex, Position};
use mellivora_benches::clock::thread_cpu;

/// What one node has put out.
#[derive(Debug)]
struct Ledger {
    /// Hash of all transactions in their order, each with its length. Large pieces are hashed faster than small ones.
    content: BufWriter<blake3::Hasher>,
    transactions: u64,
    digests: HashMap<Epoch, Digest>,
    last: Option<Epoch>,
}

impl Ledger {
    fn new() -> Self {
        let content = BufWriter::with_capacity(64 << 10, blake3::Hasher::new());
        Ledger { content, transactions: 0, digests: HashMap::new(), last: None }
    }

    fn append(&mut self, transaction: &[u8]) {
        let length = (transaction.len() as u64).to_le_bytes();
        let written = self.content.write_all(&length).and_then(|()| self.content.write_all(transaction));
        debug_assert!(written.is_ok(), "a hash takes everything: {written:?}");
        self.transactions += 1;
    }

    fn hash(&mut self) -> blake3::Hash {
        let flushed = self.content.flush();
        debug_assert!(flushed.is_ok(), "a hash takes everything: {flushed:?}");
        self.content.get_ref().finalize()
    }
}

/// The ledgers of all honest nodes.
#[derive(Debug)]
pub(crate) struct Ledgers {
    nodes: Vec<(NodeIndex, Ledger)>,
    /// Transactions that were submitted and are not yet in the ledgers.
    open: HashSet<Bytes>,
    committed: u64,
    spent: Duration,
}

/// Whether a transaction was proposed by an honest node; those are the first ones. A faulty one may order what it likes.
pub(crate) fn is_ours(position: &Position, honest: usize) -> bool {
    position.proposer.as_usize() < honest
}

impl Ledgers {
    /// Empty ledgers.
    pub(crate) fn new(nodes: impl IntoIterator<Item = NodeIndex>) -> Self {
        let nodes = nodes.into_iter().map(|node| (node, Ledger::new())).collect();
        Ledgers { nodes, open: HashSet::new(), committed: 0, spent: Duration::ZERO }
    }

    /// Expects these transactions in every ledger before the next [`settle`](Self::settle).
    pub(crate) fn expect(&mut self, submitted: &[Vec<Bytes>]) {
        self.open.extend(submitted.iter().flatten().cloned());
    }

    /// Takes a batch that the honest node number `at` has put out.
    ///
    /// # Errors
    ///
    /// When an epoch is out of order, or a transaction foreign or there twice.
    pub(crate) fn take(&mut self, at: usize, batch: &Batch) -> Result<(), String> {
        let before = thread_cpu();
        let honest = self.nodes.len();
        let Some((node, ledger)) = self.nodes.get_mut(at) else { return Err(format!("there is no node {at}")) };
        if ledger.last.is_some_and(|last| batch.epoch() != last.next()) {
            return Err(format!("node {node} put out epoch {} out of order", batch.epoch()));
        }
        ledger.last = Some(batch.epoch());
        ledger.digests.insert(batch.epoch(), batch.digest());
        for (position, transaction) in batch.iter() {
            ledger.append(transaction);
            // Equal ledgers need to be looked up once.
            if at == 0 && is_ours(&position, honest) {
                if !self.open.remove(transaction) {
                    return Err(format!("epoch {} holds a transaction that is foreign or known", batch.epoch()));
                }
                self.committed += 1;
            }
        }
        self.spent += thread_cpu().saturating_sub(before);
        Ok(())
    }

    /// CPU time that [`take`](Self::take) has taken since this was last asked: it is no work of the cluster.
    pub(crate) fn spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// Compares the ledgers. Returns how many different submitted transactions every node has put out since the last call.
    ///
    /// # Errors
    ///
    /// When ledgers differ in content, order or state digest, or a transaction is lost.
    pub(crate) fn settle(&mut self) -> Result<u64, String> {
        self.compare()?;
        match self.open.len() {
            0 => Ok(std::mem::take(&mut self.committed)),
            lost => Err(format!("{lost} transactions were lost")),
        }
    }

    fn compare(&mut self) -> Result<(), String> {
        let Some(((first, ours), others)) = self.nodes.split_first_mut() else { return Ok(()) };
        let hash = ours.hash();
        for (node, theirs) in others {
            if ours.transactions != theirs.transactions || hash != theirs.hash() {
                return Err(format!("the ledgers of nodes {first} and {node} differ"));
            }
            // The last epochs may be empty ones that only some have handed out so far.
            for (epoch, digest) in &theirs.digests {
                if ours.digests.get(epoch).is_some_and(|other| other != digest) {
                    return Err(format!("nodes {first} and {node} have different states after epoch {epoch}"));
                }
            }
        }
        Ok(())
    }
}
