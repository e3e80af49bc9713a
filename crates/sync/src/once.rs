//! Values that are made once: [`Once`] with a maker at each call, [`Lazy`] with one of its own.
//!
//! Once made, a value is read without a lock, from any context. Making it holds a spinlock of
//! the mask `M`: so with [`IrqOff`](crate::IrqOff) no handler can come over the maker on its own
//! core and wait for it for ever, and cores that wait do so for no longer than the making takes.
//! A value that takes long to make, or sleeps for it, belongs into a blocking primitive.

use crate::facade::{AtomicBool, UnsafeCell};
use crate::mask::Mask;
use crate::spin::SpinLock;
use core::fmt;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// A value that is made at most once.
pub struct Once<T, M: Mask> {
    made: AtomicBool,
    lock: SpinLock<(), M>,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: ONCE-MADE. Any core may make the value, so it is sent; and then all share it.
unsafe impl<T: Send + Sync, M: Mask> Sync for Once<T, M> {}
// SAFETY: it owns its value.
unsafe impl<T: Send, M: Mask> Send for Once<T, M> {}

impl<T, M: Mask> Once<T, M> {
    /// No value yet.
    #[cfg(not(loom))]
    #[cfg_attr(feature = "classes", track_caller)]
    pub const fn new() -> Self {
        Self {
            made: AtomicBool::new(false),
            lock: SpinLock::new(()),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// No value yet.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            made: AtomicBool::new(false),
            lock: SpinLock::new(()),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// The value, if it has been made. From any context, without a lock.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        if !self.made.load(Acquire) {
            return None;
        }
        // SAFETY: ONCE-MADE: it is made, and does not change any more.
        Some(self.value.with(|p| unsafe { (*p).assume_init_ref() }))
    }

    /// The value; makes it if this is the first call. Waits if another core is making it.
    ///
    /// `make` runs with what `M` masks masked, and gets the context for nested locks. If it
    /// panics there is still no value, and the next call makes one. A `make` that asks for this
    /// very value waits for ever.
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn get_or_make<'a>(
        &'a self,
        cx: impl Into<M::Token<'a>>,
        make: impl FnOnce(M::Inner<'_>) -> T,
    ) -> &'a T {
        if let Some(value) = self.get() {
            return value;
        }
        core::hint::cold_path();
        let mut guard = self.lock.lock(cx.into());
        // Relaxed: whoever made it did so under the lock.
        if !self.made.load(Relaxed) {
            let value = make(guard.split().1);
            // SAFETY: ONCE-MADE: not made yet, and nobody else makes it while this has the lock.
            self.value.with_mut(|p| unsafe { (*p).write(value) });
            self.made.store(true, Release);
        }
        drop(guard);
        // SAFETY: ONCE-MADE: by this core, or before it got the lock.
        self.value.with(|p| unsafe { (*p).assume_init_ref() })
    }

    /// The value, through the only reference.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        if !self.made.load(Relaxed) {
            return None;
        }
        // SAFETY: ONCE-MADE: it is made, and `&mut self` is the only way to it.
        Some(self.value.with_mut(|p| unsafe { (*p).assume_init_mut() }))
    }
}

impl<T, M: Mask> Drop for Once<T, M> {
    fn drop(&mut self) {
        if let Some(value) = self.get_mut() {
            // SAFETY: ONCE-MADE: it is made, and nobody looks at it after this.
            unsafe { core::ptr::drop_in_place(value) }
        }
    }
}

impl<T, M: Mask> Default for Once<T, M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, M: Mask> fmt::Debug for Once<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Once").field(&self.get()).finish()
    }
}

/// A value that is made when it is first asked for.
pub struct Lazy<T, M: Mask, F = fn() -> T> {
    once: Once<T, M>,
    make: F,
}

impl<T, M: Mask, F: Fn() -> T> Lazy<T, M, F> {
    /// A value that `make` will make. If `make` panics the next call tries again.
    #[cfg(not(loom))]
    #[cfg_attr(feature = "classes", track_caller)]
    pub const fn new(make: F) -> Self {
        Self {
            once: Once::new(),
            make,
        }
    }

    /// A value that `make` will make. If `make` panics the next call tries again.
    #[cfg(loom)]
    pub fn new(make: F) -> Self {
        Self {
            once: Once::new(),
            make,
        }
    }

    /// The value; makes it if this is the first call. See [`Once::get_or_make`].
    #[inline(always)]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    pub fn get_or_make<'a>(&'a self, cx: impl Into<M::Token<'a>>) -> &'a T {
        self.once.get_or_make(cx, |_| (self.make)())
    }

    /// The value, if it has been made. From any context, without a lock.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        self.once.get()
    }
}

impl<T: fmt::Debug, M: Mask, F> fmt::Debug for Lazy<T, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lazy").field(&self.once.get()).finish()
    }
}
