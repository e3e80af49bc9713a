//! Receiving: from the ring, or from one who sends; and making room for those who wait for it.

use super::place::{End, Place};
use super::{Channel, Guard, TryRecvError};
use crate::close::{Closed, WaitError};
use crate::host::Host;
use crate::mutant::mutant;
use crate::time::Instant;
use core::mem::MaybeUninit;
use core::pin::pin;
use layercake_sync::TaskCx;

impl<T, const N: usize, H: Host> Channel<T, N, H> {
    /// Receives the oldest value if there is one.
    ///
    /// Any context. O(1).
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.pop(self.lock()).map_err(|line| match line.closed {
            true => TryRecvError::Closed,
            false => TryRecvError::Empty,
        })
    }

    /// Receives the oldest value, blocking until there is one.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the channel is closed and everything in it was received.
    #[inline]
    pub fn recv(&self, cx: &mut TaskCx) -> Result<T, Closed> {
        (self.recv_within(cx, None)).map_err(|_| Closed) // there is no deadline
    }

    /// Receives the oldest value, blocking until there is one, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] as for [`recv`](Self::recv); [`WaitError::TimedOut`] when there was
    /// nothing at the deadline.
    pub fn recv_deadline(&self, cx: &mut TaskCx, deadline: Instant) -> Result<T, WaitError> {
        self.recv_within(cx, Some(deadline))
    }

    #[inline(always)]
    fn recv_within(&self, cx: &mut TaskCx, deadline: Option<Instant>) -> Result<T, WaitError> {
        match self.pop(self.lock()) {
            Ok(value) => Ok(value),
            Err(line) => self.recv_slow(line, cx, deadline),
        }
    }

    /// Waits for a value. Part of its caller: a function of its own, to which the lock had to be handed
    /// over, would cost as much as to take the lock anew.
    #[inline(always)]
    fn recv_slow(
        &self,
        mut line: Guard<'_, T, N, H>,
        cx: &mut TaskCx,
        deadline: Option<Instant>,
    ) -> Result<T, WaitError> {
        if line.closed && !mutant!(WaitOnClosed) {
            return Err(WaitError::Closed);
        }
        let place = pin!(Place::new(MaybeUninit::uninit()));
        let place = place.as_ref();
        // SAFETY: NODE-PINNED: `block` comes back when it is off the list.
        unsafe { self.join(&mut line, place.as_node()) };
        drop(line);
        match self.block(place, false, cx, deadline) {
            // SAFETY: PLACE-VALUE: it was served, so there is a value.
            End::Served => Ok(unsafe { place.take() }),
            End::Closed => Err(WaitError::Closed),
            End::TimedOut => Err(WaitError::TimedOut),
        }
    }

    /// The oldest value, or the lock again.
    #[inline(always)]
    fn pop<'a>(&self, mut line: Guard<'a, T, N, H>) -> Result<T, Guard<'a, T, N, H>> {
        let Some(value) = line.values.pop_front() else {
            return Err(line);
        };
        if !line.waiting.is_empty() && !mutant!(RecvWithoutWake) {
            self.refill(line);
        }
        Ok(value)
    }

    /// There is room, and somebody waits for it: its value into the ring.
    #[cold]
    fn refill(&self, mut line: Guard<'_, T, N, H>) {
        // Closed, it is for `close` to tell it.
        if !line.closed
            && let Some(node) = line.waiting.pop_front()
        {
            // SAFETY: NODE-LOCK, PLACE-VALUE: all nodes here are those of places; a sender's has a value.
            let value = unsafe { node.cast::<Place<T, H>>().as_ref().take() };
            if line.values.push_back(value).is_err() {
                unreachable!("no room in a ring that was popped");
            }
            self.give_back(line, node);
        }
    }
}
