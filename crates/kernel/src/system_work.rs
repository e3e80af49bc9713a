//! The kernel's own work queues: which there are, who works on them, and how urgently.
//!
//! | queue | workers | priority | for |
//! |---|---|---|---|
//! | [`unbound`] | [`UNBOUND_WORKERS`], on any core | ordinary | what may sleep a little or compute |
//! | [`highpri`] | 1, on any core | real-time, round robin 40 | what an interrupt hands over and a person or a device waits for; short, and sleeps on short locks only |
//! | [`long`] | [`LONG_WORKERS`], on any core | ordinary | what blocks for long |
//! | [`percpu`] | 1 for each core, which stays there | ordinary | what must run on that core; one at a time |
//!
//! None of them is ever closed, so an item that is not disabled is always accepted. [`delays`] puts
//! items on them at a time. The items themselves are their owners' business; whether the queues
//! come along is the `watchdog`'s.

mod watchdog;

pub(crate) use watchdog::look_again;
pub use watchdog::{STALL_LIMIT, set_stall_limit, stalls};

use crate::thread::{Builder, CpuSet, Name, Priority, SpawnError};
use crate::{Delays, WorkQueue, cpu};
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, Ordering};

/// How many threads work on [`unbound`]: as many items compute or sleep at once.
pub const UNBOUND_WORKERS: usize = 4;
/// How many threads work on [`long`]: as many items block at once, and one more waits.
pub const LONG_WORKERS: usize = 4;

/// More urgent than ordinary threads: what interrupts hand over is short and wanted soon.
const HIGH: Priority = Priority::round_robin(40);
/// At least that of the workers it serves, so that a delay does not end late for its sake.
const KEEPER: Priority = Priority::round_robin(41);

/// A queue with its workers.
struct System {
    queue: WorkQueue,
    count: usize,
    priority: Priority,
    /// The core that the workers stay on; any without.
    core: Option<usize>,
    /// The workers' numbers; 0, an idle thread's, before they are made.
    threads: [AtomicU32; MOST_WORKERS],
}

/// The most workers that a queue has.
pub const MOST_WORKERS: usize = if UNBOUND_WORKERS > LONG_WORKERS {
    UNBOUND_WORKERS
} else {
    LONG_WORKERS
};

impl System {
    const fn new(name: &'static str, count: usize, priority: Priority) -> Self {
        Self {
            queue: WorkQueue::new(name),
            count,
            priority,
            core: None,
            threads: [const { AtomicU32::new(0) }; MOST_WORKERS],
        }
    }

    const fn on_core(name: &'static str, core: usize) -> Self {
        let mut system = Self::new(name, 1, Priority::fair(0));
        system.core = Some(core);
        system
    }

    /// Whether its workers have a core to run on.
    fn is_served(&self) -> bool {
        self.core
            .is_none_or(|core| cpu::online_mask() & (1 << core) != 0)
    }

    /// The numbers of its worker threads.
    fn threads(&self) -> impl Iterator<Item = u32> {
        let made = self.threads.iter().map(|id| id.load(Ordering::Relaxed));
        made.filter(|id| *id != 0)
    }

    fn start(&'static self) -> Result<(), SpawnError> {
        for n in 0..self.count {
            let mut name = Name::new();
            // Cut, if it were too long.
            let _ = match self.count {
                1 => write!(name, "worker/{}", self.queue.name()),
                _ => write!(name, "worker/{}/{n}", self.queue.name()),
            };
            let mut builder = Builder::new(&name).priority(self.priority).essential();
            if let Some(core) = self.core {
                builder = builder.affinity(CpuSet::one(core));
            }
            let worker = builder.spawn(|cx| self.queue.run_worker(cx))?;
            self.threads[n].store(worker.id(), Ordering::Relaxed);
            worker.detach();
        }
        Ok(())
    }
}

/// How many queues there can be.
const QUEUES: usize = 3 + cpu::MAX;
const FIRST_PERCPU: usize = 3;

static SYSTEMS: [System; QUEUES] = [
    System::new("highpri", 1, HIGH),
    System::new("unbound", UNBOUND_WORKERS, Priority::fair(0)),
    System::new("long", LONG_WORKERS, Priority::fair(0)),
    System::on_core("percpu/0", 0),
    System::on_core("percpu/1", 1),
    System::on_core("percpu/2", 2),
    System::on_core("percpu/3", 3),
];

static DELAYS: Delays = Delays::new("delays");

/// The queue for ordinary work: several workers at ordinary priority, on any core. Items start in
/// the order of queueing; some run at once.
#[inline]
pub fn unbound() -> &'static WorkQueue {
    &SYSTEMS[1].queue
}

/// The queue for what is urgent: one worker, of real-time priority. For short items; one that
/// blocks for long keeps the others waiting, the console's input among them.
#[inline]
pub fn highpri() -> &'static WorkQueue {
    &SYSTEMS[0].queue
}

/// The queue for items that block for long, so that they need not keep a worker of [`unbound`].
#[inline]
pub fn long() -> &'static WorkQueue {
    &SYSTEMS[2].queue
}

/// The queue of `core`: its one worker stays there, at ordinary priority. Items run one at a time,
/// in the order of queueing. They may be queued from any core.
///
/// # Panics
///
/// If there can be no such core. On the queue of a core that is not up, nothing runs.
#[inline]
pub fn percpu(core: usize) -> &'static WorkQueue {
    assert!(core < cpu::MAX, "there is no core {core}");
    &SYSTEMS[FIRST_PERCPU + core].queue
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

/// Makes the threads: the workers of each queue, and what keeps the delays.
pub(crate) fn init() -> Result<(), SpawnError> {
    for system in SYSTEMS.iter().filter(|system| system.is_served()) {
        system.start()?;
    }
    let keeper = Builder::new("delays").priority(KEEPER).essential();
    keeper.spawn(|cx| DELAYS.run(cx))?.detach();
    watchdog::init()
}
