//! Time limits: one that is reached, and one that is cancelled.

use crate::{crew, meter};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use layercake_arch_arm64::cycles;
use layercake_kernel::{IrqSpinLock, TaskCx, WaitQueue, time};
use layercake_timer::{Timer, TimerQueue, TimerRef};

/// How many instructions the spinner's loop has.
const LOOP: u64 = 4;

/// Wait with a deadline that passes; without the time in between, in which a lower thread spins
/// and counts what it spends. Up to three instructions too many, for an unfinished turn of it.
pub fn timed_out(cx: &mut TaskCx, _: u32) {
    static NEVER: WaitQueue = WaitQueue::new("never");
    static SPUN: AtomicU64 = AtomicU64::new(0);
    static STOP: AtomicU64 = AtomicU64::new(0);
    let spinner = crew::spawn(-1, |_| {
        // SAFETY: the two words are statics; the loop ends when the second is set.
        unsafe {
            core::arch::asm!(
                "2: add {n}, {n}, #1",
                "str {n}, [{spun}]",
                "ldr {stop}, [{word}]",
                "cbz {stop}, 2b",
                n = inout(reg) 0_u64 => _,
                stop = out(reg) _,
                spun = in(reg) SPUN.as_ptr(),
                word = in(reg) STOP.as_ptr(),
                options(nostack),
            );
        }
    });
    while meter::wants_more() {
        let deadline = time::now() + Duration::from_micros(20);
        let spun = SPUN.load(Ordering::Relaxed);
        let start = cycles::now();
        let result = NEVER.wait_until_deadline(cx, deadline, |_| None::<()>);
        let taken = cycles::now() - start;
        assert!(result.is_err(), "nobody made it true");
        let spun = SPUN.load(Ordering::Relaxed) - spun;
        // Each reading of the counter is two instructions, of which one is in between.
        meter::take(taken - 2 - spun * LOOP);
    }
    STOP.store(1, Ordering::Relaxed);
    spinner.join(cx);
}

/// A queue with timers armed, as each core has one.
struct Timers {
    queue: IrqSpinLock<TimerQueue>,
    timers: &'static [Timer],
}

// SAFETY: TMR-LOCK: the timers are touched by one thread.
unsafe impl Sync for Timers {}

impl Timers {
    fn new(count: u32) -> Self {
        let timers: Vec<_> = (0..count).map(|_| Timer::new(|_| {})).collect();
        Self {
            queue: IrqSpinLock::new(TimerQueue::new()),
            timers: timers.leak(),
        }
    }

    fn timer(&self, index: usize) -> TimerRef {
        // SAFETY: TMR-LIVE: leaked. TMR-LOCK: see above.
        unsafe { TimerRef::from_raw(&raw const self.timers[index]) }
    }

    fn arm(&self, index: usize, deadline: u64, cx: &mut TaskCx) {
        let timer = self.timer(index);
        self.queue.lock(cx.atomic()).arm(timer, deadline);
    }

    fn cancel(&self, index: usize, cx: &mut TaskCx) {
        self.queue.lock(cx.atomic()).cancel(&self.timers[index]);
    }
}

/// Arm a timer behind 16 others, cancel it; the lock of the queue included. Inlined, as in the kernel.
pub fn arm_cancel(cx: &mut TaskCx, _: u32) {
    const OTHERS: usize = 16;
    let timers = Timers::new(OTHERS as u32 + 1);
    for index in 0..OTHERS {
        timers.arm(index, 1000 + index as u64, cx);
    }
    let timer = timers.timer(OTHERS);
    while meter::wants_more() {
        meter::begin();
        let queue = timers.queue.lock(cx.atomic());
        { queue }.arm(timer.clone(), 1_000_000);
        let queue = timers.queue.lock(cx.atomic());
        { queue }.cancel(&timer);
        meter::end();
    }
}

/// Arm a timer when `size` are armed, at deadlines without order; before the next, the one that
/// was armed first is cancelled.
pub fn arm(cx: &mut TaskCx, size: u32) {
    let timers = Timers::new(size + 1);
    let count = size as usize + 1;
    let mut random = crew::Random::new();
    for index in 0..size as usize {
        let deadline = 1 + random.below(1 << 40);
        timers.arm(index, deadline, cx);
    }
    let mut next = size as usize;
    while meter::wants_more() {
        let deadline = 1 + random.below(1 << 40);
        meter::begin();
        timers.arm(next, deadline, cx);
        meter::end();
        next = (next + 1) % count;
        timers.cancel(next, cx);
    }
}
