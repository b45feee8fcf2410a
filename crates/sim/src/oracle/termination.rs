//! Termination: everybody meets the halting rule.

use mellivora_core::Protocol;

use super::Oracle;
use crate::View;

/// When the run has come to rest, every honest node that is up has terminated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Termination;

impl<P: Protocol> Oracle<P> for Termination {
    fn name(&self) -> &'static str {
        "termination"
    }

    fn finish(&mut self, view: &View<'_, P>) -> Result<(), String> {
        let open: Vec<_> = view.live().iter().filter(|node| !view.node(*node).is_terminated()).collect();
        if open.is_empty() { Ok(()) } else { Err(format!("{open:?} never terminated")) }
    }
}
