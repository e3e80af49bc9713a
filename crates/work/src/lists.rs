//! What a queue's lock protects, and the steps by which an item leaves the queue: to run, to be put
//! back in its turn, or without a run. See the protocol in [`crate::item`].

use crate::calls::Call;
use crate::const_unless_loom;
use crate::item::{Item, ItemAdapter, Turn};
use crate::mutant::mutant;
use crate::pool::Asked;
use crate::queue::WorkQueue;
use crate::state::State;
use crate::waits::Waits;
use crate::worker::{IdleAdapter, Job, Role, Worker, WorkerAdapter};
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
    /// How many these are.
    pub(crate) set_aside: usize,
    /// Everybody who works here now.
    pub(crate) workers: LinkedList<WorkerAdapter<H>>,
    /// Those of them who sleep and have not been called.
    pub(crate) idle: LinkedList<IdleAdapter<H>>,
    /// The rescuer, while it sleeps and has not been called.
    pub(crate) rescuer: Option<UnsafeRef<Worker<H>>>,
    /// Whether there is anybody to call: somebody idle, or, of a pool, a recruiter.
    pub(crate) may_call: bool,
    pub(crate) is_pool: bool,
    /// How many are on `idle`, and the fewest since the last [`trim`](WorkQueue::trim).
    pub(crate) idlers: usize,
    pub(crate) fewest_idle: usize,
    /// How many have been called and have not looked yet.
    pub(crate) called: usize,
    /// How many have an item, and it does not sleep as far as the host tells.
    pub(crate) active: usize,
    /// How many have an item that sleeps.
    pub(crate) blocked: usize,
    /// How many may be active: the queue's limit; none in an ordered queue as long as an item is
    /// set aside there, for nothing overtakes.
    pub(crate) room: usize,
    /// How many are there to stay.
    pub(crate) staff: usize,
    pub(crate) asked: Asked,
    /// The host could make no worker when it was last asked.
    pub(crate) refused: bool,
    pub(crate) waits: Waits,
    /// The next of those that were destroyed; under the lock of their store, too.
    #[cfg(feature = "alloc")]
    pub(crate) next_free: Option<&'static WorkQueue<H>>,
    /// The next item to come gets this. 64 bits do not come round.
    pub(crate) next_ticket: u64,
    pub(crate) closed: bool,
    pub(crate) counts: Counts,
}

/// What became of the items that came. Each is pending or running now, was cancelled, or ran: so
/// how many ran follows from how many came.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    /// Ready or parked.
    pub(crate) pending: usize,
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
    /// Sleep until it is called. A visitor goes.
    Idle,
    /// The queue is closed and empty, or there are too many workers.
    End,
}

impl<H: Host> Inner<H> {
    const_unless_loom! {
        pub(crate) const fn new(limit: usize, is_pool: bool) -> Self {
            Self {
                ready: LinkedList::new(ItemAdapter::NEW),
                parked: LinkedList::new(ItemAdapter::NEW),
                set_aside: 0,
                workers: LinkedList::new(WorkerAdapter::NEW),
                idle: LinkedList::new(IdleAdapter::NEW),
                rescuer: None,
                may_call: is_pool,
                is_pool,
                idlers: 0,
                fewest_idle: 0,
                called: 0,
                active: 0,
                blocked: 0,
                room: limit,
                staff: 0,
                asked: Asked::No,
                refused: false,
                waits: Waits::new(),
                #[cfg(feature = "alloc")]
                next_free: None,
                next_ticket: 0,
                closed: false,
                counts: Counts {
                    pending: 0,
                    cancelled: 0,
                    coalesced: 0,
                },
            }
        }
    }

    /// The job of `worker` is over, if it had one.
    #[inline(always)]
    fn retire(&mut self, worker: &Worker<H>) {
        if worker.job.take().is_some() {
            self.active -= 1;
        }
    }

    /// How many items run now, asleep or not.
    pub(crate) const fn running(&self) -> usize {
        self.active + self.blocked
    }

    /// How many runs have ended.
    pub(crate) const fn ran(&self) -> u64 {
        let here = self.counts.pending + self.running();
        self.next_ticket - self.counts.cancelled - here as u64
    }
}

impl<H: Host> WorkQueue<H> {
    /// Takes the next item to run off the queue, for `worker`, whose last job is done. A worker for
    /// which there is none is on the list of idle ones when this returns.
    ///
    /// `CALLED`: it was idle, and has been called. It calls nobody, so that it needs no stack frame: of a pool the worker is told to, by
    /// `worker.calls`.
    pub(crate) fn next<const RESCUER: bool, const CALLED: bool>(
        &'static self,
        worker: &Worker<H>,
        cx: TaskAtomic<'_>,
    ) -> Next<H> {
        let mut guard = self.inner.lock(cx);
        let inner = &mut *guard;
        if CALLED {
            inner.answer(worker);
        }
        // Its last job is over. If it gets another one at once, nothing of this need be stored.
        let active = inner.active - usize::from(worker.job.get().is_some());
        let item = self.start_one::<RESCUER>(inner, active, worker);
        if item.is_none() {
            inner.active = active;
            worker.job.set(None);
        }
        let next = match item {
            Some(item) => Next::Run(item),
            None if inner.closed && inner.counts.pending == 0 => Next::End,
            None if worker.leaves.replace(false) => Next::End,
            None => {
                inner.go_idle(worker);
                Next::Idle
            }
        };
        // Another may be needed, too, or one instead of the rescuer.
        if self.is_pool() && self.wants_hands(inner) {
            worker.calls.set(true);
        }
        next
    }

