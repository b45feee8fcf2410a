//! Validity: outputs make sense.

use mellivora_core::{NodeIndex, Protocol};

use super::{Observation, Oracle};
use crate::View;

/// A condition on each output of an honest node, given by a function.
#[derive(Debug)]
pub struct Validity<F>(F);

impl<F> Validity<F> {
    /// `check` says what is wrong with an output.
    pub fn new<P: Protocol>(check: F) -> Self
    where
        F: FnMut(NodeIndex, &P::Output, &View<'_, P>) -> Result<(), String>,
    {
        Validity(check)
    }
}

impl<P: Protocol, F: FnMut(NodeIndex, &P::Output, &View<'_, P>) -> Result<(), String>> Oracle<P> for Validity<F> {
    fn name(&self) -> &'static str {
        "validity"
    }

    fn observe(&mut self, event: &Observation<'_, P>, view: &View<'_, P>) -> Result<(), String> {
        match event {
            Observation::Output { node, output, .. } => (self.0)(*node, output, view),
            _ => Ok(()),
        }
    }
}
