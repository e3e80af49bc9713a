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
use crate::state::State;
use crate::worker::{Job, Worker, WorkerAdapter};
use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release as Publish};
use intrusive_collections::{LinkedList, UnsafeRef};
use layercake_sync::{Atomic, IrqOff, SpinGuard, SpinLock, TaskAtomic};
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
    /// Nothing: the item is [disabled](crate::Work::disable), or being
    /// [cancelled](crate::Work::cancel_sync).
    Disabled,
    /// Nothing: the queue is closed.
    Closed,
}

impl Queued {
    /// Whether a run comes that sees what the caller stored before it queued.
    pub const fn accepted(self) -> bool {
        !matches!(self, Self::Disabled | Self::Closed)
    }
}

/// A queue of [`Work`](crate::Work), and the worker threads that run it.
///
/// Items run in the order in which they were queued. With one worker, one at a time; with
/// several, they start in that order. The queue makes no threads: the host gives it one or more,
/// each of which calls [`run_worker`](WorkQueue::run_worker).
///
/// It is `'static`: items and those who wait for them remember it without holding it.
pub struct WorkQueue<H: Host> {
    name: &'static str,
    /// How many items may run at once, however many workers there are.
    limit: usize,
    /// Idle workers.
    pub(crate) available: WaitQueue<H>,
    /// Who waits for items: woken when a run has ended, and when an item was withdrawn.
    pub(crate) done: WaitQueue<H>,
    inner: SpinLock<Inner<H>, IrqOff<H::Cpu>>,
}

/// What the lock protects.
pub(crate) struct Inner<H: Host> {
    /// Items to run, by ticket.
    pub(crate) ready: LinkedList<ItemAdapter<H>>,
    /// Items whose turn came while they ran elsewhere. They are few: no more than run elsewhere.
    pub(crate) parked: LinkedList<ItemAdapter<H>>,
    pub(crate) workers: LinkedList<WorkerAdapter>,
    /// The next item to come gets this. 64 bits do not come round.
    pub(crate) next_ticket: u64,
    pub(crate) closed: bool,
    pub(crate) counts: Counts,
}

