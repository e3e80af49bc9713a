//! Idling: a wait that nobody minds, however long it takes.
//!
//! A worker that waits for work and a console that waits for a key look like a thread that hangs:
//! both block without a deadline. The difference is known to whoever writes the wait, so it is
//! said there; what a host makes of it is [`Host::idle_on`]'s business.

use crate::host::Host;
use crate::mutant::mutant;
use crate::queue::WaitQueue;
use crate::waiter::Waiter;
use core::pin::pin;
use layercake_sync::{TaskAtomic, TaskCx};

impl<H: Host> WaitQueue<H> {
    /// [`wait_until`](WaitQueue::wait_until) for those who have nothing to do meanwhile: it may
    /// last for ever, and that is no sign of trouble.
    pub fn idle_until<T>(
        &self,
        cx: &mut TaskCx,
        mut cond: impl FnMut(TaskAtomic<'_>) -> Option<T>,
    ) -> T {
        if let Some(value) = cond(cx.atomic()) {
            return value;
        }
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(self, cx);
        loop {
            if !mutant!(CheckThenEnqueue)
                && let Some(value) = cond(cx.atomic())
            {
                // A wake-one that came meanwhile may have been for another: pass it on.
                waiter.clear();
                return value;
            }
            if let Some(value) = waiter.idle_and_look(self, cx, |cx| cond(cx.atomic())) {
                return value;
            }
            waiter.prepare_again(self, cx);
        }
    }
}
