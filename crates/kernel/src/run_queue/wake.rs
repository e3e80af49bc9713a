//! Making threads runnable, and telling their cores.

use super::place::place;
use super::{Locked, NOTIFIED, PARKED, RUNNING, entity, preempt, set_need_resched};
use crate::cpu::{self, Core};
use crate::thread::{self, Thread};
use crate::{irq, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sched::Enqueue;

/// Gives `thread` its permit: makes it runnable now if it is parked. From any context.
pub(crate) fn unpark(thread: &'static Thread) {
    let mut seen = thread.permit.load(Ordering::Relaxed);
    loop {
        let next = if seen == PARKED { RUNNING } else { NOTIFIED };
        // Also when nothing changes: what was stored before this must be seen by whoever takes
        // the permit.
        match thread
            .permit
            .compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed)
        {
            Ok(_) => break,
            Err(now) => seen = now,
        }
    }
    if seen == PARKED {
        // Only who has changed PARKED comes here, once for each park.
        make_runnable(thread, Enqueue::Wake);
    }
}

/// Puts a new thread on a run queue.
pub(crate) fn start(thread: &'static Thread) {
    make_runnable(thread, Enqueue::New);
}

/// Puts a thread that is on no run queue on one, and sees to it that it runs as soon as it should.
fn make_runnable(thread: &'static Thread, how: Enqueue) {
    let state = arch::irq::save();
    let home = thread.core.load(Ordering::Relaxed);
    let target = place(thread, home, how);
    let mut locked = Locked::take(cpu::core(home));
    // The lock is ours, so the thread is off its stack.
    if target != home {
        drop(locked);
        thread.core.store(target, Ordering::Relaxed);
        locked = Locked::take(cpu::core(target));
    }
    let now = time::now_ns();
    let queue = locked.queue();
    queue.enqueue(entity(thread), now, how);
    let preempts = queue.should_preempt(now);
    // If it preempts, whoever runs next sets the timer.
    let event = if preempts { None } else { queue.next_event() };
    drop(locked);
    let here = cpu::this();
    let due = |event| event < cpu::core(target).programmed.load(Ordering::Relaxed);
    if target == here.id() {
        if let Some(event) = event {
            time::at_least_by(here, event);
        }
        if preempts {
            set_need_resched();
        }
    } else if preempts || event.is_some_and(due) {
        // The other core switches, or sets its timer for the end of the turn.
        irq::send_sgi(target, irq::SGI_RESCHEDULE);
    }
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
    let current = thread::current();
    if current.need_resched.load(Ordering::Relaxed)
        && current.preempt_count.load(Ordering::Relaxed) == 0
        && !in_handler()
    {
        preempt();
    }
}

/// Whether the caller is an interrupt handler, which switches on its way out.
fn in_handler() -> bool {
    // Only in a handler can the answer be yes, and there nobody moves.
    arch::irq::masked() && cpu::this().irq_depth.get() > 0
}

/// What the software interrupt asks for: looks at this core's queue again. In the handler.
pub(crate) fn on_reschedule_sgi(core: &'static Core) {
    let mut locked = Locked::take(core);
    let now = time::now_ns();
    let queue = locked.queue();
    let preempts = queue.should_preempt(now);
    let event = queue.next_event();
    drop(locked);
    if let Some(event) = event {
        time::at_least_by(core, event);
    }
    if preempts {
        set_need_resched();
    }
}

/// The end of a turn may have come: called from the timer's interrupt. Returns when the policy
/// wants to be asked again.
pub(crate) fn on_timer(core: &'static Core, now: u64) -> Option<u64> {
    let mut locked = Locked::take(core);
    let queue = locked.queue();
    let preempts = queue.tick(now);
    let event = queue.next_event();
    drop(locked);
    if preempts {
        // Nothing to be timed until then: the turn is over, but the thread may hold a lock, and
        // an event that has passed would interrupt it again and again.
        set_need_resched();
        return None;
    }
    event
}
