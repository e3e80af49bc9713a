//! Waits with a deadline that can be called off as well.
//!
//! What belongs here: what ends with its event, at its deadline, or by a token, whichever is first.
//! What does not: the token, and waits that have no deadline ([`mod@crate::wait_any`]).

use crate::close::WaitError;
use crate::host::Host;
use crate::interval::Interval;
use crate::queue::WaitQueue;
use crate::stats::Event;
use crate::time::Instant;
use crate::wait_any::{CancelToken, Cancelled, wait_on_all};
use layercake_sync::{TaskAtomic, TaskCx};

impl<H: Host> WaitQueue<H> {
    /// [`wait_until`](WaitQueue::wait_until), at most until `deadline`, and unless `token` is cancelled
    /// first.
    ///
    /// A condition that is true wins over both, and a token that is cancelled over a deadline that has
    /// passed.
    ///
    /// ```
    /// # #[cfg(all(feature = "std-host", not(loom)))] {
    /// use core::time::Duration;
    /// use layercake_wait::{host::std::{spawn, StdHost}, CancelToken, Host, WaitError, WaitQueue};
    ///
    /// static REPLY: WaitQueue<StdHost> = WaitQueue::new("reply");
    /// static STOP: CancelToken<StdHost> = CancelToken::new("stop");
    ///
    /// let client = spawn(|cx| {
    ///     let deadline = StdHost::now() + Duration::from_secs(3600);
    ///     REPLY.wait_until_cancelled_deadline(cx, &STOP, deadline, |_| None::<()>)
    /// });
    /// STOP.cancel();
    /// assert_eq!(client.join().unwrap(), Err(WaitError::Cancelled));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitError::Cancelled`] when the token was found cancelled and `cond` had then been found
    /// false; [`WaitError::TimedOut`] when `cond` was found false at or after the deadline.
    pub fn wait_until_cancelled_deadline<T>(
        &self,
        cx: &mut TaskCx,
        token: &CancelToken<H>,
        deadline: Instant,
        mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Result<T, WaitError> {
        let queues = [self, &token.queue];
        let look = |atomic: TaskAtomic<'_>| token.look(atomic, &mut cond);
        let ended = wait_on_all(cx, queues, Some(deadline), H::blocked_on, look)?;
        if ended.is_err() {
            self.note(Event::Cancelled);
        }
        Ok(ended?)
    }
}

/// [`sleep_until`](crate::sleep_until), unless `token` is cancelled; not at all if `deadline` is past.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::host::std::{enter, spawn, StdHost};
/// use layercake_wait::{sleep_until_cancelled, CancelToken, Cancelled, Instant};
///
/// static STOP: CancelToken<StdHost> = CancelToken::new("stop");
///
/// let sleeper = spawn(|cx| sleep_until_cancelled(cx, &STOP, Instant::MAX));
/// STOP.cancel();
/// assert_eq!(sleeper.join().unwrap(), Err(Cancelled));
/// assert_eq!(enter(|cx| sleep_until_cancelled(cx, &STOP, Instant::ZERO)), Ok(()));
/// # }
/// ```
///
/// # Errors
///
/// [`Cancelled`] when the token was found cancelled before the deadline.
pub fn sleep_until_cancelled<H: Host>(
    cx: &mut TaskCx,
    token: &CancelToken<H>,
    deadline: Instant,
) -> Result<(), Cancelled> {
    if H::now() >= deadline {
        return Ok(());
    }
    let called_off = |_: TaskAtomic<'_>| token.is_cancelled().then_some(());
    let tell = |_: &'static str| H::blocked_on("sleep");
    match wait_on_all(cx, [&token.queue], Some(deadline), tell, called_off) {
        Ok(()) => Err(Cancelled),
        Err(_) => Ok(()),
    }
}

impl<H: Host> Interval<H> {
    /// [`tick`](Interval::tick), unless `token` is cancelled; a tick that is due comes even so.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the token was found cancelled before the tick was due. The next call waits for
    /// the same tick.
    pub fn tick_cancelled(
        &mut self,
        cx: &mut TaskCx,
        token: &CancelToken<H>,
    ) -> Result<u64, Cancelled> {
        sleep_until_cancelled(cx, token, self.next_tick())?;
        // It is due: this does not wait.
        Ok(self.tick(cx))
    }
}
