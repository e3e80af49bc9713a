//! The short ways between first-in first-out threads, for a kernel to inline.
//!
//! What belongs here: what wakes, switches and interrupts do most, in as few steps as can be. Each changes
//! nothing and says so where it cannot be gone. What does not: what is done then, for all classes, which is
//! [`crate::runqueue`]'s.

#![forbid(unsafe_code)]

use super::RunQueue;
use crate::links::EntityRef;
use crate::priority::FAIR;

impl RunQueue {
    /// The short way of [`enqueue`](Self::enqueue) and [`should_preempt`](Self::should_preempt), whose
    /// answer it gives: for a first-in first-out thread that is to run before all others, or while a
    /// first-in first-out thread runs that is as urgent. In all other cases nothing happens, and the
    /// answer is `None`; also if the thread is on a run queue already. After `Some(true)` see
    /// [`preempt_by`](Self::preempt_by). O(1).
    #[inline(always)]
    pub fn wake_fifo(&mut self, e: &EntityRef) -> Option<bool> {
        let level = e.fifo.get();
        if level >= FAIR || e.links.is_linked() {
            return None;
        }
        let rt = self.rt;
        if rt.is_below(level) {
            if !self.queues.have_number() {
                return None;
            }
            // It is alone on its ring, and more urgent than the current one, which is on its own if it
            // is of real time.
            self.queues.push_first(level, e);
            self.rt = rt.with(level);
            self.waiting += 1;
            return Some(true);
        }
        if level < self.bar || self.bar >= FAIR {
            return None;
        }
        if self.queues.ring_is_empty(level) {
            self.queues.push_first(level, e);
            self.rt = rt.with(level);
        } else {
            self.queues.push_back(level, e.clone());
        }
        self.waiting += 1;
        Some(false)
    }

    /// The short way of [`preempt_current`](Self::preempt_current), just after
    /// [`wake_fifo`](Self::wake_fifo) has said `Some(true)` of `e`, which gets the core: from a first-in
    /// first-out thread. False: nothing has happened, as there is none. After true there is no
    /// [`next_event`](Self::next_event). O(1).
    #[inline(always)]
    pub fn preempt_by(&mut self, e: &EntityRef, now: u64) -> bool {
        let level = e.fifo.get();
        debug_assert!(level == self.rt.top() && self.queues.ring_starts_with(level, e));
        if self.bar >= FAIR {
            return false;
        }
        let Some(before) = self.current.replace(e.clone()) else {
            return false;
        };
        self.bar = level;
        self.switched::<false>(&before, now);
        true
    }

    /// The short way of [`preempt_current`](Self::preempt_current), from one first-in first-out thread
    /// to another that is more urgent. In all other cases nothing happens, and the answer is `None`.
    /// After `Some` there is no [`next_event`](Self::next_event). O(1).
    #[inline(always)]
    pub fn preempt_fifo(&mut self, now: u64) -> Option<EntityRef> {
        let top = self.rt.top();
        if self.bar >= FAIR || top >= self.bar {
            return None;
        }
        let e = self.current.clone()?;
        let next = self.queues.first_of_ring(top)?;
        if next.fifo.get() >= FAIR {
            return None;
        }
        // As `start`, but there is one more that waits.
        self.bar = top;
        self.current = Some(next.clone());
        self.switched::<false>(&e, now);
        Some(next)
    }

    /// The short way of [`yield_current`](Self::yield_current), from one first-in first-out thread to
    /// another of the same priority. In all other cases nothing happens, and the answer is `None`.
    /// After `Some` there is no [`next_event`](Self::next_event). O(1).
    #[inline(always)]
    pub fn yield_fifo(&mut self, now: u64) -> Option<EntityRef> {
        let level = self.rt.top();
        if level != self.bar || level >= FAIR {
            return None;
        }
        // The current one is the first on its ring.
        let (e, next) = self.queues.first_two(level)?;
        if next.is(&e) || next.fifo.get() >= FAIR {
            return None;
        }
        self.queues.rotate(level);
        // As `start`, but there is one more that waits.
        self.current = Some(next.clone());
        self.switched::<false>(&e, now);
        Some(next)
    }

    /// The short way of [`block_and_pick`](Self::block_and_pick), from one first-in first-out thread to
    /// another. In all other cases nothing happens, and the answer is `None`. After `Some` there is no
    /// [`next_event`](Self::next_event). O(1).
    #[inline(always)]
    pub fn block_fifo(&mut self, now: u64) -> Option<EntityRef> {
        let level = self.bar;
        if level >= FAIR {
            return None;
        }
        let rt = self.rt;
        // The current one is the first on its ring.
        let (e, second) = self.queues.first_two(level)?;
        let (next, bar) = if second.is(&e) {
            let rt = rt.without(level);
            let next = self.queues.first_of_ring(rt.top())?;
            let bar = next.fifo.get();
            if bar >= FAIR {
                return None;
            }
            self.rt = rt;
            self.queues.pop_last(level, &e);
            (next, bar)
        } else {
            let bar = second.fifo.get();
            if bar >= FAIR || rt.top() != level {
                return None;
            }
            self.queues.pop_front(level);
            (second, bar)
        };
        self.bar = bar;
        self.current = Some(next.clone());
        self.switched::<true>(&e, now);
        self.waiting -= 1;
        Some(next)
    }
}
