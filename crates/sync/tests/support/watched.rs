//! A core whose locks are watched: reports are collected, and the clock is set by the test. What
//! the tests of the order do with it is theirs.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test target takes of it what it needs, and is compiled alone"
)]

use layercake_sync::host::{StdCpu, irqs_masked};
use layercake_sync::order::Report;
use layercake_sync::{IrqOff, PreemptOff, SpinLock};
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

/// A host that masks as [`StdCpu`] does, and is its own in what stands in the braces.
macro_rules! host {
    ($(#[$attr:meta])* $vis:vis struct $name:ident; $($own:tt)*) => {
        $(#[$attr])*
        $vis struct $name;

        // SAFETY: CPU-MASK, as `StdCpu`.
        unsafe impl layercake_sync::Cpu for $name {
            type IrqState = bool;

            fn irq_save() -> bool {
                layercake_sync::host::StdCpu::irq_save()
            }

            unsafe fn irq_restore(state: bool) {
                // SAFETY: CPU-MASK, by the caller's promise.
                unsafe { layercake_sync::host::StdCpu::irq_restore(state) }
            }

            fn preempt_disable() {
                layercake_sync::host::StdCpu::preempt_disable();
            }

            unsafe fn preempt_enable() {
                // SAFETY: CPU-MASK, by the caller's promise.
                unsafe { layercake_sync::host::StdCpu::preempt_enable() }
            }

            fn with_held<R>(f: impl FnOnce(&layercake_sync::check::Held) -> R) -> Option<R> {
                layercake_sync::host::StdCpu::with_held(f)
            }

            $($own)*
        }
    };
}
pub(crate) use host;

thread_local! {
    static REPORTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    pub static CLOCK: Cell<u64> = const { Cell::new(0) };
    /// How far the clock goes on with each look of this thread, if it waits.
    pub static STEP: Cell<u64> = const { Cell::new(100) };
    /// What comes over this thread, once, when it has looked and waits on.
    pub static COMES: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// What has been reported of holds that were going on, on any thread: the tests look for the names
/// of their locks.
static STILL_HELD: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// How often threads that wait have looked at the clock.
static LOOKS: AtomicU32 = AtomicU32::new(0);

host! {
    /// [`StdCpu`], with reports that are collected and a clock that is set.
    pub struct Watched;

    fn pause() {
        if let Some(handler) = COMES.take() {
            handler();
        }
        // Not much further: each thread has a clock of its own, and whoever comes next must not look
        // as if it had held the lock since long ago.
        CLOCK.set((CLOCK.get() + STEP.get()).min(Self::HOLD_LIMIT + 10));
        LOOKS.fetch_add(1, Relaxed);
        StdCpu::pause();
    }

    fn core_number() -> Option<usize> {
        StdCpu::core_number()
    }

    fn timestamp() -> u64 {
        CLOCK.get()
    }

    fn irqs_masked() -> Option<bool> {
        Some(irqs_masked())
    }

    const HOLD_LIMIT: u64 = 1000;

    fn lock_report(report: &Report<'_>) {
        if let Report::StillHeld { .. } = report {
            STILL_HELD.lock().unwrap().push(report.to_string());
            return;
        }
        REPORTS.with_borrow_mut(|reports| reports.push(report.to_string()));
    }
}

pub type Lock = SpinLock<(), PreemptOff<Watched>>;
pub type IrqLock = SpinLock<(), IrqOff<Watched>>;

/// What has been reported on this thread since it was asked last.
pub fn reports() -> Vec<String> {
    REPORTS.take()
}

/// What has been reported of a lock of this name while it was held.
pub fn still_held(name: &str) -> Vec<String> {
    let reports = STILL_HELD.lock().unwrap();
    let mine = reports.iter().filter(|report| report.contains(name));
    mine.cloned().collect()
}

/// Until those who wait have looked at the clock some more.
pub fn some_looks() {
    let before = LOOKS.load(Relaxed);
    while LOOKS.load(Relaxed) < before + 20 {
        thread::yield_now();
    }
}

/// Whether `report` names this line of the caller's file.
#[track_caller]
pub fn names(report: &str, line: u32) -> bool {
    report.contains(&format!("{}:{line}:", Location::caller().file()))
}

#[track_caller]
pub fn assert_names(report: &str, lines: &[u32]) {
    for line in lines {
        assert!(names(report, *line), "{line}: {report}");
    }
}
