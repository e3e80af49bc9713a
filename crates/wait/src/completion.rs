//! Completion: "that is done", said once for each who waits, or for all and for ever.

use crate::host::Host;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::waiter::TimedOut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use layercake_sync::TaskCx;
use layercake_sync::facade::{AtomicU32, const_unless_loom};

/// `done` when it is done for everybody.
const ALL: u32 = u32::MAX;

/// Something that gets done, and threads that wait until it is.
///
/// What happened before [`complete`](Completion::complete) happens before the return of the wait
/// that it ends.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, Completion};
///
/// static LOADED: Completion<StdHost> = Completion::new("loaded");
/// let loader = spawn(|_| LOADED.complete_all());
/// enter(|cx| LOADED.wait(cx));
/// assert!(LOADED.is_done());
/// # loader.join().unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct Completion<H: Host> {
    /// How many more waits may end; [`ALL`] is without end.
    done: AtomicU32,
    queue: WaitQueue<H>,
}

impl<H: Host> Completion<H> {
    const_unless_loom! {
        /// Not done. `name` is for people.
        pub const fn new(name: &'static str) -> Self {
            Self {
                done: AtomicU32::new(0),
                queue: WaitQueue::new(name),
            }
        }
    }

    /// Done, for one who waits: now or later.
    ///
    /// Any context. O(1).
    pub fn complete(&self) {
        // Saturates below ALL; an update that returns `Some` does not fail.
        let _ = (self.done).fetch_update(Release, Relaxed, |done| {
            Some(if done == ALL {
                ALL
            } else {
                (done + 1).min(ALL - 1)
            })
        });
        self.queue.wake_one();
    }

    /// Done, for everybody: those who wait, and those who come later.
    ///
    /// Any context. O(waiters).
    pub fn complete_all(&self) {
        self.done.store(ALL, Release);
        self.queue.wake_all();
    }

    /// Undone again. Those who have been told stay told.
    ///
    /// Any context. O(1).
    pub fn reset(&self) {
        self.done.store(0, Relaxed);
    }

    /// Whether a wait would end at once.
    pub fn is_done(&self) -> bool {
        self.done.load(Acquire) != 0
    }

    /// Ends like [`wait`](Completion::wait) if that would end at once, else says `false`.
    ///
    /// Any context. O(1).
    pub fn try_wait(&self) -> bool {
        (self.done)
            .fetch_update(AcqRel, Acquire, |done| match done {
                0 => None,
                ALL => Some(ALL),
                more => Some(more - 1),
            })
            .is_ok()
    }

    /// Blocks until it is done.
    pub fn wait(&self, cx: &mut TaskCx) {
        self.queue.wait_until(cx, |_| self.try_wait().then_some(()));
    }

    /// Blocks until it is done, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when it was not done at the deadline.
    pub fn wait_deadline(&self, cx: &mut TaskCx, deadline: Instant) -> Result<(), TimedOut> {
        (self.queue).wait_until_deadline(cx, deadline, |_| self.try_wait().then_some(()))
    }
}
