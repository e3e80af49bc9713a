//! Giving the core to another thread: the one place that switches, and the reasons for it.
//!
//! Each reason has a short way, from one first-in first-out thread to another, which ends in the switch
//! as in a jump, and so needs no frame. Where it cannot be gone, nothing has happened yet, and
//! `switch_any` does the whole, for all reasons and classes. A function that ends in a switch, or goes
//! on without one, returns with interrupts on, unless its name says otherwise.

use super::balance::look_in;
use super::sleep_check::{check_may_sleep, refuse_masked};
use super::wake::migrate;
use super::{Locked, NOTIFIED, PARKED, RUNNING, entity, thread_of};
use crate::cpu::{self, Core};
use crate::sync::TaskCx;
use crate::thread::{self, Thread};
use crate::wait::Instant;
use crate::{irq, system_work, time};
use core::mem::offset_of;
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sync::check;

/// Why a core looks for another thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Interrupts come on, or stay masked (on the way out of an interrupt).
    Preempted {
        masked: bool,
    },
    Yielded,
    Park,
    Exit,
    /// It may not run on this core any more.
    Move {
        masked: bool,
    },
}

/// What a switch carries, beside the address of the thread that was left, if that has ended or is to go
/// on on another core. (A thread's address is a multiple of 8.)
const MOVES: usize = 1;
/// The same: the run queue's lock has to be opened.
pub(super) const OPENS: usize = 2;

/// Switches from `prev` to `next`, which the policy has picked: the end of all ways.
///
/// # Safety
///
/// Invariants **SWITCH**, **CURRENT**: `next` is off its stack (it was on the run queue that is locked,
/// see the head of `run_queue`, or is this core's idle thread), and `prev` runs here. Interrupts are
/// masked.
#[inline(always)]
unsafe fn switch(
    locked: Locked,
    prev: &'static Thread,
    next: &'static Thread,
    carry: usize,
    masked: bool,
) -> usize {
    const SP: usize = offset_of!(Thread, saved_sp);
    (locked.core.current).store((&raw const *next).cast_mut(), Ordering::Relaxed);
    next.latency.runs();
    let (word, value, opens) = locked.hand_over();
    let (from, to) = ((&raw const *prev).cast(), (&raw const *next).cast());
    // SAFETY: SWITCH, CURRENT, by the caller's promise; threads are kept for ever. The store opens the
    // lock of the run queue that this core holds (LOCK-HELD).
    unsafe {
        if carry | opens != 0 {
            arch::switch::switch_carrying::<SP>(to, from, word, value, carry | opens, masked)
        } else if masked {
            arch::switch::switch_masked::<SP>(to, from, word, value)
        } else {
            arch::switch::switch::<SP>(to, from, word, value)
        }
    }
}

/// Gives this core to whoever should have it, once its run queue is locked: for all that the short ways
/// leave. Interrupts are masked.
#[inline(always)]
fn switch_any(mut locked: Locked, now: u64, why: Why) -> usize {
    let (core, prev) = (locked.core, thread::current());
    let masked = matches!(
        why,
        Why::Preempted { masked: true } | Why::Move { masked: true }
    );
    let preempted = matches!(why, Why::Preempted { .. });
    prev.need_resched.store(false, Ordering::Relaxed);
    let queue = locked.queue();
    let from_idle = core::ptr::eq(prev, &core.idle);
    let picked = match why {
        Why::Yielded => match queue.yield_current(now) {
            None => return stay(locked, masked),
            next => next,
        },
        Why::Preempted { .. } => queue.preempt_current(now, |ticks| look_in(core, ticks)),
        Why::Park => queue.block_and_pick(now),
        Why::Exit | Why::Move { .. } => queue.leave_and_pick(now),
    };
    let next = picked.as_ref().map_or(&core.idle, thread_of);
    let to_idle = picked.is_none();
    if let Some(event) = queue.next_event() {
        time::at_least_by_tick(core, event);
    }
    if core::ptr::eq(next, prev) {
        return stay(locked, masked);
    }
    if preempted && !from_idle {
        // An idle core that may run it pulls it.
        call_idle(prev.allowed().bits());
    }
    if to_idle {
        cpu::IDLE.fetch_or(1 << core.id(), Ordering::Relaxed);
        core.idle_since.store(now, Ordering::Relaxed);
    } else if from_idle {
        let waits = queue.runnable() > 0;
        cpu::IDLE.fetch_and(!(1 << core.id()), Ordering::Relaxed);
        let idled = now.saturating_sub(core.idle_since.load(Ordering::Relaxed));
        let before = core.idle_time.load(Ordering::Relaxed);
        core.idle_time.store(before + idled, Ordering::Relaxed);
        if waits {
            // Two wakes chose this core while it was idle; another idle one takes the second.
            call_idle(u64::MAX);
        }
    }
    locked.publish();
    let carry = match why {
        Why::Exit => &raw const *prev as usize,
        Why::Move { .. } => &raw const *prev as usize | MOVES,
        _ => 0,
    };
    // SAFETY: SWITCH, CURRENT: the policy picked `next` from the queue, or there was nobody.
    unsafe { switch(locked, prev, next, carry, masked) }
}

