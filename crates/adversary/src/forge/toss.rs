//! Forged messages of a lone coin.

use mellivora_core::NodeIndex;

use super::{Fire, Forgeable, Kit, share};
use crate::toss::{Toss, TossMessage};

impl Forgeable for TossMessage {
    fn start(kit: &mut Kit, fire: Fire<'_, Self>) {
        for to in kit.others() {
            share::early(to, kit, &mut |round, share| {
                // A lone coin has one round.
                if round == Toss::ROUND {
                    fire(to, TossMessage(share));
                }
            });
        }
    }

    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        fire(to, TossMessage(share::forge(Toss::ROUND, self.0, kit)));
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, _: Fire<'_, Self>) {
        if from != kit.me() {
            share::overhear(&self.0, kit);
        }
    }
}
