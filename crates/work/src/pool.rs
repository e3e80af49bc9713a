//! Pools: queues whose number of workers follows the need.
//!
//! A pool lets so many of its workers *run* at once as there are cores for it, however many there
//! are: a worker whose item sleeps does not count. When one blocks and items wait, another is called;
//! if none is idle, the host is asked to make one. When a blocked one runs again there may be one too
//! many for as long as its item takes; at the end of that it takes no other.
//!
//! The crate makes no thread and does not know when one blocks. Both is the host's part:
//!
//! - a thread in [`Recruiter::wait`] asks each pool whether it [wants](WorkQueue::wants_worker) a
//!   worker, makes a thread that calls [`run_worker_seated`](WorkQueue::run_worker_seated), or says
//!   that it [cannot](WorkQueue::no_worker);
//! - when a thread that sits on a [`Seat`] is about to block, the host calls
//!   [`Seat::worker_blocking`], and when it runs again [`Seat::worker_running`].
//!
//! Who is called, and when, is in [`crate::calls`].

use crate::calls::Call;
use crate::const_unless_loom;
use crate::lists::Inner;
use crate::mutant::mutant;
use crate::queue::WorkQueue;
use crate::report::RunReport;
use crate::worker::{Rest, Worker};
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use intrusive_collections::UnsafeRef;
use layercake_sync::TaskCx;
use layercake_sync::facade::AtomicBool;
use layercake_wait::{Host, Instant, WaitQueue};

/// What makes a queue a pool.
#[derive(Clone, Copy)]
pub(crate) struct Terms<H: Host> {
    /// The most workers.
    pub(crate) most: usize,
    pub(crate) recruiter: &'static Recruiter<H>,
}

/// Whether a pool has asked for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    No,
    Yes,
    /// The host has heard, and makes one.
    Heard,
}

/// Where pools ask for workers, and where the host's thread waits that makes them.
pub struct Recruiter<H: Host> {
    asked: AtomicBool,
    queue: WaitQueue<H>,
}

impl<H: Host> Recruiter<H> {
    const_unless_loom! {
        /// Nobody has asked. `name` is for people: a list of threads shows it.
        pub const fn new(name: &'static str) -> Self {
            Self {
                asked: AtomicBool::new(false),
                queue: WaitQueue::new(name),
            }
        }
    }

    /// Waits until a pool has asked, or until `deadline`, if there is one. Then look at each pool
    /// whether it [wants](WorkQueue::wants_worker) a worker.
    pub fn wait(&self, cx: &mut TaskCx, deadline: Option<Instant>) {
        let asked = || self.asked.swap(false, Acquire).then_some(());
        match deadline {
            // Whichever it was: the caller looks.
            Some(at) => _ = self.queue.wait_until_deadline(cx, at, |_| asked()),
            None => self.queue.idle_until(cx, |_| asked()),
        }
    }

    pub(crate) fn ask(&self) {
        // Not a store: one that is not ordered with the last `wait` may come before it, and whoever
        // waits next would not see it. By a swap the last to wait has seen what this tells, or the
        // next one does.
        if mutant!(AskIsAStore) {
            self.asked.store(true, Release);
        } else {
            self.asked.swap(true, AcqRel);
        }
        self.queue.wake_one();
    }
}

impl<H: Host> fmt::Debug for Recruiter<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recruiter").field(&self.queue).finish()
    }
}

/// A worker, for the host on whose thread it is: to say that the thread blocks, and to ask what it
/// runs.
///
/// It is good as long as that thread is in [`run_worker_seated`](WorkQueue::run_worker_seated) or
/// [`run_rescuer`](WorkQueue::run_rescuer) (invariant **SEAT**).
pub struct Seat<H: Host>(NonNull<Worker<H>>);

impl<H: Host> Clone for Seat<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Seat<H> {}

impl<H: Host> fmt::Debug for Seat<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Seat").field(&self.address()).finish()
    }
}

impl<H: Host> Seat<H> {
    pub(crate) fn of(worker: &Worker<H>) -> Self {
        Self(NonNull::from(worker))
    }

    /// The seat at `address`.
    ///
    /// # Safety
    ///
    /// SEAT: it is the [`address`](Seat::address) of a seat.
    pub const unsafe fn at(address: NonNull<()>) -> Self {
        Self(address.cast())
    }

    /// What tells it from all others at one time; [`RunReport::worker`] is this.
    pub const fn address(self) -> NonNull<()> {
        self.0.cast()
    }

    /// The thread on this seat is about to block. If it does so in an item of a pool, whoever waits
    /// for a worker gets another; otherwise this does nothing. O(1); it may wake a thread.
    ///
    /// # Safety
    ///
    /// SEAT: the caller is the thread on this seat; it calls
    /// [`worker_running`](Seat::worker_running) when it runs again.
    pub unsafe fn worker_blocking(self) {
        // SAFETY: SEAT, by the caller's promise. The job is written by this thread only.
        let worker = unsafe { self.0.as_ref() };
        let queue = worker.queue;
        if worker.job.get().is_none() || !queue.is_pool() || mutant!(BlockedIsNotTold) {
            return;
        }
        let mut inner = queue.lock();
        if worker.blocked.replace(true) {
            return;
        }
        inner.room += 1;
        inner.blocked += 1;
        let call = queue.call(&mut inner);
        drop(inner);
        call.make();
    }

