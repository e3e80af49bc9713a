//! Where each order was first seen: a table of pairs of classes with two places for each.
//!
//! Written and read under the latch of the classes, so its words are plain in all but their type.

use super::{Order, Taken};
use crate::class::{self, Id};
use core::panic::Location;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicPtr, AtomicU16, AtomicUsize};

/// How many orders are remembered with their places.
const MAX: usize = 512;

/// A place that is set once, or at least stays one: null, or from a `&'static`.
pub(super) struct Place(AtomicPtr<Location<'static>>);

impl Place {
    pub(super) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    pub(super) fn set(&self, at: Option<&'static Location<'static>>) {
        let at = at.map_or(ptr::null(), ptr::from_ref);
        self.0.store(at.cast_mut(), Relaxed);
    }

    pub(super) fn get(&self) -> Option<&'static Location<'static>> {
        // SAFETY: HELD-PLACE: only `set` stores here, null or from a `&'static`.
        unsafe { self.0.load(Relaxed).as_ref() }
    }
}

struct Edge {
    held: AtomicU16,
    then: AtomicU16,
    held_at: Place,
    then_at: Place,
}

static USED: AtomicUsize = AtomicUsize::new(0);
static EDGES: [Edge; MAX] = [const {
    Edge {
        held: AtomicU16::new(0),
        then: AtomicU16::new(0),
        held_at: Place::new(),
        then_at: Place::new(),
    }
}; MAX];

/// Remembers a new order, if there is room. The latch is held.
pub(super) fn remember(
    held: Id,
    then: Id,
    held_at: Option<&'static Location<'static>>,
    then_at: &'static Location<'static>,
) {
    let used = USED.load(Relaxed);
    if let Some(edge) = EDGES.get(used) {
        edge.held.store(held.index() as u16, Relaxed);
        edge.then.store(then.index() as u16, Relaxed);
        edge.held_at.set(held_at);
        edge.then_at.set(Some(then_at));
        USED.store(used + 1, Relaxed);
    }
}

/// An order that is known, with its places if they are remembered. The latch is held. O(orders).
pub(super) fn find(held: Id, then: Id) -> Order {
    let used = &EDGES[..USED.load(Relaxed)];
    let is = |word: &AtomicU16, id: Id| usize::from(word.load(Relaxed)) == id.index();
    let edge = used
        .iter()
        .find(|edge| is(&edge.held, held) && is(&edge.then, then));
    Order {
        held: Taken {
            class: class::get(held),
            at: edge.and_then(|edge| edge.held_at.get()),
        },
        then: Taken {
            class: class::get(then),
            at: edge.and_then(|edge| edge.then_at.get()),
        },
    }
}
