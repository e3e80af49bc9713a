//! Waiting for a condition: the loop around the steps of [`crate::waiter`], written once.

use crate::host::Host;
use crate::mutant::mutant;
use crate::node::Mode;
use crate::queue::WaitQueue;
use crate::stats::Event;
use crate::time::Instant;
use crate::waiter::{TimedOut, Waiter};
use core::pin::pin;
use layercake_sync::{TaskAtomic, TaskCx};

impl<H: Host> WaitQueue<H> {
    /// Blocks until `cond` returns something, and returns that.
    ///
    /// `cond` is called on this thread with the token for locks: take the lock that protects the
    /// state, look, and take what there is to take. Whoever changes that state wakes this queue
    /// *after* the change. `cond` is called at least once, and again after each wake.
    ///
    /// A wake-one that reaches the caller while it finds the condition true by itself goes on to
    /// the next waiter (W3). If `cond` panics the caller is off the queue (W8).
    #[inline]
    pub fn wait_until<T>(
        &self,
        cx: &mut TaskCx,
        cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> T {
        self.wait_for_ever(cx, Mode::EXCLUSIVE, H::blocked_on, cond)
    }

    /// [`wait_until`](WaitQueue::wait_until) as a shared waiter: every wake makes it look, and it
    /// uses up none.
    ///
    /// For those who watch a state that others consume.
    pub fn wait_until_shared<T>(
        &self,
        cx: &mut TaskCx,
        cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> T {
        self.wait_for_ever(cx, Mode::SHARED, H::blocked_on, cond)
    }

    /// [`wait_until`](WaitQueue::wait_until) for those who have nothing to do meanwhile: it may
    /// last for ever, and that is no sign of trouble.
    ///
    /// A worker that waits for work and a console that waits for a key look like a thread that
    /// hangs: both block without a deadline. The difference is known to whoever writes the wait,
    /// so it is said there; what a host makes of it is [`Host::idle_on`]'s business.
    pub fn idle_until<T>(
        &self,
        cx: &mut TaskCx,
        cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> T {
        self.wait_for_ever(cx, Mode::EXCLUSIVE, H::idle_on, cond)
    }

    /// [`wait_until`](WaitQueue::wait_until), at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when `cond` was found false at or after the deadline. However many wakes come
    /// in vain, they do not put it off (W9).
    #[inline]
    pub fn wait_until_deadline<T>(
        &self,
        cx: &mut TaskCx,
        deadline: Instant,
        mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Result<T, TimedOut> {
        if let Some(value) = cond(cx.atomic()) {
            return Ok(value);
        }
        self.wait_slow(cx, Some(deadline), Mode::EXCLUSIVE, cond)
    }

    /// Blocks until the next wake that reaches the caller, whatever it was sent for.
    ///
    /// There is no condition here, so a wake before the call is missed: for those who only want
    /// to know *that* something happens from now on.
    pub fn wait_once(&self, cx: &mut TaskCx) {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(self, cx);
        let _woken = waiter.block_and_look(self, cx, None, H::blocked_on, |_| Some(()));
    }

    /// A wait without a deadline, of which the host is told by `tell`.
    #[inline(always)]
    fn wait_for_ever<T>(
        &self,
        cx: &mut TaskCx,
        mode: Mode,
        tell: impl Fn(&'static str),
        mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> T {
        if let Some(value) = cond(cx.atomic()) {
            return value;
        }
        match self.wait_telling(cx, None, mode, tell, cond) {
            Ok(value) => value,
            Err(TimedOut) => unreachable!("timed out without a deadline"),
        }
    }

    /// The wait, once the condition was seen false without being on the queue.
    #[inline(always)]
    pub(crate) fn wait_slow<T>(
        &self,
        cx: &mut TaskCx,
        deadline: Option<Instant>,
        mode: Mode,
        cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Result<T, TimedOut> {
        self.wait_telling(cx, deadline, mode, H::blocked_on, cond)
    }

    /// The loop. The host is told of each park by `tell`, which is no value but a type: so every
    /// way to tell has a loop of its own in the machine code, and only there.
    fn wait_telling<T>(
        &self,
        cx: &mut TaskCx,
        mut deadline: Option<Instant>,
        mode: Mode,
        tell: impl Fn(&'static str),
        mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> Result<T, TimedOut> {
        let waiter = pin!(Waiter::with_mode(mode));
        let waiter = waiter.as_ref();
        waiter.prepare(self, cx);
        loop {
            if !mutant!(CheckThenEnqueue)
                && let Some(value) = cond(cx.atomic())
            {
                // A wake-one that came meanwhile may have been for another: pass it on.
                waiter.clear();
                return Ok(value);
            }
            // Then off the queue: by a wake, and the look is what that was for; or by the
            // deadline, and it is the last one.
            let look = |cx: &mut TaskCx| cond(cx.atomic());
            match waiter.block_and_look(self, cx, deadline, &tell, look) {
                (Some(value), _) => return Ok(value),
                (None, Err(TimedOut)) => {
                    self.note(Event::TimedOut);
                    return Err(TimedOut);
                }
                (None, Ok(())) => {}
            }
            if deadline.is_some_and(|deadline| H::now() >= deadline) {
                waiter.accept();
                self.note(Event::TimedOut);
                return Err(TimedOut);
            }
            waiter.prepare_again(self, cx);
            if mutant!(VainWakeExtends) {
                deadline = None;
            }
        }
    }
}
