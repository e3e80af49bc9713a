//! Closing a queue: the event will not come any more, and whoever waits for it is told.
//!
//! A wait that can be told so returns a `Result`; those that return the value itself take no
//! notice of the closing. So the ways that were there before cost nothing more.

use crate::host::Host;
use crate::mutant::mutant;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::wait_any::Cancelled;
use crate::waiter::TimedOut;
use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Release};
use layercake_sync::{TaskAtomic, TaskCx};

/// What was waited on is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed")
    }
}

impl core::error::Error for Closed {}

/// Why a wait that can end in several ways came to nothing: its documentation says which are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// What was waited on is closed.
    Closed,
    /// The deadline came first.
    TimedOut,
    /// The token was cancelled first.
    Cancelled,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => Closed.fmt(f),
            Self::TimedOut => TimedOut.fmt(f),
            Self::Cancelled => Cancelled.fmt(f),
        }
    }
}

impl core::error::Error for WaitError {}

impl From<Closed> for WaitError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<TimedOut> for WaitError {
    fn from(_: TimedOut) -> Self {
        Self::TimedOut
    }
}

impl From<Cancelled> for WaitError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl<H: Host> WaitQueue<H> {
    /// Closes the queue, for good: waits that can be told end with [`Closed`], those to come too.
    ///
    /// Told are [`wait_until_open`](WaitQueue::wait_until_open) and its kind. The others look at
    /// their condition, as after any wake, and wait on.
    ///
    /// Any context. O(waiters).
    pub fn close(&self) {
        if mutant!(WakeThenClose) {
            self.wake_all();
            self.closed.store(true, Release);
        } else {
            self.closed.store(true, Release);
            self.wake_all();
        }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    /// [`wait_until`](WaitQueue::wait_until), as long as the queue is open.
    ///
    /// A condition that is true wins over a queue that is closed: what was left before the
    /// closing can still be taken.
    ///
    /// ```
    /// # #[cfg(all(feature = "std-host", not(loom)))] {
    /// use layercake_wait::{host::std::{spawn, StdHost}, Closed, WaitQueue};
    ///
    /// static LINES: WaitQueue<StdHost> = WaitQueue::new("lines");
    ///
    /// let reader = spawn(|cx| LINES.wait_until_open(cx, |_| None::<()>));
    /// LINES.close();
    /// assert_eq!(reader.join().unwrap(), Err(Closed));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`] when the queue was found closed and `cond` had then been found false.
    pub fn wait_until_open<T>(
        &self,
        cx: &mut TaskCx,
        mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Result<T, Closed> {
        self.wait_until(cx, |atomic| self.look_open(atomic, &mut cond))
    }

    /// [`wait_until_open`](WaitQueue::wait_until_open), at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] as there; [`WaitError::TimedOut`] when `cond` was found false at or
    /// after the deadline, on an open queue.
    pub fn wait_until_open_deadline<T>(
        &self,
        cx: &mut TaskCx,
        deadline: Instant,
        mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Result<T, WaitError> {
        let look = |atomic: TaskAtomic<'_>| self.look_open(atomic, &mut cond);
        Ok(self.wait_until_deadline(cx, deadline, look)??)
    }

    /// The first of both that is so: the condition holds, the queue is closed.
    fn look_open<T>(
        &self,
        atomic: TaskAtomic<'_>,
        cond: &mut impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Option<Result<T, Closed>> {
        // The closing first: seen closed, the look after it is the last.
        let closed = self.is_closed();
        match cond(atomic) {
            Some(value) => Some(Ok(value)),
            None => closed.then_some(Err(Closed)),
        }
    }
}
