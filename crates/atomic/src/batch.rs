//! What comes out: ordered batches.

use std::sync::Arc;

use mellivora_core::{Digest, Epoch, NodeIndex};

use crate::transactions::Transactions;

/// A name that the user of a node gives to one of its own submissions, to recognise it when it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The place of a transaction in the total order. Positions compare as the order does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The epoch whose batch holds it.
    pub epoch: Epoch,
    /// Its place in the batch, from 0.
    pub index: u32,
    /// The node that proposed it (the one with the lowest index, if several did).
    pub proposer: NodeIndex,
}

/// The transactions of one chosen slot.
#[derive(Clone, Debug)]
pub(crate) struct BatchSlot {
    pub(crate) proposer: NodeIndex,
    pub(crate) transactions: Transactions,
}

/// One ordered batch: the same at every honest node. Cloning copies nothing.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) epoch: Epoch,
    pub(crate) digest: Digest,
    pub(crate) slots: Vec<BatchSlot>,
    pub(crate) committed: Vec<(Ticket, Position)>,
}

impl Batch {
    /// The epoch that this batch closes. Batches come in the order of their epochs, without gaps.
    pub fn epoch(&self) -> Epoch {
        self.inner.epoch
    }

    /// Number of transactions.
    pub fn len(&self) -> usize {
        self.inner.slots.iter().map(|slot| slot.transactions.spans.len()).sum()
    }

    /// Whether no transaction was ordered in this epoch.
    pub fn is_empty(&self) -> bool {
        self.inner.slots.iter().all(|slot| slot.transactions.spans.is_empty())
    }

    /// Bytes of all transactions.
    pub fn bytes(&self) -> usize {
        let spans = self.inner.slots.iter().flat_map(|slot| &slot.transactions.spans);
        spans.map(|(start, end)| (end - start) as usize).sum()
    }

    /// The transactions with their positions, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Position, &[u8])> {
        let slots = self.inner.slots.iter();
        let transactions = slots.flat_map(|slot| slot.transactions.iter().map(move |bytes| (slot.proposer, bytes)));
        transactions
            .zip(0u32..)
            .map(|((proposer, bytes), index)| (Position { epoch: self.inner.epoch, index, proposer }, bytes))
    }

    /// The nodes whose contributions were chosen, in the order of the batch; a node with several comes as often.
    pub fn proposers(&self) -> impl Iterator<Item = NodeIndex> {
        self.inner.slots.iter().map(|slot| slot.proposer)
    }

    /// Digest of the whole history up to and including this batch: each covers its predecessor. Equal digests mean
    /// equal histories.
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// The submissions of this very node that this batch commits, with their positions. The only part of a batch that
    /// differs between nodes.
    pub fn committed(&self) -> &[(Ticket, Position)] {
        &self.inner.committed
    }
}
