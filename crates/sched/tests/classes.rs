//! The classes by hand: strict priorities, turns, yields, and what `next_event` answers.

mod support;

use layercake_sched::{CoreLoad, CpuSet, Enqueue, Entity, EntityRef, Priority, PutPrev, RunQueue};
use support::{SLICE, queue_of, thread};

fn runs(rq: &RunQueue, t: &EntityRef) -> bool {
    rq.current().is_some_and(|c| c.is(t))
}

#[test]
fn an_empty_queue_idles_and_wants_no_tick() {
    let mut rq = RunQueue::new(SLICE);
    assert!(rq.pick_next(5).is_none());
    assert!(rq.next_event().is_none() && !rq.tick(9) && rq.runnable() == 0);
}

#[test]
fn real_time_runs_strictly_by_priority() {
    let (low, mid, high) = (
        thread(Priority::fifo(0)),
        thread(Priority::round_robin(31)),
        thread(Priority::fifo(63)),
    );
    let mut rq = queue_of(&[&low, &high, &mid]);
    for expected in [&high, &mid, &low] {
        assert!(rq.pick_next(0).unwrap().is(expected));
        assert!(!rq.should_preempt(0));
        rq.block_current(0);
    }
    assert!(rq.pick_next(0).is_none());
}

#[test]
fn fifo_runs_until_it_blocks_and_keeps_its_place_when_preempted() {
    let (a, b) = (thread(Priority::fifo(5)), thread(Priority::fifo(5)));
    let boss = thread(Priority::fifo(6));
    let mut rq = queue_of(&[&a, &b]);
    rq.pick_next(0);
    assert!(rq.next_event().is_none() && !rq.tick(1_000 * SLICE));
    rq.enqueue(boss.clone(), 0, Enqueue::New);
    assert!(rq.should_preempt(0));
    rq.put_prev(0, PutPrev::Preempted);
    assert!(rq.pick_next(0).unwrap().is(&boss));
    rq.block_current(0);
    assert!(
        rq.pick_next(0).unwrap().is(&a),
        "the preempted one is first"
    );
    rq.put_prev(0, PutPrev::Yielded);
    assert!(rq.pick_next(0).unwrap().is(&b));
}

#[test]
fn five_equals_that_yield_take_turns() {
    let all: Vec<_> = (0..5).map(|_| thread(Priority::fifo(9))).collect();
    let mut rq = queue_of(&all.iter().collect::<Vec<_>>());
    for round in 0..20 {
        let now = round * 100;
        assert!(rq.pick_next(now).unwrap().is(&all[round as usize % 5]));
        rq.put_prev(now + 100, PutPrev::Yielded);
    }
    assert!(all.iter().all(|t| t.run_time() == 400 && t.turns() == 4));
}

/// Beside one who takes turns as beside any other.
#[test]
fn only_who_is_more_urgent_preempts_one_who_takes_turns() {
    for other in [Priority::fifo(4), Priority::fifo(5), Priority::NORMAL] {
        let mut rq = support::busy_queue_of(&[&thread(Priority::round_robin(5)), &thread(other)]);
        assert!(!rq.should_preempt(0), "{other:?}");
        rq.enqueue(thread(Priority::round_robin(6)), 0, Enqueue::New);
        assert!(rq.should_preempt(0));
    }
}

#[test]
fn round_robin_rotates_at_the_end_of_the_turn_only() {
    let (a, b) = (
        thread(Priority::round_robin(5)),
        thread(Priority::round_robin(5)),
    );
    let mut rq = queue_of(&[&a, &b]);
    rq.pick_next(0);
    assert_eq!(rq.next_event(), Some(SLICE));
    assert!(!rq.tick(SLICE - 1) && rq.tick(SLICE));
    rq.put_prev(SLICE, PutPrev::Preempted);
    assert!(rq.pick_next(SLICE).unwrap().is(&b));
    // Preempted in the middle, it goes on with the rest of its turn.
    rq.put_prev(SLICE + 100, PutPrev::Preempted);
    assert!(rq.pick_next(SLICE + 200).unwrap().is(&b));
    assert_eq!(rq.next_event(), Some(2 * SLICE + 100));
}

#[test]
fn who_is_alone_in_its_class_needs_no_tick() {
    for p in [
        Priority::fifo(1),
        Priority::round_robin(1),
        Priority::NORMAL,
        Priority::Idle,
    ] {
        let (alone, other) = (thread(p), thread(p));
        let mut rq = queue_of(&[&alone]);
        rq.pick_next(0);
        assert_eq!(rq.next_event(), None, "{p:?}");
        assert!(!rq.tick(100 * SLICE));
        rq.enqueue(other.clone(), 100 * SLICE, Enqueue::New);
        assert_eq!(rq.next_event().is_some(), p != Priority::fifo(1), "{p:?}");
    }
}

