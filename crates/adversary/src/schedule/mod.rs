//! Schedulers that read the states of nodes and the content of messages.
//!
//! They rule the hostile phase of a run; after it the oldest event always goes first, so whatever they do, a correct
//! protocol finishes. A turn that ends after every event ([`Builder::turn_end`](mellivora_sim::Builder::turn_end) of 1)
//! gives them the finest control.

mod coin;
mod exclude;
mod lanes;
mod observe;
mod peek;
mod ranked;

use std::fmt;
use std::str::FromStr;

use mellivora_sim::Scheduler;

use crate::Target;
use crate::strategy::UnknownName;
use coin::Steer;
use lanes::{Lanes, Partitions, SlowLeader, SlowNode};
use ranked::Ranked;

pub use observe::{Observe, Statement};
pub use peek::Peek;

macro_rules! schedulers {
    ($($variant:ident $name:literal $what:literal)*) => {
        /// An adaptive scheduler.
        ///
        /// | name | what it does |
        /// |---|---|
        $(#[doc = concat!("| `", $name, "` | ", $what, " |")])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Adaptive {
            $(#[doc = concat!("`", $name, "`: ", $what, ".")] $variant,)*
        }

        impl Adaptive {
            /// All of them.
            pub const ALL: &[Adaptive] = &[$(Adaptive::$variant,)*];

            /// The stable name, as on command lines.
            pub const fn name(self) -> &'static str {
                match self { $(Adaptive::$variant => $name,)* }
            }

            /// What it does, in one line.
            pub const fn what(self) -> &'static str {
                match self { $(Adaptive::$variant => $what,)* }
            }
        }
    };
}

schedulers! {
    CoinPeek "coin-peek" "knows every coin beforehand, which no network does, and binds each round of agreement to the other value: while it rules nobody agrees"
    CoinFirst "coin-first" "binds each round of agreement to a value of its choice before anybody can know the coin, and leaves f nodes unbound: the best that a network can do"
    CoinSingleton "coin-singleton" "lets all but one node learn the coin with both values open, then hands the last one the other value alone: endless against agreement without CONF"
    Exclude "exclude" "holds back the broadcast of one honest node and votes for it, and speeds votes against it"
    SlowNode "slow-node" "what comes from or goes to one honest node comes last"
    SlowLeader "slow-leader" "whoever is furthest ahead is slowed down next"
    Partitions "partitions" "one partition after the other, each healed after a random number of steps"
}

impl Adaptive {
    /// The scheduler for a protocol; `None` where it has no meaning, or lacks the coin.
    ///
    /// Best with f nodes that follow [`Strategy::DoubleVote`](crate::Strategy::DoubleVote) where it steers agreement.
    pub fn scheduler<P: Observe>(self, seed: u64, coin: Option<Peek>) -> Option<Box<dyn Scheduler<P>>> {
        let agrees = P::TARGETS.contains(Target::Agreement);
        let broadcasts = P::TARGETS.contains(Target::Broadcast);
        Some(match self {
            Adaptive::CoinPeek | Adaptive::CoinFirst | Adaptive::CoinSingleton => {
                let coin = coin.filter(|_| agrees)?;
                Box::new(Ranked::new(Steer::new(self, seed, coin), seed))
            }
            Adaptive::Exclude if agrees && broadcasts => Box::new(Ranked::new(exclude::Exclude::new(seed), seed)),
            Adaptive::Exclude => return None,
            Adaptive::SlowNode => Box::new(Lanes::new(SlowNode::default(), seed)),
            Adaptive::SlowLeader => Box::new(Lanes::new(SlowLeader::default(), seed)),
            Adaptive::Partitions => Box::new(Lanes::new(Partitions::default(), seed)),
        })
    }
}

impl fmt::Display for Adaptive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Adaptive {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|adaptive| adaptive.name() == name).ok_or_else(|| UnknownName {
            kind: "scheduler",
            name: name.to_owned(),
            known: Self::ALL.iter().map(|adaptive| adaptive.name()).collect(),
        })
    }
}
