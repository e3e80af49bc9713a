//! Waiting for work: until an item has run, until a queue has done what was on it.
//!
//! Whoever waits sleeps on the `done` queue of the work queue that has the item: of the one that
//! runs it, or else of the one on which it is pending. When the item moves on, so does the waiter.
//! No waiting is done on anything inside the item: a worker's last touch of an item is the step
//! that ends its run, and what it wakes then lives for ever (K4).

use crate::cycle::{Target, Waiting, WouldDeadlock};
use crate::item::Item;
use crate::lists::Inner;
use crate::mutant::mutant;
use crate::queue::WorkQueue;
use crate::state::State;
use crate::work::Work;
use core::pin::pin;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use layercake_sync::{Cpu, TaskCx};
use layercake_wait::Host;

/// What to wait for.
#[derive(Clone, Copy)]
pub(crate) enum Waited {
    /// The end of the run in progress, while the item is disabled.
    Running,
    /// The run of this number.
    Run(u32),
}

impl Waited {
    fn over(self, now: State) -> bool {
        match self {
            Self::Running => !now.running(),
            Self::Run(number) => now.has_run(number),
        }
    }
}

/// Waits for `work`.
pub(crate) fn wait_for<H: Host, T>(
    work: &Work<H, T>,
    cx: &mut TaskCx,
    what: Waited,
) -> Result<(), WouldDeadlock> {
    let it = &work.item;
    // The caller sees what the run did.
    let acquire = match mutant!(FlushWithoutAcquire) {
        true => Relaxed,
        false => Acquire,
    };
    loop {
        let now = it.state(acquire);
        if what.over(now) {
            return Ok(());
        }
        let Some(queue) = it.whereabouts(now) else {
            // Delayed, and nobody waits for a delay; or in the middle of a step.
            // SAFETY: DELAY-LOCK: it is `'static`, and written from such a reference.
            match unsafe { it.delays.load(Acquire).as_ref() } {
                // SAFETY: OWNED, 1: this points to all of the `Work`, which is borrowed.
                Some(delays) => unsafe { delays.hasten(NonNull::from(work).cast()) },
                None => H::Cpu::pause(),
            }
            continue;
        };
        let waiting = pin!(Waiting::new(cx, Target::Item(it)));
        // SAFETY: WAIT-LIST: `work` is borrowed for longer than this.
        let _entered = unsafe { waiting.as_ref().enter::<H>() }?;
        queue.done.wait_until(cx, |_| {
            let now = it.state(acquire);
            let moved = || {
                it.whereabouts(now)
                    .is_none_or(|there| !ptr::eq(there, queue))
            };
            (what.over(now) || moved()).then_some(())
        });
    }
}

impl<H: Host, T> Work<H, T> {
    /// Waits until each run that was queued before this call has ended: the one in progress and
    /// the one that is pending. Returns at once when the item is idle. If it is delayed, its delay
    /// ends now.
    ///
    /// Runs that are queued meanwhile are not waited for.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] when called by the item's own function, by another item on the only worker
    /// that could run this one, or by one for which one of these waits.
    pub fn flush(&self, cx: &mut TaskCx) -> Result<(), WouldDeadlock> {
        let mut now = self.item.state(Acquire);
        if mutant!(FlushForgetsPending) {
            now = now.withdrawn();
        }
        let number = now.runs_to_flush();
        wait_for(self, cx, Waited::Run(number))
    }
}

impl<H: Host> WorkQueue<H> {
    /// Waits until each item that was on the queue when this was called, or ran for it, has run or
    /// was cancelled. Does not wait for what comes meanwhile.
    ///
    /// The queue's lock is held for a look at each of its workers, once at the beginning and once
    /// for each run that ends meanwhile.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] when called by an item that runs on this queue, or for which one of these
    /// waits.
    pub fn flush(&'static self, cx: &mut TaskCx) -> Result<(), WouldDeadlock> {
        let ticket = self.lock().next_ticket;
        let waiting = pin!(Waiting::new(cx, Target::Queue(self, ticket)));
        // SAFETY: WAIT-LIST: queues are `'static`.
        let _entered = unsafe { waiting.as_ref().enter::<H>() }?;
        self.done
            .wait_until(cx, |_| self.lock().all_done_before(ticket).then_some(()));
        Ok(())
    }

    /// Waits until nothing is on the queue and nothing runs: of a closed queue, until all is done.
    ///
    /// A queue that others keep filling may never be empty.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] when called by an item that runs on this queue, or for which one of these
    /// waits.
    pub fn drain(&'static self, cx: &mut TaskCx) -> Result<(), WouldDeadlock> {
        let waiting = pin!(Waiting::new(cx, Target::Queue(self, u64::MAX)));
        // SAFETY: WAIT-LIST: queues are `'static`.
        let _entered = unsafe { waiting.as_ref().enter::<H>() }?;
        self.done.wait_until(cx, |_| {
            let inner = self.lock();
            (inner.pending() + inner.running() == 0).then_some(())
        });
        Ok(())
    }
}

impl<H: Host> Inner<H> {
    /// Whether all with a ticket below this one have left.
    fn all_done_before(&self, ticket: u64) -> bool {
        // SAFETY: QUEUE-LOCK: whoever has `self` holds the lock, and this queue has the items.
        let waits = |item: &Item<H>| unsafe { item.ticket() } < ticket;
        let runs = self.workers.iter().filter_map(|worker| worker.job.get());
        // `ready` is in the order of tickets.
        !(self.ready.iter().next().is_some_and(waits)
            || self.parked.iter().any(waits)
            || runs.into_iter().any(|job| job.ticket < ticket))
    }
}
