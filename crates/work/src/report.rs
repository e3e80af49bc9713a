//! What a monitor or a watchdog can see of a queue. Only looking: nothing here changes anything.

use crate::queue::WorkQueue;
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
}

impl RunReport {
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
        QueueReport {
            name: self.name(),
            workers: inner.workers.iter().count(),
            max_active: self.limit(),
            closed: inner.closed,
            pending: counts.pending,
            running: counts.running,
            queued: counts.came + counts.coalesced,
            ran: counts.ran,
            coalesced: counts.coalesced,
            cancelled: counts.cancelled,
        }
    }

    /// Writes what the queue's workers run now into `runs`, as far as there is room; returns how
    /// many run. Any context. O(workers).
    pub fn runs(&self, runs: &mut [Option<RunReport>]) -> usize {
        runs.fill(None);
        let inner = self.lock();
        let jobs = inner.workers.iter().filter_map(|worker| worker.job.get());
        let mut count = 0;
        for job in jobs {
            if let Some(run) = runs.get_mut(count) {
                *run = Some(RunReport {
                    item: job.name,
                    since: job.since,
                });
            }
            count += 1;
        }
        count
    }

    /// The item that has run longest, if any runs: what a watchdog asks of each queue now and
    /// then. Any context. O(workers).
    pub fn longest_run(&self) -> Option<RunReport> {
        let inner = self.lock();
        let jobs = inner.workers.iter().filter_map(|worker| worker.job.get());
        jobs.min_by_key(|job| job.since).map(|job| RunReport {
            item: job.name,
            since: job.since,
        })
    }
}
