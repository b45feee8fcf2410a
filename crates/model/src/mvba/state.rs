//! States and steps of the model for agreement.

use std::fmt;

use crate::rbc::roots;
use crate::values::{Values, root};

/// One honest node's signatures in one view, about the SPB of the view's leader, in 9 bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local(u16);

impl Local {
    const ENDORSED: u16 = 0;
    const LOCKED: u16 = 2;
    const VOTED_YES: u16 = 4;
    const PREVOTED_YES: u16 = 6;
    const PREVOTED_NO: u16 = 7;
    const VOTED_NO: u16 = 8;

    #[inline]
    const fn get(self, at: u16) -> Values {
        Values::from_bits((self.0 >> at & 0b11) as u8)
    }

    #[inline]
    const fn is(self, at: u16) -> bool {
        self.0 >> at & 1 == 1
    }

    #[inline]
    const fn add(&mut self, at: u16, values: Values) {
        self.0 |= (values.bits() as u16) << at;
    }

    /// Values that it signed in stage 1.
    #[inline]
    pub const fn endorsed(self) -> Values {
        self.get(Self::ENDORSED)
    }

    /// The value that it signed in stage 2.
    #[inline]
    pub const fn locked(self) -> Values {
        self.get(Self::LOCKED)
    }

    /// The value of its VOTE yes.
    #[inline]
    pub const fn voted_yes(self) -> Values {
        self.get(Self::VOTED_YES)
    }

    /// Whether it signed PREVOTE no.
    #[inline]
    pub const fn prevoted_no(self) -> bool {
        self.is(Self::PREVOTED_NO)
    }

    /// Whether it said PREVOTE yes, for the value that it locked.
    #[inline]
    pub const fn prevoted_yes(self) -> bool {
        self.is(Self::PREVOTED_YES)
    }

    /// Whether it has a PREVOTE, and so has abandoned the SPBs of the view.
    #[inline]
    pub const fn prevoted(self) -> bool {
        self.prevoted_no() || self.prevoted_yes()
    }

    /// Whether it signed VOTE no.
    #[inline]
    pub const fn voted_no(self) -> bool {
        self.is(Self::VOTED_NO)
    }

    /// Whether it has a VOTE.
    #[inline]
    pub const fn voted(self) -> bool {
        self.voted_no() || !self.voted_yes().is_empty()
    }

    pub(super) const fn endorse(&mut self, value: u8) {
        self.add(Self::ENDORSED, Values::of(value));
    }

    pub(super) const fn lock(&mut self, value: u8) {
        self.add(Self::LOCKED, Values::of(value));
    }

    pub(super) const fn vote_yes(&mut self, value: u8) {
        self.add(Self::VOTED_YES, Values::of(value));
    }

    pub(super) const fn prevote_yes(&mut self) {
        self.0 |= 1 << Self::PREVOTED_YES;
    }

    pub(super) const fn prevote_no(&mut self) {
        self.0 |= 1 << Self::PREVOTED_NO;
    }

    pub(super) const fn vote_no(&mut self) {
        self.0 |= 1 << Self::VOTED_NO;
    }

    pub(super) const fn forget_endorsed(&mut self) {
        self.0 &= !(0b11 << Self::ENDORSED);
    }

    const fn flipped(self) -> Self {
        let mut other = Local(self.0 & (1 << Self::PREVOTED_YES | 1 << Self::PREVOTED_NO | 1 << Self::VOTED_NO));
        other.add(Self::ENDORSED, self.endorsed().flipped());
        other.add(Self::LOCKED, self.locked().flipped());
        other.add(Self::VOTED_YES, self.voted_yes().flipped());
        other
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endorsed {}, locked {}, ", roots(self.endorsed()), roots(self.locked()))?;
        let prevote = if self.prevoted_no() { "no" } else { "-" };
        write!(f, "PREVOTE {}, ", if self.prevoted_yes() { "yes" } else { prevote })?;
        match self.voted_yes().single() {
            Some(value) => write!(f, "VOTE {}", root(value)),
            None => write!(f, "VOTE {}", if self.voted_no() { "no" } else { "-" }),
        }
    }
}

