//! A node that says nothing.

use mellivora_core::{NodeIndex, Protocol};

use super::{Adversary, Attack};

pub(super) struct Silent;

impl<P: Protocol> Adversary<P> for Silent {
    fn sends(&mut self, _: NodeIndex, _: P::Message, attack: &mut Attack<'_, P>) {
        attack.count("attack.silent");
    }
}
