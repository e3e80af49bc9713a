//! What a fair thread is owed or owes when it comes back, counted in slices: the limits that
//! [`Enqueue`] names, by hand. That shares come out right in the long run is shown by the simulator.

mod support;

use layercake_sched::{Enqueue, EntityRef, Priority, PutPrev, RunQueue};
use support::{SLICE, thread};

/// A queue on which the first runs and the second waits, both since `now`.
fn pair(now: u64) -> (RunQueue, EntityRef, EntityRef) {
    let (mut rq, runs, waits) = (
        RunQueue::new(SLICE),
        thread(Priority::NORMAL),
        thread(Priority::NORMAL),
    );
    rq.enqueue(runs.clone(), now, Enqueue::New);
    rq.pick_next(now);
    rq.enqueue(waits.clone(), now, Enqueue::New);
    (rq, runs, waits)
}

/// How many slices `e` gets before anybody else does.
fn in_a_row(rq: &mut RunQueue, e: &EntityRef, mut now: u64) -> u64 {
    let mut slices = 0;
    while rq.pick_next(now).is_some_and(|next| next.is(e)) {
        now += SLICE;
        rq.put_prev(now, PutPrev::Preempted);
        slices += 1;
        assert!(slices < 100, "nobody else ever runs");
    }
    slices
}

/// A queue on which somebody runs alone.
fn elsewhere(now: u64) -> (RunQueue, EntityRef) {
    let (mut rq, alone) = (RunQueue::new(SLICE), thread(Priority::NORMAL));
    rq.enqueue(alone.clone(), now, Enqueue::New);
    rq.pick_next(now);
    (rq, alone)
}

/// A core that did not look for ten slices owes five of them; two are kept.
#[test]
fn who_got_too_little_is_owed_two_slices_at_most() {
    for how in [Enqueue::Wake, Enqueue::Migrate] {
        let (mut rq, _, waits) = pair(0);
        let waits = rq.dequeue(&waits, 10 * SLICE).expect("it waits");
        let (mut there, _) = elsewhere(10 * SLICE);
        there.enqueue(waits.clone(), 10 * SLICE, how);
        // It takes two of the other's as it takes two of its own to be two more ahead.
        assert_eq!(in_a_row(&mut there, &waits, 10 * SLICE), 4, "{how:?}");
    }
}

/// What is owed is time, whatever it weighs then.
#[test]
fn what_is_owed_stays_the_same_with_another_weight() {
    let (mut rq, _, waits) = pair(0);
    let waits = rq.dequeue(&waits, 2 * SLICE).expect("it waits");
    for nice in [-20, 19, 5, 0] {
        assert!(rq.set_priority(&waits, Priority::fair(nice), 2 * SLICE));
    }
    let (mut there, _) = elsewhere(2 * SLICE);
    there.enqueue(waits.clone(), 2 * SLICE, Enqueue::Wake);
    assert_eq!(in_a_row(&mut there, &waits, 2 * SLICE), 2);
}

#[test]
fn who_got_too_much_owes_two_slices_at_most() {
    let (mut rq, runs, _) = pair(0);
    rq.block_current(10 * SLICE).expect("it runs");
    let (mut there, other) = elsewhere(10 * SLICE);
    there.enqueue(runs, 10 * SLICE, Enqueue::Wake);
    assert_eq!(in_a_row(&mut there, &other, 10 * SLICE), 4);
}

/// At home what is owed is known by age: the others have caught up with part of it meanwhile.
#[test]
fn at_home_the_debt_is_paid_as_the_others_catch_up() {
    for (slept, left) in [(3, 2), (9, 1)] {
        let (mut rq, runs, other) = pair(0);
        rq.block_current(10 * SLICE).expect("it runs");
        assert!(rq.pick_next(10 * SLICE).unwrap().is(&other));
        let now = (10 + slept) * SLICE;
        rq.enqueue(runs.clone(), now, Enqueue::Wake);
        assert_eq!(in_a_row(&mut rq, &other, now), left, "after {slept} slices");
    }
}

/// Who yields gives up what it is owed, however much that is, and asks anew: the other has the core,
/// though it had more than its share.
#[test]
fn who_yields_is_not_owed_anything_any_more() {
    for (mine, theirs) in [(0, 0), (-20, 19), (19, -20), (0, 5)] {
        let [runs, waits] = [theirs, mine].map(|nice| thread(Priority::fair(nice)));
        let mut rq = RunQueue::new(SLICE);
        rq.enqueue(runs.clone(), 0, Enqueue::New);
        rq.pick_next(0);
        rq.enqueue(waits.clone(), 0, Enqueue::New);
        let now = 10 * SLICE;
        assert!(rq.preempt_current(now, |_| ()).unwrap().is(&waits));
        let next = rq.yield_current(now);
        assert!(next.is_some_and(|e| e.is(&runs)), "{mine}, {theirs}");
        assert_eq!(rq.next_event(), Some(now + SLICE));
    }
}

#[test]
fn who_is_alone_may_yield_at_no_cost() {
    let (mut rq, alone) = elsewhere(0);
    assert!(rq.yield_current(SLICE / 2).is_none());
    let other = thread(Priority::NORMAL);
    rq.enqueue(other, SLICE / 2, Enqueue::New);
    // A slice from the yield on, and no part of another.
    assert_eq!(rq.next_event(), Some(SLICE / 2 + SLICE));
    assert!(rq.current().unwrap().is(&alone));
}

/// Who moves in the middle of its request has the rest of it there; who slept asks anew.
#[test]
fn a_request_goes_along_to_another_core() {
    for (how, rest) in [(Enqueue::Migrate, SLICE / 2), (Enqueue::Wake, SLICE)] {
        let (mut rq, runs, _) = pair(0);
        let now = SLICE / 2;
        rq.put_prev(now, PutPrev::Preempted);
        let runs = rq.dequeue(&runs, now).expect("it waits");
        let (mut there, _) = elsewhere(now);
        there.enqueue(runs.clone(), now, how);
        there.block_current(now);
        assert!(there.pick_next(now).unwrap().is(&runs));
        there.enqueue(thread(Priority::NORMAL), now, Enqueue::New);
        assert_eq!(there.next_event(), Some(now + rest), "{how:?}");
    }
}
