//! The queue: which items wait for a worker, in which order, and who works on it.
//!
//! Here are the lists, their lock, and the steps of an item that need it (see the protocol in
//! [`crate::item`]). What a worker thread does between them is in [`crate::worker`].
//!
//! Locks: a queue's lock is taken with interrupts masked, never within another queue's, and
//! nothing is woken, run or freed under it.

use crate::const_unless_loom;
use crate::item::{Item, ItemAdapter, Turn};
use crate::mutant::mutant;
use crate::owner::{Release, Share};
use crate::worker::{Job, Worker, WorkerAdapter};
use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release as Publish};
use intrusive_collections::{LinkedList, UnsafeRef};
use layercake_sync::{Atomic, IrqOff, SpinLock, TaskAtomic};
use layercake_wait::{Host, WaitQueue};

/// What [`WorkQueue::queue`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an item that was refused does not run"]
pub enum Queued {
    /// The item was idle and is on the queue now.
    New,
    /// It was on a queue already, this one or another: its pending run sees all that the caller
    /// stored before.
    Coalesced,
    /// It runs now, and is on the queue to run once more after that.
    WillRunAgain,
    /// Nothing: the queue is closed.
    Closed,
}

impl Queued {
    /// Whether a run comes that sees what the caller stored before it queued.
    pub const fn accepted(self) -> bool {
        !matches!(self, Self::Closed)
    }
}

/// A queue of [`Work`](crate::Work), and the worker threads that run it.
///
/// Items run in the order in which they were queued. With one worker, one at a time; with
/// several, they start in that order. The queue makes no threads: the host gives it one or more,
/// each of which calls [`run_worker`](WorkQueue::run_worker).
pub struct WorkQueue<H: Host> {
    name: &'static str,
    /// Idle workers.
    pub(crate) available: WaitQueue<H>,
    inner: SpinLock<Inner<H>, IrqOff<H::Cpu>>,
}

/// What the lock protects.
struct Inner<H: Host> {
    /// Items to run, by ticket.
    ready: LinkedList<ItemAdapter<H>>,
    /// Items whose turn came while they ran elsewhere. They are few: no more than run elsewhere.
    parked: LinkedList<ItemAdapter<H>>,
    workers: LinkedList<WorkerAdapter>,
    /// The next item to come gets this. 64 bits do not come round.
    next_ticket: u64,
    /// How many items are ready or parked.
    pending: usize,
    closed: bool,
}

// SAFETY: QUEUE-LOCK. Whoever has this holds the lock; items on the lists are kept alive (OWNED)
// and their links are touched under the lock only; workers are unlinked before they go.
unsafe impl<H: Host> Send for Inner<H> {}

/// What a worker is to do next.
pub(crate) enum Next<H: Host> {
    Run(*mut Item<H>),
    /// The queue is closed and empty.
    End,
}

impl<H: Host> WorkQueue<H> {
    const_unless_loom! {
        /// An empty queue. `name` is for people: reports show it.
        pub const fn new(name: &'static str) -> Self {
            Self {
                name,
                available: WaitQueue::new(name),
                inner: SpinLock::new(Inner {
                    ready: LinkedList::new(ItemAdapter::NEW),
                    parked: LinkedList::new(ItemAdapter::NEW),
                    workers: LinkedList::new(WorkerAdapter::NEW),
                    next_ticket: 0,
                    pending: 0,
                    closed: false,
                }),
            }
        }
    }

    /// The name that it was made with.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Queues `work` (a `&'static Work` or a `&Arc<Work>`); says what that did.
    ///
    /// Unless it is refused, a run of the item begins after this call that sees everything that
    /// the caller stored before it (K1).
    ///
    /// Any context, hard IRQ too; never blocks, allocates or frees. O(1).
    #[inline]
    pub fn queue(&'static self, work: impl Share<H>) -> Queued {
        // SAFETY: OWNED, 1 and 2: `work` keeps the item for this call, `retain` beyond it.
        unsafe { self.enqueue(work.work().cast(), || work.retain()) }
    }

