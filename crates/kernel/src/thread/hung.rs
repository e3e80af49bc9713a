//! Threads that hang: blocked for longer than a limit, where nothing but a wake can end the wait.
//!
//! A thread with a deadline or a cancel token goes on by itself or can be told to, and one that
//! idles ([`idle_until`](crate::WaitQueue::idle_until)) has nothing to do: none of them hangs. Of
//! the rest, each wait is reported once, with the thread's backtrace. A report says that something
//! takes suspiciously long; whether it is a wake that was lost, a deadlock, or a thread that
//! honestly waits for another that computes for minutes, is for a person to tell.
//!
//! Nothing is counted between the looks but the moment of each park. Who looks, and when, is the
//! watchdog's business (`system_work`).

use super::{ALIVE, HANDLE, NO_CORE, Thread, table};
use crate::symbols::Named;
use crate::wait::Instant;
use crate::{config, run_queue, system_work, time};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// The deepest call that a report shows.
const SHOWN: usize = 24;

/// In ns; `u64::MAX` is off.
static LIMIT: AtomicU64 = AtomicU64::new(match config::HUNG_TASK_SECONDS {
    0 => u64::MAX,
    seconds => seconds * 1_000_000_000,
});
static REPORTS: AtomicU64 = AtomicU64::new(0);

/// Sets how long a thread may be blocked before that is reported; `Duration::MAX` is for ever. The
/// report comes between one and one and a half times that. At first it is what the key
/// `hung_task_seconds` of `layercake.toml` says. Any context. O(1).
///
/// # Panics
///
/// If `limit` is less than a millisecond: looking would be all that the machine does.
pub fn set_hung_limit(limit: Duration) {
    assert!(limit >= Duration::from_millis(1), "a limit of {limit:?}");
    let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    LIMIT.store(nanos, Ordering::Relaxed);
    system_work::look_again();
}

/// How long a thread may be blocked before that is reported; none: for ever. Any context.
pub fn hung_limit() -> Option<Duration> {
    let nanos = LIMIT.load(Ordering::Relaxed);
    (nanos != u64::MAX).then(|| Duration::from_nanos(nanos))
}

/// How many waits have been reported. Any context.
pub fn hung_reports() -> u64 {
    REPORTS.load(Ordering::Relaxed)
}

/// Reports who hangs. Returns when to look again; none: never, it is off. O(threads).
pub(crate) fn look() -> Option<Instant> {
    let limit = hung_limit()?;
    let now = time::now();
    let mut next = now + limit / 2;
    for thread in table::all() {
        let Some(since) = waits_since(thread) else {
            continue;
        };
        let waited = now.saturating_duration_since(since);
        if waited < limit {
            next = next.min(since + limit);
        } else if thread.hung.swap(since.as_nanos(), Ordering::Relaxed) != since.as_nanos() {
            tell(thread, waited);
            REPORTS.fetch_add(1, Ordering::Relaxed);
        }
    }
    Some(next)
}

/// Since when `thread` has been blocked, if nothing but a wake can end that and somebody minds.
fn waits_since(thread: &Thread) -> Option<Instant> {
    let alive = thread.life.load(Ordering::Relaxed) & !HANDLE == ALIVE && !thread.is_idle();
    let parked = || thread.permit.load(Ordering::Acquire) == run_queue::PARKED;
    if !alive || !parked() {
        return None;
    }
    let since = thread.blocked_since.load(Ordering::Acquire);
    let for_ever = thread.timer_core.load(Ordering::Acquire) == NO_CORE && !thread.idles();
    // The same park as before: what was read between belongs together.
    let same = parked() && thread.blocked_since.load(Ordering::Relaxed) == since;
    (for_ever && same).then(|| Instant::from_nanos(time::to_ns(since)))
}

/// Reports `thread`. Allocates nothing: memory may be what it waits for.
fn tell(thread: &'static Thread, waited: Duration) {
    log::warn!(
        "thread {} \"{}\" hangs: blocked on {} for {} ms, and nothing but a wake ends that",
        thread.id(),
        thread.name(),
        thread.blocked_on().unwrap_or("something without a name"),
        waited.as_millis()
    );
    log_callers(thread);
}

/// Logs the calls that led to where `thread` is parked; nothing of one that is not. Allocates nothing.
pub(crate) fn log_callers(thread: &'static Thread) {
    let mut calls = [0; SHOWN];
    let found = run_queue::backtrace_of(thread, &mut calls);
    for (depth, address) in calls[..found].iter().enumerate() {
        log::warn!("  {depth:2}: {}", Named(*address));
    }
    if found == SHOWN {
        log::warn!("      ...");
    }
}
