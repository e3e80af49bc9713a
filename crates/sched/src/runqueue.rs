//! One core's run queue: the three classes together, and the thread that runs.
//!
//! What belongs here: the order of the classes, the accounting of time, turns. What does not: taking
//! out and changing threads that wait (`change.rs`), the short ways of first-in first-out threads
//! (`fifo.rs`), when to make way (`due.rs`), how the fair class shares ([`crate::fair`]), which
//! core a thread goes to ([`crate::place`]), and switching, which is the kernel's.

#![forbid(unsafe_code)]

mod change;
mod due;
mod fifo;

use crate::entity::Entity;
use crate::fair::{Fair, Join};
use crate::links::{EntityRef, Queues};
use crate::place::CoreLoad;
use crate::priority::{FAIR, IDLE, NOT_FIFO};
use crate::realtime::Bitmap;

/// The longest slice: one second in ns. (All times are in units of the kernel's clock, which are ns at
/// the shortest.)
pub const SLICE_MAX: u64 = 1_000_000_000;

/// Why a thread comes to a run queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Enqueue {
    /// It has not run before, or is to start anew: it is owed nothing.
    New,
    /// It slept. What it was owed when it went to sleep, it is owed still, up to two slices; what
    /// it had too much is forgiven as far as the others have caught up.
    Wake,
    /// It was runnable on another run queue, and goes on here where it was there.
    Migrate,
}

/// Why the running thread goes back to the run queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutPrev {
    /// It must make way; it goes on when its turn comes. A real-time thread keeps its place before
    /// its equals, unless its round-robin turn is over.
    Preempted,
    /// It wants others to go first: its equals of real time or of the idle class, or in the fair
    /// class anyone.
    Yielded,
}

/// The time, or where to ask for it.
///
/// Reading a clock may cost more than all else that a call does, and first-in-first-out threads are
/// put on the queue without any. So the calls of a wake take whatever knows the time, and ask when
/// they need it: a number, or a kernel's own empty type that reads its clock.
pub trait Now: Copy {
    /// The time.
    fn now(self) -> u64;
}

impl Now for u64 {
    #[inline(always)]
    fn now(self) -> u64 {
        self
    }
}

/// The runnable threads of one core, and the one that runs there.
///
/// All times are of one clock, in its own units (ns or longer ones), which saves converting them at
/// each switch. It may stand still but should not go back (if it does, no time is counted until it has
/// caught up).
///
/// A kernel keeps one of these for each core, each in a lock. Nothing here allocates, blocks or fails;
/// what panics says so.
// In this order, with the rings at the end: so the compiler knows that a write to one of them, found by
// a computed index, changes no other field, and need not read those again (5 instructions in a yield).
#[repr(C)]
pub struct RunQueue {
    rt: Bitmap,
    /// The current one stays on its ring, as the first, as long as it runs: so neither a preemption nor
    /// a pick touches the ring. In the fair class it is taken out of its tree, whose order its running
    /// would upset.
    current: Option<EntityRef>,
    /// [`Entity::fifo`] of the current one. With none it is `FAIR`, and `NOT_FIFO` until the queues have
    /// their number. A first-in first-out thread whose level is less goes before the current one,
    /// unless this is `NOT_FIFO`: then it has to be asked.
    bar: u8,
    /// How many wait, the current one not counted.
    waiting: usize,
    /// When the current one was last charged.
    since: u64,
    /// How many times another became the current one, or none. Beside `since`, with which it changes.
    switches: u64,
    pub(crate) slice: u64,
    pub(crate) fair: Fair,
    pub(crate) queues: Queues,
}

impl RunQueue {
    /// An empty run queue. `slice` is what a fair thread runs at a stretch when others wait, and
    /// a round-robin turn.
    ///
    /// # Panics
    ///
    /// If `slice` is 0 or more than [`SLICE_MAX`].
    pub const fn new(slice: u64) -> Self {
        assert!(
            slice > 0 && slice <= SLICE_MAX,
            "a slice is 1 to 1,000,000,000 units"
        );
        Self {
            rt: Bitmap::EMPTY,
            current: None,
            bar: NOT_FIFO,
            waiting: 0,
            since: 0,
            switches: 0,
            slice,
            fair: Fair::new(),
            queues: Queues::new(),
        }
    }

    /// Changes the slice: for a kernel that learns the unit of its clock when it runs.
    ///
    /// # Panics
    ///
    /// If `slice` is 0 or more than [`SLICE_MAX`].
    pub fn set_slice(&mut self, slice: u64) {
        assert!(
            slice > 0 && slice <= SLICE_MAX,
            "a slice is 1 to 1,000,000,000 units"
        );
        self.slice = slice;
    }

    /// Adds a runnable thread that is not running. O(1) for real time and the idle class, O(log n)
    /// for the fair class.
    ///
    /// # Panics
    ///
    /// If the entity is on a run queue already.
    #[inline]
    pub fn enqueue(&mut self, e: EntityRef, now: impl Now, how: Enqueue) {
        debug_assert!(!self.is_current(&e), "the running thread was enqueued");
        if self.wake_fifo(&e).is_none() {
            self.enqueue_other(e, now.now(), how);
        }
    }

