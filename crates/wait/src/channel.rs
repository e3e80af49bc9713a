//! The bounded channel: values from many senders to many receivers, in a ring of its own.
//!
//! The ring is under a lock that masks interrupts, for values may come from handlers. Whether it
//! is closed is under that lock too: so nothing is sent that nobody could receive. Who waits for
//! room, and who waits for a value, is on two queues.

use crate::close::{Closed, WaitError};
use crate::host::Host;
use crate::mutant::mutant;
use crate::node::Mode;
use crate::queue::WaitQueue;
use crate::time::Instant;
use crate::waiter::TimedOut;
use core::fmt;
use heapless::Deque;
use layercake_sync::facade::const_unless_loom;
use layercake_sync::{Atomic, IrqOff, SpinGuard, SpinLock, TaskAtomic, TaskCx};

/// Up to `N` values on their way, first in, first out.
///
/// It is a value itself, in a `static` or wherever its users find it; nothing is allocated.
/// A value is moved while interrupts are masked, so send large ones by reference or in a box.
///
/// ```
/// # #[cfg(all(feature = "std-host", not(loom)))] {
/// use layercake_wait::{host::std::{enter, spawn, StdHost}, Channel, Closed};
///
/// static KEYS: Channel<u8, 16, StdHost> = Channel::new("keys");
///
/// let device = spawn(|_| {
///     for key in [104, 105] {
///         KEYS.try_send(key).unwrap(); // also from an interrupt handler
///     }
///     KEYS.close();
/// });
/// enter(|cx| {
///     assert_eq!(KEYS.recv(cx), Ok(104));
///     assert_eq!(KEYS.recv(cx), Ok(105)); // what is left can still be received
///     assert_eq!(KEYS.recv(cx), Err(Closed));
/// });
/// # device.join().unwrap();
/// # }
/// ```
#[repr(C)] // the ring first: the address of its lock is the channel's
pub struct Channel<T, const N: usize, H: Host> {
    ring: SpinLock<Ring<T, N>, IrqOff<H::Cpu>>,
    /// Who waits for a value.
    receivers: WaitQueue<H>,
    /// Who waits for room.
    senders: WaitQueue<H>,
}

struct Ring<T, const N: usize> {
    values: Deque<T, N>,
    closed: bool,
}

/// Why a value was not sent; it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room now.
    Full(T),
    /// The channel is closed.
    Closed(T),
}

/// The channel is closed; the value comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why a value was not sent in time; it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendDeadlineError<T> {
    /// The channel is closed.
    Closed(T),
    /// There was no room before the deadline.
    TimedOut(T),
}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is nothing now.
    Empty,
    /// There is nothing, and nothing more will come.
    Closed,
}

impl<T, const N: usize, H: Host> Channel<T, N, H> {
    const_unless_loom! {
        /// An empty channel. `name` is for people. `N` is at least one.
        pub const fn new(name: &'static str) -> Self {
            const { assert!(N > 0, "a channel without room") };
            Self {
                ring: SpinLock::new(Ring {
                    values: Deque::new(),
                    closed: false,
                })
                .named(name),
                receivers: WaitQueue::new(name),
                senders: WaitQueue::new(name),
            }
        }
    }

