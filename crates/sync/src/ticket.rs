//! The fair ticket lock, bare: no data, no masking. [`crate::SpinLock`] puts both around it.
//!
//! A taker draws the next ticket and waits until it is served; so takers get the lock in the
//! order in which they came. (Mellor-Crummey and Scott, "Algorithms for scalable synchronization
//! on shared-memory multiprocessors", 1991.)

use crate::cpu::Cpu;
use crate::facade::AtomicU32;
use core::sync::atomic::Ordering;

/// The lock word pair: the next ticket to draw, and the one being served.
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

    /// Takes the lock, waiting for its turn.
    #[inline(always)]
    pub fn lock<C: Cpu>(&self) {
        let mine = self.next.fetch_add(1, Ordering::Relaxed);
        let mut serving = self.serving.load(Ordering::Acquire);
        while serving != mine {
            serving = C::wait_while_eq(&self.serving, serving);
        }
    }

    /// Takes the lock if it is free.
    #[inline(always)]
    pub fn try_lock(&self) -> bool {
        let serving = self.serving.load(Ordering::Acquire);
        self.next
            .compare_exchange(
                serving,
                serving.wrapping_add(1),
                Ordering::Acquire,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// Gives the lock to the next ticket.
    ///
    /// # Safety
    ///
    /// Invariant **LOCK-HELD**: the caller holds the lock.
    #[inline(always)]
    pub unsafe fn unlock(&self) {
        let serving = self.serving.load(Ordering::Relaxed);
        self.serving
            .store(serving.wrapping_add(1), Ordering::Release);
    }

    /// Whether someone holds it now. For reports only: it may change at once.
    pub fn is_locked(&self) -> bool {
        self.next.load(Ordering::Relaxed) != self.serving.load(Ordering::Relaxed)
    }
}

impl Default for TicketLock {
    fn default() -> Self {
        Self::new()
    }
}
