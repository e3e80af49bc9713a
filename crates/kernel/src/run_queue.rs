//! The scheduler's mechanism: blocking, waking, preempting and switching. Who runs next is the
//! policy's to say (`layercake-sched`); this file does it.
//!
//! # The permit
//!
//! `RUNNING -> PARKED` by the thread itself, under its core's run queue lock, when it has no permit;
//! `RUNNING -> NOTIFIED` (the sticky permit) and `PARKED -> RUNNING` by whoever unparks it. Only the
//! one that changes `PARKED` makes the thread runnable, so that happens once for each park.
//!
//! # Nobody runs on a stack in use (W10)
//!
//! A core holds the raw lock of its run queue from before a thread is marked PARKED (or put back)
//! until it is off that thread's stack: the lock is handed over the switch and released by
//! [`finish_switch`]. Whoever makes a thread runnable takes the lock of the core that it ran on
//! last before it puts it anywhere, and so waits for just that.
//!
//! # No wake is late
//!
//! A thread made runnable on this core, and more urgent: `need_resched`, looked at when interrupts
//! return and when preemption comes on. On another core: the same by a software interrupt. Where
//! interrupts are masked on this core outside of a handler, neither place would be passed when they
//! are unmasked; so the core sends the software interrupt to itself, and it waits until then.

use crate::cpu::{self, Core, Counts};
use crate::sync::TaskCx;
use crate::thread::{self, NO_CORE, Thread};
use crate::wait::Instant;
use crate::{Host, config, irq, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sched::{CoreLoad, CpuSet, Enqueue, EntityRef, Loads, Priority, PutPrev, RunQueue};
use layercake_sched::{least_loaded, place_on_wake, pull_from};
use layercake_sync::check::{self, WhyNot};

/// `permit`: no permit, not parked.
pub(crate) const RUNNING: u8 = 0;
/// `permit`: there is one; the next park returns at once.
pub(crate) const NOTIFIED: u8 = 1;
/// `permit`: on no run queue; whoever unparks it puts it on one.
pub(crate) const PARKED: u8 = 2;

/// Why a core looks for another thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Preempted,
    Yielded,
    Park,
    Exit,
}

/// A core's run queue with its raw lock held; the mask is the caller's business.
struct Locked {
    core: &'static Core,
}

impl Locked {
    /// Takes the lock. Interrupts are masked by the caller.
    #[inline(always)]
    #[track_caller]
    fn take(core: &'static Core) -> Self {
        debug_assert!(arch::irq::masked());
        // SAFETY: MASK-TOKEN: interrupts stay masked until it is released, by `drop` or by
        // `finish_switch` after a switch.
        unsafe { core.run_queue.force_lock() };
        Self { core }
    }

    #[inline(always)]
    fn queue(&mut self) -> &mut RunQueue {
        // SAFETY: LOCK-HELD: the raw lock is held as long as this lives.
        unsafe { &mut *self.core.run_queue.as_ptr() }
    }

    /// Keeps the lock over a context switch: [`finish_switch`] releases it.
    #[inline(always)]
    fn hand_over(self) {
        core::mem::forget(self);
    }
}

impl Drop for Locked {
    #[inline(always)]
    fn drop(&mut self) {
        let waiting = self.queue().runnable();
        self.core.waiting.store(waiting, Ordering::Relaxed);
        // SAFETY: LOCK-HELD: taken by `take`, or by the thread that this core switched from.
        unsafe { self.core.run_queue.force_unlock() }
    }
}

/// The handle of a thread for the policy.
#[inline(always)]
fn entity(thread: &'static Thread) -> EntityRef {
    // SAFETY: ENT-LIVE: threads are never freed or moved. ENT-LOCK: this file touches entities
    // under the lock of the run queue of `thread.core` only.
    unsafe { EntityRef::from_raw(thread.entity.get()) }
}

