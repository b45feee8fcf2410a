//! Forged messages of BKR: those of its broadcasts and agreements, and bundles of forged votes.

use mellivora_agreement::AbaMessage;
use mellivora_core::codec::List;
use mellivora_core::{Layer, NodeIndex, Segment};
use mellivora_subset::{Ballot, BkrMessage, MAX_BALLOTS};

use super::{Fire, Forgeable, Kit, proposal, share, vote};
use crate::Strategy;

impl Forgeable for BkrMessage {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            BkrMessage::Rbc { proposer, message } => kit.in_instance(rbc(proposer), proposer, |kit| {
                message.forge(to, kit, &mut |to, message| fire(to, BkrMessage::Rbc { proposer, message }));
            }),
            BkrMessage::Votes(ballots) => {
                if kit.strategy() == Strategy::EarlyShare {
                    release_early(&ballots, to, kit, fire);
                }
                // One message each: a bundle that does not fit is no bundle of an honest node either.
                let mut forged: Vec<Ballot> = Vec::with_capacity(ballots.len());
                for Ballot { vote, instances } in ballots {
                    vote::forge(vote, instances, to, kit, &mut |vote, instances| {
                        forged.push(Ballot { vote, instances });
                    });
                }
                while !forged.is_empty() {
                    let rest = forged.split_off(forged.len().min(MAX_BALLOTS));
                    fire(to, BkrMessage::Votes(List::new(std::mem::replace(&mut forged, rest))));
                }
            }
            BkrMessage::Share { instance, round, share } => kit.in_instance(aba(instance), instance, |kit| {
                AbaMessage::Share { round, share }.forge(to, kit, &mut |to, message| {
                    if let AbaMessage::Share { round, share } = message {
                        fire(to, BkrMessage::Share { instance, round, share });
                    }
                });
            }),
        }
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            BkrMessage::Rbc { proposer, message } => {
                let proposer = *proposer;
                kit.in_instance(rbc(proposer), proposer, |kit| {
                    message.answer(from, kit, &mut |to, message| fire(to, BkrMessage::Rbc { proposer, message }));
                });
                repropose(kit, fire);
            }
            BkrMessage::Votes(_) => {}
            BkrMessage::Share { share, .. } => {
                if from != kit.me() {
                    share::overhear(share, kit);
                }
            }
        }
    }
}

/// What was overheard may be what the own proposal of a copier waits for.
pub(super) fn repropose(kit: &mut Kit, fire: Fire<'_, BkrMessage>) {
    if kit.strategy() == Strategy::CopiedCiphertext {
        let proposer = kit.me();
        kit.in_instance(rbc(proposer), proposer, |kit| {
            proposal::propose(kit, &mut |to, message| fire(to, BkrMessage::Rbc { proposer, message }));
        });
    }
}

fn rbc(proposer: NodeIndex) -> Segment {
    Segment::of(Layer::Rbc, proposer)
}

fn aba(instance: NodeIndex) -> Segment {
    Segment::of(Layer::Aba, instance)
}

/// With the first vote of an instance come the shares of its coins.
fn release_early(ballots: &[Ballot], to: NodeIndex, kit: &mut Kit, fire: Fire<'_, BkrMessage>) {
    for instance in ballots.iter().flat_map(|ballot| ballot.instances.iter()) {
        kit.in_instance(aba(instance), instance, |kit| {
            share::early(to, kit, &mut |round, share| fire(to, BkrMessage::Share { instance, round, share }));
        });
    }
}
