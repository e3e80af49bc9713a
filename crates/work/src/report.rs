//! What a monitor or a watchdog can see of a queue. Only looking: nothing here changes anything.

use crate::queue::WorkQueue;
use crate::waits::WaitCounts;
use crate::worker::Worker;
use core::time::Duration;
use layercake_wait::{Host, Instant};

/// A queue at one moment. At every moment
/// `queued == pending + running + ran + coalesced + cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueReport {
    /// The queue's name.
    pub name: &'static str,
    /// Threads that are in [`run_worker`](WorkQueue::run_worker).
    pub workers: usize,
    /// Those of them who have nothing to do.
    pub idle: usize,
    /// Those of them whose item sleeps. Only pools know.
    pub blocked: usize,
    /// How many items may run at once.
    pub max_active: usize,
    /// Whether it takes no more items.
    pub closed: bool,
    /// Items that wait for a worker now.
    pub pending: usize,
    /// Items that run now.
    pub running: usize,
    /// Calls of `queue` that were accepted. Those that joined an item count when it leaves the
    /// queue that it is on, and there.
    pub queued: u64,
    /// Runs that have ended.
    pub ran: u64,
    /// Calls of `queue` that joined a pending run.
    pub coalesced: u64,
    /// Items that were taken off the queue without a run.
    pub cancelled: u64,
}

/// An item that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// The item's name.
    pub item: &'static str,
    /// When the run began.
    pub since: Instant,
    /// Which worker runs it: the [`Seat::address`](crate::Seat::address) of that, to compare with
    /// only.
    pub worker: usize,
}

impl RunReport {
    /// What `worker` runs. The caller holds its queue's lock, or the worker is stopped.
    pub(crate) fn of<H: Host>(worker: &Worker<H>) -> Option<Self> {
        worker.job.get().map(|job| Self {
            item: job.name,
            since: job.since,
            worker: worker.address().addr(),
        })
    }

    /// How long it has run at the time `now`.
    pub const fn running_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

impl<H: Host> WorkQueue<H> {
    /// What is on the queue, and what became of all that was. Any context. O(workers).
    pub fn report(&self) -> QueueReport {
        let inner = self.lock();
        let counts = inner.counts;
        let (pending, running) = (inner.pending(), inner.running());
        QueueReport {
            name: self.name(),
            workers: inner.workers.iter().count(),
            idle: inner.idle.iter().count(),
            blocked: inner.blocked,
            max_active: self.limit(),
            closed: inner.closed,
            pending,
            running,
            queued: inner.next_ticket + counts.coalesced,
            ran: inner.next_ticket - counts.cancelled - (pending + running) as u64,
            coalesced: counts.coalesced,
            cancelled: counts.cancelled,
        }
    }

    /// Writes what the queue's workers run now into `runs`, as far as there is room; returns how
    /// many run. Any context. O(workers).
    pub fn runs(&self, runs: &mut [Option<RunReport>]) -> usize {
        runs.fill(None);
        let inner = self.lock();
        let mut count = 0;
        for found in inner.workers.iter().filter_map(RunReport::of) {
            if let Some(run) = runs.get_mut(count) {
                *run = Some(found);
            }
            count += 1;
        }
        count
    }

    /// How long items waited between queueing and run: of one in 32. Any context. O(1).
    pub fn waits(&self) -> WaitCounts {
        self.lock().waits.counts()
    }

    /// The item that has run longest, if any runs: what a watchdog asks of each queue now and
    /// then. Any context. O(workers).
    pub fn longest_run(&self) -> Option<RunReport> {
        let inner = self.lock();
        let runs = inner.workers.iter().filter_map(RunReport::of);
        runs.min_by_key(|run| run.since)
    }
}