/// What came and what became of it. Each item that came is pending or running now, ran, or was
/// cancelled.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    /// Ready or parked.
    pub(crate) pending: usize,
    pub(crate) running: usize,
    pub(crate) came: u64,
    pub(crate) ran: u64,
    pub(crate) cancelled: u64,
    /// Calls of `queue` that joined an item which has left the queue since.
    pub(crate) coalesced: u64,
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
            Self::with_limit(name, usize::MAX)
        }
    }

    const_unless_loom! {
        /// An empty queue whose items run strictly one after the other, in the order of queueing,
        /// however many workers it has.
        pub const fn ordered(name: &'static str) -> Self {
            Self::with_limit(name, 1)
        }
    }

    const_unless_loom! {
        /// An empty queue of which at most `max_active` items run at once, however many workers it
        /// has.
        ///
        /// # Panics
        ///
        /// When `max_active` is zero.
        pub const fn with_limit(name: &'static str, max_active: usize) -> Self {
            assert!(max_active > 0, "a queue with a limit of zero runs nothing");
            Self {
                name,
                limit: max_active,
                available: WaitQueue::new(name),
                done: WaitQueue::new(name),
                inner: SpinLock::new(Inner {
                    ready: LinkedList::new(ItemAdapter::NEW),
                    parked: LinkedList::new(ItemAdapter::NEW),
                    workers: LinkedList::new(WorkerAdapter::NEW),
                    next_ticket: 0,
                    closed: false,
                    counts: Counts {
                        pending: 0,
                        running: 0,
                        came: 0,
                        ran: 0,
                        cancelled: 0,
                        coalesced: 0,
                    },
                }),
            }
        }
    }

    /// The name that it was made with.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How many items may run at once.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Takes the lock.
    #[inline(always)]
    pub(crate) fn lock(&self) -> SpinGuard<'_, Inner<H>, IrqOff<H::Cpu>> {
        // SAFETY: CX-ATOMIC: with interrupts masked, and nothing in this crate sleeps as long as
        // it holds this guard.
        self.inner.lock(unsafe { Atomic::assume() })
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
    #[inline(never)] // so that joining a pending run needs no stack frame
    unsafe fn enqueue_slow(
        &'static self,
        item: NonNull<Item<H>>,
        retain: impl FnOnce() -> Option<Release>,
    ) -> Queued {
        let mut inner = self.lock();
        // SAFETY: OWNED, for this call.
        let it = unsafe { item.as_ref() };
        let mut old = it.state(Relaxed);
        let queued = loop {
            if old.pending() {
                let (new, full) = match old.join() {
                    Some(new) => (new, 0),
                    None => (old.join_first(), old.joined()),
                };
                match it.step(old, new, Publish) {
                    Ok(()) => {
                        inner.counts.coalesced += u64::from(full);
                        return Queued::Coalesced;
                    }
                    Err(now) => old = now,
                }
                continue;
            }
            if old.disabled() {
                return Queued::Disabled;
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
        // SAFETY: QUEUE-LOCK: this call turned it pending, on this queue.
        unsafe { it.set_ticket(inner.next_ticket) };
        inner.next_ticket += 1;
        inner.counts.came += 1;
        inner.counts.pending += 1;
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
        let inner = &mut *inner;
        inner.retire(worker);
        while inner.counts.running < self.limit {
            // In an ordered queue nothing overtakes, whatever keeps the first from its turn.
            if self.limit == 1 && !inner.parked.is_empty() {
                break;
            }
            let Some(item) = inner.ready.pop_front() else {
                break;
            };
            // SAFETY: QUEUE-LOCK: it was on the list. When it has started the next queuer, of
            // whatever queue, may write it: that is why it is read before.
            let mut ticket = unsafe { item.ticket() };
            match item.take_turn(self) {
                Turn::SetAside => inner.parked.push_back(item),
                Turn::Start { joined } => {
                    if mutant!(ReadAfterClear) {
                        // SAFETY: none: this is wrong.
                        ticket = unsafe { item.ticket() };
                    }
                    inner.counts.pending -= 1;
                    inner.counts.running += 1;
                    inner.counts.coalesced += u64::from(joined);
                    worker.job.set(Some(Job {
                        item: ptr::from_ref(&*item).cast(),
                        name: item.name,
                        since: H::now(),
                        ticket,
                    }));
                    return Some(Next::Run(UnsafeRef::into_raw(item)));
                }
            }
        }
        (inner.closed && inner.counts.pending == 0).then_some(Next::End)
    }

    /// Ends a run of `item`, which was set aside meanwhile, and puts it back in its turn.
    ///
    /// `false` when it is not here: somebody withdrew it.
    ///
    /// # Safety
    ///
    /// RUN-OWNS: the caller is the worker that runs `item`.
    pub(crate) unsafe fn put_back(&'static self, item: NonNull<Item<H>>) -> bool {
        let mut inner = self.lock();
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
        // SAFETY: QUEUE-LOCK: this queue has them.
        let earlier = |other: &Item<H>| unsafe { other.ticket() < it.ticket() };
        let mut place = inner.ready.front_mut();
        while place.get().is_some_and(earlier) {
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

    /// Takes `worker` off the list of workers; its last job is over.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK: it is on that list.
    pub(crate) unsafe fn dismiss(&'static self, worker: &Worker) {
        let mut inner = self.lock();
        inner.retire(worker);
        // SAFETY: QUEUE-LOCK, by the caller's promise.
        unsafe { inner.workers.cursor_mut_from_ptr(worker).remove() };
    }

    /// Takes `item` off this queue without a run. `false` when it is not here.
    pub(crate) fn withdraw(&'static self, it: &Item<H>) -> bool {
        let mut guard = self.lock();
        let inner = &mut *guard;
        if !ptr::eq(it.queue.load(Relaxed), self) {
            return false;
        }
        // SAFETY: OWNED: it is on this queue, so it is busy until this call lets go of it.
        let release = unsafe { it.held() };
        let mut old = it.state(Relaxed);
        // PARKED goes on and off under this lock only.
        let list = match old.parked() {
            true => &mut inner.parked,
            false => &mut inner.ready,
        };
        // SAFETY: QUEUE-LOCK: this queue has the item, on this list.
        unsafe { list.cursor_mut_from_ptr(it).remove() };
        it.queue.store(ptr::null_mut(), Relaxed);
        let new = |old: State| match mutant!(WithdrawLeavesParked) && old.parked() {
            true => old.withdrawn().set_aside(),
            false => old.withdrawn(),
        };
        // Release: whoever queues it next has the list behind it.
        while let Err(now) = it.step(old, new(old), AcqRel) {
            old = now;
        }
        inner.counts.pending -= 1;
        inner.counts.cancelled += 1;
        inner.counts.coalesced += u64::from(old.joined());
        let ended = inner.closed && inner.counts.pending == 0;
        drop(guard);
        if let (false, Some(release)) = (old.running(), release) {
            // SAFETY: OWNED: the step above made it idle.
            unsafe { release.call() };
        }
        self.done.wake_all();
        if ended || old.parked() {
            // The workers may return; or what was set aside no longer keeps the others waiting.
            self.available.wake_all();
        }
        true
    }

    /// Lets no more items in. Those that are on the queue still run; then the workers return from
    /// [`run_worker`](WorkQueue::run_worker). [`drain`](WorkQueue::drain) waits for that.
    ///
    /// An item that runs cannot queue itself again either. Any context. A closed queue stays
    /// closed.
    pub fn close(&'static self) {
        self.lock().closed = true;
        self.available.wake_all();
    }
}

impl<H: Host> Inner<H> {
    /// The job of `worker` is over, if it had one.
    fn retire(&mut self, worker: &Worker) {
        if worker.job.take().is_some() {
            self.counts.running -= 1;
            self.counts.ran += 1;
        }
    }
}

impl<H: Host> fmt::Debug for WorkQueue<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue")
            .field("name", &self.name)
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}