#[test]
fn the_idle_class_runs_last_and_in_turns() {
    let (i, j) = (thread(Priority::Idle), thread(Priority::Idle));
    let normal = thread(Priority::fair(19));
    let mut rq = queue_of(&[&i, &j]);
    rq.pick_next(0);
    assert!(rq.tick(SLICE));
    rq.put_prev(SLICE, PutPrev::Preempted);
    assert!(rq.pick_next(SLICE).unwrap().is(&j));
    rq.enqueue(normal.clone(), SLICE, Enqueue::Wake);
    assert!(rq.should_preempt(SLICE));
    assert!(rq.pick_next(SLICE).unwrap().is(&normal));
    assert!(!rq.should_preempt(SLICE));
}

#[test]
fn a_fair_yield_lets_another_run() {
    let (a, b) = (thread(Priority::fair(-20)), thread(Priority::fair(19)));
    let mut rq = queue_of(&[&a, &b]);
    let first = rq.pick_next(0).unwrap();
    rq.put_prev(10, PutPrev::Yielded);
    assert!(!rq.pick_next(10).unwrap().is(&first));
}

#[test]
fn dequeue_takes_only_what_waits_here() {
    let (a, b, c) = (
        thread(Priority::fifo(3)),
        thread(Priority::NORMAL),
        thread(Priority::Idle),
    );
    let mut here = queue_of(&[&a, &b, &c]);
    let mut there = RunQueue::new(SLICE);
    for t in [&a, &b, &c] {
        assert!(there.dequeue(t, 0).is_none());
        assert!(here.dequeue(t, 0).is_some() && here.dequeue(t, 0).is_none());
        there.enqueue(t.clone(), 0, Enqueue::Migrate);
        assert!(here.dequeue(t, 0).is_none());
    }
    assert!(here.pick_next(0).is_none() && there.runnable() == 3);
    let running = there.pick_next(0).unwrap();
    assert!(
        there.dequeue(&running, 0).is_none(),
        "the running one does not wait"
    );
}

#[test]
#[should_panic(expected = "already")]
fn an_entity_cannot_be_on_two_queues() {
    let a = thread(Priority::fifo(3));
    let _first = queue_of(&[&a]);
    let _second = queue_of(&[&a]);
}

#[test]
fn a_priority_can_change_in_every_state() {
    let (a, b) = (thread(Priority::NORMAL), thread(Priority::NORMAL));
    let mut rq = queue_of(&[&a, &b]);
    let current = rq.pick_next(0).unwrap();
    let waiting = if current.is(&a) { &b } else { &a };
    assert!(rq.set_priority(waiting, Priority::fifo(1), 5));
    assert!(rq.should_preempt(5));
    assert!(rq.set_priority(&current, Priority::fifo(2), 5));
    assert!(!rq.should_preempt(5) && runs(&rq, &current));
    rq.block_current(6);
    assert!(rq.set_priority(&current, Priority::fair(3), 6));
    assert_eq!(current.priority(), Priority::fair(3));
    let mut other = RunQueue::new(SLICE);
    assert!(
        !other.set_priority(waiting, Priority::Idle, 6),
        "it waits elsewhere"
    );
}

#[test]
fn an_idle_core_pulls_only_who_may_come() {
    let (pinned, free) = (thread(Priority::fifo(9)), thread(Priority::NORMAL));
    pinned.set_affinity(CpuSet::one(0));
    let mut busy = queue_of(&[&pinned, &free]);
    let pulled = busy.pull(CpuSet::one(1), 0).unwrap();
    assert!(pulled.is(&free) && !free.is_linked());
    assert!(busy.pull(CpuSet::one(1), 0).is_none() && busy.runnable() == 1);
}

