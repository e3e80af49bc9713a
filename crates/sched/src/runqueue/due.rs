//! When the running thread must make way: asked after an enqueue, at the end of a turn, and to set a timer.
//!
//! What belongs here: the questions. What does not: making way, which is [`crate::runqueue`]'s.

#![forbid(unsafe_code)]

use super::{Now, RunQueue};
use crate::entity::Entity;
use crate::fair::Fair;
use crate::links::EntityRef;
use crate::priority::{FAIR, IDLE};

impl RunQueue {
    /// Whether somebody who waits should have the core rather than who has it, be it the idle loop.
    /// To be asked after an enqueue; the answer stays true until the next
    /// [`pick_next`](Self::pick_next), or until the one it was for has left or, if that is a fair one,
    /// others coming or leaving have made it wait. O(1) for real time, else as `pick_next`.
    #[inline]
    pub fn should_preempt(&mut self, now: impl Now) -> bool {
        if self.rt.top() < self.bar && self.bar <= FAIR {
            return true;
        }
        self.bar >= FAIR && self.is_due(now.now())
    }

    #[inline(never)]
    fn is_due(&mut self, now: u64) -> bool {
        self.charge(now);
        let Some(e) = &self.current else {
            return self.runnable() > 0;
        };
        let level = e.level.get();
        self.rt.top() < level.min(FAIR)
            || match level {
                FAIR => self.fair.is_due(&self.queues, e),
                IDLE => self.fair.queued() > 0 || self.turn_is_over(e),
                _ => self.turn_is_over(e),
            }
    }

    /// Whether `e`, the current one, has had its turn, and an equal waits for one.
    fn turn_is_over(&self, e: &Entity) -> bool {
        e.takes_turns.get() && e.quantum.get() == 0 && self.queues.ring_has_two(e.level.get())
    }

    /// Counts time, and says whether the core should be given to another: to be called from the
    /// timer interrupt that [`next_event`](Self::next_event) asked for, or from a periodic tick.
    pub fn tick(&mut self, now: u64) -> bool {
        self.charge(now);
        self.should_preempt(now)
    }

    /// When (ns) the current thread must be looked at again, by [`tick`](Self::tick), if nothing
    /// else happens. `None`: never; it is alone in its class, or runs until it wants no more, or
    /// the core idles.
    ///
    /// Enqueues, dequeues and picks change the answer.
    #[inline]
    pub fn next_event(&self) -> Option<u64> {
        self.event_of(self.current.as_ref()?)
    }

    /// [`next_event`](Self::next_event) just after `e` was picked: it is the current thread.
    #[inline(always)]
    pub fn event_of(&self, e: &EntityRef) -> Option<u64> {
        debug_assert!(self.is_current(e));
        if self.bar < FAIR {
            return None;
        }
        let level = e.level.get();
        let left = match level {
            FAIR if self.fair.queued() > 0 => Fair::until_served(e),
            FAIR => return None,
            list if e.takes_turns.get() && self.queues.ring_has_two(list) => e.quantum.get(),
            _ => return None,
        };
        Some(self.since.saturating_add(left))
    }
}
