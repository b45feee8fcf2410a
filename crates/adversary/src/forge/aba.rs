//! Forged messages of a lone binary agreement.

use mellivora_agreement::AbaMessage;
use mellivora_core::{NodeIndex, NodeSet};

use super::{Fire, Forgeable, Kit, share, vote};
use crate::Strategy;

impl Forgeable for AbaMessage {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            AbaMessage::Vote(honest) => {
                share::early(to, kit, &mut |round, share| fire(to, AbaMessage::Share { round, share }));
                let instance = NodeSet::one(kit.place().instance);
                vote::forge(honest, instance, to, kit, &mut |vote, _| fire(to, AbaMessage::Vote(vote)));
            }
            AbaMessage::Share { round, share } => {
                let place = kit.place();
                if kit.strategy() == Strategy::StopHelping && kit.votes.is_over(place.epoch, to, place.instance) {
                    kit.strike();
                    return;
                }
                fire(to, AbaMessage::Share { round, share: share::forge(round, share, kit) });
            }
        }
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, _: Fire<'_, Self>) {
        if let AbaMessage::Share { share, .. } = self
            && from != kit.me()
        {
            share::overhear(share, kit);
        }
    }
}
