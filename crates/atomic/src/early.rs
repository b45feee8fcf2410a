//! Messages of epochs that this node does not run yet.
//!
//! Each peer has room of its own, enough for everything an honest node says in the epochs between the pipeline and the
//! window, so that no peer can use up another's. What exceeds the room is dropped and is a fault: an honest node holds
//! back what lies beyond the announced window and says only so much in an epoch.

use std::collections::BTreeMap;

use mellivora_core::{Committee, Epoch, Limits, Message, NodeIndex, planted};

use crate::bounds::honest_epoch;

/// See the [module page](self).
#[derive(Clone, Debug)]
pub(crate) struct Early<M> {
    room: usize,
    used: Vec<usize>,
    held: BTreeMap<Epoch, Vec<(NodeIndex, M)>>,
}

impl<M: Message> Early<M> {
    pub(crate) fn new(committee: Committee, limits: &Limits) -> Self {
        let epochs = usize::try_from(limits.epochs_ahead).unwrap_or(usize::MAX).saturating_add(1);
        Early {
            room: honest_epoch(committee, limits).saturating_mul(epochs),
            used: vec![0; committee.n()],
            held: BTreeMap::new(),
        }
    }

    /// Keeps a message; false when the sender's room is used up.
    pub(crate) fn hold(&mut self, from: NodeIndex, epoch: Epoch, message: M) -> bool {
        let Some(used) = self.used.get_mut(from.as_usize()) else { return false };
        let bytes = message.memory();
        if used.saturating_add(bytes) > self.room && !planted("early-room-unlimited") {
            return false;
        }
        *used += bytes;
        self.held.entry(epoch).or_default().push((from, message));
        true
    }

    /// Takes out what is held for `epoch`, in the order of arrival.
    pub(crate) fn take(&mut self, epoch: Epoch) -> Vec<(NodeIndex, M)> {
        let messages = self.held.remove(&epoch).unwrap_or_default();
        for (from, message) in &messages {
            if let Some(used) = self.used.get_mut(from.as_usize()) {
                *used = used.saturating_sub(if planted("early-room-leaks") { 0 } else { message.memory() });
            }
        }
        messages
    }

    /// Drops what is held for closed epochs.
    pub(crate) fn close_below(&mut self, low: Epoch) {
        while let Some(epoch) = self.held.keys().next().copied().filter(|epoch| *epoch < low) {
            self.take(epoch);
        }
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.used.iter().sum()
    }
}
