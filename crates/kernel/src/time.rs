//! Time: what it is, and being woken at one.
//!
//! Each core has a queue of deadlines and a timer that is set to the earliest of them or to the
//! end of the running thread's turn, whichever comes first. There is no tick.

mod lateness;
mod spread;

pub use lateness::{Timers, timers};
#[cfg(feature = "stats")]
pub(crate) use spread::Spread;
pub use spread::{BUCKETS, Spans, bucket_end};

use crate::cpu::{self, Core, Counts};
use crate::platform::{self, IrqId};
use crate::sync::{Atomic, TaskCx};
use crate::thread::{NO_CORE, Thread};
use crate::{Host, run_queue};
use core::mem::offset_of;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use layercake_arch_arm64::counter;
use layercake_sched::SLICE_MAX;
use layercake_timer::{Timer, TimerRef};
pub use layercake_wait::Instant;

/// Ticks of the counter to ns: `ticks * TO_NS >> SHIFT`.
static TO_NS: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds to ticks: `ns * TO_TICKS >> SHIFT`.
static TO_TICKS: AtomicU64 = AtomicU64::new(0);
/// With a frequency of 1 MHz to 4 GHz both factors fit 64 bits, and the error of a factor is less
/// than 2^-32 of it: 0.1 s in ten years.
const SHIFT: u32 = 32;

/// Reads how fast the counter is. Called once, before anybody asks for the time.
pub(crate) fn init() {
    let hz = u128::from(counter::frequency().max(1));
    let ns = 1_000_000_000_u128;
    TO_NS.store(((ns << SHIFT) / hz) as u64, Ordering::Relaxed);
    // Rounded up, so that a deadline is never early.
    TO_TICKS.store(((hz << SHIFT) / ns + 1) as u64, Ordering::Relaxed);
    for id in 0..cpu::MAX {
        // SAFETY: CX-ATOMIC: nothing sleeps while the queue is held.
        let cx = unsafe { Atomic::assume() };
        let slice = to_ticks(cpu::SLICE_NS).clamp(1, SLICE_MAX);
        cpu::core(id).run_queue.lock(cx).set_slice(slice);
    }
}

/// The time since the machine was switched on. From any context. O(1).
#[inline]
pub fn now() -> Instant {
    Instant::from_nanos(now_ns())
}

/// [`now`] in ns.
#[inline]
pub(crate) fn now_ns() -> u64 {
    to_ns(counter::now())
}

/// [`now_ns`] in ticks of the counter, the unit in which the policy counts: what is only added up and
/// compared need not be converted.
#[inline]
pub(crate) fn ticks() -> u64 {
    counter::now()
}

/// [`ticks`] for counting how long threads run: the counter may be read a few instructions before
/// its place, so this may lie a little before a [`ticks`] that came earlier.
#[inline(always)]
pub(crate) fn rough_ticks() -> u64 {
    counter::now_unordered()
}

/// A time or a span in ticks, in ns.
#[inline(always)]
pub(crate) fn to_ns(ticks: u64) -> u64 {
    ((u128::from(ticks) * u128::from(TO_NS.load(Ordering::Relaxed))) >> SHIFT) as u64
}

/// A time or a span in ns, in ticks, rounded up; `u64::MAX` if that is too much.
#[inline(always)]
pub(crate) fn to_ticks(ns: u64) -> u64 {
    let ticks = (u128::from(ns) * u128::from(TO_TICKS.load(Ordering::Relaxed))) >> SHIFT;
    u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1)
}

/// Blocks the calling thread for `duration` at the least.
pub fn sleep(cx: &mut TaskCx, duration: Duration) {
    layercake_wait::sleep::<Host>(cx, duration);
}

/// Blocks the calling thread for `duration` at the least, and for up to `slack` longer, so that
/// others that are as patient end with it, by the same interrupt. With no slack it is [`sleep`].
pub fn sleep_within(cx: &mut TaskCx, duration: Duration, slack: Duration) {
    let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let deadline = now_ns().saturating_add(ns(duration));
    let deadline = layercake_timer::coalesced(deadline, ns(slack));
    sleep_until(cx, Instant::from_nanos(deadline));
}

/// Blocks the calling thread until `deadline` has come; not at all if it has passed.
pub fn sleep_until(cx: &mut TaskCx, deadline: Instant) {
    layercake_wait::sleep_until::<Host>(cx, deadline);
}

/// Waits for `duration` without sleeping. For devices, and for a machine that stops.
pub fn spin_for(duration: Duration) {
    let end = now_ns().saturating_add(duration.as_nanos() as u64);
    while now_ns() < end {
        core::hint::spin_loop();
    }
}

/// Lets the timer's interrupt through on the calling core.
pub(crate) fn init_core() {
    counter::stop();
    platform::get().enable(IrqId(counter::PPI));
}

