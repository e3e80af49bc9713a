//! Giving the core to another thread: the one place that switches, and the reasons for it.

use super::balance::look_in;
use super::sleep_check::check_may_sleep;
use super::wake::migrate;
use super::{Locked, NOTIFIED, PARKED, RUNNING, thread_of};
use crate::cpu::{self, Core, Counts};
use crate::sync::TaskCx;
use crate::thread::{self, Thread};
use crate::wait::Instant;
use crate::{irq, system_work, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;

/// Why a core looks for another thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Preempted,
    Yielded,
    Park,
    Exit,
    /// It may not run on this core any more.
    Move,
}

/// What a switch carries, beside the address of the thread that was left, if that is to go on on
/// another core. (A thread's address is even.)
const MOVES: usize = 1;

/// Gives this core to whoever should have it. Interrupts are masked. Returns when the calling
/// thread runs again, perhaps on another core; at once if it may go on.
///
/// Inlined into each of its few callers, which leaves in each only what its reason needs.
#[inline(always)]
fn reschedule(why: Why) {
    let core = cpu::this();
    let prev = thread::current();
    let locked = Locked::take(core);
    if why == Why::Park
        && prev
            .permit
            .compare_exchange(RUNNING, PARKED, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
    {
        // Notified meanwhile: take the permit and go on. A swap, not a store: whoever gave the
        // permit last must be heard, too.
        prev.permit.swap(RUNNING, Ordering::Acquire);
        return;
    }
    switch_from(core, prev, locked, why);
}

/// [`reschedule`] once this core's run queue is locked.
#[inline(always)]
fn switch_from(core: &'static Core, prev: &'static Thread, mut locked: Locked, why: Why) {
    prev.need_resched.store(false, Ordering::Relaxed);
    let now = time::rough_now_ns();
    if why == Why::Park {
        prev.blocked_since.store(now, Ordering::Release);
    }
    let queue = locked.queue();
    let from_idle = core::ptr::eq(prev, &core.idle);
    let picked = match why {
        Why::Yielded => match queue.yield_current(now) {
            None => return,
            next => next,
        },
        Why::Preempted => queue.preempt_current(now, |ns| look_in(core, ns)),
        Why::Park | Why::Exit | Why::Move => queue.block_and_pick(now),
    };
    let next = picked.as_ref().map_or(&core.idle, thread_of);
    let to_idle = picked.is_none();
    if let Some(event) = picked.as_ref().and_then(|next| queue.event_of(next)) {
        time::at_least_by(core, event);
    }
    if core::ptr::eq(next, prev) {
        return;
    }
    Counts::add(&core.counts.switches);
    if why == Why::Preempted && !from_idle {
        offer(prev);
    }
    if to_idle {
        cpu::IDLE.fetch_or(1 << core.id(), Ordering::Relaxed);
        core.idle_since.store(now, Ordering::Relaxed);
    } else if from_idle {
        let waits = queue.runnable() > 0;
        cpu::IDLE.fetch_and(!(1 << core.id()), Ordering::Relaxed);
        let idled = now.saturating_sub(core.idle_since.load(Ordering::Relaxed));
        core.idle_time.store(
            core.idle_time.load(Ordering::Relaxed) + idled,
            Ordering::Relaxed,
        );
        if waits {
            // Two wakes chose this core while it was idle; another idle one takes the second.
            call_idle(u64::MAX);
        }
    }
    let stays = why == Why::Yielded || why == Why::Preempted && !from_idle;
    if !stays && !to_idle {
        locked.count(-1);
    }
    next.latency.runs();
    core.current
        .store((&raw const *next).cast_mut(), Ordering::Relaxed);
    locked.hand_over();
    // SAFETY: SWITCH, CURRENT: `next` is off its stack (it was on a run queue, see the head of this
    // file, or is this core's idle thread), interrupts are masked, and `prev` is kept for ever.
    let left = unsafe {
        arch::core_block::set_current((&raw const *next).cast());
        arch::switch::switch(
            prev.saved_sp.as_ptr(),
            next.saved_sp.get(),
            match why {
                Why::Exit => &raw const *prev as usize,
                Why::Move => &raw const *prev as usize | MOVES,
                _ => 0,
            },
        )
    };
    // SAFETY: SWITCH: what `switch` carried.
    unsafe { finish_switch(left) }
}

/// Tells an idle core that may run it of a thread that has to wait here: that core pulls it.
#[inline]
fn offer(thread: &Thread) {
    call_idle(thread.allowed().bits());
}

/// Makes an idle core, one of `among`, look for a thread to pull.
#[inline]
fn call_idle(among: u64) {
    let takers = u64::from(cpu::IDLE.load(Ordering::Relaxed)) & among;
    if takers != 0 {
        irq::send_sgi(takers.trailing_zeros() as usize, irq::SGI_RESCHEDULE);
    }
}

/// The first thing after a switch: lets go of the run queue, and of the thread that was left if
/// it has ended or is to go on elsewhere.
///
/// # Safety
///
/// Invariant **SWITCH**: called once after each switch, with interrupts masked and with what
/// `switch` returned.
#[inline]
pub(crate) unsafe fn finish_switch(left: usize) {
    // SAFETY: LOCK-HELD: taken by the thread that was left, on this core.
    unsafe { cpu::this().run_queue.force_unlock() };
    if left != 0 {
        core::hint::cold_path();
        // SAFETY: THREAD-STABLE, SWITCH: the thread that left its stack, for ever or on this core,
        // carried its address.
        let thread = unsafe { &*((left & !MOVES) as *const Thread) };
        if left & MOVES == 0 {
            thread::after_end_of(thread);
        } else {
            migrate(thread);
        }
    }
}

/// Gives this core to whoever is more urgent, or whose turn it is. Interrupts are masked.
#[inline(never)]
pub(super) fn make_way() {
    if thread::current().must_move.load(Ordering::Relaxed) {
        core::hint::cold_path();
        return move_away();
    }
    reschedule(Why::Preempted);
}

/// [`make_way`] of a thread that perhaps may not run here any more.
#[cold]
fn move_away() {
    let current = thread::current();
    current.must_move.store(false, Ordering::Relaxed);
    // Should the answer change now, another software interrupt comes.
    if current.allowed().contains(cpu::this().id()) {
        reschedule(Why::Preempted);
    } else {
        reschedule(Why::Move);
    }
}

/// [`make_way`] with the run queue locked: by a wake, in which this turned out to be needed.
#[inline(never)]
pub(super) fn make_way_locked(locked: Locked) {
    switch_from(locked.core, thread::current(), locked, Why::Preempted);
}

/// Switches if it may and should: from a place where preemption has just come on.
#[cold]
pub(crate) fn preempt() {
    if arch::irq::masked() {
        // Not now; at the latest when they are unmasked.
        if cpu::this().irq_depth.get() == 0 {
            irq::send_sgi(cpu::this().id(), irq::SGI_RESCHEDULE);
        }
        return;
    }
    let state = arch::irq::save();
    make_way();
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) }
}

