//! Making threads runnable, and telling their cores.

use super::balance::look_in;
use super::place::place;
use super::switch::{make_way_for, make_way_locked};
use super::{Clock, Locked, NOTIFIED, PARKED, RUNNING, entity, set_need_resched};
use crate::cpu::{self, Core, Counts};
use crate::thread::{self, Thread};
use crate::{irq, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sched::Enqueue;

/// Gives `thread` its permit: makes it runnable now if it is parked. From any context.
#[inline(never)]
pub(crate) fn unpark(thread: &'static Thread) {
    unpark_masked(thread, arch::irq::save());
}

/// [`unpark`] by a caller that has masked interrupts, and with them what was to be done before: puts
/// them back to `state`. What it returns is not 0.
///
/// Nearly always the thread is parked and first-in first-out, as are those that run: for these this is
/// the whole wake, up to the jump into the switch, without a frame. `wake_slow` does the others.
#[inline(always)]
pub(crate) fn unpark_masked(thread: &'static Thread, state: u64) -> usize {
    if thread
        .permit
        .compare_exchange(PARKED, RUNNING, Ordering::AcqRel, Ordering::Relaxed)
        .is_err()
    {
        core::hint::cold_path();
        return unpark_unparked(thread, state);
    }
    // Only who has changed PARKED comes here, once for each park.
    thread.latency.wakes();
    let mut locked = Locked::take(thread.core());
    // The lock is ours, so the thread is off its stack, and its affinity stays as it is.
    // Its affinity may have changed since it ran there.
    if !thread.stays() && !may_run_at_once(thread, locked.core) {
        return wake_slow(thread, locked, Enqueue::Wake, state);
    }
    match locked.queue().wake_fifo(&entity(thread)) {
        None => wake_slow(thread, locked, Enqueue::Wake, state),
        Some(false) => {
            drop(locked);
            back_to(state)
        }
        Some(true) => {
            let core = locked.core;
            if !core::ptr::eq(core, cpu::this()) {
                drop(locked);
                tell(core, state)
            } else if !arch::irq::was_masked(state) && may_switch() {
                locked.publish();
                make_way_for(thread, locked)
            } else {
                look_again(locked, state)
            }
        }
    }
}

/// Whether `core` idles, and `thread` may run on it.
#[inline(always)]
fn may_run_at_once(thread: &Thread, core: &Core) -> bool {
    let idle = u64::from(cpu::IDLE.load(Ordering::Relaxed));
    idle & thread.allowed().bits() & (1 << core.id()) != 0
}

/// [`unpark_masked`] of a thread that was not parked just now.
#[cold]
#[inline(never)]
fn unpark_unparked(thread: &'static Thread, state: u64) -> usize {
    if !notify(thread) {
        return back_to(state);
    }
    thread.latency.wakes();
    wake_slow(thread, Locked::take(thread.core()), Enqueue::Wake, state)
}

/// Puts interrupts back to `state`, of the calling function's caller; not 0, as all wakes return.
#[inline(always)]
fn back_to(state: u64) -> usize {
    // SAFETY: IRQ-NEST: whoever masked them handed it on to here.
    unsafe { arch::irq::restore(state) };
    1
}

/// Gives a thread its permit that was not parked just now. Whether it has become so since, and is the
/// caller's to make runnable.
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

/// Puts a new thread on a run queue.
pub(crate) fn start(thread: &'static Thread) {
    make_runnable(thread, Enqueue::New);
}

/// Puts a thread that was taken off a run queue on the best one that it may be on.
pub(super) fn migrate(thread: &'static Thread) {
    make_runnable(thread, Enqueue::Migrate);
}

/// Puts a thread that is on no run queue on one, and sees to it that it runs as soon as it should.
fn make_runnable(thread: &'static Thread, how: Enqueue) {
    let state = arch::irq::save();
    wake_slow(thread, Locked::take(thread.core()), how, state);
}

/// The same, when the run queue of the core that it was on is locked and interrupts are masked, which
/// were as `state` says.
#[inline(never)]
fn wake_slow(thread: &'static Thread, mut locked: Locked, how: Enqueue, state: u64) -> usize {
    let home = locked.core.id();
    let target = place(thread, home, how);
    if target != home {
        core::hint::cold_path();
        locked = go_elsewhere(thread, locked, target, how);
    }
    let core = locked.core;
    let queue = locked.queue();
    queue.enqueue(entity(thread), Clock, how);
    if queue.should_preempt(Clock) {
        return run_soon(locked, state);
    }
    let event = queue_event(locked, core);
    if let Some(event) = event {
        core::hint::cold_path();
        if core::ptr::eq(core, cpu::this()) {
            time::at_least_by_tick(core, event);
        } else {
            // The other core sets its timer for the end of the turn.
            irq::send_sgi(core.id(), irq::SGI_RESCHEDULE);
        }
    }
    back_to(state)
}

/// Somebody on the queue that is locked should run there now.
#[inline]
fn run_soon(locked: Locked, state: u64) -> usize {
    let core = locked.core;
    if !core::ptr::eq(core, cpu::this()) {
        drop(locked);
        tell(core, state)
    } else if !arch::irq::was_masked(state) && may_switch() {
        make_way_locked(locked)
    } else {
        look_again(locked, state)
    }
}

/// This core, whose queue is locked, cannot switch just now: sees to it that it looks when it can.
#[inline(always)]
fn look_again(locked: Locked, state: u64) -> usize {
    let core = locked.core;
    drop(locked);
    set_need_resched();
    // In a handler the way out of it looks; else, with interrupts masked, the core is told to look when
    // they are not; with preemption off, whoever turns it on does.
    if core.irq_depth.get() == 0 && may_switch() {
        return tell(core, state);
    }
    back_to(state)
}

/// Tells `core` to look at its queue.
#[inline(never)]
fn tell(core: &Core, state: u64) -> usize {
    irq::send_sgi(core.id(), irq::SGI_RESCHEDULE);
    back_to(state)
}

/// Takes `thread`, on no run queue, from the core whose lock is held to core `target`, or to another
/// if its affinity changes meanwhile. Returns with the lock of that one.
#[inline]
fn go_elsewhere(
    thread: &'static Thread,
    mut locked: Locked,
    mut target: usize,
    how: Enqueue,
) -> Locked {
    if how != Enqueue::New {
        Counts::add(&thread.migrations);
    }
    loop {
        thread.set_core(target);
        drop(locked);
        locked = Locked::take(cpu::core(target));
        if thread.allowed().contains(target) {
            return locked;
        }
        target = place(thread, target, how);
    }
}

/// Whether preemption is on.
#[inline(always)]
fn may_switch() -> bool {
    thread::current().preempt_count() == 0
}

/// Opens `locked`, of `core`; gives the time at which its running thread must be looked at, if its
/// timer comes later than that.
#[inline(always)]
fn queue_event(mut locked: Locked, core: &Core) -> Option<u64> {
    let event = locked.queue().next_event();
    drop(locked);
    event.filter(|event| *event < core.programmed.load(Ordering::Relaxed))
}

/// What the software interrupt asks for: looks at this core's queue again. In the handler.
pub(crate) fn on_reschedule_sgi(core: &'static Core) {
    let mut locked = Locked::take(core);
    let queue = locked.queue();
    let preempts = queue.should_preempt(Clock);
    let event = queue.next_event();
    drop(locked);
    if let Some(event) = event {
        time::at_least_by_tick(core, event);
    }
    if preempts {
        set_need_resched();
    }
}

/// The end of a turn may have come: called from the timer's interrupt. Returns when, in ticks, the
/// policy wants to be asked again.
pub(crate) fn on_timer(core: &'static Core) -> Option<u64> {
    let now = time::rough_ticks();
    let mut locked = Locked::take(core);
    let queue = locked.queue();
    let preempts = queue.tick(now);
    let event = queue.next_event();
    let look = if preempts { queue.balance_in() } else { None };
    drop(locked);
    if preempts {
        if let Some(ticks) = look {
            look_in(core, ticks);
        }
        // Nothing to be timed until then: the turn is over, but the thread may hold a lock, and
        // an event that has passed would interrupt it again and again.
        set_need_resched();
        return None;
    }
    event
}
