//! The host that runs on `std` threads: for tests and examples on a workstation.
//!
//! Each thread plays a core of its own ([`layercake_sync::host`]). Models are explored on loom's
//! host, not here: what interleavings happen here is luck.

extern crate std;

use super::Host;
use crate::block_on::WordHandle;
use crate::time::Instant;
use core::mem::ManuallyDrop;
use core::time::Duration;
use layercake_sync::TaskCx;
use layercake_sync::check::assert_may_sleep;
use layercake_sync::host::{StdCpu, task};
use std::boxed::Box;
use std::sync::OnceLock;
use std::thread;

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

    /// # Panics
    ///
    /// With a spinlock of [`StdCpu`] held, or in a handler (W12): only `unsafe` code can.
    fn park(_: &mut TaskCx, deadline: Option<Instant>) {
        assert_may_sleep::<StdCpu>();
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

// SAFETY: HANDLE-WORD: a box and back. It allocates, which is no harm on a workstation.
unsafe impl WordHandle for StdHost {
    fn into_word(task: thread::Thread) -> *const () {
        Box::into_raw(Box::new(task)).cast()
    }

    unsafe fn from_word(word: *const ()) -> thread::Thread {
        // SAFETY: HANDLE-WORD: a box of `into_word`, which nobody else owns.
        *unsafe { Box::from_raw(word.cast_mut().cast()) }
    }

    unsafe fn lend_word(word: *const ()) -> ManuallyDrop<thread::Thread> {
        // SAFETY: HANDLE-WORD: the box is there for as long, and drops the handle.
        ManuallyDrop::new(unsafe { word.cast::<thread::Thread>().read() })
    }
}

/// Runs `f` as the body of a kernel thread on the calling thread: with the right to sleep.
///
/// # Panics
///
/// When called from within itself on one thread: there is one right to sleep to each.
pub fn enter<R>(f: impl FnOnce(&mut TaskCx) -> R) -> R {
    task(f)
}

/// Starts a thread that runs `f` with the right to sleep.
pub fn spawn<R: Send + 'static>(
    f: impl FnOnce(&mut TaskCx) -> R + Send + 'static,
) -> thread::JoinHandle<R> {
    thread::spawn(move || enter(f))
}
