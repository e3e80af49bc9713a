//! The end of the kernel: stops all cores, then says what happened and where each core was.

use crate::cpu::{self, Core};
use crate::stop::{self, Stopped};
use crate::symbols::Named;
use crate::thread::{self, Thread};
use crate::{console, kprintln, platform, system_work, time};
use core::fmt;
use core::ops::Range;
use core::panic::PanicInfo;
use core::sync::atomic::Ordering;
use layercake_arch_arm64::exception::FaultFrame;
use layercake_arch_arm64::{backtrace, core_block, layout};

/// The exit code of an emulator in which the kernel panicked; that of a Rust program on a host.
pub const EXIT_CODE: u8 = 101;
/// The most callers that are looked at: the deepest stack, and some.
const DEPTH: usize = 16 * 1024;
/// The most lines of a backtrace.
const SHOWN: usize = 32;

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    let frame = backtrace::frame_pointer();
    let here = on_panic as *const () as usize;
    match info.location() {
        Some(at) => die(
            format_args!("panic at {at}: {}", info.message()),
            here,
            frame,
            None,
        ),
        None => die(format_args!("panic: {}", info.message()), here, frame, None),
    }
}

/// Reports and stops the machine. `pc`, `frame`: where this core's backtrace begins; `fault`: the
/// registers, if it was a fault.
pub(crate) fn die(
    what: fmt::Arguments<'_>,
    pc: usize,
    frame: usize,
    fault: Option<&FaultFrame>,
) -> ! {
    let sp = fault.map_or(frame, |f| f.sp as usize);
    if let Stopped::Again = stop::all(what, (pc, sp, frame)) {
        // The report itself failed. Say so with as little as possible, and stop.
        kprintln!("\n*** {what}\n*** while reporting the trouble above; nothing more can be said");
        halt();
    }
    console::panic_mode();
    let now = time::now_ns() / 1000;
    let here = core_block::hardware_id();
    kprintln!("\n*** {what}");
    kprintln!(
        "*** core {here}, {}, {}.{:06} s after switching on",
        Who(thread::try_current()),
        now / 1_000_000,
        now % 1_000_000
    );
    tell_item(thread::try_current());
    if let Some(fault) = fault {
        registers(fault);
    }
    kprintln!("backtrace of core {here}:");
    trace(pc, frame, thread::try_current());
    for core in cpu::online().filter(|c| c.id() != here) {
        other(core);
    }
    kprintln!("*** the machine is stopped");
    halt();
}

fn halt() -> ! {
    match platform::try_get() {
        Some(platform) => {
            platform.uart().flush();
            platform.halt(EXIT_CODE)
        }
        None => stop::rest_for_ever(),
    }
}

/// A thread for a report: `thread 7 "console"`.
pub(crate) struct Who(pub(crate) Option<&'static Thread>);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(thread) = self.0 else {
            return f.write_str("no thread yet");
        };
        match thread.try_name() {
            Some(name) => write!(f, "thread {} \"{name}\"", thread.id()),
            None => write!(f, "thread {}", thread.id()),
        }
    }
}

/// Names the item of a work queue that `thread` runs, this one or one that was stopped by an
/// interrupt.
fn tell_item(thread: Option<&'static Thread>) {
    // SAFETY: SEAT: it is the calling one; or its interrupts were not masked when it stopped, so it
    // was not about to change what it runs.
    if let Some((queue, run)) = thread.and_then(|thread| unsafe { system_work::item_of(thread) }) {
        kprintln!("*** in item `{}` of work queue {queue}", run.item);
    }
}

fn registers(fault: &FaultFrame) {
    for (row, x) in fault.x.chunks(4).enumerate() {
        for (column, value) in x.iter().enumerate() {
            let number = row * 4 + column;
            console::print(format_args!("x{number:<2} {value:016x}  "));
        }
        kprintln!();
    }
    kprintln!(
        "sp  {:016x}  pc  {:016x}  pstate {:08x}",
        fault.sp,
        fault.elr,
        fault.spsr
    );
    kprintln!("esr {:016x}  far {:016x}", fault.esr, fault.far);
}

/// Prints `pc` and its callers. Only mapped stacks are read: the boot and emergency stacks, and
/// `thread`'s own.
fn trace(pc: usize, frame: usize, thread: Option<&'static Thread>) {
    let mut stacks: heapless::Vec<Range<usize>, { 2 * cpu::MAX + 1 }> = heapless::Vec::new();
    for core in 0..cpu::MAX {
        // There is room: twice as many as cores, and one.
        let _ = stacks.push(layout::boot_stack(core));
        let _ = stacks.push(layout::emergency_stack(core));
    }
    if let Some(range) = thread.and_then(Thread::try_stack_range) {
        let _ = stacks.push(range);
    }
    kprintln!("   0: {}", Named(pc));
    let mut lines = Lines {
        last: pc,
        same: 0,
        number: 0,
        shown: 1,
    };
    // SAFETY: STACK-READABLE: boot and emergency stacks are always mapped; the thread's is as long
    // as it has one, and all other cores are stopped.
    unsafe { backtrace::walk(frame, &stacks, DEPTH, |address| lines.add(address)) };
    lines.end();
}

/// The lines of a backtrace. A caller that calls itself again and again takes one line.
struct Lines {
    last: usize,
    same: usize,
    number: usize,
    shown: usize,
}

impl Lines {
    fn add(&mut self, address: usize) {
        self.number += 1;
        // A return address is behind the call; the call may be the caller's last instruction.
        let call = address.wrapping_sub(4);
        if call == self.last {
            self.same += 1;
            return;
        }
        self.end();
        self.last = call;
        if self.shown < SHOWN {
            kprintln!("  {:2}: {}", self.number, Named(call));
        } else if self.shown == SHOWN {
            kprintln!("      ...");
        }
        self.shown += 1;
    }

    fn end(&mut self) {
        if self.same > 0 && self.shown <= SHOWN {
            kprintln!("      ... and {} more from there", self.same);
        }
        self.same = 0;
    }
}

fn other(core: &'static Core) {
    let report = &core.stopped;
    let thread = core.thread();
    if !stop::has_stopped(core) {
        kprintln!(
            "core {}, {}: does not answer; interrupts are masked there",
            core.id(),
            Who(thread)
        );
        return;
    }
    kprintln!("core {}, {}:", core.id(), Who(thread));
    tell_item(thread);
    // SAFETY: CX-ATOMIC: nothing sleeps any more.
    if let Some(message) = report.message.try_lock(unsafe { crate::Atomic::assume() })
        && !message.is_empty()
    {
        kprintln!("*** at the same time: {}", *message);
    }
    let pc = report.pc.load(Ordering::Relaxed);
    kprintln!(
        "sp  {:016x}  pc  {pc:016x}",
        report.sp.load(Ordering::Relaxed)
    );
    trace(pc, report.frame.load(Ordering::Relaxed), thread);
}
