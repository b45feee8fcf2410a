//! Total order: everybody outputs one sequence.

use std::fmt::Debug;

use mellivora_core::{NodeIndex, Protocol};

use super::{Observation, Oracle};
use crate::View;

/// The outputs of any two honest nodes are equal as far as the shorter list goes, and equally long at the end. A
/// restarted node begins anew.
#[derive(Debug)]
pub struct TotalOrder<V, F> {
    value: F,
    sequence: Vec<(NodeIndex, V)>,
}

impl<V: PartialEq + Debug, F> TotalOrder<V, F> {
    /// `value` says what of an output has to be equal.
    pub fn new<O>(value: F) -> Self
    where
        F: Fn(&O) -> V,
    {
        TotalOrder { value, sequence: Vec::new() }
    }
}

impl<P: Protocol, V: PartialEq + Debug, F: Fn(&P::Output) -> V> Oracle<P> for TotalOrder<V, F> {
    fn name(&self) -> &'static str {
        "total-order"
    }

    fn observe(&mut self, event: &Observation<'_, P>, _: &View<'_, P>) -> Result<(), String> {
        let Observation::Output { node, index, output } = event else { return Ok(()) };
        let value = (self.value)(output);
        match self.sequence.get(*index) {
            Some((first, said)) if *said != value => {
                Err(format!("output {index} of {first:?} is {said:?}, of {node:?} {value:?}"))
            }
            Some(_) => Ok(()),
            None => {
                self.sequence.push((*node, value));
                Ok(())
            }
        }
    }

    fn finish(&mut self, view: &View<'_, P>) -> Result<(), String> {
        let all = self.sequence.len();
        match view.live().iter().map(|node| (node, view.outputs(node).len())).find(|(_, len)| *len != all) {
            Some((node, len)) => Err(format!("{node:?} output {len} of {all}")),
            None => Ok(()),
        }
    }
}
