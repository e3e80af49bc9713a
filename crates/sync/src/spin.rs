//! The spinlock with its data: a ticket lock, and what it masks while it is held.

use crate::facade::UnsafeCell;
use crate::mask::Mask;
use crate::ticket::TicketLock;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// Data that one core at a time may touch, taken in the order of asking.
///
/// `M` says what is masked while the lock is held and, by that, who may take it: see
/// [`crate::mask`].
#[derive(Debug)]
pub struct SpinLock<T: ?Sized, M: Mask> {
    raw: TicketLock,
    _mask: PhantomData<M>,
    data: UnsafeCell<T>,
}

// SAFETY: LOCK-HELD. The data is reached through a guard only, one guard lives at a time, and it
// may be made on any core: so `T` is sent from core to core and never shared.
unsafe impl<T: ?Sized + Send, M: Mask> Sync for SpinLock<T, M> {}
// SAFETY: as above; the lock owns its data.
unsafe impl<T: ?Sized + Send, M: Mask> Send for SpinLock<T, M> {}

impl<T, M: Mask> SpinLock<T, M> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self {
            raw: TicketLock::new(),
            _mask: PhantomData,
            data: UnsafeCell::new(value),
        }
    }

    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            raw: TicketLock::new(),
            _mask: PhantomData,
            data: UnsafeCell::new(value),
        }
    }
}

impl<T: ?Sized, M: Mask> SpinLock<T, M> {
    /// Takes the lock, waiting for its turn with what `M` masks already masked.
    #[inline(always)]
    pub fn lock<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> SpinGuard<'a, T, M> {
        let _ = cx.into();
        let state = M::enter();
        self.raw.lock::<M::Cpu>();
        SpinGuard {
            lock: self,
            state,
            _here: PhantomData,
        }
    }

    /// Takes the lock if it is free.
    #[inline(always)]
    pub fn try_lock<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> Option<SpinGuard<'a, T, M>> {
        let _ = cx.into();
        let state = M::enter();
        if self.raw.try_lock() {
            Some(SpinGuard {
                lock: self,
                state,
                _here: PhantomData,
            })
        } else {
            // SAFETY: MASK-PAIR; `state` is from the `enter` above.
            unsafe { M::leave(state) };
            None
        }
    }

    /// The lock word itself, for a scheduler that hands a held lock over a context switch.
    pub fn raw(&self) -> &TicketLock {
        &self.raw
    }

    /// The data, while no one else can have it.
    #[cfg(not(loom))]
    pub fn as_ptr(&self) -> *mut T {
        self.data.get()
    }
}

/// The right to the data of a [`SpinLock`]; gives the lock back when dropped.
#[derive(Debug)]
pub struct SpinGuard<'a, T: ?Sized, M: Mask> {
    lock: &'a SpinLock<T, M>,
    state: M::State,
    _here: PhantomData<*mut ()>,
}

impl<'a, T: ?Sized, M: Mask> SpinGuard<'a, T, M> {
    /// The context inside: what nested locks take.
    #[inline(always)]
    pub fn atomic(&self) -> M::Inner<'_> {
        // SAFETY: MASK-PAIR; the guard lives for the borrow.
        unsafe { M::inner() }
    }
}

impl<T: ?Sized, M: Mask> Deref for SpinGuard<'_, T, M> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: LOCK-HELD: the guard is the only one.
        self.lock.data.with(|p| unsafe { &*p })
    }
}

impl<T: ?Sized, M: Mask> DerefMut for SpinGuard<'_, T, M> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: LOCK-HELD: the guard is the only one, and borrowed mutably.
        self.lock.data.with_mut(|p| unsafe { &mut *p })
    }
}

impl<T: ?Sized, M: Mask> Drop for SpinGuard<'_, T, M> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: LOCK-HELD and MASK-PAIR: this guard took both, and gives both back once.
        unsafe {
            self.lock.raw.unlock();
            M::leave(self.state);
        }
    }
}
