//! The fair ticket lock, bare: no data, no masking. [`crate::SpinLock`] puts both around it.
//!
//! A taker draws the next ticket and waits until it is served; so takers get the lock in the
//! order in which they came. (Mellor-Crummey and Scott, "Algorithms for scalable synchronization
//! on shared-memory multiprocessors", 1991.)
//!
//! Two words and not two halves of one: the word being served is written by the holder alone,
//! with a plain store-release, and it alone is what waiters watch. The ticket stays in the
//! guard, so that giving back needs no load.

use crate::cpu::Cpu;
use crate::facade::AtomicU32;
use crate::raw::RawLock;
use core::sync::atomic::Ordering;

/// The lock word pair: the next ticket to draw, and the one being served.
///
/// Fair among at most 2^32 - 1 takers at a time. Two cores that wait share one cache line: with
/// many cores and long queues see [`crate::queued::QueuedLock`].
#[derive(Debug)]
pub struct TicketLock {
    next: AtomicU32,
    serving: AtomicU32,
}

impl TicketLock {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            next: AtomicU32::new(0),
            serving: AtomicU32::new(0),
        }
    }

    /// A free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            next: AtomicU32::new(0),
            serving: AtomicU32::new(0),
        }
    }

    /// Takes the lock, waiting for its turn; returns the ticket.
    #[inline(always)]
    pub fn lock<C: Cpu>(&self) -> u32 {
        // Relaxed: drawing a ticket gives nothing but a place; the load of `serving` is what
        // makes the last holder's stores visible.
        let mine = self.next.fetch_add(1, Ordering::Relaxed);
        C::wait_until_eq(&self.serving, mine);
        mine
    }

    /// Takes the lock if it is free; returns the ticket.
    #[inline(always)]
    pub fn try_lock(&self) -> Option<u32> {
        let serving = self.serving.load(Ordering::Acquire);
        // `next` was `serving` at this exchange and `serving` never overtakes it: so the ticket
        // drawn is the one being served, and the load above saw the last holder's stores.
        self.next
            .compare_exchange(
                serving,
                serving.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
            .ok()
    }

    /// Gives the lock to the next ticket.
    ///
    /// # Safety
    ///
    /// Invariant **LOCK-HELD**: the caller holds the lock.
    #[inline(always)]
    pub unsafe fn unlock(&self) {
        let mine = self.serving.load(Ordering::Relaxed);
        self.serving.store(mine.wrapping_add(1), Ordering::Release);
    }

    /// The store that the holder of ticket `mine` gives the lock back by: with release, of the
    /// number to the word.
    #[inline(always)]
    pub fn release_by_store(&self, mine: u32) -> (&AtomicU32, u32) {
        (&self.serving, mine.wrapping_add(1))
    }

    /// Whether someone holds it now. For reports only: it may change at once.
    pub fn is_locked(&self) -> bool {
        self.next.load(Ordering::Relaxed) != self.serving.load(Ordering::Relaxed)
    }
}

// SAFETY: RAW-LOCK. A ticket is drawn once (`fetch_add`, or an exchange of the same word) and
// `serving` names one ticket at a time; the holder alone moves it, with a release that the next
// taker's acquire load reads.
unsafe impl RawLock for TicketLock {
    type Held = u32;

    #[cfg(not(loom))]
    const FREE: Self = Self::new();

    #[cfg(loom)]
    fn free() -> Self {
        Self::new()
    }

    #[inline(always)]
    fn acquire<C: Cpu>(&self) -> u32 {
        self.lock::<C>()
    }

    #[inline(always)]
    fn try_acquire(&self) -> Option<u32> {
        self.try_lock()
    }

    #[inline(always)]
    unsafe fn release<C: Cpu>(&self, mine: u32) {
        self.serving.store(mine.wrapping_add(1), Ordering::Release);
    }

    #[inline(always)]
    unsafe fn held(&self) -> u32 {
        self.serving.load(Ordering::Relaxed)
    }

    fn is_locked(&self) -> bool {
        self.is_locked()
    }
}

impl Default for TicketLock {
    fn default() -> Self {
        Self::new()
    }
}