/// Sees to it that this core's timer comes at `ns` or before. Interrupts are masked; `core` is the
/// calling core.
#[inline]
fn at_least_by(core: &Core, ns: u64) {
    at_least_by_tick(core, to_ticks(ns));
}

/// [`at_least_by`] with a time in ticks.
#[inline]
pub(crate) fn at_least_by_tick(core: &Core, tick: u64) {
    if tick < core.programmed.load(Ordering::Relaxed) {
        core.programmed.store(tick, Ordering::Relaxed);
        counter::set_deadline(tick);
    }
}

/// Arms `timer`, of core `core`, the calling one, for `tick`, unless it is armed. Interrupts are masked.
///
/// # Safety
///
/// TMR-LIVE and TMR-LOCK: `timer` is static, and touched under the lock of that core's queue alone.
pub(crate) unsafe fn arm_own(core: &'static Core, timer: &'static Timer, tick: u64) {
    let deadline = to_ns(tick);
    // SAFETY: CX-MASKED: interrupts are masked, and nothing sleeps here.
    let mut timers = core.timers.lock(unsafe { Atomic::assume() });
    if !timer.is_armed() {
        // SAFETY: by the caller's promise.
        timers.arm(unsafe { TimerRef::from_raw(timer) }, deadline);
        drop(timers);
        at_least_by(core, deadline);
    }
}

/// Arms `thread`'s own timer on this core. False: the deadline has passed, and nothing is armed.
/// Called by the thread.
pub(crate) fn arm_park(thread: &'static Thread, deadline: Instant) -> bool {
    let deadline = deadline.as_nanos();
    if deadline <= now_ns() {
        return false;
    }
    let state = layercake_arch_arm64::irq::save();
    let core = cpu::this();
    // SAFETY: CX-MASKED: interrupts are masked and nothing sleeps until they are restored.
    let cx = unsafe { Atomic::assume() };
    let mut timers = core.timers.lock(cx);
    thread.timer_core.store(core.id(), Ordering::Relaxed);
    // SAFETY: TMR-LIVE: threads are never freed or moved. TMR-LOCK: the timer is this thread's own,
    // and on this queue, under whose lock it is touched, until `disarm_park` has asked for it.
    let timer = unsafe { TimerRef::from_raw(&raw const thread.timer) };
    timers.arm(timer, deadline);
    drop(timers);
    at_least_by(core, deadline);
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { layercake_arch_arm64::irq::restore(state) };
    true
}

/// Takes `thread`'s own timer off the queue that it is on, if it has not expired.
pub(crate) fn disarm_park(thread: &'static Thread) {
    let core = thread.timer_core.load(Ordering::Relaxed);
    if core == NO_CORE {
        return;
    }
    // SAFETY: CX-ATOMIC: nothing sleeps while the queue is held.
    let mut timers = cpu::core(core).timers.lock(unsafe { Atomic::assume() });
    timers.cancel(&thread.timer);
    thread.timer_core.store(NO_CORE, Ordering::Relaxed);
}

/// The timer's interrupt: wakes whose time has come, ends turns, sets the timer anew.
pub(crate) fn on_interrupt(core: &'static Core) {
    Counts::add(&core.counts.timer);
    core.programmed.store(u64::MAX, Ordering::Relaxed);
    let mut now = now_ns();
    loop {
        // SAFETY: CX-ATOMIC: an interrupt handler does not sleep.
        let mut timers = core.timers.lock(unsafe { Atomic::assume() });
        let expired = timers.pop_expired(now);
        // What is armed from here on sets the timer itself.
        let next = timers.next_deadline();
        // Here, as the owner may arm it again as soon as the lock is open.
        let late = expired.as_ref().map_or(0, |timer| now - timer.deadline());
        drop(timers);
        if let Some(timer) = expired {
            lateness::note(core.id(), late);
            timer.fire();
        }
        match next {
            None => break,
            Some(next) if next > now_ns() => {
                at_least_by(core, next);
                break;
            }
            Some(_) => now = now_ns(),
        }
    }
    match run_queue::on_timer(core) {
        Some(event) => at_least_by_tick(core, event),
        None if core.programmed.load(Ordering::Relaxed) == u64::MAX => counter::stop(),
        None => {}
    }
}

/// The action of every thread's own timer: the deadline of its park has come.
pub(crate) fn wake_parked(timer: TimerRef) {
    // SAFETY: TMR-LIVE: only the timer of a thread has this action, and threads are never freed.
    let thread = unsafe {
        &*timer
            .as_ptr()
            .byte_sub(offset_of!(Thread, timer))
            .cast::<Thread>()
    };
    run_queue::unpark(thread);
}
