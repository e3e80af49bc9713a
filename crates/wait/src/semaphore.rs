//! Counting semaphore: so many permits, and threads that wait for some of them, in order.
//!
//! ```text
//!   the word:   WAITERS | permits (31 bits)
//! ```
//!
//! While WAITERS is set nobody but the holder of the queue's lock takes permits, and that one
//! gives them to the head of the queue: so nothing overtakes a large request that waits in
//! front. Whoever adds permits sees WAITERS in the same step, or the waiter sees the permits when
//! it sets it: both are changes of one word, which have one order. No fence is needed.

use crate::host::Host;
use crate::mutant::mutant;
use crate::node::Mode;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::waiter::{TimedOut, Waiter};
use core::pin::{Pin, pin};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use layercake_sync::TaskCx;
use layercake_sync::facade::{AtomicU32, const_unless_loom};

/// Somebody waits. Set and cleared under the queue's lock only.
const WAITERS: u32 = 1 << 31;
/// What the word has room for.
pub(crate) const MOST: u32 = WAITERS - 1;

/// The word without `n` permits, if there are so many and nobody waits.
#[inline(always)]
fn left(word: u32, n: u32) -> Option<u32> {
    // With WAITERS it is negative: fewer than any number of permits.
    let enough = n <= MOST && word.cast_signed() >= n.cast_signed();
    enough.then(|| word.wrapping_sub(n))
}

/// A number of permits to take and give back.
///
/// Permits belong to nobody: who gives some need not be who took them, and may be an interrupt
/// handler. Who waits is served first in, first out, be it for one permit or for many: permits
/// that are given go to the first in the queue once there are enough for it, and a newcomer gets
/// none as long as anybody waits.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, Semaphore};
///
/// static BYTES: Semaphore<StdHost> = Semaphore::new("bytes", 0);
/// let device = spawn(|_| BYTES.release_many(5)); // also from an interrupt handler
/// enter(|cx| {
///     BYTES.acquire(cx);
///     BYTES.acquire_many(cx, 4); // all of them, or none yet
/// });
/// assert_eq!(BYTES.permits(), 0);
/// # device.join().unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct Semaphore<H: Host> {
    word: AtomicU32,
    queue: WaitQueue<H>,
}

impl<H: Host> Semaphore<H> {
    /// The most permits that there may be at once.
    pub const MAX_PERMITS: u32 = MOST;

