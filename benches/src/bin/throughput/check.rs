//! What the nodes put out: compared byte by byte with each other and with what was submitted.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use mellivora::{Batch, Digest, Epoch, NodeIndex, Position};

/// What one node has put out.
#[derive(Debug, Default)]
struct Ledger {
    /// Hash of all transactions in their order, each with its length.
    content: blake3::Hasher,
    transactions: u64,
    digests: HashMap<Epoch, Digest>,
    last: Option<Epoch>,
}

/// The ledgers of all honest nodes.
#[derive(Debug)]
pub(crate) struct Ledgers {
    nodes: Vec<(NodeIndex, Ledger)>,
    /// Transactions that were submitted and are not yet in the ledgers.
    open: HashSet<Bytes>,
}

/// Whether a transaction was proposed by an honest node; those are the first ones. A faulty one may order what it likes.
pub(crate) fn is_ours(position: &Position, honest: usize) -> bool {
    position.proposer.as_usize() < honest
}

impl Ledgers {
    /// Empty ledgers.
    pub(crate) fn new(nodes: impl IntoIterator<Item = NodeIndex>) -> Self {
        Ledgers { nodes: nodes.into_iter().map(|node| (node, Ledger::default())).collect(), open: HashSet::new() }
    }

    /// Takes what each node has put out since the last call, and what was submitted for it. Returns how many different
    /// submitted transactions every node has put out.
    ///
    /// # Errors
    ///
    /// When ledgers differ in content, order or state digest, or a transaction is lost, foreign or there twice.
    pub(crate) fn extend(&mut self, submitted: &[Vec<Bytes>], batches: &[Vec<Batch>]) -> Result<u64, String> {
        self.open.extend(submitted.iter().flatten().cloned());
        let (mut committed, honest) = (0, self.nodes.len());
        for (i, ((node, ledger), batches)) in self.nodes.iter_mut().zip(batches).enumerate() {
            for batch in batches {
                if ledger.last.is_some_and(|last| batch.epoch() != last.next()) {
                    return Err(format!("node {node} put out epoch {} out of order", batch.epoch()));
                }
                ledger.last = Some(batch.epoch());
                ledger.digests.insert(batch.epoch(), batch.digest());
                for (position, transaction) in batch.iter() {
                    ledger.content.update(&(transaction.len() as u64).to_le_bytes());
                    ledger.content.update(transaction);
                    ledger.transactions += 1;
                    // Equal ledgers need to be looked up once.
                    if i == 0 && is_ours(&position, honest) {
                        if !self.open.remove(transaction) {
                            return Err(format!(
                                "epoch {} holds a transaction that is foreign or known",
                                batch.epoch()
                            ));
                        }
                        committed += 1;
                    }
                }
            }
        }
        self.compare()?;
        match self.open.len() {
            0 => Ok(committed),
            lost => Err(format!("{lost} transactions were lost")),
        }
    }

    fn compare(&self) -> Result<(), String> {
        let Some(((first, ours), others)) = self.nodes.split_first() else { return Ok(()) };
        for (node, theirs) in others {
            if ours.transactions != theirs.transactions || ours.content.finalize() != theirs.content.finalize() {
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
