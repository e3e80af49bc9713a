//! The ends of what the policy decides: ties, limits, and who is counted. Each of these was a change
//! to the crate that no other test noticed.

mod support;

use layercake_sched::{
    CoreLoad, CpuSet, Enqueue, Priority, PutPrev, RunQueue, least_loaded, place_on_wake,
};
use support::{SLICE, busy_queue_of, counts, is, thread};

fn core(queued: usize, fair_weight: u64, running: Option<Priority>) -> CoreLoad {
    CoreLoad {
        queued,
        fair_weight,
        running,
    }
}

#[test]
fn the_move_that_leaves_the_larger_load_smallest_is_made() {
    // 9537 runs, 3125 and 335 wait. To a core with 10, the heavy one: that leaves 9872, the light one
    // would leave 12,662, and the one that runs would make it 9547, so it is waited for as long as may be.
    let (runs, light, heavy) = (
        thread(Priority::fair(-10)),
        thread(Priority::fair(5)),
        thread(Priority::fair(-5)),
    );
    let mut rq = busy_queue_of(&[&runs, &light, &heavy]);
    let loads = [CoreLoad::default(), core(0, 10, Some(Priority::NORMAL))];
    let waited = (0..9).take_while(|_| {
        let moved = rq.balance(0, CpuSet::first(2), &loads, 0).moved;
        moved.is_none_or(|(e, to)| {
            assert!(e.is(&heavy) && to == 1);
            false
        })
    });
    assert_eq!(waited.count(), 4);
}

#[test]
fn from_under_real_time_the_one_goes_that_makes_the_other_core_least_loaded() {
    let (hog, heavy, light) = (
        thread(Priority::fifo(9)),
        thread(Priority::fair(-5)),
        thread(Priority::fair(5)),
    );
    let mut rq = busy_queue_of(&[&hog, &heavy, &light]);
    let loads = [CoreLoad::default(); 2];
    let (moved, to) = rq.balance(0, CpuSet::first(2), &loads, 0).moved.unwrap();
    assert!(moved.is(&light) && to == 1);
}

#[test]
fn balance_is_asked_for_only_when_fair_threads_wait_for_real_time() {
    let [a, b] = [(); 2].map(|()| thread(Priority::NORMAL));
    let mut rq = busy_queue_of(&[&a, &b]);
    rq.tick(SLICE);
    let next = rq.preempt_current(SLICE, |_| panic!("the turns of the fair end"));
    assert!(next.unwrap().is(&b));
    let hog = thread(Priority::round_robin(9));
    rq.enqueue(hog.clone(), SLICE, Enqueue::New);
    let mut told = None;
    let next = rq.preempt_current(SLICE, |ns| told = Some(ns));
    assert!(next.unwrap().is(&hog));
    assert_eq!(told, rq.balance_in());
    assert!(told.is_some());
}

#[test]
fn a_set_may_be_given_what_it_has_and_says_what_that_is() {
    let set = CpuSet::first(3);
    assert_eq!(set.with(2), set);
    assert_eq!(format!("{:?}", set.without(1)), "{0, 2}");
}

#[test]
fn threads_count_before_weight_and_the_one_that_runs_is_one() {
    let loads = [core(0, 1024, Some(Priority::NORMAL)), core(2, 0, None)];
    assert_eq!(least_loaded(CpuSet::first(2), 1, &loads), Some(0));
}

#[test]
fn a_core_that_is_about_to_run_somebody_is_easier_to_preempt_than_any() {
    let loads = [core(0, 0, Some(Priority::Idle)), core(1, 0, None)];
    let to = place_on_wake(CpuSet::first(2), 0, Priority::fifo(1), &loads);
    assert_eq!(to, Some(1));
}

#[test]
fn an_equal_of_real_time_is_not_preempted() {
    let fifo = |level| Some(Priority::fifo(level));
    let loads = [core(5, 0, fifo(10)), core(0, 0, fifo(11))];
    let both = CpuSet::first(2);
    // The softer one is its equal: where there is less to do, it runs sooner.
    let to = place_on_wake(both, 0, Priority::fifo(10), &loads);
    assert_eq!(to, Some(1));
    let to = place_on_wake(both, 0, Priority::fifo(11), &loads);
    assert_eq!(to, Some(0));
}

