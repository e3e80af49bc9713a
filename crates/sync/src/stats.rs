//! How often locks are taken, how often somebody had to wait, and how long at the most: by
//! [class](crate::class), with the feature `stats`.
//!
//! Without the feature there is nothing to count with, and a lock is no larger and no slower.
//! With it, times come from [`Cpu::timestamp`](crate::Cpu::timestamp). Counting takes no lock
//! and allocates nothing. A class is known from the first time that one of its locks is taken;
//! the 128th and all that come after it are counted as one, `all others`.
//!
//! Readers and writers of a [`RwSpinLock`](crate::RwSpinLock) count alike; of a
//! [`SeqLock`](crate::SeqLock) only writers do, as a reader takes nothing.

use crate::class::Class;

/// Whether this build counts.
pub const ON: bool = cfg!(all(feature = "stats", not(loom)));

/// What is known of the locks of one class. Counters wrap around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Which locks.
    pub class: Class,
    /// How often one was taken, tries that succeeded among them.
    pub acquisitions: usize,
    /// How often it was not free, so that the taker waited.
    pub contended: usize,
    /// The longest time that one was held, in ns.
    pub longest_hold: usize,
    /// The longest time that somebody waited for one, in ns.
    pub longest_wait: usize,
}

/// Calls `f` with each class of which a lock has been taken so far, the oldest first. From any
/// context; O(classes). Locks are taken meanwhile: the figures of one class may be of slightly
/// different moments. Without the feature `stats` there are no classes.
pub fn for_each(f: impl FnMut(&Stats)) {
    counters::for_each(f);
}

#[cfg(all(feature = "classes", not(loom)))]
pub(crate) use counters::{held, taken, taken_after};

#[cfg(all(feature = "stats", not(loom)))]
mod counters {
    use super::Stats;
    use crate::class::{self, Id};
    use core::sync::atomic::AtomicUsize;
    use core::sync::atomic::Ordering::Relaxed;

    /// One class's, on a cache line of its own.
    #[repr(align(64))]
    struct Counters {
        acquisitions: AtomicUsize,
        contended: AtomicUsize,
        longest_hold: AtomicUsize,
        longest_wait: AtomicUsize,
    }

    static COUNTERS: [Counters; Id::COUNT] = [const {
        Counters {
            acquisitions: AtomicUsize::new(0),
            contended: AtomicUsize::new(0),
            longest_hold: AtomicUsize::new(0),
            longest_wait: AtomicUsize::new(0),
        }
    }; Id::COUNT];

    pub(crate) fn taken(class: Id) {
        COUNTERS[class.index()].acquisitions.fetch_add(1, Relaxed);
    }

    pub(crate) fn taken_after(class: Id, wait: usize) {
        taken(class);
        let counters = &COUNTERS[class.index()];
        counters.contended.fetch_add(1, Relaxed);
        raise(&counters.longest_wait, wait);
    }

    pub(crate) fn held(class: Id, ns: usize) {
        raise(&COUNTERS[class.index()].longest_hold, ns);
    }

    /// Most values are no new longest: then this stores nothing.
    fn raise(longest: &AtomicUsize, ns: usize) {
        if ns > longest.load(Relaxed) {
            longest.fetch_max(ns, Relaxed);
        }
    }

    pub(super) fn for_each(mut f: impl FnMut(&Stats)) {
        for (id, class) in class::all() {
            let counters = &COUNTERS[id.index()];
            let acquisitions = counters.acquisitions.load(Relaxed);
            if acquisitions > 0 {
                f(&Stats {
                    class,
                    acquisitions,
                    contended: counters.contended.load(Relaxed),
                    longest_hold: counters.longest_hold.load(Relaxed),
                    longest_wait: counters.longest_wait.load(Relaxed),
                });
            }
        }
    }
}

#[cfg(not(all(feature = "stats", not(loom))))]
mod counters {
    use super::Stats;

    pub(super) fn for_each(_: impl FnMut(&Stats)) {}

    /// For builds with `order` alone.
    #[cfg(all(feature = "classes", not(loom)))]
    mod nothing {
        use crate::class::Id;
        pub(crate) fn taken(_: Id) {}
        pub(crate) fn taken_after(_: Id, _: usize) {}
        pub(crate) fn held(_: Id, _: usize) {}
    }
    #[cfg(all(feature = "classes", not(loom)))]
    pub(crate) use nothing::*;
}