    /// The thread on this seat runs again.
    ///
    /// # Safety
    ///
    /// SEAT: the caller is the thread on this seat.
    pub unsafe fn worker_running(self) {
        // SAFETY: SEAT, by the caller's promise. Both are written by this thread only.
        let worker = unsafe { self.0.as_ref() };
        if !worker.blocked.get() {
            return;
        }
        let mut inner = worker.queue.lock();
        worker.blocked.set(false);
        inner.blocked -= 1;
        inner.room -= 1;
    }

    /// What the worker runs, and of which queue, without waiting for a lock: for the report of a
    /// panic.
    ///
    /// # Safety
    ///
    /// SEAT: the caller is the thread on this seat, or that thread is stopped.
    pub unsafe fn run(self) -> Option<(&'static str, RunReport)> {
        // SAFETY: SEAT, by the caller's promise. The job is written by the worker's own thread.
        let worker = unsafe { self.0.as_ref() };
        let run = RunReport::of(worker)?;
        Some((worker.queue.name(), run))
    }
}

impl<H: Host> WorkQueue<H> {
    /// Calls another worker if one is needed.
    #[cold]
    pub(crate) fn see_to_others(&'static self) {
        let mut inner = self.lock();
        let call = self.call(&mut inner);
        drop(inner);
        call.make();
    }

    /// Asks for another worker, if there may be one; for the rescuer, if that is all there is. The
    /// lock has been free since it was found that nobody is idle: so it looks again.
    #[cold]
    pub(crate) fn recruit(&'static self) {
        let Some(terms) = self.terms() else { return };
        let mut inner = self.lock();
        if !inner.wants_hands() {
            return;
        }
        if let Some(worker) = inner.idle.pop_front() {
            let call = inner.summon(&worker);
            drop(inner);
            return call.make();
        }
        let full = inner.staff >= terms.most;
        if (full || inner.refused)
            && let Some(rescuer) = inner.rescuer.take()
        {
            let call = inner.summon(&rescuer);
            drop(inner);
            return call.make();
        }
        if full || inner.asked != Asked::No {
            return;
        }
        inner.asked = Asked::Yes;
        drop(inner);
        terms.recruiter.ask();
    }

    /// Whether this pool needs another worker. If so, the caller makes a thread for it, or calls
    /// [`no_worker`](WorkQueue::no_worker). Any context. O(1).
    pub fn wants_worker(&self) -> bool {
        let mut inner = self.lock();
        let room = self.terms().is_some_and(|terms| inner.staff < terms.most);
        let due = inner.asked == Asked::Yes || inner.refused && inner.asked == Asked::No;
        // It may have been answered by a worker that came back meanwhile; of one that was refused the
        // rescuer takes the cause away, but not the want.
        let short = inner.refused || inner.wants_hands();
        let wants = room && due && inner.idle.is_empty() && short;
        if wants {
            inner.asked = Asked::Heard;
        } else if inner.asked == Asked::Yes {
            inner.asked = Asked::No;
        }
        wants
    }

    /// The host could make no worker: the [rescuer](WorkQueue::run_rescuer), if there is one, does
    /// the work. Ask again after a while whether the pool still [wants](WorkQueue::wants_worker)
    /// one. Any context. O(1).
    pub fn no_worker(&self) {
        let mut inner = self.lock();
        inner.asked = Asked::No;
        inner.refused = true;
        let call = match inner.wants_hands() {
            true => match inner.rescuer.take() {
                Some(rescuer) if !mutant!(RescuerIsNotCalled) => inner.summon(&rescuer),
                _ => Call::Nobody,
            },
            false => Call::Nobody,
        };
        drop(inner);
        call.make();
    }

    /// Lets workers go that have been idle since the last call of this; one idle worker stays.
    /// Returns how many it told to. To be called every few seconds. Any context. O(idle workers) for
    /// each that it tells.
    pub fn trim(&self) -> usize {
        let mut told = 0;
        let mut surplus = self.lock().rested().saturating_sub(1);
        while surplus > 0 {
            let mut inner = self.lock();
            let Some(worker) = inner.longest_idle() else {
                break;
            };
            worker.rest.set(Rest::Leaves);
            let call = inner.summon(&worker);
            drop(inner);
            call.make();
            told += 1;
            surplus -= 1;
        }
        told
    }
}

impl<H: Host> Inner<H> {
    /// How many of the idle were idle all the time since this was last asked. The others need not
    /// note anything for that: the last to sleep is the first to be called, so whoever has not been
    /// called since lies below all who have.
    fn rested(&self) -> usize {
        let mark = |worker: &Worker<H>| worker.rest.replace(Rest::Seen) == Rest::Seen;
        self.idle.iter().filter(|worker| mark(worker)).count()
    }

    /// Takes who has slept longest off the list of the idle.
    fn longest_idle(&mut self) -> Option<UnsafeRef<Worker<H>>> {
        let above_last = self.idle.iter().count().checked_sub(2);
        let Some(steps) = above_last else {
            return self.idle.pop_front();
        };
        let mut above = self.idle.front_mut();
        for _ in 0..steps {
            above.move_next();
        }
        above.remove_next()
    }
}
