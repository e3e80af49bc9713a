//! What a function is given of the item that it runs for.

use crate::queue::{Queued, WorkQueue};
use crate::work::Work;
use core::ops::Deref;
use core::ptr::NonNull;
use layercake_wait::Host;

/// The item that runs, in the hands of its own function. Dereferences to the item's data.
///
/// No other worker runs the same item as long as this exists (K2).
#[derive(Debug)]
pub struct Running<'a, H: Host, T> {
    work: &'a Work<H, T>,
    queue: &'static WorkQueue<H>,
}

impl<'a, H: Host, T> Running<'a, H, T> {
    /// # Safety
    ///
    /// RUN-OWNS: the caller is the worker that runs `work`, on `queue`.
    pub(crate) const unsafe fn new(work: &'a Work<H, T>, queue: &'static WorkQueue<H>) -> Self {
        Self { work, queue }
    }

    /// The item.
    pub const fn work(&self) -> &'a Work<H, T> {
        self.work
    }

    /// The queue that it runs on.
    pub const fn queue(&self) -> &'static WorkQueue<H> {
        self.queue
    }

    /// Queues the item again on the queue that it runs on: behind what is there, so that others
    /// get their turn. See [`WorkQueue::queue`].
    pub fn again(&self) -> Queued {
        self.again_on(self.queue)
    }

    /// Queues the item again on `queue`: the next run is there, after this one ends.
    pub fn again_on(&self, queue: &'static WorkQueue<H>) -> Queued {
        // SAFETY: RUN-OWNS. The item is running, so the reference for its being busy is held;
        // what `Share::retain` would take is not needed (OWNED).
        unsafe { queue.enqueue(NonNull::from(self.work).cast(), || None) }
    }
}

impl<H: Host, T> Deref for Running<'_, H, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.work.data()
    }
}
