//! The wait queue itself: W1 to W3, that no wakeup is lost.

use crate::explore;
use crate::support::{DEADLINE, Queue};
use crate::support::{Shared, beside, clock, join_all, shared, sized, thread, threads};
use layercake_sync::TaskCx;
use layercake_wait::host::loom::{LoomHost, advance_to, enter};
use layercake_wait::{Host, Waiter};
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::pin::pin;
use std::sync::Arc;

/// A way to wait for what `look` finds.
type Wait = fn(&Queue, &mut TaskCx, &dyn Fn() -> Option<()>);

fn waits(queue: &Queue, cx: &mut TaskCx, look: &dyn Fn() -> Option<()>) {
    queue.wait_until(cx, |_| look());
}

fn idles(queue: &Queue, cx: &mut TaskCx, look: &dyn Fn() -> Option<()>) {
    queue.idle_until(cx, |_| look());
}

fn watches(queue: &Queue, cx: &mut TaskCx, look: &dyn Fn() -> Option<()>) {
    queue.wait_until_shared(cx, |_| look());
}

sized!(w1_no_lost_wakeup: |n| w1(n, waits));
sized!(large w1_no_lost_wakeup_idle: |n| w1(n, idles));
sized!(large w1_no_lost_wakeup_shared: |n| w1(n, watches));
sized!(w2_sticky_permit: w2);
sized!(large w3_wake_one_conserved: |n| w3(n, waits));
sized!(large w3_wake_one_conserved_idle: |n| w3(n, idles));
sized!(w3_leaving_hands_on: w3_leaving);
sized!(large w3_conserved_across_deadlines: |n| w3_deadlines(n, put_then_late));

/// W1: a condition made true before a wake-all is seen by every waiter.
fn w1(waiters: usize, wait: Wait) {
    let it = shared();
    let each = move |it: &Shared, cx: &mut TaskCx, _| wait(&it.queue, cx, &|| it.flag());
    let others = threads(waiters - 1, &it, each);
    let waker = beside(&it, |it| {
        it.raise();
        it.queue.wake_all();
    });
    enter(|cx| each(&it, cx, 0));
    waker.join().unwrap();
    join_all(others);
    assert_eq!(it.queue.waiters(), 0, "W8: nobody is left on the queue");
}

/// W1 and W7 with one waiter and one wake-one, deeper: the smallest place for either to go wrong.
#[test]
fn w7_last_touch_before_return() {
    explore(5, || {
        let it = shared();
        let waker = beside(&it, |it| {
            it.raise();
            it.queue.wake_one();
        });
        // The waiter's frame ends inside; its drop is a write that any later touch collides with.
        enter(|cx| it.queue.wait_until(cx, |_| it.flag()));
        waker.join().unwrap();
    });
}

/// Threads to tell, by their handles, and what they are told.
type Told = (AtomicBool, loom::sync::Mutex<Vec<<LoomHost as Host>::Task>>);

/// W2: each of several threads is unparked once, at some time; none sleeps on.
fn w2(waiters: usize) {
    let it: Arc<Told> = Arc::default();
    let each = |(told, handles): &Told, cx: &mut TaskCx, _| {
        handles.lock().unwrap().push(LoomHost::current());
        while !told.load(Relaxed) {
            LoomHost::park(cx, None);
        }
    };
    let others = threads(waiters - 1, &it, each);
    let teller = beside(&it, |(told, handles)| {
        told.store(true, Relaxed);
        // Whoever has not come yet sees what was told: the lock orders.
        handles.lock().unwrap().iter().for_each(LoomHost::unpark);
    });
    enter(|cx| each(&it, cx, 0));
    teller.join().unwrap();
    join_all(others);
}

/// W3: as many wake-ones as items, each taken by one of as many takers.
fn w3(takers: usize, wait: Wait) {
    let it = shared();
    // One of them waits in the usual way, in whatever way the others do.
    let each = move |it: &Shared, cx: &mut TaskCx, i| {
        let wait = if i == 1 { waits } else { wait };
        wait(&it.queue, cx, &|| it.take());
    };
    let takers = threads(takers, &it, each);
    takers.iter().for_each(|_| it.put());
    join_all(takers);
    assert_eq!(it.queue.waiters(), 0);
}

/// W3: one item, one taker, and waiters that give up without looking: a wake-one that reaches
/// them goes on to the taker.
fn w3_leaving(waiters: usize) {
    let it = shared();
    let taker = thread(&it, |it, cx| {
        // Not a swap: loom lets one that wrote false over false come after a plain store of true.
        let take = || it.flag.compare_exchange(true, false, AcqRel, Acquire).ok();
        it.queue.wait_until(cx, |_| take())
    });
    let others = threads(waiters - 1, &it, |it, cx, _| {
        let waiter = pin!(Waiter::new());
        waiter.as_ref().prepare(&it.queue, cx);
        waiter.as_ref().clear();
    });
    it.flag.store(true, Release);
    it.queue.wake_one();
    taker.join().unwrap();
    join_all(others);
    assert_eq!(it.queue.waiters(), 0);
}

fn put_then_late(it: &Shared) {
    it.put();
    advance_to(DEADLINE);
}

/// W3 and W9: one item, one who is patient and others in a hurry, who put back what they get.
/// Whoever the item reaches, at whatever moment the deadline comes, the patient one gets it.
fn w3_deadlines(waiters: usize, events: fn(&Shared)) {
    let it = shared();
    let hurry = |it: &Shared, cx: &mut TaskCx, _| {
        let taken = (it.queue).wait_until_deadline(cx, DEADLINE, |_| it.take());
        if taken.is_ok() {
            it.put();
        }
    };
    let patient = thread(&it, |it, cx| it.queue.wait_until(cx, |_| it.take()));
    let others = threads(waiters - 2, &it, hurry);
    let giver = beside(&it, events);
    enter(|cx| hurry(&it, cx, 0));
    giver.join().unwrap();
    patient.join().unwrap();
    join_all(others);
    assert_eq!(it.queue.waiters(), 0);
}

/// The same with the clock on a thread of its own: the deadline may also come in the middle of
/// the wake.
#[test]
fn w3_conserved_in_a_race_with_the_deadline() {
    explore(2, || {
        let clock = clock();
        w3_deadlines(2, Shared::put);
        clock.join().unwrap();
    });
}
