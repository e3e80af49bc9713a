//! The short ways between first-in first-out threads: that they are gone where they are promised, and
//! count what the long ones do. That both lead to the same thread is in `model.rs`.

mod support;

use layercake_sched::{Enqueue, EntityRef, Priority, RunQueue};
use support::{SLICE, busy_queue_of, counts, is, thread};

fn fifo(level: u8) -> EntityRef {
    thread(Priority::fifo(level))
}

#[test]
fn a_wake_goes_it_beside_first_in_first_out_threads() {
    for (runs, urgent) in [(0, 1), (0, 63), (5, 9), (62, 63)] {
        let (current, more, equal) = (fifo(runs), fifo(urgent), fifo(runs));
        let mut rq = busy_queue_of(&[&current]);
        assert_eq!(rq.wake_fifo(&equal), Some(false), "{runs}");
        assert_eq!(rq.wake_fifo(&equal), None, "it waits already");
        assert_eq!(rq.wake_fifo(&more), Some(true), "{runs} {urgent}");
        assert!(rq.should_preempt(0));
        assert_eq!(rq.runnable(), 2);
        assert!(rq.preempt_by(&more, 70));
        assert!(is(rq.current().cloned(), &more));
        assert_eq!(counts(&current), (70, 1, 0));
        // Less urgent than who runs now, and more than who waits.
        assert_eq!(rq.wake_fifo(&fifo(runs)), Some(false));
        assert_eq!((rq.runnable(), rq.switches()), (3, 2));
    }
}

#[test]
fn a_wake_of_others_or_on_a_new_queue_goes_the_long_one() {
    let mut rq = RunQueue::new(SLICE);
    assert_eq!(rq.wake_fifo(&fifo(5)), None);
    let fair = thread(Priority::NORMAL);
    let mut rq = busy_queue_of(&[&fair]);
    for other in [Priority::NORMAL, Priority::round_robin(5), Priority::Idle] {
        assert_eq!(rq.wake_fifo(&thread(other)), None, "{other:?}");
    }
    let urgent = fifo(5);
    assert_eq!(rq.wake_fifo(&urgent), Some(true));
    assert!(!rq.preempt_by(&urgent, 0), "a fair one runs");
    let mut other = busy_queue_of(&[&fifo(5), &fifo(9)]);
    assert_eq!(other.wake_fifo(&fifo(7)), None, "somebody is due already");
    assert_eq!(rq.wake_fifo(&fifo(5)), None, "a fair one runs");
    assert_eq!(rq.runnable(), 1);
}

#[test]
fn an_interrupt_goes_it_to_who_is_more_urgent() {
    let (current, more) = (fifo(5), fifo(9));
    let mut rq = busy_queue_of(&[&current]);
    assert!(rq.preempt_fifo(0).is_none(), "nobody waits");
    rq.enqueue(fifo(5), 0, Enqueue::New);
    assert!(rq.preempt_fifo(0).is_none(), "an equal waits");
    rq.enqueue(more.clone(), 0, Enqueue::New);
    assert!(is(rq.preempt_fifo(30), &more));
    assert_eq!(counts(&current), (30, 1, 0));
    assert_eq!((rq.runnable(), rq.switches()), (2, 2));
    rq.enqueue(thread(Priority::round_robin(11)), 0, Enqueue::New);
    assert!(rq.preempt_fifo(0).is_none(), "it would have to be timed");
    assert!(is(rq.current().cloned(), &more));
}

#[test]
fn a_yield_goes_it_to_an_equal() {
    let (a, b) = (fifo(5), fifo(5));
    let mut rq = busy_queue_of(&[&a]);
    rq.enqueue(fifo(4), 0, Enqueue::New);
    assert!(rq.yield_fifo(0).is_none(), "nobody is its equal");
    rq.enqueue(b.clone(), 0, Enqueue::New);
    for (now, next) in [(10, &b), (30, &a), (60, &b)] {
        assert!(is(rq.yield_fifo(now), next));
    }
    assert_eq!((counts(&a), counts(&b)), ((40, 2, 0), (20, 1, 0)));
    assert_eq!((rq.runnable(), rq.switches()), (2, 4));
    for _ in 0..2 {
        rq.enqueue(fifo(6), 60, Enqueue::New);
        assert!(rq.yield_fifo(60).is_none(), "those come first");
    }
}

#[test]
fn a_block_goes_it_to_the_next() {
    let (a, equal, less) = (fifo(5), fifo(5), fifo(0));
    let mut rq = busy_queue_of(&[&a, &equal, &less]);
    assert!(is(rq.block_fifo(10), &equal));
    assert_eq!(counts(&a), (10, 1, 1));
    assert!(is(rq.block_fifo(30), &less), "of another priority");
    assert_eq!(counts(&equal), (20, 1, 1));
    assert!(!a.is_linked() && !equal.is_linked());
    assert_eq!((rq.runnable(), rq.switches()), (0, 3));
    assert!(rq.block_fifo(40).is_none(), "nobody is there");
    // Nothing has happened.
    assert!(is(rq.current().cloned(), &less));
    assert_eq!(counts(&less), (0, 0, 0));
    for other in [Priority::NORMAL, Priority::round_robin(0), Priority::Idle] {
        let other = thread(other);
        rq.enqueue(other.clone(), 40, Enqueue::New);
        assert!(rq.block_fifo(40).is_none(), "it would have to be timed");
        rq.dequeue(&other, 40).expect("it waits");
    }
    rq.enqueue(fifo(9), 40, Enqueue::New);
    rq.enqueue(fifo(0), 40, Enqueue::New);
    assert!(rq.block_fifo(40).is_none(), "somebody more urgent waits");
    assert!(is(rq.current().cloned(), &less));
}
