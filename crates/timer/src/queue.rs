//! The queue of armed timers, by deadline.
//!
//! What belongs here: the order. What does not: the clock, the hardware's compare register, and
//! when actions run, all of which are the kernel's.
//!
//! # The young and the old
//!
//! Most timers are time limits of something that comes to pass: they are armed and soon cancelled.
//! Sorting them in would be work for nothing. So the [`YOUNG`] armed last are kept unsorted, in the
//! order of arming, where arming and cancelling take a few instructions; when there is one more,
//! the eldest moves to a red-black tree of the others. An operation thus is O(log n) at worst, and
//! not merely on average, as it would be with a pairing heap or a timing wheel: both save up work
//! for the next expiry, which is done with interrupts masked.
//!
//! Those in the tree were armed before all of the young, and went into it in the order of arming; so
//! among equal deadlines the tree comes first, and order is kept.

use crate::timer::{Timer, TimerRef};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use intrusive_collections::linked_list::LinkedList;
use intrusive_collections::{KeyAdapter, RBTree, RBTreeLink, UnsafeRef, intrusive_adapter};

/// How many timers are kept unsorted.
const YOUNG: usize = 8;

intrusive_adapter!(ByAge = UnsafeRef<Timer>: Timer { link => RBTreeLink });
intrusive_adapter!(ByDeadline = UnsafeRef<Timer>: Timer { link => RBTreeLink });

impl<'a> KeyAdapter<'a> for ByDeadline {
    type Key = u64;
    #[inline(always)]
    fn get_key(&self, timer: &'a Timer) -> u64 {
        timer.deadline.get()
    }
}

/// The number for the next queue.
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
    /// What the young have for a home. Odd, and never used by another queue; 0 until the first timer
    /// is armed. The home of the others is one more.
    home: u64,
    /// The earliest deadline; `u64::MAX` when none is armed.
    next: u64,
    /// The last ones armed, the eldest first: [`YOUNG`] at most.
    young: LinkedList<ByAge>,
    young_len: usize,
    /// All others.
    old: RBTree<ByDeadline>,
    old_len: usize,
}

// SAFETY: TMR-LOCK: the queue holds handles, whose makers promised it.
unsafe impl Send for TimerQueue {}

impl TimerQueue {
    /// A queue with nothing on it.
    pub const fn new() -> Self {
        Self {
            home: 0,
            next: u64::MAX,
            young: LinkedList::new(ByAge::NEW),
            young_len: 0,
            old: RBTree::new(ByDeadline::NEW),
            old_len: 0,
        }
    }

    /// Arms `timer` for `deadline` (ns); if it is armed here already, for the new deadline instead
    /// of the old. O(1) while few are armed, else O(log n).
    ///
    /// True if it is now the earliest of all, so that the hardware must be told. (A deadline of
    /// `u64::MAX` never is: it is not reached.)
    ///
    /// # Panics
    ///
    /// If the timer is armed on another queue.
    #[inline]
    pub fn arm(&mut self, timer: TimerRef, deadline: u64) -> bool {
        if timer.home.get() != 0 || self.home == 0 || self.young_len == YOUNG {
            return self.arm_with_room(timer, deadline);
        }
        timer.home.set(self.home);
        timer.deadline.set(deadline);
        self.young.push_back(timer.0);
        self.young_len += 1;
        let earliest = deadline < self.next;
        if earliest {
            self.next = deadline;
        }
        earliest
    }

    /// Makes it possible to put `timer` among the young, and does.
    #[inline(never)]
    fn arm_with_room(&mut self, timer: TimerRef, deadline: u64) -> bool {
        if self.home == 0 {
            let next = |n: u32| n.checked_add(1);
            let drawn = NEXT_NUMBER.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
            self.home = 2 * u64::from(drawn.expect("more than 2^32 timer queues")) + 1;
        }
        if timer.is_armed() {
            assert!(self.cancel(&timer), "the timer is armed on another queue");
        }
        if self.young_len == YOUNG
            && let Some(eldest) = self.young.pop_front()
        {
            eldest.home.set(self.home + 1);
            self.old.insert(eldest);
            self.young_len -= 1;
            self.old_len += 1;
        }
        self.arm(timer, deadline)
    }

    /// Takes `timer` off the queue. O(1) if few were armed since, else O(log n).
    ///
    /// False if it is not on this one: it has expired, was never armed, or is armed elsewhere.
    #[inline]
    pub fn cancel(&mut self, timer: &Timer) -> bool {
        if timer.home.get() != self.home || self.home == 0 {
            return self.cancel_old(timer);
        }
        // SAFETY: TMR-HERE: its home says that it is one of the young of this queue.
        unsafe { self.young.cursor_mut_from_ptr(timer) }.remove();
        self.young_len -= 1;
        timer.home.set(0);
        if timer.deadline.get() == self.next {
            self.find_next();
        }
        true
    }

    #[inline(never)]
    fn cancel_old(&mut self, timer: &Timer) -> bool {
        if self.home == 0 || timer.home.get() != self.home + 1 {
            return false;
        }
        // SAFETY: TMR-HERE: its home says that it is one of the old of this queue.
        unsafe { self.old.cursor_mut_from_ptr(timer) }.remove();
        self.old_len -= 1;
        timer.home.set(0);
        if timer.deadline.get() == self.next {
            self.find_next();
        }
        true
    }

    /// Takes off the earliest timer if its deadline is `now` (ns) or before. O(1) if there is none,
    /// else O(log n).
    #[inline]
    pub fn pop_expired(&mut self, now: u64) -> Option<TimerRef> {
        if self.next > now {
            return None;
        }
        self.pop_first()
    }

    #[inline(never)]
    fn pop_first(&mut self) -> Option<TimerRef> {
        let mut old = self.old.front_mut();
        let timer = if old.get().is_some_and(|t| t.deadline.get() == self.next) {
            self.old_len -= 1;
            old.remove()?
        } else {
            let mut young = self.young.front_mut();
            while young.get()?.deadline.get() != self.next {
                young.move_next();
            }
            self.young_len -= 1;
            young.remove()?
        };
        timer.home.set(0);
        self.find_next();
        Some(TimerRef(timer))
    }

    /// Finds the earliest deadline.
    #[inline(never)]
    fn find_next(&mut self) {
        let old = self
            .old
            .front()
            .get()
            .map_or(u64::MAX, |t| t.deadline.get());
        let young = self.young.iter().map(|t| t.deadline.get());
        self.next = young.fold(old, u64::min);
    }

    /// The earliest deadline (ns); `None` if nothing is armed. O(1).
    #[inline]
    pub fn next_deadline(&self) -> Option<u64> {
        if self.is_empty() {
            None
        } else {
            Some(self.next)
        }
    }

    /// How many timers are armed. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.young_len + self.old_len
    }

    /// Whether none is armed. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The armed timers, in no order, for reports.
    pub fn iter(&self) -> impl Iterator<Item = &Timer> {
        self.old.iter().chain(self.young.iter())
    }
}

impl Drop for TimerQueue {
    fn drop(&mut self) {
        self.iter().for_each(|timer| timer.home.set(0));
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
            .field("armed", &self.len())
            .field("next", &self.next_deadline())
            .finish_non_exhaustive()
    }
}
