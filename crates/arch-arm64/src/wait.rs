//! Waiting at the level of instructions: for an interrupt, for an event, for a word to change.

use core::arch::asm;
use core::sync::atomic::AtomicU32;

/// Sleeps until an interrupt is pending, masked or not.
#[inline(always)]
pub fn for_interrupt() {
    // SAFETY: the instruction waits and has no other effect.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) }
}

/// Sleeps until an event: one sent by another core, or any interrupt. Never sleeps in QEMU.
#[inline(always)]
pub fn for_event() {
    // SAFETY: the instruction waits and has no other effect.
    unsafe { asm!("wfe", options(nostack, preserves_flags)) }
}

/// Wakes all cores that wait for an event; earlier stores are visible to them.
#[inline(always)]
pub fn send_event() {
    // SAFETY: the instructions have no effect on the program's state.
    unsafe { asm!("dsb ishst", "sev", options(nostack, preserves_flags)) }
}

/// Waits until `*word != value`; returns what it then is, read with acquire.
///
/// The exclusive load arms the core's monitor, and any store to the line by another core is the
/// event that ends the `wfe`: so whoever changes the word need not send one (Arm ARM, "Use of
/// WFE and SEV with locks").
#[inline(always)]
pub fn while_eq(word: &AtomicU32, value: u32) -> u32 {
    let now: u32;
    // SAFETY: reads one aligned word that the reference keeps alive.
    unsafe {
        asm!(
            "sevl",
            "2: wfe",
            "ldaxr {now:w}, [{word}]",
            "cmp {now:w}, {value:w}",
            "b.eq 2b",
            "clrex",
            now = out(reg) now,
            word = in(reg) word.as_ptr(),
            value = in(reg) value,
            options(nostack),
        );
    }
    now
}

/// Waits until `*word == value`, which is read with acquire. Three instructions when it is so
/// already, and four for each change of the word.
///
/// The monitor stays armed, which is harmless: every exclusive store of a program comes after an
/// exclusive load of its own, and at worst some later `wfe` ends early.
#[inline(always)]
pub fn until_eq(word: &AtomicU32, value: u32) {
    // SAFETY: reads one aligned word that the reference keeps alive.
    unsafe {
        asm!(
            "ldaxr {now:w}, [{word}]",
            "cmp {now:w}, {value:w}",
            "b.eq 3f",
            "2: wfe",
            "ldaxr {now:w}, [{word}]",
            "cmp {now:w}, {value:w}",
            "b.ne 2b",
            "3:",
            now = out(reg) _,
            word = in(reg) word.as_ptr(),
            value = in(reg) value,
            options(nostack),
        );
    }
}

/// [`while_eq`] for a half word.
#[inline(always)]
pub fn while_eq_u16(word: &core::sync::atomic::AtomicU16, value: u16) -> u16 {
    let now: u32;
    // SAFETY: reads one aligned half word that the reference keeps alive.
    unsafe {
        asm!(
            "sevl",
            "2: wfe",
            "ldaxrh {now:w}, [{word}]",
            "cmp {now:w}, {value:w}",
            "b.eq 2b",
            "clrex",
            now = out(reg) now,
            word = in(reg) word.as_ptr(),
            value = in(reg) u32::from(value),
            options(nostack),
        );
    }
    now as u16
}
