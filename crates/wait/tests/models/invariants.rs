//! W2 and W4 to W9 once more, with as many waiters as the models of `queue.rs` have not: each
//! invariant at two waiters with bound 3 and at three with bound 2.
//!
//! | | two waiters, bound 3 | three waiters, bound 2 |
//! |---|---|---|
//! | W1 | `w1_no_lost_wakeup_2_waiters` | `w1_no_lost_wakeup_3_waiters`, bound 3 in full runs |
//! | W2 | `w2_sticky_permit_2_waiters` | `w2_sticky_permit_3_waiters` |
//! | W3 | `w3_wake_one_conserved_2_waiters`, `w3_leaving_hands_on_2_waiters` | the same with 3 |
//! | W4 | `w4_in_order_2_waiters` | `w4_first_in_first_out`, `w4_shared_all_wake` (bound 3) |
//! | W5 | `w5_wake_all_ends_2_waiters` | `w5_wake_all_ends` (bound 3) |
//! | W6 | `w6_batches_2_waiters` | `w6_batches_3_waiters` |
//! | W7 | `w7_last_touch_2_waiters` | `w7_last_touch_3_waiters` |
//! | W8 | `w8_every_way_out_2_waiters` | `w8_every_way_out_3_waiters` |
//! | W9 | `w9_one_winner_2_waiters` | `w9_one_winner_3_waiters` |
//!
//! W10 is the scheduler's: no queue has to do with it. W11 needs interrupts, which loom does not
//! know: `tests/interrupts.rs` and `tests/seeded`. W12 is the compiler's: the example that must
//! not compile, in `condvar.rs`.

use crate::explore;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{Host, Instant, WaitQueue, Waiter};
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::pin::pin;
use std::sync::Arc;

type Queue = WaitQueue<LoomHost>;

