//! Integrity: one output per instance.

use std::collections::BTreeSet;
use std::fmt::Debug;

use mellivora_core::{NodeIndex, Protocol};

use super::{Observation, Oracle};
use crate::View;

/// No honest node outputs the same key twice in one incarnation.
#[derive(Debug)]
pub struct Integrity<K, F> {
    key: F,
    seen: BTreeSet<(NodeIndex, K)>,
}

impl<K: Ord + Debug, F> Integrity<K, F> {
    /// `key` says what an output is about.
    pub fn new<O>(key: F) -> Self
    where
        F: Fn(&O) -> K,
    {
        Integrity { key, seen: BTreeSet::new() }
    }
}

impl<P: Protocol, K: Ord + Debug, F: Fn(&P::Output) -> K> Oracle<P> for Integrity<K, F> {
    fn name(&self) -> &'static str {
        "integrity"
    }

    fn observe(&mut self, event: &Observation<'_, P>, _: &View<'_, P>) -> Result<(), String> {
        match event {
            Observation::Output { node, output, .. } => {
                let entry = (*node, (self.key)(output));
                if self.seen.contains(&entry) {
                    return Err(format!("{node:?} output {:?} twice", entry.1));
                }
                self.seen.insert(entry);
            }
            Observation::Restart { node } => self.seen.retain(|(who, _)| who != node),
            _ => {}
        }
        Ok(())
    }
}
