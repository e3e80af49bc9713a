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

/// Takes a ticket lock: draws the ticket in the upper half of `*words` and waits until it is in the lower
/// half, too, which is read with acquire; returns it. Seven instructions if the lock is free.
///
/// The holder gives the lock to the next ticket by a store-release to the lower half, which is the event
/// that ends the `wfe`.
///
/// # Safety
///
/// `words` points to the two words of a ticket lock, aligned to 8, which live.
#[inline(always)]
pub unsafe fn take_ticket(words: *mut u64) -> u32 {
    let mine: u64;
    // SAFETY: changes the two words alone, by the caller's promise.
    unsafe {
        asm!(
            "2: ldaxr {mine}, [{words}]",
            "add {next}, {mine}, {one}",
            "stxr {failed:w}, {next}, [{words}]",
            "cbnz {failed:w}, 2b",
            // Equal halves: it is our turn.
            "eor {next}, {mine}, {mine}, ror #32",
            "cbz {next}, 4f",
            "lsr {mine}, {mine}, #32",
            "sevl",
            "3: wfe",
            "ldaxr {next:w}, [{words}]",
            "cmp {next:w}, {mine:w}",
            "b.ne 3b",
            "4:",
            mine = out(reg) mine,
            next = out(reg) _,
            failed = out(reg) _,
            words = in(reg) words,
            one = in(reg) 1_u64 << 32,
            options(nostack),
        );
    }
    mine as u32
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
