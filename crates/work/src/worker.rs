//! The worker: the loop that a thread of the host runs for a queue.
//!
//! What a worker takes from its queue, and how an item's run begins and ends, is in
//! [`crate::queue`] and [`crate::item`].

use crate::item::Item;
use crate::queue::{Next, WorkQueue};
use core::cell::Cell;
use core::pin::{Pin, pin};
use core::ptr::NonNull;
use intrusive_collections::{LinkedListLink, UnsafeRef, intrusive_adapter};
use layercake_sync::TaskCx;
use layercake_wait::{Host, Instant};

/// A thread that works on a queue: on that thread's stack, on the queue's list.
pub(crate) struct Worker {
    link: LinkedListLink,
    /// What it runs now. Under the queue's lock.
    pub(crate) job: Cell<Option<Job>>,
}

intrusive_adapter!(pub(crate) WorkerAdapter = UnsafeRef<Worker>: Worker { link => LinkedListLink });

/// One run of an item, as reports and flushes know it.
#[derive(Clone, Copy)]
#[expect(dead_code, reason = "reports and flushes come next")]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) since: Instant,
    pub(crate) ticket: u64,
}

/// A worker that is on its queue's list as long as this lives.
struct Enlisted<'a, H: Host> {
    queue: &'static WorkQueue<H>,
    worker: Pin<&'a Worker>,
}

impl<'a, H: Host> Enlisted<'a, H> {
    fn new(queue: &'static WorkQueue<H>, worker: Pin<&'a Worker>, cx: &mut TaskCx) -> Self {
        // SAFETY: QUEUE-LOCK: it is pinned, and its place is not used again before the drop below.
        unsafe { queue.enlist(&worker, cx.atomic()) };
        Self { queue, worker }
    }
}

impl<H: Host> Drop for Enlisted<'_, H> {
    fn drop(&mut self) {
        // SAFETY: QUEUE-LOCK: `new` put it on the list.
        unsafe { self.queue.dismiss(&self.worker) };
        // Another must look: a panic of an item took this one with a wake in its hands, or the
        // queue is closed and this one saw its end.
        self.queue.available.wake_all();
    }
}

impl<H: Host> WorkQueue<H> {
    /// Runs the queue's items on the calling thread, one after the other, and sleeps when there
    /// is nothing to do. Returns when the queue is closed and nothing is left on it.
    ///
    /// Several threads may do this for one queue; an item runs on one of them at a time.
    ///
    /// # Panics
    ///
    /// When an item panics, on a host that unwinds. That run has ended then, and the queue has one
    /// worker less.
    pub fn run_worker(&'static self, cx: &mut TaskCx) {
        let worker = pin!(Worker {
            link: LinkedListLink::new(),
            job: Cell::new(None),
        });
        let me = Enlisted::new(self, worker.into_ref(), cx);
        loop {
            let mut next = Some(
                self.available
                    .wait_until(cx, |cx| self.next(&me.worker, cx)),
            );
            // While there is more, the end of a job and the start of the next are one step.
            while let Some(Next::Run(item)) = next {
                self.run_one(item, cx);
                next = self.next(&me.worker, cx.atomic());
            }
            if let Some(Next::End) = next {
                return;
            }
        }
    }

    /// One run of `item`, which [`next`](Self::next) gave to this worker.
    fn run_one(&'static self, item: *mut Item<H>, cx: &mut TaskCx) {
        /// Ends the run when the function has returned, or panicked.
        struct Ends<H: Host>(NonNull<Item<H>>);
        impl<H: Host> Drop for Ends<H> {
            fn drop(&mut self) {
                // SAFETY: RUN-OWNS: made below, dropped once.
                unsafe { Item::finish(self.0) };
            }
        }

        // SAFETY: items are not at null.
        let item = unsafe { NonNull::new_unchecked(item) };
        let ends = Ends(item);
        // SAFETY: RUN-OWNS: `next` set RUNNING for this worker.
        unsafe { Item::run(item, self, cx) };
        drop(ends);
    }
}
