//! How entities hang on a run queue: the handle, and which ring or tree an entity is on.
//!
//! What belongs here: a safe face on [`crate::ring`] and [`crate::tree`]. What does not: any decision
//! about who runs.
//!
//! An entity has **one** set of links, which serves a ring or a tree, so it is on one of them at most;
//! it remembers which (its shelf), and putting it on another panics. Taking an entity out of the
//! middle of a collection that it is not on would corrupt both; so each set of queues has a number
//! of its own, never used again, and an entity remembers the number, too.

use crate::entity::Entity;
use crate::priority::{FAIR, IDLE};
use crate::ring::Ring;
use crate::tree::Tree;
use crate::vtime::VirtualTime;
use core::cell::Cell;
use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

/// A handle to an [`Entity`] that somebody else owns: what run queues hold and give back.
#[derive(Clone)]
pub struct EntityRef(At);

impl EntityRef {
    /// Makes a handle.
    ///
    /// # Safety
    ///
    /// As long as this handle or a copy of it is in use, in a run queue or elsewhere:
    ///
    /// 1. **ENT-LIVE**: the entity is neither moved nor dropped nor reached through `&mut`;
    /// 2. **ENT-LOCK**: two cores never touch the entity at the same time. A kernel keeps this by
    ///    touching an entity only under the lock of the run queue that it was last given to.
    #[inline(always)]
    pub unsafe fn from_raw(entity: *const Entity) -> Self {
        // SAFETY: ENT-LIVE, by the caller's promise: what is alive is not at null.
        Self(At(unsafe { NonNull::new_unchecked(entity.cast_mut()) }))
    }

    /// The pointer that the handle was made from, by which its owner finds what the entity is
    /// embedded in (so make it from a pointer that may reach all of that).
    #[inline(always)]
    pub fn as_ptr(&self) -> *const Entity {
        self.0.0.as_ptr()
    }

    /// Whether this is the handle of `entity`.
    #[inline(always)]
    pub fn is(&self, entity: &Entity) -> bool {
        core::ptr::eq(self.as_ptr(), entity)
    }

    /// A handle for the tests of the tree, which drop their entities last.
    #[cfg(test)]
    pub(crate) fn of_test(entity: &Entity) -> Self {
        // SAFETY: ENT-LIVE, as said; ENT-LOCK: each test has one thread.
        unsafe { Self::from_raw(entity) }
    }

    /// As the rings and the tree keep it, for the tests of those.
    #[cfg(test)]
    pub(crate) fn at(&self) -> At {
        self.0
    }
}

impl Deref for EntityRef {
    type Target = Entity;
    #[inline(always)]
    fn deref(&self) -> &Entity {
        &self.0
    }
}

impl fmt::Debug for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

// SAFETY: ENT-LOCK: whoever made the handle promised that no two cores use the entity at once.
unsafe impl Send for EntityRef {}

/// A copy of a handle, as the links of a ring or a tree keep it. It comes from a handle, and nobody
/// but [`crate::ring`] and [`crate::tree`] keeps one; so it is in use only while its entity is on the
/// ring or tree, or that of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct At(NonNull<Entity>);

impl Deref for At {
    type Target = Entity;
    #[inline(always)]
    fn deref(&self) -> &Entity {
        // SAFETY: ENT-LIVE: this is a copy of a handle. Those found in links are in use only as long
        // as the entity is on the ring or tree (RING, TREE), which has its handle until then.
        unsafe { self.0.as_ref() }
    }
}

// Each level has a shelf: a ring, or a tree for the fair one. In an entity it is the level and one.
/// No shelf.
const NOWHERE: u8 = 0;
/// One ring for each level; that of the fair class stays empty.
const RINGS: usize = IDLE as usize + 1;

/// What an entity knows of where it hangs. `queues` and `shelf` are for this file. The others are for
/// the ring or tree that it is on: they mean nothing while it is on none.
pub(crate) struct Links {
    pub(crate) left: Cell<Option<At>>,
    pub(crate) right: Cell<Option<At>>,
    pub(crate) parent: Cell<Option<At>>,
    /// On a tree: the least age in the part whose top this is.
    pub(crate) least: Cell<VirtualTime>,
    queues: Cell<u32>,
    shelf: Cell<u8>,
    /// On a tree: the height of the part whose top this is.
    pub(crate) height: Cell<u8>,
}

// SAFETY: ENT-LIVE: an entity does not move while it is on a ring or tree, and else nobody follows
// its links. ENT-LOCK for those that a lock hands from core to core.
unsafe impl Send for Links {}

