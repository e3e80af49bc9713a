//! The worker: the loop that a thread of the host runs for a queue, and what others know of it.
//!
//! What a worker takes from its queue, and how an item's run begins and ends, is in
//! [`crate::lists`] and [`crate::item`]. Which worker is called for an item is in [`crate::calls`],
//! and what a pool adds to that in [`crate::pool`].

use crate::item::Item;
use crate::lists::{Had, Next};
use crate::mutant::mutant;
use crate::pool::Seat;
use crate::queue::WorkQueue;
use core::cell::{Cell, UnsafeCell};
use core::pin::{Pin, pin};
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use intrusive_collections::{LinkedListLink, SinglyLinkedListLink, UnsafeRef, intrusive_adapter};
use layercake_sync::facade::AtomicBool;
use layercake_sync::{TaskAtomic, TaskCx};
use layercake_wait::{Host, Instant};

/// Why a thread is on a queue's list of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It works here until the queue is closed, or until its pool has too many.
    Staff,
    /// It works here only when nobody else can.
    Rescuer,
    /// It runs what is there, and goes.
    Visitor,
}

/// How the sleep of an idle worker goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It went to sleep since the last [`trim`](WorkQueue::trim).
    New,
    /// It slept then already.
    Seen,
    /// It was called to leave, unless it is needed.
    Leaves,
}

/// A thread that works on a queue: on that thread's stack, on the queue's lists.
#[repr(C)] // `cx` first: its address is the worker's
pub(crate) struct Worker<H: Host> {
    /// The right to sleep that its items get. It has no size, but an address, which no other
    /// thread's has: by that a call that waits knows whether its caller is a worker of the queue.
    cx: UnsafeCell<TaskCx>,
    /// In the list of all workers.
    link: LinkedListLink,
    /// In the list of those who sleep and have not been called. Under the queue's lock.
    pub(crate) idle: SinglyLinkedListLink,
    /// Whether it was called since it went idle. Written under the lock, and read by the worker
    /// itself without.
    pub(crate) called: AtomicBool,
    /// What it runs now. Under the queue's lock.
    pub(crate) job: Cell<Option<Job>>,
    /// Whether its item sleeps, as far as the host tells. Under the queue's lock.
    pub(crate) blocked: Cell<bool>,
    /// How its sleep goes. Under the queue's lock.
    pub(crate) rest: Cell<Rest>,
    pub(crate) role: Role,
    pub(crate) queue: &'static WorkQueue<H>,
    pub(crate) task: H::Task,
}

intrusive_adapter!(pub(crate) WorkerAdapter<H> = UnsafeRef<Worker<H>>: Worker<H> { link => LinkedListLink } where H: Host);
intrusive_adapter!(pub(crate) IdleAdapter<H> = UnsafeRef<Worker<H>>: Worker<H> { idle => SinglyLinkedListLink } where H: Host);

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
    worker: Pin<&'a Worker<H>>,
}

impl<H: Host> Worker<H> {
    fn new(queue: &'static WorkQueue<H>, role: Role) -> Self {
        Self {
            // SAFETY: CX-TASK: it is used by `run_one` only, which borrows the thread's own.
            cx: UnsafeCell::new(unsafe { TaskCx::new() }),
            link: LinkedListLink::new(),
            idle: SinglyLinkedListLink::new(),
            called: AtomicBool::new(false),
            job: Cell::new(None),
            blocked: Cell::new(false),
            rest: Cell::new(Rest::New),
            role,
            queue,
            task: H::current(),
        }
    }

    /// What tells it from all other workers: the address of the right to sleep that it gives.
    pub(crate) fn address(&self) -> *const () {
        self.cx.get().cast_const().cast()
    }
}

impl<'a, H: Host> Enlisted<'a, H> {
    fn new(worker: Pin<&'a Worker<H>>, cx: &mut TaskCx) -> Self {
        // SAFETY: QUEUE-LOCK: it is pinned, and its place is not used again before the drop below.
        unsafe { worker.queue.enlist(&worker, cx.atomic()) };
        Self { worker }
    }
}

impl<H: Host> Drop for Enlisted<'_, H> {
    fn drop(&mut self) {
        let queue = self.worker.queue;
        // SAFETY: QUEUE-LOCK: `new` put it on the list.
        unsafe { queue.dismiss(&self.worker) };
        queue.done.wake_all();
    }
}

impl<H: Host> WorkQueue<H> {
    /// Runs the queue's items on the calling thread, one after the other, and sleeps when there
    /// is nothing to do. Returns when the queue is closed and nothing is left on it; of a
    /// [pool](WorkQueue::pool), also when it has had too many workers for a while.
    ///
    /// Several threads may do this for one queue; an item runs on one of them at a time.
    ///
    /// # Panics
    ///
    /// When an item panics, on a host that unwinds. That run has ended then, and the queue has one
    /// worker less.
    pub fn run_worker(&'static self, cx: &mut TaskCx) {
        self.work(Role::Staff, cx, |_| {});
    }

