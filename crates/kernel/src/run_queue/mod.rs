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
//! until it is off that thread's stack: the lock is handed over the switch, which opens it. Whoever
//! makes a thread runnable takes the lock of the core that it ran on last before it puts it anywhere,
//! and so waits for just that.
//!
//! # Who may touch a thread's entity
//!
//! Whoever holds the lock of the core that `thread.core` names; that is written under the lock of
//! the core that it named before. A thread that is between two queues (woken and not yet queued,
//! pulled, moving) is on none: a change then changes its entity alone, and whoever puts it on a
//! queue looks at its affinity under the lock of that queue's core.
//!
//! # No wake is late
//!
//! A thread made runnable on this core, and more urgent: `need_resched`, looked at when interrupts
//! return and when preemption comes on. On another core: the same by a software interrupt. Where
//! interrupts are masked on this core outside of a handler, neither place would be passed when they
//! are unmasked; so the core sends the software interrupt to itself, and it waits until then.

mod balance;
mod change;
mod idle;
mod look;
mod place;
mod sleep_check;
mod switch;
mod wake;

pub(crate) use balance::{on_balance_sgi, on_look};
pub(crate) use change::{on_move_sgi, set_affinity, set_priority};
pub(crate) use idle::idle_loop;
pub(crate) use look::{backtrace_of, look_at};
pub(crate) use sleep_check::may_sleep;
pub(crate) use switch::{leave_for_ever, park, preempt, preempt_on_irq_exit, yield_now};
pub(crate) use wake::{on_reschedule_sgi, on_timer, start, unpark, unpark_masked};

use crate::cpu::Core;
use crate::thread::{self, Thread};
use crate::time;
use core::sync::atomic::{AtomicU32, Ordering};
use layercake_arch_arm64 as arch;
use layercake_sched::{EntityRef, Now, RunQueue};

/// `permit`: no permit, not parked.
pub(crate) const RUNNING: u8 = 0;
/// `permit`: there is one; the next park returns at once.
pub(crate) const NOTIFIED: u8 = 1;
/// `permit`: on no run queue; whoever unparks it puts it on one.
pub(crate) const PARKED: u8 = 2;

/// A core's run queue with its raw lock held; the mask is the caller's business.
struct Locked {
    core: &'static Core,
    /// The ticket.
    held: u32,
}

impl Locked {
    /// Takes the lock. Interrupts are masked by the caller.
    #[inline(always)]
    #[track_caller]
    fn take(core: &'static Core) -> Self {
        debug_assert!(arch::irq::masked());
        // SAFETY: MASK-TOKEN: interrupts stay masked until it is released, by `drop` or by the
        // switch.
        let held = unsafe { core.run_queue.force_lock() };
        Self { core, held }
    }

    /// [`take`](Self::take) if nobody has it.
    #[inline]
    fn try_take(core: &'static Core) -> Option<Self> {
        debug_assert!(arch::irq::masked());
        // SAFETY: MASK-TOKEN: as for `take`.
        let held = unsafe { core.run_queue.try_force_lock() }?;
        Some(Self { core, held })
    }

    /// Takes the lock of the core that `thread` is on. That is its core as long as this lives:
    /// it changes only under the lock of the core that it names.
    #[track_caller]
    fn take_of(thread: &Thread) -> Self {
        loop {
            let core = thread.core();
            let locked = Self::take(core);
            if core::ptr::eq(thread.core(), core) {
                return locked;
            }
        }
    }

    #[inline(always)]
    fn queue(&mut self) -> &mut RunQueue {
        // SAFETY: LOCK-HELD: the raw lock is held as long as this lives.
        unsafe { &mut *self.core.run_queue.as_ptr() }
    }

    /// Tells the other cores how many wait on the queue.
    #[inline(always)]
    fn publish(&mut self) {
        let waiting = self.queue().runnable();
        self.core.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Keeps the lock over a context switch. How many wait has been published. Gives the store that
    /// opens the lock, and what the switch has to carry for its sake.
    #[inline(always)]
    fn hand_over(self) -> (&'static AtomicU32, u32, usize) {
        /// Where the store goes if the lock has to be opened by more than a store.
        static NOWHERE: AtomicU32 = AtomicU32::new(0);
        debug_assert_eq!(
            self.core.waiting.load(Ordering::Relaxed),
            // SAFETY: LOCK-HELD.
            unsafe { &*self.core.run_queue.as_ptr() }.runnable()
        );
        let (core, held) = (self.core, self.held);
        core::mem::forget(self);
        match core.run_queue.release_by_store(held) {
            Some((word, value)) => (word, value, 0),
            None => (&NOWHERE, 0, switch::OPENS),
        }
    }
}

impl Drop for Locked {
    #[inline(always)]
    fn drop(&mut self) {
        self.publish();
        // SAFETY: LOCK-HELD: taken by `take`.
        unsafe { self.core.run_queue.force_unlock_held(self.held) }
    }
}

/// The time, for the policy, which asks only where it needs it.
#[derive(Clone, Copy)]
struct Clock;

impl Now for Clock {
    #[inline(always)]
    fn now(self) -> u64 {
        time::rough_ticks()
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

/// Notes that the running thread of this core should make way. Interrupts are masked.
fn set_need_resched() {
    thread::current()
        .need_resched
        .store(true, Ordering::Relaxed);
}
