//! Being killed, from the side of the thread: the waits that can be called off.
//!
//! What a kill is and is not says [`kill`](super::kill).

use super::end::KILLED;
use crate::sync::{TaskAtomic, TaskCx};
use crate::wait::{CancelToken, Cancelled, Host as _, Instant, Interval, WaitError};
use crate::{Host, WaitQueue, time};
use core::sync::atomic::Ordering;
use core::time::Duration;

/// Whether the calling thread was killed. If so it should come to its end: its join says
/// [`Killed`](super::Exit::Killed) from now on, whatever it returns. O(1).
pub fn is_killed(cx: &mut TaskCx) -> bool {
    with_token(cx, |_, token| note(token.is_cancelled()))
}

/// Blocks for `duration` at the least, unless the calling thread is killed.
///
/// # Errors
///
/// [`Cancelled`] if it was killed before the time had passed.
pub fn sleep(cx: &mut TaskCx, duration: Duration) -> Result<(), Cancelled> {
    sleep_until(cx, time::now() + duration)
}

/// Blocks until `deadline`, unless the calling thread is killed; not at all if it has passed.
///
/// # Errors
///
/// [`Cancelled`] if it was killed before the deadline.
pub fn sleep_until(cx: &mut TaskCx, deadline: Instant) -> Result<(), Cancelled> {
    while time::now() < deadline {
        if is_killed(cx) {
            return Err(Cancelled);
        }
        Host::blocked_on("sleep");
        // A kill is a permit, too.
        Host::park(cx, Some(deadline));
    }
    Ok(())
}

/// [`WaitQueue::wait_until`], unless the calling thread is killed. A condition that is true wins.
///
/// # Errors
///
/// [`Cancelled`] if it was killed and `cond` had just been found false.
pub fn wait_until<T>(
    cx: &mut TaskCx,
    queue: &WaitQueue,
    cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
) -> Result<T, Cancelled> {
    with_token(cx, |cx, token| {
        let waited = queue.wait_until_cancelled(cx, token, cond);
        note(waited.is_err());
        waited
    })
}

/// [`WaitQueue::wait_until_deadline`], unless the calling thread is killed. A condition that is true wins,
/// and of a kill and a deadline that has passed, the kill.
///
/// # Errors
///
/// [`WaitError::Cancelled`] if the thread was killed and `cond` had just been found false;
/// [`WaitError::TimedOut`] if `cond` was found false at or after the deadline.
pub fn wait_until_deadline<T>(
    cx: &mut TaskCx,
    queue: &WaitQueue,
    deadline: Instant,
    cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
) -> Result<T, WaitError> {
    with_token(cx, |cx, token| {
        let waited = queue.wait_until_cancelled_deadline(cx, token, deadline, cond);
        note(matches!(waited, Err(WaitError::Cancelled)));
        waited
    })
}

/// [`Interval::tick`], unless the calling thread is killed. A tick that is due comes even so.
///
/// # Errors
///
/// [`Cancelled`] if it was killed before the tick was due.
pub fn tick(cx: &mut TaskCx, interval: &mut Interval<Host>) -> Result<u64, Cancelled> {
    sleep_until(cx, interval.next_tick())?;
    // It is due: this does not wait.
    Ok(interval.tick(cx))
}

/// Calls `f` with the token that a kill of the calling thread cancels: for waits that take one.
/// If it is cancelled by the end of `f`, the thread counts as told.
pub fn with_cancel<R>(cx: &mut TaskCx, f: impl FnOnce(&mut TaskCx, &CancelToken<Host>) -> R) -> R {
    with_token(cx, |cx, token| {
        let result = f(cx, token);
        note(token.is_cancelled());
        result
    })
}

/// The token is lent, not given: it is another thread's when this one has ended.
fn with_token<R>(cx: &mut TaskCx, f: impl FnOnce(&mut TaskCx, &CancelToken<Host>) -> R) -> R {
    // SAFETY: THREAD-OWN: it changes only when the thread is spawned anew.
    f(cx, unsafe { &*super::current().cancel.get() })
}

/// Notes that the calling thread was told that it is killed, if it was.
fn note(told: bool) -> bool {
    if told {
        // Written by this thread alone, which has no value yet.
        super::current().ended.store(KILLED, Ordering::Relaxed);
    }
    told
}
