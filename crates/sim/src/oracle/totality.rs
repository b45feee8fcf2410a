//! Totality: what one honest node outputs, all do.

use std::collections::BTreeMap;
use std::fmt::Debug;

use mellivora_core::{NodeSet, Protocol};

use super::{Observation, Oracle};
use crate::View;

/// When the run has come to rest, every key that one honest node output, or that was expected, was output by every
/// honest node that is up.
#[derive(Debug)]
pub struct Totality<K, F> {
    key: F,
    who: BTreeMap<K, NodeSet>,
}

impl<K: Ord + Debug, F> Totality<K, F> {
    /// `key` says what an output is about.
    pub fn new<O>(key: F) -> Self
    where
        F: Fn(&O) -> K,
    {
        Totality { key, who: BTreeMap::new() }
    }

    /// Everybody has to output something for `key`, even if nobody else does.
    #[must_use]
    pub fn expecting(mut self, key: K) -> Self {
        self.who.entry(key).or_default();
        self
    }
}

impl<P: Protocol, K: Ord + Debug, F: Fn(&P::Output) -> K> Oracle<P> for Totality<K, F> {
    fn name(&self) -> &'static str {
        "totality"
    }

    fn observe(&mut self, event: &Observation<'_, P>, _: &View<'_, P>) -> Result<(), String> {
        match event {
            Observation::Output { node, output, .. } => {
                self.who.entry((self.key)(output)).or_default().insert(*node);
            }
            Observation::Restart { node } => self.who.values_mut().for_each(|who| {
                who.remove(*node);
            }),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, view: &View<'_, P>) -> Result<(), String> {
        for (key, who) in &self.who {
            let missing = view.live().difference(who);
            if !missing.is_empty() {
                return Err(format!("{who:?} output {key:?}, {missing:?} never did"));
            }
        }
        Ok(())
    }
}