    /// Starts the first item whose turn it is, if there is one for `worker`; `active` are active
    /// besides it.
    #[inline(always)]
    fn start_one<const RESCUER: bool>(
        &'static self,
        inner: &mut Inner<H>,
        active: usize,
        worker: &Worker<H>,
    ) -> Option<*mut Item<H>> {
        // The rescuer leaves to the others what they can do: those who sleep, and will be called for
        // it, and those who have been called and are on their way.
        if RESCUER
            && !(inner.idle.is_empty() && inner.wants_hands_beside(active))
            && !mutant!(RescuerLeavesNothing)
        {
            return None;
        }
        while active < inner.room {
            let item = inner.ready.pop_front()?;
            // SAFETY: QUEUE-LOCK: it was on the list. When it has started the next queuer, of
            // whatever queue, may write it: that is why it is read before.
            let mut ticket = unsafe { item.ticket() };
            match item.take_turn(self) {
                Turn::SetAside => {
                    inner.parked.push_back(item);
                    inner.set_aside += 1;
                    if self.is_ordered() {
                        inner.room = 0;
                    }
                }
                Turn::Start { joined } => {
                    if mutant!(ReadAfterClear) {
                        // SAFETY: none: a mutant, which breaks QUEUE-LOCK.
                        ticket = unsafe { item.ticket() };
                    }
                    inner.counts.pending -= 1;
                    inner.active = active + 1;
                    if joined > 0 {
                        inner.counts.coalesced += u64::from(joined);
                    }
                    let since = H::now();
                    inner.waits.starts(ticket, since);
                    worker.job.set(Some(Job {
                        item: ptr::from_ref(&*item).cast(),
                        name: item.name,
                        since,
                        ticket,
                    }));
                    return Some(UnsafeRef::into_raw(item));
                }
            }
        }
        None
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
        inner.set_aside -= 1;
        inner.room = self.limit();
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
        let call = self.call(&mut inner);
        drop(inner);
        call.make();
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
            true => {
                inner.set_aside -= 1;
                inner.room = self.limit();
                &mut inner.parked
            }
            false => &mut inner.ready,
        };
        // SAFETY: QUEUE-LOCK: this queue has it.
        let ticket = unsafe { it.ticket() };
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
        inner.waits.withdrawn(ticket);
        let ended = inner.closed && inner.counts.pending == 0;
        // What was set aside no longer keeps the others waiting.
        let call = match old.parked() {
            true => self.call(inner),
            false => Call::Nobody,
        };
        drop(guard);
        call.make();
        if let (false, Some(release)) = (old.running(), release) {
            // SAFETY: OWNED: the step above made it idle.
            unsafe { release.call() };
        }
        self.done.wake_all();
        if ended {
            // The workers may return.
            self.call_all();
        }
        true
    }

    /// Puts `worker` on the list of workers.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK: `worker` stays where it is until it was taken off by [`dismiss`](Self::dismiss).
    pub(crate) unsafe fn enlist(&'static self, worker: &Worker<H>, cx: TaskAtomic<'_>) {
        let mut inner = self.inner.lock(cx);
        // SAFETY: QUEUE-LOCK, by the caller's promise.
        inner
            .workers
            .push_back(unsafe { UnsafeRef::from_raw(worker) });
        if worker.role == Role::Staff {
            inner.staff += 1;
            inner.asked = Asked::No;
            inner.refused = false;
        }
    }

    /// Takes `worker` off the list of workers; its last job is over.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK: it is on that list.
    pub(crate) unsafe fn dismiss(&'static self, worker: &Worker<H>) {
        let mut inner = self.lock();
        if worker.blocked.replace(false) {
            inner.blocked -= 1;
            inner.active += 1;
        }
        inner.retire(worker);
        inner.answer(worker);
        if worker.role == Role::Staff {
            inner.staff -= 1;
        }
        // SAFETY: QUEUE-LOCK, by the caller's promise.
        unsafe { inner.workers.cursor_mut_from_ptr(worker).remove() };
        debug_assert!(!worker.idle.is_linked(), "a worker leaves in its sleep");
        let ended = inner.closed && inner.counts.pending == 0;
        // A panic of an item may have taken this one with a call in its hands.
        let call = self.call(&mut inner);
        drop(inner);
        call.make();
        if ended {
            self.call_all();
        }
    }
}
