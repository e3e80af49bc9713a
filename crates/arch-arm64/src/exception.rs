//! The exception vectors: interrupts on the running thread's stack, everything else on the
//! core's emergency stack.
//!
//! There are no system calls, so a synchronous exception is a fault (or the one instruction that
//! the kernel's handler knows how to skip). It may be the stack itself that is at fault; so the
//! entry leaves it before it stores anything, with the two thread registers of EL0, which nobody
//! else uses, as scratch.
//!
//! The rest of the kernel provides:
//!
//! - `extern "C" fn __kernel_irq(&IrqFrame)`: interrupts are masked; may switch threads before it
//!   returns;
//! - `extern "C" fn __kernel_fault(&mut FaultFrame, kind: usize)`: returns to go on at
//!   `frame.elr`, or never.

use core::arch::global_asm;
use static_assertions::const_assert_eq;

/// What an interrupt saves of the code that it interrupted: what a called function may change.
/// The rest is preserved by the functions that run on top.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct IrqFrame {
    /// x0 to x18.
    pub x: [u64; 19],
    /// x30, the interrupted function's return address if it is a leaf.
    pub lr: u64,
    /// PSTATE of the interrupted code.
    pub spsr: u64,
    _pad: u64,
    /// The frame record that makes the interrupted code the caller of the handler.
    pub fp: u64,
    /// The interrupted instruction.
    pub elr: u64,
}

/// Everything of the code that a fault stopped.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct FaultFrame {
    /// x0 to x30.
    pub x: [u64; 31],
    /// The stack pointer.
    pub sp: u64,
    /// The instruction at fault.
    pub elr: u64,
    /// PSTATE.
    pub spsr: u64,
    /// What happened (ESR_EL1).
    pub esr: u64,
    /// At which address (FAR_EL1).
    pub far: u64,
}

/// Why [`FaultFrame`] was made: the second argument of `__kernel_fault`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Kind {
    /// An instruction could not be executed.
    Synchronous = 0,
    /// A fast interrupt, which nothing here raises.
    Fiq = 1,
    /// The memory system reports an error.
    SystemError = 2,
    /// An exception of a kind that cannot happen: from a lower level, or on the wrong stack.
    Unexpected = 3,
}

impl Kind {
    /// What the vectors passed.
    pub fn from_raw(raw: usize) -> Self {
        match raw {
            0 => Self::Synchronous,
            1 => Self::Fiq,
            2 => Self::SystemError,
            _ => Self::Unexpected,
        }
    }
}

const IRQ_FRAME: usize = 192;
const FAULT_FRAME: usize = 288;
const_assert_eq!(size_of::<IrqFrame>(), IRQ_FRAME);
const_assert_eq!(core::mem::offset_of!(IrqFrame, fp), 176);
const_assert_eq!(core::mem::offset_of!(IrqFrame, spsr), 160);
const_assert_eq!(size_of::<FaultFrame>(), FAULT_FRAME);
const_assert_eq!(core::mem::offset_of!(FaultFrame, sp), 248);
const_assert_eq!(core::mem::offset_of!(FaultFrame, elr), 256);
const_assert_eq!(core::mem::offset_of!(FaultFrame, esr), 272);

global_asm!(
    include_str!("exception.s"),
    IRQ_FRAME = const IRQ_FRAME,
    FAULT_FRAME = const FAULT_FRAME,
    EMERGENCY_STACK = const crate::layout::EMERGENCY_STACK,
    EMERGENCY_TOP = const crate::core_block::EMERGENCY_TOP,
    SYNC = const Kind::Synchronous as usize,
    FIQ = const Kind::Fiq as usize,
    SERROR = const Kind::SystemError as usize,
    UNEXPECTED = const Kind::Unexpected as usize,
);
