//! Calling workers: who is woken when there is something to run, and when nobody need be.
//!
//! An idle worker is on its queue's list of idle ones, under the queue's lock. So whoever brings an
//! item sees under the lock that he has taken anyway whether somebody sleeps, takes that worker off
//! the list, and wakes it when the lock is free. A worker that was *called* looks before it does
//! anything else; until then it counts for one item, so that a burst calls no more workers than
//! there are items, and no more than may run.
//!
//! The calls are made when something becomes possible: an item came, or came back in its turn; an
//! item that kept others waiting was withdrawn; a worker left, or blocked. A worker that ends a run
//! takes the next item by itself, and calls nobody.

use crate::lists::Inner;
use crate::mutant::mutant;
use crate::queue::WorkQueue;
use crate::worker::{Role, Worker};
use core::sync::atomic::Ordering::{Relaxed, Release};
use intrusive_collections::UnsafeRef;
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
}

impl<H: Host> WorkQueue<H> {
    /// Whether one more worker could start an item than have been called.
    pub(crate) fn wants_hands(&self, inner: &Inner<H>) -> bool {
        inner.wants_hands_beside(inner.active)
    }

    /// Takes a worker off the list of idle ones, if one is needed.
    #[inline(always)]
    pub(crate) fn call(&'static self, inner: &mut Inner<H>) -> Call<H> {
        if !inner.may_call || !self.wants_hands(inner) {
            return Call::Nobody;
        }
        if mutant!(WorkerIsNotCalled) {
            return Call::Nobody;
        }
        match inner.take_idle() {
            Some(worker) => summon(inner, &worker),
            None => Call::Recruiter(self),
        }
    }

    /// Wakes all idle workers, so that they see that there will be nothing more to do.
    pub(crate) fn call_all(&self) {
        let mut most = self.lock().idlers + 1;
        while most > 0 {
            let mut inner = self.lock();
            let worker = match inner.take_idle() {
                Some(worker) => worker,
                None => match inner.rescuer.take() {
                    Some(rescuer) => rescuer,
                    None => return,
                },
            };
            let call = summon(&mut inner, &worker);
            drop(inner);
            call.make();
            most -= 1;
        }
    }
}

/// Tells `worker`, which is on no list of idle ones any more, to look.
///
/// The caller holds the lock. The worker may be gone as soon as that is free: it needs the lock to
/// go, and the handle outlives it.
#[inline(always)]
pub(crate) fn summon<H: Host>(inner: &mut Inner<H>, worker: &UnsafeRef<Worker<H>>) -> Call<H> {
    inner.called += 1;
    let task = worker.task.clone();
    worker.called.store(true, Release);
    Call::Worker(task)
}

impl<H: Host> Inner<H> {
    /// Whether one more worker could start an item than have been called, when so many are active.
    #[inline(always)]
    pub(crate) const fn wants_hands_beside(&self, active: usize) -> bool {
        self.called < self.counts.pending - self.set_aside && self.called + active < self.room
    }

    /// `worker` looks at the queue: a call that it had is answered.
    #[inline(always)]
    pub(crate) fn answer(&mut self, worker: &Worker<H>) {
        // Written under the lock only, which the caller holds.
        if worker.called.load(Relaxed) {
            worker.called.store(false, Relaxed);
            self.called -= 1;
        }
    }

    /// The idle worker that was the last to go to sleep.
    #[inline(always)]
    pub(crate) fn take_idle(&mut self) -> Option<UnsafeRef<Worker<H>>> {
        let worker = self.idle.pop_front()?;
        self.idlers -= 1;
        self.fewest_idle = self.fewest_idle.min(self.idlers);
        self.may_call = self.is_pool || self.idlers > 0;
        Some(worker)
    }

    /// `worker` found nothing to do, and is about to sleep until it is called.
    #[inline(always)]
    pub(crate) fn go_idle(&mut self, worker: &Worker<H>) {
        // SAFETY: QUEUE-LOCK: it is on the list of workers, so it stays until `dismiss`, which
        // takes it off this list, too.
        let worker = unsafe { UnsafeRef::from_raw(worker) };
        match worker.role {
            Role::Rescuer => self.rescuer = Some(worker),
            Role::Visitor => {}
            // The last to sleep is the first to be called: its stack is warm, and a surplus stays
            // at the other end.
            Role::Staff => {
                self.idle.push_front(worker);
                self.idlers += 1;
                self.may_call = true;
            }
        }
    }
}
