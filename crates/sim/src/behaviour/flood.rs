//! A node that repeats itself without end, or nearly so.

use mellivora_core::{NodeIndex, Protocol};
use rand::RngExt;

use super::garbage::damage;
use super::{Adversary, Attack};

pub(super) struct Flood<M> {
    /// Own messages of the past.
    said: Vec<M>,
    /// Messages it may still add, so that runs end.
    budget: u32,
}

/// Own messages kept for repetition.
const KEPT: usize = 64;

impl<M> Default for Flood<M> {
    fn default() -> Self {
        Flood { said: Vec::new(), budget: 4_000 }
    }
}

impl<P: Protocol> Adversary<P> for Flood<P::Message> {
    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        attack.send(to, message.clone());
        if self.said.len() < KEPT {
            self.said.push(message);
        } else {
            let place = attack.rng().random_range(0..KEPT);
            self.said[place] = message;
        }
        let burst = attack.rng().random_range(0..16).min(self.budget);
        self.budget -= burst;
        for _ in 0..burst {
            let place = attack.rng().random_range(0..self.said.len());
            let old = &self.said[place];
            if attack.rng().random() {
                attack.send(to, old.clone());
            } else {
                let bytes = damage(old, None, attack.rng());
                attack.send_bytes(to, bytes);
            }
            attack.count("attack.flood");
        }
    }
}
