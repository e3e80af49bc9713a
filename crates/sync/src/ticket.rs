//! The fair ticket lock, bare: no data, no masking. [`crate::SpinLock`] puts both around it.
//!
//! A taker draws the next ticket and waits until it is served; so takers get the lock in the
//! order in which they came. (Mellor-Crummey and Scott, "Algorithms for scalable synchronization
//! on shared-memory multiprocessors", 1991.)
//!
//! Two halves of one word: the one being served is written by the holder alone, with a plain
//! store-release, and the ticket stays in the guard, so that giving back needs no load. A machine may
//! draw a ticket and see whose turn it is with one access to both: see [`Cpu::take_ticket`].

use crate::cpu::Cpu;
use crate::facade::AtomicU16;
use crate::raw::RawLock;
use core::sync::atomic::Ordering;

/// The lock word: the ticket being served, and the next one to draw.
///
/// Fair among at most 2^16 - 1 takers at a time. Two cores that wait share one cache line: with
/// many cores and long queues see [`crate::queued::QueuedLock`].
#[derive(Debug)]
#[repr(C, align(4))]
pub struct TicketLock {
    serving: AtomicU16,
    next: AtomicU16,
}

impl TicketLock {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            serving: AtomicU16::new(0),
            next: AtomicU16::new(0),
        }
    }

    /// A free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            serving: AtomicU16::new(0),
            next: AtomicU16::new(0),
        }
    }

    /// Takes the lock, waiting for its turn; returns the ticket.
    #[inline(always)]
    pub fn lock<C: Cpu>(&self) -> u16 {
        C::take_ticket(self)
    }

    /// The first half of taking it: draws a ticket. For [`Cpu::take_ticket`].
    #[inline(always)]
    pub fn draw(&self) -> u16 {
        // Relaxed: drawing a ticket gives nothing but a place; the load of `serving` is what
        // makes the last holder's stores visible.
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether `ticket` is the one being served: then what the last holder did is visible. For
    /// [`Cpu::take_ticket`].
    #[inline(always)]
    pub fn serves(&self, ticket: u16) -> bool {
        self.serving.load(Ordering::Acquire) == ticket
    }

    /// The word for machine code that takes the lock ([`Cpu::take_ticket`]): the ticket being served is
    /// at the address itself, the next one to draw two bytes on.
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut u32 {
        core::ptr::from_ref(self).cast_mut().cast()
    }

    /// Takes the lock if it is free; returns the ticket.
    #[inline(always)]
    pub fn try_lock(&self) -> Option<u16> {
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
    pub fn release_by_store(&self, mine: u16) -> (&AtomicU16, u16) {
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
    type Held = u16;

    #[cfg(not(loom))]
    const FREE: Self = Self::new();

    #[cfg(loom)]
    fn free() -> Self {
        Self::new()
    }

    #[inline(always)]
    fn acquire<C: Cpu>(&self) -> u16 {
        self.lock::<C>()
    }

    #[inline(always)]
    fn try_acquire(&self) -> Option<u16> {
        self.try_lock()
    }

    #[inline(always)]
    unsafe fn release<C: Cpu>(&self, mine: u16) {
        self.serving.store(mine.wrapping_add(1), Ordering::Release);
    }

    #[inline(always)]
    unsafe fn held(&self) -> u16 {
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
