//! CPU time of this thread: on a busy machine the clock on the wall says little.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// CPU time that this thread has used so far.
pub(super) fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
