//! The blocking reader-writer lock: many who look, or one who changes.
//!
//! It is a semaphore with a permit for each reader that there could be: a reader takes one, a
//! writer takes all. The semaphore serves in the order of arrival and lets nothing overtake what
//! waits in front, and so does the lock: neither readers nor writers starve.

use crate::host::Host;
use crate::mutant::mutant;
use crate::semaphore::{MOST as ALL, Semaphore};
use crate::time::Instant;
use crate::waiter::TimedOut;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use layercake_sync::facade::{UnsafeCell, const_unless_loom};
use layercake_sync::{TaskAtomic, TaskCx};

/// Data that many threads may look at, or one may change, and sleep meanwhile.
///
/// First in, first out: readers that come together read together, a reader that comes behind a
/// waiting writer waits too. So a thread that reads must not ask to read again: a writer may have
/// come in between, and both would wait for each other.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, RwLock};
///
/// static ROUTES: RwLock<u32, StdHost> = RwLock::new("routes", 1);
///
/// let other = spawn(|cx| *ROUTES.write(cx) += 1);
/// enter(|cx| {
///     let routes = ROUTES.read(cx); // others may read, and we may sleep
///     assert!(*routes == 1 || *routes == 2);
/// });
/// # other.join().unwrap();
/// # }
/// ```
pub struct RwLock<T: ?Sized, H: Host> {
    room: Semaphore<H>,
    data: UnsafeCell<T>,
}

// SAFETY: RWLOCK-HELD. A writer has the data alone, whichever thread it is: so `T` is sent;
// readers on several threads share it.
unsafe impl<T: ?Sized + Send + Sync, H: Host> Sync for RwLock<T, H> {}
// SAFETY: as above; the lock owns its data.
unsafe impl<T: ?Sized + Send, H: Host> Send for RwLock<T, H> {}

impl<T, H: Host> RwLock<T, H> {
    const_unless_loom! {
        /// A free lock around `value`. `name` is for people.
        pub const fn new(name: &'static str, value: T) -> Self {
            Self {
                room: Semaphore::new(name, ALL),
                data: UnsafeCell::new(value),
            }
        }
    }

    /// The value of a lock that nobody else has.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized, H: Host> RwLock<T, H> {
    /// Takes the lock for looking, blocking while one who changes has it or came before.
    #[inline]
    pub fn read(&self, cx: &mut TaskCx) -> RwLockReadGuard<'_, T, H> {
        self.room.acquire(cx);
        RwLockReadGuard::new(self)
    }

    /// Takes the lock for looking, if nobody changes the data or waits. For threads, also such as
    /// must not sleep now.
    #[inline]
    pub fn try_read<'a>(&self, cx: impl Into<TaskAtomic<'a>>) -> Option<RwLockReadGuard<'_, T, H>> {
        let _ = cx.into();
        (self.room.try_acquire()).then(|| RwLockReadGuard::new(self))
    }

    /// [`read`](Self::read), at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when it was not to be had at the deadline.
    pub fn read_deadline(
        &self,
        cx: &mut TaskCx,
        deadline: Instant,
    ) -> Result<RwLockReadGuard<'_, T, H>, TimedOut> {
        self.room.acquire_deadline(cx, deadline)?;
        Ok(RwLockReadGuard::new(self))
    }

    /// Takes the lock for changing, blocking until all who came before have gone.
    #[inline]
    pub fn write(&self, cx: &mut TaskCx) -> RwLockWriteGuard<'_, T, H> {
        self.room.acquire_many(cx, writers_share());
        RwLockWriteGuard::new(self)
    }

    /// Takes the lock for changing, if nobody has it or waits. For threads, also such as must not
    /// sleep now.
    #[inline]
    pub fn try_write<'a>(
        &self,
        cx: impl Into<TaskAtomic<'a>>,
    ) -> Option<RwLockWriteGuard<'_, T, H>> {
        let _ = cx.into();
        (self.room.try_acquire_many(ALL)).then(|| RwLockWriteGuard::new(self))
    }

    /// [`write`](Self::write), at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when it was not to be had at the deadline.
    pub fn write_deadline(
        &self,
        cx: &mut TaskCx,
        deadline: Instant,
    ) -> Result<RwLockWriteGuard<'_, T, H>, TimedOut> {
        self.room.acquire_many_deadline(cx, ALL, deadline)?;
        Ok(RwLockWriteGuard::new(self))
    }

    /// How many look at the data now. For reports: it may change at once.
    pub fn readers(&self) -> u32 {
        match self.room.permits() {
            0 => 0, // a writer has all
            free => ALL - free,
        }
    }

    /// How many threads wait for the lock. For reports: it may change at once.
    pub fn waiters(&self) -> usize {
        self.room.waiters()
    }
}

