//! The steps of waiting: prepare, check, block, clear.
//!
//! For code that needs the steps one by one; most use [`WaitQueue::wait_until`]. What is on the
//! list and how it is woken is in [`crate::queue`].
//!
//! The life of a waiter's node:
//!
//! ```text
//!            prepare                 wake
//!    IDLE ------------->  WAITING  -------->  WOKEN (one / all)
//!     ^ ^                  |   ^                |   |
//!     | '--- clear, -------'   '--- prepare ----'   |
//!     |      deadline                               |
//!     '------------- clear, accept -----------------'
//! ```
//!
//! Wakes and unlinking happen under the queue's lock, so of a wake and a deadline (or a clear)
//! that come together one wins, and both sides know which (W9).

use crate::host::Host;
use crate::mutant::mutant;
use crate::node::{Mode, Node, state};
use crate::park::{LookFirst, park};
use crate::queue::WaitQueue;
use crate::stats::Event;
use crate::time::Instant;
use core::cell::Cell;
use core::marker::PhantomData;
use core::pin::Pin;
use core::sync::atomic::Ordering::Acquire;
use layercake_sync::TaskCx;

/// The deadline came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl core::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("timed out")
    }
}

impl core::error::Error for TimedOut {}

/// One thread's place on a wait queue, on its own stack.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use core::pin::pin;
/// use core::sync::atomic::{AtomicBool, Ordering};
/// use layercake_wait::{host::std::{enter, StdHost}, WaitQueue, Waiter};
///
/// static QUEUE: WaitQueue<StdHost> = WaitQueue::new("bell");
/// static RUNG: AtomicBool = AtomicBool::new(false);
///
/// let ringer = std::thread::spawn(|| {
///     RUNG.store(true, Ordering::Release); // first the condition,
///     QUEUE.wake_all();                    // then the wake
/// });
/// enter(|cx| {
///     let waiter = pin!(Waiter::new());
///     let waiter = waiter.as_ref();
///     loop {
///         waiter.prepare(&QUEUE, cx);              // on the queue first,
///         if RUNG.load(Ordering::Acquire) { break }  // then the check
///         waiter.maybe_block(cx);
///     }
///     waiter.clear();
/// });
/// # ringer.join().unwrap();
/// # }
/// ```
///
/// It leaves the queue when it is dropped, however that comes about (W8).
#[repr(C)] // the node first, and its state first of all
pub struct Waiter<'q, H: Host> {
    node: Node<H>,
    /// The queue that the node's state speaks of; `None` is IDLE, whatever the state says.
    queue: Cell<Option<&'q WaitQueue<H>>>,
    /// Neither `Send` nor `Sync`: it is one thread's.
    _here: PhantomData<*mut ()>,
}

impl<'q, H: Host> Waiter<'q, H> {
    /// An exclusive waiter, on no queue: one wake-one wakes one of these.
    pub fn new() -> Self {
        Self::with_mode(Mode::EXCLUSIVE)
    }

    /// A shared waiter, on no queue: every wake wakes it.
    pub fn shared() -> Self {
        Self::with_mode(Mode::SHARED)
    }

    #[inline(always)]
    pub(crate) fn with_mode(mode: Mode) -> Self {
        Self {
            node: Node::new(state::WOKEN_ALL, mode),
            queue: Cell::new(None),
            _here: PhantomData,
        }
    }

    /// Puts the caller on `queue`. Look at the condition next.
    ///
    /// From here on every wake of the queue counts, also those before
    /// [`maybe_block`](Waiter::maybe_block). Again on the same queue: nothing if it is still
    /// there, else on it anew; that uses up the wake that took it off, since a look at the
    /// condition follows. On another queue: it leaves the old one first, as by
    /// [`clear`](Waiter::clear).
    ///
    /// O(1). Never blocks.
    #[inline]
    pub fn prepare(self: Pin<&Self>, queue: &'q WaitQueue<H>, cx: &mut TaskCx) {
        if self.queue.get().is_some() {
            return self.prepare_again(queue, cx);
        }
        // SAFETY: NODE-OWNER. On no queue, so the cell is this thread's.
        self.node.task.with_mut(|task| unsafe {
            *task = Some(H::current());
        });
        self.queue.set(Some(queue));
        // SAFETY: NODE-OWNER: this waiter's own node, on no queue, with a task. NODE-PINNED: the
        // waiter is pinned and unlinks it when it is dropped; `'q` outlives that.
        unsafe { queue.link(&self.node, false) };
    }

