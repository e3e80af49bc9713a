//! How an item leaves its queue without being taken for a run: it goes back in its turn when it was set
//! aside, or is withdrawn. How it is taken is in [`crate::lists`].

use crate::calls::Call;
use crate::item::Item;
use crate::lists::Inner;
use crate::mutant::mutant;
use crate::queue::WorkQueue;
use crate::state::State;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use layercake_wait::Host;

impl<H: Host> WorkQueue<H> {
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
        unsafe { inner.parked.remove(it) };
        self.lets_in_again(&mut inner);
        inner.unclaimed += 1;
        // Before all that came later. Before it are only those that were set aside like it.
        // SAFETY: QUEUE-LOCK: this queue has them.
        let earlier = |other: &Item<H>| unsafe { other.ticket() < it.ticket() };
        // SAFETY: QUEUE-LOCK, OWNED: it is pending, and on no list now.
        unsafe { inner.ready.insert_behind(item, earlier) };
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
                self.lets_in_again(inner);
                &mut inner.parked
            }
            false => {
                inner.unclaimed -= 1;
                &mut inner.ready
            }
        };
        // SAFETY: QUEUE-LOCK: this queue has it.
        let ticket = unsafe { it.ticket() };
        // SAFETY: QUEUE-LOCK: this queue has the item, on this list.
        unsafe { list.remove(it) };
        it.queue.store(ptr::null_mut(), Relaxed);
        let new = |old: State| match mutant!(WithdrawLeavesParked) && old.parked() {
            true => old.withdrawn().set_aside(),
            false => old.withdrawn(),
        };
        // Release: whoever queues it next has the list behind it.
        while let Err(now) = it.step(old, new(old), AcqRel) {
            old = now;
        }
        inner.counts.cancelled += 1;
        inner.counts.coalesced += u64::from(old.joined());
        inner.waits.withdrawn(ticket);
        let ended = inner.has_ended();
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

    /// An item is set aside no longer.
    fn lets_in_again(&self, inner: &mut Inner<H>) {
        inner.set_aside -= 1;
        if self.is_ordered() {
            inner.room += 1;
        }
    }
}
