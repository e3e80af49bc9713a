//! The worker: the loop that a thread of the host runs for a queue.
//!
//! What a worker takes from its queue, and how an item's run begins and ends, is in
//! [`crate::lists`] and [`crate::item`].

use crate::item::Item;
use crate::lists::Next;
use crate::mutant::mutant;
use crate::queue::WorkQueue;
use core::cell::{Cell, UnsafeCell};
use core::pin::{Pin, pin};
use core::ptr::{self, NonNull};
use intrusive_collections::{LinkedListLink, UnsafeRef, intrusive_adapter};
use layercake_sync::TaskCx;
use layercake_wait::{Host, Instant};

/// A thread that works on a queue: on that thread's stack, on the queue's list.
#[repr(C)] // `cx` first: its address is the worker's
pub(crate) struct Worker {
    /// The right to sleep that its items get. It has no size, but an address, which no other
    /// thread's has: by that a call that waits knows whether its caller is a worker of the queue.
    cx: UnsafeCell<TaskCx>,
    link: LinkedListLink,
    /// What it runs now. Under the queue's lock.
    pub(crate) job: Cell<Option<Job>>,
}

intrusive_adapter!(pub(crate) WorkerAdapter = UnsafeRef<Worker>: Worker { link => LinkedListLink });

/// One run of an item, as reports and flushes know it.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    /// Which item: to compare with only.
    pub(crate) item: *const (),
    pub(crate) name: &'static str,
    pub(crate) since: Instant,
    pub(crate) ticket: u64,
}

/// A worker that is on its queue's list as long as this lives.
struct Enlisted<'a, H: Host> {
    queue: &'static WorkQueue<H>,
    worker: Pin<&'a Worker>,
}

impl Worker {
    fn new() -> Self {
        Self {
            // SAFETY: CX-TASK: it is used by `run_one` only, which borrows the thread's own.
            cx: UnsafeCell::new(unsafe { TaskCx::new() }),
            link: LinkedListLink::new(),
            job: Cell::new(None),
        }
    }

    /// Whether `cx` is what this worker's item got.
    pub(crate) fn gave(&self, cx: &TaskCx) -> bool {
        ptr::addr_eq(self.cx.get(), cx)
    }
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
        self.queue.done.wake_all();
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
        let worker = pin!(Worker::new());
        let me = Enlisted::new(self, worker.into_ref(), cx);
        loop {
            let mut next = Some(
                self.available
                    .idle_until(cx, |cx| self.next(&me.worker, cx)),
            );
            // While there is more, the end of a job and the start of the next are one step.
            while let Some(Next::Run(item)) = next {
                self.run_one(item, &me.worker, cx);
                next = self.next(&me.worker, cx.atomic());
                if !mutant!(EndTellsNobody) {
                    self.done.wake_all();
                }
            }
            if let Some(Next::End) = next {
                return;
            }
        }
    }

    /// Runs what is on the queue, on the calling thread, until nothing is left that could run now;
    /// says how many items ran. For a program that has no thread to spare: its main loop.
    ///
    /// # Panics
    ///
    /// When an item panics, as [`run_worker`](WorkQueue::run_worker) does.
    pub fn run_ready(&'static self, cx: &mut TaskCx) -> usize {
        let worker = pin!(Worker::new());
        let me = Enlisted::new(self, worker.into_ref(), cx);
        let mut runs = 0;
        while let Some(Next::Run(item)) = self.next(&me.worker, cx.atomic()) {
            self.run_one(item, &me.worker, cx);
            self.done.wake_all();
            runs += 1;
        }
        runs
    }

    /// One run of `item`, which [`next`](Self::next) gave to this worker.
    fn run_one(&'static self, item: *mut Item<H>, worker: &Worker, _cx: &mut TaskCx) {
        /// Ends the run when the function has returned, or panicked.
        struct Ends<H: Host>(NonNull<Item<H>>);
        impl<H: Host> Drop for Ends<H> {
            fn drop(&mut self) {
                // SAFETY: RUN-OWNS: made below, dropped once.
                unsafe { Item::finish(self.0) };
            }
        }

        // SAFETY: OWNED: an item is not at null.
        let item = unsafe { NonNull::new_unchecked(item) };
        let ends = Ends(item);
        // SAFETY: CX-TASK: the thread's own is borrowed as long as this one is in use, and this is
        // the only place that uses it.
        let cx = unsafe { &mut *worker.cx.get() };
        // SAFETY: RUN-OWNS: `next` set RUNNING for this worker.
        unsafe { Item::run(item, self, cx) };
        drop(ends);
    }
}
