//! Sending: into the hands of one who waits, into the ring, or into the line of those who wait for room.

use super::place::{End, Place};
use super::{Channel, Guard, SendDeadlineError, SendError, TrySendError};
use crate::host::Host;
use crate::mutant::mutant;
use crate::node::state;
use crate::time::Instant;
use core::mem::MaybeUninit;
use core::pin::pin;
use core::sync::atomic::Ordering::Release;
use layercake_sync::TaskCx;

impl<T, const N: usize, H: Host> Channel<T, N, H> {
    /// Sends `value` if there is room.
    ///
    /// Any context. O(1).
    ///
    /// # Errors
    ///
    /// [`TrySendError`], with the value.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.offer(self.lock(), value)
    }

    /// Sends `value`, blocking until there is room.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the value, when the channel is closed.
    #[inline]
    pub fn send(&self, cx: &mut TaskCx, value: T) -> Result<(), SendError<T>> {
        (self.send_within(cx, None, value)).map_err(|error| SendError(error.into_inner()))
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
        self.send_within(cx, Some(deadline), value)
    }

    #[inline(always)]
    fn send_within(
        &self,
        cx: &mut TaskCx,
        deadline: Option<Instant>,
        value: T,
    ) -> Result<(), SendDeadlineError<T>> {
        match self.try_send(value) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(value)) => Err(SendDeadlineError::Closed(value)),
            Err(TrySendError::Full(value)) => self.send_slow(cx, deadline, value),
        }
    }

    /// Waits for room. Out of the way of those who find some, and so with the lock taken anew.
    #[cold]
    fn send_slow(
        &self,
        cx: &mut TaskCx,
        deadline: Option<Instant>,
        value: T,
    ) -> Result<(), SendDeadlineError<T>> {
        let mut line = self.lock();
        if line.closed || !line.values.is_full() {
            return self.offer(line, value).map_err(|error| match error {
                TrySendError::Closed(value) => SendDeadlineError::Closed(value),
                TrySendError::Full(_) => unreachable!("neither closed nor full"),
            });
        }
        let place = pin!(Place::new(MaybeUninit::new(value)));
        let place = place.as_ref();
        // SAFETY: NODE-PINNED: `block` comes back when it is off the list.
        unsafe { self.join(&mut line, place.as_node()) };
        drop(line);
        let end = self.block(place, true, cx, deadline);
        // SAFETY: PLACE-VALUE: it was not served, so its value is still there.
        let unsent = || unsafe { place.take() };
        match end {
            End::Served => Ok(()),
            End::Closed => Err(SendDeadlineError::Closed(unsent())),
            End::TimedOut => Err(SendDeadlineError::TimedOut(unsent())),
        }
    }

    /// Sends a value through `line` if that is open and has room.
    #[inline(always)]
    fn offer(&self, mut line: Guard<'_, T, N, H>, value: T) -> Result<(), TrySendError<T>> {
        if line.closed {
            drop(line);
            return Err(TrySendError::Closed(value));
        }
        if line.values.is_full() {
            drop(line);
            return Err(TrySendError::Full(value));
        }
        if !mutant!(SendPastReceiver)
            && let Some(node) = line.waiting.pop_front()
        {
            if mutant!(StateBeforeValue) {
                // SAFETY: NODE-LOCK.
                let state = unsafe { &node.as_ref().state };
                state.store(state::WOKEN_ONE, Release);
            }
            // There is room, so it waits for a value.
            // SAFETY: NODE-LOCK, PLACE-VALUE: all nodes here are those of places; a receiver's is empty.
            unsafe { node.cast::<Place<T, H>>().as_ref().put(value) };
            self.give_back(line, node);
        } else if line.values.push_back(value).is_err() {
            unreachable!("no room in a ring that was not full");
        }
        Ok(())
    }
}
