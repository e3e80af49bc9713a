//! What the policy knows of a thread, for whoever wants to show it.

use super::idle::idle_time;
use super::{Locked, PARKED, entity};
use crate::thread::{NO_CORE, Thread};
use crate::{config, cpu, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sched::{CpuSet, Priority};

/// What the policy knows of a thread, for a report.
pub(crate) struct Seen {
    pub priority: Priority,
    pub affinity: CpuSet,
    /// In ns.
    pub run_time: u64,
    pub switches: u64,
    pub wakes: u64,
}

/// Reads what the policy knows of `thread`.
pub(crate) fn look_at(thread: &'static Thread) -> Seen {
    let state = arch::irq::save();
    let mut locked = Locked::take_of(thread);
    let now = time::ticks();
    // Charges whoever runs there up to now. Whether its turn is over is for its own core to find
    // out.
    locked.queue().tick(now);
    let runs = (locked.queue().current()).is_some_and(|current| current.is(&entity(thread)));
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
        run_time: time::to_ns(run_time),
        // The turn that it has is not counted yet.
        switches: entity.turns() + u64::from(runs),
        // Each block but the one under way ended with a wake.
        wakes: entity.blocks() - u64::from(thread.permit.load(Ordering::Relaxed) == PARKED),
    };
    drop(locked);
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
    seen
}

/// The calls that led to where `thread` is parked, innermost first; how many there are, at most as
/// many as there is room for. None if it is not parked. O(room), with interrupts masked.
pub(crate) fn backtrace_of(thread: &'static Thread, calls: &mut [usize]) -> usize {
    let state = arch::irq::save();
    let core = thread.core();
    let locked = Locked::take(core);
    // Whoever unparks it takes this lock before it makes it runnable. So if it is parked now, it is
    // off its stack and stays there, and the stack stays as it is, until the lock is free.
    let parked =
        thread.permit.load(Ordering::Acquire) == PARKED && core::ptr::eq(thread.core(), core);
    let mut found = 0;
    if parked && let Some(stack) = thread.try_stack_range() {
        // SAFETY: SWITCH: it was left by a switch, see above.
        let (pc, frame) = unsafe { arch::switch::left_at(thread.saved_sp.get()) };
        let most = calls.len();
        let mut add = |address: usize| {
            if let Some(place) = calls.get_mut(found) {
                // A return address is behind the call; the call may be the caller's last.
                *place = address.wrapping_sub(4);
                found += 1;
            }
        };
        add(pc);
        // SAFETY: STACK-READABLE: the stack of a thread that lives, as long as the lock is held.
        unsafe { arch::backtrace::walk(frame, &[stack], most, add) };
    }
    drop(locked);
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
    found
}

const _: () = assert!(config::CORES <= cpu::MAX && NO_CORE > cpu::MAX);
