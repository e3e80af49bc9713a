//! What the tests by hand share: threads, and queues with some on them. What a test asks of them, and
//! the loads of other cores, are its own.
#![allow(
    dead_code,
    reason = "each test file is a program of its own and uses a part"
)]

use layercake_sched::{CpuSet, Enqueue, Entity, EntityRef, Priority, RunQueue};

/// How long a slice is, in ns.
pub const SLICE: u64 = 10_000_000;

/// An entity that lives as long as the test.
pub fn thread(priority: Priority) -> EntityRef {
    let entity = Box::leak(Box::new(Entity::new(priority, CpuSet::ALL)));
    // SAFETY: ENT-LIVE: it is leaked; ENT-LOCK: this test is one thread.
    unsafe { EntityRef::from_raw(entity) }
}

/// A queue on which these threads wait, since 0; nobody runs.
pub fn queue_of(threads: &[&EntityRef]) -> RunQueue {
    let mut rq = RunQueue::new(SLICE);
    for t in threads {
        rq.enqueue((*t).clone(), 0, Enqueue::New);
    }
    rq
}

/// A queue with these threads, the first of which runs.
pub fn busy_queue_of(threads: &[&EntityRef]) -> RunQueue {
    let (first, others) = threads.split_first().expect("one runs");
    let mut rq = queue_of(&[first]);
    rq.pick_next(0);
    for t in others {
        rq.enqueue((*t).clone(), 0, Enqueue::New);
    }
    rq
}

/// Whether it is this one.
pub fn is(found: Option<EntityRef>, wanted: &EntityRef) -> bool {
    found.is_some_and(|found| found.is(wanted))
}

/// Run time, turns, and those of the turns that ended by blocking.
pub fn counts(e: &Entity) -> (u64, u64, u64) {
    (e.run_time(), e.turns(), e.blocks())
}
