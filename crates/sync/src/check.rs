//! The run-time check behind the types: who holds a spinlock on this core, and since where.
//!
//! Tokens keep safe code from sleeping with a lock held. A thread whose token came from `unsafe`,
//! or that gave a guard to [`core::mem::forget`], passes the compiler; here it is caught, and the
//! report names both places. A lock taken twice on one core is reported too instead of hanging.
//!
//! On in builds with debug assertions and with the feature `check`. Off, it is no instruction.
//! The host's part: keep a [`Held`] for each core ([`Cpu::with_held`]) and call
//! [`assert_may_sleep`] where it parks a thread.

use crate::class::{Id, IdCell};
use crate::cpu::Cpu;
#[cfg(all(feature = "classes", not(loom)))]
use crate::watch::Wait;
use core::fmt;
use core::panic::Location;
use core::ptr;
// Not the facade's: these words are one core's own, there is nothing in them to model.
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Whether this build checks.
pub const ON: bool = cfg!(any(debug_assertions, feature = "check"));

/// How many held locks are remembered with their place; more are counted only.
const NAMED: usize = 16;

/// A lock was here; nobody looks below it before what lies above is gone.
const GONE: *const () = ptr::dangling();

/// The spinlocks held on one core, in the order in which they were taken.
///
/// One core writes; an interrupt handler may come between any two of its stores, and leaves all
/// as it found it, as its locks are taken and given back within it.
#[derive(Debug)]
pub struct Held {
    count: AtomicUsize,
    slots: [Slot; NAMED],
    /// The wait that goes on.
    #[cfg(all(feature = "classes", not(loom)))]
    wait: AtomicPtr<Wait>,
}

#[derive(Debug)]
struct Slot {
    /// The lock; null when the slot is free or about to be filled.
    lock: AtomicPtr<()>,
    /// Where it was taken.
    at: AtomicPtr<Location<'static>>,
    /// Which kind of lock.
    class: IdCell,
}

impl Held {
    /// No lock held.
    pub const fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            slots: [const {
                Slot {
                    lock: AtomicPtr::new(ptr::null_mut()),
                    at: AtomicPtr::new(ptr::null_mut()),
                    class: IdCell::new(),
                }
            }; NAMED],
            #[cfg(all(feature = "classes", not(loom)))]
            wait: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// How many are held.
    pub fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// How many are held, apart from those that were given back under others.
    #[cfg(all(feature = "critical-section", not(loom)))]
    pub(crate) fn living(&self) -> usize {
        let slots = &self.slots[..self.count().min(NAMED)];
        self.count() - slots.iter().filter(|slot| slot.is(GONE)).count()
    }

    /// Where the last of them was taken; `None` if none is held, or too many to remember.
    pub fn last_taken_at(&self) -> Option<&'static Location<'static>> {
        let slots = &self.slots[..self.count().min(NAMED)];
        slots.iter().rev().find_map(Slot::place)
    }

    /// Where `lock` was taken, if this core holds it.
    fn find(&self, lock: *const ()) -> Option<&'static Location<'static>> {
        let slots = &self.slots[..self.count().min(NAMED)];
        slots
            .iter()
            .find(|slot| slot.is(lock))
            .and_then(Slot::place)
    }

    /// Calls `f` with each lock held, the place where it was taken, and its class.
    #[cfg(all(feature = "classes", not(loom)))]
    pub(crate) fn for_each(
        &self,
        mut f: impl FnMut(*const (), Option<&'static Location<'static>>, Id),
    ) {
        for slot in &self.slots[..self.count().min(NAMED)] {
            if let Some(at) = slot.place() {
                f(slot.lock.load(Relaxed), Some(at), slot.class.get());
            }
        }
    }

    /// The innermost wait of this core, or null.
    #[cfg(all(feature = "classes", not(loom)))]
    pub(crate) fn wait(&self) -> *const Wait {
        self.wait.load(Relaxed)
    }

