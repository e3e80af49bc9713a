//! A ring of entities: the list of one real-time priority.
//!
//! What belongs here: the order of a ring. What does not: which entity is on which ring
//! ([`crate::links`]).
//!
//! A ring rather than a list with two ends because of one operation: a turn (the first becomes the
//! last) is one load and one store here, and some twenty instructions there. A cooperative switch
//! between equals is hardly more than that.

use crate::links::At;

/// Entities in a circle, known by the first one; `right` is the next one, `left` the one before.
///
/// **RING**: from `first`, `next` leads through all entities of the ring and back to it, and `prev`
/// the other way round. None of these links leads to an entity that is not on the ring.
pub(crate) struct Ring {
    first: Option<At>,
}

#[inline(always)]
fn next(e: At) -> At {
    // SAFETY: RING: `e` is on the ring, so there is a next one.
    unsafe { e.links.right.get().unwrap_unchecked() }
}

#[inline(always)]
fn prev(e: At) -> At {
    // SAFETY: RING: `e` is on the ring, so there is one before it.
    unsafe { e.links.left.get().unwrap_unchecked() }
}

#[inline(always)]
fn join(left: At, right: At) {
    left.links.right.set(Some(right));
    right.links.left.set(Some(left));
}

impl Ring {
    pub(crate) const fn new() -> Self {
        Self { first: None }
    }

    /// A ring of `e` alone, which was nowhere.
    #[inline(always)]
    pub(crate) fn of(e: At) -> Self {
        join(e, e);
        Self { first: Some(e) }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Who is first.
    #[inline(always)]
    pub(crate) fn first(&self) -> Option<At> {
        self.first
    }

    /// Whether there are two or more.
    #[inline(always)]
    pub(crate) fn has_two(&self) -> bool {
        self.first.is_some_and(|first| next(first) != first)
    }

    /// Adds `e`, which is nowhere, as the last one.
    #[inline(always)]
    pub(crate) fn push_back(&mut self, e: At) {
        match self.first {
            None => {
                join(e, e);
                self.first = Some(e);
            }
            Some(first) => {
                join(prev(first), e);
                join(e, first);
            }
        }
    }

    /// Adds `e`, which is nowhere, as the first one.
    pub(crate) fn push_front(&mut self, e: At) {
        // Between the last one and the first one is the place for either.
        self.push_back(e);
        self.first = Some(e);
    }

    /// Makes the first one the last one; gives who is first then. `None` if there are not two.
    #[inline(always)]
    pub(crate) fn rotate(&mut self) -> Option<At> {
        let first = self.first?;
        let second = next(first);
        if second == first {
            return None;
        }
        self.first = Some(second);
        Some(second)
    }

    /// Takes out `e`.
    ///
    /// # Safety
    ///
    /// **ENT-HERE**: `e` is on this ring.
    #[inline(always)]
    pub(crate) unsafe fn remove(&mut self, e: At) {
        let after = next(e);
        if after == e {
            self.first = None;
        } else {
            join(prev(e), after);
            if self.first == Some(e) {
                self.first = Some(after);
            }
        }
    }

    /// The entities from the first to the last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = At> {
        let mut at = self.first;
        core::iter::from_fn(move || {
            let e = at?;
            at = Some(next(e)).filter(|after| Some(*after) != self.first);
            Some(e)
        })
    }
}
