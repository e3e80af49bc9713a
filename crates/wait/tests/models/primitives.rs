//! What stands on the queue: each at two waiters with bound 3 and three with bound 2.

use crate::explore;
use crate::support::Shared;
use layercake_sync::{IrqOff, SpinLock};
use layercake_wait::host::loom::LoomCpu;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{
    CancelToken, Completion, Condvar, Instant, Mutex, Semaphore, WaitChannel, WaitQueue, wait_any,
};
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Release};
use std::rc::Rc;
use std::sync::Arc;

/// `threads` threads, the model's own among them, do `each`.
fn together<T: 'static>(
    threads: usize,
    it: T,
    each: impl Fn(&T, &mut layercake_sync::TaskCx) + Copy + 'static,
) -> Arc<T> {
    let it = Arc::new(it);
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| each(&it, cx))
        })
        .collect();
    enter(|cx| each(&it, cx));
    others.into_iter().for_each(|t| t.join().unwrap());
    it
}

/// Mutual exclusion, and nobody sleeps for ever: the data is loom's cell, which tells.
fn mutex(threads: usize) {
    let it = together(threads, Mutex::<u32, LoomHost>::new("m", 0), |it, cx| {
        *it.lock(cx) += 1;
    });
    assert_eq!(enter(|cx| *it.lock(cx)), threads as u32);
}

#[test]
fn mutex_excludes_2() {
    explore(3, || mutex(2));
}

#[test]
fn mutex_excludes_3() {
    explore(2, || mutex(3));
}

/// One permit as a mutex.
fn semaphore(threads: usize) {
    let it = (
        Semaphore::<LoomHost>::new("s", 1),
        loom::cell::UnsafeCell::new(0),
    );
    let it = together(threads, it, |(permits, cell), cx| {
        permits.acquire(cx);
        // SAFETY: the permit is the only one; loom checks that it excludes.
        cell.with_mut(|n| unsafe { *n += 1 });
        permits.release();
    });
    assert_eq!(it.0.permits(), 1);
}

#[test]
fn semaphore_excludes_2() {
    explore(3, || semaphore(2));
}

#[test]
fn semaphore_excludes_3() {
    explore(2, || semaphore(3));
}

/// A batch of permits reaches as many waiters.
#[test]
fn semaphore_batch() {
    explore(2, || {
        let it = Arc::new(Semaphore::<LoomHost>::new("s", 0));
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let it = it.clone();
                spawn(move |cx| it.acquire(cx))
            })
            .collect();
        it.release_many(2);
        takers.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(it.permits(), 0);
    });
}

/// A deadline that comes with the release: the permit is taken or still there.
#[test]
fn semaphore_deadline() {
    explore(3, || {
        let it = Arc::new(Semaphore::<LoomHost>::new("s", 0));
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let giver = loom::thread::spawn({
            let it = it.clone();
            move || it.release()
        });
        let taken = enter(|cx| it.acquire_deadline(cx, deadline)).is_ok();
        clock.join().unwrap();
        giver.join().unwrap();
        assert_eq!(it.permits(), u32::from(!taken));
    });
}

/// One completion for each waiter; what came before is seen after.
fn completion(waiters: usize) {
    let done = Arc::new(Completion::<LoomHost>::new("c"));
    let cell = Rc::new(loom::cell::UnsafeCell::new(0));
    let threads: Vec<_> = (0..waiters)
        .map(|_| {
            let (done, cell) = (done.clone(), cell.clone());
            spawn(move |cx| {
                done.wait(cx);
                // SAFETY: nobody writes any more; loom checks it.
                cell.with(|n| assert_eq!(unsafe { *n }, 7));
            })
        })
        .collect();
    // SAFETY: nobody reads yet; loom checks it.
    cell.with_mut(|n| unsafe { *n = 7 });
    (0..waiters).for_each(|_| done.complete());
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert!(!done.is_done());
}

#[test]
fn completion_one_each_2() {
    explore(2, || completion(2));
}

#[test]
fn completion_all_2() {
    explore(3, || completion_all(2));
}

#[test]
fn completion_all_3() {
    explore(2, || completion_all(3));
}

fn completion_all(waiters: usize) {
    let done = Arc::new(Completion::<LoomHost>::new("c"));
    let threads: Vec<_> = (0..waiters)
        .map(|_| {
            let done = done.clone();
            spawn(move |cx| done.wait(cx))
        })
        .collect();
    done.complete_all();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert!(done.is_done());
}

/// The lecture's first solution: release and block are one step for whoever uses the lock.
#[test]
fn condvar_does_not_lose() {
    explore(3, || {
        let it = Arc::new((
            Mutex::<bool, LoomHost>::new("x", false),
            Condvar::new("x changed"),
        ));
        let other = spawn({
            let it = it.clone();
            move |cx| {
                *it.0.lock(cx) = true;
                it.1.signal();
            }
        });
        enter(|cx| {
            let mut x = it.0.lock(cx);
            while !*x {
                x = it.1.wait(cx, x);
            }
        });
        other.join().unwrap();
    });
}

