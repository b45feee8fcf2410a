//! One node's ledger: what it committed, in order, checked as it comes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mellivora::core::hash::HashKey;
use mellivora::node::Batches;
use mellivora::{Batch, Digest};

use crate::source::PREFIX;

const LEDGER: HashKey = HashKey::new("mellivora/v1 example ledger");

/// Numbers that the program follows while it runs.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Transactions handed to the cluster; a sequence number at or above this is made up.
    pub(crate) submitted: AtomicU64,
    /// Transactions of this run in each honest node's ledger.
    pub(crate) committed: Vec<AtomicU64>,
}

impl Progress {
    pub(crate) fn new(ledgers: usize) -> Arc<Self> {
        let committed = (0..ledgers).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Progress { submitted: AtomicU64::new(0), committed })
    }

    /// Transactions that every honest node has committed.
    pub(crate) fn everywhere(&self) -> u64 {
        self.committed.iter().map(|count| count.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    /// Moves whenever any node commits anything.
    pub(crate) fn anywhere(&self) -> u64 {
        self.committed.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// The ledger of one node.
pub(crate) struct Ledger {
    place: usize,
    tag: u64,
    progress: Arc<Progress>,
    file: Option<BufWriter<File>>,
    hasher: blake3::Hasher,
    /// One bit per sequence number.
    seen: Vec<u64>,
    pub(crate) epochs: u64,
    /// Distinct transactions of this run.
    pub(crate) committed: u64,
    /// Transactions of this run that came out twice, which must not be.
    pub(crate) repeated: u64,
    /// Transactions that faulty nodes made up; they are no part of the ledger.
    pub(crate) foreign: u64,
}

impl Ledger {
    /// An empty ledger, kept as a file too if there is a path. `place`: its number in `progress`.
    pub(crate) fn new(place: usize, tag: u64, progress: Arc<Progress>, path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(File::create).transpose()?.map(|file| BufWriter::with_capacity(1 << 20, file));
        Ok(Ledger {
            place,
            tag,
            progress,
            file,
            hasher: LEDGER.hasher(),
            seen: Vec::new(),
            epochs: 0,
            committed: 0,
            repeated: 0,
            foreign: 0,
        })
    }

    /// Takes everything that a node commits, until it stops.
    pub(crate) async fn follow(mut self, mut batches: Batches) -> io::Result<Ledger> {
        while let Some(batch) = batches.next().await {
            self.take(&batch)?;
        }
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(self)
    }

    fn take(&mut self, batch: &Batch) -> io::Result<()> {
        self.epochs += 1;
        let submitted = self.progress.submitted.load(Ordering::Acquire);
        for (_, transaction) in batch.iter() {
            let Some((sequence, line)) = self.own(transaction).filter(|(sequence, _)| *sequence < submitted) else {
                self.foreign += 1;
                continue;
            };
            let (word, bit) = ((sequence / 64) as usize, 1 << (sequence % 64));
            if word >= self.seen.len() {
                self.seen.resize(word + 1, 0);
            }
            if self.seen[word] & bit != 0 {
                self.repeated += 1;
            } else {
                self.seen[word] |= bit;
                self.committed += 1;
            }
            self.hasher.update(&(line.len() as u64).to_le_bytes());
            self.hasher.update(transaction);
            if let Some(file) = &mut self.file {
                file.write_all(line)?;
                file.write_all(b"\n")?;
            }
        }
        if let Some(count) = self.progress.committed.get(self.place) {
            count.store(self.committed, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sequence number and content, if the transaction is one of this run.
    fn own<'a>(&self, transaction: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let (prefix, line) = transaction.split_at_checked(PREFIX)?;
        let (tag, sequence) = prefix.split_at_checked(8)?;
        (tag == self.tag.to_be_bytes()).then_some((u64::from_be_bytes(sequence.try_into().ok()?), line))
    }

    /// Digest of all transactions in committed order, each with its length, client and sequence number.
    pub(crate) fn digest(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }
}
