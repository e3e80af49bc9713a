//! The watchdog: says so when a system queue does not come along.
//!
//! A queue is *stalled* when items wait on it and none has begun, ended or been cancelled for the
//! limit. That is said once; when the queue goes on, that is said, too. An item that runs for long
//! while nobody waits for its worker is nobody's trouble, and not reported.
//!
//! `queue` runs in interrupt handlers, is counted in instructions, and tells nobody: so the watchdog
//! looks. It is one thread of the lowest ordinary priority, which looks twice in a limit: with the
//! default, the machine is woken once in 5 s, for some microseconds, and only one core of it. It
//! looks more often only when a queue is suspected, to be in time with the report. Nothing is
//! counted or timed between the looks. As an ordinary thread it does not see a machine on which
//! real-time threads leave it no core.
//!
//! It looks for threads that hang, too: what that means is said in `thread::hung`.
//!
//! What a queue is and who works on it is said in the parent module.

use super::{MOST_WORKERS, QUEUES, SYSTEMS, System};
use crate::thread::{self, Builder, SpawnError, State};
use crate::wait::Instant;
use crate::work::{QueueReport, RunReport};
use crate::{TaskCx, WaitQueue, time};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// How long a queue with items waiting may stand still before that is reported, unless
/// [`set_stall_limit`] says otherwise.
pub const STALL_LIMIT: Duration = Duration::from_secs(10);

/// In ns.
static LIMIT: AtomicU64 = AtomicU64::new(STALL_LIMIT.as_nanos() as u64);
static STALLS: AtomicU64 = AtomicU64::new(0);
/// Where the watchdog sleeps.
static KENNEL: WaitQueue = WaitQueue::new("watchdog");

/// Sets how long a queue with items waiting may stand still before that is reported. The report
/// comes between one and one and a half times that. `Duration::MAX`: for ever, and the watchdog
/// sleeps as long. Any context. O(1).
///
/// # Panics
///
/// If `limit` is less than a millisecond: looking would be all that the machine does.
pub fn set_stall_limit(limit: Duration) {
    assert!(limit >= Duration::from_millis(1), "a limit of {limit:?}");
    let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    LIMIT.store(nanos, Ordering::Relaxed);
    look_again();
}

/// How many times a stalled queue has been reported. Any context.
pub fn stalls() -> u64 {
    STALLS.load(Ordering::Relaxed)
}

/// What the watchdog remembers of a queue.
#[derive(Clone, Copy)]
struct Seen {
    /// What had become of its items: begun, ended, cancelled.
    progress: (u64, usize, u64),
    /// When it was first seen so, with items waiting; none if nothing waited.
    since: Option<Instant>,
    reported: bool,
}

impl Seen {
    /// Compares with what is there now.
    fn look(&mut self, system: &System, limit: Duration) {
        let now = time::now();
        let report = system.queue.report();
        let progress = (report.ran, report.running, report.cancelled);
        match self.since {
            Some(since) if report.pending > 0 && progress == self.progress => {
                let still = now.saturating_duration_since(since);
                if !self.reported && still >= limit {
                    self.reported = true;
                    tell(system, &report, still);
                    STALLS.fetch_add(1, Ordering::Relaxed);
                }
            }
            _ => {
                if self.reported {
                    log::info!("work queue {} goes on", report.name);
                }
                *self = Self {
                    progress,
                    since: (report.pending > 0).then_some(now),
                    reported: false,
                };
            }
        }
    }

    /// When the queue is to be reported if it still stands as it does; none if it moves.
    fn due(&self, limit: Duration) -> Option<Instant> {
        let since = self.since.filter(|_| !self.reported)?;
        Some(since + limit)
    }
}

/// Reports a stalled queue. Allocates nothing: memory may be what it waits for.
fn tell(system: &System, report: &QueueReport, still: Duration) {
    let name = report.name;
    log::warn!(
        "work queue {name} stands still for {} ms: {} waiting, {} running, {} of them asleep",
        still.as_millis(),
        report.pending,
        report.running,
        report.blocked,
    );
    let mut runs = [None; MOST_WORKERS];
    if system.queue.runs(&mut runs) == 0 {
        log::warn!("work queue {name}: no worker takes an item");
    }
    for run in runs.iter().flatten() {
        tell_run(name, run);
    }
}

/// Says which item runs, on which thread, what that does, and how it came there.
fn tell_run(name: &str, run: &RunReport) {
    log::warn!(
        "work queue {name}: item `{}` has run for {} ms",
        run.item,
        run.running_for(time::now()).as_millis()
    );
    // A worker of another's: no seat of this kernel has it.
    let Some(thread) = thread::on_seat(run.worker) else {
        return;
    };
    let Some(worker) = thread::look_up(thread.id()) else {
        return;
    };
    let (called, id) = (&worker.name, worker.id);
    let what = format_args!("work queue {name}: {called} (thread {id})");
    match (worker.state, worker.waits_on) {
        (State::Blocked, Some(on)) => log::warn!("{what} is blocked on {on}"),
        (State::Blocked, None) => log::warn!("{what} is blocked"),
        (State::Running, _) => log::warn!("{what} is running on core {}", worker.core),
        _ => log::warn!("{what} waits for a core"),
    }
    thread::log_callers(thread);
}

/// Makes the thread.
pub(super) fn init() -> Result<(), SpawnError> {
    let watchdog = Builder::new("watchdog").nice(19).essential();
    watchdog.spawn(watch).map(|handle| handle.detach())
}

fn watch(cx: &mut TaskCx) {
    let mut seen = [Seen {
        progress: (0, 0, 0),
        since: None,
        reported: false,
    }; QUEUES];
    loop {
        // Before anything is looked at, so that a limit that is set meanwhile is not missed.
        let limits = limits();
        let nanos = limits.0;
        let limit = Duration::from_nanos(nanos);
        let mut next = time::now() + limit / 2;
        for (seen, system) in seen.iter_mut().zip(&SYSTEMS) {
            if system.is_served() {
                seen.look(system, limit);
                next = seen.due(limit).map_or(next, |due| next.min(due));
            }
        }
        let next = (nanos != u64::MAX).then_some(next);
        let next = next.into_iter().chain(thread::look_for_hung()).min();
        let changed = || (self::limits() != limits).then_some(());
        match next {
            None => KENNEL.idle_until(cx, |_| changed()),
            // Whether a limit changed or the time came: it looks.
            Some(next) => _ = KENNEL.wait_until_deadline(cx, next, |_| changed()),
        }
    }
}

/// The limits for queues and for threads.
fn limits() -> (u64, Option<Duration>) {
    (LIMIT.load(Ordering::Relaxed), thread::hung_limit())
}

/// Makes the watchdog look at its limits again. Any context.
pub(crate) fn look_again() {
    KENNEL.wake_all();
}