/// A signal that comes with the deadline is either reported or found the channel empty.
#[test]
fn condvar_deadline() {
    explore(2, || {
        let it = Arc::new((
            Mutex::<(), LoomHost>::new("x", ()),
            Condvar::new("x changed"),
        ));
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let other = loom::thread::spawn({
            let it = it.clone();
            move || it.1.signal()
        });
        let signalled = enter(|cx| {
            let guard = it.0.lock(cx);
            let (_guard, signalled) = it.1.wait_deadline(cx, deadline, guard);
            signalled.is_ok()
        });
        clock.join().unwrap();
        assert_eq!(other.join().unwrap(), signalled);
    });
}

/// The wait channel: as many sleepers as items, a wake for each item.
fn channel(sleepers: usize) {
    let items: SpinLock<u32, IrqOff<LoomCpu>> = SpinLock::new(0);
    let it = Arc::new((items, WaitChannel::<LoomHost>::new("items")));
    let threads: Vec<_> = (0..sleepers)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| {
                it.1.sleep_until(cx, &it.0, |items| {
                    *items = items.checked_sub(1)?;
                    Some(())
                });
            })
        })
        .collect();
    enter(|cx| {
        *it.0.lock(cx) = sleepers as u32;
    });
    it.1.wake_all();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn wait_channel_does_not_lose_2() {
    explore(3, || channel(2));
}

#[test]
fn wait_channel_does_not_lose_3() {
    explore(2, || channel(3));
}

/// wait_any: one item comes on each of two queues. It takes one; a wake-one of the other queue
/// that reached it as well goes on to the waiter there.
#[test]
fn wait_any_hands_on_what_it_did_not_use() {
    explore(2, || {
        let it = Arc::new([Shared::<LoomHost>::new("a"), Shared::new("b")]);
        let other = spawn({
            let it = it.clone();
            move |cx| it[1].queue.wait_until(cx, |_| it[1].take())
        });
        let giver = loom::thread::spawn({
            let it = it.clone();
            move || it.iter().for_each(Shared::put)
        });
        enter(|cx| {
            let queues = it.each_ref().map(|items| &items.queue);
            let first = |items: &Shared, n| items.take().map(|()| n);
            let found = wait_any(cx, queues, None, |_| {
                first(&it[0], 0).or_else(|| first(&it[1], 1))
            });
            if found == Ok(1) {
                it[1].put(); // it was the other's
            }
        });
        giver.join().unwrap();
        other.join().unwrap();
        assert!(it.iter().all(|items| items.queue.waiters() == 0));
    });
}

/// A deadline of wait_any that comes with a wake-one: the item is taken or the other's.
#[test]
fn wait_any_hands_on_at_the_deadline() {
    explore(2, || {
        let it = Arc::new(Shared::<LoomHost>::new("q"));
        let deadline = Instant::from_nanos(10);
        let other = spawn({
            let it = it.clone();
            move |cx| it.queue.wait_until(cx, |_| it.take())
        });
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let giver = loom::thread::spawn({
            let it = it.clone();
            move || it.put()
        });
        enter(|cx| {
            if wait_any(cx, [&it.queue], Some(deadline), |_| it.take()).is_ok() {
                it.put();
            }
        });
        clock.join().unwrap();
        giver.join().unwrap();
        other.join().unwrap();
        assert_eq!(it.queue.waiters(), 0);
    });
}

/// A cancel that comes with the event: one of both is reported, and nobody is left.
#[test]
fn cancel_against_wake() {
    explore(2, || {
        let it = Arc::new((WaitQueue::<LoomHost>::new("q"), AtomicUsize::new(0)));
        let token = Arc::new(CancelToken::<LoomHost>::new("stop"));
        let canceller = loom::thread::spawn({
            let token = token.clone();
            move || token.cancel()
        });
        let giver = loom::thread::spawn({
            let it = it.clone();
            move || {
                it.1.store(1, Release);
                it.0.wake_one();
            }
        });
        let result = enter(|cx| {
            (it.0).wait_until_cancelled(cx, &token, |_| (it.1.load(Acquire) == 1).then_some(()))
        });
        assert!(result.is_ok() || token.is_cancelled());
        canceller.join().unwrap();
        giver.join().unwrap();
        assert_eq!(it.0.waiters(), 0);
    });
}

/// The condition variable under a spinlock: as many who wait as items, a signal for each.
fn condvar_spin(waiters: usize) {
    let items: SpinLock<u32, IrqOff<LoomCpu>> = SpinLock::new(0);
    let it = Arc::new((items, Condvar::<LoomHost>::new("items")));
    let threads: Vec<_> = (0..waiters)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| *it.1.wait_spin(cx, &it.0, |items| *items > 0) -= 1)
        })
        .collect();
    for _ in 0..waiters {
        enter(|cx| *it.0.lock(cx) += 1);
        it.1.signal();
    }
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn condvar_under_spinlock_does_not_lose_1() {
    explore(3, || condvar_spin(1));
}

#[test]
fn condvar_under_spinlock_does_not_lose_2() {
    explore(2, || condvar_spin(2));
}