    /// Makes `wait` the innermost one; returns the one before. Invariant **WAIT-PLACE**: it stays
    /// where it is until the one before is put back.
    #[cfg(all(feature = "classes", not(loom)))]
    pub(crate) fn set_wait(&self, wait: *const Wait) -> *const Wait {
        let before = self.wait();
        self.wait.store(wait.cast_mut(), Relaxed);
        before
    }

    fn push(&self, lock: *const (), at: &'static Location<'static>, class: Id) {
        let place = self.count();
        // First the count: a handler that comes now uses the slots above.
        self.count.store(place + 1, Relaxed);
        if let Some(slot) = self.slots.get(place) {
            slot.at.store(ptr::from_ref(at).cast_mut(), Relaxed);
            slot.class.set(class);
            slot.lock.store(lock.cast_mut(), Relaxed);
        }
    }

    /// Forgets a lock; returns where it was taken, if that is known.
    fn remove(&self, lock: *const ()) -> Option<&'static Location<'static>> {
        let count = self.count();
        let named = count.min(NAMED);
        let found = self.slots[..named].iter().rposition(|slot| slot.is(lock));
        let at = found.and_then(|place| self.slots[place].place());
        match found {
            Some(place) if place + 1 < count => {
                self.slots[place].lock.store(GONE.cast_mut(), Relaxed);
            }
            Some(place) => self.drop_last(place),
            // One of those that were only counted; else one that was taken by its raw word.
            None if count > NAMED => self.count.store(count - 1, Relaxed),
            None => {}
        }
        while let Some(top) = self.count().checked_sub(1)
            && self.slots.get(top).is_some_and(|slot| slot.is(GONE))
        {
            self.drop_last(top);
        }
        at
    }

    fn drop_last(&self, place: usize) {
        self.slots[place].lock.store(ptr::null_mut(), Relaxed);
        self.count.store(place, Relaxed);
    }
}

impl Slot {
    fn is(&self, lock: *const ()) -> bool {
        ptr::eq(self.lock.load(Relaxed), lock)
    }

    fn place(&self) -> Option<&'static Location<'static>> {
        if self.is(ptr::null()) || self.is(GONE) {
            return None;
        }
        // SAFETY: HELD-PLACE: only `push` stores here, from a `&'static`.
        unsafe { self.at.load(Relaxed).as_ref() }
    }
}

impl Default for Held {
    fn default() -> Self {
        Self::new()
    }
}

/// Why the caller must not sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// This core holds a spinlock, last taken there.
    LockHeld(&'static Location<'static>),
    /// This core holds more spinlocks than are remembered, or an unknown one.
    LocksHeld(usize),
    /// Interrupts are masked.
    IrqsMasked,
    /// Preemption is off, this many times.
    PreemptOff(u32),
    /// An interrupt handler runs.
    InHandler,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LockHeld(at) => write!(f, "the spinlock taken at {at} is held"),
            Self::LocksHeld(n) => write!(f, "{n} spinlocks are held"),
            Self::IrqsMasked => f.write_str("interrupts are masked"),
            Self::PreemptOff(n) => write!(f, "preemption is off ({n} times)"),
            Self::InHandler => f.write_str("this is an interrupt handler"),
        }
    }
}

impl core::error::Error for WhyNot {}

/// Whether the caller may sleep. From any context; O(locks held on this core).
#[inline(always)]
pub fn may_sleep<C: Cpu>() -> Result<(), WhyNot> {
    if !ON {
        return Ok(());
    }
    let held = C::with_held(|held| match (held.count(), held.last_taken_at()) {
        (0, _) => Ok(()),
        (_, Some(at)) => Err(WhyNot::LockHeld(at)),
        (n, None) => Err(WhyNot::LocksHeld(n)),
    });
    held.unwrap_or(Ok(())).and_then(|()| C::may_sleep())
}

/// What a host calls first where it parks a thread.
///
/// # Panics
///
/// If the thread must not sleep; the message says where it was about to and why it must not.
#[inline(always)]
#[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
pub fn assert_may_sleep<C: Cpu>() {
    if let Err(why) = may_sleep::<C>() {
        panic!("cannot sleep at {}: {why}", Location::caller());
    }
}

