//! Handing out permits: who is at the head gets what it wants, or nobody gets anything.
//!
//! For [`crate::semaphore`], which knows how many permits there are. Here is only who is next.

use super::WaitQueue;
use crate::hand_over::{Batch, take as take_off};
use crate::host::Host;
use crate::node::state;

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
            let mut batch = Batch::<H>::new();
            let mut lists = self.lock();
            lists.exclusive.pop_while(|node| {
                if batch.is_full() {
                    return false;
                }
                // SAFETY: NODE-PINNED: it is on the list. NODE-LOCK: the lock is held, and `pop_while`
                // takes off what this says true of.
                unsafe {
                    take(node.as_ref().mode.permits())
                        && take_off(node, state::WOKEN_ONE, &mut batch, |event| self.note(event))
                }
            });
            self.count(-(batch.len() as i32));
            let left = !lists.exclusive.is_empty();
            if !left {
                nobody();
            }
            // With room in the batch, there was somebody for whom there is not enough.
            let more = left && batch.is_full();
            drop(lists);
            batch.iter().for_each(H::unpark);
            if !more {
                return;
            }
        }
    }
}
