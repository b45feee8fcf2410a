//! The job pool: threads for the CPU work of all nodes of a process.
//!
//! A protocol hands out work as values ([`Job`]). Light jobs run on the spot; the others come here, so that the one
//! task that owns a node's state is never held up by a decryption. One pool serves all nodes of a process.
//!
//! Everything is bounded: the pool's queue by its capacity, and each node's unfinished jobs by
//! [`JobPort::IN_FLIGHT`]. When either is full the job runs where it was made. That slows the node that makes too much
//! work, and can neither block nor deadlock.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use mellivora_core::Job;
use tokio::sync::mpsc;

type Task = Box<dyn FnOnce() + Send>;

/// A pool of threads for jobs. Cloning gives another handle to the same threads; they end when the last handle is
/// dropped.
#[derive(Clone)]
pub struct JobPool {
    queue: Arc<Queue>,
    threads: usize,
    _alive: Arc<Alive>,
}

struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    closed: bool,
}

/// Closes the queue when the last handle goes.
struct Alive(Arc<Queue>);

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Tasks run outside the lock, so nobody panics while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut state = self.lock();
            let task = loop {
                if let Some(task) = state.tasks.pop_front() {
                    break task;
                }
                if state.closed {
                    return;
                }
                state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            drop(state);
            task();
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.ready.notify_all();
    }
}

impl JobPool {
    /// Jobs that wait for a thread at the most.
    pub const CAPACITY: usize = 4096;

    /// A pool of that many threads, at least one.
    ///
    /// # Errors
    ///
    /// When the operating system refuses a thread.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let queue = Arc::new(Queue { state: Mutex::default(), ready: Condvar::new() });
        // Made first: if a thread cannot be had, dropping it ends those that were started.
        let alive = Arc::new(Alive(queue.clone()));
        let threads = threads.max(1);
        for i in 0..threads {
            let queue = queue.clone();
            thread::Builder::new().name(format!("mellivora-job-{i}")).spawn(move || queue.work())?;
        }
        Ok(JobPool { queue, threads, _alive: alive })
    }

    /// A pool with one thread per processor.
    ///
    /// # Errors
    ///
    /// When the operating system refuses a thread.
    pub fn per_processor() -> std::io::Result<Self> {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Queues a task, or gives it back when the queue is full.
    fn try_run(&self, task: Task) -> Result<(), Task> {
        let mut state = self.queue.lock();
        if state.tasks.len() >= Self::CAPACITY {
            return Err(task);
        }
        state.tasks.push_back(task);
        drop(state);
        self.queue.ready.notify_one();
        Ok(())
    }
}

impl fmt::Debug for JobPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobPool({} threads, {} waiting)", self.threads, self.queue.lock().tasks.len())
    }
}

/// A job panicked. Jobs are pure functions that never should; a node cannot go on without the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobPanicked;

type Outcome<J> = Result<<J as Job>::Done, JobPanicked>;

/// One node's connection to the pool.
pub(crate) struct JobPort<J: Job> {
    pool: JobPool,
    results: mpsc::Receiver<Outcome<J>>,
    reply: mpsc::Sender<Outcome<J>>,
    in_flight: usize,
}

impl<J: Job> JobPort<J> {
    /// Unfinished jobs of one node in the pool at the most.
    pub(crate) const IN_FLIGHT: usize = 1024;

    pub(crate) fn new(pool: JobPool) -> Self {
        let (reply, results) = mpsc::channel(Self::IN_FLIGHT);
        JobPort { pool, results, reply, in_flight: 0 }
    }

    /// Hands a job to the pool. When the bound is reached, the job runs here and its result is returned.
    pub(crate) fn start(&mut self, job: J) -> Option<Outcome<J>> {
        if self.in_flight >= Self::IN_FLIGHT {
            return Some(run(job));
        }
        let reply = self.reply.clone();
        let task = Box::new(move || {
            // There is room: a node has at most as many jobs in flight as the channel holds. The only failure is a
            // node that is gone, which needs no result.
            let _ = reply.try_send(run(job));
        });
        self.in_flight += 1;
        if let Err(task) = self.pool.try_run(task) {
            // The result comes through the channel like any other.
            task();
        }
        None
    }

    /// The next result. Waits for ever when there is no job in flight. Cancel safe.
    pub(crate) async fn next(&mut self) -> Outcome<J> {
        match self.results.recv().await {
            Some(outcome) => {
                self.in_flight -= 1;
                outcome
            }
            // Not reached: `self.reply` keeps the channel open.
            None => std::future::pending().await,
        }
    }

    /// The next result, if one is there.
    pub(crate) fn try_next(&mut self) -> Option<Outcome<J>> {
        let outcome = self.results.try_recv().ok()?;
        self.in_flight -= 1;
        Some(outcome)
    }

    /// Jobs whose result has not been taken.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }
}

fn run<J: Job>(job: J) -> Outcome<J> {
    catch_unwind(AssertUnwindSafe(|| job.run())).map_err(|_| JobPanicked)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;

    use super::*;

    struct Square(u64);

    impl Job for Square {
        type Done = u64;

        fn run(self) -> u64 {
            assert_ne!(self.0, 13, "unlucky");
            self.0 * self.0
        }
    }

    #[tokio::test]
    async fn every_job_gives_one_result() {
        let pool = JobPool::new(3).unwrap();
        let (mut a, mut b) = (JobPort::new(pool.clone()), JobPort::new(pool));
        for i in 100..600 {
            assert!(a.start(Square(i)).is_none() && b.start(Square(i + 1000)).is_none());
        }
        let (mut sum_a, mut sum_b) = (0, 0);
        for _ in 100..600 {
            sum_a += a.next().await.unwrap();
            sum_b += b.next().await.unwrap();
        }
        assert_eq!(sum_a, (100..600).map(|i| i * i).sum::<u64>());
        assert_eq!(sum_b, (1100..1600).map(|i| i * i).sum::<u64>());
        assert_eq!((a.in_flight(), b.in_flight()), (0, 0));
        assert!(a.try_next().is_none());
    }

    #[tokio::test]
    async fn a_full_pool_makes_the_caller_work_and_loses_nothing() {
        struct Wait(Option<blocking::Receiver<()>>);
        impl Job for Wait {
            type Done = ();
            fn run(self) {
                if let Some(gate) = self.0 {
                    gate.recv().unwrap();
                }
            }
        }
        let (open, gate) = blocking::channel();
        let mut port = JobPort::new(JobPool::new(1).unwrap());
        assert!(port.start(Wait(Some(gate))).is_none());
        let here = (0..2 * JobPort::<Wait>::IN_FLIGHT).filter(|_| port.start(Wait(None)).is_some()).count();
        assert_eq!(here, JobPort::<Wait>::IN_FLIGHT + 1);
        open.send(()).unwrap();
        for _ in 0..JobPort::<Wait>::IN_FLIGHT {
            port.next().await.unwrap();
        }
        assert_eq!(port.in_flight(), 0);
    }

    #[tokio::test]
    async fn a_panic_is_reported_and_the_thread_lives_on() {
        let mut port = JobPort::new(JobPool::new(1).unwrap());
        port.start(Square(13));
        port.start(Square(3));
        assert_eq!(port.next().await, Err(JobPanicked));
        assert_eq!(port.next().await, Ok(9));
    }
}
