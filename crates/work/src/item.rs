//! The item: what a queue links, its state, and the steps that an item takes by itself.
//!
//! Here is the part of an item that queues know, and the steps that need no queue's lists. The
//! others are in [`crate::queue`] and [`crate::lists`]. The owner's side is [`crate::work`], and
//! what owners do to items that they have queued is in [`crate::cancel`] and [`crate::flush`].
//!
//! # The protocol
//!
//! An item is *idle*, *pending* (on one queue), *running* (on one worker), or running and pending
//! again. All of it is in one atomic word ([`crate::state`]), and every step is one
//! read-modify-write of it.
//!
//! ```text
//!  step        by whom                        lock                 word
//!  ----        -------                        ----                 ----
//!  join        a queuer                       none                 PENDING stays, joined + 1
//!  enqueue     a queuer                       of the target        PENDING on
//!  start       a worker of that queue         of that queue        PENDING off, RUNNING on
//!  set aside   a worker of that queue         of that queue        PARKED on: it runs elsewhere
//!  finish      the worker that runs it        none; of the queue   RUNNING off, runs + 1,
//!                                             if PARKED            PARKED off
//!  withdraw    a canceller                    of that queue        PENDING, PARKED off
//!  disable     anybody                        none                 disabled + 1; enqueue is refused
//!                                                                  as long as that is not zero
//! ```
//!
//! **K1.** Each joining or queueing is a read-modify-write with release order, the start acquires,
//! and no step is a plain store. So a start sees the stores of everybody who joined or queued
//! since the start before it. A joiner that only *read* the word would publish nothing.
//!
//! **K2.** RUNNING is set by the one who takes the item off a queue, under that queue's lock, and
//! only if it is off. An item that is met while RUNNING is set aside, and the end of the run puts
//! it back, before anything that came later. RUNNING is cleared after the function returned: the
//! word is the worker's last touch of the item, except for the reference that it holds (OWNED).
//!
//! **Delayed.** A pending item may first wait for a point in time in a [`crate::Delays`], under the
//! lock of that. It goes from there to a queue under both locks, so that nobody finds it nowhere.
//!
//! **Where it is.** `delays` or `queue` names what has it. `queue` names the queue that has the item, and nothing while none has. It is
//! written under that queue's lock only. So whoever holds the lock of Q and reads Q has found
//! the item on Q's lists. Between the setting of PENDING and the writing of `queue` a canceller
//! looks again: interrupts are masked there, so that is a matter of a few instructions.

use crate::const_unless_loom;
use crate::delay::Delays;
use crate::mutant::mutant;
use crate::owner::Release;
use crate::queue::{Queued, WorkQueue};
use crate::state::State;
use core::hint::cold_path;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed};
use layercake_sync::facade::{AtomicPtr, AtomicU32, UnsafeCell};
use layercake_sync::{Cpu, TaskCx};
use layercake_timer::Timer;
use layercake_wait::Host;
use layercake_wait::list::{Linked, Links};

