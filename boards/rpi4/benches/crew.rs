//! What the benchmarks share: threads on one core, and a condition to wait for.
//!
//! The helpers of a benchmark stay blocked when it is over: to ask whether it is would be counted.

use core::sync::atomic::{AtomicBool, Ordering};
use layercake_kernel::thread::{Builder, CpuSet, JoinHandle, Priority};
use layercake_kernel::{TaskCx, WaitQueue};

/// The priority of the thread that runs the benchmarks.
pub const LEVEL: u8 = 30;
/// Enough for what helpers do, and for an interrupt on top.
const STACK: usize = 16 * 1024;

/// Makes a thread on core 0, `above` levels more urgent than the one that runs the benchmarks.
/// First in first out among equals: nothing ends its turn but itself.
pub fn spawn(above: i8, body: impl FnOnce(&mut TaskCx) + Send + 'static) -> JoinHandle {
    spawn_on(0, above, body)
}

/// The same on any core.
pub fn spawn_on(
    core: usize,
    above: i8,
    body: impl FnOnce(&mut TaskCx) + Send + 'static,
) -> JoinHandle {
    let level = LEVEL
        .checked_add_signed(above)
        .expect("a level that there is");
    Builder::new("bench/helper")
        .priority(Priority::fifo(level))
        .affinity(CpuSet::one(core))
        .stack_size(STACK)
        .spawn(body)
        .expect("a thread for the benchmark")
}

/// A condition that somebody makes true and one thread waits for and takes.
pub struct Flag {
    raised: AtomicBool,
    queue: WaitQueue,
}

impl Flag {
    pub const fn new() -> Self {
        Self {
            raised: AtomicBool::new(false),
            queue: WaitQueue::new("bench"),
        }
    }

    /// Makes it true, and wakes who waits.
    #[inline(always)]
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.queue.wake_one();
    }

    /// Blocks until it is true, and makes it false again.
    #[inline(always)]
    pub fn wait(&self, cx: &mut TaskCx) {
        self.queue.wait_until(cx, |_| {
            let raised = self.raised.load(Ordering::Acquire);
            if raised {
                self.raised.store(false, Ordering::Relaxed);
            }
            raised.then_some(())
        });
    }
}

/// Numbers that look random and are the same each time: xorshift64 (Marsaglia, 2003).
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Self(0x5eed_1ead_beef)
    }

    /// The next one below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % end
    }
}
