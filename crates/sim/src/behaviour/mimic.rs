//! A node that repeats what others told it, in its own name.

use mellivora_core::{NodeIndex, Protocol};
use rand::RngExt;

use super::{Adversary, Attack};

pub(super) struct Mimic {
    budget: u32,
}

impl Default for Mimic {
    fn default() -> Self {
        Mimic { budget: 2_000 }
    }
}

impl<P: Protocol> Adversary<P> for Mimic {
    fn receives(&mut self, _: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) -> Option<P::Message> {
        if self.budget > 0 && attack.rng().random() {
            self.budget -= 1;
            attack.count("attack.mimic");
            if attack.rng().random() {
                attack.send_all(message.clone());
            } else {
                let nodes = attack.committee().n() as u16;
                let to = NodeIndex(attack.rng().random_range(0..nodes));
                attack.send(to, message.clone());
            }
        }
        Some(message)
    }
}
