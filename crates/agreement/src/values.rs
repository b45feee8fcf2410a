//! A set of bits.

use std::fmt;

/// A subset of {0, 1}.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Values(u8);

impl Values {
    /// No value.
    pub const NONE: Values = Values(0b00);
    /// {0}.
    pub const ZERO: Values = Values(0b01);
    /// {1}.
    pub const ONE: Values = Values(0b10);
    /// {0, 1}.
    pub const BOTH: Values = Values(0b11);

    /// The set with one value.
    #[inline]
    pub const fn of(value: bool) -> Self {
        if value { Self::ONE } else { Self::ZERO }
    }

    /// Adds a value.
    #[inline]
    pub const fn insert(&mut self, value: bool) {
        self.0 |= Self::of(value).0;
    }

    /// Whether `value` is a member.
    #[inline]
    pub const fn contains(self, value: bool) -> bool {
        self.0 & Self::of(value).0 != 0
    }

    /// The only member, if there is exactly one.
    #[inline]
    pub const fn single(self) -> Option<bool> {
        match self {
            Self::ZERO => Some(false),
            Self::ONE => Some(true),
            _ => None,
        }
    }

    /// The two low bits: bit v is set when v is a member.
    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// A set from its two low bits, if it is not empty and no other bit is set.
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0b01..=0b11 => Some(Values(bits)),
            _ => None,
        }
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NONE => "{}",
            Self::ZERO => "{0}",
            Self::ONE => "{1}",
            _ => "{0, 1}",
        })
    }
}