    const_unless_loom! {
        /// A semaphore with `permits` to take. `name` is for people.
        ///
        /// # Panics
        ///
        /// With more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        pub const fn new(name: &'static str, permits: u32) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "too many permits");
            Self {
                word: AtomicU32::new(permits),
                queue: WaitQueue::new(name),
            }
        }
    }

    /// How many permits are free now. For reports: it may change at once.
    pub fn permits(&self) -> u32 {
        self.word.load(Relaxed) & !WAITERS
    }

    /// How many wait for permits now. For reports: it may change at once.
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// Any context. O(1).
    #[inline]
    pub fn try_acquire(&self) -> bool {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are free and nobody waits.
    ///
    /// Any context. O(1).
    #[inline]
    pub fn try_acquire_many(&self, n: u32) -> bool {
        let word = self.word.load(Relaxed);
        let Some(left) = left(word, n) else {
            return false;
        };
        // The loop is elsewhere: here it would cost those who need none of it four instructions.
        let taken = self.word.compare_exchange(word, left, Acquire, Relaxed);
        taken.is_ok() || self.try_again(n)
    }

    #[cold]
    fn try_again(&self, n: u32) -> bool {
        (self.word)
            .fetch_update(Acquire, Relaxed, |word| left(word, n))
            .is_ok()
    }

    /// Takes a permit, blocking until there is one and everybody who came before is served.
    #[inline]
    pub fn acquire(&self, cx: &mut TaskCx) {
        self.acquire_many(cx, 1);
    }

    /// Takes `n` permits at once, blocking until there are so many and everybody who came before
    /// is served.
    ///
    /// # Panics
    ///
    /// When there can never be so many: `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    pub fn acquire_many(&self, cx: &mut TaskCx, n: u32) {
        if !self.try_acquire_many(n) {
            // Without a deadline there is no timing out.
            let _ = self.acquire_slow(cx, n, None);
        }
    }

    /// [`acquire`](Self::acquire), at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when there was none for the caller at the deadline.
    pub fn acquire_deadline(&self, cx: &mut TaskCx, deadline: Instant) -> Result<(), TimedOut> {
        self.acquire_many_deadline(cx, 1, deadline)
    }

    /// [`acquire_many`](Self::acquire_many), at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when there were not enough for the caller at the deadline; it has none then.
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many).
    pub fn acquire_many_deadline(
        &self,
        cx: &mut TaskCx,
        n: u32,
        deadline: Instant,
    ) -> Result<(), TimedOut> {
        if self.try_acquire_many(n) {
            return Ok(());
        }
        self.acquire_slow(cx, n, Some(deadline))
    }

    /// Out of the way of those who find their permits.
    #[cold]
    fn acquire_slow(
        &self,
        cx: &mut TaskCx,
        n: u32,
        deadline: Option<Instant>,
    ) -> Result<(), TimedOut> {
        assert!(n <= Self::MAX_PERMITS, "more permits than there can be");
        if n == 0 {
            return Ok(());
        }
        let waiter = pin!(Waiter::with_mode(Mode::wants(n)));
        let waiter = waiter.as_ref();
        waiter.prepare(&self.queue, cx);
        let place = Place {
            semaphore: self,
            waiter,
            n,
        };
        if !mutant!(EnqueueWithoutLook) {
            self.hand_out();
        }
        let blocked = match deadline {
            None => {
                waiter.maybe_block(cx);
                Ok(())
            }
            Some(deadline) => waiter.maybe_block_until(cx, deadline),
        };
        waiter.accept();
        core::mem::forget(place);
        if blocked.is_err() && !mutant!(LeaverHoldsUp) {
            // It may have been in the way of smaller requests.
            self.hand_out();
        }
        blocked
    }

    /// Gives a permit.
    ///
    /// Any context. O(1).
    ///
    /// # Panics
    ///
    /// Debug builds, when there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    pub fn release(&self) {
        self.release_many(1);
    }

    /// Gives `n` permits at once, to as many waiters as they are enough for.
    ///
    /// Any context. O(waiters woken).
    ///
    /// # Panics
    ///
    /// Debug builds, when there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    pub fn release_many(&self, n: u32) {
        let before = self.word.fetch_add(n, Release);
        debug_assert!(
            n <= Self::MAX_PERMITS - (before & !WAITERS),
            "more permits than can be counted"
        );
        if before & WAITERS != 0 {
            self.hand_out();
        }
    }

    /// Gives the free permits to those who wait, in order, and says in the word whether anybody
    /// still does.
    #[cold]
    fn hand_out(&self) {
        let take = |n| {
            let word = self.word.fetch_or(WAITERS, Acquire);
            let enough = word & !WAITERS >= n;
            if enough {
                // With WAITERS and the lock: nobody else takes any.
                self.word.fetch_sub(n, Relaxed);
            }
            enough
        };
        let nobody = || {
            self.word.fetch_and(!WAITERS, Relaxed);
        };
        self.queue.grant(take, nobody);
    }
}

/// A place in the queue of a semaphore, for the case that the host panics in the middle of a
/// wait: nothing is lost then.
struct Place<'a, 'q, H: Host> {
    semaphore: &'q Semaphore<H>,
    waiter: Pin<&'a Waiter<'q, H>>,
    n: u32,
}

impl<H: Host> Drop for Place<'_, '_, H> {
    fn drop(&mut self) {
        if self.waiter.withdraw() {
            self.semaphore.hand_out();
        } else {
            // Woken, which is served: the wake is not to be handed on, but the permits are.
            self.waiter.accept();
            self.semaphore.release_many(self.n);
        }
    }
}
