//! The queue of armed timers, by deadline.
//!
//! What belongs here: the order. What does not: the clock, the hardware's compare register, and
//! when actions run, all of which are the kernel's.
//!
//! # The young and the old
//!
//! Most timers are time limits of something that comes to pass: they are armed and soon cancelled.
//! Sorting them in would be work for nothing. So the [`YOUNG`] armed last are kept unsorted, in a ring
//! of places that are taken in turn: arming writes the timer into the next one, cancelling empties it.
//! If somebody is still there when its place has come round, it moves to a red-black tree of the
//! others. An operation thus is O(log n) at worst, and not merely on average, as it would be with a
//! pairing heap or a timing wheel: both save up work for the next expiry, which is done with
//! interrupts masked.
//!
//! From the next place on, the ring is in the order of arming; those in the tree were armed before all
//! of the young, and went into it in the order of arming. So among equal deadlines the tree comes
//! first, then the ring, and order is kept.
//!
//! A place holds nobody but a timer that says it is there. So whether a timer is one of the young of
//! this queue is seen by looking into its place, and takes no mark of the queue on the timer.

use crate::timer::{Timer, TimerRef};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use intrusive_collections::{KeyAdapter, RBTree, RBTreeLink, UnsafeRef, intrusive_adapter};

/// How many timers are kept unsorted. A power of two.
const YOUNG: usize = 8;

intrusive_adapter!(ByDeadline = UnsafeRef<Timer>: Timer { link => RBTreeLink });

impl<'a> KeyAdapter<'a> for ByDeadline {
    type Key = u64;
    #[inline(always)]
    fn get_key(&self, timer: &'a Timer) -> u64 {
        timer.deadline.get()
    }
}

/// Where a timer says that it is ([`Timer::home`]): on no queue.
///
/// One of the young has for a home how many have been armed there before it, counted from [`YOUNG`];
/// the rest of that by [`YOUNG`] is its place. One of the old has the home of its queue's old.
const NOWHERE: u64 = 0;

/// What the homes of all old have, and those of the young never reach.
const OLD: u64 = 1 << 63;

/// The place of one of the young with this home.
#[inline(always)]
const fn place(home: u64) -> usize {
    home as usize % YOUNG
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
    /// The earliest deadline; `u64::MAX` when none is armed.
    next: u64,
    /// Which one of the young is the earliest: its place. [`YOUNG`] if it is one of the old, or none.
    first: usize,
    /// The home of the next one to be armed; from its place on, all round, they are in the order of
    /// arming.
    turn: u64,
    /// Which places may be taken, a bit for each; all others are empty.
    taken: u64,
    /// The last ones armed.
    young: [Option<UnsafeRef<Timer>>; YOUNG],
    /// All others.
    old: RBTree<ByDeadline>,
    old_len: usize,
    /// The home of the old, which no other queue ever has; 0 until there are any.
    home: u64,
}

// SAFETY: TMR-LOCK: the queue holds handles, whose makers promised it.
unsafe impl Send for TimerQueue {}