/// One view: its leader, and what is signed about the leader's SPB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View<const H: usize> {
    /// The leader that the coin will name; H is the Byzantine node.
    pub leader: u8,
    /// What an honest leader proposed, once it is in the view.
    pub proposed: Values,
    /// No other value can get a lock (cert1) any more.
    pub settled: bool,
    /// Values with a lock (cert1).
    pub cert1: Values,
    /// Values that are done (cert2).
    pub cert2: Values,
    /// NPC: a quorum signed PREVOTE no.
    pub npc: bool,
    /// NVC: a quorum signed VOTE no.
    pub nvc: bool,
    /// What the honest nodes signed.
    pub nodes: [Local; H],
}

/// One honest node between views.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its view, from 0.
    pub view: u8,
    /// The value w that it proposes next.
    pub value: u8,
}

/// All that honest nodes have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State<const H: usize, const R: usize> {
    /// The honest nodes.
    pub nodes: [Node; H],
    /// The views.
    pub views: [View<H>; R],
    /// Values with a certificate that decides: cert2, or a quorum of VOTE yes.
    pub decided: Values,
    /// Some honest node left a view with a value that it cannot justify.
    pub unjustified: bool,
}

impl<const H: usize, const R: usize> State<H, R> {
    /// The same with both values exchanged.
    pub(super) fn flipped(mut self) -> Self {
        for node in &mut self.nodes {
            node.value = 1 - node.value;
        }
        for view in &mut self.views {
            view.proposed = view.proposed.flipped();
            view.cert1 = view.cert1.flipped();
            view.cert2 = view.cert2.flipped();
            view.nodes = view.nodes.map(Local::flipped);
        }
        self.decided = self.decided.flipped();
        self
    }

    /// The same with other names: node `order[i]` is now called i.
    pub(super) fn renamed(&self, order: &[usize; H]) -> Self {
        let mut other = *self;
        other.nodes = order.map(|node| self.nodes[node]);
        for (to, from) in other.views.iter_mut().zip(&self.views) {
            to.nodes = order.map(|node| from.nodes[node]);
            if let Some(leader) = order.iter().position(|&node| node == usize::from(from.leader)) {
                to.leader = leader as u8;
            }
        }
        other
    }
}

/// What a node does in its view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It gets a SEND of the leader and signs stage 1.
    Endorse(u8),
    /// It gets cert1 before the coin, keeps it, and signs stage 2.
    Lock(u8),
    /// The coin names the leader, and the node holds a lock of it: PREVOTE yes.
    PrevoteYes,
    /// The coin names the leader, and the node holds no lock of it: PREVOTE no.
    PrevoteNo,
    /// A valid PREVOTE yes makes it say VOTE yes.
    VoteYes(u8),
    /// A quorum of PREVOTE no makes it say VOTE no.
    VoteNo,
    /// VOTEs yes and no: it takes over the leader's value, and goes on to the next view.
    Adopt(u8),
    /// A quorum of VOTE no: it keeps its value, and goes on to the next view.
    Keep,
}

/// A node does something in its view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The node.
    pub node: usize,
    /// Its view, from 0.
    pub view: usize,
    /// What it does.
    pub act: Act,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "view {}, node {} ", self.view + 1, self.node)?;
        match self.act {
            Act::Endorse(value) => write!(f, "endorses {}", root(value)),
            Act::Lock(value) => write!(f, "locks {}", root(value)),
            Act::PrevoteYes => f.write_str("says PREVOTE yes"),
            Act::PrevoteNo => f.write_str("says PREVOTE no"),
            Act::VoteYes(value) => write!(f, "says VOTE yes for {}", root(value)),
            Act::VoteNo => f.write_str("says VOTE no"),
            Act::Adopt(value) => write!(f, "takes over {} and leaves", root(value)),
            Act::Keep => f.write_str("keeps its value and leaves"),
        }
    }
}

impl<const H: usize, const R: usize> fmt::Display for State<H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decided {}", roots(self.decided))?;
        for (i, view) in self.views.iter().enumerate() {
            write!(f, "; view {}, leader ", i + 1)?;
            if usize::from(view.leader) < H {
                write!(f, "{}", view.leader)?
            } else {
                f.write_str("Byzantine")?
            }
            write!(f, ": cert1 {}, cert2 {}", roots(view.cert1), roots(view.cert2))?;
            for (certificate, there) in [("NPC", view.npc), ("NVC", view.nvc)] {
                write!(f, "{}", if there { format!(", {certificate}") } else { String::new() })?;
            }
        }
        for (i, node) in self.nodes.iter().enumerate() {
            write!(f, "; node {i} in view {} with {}", node.view + 1, root(node.value))?;
        }
        Ok(())
    }
}