    /// Sends `value` if there is room.
    ///
    /// Any context. O(1).
    ///
    /// # Errors
    ///
    /// [`TrySendError`], with the value.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut ring = self.lock();
        if ring.closed {
            drop(ring);
            return Err(TrySendError::Closed(value));
        }
        let sent = ring.values.push_back(value);
        drop(ring);
        match sent {
            Ok(()) => {
                self.receivers.wake_one();
                Ok(())
            }
            Err(value) => Err(TrySendError::Full(value)),
        }
    }

    /// Sends `value`, blocking until there is room.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the value, when the channel is closed.
    #[inline]
    pub fn send(&self, cx: &mut TaskCx, value: T) -> Result<(), SendError<T>> {
        match self.try_send(value) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(value)) => Err(SendError(value)),
            Err(TrySendError::Full(value)) => {
                (self.send_slow(cx, value, None)).map_err(|error| match error {
                    SendDeadlineError::Closed(value) | SendDeadlineError::TimedOut(value) => {
                        SendError(value)
                    }
                })
            }
        }
    }

    /// Sends `value`, blocking until there is room, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`SendDeadlineError`], with the value.
    pub fn send_deadline(
        &self,
        cx: &mut TaskCx,
        deadline: Instant,
        value: T,
    ) -> Result<(), SendDeadlineError<T>> {
        match self.try_send(value) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(value)) => Err(SendDeadlineError::Closed(value)),
            Err(TrySendError::Full(value)) => self.send_slow(cx, value, Some(deadline)),
        }
    }

    /// Out of the way of those who find room.
    #[cold]
    fn send_slow(
        &self,
        cx: &mut TaskCx,
        value: T,
        deadline: Option<Instant>,
    ) -> Result<(), SendDeadlineError<T>> {
        let mut unsent = Some(value);
        let attempt = |_: TaskAtomic<'_>| match self.try_send(unsent.take()?) {
            Ok(()) => Some(Ok(())),
            Err(TrySendError::Closed(value)) => Some(Err(SendDeadlineError::Closed(value))),
            Err(TrySendError::Full(value)) => {
                unsent = Some(value);
                None
            }
        };
        // It has tried already: on the queue with it, and try again.
        let end = (self.senders).wait_slow(cx, deadline, Mode::EXCLUSIVE, attempt);
        match (end, unsent) {
            (Ok(end), _) => end,
            (Err(TimedOut), Some(value)) => Err(SendDeadlineError::TimedOut(value)),
            (Err(TimedOut), None) => unreachable!("neither sent nor unsent"),
        }
    }

    /// Receives the oldest value if there is one.
    ///
    /// Any context. O(1).
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.pop() {
            Some(value) => Ok(value),
            // The closing first: seen closed, nothing comes after the look that follows.
            None if self.is_closed() => self.pop().ok_or(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Receives the oldest value, blocking until there is one.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the channel is closed and everything in it was received.
    #[inline]
    pub fn recv(&self, cx: &mut TaskCx) -> Result<T, Closed> {
        match self.pop() {
            Some(value) => Ok(value),
            None => self.recv_slow(cx),
        }
    }

    /// Out of the way of those who find a value.
    #[cold]
    fn recv_slow(&self, cx: &mut TaskCx) -> Result<T, Closed> {
        // It has looked already: on the queue with it, and look again.
        let end = (self.receivers).wait_slow(cx, None, Mode::EXCLUSIVE, |_| self.look());
        end.unwrap_or_else(|TimedOut| unreachable!("timed out without a deadline"))
    }

    /// Receives the oldest value, blocking until there is one, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] as for [`recv`](Self::recv); [`WaitError::TimedOut`] when there was
    /// nothing at the deadline.
    pub fn recv_deadline(&self, cx: &mut TaskCx, deadline: Instant) -> Result<T, WaitError> {
        Ok((self.receivers).wait_until_deadline(cx, deadline, |_| self.look())??)
    }

    /// The oldest value; tells a sender of the room.
    #[inline(always)]
    fn pop(&self) -> Option<T> {
        let mut ring = self.lock();
        let value = ring.values.pop_front()?;
        drop(ring);
        self.tell_sender();
        Some(value)
    }

    #[inline(always)]
    fn tell_sender(&self) {
        if !mutant!(RecvWithoutWake) {
            self.senders.wake_one();
        }
    }

    /// A value or the end; neither, as long as it is worth waiting.
    fn look(&self) -> Option<Result<T, Closed>> {
        let mut ring = self.lock();
        let Some(value) = ring.values.pop_front() else {
            return ring.closed.then_some(Err(Closed));
        };
        drop(ring);
        self.tell_sender();
        Some(Ok(value))
    }

    /// Closes the channel, for good: nothing more is sent; what is in it can be received.
    ///
    /// Any context. O(waiters).
    pub fn close(&self) {
        self.lock().closed = true;
        self.senders.wake_all();
        self.receivers.wake_all();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many values are on their way. For reports: it may change at once.
    pub fn len(&self) -> usize {
        self.lock().values.len()
    }

    /// Whether no value is on its way. For reports: it may change at once.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Locks the ring, with interrupts masked.
    #[inline(always)]
    fn lock(&self) -> SpinGuard<'_, Ring<T, N>, IrqOff<H::Cpu>> {
        // SAFETY: CX-ATOMIC. No function of this file sleeps with the guard, and none lets it out.
        self.ring.lock(unsafe { Atomic::assume() })
    }
}

impl<T, const N: usize, H: Host> fmt::Debug for Channel<T, N, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("receivers", &self.receivers)
            .field("senders", &self.senders)
            .finish_non_exhaustive()
    }
}

impl<T> TrySendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

impl<T> SendDeadlineError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Closed(value) | Self::TimedOut(value) => value,
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the channel is full",
            Self::Closed(_) => "the channel is closed",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed")
    }
}

impl<T> fmt::Display for SendDeadlineError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed(_) => "the channel is closed",
            Self::TimedOut(_) => "timed out",
        })
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the channel is empty",
            Self::Closed => "the channel is closed",
        })
    }
}

impl<T: fmt::Debug> core::error::Error for TrySendError<T> {}
impl<T: fmt::Debug> core::error::Error for SendError<T> {}
impl<T: fmt::Debug> core::error::Error for SendDeadlineError<T> {}
impl core::error::Error for TryRecvError {}