/// On the way out of an interrupt: switches if it may and should. Interrupts are masked.
#[inline]
pub(crate) fn preempt_on_irq_exit() {
    let current = thread::current();
    if current.need_resched.load(Ordering::Relaxed)
        && current.preempt_count.load(Ordering::Relaxed) == 0
    {
        make_way();
    }
}

/// Lets others of equal priority run.
pub(crate) fn yield_now() {
    let state = arch::irq::save();
    reschedule(Why::Yielded);
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) }
}

/// Ends the calling thread.
pub(crate) fn leave_for_ever() -> ! {
    let _ = arch::irq::save();
    reschedule(Why::Exit);
    unreachable!("a thread that has ended was switched to");
}

/// Blocks the calling thread until it is unparked or until `deadline`; at once if it has a permit.
#[track_caller]
pub(crate) fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
    let current = thread::current();
    check_may_sleep(current);
    if current.tells.load(Ordering::Relaxed) {
        core::hint::cold_path();
        return park_telling(current, cx, deadline);
    }
    match deadline {
        None => block(),
        Some(deadline) => park_until(current, deadline),
    }
}

/// [`park`] of a worker that runs an item: whoever waits for it gets another meanwhile.
#[inline(never)]
fn park_telling(current: &'static Thread, cx: &mut TaskCx, deadline: Option<Instant>) {
    if current.permit.load(Ordering::Relaxed) == NOTIFIED {
        current.permit.swap(RUNNING, Ordering::Acquire);
    } else {
        system_work::park_worker(cx, deadline);
    }
}

/// [`park`] with a deadline.
#[inline(never)]
fn park_until(current: &'static Thread, deadline: Instant) {
    if current.permit.load(Ordering::Relaxed) == NOTIFIED {
        current.permit.swap(RUNNING, Ordering::Acquire);
        return;
    }
    if time::arm_park(current, deadline) {
        block();
        time::disarm_park(current);
    }
}

/// Leaves the core until unparked. The caller may sleep, so interrupts are on.
#[inline(always)]
fn block() {
    arch::irq::mask();
    reschedule(Why::Park);
    // SAFETY: IRQ-NEST: a thread that may sleep has them on, which was checked.
    unsafe { arch::irq::unmask() };
}
