//! Switching from one stack to another.
//!
//! The switch is a piece of the function that asks for it, and tells the compiler that it changes
//! every register that a thread may use. So whoever switches saves only what it still needs, and
//! what its own caller needs, once; a called function would save all of it a second time. Three
//! registers cannot be named so (x19 and x29, which the compiler keeps for itself, and the stack
//! pointer): these are saved here, with the place to go on at. The kernel is built without
//! floating point, so there are no vector registers to save.

use core::arch::{asm, naked_asm};
use static_assertions::const_assert_eq;

/// What [`switch`] leaves on the stack that it leaves.
#[repr(C, align(16))]
#[derive(Debug, Default)]
struct Frame {
    x29: usize,
    pc: usize,
    x19: usize,
    _unused: usize,
}

const FRAME: usize = 32;
const_assert_eq!(size_of::<Frame>(), FRAME);

/// Leaves this stack, keeping it at `*from`, and goes on where `to` was left; returns `carry`
/// there.
///
/// # Safety
///
/// Invariant **SWITCH**: `to` was stored by a `switch` or made by [`prepare`], has not been
/// switched to since, and no other core uses its stack (W10); interrupts are masked; `from` is
/// valid until the stack is switched to again.
#[inline(always)]
pub unsafe fn switch(from: *mut usize, to: usize, mut carry: usize) -> usize {
    // SAFETY: SWITCH, by the caller's promise. Whoever switches back here goes on at `2`, with
    // this stack, x19 and x29 as they were; all other registers are named.
    unsafe {
        asm!(
            "adr x9, 2f",
            "stp x29, x9, [sp, #-{frame}]!",
            "str x19, [sp, #16]",
            "mov x9, sp",
            "str x9, [x0]",
            "mov sp, x1",
            "ldr x19, [sp, #16]",
            "ldp x29, x9, [sp], #{frame}",
            "br x9",
            "2:",
            frame = const FRAME,
            inout("x0") from => _,
            inout("x1") to => _,
            inout("x2") carry,
            out("x20") _, out("x21") _, out("x22") _, out("x23") _, out("x24") _,
            out("x25") _, out("x26") _, out("x27") _, out("x28") _,
            clobber_abi("C"),
        );
    }
    carry
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
    (frame.pc, frame.x29)
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
    // Above the frame, which the first switch takes off, lies the argument.
    let argument_at = top - 16;
    let frame = (argument_at - FRAME) as *mut Frame;
    // SAFETY: SWITCH, by the caller's promise.
    unsafe {
        (argument_at as *mut usize).write(argument);
        frame.write(Frame {
            pc: first as *const () as usize,
            x19: entry as *const () as usize,
            ..Frame::default()
        });
    }
    frame as usize
}

/// Where a new stack begins: moves what [`prepare`] left on it, and what [`switch`] carries in x2,
/// to where a call expects it. x29 is zero, which ends backtraces here.
#[unsafe(naked)]
unsafe extern "C" fn first() {
    naked_asm!("ldr x1, [sp], #16", "mov x0, x2", "mov x30, xzr", "br x19",)
}
