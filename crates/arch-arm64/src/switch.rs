//! Switching from one stack to another.
//!
//! The switch is a function that a scheduler ends with, by a jump if the compiler can: it stores the
//! registers that a function must preserve on the stack that it leaves, takes those of the other one,
//! and returns to whoever called the function that was left there. So a scheduler's paths need no
//! frames of their own. Whatever is to be done once the old stack is left (a lock that is to be
//! opened, interrupts that are to come on) is done here, with the numbers that the leaving side left
//! in registers: the core, and so its registers, are the same on both sides. The kernel is built
//! without floating point, so there are no vector registers to save.
//!
//! The kernel provides `extern "C" fn __kernel_switched(carry: usize)`: what is to be done for
//! whoever was left, called with interrupts masked and the lock open, for [`switch_carrying`].

use core::arch::naked_asm;
use core::sync::atomic::AtomicU32;
use static_assertions::const_assert_eq;

/// What [`switch`] leaves on the stack that it leaves.
#[repr(C, align(16))]
#[derive(Debug, Default)]
struct Frame {
    x29: usize,
    /// Where to go on; its lowest bit is [`STAY_MASKED`].
    pc: usize,
    x19: usize,
    x20: usize,
    _x21_to_x28: [usize; 8],
}

const FRAME: usize = 96;
const_assert_eq!(size_of::<Frame>(), FRAME);

/// In `pc`: interrupts stay masked there.
const STAY_MASKED: usize = 1;
const_assert_eq!(STAY_MASKED, true as usize);

unsafe extern "C" {
    fn __kernel_switched(carry: usize);
}

/// The switch up to where the old stack is left and the lock is open.
macro_rules! leave {
    () => {
        concat!(
            "stp x29, x30, [sp, #-{frame}]!\n",
            "ldr x9, [x0, #{sp}]\n",
            "stp x19, x20, [sp, #16]\n",
            "stp x21, x22, [sp, #32]\n",
            "stp x23, x24, [sp, #48]\n",
            "stp x25, x26, [sp, #64]\n",
            "stp x27, x28, [sp, #80]\n",
            "mov x10, sp\n",
            "msr sp_el0, x0\n",
            "mov sp, x9\n",
            "str x10, [x1, #{sp}]\n",
            "ldp x19, x20, [sp, #16]\n",
            "ldp x21, x22, [sp, #32]\n",
            "ldp x23, x24, [sp, #48]\n",
            "ldp x25, x26, [sp, #64]\n",
            "ldp x27, x28, [sp, #80]\n",
            "ldp x29, x30, [sp], #{frame}\n",
            "stlr w3, [x2]\n",
        )
    };
}

/// The switch from there on.
macro_rules! go_on {
    () => {
        concat!(
            "tbnz x30, #0, 3f\n",
            "msr daifclr, #2\n",
            "ret\n",
            "3: bic x30, x30, #{masked}\n",
            "ret\n",
        )
    };
}

/// The body of a switch: what it does before it leaves the old stack, and what between that and going
/// on where the new one was left.
macro_rules! switch_asm {
    ([$($before:literal),*], [$($between:literal),*] $(, $operand:ident = sym $symbol:path)?) => {
        naked_asm!(
            $($before,)*
            leave!(),
            $($between,)*
            go_on!(),
            frame = const FRAME,
            sp = const SP,
            masked = const STAY_MASKED,
            $($operand = sym $symbol,)?
        )
    };
}

/// Leaves the stack of `from`, keeping the stack pointer at byte `SP` of it, and returns to where `to`
/// was left, with interrupts on. On the way, off the old stack, it stores `value` to `word`, with
/// release, and makes `to` what [`current`](crate::core_block::current) says. What it returns is not 0.
///
/// # Safety
///
/// Invariants **SWITCH** and **CURRENT**: the stack pointer at byte `SP` of `to` was stored by a
/// `switch` or made by [`prepare`], has not been switched to since, and no other core uses its stack
/// (W10); interrupts are masked; `from` is valid until its stack is switched to again, and is what
/// `current` says; the store to `word` is allowed.
#[unsafe(naked)]
pub unsafe extern "C" fn switch<const SP: usize>(
    to: *const (),
    from: *const (),
    word: &AtomicU32,
    value: u32,
) -> usize {
    switch_asm!([], [])
}

/// [`switch`], but interrupts stay masked when `from` is gone on with.
///
/// # Safety
///
/// As for [`switch`].
#[unsafe(naked)]
pub unsafe extern "C" fn switch_masked<const SP: usize>(
    to: *const (),
    from: *const (),
    word: &AtomicU32,
    value: u32,
) -> usize {
    switch_asm!(["orr x30, x30, #{masked}"], [])
}

/// [`switch`], if `masked` is not set, or else [`switch_masked`], after which the kernel does what `carry`
/// says, if that is not 0.
///
/// # Safety
///
/// As for [`switch`].
#[unsafe(naked)]
pub unsafe extern "C" fn switch_carrying<const SP: usize>(
    to: *const (),
    from: *const (),
    word: &AtomicU32,
    value: u32,
    carry: usize,
    masked: bool,
) -> usize {
    switch_asm!(
        ["and x5, x5, #1", "orr x30, x30, x5"],
        [
            "cbz x4, 2f",
            // The kernel's call, as if whoever is returned to had made it.
            "stp x29, x30, [sp, #-16]!",
            "mov x29, sp",
            "mov x0, x4",
            "bl {switched}",
            "ldp x29, x30, [sp], #16",
            "mov x0, #1",
            "2:"
        ],
        switched = sym __kernel_switched
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
    (frame.pc & !STAY_MASKED, frame.x29)
}

/// Makes a stack on which `entry(argument)` runs, with interrupts on, when it is first switched to;
/// returns what to keep at byte `SP` for [`switch`]. `entry` must not return.
///
/// # Safety
///
/// Invariant **SWITCH**: `top` is the 16-byte aligned end of a writable stack that nobody uses.
pub unsafe fn prepare(top: usize, entry: extern "C" fn(usize) -> !, argument: usize) -> usize {
    debug_assert!(top.is_multiple_of(16));
    let frame = (top - FRAME) as *mut Frame;
    // SAFETY: SWITCH, by the caller's promise.
    unsafe {
        frame.write(Frame {
            pc: first as *const () as usize,
            x19: entry as *const () as usize,
            x20: argument,
            ..Frame::default()
        });
    }
    frame as usize
}

/// Where a new stack begins: moves what [`prepare`] left on it to where a call expects it. x29 is
/// zero, which ends backtraces here.
#[unsafe(naked)]
unsafe extern "C" fn first() {
    naked_asm!("mov x0, x20", "mov x30, xzr", "br x19")
}
