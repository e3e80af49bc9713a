//! Stacks: memory of a thread's own, in a range of addresses where everything else is a hole.
//!
//! Each stack has a slot of [`SLOT`] bytes and lies at its upper end; the rest of the slot is not
//! mapped. So the page below every stack is a guard page, and an address in a slot tells whose
//! stack was meant.

use crate::memory;
use core::ops::Range;
use layercake_arch_arm64::layout::PAGE;

/// Where the slots begin: above all physical memory of the board, within 39 bits.
const BASE: usize = 0x10_0000_0000;
/// Bytes of a slot.
pub(crate) const SLOT: usize = 256 * 1024;
/// The largest stack: a slot less a guard page.
pub(crate) const MOST: usize = SLOT - PAGE;
/// The smallest stack: an interrupt's frame, its handlers, and a little for the thread.
pub(crate) const LEAST: usize = 8 * 1024;

/// A mapped stack. Unmapped, and its memory given back, by [`Stack::free`] only.
#[derive(Debug)]
pub(crate) struct Stack {
    slot: usize,
    size: usize,
    frames: usize,
}

impl Stack {
    /// Maps a stack of `size` bytes (whole pages, from `LEAST` to `MOST`) into `slot`.
    ///
    /// Not from interrupt handlers: takes the locks of the frames and of the page tables.
    pub fn new(slot: usize, size: usize) -> Option<Self> {
        assert!(size.is_multiple_of(PAGE) && (LEAST..=MOST).contains(&size));
        let frames = memory::alloc_pages(size / PAGE)?;
        let stack = Self { slot, size, frames };
        if memory::map_stack(stack.range(), frames).is_err() {
            memory::free_pages(frames, size / PAGE);
            return None;
        }
        Some(stack)
    }

    /// Takes the stack out of the page tables and gives its memory back.
    ///
    /// # Safety
    ///
    /// Invariant **STACK-UNUSED**: no core runs on it, and nobody will switch to it.
    pub unsafe fn free(self) {
        memory::unmap_stack(self.range());
        memory::free_pages(self.frames, self.size / PAGE);
    }

    /// Its addresses.
    pub fn range(&self) -> Range<usize> {
        let end = BASE + (self.slot + 1) * SLOT;
        end - self.size..end
    }

    /// Its bytes.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// Which slot `address` lies in, mapped or not.
pub(crate) fn slot_of(address: usize) -> Option<usize> {
    let slot = address.checked_sub(BASE)? / SLOT;
    (slot < super::MAX_THREADS).then_some(slot)
}
