//! Condition variables, wait channels and completions, with signals from handlers and deadlines.

use super::at_interrupts;
use layercake_sync::{IrqOff, SpinLock};
use layercake_wait::host::seeded::{SeededCpu, SeededHost, explore, spawn};
use layercake_wait::{Completion, Condvar, Host, Mutex, WaitChannel};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Values under a mutex: two who wait for one, one of them in a hurry; two who bring one each.
#[test]
fn a_condvar_under_a_mutex_loses_nothing() {
    explore(20_000, |cx| {
        let it = Rc::new((
            Mutex::<u32, SeededHost>::new("values", 0),
            Condvar::<SeededHost>::new("more"),
        ));
        let givers = [(); 2].map(|()| {
            let it = it.clone();
            spawn(move |cx| {
                *it.0.lock(cx) += 1;
                it.1.signal();
            })
        });
        let patient = spawn({
            let it = it.clone();
            move |cx| {
                let values = it.0.lock(cx);
                *it.1.wait_until(cx, values, |values| *values > 0) -= 1;
            }
        });
        let hasty = spawn({
            let it = it.clone();
            move |cx| {
                let soon = SeededHost::now() + Duration::from_nanos(10);
                let mut values = it.0.lock(cx);
                let mut in_time = Ok(());
                while *values == 0 && in_time.is_ok() {
                    (values, in_time) = it.1.wait_deadline(cx, soon, values);
                }
                let took = *values > 0;
                *values -= u32::from(took);
                u32::from(took)
            }
        });
        givers.into_iter().for_each(|giver| giver.join(cx));
        patient.join(cx);
        let taken = 1 + hasty.join(cx);
        assert_eq!(taken + *it.0.lock(cx), 2);
    });
}

/// The same under a spinlock, with handlers that bring the values; a broadcast for each.
#[test]
fn a_condvar_under_a_spinlock_loses_nothing() {
    explore(20_000, |cx| {
        let values: SpinLock<u32, IrqOff<SeededCpu>> = SpinLock::new(0);
        let it = Rc::new((values, Condvar::<SeededHost>::new("more")));
        let patient = [(); 2].map(|()| {
            let it = it.clone();
            spawn(move |cx| *it.1.wait_spin(cx, &it.0, |values| *values > 0) -= 1)
        });
        let hasty = spawn({
            let it = it.clone();
            move |cx| {
                let soon = SeededHost::now() + Duration::from_nanos(10);
                let more = |values: &mut u32| *values > 0;
                let (mut values, in_time) = it.1.wait_spin_deadline(cx, &it.0, soon, more);
                assert_eq!(in_time.is_ok(), *values > 0);
                *values -= u32::from(in_time.is_ok());
                u32::from(in_time.is_ok())
            }
        });
        let taken = Rc::new(Cell::new(0));
        at_interrupts(cx, 3, {
            let it = it.clone();
            move |_| {
                // SAFETY: CX-ATOMIC: nothing in here sleeps.
                *it.0.lock(unsafe { layercake_sync::Atomic::assume() }) += 1;
                it.1.broadcast();
            }
        });
        patient.into_iter().for_each(|thread| thread.join(cx));
        taken.set(2 + hasty.join(cx));
        let left = *it.0.lock(cx);
        assert_eq!(taken.get() + left, 3);
    });
}

/// The wait channel: three who sleep until they have one, three values from handlers, one wake
/// each.
#[test]
fn a_wait_channel_loses_nothing() {
    explore(20_000, |cx| {
        let values: SpinLock<u32, IrqOff<SeededCpu>> = SpinLock::new(0);
        let it = Rc::new((values, WaitChannel::<SeededHost>::new("values")));
        let sleepers = [(); 3].map(|()| {
            let it = it.clone();
            spawn(move |cx| {
                it.1.sleep_until(cx, &it.0, |values| {
                    *values = values.checked_sub(1)?;
                    Some(())
                });
            })
        });
        at_interrupts(cx, 3, {
            let it = it.clone();
            move |_| {
                // SAFETY: CX-ATOMIC: nothing in here sleeps.
                *it.0.lock(unsafe { layercake_sync::Atomic::assume() }) += 1;
                it.1.wake_one();
            }
        });
        sleepers.into_iter().for_each(|thread| thread.join(cx));
        assert_eq!(*it.0.lock(cx), 0);
    });
}

/// Three completions from handlers, two who wait and one who does so for a while.
#[test]
fn completions_are_conserved() {
    explore(20_000, |cx| {
        let done = Rc::new(Completion::<SeededHost>::new("done"));
        let patient = [(); 2].map(|()| {
            let done = done.clone();
            spawn(move |cx| done.wait(cx))
        });
        let hasty = spawn({
            let done = done.clone();
            move |cx| {
                let soon = SeededHost::now() + Duration::from_nanos(10);
                done.wait_deadline(cx, soon).is_ok()
            }
        });
        at_interrupts(cx, 3, {
            let done = done.clone();
            move |_| done.complete()
        });
        patient.into_iter().for_each(|thread| thread.join(cx));
        assert_eq!(
            hasty.join(cx),
            !done.try_wait(),
            "one of both has the third"
        );
        assert!(!done.is_done());
    });
}
