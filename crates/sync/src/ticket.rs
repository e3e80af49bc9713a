//! The fair ticket lock, bare: no data, no masking. [`crate::SpinLock`] puts both around it.
//!
//! A taker draws the next ticket and waits until it is served; so takers get the lock in the
//! order in which they came. (Mellor-Crummey and Scott, "Algorithms for scalable synchronization
//! on shared-memory multiprocessors", 1991.)
//!
//! Two words side by side: the one being served is written by the holder alone, with a plain
//! store-release, it alone is what waiters watch, and the ticket stays in the guard, so that giving
//! back needs no load. A machine may draw a ticket and see whose turn it is with one access to both:
//! see [`Cpu::take_ticket`].
//!
//! They are not halves of 32 bits. [`TicketLock::try_lock`] looks at the one and then changes the
//! other; if 2^16 tickets were drawn in between, which takes milliseconds, both would look as before,
//! and it would have a lock that somebody else holds. 2^32 take minutes, in which it is not
//! interrupted.

use crate::cpu::Cpu;
use crate::facade::AtomicU32;
use crate::raw::RawLock;
use core::sync::atomic::Ordering;

/// The lock word pair: the ticket being served, and the next one to draw.
///
/// Fair among at most 2^32 - 1 takers at a time. Two cores that wait share one cache line: with
/// many cores and long queues see [`crate::queued::QueuedLock`].
#[derive(Debug)]
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(8)))] // for one access to both
pub struct TicketLock {
    serving: AtomicU32,
    next: AtomicU32,
}

impl TicketLock {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            serving: AtomicU32::new(0),
            next: AtomicU32::new(0),
        }
    }

    /// A free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            serving: AtomicU32::new(0),
            next: AtomicU32::new(0),
        }
    }

    /// Takes the lock, waiting for its turn; returns the ticket.
    #[inline(always)]
    pub fn lock<C: Cpu>(&self) -> u32 {
        C::take_ticket(self)
    }

    /// The first half of taking it: draws a ticket. For [`Cpu::take_ticket`].
    #[inline(always)]
    pub fn draw(&self) -> u32 {
        // Relaxed: drawing a ticket gives nothing but a place; the load of `serving` is what
        // makes the last holder's stores visible.
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The ticket that is served. Whoever sees its own here by an acquire sees what the last holder did,
    /// and has the lock. For [`Cpu::take_ticket`].
    #[inline(always)]
    pub fn serving(&self) -> &AtomicU32 {
        &self.serving
    }

    /// Both words, for machine code that takes the lock ([`Cpu::take_ticket`]): the ticket being served
    /// comes first, the next one to draw four bytes on. Aligned to 8 where pointers have 64 bits.
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut u64 {
        core::ptr::from_ref(self).cast_mut().cast()
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
