//! Who moves next.

use mellivora_core::{NodeSet, Protocol};

use crate::{Latency, View};

/// A built-in scheduler. All but [`Fifo`](Schedule::Fifo), [`Random`](Schedule::Random) and
/// [`Latency`](Schedule::Latency) rule only the hostile phase; after it the oldest event always goes first.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// The oldest pending event first.
    Fifo,
    /// Any pending event, all alike. Fair with probability one.
    Random,
    /// The newest pending event first: old messages starve for the whole hostile phase.
    Lifo,
    /// Priorities by link (four lanes each), drawn at random and lowered at `depth - 1` random moments. After
    /// Burckhardt et al. 2010: finds every bug of depth d with a known probability per run.
    Pct {
        /// Depth of the bugs looked for; 1 means fixed priorities.
        depth: u32,
    },
    /// Every event waits for at most `bound` steps more than its turn.
    DelayBounded {
        /// The bound, in steps.
        bound: u64,
    },
    /// What comes from or goes to these nodes waits while anything else is pending.
    Starve(NodeSet),
    /// What crosses the border between the set and the rest waits while anything else is pending.
    Partition(NodeSet),
    /// Virtual time; see [`Latency`]. Ties go to the oldest. Turns end at once.
    Latency(Latency),
    /// Each byte picks the pending event with that index, modulo their number: a schedule for fuzzers. Fair when the
    /// bytes are used up.
    Bytes(Vec<u8>),
    /// One of the above (without virtual time), with its parameters, by seed.
    Swarm,
}

/// A scheduler of one's own, adaptive if it likes: it sees the states of all nodes and the content of all messages.
///
/// It rules the hostile phase only.
pub trait Scheduler<P: Protocol> {
    /// Picks a pending event by its position, `0 <= position < view.pending_len()`. The oldest event goes for `None`
    /// and for a position out of range. Positions change with every event.
    fn pick(&mut self, view: &View<'_, P>) -> Option<usize>;
}

impl<P: Protocol, F: FnMut(&View<'_, P>) -> Option<usize>> Scheduler<P> for F {
    fn pick(&mut self, view: &View<'_, P>) -> Option<usize> {
        self(view)
    }
}

/// A built-in scheduler or one's own.
pub enum Plan<P: Protocol> {
    /// A built-in one.
    Built(Schedule),
    /// One's own.
    Own(Box<dyn Scheduler<P>>),
}

impl<P: Protocol> From<Schedule> for Plan<P> {
    fn from(schedule: Schedule) -> Self {
        Plan::Built(schedule)
    }
}

impl<P: Protocol> From<Box<dyn Scheduler<P>>> for Plan<P> {
    fn from(scheduler: Box<dyn Scheduler<P>>) -> Self {
        Plan::Own(scheduler)
    }
}

impl<P: Protocol> std::fmt::Debug for Plan<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Plan::Built(schedule) => schedule.fmt(f),
            Plan::Own(_) => f.write_str("Own(..)"),
        }
    }
}
