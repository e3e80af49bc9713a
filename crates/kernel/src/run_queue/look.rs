//! What the policy knows of a thread, for whoever wants to show it.

use super::idle::idle_time;
use super::{Locked, PARKED};
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

/// How many callers of a thread that does not run are shown.
pub(crate) const CALLERS: usize = 16;

/// Where `thread` was left and who called that, innermost first; nothing of one that runs, or that
/// has ended. From threads.
pub(crate) fn callers(thread: &'static Thread, found: &mut heapless::Vec<usize, CALLERS>) {
    // Before the run queue's lock, for it has one of its own.
    let Some(stack) = thread.stack_range() else {
        return;
    };
    let state = arch::irq::save();
    let core = cpu::core(thread.core.load(Ordering::Relaxed));
    let locked = Locked::take(core);
    // Parked, and its core's lock is held: it is off its stack, and as long as that is so nobody
    // lets it go on.
    if thread.core.load(Ordering::Relaxed) == core.id()
        && thread.permit.load(Ordering::Relaxed) == PARKED
        && !core::ptr::eq(core.current.load(Ordering::Relaxed), thread)
        && stack.contains(&thread.saved_sp.get())
    {
        let frame = thread.saved_sp.get();
        let left = frame..stack.end;
        // SAFETY: STACK-READABLE: from where it was left to its end the stack of a parked thread is
        // mapped. What was saved there begins with a frame record.
        unsafe {
            arch::backtrace::walk(frame, core::slice::from_ref(&left), CALLERS, |address| {
                // A return address is behind the call. There is room: as many as are looked for.
                let _ = found.push(address.wrapping_sub(4));
            });
        }
    }
    drop(locked);
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
}

const _: () = assert!(config::CORES <= cpu::MAX && NO_CORE > cpu::MAX);
