//! How many nodes there are, how many may be Byzantine, and every threshold that follows.
//!
//! This is the only place where quorum arithmetic is spelled out. Nothing assumes `n = 3f + 1`: any `n >= 1` with any
//! `f <= (n - 1) / 3` works, `f = 0` included.

use std::fmt;

use crate::{NodeIndex, NodeSet};

/// Size and fault bound of a committee.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Committee {
    nodes: u16,
    faulty: u16,
}

/// Why a committee cannot exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitteeError {
    /// There must be somebody.
    #[error("a committee needs at least one node")]
    Empty,
    /// More nodes than a [`NodeSet`] holds.
    #[error("a committee has at most {max} nodes, not {nodes}", max = NodeSet::CAPACITY)]
    TooLarge {
        /// The refused size.
        nodes: usize,
    },
    /// No protocol of this suite survives a third of the nodes being Byzantine.
    #[error("{nodes} nodes tolerate at most {max} faulty ones, not {faulty}: n must be at least 3f + 1")]
    TooManyFaulty {
        /// Size of the committee.
        nodes: usize,
        /// The refused fault bound.
        faulty: usize,
        /// The largest possible fault bound.
        max: usize,
    },
}

impl Committee {
    /// A committee of `nodes` that tolerates as many Byzantine ones as possible: `(nodes - 1) / 3`.
    pub const fn new(nodes: usize) -> Result<Self, CommitteeError> {
        Self::with_faulty(nodes, nodes.saturating_sub(1) / 3)
    }

    /// A committee of `nodes` that tolerates `faulty` Byzantine ones.
    pub const fn with_faulty(nodes: usize, faulty: usize) -> Result<Self, CommitteeError> {
        if nodes == 0 {
            return Err(CommitteeError::Empty);
        }
        if nodes > NodeSet::CAPACITY {
            return Err(CommitteeError::TooLarge { nodes });
        }
        let max = (nodes - 1) / 3;
        if faulty > max {
            return Err(CommitteeError::TooManyFaulty { nodes, faulty, max });
        }
        Ok(Committee { nodes: nodes as u16, faulty: faulty as u16 })
    }

    /// Number of nodes, n.
    #[inline]
    pub const fn n(self) -> usize {
        self.nodes as usize
    }

    /// Number of Byzantine nodes that are tolerated, f.
    #[inline]
    pub const fn f(self) -> usize {
        self.faulty as usize
    }

    /// `n - f`: as many as one can wait for. Two quorums share an honest node.
    #[inline]
    pub const fn quorum(self) -> usize {
        self.n() - self.f()
    }

    /// `f + 1`: at least one of them is honest.
    #[inline]
    pub const fn one_honest(self) -> usize {
        self.f() + 1
    }

    /// `2f + 1`: a majority of any f + 1 honest ones among them; enough for everybody to see f + 1.
    #[inline]
    pub const fn strong(self) -> usize {
        2 * self.f() + 1
    }

    /// `n - 2f`: the honest members of any quorum, and the number of data shards of a codeword.
    #[inline]
    pub const fn data_shards(self) -> usize {
        self.n() - 2 * self.f()
    }

    /// `2f`: the redundant shards of a codeword; none when f = 0.
    #[inline]
    pub const fn parity_shards(self) -> usize {
        2 * self.f()
    }

    /// All nodes in ascending order.
    pub fn nodes(self) -> impl ExactSizeIterator<Item = NodeIndex> + Clone {
        (0..self.nodes).map(NodeIndex)
    }

    /// All nodes as a set.
    pub fn all(self) -> NodeSet {
        NodeSet::first(self.n())
    }

    /// Whether `node` is a member.
    #[inline]
    pub const fn contains(self, node: NodeIndex) -> bool {
        node.0 < self.nodes
    }
}

impl fmt::Debug for Committee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Committee(n = {}, f = {})", self.nodes, self.faulty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_intersect_as_promised_for_every_size() {
        for n in 1..=NodeSet::CAPACITY {
            for f in 0..=(n - 1) / 3 {
                let c = Committee::with_faulty(n, f).unwrap();
                assert!(2 * c.quorum() > n + f, "two quorums share an honest node");
                assert!(c.quorum() >= c.strong(), "a strong set of honest nodes exists");
                assert_eq!(c.data_shards() + c.parity_shards(), n);
                assert!(c.data_shards() >= 1 && c.data_shards() >= c.one_honest().min(n - 2 * f));
                assert_eq!(c.quorum() - c.f(), c.data_shards());
                assert_eq!(c.all().len(), n);
            }
            assert!(Committee::with_faulty(n, (n - 1) / 3 + 1).is_err());
        }
        assert_eq!(Committee::new(0), Err(CommitteeError::Empty));
        assert!(Committee::new(NodeSet::CAPACITY + 1).is_err());
    }
}
