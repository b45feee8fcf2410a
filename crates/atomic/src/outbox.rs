//! The outbox: own messages of open epochs, kept until the epoch closes.
//!
//! Protocols decide only *that* a message exists. The outbox decides, per peer, *when* it goes:
//!
//! * an epoch's messages go to a peer once the epoch lies within the peer's announced window, `epoch <= low + W`;
//! * a statement of round r of a binary agreement goes once the peer was seen in a round >= r - R of that instance;
//! * after a link lost messages, or for a new incarnation of the peer, everything within its window goes again.
//!
//! **LAW.** Nothing of an open epoch is ever dropped. Memory is bounded because epochs are: a node runs at most P of
//! them, and what it says in one is bounded. Each message is kept once, whoever it is for, and bulk is shared with the
//! protocol that made it.

use std::collections::{BTreeMap, VecDeque};

use mellivora_core::{Committee, Durable, Epoch, Limits, Message, NodeIndex, NodeSet, Round, To, planted};

/// One own message.
#[derive(Clone, Debug)]
struct Item<M> {
    to: NodeSet,
    message: M,
}

/// What is known of a peer, in its present incarnation.
#[derive(Clone, Debug)]
struct Peer<M> {
    /// Its lowest open epoch, as announced.
    low: Epoch,
    /// The highest round in which it was seen, by epoch and instance.
    seen: BTreeMap<Epoch, Vec<Round>>,
    /// Statements that wait for it to reach a round.
    held: VecDeque<(Epoch, Durable, M)>,
}

/// Where released messages go: the receivers, whether they commit, the message.
pub(crate) type Release<'a, M> = &'a mut dyn FnMut(To, Durable, M);

/// See the [module page](self).
#[derive(Clone, Debug)]
pub(crate) struct Outbox<M> {
    committee: Committee,
    me: NodeIndex,
    window: u64,
    rounds_ahead: u32,
    epochs: BTreeMap<Epoch, Vec<Item<M>>>,
    peers: Vec<Peer<M>>,
}

impl<M: Message> Outbox<M> {
    pub(crate) fn new(committee: Committee, me: NodeIndex, limits: &Limits) -> Self {
        let peer = || Peer { low: Epoch(0), seen: BTreeMap::new(), held: VecDeque::new() };
        Outbox {
            committee,
            me,
            window: limits.epochs_ahead,
            rounds_ahead: limits.rounds_ahead,
            epochs: BTreeMap::new(),
            peers: committee.nodes().map(|_| peer()).collect(),
        }
    }

    /// Takes a new own message of `epoch` in and releases it to everybody who may have it.
    pub(crate) fn push(&mut self, epoch: Epoch, to: To, durable: Durable, message: M, release: Release<'_, M>) {
        let one = matches!(to, To::Node(_));
        let to = self.store(epoch, to, message.clone());
        let ready: NodeSet = to.iter().filter(|&peer| self.in_window(peer, epoch)).collect();
        let mut highest = Round(0);
        message.rounds(&mut |_, round| highest = highest.max(round));
        if highest.0 <= self.rounds_ahead {
            // No peer can be too far behind for it: one message for all.
            match ready.iter().next() {
                None => {}
                // A message for one node stays one: after a restart it must not be taken for a narrowed set.
                Some(node) if one => release(To::Node(node), durable, message),
                Some(_) if ready == self.committee.all() => release(To::All, durable, message),
                Some(_) => release(To::Set(ready), durable, message),
            }
        } else {
            for peer in ready.iter() {
                self.offer(peer, epoch, durable, message.clone(), release);
            }
        }
    }

    /// Puts a message back that was said before a restart. It goes out when a peer connects.
    pub(crate) fn recall(&mut self, epoch: Epoch, to: To, message: M) {
        // A set may have been narrowed by a window when the message was released; it was meant for everybody whom
        // the window held back, too. More receivers do no harm.
        let to = if let (To::Set(_), false) = (to, planted("outbox-recalls-narrowed")) { To::All } else { to };
        self.store(epoch, to, message);
    }

    fn store(&mut self, epoch: Epoch, to: To, message: M) -> NodeSet {
        let to = match to {
            To::All => self.committee.all(),
            To::Node(node) => NodeSet::one(node),
            To::Set(set) => set,
        };
        if !planted("outbox-forgets") {
            self.epochs.entry(epoch).or_default().push(Item { to, message });
        }
        to
    }

