//! A host for tests: threads of the workstation as the cores of a machine.
//!
//! Each thread is a core of its own, with an interrupt mask and a preemption count that are
//! simulated and asserted: a restore out of order, an enable without a disable, an interrupt
//! taken while masked end the test. The layers above test on it too (feature `std-host`).

use crate::check::{Held, WhyNot};
use crate::context::{IrqCx, TaskCx};
use crate::cpu::{Cpu, CpuId};
use crate::facade::AtomicU32;
use core::cell::Cell;
use core::sync::atomic::{AtomicU32 as Word, Ordering};
use std::thread_local;

/// The core that a thread of the workstation plays.
#[derive(Debug)]
pub struct StdCpu;

struct Core {
    masked: Cell<bool>,
    /// How many `irq_save` have not been restored.
    saves: Cell<u32>,
    preempt_off: Cell<u32>,
    in_handler: Cell<bool>,
    in_task: Cell<bool>,
    held: Held,
    id: Cell<Option<usize>>,
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(id) = self.id.get() {
            // Release: the next thread with this number sees what was left in its per-CPU data.
            CORES.fetch_and(!(1 << id), Ordering::Release);
        }
    }
}

/// The numbers in use, a bit each.
static CORES: Word = Word::new(0);

thread_local! {
    static CORE: Core = const {
        Core {
            masked: Cell::new(false),
            saves: Cell::new(0),
            preempt_off: Cell::new(0),
            in_handler: Cell::new(false),
            in_task: Cell::new(false),
            held: Held::new(),
            id: Cell::new(None),
        }
    };
}

// SAFETY: CPU-MASK. A thread is a core: nothing else runs on it, except what `interrupt` runs,
// and that asserts that the mask is open. The counts are the thread's own and nest.
unsafe impl Cpu for StdCpu {
    /// Whether interrupts were masked.
    type IrqState = bool;

    fn irq_save() -> bool {
        CORE.with(|core| {
            core.saves.set(core.saves.get() + 1);
            core.masked.replace(true)
        })
    }

    unsafe fn irq_restore(was_masked: bool) {
        CORE.with(|core| {
            let left = core.saves.get().checked_sub(1);
            core.saves
                .set(left.expect("interrupts are restored more often than saved"));
            assert!(
                was_masked || left == Some(0),
                "interrupts are unmasked under somebody who masked them"
            );
            core.masked.set(was_masked);
        });
    }

    fn preempt_disable() {
        CORE.with(|core| core.preempt_off.set(core.preempt_off.get() + 1));
    }

    unsafe fn preempt_enable() {
        CORE.with(|core| {
            let depth = core.preempt_off.get();
            core.preempt_off.set(
                depth
                    .checked_sub(1)
                    .expect("preemption is enabled more often than disabled"),
            );
            assert!(
                depth > 1 || !core.masked.get(),
                "preemption is enabled with interrupts masked: no thread could be switched to"
            );
        });
    }

    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        loop {
            let now = word.load(Ordering::Acquire);
            if now != value {
                return now;
            }
            // There are more threads than cores, and one of them holds the lock.
            std::thread::yield_now();
        }
    }

    fn pause() {
        std::thread::yield_now();
    }

    fn core_number() -> Option<usize> {
        // Asked with a lock in hand: a thread beyond those that there are numbers for has none, and is
        // no reason to panic.
        own_number()
    }

    fn with_held<R>(f: impl FnOnce(&Held) -> R) -> Option<R> {
        Some(CORE.with(|core| f(&core.held)))
    }

    fn timestamp() -> u64 {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START
            .get_or_init(std::time::Instant::now)
            .elapsed()
            .as_nanos() as u64
    }

    fn irqs_masked() -> Option<bool> {
        Some(irqs_masked())
    }

    fn may_sleep() -> Result<(), WhyNot> {
        CORE.with(|core| {
            if core.in_handler.get() {
                Err(WhyNot::InHandler)
            } else if core.masked.get() {
                Err(WhyNot::IrqsMasked)
            } else if core.preempt_off.get() > 0 {
                Err(WhyNot::PreemptOff(core.preempt_off.get()))
            } else {
                Ok(())
            }
        })
    }
}

// SAFETY: CPU-ID. A number belongs to one thread until that thread ends.
unsafe impl CpuId for StdCpu {
    const MAX: usize = 32;

    /// # Panics
    ///
    /// If more than 32 threads ask at a time.
    fn id() -> usize {
        own_number().expect("at most 32 threads are cores at a time")
    }
}

/// The calling thread's number as a core, its own until it ends; none if all are taken.
fn own_number() -> Option<usize> {
    CORE.with(|core| {
        if core.id.get().is_none() {
            core.id.set(take_number());
        }
        core.id.get()
    })
}

fn take_number() -> Option<usize> {
    let before = CORES.fetch_update(Ordering::Acquire, Ordering::Relaxed, |used| {
        // The lowest zero becomes one; none is left when all are ones.
        used.checked_add(1).map(|next| used | next)
    });
    before.ok().map(|used| used.trailing_ones() as usize)
}

/// Runs `f` as the body of a kernel thread, on the calling thread.
///
/// # Panics
///
/// If the calling thread is in a task or a handler already.
pub fn task<R>(f: impl FnOnce(&mut TaskCx) -> R) -> R {
    CORE.with(|core| {
        assert!(!core.in_handler.get(), "a handler is no thread");
        let _end = enter(&core.in_task, "this thread is in a task already");
        // SAFETY: CX-TASK: asserted above; masks and locks are taken with tokens of a task.
        f(&mut unsafe { TaskCx::new() })
    })
}

/// Runs `f` as an interrupt handler on the calling thread: an interrupt that comes here and now.
///
/// `f` is `Send`, so that it has none of the tokens of the thread that it interrupts.
///
/// # Panics
///
/// If interrupts are masked.
pub fn interrupt<R>(f: impl FnOnce(IrqCx<'_>) -> R + Send) -> R {
    /// Opens the mask at the end, also when the handler panics.
    struct End<'a>(&'a Cell<bool>);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
    CORE.with(|core| {
        assert!(!core.masked.get(), "interrupts are masked");
        let _end = enter(&core.in_handler, "a handler is running already");
        core.masked.set(true);
        let _open = End(&core.masked);
        // SAFETY: CX-IRQ: interrupts are masked until `f` has returned.
        f(unsafe { IrqCx::new() })
    })
}

/// Whether the calling thread plays a core with interrupts masked.
pub fn irqs_masked() -> bool {
    CORE.with(|core| core.masked.get())
}

/// How often preemption is off on the core that the calling thread plays.
pub fn preempt_depth() -> u32 {
    CORE.with(|core| core.preempt_off.get())
}

/// Sets `flag` until what it returns is dropped.
fn enter<'a>(flag: &'a Cell<bool>, refusal: &str) -> impl Drop + use<'a> {
    struct Leave<'a>(&'a Cell<bool>);
    impl Drop for Leave<'_> {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
    assert!(!flag.replace(true), "{refusal}");
    Leave(flag)
}
