//! What stands on the queue, on std threads: what each operation promises, one scenario each.
#![cfg(not(loom))]

mod barrier;
mod cancelling;
mod channel;
mod closing;
mod condvar;
mod futures;
mod interval;
mod parking;
#[path = "../support/patience.rs"]
mod patience;
mod permits;
mod rwlock;

use layercake_sync::host::{StdCpu, interrupt};
use layercake_sync::{IrqOff, SpinLock};
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{
    CancelToken, Cancelled, Completion, Condvar, Host, Instant, Mutex, Semaphore, TimedOut,
    WaitChannel, WaitQueue, wait_any,
};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

fn soon() -> Instant {
    StdHost::now() + Duration::from_millis(3)
}

#[test]
fn a_completion_ends_one_wait_each() {
    let done = Completion::<StdHost>::new("done");
    assert!(!done.try_wait());
    done.complete();
    done.complete();
    enter(|cx| {
        done.wait(cx);
        done.wait(cx);
        assert_eq!(done.wait_deadline(cx, soon()), Err(TimedOut));
    });
}

#[test]
fn a_completion_for_all_stays_until_reset() {
    let done = Completion::<StdHost>::new("done");
    done.complete_all();
    done.complete();
    assert!(done.try_wait() && done.try_wait() && done.is_done());
    done.reset();
    assert!(!done.is_done());
}

#[test]
fn permits_are_counted() {
    let permits = Semaphore::<StdHost>::new("permits", 2);
    enter(|cx| {
        permits.acquire(cx);
        permits.acquire(cx);
        assert!(!permits.try_acquire());
        assert_eq!(permits.acquire_deadline(cx, soon()), Err(TimedOut));
        // From an interrupt handler, too.
        interrupt(|_| permits.release_many(3));
        permits.acquire(cx);
    });
    assert_eq!(permits.permits(), 2);
}

#[test]
fn a_mutex_excludes() {
    let (threads, rounds) = if cfg!(miri) { (3, 5) } else { (4, 5_000) };
    let total = Arc::new(Mutex::<u64, StdHost>::new("total", 0));
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let total = total.clone();
            spawn(move |cx| {
                for _ in 0..rounds {
                    let mut total = total.lock(cx);
                    let before = *total;
                    if before.is_multiple_of(8) {
                        std::thread::yield_now();
                    }
                    *total = before + 1;
                }
                rounds
            })
        })
        .collect();
    let sum: u64 = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert!(!total.is_locked());
    assert_eq!(Arc::into_inner(total).unwrap().into_inner(), sum);
}

#[test]
fn a_held_mutex_is_not_to_be_had() {
    let mutex = Mutex::<(), StdHost>::new("m", ());
    enter(|cx| {
        let guard = mutex.lock(cx);
        assert!(mutex.try_lock(&mut *cx).is_none());
        assert!(mutex.lock_deadline(cx, soon()).is_err());
        drop(guard);
        assert!(mutex.lock_deadline(cx, soon()).is_ok());
        assert!(mutex.try_lock(cx).is_some());
    });
}

#[test]
fn a_condvar_times_out_with_the_mutex_held() {
    let (mutex, changed) = (Mutex::<u32, StdHost>::new("m", 1), Condvar::new("changed"));
    assert!(!changed.signal());
    enter(|cx| {
        let guard = mutex.lock(cx);
        let (guard, signalled) = changed.wait_deadline(cx, soon(), guard);
        assert_eq!((*guard, signalled), (1, Err(TimedOut)));
        assert!(mutex.is_locked());
    });
    assert_eq!(changed.broadcast(), 0);
}

#[test]
fn a_broadcast_reaches_all() {
    let it = Arc::new((
        Mutex::<bool, StdHost>::new("m", false),
        Condvar::new("changed"),
    ));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| {
                let mut open = it.0.lock(cx);
                while !*open {
                    open = it.1.wait(cx, open);
                }
            })
        })
        .collect();
    enter(|cx| *it.0.lock(cx) = true);
    it.1.broadcast();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn a_channel_is_fed_from_an_interrupt() {
    let bytes: SpinLock<Vec<u8>, IrqOff<StdCpu>> = SpinLock::new(Vec::new());
    let it = Arc::new((bytes, WaitChannel::<StdHost>::new("bytes")));
    let reader = spawn({
        let it = it.clone();
        move |cx| {
            (0..3)
                .map(|_| it.1.sleep_until(cx, &it.0, Vec::pop))
                .sum::<u8>()
        }
    });
    for byte in [1, 2, 3] {
        interrupt(|irq| it.0.lock(irq).push(byte));
        it.1.wake_one();
    }
    assert_eq!(reader.join().unwrap(), 6);
}

