//! For how long interrupts are masked at a stretch when many are woken at once.
//!
//! The queues and semaphores are those that ship, on a host that is the kernel but for this: it
//! reads the counter whenever they mask and unmask.

use crate::crew;
use crate::meter;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use layercake_arch_arm64::{cycles, irq};
use layercake_kernel::sync::Cpu;
use layercake_kernel::thread::yield_now;
use layercake_kernel::wait::{self, Instant, Semaphore, WaitQueue};
use layercake_kernel::{Host, TaskCx};

/// When the stretch began, and the longest one since it was set to 0. All on core 0, masked.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static LONGEST: AtomicU64 = AtomicU64::new(0);

#[inline(never)]
fn masked() {
    BEGUN.store(cycles::now(), Relaxed);
}

#[inline(never)]
fn unmasked() {
    let stretch = cycles::now().wrapping_sub(BEGUN.load(Relaxed));
    LONGEST.store(LONGEST.load(Relaxed).max(stretch), Relaxed);
}

/// The kernel, watched.
struct Watched;

// SAFETY: CPU-MASK, by the kernel's own.
unsafe impl Cpu for Watched {
    type IrqState = u64;

    #[inline(always)]
    fn irq_save() -> u64 {
        let state = <Host as Cpu>::irq_save();
        if !irq::was_masked(state) {
            masked();
        }
        state
    }

    #[inline(always)]
    unsafe fn irq_restore(state: u64) {
        if !irq::was_masked(state) {
            unmasked();
        }
        // SAFETY: CPU-MASK, by the caller's promise.
        unsafe { <Host as Cpu>::irq_restore(state) }
    }

    #[inline(always)]
    fn preempt_disable() {
        <Host as Cpu>::preempt_disable();
    }

    #[inline(always)]
    unsafe fn preempt_enable() {
        // SAFETY: CPU-MASK, by the caller's promise.
        unsafe { <Host as Cpu>::preempt_enable() }
    }

    #[inline(always)]
    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        <Host as Cpu>::wait_while_eq(word, value)
    }

    #[inline(always)]
    fn wait_until_eq(word: &AtomicU32, value: u32) {
        <Host as Cpu>::wait_until_eq(word, value);
    }
}

// SAFETY: HOST, by the kernel's own.
unsafe impl wait::Host for Watched {
    type Cpu = Self;
    type Task = <Host as wait::Host>::Task;

    #[inline(always)]
    fn current() -> Self::Task {
        <Host as wait::Host>::current()
    }

    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        <Host as wait::Host>::park(cx, deadline);
    }

    /// A stretch, too: the kernel masks interrupts for nearly all of it.
    fn unpark(task: &Self::Task) {
        masked();
        <Host as wait::Host>::unpark(task);
        unmasked();
    }

    fn now() -> Instant {
        <Host as wait::Host>::now()
    }
}

/// Whether those who wait are to end, so that their memory is there for others, and how many have
/// not yet.
static OVER: AtomicBool = AtomicBool::new(false);
static PRESENT: AtomicU32 = AtomicU32::new(0);

/// What `wake` has as its longest stretch when so many threads of this core `wait`; `waiting` says
/// how many do.
fn longest(
    cx: &mut TaskCx,
    size: u32,
    wait: fn(&mut TaskCx),
    waiting: fn() -> usize,
    wake: impl Fn(),
) {
    PRESENT.store(size, Relaxed);
    for _ in 0..size {
        crew::spawn(0, move |cx| {
            while !OVER.load(Relaxed) {
                wait(cx);
            }
            PRESENT.fetch_sub(1, Relaxed);
        })
        .detach();
    }
    let until_all_wait = |cx: &mut TaskCx| {
        while waiting() < size as usize {
            yield_now(cx);
        }
    };
    LONGEST.store(0, Relaxed);
    masked();
    unmasked();
    let empty = LONGEST.load(Relaxed);
    meter::plan((1000 / u64::from(size)).max(4), 1);
    while meter::wants_more() {
        until_all_wait(cx);
        LONGEST.store(0, Relaxed);
        wake();
        meter::take(LONGEST.load(Relaxed) - empty);
    }
    until_all_wait(cx);
    OVER.store(true, Relaxed);
    wake();
    while PRESENT.load(Relaxed) > 0 {
        yield_now(cx);
    }
    OVER.store(false, Relaxed);
}

/// `wake_all` on a queue.
pub fn wake_all(cx: &mut TaskCx, size: u32) {
    static QUEUE: WaitQueue<Watched> = WaitQueue::new("crowd");
    let wait = |cx: &mut TaskCx| QUEUE.wait_once(cx);
    longest(cx, size, wait, || QUEUE.waiters(), || _ = QUEUE.wake_all());
}

/// `release_many` on a semaphore: as many permits as threads wait for.
pub fn release_many(cx: &mut TaskCx, size: u32) {
    static PERMITS: Semaphore<Watched> = Semaphore::new("crowd", 0);
    let wait = |cx: &mut TaskCx| PERMITS.acquire(cx);
    let release = || PERMITS.release_many(size);
    longest(cx, size, wait, || PERMITS.waiters(), release);
}
