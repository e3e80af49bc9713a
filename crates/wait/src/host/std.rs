//! The host that runs on `std` threads: for tests and examples on a workstation.
//!
//! Each thread counts as a core of its own, so there is nothing to mask. Models are explored on
//! loom's host or the seeded one, not here: what interleavings happen here is luck.

extern crate std;

use super::Host;
use crate::time::Instant;
use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use layercake_sync::{Cpu, TaskCx};
use std::sync::OnceLock;
use std::thread;

/// A thread of `std` as a core: no interrupts, nobody else on it.
#[derive(Debug)]
pub struct StdCpu;

// SAFETY: CPU-MASK. No interrupt handlers exist here, and no other thread runs on this "core".
unsafe impl Cpu for StdCpu {
    type IrqState = ();

    fn irq_save() {}

    unsafe fn irq_restore((): ()) {}

    fn preempt_disable() {}

    unsafe fn preempt_enable() {}

    /// Spins for a short while only: the holder may be a thread that the system has put aside.
    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        let mut spins = 0_u32;
        loop {
            let now = word.load(Ordering::Acquire);
            if now != value {
                return now;
            }
            if spins < 64 {
                spins += 1;
                core::hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}

/// Threads of `std`. The clock starts at the first question for the time.
#[derive(Debug)]
pub struct StdHost;

// SAFETY: HOST. `std::thread::park` has a sticky permit (1) that synchronises with its unpark
// (2); a `Thread` is counted and outlives its thread (3). (4): there are no interrupts here; the
// last handle of an ended thread does free memory, which is no harm on a workstation. (5) is
// `std::time::Instant`'s own promise, (6) that of `thread::current`.
unsafe impl Host for StdHost {
    type Cpu = StdCpu;
    type Task = thread::Thread;

    fn current() -> thread::Thread {
        thread::current()
    }

    fn park(_: &mut TaskCx, deadline: Option<Instant>) {
        match deadline {
            None => thread::park(),
            Some(at) => {
                let left = at.saturating_duration_since(Self::now());
                if left > Duration::ZERO {
                    thread::park_timeout(left);
                }
            }
        }
    }

    fn unpark(task: &thread::Thread) {
        task.unpark();
    }

    fn now() -> Instant {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        let start = START.get_or_init(std::time::Instant::now);
        Instant::ZERO + start.elapsed()
    }
}

std::thread_local! {
    /// Whether this thread's right to sleep is in use.
    static HAS_CX: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` as the body of a kernel thread on the calling thread: with the right to sleep.
///
/// # Panics
///
/// When called from within itself on one thread: there is one right to sleep to each.
pub fn enter<R>(f: impl FnOnce(&mut TaskCx) -> R) -> R {
    /// Gives the right back, on a panic too.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            HAS_CX.set(false);
        }
    }

    assert!(!HAS_CX.replace(true), "enter() within enter()");
    let _leave = Leave;
    // SAFETY: CX-TASK. `HAS_CX` shows that this is the only one of this thread. A spinlock of
    // the caller could only be held by way of a token that the caller made in unsafe code.
    let mut cx = unsafe { TaskCx::new() };
    f(&mut cx)
}

/// Starts a thread that runs `f` with the right to sleep.
pub fn spawn<R: Send + 'static>(
    f: impl FnOnce(&mut TaskCx) -> R + Send + 'static,
) -> thread::JoinHandle<R> {
    thread::spawn(move || enter(f))
}
