//! Calling workers: who works on a queue, who is woken when there is something to run, and when
//! nobody need be.
//!
//! An idle worker is on its queue's list of idle ones, under the queue's lock. So whoever brings an
//! item sees under the lock that he has taken anyway whether somebody sleeps, takes that worker off
//! the list, and wakes it when the lock is free. A worker that was *called* looks before it does
//! anything else; until then it counts for one item, so that a burst calls no more workers than
//! there are items, and no more than may run.
//!
//! So the counts on which this is decided, `room` and `unclaimed`, change when a worker is called, and
//! not again when it takes its item. Of the idle nobody keeps a count: who wants to know goes along.
//!
//! Whoever finds no room for an item leaves it to those who have the places: each of them, active or
//! called, looks once more before it sleeps.
//!
//! The calls are made when something becomes possible: an item came, or came back in its turn; an
//! item that kept others waiting was withdrawn; a worker left, or blocked. A worker that ends a run
//! takes the next item by itself, and calls nobody.

use crate::lists::{Had, Inner};
use crate::mutant::mutant;
use crate::pool::Asked;
use crate::queue::WorkQueue;
use crate::worker::{Rest, Role, Worker};
use core::sync::atomic::Ordering::Relaxed;
use intrusive_collections::UnsafeRef;
use layercake_sync::{IrqOff, SpinGuard, TaskAtomic};
use layercake_wait::Host;

/// Somebody to be told, once the queue's lock is free.
#[must_use = "a worker that is not woken does not come"]
pub(crate) enum Call<H: Host> {
    Nobody,
    /// This worker, which is off the list of idle ones.
    Worker(H::Task),
    /// Whoever is to be asked for another worker of this pool.
    Recruiter(&'static WorkQueue<H>),
}

impl<H: Host> Call<H> {
    /// Makes the call. Without the queue's lock.
    #[inline(always)]
    pub(crate) fn make(self) {
        match self {
            Self::Nobody => {}
            Self::Worker(task) => H::unpark(&task),
            Self::Recruiter(pool) => pool.recruit(),
        }
    }

    /// Gives the lock back and makes the call, with interrupts masked from the one to the other: that
    /// saves a wake from masking them again.
    #[inline(always)]
    pub(crate) fn make_after(self, guard: SpinGuard<'_, Inner<H>, IrqOff<H::Cpu>>) {
        match self {
            Self::Worker(task) => {
                let state = guard.unlock_masked();
                // SAFETY: CPU-MASK: the state from before the lock was taken.
                unsafe { H::unpark_masked(&task, state) };
            }
            other => {
                drop(guard);
                other.make();
            }
        }
    }
}

impl<H: Host> WorkQueue<H> {
    /// Takes a worker off the list of idle ones, if one is needed.
    #[inline(always)]
    pub(crate) fn call(&'static self, inner: &mut Inner<H>) -> Call<H> {
        self.call_for(inner, 0)
    }

    /// [`call`](Self::call), when so many items have come that are not counted yet.
    #[inline(always)]
    pub(crate) fn call_for(&'static self, inner: &mut Inner<H>, new: isize) -> Call<H> {
        // First what is so in a burst: whoever is needed has been called.
        let somebody = !inner.idle.is_empty() || self.is_pool();
        if !somebody || inner.unclaimed <= -new || inner.room <= 0 || mutant!(WorkerIsNotCalled) {
            inner.unclaimed += new;
            return Call::Nobody;
        }
        match inner.idle.pop_front() {
            Some(worker) => {
                // If one has come, it is this that is claimed: nothing to store.
                inner.unclaimed -= 1 - new;
                inner.tell(&worker)
            }
            None => {
                inner.unclaimed += new;
                Call::Recruiter(self)
            }
        }
    }

    /// Wakes all idle workers, so that they see that there will be nothing more to do.
    pub(crate) fn call_all(&self) {
        let mut most = self.lock().idle.iter().count() + 1;
        while most > 0 {
            let mut inner = self.lock();
            let worker = match inner.idle.pop_front() {
                Some(worker) => worker,
                None => match inner.rescuer.take() {
                    Some(rescuer) => rescuer,
                    None => return,
                },
            };
            let call = inner.summon(&worker);
            drop(inner);
            call.make();
            most -= 1;
        }
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
            inner.room -= 1;
        }
        if worker.job.take().is_some() {
            inner.gives_up(Had::Job);
        }
        if worker.called.load(Relaxed) {
            worker.called.store(false, Relaxed);
            inner.gives_up(Had::Call);
        }
        if worker.role == Role::Staff {
            inner.staff -= 1;
        }
        // SAFETY: QUEUE-LOCK, by the caller's promise.
        unsafe { inner.workers.cursor_mut_from_ptr(worker).remove() };
        debug_assert!(!worker.idle.is_linked(), "a worker leaves in its sleep");
        let ended = inner.has_ended();
        // A panic of an item may have taken this one with a call in its hands.
        let call = self.call(&mut inner);
        drop(inner);
        call.make();
        if ended {
            self.call_all();
        }
    }
}

impl<H: Host> Inner<H> {
    /// Whether one more worker could start an item than have been called.
    #[inline(always)]
    pub(crate) const fn wants_hands(&self) -> bool {
        self.unclaimed > 0 && self.room > 0
    }

    /// Tells `worker`, which is on no list of idle ones any more, to look. A place among the active and
    /// an item are kept for it until it has.
    ///
    /// The worker may be gone as soon as the lock is free: it needs that to go, and the handle outlives
    /// it.
    #[inline(always)]
    pub(crate) fn summon(&mut self, worker: &UnsafeRef<Worker<H>>) -> Call<H> {
        self.unclaimed -= 1;
        self.tell(worker)
    }

    /// [`summon`](Self::summon), when the claim to an item is counted already.
    #[inline(always)]
    fn tell(&mut self, worker: &UnsafeRef<Worker<H>>) -> Call<H> {
        self.room -= 1;
        let task = worker.task.clone();
        // Relaxed: whoever sees it takes the lock, and thereby sees the rest.
        worker.called.store(true, Relaxed);
        Call::Worker(task)
    }

    /// `worker`, of this role, found nothing to do, and is about to sleep until it is called.
    #[inline(always)]
    pub(crate) fn go_idle(&mut self, worker: &Worker<H>, role: Role) {
        // SAFETY: QUEUE-LOCK: it is on the list of workers, so it stays until `dismiss`, and is off
        // this list by then.
        let idle = unsafe { UnsafeRef::from_raw(worker) };
        match role {
            Role::Rescuer => self.rescuer = Some(idle),
            Role::Visitor => {}
            // The last to sleep is the first to be called: its stack is warm, and a surplus stays
            // at the other end.
            Role::Staff => {
                worker.rest.set(Rest::New);
                self.idle.push_front(idle);
            }
        }
    }
}
