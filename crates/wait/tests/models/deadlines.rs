//! The wait queue itself: W9, a deadline against wakes.

use crate::explore;
use crate::support::{DEADLINE, Queue, beside, clock, join_all, prepared, sized, threads};
use layercake_sync::TaskCx;
use layercake_wait::host::loom::{LoomHost, advance_to, enter};
use layercake_wait::{Host, TimedOut, Waiter, wait_any};
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire};
use std::pin::pin;
use std::sync::Arc;

sized!(w9_one_winner: |n| one_winner(n, wake_then_late));
sized!(w9_one_winner_deadline_first: |n| one_winner(n, late_then_wake));
sized!(w9_vain_wakes: |n| vain_wakes(n, waits, wake_all_then_late));
sized!(w9_vain_wakes_any: |n| vain_wakes(n, waits_on_any, wake_all_then_late));
sized!(w9_stray_permits: stray_permits);

fn wake_then_late(queue: &Queue) -> bool {
    let found = queue.wake_one();
    advance_to(DEADLINE);
    found
}

fn late_then_wake(queue: &Queue) -> bool {
    advance_to(DEADLINE);
    queue.wake_one()
}

/// Wake-ones, one less than there are waiters, against one deadline for all. Each found somebody
/// exactly when one was woken in time: nobody both was woken and timed out, and no wake went to
/// one who was gone.
///
/// Two block, each on a thread; more of them are on the queue before those, and do not block.
fn one_winner(waiters: usize, last_wake: fn(&Queue) -> bool) {
    let it = Arc::new((Queue::new("q"), AtomicUsize::new(0)));
    let each = |it: &(Queue, AtomicUsize), cx: &mut TaskCx, _| {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(&it.0, cx);
        if waiter.maybe_block_until(cx, DEADLINE).is_ok() {
            it.1.fetch_add(1, AcqRel);
        }
        waiter.accept();
    };
    enter(|cx| {
        let first = prepared(waiters.saturating_sub(2), &it.0, cx);
        let other = threads(waiters.min(2) - 1, &it, each);
        let waker = beside(&it, move |it| {
            let found = (2..waiters).filter(|_| it.0.wake_one()).count();
            found + usize::from(last_wake(&it.0))
        });
        each(&it, cx, 0);
        let found = waker.join().unwrap();
        join_all(other);
        let woken = first.iter().filter(|waiter| !waiter.is_waiting()).count();
        assert_eq!(woken + it.1.load(Acquire), found);
        first.iter().for_each(|waiter| waiter.as_ref().accept());
    });
    assert_eq!(it.0.waiters(), 0);
}

/// The same with the clock on a thread of its own: the deadline may also come in the middle of
/// the wake.
#[test]
fn w9_one_winner_of_a_race() {
    let race = |waiters| {
        let clock = clock();
        one_winner(waiters, Queue::wake_one);
        clock.join().unwrap();
    };
    explore(3, move || race(1));
}

#[test]
fn w9_one_winner_of_a_race_2_waiters() {
    let race = |waiters| {
        let clock = clock();
        one_winner(waiters, Queue::wake_one);
        clock.join().unwrap();
    };
    explore(2, move || race(2));
}

type Wait = fn(&Queue, &mut TaskCx) -> Result<(), TimedOut>;

fn waits(queue: &Queue, cx: &mut TaskCx) -> Result<(), TimedOut> {
    queue.wait_until_deadline(cx, DEADLINE, |_| None)
}

fn waits_on_any(queue: &Queue, cx: &mut TaskCx) -> Result<(), TimedOut> {
    wait_any(cx, [queue], Some(DEADLINE), |_| None)
}

fn wake_all_then_late(queue: &Queue) {
    queue.wake_all();
    advance_to(DEADLINE);
}

/// Wakes in vain before the deadline: each who waits goes back to wait, and is let go when the
/// deadline comes; not before, and with nobody to wake it after.
///
/// As there: two block.
fn vain_wakes(waiters: usize, wait: Wait, events: fn(&Queue)) {
    let queue = Arc::new(Queue::new("q"));
    let each = move |queue: &Queue, cx: &mut TaskCx, _| {
        assert_eq!(wait(queue, cx), Err(TimedOut));
        assert!(LoomHost::now() >= DEADLINE, "timed out too early");
    };
    enter(|cx| {
        let first = prepared(waiters.saturating_sub(2), &queue, cx);
        let other = threads(waiters.min(2) - 1, &queue, each);
        let waker = beside(&queue, events);
        each(&queue, cx, 0);
        waker.join().unwrap();
        join_all(other);
        first.iter().for_each(|waiter| waiter.as_ref().clear());
    });
    assert_eq!(queue.waiters(), 0);
}

/// The same as a race, with two wakes.
#[test]
fn w9_vain_wakes_in_a_race() {
    explore(3, || {
        let clock = clock();
        vain_wakes(1, waits, |queue| {
            queue.wake_one();
            queue.wake_all();
        });
        clock.join().unwrap();
    });
}

/// Permits that no wake of the queue gave end the parks, not the waits: who was parked parks
/// again, until the same deadline. As many permits as waiters, to one of the two that block.
fn stray_permits(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    let each = |queue: &Queue, cx: &mut TaskCx, _| {
        assert_eq!(waits(queue, cx), Err(TimedOut));
        assert!(LoomHost::now() >= DEADLINE, "timed out too early");
    };
    let me = LoomHost::current();
    let other = threads(1, &queue, each);
    let stray = loom::thread::spawn(move || {
        (0..waiters).for_each(|_| LoomHost::unpark(&me));
        advance_to(DEADLINE);
    });
    enter(|cx| each(&queue, cx, 0));
    stray.join().unwrap();
    join_all(other);
    assert_eq!(queue.waiters(), 0);
}
