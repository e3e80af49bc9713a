//! The reader-writer spinlock with its data.
//!
//! Worth its price where reading takes long; for a few loads a [`crate::SpinLock`] is cheaper,
//! and for data that can be copied a [`crate::SeqLock`] costs its readers no store at all.

use crate::facade::UnsafeCell;
use crate::mask::Mask;
use crate::phase::PhaseFairLock;
use crate::watch::{Since, Waiting, Watch};
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// Data that many may read at a time and one may write. Starves neither: see [`crate::phase`].
///
/// `M` says what is masked, for readers too: a handler that writes must not come over a reader
/// of its own core. A core that reads must not read again within: between the two a writer of
/// another core may have come, for which the second waits, and which waits for the first.
pub struct RwSpinLock<T: ?Sized, M: Mask> {
    watch: Watch,
    raw: PhaseFairLock,
    _mask: PhantomData<M>,
    data: UnsafeCell<T>,
}

// SAFETY: LOCK-HELD. Writers have the data alone, on any core, so it is sent; readers share it.
unsafe impl<T: ?Sized + Send + Sync, M: Mask> Sync for RwSpinLock<T, M> {}
// SAFETY: the lock owns its data.
unsafe impl<T: ?Sized + Send, M: Mask> Send for RwSpinLock<T, M> {}

impl<T, M: Mask> RwSpinLock<T, M> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    #[cfg_attr(feature = "classes", track_caller)]
    pub const fn new(value: T) -> Self {
        Self {
            watch: Watch::new(),
            raw: PhaseFairLock::new(),
            _mask: PhantomData,
            data: UnsafeCell::new(value),
        }
    }

    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            watch: Watch::new(),
            raw: PhaseFairLock::new(),
            _mask: PhantomData,
            data: UnsafeCell::new(value),
        }
    }

    /// The lock under a name of its own, for the reports of [`crate::stats`] and
    /// [`crate::order`]; builds without them forget it.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.watch.set_name(name);
        self
    }

    /// The data of a lock that nobody else has.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized, M: Mask> RwSpinLock<T, M> {
    /// Takes it to read, waiting for at most one writer once this core's turn is booked.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn read<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> ReadGuard<'a, T, M> {
        let _ = cx.into();
        let state = M::enter();
        let ((), since) = self.watch.take::<M::Cpu, _>(
            self.word(),
            || self.raw.try_read().then_some(()),
            || self.raw.read::<Waiting<M::Cpu>>(),
        );
        ReadGuard {
            lock: self,
            state,
            since,
            _here: PhantomData,
        }
    }

    /// Takes it to read if no writer has it or waits for it.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn try_read<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> Option<ReadGuard<'a, T, M>> {
        let _ = cx.into();
        let state = M::enter();
        if self.raw.try_read() {
            Some(ReadGuard {
                lock: self,
                state,
                since: self.watch.tried::<M::Cpu>(self.word()),
                _here: PhantomData,
            })
        } else {
            // SAFETY: MASK-PAIR; `state` is from the `enter` above.
            unsafe { M::leave(state) };
            None
        }
    }

    /// Takes it to write, in the order of asking.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn write<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> WriteGuard<'a, T, M> {
        let _ = cx.into();
        let state = M::enter();
        let (ticket, since) = self.watch.take::<M::Cpu, _>(
            self.word(),
            || self.raw.try_write(),
            || self.raw.write::<Waiting<M::Cpu>>(),
        );
        WriteGuard {
            lock: self,
            state,
            ticket,
            since,
            _here: PhantomData,
        }
    }

    /// Takes it to write if nobody has it or waits for it.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn try_write<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> Option<WriteGuard<'a, T, M>> {
        let _ = cx.into();
        let state = M::enter();
        if let Some(ticket) = self.raw.try_write() {
            Some(WriteGuard {
                lock: self,
                state,
                ticket,
                since: self.watch.tried::<M::Cpu>(self.word()),
                _here: PhantomData,
            })
        } else {
            // SAFETY: MASK-PAIR; `state` is from the `enter` above.
            unsafe { M::leave(state) };
            None
        }
    }

    /// The data, through the only reference to the lock. Takes no lock.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: LOCK-HELD: `&mut self` is the only way to the lock.
        self.data.with_mut(|p| unsafe { &mut *p })
    }

    /// What the run-time check knows the lock by.
    #[inline(always)]
    fn word(&self) -> *const () {
        core::ptr::from_ref(&self.raw).cast()
    }
}

