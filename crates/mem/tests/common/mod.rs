//! A core for the host, where nothing interrupts and what is masked is counted; and how many random
//! histories are tried, and how long they are. What is in a history is each test's own.

use layercake_sync::{Cpu, TaskCx};
use proptest::prelude::ProptestConfig;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

/// How long a history is; Miri is slow.
pub const OPS: usize = if cfg!(miri) { 40 } else { 100 };

/// So many histories, but few under Miri.
pub fn histories(count: u32) -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 2 } else { count },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The host's thread as a core.
pub struct Host;

thread_local! {
    static MASKED: Cell<u32> = const { Cell::new(0) };
    static NO_PREEMPT: Cell<u32> = const { Cell::new(0) };
}

// SAFETY: CPU-MASK: there are no interrupt handlers on the host; the tests that share an allocator
// between threads rely on its lock, not on the masks.
unsafe impl Cpu for Host {
    type IrqState = u32;

    fn irq_save() -> u32 {
        MASKED.replace(MASKED.get() + 1)
    }

    unsafe fn irq_restore(state: u32) {
        MASKED.set(state);
    }

    fn preempt_disable() {
        NO_PREEMPT.set(NO_PREEMPT.get() + 1);
    }

    unsafe fn preempt_enable() {
        NO_PREEMPT.set(NO_PREEMPT.get() - 1);
    }

    // The host takes the processor from who holds a lock; so who waits for it gives way.
    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        loop {
            let now = word.load(Ordering::Acquire);
            if now != value {
                return now;
            }
            std::thread::yield_now();
        }
    }
}

/// The right to sleep, which every host thread has.
pub fn task() -> TaskCx {
    assert_eq!((MASKED.get(), NO_PREEMPT.get()), (0, 0));
    // SAFETY: CX-TASK: a thread of the host, with nothing masked.
    unsafe { TaskCx::new() }
}
