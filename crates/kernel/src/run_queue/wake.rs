//! Making threads runnable, and telling their cores.

use super::balance::look_in;
use super::place::place;
use super::switch::make_way_locked;
use super::{Clock, Locked, NOTIFIED, PARKED, RUNNING, entity, set_need_resched};
use crate::cpu::{self, Core, Counts};
use crate::thread::{self, Thread};
use crate::{irq, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sched::Enqueue;

/// Gives `thread` its permit: makes it runnable now if it is parked. From any context.
#[inline]
pub(crate) fn unpark(thread: &'static Thread) {
    // Nearly always it is parked.
    if thread
        .permit
        .compare_exchange(PARKED, RUNNING, Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
        || notify(thread)
    {
        wake_up(thread);
    }
}

/// [`unpark`] of a thread that was not parked just now. Whether it has become so since, and is the
/// caller's to make runnable.
#[cold]
fn notify(thread: &'static Thread) -> bool {
    let mut seen = thread.permit.load(Ordering::Relaxed);
    loop {
        let next = if seen == PARKED { RUNNING } else { NOTIFIED };
        // Also when nothing changes: what was stored before this must be seen by whoever takes
        // the permit.
        match thread
            .permit
            .compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed)
        {
            Ok(_) => return seen == PARKED,
            Err(now) => seen = now,
        }
    }
}

#[inline(never)]
fn wake_up(thread: &'static Thread) {
    // Only who has changed PARKED comes here, once for each park: nobody else counts.
    Counts::add(&thread.wakes);
    thread.latency.wakes();
    make_runnable(thread, Enqueue::Wake);
}

/// Puts a new thread on a run queue.
pub(crate) fn start(thread: &'static Thread) {
    make_runnable(thread, Enqueue::New);
}

/// Puts a thread that was taken off a run queue on the best one that it may be on.
#[inline(never)]
pub(super) fn migrate(thread: &'static Thread) {
    make_runnable(thread, Enqueue::Migrate);
}

/// Puts a thread that is on no run queue on one, and sees to it that it runs as soon as it should.
#[inline(always)]
fn make_runnable(thread: &'static Thread, how: Enqueue) {
    let state = arch::irq::save();
    let home = thread.core.load(Ordering::Relaxed);
    let mut locked = Locked::take(cpu::core(home));
    // The lock is ours, so the thread is off its stack, and its affinity stays as it is.
    let mut target = place(thread, home, how);
    if target != home {
        core::hint::cold_path();
        (locked, target) = go_elsewhere(thread, locked, target, how);
    }
    let core = locked.core;
    let queue = locked.queue();
    queue.enqueue(entity(thread), Clock, how);
    let preempts = queue.should_preempt(Clock);
    locked.count(1);
    let here = core::ptr::eq(core, cpu::this());
    if !preempts {
        let event = queue_event(locked, core);
        if let Some(event) = event {
            core::hint::cold_path();
            if here {
                time::at_least_by(core, event);
            } else {
                // The other core sets its timer for the end of the turn.
                irq::send_sgi(target, irq::SGI_RESCHEDULE);
            }
        }
    } else if !here {
        locked.release();
        irq::send_sgi(target, irq::SGI_RESCHEDULE);
    } else if !arch::irq::was_masked(state) && may_switch() {
        make_way_locked(locked);
    } else {
        locked.release();
        set_need_resched();
        // In a handler the way out of it looks; else, with interrupts masked, the core is told
        // to look when they are not; with preemption off, whoever turns it on does.
        if may_switch() && cpu::this().irq_depth.get() == 0 {
            irq::send_sgi(target, irq::SGI_RESCHEDULE);
        }
    }
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
}

/// Takes `thread`, on no run queue, from the core whose lock is held to core `target`, or to another
/// if its affinity changes meanwhile. Returns with the lock of that one.
#[inline]
fn go_elsewhere(
    thread: &'static Thread,
    mut locked: Locked,
    mut target: usize,
    how: Enqueue,
) -> (Locked, usize) {
    if how != Enqueue::New {
        Counts::add(&thread.migrations);
    }
    loop {
        thread.core.store(target, Ordering::Relaxed);
        drop(locked);
        locked = Locked::take(cpu::core(target));
        if thread.allowed().contains(target) {
            return (locked, target);
        }
        target = place(thread, target, how);
    }
}

/// Whether preemption is on.
#[inline(always)]
fn may_switch() -> bool {
    thread::current().preempt_count.load(Ordering::Relaxed) == 0
}

/// Opens `locked`, of `core`; gives the time at which its running thread must be looked at, if its
/// timer comes later than that.
#[inline(always)]
fn queue_event(mut locked: Locked, core: &Core) -> Option<u64> {
    let event = locked.queue().next_event();
    locked.release();
    event.filter(|event| *event < core.programmed.load(Ordering::Relaxed))
}

/// What the software interrupt asks for: looks at this core's queue again. In the handler.
pub(crate) fn on_reschedule_sgi(core: &'static Core) {
    let mut locked = Locked::take(core);
    let queue = locked.queue();
    let preempts = queue.should_preempt(Clock);
    let event = queue.next_event();
    locked.release();
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
    let look = if preempts { queue.balance_in() } else { None };
    drop(locked);
    if preempts {
        if let Some(ns) = look {
            look_in(core, ns);
        }
        // Nothing to be timed until then: the turn is over, but the thread may hold a lock, and
        // an event that has passed would interrupt it again and again.
        set_need_resched();
        return None;
    }
    event
}
