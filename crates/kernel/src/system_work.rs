//! The kernel's own work queues: which there are, who works on them, and how urgently.
//!
//! | queue | its workers run | priority | for |
//! |---|---|---|---|
//! | [`unbound`] | on any core, as many at once as there can be cores | ordinary | what computes or sleeps |
//! | [`highpri`] | on any core, one at once | real-time, round robin 40 | what an interrupt hands over and a person or a device waits for; short |
//! | [`long`] | on any core, as many at once as there can be cores | ordinary | what keeps its worker for long |
//! | [`reclaim`] | on any core, one at once; a rescuer beside them | ordinary | what has to be done to get memory back |
//! | [`percpu`] | on that core, one at once | ordinary | what must run on that core |
//! | [`percpu_highpri`] | on that core, one at once | real-time, round robin 40 | the same, and short and wanted soon |
//!
//! All of them are pools: an item that sleeps does not count for "at once", and another worker takes
//! over, up to [`MOST_WORKERS`] of a queue. None of them is ever closed, so an item that is not
//! disabled is always accepted. [`delays`] puts items on them at a time. The items themselves are
//! their owners' business; who makes and ends the workers is `staff`'s, and whether the queues come
//! along is the `watchdog`'s.

mod staff;
mod watchdog;

pub(crate) use staff::{item_of, park_worker};
pub(crate) use watchdog::look_again;
pub use watchdog::{STALL_LIMIT, set_stall_limit, stalls};

use crate::thread::{Builder, Priority, SpawnError};
use crate::{Delays, WorkQueue, cpu};
use staff::RECRUITER;

/// The most workers that a queue has: as many of its items sleep at once, less one, before others
/// have to wait for them.
pub const MOST_WORKERS: usize = 16;

/// More urgent than ordinary threads: what interrupts hand over is short and wanted soon.
const HIGH: Priority = Priority::round_robin(40);
/// At least that of the workers it serves, so that a delay does not end late for its sake.
const KEEPER: Priority = Priority::round_robin(41);

/// A queue with its workers.
struct System {
    queue: WorkQueue,
    priority: Priority,
    /// The core that the workers stay on; any without.
    core: Option<usize>,
    /// Whether it has a worker for when no thread can be made.
    rescued: bool,
}

impl System {
    const fn new(name: &'static str, at_once: usize, priority: Priority) -> Self {
        Self {
            queue: WorkQueue::pool(name, at_once, MOST_WORKERS, &RECRUITER),
            priority,
            core: None,
            rescued: false,
        }
    }

    const fn on_core(name: &'static str, core: usize, priority: Priority) -> Self {
        let mut system = Self::new(name, 1, priority);
        system.core = Some(core);
        system
    }

    const fn rescued(mut self) -> Self {
        self.rescued = true;
        self
    }

    /// Whether its workers have a core to run on.
    fn is_served(&self) -> bool {
        self.core
            .is_none_or(|core| cpu::online_mask() & (1 << core) != 0)
    }
}

/// How many queues there can be.
const QUEUES: usize = FIRST_PERCPU + 2 * cpu::MAX;
const FIRST_PERCPU: usize = 4;
const ORDINARY: Priority = Priority::fair(0);

static SYSTEMS: [System; QUEUES] = [
    System::new("highpri", 1, HIGH),
    System::new("unbound", cpu::MAX, ORDINARY),
    System::new("long", cpu::MAX, ORDINARY),
    System::new("reclaim", 1, ORDINARY).rescued(),
    System::on_core("percpu/0", 0, ORDINARY),
    System::on_core("percpu/1", 1, ORDINARY),
    System::on_core("percpu/2", 2, ORDINARY),
    System::on_core("percpu/3", 3, ORDINARY),
    System::on_core("highpri/0", 0, HIGH),
    System::on_core("highpri/1", 1, HIGH),
    System::on_core("highpri/2", 2, HIGH),
    System::on_core("highpri/3", 3, HIGH),
];

static DELAYS: Delays = Delays::new("delays");

/// The queue for ordinary work, on any core, at ordinary priority. Items start in the order of
/// queueing; as many as there can be cores run at once, and those that sleep do not count.
#[inline]
pub fn unbound() -> &'static WorkQueue {
    &SYSTEMS[1].queue
}

/// The queue for what is urgent, on any core, with real-time priority; one item at a time runs. For
/// short items: one that computes for long keeps the others waiting, the console's input among them.
#[inline]
pub fn highpri() -> &'static WorkQueue {
    &SYSTEMS[0].queue
}

/// The queue for items that compute or block for long, so that they need not keep the workers of
/// [`unbound`].
#[inline]
pub fn long() -> &'static WorkQueue {
    &SYSTEMS[2].queue
}

/// The queue for items that get memory back: its rescuer, a thread made when the kernel starts, runs
/// them when all workers sleep and no other can be made. One item at a time runs.
#[inline]
pub fn reclaim() -> &'static WorkQueue {
    &SYSTEMS[3].queue
}

/// The queue of `core`: its workers stay there, at ordinary priority. One item at a time runs, in
/// the order of queueing; while it sleeps the next one does. They may be queued from any core.
///
/// # Panics
///
/// If there can be no such core. On the queue of a core that is not up, nothing runs.
#[inline]
pub fn percpu(core: usize) -> &'static WorkQueue {
    assert!(core < cpu::MAX, "there is no core {core}");
    &SYSTEMS[FIRST_PERCPU + core].queue
}

/// [`percpu`] with the real-time priority of [`highpri`].
///
/// # Panics
///
/// As [`percpu`].
#[inline]
pub fn percpu_highpri(core: usize) -> &'static WorkQueue {
    assert!(core < cpu::MAX, "there is no core {core}");
    &SYSTEMS[FIRST_PERCPU + cpu::MAX + core].queue
}

/// What puts items on these queues, or others, at a time or after a delay.
#[inline]
pub fn delays() -> &'static Delays {
    &DELAYS
}

/// All of these queues but those of cores that are not up. Any context.
pub fn all() -> impl Iterator<Item = &'static WorkQueue> {
    SYSTEMS
        .iter()
        .filter(|system| system.is_served())
        .map(|system| &system.queue)
}

/// Makes the threads: the first worker of each queue, who makes the others, and what keeps the
/// delays.
pub(crate) fn init() -> Result<(), SpawnError> {
    staff::init()?;
    let keeper = Builder::new("delays").priority(KEEPER).essential();
    keeper.spawn(|cx| DELAYS.run(cx))?.detach();
    watchdog::init()
}