#[test]
fn wait_any_times_out() {
    let queues = [const { WaitQueue::<StdHost>::new("q") }; 3];
    enter(|cx| {
        let found = wait_any(cx, queues.each_ref(), Some(soon()), |_| None::<()>);
        assert_eq!(found, Err(TimedOut));
        assert_eq!(wait_any(cx, queues.each_ref(), None, |_| Some(1)), Ok(1));
    });
    assert_eq!(queues.each_ref().map(WaitQueue::waiters), [0; 3]);
}

#[test]
fn a_cancelled_token_ends_waits_to_come() {
    let (queue, token) = (WaitQueue::<StdHost>::new("q"), CancelToken::new("stop"));
    token.cancel();
    assert!(token.is_cancelled());
    enter(|cx| {
        let gone = queue.wait_until_cancelled(cx, &token, |_| None::<()>);
        assert_eq!(gone, Err(Cancelled));
        let there = queue.wait_until_cancelled(cx, &token, |_| Some(()));
        assert_eq!(there, Ok(()), "the condition wins");
    });
}

/// W12: a right to sleep that `unsafe` code made, with a spinlock held, is found out.
#[test]
fn w12_sleeping_with_a_spinlock_held_is_reported() {
    let lock: SpinLock<(), IrqOff<StdCpu>> = SpinLock::new(());
    let queue = WaitQueue::<StdHost>::new("q");
    let slept = std::panic::catch_unwind(AssertUnwindSafe(|| {
        enter(|cx| {
            let _guard = lock.lock(cx);
            // SAFETY: it is *not* what CX-TASK asks for; the test expects a panic.
            let mut forged = unsafe { layercake_sync::TaskCx::new() };
            queue.wait_once(&mut forged);
        })
    }));
    let report = slept.unwrap_err().downcast::<String>().unwrap();
    assert!(report.contains("sleep"), "{report}");
    assert!(
        report.contains(file!()),
        "where the lock was taken: {report}"
    );
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn a_condvar_waits_under_a_spinlock() {
    let bytes: SpinLock<Vec<u8>, IrqOff<StdCpu>> = SpinLock::new(Vec::new());
    let it = Arc::new((bytes, Condvar::<StdHost>::new("bytes")));
    enter(|cx| {
        let some = |bytes: &mut Vec<u8>| !bytes.is_empty();
        let (guard, timed_out) = it.1.wait_spin_deadline(cx, &it.0, soon(), some);
        assert_eq!((guard.len(), timed_out), (0, Err(TimedOut)));
        drop(guard);
        let device = std::thread::spawn({
            let it = it.clone();
            move || {
                for byte in [1, 2, 3] {
                    interrupt(|irq| it.0.lock(irq).push(byte));
                    it.1.signal();
                }
            }
        });
        let mut sum = 0;
        while sum < 6 {
            let mut bytes = it.1.wait_spin(cx, &it.0, some);
            // The lock is held: what the condition said still holds.
            sum += bytes.pop().unwrap();
        }
        device.join().unwrap();
        it.0.lock(&mut *cx).push(4);
        let (guard, found) = it.1.wait_spin_deadline(cx, &it.0, Instant::ZERO, some);
        assert_eq!((guard.len(), found), (1, Ok(())), "the condition wins");
    });
}

#[test]
fn a_condvar_waits_until_the_data_is_right() {
    let it = Arc::new((Mutex::<u32, StdHost>::new("m", 0), Condvar::new("changed")));
    let other = spawn({
        let it = it.clone();
        move |cx| {
            for _ in 0..3 {
                *it.0.lock(cx) += 1;
                it.1.signal();
            }
        }
    });
    enter(|cx| {
        let guard = it.0.lock(cx);
        let guard = it.1.wait_until(cx, guard, |n| *n == 3);
        assert_eq!(*guard, 3);
    });
    other.join().unwrap();
}