    #[inline(never)]
    fn enqueue_other(&mut self, e: EntityRef, now: u64, how: Enqueue) {
        if !self.queues.have_number() {
            self.queues.draw_number();
            self.bar = FAIR;
        }
        let level = e.level.get();
        if level == FAIR {
            self.enqueue_fair(e, now, how);
        } else {
            if how != Enqueue::Migrate || e.quantum.get() == 0 {
                e.quantum.set(self.slice);
            }
            self.queues.push_back(level, e);
            self.listed(level);
        }
        self.waiting += 1;
    }

    /// Notes that somebody is on the ring of `level`.
    #[inline(always)]
    fn listed(&mut self, level: u8) {
        if level < FAIR {
            self.rt.set(level);
        }
    }

    /// Notes that there is one less on the ring of `level`.
    #[inline(always)]
    fn unlisted(&mut self, level: u8) {
        if level < FAIR && self.queues.ring_is_empty(level) {
            self.rt.clear(level);
        }
    }

    /// Makes `e` the current one, which waited.
    #[inline(always)]
    fn start(&mut self, e: EntityRef, now: u64) {
        self.since = now;
        self.bar = e.fifo.get();
        self.current = Some(e);
        self.waiting -= 1;
        self.switches = self.switches.wrapping_add(1);
    }

    /// Counts that `before` has run until `now`, and that another has the core.
    #[inline(always)]
    fn switched<const BLOCKS: bool>(&mut self, before: &Entity, now: u64) {
        let (since, switches) = (self.since, self.switches);
        before.ran_and_left::<BLOCKS>(now.wrapping_sub(since));
        self.since = now;
        self.switches = switches.wrapping_add(1);
    }

    /// There is no current one any more.
    #[inline(always)]
    fn stop(&mut self) -> Option<EntityRef> {
        let e = self.current.take()?;
        self.bar = FAIR;
        Some(e)
    }

    fn enqueue_fair(&mut self, e: EntityRef, now: u64, how: Enqueue) {
        assert!(!e.links.is_linked(), "the thread is on a run queue already");
        // The mean must be up to date before somebody is placed by it.
        self.charge(now);
        let join = match how {
            Enqueue::New => Join::Fresh,
            Enqueue::Wake if self.queues.knows(&e) => Join::BackHome,
            Enqueue::Wake => Join::WithLag,
            Enqueue::Migrate => Join::Moved,
        };
        self.fair.join(&e, join, self.slice);
        self.fair.insert(&mut self.queues, e);
    }

    /// Decides who runs next and makes it the current one. `None`: there is nobody, the core idles.
    ///
    /// If there still is a current one, it first goes back as [`PutPrev::Preempted`]. O(1) for real
    /// time and the idle class; O(log n) for the fair class, each time.
    #[inline]
    pub fn pick_next(&mut self, now: u64) -> Option<EntityRef> {
        if self.current.is_some() {
            self.put_prev_other(now, PutPrev::Preempted);
        }
        // With nobody of real time this is the ring of the fair class, which is always empty.
        let next = match self.queues.first_of_ring(self.rt.top()) {
            Some(e) => e,
            None => self.pick_other()?,
        };
        self.start(next.clone(), now);
        Some(next)
    }

    #[inline(never)]
    fn pick_other(&mut self) -> Option<EntityRef> {
        self.fair
            .pick(&mut self.queues)
            .or_else(|| self.queues.first_of_ring(IDLE))
    }

    /// Puts the current thread, which stays runnable, back into the queue. Nothing happens if there
    /// is none. O(1) for real time and the idle class, O(log n) for the fair class.
    #[inline]
    pub fn put_prev(&mut self, now: u64, why: PutPrev) {
        let level = self.bar;
        if level >= FAIR {
            return self.put_prev_other(now, why);
        }
        self.charge(now);
        if let Some(e) = self.stop() {
            e.left_core::<false>();
        }
        self.waiting += 1;
        if why == PutPrev::Yielded {
            self.queues.rotate(level);
        }
    }

    /// [`put_prev`](Self::put_prev) as [`PutPrev::Preempted`] and [`pick_next`](Self::pick_next), in
    /// fewer steps.
    ///
    /// If that leaves fair threads waiting for a real-time one, `balance_in` is told when to call
    /// [`balance`](Self::balance), in units from now: no turn will end that would be a reason to.
    #[inline]
    pub fn preempt_current(&mut self, now: u64, balance_in: impl FnOnce(u64)) -> Option<EntityRef> {
        match self.preempt_fifo(now) {
            None => self.preempt_other(now, balance_in),
            next => next,
        }
    }

    #[inline(never)]
    fn preempt_other(&mut self, now: u64, balance_in: impl FnOnce(u64)) -> Option<EntityRef> {
        let before = self.current.clone();
        let next = self.pick_next(now)?;
        if let Some(before) = before {
            if next.is(&before) {
                self.switches = self.switches.wrapping_sub(1);
            }
            if next.level.get() < FAIR
                && let Some(time) = self.balance_in()
            {
                balance_in(time);
            }
        }
        Some(next)
    }

