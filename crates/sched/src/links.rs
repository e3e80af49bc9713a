//! How entities hang on a run queue: the handle, the rings and the trees. This file and
//! [`crate::ring`] are the ones with unsafe code; the policy above them has none.
//!
//! What belongs here: a safe face on the intrusive collections. What does not: any decision about
//! who runs.
//!
//! An entity has **one** link, which serves a ring or a tree, so it is on one of them at most: the
//! collections refuse (by a panic) an entity whose link is in use. Taking an entity out of the
//! middle of a collection that it is not on would corrupt both; so each set of queues has a number
//! of its own, never used again, and an entity remembers the number and the shelf that it is on.

use crate::entity::Entity;
use crate::priority::{FAIR, IDLE};
use crate::ring::Ring;
use crate::vtime::VirtualTime;
use core::cell::Cell;
use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering};
use intrusive_collections::{KeyAdapter, RBTree, RBTreeLink, UnsafeRef, intrusive_adapter};

/// A handle to an [`Entity`] that somebody else owns: what run queues hold and give back.
#[derive(Clone)]
pub struct EntityRef(UnsafeRef<Entity>);

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
        // SAFETY: ENT-LIVE, by the caller's promise.
        Self(unsafe { UnsafeRef::from_raw(entity) })
    }

    /// The pointer that the handle was made from, by which its owner finds what the entity is
    /// embedded in (so make it from a pointer that may reach all of that).
    #[inline(always)]
    pub fn as_ptr(&self) -> *const Entity {
        UnsafeRef::into_raw(self.0.clone())
    }

    /// Whether this is the handle of `entity`.
    #[inline(always)]
    pub fn is(&self, entity: &Entity) -> bool {
        core::ptr::eq(self.as_ptr(), entity)
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

intrusive_adapter!(ByDeadline = UnsafeRef<Entity>: Entity { links.link => RBTreeLink });
intrusive_adapter!(ByStart = UnsafeRef<Entity>: Entity { links.link => RBTreeLink });

impl<'a> KeyAdapter<'a> for ByDeadline {
    type Key = VirtualTime;
    #[inline(always)]
    fn get_key(&self, e: &'a Entity) -> VirtualTime {
        e.deadline.get()
    }
}

impl<'a> KeyAdapter<'a> for ByStart {
    type Key = VirtualTime;
    #[inline(always)]
    fn get_key(&self, e: &'a Entity) -> VirtualTime {
        e.vruntime.get()
    }
}

// The shelves are numbered as the levels are: each level has a ring, but the fair one has two trees.
/// The shelf of the fair entities that may run, by deadline.
const READY: u8 = FAIR;
/// The shelf of the fair entities that have had more than their share, by virtual run time.
const WAITING: u8 = IDLE + 1;
/// One ring for each level; that of the fair class stays empty.
const RINGS: usize = IDLE as usize + 1;

/// What an entity knows of where it hangs. Nobody but this file looks inside, and
/// [`crate::ring`] at the link.
pub(crate) struct Links {
    pub(crate) link: RBTreeLink,
    queues: Cell<u32>,
    shelf: Cell<u8>,
}

impl Links {
    pub(crate) const fn new() -> Self {
        Self {
            link: RBTreeLink::new(),
            queues: Cell::new(0),
            shelf: Cell::new(0),
        }
    }

    /// Whether the entity is on a list or a tree of some run queue.
    #[inline(always)]
    pub(crate) fn is_linked(&self) -> bool {
        self.link.is_linked()
    }
}

/// The number for the next set of queues; 0 is no number.
static NEXT_NUMBER: AtomicU32 = AtomicU32::new(1);

/// The lists and trees of one run queue.
pub(crate) struct Queues {
    number: u32,
    rings: [Ring; RINGS],
    ready: RBTree<ByDeadline>,
    waiting: RBTree<ByStart>,
}

// SAFETY: ENT-LOCK: the queues hold handles, whose makers promised it.
unsafe impl Send for Queues {}

impl Queues {
    pub(crate) const fn new() -> Self {
        Self {
            number: 0,
            rings: [const { Ring::new() }; RINGS],
            ready: RBTree::new(ByDeadline::NEW),
            waiting: RBTree::new(ByStart::NEW),
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

    /// Notes where `e` hangs.
    #[inline(always)]
    fn note(&mut self, e: &Entity, shelf: u8) {
        debug_assert!(self.have_number());
        e.links.queues.set(self.number);
        e.links.shelf.set(shelf);
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
        self.rings[usize::from(shelf)].push_back(e.0.clone());
        self.note(&e, shelf);
    }

    /// Adds `e` as the first one of the ring `shelf`.
    pub(crate) fn push_front(&mut self, shelf: u8, e: EntityRef) {
        self.rings[usize::from(shelf)].push_front(e.0.clone());
        self.note(&e, shelf);
    }

    /// Who is first on the ring `shelf`.
    #[inline(always)]
    pub(crate) fn first_of_ring(&self, shelf: u8) -> Option<EntityRef> {
        self.rings[usize::from(shelf)].first().map(EntityRef)
    }

    /// Takes out who is first on the ring `shelf`.
    #[inline(always)]
    pub(crate) fn pop_front(&mut self, shelf: u8) -> Option<EntityRef> {
        self.rings[usize::from(shelf)].pop_front().map(EntityRef)
    }

    /// Makes the first one on the ring `shelf` the last one; gives who is first then. `None` if
    /// there are not two.
    #[inline(always)]
    pub(crate) fn rotate(&mut self, shelf: u8) -> Option<EntityRef> {
        self.rings[usize::from(shelf)].rotate().map(EntityRef)
    }

    /// Hangs `e` into the tree of those that may run, behind those with the same deadline.
    pub(crate) fn insert_ready(&mut self, e: EntityRef) {
        self.ready.insert(e.0.clone());
        self.note(&e, READY);
    }

    /// Hangs `e` into the tree of those that have run ahead.
    pub(crate) fn insert_waiting(&mut self, e: EntityRef) {
        self.waiting.insert(e.0.clone());
        self.note(&e, WAITING);
    }

    /// The one with the earliest deadline of those that may run.
    pub(crate) fn first_ready(&self) -> Option<&Entity> {
        self.ready.front().get()
    }

    pub(crate) fn pop_ready(&mut self) -> Option<EntityRef> {
        self.ready.front_mut().remove().map(EntityRef)
    }

    /// The one that is the least ahead of those that have run ahead.
    pub(crate) fn first_waiting(&self) -> Option<&Entity> {
        self.waiting.front().get()
    }

    pub(crate) fn pop_waiting(&mut self) -> Option<EntityRef> {
        self.waiting.front_mut().remove().map(EntityRef)
    }

    /// Takes `e` out of where it hangs. False if it hangs nowhere, or on the queues of another.
    #[inline]
    pub(crate) fn take(&mut self, e: &EntityRef) -> bool {
        if !self.knows(e) || !e.links.is_linked() {
            return false;
        }
        // SAFETY: ENT-HERE: the link of `e` is in use, and `note` wrote the shelf and the number
        // of these queues when it was put there; nobody else has this number.
        unsafe {
            match e.links.shelf.get() {
                READY => drop(self.ready.cursor_mut_from_ptr(e.as_ptr()).remove()),
                WAITING => drop(self.waiting.cursor_mut_from_ptr(e.as_ptr()).remove()),
                shelf => self.rings[usize::from(shelf)].remove(&e.0),
            }
        }
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

    /// The first fair entity that `wanted` accepts, those that may run before those that may not,
    /// among the first `limit` of each.
    pub(crate) fn find_fair(
        &self,
        limit: usize,
        wanted: impl Fn(&Entity) -> bool,
    ) -> Option<EntityRef> {
        let mut at = self.ready.front();
        for _ in 0..limit {
            match at.get() {
                Some(e) if wanted(e) => return at.clone_pointer().map(EntityRef),
                Some(_) => at.move_next(),
                None => break,
            }
        }
        let mut at = self.waiting.front();
        for _ in 0..limit {
            if wanted(at.get()?) {
                return at.clone_pointer().map(EntityRef);
            }
            at.move_next();
        }
        None
    }
}
