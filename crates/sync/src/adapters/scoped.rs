//! For types over `mutex_traits::ScopedRawMutex`.

use crate::cpu::Cpu;
use crate::mask::IrqOff;
use crate::spin::SpinLock;
use crate::ticket::TicketLock;
use crate::{context::Atomic, raw::RawLock};
use core::fmt;
use mutex_traits::ScopedRawMutex;

/// A spinlock around a closure, with interrupts masked: from any context.
///
/// The trait's functions take no token, so making one is where somebody promises what tokens
/// otherwise show. It is seen by the run-time check, by [`crate::stats`] and by [`crate::order`].
///
/// ```
/// use layercake_sync::{adapters::ScopedIrqOff, host::StdCpu};
/// use mutex_traits::ScopedRawMutex;
///
/// // SAFETY: SCOPED-CALLERS: the one closure that runs under it is below, and only adds.
/// let lock = unsafe { ScopedIrqOff::<StdCpu>::new() };
/// assert_eq!(lock.with_lock(|| 1 + 1), 2);
/// assert_eq!(lock.try_with_lock(|| lock.is_locked()), Some(true));
/// ```
pub struct ScopedIrqOff<C: Cpu, R: RawLock = TicketLock> {
    lock: SpinLock<(), IrqOff<C>, R>,
}

impl<C: Cpu, R: RawLock> ScopedIrqOff<C, R> {
    /// A free lock.
    ///
    /// `mutex_traits::ConstInit`, which makes one in safe code, is therefore not implemented.
    ///
    /// # Safety
    ///
    /// Invariant **SCOPED-CALLERS**: whoever runs under it neither sleeps nor uses a context or a
    /// guard of this crate that is from outside of it.
    #[cfg_attr(feature = "classes", track_caller)]
    pub const unsafe fn new() -> Self {
        Self {
            lock: SpinLock::new(()),
        }
    }

    /// The lock under a name of its own: see [`SpinLock::named`].
    pub const fn named(mut self, name: &'static str) -> Self {
        self.lock.set_name(name);
        self
    }
}

/// The token for a call.
fn inside<'a>() -> Atomic<'a> {
    // SAFETY: CX-ATOMIC, by SCOPED-CALLERS.
    unsafe { Atomic::assume() }
}

// SAFETY: the guard is held while the closure runs, also to the end of a panic: LOCK-HELD.
unsafe impl<C: Cpu, R: RawLock> ScopedRawMutex for ScopedIrqOff<C, R> {
    #[inline]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    fn try_with_lock<T>(&self, f: impl FnOnce() -> T) -> Option<T> {
        let _guard = self.lock.try_lock(inside())?;
        Some(f())
    }

    #[inline]
    #[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
    fn with_lock<T>(&self, f: impl FnOnce() -> T) -> T {
        let _guard = self.lock.lock(inside());
        f()
    }

    fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }
}

impl<C: Cpu, R: RawLock> fmt::Debug for ScopedIrqOff<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedIrqOff")
            .field("locked", &self.lock.is_locked())
            .finish()
    }
}
