//! What the policy knows of a thread, for whoever wants to show it.

use super::Locked;
use super::idle::idle_time;
use crate::thread::{NO_CORE, Thread};
use crate::{config, cpu, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sched::Priority;

/// What the policy knows of a thread, for a report.
pub(crate) struct Seen {
    pub priority: Priority,
    pub run_time: u64,
    pub switches: u64,
}

/// Reads what the policy knows of `thread`.
pub(crate) fn look_at(thread: &'static Thread) -> Seen {
    let state = arch::irq::save();
    let seen = loop {
        let core = thread.core.load(Ordering::Relaxed);
        let core = cpu::core(core);
        let mut locked = Locked::take(core);
        if thread.core.load(Ordering::Relaxed) == core.id() {
            let now = time::now_ns();
            // Charges whoever runs there up to now. Whether its turn is over is for its own core
            // to find out.
            locked.queue().tick(now);
            // SAFETY: ENT-LOCK: the lock of the run queue that the thread is on is held.
            let entity = unsafe { &*thread.entity.get() };
            let run_time = if thread.is_idle() {
                idle_time(core, now)
            } else {
                entity.run_time()
            };
            break Seen {
                priority: entity.priority(),
                run_time,
                switches: entity.switches(),
            };
        }
    };
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
    seen
}

const _: () = assert!(config::CORES <= cpu::MAX && NO_CORE > cpu::MAX);
