//! Keeps one honest node out of a common subset.

use mellivora_agreement::{Values, Vote};
use mellivora_core::NodeIndex;
use mellivora_sim::{Pending, PendingKind, SimRng, View};
use rand::SeedableRng;

use super::lanes::draw;
use super::ranked::Rank;
use super::{Observe, Statement};

/// Votes against the victim go first, its broadcast and votes for it last.
pub(super) struct Exclude {
    rng: SimRng,
    victim: Option<NodeIndex>,
}

const FIRST: u64 = 0;
const USUAL: u64 = 1;
const LAST: u64 = 2;

impl Exclude {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = SimRng::seed_from_u64(seed);
        rng.set_stream(1);
        Exclude { rng, victim: None }
    }
}

impl<P: Observe> Rank<P> for Exclude {
    fn rank(&mut self, pending: &Pending<'_, P>, view: &View<'_, P>) -> u64 {
        if self.victim.is_none() {
            self.victim = draw(view.honest(), &mut self.rng);
        }
        let PendingKind::Message { message, .. } = &pending.kind else { return USUAL };
        let (mut against, mut for_it) = (false, false);
        P::statements(message, &mut |place, statement| {
            if Some(place.instance) != self.victim {
                return;
            }
            match statement {
                Statement::Broadcast(_) => for_it = true,
                Statement::Vote(Vote::Bval { value, .. } | Vote::Aux { value, .. } | Vote::Term { value }) => {
                    for_it |= value;
                    against |= !value;
                }
                Statement::Vote(Vote::Conf { values, .. }) => {
                    for_it |= values == Values::ONE;
                    against |= values == Values::ZERO;
                }
                Statement::Share(_) => {}
            }
        });
        match (for_it, against) {
            (true, _) => LAST,
            (false, true) => FIRST,
            (false, false) => USUAL,
        }
    }
}
