//! Handing out permits: who is at the head gets what it wants, or nobody gets anything.
//!
//! For [`crate::semaphore`], which knows how many permits there are. Here is only who is next.

use super::{BATCH, WaitQueue, hand_over, unpark};
use crate::host::Host;
use crate::node::state;
use crate::stats::Event;

impl<H: Host> WaitQueue<H> {
    /// Wakes exclusive waiters from the head on, each once `take` has said that it got as many
    /// permits as that one wants; ends at the first for which it did not. Calls `nobody` if none
    /// is left. Both are called under the queue's lock.
    ///
    /// A waiter that this wakes has its permits: it must not hand the wake on, but give those
    /// back.
    ///
    /// Any context. O(waiters woken); the lock is held for 16 of them at a time.
    #[cold]
    pub(crate) fn grant(&self, mut take: impl FnMut(u32) -> bool, nobody: impl Fn()) {
        loop {
            let mut batch = [const { None }; BATCH];
            let mut free = batch.iter_mut();
            let mut lists = self.lock();
            let more = loop {
                let first = lists.exclusive.first();
                let Some(permits) = first.map(|node| node.mode.permits()) else {
                    nobody();
                    break false;
                };
                let Some(slot) = free.next() else { break true };
                if !take(permits) {
                    break false;
                }
                if let Some(node) = lists.exclusive.pop_front() {
                    self.note(Event::Sent);
                    self.count(-1);
                    *slot = hand_over(node, state::WOKEN_ONE);
                }
            };
            drop(lists);
            batch.into_iter().for_each(unpark::<H>);
            if !more {
                return;
            }
        }
    }
}