/// The right to read the data of a [`RwSpinLock`].
#[must_use = "the lock is given back when the guard is dropped"]
pub struct ReadGuard<'a, T: ?Sized, M: Mask> {
    lock: &'a RwSpinLock<T, M>,
    state: M::State,
    since: Since,
    _here: PhantomData<*mut ()>,
}

/// The right to write the data of a [`RwSpinLock`].
#[must_use = "the lock is given back when the guard is dropped"]
pub struct WriteGuard<'a, T: ?Sized, M: Mask> {
    lock: &'a RwSpinLock<T, M>,
    state: M::State,
    ticket: u32,
    since: Since,
    _here: PhantomData<*mut ()>,
}

impl<T: ?Sized, M: Mask> ReadGuard<'_, T, M> {
    /// The data and the context inside, both at once, for nested locks.
    #[inline(always)]
    pub fn split(&mut self) -> (&T, M::Inner<'_>) {
        // SAFETY: LOCK-HELD: readers only. MASK-PAIR: the guard lives for the borrow, and by the
        // borrow this is its one token.
        unsafe { (self.lock.data.with(|p| &*p), M::inner()) }
    }
}

impl<T: ?Sized, M: Mask> WriteGuard<'_, T, M> {
    /// The data and the context inside, both at once, for nested locks.
    #[inline(always)]
    pub fn split(&mut self) -> (&mut T, M::Inner<'_>) {
        // SAFETY: LOCK-HELD: the guard is the only one, and borrowed mutably. MASK-PAIR: it
        // lives for the borrow, and by the borrow this is its one token.
        unsafe { (self.lock.data.with_mut(|p| &mut *p), M::inner()) }
    }
}

impl<T: ?Sized, M: Mask> Deref for ReadGuard<'_, T, M> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: LOCK-HELD: readers only.
        self.lock.data.with(|p| unsafe { &*p })
    }
}

impl<T: ?Sized, M: Mask> Deref for WriteGuard<'_, T, M> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: LOCK-HELD: the guard is the only one.
        self.lock.data.with(|p| unsafe { &*p })
    }
}

impl<T: ?Sized, M: Mask> DerefMut for WriteGuard<'_, T, M> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: LOCK-HELD: the guard is the only one, and borrowed mutably.
        self.lock.data.with_mut(|p| unsafe { &mut *p })
    }
}

impl<T: ?Sized, M: Mask> Drop for ReadGuard<'_, T, M> {
    #[inline(always)]
    fn drop(&mut self) {
        let word = self.lock.word();
        let end = self.lock.watch.gives_back::<M::Cpu>(word, self.since);
        // SAFETY: LOCK-HELD and MASK-PAIR: this guard took both, and gives both back once.
        unsafe {
            self.lock.raw.end_read();
            M::leave(self.state);
        }
        end.report::<M::Cpu>();
    }
}

impl<T: ?Sized, M: Mask> Drop for WriteGuard<'_, T, M> {
    #[inline(always)]
    fn drop(&mut self) {
        let word = self.lock.word();
        let end = self.lock.watch.gives_back::<M::Cpu>(word, self.since);
        // SAFETY: LOCK-HELD and MASK-PAIR: this guard took both, and gives both back once.
        unsafe {
            self.lock.raw.end_write(self.ticket);
            M::leave(self.state);
        }
        end.report::<M::Cpu>();
    }
}

// The data is not shown: there is no token here to take the lock with.
impl<T: ?Sized, M: Mask> fmt::Debug for RwSpinLock<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwSpinLock")
            .field("written", &self.raw.is_written())
            .finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug, M: Mask> fmt::Debug for ReadGuard<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Debug, M: Mask> fmt::Debug for WriteGuard<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
