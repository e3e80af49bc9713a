//! One waiter's place in a queue: an intrusive list node on the waiter's own stack.
//!
//! Who may touch which field, and when, is said here; the protocol that makes it so is in
//! [`crate::queue`] and [`crate::waiter`].

use crate::host::Host;
use crate::list::{Linked, Links};
use crate::stats::Stamp;
use core::cell::Cell;
use core::marker::PhantomPinned;
use layercake_sync::facade::{AtomicU32, UnsafeCell};

/// Where a node stands that was put on a queue. In [`Node::state`] as a number.
///
/// Off any queue, by its owner's will, the state has no meaning: the owner knows.
pub(crate) mod state {
    /// Linked. Set by the owner under the queue's lock.
    pub const WAITING: u32 = 0;
    /// Unlinked by a wake-one. Set by a waker under the queue's lock.
    pub const WOKEN_ONE: u32 = 1;
    /// Unlinked by a wake that was meant for everybody. Set by a waker under the queue's lock.
    pub const WOKEN_ALL: u32 = 2;
}

/// Which wakes a waiter answers to; in one number with how many permits it wants, where permits
/// are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(u32);

impl Mode {
    /// All of these for every wake.
    pub const SHARED: Self = Self(u32::MAX);
    /// One of these for each wake-one, first in, first out. Wants one permit.
    pub const EXCLUSIVE: Self = Self(0);

    /// Exclusive, and wants `permits`, of which there is at least one.
    pub const fn wants(permits: u32) -> Self {
        debug_assert!(permits > 0);
        Self(permits - 1)
    }

    pub const fn is_shared(self) -> bool {
        self.0 == Self::SHARED.0
    }

    /// How many permits it wants, if it is exclusive.
    pub const fn permits(self) -> u32 {
        self.0 + 1
    }
}

/// A waiter's place in a queue.
///
/// While it is linked, all of it is under the lock of its queue (NODE-LOCK); while it is not, it
/// is its owner's. The state says which, and the waker's store to it is the hand-over (NODE-LAST).
#[repr(C)] // `state` first: it is what both sides look at
pub(crate) struct Node<H: Host> {
    /// Beside `mode` in size and place: both are set in one store.
    pub state: AtomicU32,
    pub mode: Mode,
    pub links: Links<Self>,
    /// The order of arrival.
    pub ticket: Cell<u64>,
    /// Whom to unpark. `Some` whenever it is linked.
    pub task: UnsafeCell<Option<H::Task>>,
    /// When it was woken. The waker's until the hand-over.
    pub woken: Stamp,
    _pin: PhantomPinned,
}

impl<H: Host> Node<H> {
    pub fn new(state: u32, mode: Mode) -> Self {
        Self {
            state: AtomicU32::new(state),
            mode,
            links: Links::new(),
            ticket: Cell::new(0),
            task: UnsafeCell::new(None),
            woken: Stamp::new(),
            _pin: PhantomPinned,
        }
    }
}

// SAFETY: LIST-LINKS: a field. NODE-LOCK: whoever has the list holds the lock that it is under, and what it
// links is touched by its owner only under the same lock; handles (`H::Task`) may be used from any thread.
unsafe impl<H: Host> Linked for Node<H> {
    #[inline(always)]
    fn links(&self) -> &Links<Self> {
        &self.links
    }
}
