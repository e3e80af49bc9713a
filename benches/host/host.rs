//! The workstation as a machine: threads as cores that have nothing to mask.

use core::sync::atomic::{Ordering, compiler_fence};
use std::sync::OnceLock;
use std::thread::{self, Thread};

use layercake_sync::{Cpu, TaskCx};
use layercake_wait::{Host, Instant};

/// A core that has nothing to mask.
///
/// `layercake_sync::host::StdCpu` simulates masks and asserts that they nest, which would cost
/// more than the lock does; the other libraries mask nothing. So here the locks alone compare.
pub struct Bare;

// SAFETY: CPU-MASK. Each thread of this program plays a core of its own, has the only `TaskCx` in
// use on it, and there are no handlers: nobody could come between. The fences are for the compiler.
unsafe impl Cpu for Bare {
    type IrqState = ();

    #[inline(always)]
    fn irq_save() {
        compiler_fence(Ordering::SeqCst);
    }

    #[inline(always)]
    unsafe fn irq_restore((): ()) {
        compiler_fence(Ordering::SeqCst);
    }

    #[inline(always)]
    fn preempt_disable() {
        compiler_fence(Ordering::SeqCst);
    }

    #[inline(always)]
    unsafe fn preempt_enable() {
        compiler_fence(Ordering::SeqCst);
    }
}

/// Threads of `std` that block with `std`'s own park, each on a [`Bare`] core. Its clock starts at the
/// first question for the time.
pub struct Workstation;

// SAFETY: HOST. `std::thread::park` has a sticky permit (1) that synchronises with its unpark (2);
// a `Thread` is counted and outlives its thread (3). There are no interrupts (4). (5) is
// `std::time::Instant`'s own promise, (6) that of `thread::current`.
unsafe impl Host for Workstation {
    type Cpu = Bare;
    type Task = Thread;

    fn current() -> Thread {
        thread::current()
    }

    fn park(_: &mut TaskCx, deadline: Option<Instant>) {
        match deadline {
            None => thread::park(),
            Some(at) => thread::park_timeout(at.saturating_duration_since(Self::now())),
        }
    }

    fn unpark(task: &Thread) {
        task.unpark();
    }

    fn now() -> Instant {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        Instant::ZERO + START.get_or_init(std::time::Instant::now).elapsed()
    }
}

/// The calling thread's context.
pub fn here() -> TaskCx {
    // SAFETY: CX-TASK: a thread of this program, where nothing is ever masked. It is called with
    // no guard alive and none of an earlier one in use.
    unsafe { TaskCx::new() }
}