#[test]
fn run_time_is_counted_whenever_somebody_fair_comes() {
    let [a, b] = [(); 2].map(|()| thread(Priority::NORMAL));
    let mut rq = busy_queue_of(&[&a]);
    rq.enqueue(b, 500, Enqueue::New);
    assert_eq!(a.run_time(), 500);
}

#[test]
fn an_equal_deadline_is_no_reason_to_switch() {
    let [a, b] = [(); 2].map(|()| thread(Priority::NORMAL));
    let mut rq = busy_queue_of(&[&a, &b]);
    assert!(!rq.should_preempt(0));
}

#[test]
fn a_run_queue_reports_itself() {
    let a = thread(Priority::NORMAL);
    let rq = busy_queue_of(&[&a, &thread(Priority::NORMAL)]);
    let report = format!("{rq:?}");
    assert!(report.starts_with("RunQueue {"), "{report}");
    assert!(report.contains("runnable: 1"), "{report}");
}

/// Who exits, or goes to another core, gives up its turn and does not block.
#[test]
fn who_leaves_does_not_block() {
    let (a, b) = (thread(Priority::fifo(5)), thread(Priority::fifo(5)));
    let mut rq = busy_queue_of(&[&a, &b]);
    assert!(is(rq.leave_and_pick(10), &b));
    assert_eq!(counts(&a), (10, 1, 0));
    assert_eq!(rq.switches(), 2);
    assert!(rq.leave_and_pick(30).is_none());
    assert_eq!(counts(&b), (20, 1, 0));
    assert_eq!(rq.switches(), 3, "to nobody");
}

/// To block with somebody there is one switch, with nobody one to nobody.
#[test]
fn a_block_is_one_switch() {
    let (a, b) = (thread(Priority::NORMAL), thread(Priority::NORMAL));
    let mut rq = busy_queue_of(&[&a, &b]);
    assert!(is(rq.block_and_pick(10), &b));
    assert_eq!((counts(&a), rq.switches()), ((10, 1, 1), 2));
    assert!(rq.block_and_pick(30).is_none());
    assert_eq!((counts(&b), rq.switches()), ((20, 1, 1), 3));
}

#[test]
fn a_slice_can_be_changed() {
    let [a, b] = [5; 2].map(|level| thread(Priority::round_robin(level)));
    let mut rq = RunQueue::new(SLICE);
    rq.set_slice(3 * SLICE);
    for one in [&a, &b] {
        rq.enqueue(one.clone(), 0, Enqueue::New);
    }
    assert!(is(rq.pick_next(0), &a));
    assert_eq!(rq.next_event(), Some(3 * SLICE));
}

/// What is renewed has done nothing, and is as it is said to be.
#[test]
fn an_entity_can_be_used_again() {
    let used = thread(Priority::NORMAL);
    let mut rq = busy_queue_of(&[&used]);
    assert!(rq.leave_and_pick(3).is_none());
    assert_eq!(counts(&used), (3, 1, 0));
    used.renew(Priority::fifo(7), CpuSet::one(2));
    assert_eq!(counts(&used), (0, 0, 0));
    assert_eq!(used.priority(), Priority::fifo(7));
    assert_eq!(used.affinity(), CpuSet::one(2));
    let mut rq = busy_queue_of(&[&thread(Priority::fifo(6))]);
    assert_eq!(rq.wake_fifo(&used), Some(true), "it is as it was before");
}

/// Nor is it owed the turns that it had not got before.
#[test]
fn an_entity_that_is_used_again_is_owed_nothing() {
    let (used, other) = (thread(Priority::NORMAL), thread(Priority::NORMAL));
    let mut rq = busy_queue_of(&[&other, &used]);
    let end = 20 * SLICE;
    rq.dequeue(&used, end).expect("it waits");
    used.renew(Priority::NORMAL, CpuSet::ALL);
    rq.enqueue(used.clone(), end, Enqueue::Wake);
    rq.put_prev(end, PutPrev::Preempted);
    let mut row = 0;
    while is(rq.pick_next(end + row * SLICE), &used) {
        row += 1;
        rq.put_prev(end + row * SLICE, PutPrev::Preempted);
    }
    assert_eq!(row, 1);
}
