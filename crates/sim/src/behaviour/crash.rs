//! A node that stops for good, possibly halfway through a broadcast.

use mellivora_core::{NodeIndex, Protocol};
use rand::RngExt;

use super::{Adversary, Attack};

pub(super) struct Crash {
    /// Messages it will still take.
    pub(super) left: u64,
}

impl<P: Protocol> Adversary<P> for Crash {
    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        // In its last turn a node reaches some of its peers.
        match self.left {
            0 => attack.count("attack.crash"),
            1 if attack.rng().random() => attack.count("attack.crash.halfway"),
            _ => attack.send(to, message),
        }
    }

    fn receives(&mut self, _: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) -> Option<P::Message> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            attack.count("attack.crash");
            return None;
        }
        Some(message)
    }

    fn input(&mut self, input: P::Input, _: &mut Attack<'_, P>) -> Option<P::Input> {
        (self.left > 0).then_some(input)
    }
}
