//! A ring of entities: the list of one real-time priority.
//!
//! The one of the two files with unsafe code that has pointers in it. It stands in for the
//! `LinkedList` of `intrusive-collections`, on the same links, because of one operation: a turn
//! (the first becomes the last) is one load and one store here, and some twenty instructions there.
//! A cooperative switch between equals is hardly more than that.

use crate::entity::Entity;
use core::ptr::NonNull;
use intrusive_collections::linked_list::LinkedListOps;
use intrusive_collections::rbtree::{Link, LinkOps};
use intrusive_collections::{Adapter, LinkOps as _, UnsafeRef, intrusive_adapter};

intrusive_adapter!(InRing = UnsafeRef<Entity>: Entity { links.link => Link });

/// Entities in a circle, known by the first one.
///
/// **RING**: from `first`, `next` leads through all entities of the ring and back to it, and `prev`
/// the other way round. All of them are alive (ENT-LIVE), and their links are marked as used.
pub(crate) struct Ring {
    first: Option<NonNull<Link>>,
}

fn entity_of(link: NonNull<Link>) -> UnsafeRef<Entity> {
    // SAFETY: RING and ENT-LIVE: only called with links of the ring, which came from `link_of`.
    unsafe { UnsafeRef::from_raw(InRing::NEW.get_value(link)) }
}

fn next(link: NonNull<Link>) -> NonNull<Link> {
    // SAFETY: RING: `link` is of the ring, so it is alive, and there is a next one.
    unsafe { LinkedListOps::next(&LinkOps, link).unwrap_unchecked() }
}

fn prev(link: NonNull<Link>) -> NonNull<Link> {
    // SAFETY: RING: `link` is of the ring, so it is alive, and there is one before it.
    unsafe { LinkedListOps::prev(&LinkOps, link).unwrap_unchecked() }
}

fn join(left: NonNull<Link>, right: NonNull<Link>) {
    // SAFETY: RING: both are of the ring, or about to be, so they are alive.
    unsafe {
        LinkedListOps::set_next(&mut LinkOps, left, Some(right));
        LinkedListOps::set_prev(&mut LinkOps, right, Some(left));
    }
}

#[cold]
fn in_use() -> ! {
    panic!("the thread is on a run queue already")
}

impl Ring {
    pub(crate) const fn new() -> Self {
        Self { first: None }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Who is first.
    #[inline(always)]
    pub(crate) fn first(&self) -> Option<UnsafeRef<Entity>> {
        self.first.map(entity_of)
    }

    /// Whether there are two or more.
    #[inline(always)]
    pub(crate) fn has_two(&self) -> bool {
        self.first.is_some_and(|first| next(first) != first)
    }

    /// Adds `e` as the last one.
    ///
    /// # Panics
    ///
    /// If its link is in use. Nothing has changed then.
    #[inline(always)]
    pub(crate) fn push_back(&mut self, e: UnsafeRef<Entity>) {
        self.add(e);
    }

    /// Adds `e` as the first one.
    ///
    /// # Panics
    ///
    /// If its link is in use. Nothing has changed then.
    pub(crate) fn push_front(&mut self, e: UnsafeRef<Entity>) {
        self.first = Some(self.add(e));
    }

    /// Adds `e` between the last one and the first one, which stays the first.
    #[inline(always)]
    fn add(&mut self, e: UnsafeRef<Entity>) -> NonNull<Link> {
        // SAFETY: ENT-LIVE: the handle says that `e` is alive.
        let link = unsafe { InRing::NEW.get_link(UnsafeRef::into_raw(e)) };
        // SAFETY: as above.
        if !unsafe { LinkOps.acquire_link(link) } {
            in_use();
        }
        match self.first {
            None => {
                join(link, link);
                self.first = Some(link);
            }
            Some(first) => {
                join(prev(first), link);
                join(link, first);
            }
        }
        link
    }

    /// Makes the first one the last one; gives who is first then. `None` if there are not two.
    #[inline(always)]
    pub(crate) fn rotate(&mut self) -> Option<UnsafeRef<Entity>> {
        let first = self.first?;
        let second = next(first);
        if second == first {
            return None;
        }
        self.first = Some(second);
        Some(entity_of(second))
    }

    /// Takes out the first one.
    #[inline(always)]
    pub(crate) fn pop_front(&mut self) -> Option<UnsafeRef<Entity>> {
        let first = self.first?;
        // SAFETY: ENT-HERE: it is the first of this ring.
        unsafe { self.unlink(first) };
        Some(entity_of(first))
    }

    /// Takes out `e`.
    ///
    /// # Safety
    ///
    /// **ENT-HERE**: `e` is on this ring.
    #[inline(always)]
    pub(crate) unsafe fn remove(&mut self, e: &UnsafeRef<Entity>) {
        // SAFETY: ENT-HERE, by the caller's promise.
        unsafe { self.unlink(InRing::NEW.get_link(UnsafeRef::into_raw(e.clone()))) };
    }

    /// # Safety
    ///
    /// **ENT-HERE**: `link` is on this ring.
    #[inline(always)]
    unsafe fn unlink(&mut self, link: NonNull<Link>) {
        let after = next(link);
        if after == link {
            self.first = None;
        } else {
            join(prev(link), after);
            if self.first == Some(link) {
                self.first = Some(after);
            }
        }
        // SAFETY: ENT-HERE: it was on the ring, and is no more.
        unsafe { LinkOps.release_link(link) };
    }

    /// The entities from the first to the last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = UnsafeRef<Entity>> {
        let mut at = self.first;
        core::iter::from_fn(move || {
            let link = at?;
            at = Some(next(link)).filter(|after| Some(*after) != self.first);
            Some(entity_of(link))
        })
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        while self.pop_front().is_some() {}
    }
}
