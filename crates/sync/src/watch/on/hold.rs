//! What a lock knows of the hold that is going on: since when, where it began, and on which core.
//!
//! Written by whoever takes the lock and gives it back, read by those who wait for it. Of several
//! readers of a lock the last that came is known.

use crate::cpu::Cpu;
use crate::order;
use core::panic::Location;
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicUsize};

/// When a lock was taken: the low bits of the time in ns, which tell 4 s on a 32-bit machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since(usize);

impl Since {
    pub(super) fn now<C: Cpu>() -> Self {
        Self(C::timestamp() as usize)
    }

    pub(super) fn elapsed<C: Cpu>(self) -> usize {
        (C::timestamp() as usize).wrapping_sub(self.0)
    }
}

/// A lock's part in it.
pub(super) struct Hold {
    since: AtomicUsize,
    /// The number of its core and one; 0 if that is not known.
    core: AtomicUsize,
    /// Null while nobody holds the lock, and when this hold has been reported.
    taken_at: AtomicPtr<Location<'static>>,
}

/// A hold that is above the limit.
pub(super) struct TooLong {
    pub(super) taken_at: &'static Location<'static>,
    pub(super) core: Option<usize>,
    pub(super) ns: usize,
}

impl Hold {
    pub(super) const fn new() -> Self {
        Self {
            since: AtomicUsize::new(0),
            core: AtomicUsize::new(0),
            taken_at: AtomicPtr::new(ptr::null_mut()),
        }
    }

    pub(super) fn begins<C: Cpu>(&self, at: &'static Location<'static>) -> Since {
        let since = Since::now::<C>();
        self.since.store(since.0, Relaxed);
        if order::ON {
            let core = C::core_number().map_or(0, |number| number + 1);
            self.core.store(core, Relaxed);
            // Release: whoever finds the place finds the two above, or later ones.
            self.taken_at.store(ptr::from_ref(at).cast_mut(), Release);
        }
        since
    }

    pub(super) fn ends(&self, since: Since) {
        // A reader that goes leaves the place of one that came after it.
        if order::ON && since == self.since() {
            self.taken_at.store(ptr::null_mut(), Relaxed);
        }
    }

    pub(super) fn since(&self) -> Since {
        Since(self.since.load(Relaxed))
    }

    /// The hold, if it has gone on for too long. Only once: then it counts as reported.
    pub(super) fn too_long<C: Cpu>(&self) -> Option<TooLong> {
        let at = self.taken_at.load(Acquire);
        // SAFETY: HELD-PLACE: null, or from the `&'static` of `begins`.
        let taken_at = unsafe { at.as_ref() }?;
        // The clock of this core may be a little behind the holder's.
        let ns = usize::try_from(self.since().elapsed::<C>() as isize).unwrap_or(0);
        let core = self.core.load(Relaxed).checked_sub(1);
        if ns as u64 <= C::HOLD_LIMIT {
            return None;
        }
        // It may have ended meanwhile, or another waiter may have been faster.
        let claim = self
            .taken_at
            .compare_exchange(at, ptr::null_mut(), Relaxed, Relaxed);
        claim.is_ok().then_some(TooLong { taken_at, core, ns })
    }
}
