//! Asynchronous agreement: on one bit, on a value of any kind, and the collecting side of the common coin.
//!
//! | module | holds |
//! |---|---|
//! | [`aba`] | binary agreement with binding (BVAL, AUX, CONF, coin, TERM) |
//! | [`ckps`] | the agreement on a value of Cachin, Kursawe, Petzold and Shoup: candidates one after the other |
//! | [`coin`] | one common coin: collects shares, combines them as a job, keeps the gate before the own share |
//! | [`mvba`] | the contract of agreement on a value |
//! | [`smvba`] | sMVBA, corrected: strong provable broadcasts, of which the coin elects one |
//! | [`values`] | a set of bits |
//!
//! All are deterministic state machines after [`mellivora_core::Protocol`]: no clock, no thread, no randomness of
//! their own. The coin's cryptography is a [`mellivora_crypto::CoinScheme`], chosen by whoever makes the instance.

pub mod aba;
pub mod ckps;
pub mod coin;
pub mod mvba;
pub mod smvba;
mod tally;
pub mod values;

pub use aba::{Aba, AbaConfig, AbaMessage, CoinSchedule, Vote};
pub use ckps::{Ckps, CkpsMessage};
pub use coin::{CoinDone, CoinInstance, CoinJob};
pub use mvba::{Mvba, MvbaParams, Predicate};
pub use smvba::{Smvba, SmvbaMessage};
pub use values::Values;
