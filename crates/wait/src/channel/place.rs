//! A thread's place in a channel: a node of the list of those who wait, and a value beside it.
//!
//! Here is what one who waits does: it parks, and finds out what became of it. What the others do to
//! its place, under the channel's lock, is in [`super`].
//!
//! ```text
//!                      one who sends                one who receives
//!   WAITING            its value is in the place    nothing is
//!   WOKEN_ONE          the value was taken          the value is in the place
//!   WOKEN_ALL (closed) its value is in the place    nothing is
//! ```

use super::Channel;
use crate::host::Host;
use crate::node::{Mode, Node, state};
use crate::park::{LookFirst, park};
use crate::stats::{self, Event};
use crate::time::Instant;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Acquire;
use layercake_sync::TaskCx;
use layercake_sync::facade::UnsafeCell;

/// On the stack of a thread that waits for room, or for a value.
#[repr(C)] // the node first: where it is, the place is
pub(super) struct Place<T, H: Host> {
    pub(super) node: Node<H>,
    /// Goes from hand to hand with the node (NODE-LOCK, NODE-LAST).
    value: UnsafeCell<MaybeUninit<T>>,
}

/// How a wait ended. The value has moved if it was served, and only then.
pub(super) enum End {
    Served,
    Closed,
    TimedOut,
}

impl<T, H: Host> Place<T, H> {
    /// The calling thread's, with the value to be sent or without one; about to be linked.
    #[inline(always)]
    pub(super) fn new(value: MaybeUninit<T>) -> Self {
        let node = Node::new(state::WAITING, Mode::EXCLUSIVE);
        // SAFETY: NODE-OWNER: nobody else knows it yet.
        (node.task).with_mut(|task| unsafe { *task = Some(H::current()) });
        Self {
            node,
            value: UnsafeCell::new(value),
        }
    }

    /// For the list: whoever takes this off it finds the whole place by it.
    #[inline(always)]
    pub(super) fn as_node(self: Pin<&Self>) -> NonNull<Node<H>> {
        NonNull::from(self.get_ref()).cast()
    }

    /// The value.
    ///
    /// # Safety
    ///
    /// PLACE-VALUE: there is one, and the caller has the place: it is the owner and off the list, or has
    /// just taken the place off it.
    #[inline(always)]
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: PLACE-VALUE, by the caller's promise.
        (self.value).with(|value| unsafe { value.read().assume_init() })
    }

    /// Puts a value into it.
    ///
    /// # Safety
    ///
    /// PLACE-VALUE: there is none, and the caller has just taken the place off the list.
    #[inline(always)]
    pub(super) unsafe fn put(&self, new: T) {
        // SAFETY: PLACE-VALUE, by the caller's promise.
        (self.value).with_mut(|value| unsafe { (*value).write(new) });
    }
}

/// A model sees the end of the frame as a write to the place: whoever touches it later, or is not
/// ordered before it, is found out.
#[cfg(loom)]
impl<T, H: Host> Drop for Place<T, H> {
    fn drop(&mut self) {
        self.node.task.with_mut(|_| ());
        self.value.with_mut(|_| ());
    }
}

impl<T, const N: usize, H: Host> Channel<T, N, H> {
    /// Blocks until `place`, which the caller has just put on the list, is served, until the channel is
    /// closed, or until `deadline`. It is off the list then.
    #[inline(always)]
    pub(super) fn block(
        &self,
        place: Pin<&Place<T, H>>,
        sends: bool,
        cx: &mut TaskCx,
        deadline: Option<Instant>,
    ) -> End {
        let leaver = Leaver {
            channel: self,
            place,
            sends,
        };
        let node = &place.node;
        let woken = park(
            node,
            cx,
            deadline,
            LookFirst::No,
            || H::blocked_on(self.name),
            || self.withdraw(node),
        );
        core::mem::forget(leaver);
        let Ok(woken) = woken else {
            self.note(Event::TimedOut);
            return End::TimedOut;
        };
        stats::note_run::<H>(&self.watch, self.name, &node.woken);
        self.note(Event::Consumed);
        match woken.how {
            state::WOKEN_ONE => End::Served,
            _ => End::Closed,
        }
    }

    /// Takes the caller's node off the list; `false` when somebody was first.
    #[cold]
    fn withdraw(&self, node: &Node<H>) -> bool {
        let mut line = self.lock();
        // Others change the state under this lock, so it cannot change now.
        if node.state.load(Acquire) != state::WAITING {
            return false;
        }
        // SAFETY: NODE-LOCK. WAITING under the lock means linked here.
        unsafe { line.waiting.remove(node) };
        self.note(Event::Leaves);
        true
    }
}

/// Leaves the channel if the host panics in the middle of a wait (W8). A value that is in the place
/// by then goes with the thread: it was received, or has come back.
struct Leaver<'a, T, const N: usize, H: Host> {
    channel: &'a Channel<T, N, H>,
    place: Pin<&'a Place<T, H>>,
    sends: bool,
}

impl<T, const N: usize, H: Host> Drop for Leaver<'_, T, N, H> {
    fn drop(&mut self) {
        let node = &self.place.node;
        let served = !self.channel.withdraw(node) && node.state.load(Acquire) == state::WOKEN_ONE;
        if served != self.sends {
            // SAFETY: PLACE-VALUE: the table at the head of this file; the place is its owner's again.
            drop(unsafe { self.place.take() });
        }
    }
}