impl<T: ?Sized, H: Host> fmt::Debug for RwLock<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock")
            .field("readers", &self.readers())
            .field("waiters", &self.waiters())
            .finish_non_exhaustive()
    }
}

/// What a writer takes: room for so many readers as there can never be.
#[inline(always)]
fn writers_share() -> u32 {
    if mutant!(WriterLeavesRoom) {
        ALL - 1
    } else {
        ALL
    }
}

/// The right to look at the data of a [`RwLock`]; gives it back when dropped.
pub struct RwLockReadGuard<'a, T: ?Sized, H: Host> {
    lock: &'a RwLock<T, H>,
    /// Not `Send`: the thread that took it gives it back.
    _here: PhantomData<*mut ()>,
}

// SAFETY: RWLOCK-HELD. It gives shared access to the data only.
unsafe impl<T: ?Sized + Sync, H: Host> Sync for RwLockReadGuard<'_, T, H> {}

impl<'a, T: ?Sized, H: Host> RwLockReadGuard<'a, T, H> {
    #[inline(always)]
    fn new(lock: &'a RwLock<T, H>) -> Self {
        Self {
            lock,
            _here: PhantomData,
        }
    }
}

impl<T: ?Sized, H: Host> Deref for RwLockReadGuard<'_, T, H> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: RWLOCK-HELD: as long as this guard lives there is no writer's.
        self.lock.data.with(|data| unsafe { &*data })
    }
}

impl<T: ?Sized, H: Host> Drop for RwLockReadGuard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        self.lock.room.release();
    }
}

impl<T: ?Sized + fmt::Debug, H: Host> fmt::Debug for RwLockReadGuard<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The right to change the data of a [`RwLock`]; gives it back when dropped.
pub struct RwLockWriteGuard<'a, T: ?Sized, H: Host> {
    lock: &'a RwLock<T, H>,
    /// Not `Send`: the thread that took it gives it back.
    _here: PhantomData<*mut ()>,
}

// SAFETY: RWLOCK-HELD. A shared guard gives shared access to the data only.
unsafe impl<T: ?Sized + Sync, H: Host> Sync for RwLockWriteGuard<'_, T, H> {}

impl<'a, T: ?Sized, H: Host> RwLockWriteGuard<'a, T, H> {
    #[inline(always)]
    fn new(lock: &'a RwLock<T, H>) -> Self {
        Self {
            lock,
            _here: PhantomData,
        }
    }

    /// From now on the caller looks only, and those who want to look too may come in. Nobody
    /// changes the data in between.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T, H> {
        let lock = ManuallyDrop::new(self).lock;
        lock.room.release_many(ALL - 1);
        RwLockReadGuard::new(lock)
    }
}

impl<T: ?Sized, H: Host> Deref for RwLockWriteGuard<'_, T, H> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: RWLOCK-HELD: the guard is the only one.
        self.lock.data.with(|data| unsafe { &*data })
    }
}

impl<T: ?Sized, H: Host> DerefMut for RwLockWriteGuard<'_, T, H> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: RWLOCK-HELD: the guard is the only one, and borrowed mutably.
        self.lock.data.with_mut(|data| unsafe { &mut *data })
    }
}

impl<T: ?Sized, H: Host> Drop for RwLockWriteGuard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        self.lock.room.release_many(writers_share());
    }
}

impl<T: ?Sized + fmt::Debug, H: Host> fmt::Debug for RwLockWriteGuard<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
