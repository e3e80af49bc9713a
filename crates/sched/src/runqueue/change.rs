//! Threads that are taken off a run queue, or get another priority, without having asked for it.
//!
//! What belongs here: what happens to a thread that waits, or runs, from outside. What does not: what
//! the running thread does itself, and picks ([`crate::runqueue`]).

#![forbid(unsafe_code)]

use super::{Enqueue, RunQueue};
use crate::cpuset::CpuSet;
use crate::entity::Entity;
use crate::fair::Join;
use crate::links::EntityRef;
use crate::priority::{FAIR, IDLE, Priority};

/// How many entities of each ring are looked at for one that may move to another core; of the tree,
/// which holds all the fair ones, twice as many.
const PULL_SCAN: usize = 8;

impl RunQueue {
    /// Takes out a thread that waits here. `None` if it does not: it runs, sleeps, or is on another
    /// run queue. O(1) for real time and the idle class, O(log n) for the fair class.
    ///
    /// What the fair class owes it is kept for when it is enqueued again, here or elsewhere.
    pub fn dequeue(&mut self, e: &EntityRef, now: u64) -> Option<EntityRef> {
        if self.is_current(e) || !self.queues.take(e) {
            return None;
        }
        if e.level.get() == FAIR {
            self.charge(now);
            self.fair.removed();
            self.fair.leave(e, self.slice);
        } else {
            self.unlisted(e.level.get());
        }
        self.waiting -= 1;
        Some(e.clone())
    }

    /// Changes the priority of a thread that waits here, runs here, or is nowhere. One that is on
    /// another run queue is left as it is, and the answer is false.
    ///
    /// One that waits goes behind its new equals. After this ask
    /// [`should_preempt`](Self::should_preempt). O(log n).
    pub fn set_priority(&mut self, e: &EntityRef, priority: Priority, now: u64) -> bool {
        if self.is_current(e) {
            let Some(current) = self.take_current(now) else {
                return true;
            };
            e.put_priority(priority);
            e.quantum.set(self.slice);
            let level = e.level.get();
            if level == FAIR {
                self.fair.join(e, Join::WithLag, self.slice);
            } else {
                self.queues.push_front(level, current.clone());
                self.listed(level);
            }
            self.bar = current.fifo.get();
            self.current = Some(current);
        } else if let Some(taken) = self.dequeue(e, now) {
            e.put_priority(priority);
            self.enqueue(taken, now, Enqueue::Migrate);
        } else if e.links.is_linked() {
            return false;
        } else {
            e.put_priority(priority);
        }
        true
    }

    /// Takes out a waiting thread that may run on one of `cores`, for a core that would idle: the
    /// most urgent one among the first few of each ring and of the tree. O(log n).
    pub fn pull(&mut self, cores: CpuSet, now: u64) -> Option<EntityRef> {
        self.take_first(PULL_SCAN, now, |e| !e.affinity.get().and(cores).is_empty())
    }

    /// Takes out a waiting thread that may not run on `core`, which is this one's: its affinity was
    /// changed while it ran here, and it has gone back to the queue since. O(threads that wait here).
    pub fn evict(&mut self, core: usize, now: u64) -> Option<EntityRef> {
        self.take_first(usize::MAX, now, |e| !e.affinity.get().contains(core))
    }

    /// Takes out the most urgent waiting thread that `wanted` accepts, among the first `limit` of each
    /// ring, and twice as many of the tree.
    fn take_first(
        &mut self,
        limit: usize,
        now: u64,
        wanted: impl Fn(&Entity) -> bool,
    ) -> Option<EntityRef> {
        let may = |e: &Entity| !self.is_current(e) && wanted(e);
        let q = &self.queues;
        let found = self
            .rt
            .iter()
            .find_map(|p| q.find_in_ring(p, limit, may))
            .or_else(|| q.find_fair(limit.saturating_mul(2), may))
            .or_else(|| q.find_in_ring(IDLE, limit, may));
        let found = found?;
        self.dequeue(&found, now)
    }
}
