//! One waiter's place in a queue: an intrusive list node on the waiter's own stack.
//!
//! Who may touch which field, and when, is said here; the protocol that makes it so is in
//! [`crate::queue`] and [`crate::waiter`].

use crate::host::Host;
use crate::list::Links;
use crate::stats::Stamp;
use core::cell::Cell;
use core::marker::PhantomPinned;
use layercake_sync::facade::{AtomicU8, UnsafeCell};

/// Where a node stands that was put on a queue. In [`Node::state`] as a number.
///
/// Off any queue, by its owner's will, the state has no meaning: the owner knows.
pub(crate) mod state {
    /// Linked. Set by the owner under the queue's lock.
    pub const WAITING: u8 = 0;
    /// Unlinked by a wake-one. Set by a waker under the queue's lock.
    pub const WOKEN_ONE: u8 = 1;
    /// Unlinked by a wake that was meant for everybody. Set by a waker under the queue's lock.
    pub const WOKEN_ALL: u8 = 2;
}

/// Which wakes a waiter answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One of these for each wake-one, first in, first out.
    Exclusive,
    /// All of these for every wake.
    Shared,
}

/// A waiter's place in a queue.
///
/// While it is linked, all of it is under the lock of its queue (NODE-LOCK); while it is not, it
/// is its owner's. The state says which, and the waker's store to it is the hand-over (NODE-LAST).
pub(crate) struct Node<H: Host> {
    pub links: Links<H>,
    pub state: AtomicU8,
    pub mode: Mode,
    /// The order of arrival.
    pub ticket: Cell<u64>,
    /// Whom to unpark. `Some` whenever it is linked.
    pub task: UnsafeCell<Option<H::Task>>,
    /// When it was woken. The waker's until the hand-over.
    pub woken: Stamp,
    _pin: PhantomPinned,
}

impl<H: Host> Node<H> {
    pub fn new(mode: Mode) -> Self {
        Self {
            links: Links::new(),
            state: AtomicU8::new(state::WOKEN_ALL),
            mode,
            ticket: Cell::new(0),
            task: UnsafeCell::new(None),
            woken: Stamp::new(),
            _pin: PhantomPinned,
        }
    }
}
