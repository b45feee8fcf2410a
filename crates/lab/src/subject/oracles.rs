//! Oracles that the subjects share, besides those of the simulator.

use std::collections::BTreeSet;

use mellivora_core::{NodeIndex, Protocol};
use mellivora_sim::{Coverage, Observation, Oracle, View};

/// No honest node releases a share before it may. Looks at everything that honest nodes send: the function gets the
/// sender's state after its turn and the message; an error is a broken gate.
pub(super) struct Gate<F>(pub(super) F);

impl<P: Protocol, F: Fn(&P, &P::Message) -> Result<(), String>> Oracle<P> for Gate<F> {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn observe(&mut self, event: &Observation<'_, P>, view: &View<'_, P>) -> Result<(), String> {
        let Observation::Sent { node, message, .. } = event else { return Ok(()) };
        (self.0)(view.node(*node), message).map_err(|what| format!("{node:?} {what}"))
    }
}

/// A property of the end of a run: `check` gets every live honest node.
pub(super) struct AtEnd<F>(pub(super) &'static str, pub(super) F);

impl<P: Protocol, F: Fn(NodeIndex, &View<'_, P>) -> Result<(), String>> Oracle<P> for AtEnd<F> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn finish(&mut self, view: &View<'_, P>) -> Result<(), String> {
        view.live().iter().try_for_each(|node| (self.1)(node, view).map_err(|what| format!("{node:?} {what}")))
    }
}

/// Counts the runs in which an honest node said something that the function has a name for.
pub(super) struct Said<F>(F, BTreeSet<&'static str>);

impl<F> Said<F> {
    pub(super) fn new<M>(name: F) -> Self
    where
        F: Fn(&M) -> Option<&'static str>,
    {
        Said(name, BTreeSet::new())
    }
}

impl<P: Protocol, F: Fn(&P::Message) -> Option<&'static str>> Oracle<P> for Said<F> {
    fn name(&self) -> &'static str {
        "said"
    }

    fn observe(&mut self, event: &Observation<'_, P>, _: &View<'_, P>) -> Result<(), String> {
        if let Observation::Sent { message, .. } = event {
            self.1.extend((self.0)(message));
        }
        Ok(())
    }

    fn count(&self, coverage: &mut Coverage) {
        self.1.iter().for_each(|name| coverage.count(name));
    }
}
