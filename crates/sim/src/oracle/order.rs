//! Total order: everybody outputs one sequence.

use std::collections::BTreeMap;
use std::fmt::Debug;

use mellivora_core::{NodeIndex, Protocol};

use super::{Observation, Oracle};
use crate::View;

/// The ordered outputs of any two honest nodes are equal as far as the shorter list goes, and equally long at the end.
/// A restarted node begins anew.
#[derive(Debug)]
pub struct TotalOrder<V, F> {
    value: F,
    sequence: Vec<(NodeIndex, V)>,
    /// How many ordered outputs each node has handed out in its present incarnation.
    lengths: BTreeMap<NodeIndex, usize>,
}

impl<V: PartialEq + Debug, F> TotalOrder<V, F> {
    /// `value` says what of an output has to be equal; none for an output that is no part of the order.
    pub fn new<O>(value: F) -> Self
    where
        F: Fn(&O) -> Option<V>,
    {
        TotalOrder { value, sequence: Vec::new(), lengths: BTreeMap::new() }
    }
}

impl<P: Protocol, V: PartialEq + Debug, F: Fn(&P::Output) -> Option<V>> Oracle<P> for TotalOrder<V, F> {
    fn name(&self) -> &'static str {
        "total-order"
    }

    fn observe(&mut self, event: &Observation<'_, P>, _: &View<'_, P>) -> Result<(), String> {
        let (node, output) = match event {
            Observation::Output { node, output, .. } => (*node, *output),
            Observation::Restart { node } => {
                self.lengths.remove(node);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let Some(value) = (self.value)(output) else { return Ok(()) };
        let length = self.lengths.entry(node).or_default();
        let index = *length;
        *length += 1;
        match self.sequence.get(index) {
            Some((first, said)) if *said != value => {
                Err(format!("output {index} of {first:?} is {said:?}, of {node:?} {value:?}"))
            }
            Some(_) => Ok(()),
            None => {
                self.sequence.push((node, value));
                Ok(())
            }
        }
    }

    fn finish(&mut self, view: &View<'_, P>) -> Result<(), String> {
        let all = self.sequence.len();
        let length = |node| self.lengths.get(&node).copied().unwrap_or(0);
        match view.live().iter().map(|node| (node, length(node))).find(|(_, length)| *length != all) {
            Some((node, length)) => Err(format!("{node:?} output {length} of {all}")),
            None => Ok(()),
        }
    }
}
