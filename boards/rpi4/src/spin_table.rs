//! Wakes cores 1 to 3, which the firmware has left waiting.
//!
//! They sleep in `wfe` with MMU and caches off, and look, each time they wake, into a word of
//! their own for the address of the code to run (device tree `enable-method = "spin-table"`).
//! The words lie at [`SPIN_TABLE`]. A core that was released is out of the table for good: it
//! cannot be released twice.

#![cfg(target_arch = "aarch64")]

use crate::memory_map::{CORES, SPIN_TABLE};

/// Tells `core` to go on at `entry`: physical address of code that is position-independent or
/// linked there, and fit to start at EL2 (or EL3) with nothing set up. x0 to x3 are 0.
///
/// `clean` must clean (and may invalidate) `len` bytes at an address to the point of coherency,
/// and end with a `dsb`. The waiting core reads past all caches, so without it the word could stay
/// in the caller's cache and the core asleep for ever; the emulator, which has no caches, would
/// never show that. What `entry` itself reads before its MMU is on (its stack's address, page
/// tables) must have been cleaned likewise by the caller.
///
/// # Panics
/// When `core` is not 1 to 3.
///
/// # Safety
/// SPIN-WORDS: the core is still in the firmware's loop, and its word is mapped read-write at its
/// physical address. `entry` keeps all promises that the kernel has made to its other cores.
pub unsafe fn release(core: usize, entry: usize, clean: impl FnOnce(usize, usize)) {
    assert!((1..CORES).contains(&core), "core 0 was never in the table");
    let word = SPIN_TABLE[core] as *mut u64;
    // SAFETY: SPIN-WORDS; volatile, because another core is waiting for it.
    unsafe { word.write_volatile(entry as u64) };
    clean(word.addr(), size_of::<u64>());
    // SAFETY: SPIN-WORDS. An event wakes all cores; the others find their words as they were.
    // The barrier keeps the store before the event also with a `clean` that has nothing to do
    // (data cache off).
    unsafe { core::arch::asm!("dsb sy", "sev", options(nostack, preserves_flags)) };
}
