//! Attackers that forge each protocol's own messages, and directed schedules: test support, never part of a release.
//!
//! | module | holds |
//! |---|---|
//! | [`ideal`] | a common coin without cryptography, whose values a test can look up |
//! | [`stage`] | a network operated by hand: a test says which message arrives next |
//! | [`steer`] | the scheduler that keeps a binary agreement split for as long as it can |

pub mod ideal;
pub mod stage;
pub mod steer;

pub use ideal::IdealCoin;
pub use stage::{Parcel, Stage};
pub use steer::Steering;
