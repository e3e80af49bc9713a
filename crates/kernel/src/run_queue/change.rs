//! Changes to a thread while it runs, waits for a core or is blocked: its priority, its cores.

use super::wake::migrate;
use super::{Locked, entity, set_need_resched, thread_of};
use crate::cpu::{self, Counts};
use crate::sync::IrqCx;
use crate::thread::{self, Thread};
use crate::{irq, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sched::{CpuSet, Priority};

/// Gives `thread` another priority, from now on: if it waits, where it waits best; if it runs, its
/// core looks whether another should. What the fair class owes it is kept. From any context.
pub(crate) fn set_priority(thread: &'static Thread, priority: Priority) {
    let state = arch::irq::save();
    let mut locked = Locked::take_of(thread);
    let now = time::ticks();
    let (queue, e) = (locked.queue(), entity(thread));
    let waited = queue.dequeue(&e, now).is_some();
    queue.set_priority(&e, priority, now);
    let runs = queue.current().is_some_and(|current| current.is(&e));
    thread.set_policy(priority, thread.allowed());
    let core = locked.core.id();
    drop(locked);
    if waited {
        migrate(thread);
    } else if runs {
        // Its turn may have an end now, or others may be more urgent.
        irq::send_sgi(core, irq::SGI_RESCHEDULE);
    }
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) }
}

/// Lets `thread` run on `cores` alone, one of which is up, from now on: if it waits elsewhere it
/// goes there, if it runs elsewhere that core lets go of it. From any context.
pub(crate) fn set_affinity(thread: &'static Thread, cores: CpuSet) {
    let state = arch::irq::save();
    let mut locked = Locked::take_of(thread);
    let core = locked.core.id();
    let e = entity(thread);
    e.set_affinity(cores);
    thread.set_policy(thread.priority(), cores);
    let stays = cores.contains(core);
    let runs = locked
        .queue()
        .current()
        .is_some_and(|current| current.is(&e));
    // Where it is allowed it stays, unless it could run elsewhere at once.
    let idle = u64::from(cpu::IDLE.load(Ordering::Relaxed)) & cores.bits();
    let goes = (!stays || idle != 0) && locked.queue().dequeue(&e, time::ticks()).is_some();
    drop(locked);
    if goes {
        migrate(thread);
    } else if runs && !stays {
        irq::send_sgi(core, irq::SGI_MOVE);
    }
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) }
}

/// A thread that ran on this core may not do so any more. In the handler of the software interrupt.
///
/// It runs still: then it looks as soon as it can be preempted. Or it was preempted before the
/// interrupt came, and is back on the queue: it goes now, before it can run again.
pub(crate) fn on_move_sgi(_: IrqCx<'_>) {
    let core = cpu::this();
    Counts::add(&core.counts.sgis);
    // Should it be another than was meant, it looks in vain.
    thread::current().must_move.store(true, Ordering::Relaxed);
    set_need_resched();
    loop {
        let evicted = Locked::take(core).queue().evict(core.id(), time::ticks());
        let Some(evicted) = evicted else { break };
        migrate(thread_of(&evicted));
    }
}
