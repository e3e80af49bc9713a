//! The blocking mutex: for data that a thread holds while it sleeps.
//!
//! For short sections that do not sleep, and for data that interrupt handlers touch, take a
//! spinlock. There is no poisoning: a kernel does not go on after a panic.
//!
//! ```text
//!   FREE --lock--> owner --a waiter came--> owner | CONTENDED
//!     ^             |                          |
//!     '--- unlock --'------ unlock + wake -----'
//! ```
//!
//! A waiter says CONTENDED when it is on the queue already, so an unlock that reads CONTENDED
//! finds it there, and an unlock that does not need not look. The owner in the word
//! ([`crate::host::LockWord`]) is for the host: whom to spin for, and who inherits a priority.

use crate::host::{Host, LockWord, PiEvent};
use crate::mutant::mutant;
use crate::owner::Glance;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::waiter::TimedOut;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use layercake_sync::facade::{UnsafeCell, const_unless_loom, spin_loop};
use layercake_sync::{TaskAtomic, TaskCx};

/// Data that one thread at a time may touch, and may sleep with.
///
/// Waiters are woken first in, first out; a newcomer may take a free mutex before the woken
/// waiter does, which then goes back to the head of the queue. Where the host can tell that the
/// owner runs on another core, and as long as nobody is queued, a thread spins for it before it
/// queues; where the host inherits priorities, the owner has that of whoever waits for it.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, sleep, Mutex};
/// use std::{sync::Arc, time::Duration};
///
/// let total = Arc::new(Mutex::<u32, StdHost>::new("total", 0));
/// let other = spawn({
///     let total = total.clone();
///     move |cx| *total.lock(cx) += 1
/// });
/// enter(|cx| {
///     let mut total = total.lock(cx);
///     sleep::<StdHost>(cx, Duration::from_millis(1)); // a spinlock's guard would not allow it
///     *total += 1;
/// });
/// other.join().unwrap();
/// assert_eq!(enter(|cx| *total.lock(cx)), 2);
/// # }
/// ```
pub struct Mutex<T: ?Sized, H: Host> {
    word: LockWord,
    queue: WaitQueue<H>,
    data: UnsafeCell<T>,
}

// SAFETY: MUTEX-HELD. The data is reached through a guard only, of which there is one at a time,
// on any thread: it is sent and never shared.
unsafe impl<T: ?Sized + Send, H: Host> Sync for Mutex<T, H> {}
// SAFETY: as above; the mutex owns its data.
unsafe impl<T: ?Sized + Send, H: Host> Send for Mutex<T, H> {}

impl<T, H: Host> Mutex<T, H> {
    const_unless_loom! {
        /// A free mutex around `value`. `name` is for people.
        pub const fn new(name: &'static str, value: T) -> Self {
            Self {
                word: LockWord::free_word(),
                queue: WaitQueue::new(name),
                data: UnsafeCell::new(value),
            }
        }
    }

