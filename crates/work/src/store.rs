//! Queues that come and go: made when they are needed, destroyed when they are not.
//!
//! Items, and those who wait for them, remember queues without holding them, and may look at one a
//! moment after it was destroyed. So the memory of a queue stays a queue for good (**QUEUE-LOCK**): a
//! destroyed one goes back to its store, and is the next one that is made there with the same name
//! and limit. A driver that is loaded and unloaded again and again takes memory once.

use crate::cycle::WouldDeadlock;
use crate::mutant::mutant;
use crate::queue::WorkQueue;
use alloc::boxed::Box;
use core::fmt;
use core::ops::Deref;
use layercake_sync::{Atomic, IrqOff, SpinLock, TaskCx};
use layercake_wait::Host;

/// Where queues are made and go back to. One static for a program is enough.
pub struct QueueStore<H: Host> {
    free: SpinLock<Option<&'static WorkQueue<H>>, IrqOff<H::Cpu>>,
}

impl<H: Host> QueueStore<H> {
    crate::const_unless_loom! {
        /// A store of which nothing has been taken.
        pub const fn new() -> Self {
            Self {
                free: SpinLock::new(None).named("free work queues"),
            }
        }
    }

    /// An open, empty queue of which at most `max_active` items run at once; 1: it is
    /// [ordered](WorkQueue::ordered). It has no worker yet: make threads that call
    /// [`run_worker`](WorkQueue::run_worker) on [`queue`](OwnedQueue::queue).
    ///
    /// From threads: it may allocate. O(destroyed queues).
    ///
    /// # Panics
    ///
    /// When `max_active` is zero.
    pub fn make(
        &'static self,
        name: &'static str,
        max_active: usize,
        cx: &mut TaskCx,
    ) -> OwnedQueue<H> {
        let mut free = self.free.lock(cx.atomic());
        let mut before: Option<&'static WorkQueue<H>> = None;
        let mut next = *free;
        while let Some(queue) = next {
            let inner = queue.lock();
            let after = inner.next_free;
            // One that was dropped without waiting may still be at work.
            let left = inner.workers.is_empty() && inner.pending() == 0;
            drop(inner);
            if left && queue.name() == name && queue.limit() == max_active {
                match before {
                    Some(before) => before.lock().next_free = after,
                    None => *free = after,
                }
                let mut inner = queue.lock();
                inner.next_free = None;
                inner.closed = false;
                drop(inner);
                return OwnedQueue { queue, store: self };
            }
            (before, next) = (next, after);
        }
        drop(free);
        let queue = Box::leak(Box::new(WorkQueue::with_limit(name, max_active)));
        OwnedQueue { queue, store: self }
    }
}

impl<H: Host> Default for QueueStore<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Host> fmt::Debug for QueueStore<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueStore").finish_non_exhaustive()
    }
}

/// A queue that can be destroyed. Dropped without that it is closed, and goes back to its store when
/// all that is on it is done and its workers have left; nobody waits for that.
pub struct OwnedQueue<H: Host> {
    queue: &'static WorkQueue<H>,
    store: &'static QueueStore<H>,
}

impl<H: Host> OwnedQueue<H> {
    /// The queue, for its workers and its queuers. Who still queues an item when it has been
    /// destroyed is refused, or reaches the next one of that name.
    pub const fn queue(&self) -> &'static WorkQueue<H> {
        self.queue
    }

    /// Closes the queue, waits until all that is on it has run and all its workers have left, and
    /// gives it back.
    ///
    /// # Errors
    ///
    /// The queue, closed, and [`WouldDeadlock`], when called by an item that runs on it, or for
    /// which one of these waits.
    pub fn destroy(self, cx: &mut TaskCx) -> Result<(), (Self, WouldDeadlock)> {
        let queue = self.queue;
        queue.close();
        if !mutant!(DestroyWithoutDrain)
            && let Err(refused) = queue.drain(cx)
        {
            return Err((self, refused));
        }
        // A worker wakes these when it has left.
        if !mutant!(DestroyLeavesWorkers) {
            let done = &queue.done;
            done.wait_until(cx, |_| queue.lock().workers.is_empty().then_some(()));
        }
        drop(self);
        Ok(())
    }
}

impl<H: Host> Drop for OwnedQueue<H> {
    fn drop(&mut self) {
        self.queue.close();
        // SAFETY: CX-ATOMIC: with interrupts masked, for some instructions.
        let mut free = self.store.free.lock(unsafe { Atomic::assume() });
        self.queue.lock().next_free = free.replace(self.queue);
    }
}

impl<H: Host> Deref for OwnedQueue<H> {
    type Target = WorkQueue<H>;

    fn deref(&self) -> &WorkQueue<H> {
        self.queue
    }
}

impl<H: Host> fmt::Debug for OwnedQueue<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedQueue").field(self.queue).finish()
    }
}
