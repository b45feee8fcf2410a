//! What the driver needs of an atomic broadcast beyond the contract of every protocol.

use mellivora_atomic::{Atomic, Input, Output, Source, Status};
use mellivora_core::Protocol;

/// An atomic broadcast that a node can run.
pub(crate) trait Replica: Protocol<Input = Input, Output = Output> + Send + 'static {
    /// How far it is.
    fn status(&self) -> Status;
    /// Whether there is nothing to order, to fetch or to wait for, so that nudges change nothing.
    fn is_idle(&self) -> bool;
}

impl<P: Source + Send + 'static> Replica for Atomic<P>
where
    P::Subset: Send,
{
    fn status(&self) -> Status {
        Atomic::status(self)
    }

    fn is_idle(&self) -> bool {
        Atomic::is_idle(self)
    }
}