    #[inline(never)]
    fn put_prev_other(&mut self, now: u64, why: PutPrev) {
        self.charge(now);
        let Some(e) = self.stop() else {
            return;
        };
        e.left_core::<false>();
        self.waiting += 1;
        let level = e.level.get();
        if level == FAIR {
            if why == PutPrev::Yielded {
                self.fair.give_way(&e, self.slice);
            } else if Fair::is_served(&e) {
                Fair::ask_again(&e, self.slice);
            }
            self.fair.insert(&mut self.queues, e);
        } else if why == PutPrev::Yielded || e.takes_turns.get() && e.quantum.get() == 0 {
            e.quantum.set(self.slice);
            self.queues.rotate(level);
        }
    }

    /// The current thread lets others go first, and who runs next becomes the current one: as
    /// [`put_prev`](Self::put_prev) with [`PutPrev::Yielded`] and [`pick_next`](Self::pick_next), in
    /// fewer steps. `None`: nobody else wants to run, so the current one goes on (or the core
    /// idles, if there is none). O(1) for real time and the idle class, O(log n) for the fair class.
    #[inline]
    pub fn yield_current(&mut self, now: u64) -> Option<EntityRef> {
        match self.yield_fifo(now) {
            None => self.yield_other(now),
            next => next,
        }
    }

    #[inline(never)]
    fn yield_other(&mut self, now: u64) -> Option<EntityRef> {
        let before = self.current.clone()?;
        self.put_prev_other(now, PutPrev::Yielded);
        let next = self.pick_next(now)?;
        if next.is(&before) {
            self.switches = self.switches.wrapping_sub(1);
            return None;
        }
        Some(next)
    }

    /// The current thread leaves: it sleeps, exits or moves to another core. Gives it back; `None`
    /// if there was none. O(1).
    #[inline]
    pub fn block_current(&mut self, now: u64) -> Option<EntityRef> {
        self.block_other::<true>(now)
    }

    /// [`block_current`](Self::block_current) and [`pick_next`](Self::pick_next), in fewer steps.
    #[inline]
    pub fn block_and_pick(&mut self, now: u64) -> Option<EntityRef> {
        match self.block_fifo(now) {
            None => {
                self.block_other::<true>(now);
                self.pick_next(now)
            }
            next => next,
        }
    }

    /// [`block_and_pick`](Self::block_and_pick) of one that does not block: it exits, or moves to another
    /// core. For what is counted, [`Entity::blocks`].
    pub fn leave_and_pick(&mut self, now: u64) -> Option<EntityRef> {
        self.block_other::<false>(now);
        self.pick_next(now)
    }

    #[inline(never)]
    fn block_other<const BLOCKS: bool>(&mut self, now: u64) -> Option<EntityRef> {
        let e = self.take_current(now)?;
        e.left_core::<BLOCKS>();
        if self.waiting == 0 {
            // To nobody.
            self.switches = self.switches.wrapping_add(1);
        }
        Some(e)
    }

    /// Takes the current one off its ring or out of its class, with its time counted.
    fn take_current(&mut self, now: u64) -> Option<EntityRef> {
        self.charge(now);
        self.since = now;
        let e = self.stop()?;
        let level = e.level.get();
        if level == FAIR {
            self.fair.leave(&e, self.slice);
        } else {
            self.queues.pop_front(level);
            self.unlisted(level);
        }
        Some(e)
    }

    /// Counts the time that the current thread has run since this was last done.
    #[inline(always)]
    fn charge(&mut self, now: u64) {
        let Some(e) = &self.current else {
            return;
        };
        let ran = now.wrapping_sub(self.since);
        self.since = now;
        e.ran(ran);
        if self.bar < FAIR {
            return;
        }
        let ran = ran.cast_signed().max(0).cast_unsigned();
        if e.level.get() == FAIR {
            self.fair.charge(e, ran);
        } else if e.takes_turns.get() {
            e.quantum.set(e.quantum.get().saturating_sub(ran));
        }
    }

    /// The thread that runs.
    pub fn current(&self) -> Option<&EntityRef> {
        self.current.as_ref()
    }

    #[inline(always)]
    fn is_current(&self, e: &Entity) -> bool {
        self.current.as_ref().is_some_and(|c| c.is(e))
    }

    /// How many threads wait here. The current one is not counted.
    #[inline(always)]
    pub fn runnable(&self) -> usize {
        self.waiting
    }

    /// How many times another thread became the current one, or none did that had been one. It wraps
    /// around.
    #[inline]
    pub fn switches(&self) -> u64 {
        self.switches
    }

    /// What other cores want to know of this one when they place a thread.
    pub fn load(&self) -> CoreLoad {
        CoreLoad {
            queued: self.runnable(),
            fair_weight: self.fair.weight(),
            running: self.current.as_ref().map(|e| e.priority()),
        }
    }
}

impl core::fmt::Debug for RunQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RunQueue")
            .field("current", &self.current)
            .field("runnable", &self.runnable())
            .field("slice", &self.slice)
            .finish_non_exhaustive()
    }
}
