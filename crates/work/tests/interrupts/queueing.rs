//! How the item comes onto a queue: the steps of a call of `queue` or of its like with a delay, and those
//! at the end of a delay. Everybody takes these; who may begin with them, and when, is said elsewhere.

use crate::machine::{A, Delays, Place, Protocol, State, Who};
use crate::mutant::Mutant;

/// The next step of a call of `queue`, or of its like with a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Put {
    Join,
    Lock,
    Claim,
    Link,
    Unlock,
    Done,
}

/// The next step of whoever ends the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hand {
    Lock,
    TakeOff,
    LockQueue,
    Link,
    Unlock,
    Done,
}

impl Protocol {
    /// One step of queueing the item at `place` by `who`; none while it spins for the lock.
    pub fn put(&self, state: &mut State, who: Who, place: Place, step: Put) -> Option<Put> {
        Some(match step {
            Put::Join if state.pending => {
                state.owed |= who.bit();
                Put::Done
            }
            Put::Join => Put::Lock,
            Put::Lock => {
                state.take(place, who)?;
                Put::Claim
            }
            Put::Claim if state.pending => {
                state.owed |= who.bit();
                Put::Unlock
            }
            Put::Claim if state.disabled => Put::Unlock,
            Put::Claim => {
                state.pending = true;
                state.owed |= who.bit();
                Put::Link
            }
            Put::Link => {
                state.link(place);
                Put::Unlock
            }
            Put::Unlock => {
                state.give_back(place);
                Put::Done
            }
            Put::Done => return None,
        })
    }

    /// One step of ending the delay by `who`, under both locks.
    pub fn hand_over(&self, state: &mut State, who: Who, step: Hand) -> Option<Hand> {
        Some(match step {
            Hand::Lock => {
                state.take(Delays, who)?;
                Hand::TakeOff
            }
            Hand::TakeOff if !state.timer && !self.is(Mutant::ExpiresUnasked) => Hand::Unlock,
            Hand::TakeOff => {
                state.timer = false;
                state.named = None;
                Hand::LockQueue
            }
            Hand::LockQueue => {
                state.take(A, who)?;
                Hand::Link
            }
            Hand::Link => {
                state.link(A);
                state.give_back(A);
                Hand::Unlock
            }
            Hand::Unlock => {
                state.give_back(Delays);
                Hand::Done
            }
            Hand::Done => return None,
        })
    }
}
