//! What the scheduler knows of a thread, embedded in whatever the kernel keeps for it.

#![forbid(unsafe_code)]

use crate::cpuset::CpuSet;
use crate::links::Links;
use crate::priority::{FAIR, NOT_FIFO, Priority, weight_of};
use crate::vtime::VirtualTime;
use core::cell::Cell;
use core::fmt;

/// A schedulable thing, to be embedded in a thread control block.
///
/// Its fields are cells: the lock of the run queue that it was last given to protects them (see
/// the invariant ENT-LOCK in the crate documentation). Not `Sync`, for that reason.
#[repr(C)] // `links` first, what is counted side by side, no gaps
pub struct Entity {
    pub(crate) links: Links,
    /// How many times it has given up a core to block. On one side of `run_time`, with which it changes.
    blocks: Cell<u64>,
    run_time: Cell<u64>,
    /// How many times it has given up a core for another reason. On the other side.
    put_backs: Cell<u64>,
    /// What is left of the turn. Refilled when it goes to the end of its ring, or comes there.
    pub(crate) quantum: Cell<u64>,
    /// The virtual time that a fair entity has aged to, on the queue that it was last on.
    pub(crate) vruntime: Cell<VirtualTime>,
    /// The virtual deadline of its request.
    pub(crate) deadline: Cell<VirtualTime>,
    /// While it is off the queue: how much it had less than its share, in its virtual time.
    pub(crate) lag: Cell<i64>,
    pub(crate) affinity: Cell<CpuSet>,
    /// Which one it was of those that came to the fair class of its queue from elsewhere.
    pub(crate) came: Cell<u32>,
    /// Of a fair entity; else that of nice 0.
    pub(crate) weight: Cell<u32>,
    /// [`Priority::level`] of the priority, kept beside it for speed.
    pub(crate) level: Cell<u8>,
    /// The level if it is real time, first in first out; else `NOT_FIFO` if it is real time, `FAIR` if
    /// not. The paths that have to be short look at this alone.
    pub(crate) fifo: Cell<u8>,
    /// Whether running uses up [`quantum`](Self::quantum): round-robin and idle class.
    pub(crate) takes_turns: Cell<bool>,
    pub(crate) priority: Cell<Priority>,
}

impl Entity {
    /// An entity that may run on the cores of `affinity` and is on no queue yet.
    pub const fn new(priority: Priority, affinity: CpuSet) -> Self {
        let (fifo, takes_turns, weight) = derived(priority);
        Self {
            links: Links::new(),
            level: Cell::new(priority.level()),
            fifo: Cell::new(fifo),
            takes_turns: Cell::new(takes_turns),
            came: Cell::new(0),
            weight: Cell::new(weight),
            priority: Cell::new(priority),
            affinity: Cell::new(affinity),
            quantum: Cell::new(0),
            vruntime: Cell::new(VirtualTime::ZERO),
            deadline: Cell::new(VirtualTime::ZERO),
            lag: Cell::new(0),
            blocks: Cell::new(0),
            run_time: Cell::new(0),
            put_backs: Cell::new(0),
        }
    }

    /// Makes it what [`new`](Self::new) makes, in its place. It is on no queue, and nobody's.
    ///
    /// # Panics
    ///
    /// If it is on a run queue.
    pub fn renew(&self, priority: Priority, affinity: CpuSet) {
        assert!(!self.links.is_linked(), "the thread is on a run queue");
        let (fifo, takes_turns, weight) = derived(priority);
        self.links.forget();
        self.level.set(priority.level());
        self.fifo.set(fifo);
        self.takes_turns.set(takes_turns);
        self.weight.set(weight);
        self.priority.set(priority);
        self.affinity.set(affinity);
        self.came.set(0);
        for count in [&self.blocks, &self.run_time, &self.put_backs, &self.quantum] {
            count.set(0);
        }
        self.vruntime.set(VirtualTime::ZERO);
        self.deadline.set(VirtualTime::ZERO);
        self.lag.set(0);
    }

    /// Its priority. To change it see [`RunQueue::set_priority`](crate::RunQueue::set_priority).
    pub fn priority(&self) -> Priority {
        self.priority.get()
    }

    /// Sets the priority of an entity that is neither queued nor running.
    pub(crate) fn put_priority(&self, priority: Priority) {
        let (fifo, takes_turns, weight) = derived(priority);
        // What is owed is time: the same time is less virtual time for a heavier weight.
        let owed = self.lag.get() * i64::from(self.weight.get());
        self.lag.set(owed / i64::from(weight));
        self.level.set(priority.level());
        self.fifo.set(fifo);
        self.takes_turns.set(takes_turns);
        self.weight.set(weight);
        self.priority.set(priority);
        self.quantum.set(0);
    }

    /// The cores that it may run on.
    pub fn affinity(&self) -> CpuSet {
        self.affinity.get()
    }

    /// Says on which cores it may run from now on. A kernel then moves an entity that is queued or
    /// running elsewhere: the run queues take what they are given.
    pub fn set_affinity(&self, cores: CpuSet) {
        self.affinity.set(cores);
    }

    /// How long it has run; while it runs, up to when the run queue last looked.
    pub fn run_time(&self) -> u64 {
        self.run_time.get()
    }

    /// How many times it has given up a core, that is, been given one; the one that it has while it runs
    /// is not counted yet.
    pub fn turns(&self) -> u64 {
        self.blocks.get().wrapping_add(self.put_backs.get())
    }

    /// How many times it has given up a core to block.
    pub fn blocks(&self) -> u64 {
        self.blocks.get()
    }

    /// It has run for `time`.
    #[inline(always)]
    pub(crate) fn ran(&self, time: u64) {
        // Wrapping, so that a clock that goes back a little takes back what it counted too much.
        self.run_time.set(self.run_time.get().wrapping_add(time));
    }

    /// It gives up its core, and why: `BLOCKS` or not.
    #[inline(always)]
    pub(crate) fn left_core<const BLOCKS: bool>(&self) {
        let counter = if BLOCKS {
            &self.blocks
        } else {
            &self.put_backs
        };
        counter.set(counter.get().wrapping_add(1));
    }

    /// Both at once.
    #[inline(always)]
    pub(crate) fn ran_and_left<const BLOCKS: bool>(&self, time: u64) {
        let counter = if BLOCKS {
            &self.blocks
        } else {
            &self.put_backs
        };
        let (run_time, count) = (self.run_time.get(), counter.get());
        self.run_time.set(run_time.wrapping_add(time));
        counter.set(count.wrapping_add(1));
    }

    /// Whether it hangs on a run queue. One that waits to run does; one that runs may.
    pub fn is_linked(&self) -> bool {
        self.links.is_linked()
    }
}

/// Of a priority: `fifo`, `takes_turns` and `weight`.
const fn derived(priority: Priority) -> (u8, bool, u32) {
    match priority {
        Priority::RealTime(rt) if rt.is_round_robin() => (NOT_FIFO, true, 1024),
        Priority::RealTime(rt) => (rt.level(), false, 1024),
        Priority::Fair(nice) => (FAIR, false, weight_of(nice)),
        Priority::Idle => (FAIR, true, 1024),
    }
}

impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entity")
            .field("priority", &self.priority())
            .field("affinity", &self.affinity())
            .field("linked", &self.is_linked())
            .field("run_time", &self.run_time())
            .field("turns", &self.turns())
            .finish_non_exhaustive()
    }
}
