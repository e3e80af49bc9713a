//! What each core finds through its own registers: TPIDR_EL1 points to the core's block, SP_EL0
//! (which no exception level below EL1 uses here) to the running thread.
//!
//! The kernel has a larger block of its own for each core, and puts [`CoreBlock`] right before it: what
//! is at the beginning of the kernel's is found without adding to the address. Reading the running
//! thread is one instruction, so a thread that moves to another core between two instructions
//! can never read another's.

use aarch64_cpu::registers::{MPIDR_EL1, Readable};
use core::arch::asm;
use static_assertions::const_assert_eq;

/// What the exception entry of a core needs, right before the kernel's block for that core.
#[derive(Debug)]
#[repr(C)]
pub struct CoreBlock {
    _unused: usize,
    /// One past the last byte of the emergency stack: faults run there.
    pub emergency_top: usize,
}

impl CoreBlock {
    /// A block of a core whose emergency stack ends at `emergency_top`.
    pub const fn new(emergency_top: usize) -> Self {
        Self {
            _unused: 0,
            emergency_top,
        }
    }
}

/// Where `emergency_top` is from what TPIDR_EL1 points to, for the vectors.
pub const EMERGENCY_TOP: isize = -8;
const_assert_eq!(
    core::mem::offset_of!(CoreBlock, emergency_top) as isize - size_of::<CoreBlock>() as isize,
    EMERGENCY_TOP
);

/// Makes `block` this core's block, and what lies behind it the kernel's.
///
/// # Safety
///
/// Invariant **CORE-BLOCK**: `block` lives for ever, belongs to this core alone, and its
/// `emergency_top` is right.
pub unsafe fn set(block: *const CoreBlock) {
    let behind = block.wrapping_add(1);
    // SAFETY: CORE-BLOCK, by the caller's promise; the register has no other use.
    unsafe { asm!("msr tpidr_el1, {}", in(reg) behind, options(nostack, preserves_flags)) }
}

/// The kernel's block of this core; null before [`set`]. Valid for as long as the caller cannot be moved to
/// another core.
#[inline(always)]
pub fn get() -> *const () {
    let block: *const ();
    // Not `pure`: a thread may read it on one core, be moved, and must then read it again.
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mrs {}, tpidr_el1", out(reg) block, options(nostack, nomem, preserves_flags)) }
    block
}

/// Says that `thread` runs on this core now.
///
/// # Safety
///
/// Invariant **CURRENT**: the caller is the context switch, and `thread` is what it switches to.
#[inline(always)]
pub unsafe fn set_current(thread: *const ()) {
    // SAFETY: CURRENT, by the caller's promise; EL1 runs on SP_EL1, so SP_EL0 is free.
    unsafe { asm!("msr sp_el0, {}", in(reg) thread, options(nostack, preserves_flags)) }
}

/// The running thread, as [`set_current`] was told; null before the first.
#[inline(always)]
pub fn current() -> *const () {
    let thread: *const ();
    // `pure` is right: it is the same for a thread whenever it looks.
    // SAFETY: reading the register has no effect.
    unsafe {
        asm!("mrs {}, sp_el0", out(reg) thread, options(nostack, nomem, preserves_flags, pure))
    }
    thread
}

/// The number of the core that runs this, from MPIDR_EL1: right even before [`set`].
#[inline(always)]
pub fn hardware_id() -> usize {
    MPIDR_EL1.get() as usize & 0xff
}