    /// [`prepare`](Waiter::prepare) for a future: whom to unpark is told, and may change from
    /// one time to the next.
    pub(crate) fn prepare_as(self: Pin<&Self>, queue: &'q WaitQueue<H>, task: H::Task) {
        let mut task = Some(task);
        let was_woken = match self.queue.get() {
            None => None,
            // SAFETY: NODE-OWNER: this waiter linked its node to that queue.
            Some(old) if unsafe { old.exchange_task(&self.node, &mut task) } => return,
            Some(_) => Some(self.node.state.load(Acquire)),
        };
        // SAFETY: NODE-OWNER. On no queue, so the cell is its owner's.
        (self.node.task).with_mut(|cell| unsafe { *cell = task });
        self.queue.set(Some(queue));
        // SAFETY: as in `prepare`.
        unsafe { queue.link(&self.node, was_woken == Some(state::WOKEN_ONE)) };
    }

    /// [`prepare`](Waiter::prepare) for one that is on a queue, or was until a wake.
    #[inline(never)]
    pub(crate) fn prepare_again(self: Pin<&Self>, queue: &'q WaitQueue<H>, cx: &mut TaskCx) {
        if !self
            .queue
            .get()
            .is_some_and(|old| core::ptr::eq(old, queue))
        {
            self.clear();
            return self.prepare(queue, cx);
        }
        let woken = self.node.state.load(Acquire);
        if woken != state::WAITING {
            queue.note(Event::Consumed);
            // SAFETY: as in `prepare`; a wake has unlinked it, and the task is still there.
            unsafe { queue.link(&self.node, woken == state::WOKEN_ONE) };
        }
    }

    /// Blocks until the queue wakes the caller; not at all if it has done so since
    /// [`prepare`](Waiter::prepare), or if that was not called.
    ///
    /// Look at the condition next, even so.
    pub fn maybe_block(self: Pin<&Self>, cx: &mut TaskCx) {
        // Without a deadline there is no timing out.
        let _ = self.block(cx, None);
    }

    /// [`maybe_block`](Waiter::maybe_block), at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when the deadline came before a wake; the caller is off the queue then.
    pub fn maybe_block_until(
        self: Pin<&Self>,
        cx: &mut TaskCx,
        deadline: Instant,
    ) -> Result<(), TimedOut> {
        let queue = self.queue.get();
        self.block(cx, Some(deadline))
            .inspect_err(|TimedOut| queue.iter().for_each(|q| q.note(Event::TimedOut)))
    }

    #[inline(always)]
    fn block(self: Pin<&Self>, cx: &mut TaskCx, deadline: Option<Instant>) -> Result<(), TimedOut> {
        match self.queue.get() {
            Some(queue) => self.block_on(queue, cx, deadline, LookFirst::Yes, H::blocked_on),
            None => Ok(()),
        }
    }