#[inline(never)]
fn preempt_slow(locked: Locked, now: u64) -> usize {
    switch_any(locked, now, Why::Preempted { masked: false })
}

#[inline(never)]
fn preempt_slow_masked(locked: Locked, now: u64) -> usize {
    switch_any(locked, now, Why::Preempted { masked: true })
}

#[inline(never)]
fn yield_slow(locked: Locked, now: u64) -> usize {
    switch_any(locked, now, Why::Yielded)
}

#[inline(never)]
fn park_slow(locked: Locked, now: u64) -> usize {
    switch_any(locked, now, Why::Park)
}

/// There is nobody to switch to. As the switch, it does not return 0.
#[inline]
fn stay(locked: Locked, masked: bool) -> usize {
    drop(locked);
    if !masked {
        // SAFETY: IRQ-NEST: they were on before whoever asks for a switch masked them.
        unsafe { arch::irq::unmask() };
    }
    1
}

/// Whether no idle core has a use for `prev`, should it have to make way.
#[inline(always)]
fn has_nowhere_to_go(prev: &Thread) -> bool {
    prev.stays() || idle_among(prev.allowed().bits()) == 0
}

/// Gives this core, whose run queue is locked, to `thread`, which the policy has just said to be more
/// urgent than any.
#[inline(always)]
pub(super) fn make_way_for(thread: &'static Thread, mut locked: Locked) -> usize {
    let prev = thread::current();
    let now = time::rough_ticks();
    if has_nowhere_to_go(prev) && locked.queue().preempt_by(&entity(thread), now) {
        // SAFETY: SWITCH, CURRENT: the policy picked `thread` from the queue.
        return unsafe { switch(locked, prev, thread, 0, false) };
    }
    preempt_slow(locked, now)
}

/// Gives this core, whose run queue is locked, to whoever is more urgent.
pub(super) fn make_way_locked(locked: Locked) -> usize {
    preempt_slow(locked, time::rough_ticks())
}

/// The idle ones of the cores `among`.
#[inline(always)]
fn idle_among(among: u64) -> u64 {
    u64::from(cpu::IDLE.load(Ordering::Relaxed)) & among
}

/// Makes an idle core, one of `among`, look for a thread to pull.
#[inline]
fn call_idle(among: u64) {
    let takers = idle_among(among);
    if takers != 0 {
        irq::send_sgi(takers.trailing_zeros() as usize, irq::SGI_RESCHEDULE);
    }
}

/// What a switch leaves to be done for the thread that was left, if it has ended or is to go on
/// elsewhere; called by the switch, on the stack that it went to, with interrupts masked.
#[unsafe(no_mangle)]
extern "C" fn __kernel_switched(carry: usize) {
    if carry & OPENS != 0 {
        // SAFETY: LOCK-HELD: taken by the thread that was left, on this core.
        unsafe { cpu::this().run_queue.force_unlock() };
    }
    let left = (carry & !(MOVES | OPENS)) as *const Thread;
    if left.is_null() {
        return;
    }
    // SAFETY: THREAD-STABLE, SWITCH: the thread that left its stack, for ever or on this core,
    // carried its address.
    let thread = unsafe { &*left };
    if carry & MOVES == 0 {
        thread::after_end_of(thread);
    } else {
        migrate(thread);
    }
}

/// Gives this core to whoever is more urgent, or whose turn it is. Interrupts are masked, and were on
/// before.
#[inline(never)]
pub(super) fn make_way() {
    leave_if_due(cpu::this(), thread::current(), false);
}

/// [`make_way`] of `current`, which runs on `core`, the calling one; on the way out of an interrupt they
/// stay masked.
#[inline(always)]
fn leave_if_due(core: &'static Core, current: &'static Thread, masked: bool) {
    if current.must_move.load(Ordering::Relaxed) {
        core::hint::cold_path();
        return move_away(masked);
    }
    current.need_resched.store(false, Ordering::Relaxed);
    let mut locked = Locked::take(core);
    let now = time::rough_ticks();
    if has_nowhere_to_go(current)
        && let Some(next) = locked.queue().preempt_fifo(now)
    {
        // SAFETY: SWITCH, CURRENT: the policy picked `next` from the queue.
        unsafe { switch(locked, current, thread_of(&next), 0, masked) };
        return;
    }
    if masked {
        preempt_slow_masked(locked, now);
    } else {
        preempt_slow(locked, now);
    }
}

