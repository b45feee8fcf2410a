//! Forged messages of Dumbo1: those that it shares with BKR, broadcasts of index sets, shares of the election.

use mellivora_core::{Layer, NodeIndex, Round, Segment};
use mellivora_subset::Dumbo1Message;

use super::bkr::repropose;
use super::{Fire, Forgeable, Kit, proposal, share};
use crate::Strategy;

/// The coin of the election belongs to no round.
const NO_ROUND: Round = Round(0);

impl Forgeable for Dumbo1Message {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        in_election(kit, |kit| {
            // With the first message that a node gets.
            let rounds = std::iter::once(NO_ROUND);
            share::early_of(rounds, to, kit, &mut |_, share| fire(to, Dumbo1Message::Election(share)));
        });
        match self {
            Dumbo1Message::Bkr(message) => {
                message.forge(to, kit, &mut |to, message| fire(to, Dumbo1Message::Bkr(message)));
            }
            Dumbo1Message::IndexSet { member, message } => kit.in_instance(index_set(member), member, |kit| {
                message.forge(to, kit, &mut |to, message| fire(to, Dumbo1Message::IndexSet { member, message }));
            }),
            Dumbo1Message::Election(share) => in_election(kit, |kit| {
                fire(to, Dumbo1Message::Election(share::forge(NO_ROUND, share, kit)));
            }),
        }
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            Dumbo1Message::Bkr(message) => {
                message.answer(from, kit, &mut |to, message| fire(to, Dumbo1Message::Bkr(message)));
            }
            Dumbo1Message::IndexSet { member, message } => {
                let member = *member;
                kit.in_instance(index_set(member), member, |kit| {
                    message.answer(from, kit, &mut |to, message| fire(to, Dumbo1Message::IndexSet { member, message }));
                });
                repropose(kit, &mut |to, message| fire(to, Dumbo1Message::Bkr(message)));
            }
            Dumbo1Message::Election(share) => {
                if from != kit.me() {
                    share::overhear(share, kit);
                }
            }
        }
        if kit.strategy() == Strategy::CopiedCiphertext {
            let member = kit.me();
            kit.in_instance(index_set(member), member, |kit| {
                let propose = &mut |to, message| fire(to, Dumbo1Message::IndexSet { member, message });
                proposal::propose(kit, propose);
            });
        }
    }
}

fn index_set(member: NodeIndex) -> Segment {
    Segment::of(Layer::IndexSet, member)
}

fn in_election(kit: &mut Kit, act: impl FnOnce(&mut Kit)) {
    kit.in_instance(Segment::only(Layer::Election), NodeIndex(0), act);
}
