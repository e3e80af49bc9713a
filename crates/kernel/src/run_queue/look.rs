//! What the policy knows of a thread, for whoever wants to show it.

use super::Locked;
use super::idle::idle_time;
use crate::thread::{NO_CORE, Thread};
use crate::{config, cpu, time};
use layercake_arch_arm64 as arch;
use layercake_sched::{CpuSet, Priority};

/// What the policy knows of a thread, for a report.
pub(crate) struct Seen {
    pub priority: Priority,
    pub affinity: CpuSet,
    pub run_time: u64,
    pub switches: u64,
}

/// Reads what the policy knows of `thread`.
pub(crate) fn look_at(thread: &'static Thread) -> Seen {
    let state = arch::irq::save();
    let mut locked = Locked::take_of(thread);
    let now = time::now_ns();
    // Charges whoever runs there up to now. Whether its turn is over is for its own core to find
    // out.
    locked.queue().tick(now);
    // SAFETY: ENT-LOCK: the lock of the run queue that the thread is on is held.
    let entity = unsafe { &*thread.entity.get() };
    let run_time = if thread.is_idle() {
        idle_time(locked.core, now)
    } else {
        entity.run_time()
    };
    let seen = Seen {
        priority: entity.priority(),
        affinity: entity.affinity(),
        run_time,
        switches: entity.switches(),
    };
    drop(locked);
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
    seen
}

const _: () = assert!(config::CORES <= cpu::MAX && NO_CORE > cpu::MAX);