    /// The value of a mutex that nobody else has.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized, H: Host> Mutex<T, H> {
    /// Takes the mutex, blocking until it is free.
    ///
    /// A thread that takes one twice waits for itself for ever.
    #[inline]
    pub fn lock(&self, cx: &mut TaskCx) -> MutexGuard<'_, T, H> {
        if !self.take() {
            self.lock_slow(cx);
        }
        MutexGuard::new(self)
    }

    /// Takes the mutex if it is free. For threads, also such as must not sleep now.
    #[inline]
    pub fn try_lock<'a>(&self, cx: impl Into<TaskAtomic<'a>>) -> Option<MutexGuard<'_, T, H>> {
        let _ = cx.into();
        self.take().then(|| MutexGuard::new(self))
    }

    /// Takes the mutex, blocking until it is free, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when it was not free at the deadline.
    pub fn lock_deadline(
        &self,
        cx: &mut TaskCx,
        deadline: Instant,
    ) -> Result<MutexGuard<'_, T, H>, TimedOut> {
        if !self.take() {
            self.lock_slow_deadline(cx, deadline)?;
        }
        Ok(MutexGuard::new(self))
    }

    /// Whether somebody has it now. For reports: it may change at once.
    pub fn is_locked(&self) -> bool {
        self.word.is_owned()
    }

    #[inline(always)]
    fn take(&self) -> bool {
        self.word.take(H::owner_id())
    }

    #[cold]
    fn lock_slow(&self, cx: &mut TaskCx) {
        if !self.spin() {
            self.queue.wait_until(cx, |_| self.take_contended());
            H::inherit(PiEvent::Takes(&self.word));
        }
    }

    #[cold]
    fn lock_slow_deadline(&self, cx: &mut TaskCx, deadline: Instant) -> Result<(), TimedOut> {
        if self.spin() {
            return Ok(());
        }
        let end = (self.queue).wait_until_deadline(cx, deadline, |_| self.take_contended());
        H::inherit(match end {
            Ok(()) => PiEvent::Takes(&self.word),
            Err(TimedOut) => PiEvent::GivesUp(&self.word),
        });
        end
    }

    /// Spins as long as that promises to be shorter than to block; says whether it took the
    /// mutex. Not past those who are queued already.
    fn spin(&self) -> bool {
        loop {
            match self.word.glance() {
                Glance::Free if self.take() => return true,
                Glance::Owned(owner) if H::is_worth_spinning_for(owner) => spin_loop(),
                Glance::Free => {} // somebody was faster: perhaps not for long
                Glance::Owned(_) | Glance::Contended => return false,
            }
        }
    }

    /// Takes it for one that may not be the only one who wants it: its unlock will look.
    fn take_contended(&self) -> Option<()> {
        let taken = self.word.take_contended(H::owner_id());
        if !taken {
            // Each time anew: since the last time it may have got another owner.
            H::inherit(PiEvent::Waits(&self.word));
        }
        taken.then_some(())
    }

    #[cold]
    fn wake_next(&self) {
        // In this order: with its own priority back, the caller might not come to wake anybody.
        if !mutant!(UnlockWithoutWake) {
            self.queue.wake_one();
        }
        H::inherit(PiEvent::Releases(&self.word));
    }
}

impl<T: ?Sized + fmt::Debug, H: Host> fmt::Debug for Mutex<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex")
            .field("queue", &self.queue)
            .field("locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

/// The right to the data of a [`Mutex`]; gives it back when dropped.
pub struct MutexGuard<'a, T: ?Sized, H: Host> {
    mutex: &'a Mutex<T, H>,
    /// Not `Send`: the thread that took it gives it back.
    _here: PhantomData<*mut ()>,
}

// SAFETY: MUTEX-HELD. A shared guard gives shared access to the data only.
unsafe impl<T: ?Sized + Sync, H: Host> Sync for MutexGuard<'_, T, H> {}

impl<'a, T: ?Sized, H: Host> MutexGuard<'a, T, H> {
    #[inline(always)]
    fn new(mutex: &'a Mutex<T, H>) -> Self {
        Self {
            mutex,
            _here: PhantomData,
        }
    }

    /// The mutex that it is of.
    pub(crate) fn mutex(&self) -> &'a Mutex<T, H> {
        self.mutex
    }
}

impl<T: ?Sized, H: Host> Deref for MutexGuard<'_, T, H> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: MUTEX-HELD: the guard is the only one.
        self.mutex.data.with(|data| unsafe { &*data })
    }
}

impl<T: ?Sized, H: Host> DerefMut for MutexGuard<'_, T, H> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: MUTEX-HELD: the guard is the only one, and borrowed mutably.
        self.mutex.data.with_mut(|data| unsafe { &mut *data })
    }
}

impl<T: ?Sized, H: Host> Drop for MutexGuard<'_, T, H> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.mutex.word.free() {
            self.mutex.wake_next();
        }
    }
}

impl<T: ?Sized + fmt::Debug, H: Host> fmt::Debug for MutexGuard<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
