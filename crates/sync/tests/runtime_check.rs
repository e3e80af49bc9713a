//! W12 at run time: code that came through `unsafe`, or forgot a guard, is caught where it
//! sleeps, and both places are named. Recursion is reported instead of hanging.
#![cfg(not(loom))]

use layercake_sync::check::{self, WhyNot, assert_may_sleep, may_sleep};
use layercake_sync::host::{StdCpu, interrupt, task};
use layercake_sync::{Atomic, IrqOff, PreemptOff, SpinLock, TaskAtomic, irq_off, preempt_off};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Lock = SpinLock<u32, PreemptOff<StdCpu>>;
type IrqLock = SpinLock<u32, IrqOff<StdCpu>>;

/// The message of the panic that `f` ends with.
fn report(f: impl FnOnce()) -> String {
    let end = catch_unwind(AssertUnwindSafe(f)).expect_err("nothing was reported");
    *end.downcast::<String>().expect("a formatted message")
}

const _: () = assert!(
    check::ON,
    "test with debug assertions or the feature `check`"
);

#[test]
fn a_forgotten_guard_is_found_where_the_thread_sleeps() {
    let lock = Lock::new(0);
    task(|cx| {
        assert_eq!(may_sleep::<StdCpu>(), Ok(()));
        let taken = line!() + 1;
        std::mem::forget(lock.lock(cx));
        let sleeps = line!() + 1;
        let message = report(|| assert_may_sleep::<StdCpu>());
        for place in [taken, sleeps] {
            assert!(
                message.contains(&format!("runtime_check.rs:{place}:")),
                "{message}"
            );
        }
    });
}

#[test]
fn an_assumed_token_is_found_out() {
    let lock = IrqLock::new(0);
    task(|_cx| {
        // The lie: this thread does sleep. SAFETY: it is what the test is about; nothing breaks.
        let guard = lock.lock(unsafe { Atomic::assume() });
        assert!(matches!(may_sleep::<StdCpu>(), Err(WhyNot::LockHeld(_))));
        drop(guard);
        assert_eq!(may_sleep::<StdCpu>(), Ok(()));
    });
}

#[test]
fn masks_and_handlers_are_reasons_too() {
    task(|cx| {
        irq_off::<StdCpu, _>(&mut *cx, |_| {
            assert_eq!(may_sleep::<StdCpu>(), Err(WhyNot::IrqsMasked));
        });
        preempt_off::<StdCpu, _>(cx, |_, _| {
            assert_eq!(may_sleep::<StdCpu>(), Err(WhyNot::PreemptOff(1)));
        });
        interrupt(|_| assert_eq!(may_sleep::<StdCpu>(), Err(WhyNot::InHandler)));
    });
}

#[test]
fn a_lock_taken_twice_names_both_places() {
    let lock = Lock::new(0);
    task(|cx| {
        let taken = line!() + 1;
        let _guard = lock.lock(cx);
        let again = line!() + 2;
        // The lie: a second token. SAFETY: it is what the test is about; nothing breaks.
        let message = report(|| drop(lock.lock(unsafe { TaskAtomic::assume() })));
        for place in [taken, again] {
            assert!(
                message.contains(&format!("runtime_check.rs:{place}:")),
                "{message}"
            );
        }
    });
}

#[test]
fn a_forced_unlock_is_seen() {
    let lock = Lock::new(0);
    task(|cx| {
        std::mem::forget(lock.lock(cx));
        // SAFETY: LOCK-HELD: the guard was forgotten above.
        unsafe { lock.force_unlock() };
        assert_eq!(may_sleep::<StdCpu>(), Err(WhyNot::PreemptOff(1)));
    });
}

/// Whichever goes first, none is left in the end.
#[test]
fn nothing_is_left_of_locks_given_back_in_any_turn() {
    let locks = [const { Lock::new(0) }; 3];
    task(|_| {
        // SAFETY: CX-ATOMIC: only locks are taken by it, and nothing here sleeps.
        let token = || unsafe { TaskAtomic::assume() };
        for turns in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut guards = [const { None }; 3];
            for (lock, guard) in locks.iter().zip(&mut guards) {
                *guard = Some(lock.lock(token()));
            }
            for turn in turns {
                let held = may_sleep::<StdCpu>();
                assert!(matches!(held, Err(WhyNot::LockHeld(_))), "{held:?}");
                guards[turn] = None;
            }
            assert_eq!(may_sleep::<StdCpu>(), Ok(()), "{turns:?}");
        }
    });
}