    /// Blocks until the wake or the deadline. `queue` is the one that it is on; the host is told of
    /// each park by `tell`.
    #[inline(always)]
    fn block_on(
        &self,
        queue: &'q WaitQueue<H>,
        cx: &mut TaskCx,
        deadline: Option<Instant>,
        look_first: LookFirst,
        tell: impl Fn(&'static str),
    ) -> Result<(), TimedOut> {
        let woken = park(
            &self.node,
            cx,
            deadline,
            look_first,
            || tell(queue.name()),
            || self.withdraw(),
        )?;
        if woken.parked {
            queue.note_run(&self.node.woken);
        }
        Ok(())
    }

    /// Blocks, and looks: by the end it is off the queue, and a wake-one that it got is used. The caller
    /// has not parked since it was put on the queue.
    ///
    /// If `look` panics the wake-one is still to be handed on. `None` in the answer's first
    /// place is what `look` said; the second tells whether the deadline ended the wait.
    #[inline(always)]
    pub(crate) fn block_and_look<T>(
        self: Pin<&Self>,
        queue: &'q WaitQueue<H>,
        cx: &mut TaskCx,
        deadline: Option<Instant>,
        tell: impl Fn(&'static str),
        look: impl FnOnce(&mut TaskCx) -> Option<T>,
    ) -> (Option<T>, Result<(), TimedOut>) {
        let blocked = self.block_on(queue, cx, deadline, LookFirst::No, tell);
        let found = look(cx);
        if found.is_some() {
            self.queue.set(None);
            if blocked.is_ok() {
                queue.note(Event::Consumed);
            }
        }
        (found, blocked)
    }

    /// Counts how long it took from the wake to now, if it was woken: for those who park by
    /// themselves.
    #[inline(always)]
    pub(crate) fn note_run(&self) {
        if let Some(queue) = self.queue.get()
            && crate::stats::ON
            && !self.is_waiting()
        {
            queue.note_run(&self.node.woken);
        }
    }

    /// Leaves the queue; on none, it does nothing.
    ///
    /// A wake-one that reached the caller and that it has not [accepted](Waiter::accept) goes on
    /// to the next (W3): whoever sent it counts on somebody to look.
    #[inline]
    pub fn clear(self: Pin<&Self>) {
        self.leave();
    }

    /// Leaves the queue, having looked at the condition since
    /// [`maybe_block`](Waiter::maybe_block) returned: a wake-one that ended it was used and is
    /// not passed on.
    ///
    /// Still on the queue, this is [`clear`](Waiter::clear).
    #[inline]
    pub fn accept(self: Pin<&Self>) {
        if self.is_waiting() {
            self.leave();
        } else if let Some(queue) = self.queue.take() {
            queue.note(Event::Consumed);
        }
    }

    /// Whether it is on a queue and has not been woken.
    #[inline(always)]
    pub fn is_waiting(&self) -> bool {
        self.queue.get().is_some() && self.node.state.load(Acquire) == state::WAITING
    }

    /// Takes itself off the queue; `false` when a wake was first, or when it was on none.
    pub(crate) fn withdraw(&self) -> bool {
        // SAFETY: NODE-OWNER: this waiter linked its node to that queue.
        let unlink = |queue: &WaitQueue<H>| unsafe { queue.unlink(&self.node) };
        let first = self.is_waiting() && self.queue.get().is_some_and(unlink);
        if first {
            self.queue.set(None);
        }
        first
    }

    #[inline(always)]
    fn leave(&self) {
        if let Some(queue) = self.queue.get() {
            self.leave_queue(queue);
        }
    }

    #[inline(never)]
    fn leave_queue(&self, queue: &'q WaitQueue<H>) {
        if self.withdraw() {
            return;
        }
        // A wake was first. Whatever its state says now is final.
        let wake = self.node.state.load(Acquire);
        self.queue.set(None);
        queue.note(match wake {
            state::WOKEN_ONE => Event::HandedOn,
            _ => Event::Consumed,
        });
        if wake == state::WOKEN_ONE && !mutant!(SwallowedWakeOne) {
            queue.wake_one();
        }
    }
}

impl<H: Host> Default for Waiter<'_, H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Host> Drop for Waiter<'_, H> {
    #[inline]
    fn drop(&mut self) {
        self.leave();
        // A model sees the end of the frame as a write to the node: a waker that touches it
        // later, or is not ordered before it, is found out.
        #[cfg(loom)]
        self.node.task.with_mut(|_| ());
    }
}

impl<H: Host> core::fmt::Debug for Waiter<'_, H> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Waiter")
            .field("queue", &self.queue.get())
            .finish_non_exhaustive()
    }
}
