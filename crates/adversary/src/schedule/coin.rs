//! Schedulers that steer binary agreement by its coins.
//!
//! With b Byzantine nodes, n - f - b honest ones are *lucky*: with the Byzantine ones they are a quorum, and hear the
//! bit that a round is to be bound to first, from everybody, until their set is that bit alone. The f others hear the
//! opposite bit first and end with both bits, hence with the coin. While the coin is not the bit, estimates stay mixed.
//!
//! Byzantine nodes hear everything at once, so that they are never the ones that are waited for, and what a Byzantine
//! node that votes for both values says comes in the order that suits. TERM comes last.
//!
//! In a common subset one agreement is steered: the broadcast it is about reaches the lucky nodes only, until all other
//! agreements are over and the others have voted against it.

use mellivora_agreement::{Values, Vote};
use mellivora_core::{NodeIndex, NodeSet, Round};
use mellivora_sim::{Pending, PendingKind, SimRng, View};
use rand::{RngExt, SeedableRng};

use super::lanes::draw;
use super::peek::Peek;
use super::ranked::Rank;
use super::{Adaptive, Observe, Statement};
use crate::Target;
use crate::forge::Place;

/// See the [module page](self).
pub(super) struct Steer {
    which: Adaptive,
    seed: u64,
    rng: SimRng,
    coin: Peek,
    cast: Option<Cast>,
}

/// Who plays what.
struct Cast {
    /// The agreement that is steered; any, where there is but one.
    target: Option<NodeIndex>,
    byzantine: NodeSet,
    /// Who ends with one bit. For [`Adaptive::CoinSingleton`] everybody but the last one.
    lucky: NodeSet,
    /// Half of the lucky ones.
    half: NodeSet,
}

/// After everything else that is pending.
const LAST: u64 = u64::MAX;
/// Votes of a steered agreement come after everything of other agreements.
const STEERED: u64 = 1 << 40;

impl Steer {
    pub(super) fn new(which: Adaptive, seed: u64, coin: Peek) -> Self {
        let mut rng = SimRng::seed_from_u64(seed);
        rng.set_stream(1);
        Steer { which, seed, rng, coin, cast: None }
    }

    fn cast<P: Observe>(&mut self, view: &View<'_, P>) {
        let committee = view.committee();
        let byzantine = view.faulty();
        let mut honest: Vec<NodeIndex> = view.honest().iter().collect();
        for place in (1..honest.len()).rev() {
            honest.swap(place, self.rng.random_range(0..=place));
        }
        let lucky = match self.which {
            Adaptive::CoinSingleton => honest.len().saturating_sub(1),
            _ => committee.quorum().saturating_sub(byzantine.len()),
        };
        let subset = P::TARGETS.contains(Target::Broadcast);
        self.cast = Some(Cast {
            target: if subset { draw(view.honest(), &mut self.rng) } else { None },
            byzantine,
            lucky: honest.iter().take(lucky).copied().collect(),
            half: honest.iter().take(lucky / 2).copied().collect(),
        });
    }

    /// The bit that a round is bound to.
    fn bit<P: Observe>(&mut self, place: Place, round: Round) -> bool {
        let (real, coin) = self.coin.coin::<P>(place, round);
        // A fixed coin is known to all; a real one only to those who cheat, or who wait for the first share.
        if !real || self.which != Adaptive::CoinFirst {
            return !coin;
        }
        let mut noise = SimRng::seed_from_u64(self.seed ^ place.epoch.0.rotate_left(32));
        noise.set_stream(u64::from(round.0) << 16 | u64::from(place.instance.0));
        noise.random()
    }

    /// The class of a statement within its round; the smallest goes first.
    fn class(&self, cast: &Cast, from: NodeIndex, to: NodeIndex, statement: Statement<'_>, bit: bool) -> u64 {
        let to_lucky = cast.lucky.contains(to);
        let from_byzantine = cast.byzantine.contains(from);
        if self.which == Adaptive::CoinSingleton {
            return singleton(cast, from, to, statement, bit);
        }
        // What would spoil it: other bits to the lucky ones, a Byzantine vote for the bit to the others.
        let spoils = |values: Values| match (to_lucky, from_byzantine) {
            (true, _) => values != Values::of(bit),
            (false, true) => values == Values::of(bit),
            (false, false) => false,
        };
        match statement {
            Statement::Vote(Vote::Bval { value, .. }) if value == bit => 2 * u64::from(!to_lucky),
            Statement::Vote(Vote::Bval { .. }) => 1,
            Statement::Vote(Vote::Aux { value, .. }) => 3 + 8 * u64::from(spoils(Values::of(value))),
            Statement::Vote(Vote::Conf { values, .. }) => 4 + 8 * u64::from(spoils(values)),
            Statement::Share(_) => 20,
            Statement::Vote(Vote::Term { .. }) | Statement::Broadcast(_) => 21,
        }
    }
}

/// The class for [`Adaptive::CoinSingleton`]: the many mix their votes and toss the coin; only then does the last node
/// hear anything, and then the value that the coin has not.
fn singleton(cast: &Cast, from: NodeIndex, to: NodeIndex, statement: Statement<'_>, bit: bool) -> u64 {
    if cast.lucky.contains(to) {
        let first = cast.half.contains(to);
        let from_last = !cast.lucky.contains(from) && !cast.byzantine.contains(from);
        return match statement {
            Statement::Vote(Vote::Bval { value, .. }) => u64::from(value != first),
            _ if from_last => 20,
            Statement::Vote(Vote::Aux { .. }) => 2,
            Statement::Vote(_) => 3,
            Statement::Share(_) | Statement::Broadcast(_) => 4,
        };
    }
    match statement {
        Statement::Vote(Vote::Bval { value, .. }) => 10 + 8 * u64::from(value != bit),
        Statement::Vote(Vote::Aux { value, .. }) => 11 + 8 * u64::from(value != bit),
        Statement::Vote(Vote::Conf { values, .. }) => 12 + 8 * u64::from(values != Values::of(bit)),
        _ => 13,
    }
}

impl<P: Observe> Rank<P> for Steer {
    fn rank(&mut self, pending: &Pending<'_, P>, view: &View<'_, P>) -> u64 {
        if self.cast.is_none() {
            self.cast(view);
        }
        let Some(cast) = self.cast.take() else { return 0 };
        let mut rank = 0;
        if let PendingKind::Message { from, message } = &pending.kind {
            P::statements(message, &mut |place, statement| {
                if cast.target.is_some_and(|target| target != place.instance) {
                    return;
                }
                let one = self.statement::<P>(&cast, *from, pending.at, place, statement);
                rank = rank.max(one);
            });
        }
        self.cast = Some(cast);
        rank
    }
}

impl Steer {
    fn statement<P: Observe>(
        &mut self,
        cast: &Cast,
        from: NodeIndex,
        to: NodeIndex,
        place: Place,
        statement: Statement<'_>,
    ) -> u64 {
        if cast.byzantine.contains(to) {
            return 0;
        }
        let round = match statement {
            Statement::Broadcast(_) => return if cast.lucky.contains(to) { 0 } else { LAST - 1 },
            Statement::Vote(vote) => match vote.round() {
                Some(round) => round,
                None => return LAST,
            },
            Statement::Share(round) => round,
        };
        let bit = self.bit::<P>(place, round);
        STEERED + (u64::from(round.0) << 5) + self.class(cast, from, to, statement, bit)
    }
}
