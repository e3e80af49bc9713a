//! Taking back: cancelling a pending run, waiting for one that runs, and keeping an item off
//! queues for a while.

use crate::cycle::WouldDeadlock;
use crate::flush::{Waited, wait_for};
use crate::item::Item;
use crate::mutant::mutant;
use crate::work::Work;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use layercake_sync::{Cpu, TaskCx};
use layercake_wait::Host;

impl<H: Host, T> Work<H, T> {
    /// Takes the item off the queue that it is on, or ends its delay without a run. Says whether it
    /// was pending.
    ///
    /// A run in progress goes on, and the item may be queued again at once. The caller is not
    /// its last owner, so nothing is freed here.
    ///
    /// Any context; never blocks. O(1).
    pub fn cancel(&self) -> bool {
        self.item.cancel()
    }

    /// [Cancels](Work::cancel) the item and waits for the end of a run in progress. Says whether it
    /// was pending. When this returns the item is idle, and no worker touches it (K4).
    ///
    /// From the beginning of the call to its end nobody queues the item: they are answered
    /// [`Queued::Disabled`](crate::Queued::Disabled), the item's own function too. Any number of
    /// threads may do this at once. A worker may drop its count of an `Arc` a moment later.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] when called by the item's own function, or by one for which that waits: then
    /// the run goes on, and is the last one unless the item is queued again.
    pub fn cancel_sync(&self, cx: &mut TaskCx) -> Result<bool, WouldDeadlock> {
        let cancelled = self.disable_sync(cx);
        self.enable();
        cancelled
    }

    /// Refuses queueing from now on, and [cancels](Work::cancel) the item. Says whether it was
    /// pending. Nests: as many [`enable`](Work::enable)s undo it.
    ///
    /// A run in progress goes on. Any context; never blocks. O(1).
    ///
    /// # Panics
    ///
    /// At a depth of 63.
    pub fn disable(&self) -> bool {
        self.item.disable();
        self.item.cancel()
    }

    /// [`disable`](Work::disable), and waits for the end of a run in progress: the item is idle
    /// then, and stays so until it is enabled.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] when called by the item's own function, or by one for which that waits; the
    /// item is disabled then.
    ///
    /// # Panics
    ///
    /// At a depth of 63.
    pub fn disable_sync(&self, cx: &mut TaskCx) -> Result<bool, WouldDeadlock> {
        let cancelled = self.disable();
        wait_for(self, cx, Waited::Running)?;
        Ok(cancelled)
    }

    /// Undoes one [`disable`](Work::disable). What was refused meanwhile is not queued by this.
    ///
    /// Any context. O(1).
    ///
    /// # Panics
    ///
    /// When the item is not disabled.
    pub fn enable(&self) {
        if mutant!(CancelMissesRearm) {
            return;
        }
        let mut old = self.item.state(Relaxed);
        loop {
            let new = old.enable().expect("an item that is not disabled");
            match self.item.step(old, new, AcqRel) {
                Ok(()) => return,
                Err(now) => old = now,
            }
        }
    }
}

impl<H: Host> Item<H> {
    fn disable(&self) {
        if mutant!(CancelMissesRearm) {
            return;
        }
        let mut old = self.state(Relaxed);
        loop {
            let new = old.disable().expect("disabled too often without an enable");
            match self.step(old, new, AcqRel) {
                Ok(()) => return,
                Err(now) => old = now,
            }
        }
    }

    /// Withdraws it from wherever it is.
    pub(crate) fn cancel(&self) -> bool {
        loop {
            if !self.state(Acquire).pending() {
                return false;
            }
            // SAFETY: QUEUE-LOCK, DELAY-LOCK: both are `'static`, and written from such references.
            let (queue, delays) = unsafe {
                let queue = self.queue.load(Acquire).as_ref();
                (queue, self.delays.load(Acquire).as_ref())
            };
            if queue.is_some_and(|queue| queue.withdraw(self))
                || delays.is_some_and(|delays| delays.withdraw(self))
            {
                return true;
            }
            // It is on its way onto a queue or off one, on another core with interrupts off.
            H::Cpu::pause();
        }
    }
}