    /// A message of `epoch` came from `from`: it may show the sender in a later round, which releases what waited.
    pub(crate) fn observe(&mut self, from: NodeIndex, epoch: Epoch, message: &M, release: Release<'_, M>) {
        if from == self.me {
            return;
        }
        let n = self.committee.n();
        let Some(peer) = self.peers.get_mut(from.as_usize()) else { return };
        let seen = peer.seen.entry(epoch).or_insert_with(|| vec![Round(0); n]);
        let mut advanced = false;
        message.rounds(&mut |instance, round| {
            if let Some(seen) = seen.get_mut(instance.as_usize()).filter(|seen| **seen < round) {
                *seen = round;
                advanced = true;
            }
        });
        if advanced && !peer.held.is_empty() && !planted("outbox-held-for-ever") {
            for (epoch, durable, message) in std::mem::take(&mut peer.held) {
                self.offer(from, epoch, durable, message, release);
            }
        }
    }

    /// `peer` announced its lowest open epoch: what its window now covers goes out.
    pub(crate) fn announced(&mut self, peer: NodeIndex, low: Epoch, release: Release<'_, M>) {
        let Some(state) = self.peers.get_mut(peer.as_usize()) else { return };
        if low <= state.low {
            return;
        }
        let first = state.low.plus(self.window).next();
        state.low = low;
        state.seen = state.seen.split_off(&low);
        state.held.retain(|(epoch, ..)| *epoch >= low);
        let last = low.plus(self.window);
        if planted("outbox-window-moves-silently") {
            return;
        }
        self.repeat(peer, first, last, release);
    }

    /// The link to `peer` lost messages: everything within its window goes again.
    pub(crate) fn resend(&mut self, peer: NodeIndex, release: Release<'_, M>) {
        let Some(state) = self.peers.get_mut(peer.as_usize()) else { return };
        state.held.clear();
        if planted("outbox-repeats-nothing") {
            return;
        }
        let last = state.low.plus(self.window);
        self.repeat(peer, Epoch(0), last, release);
    }

    /// `peer` has a new incarnation: what was learnt from it is forgotten, and everything within its window goes.
    pub(crate) fn forget(&mut self, peer: NodeIndex, release: Release<'_, M>) {
        if let Some(state) = self.peers.get_mut(peer.as_usize()).filter(|_| !planted("outbox-old-incarnation")) {
            state.low = Epoch(0);
            state.seen.clear();
        }
        self.resend(peer, release);
    }

    /// The lowest open epoch that `peer` announced.
    pub(crate) fn low_of(&self, peer: NodeIndex) -> Epoch {
        self.peers.get(peer.as_usize()).map_or(Epoch(0), |peer| peer.low)
    }

    /// Epochs below `low` are closed here: their messages are freed.
    pub(crate) fn close_below(&mut self, low: Epoch) {
        self.epochs = self.epochs.split_off(&low);
        for peer in &mut self.peers {
            peer.seen = peer.seen.split_off(&low);
            peer.held.retain(|(epoch, ..)| *epoch >= low);
        }
    }

    /// Bytes of memory, about; bulk that is shared with a protocol counts as if it were not.
    pub(crate) fn memory(&self) -> usize {
        let items = self.epochs.values().flatten().map(|item| item.message.memory()).sum::<usize>();
        let held = self.peers.iter().flat_map(|peer| &peer.held).map(|(_, _, message)| message.memory());
        items + held.sum::<usize>()
    }

    fn in_window(&self, peer: NodeIndex, epoch: Epoch) -> bool {
        peer == self.me || epoch <= self.low_of(peer).plus(self.window) || planted("outbox-window-ignored")
    }

    /// Sends again what epochs `first..=last` hold for `peer`.
    fn repeat(&mut self, peer: NodeIndex, first: Epoch, last: Epoch, release: Release<'_, M>) {
        if peer == self.me || first > last {
            return;
        }
        let mut due = Vec::new();
        for (epoch, items) in self.epochs.range(first..=last) {
            for item in items.iter().filter(|item| item.to.contains(peer)) {
                due.push((*epoch, item.message.clone()));
            }
        }
        for (epoch, message) in due {
            self.offer(peer, epoch, Durable::No, message, release);
        }
    }

    /// Releases to one peer what it can take and holds the rest.
    fn offer(&mut self, to: NodeIndex, epoch: Epoch, durable: Durable, message: M, release: Release<'_, M>) {
        let Some(peer) = self.peers.get_mut(to.as_usize()) else { return };
        let (now, later) = if to == self.me {
            (Some(message), None)
        } else {
            let seen = peer.seen.get(&epoch);
            let reached = |instance: NodeIndex| seen.and_then(|s| s.get(instance.as_usize())).map_or(0, |r| r.0);
            let ahead = self.rounds_ahead;
            message.split(&|instance, round: Round| round.0 <= reached(instance).saturating_add(ahead))
        };
        if let Some(now) = now {
            release(To::Node(to), durable, now);
        }
        if let Some(later) = later.filter(|_| !planted("outbox-drops-later-rounds")) {
            peer.held.push_back((epoch, durable, later));
        }
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