/// W2: each of several threads is unparked once, at some time; none sleeps on.
fn w2(waiters: usize) {
    let told = Arc::new(AtomicUsize::new(0));
    let each = |told: &AtomicUsize, cx: &mut _| {
        while told.load(Relaxed) == 0 {
            LoomHost::park(cx, None);
        }
    };
    let (handles, threads): (Vec<_>, Vec<_>) = (1..waiters)
        .map(|_| {
            let handle = Arc::new(loom::sync::Mutex::new(None));
            let thread = spawn({
                let (told, handle) = (told.clone(), handle.clone());
                move |cx| {
                    *handle.lock().unwrap() = Some(LoomHost::current());
                    each(&told, cx);
                }
            });
            (handle, thread)
        })
        .unzip();
    let me = LoomHost::current();
    let other = loom::thread::spawn({
        let told = told.clone();
        move || {
            told.store(1, Relaxed);
            LoomHost::unpark(&me);
            for handle in handles {
                // Whoever has not come yet sees what was told: the lock orders.
                handle.lock().unwrap().iter().for_each(LoomHost::unpark);
            }
        }
    });
    enter(|cx| each(&told, cx));
    other.join().unwrap();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn w2_sticky_permit_2_waiters() {
    explore(3, || w2(2));
}

#[test]
fn w2_sticky_permit_3_waiters() {
    explore(2, || w2(3));
}

/// W4: of two that wait the first is woken first, whichever of two wakers comes first.
#[test]
fn w4_in_order_2_waiters() {
    explore(3, || {
        let queue = Arc::new(Queue::new("q"));
        enter(|cx| {
            let (a, b) = (pin!(Waiter::new()), pin!(Waiter::new()));
            let (a, b) = (a.as_ref(), b.as_ref());
            [a, b].iter().for_each(|waiter| waiter.prepare(&queue, cx));
            let other = loom::thread::spawn({
                let queue = queue.clone();
                move || assert!(queue.wake_one())
            });
            assert!(
                b.is_waiting() || !a.is_waiting(),
                "the second before the first"
            );
            other.join().unwrap();
            assert!(!a.is_waiting() && b.is_waiting());
            assert!(queue.wake_one());
            [a, b].iter().for_each(|waiter| waiter.accept());
        });
    });
}

/// W5: who comes back while a wake-all runs is not woken by it again.
#[test]
fn w5_wake_all_ends_2_waiters() {
    explore(3, || {
        let queue = Arc::new(Queue::new("q"));
        enter(|cx| {
            let (a, b) = (pin!(Waiter::new()), pin!(Waiter::new()));
            let (a, b) = (a.as_ref(), b.as_ref());
            [a, b].iter().for_each(|waiter| waiter.prepare(&queue, cx));
            let other = loom::thread::spawn({
                let queue = queue.clone();
                move || queue.wake_all()
            });
            let back = !a.is_waiting();
            if back {
                a.prepare(&queue, cx);
            }
            assert_eq!(other.join().unwrap(), 2);
            assert_eq!((a.is_waiting(), b.is_waiting()), (back, false));
        });
        assert_eq!(queue.waiters(), 0);
    });
}

/// W6: between two batches (of two, in models) the lock is free: one that leaves meanwhile is not
/// held up, is woken or not, and nobody is woken twice.
fn w6(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    enter(|cx| {
        let all = [(); 3].map(|()| Box::pin(Waiter::new()));
        let all = &all[..waiters];
        all.iter()
            .for_each(|waiter| waiter.as_ref().prepare(&queue, cx));
        let other = loom::thread::spawn({
            let queue = queue.clone();
            move || queue.wake_all()
        });
        // The last, which the second batch would wake if there are three.
        let last = all.last().unwrap().as_ref();
        let left = last.is_waiting();
        last.clear();
        let woken = other.join().unwrap();
        assert!(woken == waiters || (left && woken == waiters - 1));
        assert!(all.iter().all(|waiter| !waiter.is_waiting()));
    });
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn w6_batches_2_waiters() {
    explore(3, || w6(2));
}

#[test]
fn w6_batches_3_waiters() {
    explore(2, || w6(3));
}

/// W7: every waiter's frame ends as soon as it sees that it was woken; the drop is a write that a
/// later touch of the waker collides with.
fn w7(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    let each = |queue: &Queue, cx: &mut _| {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(queue, cx);
        // No look: at all events the wake, or this clear, is what ends it.
        if waiter.is_waiting() {
            waiter.clear();
        } else {
            waiter.accept();
        }
    };
    let threads: Vec<_> = (1..waiters)
        .map(|_| {
            let queue = queue.clone();
            spawn(move |cx| each(&queue, cx))
        })
        .collect();
    let waker = loom::thread::spawn({
        let queue = queue.clone();
        move || queue.wake_all()
    });
    enter(|cx| each(&queue, cx));
    waker.join().unwrap();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn w7_last_touch_2_waiters() {
    explore(3, || w7(2));
}

#[test]
fn w7_last_touch_3_waiters() {
    explore(2, || w7(3));
}

/// W8: one is dropped as it is, one clears, one runs into its deadline, while a wake-one and the
/// clock come: nothing is left of any of them, and the queue still works.
fn w8(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    let deadline = Instant::from_nanos(10);
    let threads: Vec<_> = (1..waiters)
        .map(|i| {
            let queue = queue.clone();
            spawn(move |cx| {
                let waiter = pin!(Waiter::new());
                waiter.as_ref().prepare(&queue, cx);
                if i == 2 {
                    waiter.as_ref().clear();
                }
            })
        })
        .collect();
    let waker = loom::thread::spawn({
        let queue = queue.clone();
        move || {
            queue.wake_one();
            advance_to(deadline);
        }
    });
    let end = enter(|cx| queue.wait_until_deadline(cx, deadline, |_| None::<()>));
    assert!(end.is_err());
    waker.join().unwrap();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(queue.waiters(), 0);
    assert!(!queue.wake_one());
}

#[test]
fn w8_every_way_out_2_waiters() {
    explore(3, || w8(2));
}

#[test]
fn w8_every_way_out_3_waiters() {
    explore(2, || w8(3));
}

/// W9: a wake-one and one deadline for all: it found somebody exactly when one of them was woken
/// in time, or handed it on to nobody.
fn w9(waiters: usize) {
    let it = Arc::new((Queue::new("q"), AtomicUsize::new(0)));
    let deadline = Instant::from_nanos(10);
    let each = move |it: &(Queue, AtomicUsize), cx: &mut _| {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(&it.0, cx);
        if waiter.maybe_block_until(cx, deadline).is_ok() {
            it.1.fetch_add(1, AcqRel);
        }
        waiter.accept();
    };
    let threads: Vec<_> = (1..waiters)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| each(&it, cx))
        })
        .collect();
    let waker = loom::thread::spawn({
        let it = it.clone();
        move || {
            let found = it.0.wake_one();
            advance_to(deadline);
            found
        }
    });
    enter(|cx| each(&it, cx));
    let found = waker.join().unwrap();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(it.1.load(Acquire), usize::from(found));
    assert_eq!(it.0.waiters(), 0);
}

#[test]
fn w9_one_winner_2_waiters() {
    explore(3, || w9(2));
}

#[test]
fn w9_one_winner_3_waiters() {
    explore(2, || w9(3));
}
