//! What a queue's lock protects, and the steps by which an item leaves the queue: to run, to be put
//! back in its turn, or without a run. See the protocol in [`crate::item`].

use crate::const_unless_loom;
use crate::item::{Item, ItemAdapter, Turn};
use crate::mutant::mutant;
use crate::queue::WorkQueue;
use crate::state::State;
use crate::worker::{Job, Worker, WorkerAdapter};
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use intrusive_collections::{LinkedList, UnsafeRef};
use layercake_sync::TaskAtomic;
use layercake_wait::Host;

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

impl<H: Host> Inner<H> {
    const_unless_loom! {
        pub(crate) const fn new() -> Self {
            Self {
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
            }
        }
    }

    /// The job of `worker` is over, if it had one.
    fn retire(&mut self, worker: &Worker) {
        if worker.job.take().is_some() {
            self.counts.running -= 1;
            self.counts.ran += 1;
        }
    }
}

impl<H: Host> WorkQueue<H> {
    /// Takes the next item to run off the queue, for `worker`, whose last job is done.
    pub(crate) fn next(&'static self, worker: &Worker, cx: TaskAtomic<'_>) -> Option<Next<H>> {
        let mut inner = self.inner.lock(cx);
        let inner = &mut *inner;
        inner.retire(worker);
        while inner.counts.running < self.limit() {
            // In an ordered queue nothing overtakes, whatever keeps the first from its turn.
            if self.limit() == 1 && !inner.parked.is_empty() {
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
                        // SAFETY: none: a mutant, which breaks QUEUE-LOCK.
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
}