impl TimerQueue {
    /// A queue with nothing on it.
    pub const fn new() -> Self {
        Self {
            next: u64::MAX,
            first: YOUNG,
            turn: YOUNG as u64,
            taken: 0,
            young: [const { None }; YOUNG],
            old: RBTree::new(ByDeadline::NEW),
            old_len: 0,
            home: 0,
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
        let place = place(self.turn);
        if timer.home.get() != NOWHERE || self.young[place].is_some() {
            return self.arm_with_room(timer, deadline);
        }
        timer.home.set(self.turn);
        timer.deadline.set(deadline);
        self.young[place] = Some(timer.0);
        self.turn += 1;
        self.taken |= 1 << place;
        let earliest = deadline < self.next;
        if earliest {
            self.next = deadline;
            self.first = place;
        }
        earliest
    }

    /// Makes it possible to put `timer` among the young, and does.
    #[inline(never)]
    fn arm_with_room(&mut self, timer: TimerRef, deadline: u64) -> bool {
        if timer.is_armed() {
            assert!(self.cancel(&timer), "the timer is armed on another queue");
        }
        if let Some(eldest) = self.young[place(self.turn)].take() {
            if self.home == 0 {
                let next = |n: u32| n.checked_add(1);
                let drawn = NEXT_NUMBER.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
                self.home = OLD | u64::from(drawn.expect("more than 2^32 timer queues"));
            }
            eldest.home.set(self.home);
            if self.first == place(self.turn) {
                self.first = YOUNG;
            }
            self.old.insert(eldest);
            self.old_len += 1;
        }
        self.arm(timer, deadline)
    }

    /// Takes `timer` off the queue. O(1) if few were armed since, else O(log n).
    ///
    /// False if it is not on this one: it has expired, was never armed, or is armed elsewhere.
    #[inline]
    pub fn cancel(&mut self, timer: &Timer) -> bool {
        let home = timer.home.get();
        if home == NOWHERE {
            return false;
        }
        let place = &mut self.young[place(home)];
        match place {
            Some(there) if core::ptr::eq(&**there, timer) => *place = None,
            _ => return self.cancel_old(timer),
        }
        timer.home.set(NOWHERE);
        if timer.deadline.get() == self.next {
            self.find_next();
        }
        true
    }

    #[inline(never)]
    fn cancel_old(&mut self, timer: &Timer) -> bool {
        if self.home == 0 || timer.home.get() != self.home {
            return false;
        }
        // SAFETY: TMR-HERE: its home says that it is one of the old of this queue.
        unsafe { self.old.cursor_mut_from_ptr(timer) }.remove();
        self.old_len -= 1;
        timer.home.set(NOWHERE);
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
        let timer = match self.young.get_mut(self.first) {
            Some(young) => {
                self.taken &= !(1 << self.first);
                young.take()?
            }
            None => match self.old.front_mut().remove() {
                Some(old) => {
                    self.old_len -= 1;
                    old
                }
                // Such as are never reached; but now they are asked for.
                None => self.eldest_young()?,
            },
        };
        timer.home.set(NOWHERE);
        self.find_next();
        Some(TimerRef(timer))
    }

    /// Takes out the one of the young that was armed first.
    #[cold]
    fn eldest_young(&mut self) -> Option<UnsafeRef<Timer>> {
        let mut in_order = (self.turn..self.turn + YOUNG as u64).map(place);
        in_order.find_map(|place| self.young[place].take())
    }

    /// Finds the earliest deadline, and whose it is.
    #[inline(never)]
    fn find_next(&mut self) {
        let old = self.old.front();
        let mut next = old.get().map_or(u64::MAX, |t| t.deadline.get());
        let mut first = YOUNG;
        let mut first_home = NOWHERE;
        let mut left = self.taken;
        while left != 0 {
            let place = left.trailing_zeros() as usize % YOUNG;
            left &= left - 1;
            let Some(young) = &self.young[place] else {
                self.taken &= !(1 << place);
                continue;
            };
            let (deadline, home) = (young.deadline.get(), young.home.get());
            // Of equals the one armed first; the old were armed before all (NOWHERE is less than all).
            if (deadline, home) < (next, first_home) {
                (next, first, first_home) = (deadline, place, home);
            }
        }
        (self.next, self.first) = (next, first);
    }

    /// The earliest deadline (ns); `None` if nothing is armed. O(1).
    #[inline]
    pub fn next_deadline(&self) -> Option<u64> {
        if self.next == u64::MAX && self.is_empty() {
            None
        } else {
            Some(self.next)
        }
    }

    /// How many timers are armed. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.young().count() + self.old_len
    }

    /// Whether none is armed. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        // The last one to go was the earliest: so `find_next` has looked, and `taken` is exact.
        self.old_len == 0 && self.taken == 0
    }

    /// The armed timers, in no order, for reports.
    pub fn iter(&self) -> impl Iterator<Item = &Timer> {
        self.old.iter().chain(self.young())
    }

    fn young(&self) -> impl Iterator<Item = &Timer> {
        self.young.iter().flatten().map(|timer| &**timer)
    }
}

impl Drop for TimerQueue {
    fn drop(&mut self) {
        self.iter().for_each(|timer| timer.home.set(NOWHERE));
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
