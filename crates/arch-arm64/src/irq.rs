//! The interrupt mask of this core (PSTATE.I).

use core::arch::asm;

/// PSTATE.I in DAIF.
const I: u64 = 1 << 7;

/// Masks interrupts; returns DAIF as it was.
#[inline(always)]
pub fn save() -> u64 {
    let daif: u64;
    // Without `nomem`: memory accesses must not move out of the masked stretch.
    // SAFETY: masking interrupts is always allowed at EL1.
    unsafe {
        asm!("mrs {}, daif", "msr daifset, #2", out(reg) daif, options(nostack, preserves_flags))
    }
    daif
}

/// Puts DAIF back to what `daif` says.
///
/// # Safety
///
/// Invariant **IRQ-NEST**: `daif` came from the innermost [`save`] on this core.
#[inline(always)]
pub unsafe fn restore(daif: u64) {
    // SAFETY: IRQ-NEST, by the caller's promise.
    unsafe { asm!("msr daif, {}", in(reg) daif, options(nostack, preserves_flags)) }
}

/// Whether interrupts were masked when [`save`] returned `daif`.
#[inline(always)]
pub fn was_masked(daif: u64) -> bool {
    daif & I != 0
}

/// Whether interrupts are masked on this core.
#[inline(always)]
pub fn masked() -> bool {
    let daif: u64;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mrs {}, daif", out(reg) daif, options(nostack, preserves_flags)) }
    daif & I != 0
}

/// Lets interrupts in.
///
/// # Safety
///
/// Invariant **IRQ-NEST**: no [`save`] on this core waits for its [`restore`].
#[inline(always)]
pub unsafe fn unmask() {
    // SAFETY: IRQ-NEST, by the caller's promise.
    unsafe { asm!("msr daifclr, #2", options(nostack, preserves_flags)) }
}

/// Masks interrupts for good: for a core that stops.
pub fn mask() {
    // SAFETY: masking interrupts is always allowed at EL1.
    unsafe { asm!("msr daifset, #2", options(nostack, preserves_flags)) }
}