/// A lock is about to be waited for on this core.
#[inline(always)]
#[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
pub(crate) fn waits_for<C: Cpu>(lock: *const ()) {
    if !ON {
        return;
    }
    if let Some(Some(before)) = C::with_held(|held| held.find(lock)) {
        panic!(
            "the spinlock taken at {before} is taken again at {}: it would wait for ever",
            Location::caller()
        );
    }
}

/// A lock was taken on this core.
#[inline(always)]
#[cfg_attr(any(debug_assertions, feature = "check"), track_caller)]
pub(crate) fn took<C: Cpu>(lock: *const (), class: Id) {
    if ON {
        let at = Location::caller();
        C::with_held(|held| held.push(lock, at, class));
    }
}

/// A lock is about to be given back on this core. Returns where it was taken, if that is known.
#[inline(always)]
pub(crate) fn gives_back<C: Cpu>(lock: *const ()) -> Option<&'static Location<'static>> {
    if !ON {
        return None;
    }
    C::with_held(|held| held.remove(lock)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(feature = "classes", not(loom)))]
    const SOME: Id = Id::OTHERS;
    #[cfg(not(all(feature = "classes", not(loom))))]
    const SOME: Id = Id;

    #[test]
    fn remembers_the_last_in_any_order_of_going() {
        let held = Held::new();
        let locks = [0_u64; 3];
        let [a, b, c] = [0, 1, 2].map(|i| ptr::from_ref(&locks[i]).cast());
        let at_a = Location::caller();
        held.push(a, at_a, SOME);
        held.push(b, at_a, SOME);
        let at_c = core::panic::Location::caller();
        held.push(c, at_c, SOME);
        assert_eq!(held.count(), 3);
        held.remove(b);
        assert_eq!(held.count(), 3, "what is above holds the place");
        assert_eq!(held.find(b), None);
        held.remove(c);
        assert_eq!(held.count(), 1);
        assert_eq!(held.last_taken_at(), Some(at_a));
        held.remove(a);
        assert_eq!((held.count(), held.last_taken_at()), (0, None));
    }

    #[test]
    fn counts_more_than_it_can_name() {
        let held = Held::new();
        let locks = [0_u64; NAMED + 4];
        let lock = |i: usize| ptr::from_ref(&locks[i]).cast();
        (0..locks.len()).for_each(|i| held.push(lock(i), Location::caller(), SOME));
        assert_eq!(held.count(), NAMED + 4);
        for i in (0..locks.len()).rev() {
            let at = held.remove(lock(i));
            assert_eq!(at.is_some(), i < NAMED);
        }
        assert_eq!(held.count(), 0);
    }

    #[test]
    fn a_lock_it_never_saw_changes_nothing() {
        let held = Held::new();
        let lock = 0_u64;
        held.remove(ptr::from_ref(&lock).cast());
        assert_eq!(held.count(), 0);
        let locks = [0_u64; NAMED];
        for one in &locks {
            held.push(ptr::from_ref(one).cast(), Location::caller(), SOME);
        }
        held.remove(ptr::from_ref(&lock).cast());
        assert_eq!(held.count(), NAMED);
    }

    #[test]
    #[cfg(all(feature = "critical-section", not(loom)))]
    fn those_that_are_gone_do_not_live() {
        let held = Held::new();
        let locks = [0_u64; 3];
        let [a, b, c] = [0, 1, 2].map(|i| ptr::from_ref(&locks[i]).cast());
        for lock in [a, b, c] {
            held.push(lock, Location::caller(), SOME);
        }
        held.remove(b);
        assert_eq!((held.count(), held.living()), (3, 2));
        held.remove(a);
        assert_eq!((held.count(), held.living()), (3, 1));
        held.remove(c);
        assert_eq!((held.count(), held.living()), (0, 0));
    }
}
