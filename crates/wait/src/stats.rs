//! What becomes of waits and wakes: by the names of the queues, with the feature `stats`.
//!
//! Without the feature there is nothing to count with, and a queue or a waiter is no larger and no
//! slower. With it, a queue is known from the first time that somebody waits on it or wakes it.
//! Queues of one name count as one; the 128th name and all that come after it are counted as one
//! more, `all others`. Counting takes no lock and allocates nothing; counters wrap around.
//!
//! # The account of wakes (W3)
//!
//! *Sent* is counted once for each waiter that a wake takes off its queue, and once for a wake
//! that finds nobody. Each of these ends in one of three ways, and only once:
//!
//! - *consumed*: the waiter looked at its condition after it. A wake that was meant for everybody
//!   and reached one who was leaving counts here, too: nobody else needs it.
//! - *handed on*: the waiter left without a look, and the wake-one went to the next. That is a
//!   wake of its own, which is counted as sent again.
//! - *found empty*: nobody was there. (A channel wakes only whom it has something for, so this is never
//!   counted for one.)
//!
//! So `sent = consumed + handed on + found empty`, and what is missing from the right side is on
//! its way: a waiter was made runnable and has not looked yet.

use crate::host::Host;
use crate::queue::WaitQueue;

/// Whether this build counts.
pub const ON: bool = cfg!(all(feature = "stats", not(loom)));

/// How many classes of [`Stats::latency`] there are.
pub const BUCKETS: usize = 32;

/// What is known of the queues of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The name that they were made with.
    pub name: &'static str,
    /// How many waiters are on them now.
    pub waiters: usize,
    /// How often somebody was put on one, again after a wake in vain among them.
    pub waits: usize,
    /// Wakes: for each waiter that was woken, and for each wake that found nobody.
    pub sent: usize,
    /// Wakes after which the waiter looked.
    pub consumed: usize,
    /// Wakes whose waiter left without a look, so that the next was woken.
    pub handed_on: usize,
    /// Wakes that found nobody.
    pub found_empty: usize,
    /// Waits that ended with their deadline.
    pub timeouts: usize,
    /// Waits that were called off by a token.
    pub cancels: usize,
    /// How long it took from the wake to the moment at which the woken thread ran: entry `n`
    /// counts those of 2^n to 2^(n+1) ns, the first one those below, the last one those above.
    pub latency: [usize; BUCKETS],
}

impl Stats {
    /// Wakes that are on their way. Exact when nothing happens meanwhile; never negative.
    pub fn in_flight(&self) -> usize {
        let ended = self.consumed.wrapping_add(self.handed_on);
        self.sent.wrapping_sub(ended.wrapping_add(self.found_empty))
    }

    /// How many latencies were taken.
    pub fn measured(&self) -> usize {
        self.latency.iter().sum()
    }

    /// The latency, in ns, that `percent` of those that were taken do not exceed: the upper end
    /// of its class. 0 if none was taken.
    pub fn latency_of(&self, percent: usize) -> u64 {
        let wanted = (self.measured() * percent).div_ceil(100);
        let mut seen = 0;
        for (class, count) in self.latency.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return 2 << class;
            }
        }
        0
    }
}

/// Calls `f` with each name under which somebody has waited or woken so far, the oldest first.
/// From any context; O(names). Waits go on meanwhile: the figures of one name may be of slightly
/// different moments, but a wake that is counted as ended is counted as sent. Without the feature
/// `stats` there are no names.
pub fn for_each(f: impl FnMut(&Stats)) {
    table::for_each(f);
}

/// What happens to a queue.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    /// A waiter is put on it.
    Joins,
    /// A waiter is taken off it.
    Leaves,
    /// A wake has taken a waiter off.
    Sent,
    FoundEmpty,
    Consumed,
    HandedOn,
    TimedOut,
    Cancelled,
}

impl<H: Host> WaitQueue<H> {
    /// Counts what happens to this queue.
    #[inline(always)]
    pub(crate) fn note(&self, event: Event) {
        table::note::<H>(&self.watch, self.name(), event);
    }

    /// A waiter that was woken at `woken` runs again.
    #[inline(always)]
    pub(crate) fn note_run(&self, woken: &Stamp) {
        table::note_run::<H>(&self.watch, self.name(), woken);
    }
}

pub(crate) use table::{Stamp, Watch, note, note_run};

