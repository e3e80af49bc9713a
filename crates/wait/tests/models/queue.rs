//! The wait queue itself: W1 to W9, at two waiters with bound 3 and three with bound 2.

use crate::explore;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{Host, Instant, TimedOut, WaitQueue, Waiter};
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use std::pin::pin;
use std::sync::Arc;

type Queue = WaitQueue<LoomHost>;

/// A queue and the state that it is about.
struct Shared {
    queue: Queue,
    flag: AtomicBool,
    items: AtomicUsize,
}

fn shared() -> Arc<Shared> {
    Arc::new(Shared {
        queue: Queue::new("model"),
        flag: AtomicBool::new(false),
        items: AtomicUsize::new(0),
    })
}

impl Shared {
    /// The flag, with the weakest load there is: the protocol's fences have to do.
    fn flag(&self) -> Option<()> {
        self.flag.load(Relaxed).then_some(())
    }

    fn put(&self) {
        self.items.fetch_add(1, Release);
        self.queue.wake_one();
    }

    fn take(&self) -> Option<()> {
        self.items
            .fetch_update(AcqRel, Acquire, |n| n.checked_sub(1))
            .ok()
            .map(drop)
    }
}

/// W1: a condition made true before a wake-all is seen by every waiter.
fn w1(waiters: usize) {
    let it = shared();
    let threads: Vec<_> = (1..waiters)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| it.queue.wait_until(cx, |_| it.flag()))
        })
        .collect();
    let waker = loom::thread::spawn({
        let it = it.clone();
        move || {
            it.flag.store(true, Relaxed);
            it.queue.wake_all();
        }
    });
    enter(|cx| it.queue.wait_until(cx, |_| it.flag()));
    waker.join().unwrap();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(it.queue.waiters(), 0, "W8: nobody is left on the queue");
}

#[test]
fn w1_no_lost_wakeup_2_waiters() {
    explore(3, || w1(2));
}

#[test]
fn w1_no_lost_wakeup_3_waiters() {
    explore(2, || w1(3));
}

#[test]
#[ignore = "full"]
fn w1_no_lost_wakeup_3_waiters_bound_3() {
    explore(3, || w1(3));
}

/// W1 and W7 with one waiter and one wake-one, deeper: the smallest place for either to go wrong.
#[test]
fn w7_last_touch_before_return() {
    explore(5, || {
        let it = shared();
        let waker = loom::thread::spawn({
            let it = it.clone();
            move || {
                it.flag.store(true, Relaxed);
                it.queue.wake_one();
            }
        });
        // The waiter's frame ends inside; its drop is a write that any later touch collides with.
        enter(|cx| it.queue.wait_until(cx, |_| it.flag()));
        waker.join().unwrap();
    });
}

/// W2: a permit given before the park is kept.
#[test]
fn w2_sticky_permit() {
    explore(5, || {
        let it = shared();
        enter(|cx| {
            let me = LoomHost::current();
            let other = loom::thread::spawn({
                let it = it.clone();
                move || {
                    it.flag.store(true, Relaxed);
                    LoomHost::unpark(&me);
                }
            });
            while it.flag().is_none() {
                LoomHost::park(cx, None);
            }
            other.join().unwrap();
        });
    });
}

/// W3: as many wake-ones as items, each taken by one of as many takers.
fn w3(takers: usize) {
    let it = shared();
    let threads: Vec<_> = (0..takers)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| it.queue.wait_until(cx, |_| it.take()))
        })
        .collect();
    for _ in 0..takers {
        it.put();
    }
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(it.queue.waiters(), 0);
}

#[test]
fn w3_wake_one_conserved_2_waiters() {
    explore(3, || w3(2));
}

#[test]
#[ignore = "full"]
fn w3_wake_one_conserved_3_waiters() {
    explore(2, || w3(3));
}

/// W3: one item, one taker, and waiters that give up without looking: a wake-one that reaches
/// them goes on to the taker.
fn w3_leaving(leavers: usize) {
    let it = shared();
    let taker = spawn({
        let it = it.clone();
        // Not a swap: loom lets one that wrote false over false come after a plain store of true.
        let take = move |it: &Shared| it.flag.compare_exchange(true, false, AcqRel, Acquire).ok();
        move |cx| (it.queue).wait_until(cx, |_| take(&it))
    });
    let others: Vec<_> = (0..leavers)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| {
                let waiter = pin!(Waiter::new());
                waiter.as_ref().prepare(&it.queue, cx);
                waiter.as_ref().clear();
            })
        })
        .collect();
    it.flag.store(true, Release);
    it.queue.wake_one();
    taker.join().unwrap();
    others.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(it.queue.waiters(), 0);
}

#[test]
fn w3_leaving_hands_on_2_waiters() {
    explore(3, || w3_leaving(1));
}

#[test]
fn w3_leaving_hands_on_3_waiters() {
    explore(2, || w3_leaving(2));
}

#[test]
fn w3_leaving_hands_on_3_waiters_bound_3() {
    explore(3, || w3_leaving(2));
}