    /// Gives `work` to the queue for one run, after which it is freed, unless it was queued again
    /// by [`Running::again`](crate::Running::again).
    ///
    /// Any context, hard IRQ too; never blocks, allocates or frees. O(1).
    ///
    /// # Errors
    ///
    /// Gives the item back when the queue is closed.
    #[cfg(feature = "alloc")]
    pub fn queue_boxed<T: Send + Sync + 'static>(
        &'static self,
        work: core::pin::Pin<alloc::boxed::Box<crate::Work<H, T>>>,
    ) -> Result<(), core::pin::Pin<alloc::boxed::Box<crate::Work<H, T>>>> {
        let boxed = crate::owner::Boxed::from_box(work);
        // SAFETY: OWNED: the box stays leaked until its release.
        let queued = unsafe { self.enqueue(boxed.work().cast(), || boxed.retain()) };
        match queued {
            Queued::New => Ok(()),
            // SAFETY: OWNED: refused, so no queue has it; nobody else could have queued it.
            _ => Err(unsafe { boxed.into_box() }),
        }
    }

    /// Queues `item`; `retain` takes the reference if the item turns busy by this.
    ///
    /// # Safety
    ///
    /// OWNED: `item` stays alive and in its place for this call and, if `retain` is called, until
    /// what it returned is. If `retain` takes no reference, something else keeps the item while
    /// it is busy.
    #[inline(always)]
    pub(crate) unsafe fn enqueue(
        &'static self,
        item: NonNull<Item<H>>,
        retain: impl FnOnce() -> Option<Release>,
    ) -> Queued {
        // SAFETY: OWNED, for this call.
        if unsafe { item.as_ref() }.join() {
            return Queued::Coalesced;
        }
        // SAFETY: OWNED, by the caller's promise.
        unsafe { self.enqueue_slow(item, retain) }
    }

    /// [`enqueue`](Self::enqueue) when the item was not seen pending.
    ///
    /// # Safety
    ///
    /// As for [`enqueue`](Self::enqueue).
    unsafe fn enqueue_slow(
        &'static self,
        item: NonNull<Item<H>>,
        retain: impl FnOnce() -> Option<Release>,
    ) -> Queued {
        // SAFETY: CX-ATOMIC: nothing sleeps between here and the end of this function.
        let mut inner = self.inner.lock(unsafe { Atomic::assume() });
        // SAFETY: OWNED, for this call.
        let it = unsafe { item.as_ref() };
        let mut old = it.state(Relaxed);
        let queued = loop {
            if old.pending() {
                let new = old.join().unwrap_or_else(|| old.join_first());
                match it.step(old, new, Publish) {
                    Ok(()) => return Queued::Coalesced,
                    Err(now) => old = now,
                }
                continue;
            }
            if inner.closed {
                return Queued::Closed;
            }
            // Acquire, too: the end of the last run was the end of the use of `release`.
            let order = if mutant!(QueueWithoutAcquire) {
                Publish
            } else {
                AcqRel
            };
            match it.step(old, old.queued(), order) {
                Ok(()) if old.running() => break Queued::WillRunAgain,
                Ok(()) => break Queued::New,
                Err(now) => old = now,
            }
        };
        if queued == Queued::New {
            // SAFETY: OWNED: this call turned the item busy, and the lock is held.
            unsafe { it.hold(retain()) };
        }
        it.ticket.set(inner.next_ticket);
        inner.next_ticket += 1;
        inner.pending += 1;
        // SAFETY: QUEUE-LOCK: the item is on no list, as its PENDING was off; it stays alive until
        // it is taken off this one (OWNED).
        inner
            .ready
            .push_back(unsafe { UnsafeRef::from_raw(item.as_ptr()) });
        // Release: who reads the queue here without its lock goes there and looks again.
        it.queue.store(ptr::from_ref(self).cast_mut(), Publish);
        drop(inner);
        self.available.wake_one();
        queued
    }

    /// Takes the next item to run off the queue, for `worker`, whose last job is done.
    pub(crate) fn next(&'static self, worker: &Worker, cx: TaskAtomic<'_>) -> Option<Next<H>> {
        let mut inner = self.inner.lock(cx);
        worker.job.set(None);
        while let Some(item) = inner.ready.pop_front() {
            match item.take_turn() {
                Turn::SetAside => inner.parked.push_back(item),
                Turn::Start => {
                    inner.pending -= 1;
                    let job = Job {
                        name: item.name,
                        since: H::now(),
                        ticket: item.ticket.get(),
                    };
                    worker.job.set(Some(job));
                    return Some(Next::Run(UnsafeRef::into_raw(item)));
                }
            }
        }
        (inner.closed && inner.pending == 0).then_some(Next::End)
    }

    /// Ends a run of `item`, which was set aside meanwhile, and puts it back in its turn.
    ///
    /// `false` when it is not here: somebody withdrew it.
    ///
    /// # Safety
    ///
    /// RUN-OWNS: the caller is the worker that runs `item`.
    pub(crate) unsafe fn put_back(&'static self, item: NonNull<Item<H>>) -> bool {
        // SAFETY: CX-ATOMIC: nothing sleeps between here and the end of this function.
        let mut inner = self.inner.lock(unsafe { Atomic::assume() });
        // SAFETY: RUN-OWNS: a running item is alive.
        let it = unsafe { item.as_ref() };
        let mut old = it.state(Relaxed);
        if !ptr::eq(it.queue.load(Relaxed), self) || !old.parked() {
            return false;
        }
        // SAFETY: QUEUE-LOCK: this queue has it, and as it is PARKED it is on this list.
        let parked = unsafe { inner.parked.cursor_mut_from_ptr(item.as_ptr()).remove() };
        let Some(parked) = parked else { return false };
        // Before all that came later. Before it are only those that were set aside like it.
        let mut place = inner.ready.front_mut();
        while place
            .get()
            .is_some_and(|other| other.ticket.get() < it.ticket.get())
        {
            place.move_next();
        }
        place.insert_before(parked);
        while let Err(now) = it.step(old, old.finished(), AcqRel) {
            old = now;
        }
        drop(inner);
        self.available.wake_one();
        true
    }

    /// Puts `worker` on the list of workers.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK: `worker` stays where it is until it was taken off by [`dismiss`](Self::dismiss).
    pub(crate) unsafe fn enlist(&'static self, worker: &Worker, cx: TaskAtomic<'_>) {
        let mut inner = self.inner.lock(cx);
        // SAFETY: QUEUE-LOCK, by the caller's promise.
        inner
            .workers
            .push_back(unsafe { UnsafeRef::from_raw(worker) });
    }

    /// Takes `worker` off the list of workers.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK: it is on that list.
    pub(crate) unsafe fn dismiss(&'static self, worker: &Worker) {
        // SAFETY: CX-ATOMIC: nothing sleeps between here and the end of this function.
        let mut inner = self.inner.lock(unsafe { Atomic::assume() });
        // SAFETY: QUEUE-LOCK, by the caller's promise.
        unsafe { inner.workers.cursor_mut_from_ptr(worker).remove() };
    }

    /// Lets no more items in. Those that are on the queue still run; then the workers return from
    /// [`run_worker`](WorkQueue::run_worker).
    ///
    /// Any context. A closed queue stays closed.
    pub fn close(&'static self) {
        // SAFETY: CX-ATOMIC: nothing sleeps as long as the guard lives, which is this statement.
        self.inner.lock(unsafe { Atomic::assume() }).closed = true;
        self.available.wake_all();
    }

    /// How many items wait for a worker now. For reports: it may change at once.
    pub fn pending(&self) -> usize {
        // SAFETY: CX-ATOMIC: nothing sleeps as long as the guard lives, which is this statement.
        self.inner.lock(unsafe { Atomic::assume() }).pending
    }
}

impl<H: Host> fmt::Debug for WorkQueue<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue")
            .field("name", &self.name)
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}
