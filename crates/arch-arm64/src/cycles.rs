//! The cycle counter of this core (PMCCNTR_EL0), for measurements.
//!
//! On hardware it counts the core's clock. In QEMU under `-icount shift=0` it counts one for each
//! instruction that the machine executes, on whichever core: exact and repeatable, as long as the
//! other cores sleep. Without `-icount` it follows the host's clock and means nothing.

use core::arch::asm;

/// PMCR_EL0: enabled, cycle counter reset, 64 bits wide.
const ENABLE: u64 = 1 | 1 << 2 | 1 << 6;
/// PMCNTENSET_EL0: the cycle counter.
const CYCLES: u64 = 1 << 31;

/// Whether this core has performance monitors of the architecture's own kind.
pub fn is_present() -> bool {
    let features: u64;
    // SAFETY: reading the register has no effect.
    unsafe {
        asm!("mrs {}, id_aa64dfr0_el1", out(reg) features, options(nostack, nomem, preserves_flags));
    }
    !matches!(features >> 8 & 0xf, 0 | 0xf)
}

/// Sets this core's counter to 0 and lets it count at every exception level. Needs
/// [`is_present`].
pub fn enable() {
    // SAFETY: counting has no effect on the program; nobody else uses the monitors.
    unsafe {
        asm!(
            "msr pmccfiltr_el0, xzr",
            "msr pmcntenset_el0, {cycles}",
            "msr pmcr_el0, {enable}",
            "isb",
            cycles = in(reg) CYCLES,
            enable = in(reg) ENABLE,
            options(nostack, preserves_flags)
        );
    }
}

/// What the counter says now. Ordered behind everything before it; two instructions.
#[inline(always)]
pub fn now() -> u64 {
    let count: u64;
    // Without `nomem`: memory accesses must not move across.
    // SAFETY: reading the register has no effect.
    unsafe { asm!("isb", "mrs {}, pmccntr_el0", out(reg) count, options(nostack, preserves_flags)) }
    count
}
