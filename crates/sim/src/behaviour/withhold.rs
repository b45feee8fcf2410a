//! A node that speaks to some and not to others.

use mellivora_core::{NodeIndex, Protocol};
use rand::RngExt;

use super::{Adversary, Attack};

/// Of 4 messages to each receiver, how many are dropped on average; drawn at the start.
#[derive(Default)]
pub(super) struct Withhold(Vec<u32>);

impl<P: Protocol> Adversary<P> for Withhold {
    fn start(&mut self, attack: &mut Attack<'_, P>) {
        let nodes = attack.committee().n();
        self.0 = (0..nodes).map(|_| [0, 1, 2, 4][attack.rng().random_range(0..4)]).collect();
        // Somebody at least is kept in the dark.
        let victim = attack.rng().random_range(0..nodes);
        let me = attack.node().as_usize();
        let victim = if victim == me { (victim + 1) % nodes } else { victim };
        if let Some(rate) = self.0.get_mut(victim) {
            *rate = 4;
        }
    }

    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        let rate = self.0.get(to.as_usize()).copied().unwrap_or(0);
        if attack.rng().random_ratio(rate, 4) {
            attack.count("attack.withhold");
        } else {
            attack.send(to, message);
        }
    }
}
