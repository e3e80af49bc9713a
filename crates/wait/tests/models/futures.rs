//! Futures on queues: W1, W3 and W8 as for threads.

use crate::explore;
use layercake_wait::host::loom::{LoomHost, enter, spawn};
use layercake_wait::{AsyncQueue, block_on};
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// W1: a condition made true before a wake is seen by every future, and by a thread beside it.
fn no_lost_wakeup(waiters: usize) {
    let it = Arc::new((AsyncQueue::<LoomHost>::new("q"), AtomicBool::new(false)));
    let threads: Vec<_> = (1..waiters)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| {
                it.0.wait_until(cx, |_| it.1.load(Relaxed).then_some(()));
            })
        })
        .collect();
    let waker = loom::thread::spawn({
        let it = it.clone();
        move || {
            it.1.store(true, Relaxed);
            it.0.wake_all();
        }
    });
    enter(|cx| {
        let future = it.0.wait_async(|| it.1.load(Relaxed).then_some(()));
        block_on::<LoomHost, _>(cx, future);
    });
    waker.join().unwrap();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(it.0.waiters(), 0);
}

#[test]
fn w1_futures_2_waiters() {
    explore(3, || no_lost_wakeup(2));
}

#[test]
fn w1_futures_3_waiters() {
    explore(2, || no_lost_wakeup(3));
}

/// W3, W8: a future that is dropped after one poll hands on the wake-one that reached it.
#[test]
fn w3_a_dropped_future_hands_on() {
    explore(3, || {
        let it = Arc::new((AsyncQueue::<LoomHost>::new("q"), AtomicUsize::new(0)));
        let taker = spawn({
            let it = it.clone();
            move |cx| {
                it.0.wait_until(cx, |_| {
                    let taken = it.1.fetch_update(AcqRel, Acquire, |n| n.checked_sub(1));
                    taken.ok().map(drop)
                });
            }
        });
        let giver = loom::thread::spawn({
            let it = it.clone();
            move || {
                it.1.fetch_add(1, AcqRel);
                it.0.wake_one();
            }
        });
        enter(|cx| {
            let mut future = pin!(it.0.wait_async(|| None::<()>));
            let once = poll_fn(|cx| {
                assert!(future.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            });
            block_on::<LoomHost, _>(cx, once);
        });
        giver.join().unwrap();
        taker.join().unwrap();
        assert_eq!(it.0.waiters(), 0);
    });
}
