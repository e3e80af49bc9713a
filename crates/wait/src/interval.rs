//! The interval: a thread that goes on at equal distances, however long it takes in between.

use crate::host::Host;
use crate::sleep::sleep_until;
use crate::time::Instant;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use layercake_sync::TaskCx;

/// Equal distances in time, for one thread.
///
/// Each tick is due a whole number of periods after the first: a late one does not move those
/// that follow, so it does not drift. Who is late by more than a period is told how many ticks it
/// missed, and goes on with the next one that is to come.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use core::time::Duration;
/// use layercake_wait::{host::std::{enter, StdHost}, Interval};
///
/// enter(|cx| {
///     let mut frames = Interval::<StdHost>::every(Duration::from_millis(1));
///     let mut shown = 0;
///     while shown < 3 {
///         let missed = frames.tick(cx);
///         shown += 1 + missed; // it is up to us what becomes of those
///     }
/// });
/// # }
/// ```
pub struct Interval<H> {
    next: Instant,
    period: Duration,
    _host: PhantomData<fn() -> H>,
}

impl<H: Host> Interval<H> {
    /// The first tick is a period from now.
    ///
    /// # Panics
    ///
    /// When the period is less than a nanosecond.
    pub fn every(period: Duration) -> Self {
        Self::starting_at(H::now() + period, period)
    }

    /// The first tick is at `first`, which may be past.
    ///
    /// # Panics
    ///
    /// When the period is less than a nanosecond.
    pub fn starting_at(first: Instant, period: Duration) -> Self {
        assert!(!period.is_zero(), "an interval needs a period");
        Self {
            next: first,
            period,
            _host: PhantomData,
        }
    }

    /// Blocks until the next tick; returns how many were missed since the one before.
    ///
    /// Returns at once when that tick is due. Of several that are due all but the last are
    /// missed.
    pub fn tick(&mut self, cx: &mut TaskCx) -> u64 {
        sleep_until::<H>(cx, self.next);
        let missed = self.missed(H::now());
        // 2^64 ns are not reached by counting, only by asking for a tick beyond the end of time.
        let due = u128::from(missed) * self.period.as_nanos() + u128::from(self.next.as_nanos());
        let next = due + self.period.as_nanos();
        self.next = u64::try_from(next).map_or(Instant::MAX, Instant::from_nanos);
        missed
    }

    /// When the next tick is due.
    pub fn next_tick(&self) -> Instant {
        self.next
    }

    /// The distance between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Begins anew: the next tick is a period from now, and none was missed.
    pub fn reset(&mut self) {
        self.next = H::now() + self.period;
    }

    /// How many whole periods have passed since a tick was due.
    fn missed(&self, now: Instant) -> u64 {
        let late = now.saturating_duration_since(self.next);
        // A quotient of what fits into 64 bits fits too.
        (late.as_nanos() / self.period.as_nanos()) as u64
    }
}

impl<H> fmt::Debug for Interval<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("next", &self.next)
            .field("period", &self.period)
            .finish()
    }
}
