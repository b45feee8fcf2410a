//! Work on all cores within a budget of time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// When a campaign ends.
#[derive(Debug)]
pub struct Deadline {
    started: Instant,
    budget: Option<Duration>,
    stopped: AtomicBool,
}

impl Deadline {
    /// From now on, so many seconds; for ever if not said.
    pub fn new(seconds: Option<f64>) -> Self {
        let budget = seconds.map(Duration::from_secs_f64);
        Deadline { started: Instant::now(), budget, stopped: AtomicBool::new(false) }
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.budget.is_some_and(|budget| self.started.elapsed() >= budget)
    }

    /// Ends it for all workers.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Seconds since it began.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

/// As many workers as there are cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `work` on so many threads, and returns what each brought.
pub fn on_all<T: Send>(workers: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(&work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
