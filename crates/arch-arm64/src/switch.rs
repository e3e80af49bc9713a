//! Switching from one stack to another.
//!
//! Only what a called function must preserve is saved (AAPCS64: x19 to x29, the return address,
//! the stack pointer): to whoever calls [`switch`] it is a function that returns later. The kernel
//! is built without floating point, so there are no vector registers to save.

use core::arch::naked_asm;
use static_assertions::const_assert_eq;

/// What [`switch`] leaves on the stack that it leaves.
#[repr(C, align(16))]
#[derive(Debug, Default)]
struct Frame {
    x29: usize,
    x30: usize,
    x19: usize,
    x20: usize,
    x21_28: [usize; 8],
}

const FRAME: usize = 96;
const_assert_eq!(size_of::<Frame>(), FRAME);

/// Leaves this stack, keeping it at `*from`, and goes on where `to` was left; returns `carry`
/// there.
///
/// # Safety
///
/// Invariant **SWITCH**: `to` was stored by a `switch` or made by [`prepare`], has not been
/// switched to since, and no other core uses its stack (W10); interrupts are masked; `from` is
/// valid until the stack is switched to again.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(from: *mut usize, to: usize, carry: usize) -> usize {
    naked_asm!(
        "stp x29, x30, [sp, #-{frame}]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "mov x9, sp",
        "str x9, [x0]",
        "mov sp, x1",
        "mov x0, x2",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp x29, x30, [sp], #{frame}",
        "ret",
        frame = const FRAME,
    )
}

/// Where whoever was left at `sp` goes on, and the frame record of the function that it goes on in.
///
/// # Safety
///
/// Invariant **SWITCH**: `sp` was stored by a [`switch`] or made by [`prepare`], and its stack is
/// not switched to meanwhile.
pub unsafe fn left_at(sp: usize) -> (usize, usize) {
    // SAFETY: SWITCH, by the caller's promise: a frame lies there.
    let frame = unsafe { &*(sp as *const Frame) };
    (frame.x30, frame.x29)
}

/// Makes a stack on which `entry(carry, argument)` runs when it is first switched to; returns
/// what to give to [`switch`]. `entry` must not return.
///
/// # Safety
///
/// Invariant **SWITCH**: `top` is the 16-byte aligned end of a writable stack that nobody uses.
pub unsafe fn prepare(
    top: usize,
    entry: extern "C" fn(usize, usize) -> !,
    argument: usize,
) -> usize {
    debug_assert!(top.is_multiple_of(16));
    let frame = (top - FRAME) as *mut Frame;
    // SAFETY: SWITCH, by the caller's promise.
    unsafe {
        frame.write(Frame {
            x30: first as *const () as usize,
            x19: entry as *const () as usize,
            x20: argument,
            ..Frame::default()
        });
    }
    frame as usize
}

/// Where a new stack begins: moves what [`prepare`] left in saved registers to where a call
/// expects it. x29 is zero, which ends backtraces here.
#[unsafe(naked)]
unsafe extern "C" fn first() {
    naked_asm!("mov x1, x20", "mov x30, xzr", "br x19")
}
