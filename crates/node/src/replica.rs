//! What the driver needs of an atomic broadcast beyond the contract of every protocol.

use mellivora_atomic::{HoneyBadger, Input, Output, Status};
use mellivora_core::Protocol;
use mellivora_subset::Subset;

/// An atomic broadcast that a node can run.
pub(crate) trait Replica: Protocol<Input = Input, Output = Output> + Send + 'static {
    /// How far it is.
    fn status(&self) -> Status;
    /// Whether there is nothing to order, to fetch or to wait for, so that nudges change nothing.
    fn is_idle(&self) -> bool;
}

impl<S: Subset + Send + 'static> Replica for HoneyBadger<S> {
    fn status(&self) -> Status {
        HoneyBadger::status(self)
    }

    fn is_idle(&self) -> bool {
        HoneyBadger::is_idle(self)
    }
}
