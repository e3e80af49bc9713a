//! Faults: what the exception vectors report, in words.

use crate::panic::die;
use crate::thread;
use crate::{cpu, platform};
use core::fmt;
use layercake_arch_arm64::exception::{FaultFrame, Kind};
use layercake_arch_arm64::layout::{self, PAGE};

/// Faults come this way, on the core's emergency stack.
#[unsafe(no_mangle)]
extern "C" fn __kernel_fault(frame: &mut FaultFrame, kind: usize) {
    let kind = Kind::from_raw(kind);
    let expected = |address| platform::try_get().is_some_and(|p| p.expected_fault(address));
    if kind == Kind::Synchronous && expected(frame.elr as usize) {
        frame.elr += 4;
        frame.x[0] = u64::MAX;
        return;
    }
    let pc = frame.elr as usize;
    let what = What { frame, kind };
    die(
        format_args!("{what}"),
        pc,
        frame.x[29] as usize,
        Some(frame),
    )
}

/// A fault in words.
struct What<'a> {
    frame: &'a FaultFrame,
    kind: Kind,
}

/// ESR_EL1.EC, the class of an exception (Arm ARM, D17.2.37).
fn class(esr: u64) -> u64 {
    (esr >> 26) & 0x3f
}

const UNKNOWN: u64 = 0x00;
const ILLEGAL_STATE: u64 = 0x0e;
const INSTRUCTION_ABORT: u64 = 0x21;
const PC_ALIGNMENT: u64 = 0x22;
const DATA_ABORT: u64 = 0x25;
const SP_ALIGNMENT: u64 = 0x26;
const BREAKPOINT: u64 = 0x3c;

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FaultFrame { esr, far, elr, .. } = *self.frame;
        match self.kind {
            Kind::Synchronous => {}
            Kind::Fiq => return f.write_str("a fast interrupt, which nothing raises"),
            Kind::SystemError => return write!(f, "the memory system reports an error ({esr:#x})"),
            Kind::Unexpected => {
                return write!(f, "an exception from where none can come ({esr:#x})");
            }
        }
        match class(esr) {
            DATA_ABORT => {
                let verb = if esr & (1 << 6) != 0 {
                    "write to"
                } else {
                    "read of"
                };
                write!(f, "{verb} {far:#x}: {}", Reason(esr))?;
                overflow(f, far as usize)
            }
            INSTRUCTION_ABORT => write!(f, "jump to {far:#x}: {}", Reason(esr)),
            UNKNOWN => write!(f, "undefined instruction at {elr:#x}"),
            ILLEGAL_STATE => write!(f, "illegal execution state at {elr:#x}"),
            PC_ALIGNMENT => write!(f, "jump to {far:#x}, which is not aligned"),
            SP_ALIGNMENT => write!(f, "the stack pointer is not aligned at {elr:#x}"),
            BREAKPOINT => write!(f, "breakpoint {:#x} at {elr:#x}", esr & 0xffff),
            other => write!(
                f,
                "exception of class {other:#x} at {elr:#x} (esr {esr:#x})"
            ),
        }
    }
}

/// Why memory could not be reached (ESR_EL1.DFSC and IFSC).
struct Reason(u64);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 & 0x3f {
            0x00..=0x03 => "no such address",
            0x04..=0x07 => "nothing is mapped there",
            0x0c..=0x0f => "not allowed there",
            0x21 => "not aligned",
            _ => "the memory system refused",
        })
    }
}

/// If `address` is in a hole below a stack: whose stack was too small.
fn overflow(f: &mut fmt::Formatter<'_>, address: usize) -> fmt::Result {
    for core in 0..cpu::MAX {
        for (stack, what) in [
            (layout::boot_stack(core), "idle thread"),
            (layout::emergency_stack(core), "emergency"),
        ] {
            if (stack.start - PAGE..stack.start).contains(&address) {
                return write!(
                    f,
                    " (stack overflow: the {what} stack of core {core} is full)"
                );
            }
        }
    }
    let Some(owner) = thread::owner_of_stack(address) else {
        return Ok(());
    };
    match (owner.try_name(), owner.try_stack_range()) {
        (Some(name), Some(stack)) if address < stack.start => write!(
            f,
            " (stack overflow: the {} KiB stack of thread {} \"{name}\" is full)",
            stack.len() / 1024,
            owner.id()
        ),
        (Some(name), None) => write!(f, " (the stack of thread {} \"{name}\", gone)", owner.id()),
        _ => write!(f, " (in the stack slot of thread {})", owner.id()),
    }
}
