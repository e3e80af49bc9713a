//! The heap: talc behind an IRQ-safe lock.
//!
//! What belongs here: the lock and the figures. What does not: how pieces are found, which is
//! talc's; where the memory comes from, which is the kernel's.

use crate::{Stats, check};
use core::alloc::{GlobalAlloc, Layout};
use core::fmt;
use core::ptr::{self, NonNull};
use layercake_sync::{Atomic, Cpu, IrqOff, SpinLock};
use talc::DefaultBinning;
use talc::base::Talc;
use talc::source::Manual;

/// A heap for the whole kernel, to be its `#[global_allocator]`.
///
/// Its lock masks interrupts. Nobody should allocate in an interrupt handler; but an allocator is
/// called from anywhere without a word (the last `Arc` of something may be dropped in a handler),
/// and cannot ask for a token that shows where it runs. With a lock that masks preemption only,
/// such a mistake would hang the core once in a blue moon; with this one it is merely slow. Masking
/// costs fewer instructions than counting preemption, too. What it costs is interrupt latency: as
/// long as one operation takes, see the crate documentation.
pub struct Heap<C: Cpu> {
    inner: SpinLock<Inner, IrqOff<C>>,
}

struct Inner {
    talc: Talc<Manual, DefaultBinning>,
    stats: Stats,
}

// SAFETY: HEAP-OWNED: the heap's memory is its own, on whichever core it is used; talc's pointers
// point into that memory only.
unsafe impl Send for Inner {}

/// The memory given to a heap is too small to hold anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooSmall;

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory is too small for a heap")
    }
}

impl core::error::Error for TooSmall {}

impl<C: Cpu> Heap<C> {
    /// A heap without memory: every allocation fails.
    pub const fn new() -> Self {
        Self {
            inner: SpinLock::new(Inner {
                talc: Talc::new(Manual),
                stats: Stats {
                    total: 0,
                    used: 0,
                    live: 0,
                },
            })
            .named("heap"),
        }
    }

    /// Gives the heap the `size` bytes at `start`. May be called again with other memory, which the
    /// heap then has too. O(1).
    ///
    /// # Errors
    ///
    /// [`TooSmall`] if nothing would fit. The first memory also has to hold about 1 KiB of
    /// bookkeeping.
    ///
    /// # Safety
    ///
    /// **HEAP-OWNED**: the memory is mapped, readable and writable, for as long as the heap is used,
    /// and nobody uses it but through this heap.
    pub unsafe fn init<'a>(
        &'a self,
        cx: impl Into<Atomic<'a>>,
        start: *mut u8,
        size: usize,
    ) -> Result<(), TooSmall> {
        let mut inner = self.inner.lock(cx);
        // SAFETY: HEAP-OWNED, by the caller's promise; `Manual` lets us.
        unsafe { inner.talc.claim(start, size) }.ok_or(TooSmall)?;
        inner.stats.total += size;
        Ok(())
    }

    /// The figures. O(1).
    pub fn stats<'a>(&'a self, cx: impl Into<Atomic<'a>>) -> Stats {
        self.inner.lock(cx).stats
    }
}

impl<C: Cpu> Default for Heap<C> {
    fn default() -> Self {
        Self::new()
    }
}

/// The right to take the heap's lock, where no token can be shown.
#[inline(always)]
fn anywhere<'a>() -> Atomic<'a> {
    // SAFETY: CX-ATOMIC of `layercake-sync`, kept by HEAP-NOSLEEP: the token lives as long as one
    // operation on the heap, and none of them sleeps.
    unsafe { Atomic::assume() }
}

// SAFETY: talc hands out pieces that do not overlap and fit their layouts, from memory that is the
// heap's (HEAP-OWNED), and the lock lets one core at a time at it. Nothing here unwinds with a piece
// half handed out.
unsafe impl<C: Cpu> GlobalAlloc for Heap<C> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(padded) = check::with_mark(layout) else {
            return ptr::null_mut();
        };
        let mut inner = self.inner.lock(anywhere());
        // SAFETY: HEAP-PIECE: `GlobalAlloc`'s caller promises that the size is not 0.
        let piece = unsafe { inner.talc.allocate(padded) };
        match piece {
            Some(piece) => {
                inner.stats.used += layout.size();
                inner.stats.live += 1;
                drop(inner);
                // SAFETY: HEAP-PIECE: it has room for the mark, and is ours until it is returned.
                unsafe { check::set(piece.as_ptr(), layout.size()) };
                piece.as_ptr()
            }
            None => ptr::null_mut(),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let Some(padded) = check::with_mark(layout) else {
            return; // no such piece was ever handed out
        };
        // SAFETY: HEAP-PIECE: `GlobalAlloc`'s caller promises that it is a live piece of this size.
        unsafe { check::clear(piece, layout.size()) };
        let mut inner = self.inner.lock(anywhere());
        // SAFETY: HEAP-PIECE: as above; it was allocated with the same padding.
        unsafe { inner.talc.deallocate(piece, padded) };
        inner.stats.used -= layout.size();
        inner.stats.live -= 1;
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (Some(padded), Ok(new_layout)) = (
            check::with_mark(layout),
            Layout::from_size_align(new_size, layout.align()),
        ) else {
            return ptr::null_mut();
        };
        let Some(new_padded) = check::with_mark(new_layout) else {
            return ptr::null_mut();
        };
        // SAFETY: HEAP-PIECE: `GlobalAlloc`'s caller promises that it is a live piece of this size.
        unsafe { check::clear(piece, layout.size()) };
        let mut inner = self.inner.lock(anywhere());
        // SAFETY: HEAP-PIECE: as above; the new size is not 0, by the caller's promise.
        let in_place = unsafe {
            inner
                .talc
                .try_realloc_in_place(piece, padded, new_padded.size())
        };
        if in_place {
            inner.stats.used = inner.stats.used - layout.size() + new_size;
            drop(inner);
            // SAFETY: HEAP-PIECE: it has the new size and the mark's.
            unsafe { check::set(piece, new_size) };
            return piece;
        }
        drop(inner);
        // SAFETY: HEAP-PIECE: it is as it was, and so gets its mark back.
        unsafe { check::set(piece, layout.size()) };
        // SAFETY: HEAP-PIECE: the size is not 0, by the caller's promise.
        let Some(moved) = NonNull::new(unsafe { self.alloc(new_layout) }) else {
            return ptr::null_mut();
        };
        // SAFETY: HEAP-PIECE: two live pieces, so they do not overlap; both are that long.
        unsafe { ptr::copy_nonoverlapping(piece, moved.as_ptr(), layout.size().min(new_size)) };
        // SAFETY: HEAP-PIECE: the old one is live until here.
        unsafe { self.dealloc(piece, layout) };
        moved.as_ptr()
    }
}