#[test]
fn what_comes_out_leads_to_its_owner() {
    struct Thread {
        id: u32,
        entity: Entity,
    }
    let owner = |e: &EntityRef| {
        let thread = e
            .as_ptr()
            .wrapping_byte_sub(std::mem::offset_of!(Thread, entity));
        // SAFETY: ENT-LIVE: all entities of this test are those of leaked `Thread`s.
        unsafe { (*thread.cast::<Thread>()).id }
    };
    let mut rq = RunQueue::new(SLICE);
    for (id, p) in [Priority::fifo(1), Priority::NORMAL, Priority::Idle]
        .into_iter()
        .enumerate()
    {
        let thread: *const Thread = Box::leak(Box::new(Thread {
            id: id as u32,
            entity: Entity::new(p, CpuSet::ALL),
        }));
        // SAFETY: ENT-LIVE: it is leaked; ENT-LOCK: this test is one thread.
        let e = unsafe { EntityRef::from_raw(&raw const (*thread).entity) };
        rq.enqueue(e.clone(), 0, Enqueue::New);
        let taken = rq.dequeue(&e, 0).unwrap();
        rq.enqueue(taken, 0, Enqueue::Wake);
        let pulled = rq.pull(CpuSet::ALL, 0).unwrap();
        assert_eq!(owner(&pulled), id as u32);
        rq.enqueue(pulled, 0, Enqueue::Migrate);
        assert_eq!(owner(&rq.pick_next(0).unwrap()), id as u32);
        assert_eq!(owner(&rq.block_current(0).unwrap()), id as u32);
    }
}

/// A fair thread's deadline is the nearer the more it weighs: a heavy one that comes has the core at
/// once, before the light one's turn is over; a light one that comes waits.
#[test]
fn a_heavier_fair_thread_does_not_wait_for_a_lighter_ones_turn() {
    for (running, comes, preempts) in [(19, -20, true), (-20, 19, false)] {
        let (running, comes) = (
            thread(Priority::fair(running)),
            thread(Priority::fair(comes)),
        );
        let mut rq = queue_of(&[&running]);
        assert!(rq.pick_next(0).unwrap().is(&running));
        rq.enqueue(comes.clone(), 1, Enqueue::New);
        assert_eq!(rq.should_preempt(1), preempts);
    }
}

#[test]
fn a_handle_reports_its_entity() {
    let one = thread(Priority::fifo(5));
    let report = format!("{one:?}");
    assert!(report.starts_with("Entity {"), "{report}");
    assert_eq!(report, format!("{:?}", &*one));
}

/// Who migrates in the middle of its turn has the rest of it there; who slept has a whole one.
#[test]
fn a_turn_goes_along_to_another_core_and_begins_anew_after_sleep() {
    for (how, rest) in [(Enqueue::Migrate, SLICE - 100), (Enqueue::Wake, SLICE)] {
        let [a, b, c] = [5; 3].map(|level| thread(Priority::round_robin(level)));
        let mut here = queue_of(&[&a, &b]);
        let mut there = RunQueue::new(SLICE);
        assert!(here.pick_next(0).unwrap().is(&a));
        here.put_prev(100, PutPrev::Preempted);
        let a = here.dequeue(&a, 100).expect("it waits");
        there.enqueue(a.clone(), 1000, how);
        there.enqueue(c, 1000, Enqueue::New);
        assert!(there.pick_next(1000).unwrap().is(&a));
        assert_eq!(there.next_event(), Some(1000 + rest), "{how:?}");
    }
    // One that never ran has a whole turn, even if it is moved before it could.
    let (a, b) = (
        thread(Priority::round_robin(5)),
        thread(Priority::round_robin(5)),
    );
    let mut rq = RunQueue::new(SLICE);
    rq.enqueue(a, 0, Enqueue::Migrate);
    rq.enqueue(b, 0, Enqueue::New);
    rq.pick_next(0);
    assert_eq!(rq.next_event(), Some(SLICE));
}

#[test]
fn a_core_is_idle_when_nobody_runs_or_waits() {
    let idle = CoreLoad::default();
    let running = Some(Priority::Idle);
    assert!(idle.is_idle());
    assert!(!CoreLoad { queued: 1, ..idle }.is_idle());
    assert!(!CoreLoad { running, ..idle }.is_idle());
}

#[test]
fn who_may_come_is_found_behind_one_who_may_not() {
    let entity = Entity::new(Priority::fifo(5), CpuSet::one(0));
    // SAFETY: as in `thread`.
    let pinned = unsafe { EntityRef::from_raw(Box::leak(Box::new(entity))) };
    let (first, last) = (thread(Priority::fifo(5)), thread(Priority::fifo(5)));
    let mut rq = queue_of(&[&pinned, &first, &last]);
    for expected in [&first, &last] {
        let pulled = rq.pull(CpuSet::one(1), 0).expect("it may come");
        assert!(pulled.is(expected));
    }
    assert!(rq.pull(CpuSet::one(1), 0).is_none() && rq.runnable() == 1);
}
