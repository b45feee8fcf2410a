//! A set of at most two values: bits of an agreement, or two roots of a broadcast.

use std::fmt;

/// A subset of {0, 1}. Broadcasts read 0 as root A and 1 as root B.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Values(u8);

impl Values {
    /// No value.
    pub const NONE: Values = Values(0b00);
    /// Both values.
    pub const BOTH: Values = Values(0b11);

    /// The set with one value, 0 or 1.
    #[inline]
    pub const fn of(value: u8) -> Self {
        Values(1 << (value & 1))
    }

    /// The set with the value of a bit.
    #[inline]
    pub const fn of_bit(value: bool) -> Self {
        Self::of(value as u8)
    }

    /// Both sets together.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Values) -> Self {
        Values(self.0 | other.0)
    }

    /// Whether `value` is a member.
    #[inline]
    pub const fn has(self, value: u8) -> bool {
        self.0 & (1 << (value & 1)) != 0
    }

    /// Whether every member is also in `other`.
    #[inline]
    pub const fn within(self, other: Values) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there is no member.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The only member, if there is exactly one.
    #[inline]
    pub const fn single(self) -> Option<u8> {
        match self.0 {
            0b01 => Some(0),
            0b10 => Some(1),
            _ => None,
        }
    }

    /// The same with the values exchanged.
    #[inline]
    #[must_use]
    pub const fn flipped(self) -> Self {
        Values((self.0 & 1) << 1 | self.0 >> 1)
    }

    /// The two bits.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with the two low bits given.
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        Values(bits & 0b11)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0b00 => "{}",
            0b01 => "{0}",
            0b10 => "{1}",
            _ => "{0, 1}",
        })
    }
}

/// Name of a root.
pub(crate) const fn root(value: u8) -> &'static str {
    if value & 1 == 0 { "A" } else { "B" }
}
