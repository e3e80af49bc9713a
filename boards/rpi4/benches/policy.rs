//! The scheduler's policy by itself: who is next among many.

use crate::meter;
use alloc::vec::Vec;
use core::hint::black_box;
use layercake_kernel::TaskCx;
use layercake_kernel::thread::{CpuSet, Priority};
use layercake_sched::{Enqueue, Entity, EntityRef, PutPrev, RunQueue};

/// The running one of `size` first-in-first-out threads of one level gives way, the next is picked.
pub fn pick_rt(_: &mut TaskCx, size: u32) {
    pick(size, Priority::fifo(10));
}

/// The running one of `size` fair threads of one weight gives way, the next is picked.
pub fn pick_fair(_: &mut TaskCx, size: u32) {
    pick(size, Priority::NORMAL);
}

fn pick(size: u32, priority: Priority) {
    let entities: Vec<Entity> = (0..size)
        .map(|_| Entity::new(priority, CpuSet::one(0)))
        .collect();
    let mut queue = RunQueue::new(10_000_000);
    let mut now = 1000;
    for entity in &entities {
        // SAFETY: ENT-LIVE: the queue is dropped first. ENT-LOCK: one thread uses both.
        let entity = unsafe { EntityRef::from_raw(entity) };
        queue.enqueue(entity, now, Enqueue::New);
    }
    queue.pick_next(now);
    while meter::wants_more() {
        now += 1000;
        meter::begin();
        queue.put_prev(now, PutPrev::Yielded);
        black_box(queue.pick_next(now));
        meter::end();
    }
    drop(queue);
}