/// The thread that an entity is embedded in.
#[inline(always)]
fn thread_of(entity: &EntityRef) -> &'static Thread {
    // SAFETY: THREAD-STABLE: every entity here is the first field of a thread that is never freed.
    unsafe { &*entity.as_ptr().cast::<Thread>() }
}

const _: () = assert!(core::mem::offset_of!(Thread, entity) == 0);

/// Gives this core to whoever should have it. Interrupts are masked. Returns when the calling
/// thread runs again, perhaps on another core; at once if it may go on.
///
/// Inlined into each of its few callers, which leaves in each only what its reason needs.
#[inline(always)]
fn reschedule(why: Why) {
    let core = cpu::this();
    let prev = thread::current();
    let mut locked = Locked::take(core);
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
    prev.need_resched.store(false, Ordering::Relaxed);
    let now = time::now_ns();
    let queue = locked.queue();
    let from_idle = core::ptr::eq(prev, &core.idle);
    let picked = match why {
        Why::Yielded => match queue.yield_current(now) {
            None => return,
            next => next,
        },
        Why::Preempted => {
            if !from_idle {
                queue.put_prev(now, PutPrev::Preempted);
            }
            queue.pick_next(now)
        }
        Why::Park | Why::Exit => {
            queue.block_current(now);
            queue.pick_next(now)
        }
    };
    let next = picked.as_ref().map_or(&core.idle, thread_of);
    let to_idle = picked.is_none();
    if let Some(event) = queue.next_event() {
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
    core.current
        .store((&raw const *next).cast_mut(), Ordering::Relaxed);
    locked.hand_over();
    // SAFETY: SWITCH, CURRENT: `next` is off its stack (it was on a run queue, see the head of this
    // file, or is this core's idle thread), interrupts are masked, and `prev` is kept for ever.
    let came_from = unsafe {
        arch::core_block::set_current((&raw const *next).cast());
        arch::switch::switch(
            prev.saved_sp.as_ptr(),
            next.saved_sp.get(),
            prev as *const _ as usize,
        )
    };
    // SAFETY: SWITCH: what `switch` carried.
    unsafe { finish_switch(came_from) }
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

/// The first thing after a switch: lets go of the run queue, and of the thread that was left.
///
/// # Safety
///
/// Invariant **SWITCH**: called once after each switch, with interrupts masked and with what
/// `switch` returned.
#[inline]
pub(crate) unsafe fn finish_switch(came_from: usize) {
    // SAFETY: THREAD-STABLE, SWITCH: the address of the thread that was left.
    let prev = unsafe { &*(came_from as *const Thread) };
    // Asked under the lock: once it is open, the thread may run, and end, on another core.
    let ended = prev.is_exiting();
    // The lock that the thread that was left took, on this core.
    drop(Locked { core: cpu::this() });
    if ended {
        thread::after_end_of(prev);
    }
}

/// Gives this core to whoever is more urgent, or whose turn it is. Interrupts are masked.
#[inline(never)]
fn make_way() {
    reschedule(Why::Preempted);
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
pub(crate) fn park(_cx: &mut TaskCx, deadline: Option<Instant>) {
    let current = thread::current();
    check_may_sleep(current);
    if current.permit.load(Ordering::Relaxed) == NOTIFIED {
        current.permit.swap(RUNNING, Ordering::Acquire);
        return;
    }
    if deadline.is_some_and(|deadline| !time::arm_park(current, deadline)) {
        return;
    }
    let state = arch::irq::save();
    reschedule(Why::Park);
    // SAFETY: IRQ-NEST: `state` is from above.
    unsafe { arch::irq::restore(state) };
    if deadline.is_some() {
        time::disarm_park(current);
    }
}

/// Whether the calling thread may sleep, as far as this kernel counts it. In every build; where the
/// locks are noted down, too (`layercake_sync::check`), they are asked first.
#[inline]
pub(crate) fn may_sleep() -> Result<(), WhyNot> {
    let current = thread::current();
    let count = current.preempt_count.load(Ordering::Relaxed);
    if arch::irq::masked() {
        let in_handler = cpu::this().irq_depth.get() > 0;
        return Err(if in_handler {
            WhyNot::InHandler
        } else {
            WhyNot::IrqsMasked
        });
    }
    if count != 0 {
        return Err(WhyNot::PreemptOff(count));
    }
    Ok(())
}

/// Stops what came in through `unsafe`: sleeping where nobody may.
#[inline]
#[track_caller]
fn check_may_sleep(current: &Thread) {
    let checked = if check::ON {
        check::may_sleep::<Host>()
    } else {
        may_sleep()
    };
    if let Err(why) = checked {
        refuse_sleep(current, why);
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse_sleep(current: &Thread, why: WhyNot) -> ! {
    panic!(
        "thread {} \"{}\" was about to sleep, but {why}",
        current.id(),
        current.name()
    );
}

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
        // Nobody else counts: only who has changed PARKED comes here, once for each park.
        Counts::add(&thread.wakes);
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

/// Notes that the running thread of this core should make way. Interrupts are masked.
fn set_need_resched() {
    thread::current()
        .need_resched
        .store(true, Ordering::Relaxed);
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
struct Spare;

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

/// The core for a thread that becomes runnable: the one it ran on if that is idle, else another
/// idle one, else as the policy says.
#[inline]
fn place(thread: &'static Thread, home: usize, how: Enqueue) -> usize {
    let allowed = thread.allowed();
    let idle = u64::from(cpu::IDLE.load(Ordering::Relaxed)) & allowed.bits();
    if idle & (1 << home) != 0 {
        home
    } else if idle != 0 {
        idle.trailing_zeros() as usize
    } else if allowed.bits() == 1 << home {
        home
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
    placed.unwrap_or(home)
}

/// What an idle core does, for ever: takes a thread from a core that has too many, or sleeps
/// until an interrupt.
pub(crate) fn idle_loop() -> ! {
    let core = cpu::this();
    core.idle_since.store(time::now_ns(), Ordering::Relaxed);
    cpu::IDLE.fetch_or(1 << core.id(), Ordering::Relaxed);
    loop {
        arch::irq::mask();
        if thread::current().need_resched.load(Ordering::Relaxed) || pull(core) {
            make_way();
        } else {
            arch::wait::for_interrupt();
        }
        // SAFETY: IRQ-NEST: the idle loop holds nothing; it begins and ends with them on.
        unsafe { arch::irq::unmask() };
    }
}

/// Moves one thread that waits on a busy core to `core`, this one, which idles. Interrupts are
/// masked.
fn pull(core: &'static Core) -> bool {
    let online = CpuSet::from_bits(u64::from(cpu::online_mask()));
    let Some(from) = pull_from(online, core.id(), &Spare) else {
        return false;
    };
    let now = time::now_ns();
    let pulled = Locked::take(cpu::core(from))
        .queue()
        .pull(CpuSet::one(core.id()), now);
    let Some(pulled) = pulled else {
        return false;
    };
    thread_of(&pulled).core.store(core.id(), Ordering::Relaxed);
    Locked::take(core)
        .queue()
        .enqueue(pulled, now, Enqueue::Migrate);
    true
}

/// What the policy knows of a thread, for a report.
pub(crate) struct Seen {
    pub priority: Priority,
    pub run_time: u64,
    pub switches: u64,
}

/// How long a core has idled. Its run queue is locked by the caller.
fn idle_time(core: &Core, now: u64) -> u64 {
    let mut time = core.idle_time.load(Ordering::Relaxed);
    if cpu::IDLE.load(Ordering::Relaxed) & (1 << core.id()) != 0 {
        time += now.saturating_sub(core.idle_since.load(Ordering::Relaxed));
    }
    time
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

const _: () = assert!(config::CORES <= cpu::MAX && NO_CORE > cpu::MAX);
