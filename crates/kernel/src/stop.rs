//! Stopping all cores at once, and finding out where they were.

use crate::cpu::{self, Core};
use crate::{Atomic, IrqSpinLock, irq, time};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use layercake_arch_arm64 as arch;
use layercake_arch_arm64::exception::IrqFrame;

/// How long to wait for the other cores before anything is printed.
const AT_FIRST: Duration = Duration::from_millis(100);
/// How long to wait for one that has not stopped, before it is said to be stuck with interrupts
/// masked. Long, because an emulator's core may itself be kept waiting.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a core panicked with while another had stopped the machine already.
type Message = heapless::String<200>;

/// Where a core was when it was stopped.
pub(crate) struct Report {
    /// The rest is written.
    pub done: AtomicBool,
    /// The interrupted instruction.
    pub pc: AtomicUsize,
    /// Its stack pointer.
    pub sp: AtomicUsize,
    /// The frame record from which its backtrace begins.
    pub frame: AtomicUsize,
    /// Set if the core had trouble of its own.
    pub message: IrqSpinLock<Message>,
}

impl Report {
    pub const fn new() -> Self {
        Self {
            done: AtomicBool::new(false),
            pc: AtomicUsize::new(0),
            sp: AtomicUsize::new(0),
            frame: AtomicUsize::new(0),
            message: IrqSpinLock::new(Message::new()).named("panic message"),
        }
    }

    fn fill(&self, pc: usize, sp: usize, frame: usize) {
        self.pc.store(pc, Ordering::Relaxed);
        self.sp.store(sp, Ordering::Relaxed);
        self.frame.store(frame, Ordering::Relaxed);
        self.done.store(true, Ordering::Release);
    }
}

/// The core that stopped the machine, + 1; 0 while it runs.
static STOPPER: AtomicUsize = AtomicUsize::new(0);

/// What came of [`all`].
pub(crate) enum Stopped {
    /// The other cores have been told, and most have stopped.
    All,
    /// This core had done it before, and is in trouble again.
    Again,
}

/// Stops all other cores for good, on behalf of this one. If another one was first, this one
/// stops, leaving `message` and where it was (`pc`, `sp`, `frame`).
pub(crate) fn all(message: core::fmt::Arguments<'_>, at: (usize, usize, usize)) -> Stopped {
    arch::irq::mask();
    let here = arch::core_block::hardware_id();
    let first = STOPPER.compare_exchange(0, here + 1, Ordering::AcqRel, Ordering::Acquire);
    match first {
        Ok(_) => {}
        Err(stopper) if stopper == here + 1 => return Stopped::Again,
        Err(_) => {
            let report = &cpu::core(here).stopped;
            // SAFETY: CX-ATOMIC: nothing sleeps on this core any more.
            if let Some(mut text) = report.message.try_lock(unsafe { Atomic::assume() }) {
                // What does not fit is cut.
                let _ = core::fmt::write(&mut *text, message);
            }
            report.fill(at.0, at.1, at.2);
            rest_for_ever()
        }
    }
    let others = || cpu::online().filter(move |c| c.id() != here);
    others().for_each(|core| irq::send_sgi(core.id(), irq::SGI_STOP));
    wait_until(AT_FIRST, || {
        others().all(|c| c.stopped.done.load(Ordering::Acquire))
    });
    Stopped::All
}

/// Whether `core` has stopped, or does so soon.
pub(crate) fn has_stopped(core: &Core) -> bool {
    let done = || core.stopped.done.load(Ordering::Acquire);
    wait_until(PATIENCE, done);
    done()
}

fn wait_until(longest: Duration, done: impl Fn() -> bool) {
    let end = time::now_ns().saturating_add(longest.as_nanos() as u64);
    while !done() && time::now_ns() < end {
        core::hint::spin_loop();
    }
}

/// The software interrupt came: this core stops here.
pub(crate) fn stopped_here(core: &Core, frame: &IrqFrame) -> ! {
    let sp = (&raw const *frame) as usize + size_of::<IrqFrame>();
    core.stopped.fill(frame.elr as usize, sp, frame.fp as usize);
    rest_for_ever()
}

/// Sleeps with interrupts masked.
pub(crate) fn rest_for_ever() -> ! {
    arch::irq::mask();
    loop {
        arch::wait::for_event();
        arch::wait::for_interrupt();
    }
}
