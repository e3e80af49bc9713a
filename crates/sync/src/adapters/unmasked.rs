//! For types over `lock_api::RawMutex`.

use crate::cpu::Cpu;
use crate::raw::RawLock;
use crate::ticket::TicketLock;
use core::fmt;
use core::marker::PhantomData;
use lock_api::{GuardNoSend, RawMutex, RawMutexFair};

/// A lock word that masks nothing.
///
/// It cannot mask: a `lock_api` guard may go inside of any other section, where unmasking what
/// it masked, or switching threads, would break the promise of the tokens that live there
/// (CX-MASKED). So:
///
/// - A thread that is preempted with the lock held keeps all who wait spinning until it runs
///   again; on one core, if it is less urgent than they are, for ever. Call with preemption off.
/// - A handler that wants a lock which its own core holds waits for ever. Call from threads only,
///   or with interrupts masked everywhere.
///
/// Both are a hang and never a data race. Sleeping with it held is seen by nobody.
///
/// ```
/// use layercake_sync::adapters::Unmasked;
/// use layercake_sync::host::StdCpu;
///
/// static NAMES: lock_api::Mutex<Unmasked<StdCpu>, Vec<&str>> = lock_api::Mutex::new(Vec::new());
/// NAMES.lock().push("pi");
/// assert_eq!(NAMES.try_lock().unwrap().len(), 1);
/// ```
pub struct Unmasked<C, R = TicketLock> {
    raw: R,
    _cpu: PhantomData<fn() -> C>,
}

// SAFETY: RAW-LOCK is what the trait asks for. Guards stay on the core that took them, as far as
// a thread does; the lock word does not care.
unsafe impl<C: Cpu, R: RawLock> RawMutex for Unmasked<C, R> {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "what the trait asks for: a value to start from"
    )]
    const INIT: Self = Self {
        raw: R::FREE,
        _cpu: PhantomData,
    };

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock(&self) {
        self.raw.acquire::<C>();
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.raw.try_acquire().is_some()
    }

    #[inline]
    unsafe fn unlock(&self) {
        // SAFETY: LOCK-HELD, by the caller's promise.
        unsafe { self.raw.release::<C>(self.raw.held()) }
    }

    fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }
}

// SAFETY: as above; every release goes to whoever asked first.
unsafe impl<C: Cpu, R: RawLock> RawMutexFair for Unmasked<C, R> {
    #[inline]
    unsafe fn unlock_fair(&self) {
        // SAFETY: LOCK-HELD, by the caller's promise.
        unsafe { self.unlock() }
    }
}

impl<C, R: RawLock> fmt::Debug for Unmasked<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmasked")
            .field("locked", &self.raw.is_locked())
            .finish()
    }
}
