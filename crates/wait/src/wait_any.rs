//! Waiting on several queues at once, and waiting that can be called off.

use crate::host::Host;
use crate::mutant::mutant;
use crate::queue::WaitQueue;
use crate::stats::Event;
use crate::time::Instant;
use crate::waiter::{TimedOut, Waiter};
use core::fmt;
use core::pin::{Pin, pin};
use core::sync::atomic::Ordering::{Acquire, Release};
use layercake_sync::facade::{AtomicBool, const_unless_loom};
use layercake_sync::{TaskAtomic, TaskCx};

/// Blocks until `cond` returns something, looking again after a wake of any of `queues`, at most
/// until `deadline`.
///
/// The caller is on all queues at once, with one node on its stack for each. A wake-one that
/// reached it goes on to the next waiter of its queue when the call ends, whether `cond` made use
/// of it or not: of several that came, at most one was meant for what `cond` found. So a queue's
/// next waiter may look in vain once.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, wait_any, Semaphore, WaitQueue};
/// use core::sync::atomic::{AtomicU32, Ordering::*};
///
/// static KEYS: WaitQueue<StdHost> = WaitQueue::new("keys");
/// static PACKETS: WaitQueue<StdHost> = WaitQueue::new("packets");
/// static READY: AtomicU32 = AtomicU32::new(0);
///
/// let device = spawn(|_| {
///     READY.store(2, Release);
///     PACKETS.wake_one();
/// });
/// let which = enter(|cx| wait_any(cx, [&KEYS, &PACKETS], None, |_| match READY.load(Acquire) {
///     0 => None,
///     which => Some(which),
/// }));
/// assert_eq!(which, Ok(2));
/// # device.join().unwrap();
/// # }
/// ```
///
/// # Errors
///
/// [`TimedOut`] when `cond` was found false at or after the deadline; never without one.
pub fn wait_any<H: Host, T, const N: usize>(
    cx: &mut TaskCx,
    queues: [&WaitQueue<H>; N],
    deadline: Option<Instant>,
    cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
) -> Result<T, TimedOut> {
    wait_on_all(cx, queues, deadline, H::blocked_on, cond)
}

/// [`wait_any`] that tells the host of each park by `tell`.
pub(crate) fn wait_on_all<H: Host, T, const N: usize>(
    cx: &mut TaskCx,
    queues: [&WaitQueue<H>; N],
    deadline: Option<Instant>,
    tell: fn(&'static str),
    mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
) -> Result<T, TimedOut> {
    if let Some(value) = cond(cx.atomic()) {
        return Ok(value);
    }
    let waiters = pin!([(); N].map(|()| Waiter::new()));
    let waiters = waiters.as_ref();
    // SAFETY: NODE-PINNED. The elements of a pinned array stay where they are, and nothing here
    // moves them.
    let each = || (0..N).map(|i| unsafe { waiters.map_unchecked(|all| &all[i]) });
    loop {
        each()
            .zip(queues)
            .for_each(|(waiter, queue)| waiter.prepare(queue, cx));
        if let Some(value) = cond(cx.atomic()) {
            return Ok(value); // the drop leaves all queues and hands on
        }
        let mut parked = false;
        while each().all(|waiter: Pin<&Waiter<'_, H>>| waiter.is_waiting()) {
            if deadline.is_some_and(|deadline| H::now() >= deadline) {
                break;
            }
            tell(queues.first().map_or("nothing", |queue| queue.name()));
            H::park(cx, deadline);
            parked = true;
        }
        if parked {
            each().for_each(|waiter| waiter.note_run());
        }
        // Before it is on the queues anew: a wake that this look has no use for is still known
        // then, and is handed on.
        if !mutant!(PrepareBeforeLook)
            && let Some(value) = cond(cx.atomic())
        {
            return Ok(value);
        }
        if deadline.is_some_and(|deadline| H::now() >= deadline) {
            queues.iter().for_each(|queue| queue.note(Event::TimedOut));
            return Err(TimedOut);
        }
    }
}

/// Called off: the token was cancelled first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl core::error::Error for Cancelled {}

/// A token by which waits can be called off, from any context.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, CancelToken, Cancelled, WaitQueue};
///
/// static NEVER: WaitQueue<StdHost> = WaitQueue::new("never");
/// static STOP: CancelToken<StdHost> = CancelToken::new("stop");
///
/// let waiter = spawn(|cx| NEVER.wait_until_cancelled(cx, &STOP, |_| None::<()>));
/// STOP.cancel();
/// assert_eq!(waiter.join().unwrap(), Err(Cancelled));
/// # }
/// ```
#[derive(Debug)]
pub struct CancelToken<H: Host> {
    cancelled: AtomicBool,
    pub(crate) queue: WaitQueue<H>,
}

impl<H: Host> CancelToken<H> {
    const_unless_loom! {
        /// A token that is not cancelled. `name` is for people.
        pub const fn new(name: &'static str) -> Self {
            Self {
                cancelled: AtomicBool::new(false),
                queue: WaitQueue::new(name),
            }
        }
    }

    /// Calls off all waits with this token, those to come too.
    ///
    /// Any context. O(waits with this token).
    pub fn cancel(&self) {
        if mutant!(WakeThenCancel) {
            self.queue.wake_all();
            self.cancelled.store(true, Release);
        } else {
            self.cancelled.store(true, Release);
            self.queue.wake_all();
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Acquire)
    }

    /// The first of both that is so: the condition holds, this is cancelled.
    pub(crate) fn look<T>(
        &self,
        atomic: TaskAtomic<'_>,
        cond: &mut impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Option<Result<T, Cancelled>> {
        // The token first: seen cancelled, the look after it is the last.
        let cancelled = self.is_cancelled();
        match cond(atomic) {
            Some(value) => Some(Ok(value)),
            None if mutant!(LookThenToken) => self.is_cancelled().then_some(Err(Cancelled)),
            None => cancelled.then_some(Err(Cancelled)),
        }
    }
}

impl<H: Host> WaitQueue<H> {
    /// [`wait_until`](WaitQueue::wait_until), unless `token` is cancelled first.
    ///
    /// A condition that is true wins over a token that is cancelled.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the token was found cancelled and `cond` had just been found false.
    pub fn wait_until_cancelled<T>(
        &self,
        cx: &mut TaskCx,
        token: &CancelToken<H>,
        mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Result<T, Cancelled> {
        // Whoever can be called off may wait for as long as it likes.
        let queues = [self, &token.queue];
        let look = |atomic: TaskAtomic<'_>| token.look(atomic, &mut cond);
        let either = wait_on_all(cx, queues, None, H::idle_on, look);
        let ended = either.unwrap_or(Err(Cancelled));
        if ended.is_err() {
            self.note(Event::Cancelled);
        }
        ended
    }
}
