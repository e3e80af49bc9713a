//! Cache maintenance by address, for memory that someone reads past the caches: a core whose
//! caches are still off, or a device.

use core::arch::asm;
use core::ops::Range;

/// Bytes of the smallest data cache line of this core.
fn line() -> usize {
    let ctr: usize;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nostack, nomem, preserves_flags)) }
    4 << ((ctr >> 16) & 0xf)
}

/// Writes the lines of `range` back to memory and drops them from the caches, down to where all
/// observers see the same (the point of coherency). O(lines).
pub fn clean_invalidate(range: Range<usize>) {
    let line = line();
    let mut at = range.start & !(line - 1);
    while at < range.end {
        // SAFETY: cleaning a line changes no value that a program sees.
        unsafe { asm!("dc civac, {}", in(reg) at, options(nostack, preserves_flags)) }
        at += line;
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) }
}
