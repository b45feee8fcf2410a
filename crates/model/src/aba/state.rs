//! States and steps.

use std::fmt;

use crate::values::Values;

/// One honest node in one round, in 10 bits: BVALs said, AUX, CONF, V (two bits each), next estimate, decided.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local(u16);

impl Local {
    const BVAL: u16 = 0;
    const AUX: u16 = 2;
    const CONF: u16 = 4;
    const CHOSEN: u16 = 6;
    const NEXT: u16 = 8;
    const DECIDED: u16 = 9;

    #[inline]
    const fn get(self, at: u16) -> Values {
        Values::from_bits((self.0 >> at & 0b11) as u8)
    }

    #[inline]
    const fn add(&mut self, at: u16, values: Values) {
        self.0 |= (values.bits() as u16) << at;
    }

    /// Values with a BVAL of this node.
    #[inline]
    pub const fn bval(self) -> Values {
        self.get(Self::BVAL)
    }

    /// The value of its AUX.
    #[inline]
    pub const fn aux(self) -> Values {
        self.get(Self::AUX)
    }

    /// The set of its CONF.
    #[inline]
    pub const fn conf(self) -> Values {
        self.get(Self::CONF)
    }

    /// V.
    #[inline]
    pub const fn chosen(self) -> Values {
        self.get(Self::CHOSEN)
    }

    /// The estimate for the next round, once V is there.
    #[inline]
    pub const fn next(self) -> Option<u8> {
        if self.chosen().is_empty() { None } else { Some((self.0 >> Self::NEXT & 1) as u8) }
    }

    /// What the node decided in this round.
    #[inline]
    pub const fn decided(self) -> Option<u8> {
        if self.0 >> Self::DECIDED & 1 == 1 { self.next() } else { None }
    }

    pub(super) const fn say_bval(&mut self, values: Values) {
        self.add(Self::BVAL, values);
    }

    pub(super) const fn say_aux(&mut self, value: u8) {
        self.add(Self::AUX, Values::of(value));
    }

    pub(super) const fn say_conf(&mut self, values: Values) {
        self.add(Self::CONF, values);
    }

    pub(super) const fn choose(&mut self, values: Values, next: u8, decided: bool) {
        self.add(Self::CHOSEN, values);
        self.0 |= (next as u16) << Self::NEXT | (decided as u16) << Self::DECIDED;
    }

    const fn flipped(self) -> Self {
        let mut other = Local(self.0 & 1 << Self::DECIDED);
        other.add(Self::BVAL, self.bval().flipped());
        other.add(Self::AUX, self.aux().flipped());
        other.add(Self::CONF, self.conf().flipped());
        other.add(Self::CHOSEN, self.chosen().flipped());
        if let Some(next) = self.next() {
            other.0 |= ((1 - next) as u16) << Self::NEXT;
        }
        other
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BVAL {:?} AUX {:?} CONF {:?} V {:?}", self.bval(), self.aux(), self.conf(), self.chosen())
    }
}

/// One honest node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node<const R: usize> {
    /// Whether it has got its input.
    pub input: bool,
    /// What it has said in each round.
    pub rounds: [Local; R],
}

impl<const R: usize> Node<R> {
    /// What it decided first.
    pub fn decided(&self) -> Option<u8> {
        self.rounds.iter().find_map(|round| round.decided())
    }
}

/// The honest nodes, and what is common to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State<const H: usize, const R: usize> {
    /// Inputs that some honest node got.
    pub inputs: Values,
    /// The coin of each round, as a set of one value, once it is fixed.
    pub coins: [Values; R],
    /// The honest nodes.
    pub nodes: [Node<R>; H],
}

impl<const H: usize, const R: usize> State<H, R> {
    /// The same with 0 and 1 exchanged.
    #[must_use]
    pub fn flipped(mut self) -> Self {
        self.inputs = self.inputs.flipped();
        self.coins = self.coins.map(Values::flipped);
        for node in &mut self.nodes {
            node.rounds = node.rounds.map(Local::flipped);
        }
        self
    }
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It gets its input, and says BVAL for it.
    Input(u8),
    /// It says BVAL: its estimate, or a relay.
    Bval(u8),
    /// It says AUX.
    Aux(u8),
    /// It says CONF.
    Conf(Values),
    /// It has V, and releases its share.
    Choose(Values),
}

/// A node does something in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The node.
    pub node: usize,
    /// The round, from 0.
    pub round: usize,
    /// What it does.
    pub act: Act,
    /// The coin that is thrown in this step.
    pub coin: Option<u8>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { node, round, .. } = *self;
        write!(f, "round {}, node {node} ", round + 1)?;
        match self.act {
            Act::Input(value) => write!(f, "gets input {value}")?,
            Act::Bval(value) => write!(f, "says BVAL({value})")?,
            Act::Aux(value) => write!(f, "says AUX({value})")?,
            Act::Conf(values) => write!(f, "says CONF({values:?})")?,
            Act::Choose(values) => write!(f, "has V = {values:?}")?,
        }
        match self.coin {
            Some(coin) => write!(f, "; the coin is {coin}"),
            None => Ok(()),
        }
    }
}

impl<const H: usize, const R: usize> fmt::Display for State<H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.iter().enumerate() {
            write!(f, "{}node {i}: ", if i == 0 { "" } else { "; " })?;
            for (r, local) in node.rounds.iter().enumerate() {
                write!(f, "{}{local:?}", if r == 0 { "" } else { " | " })?;
            }
            if let Some(value) = node.decided() {
                write!(f, ", decided {value}")?;
            }
        }
        Ok(())
    }
}
