//! The queue on std threads: what each operation promises, one scenario each.
#![cfg(not(loom))]

use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Host, TimedOut, WaitQueue, Waiter, sleep};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

type Queue = WaitQueue<StdHost>;

/// Waits until `n` threads are on `queue`.
fn until_waiting(queue: &Queue, n: usize) {
    while queue.waiters() != n {
        std::thread::yield_now();
    }
}

#[test]
fn wakes_with_nobody_there_do_nothing() {
    let queue = Queue::new("empty");
    assert!(!queue.wake_one());
    assert_eq!(queue.wake_n(3), 0);
    assert_eq!(queue.wake_all(), 0);
    assert_eq!(queue.name(), "empty");
}

#[test]
fn true_condition_needs_no_wake() {
    let queue = Queue::new("q");
    assert_eq!(enter(|cx| queue.wait_until(cx, |_| Some(7))), 7);
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn a_wake_ends_the_wait() {
    let (queue, flag) = (Arc::new(Queue::new("q")), Arc::new(AtomicBool::new(false)));
    let waiter = spawn({
        let (queue, flag) = (queue.clone(), flag.clone());
        move |cx| queue.wait_until(cx, |_| flag.load(Ordering::Acquire).then_some(()))
    });
    until_waiting(&queue, 1);
    flag.store(true, Ordering::Release);
    queue.wake_one();
    waiter.join().unwrap();
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn w2_permit_before_park_is_kept() {
    enter(|cx| {
        StdHost::unpark(&StdHost::current());
        StdHost::park(cx, None);
    });
}

#[test]
fn w4_exclusive_waiters_wake_in_order() {
    let queue = Arc::new(Queue::new("q"));
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..5)
        .map(|i| {
            let (queue, order) = (queue.clone(), order.clone());
            let thread = spawn({
                let queue = queue.clone();
                move |cx| {
                    queue.wait_once(cx);
                    order.lock().unwrap().push(i);
                }
            });
            until_waiting(&queue, i + 1);
            thread
        })
        .collect();
    for i in 0..5 {
        assert!(queue.wake_one());
        while order.lock().unwrap().len() != i + 1 {
            std::thread::yield_now();
        }
    }
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn w4_every_wake_reaches_shared_waiters() {
    let (queue, rounds) = (Arc::new(Queue::new("q")), Arc::new(AtomicUsize::new(0)));
    let n = if cfg!(miri) { 4 } else { 20 };
    let watchers: Vec<_> = (0..n)
        .map(|_| {
            let (queue, rounds) = (queue.clone(), rounds.clone());
            spawn(move |cx| {
                queue.wait_until_shared(cx, |_| (rounds.load(Ordering::Acquire) > 0).then_some(()))
            })
        })
        .collect();
    until_waiting(&queue, n);
    rounds.store(1, Ordering::Release);
    assert!(!queue.wake_one(), "no exclusive waiter was there");
    watchers.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn wake_all_wakes_more_than_a_batch() {
    let queue = Arc::new(Queue::new("q"));
    let n = if cfg!(miri) { 18 } else { 40 };
    let threads: Vec<_> = (0..n)
        .map(|_| {
            let queue = queue.clone();
            spawn(move |cx| queue.wait_once(cx))
        })
        .collect();
    until_waiting(&queue, n);
    assert_eq!(queue.wake_all(), n);
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn wake_n_wakes_n() {
    let queue = Arc::new(Queue::new("q"));
    let threads: Vec<_> = (0..5)
        .map(|_| {
            let queue = queue.clone();
            spawn(move |cx| queue.wait_once(cx))
        })
        .collect();
    until_waiting(&queue, 5);
    assert_eq!(queue.wake_n(3), 3);
    until_waiting(&queue, 2);
    assert_eq!(queue.wake_n(3), 2);
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn w9_deadline_ends_the_wait() {
    let queue = Queue::new("q");
    let deadline = StdHost::now() + Duration::from_millis(5);
    let result = enter(|cx| queue.wait_until_deadline(cx, deadline, |_| None::<()>));
    assert_eq!(result, Err(TimedOut));
    assert!(StdHost::now() >= deadline);
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn a_condition_that_is_true_at_the_deadline_counts() {
    let queue = Queue::new("q");
    let result = enter(|cx| {
        let mut looks = 0;
        queue.wait_until_deadline(cx, StdHost::now() + Duration::from_millis(1), |_| {
            looks += 1;
            (looks == 3).then_some(looks)
        })
    });
    assert_eq!(result, Ok(3));
}

#[test]
fn w8_a_panic_in_the_condition_leaves_nothing() {
    let queue = Arc::new(Queue::new("q"));
    let inner = queue.clone();
    let thread = spawn(move |cx| {
        let mut looks = 0;
        inner.wait_until(cx, |_| {
            looks += 1;
            assert_ne!(looks, 2, "the second look is on the queue");
            None::<()>
        })
    });
    assert!(thread.join().is_err());
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn w3_an_unused_wake_one_goes_to_the_next() {
    let (queue, went) = (Arc::new(Queue::new("q")), Arc::new(AtomicBool::new(false)));
    enter(|cx| {
        let first = pin!(Waiter::new());
        first.as_ref().prepare(&queue, cx);
        let second = spawn({
            let (queue, went) = (queue.clone(), went.clone());
            move |cx| {
                queue.wait_once(cx);
                went.store(true, Ordering::Release);
            }
        });
        until_waiting(&queue, 2);
        assert!(queue.wake_one());
        assert_eq!(queue.waiters(), 1, "it reached the first");
        assert!(!went.load(Ordering::Acquire));
        first.as_ref().clear();
        second.join().unwrap();
    });
}

#[test]
fn w3_an_accepted_wake_one_stays() {
    let queue = Arc::new(Queue::new("q"));
    enter(|cx| {
        let first = pin!(Waiter::new());
        first.as_ref().prepare(&queue, cx);
        let second = spawn({
            let queue = queue.clone();
            move |cx| queue.wait_once(cx)
        });
        until_waiting(&queue, 2);
        assert!(queue.wake_one());
        first.as_ref().maybe_block(cx);
        first.as_ref().accept();
        assert_eq!(queue.waiters(), 1);
        assert!(queue.wake_one());
        second.join().unwrap();
    });
}

#[test]
fn a_waiter_woken_in_vain_keeps_its_place() {
    let queue = Queue::new("q");
    enter(|cx| {
        let (first, second) = (pin!(Waiter::new()), pin!(Waiter::new()));
        let (first, second) = (first.as_ref(), second.as_ref());
        first.prepare(&queue, cx);
        second.prepare(&queue, cx);
        assert!(queue.wake_one());
        first.prepare(&queue, cx);
        assert!(queue.wake_one());
        first.maybe_block(cx); // would block for good had the second been woken
        first.accept();
        assert_eq!(queue.waiters(), 1);
    });
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn preparing_on_another_queue_leaves_the_first() {
    let (a, b) = (Queue::new("a"), Queue::new("b"));
    enter(|cx| {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(&a, cx);
        waiter.prepare(&a, cx);
        assert_eq!((a.waiters(), b.waiters()), (1, 0));
        waiter.prepare(&b, cx);
        assert_eq!((a.waiters(), b.waiters()), (0, 1));
    });
    assert_eq!(b.waiters(), 0);
}

#[test]
fn sleep_lasts() {
    let start = StdHost::now();
    enter(|cx| sleep::<StdHost>(cx, Duration::from_millis(3)));
    assert!(StdHost::now().saturating_duration_since(start) >= Duration::from_millis(3));
}

#[test]
fn one_right_to_sleep_a_thread() {
    let nested = std::panic::catch_unwind(|| enter(|_| enter(|_| ())));
    assert!(nested.is_err());
    enter(|_| ());
}

/// Everybody produces and consumes: no item is lost and nobody is left behind.
#[test]
fn items_pass_from_thread_to_thread() {
    let rounds = if cfg!(miri) { 5 } else { 20_000 };
    let (queue, items) = (Arc::new(Queue::new("q")), Arc::new(AtomicUsize::new(0)));
    let take = |items: &AtomicUsize| {
        items
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1))
            .ok()
    };
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let (queue, items) = (queue.clone(), items.clone());
            spawn(move |cx| {
                for _ in 0..rounds {
                    queue.wait_until(cx, |_| take(&items));
                }
            })
        })
        .collect();
    let producers: Vec<_> = (0..3)
        .map(|_| {
            let (queue, items) = (queue.clone(), items.clone());
            std::thread::spawn(move || {
                for _ in 0..rounds {
                    items.fetch_add(1, Ordering::AcqRel);
                    queue.wake_one();
                }
            })
        })
        .collect();
    producers.into_iter().for_each(|t| t.join().unwrap());
    consumers.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(items.load(Ordering::Acquire), 0);
    assert_eq!(queue.waiters(), 0);
}

/// W3: what was meant for all is for nobody in the place of one who leaves.
#[test]
fn w3_a_wake_of_all_is_not_handed_on() {
    let queue = Queue::new("queue");
    let (leaves, comes) = (pin!(Waiter::new()), pin!(Waiter::new()));
    enter(|cx| {
        leaves.as_ref().prepare(&queue, cx);
        assert_eq!(queue.wake_all(), 1);
        comes.as_ref().prepare(&queue, cx);
    });
    leaves.as_ref().clear();
    assert!(comes.is_waiting());
    comes.as_ref().clear();
}