#[cfg(all(feature = "stats", not(loom)))]
mod table {
    use super::{BUCKETS, Event, Stats};
    use crate::host::Host;
    use core::cell::{Cell, UnsafeCell};
    use core::mem::MaybeUninit;
    use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
    use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize};
    use layercake_sync::Cpu;

    /// How many names are told apart; the first place is for all others.
    const MAX: usize = 128;

    /// A queue's part in it: its place in the table and one; 0 until something happens to it.
    pub(crate) struct Watch(AtomicU32);

    impl Watch {
        pub(crate) const fn new() -> Self {
            Self(AtomicU32::new(0))
        }
    }

    /// When a waiter was woken, in its node.
    pub(crate) struct Stamp(Cell<u64>);

    impl Stamp {
        pub(crate) const fn new() -> Self {
            Self(Cell::new(0))
        }

        /// By the waker, before the node is its owner's again (NODE-LAST).
        #[inline(always)]
        pub(crate) fn set<H: Host>(&self) {
            self.0.set(H::now().as_nanos());
        }
    }

    const FREE: u8 = 0;
    const WRITING: u8 = 1;
    const MADE: u8 = 2;

    /// One name's, on cache lines of its own.
    #[repr(align(64))]
    struct Place {
        made: AtomicU8,
        name: UnsafeCell<MaybeUninit<&'static str>>,
        waiters: AtomicUsize,
        waits: AtomicUsize,
        sent: AtomicUsize,
        consumed: AtomicUsize,
        handed_on: AtomicUsize,
        found_empty: AtomicUsize,
        timeouts: AtomicUsize,
        cancels: AtomicUsize,
        latency: [AtomicUsize; BUCKETS],
    }

    // SAFETY: STATS-MADE: a name is written once, by whoever changed FREE to WRITING; it is read
    // after an acquire load of MADE only.
    unsafe impl Sync for Place {}

    static PLACES: [Place; MAX] = [const {
        Place {
            made: AtomicU8::new(FREE),
            name: UnsafeCell::new(MaybeUninit::uninit()),
            waiters: AtomicUsize::new(0),
            waits: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            consumed: AtomicUsize::new(0),
            handed_on: AtomicUsize::new(0),
            found_empty: AtomicUsize::new(0),
            timeouts: AtomicUsize::new(0),
            cancels: AtomicUsize::new(0),
            latency: [const { AtomicUsize::new(0) }; BUCKETS],
        }
    }; MAX];

    impl Place {
        /// Its name, once it has one. Waits for whoever is just writing it.
        fn name(&self) -> Option<&'static str> {
            loop {
                match self.made.load(Acquire) {
                    FREE => return None,
                    // SAFETY: STATS-MADE.
                    MADE => return Some(unsafe { (*self.name.get()).assume_init() }),
                    _ => core::hint::spin_loop(),
                }
            }
        }
    }

    /// The place of `name`: a new one, if nobody has asked before and there is room. O(names).
    fn find<C: Cpu>(name: &'static str) -> usize {
        // Masked, so that no handler on this core waits for a name that this core is writing.
        let state = C::irq_save();
        let taken = |place: &Place| {
            let taken = place.made.compare_exchange(FREE, WRITING, Acquire, Acquire);
            if taken.is_ok() {
                // SAFETY: STATS-MADE: this call has changed FREE to WRITING.
                unsafe { (*place.name.get()).write(name) };
                place.made.store(MADE, Release);
            }
            place.name() == Some(name)
        };
        let found = PLACES.iter().skip(1).position(taken);
        // SAFETY: CPU-MASK: `state` is from above.
        unsafe { C::irq_restore(state) };
        found.map_or(0, |index| index + 1)
    }

    fn place<H: Host>(watch: &Watch, name: &'static str) -> &'static Place {
        let index = match watch.0.load(Relaxed).checked_sub(1) {
            Some(index) => index as usize,
            None => {
                let index = find::<H::Cpu>(name);
                watch.0.store(index as u32 + 1, Relaxed);
                index
            }
        };
        &PLACES[index]
    }

    pub(crate) fn note<H: Host>(watch: &Watch, name: &'static str, event: Event) {
        let place = place::<H>(watch, name);
        let add = |counter: &AtomicUsize| counter.fetch_add(1, Relaxed);
        match event {
            Event::Joins => {
                add(&place.waiters);
                add(&place.waits);
            }
            Event::Leaves => _ = place.waiters.fetch_sub(1, Relaxed),
            Event::Sent => _ = add(&place.sent),
            Event::FoundEmpty => {
                add(&place.sent);
                // Release: whoever sees that it ended sees that it was sent.
                place.found_empty.fetch_add(1, Release);
            }
            Event::Consumed => _ = place.consumed.fetch_add(1, Release),
            Event::HandedOn => _ = place.handed_on.fetch_add(1, Release),
            Event::TimedOut => _ = add(&place.timeouts),
            Event::Cancelled => _ = add(&place.cancels),
        }
    }

    pub(crate) fn note_run<H: Host>(watch: &Watch, name: &'static str, woken: &Stamp) {
        let ns = H::now().as_nanos().saturating_sub(woken.0.get());
        let class = ns.max(1).ilog2() as usize;
        place::<H>(watch, name).latency[class.min(BUCKETS - 1)].fetch_add(1, Relaxed);
    }

    pub(super) fn for_each(mut f: impl FnMut(&Stats)) {
        for (index, place) in PLACES.iter().enumerate() {
            let name = match index {
                0 => "all others",
                _ => match place.name() {
                    Some(name) => name,
                    None => return,
                },
            };
            let stats = Stats {
                name,
                waiters: place.waiters.load(Relaxed),
                // In this order, see `Event::FoundEmpty`.
                consumed: place.consumed.load(Acquire),
                handed_on: place.handed_on.load(Acquire),
                found_empty: place.found_empty.load(Acquire),
                sent: place.sent.load(Relaxed),
                waits: place.waits.load(Relaxed),
                timeouts: place.timeouts.load(Relaxed),
                cancels: place.cancels.load(Relaxed),
                latency: place.latency.each_ref().map(|count| count.load(Relaxed)),
            };
            if stats.waits > 0 || stats.sent > 0 {
                f(&stats);
            }
        }
    }
}

#[cfg(not(all(feature = "stats", not(loom))))]
mod table {
    use super::{Event, Stats};
    use crate::host::Host;

    pub(crate) struct Watch;

    impl Watch {
        pub(crate) const fn new() -> Self {
            Self
        }
    }

    pub(crate) struct Stamp;

    impl Stamp {
        pub(crate) const fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn set<H: Host>(&self) {}
    }

    #[inline(always)]
    pub(crate) fn note<H: Host>(_: &Watch, _: &'static str, _: Event) {}

    #[inline(always)]
    pub(crate) fn note_run<H: Host>(_: &Watch, _: &'static str, _: &Stamp) {}

    pub(super) fn for_each(_: impl FnMut(&Stats)) {}

    // Without the feature a queue and a waiter have nothing of it.
    const _: () = assert!(size_of::<Watch>() == 0 && size_of::<Stamp>() == 0);
}
