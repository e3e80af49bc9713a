//! The wait queue itself: W4 to W6, who is woken, in which order, and by how much at a time.

use crate::support::{Queue, beside, prepared, sized};
use layercake_wait::Waiter;
use layercake_wait::host::loom::enter;
use std::pin::pin;
use std::sync::Arc;

sized!(w4_first_in_first_out: w4_exclusive);
sized!(w4_shared_all_wake: w4_shared);
sized!(w5_wake_all_ends: w5);
sized!(w6_batches: w6);

/// W4: wake-ones of two threads wake those who wait one after the other, whoever comes first.
fn w4_exclusive(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    enter(|cx| {
        let all = prepared(waiters, &queue, cx);
        let other = beside(&queue, |queue| assert!(queue.wake_one()));
        for sent in 1..waiters {
            assert!(queue.wake_one());
            // From the last on: if one is woken, those before it were woken before.
            let mut woken = 0;
            for (i, waiter) in all.iter().enumerate().rev() {
                if !waiter.is_waiting() {
                    woken = woken.max(i + 1);
                } else {
                    assert!(woken <= i, "a later one was woken before it");
                }
            }
            assert!(woken >= sent, "a wake-one woke nobody");
        }
        other.join().unwrap();
        assert!(all.iter().all(|waiter| !waiter.is_waiting()));
        all.iter().for_each(|waiter| waiter.as_ref().accept());
    });
    assert_eq!(queue.waiters(), 0);
}

/// W4: a wake-one wakes all that share, and one exclusive waiter, also when one leaves meanwhile.
fn w4_shared(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    enter(|cx| {
        let (first, last) = (pin!(Waiter::new()), pin!(Waiter::new()));
        let (first, last) = (first.as_ref(), last.as_ref());
        first.prepare(&queue, cx);
        let watchers: Vec<_> = (0..waiters).map(|_| Box::pin(Waiter::shared())).collect();
        (watchers.iter()).for_each(|watcher| watcher.as_ref().prepare(&queue, cx));
        last.prepare(&queue, cx);
        let other = beside(&queue, |queue| assert!(queue.wake_one()));
        first.clear();
        other.join().unwrap();
        assert!(watchers.iter().all(|watcher| !watcher.is_waiting()));
        assert!(
            !last.is_waiting(),
            "the wake-one reached it or was handed on to it"
        );
    });
    assert_eq!(queue.waiters(), 0);
}

/// W5: wake-all wakes those present when it began, each once; who comes back is not woken again.
/// (A batch is two in models: three make more than one.)
fn w5(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    enter(|cx| {
        let all = prepared(waiters, &queue, cx);
        let other = beside(&queue, Queue::wake_all);
        let back = !all[0].is_waiting();
        if back {
            all[0].as_ref().prepare(&queue, cx);
        }
        assert_eq!(other.join().unwrap(), waiters);
        assert_eq!(all[0].is_waiting(), back);
        assert!(all[1..].iter().all(|waiter| !waiter.is_waiting()));
    });
    assert_eq!(queue.waiters(), 0);
}

/// W6: between two batches (of two, in models) the lock is free: one that leaves meanwhile is not
/// held up, is woken or not, and nobody is woken twice.
fn w6(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    enter(|cx| {
        let all = prepared(waiters, &queue, cx);
        let other = beside(&queue, Queue::wake_all);
        // The last, which the second batch would wake if there are three.
        let last = all[waiters - 1].as_ref();
        let left = last.is_waiting();
        last.clear();
        let woken = other.join().unwrap();
        assert!(woken == waiters || (left && woken == waiters - 1));
        assert!(all.iter().all(|waiter| !waiter.is_waiting()));
    });
    assert_eq!(queue.waiters(), 0);
}
