//! What must hold in every run, checked as early as it can be.
//!
//! Only honest nodes are held to anything; a node counts as honest unless it was declared
//! [`faulty`](crate::Builder::faulty), crashes and restarts included. Built into every run, without being asked for:
//! *no honest node is ever blamed* (`no-blame`), *every run comes to rest within its bound of steps* (`quiescence`),
//! and *every message survives its encoding, and has one* (`codec`).

mod agreement;
mod integrity;
mod memory;
mod order;
mod statements;
mod termination;
mod totality;
mod validity;

pub use agreement::Agreement;
pub use integrity::Integrity;
pub use memory::Memory;
pub use order::TotalOrder;
pub use statements::Statements;
pub use termination::Termination;
pub use totality::Totality;
pub use validity::Validity;

use mellivora_core::{Fault, NodeIndex, Protocol, To};

use crate::{Coverage, View};

/// Something that an honest node did.
#[derive(Debug)]
pub enum Observation<'a, P: Protocol> {
    /// It handed an output to its user.
    Output {
        /// Who.
        node: NodeIndex,
        /// Number of the output within the node's incarnation.
        index: usize,
        /// What.
        output: &'a P::Output,
    },
    /// It made a promise: a [`Durable::Yes`](mellivora_core::Durable::Yes) message, just logged.
    Promise {
        /// Who.
        node: NodeIndex,
        /// To whom.
        to: To,
        /// What.
        message: &'a P::Message,
    },
    /// Its turn is over and this message leaves, promise or not.
    Sent {
        /// Who.
        node: NodeIndex,
        /// To whom.
        to: To,
        /// What.
        message: &'a P::Message,
    },
    /// It recorded a fault.
    Fault {
        /// Who noticed.
        node: NodeIndex,
        /// What.
        fault: &'a Fault,
    },
    /// It came back after a crash, as a fresh instance.
    Restart {
        /// Who.
        node: NodeIndex,
    },
    /// It ended a turn.
    Turn {
        /// Who.
        node: NodeIndex,
    },
}

/// A property of runs.
pub trait Oracle<P: Protocol> {
    /// Its name in failures.
    fn name(&self) -> &'static str;

    /// Looks at one event. An error ends the run.
    fn observe(&mut self, event: &Observation<'_, P>, view: &View<'_, P>) -> Result<(), String> {
        let _ = (event, view);
        Ok(())
    }

    /// Looks at the end of a run that came to rest with all links up.
    fn finish(&mut self, view: &View<'_, P>) -> Result<(), String> {
        let _ = view;
        Ok(())
    }

    /// Adds what it has seen to the counters of the run, when the run is over.
    fn count(&self, coverage: &mut Coverage) {
        let _ = coverage;
    }
}

impl<P: Protocol> Oracle<P> for Box<dyn Oracle<P>> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn observe(&mut self, event: &Observation<'_, P>, view: &View<'_, P>) -> Result<(), String> {
        (**self).observe(event, view)
    }

    fn finish(&mut self, view: &View<'_, P>) -> Result<(), String> {
        (**self).finish(view)
    }

    fn count(&self, coverage: &mut Coverage) {
        (**self).count(coverage);
    }
}
