//! The mind of a node that forges messages: hands what the wrapped instance says to [`Forgeable::forge`].

use mellivora_core::NodeIndex;
use mellivora_sim::{Adversary, Attack};

use super::Strategy;
use crate::forge::{Forge, Forgeable, Kit, Tools};

pub(super) struct Forger<P: Forge> {
    strategy: Strategy,
    seed: u64,
    tools: Tools,
    kit: Option<Kit>,
    /// What leaves the node now.
    out: Vec<(NodeIndex, P::Message)>,
}

impl<P: Forge> Forger<P> {
    pub(super) fn new(strategy: Strategy, seed: u64, tools: Tools) -> Self {
        Forger { strategy, seed, tools, kit: None, out: Vec::new() }
    }

    fn strike(
        &mut self,
        attack: &mut Attack<'_, P>,
        act: impl FnOnce(&mut Kit, &mut dyn FnMut(NodeIndex, P::Message)),
    ) {
        let kit = self.kit.get_or_insert_with(|| {
            let kit = Kit::new(self.strategy, self.seed, attack.committee(), attack.node(), self.tools.clone());
            kit.within(P::WITHIN)
        });
        let out = &mut self.out;
        act(kit, &mut |to, message| out.push((to, message)));
        for (to, message) in self.out.drain(..) {
            attack.send(to, message);
        }
        for _ in 0..kit.take_strikes() {
            attack.count(self.strategy.counter());
        }
    }
}

impl<P: Forge> Adversary<P> for Forger<P> {
    fn start(&mut self, attack: &mut Attack<'_, P>) {
        self.strike(attack, |kit, fire| P::Message::start(kit, fire));
    }

    fn sends(&mut self, to: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) {
        self.strike(attack, |kit, fire| message.forge(to, kit, fire));
    }

    fn receives(&mut self, from: NodeIndex, message: P::Message, attack: &mut Attack<'_, P>) -> Option<P::Message> {
        self.strike(attack, |kit, fire| message.answer(from, kit, fire));
        Some(message)
    }
}
