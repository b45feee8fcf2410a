//! What an instance of binary agreement is made from.

use std::sync::Arc;

use mellivora_core::{Committee, Domain, NodeIndex, Round};
use mellivora_crypto::CoinScheme;

/// Where the coin of a round comes from. All nodes must use the same schedule: it is part of the cluster id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CoinSchedule {
    /// Rounds repeat: the constant 1, the constant 0, a real coin. Inputs of a common subset are nearly always 1, so
    /// the usual instance decides after two message delays without any cryptography. Safety needs only a *common*
    /// coin; termination comes from the real ones.
    #[default]
    Fixed10Real,
    /// A real coin in every round.
    AlwaysReal,
}

impl CoinSchedule {
    /// The constant coin of `round`; `None` where the coin is real.
    #[inline]
    pub const fn fixed(self, round: Round) -> Option<bool> {
        match self {
            CoinSchedule::AlwaysReal => None,
            CoinSchedule::Fixed10Real => match round.0 % 3 {
                1 => Some(true),
                2 => Some(false),
                _ => None,
            },
        }
    }
}

/// Parameters of one instance at one node.
#[derive(Clone, Debug)]
pub struct AbaConfig {
    /// The nodes that agree.
    pub committee: Committee,
    /// This node.
    pub me: NodeIndex,
    /// The domain of this instance: the names of its coins are made from it, so no two instances may share one.
    pub domain: Domain,
    /// This node's part in the coin.
    pub coin: Arc<dyn CoinScheme>,
    /// Where coins come from.
    pub schedule: CoinSchedule,
    /// Rounds beyond its own whose messages a node keeps: R.
    pub rounds_ahead: u32,
}
