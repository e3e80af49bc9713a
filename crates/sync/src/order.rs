//! The check of the lock order, with the feature `order`: reports a deadlock the first time that
//! it could happen, whether it happens or not.
//!
//! Whenever a lock is wanted while others are held, their [classes](crate::class) are noted down
//! as an order: held before wanted. An order that leads back to its beginning is an inversion:
//! two cores that come to the same places at the same time wait for each other. The report names
//! the two places of the order that is new, and those of each order that it contradicts.
//!
//! Two locks of one class, one taken inside of the other, are told apart by their addresses:
//! either always the higher one is inside or always the lower one. Locks whose order follows
//! something else (the levels of a tree) need a class for each level: a name, or a place of
//! their own in the source.
//!
//! Also reported: a class that is taken with interrupts masked here and unmasked there, which
//! types allow only through `unsafe`; a hold that is longer than
//! [`Cpu::HOLD_LIMIT`](crate::Cpu::HOLD_LIMIT), when it ends, and before that by the first who
//! waits for it, as it may not end; and, by [`crate::check`], which
//! this feature switches on, a lock taken twice by one core.
//!
//! A try never waits: it adds no order in which its lock is the wanted one. Readers of a
//! [`RwSpinLock`](crate::RwSpinLock) are checked like writers, because a reader waits for them;
//! readers of a [`SeqLock`](crate::SeqLock) are not checked.
//!
//! Orders are bits in a table of fixed size, 128 classes square; a lock taken in a known order
//! costs a look at one bit for each lock that is held. Locks of more classes are not checked. It
//! needs [`Cpu::with_held`](crate::Cpu::with_held); reports go to
//! [`Cpu::lock_report`](crate::Cpu::lock_report), from where the lock is wanted: the lock itself
//! is not held, what is held around it is.

use crate::class::Class;
use core::fmt;
use core::panic::Location;

#[cfg(all(feature = "classes", not(loom)))]
mod edges;
#[cfg(all(feature = "classes", not(loom)))]
mod graph;
#[cfg(all(feature = "classes", not(loom)))]
pub(crate) use graph::{takes_without_waiting, wants};

/// Whether this build checks the order.
pub const ON: bool = cfg!(all(feature = "order", not(loom)));

/// A lock that was taken somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Which kind of lock.
    pub class: Class,
    /// Where; `None` if there was no room to remember it.
    pub at: Option<&'static Location<'static>>,
}

/// Two locks, one taken while the other was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The one that was held.
    pub held: Taken,
    /// The one that was taken inside.
    pub then: Taken,
}

/// What is wrong.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Report<'a> {
    /// An order that contradicts others.
    Inversion {
        /// What is happening: the lock that this core holds and the one that it wants.
        now: Order,
        /// What happened before, each at its first time: orders that lead from the wanted class
        /// to the held one.
        before: &'a [Order],
    },
    /// A class is taken both with interrupts masked and with interrupts on: a handler could want
    /// the lock that its own core holds.
    Masking {
        /// Which locks.
        class: Class,
        /// Where first with interrupts masked.
        masked_at: &'static Location<'static>,
        /// Where first with interrupts on.
        unmasked_at: &'static Location<'static>,
    },
    /// A lock was held for longer than [`Cpu::HOLD_LIMIT`](crate::Cpu::HOLD_LIMIT). It has been
    /// given back.
    HeldTooLong {
        /// Which kind of lock.
        class: Class,
        /// Where it was taken, if that is known.
        taken_at: Option<&'static Location<'static>>,
        /// For how long, in ns.
        ns: u64,
    },
    /// A lock has been held for longer than [`Cpu::HOLD_LIMIT`](crate::Cpu::HOLD_LIMIT), and still
    /// is, while somebody waits for it. Reported once for each hold.
    StillHeld {
        /// Which kind of lock.
        class: Class,
        /// Where it was taken; of a lock with several readers, where the last of them did.
        taken_at: &'static Location<'static>,
        /// On which core, if the host numbers them.
        core: Option<usize>,
        /// Where the one waits who reports it.
        wanted_at: &'static Location<'static>,
        /// For how long by now, in ns.
        ns: u64,
    },
}

struct Core(Option<usize>);

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "core {number}"),
            None => f.write_str("some core"),
        }
    }
}

struct At(Option<&'static Location<'static>>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "{at}"),
            None => f.write_str("a place that is not remembered"),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { held, then } = self;
        let (held_at, then_at) = (At(held.at), At(then.at));
        write!(
            f,
            "{}, taken at {held_at}, then {} at {then_at}",
            held.class, then.class
        )
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inversion { now, before } => {
                write!(f, "lock order inversion: {now}; but before:")?;
                before.iter().try_for_each(|order| write!(f, " {order};"))?;
                f.write_str(" this can deadlock")
            }
            Self::Masking {
                class,
                masked_at,
                unmasked_at,
            } => write!(
                f,
                "{class} is taken with interrupts masked at {masked_at} and with interrupts on at \
                 {unmasked_at}: a handler could wait for its own core"
            ),
            Self::HeldTooLong {
                class,
                taken_at,
                ns,
            } => write!(
                f,
                "{class}, taken at {}, was held for {ns} ns",
                At(*taken_at)
            ),
            Self::StillHeld {
                class,
                taken_at,
                core,
                wanted_at,
                ns,
            } => write!(
                f,
                "{class}, taken at {taken_at} on {}, has been held for {ns} ns and still is: it is \
                 waited for at {wanted_at}",
                Core(*core)
            ),
        }
    }
}
