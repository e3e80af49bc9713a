//! Counting semaphore: so many permits, and threads that wait for one.

use crate::host::Host;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::waiter::TimedOut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use layercake_sync::TaskCx;
use layercake_sync::facade::AtomicU32;

/// A number of permits to take and give back.
///
/// Permits belong to nobody: who gives one need not be who took one, and may be an interrupt
/// handler. Waiters are woken first in, first out. A permit that is free may be taken by a
/// newcomer, also when a waiter has just been woken for it; that waiter goes back to the head of
/// the queue then.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, Semaphore};
///
/// static BYTES: Semaphore<StdHost> = Semaphore::new("bytes", 0);
/// let device = spawn(|_| BYTES.release_n(3)); // also from an interrupt handler
/// enter(|cx| (0..3).for_each(|_| BYTES.acquire(cx)));
/// assert_eq!(BYTES.permits(), 0);
/// # device.join().unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct Semaphore<H: Host> {
    permits: AtomicU32,
    queue: WaitQueue<H>,
}

impl<H: Host> Semaphore<H> {
    /// A semaphore with `permits` to take. `name` is for people.
    #[cfg(not(loom))]
    pub const fn new(name: &'static str, permits: u32) -> Self {
        Self {
            permits: AtomicU32::new(permits),
            queue: WaitQueue::new(name),
        }
    }

    /// A semaphore with `permits` to take. `name` is for people.
    #[cfg(loom)]
    pub fn new(name: &'static str, permits: u32) -> Self {
        Self {
            permits: AtomicU32::new(permits),
            queue: WaitQueue::new(name),
        }
    }

    /// How many permits are free now. For reports: it may change at once.
    pub fn permits(&self) -> u32 {
        self.permits.load(Relaxed)
    }

    /// Takes a permit if one is free.
    ///
    /// Any context. O(1).
    #[inline]
    pub fn try_acquire(&self) -> bool {
        (self.permits)
            .fetch_update(Acquire, Relaxed, |permits| permits.checked_sub(1))
            .is_ok()
    }

    /// Takes a permit, blocking until there is one.
    #[inline]
    pub fn acquire(&self, cx: &mut TaskCx) {
        if !self.try_acquire() {
            self.acquire_slow(cx);
        }
    }

    /// Out of the way of those who find a permit.
    #[cold]
    fn acquire_slow(&self, cx: &mut TaskCx) {
        self.queue
            .wait_until(cx, |_| self.try_acquire().then_some(()));
    }

    /// Takes a permit, blocking until there is one, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when there was none at the deadline.
    pub fn acquire_deadline(&self, cx: &mut TaskCx, deadline: Instant) -> Result<(), TimedOut> {
        (self.queue).wait_until_deadline(cx, deadline, |_| self.try_acquire().then_some(()))
    }

    /// Gives a permit.
    ///
    /// Any context. O(1).
    ///
    /// # Panics
    ///
    /// Debug builds, when there are more than `u32::MAX` permits.
    #[inline]
    pub fn release(&self) {
        let before = self.permits.fetch_add(1, Release);
        debug_assert_ne!(before, u32::MAX, "more permits than can be counted");
        self.queue.wake_one();
    }

    /// Gives `n` permits at once, to up to `n` waiters.
    ///
    /// Any context. O(waiters woken).
    ///
    /// # Panics
    ///
    /// Debug builds, when there are more than `u32::MAX` permits.
    pub fn release_n(&self, n: u32) {
        let before = self.permits.fetch_add(n, Release);
        debug_assert!(
            before.checked_add(n).is_some(),
            "more permits than can be counted"
        );
        self.queue.wake_n(n as usize);
    }
}
