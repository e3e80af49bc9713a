//! The host on which loom explores models: every interleaving, and weak memory too.
//!
//! Only built with `--cfg loom`. Time stands still until a model's own thread moves it with
//! [`advance_to`]: then whoever is parked with a deadline up to there returns. So a model decides
//! nothing about when a deadline comes; loom tries all moments.

extern crate std;

use super::Host;
use crate::block_on::WordHandle;
use crate::time::Instant;
use layercake_sync::facade::AtomicU64;
use layercake_sync::{Cpu, TaskCx};
use loom::sync::Notify;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::vec::Vec;

/// A loom thread as a core: no interrupts, nobody else on it.
#[derive(Debug)]
pub struct LoomCpu;

// SAFETY: CPU-MASK. No interrupt handlers exist in a loom model, and each thread has its core.
unsafe impl Cpu for LoomCpu {
    type IrqState = ();

    fn irq_save() {}

    unsafe fn irq_restore((): ()) {}

    fn preempt_disable() {}

    unsafe fn preempt_enable() {}
}

/// Threads of a loom model.
#[derive(Debug)]
pub struct LoomHost;

loom::lazy_static! {
    /// What the model's clock shows.
    static ref CLOCK: AtomicU64 = AtomicU64::new(0);
    /// The tasks that are parked with a deadline.
    static ref SLEEPERS: loom::sync::Mutex<Vec<(Instant, Arc<Notify>)>> =
        loom::sync::Mutex::new(Vec::new());
}

loom::thread_local! {
    static ME: Arc<Notify> = Arc::new(Notify::new());
}

// SAFETY: HOST. loom's `Notify` is a sticky permit (1) that synchronises (2) and returns for no
// reason too; it is counted (3). (4): no interrupts. (5): `advance_to` only goes forward. (6) is
// the promise of a thread local.
unsafe impl Host for LoomHost {
    type Cpu = LoomCpu;
    type Task = Arc<Notify>;

    fn current() -> Arc<Notify> {
        ME.with(Arc::clone)
    }

    fn park(_: &mut TaskCx, deadline: Option<Instant>) {
        let me = Self::current();
        let Some(at) = deadline else {
            return me.wait();
        };
        let mut sleepers = SLEEPERS.lock().unwrap();
        // Under the lock: a clock moved later finds this sleeper, one moved before is seen.
        if Self::now() >= at {
            return;
        }
        sleepers.push((at, me.clone()));
        drop(sleepers);
        me.wait();
        // A deadline that is over wakes nobody: not this thread from its next park, either.
        (SLEEPERS.lock().unwrap()).retain(|(_, task)| !Arc::ptr_eq(task, &me));
    }

    fn unpark(task: &Arc<Notify>) {
        task.notify();
    }

    fn now() -> Instant {
        Instant::from_nanos(CLOCK.load(Ordering::Acquire))
    }
}

// SAFETY: HANDLE-WORD: a count of the `Arc`, and back.
unsafe impl WordHandle for LoomHost {
    fn into_word(task: Arc<Notify>) -> *const () {
        Arc::into_raw(task).cast()
    }

    unsafe fn from_word(word: *const ()) -> Arc<Notify> {
        // SAFETY: HANDLE-WORD: of `into_word`, and the count is the caller's.
        unsafe { Arc::from_raw(word.cast()) }
    }
}

/// Moves the model's clock to `now` and ends the parks whose deadline that reaches.
pub fn advance_to(now: Instant) {
    let mut sleepers = SLEEPERS.lock().unwrap();
    assert!(LoomHost::now() <= now, "time does not go back");
    CLOCK.store(now.as_nanos(), Ordering::Release);
    sleepers.retain(|(at, task)| {
        let due = *at <= now;
        if due {
            task.notify();
        }
        !due
    });
}

/// Runs `f` as the body of a kernel thread on the calling loom thread.
pub fn enter<R>(f: impl FnOnce(&mut TaskCx) -> R) -> R {
    // SAFETY: CX-TASK. A model enters once on each of its threads.
    let mut cx = unsafe { TaskCx::new() };
    f(&mut cx)
}

/// Starts a loom thread that runs `f` with the right to sleep.
pub fn spawn<R: 'static>(
    f: impl FnOnce(&mut TaskCx) -> R + 'static,
) -> loom::thread::JoinHandle<R> {
    loom::thread::spawn(move || enter(f))
}
