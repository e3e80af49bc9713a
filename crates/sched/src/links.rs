//! How entities hang on a run queue: the handle, the lists and the trees. The one file of this
//! crate with unsafe code; the policy above it has none.
//!
//! What belongs here: a safe face on the intrusive collections. What does not: any decision about
//! who runs.
//!
//! An entity has **one** link, which serves a list or a tree, so it is on one of them at most: the
//! collections refuse (by a panic) an entity whose link is in use. Taking an entity out of the
//! middle of a collection that it is not on would corrupt both; so each set of queues has a number
//! of its own, never used again, and an entity remembers the number and the shelf that it is on.

use crate::entity::Entity;
use crate::vtime::VirtualTime;
use core::cell::Cell;
use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering};
use intrusive_collections::{
    KeyAdapter, LinkedList, RBTree, RBTreeLink, UnsafeRef, intrusive_adapter,
};

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

    /// The address of the entity, from which its owner finds what the entity is embedded in.
    #[inline(always)]
    pub fn as_ptr(&self) -> *const Entity {
        &raw const **self
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

intrusive_adapter!(InList = UnsafeRef<Entity>: Entity { links.link => RBTreeLink });
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

/// The shelf of the idle class; the shelves below it are the lists of the real-time priorities.
pub(crate) const IDLE: u8 = 64;
/// The shelf of the fair entities that may run, by deadline.
const READY: u8 = 65;
/// The shelf of the fair entities that have had more than their share, by virtual run time.
const WAITING: u8 = 66;

/// What an entity knows of where it hangs. Only this file looks inside.
pub(crate) struct Links {
    link: RBTreeLink,
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
    lists: [LinkedList<InList>; IDLE as usize + 1],
    ready: RBTree<ByDeadline>,
    waiting: RBTree<ByStart>,
}

// SAFETY: ENT-LOCK: the queues hold handles, whose makers promised it.
unsafe impl Send for Queues {}

impl Queues {
    pub(crate) const fn new() -> Self {
        Self {
            number: 0,
            lists: [const { LinkedList::new(InList::NEW) }; IDLE as usize + 1],
            ready: RBTree::new(ByDeadline::NEW),
            waiting: RBTree::new(ByStart::NEW),
        }
    }

    #[cold]
    fn draw_number(&mut self) -> u32 {
        let drawn =
            NEXT_NUMBER.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1));
        self.number = drawn.expect("more than 2^32 run queues");
        self.number
    }

    /// Whether `e` was last put on these queues, though it may have left them since.
    #[inline(always)]
    pub(crate) fn knows(&self, e: &Entity) -> bool {
        self.number != 0 && e.links.queues.get() == self.number
    }

    /// Notes where `e` is about to hang. The insertion that follows panics, before anything is
    /// changed, if the link of `e` is in use; so do not overwrite what is true then.
    #[inline(always)]
    fn note(&mut self, e: &Entity, shelf: u8) {
        if e.links.is_linked() {
            return;
        }
        let number = match self.number {
            0 => self.draw_number(),
            n => n,
        };
        e.links.queues.set(number);
        e.links.shelf.set(shelf);
    }

    /// Whether the list `shelf` has nobody on it.
    #[inline(always)]
    pub(crate) fn list_is_empty(&self, shelf: u8) -> bool {
        self.lists[usize::from(shelf)].is_empty()
    }

    #[inline(always)]
    pub(crate) fn push_back(&mut self, shelf: u8, e: EntityRef) {
        self.note(&e, shelf);
        self.lists[usize::from(shelf)].push_back(e.0);
    }

    #[inline(always)]
    pub(crate) fn push_front(&mut self, shelf: u8, e: EntityRef) {
        self.note(&e, shelf);
        self.lists[usize::from(shelf)].push_front(e.0);
    }

    #[inline(always)]
    pub(crate) fn pop_front(&mut self, shelf: u8) -> Option<EntityRef> {
        self.lists[usize::from(shelf)].pop_front().map(EntityRef)
    }

    /// Hangs `e` into the tree of those that may run, behind those with the same deadline.
    pub(crate) fn insert_ready(&mut self, e: EntityRef) {
        self.note(&e, READY);
        self.ready.insert(e.0);
    }

    /// Hangs `e` into the tree of those that have run ahead.
    pub(crate) fn insert_waiting(&mut self, e: EntityRef) {
        self.note(&e, WAITING);
        self.waiting.insert(e.0);
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

    /// Takes `e` out of where it hangs. `None` if it hangs nowhere, or on the queues of another.
    pub(crate) fn take(&mut self, e: &Entity) -> Option<EntityRef> {
        if !self.knows(e) || !e.links.is_linked() {
            return None;
        }
        // SAFETY: ENT-HERE: the link of `e` is in use, and `note` wrote the shelf and the number
        // of these queues when it was put there; nobody else has this number.
        let taken = unsafe {
            match e.links.shelf.get() {
                READY => self.ready.cursor_mut_from_ptr(e).remove(),
                WAITING => self.waiting.cursor_mut_from_ptr(e).remove(),
                list => self.lists[usize::from(list)]
                    .cursor_mut_from_ptr(e)
                    .remove(),
            }
        };
        taken.map(EntityRef)
    }

    /// The first entity on the list `shelf` that `wanted` accepts, among the first `limit`.
    pub(crate) fn find_in_list(
        &self,
        shelf: u8,
        limit: usize,
        wanted: impl Fn(&Entity) -> bool,
    ) -> Option<EntityRef> {
        let mut at = self.lists[usize::from(shelf)].front();
        for _ in 0..limit {
            if wanted(at.get()?) {
                return at.clone_pointer().map(EntityRef);
            }
            at.move_next();
        }
        None
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
