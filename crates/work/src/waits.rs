//! How long items wait for a worker: a histogram of samples for each queue.
//!
//! To time every item would read the clock once more for each. So it is one in [`SPACING`] at most,
//! and one at a time. What is not timed costs a look at two bits of its ticket.

use core::hint::cold_path;
use core::time::Duration;
use layercake_wait::{Host, Instant};

/// Below which times the samples are counted, the first that is greater. The last count is of all
/// that are longer.
pub const WAIT_LIMITS: [Duration; BUCKETS - 1] = {
    let mut limits = [Duration::ZERO; BUCKETS - 1];
    let mut n = 0;
    while n < limits.len() {
        limits[n] = Duration::from_micros(1 << (2 * n));
        n += 1;
    }
    limits
};

/// How many samples waited for less than each of [`WAIT_LIMITS`] and not for less than the one
/// before; and how many longer.
pub type WaitCounts = [u32; BUCKETS];

const BUCKETS: usize = 12;

/// Of so many items one is timed, if the one before has begun.
const SPACING: u64 = 32;

/// A queue's samples; under its lock.
pub(crate) struct Waits {
    /// The ticket of the item that is timed, and when it came.
    timed: Option<(u64, Instant)>,
    counts: WaitCounts,
}

impl Waits {
    pub(crate) const fn new() -> Self {
        Self {
            timed: None,
            counts: [0; BUCKETS],
        }
    }

    /// The item of `ticket` comes.
    #[inline(always)]
    pub(crate) fn comes<H: Host>(&mut self, ticket: u64) {
        if ticket.is_multiple_of(SPACING) {
            cold_path();
            if self.timed.is_none() {
                self.timed = Some((ticket, H::now()));
            }
        }
    }

    /// The item of `ticket` begins to run.
    #[inline(always)]
    pub(crate) fn starts(&mut self, ticket: u64, now: Instant) {
        if ticket.is_multiple_of(SPACING) {
            self.sample(ticket, now);
        }
    }

    #[cold]
    fn sample(&mut self, ticket: u64, now: Instant) {
        let Some((_, since)) = self.timed.take_if(|(timed, _)| *timed == ticket) else {
            return;
        };
        let wait = now.saturating_duration_since(since);
        let bucket = WAIT_LIMITS
            .iter()
            .take_while(|limit| wait >= **limit)
            .count();
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
    }

    /// The item of `ticket` leaves without a run.
    #[inline(always)]
    pub(crate) fn withdrawn(&mut self, ticket: u64) {
        self.timed.take_if(|(timed, _)| *timed == ticket);
    }

    pub(crate) const fn counts(&self) -> WaitCounts {
        self.counts
    }
}