/// Runs the function of the `Work` around an item. Safety: RUN-OWNS, ITEM-FIRST.
pub(crate) type Call<H> = unsafe fn(NonNull<Item<H>>, &'static WorkQueue<H>, &mut TaskCx);

/// The part of an item that does not depend on its data: what queues and workers know.
#[repr(C)] // the state first: joining needs nothing else
pub(crate) struct Item<H: Host> {
    state: AtomicU32,
    /// Which queue has it: see "Where it is" above.
    pub(crate) queue: AtomicPtr<WorkQueue<H>>,
    /// Which queue's worker runs it, or ran it last. Written before RUNNING goes on.
    runner: AtomicPtr<WorkQueue<H>>,
    /// In the list of the queue that has it; under that queue's lock.
    pub(crate) links: Links<Self>,
    /// When it came to the queue that has it; under that queue's lock.
    ticket: UnsafeCell<u64>,
    /// The reference that is held while it is busy. Written by the queuer that found it idle,
    /// used by whoever makes it idle again.
    release: UnsafeCell<Option<Release>>,
    /// Its place among the delayed; under the lock of the `Delays` that it was last given to.
    pub(crate) timer: Timer,
    /// Which `Delays` has it, and nothing while none has; like `queue`.
    pub(crate) delays: AtomicPtr<Delays<H>>,
    /// Where it goes when its delay is over; under the lock of the `Delays` that has it.
    target: UnsafeCell<Option<&'static WorkQueue<H>>>,
    call: Call<H>,
    pub(crate) name: &'static str,
}

// SAFETY: LIST-LINKS: a field; QUEUE-LOCK: whoever has the list holds the lock of its queue.
unsafe impl<H: Host> Linked for Item<H> {
    #[inline(always)]
    fn links(&self) -> &Links<Self> {
        &self.links
    }
}

impl<H: Host> Item<H> {
    const_unless_loom! {
        /// An idle item. `call` runs the function of the `Work` that it is the start of.
        pub(crate) const fn new(name: &'static str, call: Call<H>) -> Self {
            Self {
                state: AtomicU32::new(State::IDLE.0),
                queue: AtomicPtr::new(ptr::null_mut()),
                runner: AtomicPtr::new(ptr::null_mut()),
                links: Links::new(),
                ticket: UnsafeCell::new(0),
                release: UnsafeCell::new(None),
                timer: Timer::new(|_| {}),
                delays: AtomicPtr::new(ptr::null_mut()),
                target: UnsafeCell::new(None),
                call,
                name,
            }
        }
    }

    #[inline(always)]
    pub(crate) fn state(&self, order: Ordering) -> State {
        State(self.state.load(order))
    }

    /// One read-modify-write: `old` becomes `new`, or says what is there instead.
    #[inline(always)]
    pub(crate) fn step(&self, old: State, new: State, order: Ordering) -> Result<(), State> {
        match self
            .state
            .compare_exchange_weak(old.0, new.0, order, Relaxed)
        {
            Ok(_) => Ok(()),
            Err(now) => Err(State(now)),
        }
    }

    /// When it came to the queue that has it.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK: the caller holds the lock of the queue that has it.
    #[inline(always)]
    pub(crate) unsafe fn ticket(&self) -> u64 {
        // SAFETY: QUEUE-LOCK, by the caller's promise.
        self.ticket.with(|ticket| unsafe { *ticket })
    }

    /// Says when it came.
    ///
    /// # Safety
    ///
    /// QUEUE-LOCK: the caller holds the lock of the queue that is about to have it.
    #[inline(always)]
    pub(crate) unsafe fn set_ticket(&self, now: u64) {
        // SAFETY: QUEUE-LOCK, by the caller's promise.
        self.ticket.with_mut(|ticket| unsafe { *ticket = now });
    }

    /// Where it goes when its delay is over.
    ///
    /// # Safety
    ///
    /// DELAY-LOCK: the caller holds the lock of the `Delays` that has it.
    pub(crate) unsafe fn target(&self) -> Option<&'static WorkQueue<H>> {
        // SAFETY: DELAY-LOCK, by the caller's promise.
        self.target.with(|target| unsafe { *target })
    }

    /// Says where it goes when its delay is over.
    ///
    /// # Safety
    ///
    /// DELAY-LOCK: the caller holds the lock of the `Delays` that is about to have it.
    pub(crate) unsafe fn set_target(&self, queue: &'static WorkQueue<H>) {
        // SAFETY: DELAY-LOCK, by the caller's promise.
        self.target
            .with_mut(|target| unsafe { *target = Some(queue) });
    }

    /// Joins the pending run, if there is one. `false`: the slow way must be gone.
    #[inline(always)]
    pub(crate) fn join(&self) -> bool {
        let old = self.state(Relaxed);
        match old.join() {
            Some(_) if mutant!(JoinWithoutRelease) => true,
            Some(new) => self.step(old, new, Ordering::Release).is_ok(),
            None => false,
        }
    }

    /// Turns the item pending, if it is not: the caller is to put it where it waits, and holds the
    /// lock of that place. Otherwise joins, or refuses.
    ///
    /// When the count of those who joined was full, it starts anew, and the old one is returned.
    #[inline(always)]
    pub(crate) fn claim(&self, closed: bool) -> (Queued, u32) {
        let old = self.state(Relaxed);
        // Nearly always it is so.
        if old.admits() && !closed && self.step(old, old.queued(), Self::claiming()).is_ok() {
            return match old.running() {
                true => (Queued::WillRunAgain, 0),
                false => (Queued::New, 0),
            };
        }
        cold_path();
        self.claim_slow(closed)
    }

    /// The order in which an item turns pending. Acquire, too: the end of the last run was the end of
    /// the use of `release`.
    #[inline(always)]
    fn claiming() -> Ordering {
        match mutant!(QueueWithoutAcquire) {
            true => Ordering::Release,
            false => AcqRel,
        }
    }

    #[inline(always)] // a call would cost the short way a stack frame
    fn claim_slow(&self, closed: bool) -> (Queued, u32) {
        let mut old = self.state(Relaxed);
        loop {
            if old.pending() {
                let (new, full) = match old.join() {
                    Some(new) => (new, 0),
                    None => (old.join_first(), old.joined()),
                };
                match self.step(old, new, Ordering::Release) {
                    Ok(()) => return (Queued::Coalesced, full),
                    Err(now) => old = now,
                }
                continue;
            }
            if old.disabled() {
                return (Queued::Disabled, 0);
            }
            if closed {
                return (Queued::Closed, 0);
            }
            match self.step(old, old.queued(), Self::claiming()) {
                Ok(()) if old.running() => return (Queued::WillRunAgain, 0),
                Ok(()) => return (Queued::New, 0),
                Err(now) => old = now,
            }
        }
    }

    /// Puts in what gives up the reference that came with turning busy.
    ///
    /// # Safety
    ///
    /// OWNED: the caller has just turned the item busy and still holds the lock of its queue.
    pub(crate) unsafe fn hold(&self, release: Option<Release>) {
        // SAFETY: OWNED. Nobody else looks at it before the lock is given back.
        self.release.with_mut(|slot| unsafe { *slot = release });
    }

    /// What gives up the reference, to be called by whoever then makes the item idle.
    ///
    /// # Safety
    ///
    /// OWNED: the item is busy and stays so until the caller lets it: the caller runs it, or found
    /// it on a queue and holds that queue's lock.
    pub(crate) unsafe fn held(&self) -> Option<Release> {
        // SAFETY: OWNED. It is written only when the item turns busy.
        self.release.with(|slot| unsafe { *slot })
    }

    /// The item is off the list of `queue`, and it is its turn: starts it, or sets it aside.
    ///
    /// The caller holds the lock of `queue`.
    pub(crate) fn take_turn(&self, queue: &'static WorkQueue<H>) -> Turn {
        let mut old = self.state(Relaxed);
        // RUNNING goes off by itself, but on only here, and only one queue has the item.
        while old.running() && !mutant!(RunOnTwoWorkers) {
            // Release: the end of that run goes by `queue` to the lock that is held here.
            match self.step(old, old.set_aside(), AcqRel) {
                Ok(()) => return Turn::SetAside,
                Err(now) => old = now,
            }
        }
        // Before PENDING goes off: after that it belongs to the next queuer.
        self.queue.store(ptr::null_mut(), Relaxed);
        // Before RUNNING goes on: who sees that looks there.
        self.runner.store(ptr::from_ref(queue).cast_mut(), Relaxed);
        let mut changes = State::START;
        if mutant!(PendingOffThenRunningOn) {
            while let Err(now) = self.step(old, old.withdrawn(), AcqRel) {
                old = now;
            }
            changes = State::RUN;
        }
        if mutant!(PendingUntilTheEnd) {
            changes = State::RUN;
        }
        let order = if mutant!(StartWithoutAcquire) {
            Ordering::Release
        } else {
            AcqRel
        };
        // Both are known, and nobody else changes them now: so no loop is needed in which others who
        // join or disable could come between.
        // Acquire: what those stored who queued or joined.
        let old = State(self.state.fetch_xor(changes, order));
        Turn::Start {
            joined: old.joined(),
        }
    }

    /// The queue that tells, by its `done`, of the next step of an item in state `now`.
    ///
    /// `None` in the middle of a step: look again.
    pub(crate) fn whereabouts(&self, now: State) -> Option<&'static WorkQueue<H>> {
        let queue = if now.running() {
            self.runner.load(Acquire)
        } else {
            self.queue.load(Acquire)
        };
        // SAFETY: QUEUE-LOCK: queues are `'static`, and these are written from such references.
        unsafe { queue.as_ref() }
    }

    /// Runs the function.
    ///
    /// # Safety
    ///
    /// RUN-OWNS: the caller is the worker that set RUNNING, on `queue`.
    pub(crate) unsafe fn run(item: NonNull<Self>, queue: &'static WorkQueue<H>, cx: &mut TaskCx) {
        // SAFETY: RUN-OWNS.
        unsafe { (item.as_ref().call)(item, queue, cx) }
    }

    /// Ends the run by putting the item back where it was set aside. `false`: somebody withdrew it.
    ///
    /// # Safety
    ///
    /// As for [`finish`](Self::finish).
    #[cold]
    unsafe fn put_back(item: NonNull<Self>) -> bool {
        // SAFETY: RUN-OWNS: it stays until RUNNING is off.
        let it = unsafe { item.as_ref() };
        // SAFETY: QUEUE-LOCK: queues are `'static`, and it was written from one.
        let queue = unsafe { it.queue.load(Acquire).as_ref() };
        // SAFETY: RUN-OWNS, by the caller's promise.
        queue.is_some_and(|queue| unsafe { queue.put_back(item) })
    }

    /// Ends the run, and puts the item back where it was set aside.
    ///
    /// This is the last touch of the item, unless it is on a queue again.
    ///
    /// # Safety
    ///
    /// RUN-OWNS: the caller is the worker that set RUNNING, and does this once.
    #[inline(always)]
    pub(crate) unsafe fn finish(item: NonNull<Self>) {
        // SAFETY: RUN-OWNS: it stays until RUNNING is off.
        let it = unsafe { item.as_ref() };
        // SAFETY: OWNED: it runs. Read now: when RUNNING is off it may be gone.
        let mut release = unsafe { it.held() };
        let mut old = it.state(Acquire);
        loop {
            if old.parked() && !mutant!(LostRequeue) {
                // SAFETY: RUN-OWNS, by the caller's promise.
                if unsafe { Self::put_back(item) } {
                    return;
                }
                // Somebody withdrew it meanwhile.
                H::Cpu::pause();
                old = it.state(Acquire);
                continue;
            }
            let mut new = old.finished();
            if mutant!(PendingUntilTheEnd) {
                new = new.withdrawn();
            }
            // Release: the next run, and who waits for this one, see what it did.
            match it.step(old, new, AcqRel) {
                Ok(()) => break,
                Err(_) => old = it.state(Acquire),
            }
        }
        if mutant!(ClearThenRead) {
            // SAFETY: none: a mutant, which breaks OWNED.
            release = unsafe { it.held() };
        }
        if let (false, Some(release)) = (old.pending(), release) {
            // SAFETY: OWNED: the step above made it idle.
            unsafe { release.call() };
        }
    }
}

/// What became of an item whose turn it was.
pub(crate) enum Turn {
    /// It is RUNNING now. So many calls of `queue` had joined.
    Start { joined: u32 },
    /// It is PARKED now: it runs elsewhere.
    SetAside,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use layercake_wait::host::std::StdHost;

    /// The way that is taken when another was faster gives the same answers, and does the same.
    #[test]
    fn a_claim_goes_either_way_to_the_same_end() {
        let disabled = State::IDLE.disable().unwrap();
        for state in [State::IDLE, State(State::RUN), disabled] {
            for old in [state, state.queued(), state.queued().join().unwrap()] {
                for closed in [false, true] {
                    let items = [(); 2].map(|()| {
                        let item = Item::<StdHost>::new("item", |_, _, _| {});
                        item.state.store(old.0, Relaxed);
                        item
                    });
                    let answers = (items[0].claim(closed), items[1].claim_slow(closed));
                    assert_eq!(answers.0, answers.1, "{old:?} {closed}");
                    assert_eq!(items[0].state(Relaxed), items[1].state(Relaxed));
                }
            }
        }
    }
}
