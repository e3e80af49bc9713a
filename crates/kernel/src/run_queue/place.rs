//! Which core a thread goes to: the quick answers, and what the policy is told for the others.

use super::balance::ask_to_look;
use crate::cpu;
use crate::thread::Thread;
use core::sync::atomic::Ordering;
use layercake_sched::{CoreLoad, CpuSet, Enqueue, Loads, Priority, least_loaded, place_on_wake};

/// The cores' loads as the policy wants them, from what can be read without their locks.
struct Published;

impl Loads for Published {
    fn load(&self, id: usize) -> CoreLoad {
        let core = cpu::core(id);
        // SAFETY: THREAD-STABLE: null or a thread that is never freed.
        let running = unsafe { core.current.load(Ordering::Relaxed).as_ref() };
        CoreLoad {
            queued: core.waiting.load(Ordering::Relaxed),
            fair_weight: 0,
            running: running.filter(|t| !t.is_idle()).map(|t| t.priority()),
        }
    }
}

/// The same for a core that looks for a thread to take: one that was put on an idle core runs there
/// at once, and is left to it.
pub(super) struct Spare;

impl Loads for Spare {
    fn load(&self, id: usize) -> CoreLoad {
        let load = Published.load(id);
        let soon = usize::from(load.running.is_none());
        CoreLoad {
            queued: load.queued.saturating_sub(soon),
            ..load
        }
    }
}

/// The core for a thread that becomes runnable: its only one; else the one it ran on if that is
/// idle, else another idle one, else as the policy says.
#[inline]
pub(super) fn place(thread: &'static Thread, home: usize, how: Enqueue) -> usize {
    if thread.stays() {
        return home;
    }
    let allowed = thread.allowed();
    let idle = u64::from(cpu::IDLE.load(Ordering::Relaxed)) & allowed.bits();
    if idle & (1 << home) != 0 {
        home
    } else if idle != 0 {
        idle.trailing_zeros() as usize
    } else {
        place_among_busy(thread, home, how)
    }
}

/// [`place`] when no core that the thread may run on is idle.
#[inline(never)]
fn place_among_busy(thread: &'static Thread, home: usize, how: Enqueue) -> usize {
    let up = thread
        .allowed()
        .and(CpuSet::from_bits(u64::from(cpu::online_mask())));
    let placed = match how {
        Enqueue::New => least_loaded(up, home, &Published),
        _ => place_on_wake(up, home, thread.priority(), &Published),
    };
    let target = placed.unwrap_or(home);
    if let (Priority::Fair(_), Some(Priority::RealTime(_))) =
        (thread.priority(), Published.load(target).running)
    {
        // Nothing says when that one makes way.
        ask_to_look(target);
    }
    target
}
