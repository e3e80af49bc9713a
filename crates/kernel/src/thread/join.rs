//! Waiting for a thread's end.

use super::{GONE, Thread, reap};
use crate::sync::TaskCx;
use core::sync::atomic::Ordering;

/// The right to wait for a thread's end, once. Dropping it lets the thread go its way: it is
/// reaped when it ends.
#[derive(Debug)]
#[must_use = "dropping the handle detaches the thread; say `detach` if that is meant"]
pub struct JoinHandle {
    thread: &'static Thread,
}

impl JoinHandle {
    pub(super) fn new(thread: &'static Thread) -> Self {
        Self { thread }
    }

    /// The thread's number, its own as long as this handle lives.
    pub fn id(&self) -> u32 {
        self.thread.id()
    }

    /// Whether the thread has ended. From any context. O(1).
    pub fn is_finished(&self) -> bool {
        self.thread.life.load(Ordering::Acquire) == GONE
    }

    /// Blocks until the thread has ended and is off its stack.
    pub fn join(self, cx: &mut TaskCx) {
        self.thread
            .joiners
            .wait_until(cx, |_| self.is_finished().then_some(()));
    }

    /// Lets the thread go its way.
    pub fn detach(self) {}
}

impl Drop for JoinHandle {
    fn drop(&mut self) {
        reap(self.thread);
    }
}
