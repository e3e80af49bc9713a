//! The barrier: threads that go on when all of them have come.

use crate::host::Host;
use crate::mutant::mutant;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::waiter::TimedOut;
use core::fmt;
use layercake_sync::facade::const_unless_loom;
use layercake_sync::{PreemptOff, SpinLock, TaskAtomic, TaskCx};

/// A point that a number of threads reach together, again and again.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, Barrier};
///
/// static ROUND: Barrier<StdHost> = Barrier::new("round", 2);
///
/// let other = spawn(|cx| ROUND.wait(cx));
/// let leads = enter(|cx| ROUND.wait(cx));
/// assert!(leads != other.join().unwrap(), "one of both leads");
/// # }
/// ```
pub struct Barrier<H: Host> {
    threads: u32,
    come: SpinLock<Come, PreemptOff<H::Cpu>>,
    queue: WaitQueue<H>,
}

struct Come {
    /// How many are here in this round.
    here: u32,
    /// How many rounds are over. 64 bits do not come round.
    rounds: u64,
}

/// The state before anybody has come.
const NOBODY: Come = Come { here: 0, rounds: 0 };

impl<H: Host> Barrier<H> {
    const_unless_loom! {
        /// A barrier for `threads` threads; with none or one it holds nobody up. `name` is for people.
        pub const fn new(name: &'static str, threads: u32) -> Self {
            Self {
                threads,
                come: SpinLock::new(NOBODY).named(name),
                queue: WaitQueue::new(name),
            }
        }
    }

    /// Blocks until all are here, and says to one of them, the last to come, `true`.
    ///
    /// What each of them did before happens before what any of them does after. O(threads) for
    /// the last.
    pub fn wait(&self, cx: &mut TaskCx) -> bool {
        match self.arrive(cx) {
            None => true,
            Some(round) => {
                self.queue.wait_until(cx, |atomic| self.over(round, atomic));
                false
            }
        }
    }

    /// [`wait`](Self::wait), at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when not all were here at the deadline; the caller does not count as here any
    /// more then, and may come again.
    pub fn wait_deadline(&self, cx: &mut TaskCx, deadline: Instant) -> Result<bool, TimedOut> {
        let Some(round) = self.arrive(cx) else {
            return Ok(true);
        };
        let over = |atomic: TaskAtomic<'_>| self.over(round, atomic);
        match self.queue.wait_until_deadline(cx, deadline, over) {
            Ok(()) => Ok(false),
            Err(TimedOut) => {
                let mut come = self.come.lock(cx);
                // The last may have come since the look.
                if come.rounds == round {
                    if !mutant!(LeaverStaysCounted) {
                        come.here -= 1;
                    }
                    Err(TimedOut)
                } else {
                    Ok(false)
                }
            }
        }
    }

    /// How many are here and wait for the others. For reports: it may change at once.
    pub fn waiting(&self, cx: &mut TaskCx) -> u32 {
        self.come.lock(cx).here
    }

    /// Counts the caller. The round that it waits for, or none when it was the last and the round
    /// is over.
    fn arrive(&self, cx: &mut TaskCx) -> Option<u64> {
        let mut come = self.come.lock(cx.atomic());
        let round = come.rounds;
        come.here += 1;
        if come.here < self.threads {
            return Some(round);
        }
        come.here = 0;
        come.rounds += 1;
        drop(come);
        self.queue.wake_all();
        None
    }

    fn over(&self, round: u64, atomic: TaskAtomic<'_>) -> Option<()> {
        (self.come.lock(atomic).rounds != round).then_some(())
    }
}

impl<H: Host> fmt::Debug for Barrier<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("threads", &self.threads)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
