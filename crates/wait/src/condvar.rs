//! Condition variable and wait channel: waiting that gives up a lock while it lasts.
//!
//! Both put the caller on the queue *before* they give the lock back. So whoever takes the lock
//! next, changes the state and signals, finds it there: to release and to block are one step for
//! everybody who uses the lock.
//!
//! A guard of a spinlock borrows the right to sleep, so it cannot be given to a function that
//! sleeps; the compiler refuses. So what waits under a spinlock takes the lock itself and asks a
//! closure: [`Condvar::wait_spin`] comes back with the guard, [`WaitChannel::sleep_until`] with
//! what the closure took, and without the lock. The blocking [`Mutex`](crate::Mutex) has guards
//! that can be given away: [`Condvar::wait`]. Sleeping with a spinlock held (the lecture's
//! attempt 2) is refused (W12):
//!
//! ```compile_fail
//! use layercake_sync::{host::StdCpu, IrqOff, SpinLock, TaskCx};
//! use layercake_wait::{host::std::StdHost, WaitQueue};
//!
//! fn attempt_2(cx: &mut TaskCx, x: &SpinLock<bool, IrqOff<StdCpu>>, queue: &WaitQueue<StdHost>) {
//!     let x = x.lock(&mut *cx);
//!     if !*x {
//!         queue.wait_once(cx); // error: `*cx` is borrowed by the guard
//!     }
//!     drop(x);
//! }
//! ```

use crate::host::Host;
use crate::mutant::mutant;
use crate::mutex::MutexGuard;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::waiter::{TimedOut, Waiter};
use core::pin::pin;
use layercake_sync::facade::const_unless_loom;
use layercake_sync::{Mask, RawLock, SpinGuard, SpinLock, TaskAtomic, TaskCx};

/// Waits for a condition on the data of a lock: of a [`Mutex`](crate::Mutex) or of a spinlock.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, Condvar, Mutex};
///
/// static X: Mutex<bool, StdHost> = Mutex::new("x", false);
/// static X_CHANGED: Condvar<StdHost> = Condvar::new("x changed");
///
/// let other = spawn(|cx| {
///     *X.lock(cx) = true;
///     X_CHANGED.signal();
/// });
/// enter(|cx| {
///     let mut x = X.lock(cx);
///     while !*x {
///         x = X_CHANGED.wait(cx, x);
///     }
/// });
/// # other.join().unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct Condvar<H: Host> {
    queue: WaitQueue<H>,
}

impl<H: Host> Condvar<H> {
    const_unless_loom! {
        /// A condition variable. `name` is for people.
        pub const fn new(name: &'static str) -> Self {
            Self {
                queue: WaitQueue::new(name),
            }
        }
    }

