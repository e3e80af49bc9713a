//! Permits in numbers: who gets them, and in which order.

use super::soon;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Semaphore, TimedOut};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

type Permits = Semaphore<StdHost>;

/// Lets the calling thread go on once `n` wait for permits; they have no other way to tell.
fn until_waiting(permits: &Permits, n: usize) {
    while permits.waiters() < n {
        std::thread::yield_now();
    }
}

#[test]
fn all_or_nothing() {
    let permits = Permits::new("p", 3);
    assert!(!permits.try_acquire_many(4));
    assert!(permits.try_acquire_many(0));
    assert!(permits.try_acquire_many(3));
    assert!(permits.try_acquire_many(0));
    enter(|cx| {
        permits.acquire_many(cx, 0);
        permits.release_many(2);
        let none = permits.acquire_many_deadline(cx, 3, soon());
        assert_eq!((none, permits.permits()), (Err(TimedOut), 2));
        assert_eq!(permits.acquire_many_deadline(cx, 2, soon()), Ok(()));
    });
    assert_eq!(permits.permits(), 0);
}

/// A large request at the head: what comes goes to it alone, until it is served.
#[test]
fn no_small_request_overtakes_a_large_one() {
    let it = Arc::new((Permits::new("p", 1), Mutex::new(Vec::new())));
    let start = |n| {
        let it = it.clone();
        spawn(move |cx| {
            it.0.acquire_many(cx, n);
            it.1.lock().unwrap().push(n);
        })
    };
    let large = start(3);
    until_waiting(&it.0, 1);
    // It is on the queue before it says so to those who come: until then it may still be too early.
    while it.0.try_acquire() {
        it.0.release();
        std::thread::yield_now();
    }
    for _ in 0..10 {
        assert!(!it.0.try_acquire(), "there is one, but it is not for us");
    }
    let small = start(1);
    until_waiting(&it.0, 2);
    it.0.release();
    assert_eq!((it.0.permits(), it.0.waiters()), (2, 2));
    it.0.release();
    large.join().unwrap();
    assert_eq!(it.0.waiters(), 1);
    it.0.release();
    small.join().unwrap();
    assert_eq!(*it.1.lock().unwrap(), [3, 1]);
    assert!(it.0.try_acquire_many(0), "nobody waits any more");
}

/// A large request that gives up is not in the way of smaller ones any longer.
#[test]
fn who_gives_up_lets_the_next_one_through() {
    let permits = Arc::new(Permits::new("p", 1));
    let large = spawn({
        let permits = permits.clone();
        move |cx| permits.acquire_many_deadline(cx, 2, soon())
    });
    // It may have given up already: then it must not be in the way either.
    while permits.waiters() < 1 && !large.is_finished() {
        std::thread::yield_now();
    }
    enter(|cx| permits.acquire(cx));
    assert_eq!(large.join().unwrap(), Err(TimedOut));
    permits.release();
    assert!(permits.try_acquire(), "the word says that nobody waits");
}

#[test]
#[should_panic(expected = "more permits than there can be")]
fn a_request_that_cannot_be_served_is_refused() {
    let permits = Permits::new("p", 0);
    enter(|cx| permits.acquire_many(cx, Permits::MAX_PERMITS + 1));
}

/// A try that another comes before looks again, and takes no more than there is.
#[test]
fn tries_at_once_take_no_more_than_there_is() {
    let rounds = if cfg!(miri) { 20 } else { 200_000 };
    let permits = Arc::new((
        Semaphore::<StdHost>::new("permits", 1),
        AtomicBool::new(false),
    ));
    let threads = [(); 3].map(|()| {
        let permits = permits.clone();
        spawn(move |_| {
            for _ in 0..rounds {
                if permits.0.try_acquire() {
                    assert!(!permits.1.swap(true, SeqCst), "one permit, and two have it");
                    permits.1.store(false, SeqCst);
                    permits.0.release();
                }
            }
        })
    });
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(permits.0.permits(), 1);
}
