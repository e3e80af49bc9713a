//! Waiting with an eye on the clock, in builds with `order`: a hold that is too long is reported
//! while it goes on, by one who waits for its end, for it may have none.
//!
//! The lock words wait by the functions of their [`Cpu`]. So here is a `Cpu` that looks at the
//! clock between two looks at the word, and is the host's in all else. Which lock the core waits
//! for it finds in the core's list of what it holds.

use super::Watch;
use crate::check::{Held, WhyNot};
use crate::class::{self, Id};
use crate::cpu::Cpu;
use crate::facade::AtomicU32;
use crate::order::{self, Report};
use crate::ticket::TicketLock;
use core::marker::PhantomData;
use core::panic::Location;
use core::ptr;
use core::sync::atomic::Ordering::Acquire;

/// A wait of this core, on the stack of whoever waits.
pub(crate) struct Wait {
    watch: *const Watch,
    class: Id,
    wanted_at: &'static Location<'static>,
}

/// Runs `acquire`, which waits by [`Waiting`] for the lock of `watch`.
pub(super) fn waiting<C: Cpu, R>(
    watch: &Watch,
    class: Id,
    wanted_at: &'static Location<'static>,
    acquire: impl FnOnce() -> R,
) -> R {
    /// Puts back the wait that this one came over, as that of a handler does.
    struct End<C: Cpu>(*const Wait, PhantomData<C>);
    impl<C: Cpu> Drop for End<C> {
        fn drop(&mut self) {
            C::with_held(|held| held.set_wait(self.0));
        }
    }
    if !order::ON {
        return acquire();
    }
    let wait = Wait {
        watch,
        class,
        wanted_at,
    };
    let before = C::with_held(|held| held.set_wait(&wait)).unwrap_or(ptr::null());
    let _end = End::<C>(before, PhantomData);
    acquire()
}

/// The core of a host, whose waits are watched.
pub(crate) struct Waiting<C>(PhantomData<C>);

impl<C: Cpu> Waiting<C> {
    const WATCHES: bool = order::ON && C::HOLD_LIMIT != u64::MAX;
}

/// Reports the hold that this core waits for the end of, if it is too long.
fn look<C: Cpu>() {
    let wait = C::with_held(Held::wait).unwrap_or(ptr::null());
    // SAFETY: WAIT-PLACE: null, or the wait that this is a part of; it borrows its lock.
    let Some((wait, watch)) = (unsafe { wait.as_ref().map(|wait| (wait, &*wait.watch)) }) else {
        return;
    };
    let Some(hold) = watch.hold.too_long::<C>() else {
        return;
    };
    // The lock word may have led others to this stack.
    let unwinding = NoUnwinding;
    C::lock_report(&Report::StillHeld {
        class: class::get(wait.class),
        taken_at: hold.taken_at,
        core: hold.core,
        wanted_at: wait.wanted_at,
        ns: hold.ns as u64,
    });
    core::mem::forget(unwinding);
}

/// Ends the program if a report unwinds.
struct NoUnwinding;

impl Drop for NoUnwinding {
    fn drop(&mut self) {
        panic!("a report of a lock that is waited for must not unwind");
    }
}

// SAFETY: CPU-MASK: the four functions are the host's.
unsafe impl<C: Cpu> Cpu for Waiting<C> {
    type IrqState = C::IrqState;

    fn irq_save() -> C::IrqState {
        C::irq_save()
    }

    unsafe fn irq_restore(state: C::IrqState) {
        // SAFETY: CPU-MASK, by the caller's promise.
        unsafe { C::irq_restore(state) }
    }

    fn preempt_disable() {
        C::preempt_disable();
    }

    unsafe fn preempt_enable() {
        // SAFETY: CPU-MASK, by the caller's promise.
        unsafe { C::preempt_enable() }
    }

    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        if !Self::WATCHES {
            return C::wait_while_eq(word, value);
        }
        loop {
            let now = word.load(Acquire);
            if now != value {
                return now;
            }
            look::<C>();
            C::pause();
        }
    }

    #[inline(always)]
    fn wait_until_eq(word: &AtomicU32, value: u32) {
        if !Self::WATCHES {
            return C::wait_until_eq(word, value);
        }
        let mut now = word.load(Acquire);
        while now != value {
            now = Self::wait_while_eq(word, now);
        }
    }

    #[inline(always)]
    fn take_ticket(lock: &TicketLock) -> u32 {
        if !Self::WATCHES {
            return C::take_ticket(lock);
        }
        let mine = lock.draw();
        Self::wait_until_eq(lock.serving(), mine);
        mine
    }

    fn pause() {
        C::pause();
    }

    fn with_held<R>(f: impl FnOnce(&Held) -> R) -> Option<R> {
        C::with_held(f)
    }

    fn may_sleep() -> Result<(), WhyNot> {
        C::may_sleep()
    }

    fn timestamp() -> u64 {
        C::timestamp()
    }

    fn irqs_masked() -> Option<bool> {
        C::irqs_masked()
    }

    fn core_number() -> Option<usize> {
        C::core_number()
    }

    const HOLD_LIMIT: u64 = C::HOLD_LIMIT;

    fn lock_report(report: &Report<'_>) {
        C::lock_report(report);
    }
}
