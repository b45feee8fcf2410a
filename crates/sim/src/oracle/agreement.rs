//! Agreement: what two honest nodes output for one thing is the same.

use std::collections::BTreeMap;
use std::fmt::Debug;

use mellivora_core::{NodeIndex, Protocol};

use super::{Observation, Oracle};
use crate::View;

/// Outputs with equal keys have equal values, at all honest nodes, across restarts too.
#[derive(Debug)]
pub struct Agreement<K, V, F> {
    split: F,
    first: BTreeMap<K, (NodeIndex, V)>,
}

impl<K: Ord + Debug, V: PartialEq + Debug, F> Agreement<K, V, F> {
    /// `split` takes an output apart into what it is about and what it says.
    pub fn new<O>(split: F) -> Self
    where
        F: Fn(&O) -> (K, V),
    {
        Agreement { split, first: BTreeMap::new() }
    }
}

impl<P: Protocol, K: Ord + Debug, V: PartialEq + Debug, F: Fn(&P::Output) -> (K, V)> Oracle<P> for Agreement<K, V, F> {
    fn name(&self) -> &'static str {
        "agreement"
    }

    fn observe(&mut self, event: &Observation<'_, P>, _: &View<'_, P>) -> Result<(), String> {
        let Observation::Output { node, output, .. } = event else { return Ok(()) };
        let (key, value) = (self.split)(output);
        match self.first.get(&key) {
            Some((first, said)) if *said != value => {
                Err(format!("{first:?} output {said:?} for {key:?}, {node:?} {value:?}"))
            }
            Some(_) => Ok(()),
            None => {
                self.first.insert(key, (*node, value));
                Ok(())
            }
        }
    }
}
