//! How long it takes from a thread's wake until it has a core: with the feature `stats`.
//!
//! Without the feature a thread has nothing to count with, and neither a wake nor a switch has an
//! instruction more.

use super::look_up;
use crate::time::Spans;

/// Whether this build counts.
pub const LATENCY_IS_COUNTED: bool = cfg!(feature = "stats");

/// What [`latency`] tells of a thread.
#[derive(Debug, Clone)]
pub struct Latency {
    /// How long it took from each of its wakes until it had a core.
    pub wake_to_run: Spans,
    /// How unevenly: by how much each of these was longer or shorter than the one before. For a thread
    /// that goes on at equal distances that is, with the jitter of its core's timer, how uneven they are.
    pub jitter: Spans,
}

/// How long thread `id` has waited for a core after its wakes. None if there is no such thread, or if
/// this build does not count. The counts go on meanwhile. From any context. O(1).
pub fn latency(id: u32) -> Option<Latency> {
    look_up(id)?;
    let thread = super::table::get(id as usize)?;
    let (wake_to_run, jitter) = thread.latency.read()?;
    Some(Latency {
        wake_to_run,
        jitter,
    })
}

pub(crate) use watch::Watch;

#[cfg(feature = "stats")]
mod watch {
    use crate::time::{self, Spans, Spread};
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

    /// A thread's part in it. Written by whoever wakes it, and under the lock of the run queue of the core
    /// that it comes to run on; one follows the other, as only a thread that is parked is woken.
    pub(crate) struct Watch {
        /// When it was woken, ns; 0 if it has run since.
        woken: AtomicU64,
        spread: Spread,
    }

    impl Watch {
        pub(crate) const fn new() -> Self {
            Self {
                woken: AtomicU64::new(0),
                spread: Spread::new(),
            }
        }

        /// It is about to be made runnable.
        pub(crate) fn wakes(&self) {
            self.woken.store(time::now_ns().max(1), Relaxed);
        }

        /// It is about to be switched to.
        pub(crate) fn runs(&self) {
            let woken = self.woken.load(Relaxed);
            if woken != 0 {
                self.woken.store(0, Relaxed);
                self.spread.note(time::now_ns().saturating_sub(woken));
            }
        }

        /// It is another thread from now on.
        pub(crate) fn clear(&self) {
            self.woken.store(0, Relaxed);
            self.spread.clear();
        }

        pub(super) fn read(&self) -> Option<(Spans, Spans)> {
            Some(self.spread.read())
        }
    }
}

#[cfg(not(feature = "stats"))]
mod watch {
    use crate::time::Spans;

    pub(crate) struct Watch;

    impl Watch {
        pub(crate) const fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn wakes(&self) {}

        #[inline(always)]
        pub(crate) fn runs(&self) {}

        #[inline(always)]
        pub(crate) fn clear(&self) {}

        pub(super) fn read(&self) -> Option<(Spans, Spans)> {
            None
        }
    }

    // Without the feature a thread has nothing of it.
    const _: () = assert!(size_of::<Watch>() == 0);
}