impl Links {
    pub(crate) const fn new() -> Self {
        Self {
            left: Cell::new(None),
            right: Cell::new(None),
            parent: Cell::new(None),
            least: Cell::new(VirtualTime::ZERO),
            queues: Cell::new(0),
            shelf: Cell::new(NOWHERE),
            height: Cell::new(0),
        }
    }

    /// Forgets which queues the entity, which hangs nowhere, was last on.
    #[inline(always)]
    pub(crate) fn forget(&self) {
        self.queues.set(0);
    }

    /// Whether the entity is on a ring or a tree of some run queue.
    #[inline(always)]
    pub(crate) fn is_linked(&self) -> bool {
        self.shelf.get() != NOWHERE
    }
}

#[cold]
#[inline(never)]
fn in_use() -> ! {
    panic!("the thread is on a run queue already")
}

/// The number for the next set of queues; 0 is no number.
static NEXT_NUMBER: AtomicU32 = AtomicU32::new(1);

/// The rings and the tree of one run queue.
#[repr(C)] // The rings last: see `RunQueue`.
pub(crate) struct Queues {
    number: u32,
    /// On the shelf `FAIR`, whose ring stays empty.
    fair: Tree,
    rings: [Ring; RINGS],
}

// SAFETY: ENT-LOCK: the queues hold handles, whose makers promised it.
unsafe impl Send for Queues {}

impl Queues {
    pub(crate) const fn new() -> Self {
        Self {
            number: 0,
            rings: [const { Ring::new() }; RINGS],
            fair: Tree::new(),
        }
    }

    /// Whether these queues have their number, without which nothing can be put on them.
    #[inline(always)]
    pub(crate) fn have_number(&self) -> bool {
        self.number != 0
    }

    /// Draws the number, unless that was done.
    #[inline]
    pub(crate) fn draw_number(&mut self) {
        if self.number == 0 {
            let next = |n: u32| n.checked_add(1);
            let drawn = NEXT_NUMBER.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
            self.number = drawn.expect("more than 2^32 run queues");
        }
    }

    /// Whether `e` was last put on these queues, though it may have left them since.
    #[inline(always)]
    pub(crate) fn knows(&self, e: &Entity) -> bool {
        self.number != 0 && e.links.queues.get() == self.number
    }

    /// Notes that `e` is about to hang on `shelf`.
    #[inline(always)]
    fn claim(&mut self, e: &Entity, shelf: u8) {
        debug_assert!(self.have_number());
        if e.links.is_linked() {
            in_use();
        }
        e.links.queues.set(self.number);
        e.links.shelf.set(shelf + 1);
    }

    /// Whether nobody is on the ring `shelf`.
    #[inline(always)]
    pub(crate) fn ring_is_empty(&self, shelf: u8) -> bool {
        self.rings[usize::from(shelf)].is_empty()
    }

    /// Whether two entities or more are on the ring `shelf`.
    #[inline(always)]
    pub(crate) fn ring_has_two(&self, shelf: u8) -> bool {
        self.rings[usize::from(shelf)].has_two()
    }

    /// Adds `e` as the last one of the ring `shelf`. Panics if it hangs somewhere already; so do
    /// those below.
    #[inline(always)]
    pub(crate) fn push_back(&mut self, shelf: u8, e: EntityRef) {
        self.claim(&e, shelf);
        self.rings[usize::from(shelf)].push_back(e.0);
    }

    /// Adds `e` to the ring `shelf`, on which there is nobody.
    #[inline(always)]
    pub(crate) fn push_first(&mut self, shelf: u8, e: &EntityRef) {
        debug_assert!(self.ring_is_empty(shelf));
        self.claim(e, shelf);
        self.rings[usize::from(shelf)] = Ring::of(e.0);
    }

    /// Takes `e` off the ring `shelf`, on which there is nobody else.
    #[inline(always)]
    pub(crate) fn pop_last(&mut self, shelf: u8, e: &EntityRef) {
        debug_assert!(self.ring_starts_with(shelf, e) && !self.ring_has_two(shelf));
        self.rings[usize::from(shelf)] = Ring::new();
        e.links.shelf.set(NOWHERE);
    }

    /// Whether `e` is the first one on the ring `shelf`.
    pub(crate) fn ring_starts_with(&self, shelf: u8, e: &EntityRef) -> bool {
        self.rings[usize::from(shelf)].first() == Some(e.0)
    }

    /// Adds `e` as the first one of the ring `shelf`.
    pub(crate) fn push_front(&mut self, shelf: u8, e: EntityRef) {
        self.claim(&e, shelf);
        self.rings[usize::from(shelf)].push_front(e.0);
    }

