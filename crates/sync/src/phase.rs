//! The fair reader-writer lock, bare: readers and writers take turns, neither starves.
//!
//! Phases of readers and of single writers alternate while both kinds wait: a reader waits for
//! at most one writer, however many come; a writer waits for the readers that came before it and
//! for the writers before it, in order. (Brandenburg and Anderson, "Spin-based reader-writer
//! synchronization for multiprocessor real-time systems", 2010: the ticket form, PF-T.)
//!
//! [`crate::RwSpinLock`] puts data and masking around it.

use crate::cpu::Cpu;
use crate::facade::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// What a reader adds to the counts of readers; the bits below belong to the writer.
const READER: u32 = 0x100;
/// A writer is there, or waits for the last readers.
const WRITER: u32 = 2;
/// Which of two writers that follow each other: else a reader that waits for one to go would
/// not see the difference between it and the next. Each writer that ends turns it over. It is no
/// part of the ticket (as it is in the paper, which knows no trying): one who tries in vain uses a
/// ticket up, and then two writers of the same parity follow each other.
const PHASE: u32 = 1;

/// The lock words: tickets drawn and served, of readers and of writers.
///
/// At most 2^24 - 1 readers at a time.
#[derive(Debug)]
pub struct PhaseFairLock {
    readers_in: AtomicU32,
    readers_out: AtomicU32,
    writers_in: AtomicU32,
    writers_out: AtomicU32,
}

impl PhaseFairLock {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            readers_in: AtomicU32::new(0),
            readers_out: AtomicU32::new(0),
            writers_in: AtomicU32::new(0),
            writers_out: AtomicU32::new(0),
        }
    }

    /// A free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            readers_in: AtomicU32::new(0),
            readers_out: AtomicU32::new(0),
            writers_in: AtomicU32::new(0),
            writers_out: AtomicU32::new(0),
        }
    }

    /// Takes it to read, beside other readers. O(readers and writers of one phase).
    #[inline(always)]
    pub fn read<C: Cpu>(&self) {
        let writer = self.readers_in.fetch_add(READER, Acquire) & (WRITER | PHASE);
        if writer & WRITER != 0 {
            core::hint::cold_path();
            let mut now = self.readers_in.load(Acquire);
            while now & (WRITER | PHASE) == writer {
                now = C::wait_while_eq(&self.readers_in, now);
            }
        }
    }

    /// Takes it to read if no writer has it or waits for it.
    #[inline(always)]
    pub fn try_read(&self) -> bool {
        let mut now = self.readers_in.load(Relaxed);
        // Again only when another reader came between.
        while now & WRITER == 0 {
            match self.readers_in.compare_exchange_weak(
                now,
                now.wrapping_add(READER),
                Acquire,
                Relaxed,
            ) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
        false
    }

    /// Ends one [`read`](Self::read).
    ///
    /// # Safety
    ///
    /// Invariant **LOCK-HELD**: the caller has it to read.
    #[inline(always)]
    pub unsafe fn end_read(&self) {
        self.readers_out.fetch_add(READER, Release);
    }

    /// Takes it to write, alone; returns the ticket. O(writers before this one).
    #[inline(always)]
    pub fn write<C: Cpu>(&self) -> u32 {
        let mine = self.writers_in.fetch_add(1, Relaxed);
        C::wait_until_eq(&self.writers_out, mine);
        // From here new readers wait; those who came before have to go.
        let came = self.readers_in.fetch_add(WRITER, Relaxed) & !(READER - 1);
        C::wait_until_eq(&self.readers_out, came);
        mine
    }

    /// Takes it to write if nobody has it or waits for it; returns the ticket.
    #[inline(always)]
    pub fn try_write(&self) -> Option<u32> {
        let mine = self.writers_out.load(Acquire);
        // No writer has or awaits it: the ticket drawn is the one served.
        self.writers_in
            .compare_exchange(mine, mine.wrapping_add(1), Relaxed, Relaxed)
            .ok()?;
        let came = self.readers_in.load(Relaxed);
        // All who came by then have left, and at the exchange no more had come.
        if came & !(READER - 1) == self.readers_out.load(Acquire)
            && self
                .readers_in
                .compare_exchange(came, came + WRITER, Relaxed, Relaxed)
                .is_ok()
        {
            return Some(mine);
        }
        self.writers_out.store(mine.wrapping_add(1), Release);
        None
    }

    /// Ends the [`write`](Self::write) that returned `mine`.
    ///
    /// # Safety
    ///
    /// Invariant **LOCK-HELD**: the caller has it to write, by this ticket.
    #[inline(always)]
    pub unsafe fn end_write(&self, mine: u32) {
        // First the readers, then the next writer: so phases alternate.
        self.readers_in.fetch_xor(WRITER | PHASE, Release);
        self.writers_out.store(mine.wrapping_add(1), Release);
    }

    /// Whether someone has it to write, or is about to. For reports only.
    pub fn is_written(&self) -> bool {
        self.readers_in.load(Relaxed) & WRITER != 0
    }
}

impl Default for PhaseFairLock {
    fn default() -> Self {
        Self::new()
    }
}
