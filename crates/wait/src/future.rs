//! Futures and queues: a future that waits on a queue beside threads.
//!
//! A queue unparks whom a node's handle names. For a future that has to be its waker, so the
//! handles of such a queue are of two kinds: [`AsyncHost`] is a host over another one whose
//! handles may be wakers. Queues over the other host itself know nothing of this, and pay nothing.
//!
//! How a thread waits for a future is in [`mod@crate::block_on`].

use crate::host::{Host, OwnerId, PiEvent};
use crate::mutant::mutant;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::waiter::Waiter;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use layercake_sync::TaskCx;

/// The host `H`, on whose queues futures may wait too.
///
/// Whatever is made over it is used by threads as over `H`: `Semaphore<AsyncHost<H>>` is a
/// semaphore.
///
/// Wakers that come to such a queue must be fit for whoever wakes it: cloning them may happen
/// with interrupts masked and the queue's lock held, so it must not use that queue; waking and
/// dropping them happens with the lock free, in the context of the wake.
pub struct AsyncHost<H>(PhantomData<H>);

/// A queue for threads and futures.
pub type AsyncQueue<H> = WaitQueue<AsyncHost<H>>;

/// Whom to unpark: a thread, or a future by its waker.
pub struct Handle<H: Host>(Kind<H>);

enum Kind<H: Host> {
    Thread(H::Task),
    Future(Waker),
}

impl<H: Host> Clone for Handle<H> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Kind::Thread(task) => Kind::Thread(task.clone()),
            Kind::Future(waker) => Kind::Future(waker.clone()),
        })
    }
}

impl<H: Host> fmt::Debug for Handle<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Thread(_) => "Thread",
            Kind::Future(_) => "Future",
        })
    }
}

impl<H> fmt::Debug for AsyncHost<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncHost")
    }
}

// SAFETY: HOST, by `H` for threads, which are all that parks. For wakers (3) and (4) are what is
// asked of those who bring them, above; (2) is what `Waker` promises.
unsafe impl<H: Host> Host for AsyncHost<H> {
    type Cpu = H::Cpu;
    type Task = Handle<H>;

    #[inline(always)]
    fn current() -> Handle<H> {
        Handle(Kind::Thread(H::current()))
    }

    #[inline(always)]
    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        H::park(cx, deadline);
    }

    #[inline(always)]
    fn unpark(handle: &Handle<H>) {
        match &handle.0 {
            Kind::Thread(task) => H::unpark(task),
            Kind::Future(waker) => waker.wake_by_ref(),
        }
    }

    #[inline(always)]
    fn now() -> Instant {
        H::now()
    }

    #[inline(always)]
    fn blocked_on(name: &'static str) {
        H::blocked_on(name);
    }

    #[inline(always)]
    fn owner_id() -> OwnerId {
        H::owner_id()
    }

    #[inline(always)]
    fn is_worth_spinning_for(owner: OwnerId) -> bool {
        H::is_worth_spinning_for(owner)
    }

    #[inline(always)]
    fn inherit(event: PiEvent<'_>) {
        H::inherit(event);
    }
}

impl<H: Host> AsyncQueue<H> {
    /// A future that is ready when `cond` returns something, with that; the counterpart of
    /// [`wait_until`](WaitQueue::wait_until).
    ///
    /// An exclusive waiter, among threads and other futures in the order of arrival, from its
    /// first poll on. Dropped before it is ready, it leaves the queue, and hands on a wake-one
    /// that had reached it (W3, W8).
    ///
    /// ```
    /// # #[cfg(all(feature = "std-host", not(loom)))] {
    /// use core::sync::atomic::{AtomicBool, Ordering};
    /// use layercake_wait::{block_on, host::std::{enter, spawn, StdHost}, AsyncQueue};
    ///
    /// static RANG: AsyncQueue<StdHost> = AsyncQueue::new("bell");
    /// static RUNG: AtomicBool = AtomicBool::new(false);
    ///
    /// let ringer = spawn(|_| {
    ///     RUNG.store(true, Ordering::Release);
    ///     RANG.wake_one();
    /// });
    /// let answer = async {
    ///     RANG.wait_async(|| RUNG.load(Ordering::Acquire).then_some(())).await;
    ///     "coming"
    /// };
    /// assert_eq!(enter(|cx| block_on::<StdHost, _>(cx, answer)), "coming");
    /// # ringer.join().unwrap();
    /// # }
    /// ```
    pub fn wait_async<T, F: FnMut() -> Option<T>>(&self, cond: F) -> WaitFuture<'_, H, F> {
        WaitFuture {
            waiter: Waiter::new(),
            queue: self,
            cond,
        }
    }
}

/// What [`wait_async`](WaitQueue::wait_async) returns.
#[must_use = "a future does nothing unless it is polled"]
pub struct WaitFuture<'q, H: Host, F> {
    waiter: Waiter<'q, AsyncHost<H>>,
    queue: &'q AsyncQueue<H>,
    cond: F,
}

// SAFETY: NODE-OWNER. The waiter is the future's own: it is used through `Pin<&mut Self>` and by
// the drop only, so by one thread after the other, whoever has the future.
unsafe impl<H: Host, F: Send> Send for WaitFuture<'_, H, F> {}

impl<T, H: Host, F: FnMut() -> Option<T>> Future for WaitFuture<'_, H, F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // SAFETY: NODE-PINNED. Nothing is moved out; the waiter is pinned with the future, which
        // drops it where it is; the closure never is.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let waiter = unsafe { Pin::new_unchecked(&this.waiter) };
        if !waiter.is_waiting()
            && let Some(value) = (this.cond)()
        {
            // Never on the queue, or off it by a wake, and this look is what that was for.
            waiter.accept();
            return Poll::Ready(value);
        }
        waiter.prepare_as(this.queue, Handle(Kind::Future(cx.waker().clone())));
        if mutant!(PollWithoutLook) {
            return Poll::Pending;
        }
        match (this.cond)() {
            Some(value) => {
                // A wake-one that came meanwhile may have been for another: pass it on.
                waiter.clear();
                Poll::Ready(value)
            }
            None => Poll::Pending,
        }
    }
}

impl<H: Host, F> fmt::Debug for WaitFuture<'_, H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFuture")
            .field("queue", &self.queue.name())
            .field("waits", &self.waiter.is_waiting())
            .finish_non_exhaustive()
    }
}