    /// [`run_worker`](WorkQueue::run_worker) for a host that tells when this thread blocks, or
    /// wants to know what it runs: `sit` is called with the worker's [`Seat`] before anything
    /// runs, and with `None` at the end.
    pub fn run_worker_seated(&'static self, cx: &mut TaskCx, sit: impl Fn(Option<Seat<H>>)) {
        self.work(Role::Staff, cx, sit);
    }

    /// Works on a [pool](WorkQueue::pool)'s items only while nobody else can: when the host
    /// [could make no thread](WorkQueue::no_worker), or all the workers that there may be are
    /// blocked. To be called by a thread that is made together with the queue, if what the queue
    /// does is needed to get memory back. Returns when the queue is closed.
    pub fn run_rescuer(&'static self, cx: &mut TaskCx, sit: impl Fn(Option<Seat<H>>)) {
        self.work(Role::Rescuer, cx, sit);
    }

    #[inline(always)] // so that `role` is a constant
    fn work(&'static self, role: Role, cx: &mut TaskCx, sit: impl Fn(Option<Seat<H>>)) {
        /// Takes the seat back, in a panic too.
        struct Sits<H: Host, F: Fn(Option<Seat<H>>)>(F, core::marker::PhantomData<fn(H)>);
        impl<H: Host, F: Fn(Option<Seat<H>>)> Drop for Sits<H, F> {
            fn drop(&mut self) {
                (self.0)(None);
            }
        }

        let worker = pin!(Worker::new(self, role));
        let me = Enlisted::new(worker.into_ref(), cx);
        let worker = &*me.worker;
        let sits = Sits(sit, core::marker::PhantomData);
        (sits.0)(Some(Seat::of(worker)));
        let mut next = self.first(worker, role, cx.atomic());
        loop {
            match next {
                Next::Run(item) => {
                    self.run_one(item, worker, cx);
                    // The end of a job and the start of the next are one step.
                    next = self.next(worker, role, Had::Job, cx.atomic());
                    if !mutant!(EndTellsNobody) {
                        self.done.wake_all();
                    }
                }
                Next::Idle => {
                    loop {
                        H::idle_on(self.name());
                        // If it has been called meanwhile, there is a permit: this returns at once.
                        H::park(cx, None);
                        if worker.called.load(Relaxed) {
                            break;
                        }
                    }
                    next = self.next(worker, role, Had::Call, cx.atomic());
                }
                Next::End => return,
            }
        }
    }

    /// The first item of a worker that comes.
    #[cold]
    fn first(&'static self, worker: &Worker<H>, role: Role, cx: TaskAtomic<'_>) -> Next<H> {
        self.next(worker, role, Had::Nothing, cx)
    }

    /// Runs what is on the queue, on the calling thread, until nothing is left that could run now;
    /// says how many items ran. For a program that has no thread to spare: its main loop. What a worker
    /// has been called for is left to that, if no more may run at once.
    ///
    /// # Panics
    ///
    /// When an item panics, as [`run_worker`](WorkQueue::run_worker) does.
    pub fn run_ready(&'static self, cx: &mut TaskCx) -> usize {
        let worker = pin!(Worker::new(self, Role::Visitor));
        let me = Enlisted::new(worker.into_ref(), cx);
        let mut runs = 0;
        let mut next = self.first(&me.worker, Role::Visitor, cx.atomic());
        while let Next::Run(item) = next {
            self.run_one(item, &me.worker, cx);
            next = self.next(&me.worker, Role::Visitor, Had::Job, cx.atomic());
            self.done.wake_all();
            runs += 1;
        }
        runs
    }

    /// One run of `item`, which [`next`](Self::next) gave to this worker.
    #[inline(always)]
    fn run_one(&'static self, item: NonNull<Item<H>>, worker: &Worker<H>, _cx: &mut TaskCx) {
        /// Ends the run when the function has returned, or panicked.
        struct Ends<H: Host>(NonNull<Item<H>>);
        impl<H: Host> Drop for Ends<H> {
            #[inline(always)]
            fn drop(&mut self) {
                // SAFETY: RUN-OWNS: made below, dropped once.
                unsafe { Item::finish(self.0) };
            }
        }

        let ends = Ends(item);
        // SAFETY: CX-TASK: the thread's own is borrowed as long as this one is in use, and this is
        // the only place that uses it.
        let cx = unsafe { &mut *worker.cx.get() };
        // SAFETY: RUN-OWNS: `next` set RUNNING for this worker.
        unsafe { Item::run(item, self, cx) };
        drop(ends);
    }
}
