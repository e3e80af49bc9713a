//! The queued lock, bare: each waiter spins on a word of its own, on its own stack.
//!
//! Under a ticket lock all who wait read one word, and a hand-over costs a cache miss for each of
//! them; here it costs one. The free path is dearer (an exchange to take and one to give back),
//! so this is for locks that many cores fight for. Waiters are served in the order in which they
//! entered the queue.
//!
//! The queue is that of Mellor-Crummey and Scott, in the form made for the K42 system, in which
//! the holder needs no node: a waiter's node lives on its stack, within `acquire`, and when its
//! turn comes it copies the link to its successor into the lock. (M. Scott, "Shared-Memory
//! Synchronization", 2013, section 4.3.2.) So guards are plain guards, which may be forgotten
//! without leaving a dangling node. The original marks a held lock without waiters by the lock's
//! own address; here it is a constant, so that a lock may move while a forgotten guard holds it.
//!
//! ```text
//! free:               tail = null           next = null
//! held, none waits:   tail = HELD           next = null
//! held, A, B wait:    tail = B              next = A -> B
//! ```

use crate::cpu::Cpu;
use crate::facade::{AtomicPtr, AtomicU32, spin_loop};
use crate::raw::RawLock;
use core::ptr;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// A waiter's place in the queue, on its stack. On a cache line of its own.
#[repr(align(64))]
struct Node {
    /// 1 until the lock is handed over.
    waiting: AtomicU32,
    next: AtomicPtr<Node>,
}

/// Held, and nobody waits. The address of no node.
const HELD: *mut Node = ptr::dangling_mut();

/// The lock: the end of the queue and its beginning.
#[derive(Debug)]
pub struct QueuedLock {
    tail: AtomicPtr<Node>,
    /// The first waiter. Read and written by the holder; written once by whoever becomes the
    /// first waiter of a lock that had none.
    next: AtomicPtr<Node>,
}

impl QueuedLock {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            tail: AtomicPtr::new(ptr::null_mut()),
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// A free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            tail: AtomicPtr::new(ptr::null_mut()),
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[inline(always)]
    fn take_free(&self) -> bool {
        self.tail
            .compare_exchange(ptr::null_mut(), HELD, Acquire, Relaxed)
            .is_ok()
    }

    /// Enters the queue, waits for its turn, and leaves with the lock.
    #[cold]
    #[inline(never)]
    fn queue<C: Cpu>(&self) {
        let node = Node {
            waiting: AtomicU32::new(1),
            next: AtomicPtr::new(ptr::null_mut()),
        };
        let me = ptr::from_ref(&node).cast_mut();
        let before = loop {
            let tail = self.tail.load(Relaxed);
            if tail.is_null() {
                if self.take_free() {
                    return;
                }
            } else if self
                .tail
                // Release: whoever queues behind finds the node made. Acquire: the link of the
                // lock was emptied before it was marked `HELD`.
                .compare_exchange(tail, me, AcqRel, Relaxed)
                .is_ok()
            {
                break tail;
            }
        };
        let link = if before == HELD {
            &self.next
        } else {
            // SAFETY: QUEUE-NODE: `before` was the tail, so its owner waits for this link
            // before it leaves `queue`.
            unsafe { &(*before).next }
        };
        link.store(me, Release);
        while C::wait_while_eq(&node.waiting, 1) == 1 {}

        // The lock is this core's. From here to the return its link moves into the lock, and
        // with it the last way to the node goes.
        let mut after = node.next.load(Acquire);
        if after.is_null() {
            self.next.store(ptr::null_mut(), Relaxed);
            // Release: the store above comes before any link that a new first waiter stores.
            if self
                .tail
                .compare_exchange(me, HELD, Release, Relaxed)
                .is_ok()
            {
                return;
            }
            after = linked(&node.next);
        }
        self.next.store(after, Relaxed);
    }
}

/// The node that is being linked there: its owner is between two stores, with this core's
/// interrupts or preemption off and its own too, so it comes soon.
fn linked(link: &AtomicPtr<Node>) -> *mut Node {
    loop {
        let node = link.load(Acquire);
        if !node.is_null() {
            return node;
        }
        spin_loop();
    }
}

// SAFETY: RAW-LOCK. The lock is taken by the exchange of null for HELD, or handed over by the
// holder's store to the `waiting` of one node; both acquire what the giver released.
unsafe impl RawLock for QueuedLock {
    type Held = ();

    #[cfg(not(loom))]
    const FREE: Self = Self::new();

    #[cfg(loom)]
    fn free() -> Self {
        Self::new()
    }

    #[inline(always)]
    fn acquire<C: Cpu>(&self) {
        if !self.take_free() {
            self.queue::<C>();
        }
    }

    #[inline(always)]
    fn try_acquire(&self) -> Option<()> {
        self.take_free().then_some(())
    }

    #[inline(always)]
    unsafe fn release<C: Cpu>(&self, (): ()) {
        let freed = self
            .tail
            .compare_exchange(HELD, ptr::null_mut(), Release, Relaxed);
        if freed.is_err() {
            let after = linked(&self.next);
            // SAFETY: QUEUE-NODE: its owner waits for this store; nothing touches the node after.
            unsafe { (*after).waiting.store(0, Release) };
        }
    }

    #[inline(always)]
    unsafe fn held(&self) {}

    fn is_locked(&self) -> bool {
        !self.tail.load(Relaxed).is_null()
    }
}

impl Default for QueuedLock {
    fn default() -> Self {
        Self::new()
    }
}
