//! The generic timer: the counter that all cores share, and this core's physical timer.
//!
//! Times are in counter ticks here; the kernel converts them.

use aarch64_cpu::registers::{CNTFRQ_EL0, Readable};
use core::arch::asm;

/// The private interrupt (PPI) of the non-secure physical timer.
pub const PPI: u32 = 30;

/// Ticks per second, as the firmware set it.
pub fn frequency() -> u64 {
    CNTFRQ_EL0.get()
}

/// The counter now. Ordered behind everything before it.
#[inline(always)]
pub fn now() -> u64 {
    let ticks: u64;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("isb", "mrs {}, cntpct_el0", out(reg) ticks, options(nostack, preserves_flags)) }
    ticks
}

/// The counter about now: the read may move a few instructions up. For what only adds up times.
#[inline(always)]
pub fn now_unordered() -> u64 {
    let ticks: u64;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mrs {}, cntpct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) }
    ticks
}

/// Raises the timer's interrupt on this core when the counter reaches `ticks`; at once if it has
/// passed. Replaces an earlier deadline.
#[inline(always)]
pub fn set_deadline(ticks: u64) {
    // SAFETY: the timer only raises an interrupt.
    unsafe {
        asm!(
            "msr cntp_cval_el0, {}",
            "msr cntp_ctl_el0, {}",
            in(reg) ticks,
            in(reg) 1_u64, // enabled, not masked
            options(nostack, preserves_flags)
        )
    }
}

/// Raises no interrupt until the next [`set_deadline`].
#[inline(always)]
pub fn stop() {
    // SAFETY: the timer only raises an interrupt.
    unsafe { asm!("msr cntp_ctl_el0, xzr", options(nostack, preserves_flags)) }
}