/// [`make_way`] of a thread that perhaps may not run here any more.
#[cold]
fn move_away(masked: bool) {
    let current = thread::current();
    let core = cpu::this();
    current.must_move.store(false, Ordering::Relaxed);
    // Should the answer change now, another software interrupt comes.
    let why = if current.allowed().contains(core.id()) {
        Why::Preempted { masked }
    } else {
        Why::Move { masked }
    };
    switch_any(Locked::take(core), time::rough_ticks(), why);
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
    arch::irq::mask();
    make_way();
}

/// On the way out of an interrupt of `core`, the calling one: switches if it may and should. Interrupts
/// are masked.
#[inline(always)]
pub(crate) fn preempt_on_irq_exit(core: &'static Core) {
    let current = thread::current();
    if current.need_resched.load(Ordering::Relaxed) && current.preempt_count() == 0 {
        leave_if_due(core, current, true);
    }
}

/// Lets others of equal priority run. The caller may sleep, so interrupts are on.
#[inline(never)]
pub(crate) fn yield_now() {
    arch::irq::mask();
    let mut locked = Locked::take(cpu::this());
    let now = time::rough_ticks();
    let Some(next) = locked.queue().yield_fifo(now) else {
        yield_slow(locked, now);
        return;
    };
    // SAFETY: SWITCH, CURRENT: the policy picked `next` from the queue.
    unsafe { switch(locked, thread::current(), thread_of(&next), 0, false) };
}

/// Ends the calling thread.
pub(crate) fn leave_for_ever() -> ! {
    arch::irq::mask();
    switch_any(Locked::take(cpu::this()), time::rough_ticks(), Why::Exit);
    unreachable!("a thread that has ended was switched to");
}

/// Blocks the calling thread until it is unparked or until `deadline`; at once if it has a permit.
#[inline(always)]
pub(crate) fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
    match deadline {
        None => park_now(cx),
        Some(deadline) => park_until(cx, deadline),
    }
}

/// [`park`] without a deadline.
#[inline(never)]
pub(crate) fn park_now(cx: &mut TaskCx) {
    let current = thread::current();
    if check::ON {
        check_may_sleep(current);
    }
    if !current.blocks_freely() {
        core::hint::cold_path();
        return park_telling(cx, None);
    }
    block(current);
}

/// [`park`] of a worker that runs an item: whoever waits for it gets another meanwhile.
#[inline(never)]
fn park_telling(cx: &mut TaskCx, deadline: Option<Instant>) {
    let current = thread::current();
    check_may_sleep(current);
    if current.permit.load(Ordering::Relaxed) == NOTIFIED {
        current.permit.swap(RUNNING, Ordering::Acquire);
    } else {
        system_work::park_worker(cx, deadline);
    }
}

/// [`park`] with a deadline.
#[inline(never)]
fn park_until(cx: &mut TaskCx, deadline: Instant) {
    let current = thread::current();
    check_may_sleep(current);
    if current.tells() {
        core::hint::cold_path();
        return park_telling(cx, Some(deadline));
    }
    if current.permit.load(Ordering::Relaxed) == NOTIFIED {
        current.permit.swap(RUNNING, Ordering::Acquire);
        return;
    }
    if time::arm_park(current, deadline) {
        park_now(cx);
        time::disarm_park(current);
    }
}

/// Leaves the core until unparked. The caller may sleep, so interrupts are on, which is looked at.
#[inline(always)]
fn block(current: &'static Thread) {
    if arch::irq::was_masked(arch::irq::save()) {
        core::hint::cold_path();
        return refuse_masked(current);
    }
    let mut locked = Locked::take(cpu::this());
    let now = time::rough_ticks();
    // Before it is marked parked: who sees the mark sees since when.
    current.blocked_since.store(now, Ordering::Relaxed);
    if current
        .permit
        .compare_exchange(RUNNING, PARKED, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
    {
        core::hint::cold_path();
        // Notified meanwhile: take the permit and go on. A swap, not a store: whoever gave the
        // permit last must be heard, too.
        current.permit.swap(RUNNING, Ordering::Acquire);
        stay(locked, false);
        return;
    }
    let Some(next) = locked.queue().block_fifo(now) else {
        park_slow(locked, now);
        return;
    };
    locked.publish();
    // SAFETY: SWITCH, CURRENT: the policy picked `next` from the queue.
    unsafe { switch(locked, current, thread_of(&next), 0, false) };
}

const _: () = assert!(core::mem::align_of::<Thread>() > (MOVES | OPENS));