    /// Gives `guard` back and blocks, in one step; takes the mutex again after a signal.
    ///
    /// Look at the condition again: another may have been faster.
    pub fn wait<'a, T: ?Sized>(
        &self,
        cx: &mut TaskCx,
        guard: MutexGuard<'a, T, H>,
    ) -> MutexGuard<'a, T, H> {
        let mutex = guard.mutex();
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        if mutant!(UnlockThenEnqueue) {
            drop(guard);
            waiter.prepare(&self.queue, cx);
        } else {
            waiter.prepare(&self.queue, cx);
            drop(guard);
        }
        waiter.maybe_block(cx);
        let guard = mutex.lock(cx);
        // The caller looks now, which is what the signal was for.
        waiter.accept();
        guard
    }

    /// [`wait`](Condvar::wait), at most until `deadline` (and until the mutex is free then). The
    /// second value says whether a signal came before the deadline.
    pub fn wait_deadline<'a, T: ?Sized>(
        &self,
        cx: &mut TaskCx,
        deadline: Instant,
        guard: MutexGuard<'a, T, H>,
    ) -> (MutexGuard<'a, T, H>, Result<(), TimedOut>) {
        let mutex = guard.mutex();
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(&self.queue, cx);
        drop(guard);
        let signalled = waiter.maybe_block_until(cx, deadline);
        let guard = mutex.lock(cx);
        waiter.accept();
        (guard, signalled)
    }

    /// [`wait`](Condvar::wait), again and again, until `ready` says so of the data.
    pub fn wait_until<'a, T: ?Sized>(
        &self,
        cx: &mut TaskCx,
        mut guard: MutexGuard<'a, T, H>,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T, H> {
        while !ready(&mut guard) {
            guard = self.wait(cx, guard);
        }
        guard
    }

    /// Takes the spinlock `lock`, and as long as `ready` says no of the data gives it back and
    /// blocks, in one step. Returns with the lock held.
    ///
    /// ```
    /// # #[cfg(all(feature = "std-host", not(loom)))] {
    /// use layercake_sync::{host::StdCpu, IrqOff, SpinLock};
    /// use layercake_wait::{host::std::{enter, spawn, StdHost}, Condvar};
    ///
    /// static BYTES: SpinLock<u32, IrqOff<StdCpu>> = SpinLock::new(0);
    /// static ARRIVED: Condvar<StdHost> = Condvar::new("bytes");
    ///
    /// let device = spawn(|cx| {
    ///     *BYTES.lock(cx) += 1;
    ///     ARRIVED.signal();
    /// });
    /// enter(|cx| {
    ///     let mut bytes = ARRIVED.wait_spin(cx, &BYTES, |bytes| *bytes > 0);
    ///     *bytes -= 1;
    /// });
    /// # device.join().unwrap();
    /// # }
    /// ```
    pub fn wait_spin<'a, T: ?Sized, M, R>(
        &self,
        cx: &'a mut TaskCx,
        lock: &'a SpinLock<T, M, R>,
        ready: impl FnMut(&mut T) -> bool,
    ) -> SpinGuard<'a, T, M, R>
    where
        M: Mask,
        R: RawLock,
        for<'t> TaskAtomic<'t>: Into<M::Token<'t>>,
    {
        self.wait_spin_at_most(cx, lock, None, ready).0
    }

    /// [`wait_spin`](Condvar::wait_spin), at most until `deadline` (and until the lock is free
    /// then). Returns with the lock held, either way.
    ///
    /// The second value is [`TimedOut`] when `ready` said no at or after the deadline.
    pub fn wait_spin_deadline<'a, T: ?Sized, M, R>(
        &self,
        cx: &'a mut TaskCx,
        lock: &'a SpinLock<T, M, R>,
        deadline: Instant,
        ready: impl FnMut(&mut T) -> bool,
    ) -> (SpinGuard<'a, T, M, R>, Result<(), TimedOut>)
    where
        M: Mask,
        R: RawLock,
        for<'t> TaskAtomic<'t>: Into<M::Token<'t>>,
    {
        self.wait_spin_at_most(cx, lock, Some(deadline), ready)
    }

    fn wait_spin_at_most<'a, T: ?Sized, M, R>(
        &self,
        cx: &'a mut TaskCx,
        lock: &'a SpinLock<T, M, R>,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut T) -> bool,
    ) -> (SpinGuard<'a, T, M, R>, Result<(), TimedOut>)
    where
        M: Mask,
        R: RawLock,
        for<'t> TaskAtomic<'t>: Into<M::Token<'t>>,
    {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        loop {
            // Asked before the look: seen past, the look after it is the last.
            let late = deadline.is_some_and(|deadline| H::now() >= deadline);
            // SAFETY: CX-ATOMIC. Nothing sleeps while the guard lives: it goes before the caller
            // blocks below, and the one that is returned keeps `cx` borrowed.
            let mut guard = lock.lock(unsafe { TaskAtomic::assume() });
            let found = ready(&mut guard);
            if found || late {
                // The look is what a signal was for.
                waiter.accept();
                return (guard, if found { Ok(()) } else { Err(TimedOut) });
            }
            if mutant!(UnlockThenEnqueue) {
                drop(guard);
                waiter.prepare(&self.queue, cx);
            } else {
                waiter.prepare(&self.queue, cx);
                drop(guard);
            }
            match deadline {
                None => waiter.maybe_block(cx),
                // Past, the next look is the last.
                Some(deadline) => drop(waiter.maybe_block_until(cx, deadline)),
            }
        }
    }

    /// Wakes one who waits. Any context.
    pub fn signal(&self) -> bool {
        self.queue.wake_one()
    }

    /// Wakes all who wait; says how many. Any context.
    pub fn broadcast(&self) -> usize {
        self.queue.wake_all()
    }
}

/// Waits for a condition on the data of a spinlock, in the way of OS/161.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_sync::{host::StdCpu, IrqOff, SpinLock};
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, WaitChannel};
///
/// static BYTES: SpinLock<u32, IrqOff<StdCpu>> = SpinLock::new(0);
/// static ARRIVED: WaitChannel<StdHost> = WaitChannel::new("bytes");
///
/// let device = spawn(|cx| {
///     *BYTES.lock(cx) += 1;
///     ARRIVED.wake_one();
/// });
/// enter(|cx| ARRIVED.sleep_until(cx, &BYTES, |bytes| {
///     *bytes = bytes.checked_sub(1)?; // the lock is held here
///     Some(())
/// }));
/// # device.join().unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct WaitChannel<H: Host> {
    queue: WaitQueue<H>,
}

impl<H: Host> WaitChannel<H> {
    const_unless_loom! {
        /// A channel. `name` is for people.
        pub const fn new(name: &'static str) -> Self {
            Self {
                queue: WaitQueue::new(name),
            }
        }
    }

    /// Takes `lock` and asks `cond`; as long as that says `None`, gives the lock back and sleeps,
    /// in one step, and starts again after a wake. Returns what `cond` said, without the lock.
    pub fn sleep_until<T: ?Sized, M, R, V>(
        &self,
        cx: &mut TaskCx,
        lock: &SpinLock<T, M, R>,
        mut cond: impl FnMut(&mut T) -> Option<V>,
    ) -> V
    where
        M: Mask,
        R: RawLock,
        for<'a> TaskAtomic<'a>: Into<M::Token<'a>>,
    {
        self.queue
            .wait_until(cx, |atomic| cond(&mut lock.lock(atomic)))
    }

    /// Wakes one who sleeps. With the lock held or after; any context.
    pub fn wake_one(&self) -> bool {
        self.queue.wake_one()
    }

    /// Wakes all who sleep; says how many. With the lock held or after; any context.
    pub fn wake_all(&self) -> usize {
        self.queue.wake_all()
    }
}
