//! Attacks on any protocol, beside those of the simulator.

use mellivora_core::{NodeIndex, Protocol};
use mellivora_sim::{Adversary, Attack};
use rand::RngExt;

use super::Strategy;

/// Another node, drawn at random.
fn anybody<P: Protocol>(attack: &mut Attack<'_, P>) -> NodeIndex {
    let others = (attack.committee().n() - 1).max(1) as u16;
    let drawn = attack.rng().random_range(0..others);
    // The indices above the own one are shifted by it.
    NodeIndex(drawn + u16::from(drawn >= attack.node().0))
}

/// Says old messages again.
pub(super) struct Replay<M> {
    /// Own messages, the first ones and some of the later ones.
    said: Vec<M>,
    budget: u32,
}

impl<M> Default for Replay<M> {
    fn default() -> Self {
        Replay { said: Vec::new(), budget: 1_500 }
    }
}

/// Own messages that are kept.
const KEPT: usize = 128;

impl<P: Protocol> Adversary<P> for Replay<P::Message> {
    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        if self.said.len() < KEPT {
            self.said.push(message.clone());
        } else if attack.rng().random_ratio(1, 16) {
            let place = attack.rng().random_range(0..KEPT);
            self.said[place] = message.clone();
        }
        attack.send(to, message);
        if self.budget > 0 && attack.rng().random_ratio(1, 4) {
            self.budget -= 1;
            // Half of them from the very beginning.
            let span = if attack.rng().random() { self.said.len() } else { self.said.len().min(8) };
            let old = self.said[attack.rng().random_range(0..span)].clone();
            // A proposal meant for one node reaches another in this way.
            let to = anybody(attack);
            attack.send(to, old);
            attack.count(Strategy::Replay.counter());
        }
    }
}

/// Holds everything back and then says it, newest first.
pub(super) struct Late<M> {
    held: Vec<(NodeIndex, M)>,
    /// Messages to hear before what is held goes.
    patience: u32,
}

impl<M> Default for Late<M> {
    fn default() -> Self {
        Late { held: Vec::new(), patience: 0 }
    }
}

impl<P: Protocol> Adversary<P> for Late<P::Message> {
    fn sends(&mut self, to: NodeIndex, message: P::Message, _: &mut Attack<'_, P>) {
        self.held.push((to, message));
    }

    fn receives(&mut self, _: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) -> Option<P::Message> {
        if self.patience > 0 {
            self.patience -= 1;
        } else if !self.held.is_empty() {
            self.patience = attack.rng().random_range(0..30);
            while let Some((to, held)) = self.held.pop() {
                attack.send(to, held);
                attack.count(Strategy::Late.counter());
            }
        }
        Some(message)
    }
}

/// Speaks to one node only.
#[derive(Default)]
pub(super) struct OneOnly(Option<NodeIndex>);

impl<P: Protocol> Adversary<P> for OneOnly {
    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        let confidant = *self.0.get_or_insert_with(|| anybody(attack));
        if to == confidant {
            attack.send(to, message);
        } else {
            attack.count(Strategy::OneOnly.counter());
        }
    }
}

/// Tells each half of the nodes every other message: what one half hears, the other does not.
#[derive(Default)]
pub(super) struct Split(Vec<u32>);

impl<P: Protocol> Adversary<P> for Split {
    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        if self.0.is_empty() {
            // A count of messages per receiver; halves begin with the first or with the second one.
            self.0 = (0..attack.committee().n()).map(|_| attack.rng().random_range(0..2)).collect();
        }
        let Some(count) = self.0.get_mut(to.as_usize()) else { return };
        *count += 1;
        if count.is_multiple_of(2) {
            attack.send(to, message);
        } else {
            attack.count(Strategy::Split.counter());
        }
    }
}
