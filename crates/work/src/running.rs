//! What a function is given of the item that it runs for.

use crate::delay::Delays;
use crate::queue::{Queued, WorkQueue};
use crate::work::Work;
use core::ops::Deref;
use core::ptr::NonNull;
use core::time::Duration;
use layercake_wait::{Host, Instant};

/// The item that runs, in the hands of its own function. Dereferences to the item's data.
///
/// No other worker runs the same item as long as this exists (K2).
#[derive(Debug)]
pub struct Running<'a, H: Host, T> {
    work: &'a Work<H, T>,
    queue: &'static WorkQueue<H>,
}

impl<'a, H: Host, T> Running<'a, H, T> {
    /// # Safety
    ///
    /// RUN-OWNS: the caller is the worker that runs `work`, on `queue`.
    pub(crate) const unsafe fn new(work: &'a Work<H, T>, queue: &'static WorkQueue<H>) -> Self {
        Self { work, queue }
    }

    /// The item.
    pub const fn work(&self) -> &'a Work<H, T> {
        self.work
    }

    /// The queue that it runs on.
    pub const fn queue(&self) -> &'static WorkQueue<H> {
        self.queue
    }

    /// Queues the item again on the queue that it runs on: behind what is there, so that others
    /// get their turn. See [`WorkQueue::queue`].
    pub fn again(&self) -> Queued {
        self.again_on(self.queue)
    }

    /// Queues the item again on `queue`: the next run is there, after this one ends.
    pub fn again_on(&self, queue: &'static WorkQueue<H>) -> Queued {
        // SAFETY: RUN-OWNS. The item is running, so the reference for its being busy is held;
        // what `Share::retain` would take is not needed (OWNED).
        unsafe { queue.enqueue(NonNull::from(self.work).cast(), || None) }
    }

    /// Queues the item again on the queue that it runs on, after a delay.
    /// See [`Delays::queue_after`].
    pub fn again_after(&self, delays: &'static Delays<H>, delay: Duration) -> Queued {
        self.again_at(delays, |_, now| now + delay)
    }

    /// Queues the item again on the queue that it runs on, one `period` after the point in time
    /// for which it was delayed last: without drift, however late it ran and however long.
    ///
    /// What lies in the past is left out, and the beat is kept. An item that was never delayed
    /// begins one period from now.
    ///
    /// # Panics
    ///
    /// When `period` is zero.
    pub fn again_every(&self, delays: &'static Delays<H>, period: Duration) -> Queued {
        assert!(!period.is_zero(), "a period of zero");
        self.again_at(delays, |last, now| match last {
            Some(last) => next_beat(last, period, now),
            None => now + period,
        })
    }

    fn again_at(
        &self,
        delays: &'static Delays<H>,
        when: impl FnOnce(Option<Instant>, Instant) -> Instant,
    ) -> Queued {
        let item = NonNull::from(self.work).cast();
        // SAFETY: RUN-OWNS, as above.
        unsafe { delays.enqueue(item, self.queue, when, || None) }
    }
}

/// The first of `last + period`, `last + 2 * period`, .. that is after `now`.
fn next_beat(last: Instant, period: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(last).as_nanos();
    let beats = late / period.as_nanos() + 1;
    let ahead = u64::try_from(beats * period.as_nanos()).unwrap_or(u64::MAX);
    last + Duration::from_nanos(ahead)
}

impl<H: Host, T> Deref for Running<'_, H, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.work.data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beat_is_kept() {
        let at = Instant::from_nanos;
        let period = Duration::from_nanos(10);
        assert_eq!(next_beat(at(100), period, at(100)), at(110));
        assert_eq!(next_beat(at(100), period, at(109)), at(110));
        assert_eq!(next_beat(at(100), period, at(110)), at(120));
        assert_eq!(next_beat(at(100), period, at(155)), at(160));
        assert_eq!(next_beat(at(100), period, at(7)), at(110));
        assert_eq!(next_beat(at(100), Duration::MAX, at(150)), Instant::MAX);
    }
}
