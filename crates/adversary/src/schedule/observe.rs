//! What schedulers read off a protocol.

use mellivora_agreement::{Aba, AbaMessage, Ckps, CkpsMessage, Mvba, Smvba, Vote};
use mellivora_atomic::dumbo_ng::TipAgreement;
use mellivora_atomic::epoch::EpochMessage;
use mellivora_atomic::{Atomic, Message, Source};
use mellivora_broadcast::{Rbc, RbcMessage};
use mellivora_core::{Domain, Layer, NodeIndex, Protocol, Round, Segment};
use mellivora_subset::vector::{Provable, Vector};
use mellivora_subset::{Bkr, BkrMessage, Dumbo1, Dumbo1Message};

use crate::forge::{Forge, Forgeable, Place};
use crate::toss::Toss;

/// One statement of a message.
#[derive(Clone, Copy, Debug)]
pub enum Statement<'a> {
    /// Of a reliable broadcast.
    Broadcast(&'a RbcMessage),
    /// A vote of a binary agreement.
    Vote(Vote),
    /// A coin share of a binary agreement.
    Share(Round),
}

/// A protocol that schedulers can look into.
pub trait Observe: Forge {
    /// Visits the statements of a message, with the instance that each belongs to.
    fn statements(message: &Self::Message, visit: &mut dyn FnMut(Place, Statement<'_>)) {
        let _ = (message, visit);
    }

    /// How far a node is beside its outputs, in any unit.
    fn progress(&self) -> u64 {
        0
    }

    /// The domain of the agreement at a place, if this protocol was made with the domain `own`.
    fn agreement(own: Domain, place: Place) -> Domain {
        let _ = place;
        own
    }
}

impl Observe for Rbc {
    fn statements(message: &RbcMessage, visit: &mut dyn FnMut(Place, Statement<'_>)) {
        visit(Place::default(), Statement::Broadcast(message));
    }

    fn progress(&self) -> u64 {
        u64::from(self.supported().is_some())
    }
}

impl Observe for Toss {
    fn progress(&self) -> u64 {
        u64::from(self.released())
    }
}

impl Observe for Aba {
    fn statements(message: &AbaMessage, visit: &mut dyn FnMut(Place, Statement<'_>)) {
        let statement = match message {
            AbaMessage::Vote(vote) => Statement::Vote(*vote),
            AbaMessage::Share { round, .. } => Statement::Share(*round),
        };
        visit(Place::default(), statement);
    }

    fn progress(&self) -> u64 {
        if self.is_terminated() { u64::MAX } else { u64::from(self.round().0) }
    }
}

impl Observe for Smvba {
    fn progress(&self) -> u64 {
        if self.decision().is_some() { u64::MAX } else { u64::from(self.view().0) }
    }
}

impl Observe for Ckps {
    fn statements(message: &CkpsMessage, visit: &mut dyn FnMut(Place, Statement<'_>)) {
        if let CkpsMessage::Aba { candidate, message } = message {
            Aba::statements(message, &mut |_, statement| {
                visit(Place { instance: *candidate, ..Place::default() }, statement);
            });
        }
    }

    fn progress(&self) -> u64 {
        match self.decision() {
            Some(_) => u64::MAX,
            None => (self.certified().len() + self.refused()) as u64,
        }
    }

    fn agreement(own: Domain, place: Place) -> Domain {
        own.child(Segment::of(Layer::Aba, place.instance))
    }
}

impl Observe for Bkr {
    fn statements(message: &BkrMessage, visit: &mut dyn FnMut(Place, Statement<'_>)) {
        let place = |instance| Place { instance, ..Place::default() };
        match message {
            BkrMessage::Rbc { proposer, message } => visit(place(*proposer), Statement::Broadcast(message)),
            BkrMessage::Votes(ballots) => {
                for ballot in ballots.iter() {
                    ballot.instances.iter().for_each(|node| visit(place(node), Statement::Vote(ballot.vote)));
                }
            }
            BkrMessage::Share { instance, round, .. } => visit(place(*instance), Statement::Share(*round)),
        }
    }

    fn progress(&self) -> u64 {
        // The committee's size is not told; instances beyond it do not exist.
        let decided = (0..).map(NodeIndex).map_while(|node| {
            let decided = self.decision(node).is_some();
            (decided || self.aba(node).is_some()).then_some(u64::from(decided))
        });
        decided.sum()
    }

    fn agreement(own: Domain, place: Place) -> Domain {
        own.child(Segment::of(Layer::Aba, place.instance))
    }
}

impl Observe for Dumbo1 {
    fn statements(message: &Dumbo1Message, visit: &mut dyn FnMut(Place, Statement<'_>)) {
        match message {
            Dumbo1Message::Bkr(message) => Bkr::statements(message, visit),
            Dumbo1Message::IndexSet { member, message } => {
                let place = Place { instance: *member, layer: Some(Layer::IndexSet), ..Place::default() };
                visit(place, Statement::Broadcast(message));
            }
            Dumbo1Message::Election(_) => {}
        }
    }

    fn progress(&self) -> u64 {
        let decided = self.members().map_or(0, |members| members.iter().filter_map(|j| self.decision(j)).count());
        (self.delivered().len() + decided) as u64
    }

    fn agreement(own: Domain, place: Place) -> Domain {
        Bkr::agreement(own, place)
    }
}

impl<B: Provable + 'static> Observe for Vector<B>
where
    Vector<B>: Forge,
{
    fn progress(&self) -> u64 {
        self.mvba().progress()
    }
}

impl Observe for TipAgreement {
    fn progress(&self) -> u64 {
        self.mvba().progress()
    }
}

impl<P: Source + 'static> Observe for Atomic<P>
where
    P::Subset: Observe,
    P::Message: Forgeable,
{
    fn statements(message: &Self::Message, visit: &mut dyn FnMut(Place, Statement<'_>)) {
        if let Message::Epoch { epoch, message: EpochMessage::Subset(message) } = message {
            P::Subset::statements(message, &mut |place, statement| visit(Place { epoch: *epoch, ..place }, statement));
        }
    }

    fn agreement(own: Domain, place: Place) -> Domain {
        let subset = own.child(Segment::epoch(place.epoch)).child(Segment::only(Layer::Subset));
        P::Subset::agreement(subset, place)
    }
}
