//! Memory: what an instance holds stays within its documented bound.

use mellivora_core::Protocol;

use super::{Observation, Oracle};
use crate::View;

/// After every turn of an honest node its state is at most `bound`, in the unit of the measuring function.
#[derive(Debug)]
pub struct Memory<F> {
    bound: usize,
    measure: F,
}

impl<F> Memory<F> {
    /// `measure` says how much an instance holds.
    pub fn new<P: Protocol>(bound: usize, measure: F) -> Self
    where
        F: Fn(&P) -> usize,
    {
        Memory { bound, measure }
    }
}

impl<P: Protocol, F: Fn(&P) -> usize> Oracle<P> for Memory<F> {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn observe(&mut self, event: &Observation<'_, P>, view: &View<'_, P>) -> Result<(), String> {
        let Observation::Turn { node } = event else { return Ok(()) };
        let held = (self.measure)(view.node(*node));
        if held > self.bound { Err(format!("{node:?} holds {held}, the bound is {}", self.bound)) } else { Ok(()) }
    }
}
