//! The frame of schedulers that judge links: a queue per link, and those are held back that the rule says.

use std::collections::VecDeque;

use mellivora_core::{NodeIndex, NodeSet};
use mellivora_sim::{PendingKind, Scheduler, SimRng, View};
use rand::{RngExt, SeedableRng};

use super::Observe;
use super::ranked::first_from;

/// A link: the sender of a message, if it is one, and the node where it happens.
type Link = (Option<NodeIndex>, NodeIndex);

/// Says which links are slow now.
pub(super) trait Rule<P: Observe> {
    /// Called before every pick.
    fn look(&mut self, view: &View<'_, P>, rng: &mut SimRng);
    /// Whether what this link carries waits while anything else is pending.
    fn is_slow(&self, link: Link) -> bool;
}

/// A lane per link, picked at random among the links that are not slow.
pub(super) struct Lanes<R> {
    rule: R,
    rng: SimRng,
    /// Numbers of events, by link: senders 0 to n - 1 and one row for jobs and inputs, times receivers.
    lanes: Vec<VecDeque<u64>>,
    /// Lanes that hold something, in no order.
    busy: Vec<usize>,
    fresh: u64,
}

impl<R> Lanes<R> {
    pub(super) fn new(rule: R, seed: u64) -> Self {
        Lanes { rule, rng: SimRng::seed_from_u64(seed), lanes: Vec::new(), busy: Vec::new(), fresh: 0 }
    }

    fn link(lane: usize, n: usize) -> Link {
        let (from, at) = (lane / n, lane % n);
        ((from < n).then_some(NodeIndex(from as u16)), NodeIndex(at as u16))
    }
}

impl<P: Observe, R: Rule<P>> Scheduler<P> for Lanes<R> {
    fn pick(&mut self, view: &View<'_, P>) -> Option<usize> {
        let n = view.committee().n();
        self.lanes.resize_with(n * (n + 1), VecDeque::new);
        for position in first_from(view, self.fresh)..view.pending_len() {
            let pending = view.pending(position)?;
            let from = match pending.kind {
                PendingKind::Message { from, .. } => from.as_usize(),
                PendingKind::Job | PendingKind::Input => n,
            };
            let lane = from * n + pending.at.as_usize();
            if self.lanes[lane].is_empty() {
                self.busy.push(lane);
            }
            self.lanes[lane].push_back(pending.seq);
            self.fresh = pending.seq + 1;
        }
        self.rule.look(view, &mut self.rng);
        while !self.busy.is_empty() {
            // All lanes in order from a random one: the first that is fast, else that one.
            let start = self.rng.random_range(0..self.busy.len());
            let count = self.busy.len();
            let fast = (0..count)
                .map(|step| (start + step) % count)
                .find(|place| !self.rule.is_slow(Self::link(self.busy[*place], n)));
            let place = fast.unwrap_or(start);
            let lane = self.busy[place];
            let queue = &mut self.lanes[lane];
            let within = self.rng.random_range(0..queue.len().max(1));
            let seq = queue.swap_remove_front(within);
            if queue.is_empty() {
                self.busy.swap_remove(place);
            }
            let Some(seq) = seq else { continue };
            let position = first_from(view, seq);
            if view.pending(position).is_some_and(|pending| pending.seq == seq) {
                return Some(position);
            }
        }
        None
    }
}

/// One honest node, drawn once.
#[derive(Default)]
pub(super) struct SlowNode(Option<NodeIndex>);

impl<P: Observe> Rule<P> for SlowNode {
    fn look(&mut self, view: &View<'_, P>, rng: &mut SimRng) {
        if self.0.is_none() {
            self.0 = draw(view.honest(), rng);
        }
    }

    fn is_slow(&self, (from, at): Link) -> bool {
        self.0.is_some_and(|slow| slow == at || from == Some(slow))
    }
}

pub(super) fn draw(nodes: NodeSet, rng: &mut SimRng) -> Option<NodeIndex> {
    let nodes: Vec<NodeIndex> = nodes.iter().collect();
    (!nodes.is_empty()).then(|| nodes[rng.random_range(0..nodes.len())])
}

/// Whoever is furthest ahead.
#[derive(Default)]
pub(super) struct SlowLeader {
    leader: Option<NodeIndex>,
    /// Picks until the next look.
    patience: u32,
}

impl<P: Observe> Rule<P> for SlowLeader {
    fn look(&mut self, view: &View<'_, P>, rng: &mut SimRng) {
        if self.patience > 0 {
            self.patience -= 1;
            return;
        }
        self.patience = rng.random_range(0..4);
        let far = |node: NodeIndex| (view.outputs(node).len(), view.node(node).progress());
        // Of several the one that leads stays, so that it falls behind.
        let best = view.live().iter().map(far).max();
        if self.leader.is_none_or(|leader| Some(far(leader)) != best) {
            self.leader = draw(view.live().iter().filter(|node| Some(far(*node)) == best).collect(), rng);
        }
    }

    fn is_slow(&self, (from, at): Link) -> bool {
        self.leader.is_some_and(|slow| slow == at || from == Some(slow))
    }
}

/// One partition after the other.
#[derive(Default)]
pub(super) struct Partitions {
    part: NodeSet,
    until: u64,
}

impl<P: Observe> Rule<P> for Partitions {
    fn look(&mut self, view: &View<'_, P>, rng: &mut SimRng) {
        if view.step() >= self.until {
            self.until = view.step() + rng.random_range(1..=16 * view.committee().n() as u64);
            // Every fourth phase there is none.
            self.part = if rng.random_ratio(1, 4) {
                NodeSet::EMPTY
            } else {
                view.committee().nodes().filter(|_| rng.random()).collect()
            };
        }
    }

    fn is_slow(&self, (from, at): Link) -> bool {
        from.is_some_and(|from| self.part.contains(from) != self.part.contains(at))
    }
}
