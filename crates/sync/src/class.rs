//! Lock classes: all locks that are made at one place in the source, under one name, are one
//! class. Statistics ([`crate::stats`]) and the check of the lock order ([`crate::order`]) are
//! kept by class, as locks come and go, and are told apart by what they are for.
//!
//! Here are the name and the place, and the table of all classes. What is known of a class is
//! in tables of those two, by the number that it has here.

use core::fmt;
use core::panic::Location;

/// A class of locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// What [`named`](crate::SpinLock::named) was given.
    pub name: Option<&'static str>,
    /// Where its locks are made.
    pub site: &'static Location<'static>,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "\"{name}\" ({})", self.site),
            None => write!(f, "the lock made at {}", self.site),
        }
    }
}

#[cfg(all(feature = "stats", not(loom)))]
pub(crate) use table::all;
#[cfg(all(feature = "classes", not(loom)))]
pub(crate) use table::{Id, IdCell, get, latched, number};
#[cfg(not(all(feature = "classes", not(loom))))]
pub(crate) use untold::{Id, IdCell};

#[cfg(all(feature = "classes", not(loom)))]
mod table {
    use super::Class;
    use crate::cpu::Cpu;
    use crate::ticket::TicketLock;
    use core::cell::UnsafeCell;
    use core::mem::MaybeUninit;
    use core::panic::Location;
    use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
    use core::sync::atomic::{AtomicU16, AtomicUsize};

    /// How many classes are told apart; all others are one.
    pub const MAX: usize = 128;

    /// A class by its number, below [`MAX`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Id(u16);

    impl Id {
        /// How many there can be.
        pub(crate) const COUNT: usize = MAX;
        /// All classes for which there was no room.
        pub(crate) const OTHERS: Self = Self(0);

        /// By a number that [`index`](Id::index) gave.
        ///
        /// # Panics
        ///
        /// If there cannot be such a class.
        pub(crate) const fn of(index: usize) -> Self {
            assert!(index < MAX);
            Self(index as u16)
        }

        pub(crate) const fn index(self) -> usize {
            self.0 as usize
        }
    }

    /// A place for an [`Id`] that one core uses.
    #[derive(Debug)]
    pub(crate) struct IdCell(AtomicU16);

    impl IdCell {
        pub(crate) const fn new() -> Self {
            Self(AtomicU16::new(0))
        }

        pub(crate) fn set(&self, id: Id) {
            self.0.store(id.0, Relaxed);
        }

        pub(crate) fn get(&self) -> Id {
            Id(self.0.load(Relaxed))
        }
    }

    /// What [`Id::OTHERS`] is called.
    const OTHERS: Class = Class {
        name: Some("all others"),
        site: Location::caller(),
    };

    struct Table {
        /// How many of the classes are there. The first stands for all others.
        made: AtomicUsize,
        classes: [UnsafeCell<MaybeUninit<Class>>; MAX],
    }

    // SAFETY: CLASS-MADE: a class is written once, under the latch, before `made` counts it;
    // from then on it is only read.
    unsafe impl Sync for Table {}

    static TABLE: Table = Table {
        made: AtomicUsize::new(1),
        classes: [const { UnsafeCell::new(MaybeUninit::uninit()) }; MAX],
    };

    static LATCH: TicketLock = TicketLock::new();

    /// Runs `f` alone on the machine, for the tables of this crate: what they are about are the
    /// locks, so their own is watched by nobody. `f` takes no lock and does not panic.
    pub(crate) fn latched<C: Cpu, R>(f: impl FnOnce() -> R) -> R {
        let state = C::irq_save();
        LATCH.lock::<C>();
        let result = f();
        // SAFETY: LOCK-HELD: taken above. CPU-MASK: `state` is from above.
        unsafe {
            LATCH.unlock();
            C::irq_restore(state);
        }
        result
    }

    /// The number of `class`: a new one, if nobody has asked before and there is room. O(classes).
    pub(crate) fn number<C: Cpu>(class: &Class) -> Id {
        latched::<C, _>(|| {
            if let Some((id, _)) = all().find(|(_, known)| known == class) {
                return id;
            }
            let made = TABLE.made.load(Acquire);
            let Some(place) = TABLE.classes.get(made) else {
                return Id::OTHERS;
            };
            // SAFETY: CLASS-MADE: not counted yet, and the latch is held.
            unsafe { (*place.get()).write(*class) };
            TABLE.made.store(made + 1, Release);
            Id::of(made)
        })
    }

    /// All classes so far, the one that stands for all others first.
    pub(crate) fn all() -> impl Iterator<Item = (Id, Class)> {
        (0..TABLE.made.load(Acquire))
            .map(Id::of)
            .map(|id| (id, get(id)))
    }

    /// The class of this number.
    pub(crate) fn get(id: Id) -> Class {
        if id == Id::OTHERS {
            return OTHERS;
        }
        let made = TABLE.made.load(Acquire);
        assert!(id.index() < made, "a class that was never made");
        // SAFETY: CLASS-MADE: it is counted.
        unsafe { (*TABLE.classes[id.index()].get()).assume_init() }
    }
}

/// Classes in builds that do not tell them apart.
#[cfg(not(all(feature = "classes", not(loom))))]
mod untold {
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Id;

    #[derive(Debug)]
    pub(crate) struct IdCell;

    impl IdCell {
        pub(crate) const fn new() -> Self {
            Self
        }

        pub(crate) fn set(&self, _: Id) {}
    }
}