/// W3 and W9: one permit goes round between a waiter in a hurry and a patient one; whether the
/// deadline comes before, with or after the wake, the patient one gets it.
#[test]
fn w3_conserved_across_deadlines() {
    explore(2, || {
        let it = shared();
        let deadline = Instant::from_nanos(10);
        let patient = spawn({
            let it = it.clone();
            move |cx| it.queue.wait_until(cx, |_| it.take())
        });
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let giver = loom::thread::spawn({
            let it = it.clone();
            move || it.put()
        });
        enter(|cx| {
            let taken = (it.queue).wait_until_deadline(cx, deadline, |_| it.take());
            if taken.is_ok() {
                it.put();
            }
        });
        clock.join().unwrap();
        giver.join().unwrap();
        patient.join().unwrap();
        assert_eq!(it.queue.waiters(), 0);
    });
}

/// W4: of three that wait, two wake-ones that race wake the first two, whoever comes first.
#[test]
fn w4_first_in_first_out() {
    explore(3, || {
        let it = shared();
        enter(|cx| {
            let (a, b, c) = (
                pin!(Waiter::new()),
                pin!(Waiter::new()),
                pin!(Waiter::new()),
            );
            let all = [a.as_ref(), b.as_ref(), c.as_ref()];
            all.iter().for_each(|w| w.prepare(&it.queue, cx));
            let other = loom::thread::spawn({
                let it = it.clone();
                move || assert!(it.queue.wake_one())
            });
            assert!(it.queue.wake_one());
            assert!(!all[0].is_waiting(), "the first wake is for the first");
            other.join().unwrap();
            assert_eq!(all.map(|w| w.is_waiting()), [false, false, true]);
            all.iter().for_each(|w| w.accept());
        });
    });
}

/// W4: a wake-one wakes all that share, and one exclusive waiter, also when one leaves meanwhile.
#[test]
fn w4_shared_all_wake() {
    explore(3, || {
        let it = shared();
        enter(|cx| {
            let (a, b) = (pin!(Waiter::new()), pin!(Waiter::new()));
            let (s, t) = (pin!(Waiter::shared()), pin!(Waiter::shared()));
            let (a, b, s, t) = (a.as_ref(), b.as_ref(), s.as_ref(), t.as_ref());
            [a, s, b, t].iter().for_each(|w| w.prepare(&it.queue, cx));
            let other = loom::thread::spawn({
                let it = it.clone();
                move || assert!(it.queue.wake_one())
            });
            a.clear();
            other.join().unwrap();
            assert!(!s.is_waiting() && !t.is_waiting());
            assert!(
                !b.is_waiting(),
                "the wake-one reached it or was handed on to it"
            );
        });
        assert_eq!(it.queue.waiters(), 0);
    });
}

/// W5: wake-all wakes those present when it began, each once; who comes back is not woken again.
/// (A batch is two in models.)
#[test]
fn w5_wake_all_ends() {
    explore(3, || {
        let it = shared();
        enter(|cx| {
            let (a, b, c) = (
                pin!(Waiter::new()),
                pin!(Waiter::new()),
                pin!(Waiter::new()),
            );
            let all = [a.as_ref(), b.as_ref(), c.as_ref()];
            all.iter().for_each(|w| w.prepare(&it.queue, cx));
            let other = loom::thread::spawn({
                let it = it.clone();
                move || it.queue.wake_all()
            });
            let back = !all[0].is_waiting();
            if back {
                all[0].prepare(&it.queue, cx);
            }
            assert_eq!(other.join().unwrap(), 3);
            assert_eq!(all.map(|w| w.is_waiting()), [back, false, false]);
        });
        assert_eq!(it.queue.waiters(), 0);
    });
}

/// W8: whichever way a waiter leaves, and whatever wakes come meanwhile, nothing is left of it.
#[test]
fn w8_leaving_leaves_nothing() {
    explore(2, || {
        let it = shared();
        let deadline = Instant::from_nanos(10);
        let other = spawn({
            let it = it.clone();
            move |cx| {
                let waiter = pin!(Waiter::new());
                waiter.as_ref().prepare(&it.queue, cx);
                // Dropped as it is, woken or not.
            }
        });
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let waker = loom::thread::spawn({
            let it = it.clone();
            move || it.queue.wake_all()
        });
        let result = enter(|cx| (it.queue).wait_until_deadline(cx, deadline, |_| None::<()>));
        assert_eq!(result, Err(TimedOut));
        clock.join().unwrap();
        waker.join().unwrap();
        other.join().unwrap();
        assert_eq!(it.queue.waiters(), 0);
        assert!(!it.queue.wake_one());
    });
}

/// W9: of a wake and a deadline one wins, and both sides agree which.
#[test]
fn w9_one_winner() {
    explore(3, || {
        let it = shared();
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let waker = loom::thread::spawn({
            let it = it.clone();
            move || it.queue.wake_one()
        });
        let woken = enter(|cx| {
            let waiter = pin!(Waiter::new());
            let waiter = waiter.as_ref();
            waiter.prepare(&it.queue, cx);
            let woken = waiter.maybe_block_until(cx, deadline).is_ok();
            waiter.accept();
            woken
        });
        clock.join().unwrap();
        assert_eq!(waker.join().unwrap(), woken);
        assert_eq!(it.queue.waiters(), 0);
    });
}