    /// Who is first on the ring `shelf`.
    #[inline(always)]
    pub(crate) fn first_of_ring(&self, shelf: u8) -> Option<EntityRef> {
        self.rings[usize::from(shelf)].first().map(EntityRef)
    }

    /// Takes out who is first on the ring `shelf`.
    #[inline(always)]
    pub(crate) fn pop_front(&mut self, shelf: u8) -> Option<EntityRef> {
        let ring = &mut self.rings[usize::from(shelf)];
        let first = ring.first()?;
        // SAFETY: ENT-HERE: it is the first of this ring.
        unsafe { ring.remove(first) };
        first.links.shelf.set(NOWHERE);
        Some(EntityRef(first))
    }

    /// Who is first and who is second on the ring `shelf`: the first one again, if it is alone. `None` if
    /// there is nobody.
    #[inline(always)]
    pub(crate) fn first_two(&self, shelf: u8) -> Option<(EntityRef, EntityRef)> {
        let (first, second) = self.rings[usize::from(shelf)].first_two()?;
        Some((EntityRef(first), EntityRef(second)))
    }

    /// Makes the first one on the ring `shelf` the last one; gives who is first then. `None` if
    /// there are not two.
    #[inline(always)]
    pub(crate) fn rotate(&mut self, shelf: u8) -> Option<EntityRef> {
        self.rings[usize::from(shelf)].rotate().map(EntityRef)
    }

    /// Hangs `e` into the tree of the fair ones, behind those with the same deadline. O(log n).
    #[inline]
    pub(crate) fn insert_fair(&mut self, e: EntityRef) {
        self.claim(&e, FAIR);
        self.fair.insert(e.0);
    }

    /// The fair one with the earliest deadline of those whose age is `time` at most. O(log n).
    #[inline]
    pub(crate) fn first_fair(&self, time: VirtualTime) -> Option<EntityRef> {
        self.fair.first_until(time).map(EntityRef)
    }

    /// The least age of the fair ones. O(1).
    #[inline]
    pub(crate) fn least_age(&self) -> Option<VirtualTime> {
        self.fair.least()
    }

    /// Takes out whom [`first_fair`](Self::first_fair) gives. O(log n).
    #[inline]
    pub(crate) fn pop_fair(&mut self, time: VirtualTime) -> Option<EntityRef> {
        let first = self.fair.first_until(time)?;
        self.fair.remove(first);
        first.links.shelf.set(NOWHERE);
        Some(EntityRef(first))
    }

    /// Takes `e` out of where it hangs. False if it hangs nowhere, or on the queues of another.
    /// O(1) from a ring, O(log n) from the tree.
    #[inline]
    pub(crate) fn take(&mut self, e: &EntityRef) -> bool {
        if !self.knows(e) || !e.links.is_linked() {
            return false;
        }
        let shelf = e.links.shelf.get() - 1;
        if shelf == FAIR {
            self.fair.remove(e.0);
        } else {
            // SAFETY: ENT-HERE: `claim` wrote the shelf and the number of these queues when it was
            // put there; nobody else has this number.
            unsafe { self.rings[usize::from(shelf)].remove(e.0) };
        }
        e.links.shelf.set(NOWHERE);
        true
    }

    /// The first entity on the ring `shelf` that `wanted` accepts, among the first `limit`.
    pub(crate) fn find_in_ring(
        &self,
        shelf: u8,
        limit: usize,
        wanted: impl Fn(&Entity) -> bool,
    ) -> Option<EntityRef> {
        let mut all = self.rings[usize::from(shelf)].iter().take(limit);
        all.find(|e| wanted(e)).map(EntityRef)
    }

    /// The fair entity with the earliest deadline that `wanted` accepts, among the first `limit`.
    pub(crate) fn find_fair(
        &self,
        limit: usize,
        wanted: impl Fn(&Entity) -> bool,
    ) -> Option<EntityRef> {
        let mut all = self.fair.iter().take(limit);
        all.find(|e| wanted(e)).map(EntityRef)
    }

    /// The first `limit` fair entities, by deadline.
    pub(crate) fn fair_ones(&self, limit: usize) -> impl Iterator<Item = EntityRef> {
        self.fair.iter().take(limit).map(EntityRef)
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        for shelf in (0..IDLE + 1).filter(|shelf| *shelf != FAIR) {
            while self.pop_front(shelf).is_some() {}
        }
        while let Some(e) = self.fair.root() {
            self.fair.remove(e);
            e.links.shelf.set(NOWHERE);
        }
    }
}
