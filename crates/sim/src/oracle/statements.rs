//! Promises: an honest node never contradicts itself, across restarts neither.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Debug;

use mellivora_core::{NodeIndex, Protocol};

use super::{Observation, Oracle};
use crate::View;

/// Of all promises of one honest node with equal keys, all say the same, whatever incarnations they were made in.
#[derive(Debug)]
pub struct Statements<K, V, F> {
    statements: F,
    said: BTreeMap<(NodeIndex, K), V>,
}

impl<K: Ord + Debug, V: PartialEq + Debug, F> Statements<K, V, F> {
    /// `statements` takes a logged message apart into (slot, content) pairs: what the promise is about (instance,
    /// round, kind, and the receiver where each gets its own), and what it says, such as the encoding.
    pub fn new<M>(statements: F) -> Self
    where
        F: Fn(&M) -> Vec<(K, V)>,
    {
        Statements { statements, said: BTreeMap::new() }
    }
}

impl<P, K, V, F> Oracle<P> for Statements<K, V, F>
where
    P: Protocol,
    K: Ord + Debug,
    V: PartialEq + Debug,
    F: Fn(&P::Message) -> Vec<(K, V)>,
{
    fn name(&self) -> &'static str {
        "statements"
    }

    fn observe(&mut self, event: &Observation<'_, P>, _: &View<'_, P>) -> Result<(), String> {
        let Observation::Promise { node, message, .. } = event else { return Ok(()) };
        for (slot, content) in (self.statements)(message) {
            match self.said.entry((*node, slot)) {
                Entry::Vacant(entry) => {
                    entry.insert(content);
                }
                Entry::Occupied(entry) if *entry.get() != content => {
                    return Err(format!("{node:?} said {:?} and then {content:?}: {message:?}", entry.get()));
                }
                Entry::Occupied(_) => {}
            }
        }
        Ok(())
    }
}
