//! The queue of armed timers, by deadline.
//!
//! What belongs here: the order. What does not: the clock, the hardware's compare register, and
//! when actions run, all of which are the kernel's.

use crate::timer::{Timer, TimerRef};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use intrusive_collections::{KeyAdapter, RBTree, RBTreeLink, UnsafeRef, intrusive_adapter};

intrusive_adapter!(ByDeadline = UnsafeRef<Timer>: Timer { link => RBTreeLink });

impl<'a> KeyAdapter<'a> for ByDeadline {
    type Key = u64;
    #[inline(always)]
    fn get_key(&self, timer: &'a Timer) -> u64 {
        timer.deadline.get()
    }
}

/// The number for the next queue; 0 is no number.
static NEXT_NUMBER: AtomicU32 = AtomicU32::new(1);

/// Armed timers in the order of their deadlines; those with the same deadline in the order in which
/// they were armed.
///
/// Times are ns of one clock that starts at 0 and does not wrap (2^64 ns are 584 years): a deadline
/// of `u64::MAX` is never reached. A deadline in the past is due at once.
///
/// Nothing here allocates or blocks. A kernel keeps one queue for each core, with an IRQ-safe lock
/// around it.
pub struct TimerQueue {
    /// Never used by another queue; drawn when the first timer is armed.
    number: u32,
    /// How many are armed.
    armed: usize,
    /// The earliest deadline; no meaning when none is armed.
    next: u64,
    tree: RBTree<ByDeadline>,
}

// SAFETY: TMR-LOCK: the queue holds handles, whose makers promised it.
unsafe impl Send for TimerQueue {}

impl TimerQueue {
    /// A queue with nothing on it.
    pub const fn new() -> Self {
        Self {
            number: 0,
            armed: 0,
            next: 0,
            tree: RBTree::new(ByDeadline::NEW),
        }
    }

    #[cold]
    fn draw_number(&mut self) -> u32 {
        let drawn =
            NEXT_NUMBER.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1));
        self.number = drawn.expect("more than 2^32 timer queues");
        self.number
    }

    /// Arms `timer` for `deadline` (ns); if it is armed here already, for the new deadline instead
    /// of the old. O(log n).
    ///
    /// True if it is now the earliest of all, so that the hardware must be told.
    ///
    /// # Panics
    ///
    /// If the timer is armed on another queue.
    pub fn arm(&mut self, timer: TimerRef, deadline: u64) -> bool {
        if timer.is_armed() {
            let here = self.cancel(&timer);
            assert!(here, "the timer is armed on another queue");
        }
        let number = match self.number {
            0 => self.draw_number(),
            n => n,
        };
        timer.queue.set(number);
        timer.deadline.set(deadline);
        self.tree.insert(timer.0);
        self.armed += 1;
        let earliest = self.armed == 1 || deadline < self.next;
        if earliest {
            self.next = deadline;
        }
        earliest
    }

    /// Takes `timer` off the queue. O(log n).
    ///
    /// False if it is not on this one: it has expired, was never armed, or is armed elsewhere.
    pub fn cancel(&mut self, timer: &Timer) -> bool {
        if !timer.is_armed() || timer.queue.get() != self.number {
            return false;
        }
        // SAFETY: TMR-HERE: its link is in use, and its number is the one of this queue.
        unsafe { self.tree.cursor_mut_from_ptr(timer) }.remove();
        self.armed -= 1;
        if timer.deadline.get() == self.next {
            self.find_next();
        }
        true
    }

    /// Takes off the earliest timer if its deadline is `now` (ns) or before. O(1) if there is none,
    /// else O(log n).
    pub fn pop_expired(&mut self, now: u64) -> Option<TimerRef> {
        if self.armed == 0 || self.next > now {
            return None;
        }
        let timer = self.tree.front_mut().remove().map(TimerRef);
        self.armed -= 1;
        self.find_next();
        timer
    }

    fn find_next(&mut self) {
        if let Some(first) = self.tree.front().get() {
            self.next = first.deadline.get();
        }
    }

    /// The earliest deadline (ns); `None` if nothing is armed. O(1).
    #[inline]
    pub fn next_deadline(&self) -> Option<u64> {
        if self.armed == 0 {
            None
        } else {
            Some(self.next)
        }
    }

    /// How many timers are armed. O(1).
    pub fn len(&self) -> usize {
        self.armed
    }

    /// Whether none is armed. O(1).
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// The armed timers in the order in which they will expire, for reports.
    pub fn iter(&self) -> impl Iterator<Item = &Timer> {
        self.tree.iter()
    }
}

impl Default for TimerQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TimerQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerQueue")
            .field("armed", &self.armed)
            .field("next", &self.next_deadline())
            .finish_non_exhaustive()
    }
}
