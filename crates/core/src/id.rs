//! Names of things: nodes, epochs, eras, rounds, digests.

use std::fmt;

use bincode::{Decode, Encode};

/// A node's place in the committee: dense, from 0 to n - 1.
///
/// An index that came over the wire says nothing about its range; look it up with a checked access.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct NodeIndex(pub u16);

impl NodeIndex {
    /// The index as a position in a `Vec` of all nodes.
    #[inline]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl From<u16> for NodeIndex {
    fn from(index: u16) -> Self {
        NodeIndex(index)
    }
}

impl fmt::Display for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

macro_rules! counter {
    ($(#[$meta:meta])* $name:ident($inner:ty)) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The next one; stays at the maximum, which no honest run reaches.
            #[inline]
            #[must_use]
            pub const fn next(self) -> Self {
                $name(self.0.saturating_add(1))
            }

            /// This one plus `count`, saturating.
            #[inline]
            #[must_use]
            pub const fn plus(self, count: $inner) -> Self {
                $name(self.0.saturating_add(count))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// Number of an epoch: one common subset, one ordered batch. Counts from 0 and never restarts.
    Epoch(u64)
);
counter!(
    /// A run of epochs with one membership and one key set. The genesis era is 0.
    Era(u64)
);
counter!(
    /// A round of binary agreement. The first round is 1; 0 means "none yet".
    Round(u32)
);

/// A BLAKE3 digest. What was hashed, and under which key, is said where the digest is made (see [`crate::hash`]).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// All 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..")
    }
}
