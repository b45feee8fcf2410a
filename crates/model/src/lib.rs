//! Exhaustive models of the protocols on small committees.
pub mod aba;
pub mod bkr;
pub mod explore;
pub mod rbc;
pub mod saving;
pub mod system;
pub mod term;
pub mod values;
mod weakening;
pub use weakening::Weakening;
